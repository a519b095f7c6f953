//! What every actor shares: the journal, the board, the feeds, the clock, the settings.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use heartline_config::Config;
use heartline_execution::{
    ExecutionId, Kind, LeaseId, Namespace, Phase, QueuePatch, QueueSettings, SessionId, Span,
    Timestamp,
};
use heartline_storage::{Error as StoreError, ExecutionStore, PageLimits};
use tokio::sync::Notify;

use crate::{
    board::{Board, Pulse, QueueKey, Stirred},
    clock::Clock,
    feed::Feeds,
    journal::Journal,
    live::Changes,
    maps::{HashMap, HashSet},
    runners::Runners,
    sessions::Sessions,
    views::Error,
};

/// See the module.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<dyn ExecutionStore>,
    pub(crate) journal: Journal,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) changes: Changes,
    pub(crate) sessions: Sessions,
    board: Mutex<Board>,
    runners: Mutex<Runners>,
    /// Queues that were stirred, each once, until their actor looks.
    stirred: Mutex<HashSet<QueueKey>>,
    /// Wakes whoever drives the queues.
    pub(crate) queues_stirred: Notify,
    /// Wakes the supervisor when the next deadline has come nearer.
    pub(crate) timer_stirred: Notify,
    /// Held while what is set on a queue changes, on disk and on the board.
    settings_turn: Mutex<()>,
    pub(crate) closing: AtomicBool,
    /// When the server started, in microseconds.
    pub(crate) started: AtomicI64,
}

impl Core {
    pub(crate) fn new(
        config: Config,
        store: Arc<dyn ExecutionStore>,
        journal: Journal,
        feeds: Arc<Feeds>,
    ) -> Self {
        let runners = Runners::new(
            config.supervision.max_runners,
            Span::from_std(config.supervision.runner_lost_after),
        );
        let changes = Changes::new(config.feed.changes_bytes);
        Self {
            config,
            clock: Clock::resume(store.meta().decided_at),
            store,
            journal,
            feeds,
            changes,
            sessions: Sessions::default(),
            board: Mutex::default(),
            runners: Mutex::new(runners),
            stirred: Mutex::default(),
            queues_stirred: Notify::new(),
            timer_stirred: Notify::new(),
            settings_turn: Mutex::default(),
            closing: AtomicBool::new(false),
            started: AtomicI64::new(0),
        }
    }

    /// Short turns only; nothing blocks under it.
    pub(crate) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn runners(&self) -> MutexGuard<'_, Runners> {
        self.runners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// After a commit: the world learns where the execution stands.
    pub(crate) fn observe(
        &self,
        standing: heartline_execution::Standing,
        pulse: Option<Arc<Pulse>>,
    ) {
        let now = self.now();
        let (id, after) = (standing.id, standing.held().map(|held| held.lease));
        let (before, stirred) = {
            let mut board = self.board();
            (board.lease(id), board.observe(standing, pulse, now))
        };
        self.stir(stirred);
        self.sessions.stir(id, before, after);
    }

    /// Changes what is set on a queue: durable first, then on the board. Blocks.
    pub(crate) fn configure(&self, key: &QueueKey, patch: &QueuePatch) -> Result<(), Error> {
        let _turn = self.settings_turn.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let (before, configured) = {
            let board = self.board();
            (board.settings(key), board.configured().count())
        };
        let mut after = before.clone();
        patch.apply(&mut after, now);
        if after == before {
            return Ok(());
        }
        let limit = self.config.supervision.max_queue_settings;
        if before.is_default() && configured >= limit {
            return Err(Error::Overloaded {
                what: "supervision.max_queue_settings",
                retry_after: 60,
            });
        }
        self.store.set_queue(&key.0, &key.1, &after)?;
        self.board().configure(key, after, now);
        self.stir_queue(key.clone());
        Ok(())
    }

    /// Puts what is set on queues on the board as it is on disk: at a start, and after a write
    /// whose outcome was unknown.
    pub(crate) fn read_queues(&self) -> Result<(), StoreError> {
        let _turn = self.settings_turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = HashMap::default();
        self.store.queues(&mut |namespace, queue, settings| {
            found.insert((namespace, queue), settings);
        })?;
        let now = self.now();
        let mut board = self.board();
        let mut changed: Vec<_> = board
            .configured()
            .filter(|(key, _)| !found.contains_key(*key))
            .map(|(key, _)| (key.clone(), QueueSettings::default()))
            .collect();
        changed
            .extend(found.into_iter().filter(|(key, settings)| board.settings(key) != *settings));
        for (key, settings) in changed {
            board.configure(&key, settings, now);
            self.stir_queue(key);
        }
        Ok(())
    }

    /// After a store has recovered: a commit whose outcome was unknown may have been durable. What
    /// the log says of its execution is shown to watchers and put on the board.
    pub(crate) fn reconcile(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Result<(), StoreError> {
        if *namespace == Namespace::streams_namespace() {
            return crate::streams::reconcile(self, id);
        }
        let Some(state) = self.store.load(namespace, id)? else { return Ok(()) };
        let ended = Some(state.phase).filter(|phase| phase.is_terminal());
        self.reveal(namespace, id, state.seq, ended)?;
        let mut standing = state.standing();
        // What its runner was promised is in no log, only in the row.
        match self.store.standing(namespace, id) {
            Ok(row) => standing.promise(row.as_ref().and_then(|row| row.report())),
            Err(error) => tracing::error!(execution = %id, %error, "its last progress is lost"),
        }
        let (before, pulse) = {
            let board = self.board();
            (board.standing(id), board.pulse(id))
        };
        let over = before.is_none() && ended.is_some();
        let still = before.as_deref().is_some_and(|before| before.stands_as(&standing));
        if still {
            self.board().promise(id, standing.report());
        }
        if let (true, Some(held), Some(pulse)) = (still, standing.held(), &pulse) {
            // Nothing but what its runner posted: a sign of life like any other.
            pulse.beat(held.alive_at);
            pulse.progress(held.progressed_at);
        }
        if !(still || over) {
            let lease = standing.held().map(|held| held.lease);
            let same = before.as_ref().is_some_and(|b| b.held().map(|held| held.lease) == lease);
            let fresh = || Arc::new(Pulse::new(self.now()));
            let pulse = lease.map(|_| pulse.filter(|_| same).unwrap_or_else(fresh));
            self.observe(standing, pulse);
        }
        Ok(())
    }

    /// Shows what is durable up to `head` to whoever watches.
    pub(crate) fn reveal(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        head: u64,
        ended: Option<Phase>,
    ) -> Result<(), StoreError> {
        let feed = self.feeds.of(namespace, id);
        let (mut shown, _) = feed.head();
        while feed.is_known() && shown < head {
            let limits = PageLimits {
                events: self.config.feed.page_events,
                bytes: self.config.feed.page_bytes,
            };
            let page = self.store.events(namespace, id, shown, head, false, limits)?;
            let Some(last) = page.events.last().map(|e| e.record.seq) else { break };
            shown = last;
            let records = page.events.into_iter().map(|e| e.record).collect();
            feed.publish(records, ended.filter(|_| last == head));
        }
        Ok(())
    }

    /// Wakes what must look again.
    pub(crate) fn stir(&self, stirred: Stirred) {
        if let Some(key) = stirred.queue {
            self.stir_queue(key);
        }
        if stirred.timer {
            self.timer_stirred.notify_one();
        }
    }

    pub(crate) fn stir_queue(&self, key: QueueKey) {
        self.stirred.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        self.queues_stirred.notify_one();
    }

    pub(crate) fn take_stirred(&self) -> HashSet<QueueKey> {
        std::mem::take(&mut *self.stirred.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn new_execution_id(kind: Kind) -> ExecutionId {
        ExecutionId::new(kind, uuid::Uuid::now_v7().as_u128())
    }

    /// A session that nobody can guess.
    pub(crate) fn new_session_id() -> SessionId {
        SessionId(secret())
    }

    /// A lease that nobody can guess, of a session where there is one.
    pub(crate) fn new_lease_id(session: Option<SessionId>) -> LeaseId {
        LeaseId::of(session.unwrap_or_else(Self::new_session_id), secret())
    }

    /// Uniform in `[0, 1)`; spreads retries, guards nothing.
    pub(crate) fn random() -> f64 {
        fastrand::f64()
    }
}

/// 64 bits from the system's generator; the few bits of a UUID that are the same in all of them are
/// covered by its other half.
fn secret() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    high ^ low
}
