//! What runners say.

use std::borrow::Cow;

use heartline_execution::{
    Command, LeaseId, Name, Span,
    content::Progress,
    event::{Failure, RunnerInfo},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{LINE_MAX, TEXT_MAX, bounded, invalid, one_line};
use crate::{
    error::{Code, Problem},
    json::Object,
    schema,
};

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
    /// The seq of the last answer to its question that it has; the reply brings no older one.
    #[serde(default)]
    pub(crate) knows: u64,
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
    /// JSON Schema of the answer, of draft 6 or later. References are `#/` and the place of another part
    /// of it, and lead into no circle; followed, it has at most 10,000 values.
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
