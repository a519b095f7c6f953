//! What people ask: to create, list, command, retry, purge and explain executions.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use bytes::Bytes;
use heartline_execution::{
    Command, Execution, ExecutionId, Namespace, Phase, Rejection, Reply, Spec, State, Timestamp,
    command::Signs,
};
use heartline_storage::{Counts, Cursor as ListCursor, Facets, Idempotency, Query};

use super::Handle;
use crate::{
    blocking,
    core::Core,
    delivery::Transport,
    evidence,
    explain::{Around, explain},
    live::{Change, LiveList, Row},
    views::{Created, Error, Explanation, View},
    writer::Wants,
};

/// A request for an execution.
#[derive(Debug)]
pub struct Create {
    /// What is asked for.
    pub spec: Spec,
    /// The client's key, and a fingerprint of the request.
    pub idempotency: Option<Idempotency>,
}

/// A page of executions.
pub struct Listed {
    /// JSON of each, newest first.
    pub executions: Vec<Bytes>,
    /// Where to go on.
    pub next: Option<ListCursor>,
}

impl Handle {
    /// Creates an execution, or finds the one that the same key created.
    ///
    /// # Errors
    /// [`Error::Rejected`] with every broken rule, [`Error::KeyReused`], or what [`Error`] says of
    /// a server that cannot.
    pub async fn create(&self, create: Create) -> Result<Created, Error> {
        self.ready()?;
        let Create { spec, idempotency } = create;
        let namespace = spec.namespace.clone();
        let Some(idempotency) = idempotency else {
            return self.create_new(spec, None).await;
        };
        let slot = (namespace.clone(), idempotency.key.clone());
        let turn = {
            let mut keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(keys.entry(slot.clone()).or_default())
        };
        let created = {
            let _turn = turn.lock().await;
            self.create_once(spec, idempotency).await
        };
        let mut keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::strong_count(&turn) == 2 {
            keys.remove(&slot);
        }
        created
    }

    async fn create_once(&self, spec: Spec, idempotency: Idempotency) -> Result<Created, Error> {
        let store = Arc::clone(&self.0.core.store);
        let (of, key) = (spec.namespace.clone(), idempotency.key.clone());
        let used = blocking(move || store.used(&of, &key)).await??;
        let Some(used) = used else {
            return self.create_new(spec, Some(idempotency)).await;
        };
        if used.fingerprint != idempotency.fingerprint {
            return Err(Error::KeyReused(used.id));
        }
        let view = self.view(&spec.namespace, used.id).await?;
        let dispatch = self.dispatch(&spec.namespace, &spec.queue, spec.concurrency_key.as_ref());
        Ok(Created { id: used.id, execution: view.execution, replayed: true, dispatch })
    }

    async fn create_new(
        &self,
        spec: Spec,
        idempotency: Option<Idempotency>,
    ) -> Result<Created, Error> {
        let errors = spec.validate(self.now());
        if !errors.is_empty() {
            return Err(Rejection::Invalid { errors }.into());
        }
        let limit = self.0.core.config.execution.max_live;
        if self.0.core.board().live() >= limit {
            return Err(Error::Overloaded { what: "execution.max_live", retry_after: 5 });
        }
        let (namespace, queue) = (spec.namespace.clone(), spec.queue.clone());
        let id = self.0.directory.new_id(spec.kind);
        let dispatch = self.dispatch(&namespace, &queue, spec.concurrency_key.as_ref());
        let command = Command::Create(Box::new(spec));
        let answer = self.0.directory.create(&namespace, id, command, idempotency).await?;
        let execution = answer.view.map(|v| v.execution).unwrap_or_default();
        Ok(Created { id, execution, replayed: false, dispatch })
    }

    /// Does what a command asks, and answers after the commit.
    ///
    /// # Errors
    /// [`Error::Rejected`] where the rules say no.
    pub async fn command(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        command: Command,
    ) -> Result<Reply, Error> {
        self.ready()?;
        let answer = self.0.directory.execute(namespace, id, command, Wants::Nothing).await?;
        Ok(answer.reply)
    }

    /// The execution as watchers see it: durable, and nothing that is not.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn view(&self, namespace: &Namespace, id: ExecutionId) -> Result<View, Error> {
        match self.0.directory.show(namespace, id).await {
            // Its actor died under the question; the log knows, and asking is harmless.
            Err(Error::Interrupted) => self.0.directory.show(namespace, id).await,
            other => other,
        }
    }

    /// Executions by filter, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(&self, query: Query) -> Result<Listed, Error> {
        let store = Arc::clone(&self.0.core.store);
        let core = Arc::clone(&self.0.core);
        blocking(move || {
            let listing = store.list(&query)?;
            let executions = listing
                .rows
                .into_iter()
                .map(|row| freshen(&core, row.id, &row.json, Some(row.head)).map(|(_, json)| json));
            Ok(Listed { executions: executions.collect::<Result<_, Error>>()?, next: listing.next })
        })
        .await?
    }

    /// How many executions a list has, by phase.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count(&self, query: Query) -> Result<Counts, Error> {
        let store = Arc::clone(&self.0.core.store);
        Ok(blocking(move || store.count(&query)).await??)
    }

    /// The same list, and then whatever changes in it. `query.limit` bounds the rows that stand
    /// at its beginning.
    ///
    /// # Errors
    /// [`Error::Overloaded`] at the bound on subscriptions.
    pub fn follow_list(&self, query: Query, transport: Transport) -> Result<LiveList, Error> {
        LiveList::new(&self.0.core, query, transport)
    }

    /// A new execution of what a terminal one was asked to do.
    ///
    /// # Errors
    /// [`Error::NotTerminal`] while it is live.
    pub async fn retry(&self, namespace: &Namespace, id: ExecutionId) -> Result<Created, Error> {
        self.ready()?;
        let state = self.state(namespace, id).await?;
        if !state.phase.is_terminal() {
            return Err(Error::NotTerminal(state.phase));
        }
        let spec = Spec { retry_of: Some(id), start_at: None, ..*state.spec };
        self.create_new(spec, None).await
    }

    /// Removes a terminal execution for good.
    ///
    /// # Errors
    /// [`Error::NotTerminal`] while it is live.
    pub async fn purge(&self, namespace: &Namespace, id: ExecutionId) -> Result<(), Error> {
        self.ready()?;
        let state = self.state(namespace, id).await?;
        if !state.phase.is_terminal() {
            return Err(Error::NotTerminal(state.phase));
        }
        let store = Arc::clone(&self.0.core.store);
        let of = namespace.clone();
        let purged = blocking(move || store.purge(&of, id)).await?;
        if purged.is_err() {
            // The journal learns that the store is unhealthy, and brings it back.
            self.0.directory.probe_store(namespace, id);
        }
        let purged = purged?;
        // What is still in memory of it must not be shown any more.
        self.0.directory.dismiss(namespace, id);
        self.0.core.feeds.forget(namespace, id);
        if purged && self.0.core.changes.are_followed() {
            let row = Row::Gone(Facets::of(&state));
            let namespace = namespace.clone();
            let gone = Change { namespace, id, seq: state.seq, events: Vec::new(), row };
            self.0.core.changes.publish(gone);
        }
        Ok(())
    }

    /// Why it is where it is.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn explain(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Result<Explanation, Error> {
        let state = self.state(namespace, id).await?;
        let core = &self.0.core;
        let now = core.now();
        let (signs, ahead, unheard) = {
            let mut board = core.board();
            let signs = board.pulse(id).map(|p| p.signs()).unwrap_or_default();
            (signs, board.ahead(id, now), board.is_unheard(id))
        };
        let unheard_since = unheard.then(|| Timestamp(core.started.load(Ordering::Relaxed)));
        let runner = state.lease.as_ref().and_then(|lease| {
            let all = evidence::runners(core, namespace, None);
            let seen = all.iter().find(|s| s.runner.info.id == lease.runner.id)?;
            Some(evidence::describe_one(seen, now))
        });
        let (key, of) =
            ((namespace.clone(), state.spec.queue.clone()), &state.spec.concurrency_key);
        let dispatch = evidence::dispatch(core, &key, of.as_ref());
        let waits = (state.phase == Phase::Pending && state.due <= now).then_some(state.due);
        let facts =
            waits.map(|due| evidence::of_hold(core, &key, of.as_ref(), due)).unwrap_or_default();
        Ok(explain(&state, &Around { now, signs, unheard_since, dispatch, facts, ahead, runner }))
    }

    /// The durable state, from the log: for rare questions.
    async fn state(&self, namespace: &Namespace, id: ExecutionId) -> Result<State, Error> {
        let store = Arc::clone(&self.0.core.store);
        let of = namespace.clone();
        blocking(move || store.load(&of, id)).await??.ok_or(Error::NotFound)
    }
}

/// A stored row with what moves without a lifecycle event: the deadline and, where it is known, the
/// end of the log. Returns its seq as well.
pub(crate) fn freshen(
    core: &Core,
    id: ExecutionId,
    json: &Bytes,
    head: Option<u64>,
) -> Result<(u64, Bytes), Error> {
    let corrupt = |error: serde_json::Error| Error::Corrupt(format!("{id}: list row: {error}"));
    let mut execution: Execution<'_> = serde_json::from_slice(json).map_err(corrupt)?;
    execution.seq = head.unwrap_or(execution.seq);
    if !execution.phase.is_terminal() {
        let board = core.board();
        if let Some(standing) = board.standing(id) {
            let signs = board.pulse(id).map_or_else(Signs::default, |p| p.signs());
            execution.deadline = standing.armed(signs).into_iter().min_by_key(|d| d.at);
        }
    }
    let json = serde_json::to_vec(&execution).map_err(corrupt)?;
    Ok((execution.seq, json.into()))
}
