//! What the clients were told: each promise of the server, to be held against its log later.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{api::Lease, log::Event};

/// A batch that a runner sent.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) lease: Lease,
    pub(crate) posts: Vec<Post>,
    /// The seq it was acknowledged with.
    pub(crate) acknowledged: Option<u64>,
    /// It was sent under a lease that had been superseded: nothing of it may be there.
    pub(crate) fenced: bool,
}

/// An event as a runner sent it.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) kind: &'static str,
    /// The bytes of `data`; no other event has the same.
    pub(crate) data: String,
}

impl Post {
    pub(crate) fn json(&self) -> String {
        format!(r#"{{"type":"{}","data":{}}}"#, self.kind, self.data)
    }
}

/// A lifecycle event that a call was acknowledged with.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) execution: String,
    pub(crate) kind: &'static str,
    pub(crate) attempt: u64,
    /// Its seq, where the answer says it.
    pub(crate) seq: Option<u64>,
}

/// What one watcher saw of one log.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) execution: String,
    /// It asked for the lifecycle only.
    pub(crate) status_only: bool,
    pub(crate) events: Vec<Event>,
    /// It was told that this is the end.
    pub(crate) ended: bool,
}

/// How often what is hard to provoke has happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Leases that were written under before and after a restart.
    pub(crate) leases_survived: usize,
    /// Batches that were sent again because no answer had come.
    pub(crate) retried: usize,
    /// Acknowledged batches that were sent again for the sake of it.
    pub(crate) repeated: usize,
    /// Writes that a superseded lease was refused.
    pub(crate) fenced: usize,
    /// Leases that a runner lost.
    pub(crate) superseded: usize,
    /// Streams that broke off and were resumed.
    pub(crate) resumed: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Executions by the idempotency key they were created with.
    pub(crate) created: BTreeMap<String, String>,
    pub(crate) batches: Vec<Batch>,
    pub(crate) steps: Vec<Step>,
    pub(crate) watched: Vec<Watched>,
    /// Leases whose runners left without a word, by execution.
    pub(crate) abandoned: HashMap<String, Lease>,
    pub(crate) counts: Counts,
}

/// A book that all clients write in.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Book>);

impl Ledger {
    pub(crate) fn open(&self) -> MutexGuard<'_, Book> {
        // A client that failed its own checks must not hide behind a second panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
