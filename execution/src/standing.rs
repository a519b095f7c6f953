//! Where an execution stands in the world: which queue, which lease, which deadlines.
//!
//! A [`Standing`] is a pure function of the state and so of the log, but for [`Held::report`]. The shell performs effects by
//! replacing the old standing with the new one after each commit: level-triggered, so that a lost
//! or repeated notice cannot leave an execution in limbo. After a restart the standings alone
//! (the live index) rebuild queues, leases and timers.

use serde::{Deserialize, Serialize};

use crate::{
    command::Signs,
    content::Progress,
    deadline::{Clocks, Deadline},
    event::{Reason, RunnerInfo},
    id::{ExecutionId, LeaseId, Name, Namespace},
    state::Phase,
    time::{Span, Timestamp},
};

/// Who holds the next move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In its queue: a runner, from `due` on.
    Queued {
        /// When it becomes claimable; age is counted from here.
        due: Timestamp,
        /// Whether it backs off after a failed attempt.
        backing_off: bool,
    },
    /// With a runner.
    Leased(Box<Held>),
    /// Without a runner, until a person answers.
    Parked,
    /// Nobody: it is over.
    Over,
}

/// A live lease.
///
/// Its two instants move with every event of its runner; all else of a standing changes with
/// lifecycle events only. Whoever keeps a standing from the last of those keeps the instants of
/// what came after as [`Signs`]. Its report is not in the log at all yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The token.
    pub lease: LeaseId,
    /// Who.
    pub runner: RunnerInfo,
    /// Since when.
    pub since: Timestamp,
    /// Last sign of life in the log.
    pub alive_at: Timestamp,
    /// Last event or progress report in the log.
    pub progressed_at: Timestamp,
    /// Its heartbeat timeout.
    pub heartbeat: Span,
    /// Its progress timeout, while that clock runs: not while it waits for an answer.
    pub progress: Option<Span>,
    /// A cancellation waits to be delivered to the runner.
    pub cancel_undelivered: bool,
    /// A cancellation was requested (delivered or not).
    pub cancel_requested: bool,
    /// The seq of the answer to its last question; `None` where none was asked, and while one stands.
    #[serde(default)]
    pub answered: Option<u64>,
    /// The newest progress that its runner was promised an event for, and that has none yet: it
    /// came too soon after the one before. The state knows nothing of it; whoever has the promise
    /// keeps it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Box<Progress>>,
}

/// Everything the supervisor and the queues need to know of a live execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Whose.
    pub id: ExecutionId,
    /// Its tenant.
    pub namespace: Namespace,
    /// Its queue.
    pub queue: Name,
    /// Higher goes first.
    pub priority: i32,
    /// Shares a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_key: Option<Name>,
    /// Phase.
    pub phase: Phase,
    /// Why that phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Attempts so far.
    pub attempt: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who holds the next move.
    pub place: Place,
    /// What is armed, earliest first.
    pub deadlines: Vec<Deadline>,
}

impl Standing {
    /// Invariant J: an armed deadline or a live lease, or it is over.
    pub fn is_in_limbo(&self) -> bool {
        match self.place {
            Place::Over => false,
            Place::Leased(_) => false, // Its heartbeat is armed wherever the lease is known.
            Place::Queued { .. } | Place::Parked => self.deadlines.is_empty(),
        }
    }

    /// Every armed deadline, heartbeat and progress included, in no order: exactly those that
    /// [`State::deadlines`](crate::State::deadlines) gives for the same signs.
    pub fn armed(&self, signs: Signs) -> Vec<Deadline> {
        let mut armed = self.deadlines.clone();
        if let Some(held) = self.held() {
            let Held { alive_at, progressed_at, heartbeat, progress, .. } = *held;
            armed.extend(Clocks { alive_at, heartbeat, progressed_at, progress }.armed(signs));
        }
        armed
    }

    /// Whether the two are the same but for the instants and the report of their lease.
    pub fn stands_as(&self, other: &Standing) -> bool {
        let still = |standing: &Standing| {
            let mut still = standing.clone();
            if let Place::Leased(held) = &mut still.place {
                (held.alive_at, held.progressed_at) = (held.since, held.since);
                held.report = None;
            }
            still
        };
        still(self) == still(other)
    }

    /// The progress that was promised an event, under the current lease.
    pub fn report(&self) -> Option<(LeaseId, &Progress)> {
        let held = self.held()?;
        Some((held.lease, held.report.as_deref()?))
    }

    /// Puts what [`Standing::report`] says in its place; nothing where the lease is another.
    pub fn promise(&mut self, report: Option<(LeaseId, &Progress)>) {
        if let Place::Leased(held) = &mut self.place {
            let report = report.filter(|(lease, _)| *lease == held.lease);
            held.report = report.map(|(_, progress)| Box::new(progress.clone()));
        }
    }

    /// The lease, where there is one.
    pub fn held(&self) -> Option<&Held> {
        match &self.place {
            Place::Leased(held) => Some(held),
            Place::Queued { .. } | Place::Parked | Place::Over => None,
        }
    }
}
