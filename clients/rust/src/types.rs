//! What the server says. Read leniently, so that a newer server's fields do no harm; what is not
//! here is in the JSON that [`crate::Request::send`] gives.

use std::collections::BTreeMap;

use heartline_execution::{Phase, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

/// An execution.
#[derive(Clone, Debug, Deserialize)]
pub struct Execution {
    /// `aex_…` or `wex_…`.
    pub id: String,
    /// `agent` or `workflow`.
    pub kind: String,
    /// By which its runner knows what to do.
    pub name: String,
    /// Where it waits for a runner.
    pub queue: String,
    /// Where it is.
    pub phase: Phase,
    /// Why the phase was entered: `runner_error`, `heartbeat_timeout`.
    pub reason: Option<String>,
    /// Why it failed.
    pub error: Option<Failure>,
    /// The attempt under way or made last; 0 before the first.
    pub attempt: u32,
    /// Attempts that its policy allows.
    pub max_attempts: u32,
    /// Who has it, or had it last.
    pub runner: Option<Runner>,
    /// How far it is.
    pub progress: Option<Progress>,
    /// What its runner is given, as it was sent.
    pub input: Option<Box<RawValue>>,
    /// What it completed with, as it was sent.
    pub output: Option<Box<RawValue>>,
    /// To find it by.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What runs out next.
    pub deadline: Option<Deadline>,
    /// The question that it waits for an answer to.
    #[serde(default)]
    pub waiting: Option<Waiting>,
    /// The cancellation that was asked for.
    #[serde(default)]
    pub cancel: Option<Cancel>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// The last event of its log.
    pub seq: u64,
}

/// Why it failed.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Failure {
    /// Stable, for programs: `exit_code`, `heartbeat_timeout`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The evidence.
    #[serde(default)]
    pub detail: Option<String>,
    /// What to do about it.
    #[serde(default)]
    pub hint: Option<String>,
}

/// Who runs it.
#[derive(Clone, Debug, Deserialize)]
pub struct Runner {
    /// As it calls itself; one process at a time has it.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub name: Option<String>,
    /// The machine it is on.
    #[serde(default)]
    pub host: Option<String>,
    /// Its process there.
    #[serde(default)]
    pub pid: Option<u32>,
}

impl Runner {
    /// Name or id, and where it is.
    pub fn label(&self) -> String {
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
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Progress {
    /// From 0 to 1.
    #[serde(default)]
    pub fraction: Option<f64>,
    /// One line.
    #[serde(default)]
    pub message: Option<String>,
    /// Whatever its runner wants to find again: any JSON.
    #[serde(default)]
    pub details: Option<Value>,
}

/// What runs out next.
#[derive(Clone, Debug, Deserialize)]
pub struct Deadline {
    /// Which: `heartbeat`, `schedule_to_start`.
    pub kind: String,
    /// When.
    pub at: Timestamp,
}

/// An open question.
#[derive(Clone, Debug, Deserialize)]
pub struct Waiting {
    /// What is asked.
    #[serde(default)]
    pub prompt: Option<String>,
    /// What the answer must be like: a JSON Schema.
    #[serde(default)]
    pub schema: Option<Value>,
    /// When it is too late.
    pub until: Timestamp,
}

/// A requested cancellation.
#[derive(Clone, Debug, Deserialize)]
pub struct Cancel {
    /// Why, in the words of whoever asked.
    #[serde(default)]
    pub reason: Option<String>,
    /// When it was asked for.
    #[serde(default)]
    pub requested_at: Option<Timestamp>,
    /// When it is forced.
    pub deadline: Timestamp,
}

/// The reply to a creation.
#[derive(Debug, Deserialize)]
pub struct Created {
    /// As it was created.
    pub execution: Execution,
    /// Who could take it.
    pub dispatch: Dispatch,
}

/// Who could take it.
#[derive(Debug, Deserialize)]
pub struct Dispatch {
    /// `ready`, `no_runner_ever`, `all_lost`, `all_full`, `limit_held` or `paused`.
    pub verdict: String,
    /// The same in a sentence.
    #[serde(default)]
    pub message: String,
}

/// A page of the list.
#[derive(Debug, Deserialize)]
pub struct Listed {
    /// Newest first.
    pub executions: Vec<Execution>,
    /// Where the next page begins; `None` on the last.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// A granted lease.
#[derive(Clone, Debug, Deserialize)]
pub struct Granted {
    /// What is to be done.
    pub execution: Execution,
    /// The n-th try, from 1.
    pub attempt: u32,
    /// The token to write under.
    pub lease: String,
    /// How long nothing may be heard of it.
    pub heartbeat: heartline_execution::Span,
    /// What the attempt before left.
    #[serde(default)]
    pub checkpoint: Option<Checkpoint>,
    /// The W3C trace context that it was created in.
    #[serde(default)]
    pub traceparent: Option<String>,
}

/// What an earlier attempt left for the next one to go on from.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Checkpoint {
    /// Which.
    #[serde(default)]
    pub attempt: u32,
    /// Its last progress, with its details.
    #[serde(default)]
    pub progress: Option<Progress>,
    /// Its shared state: the last snapshot and the deltas since.
    #[serde(default)]
    pub state: Option<Value>,
}

/// The reply to a claim.
#[derive(Debug, Deserialize)]
pub struct Leases {
    /// At most as many as were asked for.
    pub leases: Vec<Granted>,
}

/// What every call under a lease replies.
#[derive(Debug, Default, Deserialize)]
pub struct Done {
    /// The last event of the log.
    #[serde(default)]
    pub seq: u64,
    /// Somebody wants it to stop.
    #[serde(default)]
    pub cancel_requested: bool,
    /// The answer to its question, with a heartbeat that did not know it.
    #[serde(default)]
    pub resumed: Option<Answered>,
}

/// What a person answered.
#[derive(Debug, Deserialize)]
pub struct Answered {
    /// The seq of its `execution.resumed`.
    pub seq: u64,
    /// The answer; `None` where it has none.
    #[serde(default)]
    pub input: Option<Box<RawValue>>,
}

/// One entry of the log.
#[derive(Clone, Debug, Deserialize)]
pub struct Event {
    /// Its place in the log, from 1 without gaps.
    pub seq: u64,
    /// The seq before it in this view.
    #[serde(default)]
    pub prev: u64,
    /// The attempt it belongs to.
    pub attempt: u32,
    /// When the server took it.
    pub time: Timestamp,
    /// `execution.started`, `TEXT_MESSAGE_CONTENT`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What it says.
    pub data: Value,
    /// The event as it came.
    #[serde(skip)]
    pub raw: Box<str>,
}

impl Event {
    /// Reads the JSON of one event and keeps it.
    ///
    /// # Errors
    /// When it is no event.
    pub fn parse(raw: &str) -> serde_json::Result<Self> {
        let mut event: Event = serde_json::from_str(raw)?;
        event.raw = raw.into();
        Ok(event)
    }

    /// A text of `data`.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.data.get(field).and_then(Value::as_str)
    }

    /// Name and value of a `CUSTOM` event.
    pub fn custom(&self) -> Option<(&str, &Value)> {
        (self.type_name == "CUSTOM").then_some(())?;
        Some((self.text("name")?, self.data.get("value")?))
    }
}

/// A page of events.
#[derive(Debug, Deserialize)]
pub struct EventPage {
    /// As they are stored.
    pub events: Vec<Box<RawValue>>,
    /// The last seq there is.
    pub head: u64,
    /// Nothing follows the head.
    #[serde(default)]
    pub terminal: bool,
}

impl EventPage {
    /// The events, parsed.
    ///
    /// # Errors
    /// When one of them is no event.
    pub fn parsed(&self) -> serde_json::Result<Vec<Event>> {
        self.events.iter().map(|raw| Event::parse(raw.get())).collect()
    }
}

/// Why it is where it is.
#[derive(Debug, Deserialize)]
pub struct Explanation {
    /// One sentence.
    pub summary: String,
    /// Stable, for programs.
    pub cause: String,
    /// What it is read off.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// What runs out next.
    pub next_deadline: Option<Deadline>,
    /// What can be done.
    #[serde(default)]
    pub actions: Vec<String>,
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
