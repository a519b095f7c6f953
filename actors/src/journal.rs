//! The journal: one thread that makes decisions durable in groups and sends the outcomes home.
//!
//! While one sync runs the next batch gathers; no timer is needed. Bounded by permits: a caller
//! gets one before it decides, so that a full journal refuses work instead of queueing it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use heartline_execution::{ExecutionId, Namespace};
use heartline_storage::{Append, ExecutionStore, Record, Refusal};
use tokio::sync::Notify;

use crate::{
    home::{Outcome, Outcomes},
    inbox::{Receiver, Sender, Waited, inbox},
    recent::Recent,
    views::JournalView,
};

/// Why a decision did not become durable, as far as anybody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Somebody else wrote to the log: this writer is out of date. Certainly not written.
    Moved(Refusal),
    /// The store failed during or before this write. Perhaps written.
    Store(String),
}

/// Runs at the writer's home once the outcome is known. Gets the records back when they are
/// durable. Must not block.
pub(crate) type Completion = Box<dyn FnOnce(Result<Vec<Record>, Failure>) + Send>;

/// What a writer, its journal and whoever waits for it share.
pub(crate) struct Status {
    /// Where the writer lives, and its outcomes are due.
    outcomes: Arc<Outcomes>,
    /// Appends that are not settled: see [`Unsettled`].
    unsettled: AtomicUsize,
    /// Wakes whoever waits for the last of them.
    settled: Notify,
    /// An append failed: the state in memory may be wrong and must be thrown away. Set before the
    /// journal looks at the writer's next append, which then fails, too.
    pub(crate) poisoned: AtomicBool,
    /// The terminal event is durable.
    pub(crate) over: AtomicBool,
}

impl Status {
    pub(crate) fn new(outcomes: Arc<Outcomes>) -> Self {
        Self {
            outcomes,
            unsettled: AtomicUsize::new(0),
            settled: Notify::new(),
            poisoned: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    /// Whether all that was appended is durable, shown and acted on, or known to have failed.
    pub(crate) fn is_settled(&self) -> bool {
        self.unsettled.load(Ordering::Acquire) == 0
    }

    /// Waits for that. Ends only if nobody appends any more.
    pub(crate) async fn settled(&self) {
        loop {
            let settled = self.settled.notified();
            if self.is_settled() {
                return;
            }
            settled.await;
        }
    }
}

/// One append that is under way; settled when this is dropped.
pub(crate) struct Unsettled(Arc<Status>);

impl Unsettled {
    pub(crate) fn new(status: &Arc<Status>) -> Self {
        status.unsettled.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(status))
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        if self.0.unsettled.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.settled.notify_waiters();
        }
    }
}

struct Entry {
    append: Append,
    reply: Reply,
}

/// How an outcome gets back to whoever decided.
struct Reply {
    status: Arc<Status>,
    done: Completion,
    /// Held for its drop: gives the place back.
    _permit: Permit,
}

impl Reply {
    /// A failure poisons the writer at once; all else happens at its home.
    fn outcome(self, result: Result<Vec<Record>, Failure>) -> (Arc<Status>, Outcome) {
        let Self { status, done, _permit } = self;
        if result.is_err() {
            status.poisoned.store(true, Ordering::Release);
        }
        let outcome = move || {
            done(result);
            drop(_permit);
        };
        (status, Box::new(outcome))
    }

    fn tell(self, result: Result<Vec<Record>, Failure>) {
        let (status, outcome) = self.outcome(result);
        status.outcomes.push([outcome]);
    }
}

/// The right to submit one append.
pub struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[derive(Default)]
struct Figures {
    batch: Recent,
    sync_ms: Recent,
    commits: u64,
    events: u64,
}

/// Bounds of the journal.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Appends in the queue.
    pub queue: usize,
    /// Appends in one commit.
    pub batch_entries: usize,
    /// Bytes of JSON in one commit.
    pub batch_bytes: usize,
    /// Between two tries to recover a failed store.
    pub recover_interval: Duration,
}

/// Where the process kills itself, for tests of recovery: the n-th append with records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashAt {
    /// Decided, not written.
    BeforeCommit(u64),
    /// Durable, not shown and not acknowledged.
    AfterCommit(u64),
    /// Durable, shown and acknowledged.
    AfterAck(u64),
}

impl std::str::FromStr for CrashAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}': use before_commit:N, after_commit:N or after_ack:N");
        let (point, count) = text.split_once(':').ok_or_else(wrong)?;
        let count = count.parse().map_err(|_| wrong())?;
        match point {
            "before_commit" => Ok(Self::BeforeCommit(count)),
            "after_commit" => Ok(Self::AfterCommit(count)),
            "after_ack" => Ok(Self::AfterAck(count)),
            _ => Err(wrong()),
        }
    }
}

/// A handle to the journal's thread. Cheap to clone; the thread ends when the last one is gone.
#[derive(Clone)]
pub struct Journal {
    queue: Sender<Entry>,
    permits: Arc<AtomicUsize>,
    limit: usize,
    shared: Arc<Shared>,
}

/// Brings what the world was told in line with the log, for executions whose last commit had an
/// unknown outcome. Runs on the journal's thread; may read the store.
pub type Reconcile = Box<dyn Fn(&[(Namespace, ExecutionId)]) + Send + Sync>;

struct Shared {
    figures: Mutex<Figures>,
    reconcile: OnceLock<Reconcile>,
    healthy: AtomicBool,
    error: Mutex<Option<String>>,
}

impl Shared {
    fn set_error(&self, error: Option<String>) {
        self.healthy.store(error.is_none(), Ordering::Release);
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

impl Journal {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        store: Arc<dyn ExecutionStore>,
        limits: Limits,
        crash_at: Option<CrashAt>,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (queue, entries) = inbox();
        let shared = Arc::new(Shared {
            figures: Mutex::default(),
            reconcile: OnceLock::new(),
            healthy: AtomicBool::new(true),
            error: Mutex::default(),
        });
        let writer = Writer { store, limits, shared: Arc::clone(&shared), crash_at, seen: 0 };
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&entries))?;
        let journal = Self { queue, permits: Arc::default(), limit: limits.queue, shared };
        Ok((journal, thread))
    }

    /// What to do after a recovery; set once, before the first append.
    pub fn on_recovery(&self, reconcile: Reconcile) {
        if self.shared.reconcile.set(reconcile).is_err() {
            tracing::error!("the journal was told twice what to do after a recovery");
        }
    }

    /// A place in the queue; `None` when it is full.
    pub fn permit(&self) -> Option<Permit> {
        let taken = self.permits.fetch_add(1, Ordering::AcqRel);
        let permit = Permit(Arc::clone(&self.permits));
        (taken < self.limit).then_some(permit)
    }

    /// Hands over an append. Never blocks: every entry holds one of as many permits as the queue
    /// has places.
    pub(crate) fn submit(
        &self,
        permit: Permit,
        append: Append,
        status: Arc<Status>,
        done: Completion,
    ) {
        let entry = Entry { append, reply: Reply { status, done, _permit: permit } };
        if let Err(refused) = self.queue.send(entry) {
            let stopped = Failure::Store("the journal has stopped".to_owned());
            refused.reply.tell(Err(stopped));
        }
    }

    /// Why writes are refused, while they are.
    pub fn healthy(&self) -> Result<(), String> {
        if self.shared.healthy.load(Ordering::Acquire) {
            return Ok(());
        }
        let error = self.shared.error.lock().unwrap_or_else(PoisonError::into_inner);
        Err(error.clone().unwrap_or_default())
    }

    /// Batch sizes and sync times.
    pub fn figures(&self) -> JournalView {
        let figures = self.shared.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = figures.batch.quantiles();
        JournalView {
            batch_p50: batch.p50,
            batch_max: batch.max,
            sync_ms: figures.sync_ms.quantiles(),
            queued: self.permits.load(Ordering::Acquire),
            commits: figures.commits,
            events: figures.events,
        }
    }
}

/// A commit whose outcome is unknown.
struct Failed {
    error: String,
    unknown: Vec<(Namespace, ExecutionId)>,
    homes: Vec<Arc<Outcomes>>,
}

/// The outcomes of one batch by home; there are as many homes as threads, so a list will do.
#[derive(Default)]
struct Homes(Vec<(Arc<Outcomes>, Vec<Outcome>)>);

impl Homes {
    fn add(&mut self, (status, outcome): (Arc<Status>, Outcome)) {
        match self.0.iter_mut().find(|(home, _)| Arc::ptr_eq(home, &status.outcomes)) {
            Some((_, outcomes)) => outcomes.push(outcome),
            None => self.0.push((Arc::clone(&status.outcomes), vec![outcome])),
        }
    }

    fn all(&self) -> Vec<Arc<Outcomes>> {
        self.0.iter().map(|(home, _)| Arc::clone(home)).collect()
    }

    fn send(self) -> Vec<Arc<Outcomes>> {
        let send = |(home, outcomes): (Arc<Outcomes>, Vec<Outcome>)| {
            home.push(outcomes);
            home
        };
        self.0.into_iter().map(send).collect()
    }
}

struct Writer {
    store: Arc<dyn ExecutionStore>,
    limits: Limits,
    shared: Arc<Shared>,
    crash_at: Option<CrashAt>,
    seen: u64,
}

impl Writer {
    fn run(mut self, entries: &Receiver<Entry>) {
        let mut waiting = VecDeque::new();
        let mut appends = Vec::new();
        let mut replies = Vec::new();
        while !waiting.is_empty() || entries.wait(&mut waiting, None) == Waited::Some {
            if waiting.len() < self.limits.batch_entries {
                // Whoever is about to decide gets the core first: on a busy machine the batch
                // grows, on an idle one this returns at once.
                std::thread::yield_now();
                entries.take(&mut waiting);
            }
            self.gather(&mut waiting, &mut appends, &mut replies);
            if let Err(failed) = self.commit(&mut appends, &mut replies) {
                self.recover(entries, waiting.drain(..), failed);
            }
        }
    }

    /// Moves one batch from what waits, as much as a commit may have and at least one entry.
    fn gather(
        &self,
        waiting: &mut VecDeque<Entry>,
        appends: &mut Vec<Append>,
        replies: &mut Vec<Reply>,
    ) {
        let mut bytes = 0;
        while appends.len() < self.limits.batch_entries && bytes < self.limits.batch_bytes {
            let Some(Entry { append, reply }) = waiting.pop_front() else { return };
            if reply.status.poisoned.load(Ordering::Acquire) {
                let (expected, actual) = (append.expected_seq, append.expected_seq);
                reply.tell(Err(Failure::Moved(Refusal::Moved { expected, actual })));
            } else {
                bytes += append.bytes();
                appends.push(append);
                replies.push(reply);
            }
        }
    }

    fn commit(
        &mut self,
        appends: &mut Vec<Append>,
        replies: &mut Vec<Reply>,
    ) -> Result<(), Failed> {
        let writes = appends.iter().filter(|a| !a.records.is_empty()).count() as u64;
        self.crash(CrashAt::BeforeCommit, writes);
        let began = Instant::now();
        let outcome = self.store.commit(appends);
        let took = began.elapsed();
        self.crash(CrashAt::AfterCommit, writes);
        let mut homes = Homes::default();
        let result = match outcome {
            Ok(results) => {
                let events: usize = appends.iter().map(|a| a.records.len()).sum();
                self.record(appends.len(), events, took);
                for ((append, reply), result) in
                    appends.drain(..).zip(replies.drain(..)).zip(results)
                {
                    homes.add(
                        reply.outcome(result.map(|()| append.records).map_err(Failure::Moved)),
                    );
                }
                Ok(())
            }
            Err(error) => {
                let error = error.to_string();
                tracing::error!(%error, appends = appends.len(), "a commit failed: writes are refused until the store recovers");
                self.shared.set_error(Some(error.clone()));
                let unknown = appends.drain(..).map(|a| (a.namespace, a.id)).collect();
                for reply in replies.drain(..) {
                    homes.add(reply.outcome(Err(Failure::Store(error.clone()))));
                }
                Err(Failed { error, unknown, homes: homes.all() })
            }
        };
        let homes = homes.send();
        if self.crash_at.is_some() {
            // The point is after the acknowledgement.
            homes.iter().for_each(|home| home.flush());
            self.crash(CrashAt::AfterAck, writes);
        }
        self.seen += writes;
        result
    }

    /// Refuses everything and tries to bring the store back, until it is or everybody has gone.
    fn recover(
        &self,
        entries: &Receiver<Entry>,
        waiting: impl Iterator<Item = Entry>,
        failed: Failed,
    ) {
        let Failed { mut error, unknown, homes } = failed;
        let refuse = |entry: Entry, error: &str| {
            entry.reply.tell(Err(Failure::Store(error.to_owned())));
        };
        waiting.for_each(|entry| refuse(entry, &error));
        let mut next_try = Instant::now() + self.limits.recover_interval;
        let mut late = VecDeque::new();
        loop {
            let waited = entries.wait(&mut late, Some(next_try));
            late.drain(..).for_each(|entry| refuse(entry, &error));
            if waited == Waited::Over {
                return;
            }
            if Instant::now() < next_try {
                continue;
            }
            match self.store.recover() {
                Ok(()) => {
                    // Before anybody writes again: what turned out to be durable is shown,
                    // after what was durable before it.
                    homes.iter().for_each(|home| home.flush());
                    if let Some(reconcile) = self.shared.reconcile.get() {
                        reconcile(&unknown);
                    }
                    tracing::info!("the store has recovered: writes are accepted again");
                    self.shared.set_error(None);
                    return;
                }
                Err(again) => {
                    tracing::warn!(error = %again, "the store has not recovered yet");
                    error = again.to_string();
                    self.shared.set_error(Some(error.clone()));
                }
            }
            next_try = Instant::now() + self.limits.recover_interval;
        }
    }

    fn record(&self, entries: usize, events: usize, took: Duration) {
        let mut figures = self.shared.figures.lock().unwrap_or_else(PoisonError::into_inner);
        figures.commits += 1;
        figures.events += events as u64;
        figures.batch.record(entries as f64);
        figures.sync_ms.record(took.as_secs_f64() * 1e3);
    }

    fn crash(&self, point: fn(u64) -> CrashAt, writes: u64) {
        let Some(at) = self.crash_at else { return };
        if (self.seen + 1..=self.seen + writes).any(|n| point(n) == at) {
            // The real thing, not an exit: no destructor, no flush.
            if rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            )
            .is_err()
            {
                std::process::abort();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use heartline_execution::Kind;
    use heartline_storage::MemoryStore;

    use super::*;

    #[test]
    fn what_a_writer_appends_after_a_refusal_is_refused_too() {
        let limits = Limits {
            queue: 8,
            // Each in a batch of its own; within one the store sees to it.
            batch_entries: 1,
            batch_bytes: 1 << 20,
            recover_interval: Duration::from_millis(1),
        };
        let (journal, thread) =
            Journal::start(Arc::new(MemoryStore::new()), limits, None).expect("a thread");
        let outcomes = Arc::<Outcomes>::default();
        let writer = Arc::new(Status::new(Arc::clone(&outcomes)));
        let (tell, told) = std::sync::mpsc::sync_channel(2);
        // The second would fit the log; but it was decided upon the first, which does not.
        for expected_seq in [7, 0] {
            let id = ExecutionId::new(Kind::Agent, 1);
            let append = Append::barrier(Namespace::default_namespace(), id, expected_seq);
            let permit = journal.permit().expect("a place");
            let tell = tell.clone();
            let done = Box::new(move |result: Result<_, _>| {
                tell.send(result.is_err()).expect("somebody listens");
            });
            journal.submit(permit, append, Arc::clone(&writer), done);
        }
        drop(journal);
        thread.join().expect("the journal ends");
        assert!(writer.poisoned.load(Ordering::Acquire));
        outcomes.close();
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [true, true]);
    }
}
