//! The clock: wall-clock marks that advance with the monotonic clock, so that no step of the wall
//! clock fires or delays a timeout while the server runs.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use heartline_execution::{Span, Timestamp};

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

    /// The same, but goes on from `last` where the wall clock is behind it: it was wrong before or
    /// is now, and what was dated then must not lie in the future of what comes.
    pub fn resume(last: Option<Timestamp>) -> Self {
        let clock = Self::start();
        let behind = last.map_or(0, |last| last.0.saturating_sub(clock.wall));
        if behind <= 0 {
            return clock;
        }
        let by = Span(behind.unsigned_abs());
        tracing::warn!(%by, "the wall clock is behind the log; times go on from the log's");
        Self { wall: clock.wall.saturating_add(behind), ..clock }
    }

    /// Now; never goes back.
    pub fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.start.elapsed().as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.wall.saturating_add(elapsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_from_the_later_of_wall_and_log() {
        let wall = Clock::start().now();
        let ahead = wall.plus(Span::secs(3600));
        assert!(Clock::resume(Some(ahead)).now() >= ahead);
        assert!(Clock::resume(Some(ahead)).now() < ahead.plus(Span::secs(60)));
        for last in [None, Some(Timestamp(i64::MIN)), Some(Timestamp(0))] {
            assert!(Clock::resume(last).now() < wall.plus(Span::secs(60)));
        }
    }
}
