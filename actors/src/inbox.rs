//! What waits for a thread: many hand over, one takes all there is at once.
//!
//! The reader sleeps as soon as there is nothing. A channel would let it spin and give up the core
//! a few times before; on a busy machine each time costs it its place in the run queue, and what
//! arrives meanwhile wakes nobody.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

struct Inner<T> {
    waiting: VecDeque<T>,
    /// The reader sleeps and nobody has woken it.
    asleep: bool,
    /// Every writer has gone, or the reader has.
    closed: bool,
}

struct Shared<T> {
    inner: Mutex<Inner<T>>,
    arrived: Condvar,
}

impl<T> Shared<T> {
    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        // Only moves run under it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.inner().closed = true;
        self.arrived.notify_one();
    }
}

/// The end that hands over; when the last one is gone the reader takes the rest and is told.
/// Unbounded: whoever hands over sees to it.
pub(crate) struct Sender<T>(Arc<Last<T>>);

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Closes when the last sender is dropped.
struct Last<T>(Arc<Shared<T>>);

impl<T> Drop for Last<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The end that takes.
pub(crate) struct Receiver<T>(Arc<Shared<T>>);

/// What came of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    Some,
    /// Nothing came in time.
    Nothing,
    /// Nothing is there and nothing will come.
    Over,
}

/// Both ends.
pub(crate) fn inbox<T>() -> (Sender<T>, Receiver<T>) {
    let inner = Inner { waiting: VecDeque::new(), asleep: false, closed: false };
    let shared = Arc::new(Shared { inner: Mutex::new(inner), arrived: Condvar::new() });
    (Sender(Arc::new(Last(Arc::clone(&shared)))), Receiver(shared))
}

impl<T> Sender<T> {
    /// Hands something over; gives it back when there is no reader any more.
    pub(crate) fn send(&self, what: T) -> Result<(), T> {
        let shared = &*self.0.0;
        let mut inner = shared.inner();
        if inner.closed {
            return Err(what);
        }
        inner.waiting.push_back(what);
        let wake = std::mem::take(&mut inner.asleep);
        drop(inner);
        if wake {
            shared.arrived.notify_one();
        }
        Ok(())
    }
}

impl<T> Receiver<T> {
    /// Takes all there is to the end of `into`; does not wait.
    pub(crate) fn take(&self, into: &mut VecDeque<T>) {
        take(&mut self.0.inner(), into);
    }

    /// Waits until something is there or, if given, until then; takes all there is.
    pub(crate) fn wait(&self, into: &mut VecDeque<T>, until: Option<Instant>) -> Waited {
        let mut inner = self.0.inner();
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let over = inner.closed || left.is_some_and(|left| left.is_zero());
            if over || !inner.waiting.is_empty() {
                inner.asleep = false;
                let waited = match inner.waiting.is_empty() {
                    false => Waited::Some,
                    true if inner.closed => Waited::Over,
                    true => Waited::Nothing,
                };
                take(&mut inner, into);
                return waited;
            }
            inner.asleep = true;
            inner = match left {
                None => self.0.arrived.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    let woken = self.0.arrived.wait_timeout(inner, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let left = {
            let mut inner = self.0.inner();
            inner.closed = true;
            std::mem::take(&mut inner.waiting)
        };
        drop(left);
    }
}

/// The buffers change places where they can, so that neither side copies or allocates.
fn take<T>(inner: &mut Inner<T>, into: &mut VecDeque<T>) {
    if into.is_empty() {
        std::mem::swap(&mut inner.waiting, into);
    } else {
        into.append(&mut inner.waiting);
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    #[test]
    fn all_comes_in_order_and_the_end_after_it() {
        let (sender, receiver) = inbox();
        let threads: Vec<_> = (0..4)
            .map(|who| {
                let sender = sender.clone();
                thread::spawn(move || (0..1_000).try_for_each(|n| sender.send((who, n))))
            })
            .collect();
        drop(sender);
        let mut got = VecDeque::new();
        let mut next = [0; 4];
        while receiver.wait(&mut got, None) == Waited::Some {
            for (who, n) in got.drain(..) {
                assert_eq!(n, next[who], "from {who}");
                next[who] += 1;
            }
        }
        assert_eq!(next, [1_000; 4]);
        for thread in threads {
            assert_eq!(thread.join().expect("a writer ends"), Ok(()));
        }
    }

    #[test]
    fn nothing_is_waited_for_no_longer_than_said() {
        let (sender, receiver) = inbox::<u8>();
        let mut got = VecDeque::new();
        let began = Instant::now();
        let until = began + Duration::from_millis(20);
        assert_eq!(receiver.wait(&mut got, Some(until)), Waited::Nothing);
        assert!(began.elapsed() >= Duration::from_millis(20));
        sender.send(1).expect("a reader");
        assert_eq!(receiver.wait(&mut got, Some(until)), Waited::Some, "what is there is given");
        sender.send(2).expect("a reader");
        receiver.take(&mut got);
        assert_eq!(got, [1, 2], "behind what was taken before");
        drop(sender);
        assert_eq!(receiver.wait(&mut got, Some(until)), Waited::Over);
    }

    #[test]
    fn what_nobody_will_read_comes_back() {
        let (sender, receiver) = inbox();
        sender.send(Arc::new(1)).expect("a reader");
        let kept = Arc::new(2);
        sender.send(Arc::clone(&kept)).expect("a reader");
        drop(receiver);
        assert_eq!(Arc::strong_count(&kept), 1, "what was not read is dropped");
        assert_eq!(sender.send(Arc::new(3)), Err(Arc::new(3)));
    }
}
