//! What requests say: wire types, apart from the domain's. Each reads strictly (no unknown
//! fields) and turns into a domain value; each is also its own entry in `/openapi.json`.

use std::borrow::Cow;

use heartline_execution::{
    Command, ExecutionId, Kind, LeaseId, Name, Namespace, QueuePatch, Rate, Span, Spec, Timestamp,
    command::TimeoutPatch,
    content::{FieldError, Progress},
    event::{Failure, RunnerInfo},
    spec::{MAX_TIMEOUT, Retry, Timeouts},
};
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    error::{Code, Problem},
    json::{Object, Strings},
    schema,
};

/// The most characters of a line a person or a runner writes about something.
const LINE_MAX: usize = 1_024;
/// The most characters of a longer text: evidence, a question.
const TEXT_MAX: usize = 64 * 1_024;

/// `POST /v1/executions`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "kind": "agent", "name": "summarise", "input": {"url": "https://example.org"},
    "labels": {"team": "x"}, "timeouts": {"heartbeat": "30s"}, "retry": {"max_attempts": 3}
}))]
pub(crate) struct Create {
    /// What to run.
    #[schema(value_type = schema::Kind)]
    kind: Kind,
    /// For people and the runner; 1 to 256 bytes, no control characters.
    #[schema(min_length = 1, max_length = 256)]
    name: String,
    /// Where it waits; `agents` or `workflows` unless said.
    #[schema(value_type = Option<schema::Name>)]
    queue: Option<Name>,
    /// Handed to the runner as it is.
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<Box<RawValue>>,
    /// For finding it again; at most 64.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    labels: Option<Strings>,
    /// Higher goes first.
    #[serde(default)]
    #[schema(minimum = -1000, maximum = 1000)]
    priority: i32,
    /// Executions with the same key share a limit.
    #[schema(value_type = Option<schema::Name>)]
    concurrency_key: Option<Name>,
    #[schema(value_type = Option<TimeoutChanges>)]
    timeouts: Option<Object<TimeoutChanges>>,
    #[schema(value_type = Option<RetryPolicy>)]
    retry: Option<Object<RetryPolicy>>,
    /// Not before this instant.
    #[schema(value_type = Option<schema::Instant>)]
    start_at: Option<Timestamp>,
    /// Not before this much later; instead of `start_at`.
    #[schema(value_type = Option<schema::Duration>, example = "5m")]
    delay: Option<Span>,
    /// The execution that starts this one.
    #[schema(value_type = Option<schema::ExecutionId>)]
    parent_id: Option<ExecutionId>,
}

impl Create {
    /// What is asked for, with every default filled in. Bounds are the domain's to check.
    ///
    /// # Errors
    /// 422 where two fields contradict each other.
    pub(crate) fn into_spec(
        self,
        namespace: Namespace,
        now: Timestamp,
        traceparent: Option<String>,
    ) -> Result<Spec, Problem> {
        let start_at = match (self.start_at, self.delay) {
            (Some(_), Some(_)) => {
                return Err(invalid("/delay", "stands with start_at; give one of them"));
            }
            (None, Some(delay)) if delay > MAX_TIMEOUT => {
                return Err(invalid("/delay", &format!("a delay is at most {MAX_TIMEOUT}")));
            }
            (None, Some(delay)) => Some(now.plus(delay)),
            (at, None) => at,
        };
        let mut timeouts = Timeouts::default();
        self.timeouts.unwrap_or_default().0.into_patch().apply(&mut timeouts);
        Ok(Spec {
            queue: self.queue.unwrap_or_else(|| Name::default_queue(self.kind)),
            namespace,
            input: self.input.map(one_line),
            labels: self.labels.unwrap_or_default().0,
            priority: self.priority,
            concurrency_key: self.concurrency_key,
            timeouts,
            retry: self.retry.unwrap_or_default().0.into_retry(),
            start_at,
            parent_id: self.parent_id,
            traceparent,
            ..Spec::new(self.kind, self.name)
        })
    }
}

/// Timeouts to set; what is left out keeps its default or its value.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TimeoutChanges {
    /// Due in its queue → taken by a runner. Default 1m; it cannot be switched off.
    #[serde(deserialize_with = "set")]
    #[schema(value_type = schema::Duration, example = "1m")]
    schedule_to_start: Option<Span>,
    /// Between two signs of life. Default 30s; it cannot be switched off.
    #[serde(deserialize_with = "set")]
    #[schema(value_type = schema::Duration, example = "30s")]
    heartbeat: Option<Span>,
    /// One attempt. Default none.
    #[serde(deserialize_with = "clearable")]
    #[schema(value_type = Option<schema::Duration>, example = "10m")]
    start_to_close: Option<Option<Span>>,
    /// The whole execution, retries included. Default none.
    #[serde(deserialize_with = "clearable")]
    #[schema(value_type = Option<schema::Duration>, example = "1h")]
    schedule_to_close: Option<Option<Span>>,
    /// Between two events or progress reports. Default none.
    #[serde(deserialize_with = "clearable")]
    #[schema(value_type = Option<schema::Duration>, example = "5m")]
    progress: Option<Option<Span>>,
    /// A person's answer. Default 7 days; it cannot be switched off.
    #[serde(deserialize_with = "set")]
    #[schema(value_type = schema::Duration, example = "168h")]
    waiting: Option<Span>,
    /// From a requested cancellation to a forced one. Default 30s; it cannot be switched off.
    #[serde(deserialize_with = "set")]
    #[schema(value_type = schema::Duration, example = "30s")]
    cancel: Option<Span>,
}

impl TimeoutChanges {
    /// The domain's value.
    fn into_patch(self) -> TimeoutPatch {
        TimeoutPatch {
            schedule_to_start: self.schedule_to_start,
            heartbeat: self.heartbeat,
            start_to_close: self.start_to_close,
            schedule_to_close: self.schedule_to_close,
            progress: self.progress,
            waiting: self.waiting,
            cancel: self.cancel,
        }
    }
}

/// A timeout that always exists: without it an execution could wait for ever.
fn set<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    match Option::<Span>::deserialize(deserializer)? {
        Some(span) => Ok(Some(span)),
        None => Err(de::Error::custom(
            "must be set: without it an execution could wait for ever; leave the field out for the default",
        )),
    }
}

/// A timeout that null switches off.
fn clearable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Span>>, D::Error> {
    Option::<Span>::deserialize(deserializer).map(Some)
}

/// What happens after a failed attempt.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RetryPolicy {
    /// Attempts in all; 1, the default, means no retry.
    #[schema(minimum = 1, maximum = 1000)]
    max_attempts: Option<u32>,
    /// Wait before the second attempt. Default 1s.
    #[schema(value_type = Option<schema::Duration>, example = "1s")]
    initial_backoff: Option<Span>,
    /// Each further wait is the one before times this. Default 2.
    #[schema(minimum = 1, maximum = 100)]
    factor: Option<f64>,
    /// No wait is longer. Default 1m.
    #[schema(value_type = Option<schema::Duration>, example = "1m")]
    max_backoff: Option<Span>,
}

impl RetryPolicy {
    fn into_retry(self) -> Retry {
        let default = Retry::default();
        Retry {
            max_attempts: self.max_attempts.unwrap_or(default.max_attempts),
            initial_backoff: self.initial_backoff.unwrap_or(default.initial_backoff),
            factor: self.factor.unwrap_or(default.factor),
            max_backoff: self.max_backoff.unwrap_or(default.max_backoff),
        }
    }
}

/// `PATCH /v1/executions/{id}`. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"priority": 10, "timeouts": {"start_to_close": "10m"}}))]
pub(crate) struct Update {
    /// All labels, new.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    labels: Option<Strings>,
    /// Higher goes first.
    #[schema(minimum = -1000, maximum = 1000)]
    priority: Option<i32>,
    #[schema(value_type = Option<TimeoutChanges>)]
    timeouts: Option<Object<TimeoutChanges>>,
}

impl Update {
    /// The command, for the log that ends at `if_match` where that is given.
    pub(crate) fn into_command(self, if_match: Option<u64>) -> Command {
        let timeouts = self.timeouts.unwrap_or_default().0.into_patch();
        let labels = self.labels.map(|Strings(labels)| labels);
        Command::Update { labels, priority: self.priority, timeouts, if_match }
    }
}

/// `PATCH /v1/queues/{queue}`. What is left out stays; null takes a limit away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"max_in_progress": 10, "rate": {"per_second": 5, "burst": 10}}))]
pub(crate) struct QueueUpdate {
    /// Pause or resume. A paused queue gives nothing out; what is in progress goes on, and so do
    /// the deadlines of what waits.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = bool)]
    paused: Option<bool>,
    /// Who pauses, for people; goes with `paused: true`.
    #[schema(min_length = 1, max_length = 256)]
    by: Option<String>,
    /// Why, for people; goes with `paused: true`.
    #[schema(min_length = 1, max_length = 1024)]
    reason: Option<String>,
    /// Leased at once, claims under way included.
    #[serde(default, deserialize_with = "limit")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    max_in_progress: Option<Option<u32>>,
    /// Claims.
    #[serde(default, deserialize_with = "limit")]
    #[schema(value_type = Option<QueueRate>)]
    rate: Option<Option<Object<QueueRate>>>,
    /// As `max_in_progress`, of each concurrency key.
    #[serde(default, deserialize_with = "limit")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    key_max_in_progress: Option<Option<u32>>,
    /// As `rate`, of each concurrency key.
    #[serde(default, deserialize_with = "limit")]
    #[schema(value_type = Option<QueueRate>)]
    key_rate: Option<Option<Object<QueueRate>>>,
}

/// Claims at most so fast: a bucket of tokens that holds `burst` and fills with `per_second`. It
/// begins empty, also after a start of the server, so that it is never exceeded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueRate {
    #[schema(minimum = 0.000_01, maximum = 100_000)]
    per_second: f64,
    /// Claims at once after a quiet time; what a second brings unless said, and one at least.
    #[schema(minimum = 1, maximum = 100_000)]
    burst: Option<u32>,
}

impl QueueUpdate {
    /// The domain's value. Bounds are the domain's to check.
    pub(crate) fn into_patch(self) -> QueuePatch {
        let rate = |rate: Option<Object<QueueRate>>| {
            rate.map(|Object(QueueRate { per_second, burst })| Rate {
                per_second,
                burst: burst.unwrap_or_else(|| Rate::default_burst(per_second)),
            })
        };
        QueuePatch {
            paused: self.paused,
            by: self.by,
            reason: self.reason,
            max_in_progress: self.max_in_progress,
            rate: self.rate.map(rate),
            key_max_in_progress: self.key_max_in_progress,
            key_rate: self.key_rate.map(rate),
        }
    }
}

/// True or false where it is said at all.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(deserializer).map(Some)
}

/// A limit that null takes away.
fn limit<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// `POST …/cancel`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"reason": "no longer needed", "grace": "30s"}))]
pub(crate) struct Cancel {
    /// For the runner and for people.
    #[schema(max_length = 1024)]
    pub(crate) reason: Option<String>,
    /// Until it is forced; the execution's own timeout unless said.
    #[schema(value_type = Option<schema::Duration>, example = "30s")]
    pub(crate) grace: Option<Span>,
}

impl Cancel {
    /// # Errors
    /// 422 for a text beyond its bound.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        bounded("/reason", self.reason.as_deref(), LINE_MAX)
    }
}

/// `POST …/resume`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"input": {"approved": true}, "question": 7}))]
pub(crate) struct Resume {
    /// The answer; checked against the question's JSON Schema where it has one.
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) input: Option<Box<RawValue>>,
    /// The question it answers: `waiting.seq` of the execution, which is the seq of its
    /// `execution.waiting`. 412 where another one is open by now. Left out, it is the one that is
    /// open when the answer comes in.
    pub(crate) question: Option<u64>,
}

/// `POST …/retry`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retried {}

/// A runner, as it describes itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Runner {
    /// Stable and its own.
    #[schema(value_type = schema::Name, example = "runner-1")]
    id: Name,
    #[schema(max_length = 256)]
    name: Option<String>,
    #[schema(max_length = 256)]
    host: Option<String>,
    pid: Option<u32>,
    #[schema(max_length = 256)]
    version: Option<String>,
}

/// `POST /v1/queues/{queue}/claim`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"runner": {"id": "runner-1", "host": "h", "pid": 7}, "slots": 1, "wait": "30s"}))]
pub(crate) struct Claim {
    #[schema(value_type = Runner)]
    runner: Object<Runner>,
    /// Most leases at once. Default 1.
    #[serde(default = "one")]
    #[schema(minimum = 1)]
    pub(crate) slots: u32,
    /// How long to wait for work. Default 0s.
    #[serde(default)]
    #[schema(value_type = Option<schema::Duration>, example = "30s")]
    pub(crate) wait: Span,
}

const fn one() -> u32 {
    1
}

impl Claim {
    /// # Errors
    /// 422 beyond a bound.
    pub(crate) fn into_runner(self, slots_max: usize) -> Result<RunnerInfo, Problem> {
        if self.slots == 0 || self.slots as usize > slots_max {
            return Err(invalid("/slots", &format!("must be from 1 to {slots_max}")));
        }
        self.runner.0.into_info()
    }
}

impl Runner {
    /// # Errors
    /// 422 beyond a bound.
    pub(crate) fn into_info(self) -> Result<RunnerInfo, Problem> {
        let Runner { id, name, host, pid, version } = self;
        for (pointer, text) in
            [("/runner/name", &name), ("/runner/host", &host), ("/runner/version", &version)]
        {
            bounded(pointer, text.as_deref(), 256)?;
        }
        Ok(RunnerInfo { id, name, host, pid, version })
    }
}

/// The largest whole number that every JSON reader keeps exactly.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// # Errors
/// 422 for a number that not every reader keeps.
pub(crate) fn batch_number(batch: Option<u64>) -> Result<(), Problem> {
    if batch.is_some_and(|batch| batch > INTEGER_MAX) {
        return Err(invalid("/batch", &format!("must be a whole number from 0 to {INTEGER_MAX}")));
    }
    Ok(())
}

/// `POST …/events`, borrowed from the body.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "lease": "0198f1d2c3b4a5968778695a4b3c2d1e", "batch": 7,
    "events": [{"type": "TEXT_MESSAGE_CONTENT", "data": {"messageId": "m1", "delta": "Hello"}}]
}))]
pub(crate) struct PostEvents<'a> {
    /// As handed out by claim.
    #[schema(value_type = schema::LeaseToken)]
    pub(crate) lease: LeaseId,
    /// Increases within a lease, gaps allowed; one at or below the last is a repeat.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub(crate) batch: Option<u64>,
    /// 1 to 1,000.
    #[serde(borrow)]
    #[schema(value_type = Vec<PostedEvent>, min_items = 1, max_items = 1000)]
    pub(crate) events: Vec<Object<PostedEvent<'a>>>,
}

/// One event as posted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostedEvent<'a> {
    /// An AG-UI 1.0 event type; `RUN_*` and `execution.*` are the server's.
    #[serde(rename = "type", borrow)]
    #[schema(value_type = String, example = "TEXT_MESSAGE_CONTENT")]
    pub(crate) type_name: Cow<'a, str>,
    /// The fields of the type, named as AG-UI names them.
    #[schema(value_type = Object)]
    pub(crate) data: Box<RawValue>,
}

/// `POST …/heartbeat`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"lease": "0198f1d2c3b4a5968778695a4b3c2d1e", "progress": {"fraction": 0.4, "details": {"page": 12}}}))]
pub(crate) struct Heartbeat {
    #[schema(value_type = schema::LeaseToken)]
    pub(crate) lease: LeaseId,
    #[schema(value_type = Option<schema::Progress>)]
    pub(crate) progress: Option<Object<Progress>>,
}

/// Progress outside a posted event; it becomes one, of at most `largest` bytes.
///
/// # Errors
/// 422 beyond a bound of its own, 413 where it is too large for an event.
pub(crate) fn check_progress(
    pointer: &str,
    progress: &Progress,
    largest: usize,
) -> Result<(), Problem> {
    progress.validate(pointer).map_err(|error| Problem::fields(Code::Invalid, vec![error]))?;
    let length = progress.details.as_ref().map_or(0, |details| details.get().len());
    if length > largest {
        let message = format!("has {length} bytes; at most {largest} are allowed");
        return Err(Problem::at(Code::BodyTooLarge, format!("{pointer}/details"), message));
    }
    Ok(())
}

/// `POST …/complete`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"lease": "0198f1d2c3b4a5968778695a4b3c2d1e", "output": {"summary": "…"}}))]
pub(crate) struct Complete {
    #[schema(value_type = schema::LeaseToken)]
    pub(crate) lease: LeaseId,
    /// The result; left out, it is what a `CUSTOM` `output` event has set.
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) output: Option<Box<RawValue>>,
}

/// `POST …/fail`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "lease": "0198f1d2c3b4a5968778695a4b3c2d1e",
    "error": {"code": "model_error", "message": "The model refused.", "retryable": true}
}))]
pub(crate) struct Fail {
    #[schema(value_type = schema::LeaseToken)]
    pub(crate) lease: LeaseId,
    #[schema(value_type = RunnerError)]
    error: Object<RunnerError>,
}

/// What went wrong, as the runner tells it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunnerError {
    /// Stable and machine-readable; `definition_invalid` is never retried.
    #[serde(default = "runner_error")]
    #[schema(min_length = 1, max_length = 128, example = "runner_error")]
    code: String,
    /// One sentence.
    #[schema(max_length = 1024)]
    message: String,
    /// Evidence.
    #[schema(max_length = 65536)]
    detail: Option<String>,
    /// What to do about it.
    #[schema(max_length = 1024)]
    hint: Option<String>,
    /// Whether another attempt could go better. Default true.
    #[serde(default = "yes")]
    retryable: bool,
}

fn runner_error() -> String {
    heartline_execution::Reason::RunnerError.as_str().to_owned()
}

const fn yes() -> bool {
    true
}

impl Fail {
    /// # Errors
    /// 422 for a text beyond its bound.
    pub(crate) fn into_failure(self) -> Result<Failure, Problem> {
        self.error.0.into_failure()
    }
}

impl RunnerError {
    /// # Errors
    /// 422 for a text beyond its bound.
    pub(crate) fn into_failure(self) -> Result<Failure, Problem> {
        let RunnerError { code, message, detail, hint, retryable } = self;
        if code.is_empty() {
            return Err(invalid("/error/code", "must not be empty"));
        }
        bounded("/error/code", Some(&code), 128)?;
        bounded("/error/message", Some(&message), LINE_MAX)?;
        bounded("/error/detail", detail.as_deref(), TEXT_MAX)?;
        bounded("/error/hint", hint.as_deref(), LINE_MAX)?;
        Ok(Failure { code, message, detail, hint, retryable })
    }
}

/// `POST …/wait`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "lease": "0198f1d2c3b4a5968778695a4b3c2d1e", "batch": 8, "prompt": "Send it?",
    "schema": {"type": "object", "required": ["approved"]}, "timeout": "1h"
}))]
pub(crate) struct Wait {
    #[schema(value_type = schema::LeaseToken)]
    pub(crate) lease: LeaseId,
    /// As in `events`, and of the same numbers: a repeat answers as before and asks nothing, even
    /// where its answer has come since.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub(crate) batch: Option<u64>,
    /// The question.
    #[schema(max_length = 65536)]
    pub(crate) prompt: Option<String>,
    /// JSON Schema of the answer; references outside it are refused.
    #[schema(value_type = Option<Object>)]
    pub(crate) schema: Option<Box<RawValue>>,
    /// How long; the execution's own unless said.
    #[schema(value_type = Option<schema::Duration>, example = "1h")]
    pub(crate) timeout: Option<Span>,
    /// Whether the lease is kept meanwhile. Default true.
    #[serde(default = "yes")]
    pub(crate) hold: bool,
}

impl Wait {
    /// # Errors
    /// 422 for a text or a number beyond its bound.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        batch_number(self.batch)?;
        bounded("/prompt", self.prompt.as_deref(), TEXT_MAX)
    }

    /// The command, its schema not yet looked at.
    pub(crate) fn into_command(self) -> Command {
        let Self { lease, batch, prompt, schema, timeout, hold } = self;
        Command::Wait { lease, batch, prompt, schema: schema.map(one_line), timeout, hold }
    }
}

/// `POST …/cancel_acknowledged` and `POST …/cancelled`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancelled {
    #[schema(value_type = schema::LeaseToken)]
    pub(crate) lease: LeaseId,
}

fn invalid(pointer: &str, message: &str) -> Problem {
    let error = FieldError { pointer: pointer.to_owned(), message: message.to_owned() };
    Problem::fields(Code::Invalid, vec![error])
}

fn bounded(pointer: &str, text: Option<&str>, most: usize) -> Result<(), Problem> {
    // As JSON Schema counts them, and as the document says.
    match text.map_or(0, |text| text.chars().count()) {
        length if length > most => {
            Err(invalid(pointer, &format!("has {length} characters; at most {most} are allowed")))
        }
        _ => Ok(()),
    }
}

/// An event is one line wherever it goes, and so is every value in it. Inside a JSON string a
/// line break is escaped, so each bare one is between tokens.
pub(crate) fn one_line(raw: Box<RawValue>) -> Box<RawValue> {
    if !raw.get().contains(['\n', '\r']) {
        return raw;
    }
    RawValue::from_string(raw.get().replace(['\n', '\r'], " "))
        .expect("white space for white space keeps JSON well-formed")
}

/// A W3C `traceparent`, if that is what it is.
pub(crate) fn traceparent(header: &str) -> Option<String> {
    let parts: Vec<&str> = header.split('-').collect();
    let [version, trace, parent, flags] = *parts else { return None };
    let hex = |text: &str, length: usize| {
        text.len() == length
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let nonzero = |text: &str| text.bytes().any(|b| b != b'0');
    let ok = version == "00"
        && hex(trace, 32)
        && nonzero(trace)
        && hex(parent, 16)
        && nonzero(parent)
        && hex(flags, 2);
    ok.then(|| header.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(text: &str) -> Result<Spec, Problem> {
        let body: Create = crate::json::parse(text.as_bytes(), 64)?;
        body.into_spec(Namespace::default_namespace(), Timestamp(0), None)
    }

    #[test]
    fn a_creation_fills_in_every_default() {
        let spec = create(r#"{"kind":"workflow","name":"n","delay":"5s"}"#).unwrap();
        assert_eq!(spec.queue.as_str(), "workflows");
        assert_eq!(spec.timeouts, Timeouts::default());
        assert_eq!(spec.start_at, Some(Timestamp(5_000_000)));
        assert!(spec.validate(Timestamp(0)).is_empty());
    }

    #[test]
    fn a_timeout_that_must_exist_cannot_be_null_and_others_can() {
        let refused =
            create(r#"{"kind":"agent","name":"n","timeouts":{"schedule_to_start":null}}"#)
                .unwrap_err();
        assert!(
            refused.to_string().contains("/timeouts/schedule_to_start: must be set"),
            "{refused}"
        );
        let spec = create(
            r#"{"kind":"agent","name":"n","timeouts":{"start_to_close":null,"progress":"2m"}}"#,
        )
        .unwrap();
        assert_eq!(
            (spec.timeouts.start_to_close, spec.timeouts.progress),
            (None, Some(Span::secs(120)))
        );
    }

    #[test]
    fn values_become_one_line() {
        let spec =
            create("{\"kind\":\"agent\",\"name\":\"n\",\"input\":{\n\"a\":\r\n\"b\\n\"}}").unwrap();
        assert_eq!(spec.input.unwrap().get(), "{ \"a\":  \"b\\n\"}");
    }

    #[test]
    fn only_a_valid_trace_context_is_kept() {
        assert!(traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").is_some());
        for wrong in [
            "",
            "00-0-0-0",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(traceparent(wrong).is_none(), "{wrong}");
        }
    }
}
