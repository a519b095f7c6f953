//! The durable log of executions, and what is derived from it for finding them again.
//!
//! [`ExecutionStore`] is the whole contract; `RocksStore` keeps it on disk and `MemoryStore` in
//! memory, and one contract suite runs over both. Deliberately absent: caching of states, timers,
//! and any idea of who asks.

mod archive;
mod codec;
mod commit;
mod disk;
mod facets;
mod faulty;
mod fence;
mod heads;
mod keys;
mod lists;
mod logfile;
mod memory;
mod open;
mod options;
mod queues;
mod reads;
mod record;
mod reindex;
mod rocks;
mod search;
mod snapshot;
mod standing;

use std::collections::BTreeMap;

use bytes::Bytes;
use heartline_execution::{
    ExecutionId, Kind, Name, Namespace, Phase, QueueSettings, Standing, State, Timestamp,
    event::{Private, Reason},
};

pub use faulty::FaultyStore;
pub use lists::NotACursor;
pub use memory::MemoryStore;
pub use open::{FORMAT, OpenError};
pub use options::Options;
pub use rocks::RocksStore;
pub use search::MAX_EXAMINED;
pub use snapshot::encode_state;

/// One event as it is kept and served.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its place in the log.
    pub seq: u64,
    /// Whether the `status` view shows it.
    pub lifecycle: bool,
    /// The log-only facts.
    pub private: Private,
    /// The wire bytes, see `Event::encode`.
    pub json: Bytes,
}

/// A record read back, with what a filtered view needs.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The record.
    pub record: Record,
    /// The seq of the lifecycle event before it; 0 when there is none. The `prev` of the
    /// `status` view.
    pub prev_lifecycle: u64,
}

/// The fields a list can be filtered by.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // They are the wire's fields of the same names.
pub struct Facets {
    pub kind: Kind,
    pub phase: Phase,
    pub name: String,
    pub queue: Name,
    pub runner: Option<Name>,
    pub labels: BTreeMap<String, String>,
    pub created_at: Timestamp,
    pub reason: Option<Reason>,
    pub parent: Option<ExecutionId>,
    pub retry_of: Option<ExecutionId>,
}

/// A new row for the lists.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The JSON of the wire's execution, without `state`.
    pub json: Bytes,
    /// What it is found by from now on.
    pub facets: Facets,
    /// What it was found by until now; `None` at creation. Rows for values that differ are removed.
    pub before: Option<Facets>,
}

/// Ties a client's key to the execution it created.
#[derive(Clone, Debug, PartialEq)]
pub struct Idempotency {
    /// The client's `Idempotency-Key`, 1 to 255 bytes.
    pub key: String,
    /// Hash of the request body.
    pub fingerprint: [u8; 32],
}

/// What a key was used for.
#[derive(Clone, Debug, PartialEq)]
pub struct Used {
    /// The execution it created.
    pub id: ExecutionId,
    /// Hash of the request body it came with.
    pub fingerprint: [u8; 32],
}

/// Everything one decision makes durable, all of it or nothing.
#[derive(Clone, Debug)]
pub struct Append {
    /// The tenant.
    pub namespace: Namespace,
    /// Whose log.
    pub id: ExecutionId,
    /// The log must end here; 0 means that it must not exist.
    pub expected_seq: u64,
    /// Dense from `expected_seq + 1`. With none it succeeds once all before it is durable.
    pub records: Vec<Record>,
    /// Replaces the live-index row; a standing that is over removes it. `None` leaves it.
    pub standing: Option<Standing>,
    /// Replaces the list rows. `None` leaves them.
    pub summary: Option<std::sync::Arc<Summary>>,
    /// The state after the last record, from [`encode_state`]. `None` leaves the older one.
    pub snapshot: Option<Vec<u8>>,
    /// Remembered together with the creation.
    pub idempotency: Option<Idempotency>,
    /// When it was decided: no later clock may begin before it. See [`Meta::decided_at`].
    pub decided_at: Timestamp,
}

impl Append {
    /// Bytes of it that its writer's callers decide on: events, and a report that waits.
    pub fn bytes(&self) -> usize {
        let report = self.standing.as_ref().and_then(|standing| standing.report());
        let report = report.map_or(0, |(_, progress)| progress.bytes());
        report + self.records.iter().map(|record| record.json.len()).sum::<usize>()
    }

    /// Writes nothing, and succeeds once all before it is durable, if the log then ends at
    /// `expected_seq`.
    pub fn barrier(namespace: Namespace, id: ExecutionId, expected_seq: u64) -> Self {
        Self {
            namespace,
            id,
            expected_seq,
            records: Vec::new(),
            standing: None,
            summary: None,
            snapshot: None,
            idempotency: None,
            decided_at: Timestamp(i64::MIN),
        }
    }
}

/// Why one append of a batch was refused; the others are not touched by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody else wrote, or the execution was purged.
    #[error("the log ends at {actual}, not at {expected}")]
    Moved {
        /// What the writer believed.
        expected: u64,
        /// What the log says.
        actual: u64,
    },
    /// What is on disk of this log cannot be built upon.
    #[error("the log is damaged: {what}")]
    Damaged {
        /// Where, and what does not hold.
        what: String,
    },
}

/// The store could not do it. After a failed [`ExecutionStore::commit`] the outcome is unknown.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The disk or the database said no.
    #[error("the store failed: {0}")]
    Io(String),
    /// What was read is not what was written.
    #[error("damage in {place}: {what}")]
    Corrupt {
        /// Execution, seq or file.
        place: String,
        /// What does not hold.
        what: String,
    },
    /// It failed before and has not recovered.
    #[error("nothing is written since a write failed: {0}")]
    Unhealthy(String),
}

/// A page of events.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// In order of seq, dense, or every lifecycle event where only those were asked for.
    pub events: Vec<Stored>,
    /// The page ended because of its limits: there is more up to the asked end.
    pub more: bool,
}

/// Bounds of a page; at least one event is returned when there is any.
#[derive(Clone, Copy, Debug)]
pub struct PageLimits {
    /// Events.
    pub events: usize,
    /// Bytes of their JSON.
    pub bytes: usize,
}

/// A filter over all executions of a namespace, newest first.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // They are the wire's query parameters of the same names.
pub struct Query {
    pub namespace: Namespace,
    pub phase: Option<Phase>,
    pub kind: Option<Kind>,
    pub name: Option<String>,
    pub queue: Option<Name>,
    pub runner: Option<Name>,
    pub label: Option<(String, String)>,
    pub reason: Option<Reason>,
    pub parent: Option<ExecutionId>,
    pub retry_of: Option<ExecutionId>,
    /// Text that the id starts with.
    pub id_prefix: Option<String>,
    /// Created at or after.
    pub since: Option<Timestamp>,
    /// Created before.
    pub until: Option<Timestamp>,
    /// Rows wanted, at least 1.
    pub limit: usize,
    /// Rows after (older than) this one.
    pub cursor: Option<Cursor>,
}

impl Query {
    /// Everything of a tenant.
    pub fn all(namespace: Namespace, limit: usize) -> Self {
        Self {
            namespace,
            phase: None,
            kind: None,
            name: None,
            queue: None,
            runner: None,
            label: None,
            reason: None,
            parent: None,
            retry_of: None,
            id_prefix: None,
            since: None,
            until: None,
            limit,
            cursor: None,
        }
    }
}

/// How many executions a list has, by phase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the order of [`Phase::ALL`].
    pub by_phase: [u64; Phase::ALL.len()],
    /// There are at least so many: the bound on examined rows was reached.
    pub cut: bool,
}

impl Counts {
    /// One more in this phase.
    pub fn add(&mut self, phase: Phase) {
        let at = Phase::ALL.iter().position(|one| *one == phase);
        if let Some(count) = at.and_then(|at| self.by_phase.get_mut(at)) {
            *count += 1;
        }
    }
}

/// A place in a list. Its text form is opaque to clients and stable across restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Of the last row seen or examined.
    pub created_at: Timestamp,
    /// Of the last row seen or examined.
    pub id: ExecutionId,
}

/// One execution in a list.
#[derive(Clone, Debug)]
pub struct Row {
    /// Whose.
    pub id: ExecutionId,
    /// The stored [`Summary::json`].
    pub json: Bytes,
    /// Where its log ends now.
    pub head: u64,
}

/// A page of a list.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Newest first.
    pub rows: Vec<Row>,
    /// Where to go on; `None` at the end. May come with fewer rows than asked for when the bound
    /// on examined rows was reached.
    pub next: Option<Cursor>,
}

/// What the store knows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Version of the layout on disk.
    pub format: u32,
    /// Counts openings; grows by one each time.
    pub epoch: u64,
    /// At opening, the latest [`Append::decided_at`] there had been; `None` in an empty store.
    pub decided_at: Option<Timestamp>,
}

/// The contract. Every method blocks: call it from the journal's thread or a blocking pool, never
/// from an async thread. All are safe to call at once from many threads; `commit` has one caller.
pub trait ExecutionStore: Send + Sync + 'static {
    /// Makes a batch durable with one sync, in order, and answers each append in order. Appends of
    /// one batch may build upon one another; once one with records is refused, so is every later one
    /// of its execution in the batch, since its seq alone cannot tell whose it is. Nothing of it is
    /// readable before it is durable.
    ///
    /// # Errors
    /// On [`Error`] none may be acknowledged and the outcome of each is unknown; until
    /// [`ExecutionStore::recover`] succeeds every later write is refused with [`Error::Unhealthy`],
    /// and so is every question for the head or the state of an execution of that batch. Other
    /// reads may go on, and show nothing of the batch.
    fn commit(&self, batch: &[Append]) -> Result<Vec<Result<(), Refusal>>, Error>;

    /// Events with `after < seq <= until`, verified against the hash chain. With `lifecycle_only`
    /// just those, found without reading the content between them where that is possible.
    fn events(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        after: u64,
        until: u64,
        lifecycle_only: bool,
        limits: PageLimits,
    ) -> Result<Page, Error>;

    /// The seq of the last event; `None` for an unknown execution.
    fn head(&self, namespace: &Namespace, id: ExecutionId) -> Result<Option<u64>, Error>;

    /// The state at the head: the stored snapshot and the events since.
    fn load(&self, namespace: &Namespace, id: ExecutionId) -> Result<Option<State>, Error>;

    /// The stored snapshot and the seq it is of, once the log confirms it; for logs that are not an
    /// execution's, whose states are their readers' business.
    fn snapshot(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Result<Option<(u64, Vec<u8>)>, Error>;

    /// The standing of a live execution, as it was last written; `None` of one that is not live.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a row that no version wrote, and what the disk says.
    fn standing(&self, namespace: &Namespace, id: ExecutionId) -> Result<Option<Standing>, Error>;

    /// Every live execution's standing, in no order.
    fn live(&self, visit: &mut dyn FnMut(Standing)) -> Result<(), Error>;

    /// A page of a list.
    fn list(&self, query: &Query) -> Result<Listing, Error>;

    /// How many there are of a list's, whatever its limit and cursor.
    fn count(&self, query: &Query) -> Result<Counts, Error>;

    /// What an idempotency key was used for.
    fn used(&self, namespace: &Namespace, key: &str) -> Result<Option<Used>, Error>;

    /// Forgets a terminal execution: events, snapshot, list rows, idempotency key. Synced. Refuses
    /// nothing: the caller has checked that it is over. Returns whether it existed.
    fn purge(&self, namespace: &Namespace, id: ExecutionId) -> Result<bool, Error>;

    /// Every queue on which something is set, in no order.
    fn queues(&self, visit: &mut dyn FnMut(Namespace, Name, QueueSettings)) -> Result<(), Error>;

    /// Makes what is set on a queue durable, synced. Default settings leave nothing behind.
    ///
    /// # Errors
    /// On [`Error`] the outcome is unknown, and the store is unhealthy as after a failed
    /// [`ExecutionStore::commit`].
    fn set_queue(
        &self,
        namespace: &Namespace,
        queue: &Name,
        settings: &QueueSettings,
    ) -> Result<(), Error>;

    /// Format and epoch.
    fn meta(&self) -> Meta;

    /// Whether a write would be tried.
    fn healthy(&self) -> Result<(), Error>;

    /// Tries to become healthy again (reopens what must be reopened) and proves it with a synced
    /// write. Nothing can be read while it reopens.
    fn recover(&self) -> Result<(), Error>;
}
