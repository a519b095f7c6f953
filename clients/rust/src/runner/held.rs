//! What both sides of a lease share: who holds it on the user's side, and the network side.

use std::{
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use heartline_execution::Timestamp;
use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::outbox::Over;

/// Somebody wants an execution to stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cancellation {
    /// In the words of whoever asked.
    pub reason: Option<String>,
    /// When the server forces it, by the server's clock; `None` where it was not told.
    pub deadline: Option<Timestamp>,
}

/// An answer to a question.
#[derive(Clone, Debug, Default)]
pub(super) struct Resumed {
    /// The seq of `execution.resumed`; 0 while there was none.
    pub(super) seq: u64,
    pub(super) input: Option<Box<RawValue>>,
}

/// See the module. Everything here only ever becomes more urgent.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) execution: String,
    pub(super) lease: String,
    pub(super) attempt: u32,
    /// How long the server may hear nothing about it.
    pub(super) heartbeat: Duration,
    /// Somebody wants it to stop.
    pub(super) cancelled: CancellationToken,
    cancellation: OnceLock<Cancellation>,
    /// Its holder acts on that.
    pub(super) acknowledged: Notify,
    /// It is not ours any more.
    pub(super) lost: CancellationToken,
    why_lost: OnceLock<String>,
    /// Nothing can be written any more: lost, or ended.
    pub(super) over: CancellationToken,
    /// The call that ends it is on its way: that call's answer says how it went.
    ending: AtomicBool,
    /// The seq of the last acknowledgement.
    pub(super) acked: AtomicU64,
    pub(super) resumed: watch::Sender<Resumed>,
    /// The newest progress that was not sent yet.
    pub(super) progress: Mutex<Option<String>>,
    pub(super) progressed: Notify,
}

impl Held {
    pub(super) fn new(execution: &str, lease: &str, attempt: u32, heartbeat: Duration) -> Self {
        Self {
            execution: execution.to_owned(),
            lease: lease.to_owned(),
            attempt,
            heartbeat,
            cancelled: CancellationToken::new(),
            cancellation: OnceLock::new(),
            acknowledged: Notify::new(),
            lost: CancellationToken::new(),
            why_lost: OnceLock::new(),
            over: CancellationToken::new(),
            ending: AtomicBool::new(false),
            acked: AtomicU64::new(0),
            resumed: watch::Sender::new(Resumed::default()),
            progress: Mutex::new(None),
            progressed: Notify::new(),
        }
    }

    /// It is to stop.
    pub(super) fn cancel(&self, cancellation: Cancellation) {
        // What was told first stays: its deadline counts.
        let _known = self.cancellation.set(cancellation);
        self.cancelled.cancel();
    }

    pub(super) fn cancellation(&self) -> Option<&Cancellation> {
        self.cancellation.get()
    }

    /// It is not ours any more. Nothing happens while the call that ends it is on its way.
    pub(super) fn lose(&self, why: &str) {
        if !self.is_ending() {
            self.lose_anyway(why);
        }
    }

    pub(super) fn lose_anyway(&self, why: &str) {
        let _known = self.why_lost.set(why.to_owned());
        self.lost.cancel();
        self.over.cancel();
    }

    pub(super) fn why_lost(&self) -> Option<&str> {
        self.why_lost.get().map(String::as_str)
    }

    pub(super) fn why_over(&self) -> Over {
        Over(self.why_lost().unwrap_or("it has ended").to_owned())
    }

    pub(super) fn set_ending(&self, ending: bool) {
        self.ending.store(ending, Ordering::Relaxed);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// A question was answered.
    pub(super) fn answer(&self, seq: u64, input: Option<Box<RawValue>>) {
        self.resumed.send_if_modified(|last| {
            let newer = seq > last.seq;
            if newer {
                *last = Resumed { seq, input };
            }
            newer
        });
    }

    #[cfg(test)]
    pub(super) fn example() -> Self {
        Self::new("aex_1", "l", 1, Duration::from_secs(30))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_lost_once_and_not_while_its_end_is_on_its_way() {
        let held = Held::example();
        held.lose("first");
        held.lose("second");
        assert_eq!(held.why_lost(), Some("first"));
        let held = Held::example();
        held.set_ending(true);
        held.lose("not listed");
        assert!(!held.lost.is_cancelled());
    }

    #[test]
    fn an_answer_that_is_told_again_is_no_news() {
        let held = Held::example();
        let mut resumed = held.resumed.subscribe();
        held.answer(5, None);
        assert!(resumed.has_changed().unwrap());
        resumed.mark_unchanged();
        held.answer(5, None);
        assert!(!resumed.has_changed().unwrap());
    }
}
