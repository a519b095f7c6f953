//! What operators ask: queues, runners and the supervisor.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use heartline_execution::{Kind, Name, Namespace, QueuePatch, QueueSettings, Rejection, Timestamp};

use super::{Handle, Parts};
use crate::{
    blocking,
    core::Core,
    evidence,
    runners::Way,
    views::{
        ActorsView, BootReport, Dispatch, Error, QueueView, RunnerView, StoreView, SupervisorView,
        Throughput,
    },
};

impl Handle {
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
        let mut dispatch = evidence::of_queue(core, &key, (figures.depth, figures.held_back));
        dispatch.runners_live = evidence::live(core, &key);
        let (known, waiting) = {
            let runners = core.runners();
            (runners.of_queue(&key).count(), runners.claims(&key))
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
            connected: seen.runner.way == Way::Connected,
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
