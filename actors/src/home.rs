//! A thread that execution actors live on, and where the journal's outcomes come back to it.
//!
//! What follows a commit runs where its execution lives: one wake-up of that thread serves a whole
//! batch, the answers wake their waiters on the same thread, and the journal is free to write the
//! next batch meanwhile.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::{self, ThreadId},
    time::Duration,
};

use actix::{Arbiter, ArbiterHandle};
use tokio::sync::Notify;

/// How long [`Outcomes::flush`] waits for a thread that does not answer. It only bounds a hang.
const FLUSH: Duration = Duration::from_secs(5);

/// Something that must happen now that an outcome is known. Must not block.
pub(crate) type Outcome = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Waiting {
    outcomes: Vec<Outcome>,
    /// The thread has stopped: whoever brings an outcome runs it.
    closed: bool,
}

/// Outcomes on their way to one thread, in order. Bounded by the journal's permits, which they
/// hold.
#[derive(Default)]
pub(crate) struct Outcomes {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

impl Outcomes {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Only moves of vectors run under it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands outcomes over.
    pub(crate) fn push(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        let mut waiting = self.waiting();
        if waiting.closed {
            drop(waiting);
            return outcomes.into_iter().for_each(run);
        }
        // Whoever takes one takes all.
        let wake = waiting.outcomes.is_empty();
        waiting.outcomes.extend(outcomes);
        drop(waiting);
        if wake {
            self.arrived.notify_one();
        }
    }

    /// Waits until all that was pushed before has run. Never call it on the thread itself.
    pub(crate) fn flush(&self) {
        let (done, wait) = mpsc::sync_channel::<()>(1);
        self.push([Box::new(move || drop(done)) as Outcome]);
        if wait.recv_timeout(FLUSH) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::error!("a thread of execution actors hangs");
        }
    }

    /// Runs what waits, and from now on everything where it is brought.
    pub(crate) fn close(&self) {
        let left = {
            let mut waiting = self.waiting();
            waiting.closed = true;
            std::mem::take(&mut waiting.outcomes)
        };
        left.into_iter().for_each(run);
    }

    async fn serve(self: Arc<Self>) {
        let _closing = Closing(&self);
        loop {
            self.arrived.notified().await;
            let outcomes = std::mem::take(&mut self.waiting().outcomes);
            outcomes.into_iter().for_each(run);
        }
    }
}

/// Closes when the thread's arbiter drops its tasks.
struct Closing<'a>(&'a Outcomes);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// One outcome's panic must not cost the others theirs.
fn run(outcome: Outcome) {
    if catch_unwind(AssertUnwindSafe(outcome)).is_err() {
        tracing::error!("what follows a commit panicked");
    }
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Home {
    pub(crate) arbiter: ArbiterHandle,
    pub(crate) outcomes: Arc<Outcomes>,
    thread: ThreadId,
}

impl Home {
    /// The current thread. Must be called on an actix arbiter.
    pub(crate) fn here() -> Self {
        let outcomes = Arc::<Outcomes>::default();
        actix::spawn(Arc::clone(&outcomes).serve());
        Self { arbiter: Arbiter::current(), outcomes, thread: thread::current().id() }
    }

    /// A new thread of its own, and what stops it.
    ///
    /// # Errors
    /// When the thread ends before it has begun.
    pub(crate) fn start() -> std::io::Result<(Arbiter, Self)> {
        let arbiter = Arbiter::new();
        let (tell, told) = mpsc::sync_channel(1);
        // Where this fails the arbiter has dropped the sender, which ends the wait.
        arbiter.spawn_fn(move || drop(tell.send(Self::here())));
        let home = told.recv().map_err(std::io::Error::other)?;
        Ok((arbiter, home))
    }

    /// Whether this is the thread that asks.
    pub(crate) fn is_here(&self) -> bool {
        self.thread == thread::current().id()
    }
}

#[cfg(test)]
mod tests {
    use actix::System;

    use super::*;

    #[test]
    fn outcomes_run_in_order_on_their_thread_and_a_panic_costs_only_itself() {
        let _system = System::new();
        let (arbiter, home) = Home::start().unwrap();
        let seen = Arc::<Mutex<Vec<u32>>>::default();
        for n in 0..100 {
            let (seen, thread) = (Arc::clone(&seen), home.thread);
            home.outcomes.push([Box::new(move || {
                assert_eq!(thread::current().id(), thread);
                assert!(n != 50, "the fiftieth fails");
                seen.lock().unwrap().push(n);
            }) as Outcome]);
        }
        home.outcomes.flush();
        assert_eq!(*seen.lock().unwrap(), (0..100).filter(|n| *n != 50).collect::<Vec<_>>());
        arbiter.stop();
        arbiter.join().unwrap();
    }

    #[test]
    fn a_stopped_thread_leaves_no_outcome_behind() {
        let _system = System::new();
        let (arbiter, home) = Home::start().unwrap();
        arbiter.stop();
        arbiter.join().unwrap();
        let (done, wait) = mpsc::sync_channel(1);
        home.outcomes.push([Box::new(move || done.send(()).unwrap()) as Outcome]);
        wait.recv_timeout(Duration::from_secs(5)).unwrap();
    }
}
