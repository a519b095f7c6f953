//! Distributions of durations: what every p50, p99 and max here comes from.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest duration told apart from longer ones: ten minutes, beyond any wait of a run.
const LONGEST_NANOS: u64 = 600_000_000_000;

/// A distribution of durations, three significant digits over its whole span.
#[derive(Clone, Debug)]
pub(crate) struct Latency(Histogram<u64>);

/// What a report says of a distribution, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Quantiles {
    /// Half were no longer.
    pub(crate) p50_us: f64,
    /// All but one in a hundred were no longer.
    pub(crate) p99_us: f64,
    /// The longest.
    pub(crate) max_us: f64,
    /// How many were measured.
    pub(crate) count: u64,
}

impl Latency {
    /// An empty distribution.
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_NANOS, 3).expect("constant bounds are valid"))
    }

    /// Adds one duration.
    pub(crate) fn record(&mut self, duration: Duration) {
        self.0.saturating_record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).max(1));
    }

    /// Adds all of `other`.
    pub(crate) fn merge(&mut self, other: &Latency) {
        self.0.add(&other.0).expect("equal bounds");
    }

    /// How many were recorded.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// p50, p99 and max; zeros when nothing was recorded.
    #[allow(clippy::cast_precision_loss)] // Far below 2^53 nanoseconds.
    pub(crate) fn quantiles(&self) -> Quantiles {
        let micros = |nanos: u64| nanos as f64 / 1_000.0;
        if self.0.is_empty() {
            return Quantiles::default();
        }
        Quantiles {
            p50_us: micros(self.0.value_at_quantile(0.50)),
            p99_us: micros(self.0.value_at_quantile(0.99)),
            max_us: micros(self.0.max()),
            count: self.0.len(),
        }
    }
}

impl Quantiles {
    /// For people.
    pub(crate) fn text(&self) -> String {
        format!("p50 {:.1} µs   p99 {:.1} µs   max {:.1} µs", self.p50_us, self.p99_us, self.max_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_in_microseconds() {
        let mut latency = Latency::new();
        for micros in 1..=100 {
            latency.record(Duration::from_micros(micros));
        }
        let found = latency.quantiles();
        assert!((found.p50_us - 50.0).abs() < 0.5, "{found:?}");
        assert!((found.p99_us - 99.0).abs() < 0.5, "{found:?}");
        assert_eq!(found.count, 100);
    }

    #[test]
    fn nothing_recorded_is_all_zero() {
        assert_eq!(Latency::new().quantiles(), Quantiles::default());
    }
}
