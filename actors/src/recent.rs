//! Quantiles over the most recent measurements of something.

use crate::views::Quantiles;

/// How many measurements are kept: enough for a p99 that means something, small enough to sort
/// whenever somebody asks.
const KEPT: usize = 1_024;

/// A ring of recent values.
#[derive(Debug, Default)]
pub struct Recent {
    ring: Vec<f64>,
    next: usize,
    count: u64,
}

impl Recent {
    /// Adds one.
    pub fn record(&mut self, value: f64) {
        self.count += 1;
        if self.ring.len() < KEPT {
            self.ring.push(value);
        } else {
            self.ring[self.next] = value;
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Over what is kept; `count` is over all.
    pub fn quantiles(&self) -> Quantiles {
        let mut sorted = self.ring.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |q: f64| match sorted.len() {
            0 => 0.0,
            n => sorted[(((n - 1) as f64) * q).round() as usize],
        };
        Quantiles { p50: at(0.50), p99: at(0.99), max: at(1.0), count: self.count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_over_the_newest_values() {
        let mut recent = Recent::default();
        assert_eq!(recent.quantiles(), Quantiles::default());
        for value in 0..(KEPT + 100) {
            recent.record(value as f64);
        }
        let seen = recent.quantiles();
        assert_eq!(seen.max, (KEPT + 99) as f64);
        assert_eq!(seen.count, (KEPT + 100) as u64);
        assert!((seen.p50 - 611.0).abs() <= 1.0, "{seen:?}");
    }
}
