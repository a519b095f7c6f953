//! One queue on the board: its line-up, who waits for it, and its figures.

use heartline_execution::{QueueSettings, Span, Timestamp, queue::Pause};

use crate::{
    lineup::{KeyFigures, Lineup},
    recent::{PerMinute, Recent},
    views::Quantiles,
};

/// The most keys that figures name.
const KEYS_SHOWN: usize = 10;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) lineup: Lineup,
    /// Claims that wait for it.
    pub(crate) awaited_by: usize,
    /// When it was last claimed from.
    pub(crate) used_at: Timestamp,
    pub(crate) claim_latency_ms: Recent,
    pub(crate) entered: PerMinute,
    pub(crate) claimed: PerMinute,
    pub(crate) ended: PerMinute,
    /// The last pause that is over, and when it ended.
    pub(crate) last_pause: Option<(Pause, Timestamp)>,
}

/// A queue in figures.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // `QueueView` documents them.
pub struct QueueFigures {
    pub settings: QueueSettings,
    pub depth: usize,
    pub scheduled: usize,
    pub in_progress: usize,
    pub held_back: usize,
    pub oldest_age: Option<Span>,
    pub claim_latency_ms: Quantiles,
    pub entered: PerMinuteFigures,
    pub claimed: PerMinuteFigures,
    pub ended: PerMinuteFigures,
    pub keys: Vec<KeyFigures>,
}

/// How often something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerMinuteFigures {
    /// In the last minute.
    pub recent: u64,
    /// Since the queue is known.
    pub total: u64,
}

impl Queue {
    /// With settings, as [`Lineup::new`].
    pub(crate) fn new(settings: QueueSettings, now: Timestamp) -> Self {
        Self { lineup: Lineup::new(settings, now), ..Self::default() }
    }

    /// Other settings from now on.
    pub(crate) fn set(&mut self, settings: QueueSettings, now: Timestamp) {
        if let (Some(pause), None) = (&self.lineup.settings().pause, &settings.pause) {
            self.last_pause = Some((pause.clone(), now));
        }
        self.lineup.set(settings, now);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.lineup.is_idle() && self.awaited_by == 0
    }

    pub(crate) fn figures(&mut self, now: Timestamp) -> QueueFigures {
        let (depth, scheduled) = self.lineup.waiting(now);
        let counted = |counted: &mut PerMinute| PerMinuteFigures {
            recent: counted.recent(now),
            total: counted.total(),
        };
        QueueFigures {
            settings: self.lineup.settings().clone(),
            depth,
            scheduled,
            in_progress: self.lineup.in_progress() - self.lineup.claims_under_way(),
            held_back: self.lineup.held_back(now),
            oldest_age: self.lineup.oldest(now).map(|due| now.since(due)),
            claim_latency_ms: self.claim_latency_ms.quantiles(),
            entered: counted(&mut self.entered),
            claimed: counted(&mut self.claimed),
            ended: counted(&mut self.ended),
            keys: self.lineup.busiest(KEYS_SHOWN),
        }
    }
}
