//! The one way in: everything a caller can ask, as async functions over the actors.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use actix::Addr;
use bytes::Bytes;
use heartline_execution::{
    Command, Execution, ExecutionId, Kind, LeaseId, Name, Namespace, Phase, QueuePatch,
    QueueSettings, Rejection, Reply, Span, Spec, State, Timestamp, command::Signs,
    content::Progress, event::RunnerInfo,
};
use heartline_storage::{Counts, Cursor as ListCursor, Facets, Idempotency, Query};
use tokio::sync::oneshot;

use crate::{
    blocking,
    board::QueueKey,
    core::Core,
    delivery::{Outbound, Transport, Watching},
    directory::Directory,
    evidence,
    explain::{Around, explain},
    feed::{Chunk, Cursor},
    live::{Change, LiveList, Row},
    queues::{self, Alive, Ask, Delivery, Queues},
    session::{Registration, RunnerSession},
    sessions::Slots,
    streams::{Reading, Streams},
    supervisor::Watch,
    views::{
        ActorsView, Beat, BootReport, Created, Dispatch, Error, Explanation, Granted, QueueView,
        RunnerView, StoreView, SupervisorView, Throughput, View,
    },
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

/// A runner's request for work.
pub struct Claim<'a> {
    /// Where from.
    pub queue: Name,
    /// Who asks.
    pub runner: RunnerInfo,
    /// How much it takes at once; at least 1.
    pub slots: u32,
    /// How long it waits when there is nothing.
    pub wait: Span,
    /// Asked for once if it has to wait: tells, just before a lease is granted, whether the
    /// claimant is still there. One that leaves without having waited drops the claim's future.
    pub alive: &'a dyn Fn() -> Alive,
}

/// Where a subscription starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the state, then what follows it.
    Snapshot,
    /// With the event after this seq.
    After(u64),
}

/// A new subscription.
pub struct Subscription {
    /// Where the log ends now.
    pub head: u64,
    /// The first event there is.
    pub oldest: u64,
    /// The state, where it was asked for; the cursor goes on after it.
    pub snapshot: Option<View>,
    /// What follows.
    pub cursor: Cursor,
}

/// A page of events.
pub struct EventPage {
    /// The events; empty at the head.
    pub chunk: Arc<Chunk>,
    /// Where the log ends.
    pub head: u64,
    /// How it ended, if it has.
    pub terminal: Option<Phase>,
    /// There is more before the head.
    pub more: bool,
}

/// A page of executions.
pub struct Listed {
    /// JSON of each, newest first.
    pub executions: Vec<Bytes>,
    /// Where to go on.
    pub next: Option<ListCursor>,
}

/// Locks by idempotency key, while requests with it are under way.
type Keys = Mutex<HashMap<(Namespace, String), Arc<tokio::sync::Mutex<()>>>>;

pub(crate) struct Parts {
    pub(crate) core: Arc<Core>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) queues: Addr<Queues>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) boot: BootReport,
    pub(crate) keys: Keys,
    pub(crate) streams: Option<Streams>,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Handle(Arc<Parts>);

impl Handle {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Now, by the server's clock.
    pub fn now(&self) -> Timestamp {
        self.0.core.now()
    }

    /// Whether writes are accepted.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`] or [`Error::ShuttingDown`], with the reason.
    pub fn ready(&self) -> Result<(), Error> {
        if self.0.core.is_closing() {
            return Err(Error::ShuttingDown);
        }
        self.0.core.journal.healthy().map_err(Error::StoreUnavailable)
    }

    /// No more work is taken; what was acknowledged is on disk already.
    pub fn close(&self) {
        self.0.core.closing.store(true, Ordering::Release);
    }

    /// Lends the current thread to execution actors: for the edge's workers, so that a request and
    /// its execution often share a thread. Must be called on an actix arbiter.
    pub fn lend_this_thread(&self) {
        self.0.directory.lend_this_thread();
    }

    // ---- the person's side ---------------------------------------------------------------

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

    /// Counts somebody who asks again and again for what [`Handle`] says, until that is dropped.
    ///
    /// # Errors
    /// [`Error::Overloaded`] at the bound on subscriptions.
    pub fn look(&self, transport: Transport) -> Result<Watching, Error> {
        self.0.core.feeds.looking(transport)
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
        let (signs, ahead) = {
            let mut board = core.board();
            let signs = board.pulse(id).map(|p| p.signs()).unwrap_or_default();
            (signs, board.ahead(id, now))
        };
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
        Ok(explain(&state, &Around { now, signs, dispatch, facts, ahead, runner }))
    }

    /// The durable state, from the log: for rare questions.
    async fn state(&self, namespace: &Namespace, id: ExecutionId) -> Result<State, Error> {
        let store = Arc::clone(&self.0.core.store);
        let of = namespace.clone();
        blocking(move || store.load(&of, id)).await??.ok_or(Error::NotFound)
    }

    // ---- reading the log -----------------------------------------------------------------

    /// One bounded page of events after `after`.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn events(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        after: u64,
        limit: usize,
        lifecycle_only: bool,
    ) -> Result<EventPage, Error> {
        let feed = self.feed(namespace, id).await?;
        let (head, terminal) = feed.head();
        let range = (after.min(head), head);
        let (chunk, more) =
            self.0.core.feeds.page(namespace, id, range, lifecycle_only, limit).await?;
        Ok(EventPage { chunk, head, terminal, more })
    }

    /// Where to report what was written to watchers.
    pub fn outbound(&self) -> Outbound {
        self.0.core.feeds.outbound()
    }

    /// A cursor, and the state before it where that is asked for.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Overloaded`] at the bound on subscriptions.
    pub async fn subscribe(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        start: Start,
        transport: Transport,
    ) -> Result<Subscription, Error> {
        let feed = self.feed(namespace, id).await?;
        let feeds = &self.0.core.feeds;
        let (snapshot, position) = match start {
            Start::After(after) => (None, after),
            Start::Snapshot => {
                let view = self.view(namespace, id).await?;
                let seq = view.seq;
                (Some(view), seq)
            }
        };
        let (head, _) = feed.head();
        let cursor = feeds.cursor(feed, namespace.clone(), id, position.min(head), transport)?;
        Ok(Subscription { head, oldest: 1, snapshot, cursor })
    }

    /// The log of an execution by places, for readers of Durable Streams.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn reading(&self, namespace: &Namespace, id: ExecutionId) -> Result<Reading, Error> {
        let feed = self.feed(namespace, id).await?;
        let core = &self.0.core;
        let feeds = Arc::clone(&core.feeds);
        let bytes = core.config.streams.read_bytes;
        Ok(Reading::of_execution(feeds, feed, namespace.clone(), id, bytes))
    }

    /// Plain durable streams, where they are served.
    pub fn streams(&self) -> Option<&Streams> {
        self.0.streams.as_ref()
    }

    /// The feed, with its head known.
    async fn feed(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Result<Arc<crate::feed::Feed>, Error> {
        let feed = self.0.core.feeds.of(namespace, id);
        if feed.is_known() {
            return Ok(feed);
        }
        let store = Arc::clone(&self.0.core.store);
        let of = namespace.clone();
        let live = self.0.core.board().standing(id).is_some();
        let found = blocking(move || {
            let Some(head) = store.head(&of, id)? else { return Ok(None) };
            // Whether it is over is in the state; a live one is on the board.
            let phase = if live { None } else { store.load(&of, id)?.map(|s| s.phase) };
            Ok::<_, heartline_storage::Error>(Some((head, phase.filter(|p| p.is_terminal()))))
        })
        .await??;
        let (head, ended) = found.ok_or(Error::NotFound)?;
        feed.found(head, ended);
        Ok(feed)
    }

    // ---- the runner's side ---------------------------------------------------------------

    /// Leases from a queue: at once where there is work, else as soon as there is, else none.
    ///
    /// # Errors
    /// When the server cannot.
    pub async fn claim(
        &self,
        namespace: &Namespace,
        claim: Claim<'_>,
    ) -> Result<Vec<Granted>, Error> {
        self.ready()?;
        let core = &self.0.core;
        let Claim { queue, runner, slots, wait, alive } = claim;
        core.runners().polls(namespace, &queue, &runner, slots, core.now());
        let _poll =
            Poll { core, namespace, queue: queue.clone(), runner: runner.id.clone(), slots };
        let key = (namespace.clone(), queue);
        let ask = |alive| {
            let (granting, granted) = oneshot::channel();
            let (key, runner, slots) = (key.clone(), runner.clone(), Slots::new(slots));
            (Ask { key, runner, session: None, slots, alive, granting }, granted)
        };
        let mut delivery = None;
        // What is there and awaited by nobody else is granted on this thread.
        let taken = core.board().take_unawaited(&key, slots, core.now());
        if !taken.is_empty() {
            let (ask, granted) = ask(Box::new(|| true));
            let (core, directory) = (Arc::clone(core), Arc::clone(&self.0.directory));
            // On its own: were this future dropped, what was taken must still be settled.
            actix::spawn(async move {
                // Where nothing was to be had, dropping it tells so.
                drop(queues::grant(&core, &directory, ask, taken).await);
            });
            // An error only says that nothing was granted after all; then it waits like any other.
            delivery = granted.await.ok();
        }
        if delivery.is_none() {
            // Before the receiver, so that it is dropped after it.
            let _waiting = Waiting { core, key: &key };
            let (ask, mut granted) = ask(alive());
            self.0.queues.send(ask).await.map_err(|_| Error::ShuttingDown)?;
            delivery = match tokio::time::timeout(wait.to_std(), &mut granted).await {
                Ok(delivery) => delivery.ok(),
                Err(_) => {
                    // Whatever comes after this is released; what came before is ours.
                    granted.close();
                    granted.try_recv().ok()
                }
            };
        }
        if core.is_closing() {
            return Err(Error::ShuttingDown);
        }
        Ok(delivery.map(Delivery::take).unwrap_or_default())
    }

    /// Connects a runner: until the session is dropped it is given work and told what becomes of
    /// it. It keeps the leases of its session, and those that it names, as far as they are current.
    ///
    /// # Errors
    /// [`Error::RunnerConnected`] while another session of the same runner is connected.
    pub async fn register(
        &self,
        namespace: &Namespace,
        registration: Registration,
    ) -> Result<RunnerSession, Error> {
        self.ready()?;
        let Parts { core, directory, queues, .. } = &*self.0;
        let place = (Arc::clone(core), Arc::clone(directory), queues.clone());
        RunnerSession::open(place, namespace, registration).await
    }

    /// A sign of life, and progress where there is some.
    ///
    /// # Errors
    /// [`Rejection::LeaseSuperseded`] for a lease that is not the current one.
    pub async fn heartbeat(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        lease: LeaseId,
        progress: Option<Progress>,
    ) -> Result<Beat, Error> {
        self.ready()?;
        let core = &self.0.core;
        let beat = |(deadline, cancel_requested)| Beat { cancel_requested, deadline };
        if progress.is_none()
            && let Some(beaten) = core.board().beat(namespace, id, lease, core.now())
        {
            return Ok(beat(beaten));
        }
        let command = match progress {
            None => Command::Heartbeat { lease },
            Some(progress) => Command::ReportProgress { lease, progress },
        };
        let reply = self.command(namespace, id, command).await?;
        let Reply::Done { cancel_requested, .. } = reply else {
            return Err(Error::Interrupted);
        };
        let deadline = core.board().beat(namespace, id, lease, core.now()).map(|(at, _)| at);
        Ok(Beat { cancel_requested, deadline: deadline.unwrap_or_else(|| core.now()) })
    }

    // ---- the operator's side -------------------------------------------------------------

    /// Who could take something from a queue now, of this concurrency key where one is given.
    pub fn dispatch(&self, namespace: &Namespace, queue: &Name, of: Option<&Name>) -> Dispatch {
        evidence::dispatch(&self.0.core, &(namespace.clone(), queue.clone()), of)
    }

    /// Every queue that holds something or that a runner has asked.
    pub fn queues(&self, namespace: &Namespace) -> Vec<QueueView> {
        let mut names: BTreeSet<Name> = BTreeSet::new();
        names.extend(
            self.0
                .core
                .board()
                .queue_keys()
                .filter(|(ns, _)| ns == namespace)
                .map(|(_, q)| q.clone()),
        );
        names.extend(self.0.core.runners().of(namespace).flat_map(|r| r.queues.keys().cloned()));
        names.into_iter().map(|queue| self.queue_view(namespace, queue)).collect()
    }

    /// One queue; `None` when nothing was ever put into it or asked of it.
    pub fn queue(&self, namespace: &Namespace, queue: &Name) -> Option<QueueView> {
        let key = (namespace.clone(), queue.clone());
        let known = self.0.core.board().queue_keys().any(|k| *k == key)
            || self.0.core.runners().of_queue(&key).next().is_some();
        known.then(|| self.queue_view(namespace, queue.clone()))
    }

    /// Pauses or resumes a queue and changes its limits; durable when it returns. The queue need not
    /// be known before.
    ///
    /// # Errors
    /// [`Error::Rejected`] with every broken rule; then nothing has changed. [`Error::Overloaded`]
    /// at the bound on queues that are set. Otherwise the outcome is unknown until it is asked for.
    pub async fn configure_queue(
        &self,
        namespace: &Namespace,
        queue: &Name,
        patch: QueuePatch,
    ) -> Result<QueueView, Error> {
        self.ready()?;
        let errors = patch.validate();
        if !errors.is_empty() {
            return Err(Rejection::Invalid { errors }.into());
        }
        let core = Arc::clone(&self.0.core);
        let key = (namespace.clone(), queue.clone());
        let configured = blocking(move || core.configure(&key, &patch)).await?;
        if let Err(Error::StoreUnavailable(_)) = configured {
            // The journal learns that the store is unhealthy, and brings it back.
            self.0.directory.probe_store(namespace, Core::new_execution_id(Kind::Agent));
        }
        configured?;
        Ok(self.queue_view(namespace, queue.clone()))
    }

    fn queue_view(&self, namespace: &Namespace, queue: Name) -> QueueView {
        let core = &self.0.core;
        let key = (namespace.clone(), queue.clone());
        let figures = core.board().queue(&key, core.now());
        let dispatch = evidence::of_queue(core, &key, (figures.depth, figures.held_back));
        let (known, waiting) = {
            let runners = core.runners();
            let waiting = runners.of_queue(&key).filter(|r| r.offering > 0).count();
            (runners.of_queue(&key).count(), waiting)
        };
        let QueueSettings { pause, limits } = figures.settings;
        QueueView {
            queue,
            paused: pause.is_some(),
            pause,
            limits,
            depth: figures.depth,
            scheduled: figures.scheduled,
            in_progress: figures.in_progress,
            held: figures.held_back,
            claims_waiting: waiting,
            oldest_age: figures.oldest_age,
            claim_latency_ms: figures.claim_latency_ms,
            last_minute: Throughput {
                entered: figures.entered.recent,
                claimed: figures.claimed.recent,
                ended: figures.ended.recent,
            },
            total: Throughput {
                entered: figures.entered.total,
                claimed: figures.claimed.total,
                ended: figures.ended.total,
            },
            busiest_keys: figures.keys,
            runners_live: dispatch.runners_live,
            runners_known: known,
            dispatch,
        }
    }

    /// Every runner known, freshest first.
    pub fn runners(&self, namespace: &Namespace) -> Vec<RunnerView> {
        let core = &self.0.core;
        let held = |id: &Name| core.board().held_by(&(namespace.clone(), id.clone())).collect();
        let view = |seen: evidence::Seen| RunnerView {
            leases: held(&seen.runner.info.id),
            info: seen.runner.info,
            status: seen.status,
            connected: seen.runner.connected,
            queues: seen.runner.queues,
            slots: seen.runner.slots,
            slots_free: seen.runner.offering,
            first_seen: seen.runner.first_seen,
            last_seen: seen.last_seen,
        };
        evidence::runners(core, namespace, None).into_iter().map(view).collect()
    }

    /// One runner.
    pub fn runner(&self, namespace: &Namespace, id: &Name) -> Option<RunnerView> {
        self.runners(namespace).into_iter().find(|r| r.info.id == *id)
    }

    /// How things stand.
    pub fn supervisor(&self) -> SupervisorView {
        let Parts { core, directory, watch, boot, .. } = &*self.0;
        let (armed, phases, live, after_boot, queues) = {
            let board = core.board();
            let queues = board.queue_keys().count();
            (board.armed(), board.phases(), board.live(), board.after_boot(), queues)
        };
        let meta = core.store.meta();
        let error = core.journal.healthy().err();
        SupervisorView {
            started_at: Timestamp(core.started.load(Ordering::Relaxed)),
            now: core.now(),
            version: env!("CARGO_PKG_VERSION"),
            store: StoreView {
                healthy: error.is_none(),
                error,
                format: meta.format,
                epoch: meta.epoch,
            },
            actors: ActorsView {
                executions: directory.len(),
                queues,
                runners: core.runners().len(),
                sessions: core.sessions.len(),
                live,
            },
            restarts: directory.restarts(),
            deadlines: watch.deadlines(armed),
            limbo: watch.limbo(),
            journal: core.journal.figures(),
            feed: core.feeds.figures(),
            boot: BootReport {
                requeued: after_boot.requeued,
                failed: after_boot.failed,
                returned: after_boot.returned,
                ..boot.clone()
            },
            executions: phases,
        }
    }
}

/// A claim under way: the runner offers its slots as long as this lives.
struct Poll<'a> {
    core: &'a Core,
    namespace: &'a Namespace,
    queue: Name,
    runner: Name,
    slots: u32,
}

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        let now = self.core.now();
        self.core.runners().polled(self.namespace, &self.queue, &self.runner, self.slots, now);
    }
}

/// A claim that waits: when it ends, however it does, the queues look who is still there.
struct Waiting<'a> {
    core: &'a Core,
    key: &'a QueueKey,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.core.stir_queue(self.key.clone());
    }
}

/// A stored row with what has moved since without rewriting it: the head, and deadlines that signs
/// of life move.
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
