//! Figures over what was most recently measured or counted.

use heartline_execution::Timestamp;

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

/// Seconds that [`PerMinute`] looks back.
const SECONDS: usize = 60;

/// How often something happened in the last minute, the second under way included.
#[derive(Debug)]
pub struct PerMinute {
    /// One place for each second, in turn.
    seconds: [u32; SECONDS],
    /// The second that was counted last.
    newest: i64,
    total: u64,
}

impl Default for PerMinute {
    fn default() -> Self {
        Self { seconds: [0; SECONDS], newest: 0, total: 0 }
    }
}

impl PerMinute {
    /// It happened.
    pub fn count(&mut self, now: Timestamp) {
        let second = now.0.div_euclid(1_000_000);
        self.clear_up_to(second);
        let place = &mut self.seconds[place(second)];
        *place = place.saturating_add(1);
        self.total += 1;
    }

    /// In the last minute.
    pub fn recent(&mut self, now: Timestamp) -> u64 {
        self.clear_up_to(now.0.div_euclid(1_000_000));
        self.seconds.iter().map(|count| u64::from(*count)).sum()
    }

    /// In all.
    pub fn total(&self) -> u64 {
        self.total
    }

    fn clear_up_to(&mut self, second: i64) {
        let passed = second.saturating_sub(self.newest).clamp(0, SECONDS as i64);
        for passed in 0..passed {
            self.seconds[place(second - passed)] = 0;
        }
        self.newest = self.newest.max(second);
    }
}

fn place(second: i64) -> usize {
    second.rem_euclid(SECONDS as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_counted_second_by_second() {
        let mut counted = PerMinute::default();
        let at = |second: i64| Timestamp(1_700_000_000_000_000 + second * 1_000_000);
        for second in 0..90 {
            counted.count(at(second));
            counted.count(at(second));
        }
        assert_eq!((counted.recent(at(89)), counted.total()), (120, 180));
        assert_eq!(counted.recent(at(119)), 60);
        assert_eq!(counted.recent(at(100_000)), 0);
    }

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
