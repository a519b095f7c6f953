//! A log in AG-UI 1.0's words and order: `RUN_STARTED` first, then anything, then `RUN_FINISHED` or
//! `RUN_ERROR`; after that, another run or nothing.
//!
//! Claims and endings become `RUN_*`, other lifecycle events `CUSTOM`. What would break the order is
//! not shown, and what is missing for it is added: such an event is in this view only.

mod open;

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use self::open::{Derived, End, Fits, Open};
use crate::view::{Entry, after_prev};

/// How an event looks in the `agui` view.
pub(crate) enum Said {
    Hidden,
    AsItIs,
    /// This, after `seq` and `prev`.
    As(Vec<u8>),
}

/// What is shown in the place of an event, each after `seq` and `prev`.
pub(crate) struct Shown {
    /// Events of this view only, which come before.
    pub(crate) added: Vec<Vec<u8>>,
    pub(crate) said: Said,
}

impl From<Said> for Shown {
    fn from(said: Said) -> Self {
        Self { added: Vec::new(), said }
    }
}

/// Where a log stands in AG-UI's own order of events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// The seq of the start of the run that is not over.
    since: Option<u64>,
    /// The last run ended with an error; a second one may not follow.
    errored: bool,
    /// The last event of the log that was shown.
    prev: u64,
    /// What has begun in it and is not over.
    open: Open,
}

/// As much of an event as the mapping needs.
#[derive(Clone, Copy, Deserialize)]
struct Event<'a> {
    execution_id: &'a str,
    attempt: u32,
    time: &'a str,
    #[serde(rename = "type")]
    type_name: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Ended<'a> {
    error: Option<Told>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Told {
    code: String,
    message: String,
}

#[derive(Deserialize)]
struct Asked<'a> {
    hold: bool,
    prompt: Option<String>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
    until: String,
}

impl Run {
    /// Just after the `execution.started` at `seq`, from which on nothing was shown.
    pub(crate) fn begun(seq: u64) -> Self {
        Self { since: Some(seq), prev: seq, ..Self::default() }
    }

    /// The seq of the start of the run that is not over.
    pub(crate) fn since(&self) -> Option<u64> {
        self.since
    }

    /// The last event of the log that was shown.
    pub(crate) fn prev(&self) -> u64 {
        self.prev
    }

    /// What `event` is called, and where that leads.
    pub(crate) fn step(&mut self, event: Entry<'_>) -> Shown {
        let shown = if event.lifecycle { self.lifecycle(event) } else { self.content(event) };
        if !matches!(shown.said, Said::Hidden) {
            self.prev = event.seq;
        }
        shown
    }

    fn content(&mut self, event: Entry<'_>) -> Shown {
        if self.since.is_none() {
            return Said::Hidden.into();
        }
        let Some((type_name, data)) = parts(event) else { return Said::Hidden.into() };
        match self.open.step(type_name, data) {
            Fits::AsItIs => Said::AsItIs.into(),
            Fits::Not => Said::Hidden.into(),
            Fits::After(derived) => {
                let added = read(event).map(|event| vec![tail(&event, &derived)]);
                Shown { added: added.unwrap_or_default(), said: Said::AsItIs }
            }
        }
    }

    fn lifecycle(&mut self, entry: Entry<'_>) -> Shown {
        // What is no event is not shown; the store checks what it reads.
        let Some(event) = read(entry) else { return Said::Hidden.into() };
        let is_open = self.since.is_some();
        match event.type_name {
            "execution.started" => {
                // A lease that its runner gave back, or never had, ends without a failure.
                let mut added = Vec::new();
                if is_open {
                    let before = Event { attempt: event.attempt.saturating_sub(1), ..event };
                    added = self.end(&before, End::Error);
                    let told = Told { code: "released".to_owned(), message: RELEASED.to_owned() };
                    added.push(tail(&before, &error(told)));
                }
                *self = Self { prev: self.prev, ..Self::begun(entry.seq) };
                let data = json!({"threadId": event.execution_id, "runId": event.run()});
                Shown { added, said: say(&event, &("RUN_STARTED", data)) }
            }
            "execution.completed" if is_open => {
                let added = self.end(&event, End::Success);
                Shown { added, said: say(&event, &("RUN_FINISHED", success(&event))) }
            }
            "execution.attempt_failed" | "execution.failed" | "execution.cancelled"
                if is_open || !self.errored =>
            {
                self.errored = true;
                let added = self.end(&event, End::Error);
                let cancelled = || Told {
                    code: "cancelled".to_owned(),
                    message: "The execution was cancelled.".to_owned(),
                };
                let told = ended(&event).and_then(|e| e.error).unwrap_or_else(cancelled);
                Shown { added, said: say(&event, &error(told)) }
            }
            "execution.waiting" if is_open => {
                match serde_json::from_str::<Asked<'_>>(event.data.get()) {
                    // Its runner let go: AG-UI's word for that is a run that ends with an interrupt.
                    Ok(asked) if !asked.hold => {
                        let added = self.end(&event, End::Interrupt);
                        let data = interrupt(entry.seq, &event, asked);
                        Shown { added, said: say(&event, &("RUN_FINISHED", data)) }
                    }
                    Ok(_) | Err(_) => say_custom(&event).into(),
                }
            }
            _ if is_open => say_custom(&event).into(),
            _ => Said::Hidden.into(),
        }
    }

    /// The run is over: what is open in it is closed.
    fn end(&mut self, event: &Event<'_>, how: End) -> Vec<Vec<u8>> {
        self.since = None;
        self.open.close(how).iter().map(|derived| tail(event, derived)).collect()
    }
}

const RELEASED: &str = "The attempt was given back before it had begun.";

/// The type of an event of content and its data, cut out of the known envelope: nothing before the
/// type holds text of anybody's choice.
fn parts(entry: Entry<'_>) -> Option<(&str, &str)> {
    const TYPE: &str = "\"type\":\"";
    const DATA: &str = "\",\"data\":";
    let json = std::str::from_utf8(after_prev(entry.json, entry.seq)).ok()?;
    let (_, rest) = json.split_once(TYPE)?;
    let (type_name, rest) = rest.split_once(DATA)?;
    Some((type_name, rest.strip_suffix('}')?))
}

impl Event<'_> {
    fn run(&self) -> String {
        format!("{}:{}", self.execution_id, self.attempt)
    }
}

fn read(entry: Entry<'_>) -> Option<Event<'_>> {
    serde_json::from_slice(entry.json).ok()
}

fn ended<'a>(event: &Event<'a>) -> Option<Ended<'a>> {
    serde_json::from_str(event.data.get()).ok()
}

fn success(event: &Event<'_>) -> serde_json::Value {
    let mut data = json!({
        "threadId": event.execution_id, "runId": event.run(), "outcome": {"type": "success"}
    });
    let output = ended(event).and_then(|e| e.output);
    let output = output.and_then(|raw| serde_json::to_value(raw).ok());
    if let Some(output) = output.filter(|output| !output.is_null()) {
        data["result"] = output;
    }
    data
}

fn error(Told { code, message }: Told) -> Derived {
    ("RUN_ERROR", json!({"message": message, "code": code}))
}

fn interrupt(seq: u64, event: &Event<'_>, asked: Asked<'_>) -> serde_json::Value {
    let mut interrupt = json!({
        "id": format!("{}:{seq}", event.execution_id), "reason": "input_required", "expiresAt": asked.until
    });
    if let Some(prompt) = asked.prompt {
        interrupt["message"] = prompt.into();
    }
    let schema = asked.schema.and_then(|raw| serde_json::to_value(raw).ok());
    if let Some(schema) = schema.filter(serde_json::Value::is_object) {
        interrupt["responseSchema"] = schema;
    }
    json!({
        "threadId": event.execution_id, "runId": event.run(),
        "outcome": {"type": "interrupt", "interrupts": [interrupt]}
    })
}

fn say(event: &Event<'_>, said: &Derived) -> Said {
    Said::As(tail(event, said))
}

/// What is said at the place of `event`, in its envelope.
fn tail(event: &Event<'_>, (type_name, data): &Derived) -> Vec<u8> {
    let mut tail = envelope(event, type_name);
    serde_json::to_writer(&mut tail, data).expect("a tree is plain JSON");
    tail.push(b'}');
    tail
}

fn say_custom(event: &Event<'_>) -> Said {
    let mut tail = envelope(event, "CUSTOM");
    tail.extend_from_slice(b"{\"name\":\"");
    tail.extend_from_slice(event.type_name.as_bytes());
    tail.extend_from_slice(b"\",\"value\":");
    tail.extend_from_slice(event.data.get().as_bytes());
    tail.extend_from_slice(b"}}");
    Said::As(tail)
}

fn envelope(event: &Event<'_>, type_name: &str) -> Vec<u8> {
    let Event { execution_id, attempt, time, .. } = event;
    format!(
        "\"execution_id\":\"{execution_id}\",\"attempt\":{attempt},\"time\":\"{time}\",\"type\":\"{type_name}\",\"data\":"
    )
    .into_bytes()
}
