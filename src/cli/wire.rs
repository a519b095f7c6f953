//! What the server says, as a client reads it (WIRE): only what is shown here, and leniently, so
//! that a newer server's fields do no harm.

use std::collections::BTreeMap;

use heartline_execution::{Phase, Timestamp};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// An execution.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Execution {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) queue: String,
    pub(crate) phase: Phase,
    pub(crate) reason: Option<String>,
    pub(crate) error: Option<Failure>,
    pub(crate) attempt: u32,
    pub(crate) max_attempts: u32,
    pub(crate) runner: Option<Runner>,
    pub(crate) progress: Option<Progress>,
    pub(crate) input: Option<Box<RawValue>>,
    pub(crate) output: Option<Box<RawValue>>,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) deadline: Option<Deadline>,
    #[serde(default)]
    pub(crate) waiting: Option<Waiting>,
    #[serde(default)]
    pub(crate) cancel: Option<Cancel>,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) seq: u64,
}

/// Why it failed.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) detail: Option<String>,
    #[serde(default)]
    pub(crate) hint: Option<String>,
}

/// Who runs it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Runner {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) host: Option<String>,
    #[serde(default)]
    pub(crate) pid: Option<u32>,
}

impl Runner {
    /// Name or id, and where it is.
    pub(crate) fn label(&self) -> String {
        let name = self.name.as_deref().unwrap_or(&self.id);
        match (&self.host, self.pid) {
            (Some(host), Some(pid)) => format!("{name} (host {host}, pid {pid})"),
            (Some(host), None) => format!("{name} (host {host})"),
            (None, Some(pid)) => format!("{name} (pid {pid})"),
            (None, None) => name.to_owned(),
        }
    }
}

/// How far it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Progress {
    #[serde(default)]
    pub(crate) fraction: Option<f64>,
    #[serde(default)]
    pub(crate) message: Option<String>,
}

/// What runs out next.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Deadline {
    pub(crate) kind: String,
    pub(crate) at: Timestamp,
}

/// An open question.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Waiting {
    #[serde(default)]
    pub(crate) prompt: Option<String>,
    #[serde(default)]
    pub(crate) schema: Option<Value>,
    pub(crate) until: Timestamp,
}

/// A requested cancellation.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Cancel {
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) requested_at: Option<Timestamp>,
    pub(crate) deadline: Timestamp,
}

/// The reply to a creation.
#[derive(Debug, Deserialize)]
pub(crate) struct Created {
    pub(crate) execution: Execution,
    pub(crate) dispatch: Dispatch,
}

/// Who could take it.
#[derive(Debug, Deserialize)]
pub(crate) struct Dispatch {
    pub(crate) verdict: String,
    #[serde(default)]
    pub(crate) message: String,
}

/// A page of the list.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) executions: Vec<Execution>,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
}

/// A granted lease.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Granted {
    pub(crate) execution: Execution,
    pub(crate) attempt: u32,
    pub(crate) lease: String,
    pub(crate) heartbeat: heartline_execution::Span,
}

/// The reply to a claim.
#[derive(Debug, Deserialize)]
pub(crate) struct Leases {
    pub(crate) leases: Vec<Granted>,
}

/// What every call under a lease replies, as far as the wrapper cares.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Told {
    #[serde(default)]
    pub(crate) cancel_requested: bool,
}

/// One entry of the log.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) seq: u64,
    #[serde(default)]
    pub(crate) prev: u64,
    pub(crate) attempt: u32,
    pub(crate) time: Timestamp,
    #[serde(rename = "type")]
    pub(crate) type_name: String,
    pub(crate) data: Value,
    /// The event as it came.
    #[serde(skip)]
    pub(crate) raw: Box<str>,
}

impl Event {
    /// Reads the JSON of one event and keeps it.
    pub(crate) fn parse(raw: &str) -> serde_json::Result<Self> {
        let mut event: Event = serde_json::from_str(raw)?;
        event.raw = raw.into();
        Ok(event)
    }

    /// A text of `data`.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.data.get(field).and_then(Value::as_str)
    }

    /// Name and value of a `CUSTOM` event.
    pub(crate) fn custom(&self) -> Option<(&str, &Value)> {
        (self.type_name == "CUSTOM").then_some(())?;
        Some((self.text("name")?, self.data.get("value")?))
    }
}

/// A page of events.
#[derive(Debug, Deserialize)]
pub(crate) struct EventPage {
    pub(crate) events: Vec<Box<RawValue>>,
    pub(crate) head: u64,
    #[serde(default)]
    pub(crate) terminal: bool,
}

impl EventPage {
    /// The events, parsed.
    pub(crate) fn parsed(&self) -> serde_json::Result<Vec<Event>> {
        self.events.iter().map(|raw| Event::parse(raw.get())).collect()
    }
}

/// Why it is where it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Explanation {
    pub(crate) summary: String,
    pub(crate) cause: String,
    #[serde(default)]
    pub(crate) evidence: Vec<String>,
    pub(crate) next_deadline: Option<Deadline>,
    #[serde(default)]
    pub(crate) actions: Vec<String>,
}

#[cfg(test)]
impl Execution {
    /// One in that phase, for tests.
    pub(crate) fn example(phase: &str, reason: Option<&str>) -> Self {
        serde_json::from_value(serde_json::json!({
            "id": "aex_01981f000000700080000000000000ab", "kind": "agent", "name": "n",
            "queue": "agents", "phase": phase, "reason": reason, "error": null, "attempt": 1,
            "max_attempts": 1, "runner": null, "progress": null, "input": null, "output": null,
            "deadline": null, "created_at": "2026-01-02T03:04:05Z", "started_at": null,
            "finished_at": null, "seq": 1,
        }))
        .expect("the example is an execution")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_its_bytes() {
        let raw = r#"{"seq":2,"prev":1,"execution_id":"aex_1","attempt":1,"time":"2026-01-02T03:04:05.000006Z","type":"CUSTOM","data":{"name":"log","value":{"level":"info","message":"m"}},"later":1}"#;
        let event = Event::parse(raw).unwrap();
        assert_eq!(&*event.raw, raw);
        let (name, value) = event.custom().unwrap();
        assert_eq!((name, value["message"].as_str()), ("log", Some("m")));
    }
}
