//! The end of the server, seen by whatever waits or streams: long polls answer, streams end,
//! sockets close with 1001.

use tokio::sync::watch;

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
