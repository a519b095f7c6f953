//! Waits between attempts to reach a server: doubling, bounded, and spread at random so that
//! clients of a server that comes back do not come back all at once.

use std::time::Duration;

/// The first wait; a restart of the server takes about as long.
const FIRST: Duration = Duration::from_millis(100);
/// No wait is longer, so that a server that is back is found soon.
const LONGEST: Duration = Duration::from_secs(5);

/// The waits since the last success.
#[derive(Debug)]
pub struct Backoff {
    failures: u32,
    longest: Duration,
}

impl Default for Backoff {
    /// Waits of at most 5 s.
    fn default() -> Self {
        Self::up_to(LONGEST)
    }
}

impl Backoff {
    /// Waits of at most `longest`.
    pub fn up_to(longest: Duration) -> Self {
        Self { failures: 0, longest }
    }

    /// The next wait: between half and all of the doubled one before.
    #[expect(clippy::should_implement_trait, reason = "the waits never end")]
    pub fn next(&mut self) -> Duration {
        let full = FIRST.saturating_mul(1 << self.failures.min(10)).min(self.longest);
        self.failures += 1;
        full.mul_f64(0.5 + 0.5 * random())
    }

    /// After a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Uniform in `[0, 1)`.
fn random() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u128() as u32;
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_start_over() {
        let mut backoff = Backoff::default();
        let first = backoff.next();
        assert!(first >= FIRST / 2 && first <= FIRST);
        let late = (0..20).map(|_| backoff.next()).last().unwrap();
        assert!(late >= LONGEST / 2 && late <= LONGEST);
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
