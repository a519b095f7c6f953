//! A bucket of tokens that fills with time, as one instant: when it will be full. Time is an
//! argument.
//!
//! In whole nanoseconds, so that nothing drifts. An interval is rounded up and so is each answer:
//! a token is never there too early.

use heartline_execution::{Rate, Timestamp};

/// See the module. The rate is not kept here, as it may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    full_at: i128,
}

fn nanos(at: Timestamp) -> i128 {
    i128::from(at.0) * 1_000
}

/// The first instant not before `nanos`.
fn instant(nanos: i128) -> Timestamp {
    let micros = nanos.div_euclid(1_000) + i128::from(nanos.rem_euclid(1_000) > 0);
    Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// Until the next token.
fn interval(rate: Rate) -> i128 {
    ((1e9 / rate.per_second).ceil() as i128).max(1)
}

impl Bucket {
    /// Without a token at `at`: the first comes an interval later.
    pub fn empty(rate: Rate, at: Timestamp) -> Self {
        Self::with(rate, 0, at)
    }

    fn with(rate: Rate, tokens: i128, at: Timestamp) -> Self {
        let missing = (i128::from(rate.burst) - tokens).max(0);
        Self { full_at: nanos(at) + missing * interval(rate) }
    }

    /// When the next token is there; in the past if it is there already.
    pub fn next(&self, rate: Rate) -> Timestamp {
        instant(self.full_at - i128::from(rate.burst - 1) * interval(rate))
    }

    /// Takes a token, which must be there.
    pub fn spend(&mut self, rate: Rate, now: Timestamp) {
        self.full_at = self.full_at.max(nanos(now)) + interval(rate);
    }

    /// Puts one back that was taken and not used.
    pub fn refund(&mut self, rate: Rate) {
        self.full_at -= interval(rate);
    }

    /// When it is full: from then on it is as any other that was not used.
    pub fn full_at(&self) -> Timestamp {
        instant(self.full_at)
    }

    /// The same tokens, as far as they fit, at another rate.
    #[must_use]
    pub fn changed(&self, from: Rate, to: Rate, now: Timestamp) -> Self {
        if from == to {
            return *self;
        }
        let missing = (self.full_at - nanos(now)).max(0);
        let missing = missing / interval(from) + i128::from(missing % interval(from) > 0);
        let tokens = (i128::from(from.burst) - missing).max(0);
        Self::with(to, tokens.min(i128::from(to.burst)), now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_then_one_each_interval() {
        let rate = Rate { per_second: 10.0, burst: 3 };
        let mut bucket = Bucket::empty(rate, Timestamp(0));
        assert_eq!(bucket.next(rate), Timestamp(100_000));
        assert_eq!(bucket.full_at(), Timestamp(300_000));
        let now = Timestamp(5_000_000);
        for _ in 0..3 {
            assert!(bucket.next(rate) <= now);
            bucket.spend(rate, now);
        }
        assert_eq!(bucket.next(rate), Timestamp(5_100_000));
        bucket.refund(rate);
        assert!(bucket.next(rate) <= now);
    }

    #[test]
    fn another_rate_keeps_the_tokens_that_fit() {
        let (slow, fast) =
            (Rate { per_second: 1.0, burst: 5 }, Rate { per_second: 10.0, burst: 2 });
        let now = Timestamp(60_000_000);
        let full = Bucket::empty(slow, Timestamp(0)).changed(slow, fast, now);
        assert_eq!(full.full_at(), now);
        let empty = Bucket::empty(slow, now);
        assert_eq!(empty.changed(slow, fast, now), Bucket::empty(fast, now));
        assert_eq!(empty.changed(slow, slow, now), empty);
    }

    proptest! {
        /// However it is asked, no stretch of time sees more than a burst and what it fills.
        #[test]
        fn it_is_never_too_fast(
            (per_second, burst) in (0.01_f64..2_000.0, 1_u32..20),
            steps in proptest::collection::vec(0_u64..3_000_000, 1..200),
        ) {
            let rate = Rate { per_second, burst };
            let mut bucket = Bucket::empty(rate, Timestamp(0));
            let (mut now, mut taken) = (Timestamp(0), Vec::new());
            for step in steps {
                now = Timestamp(now.0 + step as i64);
                // Asked again at the very instant that it names.
                let at = if step % 3 == 0 { now.max(bucket.next(rate)) } else { now };
                now = at;
                if bucket.next(rate) <= at {
                    bucket.spend(rate, at);
                    taken.push(at);
                }
            }
            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    let seconds = (to.0 - from.0) as f64 / 1e6;
                    let allowed = f64::from(burst) + seconds * per_second + 1e-6;
                    prop_assert!((last - first + 1) as f64 <= allowed);
                }
            }
            // From the beginning it was empty.
            if let Some(last) = taken.last() {
                prop_assert!(taken.len() as f64 <= last.0 as f64 / 1e6 * per_second + 1e-6);
            }
        }
    }
}
