//! The end of the server, seen by whatever waits or streams: long polls answer, streams end,
//! sockets close with 1001.

use std::time::Duration;

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
}
