"""What goes over the wire, as types. Made by ./generate; do not edit."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict

from typing_extensions import NotRequired


class Answered(TypedDict):
    """
    What a person answered.
    """

    input: Any
    seq: int


class Beat(TypedDict):
    """
    The answer to a heartbeat.
    """

    cancel_requested: bool
    deadline: str
    resumed: NotRequired[Answered | None]


class ByPhase(TypedDict):
    """
    A number for each phase.
    """

    cancelled: int
    completed: int
    failed: int
    in_progress: int
    pending: int
    waiting: int


class CancelState(TypedDict):
    """
    A requested cancellation and how far it got.
    """

    acknowledged_at: NotRequired[str | None]
    deadline: str
    delivered_at: NotRequired[str | None]
    forced_at: NotRequired[str | None]
    reason: NotRequired[str | None]
    requested_at: str


class Counted(TypedDict):
    """
    How many executions a list has.
    """

    counts: ByPhase
    exact: bool


class Deadline(TypedDict):
    """
    An armed timeout.
    """

    at: str
    kind: str


class Dispatch(TypedDict):
    """
    Who could take an execution now.
    """

    message: str
    runners_live: int
    slots_free: int
    verdict: str


class Done(TypedDict):
    """
    Done, and in the log.
    """

    cancel_requested: bool
    seq: int


Duration: TypeAlias = str


class Event(TypedDict):
    """
    An entry of an execution's log.
    """

    attempt: int
    data: Any
    execution_id: str
    prev: int
    seq: int
    time: str
    type: str


class EventPage(TypedDict):
    """
    A page of a log.
    """

    events: list[Event]
    head: int
    terminal: bool


ExecutionId: TypeAlias = str


class Explanation(TypedDict):
    """
    Why an execution is where it is.
    """

    actions: list[str]
    alive_at: NotRequired[str | None]
    cause: str
    evidence: list[str]
    next_deadline: NotRequired[Deadline | None]
    progressed_at: NotRequired[str | None]
    summary: str


class Failure(TypedDict):
    """
    What went wrong with an execution, for a person.
    """

    code: str
    detail: NotRequired[str | None]
    hint: NotRequired[str | None]
    message: str
    retryable: bool


class FieldError(TypedDict):
    """
    A broken rule.
    """

    message: str
    pointer: str


Instant: TypeAlias = str


Kind: TypeAlias = Literal['agent', 'workflow']


class LatencySummary(TypedDict):
    """
    A distribution of durations since the start; each figure is the upper bound of its bucket.
    """

    count: int
    p50_ms: float
    p99_ms: float


LeaseToken: TypeAlias = str


Name: TypeAlias = str


class Pause(TypedDict):
    """
    Since when a queue is paused, and why.
    """

    by: NotRequired[str | None]
    reason: NotRequired[str | None]
    since: str


Phase: TypeAlias = Literal['pending', 'in_progress', 'waiting', 'completed', 'failed', 'cancelled']


class PostedEvent(TypedDict):
    """
    One event as posted.
    """

    data: dict[str, Any]
    type: str


class Problem(TypedDict):
    """
    RFC 9457.
    """

    code: str
    detail: str
    errors: NotRequired[list[FieldError]]
    request_id: str
    retry_after: NotRequired[int | None]
    status: int
    title: str
    type: str


class Progress(TypedDict):
    """
    How far an execution is.
    """

    details: NotRequired[Any]
    fraction: NotRequired[float | None]
    message: NotRequired[str | None]


class Quantiles(TypedDict):
    """
    Of a distribution.
    """

    count: int
    max: float
    p50: float
    p99: float


class Question(TypedDict):
    """
    An open question to a person.
    """

    hold: bool
    prompt: NotRequired[str | None]
    schema: NotRequired[Any]
    seq: int
    since: str
    until: str


class QueueKey(TypedDict):
    """
    A concurrency key of a queue.
    """

    in_progress: int
    key: str
    waiting: int


class QueueRate(TypedDict):
    """
    Claims at most so fast: a bucket of tokens that holds `burst` and fills with `per_second`. It
    begins empty, also after a start of the server, so that it is never exceeded.
    """

    burst: NotRequired[int | None]
    per_second: float


class QueueUpdate(TypedDict):
    """
    `PATCH /v1/queues/{queue}`. What is left out stays; null takes a limit away.
    """

    by: NotRequired[str | None]
    key_max_in_progress: NotRequired[int | None]
    key_rate: NotRequired[QueueRate | None]
    max_in_progress: NotRequired[int | None]
    paused: NotRequired[bool]
    rate: NotRequired[QueueRate | None]
    reason: NotRequired[str | None]


class Rate(TypedDict):
    """
    Claims at most so fast.
    """

    burst: int
    per_second: float


Reason: TypeAlias = Literal['runner_error', 'definition_invalid', 'schedule_to_start_timeout', 'start_to_close_timeout', 'schedule_to_close_timeout', 'heartbeat_timeout', 'progress_timeout', 'waiting_timeout', 'runner_lost', 'cancel_requested', 'cancel_timeout', 'supervisor_gave_up']


class Resume(TypedDict):
    """
    `POST …/resume`.
    """

    input: NotRequired[Any]
    question: NotRequired[int | None]


class Retried(TypedDict):
    """
    `POST …/retry`.
    """


class Retry(TypedDict):
    """
    What happens after a failed attempt.
    """

    factor: float
    initial_backoff: str
    max_attempts: int
    max_backoff: str


class RetryPolicy(TypedDict):
    """
    What happens after a failed attempt.
    """

    factor: NotRequired[float | None]
    initial_backoff: NotRequired[Duration | None]
    max_attempts: NotRequired[int | None]
    max_backoff: NotRequired[Duration | None]


class Runner(TypedDict):
    """
    A runner, as it describes itself.
    """

    host: NotRequired[str | None]
    id: Name
    name: NotRequired[str | None]
    pid: NotRequired[int | None]
    version: NotRequired[str | None]


class RunnerError(TypedDict):
    """
    What went wrong, as the runner tells it.
    """

    code: NotRequired[str]
    detail: NotRequired[str | None]
    hint: NotRequired[str | None]
    message: str
    retryable: NotRequired[bool]


class RunnerInfo(TypedDict):
    """
    A runner, as it described itself.
    """

    host: NotRequired[str | None]
    id: str
    name: NotRequired[str | None]
    pid: NotRequired[int | None]
    version: NotRequired[str | None]


class RunnerStatus(TypedDict):
    """
    A runner and how it is.
    """

    connected: bool
    first_seen: str
    host: NotRequired[str | None]
    id: str
    last_seen: str
    leases: list[str]
    name: NotRequired[str | None]
    pid: NotRequired[int | None]
    queues: dict[str, str]
    slots: int
    slots_free: int
    status: str
    version: NotRequired[str | None]


class Runners(TypedDict):
    """
    Runners.
    """

    runners: list[RunnerStatus]


class State(TypedDict):
    """
    The fold of the content, keyed by id.
    """

    agent_state: Any
    artifacts: dict[str, Any]
    custom: dict[str, Any]
    messages: dict[str, Any]
    steps: dict[str, Any]
    sub_agents: dict[str, Any]
    tasks: dict[str, Any]
    todos: dict[str, Any]
    tool_calls: dict[str, Any]


class SupervisorActors(TypedDict):
    """
    What is in memory.
    """

    executions: int
    live: int
    queues: int
    runners: int
    sessions: int


class SupervisorBoot(TypedDict):
    """
    What was found and done at the last start.
    """

    epoch: int
    failed: int
    leases_in_grace: int
    overdue: int
    parked: int
    queued: int
    recovered: int
    requeued: int
    returned: int
    summary: str
    took_ms: int


class SupervisorDeadlines(TypedDict):
    """
    Deadlines by kind.
    """

    armed: dict[str, int]
    epsilon_ms: int
    fired: dict[str, int]
    lateness_ms: Quantiles


class SupervisorFeed(TypedDict):
    """
    Who watches, and what went out.
    """

    bytes_out: int
    catching_up: int
    cut: int
    feeds: int
    frames_out: int
    lagging: int
    live: int
    publish_to_write: LatencySummary
    subscribers: dict[str, int]


class SupervisorJournal(TypedDict):
    """
    What is written together, and how long the disk takes.
    """

    batch_max: float
    batch_p50: float
    commits: int
    events: int
    queued: int
    sync_ms: Quantiles


class SupervisorLimbo(TypedDict):
    """
    The audit that looks for executions which nothing would ever end.
    """

    checked_at: NotRequired[str | None]
    live: int
    violations: list[str]


class SupervisorStore(TypedDict):
    """
    Whether what is written reaches the disk.
    """

    epoch: int
    error: NotRequired[str | None]
    format: int
    healthy: bool


class Throughput(TypedDict):
    """
    What went through a queue.
    """

    claimed: int
    ended: int
    entered: int


class TimeoutChanges(TypedDict):
    """
    Timeouts to set; what is left out keeps its default or its value.
    """

    cancel: NotRequired[Duration]
    heartbeat: NotRequired[Duration]
    progress: NotRequired[Duration | None]
    schedule_to_close: NotRequired[Duration | None]
    schedule_to_start: NotRequired[Duration]
    start_to_close: NotRequired[Duration | None]
    waiting: NotRequired[Duration]


class Timeouts(TypedDict):
    """
    Timeouts as they stand; durations such as `30s`.
    """

    cancel: str
    heartbeat: str
    progress: NotRequired[str | None]
    schedule_to_close: NotRequired[str | None]
    schedule_to_start: str
    start_to_close: NotRequired[str | None]
    waiting: str


class Update(TypedDict):
    """
    `PATCH /v1/executions/{id}`. What is left out stays.
    """

    labels: NotRequired[dict[str, str]]
    priority: NotRequired[int | None]
    timeouts: NotRequired[TimeoutChanges | None]


ViewName: TypeAlias = Literal['full', 'status', 'agui']


class Wait(TypedDict):
    """
    `POST …/wait`.
    """

    batch: NotRequired[int | None]
    hold: NotRequired[bool]
    lease: LeaseToken
    prompt: NotRequired[str | None]
    schema: NotRequired[dict[str, Any] | None]
    timeout: NotRequired[Duration | None]


class Cancel(TypedDict):
    """
    `POST …/cancel`.
    """

    grace: NotRequired[Duration | None]
    reason: NotRequired[str | None]


class Cancelled(TypedDict):
    """
    `POST …/cancel_acknowledged` and `POST …/cancelled`.
    """

    lease: LeaseToken


class Checkpoint(TypedDict):
    """
    What the attempts before left for the one that begins.
    """

    attempt: int
    progress: NotRequired[Progress | None]
    state: NotRequired[Any]


class Claim(TypedDict):
    """
    `POST /v1/queues/{queue}/claim`.
    """

    runner: Runner
    slots: NotRequired[int]
    wait: NotRequired[Duration | None]


class Complete(TypedDict):
    """
    `POST …/complete`.
    """

    lease: LeaseToken
    output: NotRequired[Any]


class Create(TypedDict):
    """
    `POST /v1/executions`.
    """

    concurrency_key: NotRequired[Name | None]
    delay: NotRequired[Duration | None]
    input: NotRequired[Any]
    kind: Kind
    labels: NotRequired[dict[str, str]]
    name: str
    parent_id: NotRequired[ExecutionId | None]
    priority: NotRequired[int]
    queue: NotRequired[Name | None]
    retry: NotRequired[RetryPolicy | None]
    start_at: NotRequired[Instant | None]
    timeouts: NotRequired[TimeoutChanges | None]


class Execution(TypedDict):
    """
    One run of an agent or a workflow.
    """

    answer: NotRequired[Any]
    attempt: int
    cancel: NotRequired[CancelState | None]
    concurrency_key: NotRequired[str | None]
    created_at: str
    deadline: NotRequired[Deadline | None]
    error: NotRequired[Failure | None]
    finished_at: NotRequired[str | None]
    id: str
    input: NotRequired[Any]
    kind: Kind
    labels: dict[str, str]
    max_attempts: int
    name: str
    namespace: str
    output: NotRequired[Any]
    parent_id: NotRequired[str | None]
    phase: Phase
    priority: int
    progress: NotRequired[Progress | None]
    queue: str
    reason: NotRequired[str | None]
    retry: Retry
    retry_of: NotRequired[str | None]
    runner: NotRequired[RunnerInfo | None]
    seq: int
    start_at: NotRequired[str | None]
    started_at: NotRequired[str | None]
    timeouts: Timeouts
    waiting: NotRequired[Question | None]


class ExecutionWithState(Execution):
    """
    An execution with what its runner made of it.
    """

    state: State


class Fail(TypedDict):
    """
    `POST …/fail`.
    """

    error: RunnerError
    lease: LeaseToken


class Heartbeat(TypedDict):
    """
    `POST …/heartbeat`.
    """

    knows: NotRequired[int]
    lease: LeaseToken
    progress: NotRequired[Progress | None]


class Lease(TypedDict):
    """
    A granted lease.
    """

    attempt: int
    checkpoint: NotRequired[Checkpoint | None]
    execution: ExecutionWithState
    heartbeat: str
    lease: str
    traceparent: NotRequired[str | None]


class Listed(TypedDict):
    """
    A page of executions, newest first.
    """

    executions: list[Execution]
    next_cursor: NotRequired[str | None]


class PostEvents(TypedDict):
    """
    `POST …/events`, borrowed from the body.
    """

    batch: NotRequired[int | None]
    events: list[PostedEvent]
    lease: LeaseToken


class QueueLimits(TypedDict):
    """
    How much of a queue may be in progress, and how fast it may be claimed; null is no limit.
    """

    key_max_in_progress: NotRequired[int | None]
    key_rate: NotRequired[Rate | None]
    max_in_progress: NotRequired[int | None]
    rate: NotRequired[Rate | None]


class Supervisor(TypedDict):
    """
    How things stand.
    """

    actors: SupervisorActors
    boot: SupervisorBoot
    deadlines: SupervisorDeadlines
    executions: dict[str, int]
    feed: SupervisorFeed
    journal: SupervisorJournal
    limbo: SupervisorLimbo
    now: str
    restarts: int
    started_at: str
    store: SupervisorStore
    version: str


class Claimed(TypedDict):
    """
    Granted leases.
    """

    leases: list[Lease]


class Created(TypedDict):
    """
    A new execution.
    """

    dispatch: Dispatch
    execution: Execution


class Queue(TypedDict):
    """
    A queue.
    """

    busiest_keys: list[QueueKey]
    claim_latency_ms: Quantiles
    claims_waiting: int
    depth: int
    dispatch: Dispatch
    held: int
    in_progress: int
    last_minute: Throughput
    limits: QueueLimits
    oldest_age: NotRequired[str | None]
    pause: NotRequired[Pause | None]
    paused: bool
    queue: str
    runners_known: int
    runners_live: int
    scheduled: int
    total: Throughput


class Queues(TypedDict):
    """
    Queues.
    """

    queues: list[Queue]
