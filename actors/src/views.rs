//! What callers are told: plain data, serialised by the edge as it stands.

use bytes::Bytes;
use heartline_execution::{
    Checkpoint, Deadline, ExecutionId, Name, Phase, QueueLimits, Rejection, Span, Timestamp,
    event::RunnerInfo, queue::Pause,
};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

pub use crate::lineup::KeyFigures;
use crate::runners::TooMany;

/// Why a call had no effect, or an unknown one.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The rules say no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// No such execution in this namespace.
    #[error("there is no such execution")]
    NotFound,
    /// The same idempotency key came with another body before.
    #[error("the idempotency key was used with another request body, for {0}")]
    KeyReused(ExecutionId),
    /// Only a terminal execution can be purged or retried.
    #[error("the execution is {}, not over", .0.as_str())]
    NotTerminal(Phase),
    /// A bounded queue is full. Nothing happened; try again after `retry_after`.
    #[error("{what} is full")]
    Overloaded {
        /// Which bound was met, and its config key.
        what: &'static str,
        /// Seconds until another try makes sense.
        retry_after: u32,
    },
    /// The store refuses writes since it failed. Nothing is acknowledged until it recovers.
    #[error("the store is unavailable: {0}")]
    StoreUnavailable(String),
    /// The actor died before the answer: the outcome is unknown, and asking again is safe with a
    /// batch number, a lease or an idempotency key.
    #[error("the execution's actor was interrupted; the outcome is unknown, ask again")]
    Interrupted,
    /// What was read is damaged.
    #[error("{0}")]
    Corrupt(String),
    /// A process with this runner's id is connected already, and this is another one.
    #[error(
        "runner {0} is connected already; give each process an id of its own, or return with the session of the one before"
    )]
    RunnerConnected(Name),
    /// It names the session of another runner.
    #[error("the session is that of another runner; register without one")]
    ForeignSession,
    /// The server is stopping.
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl From<TooMany> for Error {
    fn from(_: TooMany) -> Self {
        Self::Overloaded { what: "supervision.max_runners", retry_after: ROOM_AGAIN }
    }
}

/// Seconds after which a runner that found no room tries again: one is forgotten once it is lost.
const ROOM_AGAIN: u32 = 30;

/// One execution as it is served: encoded once for all who ask at the same seq.
#[derive(Clone, Debug)]
pub struct View {
    /// Head of its log.
    pub seq: u64,
    /// Phase at that seq.
    pub phase: Phase,
    /// The JSON of the wire's execution without `state`.
    pub execution: Bytes,
    /// The same with `state`.
    pub full: Bytes,
}

/// The answer to a creation.
#[derive(Clone, Debug)]
pub struct Created {
    /// Its id.
    pub id: ExecutionId,
    /// The JSON of the wire's execution without `state`.
    pub execution: Bytes,
    /// Whether it had been created before with the same idempotency key.
    pub replayed: bool,
    /// Who could take it now.
    pub dispatch: Dispatch,
}

/// Whether an execution could start at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // WIRE's words.
pub enum Verdict {
    Ready,
    NoRunnerEver,
    AllLost,
    AllFull,
    LimitHeld,
    Paused,
}

/// The verdict with its evidence (WIRE, `dispatch`).
#[derive(Clone, Debug, Serialize)]
pub struct Dispatch {
    /// In one word.
    pub verdict: Verdict,
    /// Runners of this queue that are alive; when it is asked for with an execution and some have
    /// free slots, those.
    pub runners_live: usize,
    /// Leases they would take at once.
    pub slots_free: usize,
    /// For people, with what to do.
    pub message: String,
}

/// A granted lease, as claim replies it.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Its id.
    pub id: ExecutionId,
    /// JSON of the wire's execution with `state`.
    pub execution: Bytes,
    /// Which attempt.
    pub attempt: u32,
    /// The token.
    pub lease: heartline_execution::LeaseId,
    /// Its heartbeat timeout.
    pub heartbeat: Span,
    /// What the attempts before left.
    pub checkpoint: Option<Box<Checkpoint>>,
    /// W3C trace context of the creator.
    pub traceparent: Option<String>,
}

/// The answer to a heartbeat.
#[derive(Clone, Debug)]
pub struct Beat {
    /// Stop, please.
    pub cancel_requested: bool,
    /// The next heartbeat must come before this.
    pub deadline: Timestamp,
    /// The answer to its question, where it has not said that it knows it.
    pub resumed: Option<Resumed>,
}

/// A person's answer, for the runner that asked.
#[derive(Clone, Debug)]
pub struct Resumed {
    /// The seq of its `execution.resumed`.
    pub seq: u64,
    /// What was answered.
    pub input: Option<Box<RawValue>>,
}

/// Why an execution is where it is (WIRE, `explain`).
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// One sentence.
    pub summary: String,
    /// Stable and machine-readable: `no_runner_ever`, `all_lost`, `all_full`, `limit_held`,
    /// `paused`, `starting`,
    /// `delayed`, `backing_off`, `waiting_for_input`, `heartbeat_late`, `not_progressing`,
    /// `not_heard_since_restart`, `running`, `runner_disconnected`, `cancelling`, `completed`, `failed`, `cancelled`.
    pub cause: String,
    /// Facts, each one sentence.
    pub evidence: Vec<String>,
    /// What runs out next.
    pub next_deadline: Option<Deadline>,
    /// Last sign of life of the runner that holds it; `None` while none does.
    pub alive_at: Option<Timestamp>,
    /// Its last event or progress; `None` while no runner holds it.
    pub progressed_at: Option<Timestamp>,
    /// What can be done, each one sentence or command.
    pub actions: Vec<String>,
}

/// A queue, as operators see it.
#[derive(Clone, Debug, Serialize)]
pub struct QueueView {
    /// Its name.
    pub queue: Name,
    /// Whether it gives nothing out.
    pub paused: bool,
    /// Since when and why.
    pub pause: Option<Pause>,
    /// How much of it may be in progress, and how fast it may be claimed.
    pub limits: QueueLimits,
    /// Claimable now, were it not for a pause or a limit.
    pub depth: usize,
    /// Not yet due: delayed or backing off.
    pub scheduled: usize,
    /// Leased.
    pub in_progress: usize,
    /// Of `depth`, those that a pause or a limit keeps from being claimed now.
    pub held: usize,
    /// Claims waiting for work.
    pub claims_waiting: usize,
    /// Age of the oldest claimable execution.
    pub oldest_age: Option<Span>,
    /// Due → claimed, over the last claims; milliseconds.
    pub claim_latency_ms: Quantiles,
    /// How often in the last 60 s.
    pub last_minute: Throughput,
    /// How often since the start, or since the queue is known.
    pub total: Throughput,
    /// The concurrency keys with most in progress, then most waiting; at most 10.
    pub busiest_keys: Vec<KeyFigures>,
    /// Runners known to have polled it, alive now.
    pub runners_live: usize,
    /// All such runners.
    pub runners_known: usize,
    /// Who could take something now.
    pub dispatch: Dispatch,
}

/// What went through a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Throughput {
    /// Came to wait in it: created, to be retried, or answered.
    pub entered: u64,
    /// Were claimed.
    pub claimed: u64,
    /// Came to an end, however they did.
    pub ended: u64,
}

/// How a runner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // WIRE's words.
pub enum RunnerStatus {
    Live,
    Late,
    Lost,
}

/// A runner, as operators see it.
#[derive(Clone, Debug, Serialize)]
pub struct RunnerView {
    /// As it described itself.
    #[serde(flatten)]
    pub info: RunnerInfo,
    /// Computed from freshness at the time of asking.
    pub status: RunnerStatus,
    /// Connected by a socket now; else it polls.
    pub connected: bool,
    /// Queues it polled, and when last.
    pub queues: BTreeMap<Name, Timestamp>,
    /// Slots it offered when it last polled.
    pub slots: u32,
    /// Slots it is offering now.
    pub slots_free: u32,
    /// What it holds.
    pub leases: Vec<ExecutionId>,
    /// First claim since it is known.
    pub first_seen: Timestamp,
    /// Last sign of life: claim, heartbeat or event.
    pub last_seen: Timestamp,
}

/// p50, p99 and max of a distribution; zero when nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Quantiles {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
    pub count: u64,
}

/// How things stand (WIRE, `/v1/supervisor`).
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)] // WIRE documents the shape.
pub struct SupervisorView {
    pub started_at: Timestamp,
    pub now: Timestamp,
    pub version: &'static str,
    pub store: StoreView,
    pub actors: ActorsView,
    pub restarts: u64,
    pub deadlines: DeadlinesView,
    pub limbo: LimboView,
    pub journal: JournalView,
    pub feed: FeedView,
    pub boot: BootReport,
    /// Live executions by phase.
    pub executions: BTreeMap<&'static str, usize>,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct StoreView {
    pub healthy: bool,
    pub error: Option<String>,
    pub format: u32,
    pub epoch: u64,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct ActorsView {
    /// Execution actors in memory.
    pub executions: usize,
    /// Queue actors.
    pub queues: usize,
    /// Runners known.
    pub runners: usize,
    /// Of those, connected by a socket.
    pub sessions: usize,
    /// Live executions, in memory or not.
    pub live: usize,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct DeadlinesView {
    pub armed: BTreeMap<&'static str, usize>,
    pub fired: BTreeMap<&'static str, u64>,
    /// Due → decided.
    pub lateness_ms: Quantiles,
    /// What lateness stays within where the machine keeps up (invariant F).
    pub epsilon_ms: u64,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct LimboView {
    pub checked_at: Option<Timestamp>,
    pub live: usize,
    /// Live executions with neither an armed deadline nor a live lease. Always empty.
    pub violations: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct JournalView {
    pub batch_p50: f64,
    pub batch_max: f64,
    pub sync_ms: Quantiles,
    pub queued: usize,
    pub commits: u64,
    pub events: u64,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct FeedView {
    /// By transport.
    pub subscribers: BTreeMap<&'static str, usize>,
    /// Of those, with all there is or reading from memory.
    pub live: usize,
    /// Of those, reading what was there when they came.
    pub catching_up: usize,
    /// Of those, fallen behind and reading from disk.
    pub lagging: usize,
    /// Connections ended because they did not take what was sent.
    pub cut: u64,
    pub frames_out: u64,
    pub bytes_out: u64,
    /// From durable to taken by the transport, of events that reach their reader live.
    pub publish_to_write: Latency,
    /// Executions written or watched.
    pub feeds: usize,
}

/// A distribution of durations since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Upper bound of the median, in milliseconds; 0 when nothing was measured.
    pub p50_ms: f64,
    /// Upper bound of the 99th percentile.
    pub p99_ms: f64,
    /// How many were measured.
    pub count: u64,
    /// All together.
    #[serde(skip)]
    pub sum_seconds: f64,
    /// Upper bound in seconds, and how many fell between it and the one before.
    #[serde(skip)]
    pub buckets: Vec<(f64, u64)>,
}

/// What was found and done at the last start.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct BootReport {
    /// Live executions found in the log.
    pub recovered: usize,
    /// Of those, waiting in queues.
    pub queued: usize,
    /// Of those, held by runners that were given a grace.
    pub leases_in_grace: usize,
    /// Of those, waiting for a person without a runner.
    pub parked: usize,
    /// Deadlines that passed while the server was down.
    pub overdue: usize,
    /// Leases lost since, whose executions went back to their queues.
    pub requeued: usize,
    /// Executions of that set that failed since.
    pub failed: usize,
    /// Leases whose runners have been heard from since.
    pub returned: usize,
    pub took_ms: u64,
    pub epoch: u64,
    /// One sentence for people.
    pub summary: String,
}
