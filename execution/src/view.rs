//! An execution as it is served: what of its state everybody is told.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    command::Signs,
    content::Progress,
    deadline::Deadline,
    event::{Failure, Reason, RunnerInfo},
    id::{ExecutionId, Kind, Name},
    spec::{Retry, Timeouts},
    state::{Cancel, Phase, State},
    time::Timestamp,
};

/// The wire's execution (WIRE, "Execution"), without `state`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)] // WIRE documents the fields.
pub struct Execution<'a> {
    pub id: ExecutionId,
    pub kind: Kind,
    pub name: Cow<'a, str>,
    pub namespace: Name,
    pub queue: Name,
    pub phase: Phase,
    pub reason: Option<Reason>,
    pub error: Option<Cow<'a, Failure>>,
    pub attempt: u32,
    pub max_attempts: u32,
    pub runner: Option<Cow<'a, RunnerInfo>>,
    pub progress: Option<Cow<'a, Progress>>,
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub output: Option<&'a RawValue>,
    pub labels: Cow<'a, BTreeMap<String, String>>,
    pub priority: i32,
    #[serde(default)]
    pub concurrency_key: Option<Name>,
    pub parent_id: Option<ExecutionId>,
    pub retry_of: Option<ExecutionId>,
    pub timeouts: Cow<'a, Timeouts>,
    pub retry: Cow<'a, Retry>,
    pub deadline: Option<Deadline>,
    /// The open question, while waiting.
    #[serde(borrow, default)]
    pub waiting: Option<WaitingView<'a>>,
    /// The requested cancellation and how far it got.
    #[serde(default)]
    pub cancel: Option<Cow<'a, Cancel>>,
    /// The last answer a person gave.
    #[serde(borrow, default)]
    pub answer: Option<&'a RawValue>,
    #[serde(default)]
    pub start_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub seq: u64,
}

/// An open question, as shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)] // The fields of `Waiting` and `Question`.
pub struct WaitingView<'a> {
    pub seq: u64,
    pub prompt: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub schema: Option<&'a RawValue>,
    pub since: Timestamp,
    pub until: Timestamp,
    pub hold: bool,
}

impl State {
    /// The wire's execution, without `state`.
    pub fn execution(&self, signs: Signs) -> Execution<'_> {
        Execution {
            id: self.id,
            kind: self.id.kind(),
            name: Cow::Borrowed(&self.spec.name),
            namespace: self.spec.namespace.clone(),
            queue: self.spec.queue.clone(),
            phase: self.phase,
            reason: self.reason,
            error: self.error.as_ref().map(Cow::Borrowed),
            attempt: self.attempt,
            max_attempts: self.spec.retry.max_attempts,
            runner: self.runner.as_ref().map(Cow::Borrowed),
            progress: self.progress.as_ref().map(Cow::Borrowed),
            input: self.spec.input.as_deref(),
            output: self.output.as_deref(),
            labels: Cow::Borrowed(&self.spec.labels),
            priority: self.spec.priority,
            concurrency_key: self.spec.concurrency_key.clone(),
            parent_id: self.spec.parent_id,
            retry_of: self.spec.retry_of,
            timeouts: Cow::Borrowed(&self.spec.timeouts),
            retry: Cow::Borrowed(&self.spec.retry),
            deadline: self.deadlines(signs).first().copied(),
            waiting: self.question.as_ref().map(|q| WaitingView {
                seq: q.seq,
                prompt: q.asked.prompt.as_deref().map(Cow::Borrowed),
                schema: q.asked.schema.as_deref(),
                since: q.since,
                until: q.asked.until,
                hold: q.asked.hold,
            }),
            cancel: self.cancel.as_ref().map(Cow::Borrowed),
            answer: self.answer.as_deref(),
            start_at: self.spec.start_at,
            created_at: self.created_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            seq: self.seq,
        }
    }
}
