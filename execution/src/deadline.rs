//! The armed timeouts of an execution, read off its state: never stored apart from it.

use serde::{Deserialize, Serialize};

use crate::{
    command::Signs,
    time::{Span, Timestamp},
};

/// What runs out. The wire names are those of the metric labels and of `deadline.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineKind {
    /// Queued and due, but no runner took it in time.
    ScheduleToStart,
    /// The lease showed no sign of life. Signs of life move it and are not logged.
    Heartbeat,
    /// Alive, but no event and no progress for too long. Only where asked for.
    Progress,
    /// One attempt took too long.
    StartToClose,
    /// The whole execution took too long, retries and waits included.
    ScheduleToClose,
    /// Nobody answered a waiting execution.
    Waiting,
    /// A requested cancellation was not acknowledged.
    Cancel,
    /// The runner's connection closed and it did not come back.
    Grace,
}

impl DeadlineKind {
    /// Every kind.
    pub const ALL: [DeadlineKind; 8] = [
        DeadlineKind::ScheduleToStart,
        DeadlineKind::Heartbeat,
        DeadlineKind::Progress,
        DeadlineKind::StartToClose,
        DeadlineKind::ScheduleToClose,
        DeadlineKind::Waiting,
        DeadlineKind::Cancel,
        DeadlineKind::Grace,
    ];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            DeadlineKind::ScheduleToStart => "schedule_to_start",
            DeadlineKind::Heartbeat => "heartbeat",
            DeadlineKind::Progress => "progress",
            DeadlineKind::StartToClose => "start_to_close",
            DeadlineKind::ScheduleToClose => "schedule_to_close",
            DeadlineKind::Waiting => "waiting",
            DeadlineKind::Cancel => "cancel",
            DeadlineKind::Grace => "grace",
        }
    }
}

/// What moves the two timeouts of a lease that unlogged signs of life move.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// Last sign of life in the log.
    pub(crate) alive_at: Timestamp,
    /// The heartbeat timeout.
    pub(crate) heartbeat: Span,
    /// Last event or progress report in the log.
    pub(crate) progressed_at: Timestamp,
    /// The progress timeout, while its clock runs.
    pub(crate) progress: Option<Span>,
}

impl Clocks {
    /// Heartbeat, and progress where its clock runs: counted from the later of what is in the log
    /// and what is not. Both the rules and the timers ask here, so that they cannot disagree.
    pub(crate) fn armed(self, signs: Signs) -> impl Iterator<Item = Deadline> {
        let later = |logged: Timestamp, sign: Option<Timestamp>| sign.unwrap_or(logged).max(logged);
        let (alive, progressed) =
            (later(self.alive_at, signs.alive), later(self.progressed_at, signs.progressed));
        let heartbeat = Deadline { kind: DeadlineKind::Heartbeat, at: alive.plus(self.heartbeat) };
        let progress = self
            .progress
            .map(|span| Deadline { kind: DeadlineKind::Progress, at: progressed.plus(span) });
        std::iter::once(heartbeat).chain(progress)
    }
}

/// One armed timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Deadline {
    /// What runs out.
    pub kind: DeadlineKind,
    /// When. For [`DeadlineKind::Heartbeat`] and [`DeadlineKind::Progress`] this is the earliest
    /// instant; later signs of life move it.
    pub at: Timestamp,
}
