//! The head cache: where the logs that are being written end, so that a hot append reads no disk.
//!
//! Two generations instead of a linked LRU: when the young one is full it becomes the old one, and
//! what is used again moves back. Bounded, and O(1) without any order to maintain.

use foldhash::HashMap;
use heartline_execution::{ExecutionId, Namespace};

use crate::record::Link;

/// The most heads kept: twice the executions that two cores can keep busy, at about 120 bytes each
/// some 8 MiB. A miss costs one reverse seek.
pub(crate) const MAX_HEADS: usize = 65_536;

/// The end of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The last event; 0 when there is none.
    pub(crate) seq: u64,
    /// Its link, or the seed.
    pub(crate) link: Link,
    /// The last lifecycle event; 0 when there is none.
    pub(crate) lifecycle: u64,
}

type Key = (Namespace, ExecutionId);

/// See the module.
#[derive(Default)]
pub(crate) struct Heads {
    young: HashMap<Key, Head>,
    old: HashMap<Key, Head>,
}

impl Heads {
    /// Makes room. Only between batches: a head written by an unfinished batch is nowhere else.
    pub(crate) fn make_room(&mut self) {
        if self.young.len() >= MAX_HEADS / 2 {
            self.old = std::mem::take(&mut self.young);
        }
    }

    /// The head, if it is kept.
    pub(crate) fn get(&mut self, key: &Key) -> Option<Head> {
        if let Some(head) = self.young.get(key) {
            return Some(*head);
        }
        let head = self.old.remove(key)?;
        self.young.insert(key.clone(), head);
        Some(head)
    }

    /// Keeps a head.
    pub(crate) fn set(&mut self, key: Key, head: Head) {
        // `get` went before, so the old generation does not hold it.
        self.young.insert(key, head);
    }

    /// Forgets a head.
    pub(crate) fn forget(&mut self, key: &Key) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use heartline_execution::Kind;

    use super::*;

    fn key(n: u128) -> Key {
        (Namespace::default_namespace(), ExecutionId::new(Kind::Agent, n))
    }

    #[test]
    fn the_cache_stays_bounded_and_keeps_what_is_used() {
        let mut heads = Heads::default();
        let head = |seq| Head { seq, link: Link::default(), lifecycle: 0 };
        for n in 0..5 * MAX_HEADS as u64 {
            heads.make_room();
            heads.set(key(u128::from(n) + 1), head(n));
            if n == 0 {
                heads.set(key(0), head(99));
            } else {
                assert_eq!(heads.get(&key(0)), Some(head(99)));
            }
        }
        assert!(heads.young.len() + heads.old.len() <= MAX_HEADS);
        assert_eq!(heads.get(&key(1)), None);
    }

    #[test]
    fn a_forgotten_head_is_gone_from_both_generations() {
        let mut heads = Heads::default();
        let head = Head { seq: 1, link: Link::default(), lifecycle: 1 };
        heads.old.insert(key(1), head);
        heads.young.insert(key(2), head);
        heads.forget(&key(1));
        heads.forget(&key(2));
        assert_eq!((heads.get(&key(1)), heads.get(&key(2))), (None, None));
    }
}
