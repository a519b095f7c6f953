//! What answers look like, for `/openapi.json`. Answers are written elsewhere (most of them as
//! bytes that are encoded once); a test reads real ones back by these types.

#![allow(dead_code, reason = "the types are descriptions")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

macro_rules! described {
    ($($(#[doc = $doc:literal])* $(#[schema($($schema:tt)*)])? $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Serialize, Deserialize, ToSchema)]
        #[cfg_attr(test, serde(deny_unknown_fields))] // Clients must not mind new fields.
        $(#[schema($($schema)*)])?
        pub(crate) struct $name {
            $($(#[$attribute])* pub(crate) $field: $type,)*
        }
    )*};
}
pub(crate) use described;

/// Agent or workflow.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Agent,
    Workflow,
}

/// Why a phase was entered.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    RunnerError,
    DefinitionInvalid,
    ScheduleToStartTimeout,
    StartToCloseTimeout,
    ScheduleToCloseTimeout,
    HeartbeatTimeout,
    ProgressTimeout,
    WaitingTimeout,
    RunnerLost,
    CancelRequested,
    CancelTimeout,
    SupervisorGaveUp,
}

/// Where an execution is in its life; the last three are final.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    Pending,
    InProgress,
    Waiting,
    Completed,
    Failed,
    Cancelled,
}

/// Which executions a list is of; all that is named must match.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filters {
    /// In this phase
    phase: Option<Phase>,
    /// In its phase for this reason
    reason: Option<Reason>,
    /// Of this kind
    kind: Option<Kind>,
    /// With this name
    name: Option<String>,
    /// In this queue
    queue: Option<Name>,
    /// Last held by the runner with this id
    runner: Option<Name>,
    /// With this label, as `key:value`
    label: Option<String>,
    /// Children of this execution
    parent: Option<ExecutionId>,
    /// Those that try this execution again
    retry_of: Option<ExecutionId>,
    /// With an id that starts so
    id_prefix: Option<String>,
    /// Created at or after, RFC 3339
    since: Option<Instant>,
    /// Created before, RFC 3339
    until: Option<Instant>,
}

/// Which events a reader sees, and in which words.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) enum ViewName {
    /// Everything.
    #[serde(rename = "full")]
    Full,
    /// The lifecycle.
    #[serde(rename = "status")]
    Status,
    /// AG-UI 1.0.
    #[serde(rename = "agui")]
    AgUi,
}

macro_rules! texts {
    ($($(#[doc = $doc:literal])* $name:ident = $pattern:literal $example:literal;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Serialize, Deserialize, ToSchema)]
        #[schema(value_type = String, pattern = $pattern, example = $example)]
        pub(crate) struct $name(String);
    )*};
}

texts! {
    /// An execution: `aex_` for an agent's, `wex_` for a workflow's, and a UUIDv7.
    ExecutionId = "^[aw]ex_[0-9a-f]{32}$" "aex_01981f000000700080000000000000ab";
    /// What lets a runner write, as handed out by claim.
    LeaseToken = "^[0-9a-f]{32}$" "0198f1d2c3b4a5968778695a4b3c2d1e";
    /// Of a queue, a runner, a key.
    Name = "^[A-Za-z0-9_.:-]{1,128}$" "agents";
    /// Such as `250ms`, `30s` or `1h30m`.
    Duration = "^(([0-9]{1,6}h)?([0-9]{1,6}m)?[0-9]{1,6}s|[0-9]{1,6}(h|m|ms))$" "30s";
    /// RFC 3339.
    Instant = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$" "2026-01-02T03:04:05.000006Z";
}

described! {
    /// What went wrong with an execution, for a person.
    Failure {
        /// Stable and machine-readable.
        code: String,
        /// One sentence.
        message: String,
        /// Evidence.
        #[serde(default)]
        detail: Option<String>,
        /// What to do.
        #[serde(default)]
        hint: Option<String>,
        /// Whether another attempt could go better.
        retryable: bool,
    }

    /// A runner, as it described itself.
    RunnerInfo {
        id: String,
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        host: Option<String>,
        #[serde(default)]
        pid: Option<u32>,
        #[serde(default)]
        version: Option<String>,
    }

    /// How far an execution is.
    Progress {
        /// Within 0 and 1.
        #[schema(minimum = 0, maximum = 1)]
        #[serde(default)]
        fraction: Option<f64>,
        #[schema(max_length = 1000)]
        #[serde(default)]
        message: Option<String>,
        /// The runner's own, such as where another attempt goes on; at most 65,536 bytes.
        #[serde(default)]
        details: Option<Value>,
    }

    /// An armed timeout.
    Deadline {
        /// What runs out.
        kind: String,
        #[schema(format = DateTime)]
        at: String,
    }

    /// Timeouts as they stand; durations such as `30s`.
    Timeouts {
        schedule_to_start: String,
        heartbeat: String,
        start_to_close: Option<String>,
        schedule_to_close: Option<String>,
        progress: Option<String>,
        waiting: String,
        cancel: String,
    }

    /// What happens after a failed attempt.
    Retry {
        max_attempts: u32,
        initial_backoff: String,
        factor: f64,
        max_backoff: String,
    }

    /// An open question to a person.
    Question {
        /// Names it in the answer: the seq of its `execution.waiting`.
        seq: u64,
        prompt: Option<String>,
        schema: Option<Value>,
        since: String,
        until: String,
        hold: bool,
    }

    /// A requested cancellation and how far it got.
    CancelState {
        reason: Option<String>,
        requested_at: String,
        deadline: String,
        delivered_at: Option<String>,
        acknowledged_at: Option<String>,
        /// When the runner was waited for no longer.
        forced_at: Option<String>,
    }

    /// One run of an agent or a workflow.
    Execution {
        #[schema(example = "aex_01981f000000700080000000000000ab")]
        id: String,
        kind: Kind,
        name: String,
        namespace: String,
        queue: String,
        phase: Phase,
        /// Why that phase.
        reason: Option<String>,
        error: Option<Failure>,
        attempt: u32,
        max_attempts: u32,
        runner: Option<RunnerInfo>,
        progress: Option<Progress>,
        input: Option<Value>,
        output: Option<Value>,
        labels: BTreeMap<String, String>,
        priority: i32,
        concurrency_key: Option<String>,
        parent_id: Option<String>,
        retry_of: Option<String>,
        timeouts: Timeouts,
        retry: Retry,
        /// What runs out next.
        deadline: Option<Deadline>,
        waiting: Option<Question>,
        cancel: Option<CancelState>,
        /// The last answer a person gave.
        answer: Option<Value>,
        start_at: Option<String>,
        #[schema(format = DateTime)]
        created_at: String,
        started_at: Option<String>,
        finished_at: Option<String>,
        /// Where its log ends.
        seq: u64,
    }

    /// Who could take an execution now.
    Dispatch {
        /// `ready`, `no_runner_ever`, `all_lost`, `all_full`, `limit_held` or `paused`.
        verdict: String,
        runners_live: u64,
        slots_free: u64,
        message: String,
    }

    /// A new execution.
    Created {
        execution: Execution,
        dispatch: Dispatch,
    }

    /// A page of executions, newest first.
    Listed {
        executions: Vec<Execution>,
        next_cursor: Option<String>,
    }

    /// How many executions a list has.
    Counted {
        counts: ByPhase,
        /// Whether it is just so many, or at least: of long lists only a part is looked at.
        exact: bool,
    }

    /// A number for each phase.
    ByPhase {
        pending: u64,
        in_progress: u64,
        waiting: u64,
        completed: u64,
        failed: u64,
        cancelled: u64,
    }

    /// An entry of an execution's log.
    Event {
        /// Dense from 1.
        seq: u64,
        /// The seq of the event before, in this view. In `agui` some events are not in the log,
        /// such as the end of a message whose runner died: their `seq` is this one, too.
        prev: u64,
        execution_id: String,
        attempt: u32,
        #[schema(format = DateTime)]
        time: String,
        /// `execution.*`, or an AG-UI 1.0 event type.
        r#type: String,
        data: Value,
    }

    /// A page of a log.
    EventPage {
        events: Vec<Event>,
        /// Where the log ends.
        head: u64,
        /// Whether it will not grow.
        terminal: bool,
    }

    /// Done, and in the log.
    Done {
        /// Where the log ends, or ended after the batch that is repeated.
        seq: u64,
        /// Whether the execution was asked to stop.
        cancel_requested: bool,
    }

    /// The answer to a heartbeat.
    Beat {
        cancel_requested: bool,
        /// The next one must come before.
        #[schema(format = DateTime)]
        deadline: String,
        /// The answer to the runner's question, in every reply until a heartbeat says that the
        /// runner `knows` it, the lease ends, or another question is asked; absent otherwise.
        resumed: Option<Answered>,
    }

    /// What a person answered.
    Answered {
        /// The seq of its `execution.resumed`.
        seq: u64,
        /// The answer; null where it has none.
        input: Value,
    }

    /// A granted lease.
    Lease {
        execution: ExecutionWithState,
        attempt: u32,
        /// Goes with every call for the execution.
        lease: String,
        /// Its heartbeat timeout.
        heartbeat: String,
        /// What the attempts before left; null where they left nothing.
        checkpoint: Option<Checkpoint>,
        /// W3C trace context that came with the creation, to go on with; null where none did.
        traceparent: Option<String>,
    }

    /// What the attempts before left for the one that begins.
    Checkpoint {
        /// The one that reported progress or changed the shared state last.
        attempt: u32,
        /// The last progress.
        progress: Option<Progress>,
        /// AG-UI's shared state: the last `STATE_SNAPSHOT` with the deltas since.
        state: Option<Value>,
    }

    /// Granted leases.
    Claimed {
        leases: Vec<Lease>,
    }

    /// Why an execution is where it is.
    Explanation {
        /// One sentence.
        summary: String,
        /// Stable and machine-readable.
        cause: String,
        evidence: Vec<String>,
        next_deadline: Option<Deadline>,
        /// Last sign of life of the runner that holds it; null while none does.
        #[schema(format = DateTime)]
        alive_at: Option<String>,
        /// Its last event or progress; null while no runner holds it.
        #[schema(format = DateTime)]
        progressed_at: Option<String>,
        actions: Vec<String>,
    }

    /// Of a distribution.
    Quantiles {
        p50: f64,
        p99: f64,
        max: f64,
        count: u64,
    }

    /// Since when a queue is paused, and why.
    Pause {
        #[schema(format = DateTime)]
        since: String,
        by: Option<String>,
        reason: Option<String>,
    }

    /// Claims at most so fast.
    Rate {
        per_second: f64,
        /// At once, after a quiet time.
        burst: u32,
    }

    /// How much of a queue may be in progress, and how fast it may be claimed; null is no limit.
    QueueLimits {
        max_in_progress: Option<u32>,
        rate: Option<Rate>,
        /// Of each concurrency key.
        key_max_in_progress: Option<u32>,
        /// Of each concurrency key.
        key_rate: Option<Rate>,
    }

    /// What went through a queue.
    Throughput {
        /// Came to wait: created, to be retried, or answered.
        entered: u64,
        claimed: u64,
        /// Came to an end, however they did.
        ended: u64,
    }

    /// A concurrency key of a queue.
    QueueKey {
        key: String,
        waiting: u64,
        in_progress: u64,
    }

    /// A queue.
    Queue {
        queue: String,
        paused: bool,
        pause: Option<Pause>,
        limits: QueueLimits,
        /// Claimable now, were it not for a pause or a limit.
        depth: u64,
        /// Delayed or backing off.
        scheduled: u64,
        /// Leased, also while they wait for a person with the lease kept.
        in_progress: u64,
        /// Of `depth`, those that a pause or a limit keeps from being claimed now.
        held: u64,
        claims_waiting: u64,
        /// Of `depth`, since it was due.
        oldest_age: Option<String>,
        /// From due to claimed, over the last claims.
        claim_latency_ms: Quantiles,
        /// In the last 60 s.
        last_minute: Throughput,
        /// Since the start, or since the queue is known.
        total: Throughput,
        /// Most in progress first, then most waiting; at most 10.
        busiest_keys: Vec<QueueKey>,
        runners_live: u64,
        runners_known: u64,
        dispatch: Dispatch,
    }

    /// Queues.
    Queues {
        queues: Vec<Queue>,
    }

    /// A runner and how it is.
    RunnerStatus {
        id: String,
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        host: Option<String>,
        #[serde(default)]
        pid: Option<u32>,
        #[serde(default)]
        version: Option<String>,
        /// `live`, `late` or `lost`.
        status: String,
        /// By a socket; else it polls.
        connected: bool,
        /// Queues it polled, and when last.
        queues: BTreeMap<String, String>,
        slots: u32,
        slots_free: u32,
        /// Executions it holds.
        leases: Vec<String>,
        first_seen: String,
        last_seen: String,
    }

    /// Runners.
    Runners {
        runners: Vec<RunnerStatus>,
    }

    /// Whether what is written reaches the disk.
    SupervisorStore {
        healthy: bool,
        /// Why it is not.
        error: Option<String>,
        /// Of the data folder.
        format: u32,
        /// How often the folder was opened.
        epoch: u64,
    }

    /// What is in memory.
    SupervisorActors {
        /// Execution actors.
        executions: u64,
        /// Queue actors.
        queues: u64,
        /// Runners known.
        runners: u64,
        /// Of those, connected by a socket.
        sessions: u64,
        /// Live executions, in memory or not.
        live: u64,
    }

    /// Deadlines by kind.
    SupervisorDeadlines {
        armed: BTreeMap<String, u64>,
        fired: BTreeMap<String, u64>,
        /// From due to decided.
        lateness_ms: Quantiles,
        /// What lateness stays within where the machine keeps up.
        epsilon_ms: u64,
    }

    /// The audit that looks for executions which nothing would ever end.
    SupervisorLimbo {
        #[schema(format = DateTime)]
        checked_at: Option<String>,
        live: u64,
        /// Ids of live executions with neither an armed deadline nor a live lease. Always empty.
        violations: Vec<String>,
    }

    /// What is written together, and how long the disk takes.
    SupervisorJournal {
        /// Events of a batch.
        batch_p50: f64,
        batch_max: f64,
        sync_ms: Quantiles,
        /// Appends that wait.
        queued: u64,
        commits: u64,
        events: u64,
    }

    /// A distribution of durations since the start; each figure is the upper bound of its bucket.
    LatencySummary {
        p50_ms: f64,
        p99_ms: f64,
        count: u64,
    }

    /// Who watches, and what went out.
    SupervisorFeed {
        /// By transport.
        subscribers: BTreeMap<String, u64>,
        /// Of those, with all there is or reading from memory.
        live: u64,
        /// Of those, reading what was there when they came.
        catching_up: u64,
        /// Of those, fallen behind and reading from disk.
        lagging: u64,
        /// Connections ended because they did not take what was sent.
        cut: u64,
        frames_out: u64,
        bytes_out: u64,
        /// From durable to taken by the transport, of events that reach their reader live.
        publish_to_write: LatencySummary,
        /// Executions written or watched.
        feeds: u64,
    }

    /// What was found and done at the last start.
    SupervisorBoot {
        /// Live executions found in the log.
        recovered: u64,
        /// Of those, waiting in queues.
        queued: u64,
        /// Of those, held by runners that were given a grace.
        leases_in_grace: u64,
        /// Of those, waiting for a person without a runner.
        parked: u64,
        /// Deadlines that passed while the server was down.
        overdue: u64,
        /// Leases lost since, whose executions went back to their queues.
        requeued: u64,
        /// Executions of that set that failed since.
        failed: u64,
        /// Leases whose runners have been heard from since.
        returned: u64,
        took_ms: u64,
        epoch: u64,
        /// One sentence.
        summary: String,
    }

    /// How things stand.
    Supervisor {
        #[schema(format = DateTime)]
        started_at: String,
        #[schema(format = DateTime)]
        now: String,
        version: String,
        store: SupervisorStore,
        actors: SupervisorActors,
        restarts: u64,
        deadlines: SupervisorDeadlines,
        limbo: SupervisorLimbo,
        journal: SupervisorJournal,
        feed: SupervisorFeed,
        boot: SupervisorBoot,
        /// Live executions by phase.
        executions: BTreeMap<String, u64>,
    }

    /// A broken rule.
    FieldError {
        /// RFC 6901 into the body, or `?name` for a query parameter.
        pointer: String,
        message: String,
    }

    /// RFC 9457.
    #[schema(example = json!({
        "type": "urn:heartline:problem:invalid", "title": "The request is well-formed and wrong", "status": 422,
        "code": "invalid", "detail": "/name: is required", "request_id": "5f0c61a200000001",
        "errors": [{"pointer": "/name", "message": "is required"}]
    }))]
    Problem {
        /// `urn:heartline:problem:` and the code.
        r#type: String,
        title: String,
        status: u16,
        /// Stable and machine-readable.
        code: String,
        detail: String,
        request_id: String,
        #[serde(default)]
        errors: Vec<FieldError>,
        /// Seconds after which another try makes sense, where the server knows; as `Retry-After`.
        retry_after: Option<u32>,
    }
}

/// An execution with what its runner made of it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ExecutionWithState {
    #[serde(flatten)]
    pub(crate) execution: Execution,
    pub(crate) state: State,
}

/// The fold of the content, keyed by id.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct State {
    pub(crate) messages: BTreeMap<String, Value>,
    pub(crate) tool_calls: BTreeMap<String, Value>,
    pub(crate) sub_agents: BTreeMap<String, Value>,
    pub(crate) todos: BTreeMap<String, Value>,
    pub(crate) tasks: BTreeMap<String, Value>,
    pub(crate) artifacts: BTreeMap<String, Value>,
    /// Named steps.
    pub(crate) steps: BTreeMap<String, Value>,
    /// The application's own events, the latest value of each.
    pub(crate) custom: BTreeMap<String, Value>,
    /// AG-UI's agent state.
    pub(crate) agent_state: Value,
}

#[cfg(test)]
mod tests {
    use heartline_execution::{ExecutionId, Kind, Spec, State as Fold, Timestamp, command::Signs};

    use super::*;

    #[test]
    fn a_real_execution_is_as_described() {
        let id = ExecutionId::new(Kind::Agent, 7);
        let context = heartline_execution::decide::Context {
            after: None,
            id,
            now: Timestamp(1),
            random: 0.0,
            state_limit: 1,
        };
        let spec = Box::new(Spec::new(Kind::Agent, "n"));
        let command = heartline_execution::Command::Create(spec);
        let decision = heartline_execution::decide(None, command, &context).unwrap();
        let mut state: Option<Fold> = None;
        heartline_execution::state::apply(&mut state, &decision.events[0]).unwrap();
        let state = state.unwrap();
        let json = serde_json::to_vec(&state.execution(Signs::default())).unwrap();
        let described: Execution = serde_json::from_slice(&json).unwrap();
        assert_eq!(described.id, id.to_string());
    }

    #[test]
    fn a_real_problem_is_as_described() {
        let problem = crate::error::Problem::at(crate::error::Code::Invalid, "/a", "wrong");
        let described: Problem = serde_json::from_slice(&problem.json("r")).unwrap();
        assert_eq!((described.status, described.errors.len()), (422, 1));
    }
}
