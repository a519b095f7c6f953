//! Defects put in on purpose: each breaks one promise, and a checker must notice.

/// What goes wrong, from the first occasion after the warm-up on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// A page for a watcher is damaged on its way.
    Page(Tampering),
    /// The log is damaged on the disk.
    Log(Tampering),
    /// An append is acknowledged before it is synced, and then a crash comes.
    AckWithoutSync,
    /// A commit fails, and its callers are told that it went well.
    AckOfAFailedCommit,
    /// A write under an ended lease is taken for one under the current lease.
    StaleLease,
    /// The supervisor's clock is ahead.
    EarlyTimeout,
    /// The supervisor forgets a deadline that came up.
    ForgottenTimeout,
    /// An execution's deadlines are not armed.
    NoDeadline,
    /// The board is no longer told of an execution's commits.
    MissedCommit,
    /// The board is not told what an unknown outcome turned out to be.
    MissedOutcome,
    /// A watcher is shown an event before it is durable.
    EarlyShow,
    /// A terminal execution's log goes on.
    WordAfterTheEnd,
    /// What was sent before under the same lease is not looked at.
    ForgottenOrder,
    /// A queue is not told of the rates that are set on it.
    ForgottenRate,
    /// A repeated batch is appended again.
    RepeatAppended,
    /// The last progress report before the end is dropped.
    LostReport,
    /// A live execution is purged.
    PurgeOfTheLiving,
}

/// What happens to a list of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tampering {
    Drop,
    Duplicate,
    Swap,
    /// The last one is missing.
    Truncate,
    /// One byte of one event.
    Flip,
}

impl Tampering {
    /// Whether a list of this length can be damaged so that it shows.
    pub(crate) fn fits(self, events: usize) -> bool {
        events >= 3
    }

    pub(crate) fn damage<T: Clone + Flip>(self, events: &mut Vec<T>) {
        if !self.fits(events.len()) {
            return;
        }
        match self {
            Tampering::Drop => {
                events.remove(1);
            }
            Tampering::Duplicate => events.insert(1, events[1].clone()),
            Tampering::Swap => events.swap(0, 1),
            Tampering::Truncate => {
                events.pop();
            }
            Tampering::Flip => events[1].flip(),
        }
    }
}

/// Can be damaged in place.
pub(crate) trait Flip {
    fn flip(&mut self);
}

impl Flip for heartline_storage::Stored {
    fn flip(&mut self) {
        let mut bytes = self.record.json.to_vec();
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        self.record.json = bytes.into();
    }
}
