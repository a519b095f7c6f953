//! The fake disk: keeps what was synced. A commit that fails, and one that a crash interrupts,
//! keeps a prefix, and nobody is told which.

use std::{collections::BTreeMap, sync::Arc};

use heartline_execution::{ExecutionId, Namespace};
use heartline_storage::{Append, Error, ExecutionStore, MemoryStore, PageLimits, Refusal, Stored};

use super::sabotage::Tampering;

/// What a commit meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Synced,
    /// The first `kept` appends reach the disk; the caller gets an error.
    Failed {
        kept: usize,
    },
}

pub(crate) const EVERYTHING: PageLimits = PageLimits { events: usize::MAX, bytes: usize::MAX };

/// See the module.
pub(crate) struct Disk {
    store: Arc<MemoryStore>,
    healthy: bool,
    /// Damage that the checkers must see, when they are themselves tested.
    pub(crate) tampering: Option<Tampering>,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self { store: Arc::new(MemoryStore::new()), healthy: true, tampering: None }
    }

    pub(crate) fn commit(
        &mut self,
        batch: &[Append],
        fate: Fate,
    ) -> Result<Vec<Result<(), Refusal>>, Error> {
        if !self.healthy {
            return Err(Error::Unhealthy("a commit failed before".to_owned()));
        }
        match fate {
            Fate::Synced => self.write(batch),
            Fate::Failed { kept } => {
                self.keep(&batch[..kept]);
                self.healthy = false;
                Err(Error::Io("the commit failed on command".to_owned()))
            }
        }
    }

    /// An append that is refused takes those with it that were decided after it: their seqs may fit
    /// the log by chance, what they rest on is not in it.
    fn write(&mut self, batch: &[Append]) -> Result<Vec<Result<(), Refusal>>, Error> {
        let mut refused: BTreeMap<ExecutionId, Refusal> = BTreeMap::new();
        let mut results = Vec::with_capacity(batch.len());
        for append in batch {
            let result = match refused.get(&append.id) {
                Some(refusal) => Err(refusal.clone()),
                None => self.store.commit(std::slice::from_ref(append))?.remove(0),
            };
            if let Err(refusal) = &result {
                refused.insert(append.id, refusal.clone());
            }
            results.push(result);
        }
        Ok(results)
    }

    /// What a crash in the middle of a commit leaves.
    pub(crate) fn keep(&mut self, prefix: &[Append]) {
        // What is refused is not kept either; nobody is there to be told.
        drop(self.write(prefix));
    }

    /// What the next process finds.
    pub(crate) fn reopen(&mut self) {
        self.store = Arc::new(self.store.crash());
        self.healthy = true;
    }

    pub(crate) fn recover(&mut self) {
        self.healthy = true;
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.healthy
    }

    pub(crate) fn store(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.store)
    }

    /// The whole log of an execution, as the checkers find it.
    pub(crate) fn log(&self, namespace: &Namespace, id: ExecutionId) -> Vec<Stored> {
        let page = self.store.events(namespace, id, 0, u64::MAX, false, EVERYTHING);
        let mut events = page.map(|page| page.events).unwrap_or_default();
        if let Some(tampering) = self.tampering {
            tampering.damage(&mut events);
        }
        events
    }
}
