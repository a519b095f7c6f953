//! What the creator of an execution asks for, checked once, at creation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    content::FieldError,
    event::present,
    id::{ExecutionId, Kind, Name, Namespace},
    time::{Span, Timestamp},
};

/// The most labels an execution carries, so that its index rows stay few.
pub const MAX_LABELS: usize = 64;
/// The most bytes of an execution's display name.
pub const MAX_NAME: usize = 256;
/// The most bytes of a label key or value.
pub const MAX_LABEL: usize = 128;
/// The shortest timeout: below this a timeout measures the scheduler, not the work.
pub const MIN_TIMEOUT: Span = Span::millis(10);
/// The longest timeout, and the furthest a start may be delayed: one year.
pub const MAX_TIMEOUT: Span = Span::secs(366 * 86_400);
/// The most attempts an execution may ask for.
pub const MAX_ATTEMPTS: u32 = 1_000;
/// The span of priorities; higher goes first.
pub const PRIORITIES: std::ops::RangeInclusive<i32> = -1_000..=1_000;

/// Timeouts. Schedule-to-start and heartbeat always exist: without them an execution could wait
/// for ever (invariant J).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeouts {
    /// Due in its queue → taken by a runner.
    pub schedule_to_start: Span,
    /// Between two signs of life of a lease.
    pub heartbeat: Span,
    /// One attempt, from claim to end.
    pub start_to_close: Option<Span>,
    /// The whole execution, from when it was due to its end.
    pub schedule_to_close: Option<Span>,
    /// Between two events or progress reports of a lease.
    pub progress: Option<Span>,
    /// A person's answer, unless `wait` says otherwise.
    pub waiting: Span,
    /// Cancellation: requested → acknowledged.
    pub cancel: Span,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            schedule_to_start: Span::secs(60),
            heartbeat: Span::secs(30),
            start_to_close: None,
            schedule_to_close: None,
            progress: None,
            waiting: Span::secs(7 * 86_400),
            cancel: Span::secs(30),
        }
    }
}

impl Timeouts {
    /// Every field within [`MIN_TIMEOUT`]..=[`MAX_TIMEOUT`]; pointers start with `prefix`.
    pub fn validate(&self, prefix: &str) -> Vec<FieldError> {
        [
            ("schedule_to_start", Some(self.schedule_to_start)),
            ("heartbeat", Some(self.heartbeat)),
            ("start_to_close", self.start_to_close),
            ("schedule_to_close", self.schedule_to_close),
            ("progress", self.progress),
            ("waiting", Some(self.waiting)),
            ("cancel", Some(self.cancel)),
        ]
        .into_iter()
        .filter(|(_, span)| span.is_some_and(|s| !(MIN_TIMEOUT..=MAX_TIMEOUT).contains(&s)))
        .map(|(field, _)| FieldError {
            pointer: format!("{prefix}/{field}"),
            message: format!("a timeout is between {MIN_TIMEOUT} and {MAX_TIMEOUT}"),
        })
        .collect()
    }
}

/// What happens after a failed attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all; 1 means no retry.
    pub max_attempts: u32,
    /// Wait before the second attempt.
    pub initial_backoff: Span,
    /// Each further wait is the one before times this.
    pub factor: f64,
    /// No wait is longer.
    pub max_backoff: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 1,
            initial_backoff: Span::secs(1),
            factor: 2.0,
            max_backoff: Span::secs(60),
        }
    }
}

/// A checked request for an execution; the `data` of `execution.created`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// Agent or workflow.
    pub kind: Kind,
    /// What the runner runs; for people, 1 to [`MAX_NAME`] bytes.
    pub name: String,
    /// The tenant.
    pub namespace: Namespace,
    /// Where it waits.
    pub queue: Name,
    /// Handed to the runner byte for byte.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub input: Option<Box<RawValue>>,
    /// For finding it again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Higher goes first; within [`PRIORITIES`].
    #[serde(default)]
    pub priority: i32,
    /// Executions with the same key share a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_key: Option<Name>,
    /// Timeouts.
    pub timeouts: Timeouts,
    /// Retries.
    pub retry: Retry,
    /// Not before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Timestamp>,
    /// The execution that started this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<ExecutionId>,
    /// The terminal execution this one tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<ExecutionId>,
    /// W3C trace context of the creator, handed to the runner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Spec {
    /// A spec with every default.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            namespace: Name::default_namespace(),
            queue: Name::default_queue(kind),
            input: None,
            labels: BTreeMap::new(),
            priority: 0,
            concurrency_key: None,
            timeouts: Timeouts::default(),
            retry: Retry::default(),
            start_at: None,
            parent_id: None,
            retry_of: None,
            traceparent: None,
        }
    }

    /// Every rule a spec must keep, each broken one named with its JSON pointer.
    pub fn validate(&self, now: Timestamp) -> Vec<FieldError> {
        let mut errors = self.timeouts.validate("/timeouts");
        let mut wrong = |pointer: &str, message: String| {
            errors.push(FieldError { pointer: pointer.to_owned(), message });
        };
        if self.name.is_empty() || self.name.len() > MAX_NAME {
            wrong("/name", format!("a name has 1 to {MAX_NAME} bytes"));
        } else if self.name.chars().any(char::is_control) {
            wrong("/name", "a name has no control characters".to_owned());
        }
        if !PRIORITIES.contains(&self.priority) {
            let (low, high) = (PRIORITIES.start(), PRIORITIES.end());
            wrong("/priority", format!("a priority is between {low} and {high}"));
        }
        if !(1..=MAX_ATTEMPTS).contains(&self.retry.max_attempts) {
            wrong("/retry/max_attempts", format!("between 1 and {MAX_ATTEMPTS}"));
        }
        if !(1.0..=100.0).contains(&self.retry.factor) {
            wrong("/retry/factor", "a factor is between 1 and 100".to_owned());
        }
        for (field, span) in [
            ("initial_backoff", self.retry.initial_backoff),
            ("max_backoff", self.retry.max_backoff),
        ] {
            if span > MAX_TIMEOUT {
                wrong(&format!("/retry/{field}"), format!("a backoff is at most {MAX_TIMEOUT}"));
            }
        }
        if self.start_at.is_some_and(|at| at.since(now) > MAX_TIMEOUT) {
            wrong("/start_at", format!("a start is at most {MAX_TIMEOUT} away"));
        }
        errors.extend(validate_labels(&self.labels));
        errors
    }
}

/// What a label key is like.
pub const LABEL_KEY: &str = "1 to 128 characters of A-Z a-z 0-9 _ . -";

/// Whether it is a label key: a name without a colon, since lists are filtered by `key:value`.
pub fn is_label_key(text: &str) -> bool {
    Name::new(text).is_ok() && !text.contains(':')
}

/// The rules for labels, with pointers under `/labels`.
pub fn validate_labels(labels: &BTreeMap<String, String>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if labels.len() > MAX_LABELS {
        errors.push(FieldError {
            pointer: "/labels".to_owned(),
            message: format!("{} labels; at most {MAX_LABELS} are allowed", labels.len()),
        });
    }
    for (key, value) in labels {
        let pointer = || format!("/labels/{}", key.replace('~', "~0").replace('/', "~1"));
        if !is_label_key(key) {
            let message = format!("a label key is {LABEL_KEY}");
            errors.push(FieldError { pointer: pointer(), message });
        }
        if value.len() > MAX_LABEL || value.chars().any(char::is_control) {
            let message =
                format!("a label value has at most {MAX_LABEL} bytes and no control characters");
            errors.push(FieldError { pointer: pointer(), message });
        }
    }
    errors
}
