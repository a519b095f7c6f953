//! The log's entries: what happened, in the past tense, and their one encoding.
//!
//! The stored bytes are the wire bytes (see [`Event::encode`]). Two facts are private to the log
//! and never on the wire: the lease a claim granted (a watcher must not learn it) and the batch
//! number a runner gave its events. They travel in [`Private`], beside the bytes.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    content::{Content, FieldError, Progress},
    id::{ExecutionId, LeaseId},
    spec::{Spec, Timeouts},
    time::{Span, Timestamp},
};

/// Why a phase was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names say what they mean; PRODUCT's table is the dictionary.
pub enum Reason {
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

impl std::str::FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| format!("a reason is one of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

impl Reason {
    /// Every one.
    pub const ALL: [Self; 12] = [
        Self::RunnerError,
        Self::DefinitionInvalid,
        Self::ScheduleToStartTimeout,
        Self::StartToCloseTimeout,
        Self::ScheduleToCloseTimeout,
        Self::HeartbeatTimeout,
        Self::ProgressTimeout,
        Self::WaitingTimeout,
        Self::RunnerLost,
        Self::CancelRequested,
        Self::CancelTimeout,
        Self::SupervisorGaveUp,
    ];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::RunnerError => "runner_error",
            Reason::DefinitionInvalid => "definition_invalid",
            Reason::ScheduleToStartTimeout => "schedule_to_start_timeout",
            Reason::StartToCloseTimeout => "start_to_close_timeout",
            Reason::ScheduleToCloseTimeout => "schedule_to_close_timeout",
            Reason::HeartbeatTimeout => "heartbeat_timeout",
            Reason::ProgressTimeout => "progress_timeout",
            Reason::WaitingTimeout => "waiting_timeout",
            Reason::RunnerLost => "runner_lost",
            Reason::CancelRequested => "cancel_requested",
            Reason::CancelTimeout => "cancel_timeout",
            Reason::SupervisorGaveUp => "supervisor_gave_up",
        }
    }
}

/// What went wrong, for a person: the wire's `error`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable and machine-readable; a [`Reason`] name, or the runner's own code.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// Evidence: last beat, last event, last words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether another attempt could go better.
    pub retryable: bool,
}

/// Who does the work, as it described itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerInfo {
    /// Stable id of the runner, chosen by it.
    pub id: crate::id::Name,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Host it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Process id there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// `execution.started`: a claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// 1 for the first.
    pub attempt: u32,
    /// Who claimed it.
    pub runner: RunnerInfo,
}

/// For a field that can be left out and can be null: `null` is a value too.
pub(crate) fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// `execution.waiting`: a question to a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// The question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// JSON Schema of the answer.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub schema: Option<Box<RawValue>>,
    /// When the wait fails.
    pub until: Timestamp,
    /// Whether the runner keeps its lease meanwhile.
    pub hold: bool,
}

impl Waiting {
    /// Whether this is the question; how long it waits does not matter.
    pub(crate) fn is(&self, prompt: Option<&str>, schema: Option<&RawValue>, hold: bool) -> bool {
        self.prompt.as_deref() == prompt
            && self.schema.as_deref().map(RawValue::get) == schema.map(RawValue::get)
            && self.hold == hold
    }
}

/// `execution.resumed`: the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resumed {
    /// The answer, byte for byte.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub input: Option<Box<RawValue>>,
    /// Whether it goes back to its queue as the next attempt (it waited without a lease).
    pub requeued: bool,
}

/// `execution.runner_disconnected`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunnerDisconnected {
    /// The lease is lost at this instant unless the runner returns.
    pub until: Timestamp,
    /// How the connection ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// `execution.attempt_failed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptFailed {
    /// Why.
    pub reason: Reason,
    /// Told to people.
    pub error: Failure,
}

/// `execution.retry_scheduled`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryScheduled {
    /// The attempt to come.
    pub attempt: u32,
    /// Not before. Of a lease that came back unused, when its wait began: schedule-to-start counts
    /// from here.
    pub at: Timestamp,
    /// The wait, jitter included.
    pub backoff: Span,
}

/// `execution.cancel_requested`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CancelRequested {
    /// The person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Forced at this instant.
    pub deadline: Timestamp,
}

/// `execution.updated`: the new values of what changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Updated {
    /// All labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<std::collections::BTreeMap<String, String>>,
    /// Priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// All timeouts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<Timeouts>,
}

/// `execution.completed`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Completed {
    /// The result, byte for byte; left out, it is what the runner's events have set.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub output: Option<Box<RawValue>>,
}

/// `execution.failed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// Why.
    pub reason: Reason,
    /// Told to people.
    pub error: Failure,
}

/// `execution.cancelled`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cancelled {
    /// `cancel_requested` where the cancellation was orderly, `cancel_timeout` where forced.
    pub reason: Reason,
    /// What the runner said or did not say, or what ran out before it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// No payload; `{}` on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

macro_rules! bodies {
    ($($variant:ident($payload:ty) = $name:literal,)*) => {
        /// What happened.
        #[derive(Clone, Debug)]
        #[allow(missing_docs)] // Each variant is the event its payload documents.
        pub enum EventBody {
            $($variant($payload),)*
            /// Posted by the runner.
            Content(Content),
        }

        impl EventBody {
            /// The names of the lifecycle events, which only the server writes.
            pub const LIFECYCLE: &'static [&'static str] = &[$($name),*];

            /// The wire's `type`.
            pub fn type_name(&self) -> &'static str {
                match self {
                    $(EventBody::$variant(_) => $name,)*
                    EventBody::Content(content) => content.type_name(),
                }
            }

            fn write_data(&self, out: &mut Vec<u8>) {
                // Serialising to memory fails only for maps with non-string keys; none has any.
                match self {
                    $(EventBody::$variant(payload) => {
                        serde_json::to_writer(out, payload).expect("payloads are plain JSON");
                    })*
                    EventBody::Content(content) => out.extend_from_slice(content.data().get().as_bytes()),
                }
            }

            fn parse(type_name: &str, data: Box<RawValue>) -> Result<Self, Error> {
                match type_name {
                    $($name => serde_json::from_str(data.get())
                        .map(EventBody::$variant)
                        .map_err(Error::Json),)*
                    _ => Content::parse(type_name, data)
                        .map(EventBody::Content)
                        .map_err(Error::Content),
                }
            }
        }
    };
}

bodies! {
    Created(Box<Spec>) = "execution.created",
    Started(Started) = "execution.started",
    Progress(Progress) = "execution.progress",
    Waiting(Waiting) = "execution.waiting",
    Resumed(Resumed) = "execution.resumed",
    RunnerDisconnected(RunnerDisconnected) = "execution.runner_disconnected",
    RunnerReturned(Empty) = "execution.runner_returned",
    AttemptFailed(AttemptFailed) = "execution.attempt_failed",
    RetryScheduled(RetryScheduled) = "execution.retry_scheduled",
    CancelRequested(CancelRequested) = "execution.cancel_requested",
    CancelDelivered(Empty) = "execution.cancel_delivered",
    CancelAcknowledged(Empty) = "execution.cancel_acknowledged",
    Updated(Updated) = "execution.updated",
    Completed(Completed) = "execution.completed",
    Failed(Failed) = "execution.failed",
    Cancelled(Cancelled) = "execution.cancelled",
}

impl EventBody {
    /// Whether the `status` view shows it.
    pub fn is_lifecycle(&self) -> bool {
        !matches!(self, EventBody::Content(_))
    }

    /// Whether it ends the log.
    pub fn is_terminal(&self) -> bool {
        matches!(self, EventBody::Completed(_) | EventBody::Failed(_) | EventBody::Cancelled(_))
    }
}

/// The log-only facts of an event, stored beside its bytes and never served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Private {
    /// The lease that a [`Started`] granted.
    pub lease: Option<LeaseId>,
    /// The batch number the runner gave; the same for every event of a batch.
    pub batch: Option<u64>,
}

/// One entry of an execution's log.
#[derive(Clone, Debug)]
pub struct Event {
    /// Dense from 1.
    pub seq: u64,
    /// Whose log.
    pub execution_id: ExecutionId,
    /// The attempt it belongs to; 0 before the first claim.
    pub attempt: u32,
    /// When the server decided it.
    pub time: Timestamp,
    /// What happened.
    pub body: EventBody,
    /// Never on the wire.
    pub private: Private,
}

/// Why bytes from the log are not an event. Any of these means damage: what is written is checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the JSON of this event type.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Content that breaks its field rules.
    #[error("content breaks its rules: {0:?}")]
    Content(Vec<FieldError>),
}

#[derive(Deserialize)]
struct Wire<'a> {
    seq: u64,
    execution_id: ExecutionId,
    attempt: u32,
    time: Timestamp,
    #[serde(rename = "type", borrow)]
    type_name: std::borrow::Cow<'a, str>,
    data: Box<RawValue>,
}

impl Event {
    /// Appends the wire form to `out`: one JSON object, no line break. `prev` is `seq - 1`;
    /// filtered views put the seq of the event they showed before in its place.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let [seq, prev, attempt] = &mut [itoa::Buffer::new(); 3];
        out.reserve(192);
        for part in [
            "{\"seq\":",
            seq.format(self.seq),
            ",\"prev\":",
            prev.format(self.seq - 1),
            ",\"execution_id\":\"",
            self.execution_id.text().as_str(),
            "\",\"attempt\":",
            attempt.format(self.attempt),
            ",\"time\":\"",
            self.time.text().as_str(),
            "\",\"type\":\"",
            self.body.type_name(),
            "\",\"data\":",
        ] {
            out.extend_from_slice(part.as_bytes());
        }
        self.body.write_data(out);
        out.push(b'}');
    }

    /// The inverse of [`Event::encode`].
    pub fn decode(bytes: &[u8], private: Private) -> Result<Self, Error> {
        let wire: Wire<'_> = serde_json::from_slice(bytes)?;
        Ok(Self {
            seq: wire.seq,
            execution_id: wire.execution_id,
            attempt: wire.attempt,
            time: wire.time,
            body: EventBody::parse(&wire.type_name, wire.data)?,
            private,
        })
    }
}
