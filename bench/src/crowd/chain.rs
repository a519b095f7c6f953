//! What one watcher must have seen: every event once, in order, with no link missing.

/// The audit of one watcher. An event that is dropped, repeated or out of order breaks it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Seq of the last event of any kind; what the next one must name as its `prev`.
    seq: u64,
    /// Number of the last published event; the next one has the number after it.
    number: u64,
    /// Events that did not follow the one before.
    broken: u64,
}

/// A published event as a watcher found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Counted from 1 by the publisher.
    pub(crate) number: u64,
    /// When its request was written, in microseconds of the run's clock.
    pub(crate) sent_us: u64,
}

/// Where an event says that it stands in its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) seq: u64,
    pub(crate) prev: u64,
}

impl Chain {
    /// A watcher that asked for what comes after seq `seq` and published event `number`.
    pub(crate) fn after(seq: u64, number: u64) -> Self {
        Self { seq, number, broken: 0 }
    }

    /// The next event of a log that links its events; `mark` is absent on those of the server.
    pub(crate) fn linked(&mut self, link: Link, mark: Option<Mark>) {
        let follows = link.prev == self.seq && link.seq == self.seq + 1;
        self.seq = link.seq;
        let counted = mark.is_none_or(|mark| self.count(mark));
        self.broken += u64::from(!(follows && counted));
    }

    /// The next event of a log without links.
    pub(crate) fn numbered(&mut self, mark: Mark) {
        let counted = self.count(mark);
        self.broken += u64::from(!counted);
    }

    fn count(&mut self, mark: Mark) -> bool {
        let counted = mark.number == self.number + 1;
        self.number = mark.number;
        counted
    }

    /// Number of the last published event seen.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// How many events did not follow the one before.
    pub(crate) fn broken(&self) -> u64 {
        self.broken
    }

    /// Whether it has all events up to `number`, each once and in order.
    pub(crate) fn whole(&self, number: u64) -> bool {
        self.broken == 0 && self.number == number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events by number, each at the seq two above it, as a watcher after seq 2 sees them.
    fn seen(numbers: &[u64]) -> (Chain, Chain) {
        let (mut linked, mut numbered) = (Chain::after(2, 0), Chain::after(0, 0));
        for &number in numbers {
            let mark = Mark { number, sent_us: 0 };
            linked.linked(Link { seq: number + 2, prev: number + 1 }, Some(mark));
            numbered.numbered(mark);
        }
        (linked, numbered)
    }

    #[test]
    fn every_event_once_and_in_order_is_whole() {
        let (linked, numbered) = seen(&[1, 2, 3, 4]);
        assert!(linked.whole(4) && numbered.whole(4));
        assert!(!linked.whole(5) && !numbered.whole(5), "the last one is missing");
    }

    #[test]
    fn a_dropped_repeated_or_swapped_event_is_noticed() {
        for wrong in [&[1, 2, 4][..], &[2, 3, 4], &[1, 2, 2, 3, 4], &[1, 3, 2, 4], &[4, 1, 2, 3]] {
            let (linked, numbered) = seen(wrong);
            assert!(linked.broken() > 0 && !linked.whole(4), "{wrong:?}: {linked:?}");
            assert!(numbered.broken() > 0 && !numbered.whole(4), "{wrong:?}: {numbered:?}");
        }
    }

    #[test]
    fn an_event_of_the_server_is_a_link_like_any_other() {
        let mut chain = Chain::after(2, 0);
        chain.linked(Link { seq: 3, prev: 2 }, None);
        chain.linked(Link { seq: 4, prev: 3 }, Some(Mark { number: 1, sent_us: 0 }));
        assert!(chain.whole(1));
        chain.linked(Link { seq: 6, prev: 5 }, Some(Mark { number: 2, sent_us: 0 }));
        assert!(!chain.whole(2), "seq 5 is missing, though no number is");
    }

    #[test]
    fn a_link_to_another_event_is_broken() {
        let mut chain = Chain::after(2, 0);
        chain.linked(Link { seq: 3, prev: 1 }, None);
        assert_eq!(chain.broken(), 1);
    }
}
