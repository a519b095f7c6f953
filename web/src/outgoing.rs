//! Bytes of an event stream on their way: handed to the connection in pieces, counted, and a reader that
//! does not take them is noticed.

use std::time::{Duration, Instant};

use bytes::Bytes;
use heartline_actors::Outbound;

use crate::encode::Frames;

/// The largest piece. A connection of HTTP copies what it is given and keeps as much memory for as long
/// as it lives, so a page goes to it bit by bit.
const PIECE: usize = 16 * 1024;

/// What a connection has still to be given.
pub(crate) struct Outgoing {
    outbound: Outbound,
    rest: Bytes,
    /// When the last piece was given; `None` once the connection has asked again, for it asks when
    /// it has room.
    given: Option<Instant>,
    patience: Duration,
}

impl Outgoing {
    /// Nothing yet. `user_timeout` is how long the kernel waits for the peer to take bytes.
    pub(crate) fn new(outbound: Outbound, user_timeout: Duration) -> Self {
        Self { outbound, rest: Bytes::new(), given: None, patience: user_timeout / 2 }
    }

    /// The connection asks for more. `Some` is the rest of what it was given before: only after
    /// that may anything else go out.
    pub(crate) fn ask(&mut self) -> Option<Bytes> {
        self.given = None;
        (!self.rest.is_empty()).then(|| self.piece())
    }

    /// Gives the first piece of `frames`, which are not empty.
    pub(crate) fn give(&mut self, frames: Frames) -> Bytes {
        self.outbound.wrote(frames.count, frames.bytes.len());
        self.rest = frames.bytes;
        self.piece()
    }

    fn piece(&mut self) -> Bytes {
        self.given = Some(Instant::now());
        self.rest.split_to(self.rest.len().min(PIECE))
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if self.given.is_some_and(|given| given.elapsed() >= self.patience) {
            self.outbound.cut();
        }
    }
}
