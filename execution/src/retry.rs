//! Backoff between attempts.

use crate::{spec::Retry, time::Span};

/// How much of the backoff is spread at random, so that a crowd of failures does not come back as
/// a crowd: the wait is between 80 % and 100 % of the computed backoff.
const JITTER: f64 = 0.2;

/// The wait before attempt `next` (2 for the first retry). `random` is uniform in `[0, 1)`.
pub fn backoff(retry: &Retry, next: u32, random: f64) -> Span {
    // Zero times a factor that has overflowed would be no number at all.
    if retry.initial_backoff == Span(0) {
        return Span(0);
    }
    let exponent = i32::try_from(next.saturating_sub(2)).unwrap_or(i32::MAX);
    let full = retry.initial_backoff.0 as f64 * retry.factor.powi(exponent);
    // `min` also turns an overflow to infinity into the stated maximum.
    let capped = full.min(retry.max_backoff.0 as f64);
    let spread = 1.0 - JITTER * random.clamp(0.0, 1.0);
    Span((capped * spread) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_by_the_factor_up_to_the_maximum_and_jitter_only_shortens() {
        let retry = Retry {
            max_attempts: 9,
            initial_backoff: Span::secs(1),
            factor: 2.0,
            max_backoff: Span::secs(10),
        };
        assert_eq!(backoff(&retry, 2, 0.0), Span::secs(1));
        assert_eq!(backoff(&retry, 3, 0.0), Span::secs(2));
        assert_eq!(backoff(&retry, 6, 0.0), Span::secs(10));
        assert_eq!(backoff(&retry, u32::MAX, 0.0), Span::secs(10));
        let short = backoff(&retry, 3, 0.999);
        assert!(short < Span::secs(2) && short >= Span::millis(1600), "{short}");
    }

    #[test]
    fn no_backoff_stays_none_however_often_it_is_multiplied() {
        let retry = Retry { max_attempts: 1_000, initial_backoff: Span(0), ..huge() };
        for next in [2, 3, 1_000, u32::MAX] {
            assert_eq!(backoff(&retry, next, 0.5), Span(0), "attempt {next}");
        }
        assert_eq!(backoff(&huge(), u32::MAX, 0.0), Span::secs(60));
    }

    fn huge() -> Retry {
        Retry { factor: 100.0, ..Retry::default() }
    }
}
