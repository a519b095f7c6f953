//! What all watchers have received together, and how far the slowest of them has come.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::Mark;
use crate::{
    latency::Latency,
    publish::{Clock, Progress},
};

/// Counted over all watchers.
#[derive(Debug)]
pub(crate) struct Tally {
    /// How many there are.
    pub(super) watchers: usize,
    /// Published events received.
    pub(crate) events: u64,
    /// Bytes read, protocols included.
    pub(crate) bytes: u64,
    /// How often the server told a watcher that it reads from disk.
    pub(crate) lags: u64,
    /// From writing the request to having read the event, of those sent within the span.
    pub(crate) latency: Latency,
    /// The measured time, in microseconds of the clock.
    span: (u64, u64),
    clock: Clock,
    /// Events of each request.
    batch: u64,
    /// Requests that everybody has.
    whole: u64,
    /// How many have each request after those.
    had: VecDeque<usize>,
    progress: Arc<Progress>,
}

impl Tally {
    pub(super) fn new(batch: u64) -> Self {
        Self {
            watchers: 0,
            events: 0,
            bytes: 0,
            lags: 0,
            latency: Latency::new(),
            span: (0, 0),
            clock: Clock::start(),
            batch,
            whole: 0,
            had: VecDeque::new(),
            progress: Arc::default(),
        }
    }

    /// Measures anew, by `clock`, what is sent from `warm` for `length`.
    pub(crate) fn measure(&mut self, clock: Clock, warm: Duration, length: Duration) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.clock = clock;
        self.span = (micros(warm), micros(warm + length));
        self.latency = Latency::new();
    }

    /// What a publisher waits on.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Events that everybody has.
    pub(crate) fn everybody_has(&self) -> u64 {
        self.whole * self.batch
    }

    /// Counts bytes, and tells the time for what is in them.
    pub(super) fn received(&mut self, bytes: usize) -> u64 {
        self.bytes += bytes as u64;
        self.clock.micros()
    }

    /// One watcher has received one event by `now`.
    #[inline]
    pub(super) fn see(&mut self, mark: Mark, now: u64) {
        self.events += 1;
        if (self.span.0..self.span.1).contains(&mark.sent_us) {
            self.latency.record(Duration::from_micros(now.saturating_sub(mark.sent_us)));
        }
        if mark.number.is_multiple_of(self.batch) {
            self.count(mark.number / self.batch);
        }
    }

    /// One watcher has all of request `nth`, counted from 1.
    fn count(&mut self, nth: u64) {
        // A repeated or damaged event is the audit's affair; here it must only do no harm.
        let Some(ahead) = nth.checked_sub(self.whole + 1) else { return };
        let Ok(index @ 0..1_000_000) = usize::try_from(ahead) else { return };
        if self.had.len() <= index {
            self.had.resize(index + 1, 0);
        }
        self.had[index] += 1;
        let whole = self.whole;
        while self.had.front().is_some_and(|&had| had >= self.watchers) {
            self.had.pop_front();
            self.whole += 1;
        }
        if self.whole > whole {
            self.progress.reach(self.everybody_has());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_what_the_slowest_has() {
        let mut tally = Tally::new(2);
        tally.watchers = 2;
        let mut see = |number| {
            tally.see(Mark { number, sent_us: 0 }, 1);
            tally.everybody_has()
        };
        assert_eq!([see(1), see(2), see(3), see(4)], [0, 0, 0, 0]);
        assert_eq!([see(1), see(2), see(3), see(4)], [0, 2, 2, 4]);
        assert_eq!([see(2), see(6), see(5)], [4, 4, 4], "one has request 3, the other has not");
        assert_eq!(tally.events, 11);
    }

    #[test]
    fn only_what_was_sent_within_the_span_is_measured() {
        let mut tally = Tally::new(1);
        tally.measure(Clock::start(), Duration::from_secs(1), Duration::from_secs(1));
        for sent_us in [999_999, 1_000_000, 1_999_999, 2_000_000] {
            tally.see(Mark { number: 1, sent_us }, sent_us + 5);
        }
        assert_eq!(tally.latency.count(), 2);
    }
}
