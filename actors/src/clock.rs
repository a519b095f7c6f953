//! The clock: wall-clock marks that advance with the monotonic clock, so that no step of the wall
//! clock fires or delays a timeout while the server runs.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use heartline_execution::Timestamp;

/// Reads the time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: i64,
    start: Instant,
}

impl Clock {
    /// Takes the wall clock's word once, now.
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
        Self { wall, start: Instant::now() }
    }

    /// Now; never goes back.
    pub fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.start.elapsed().as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.wall.saturating_add(elapsed))
    }
}
