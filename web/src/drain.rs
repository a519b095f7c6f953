//! The end of the server, seen by whatever waits or streams: long polls answer, streams end,
//! sockets close with 1001.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::sync::watch;

/// Clients of a server that stops are asked to come back at some time between these: long enough
/// for a restart, and spread so that they do not all come at once.
const RECONNECT_AFTER: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(3));

/// When one client should come back.
pub(crate) fn reconnect_after() -> Duration {
    let (least, most) = RECONNECT_AFTER;
    let spread = u64::try_from((most - least).as_millis()).unwrap_or(u64::MAX);
    least + Duration::from_millis(fastrand::u64(0..=spread))
}

/// Ends every wait once.
#[derive(Debug)]
pub(crate) struct Drain(watch::Sender<bool>);

/// Sees the end come.
#[derive(Clone, Debug)]
pub(crate) struct Draining(watch::Receiver<bool>);

impl Drain {
    /// A pair that has not begun to drain.
    pub(crate) fn new() -> (Self, Draining) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Draining(receiver))
    }

    /// Begins; what waits on [`Draining::begun`] goes on.
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }
}

impl Draining {
    /// Returns when the server stops, or has.
    pub(crate) async fn begun(&self) {
        let mut receiver = self.0.clone();
        // An error means that the sender is gone, and with it the server.
        let _gone = receiver.wait_for(|begun| *begun).await;
    }

    /// Whether it stops: a look at a counter.
    fn has_begun(&self) -> bool {
        // As above.
        self.0.has_changed().unwrap_or(true)
    }
}

/// The same for a task that is woken often, for other reasons: it is registered once.
pub(crate) struct Stopping {
    draining: Draining,
    begun: Pin<Box<dyn Future<Output = ()>>>,
    /// Whom `begun` wakes.
    wakes: Option<Waker>,
}

impl Stopping {
    pub(crate) fn new(draining: &Draining) -> Self {
        let waiting = draining.clone();
        let begun = Box::pin(async move { waiting.begun().await });
        Self { draining: draining.clone(), begun, wakes: None }
    }

    /// Ready when the server stops, or has.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.draining.has_begun() {
            return Poll::Ready(());
        }
        if self.wakes.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            return Poll::Pending;
        }
        self.wakes = Some(context.waker().clone());
        self.begun.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use futures_util::task::{ArcWake, waker};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl ArcWake for Woken {
        fn wake_by_ref(this: &Arc<Self>) {
            this.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_asked_last_is_woken_when_the_server_stops_and_later_ones_are_told() {
        let (drain, draining) = Drain::new();
        let mut stopping = Stopping::new(&draining);
        let (first, last) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        for woken in [&first, &first, &last, &last] {
            let waker = waker(Arc::clone(woken));
            assert!(stopping.poll(&mut Context::from_waker(&waker)).is_pending());
        }
        drain.begin();
        let woken = |woken: &Woken| woken.0.load(Ordering::Relaxed);
        assert_eq!((woken(&first), woken(&last)), (0, 1));
        let waker = waker(last);
        assert!(stopping.poll(&mut Context::from_waker(&waker)).is_ready());
        let mut late = Stopping::new(&draining);
        assert!(late.poll(&mut Context::from_waker(&waker)).is_ready());
    }
}
