//! Letting time pass. A load generator watches another process from outside: where that process
//! offers nothing to wait on, it asks again after a while, and where it is measured doing nothing,
//! nothing is done. This is the only place that sleeps.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Does nothing for `duration`.
#[expect(clippy::disallowed_methods, reason = "see the module: there is no event to wait for")]
pub(crate) fn pass(duration: Duration) {
    thread::sleep(duration);
}

/// Does nothing until `instant`.
pub(crate) fn pass_until(instant: Instant) {
    pass(instant.saturating_duration_since(Instant::now()));
}
