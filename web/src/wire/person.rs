//! What people ask about executions.

use heartline_execution::{
    Command, ExecutionId, Kind, Name, Namespace, Span, Spec, Timestamp,
    command::TimeoutPatch,
    spec::{MAX_TIMEOUT, Retry, Timeouts},
};
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{LINE_MAX, bounded, invalid, one_line};
use crate::{
    error::Problem,
    json::{Object, Strings},
    schema,
};

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
