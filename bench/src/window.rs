//! The time that is measured: after a warm-up, before what is under way comes to its end.

use std::time::{Duration, Instant};

use crate::{error::Result, lab::Reading};

/// See the module.
#[derive(Debug)]
pub(crate) struct Window {
    warm: Instant,
    length: Duration,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    WarmingUp,
    Measuring(Instant, Reading),
    Over(Measured),
}

/// A measured time that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) seconds: f64,
    pub(crate) before: Reading,
    pub(crate) after: Reading,
}

impl Window {
    /// The warm-up begins now.
    pub(crate) fn open(warmup: u64, seconds: u64) -> Self {
        let warm = Instant::now() + Duration::from_secs(warmup);
        Self { warm, length: Duration::from_secs(seconds), stage: Stage::WarmingUp }
    }

    /// Looks at the clock; `reading` is taken at both ends.
    pub(crate) fn look(&mut self, reading: impl Fn() -> Result<Reading>) -> Result<()> {
        let now = Instant::now();
        match self.stage {
            Stage::WarmingUp if now >= self.warm => self.stage = Stage::Measuring(now, reading()?),
            Stage::Measuring(from, before) if now >= from + self.length => {
                let seconds = now.duration_since(from).as_secs_f64();
                self.stage = Stage::Over(Measured { seconds, before, after: reading()? });
            }
            Stage::WarmingUp | Stage::Measuring(..) | Stage::Over(_) => {}
        }
        Ok(())
    }

    /// Whether what happens now counts.
    pub(crate) fn measures(&self) -> bool {
        matches!(self.stage, Stage::Measuring(..))
    }

    /// Whether nothing new is to be begun.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over(_))
    }

    /// What was measured; only once it is over.
    pub(crate) fn measured(&self) -> Measured {
        match self.stage {
            Stage::Over(measured) => measured,
            Stage::WarmingUp | Stage::Measuring(..) => unreachable!("asked for too early"),
        }
    }
}
