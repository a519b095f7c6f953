//! The armed timeouts of an execution, read off its state: never stored apart from it.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

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

/// One armed timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Deadline {
    /// What runs out.
    pub kind: DeadlineKind,
    /// When. For [`DeadlineKind::Heartbeat`] and [`DeadlineKind::Progress`] this is the earliest
    /// instant; later signs of life move it.
    pub at: Timestamp,
}
