//! What of a log a watcher sees, and in which words: `full`, `status` or `agui`.
//!
//! `full` passes the stored bytes on. `status` shows the lifecycle and puts the seq of the
//! lifecycle event before into `prev`. `agui` keeps the envelope and makes every `type` and `data`
//! valid AG-UI 1.0: claims and endings become `RUN_*`, other lifecycle events become `CUSTOM`, and
//! what would break AG-UI's own order (anything outside a run) is not shown. All three are
//! functions of the log alone, so an encoding made for one watcher serves them all.

use std::{
    fmt,
    io::{Cursor, Write as _},
    str::FromStr,
};

use heartline_actors::Stored;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

/// Which events, in which words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum View {
    #[default]
    Full,
    Status,
    AgUi,
}

impl View {
    /// The wire names.
    pub(crate) const NAMES: [&'static str; 3] = ["full", "status", "agui"];

    /// Whether what it shows of an event depends on events before it.
    pub(crate) fn depends_on_before(self) -> bool {
        self == View::AgUi
    }

    /// Whether pages need only hold lifecycle events.
    pub(crate) fn lifecycle_only(self) -> bool {
        self == View::Status
    }
}

impl FromStr for View {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "full" => Ok(View::Full),
            "status" => Ok(View::Status),
            "agui" => Ok(View::AgUi),
            other => {
                Err(format!("is not a view; {}", crate::nearest::did_you_mean(other, &Self::NAMES)))
            }
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

/// An event of a log, as a view reads it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) seq: u64,
    pub(crate) lifecycle: bool,
    /// Seq of the lifecycle event before; 0 when there is none.
    pub(crate) prev_lifecycle: u64,
    /// The stored bytes.
    pub(crate) json: &'a [u8],
}

impl<'a> From<&'a Stored> for Entry<'a> {
    fn from(stored: &'a Stored) -> Self {
        let record = &stored.record;
        Self {
            seq: record.seq,
            lifecycle: record.lifecycle,
            prev_lifecycle: stored.prev_lifecycle,
            json: &record.json,
        }
    }
}

/// A view at a place in a log: what it has shown bears on what it shows next.
#[derive(Clone, Debug)]
pub(crate) struct Lens {
    view: View,
    run: Run,
}

impl Lens {
    /// At the start of a log. Elsewhere an `agui` lens must first [`Lens::pass`] the lifecycle
    /// events before, and be told [`Lens::at`] which seq it stands.
    pub(crate) fn new(view: View) -> Self {
        Self { view, run: Run::default() }
    }

    /// Which view.
    pub(crate) fn view(&self) -> View {
        self.view
    }

    /// Goes past an event without showing it.
    pub(crate) fn pass(&mut self, event: Entry<'_>) {
        if self.view.depends_on_before() {
            self.run.step(event);
        }
    }

    /// Goes past all of these.
    pub(crate) fn pass_all<'a>(&mut self, events: impl Iterator<Item = Entry<'a>>) {
        if self.view.depends_on_before() {
            events.for_each(|event| self.pass(event));
        }
    }

    /// It has passed every lifecycle event up to `seq`, and now stands there.
    pub(crate) fn at(&mut self, seq: u64) {
        if self.run.open {
            self.run.prev = self.run.prev.max(seq);
        }
    }

    /// Goes past an event; calls `show` with its JSON, in parts, unless the view hides it.
    pub(crate) fn show(&mut self, event: Entry<'_>, show: &mut impl FnMut(u64, &[&[u8]])) {
        let Entry { seq, json, .. } = event;
        match self.view {
            View::Full => show(seq, &[json]),
            View::Status if event.lifecycle => {
                show(seq, &[Head::new(seq, event.prev_lifecycle).bytes(), after_prev(json, seq)]);
            }
            View::Status => {}
            View::AgUi => {
                let head = Head::new(seq, self.run.prev);
                match self.run.step(event) {
                    Said::Hidden => {}
                    Said::AsItIs => show(seq, &[head.bytes(), after_prev(json, seq)]),
                    Said::As(tail) => show(seq, &[head.bytes(), &tail]),
                }
            }
        }
    }
}

/// `{"seq":N,"prev":M,` without an allocation: two numbers of 20 digits and their names.
struct Head(Cursor<[u8; 64]>);

impl Head {
    fn new(seq: u64, prev: u64) -> Self {
        let mut head = Cursor::new([0; 64]);
        write!(head, "{{\"seq\":{seq},\"prev\":{prev},").expect("two numbers fit");
        Self(head)
    }

    fn bytes(&self) -> &[u8] {
        &self.0.get_ref()[..self.0.position() as usize]
    }
}

/// The event's JSON after the known prefix `{"seq":N,"prev":N-1,`.
fn after_prev(json: &[u8], seq: u64) -> &[u8] {
    let digits = |n: u64| n.checked_ilog10().unwrap_or(0) as usize + 1;
    let prefix = "{\"seq\":,\"prev\":,".len() + digits(seq) + digits(seq.saturating_sub(1));
    debug_assert_eq!(json.get(prefix - 1), Some(&b','), "the encoding of events has changed");
    json.get(prefix..).unwrap_or_default()
}

/// How an event looks in the `agui` view.
enum Said {
    Hidden,
    AsItIs,
    /// This, after `seq` and `prev`.
    As(Vec<u8>),
}

/// Where a log stands in AG-UI's own order of events: `RUN_STARTED` first, then anything, then
/// `RUN_FINISHED` or `RUN_ERROR`; after that, another run or nothing.
#[derive(Clone, Debug, Default)]
struct Run {
    /// Between a start and an end.
    open: bool,
    /// The last run ended with an error; a second one may not follow.
    errored: bool,
    /// The last event shown.
    prev: u64,
}

/// As much of an event as the mapping needs.
#[derive(Deserialize)]
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
    /// What `event` is called, and where that leads.
    fn step(&mut self, event: Entry<'_>) -> Said {
        let seq = event.seq;
        if !event.lifecycle {
            if !self.open {
                return Said::Hidden;
            }
            self.prev = seq;
            return Said::AsItIs;
        }
        let Ok(event) = serde_json::from_slice::<Event<'_>>(event.json) else {
            return Said::Hidden; // Not an event; the store checks what it reads.
        };
        let said = self.lifecycle(seq, &event);
        if !matches!(said, Said::Hidden) {
            self.prev = seq;
        }
        said
    }

    fn lifecycle(&mut self, seq: u64, event: &Event<'_>) -> Said {
        let run = format!("{}:{}", event.execution_id, event.attempt);
        match event.type_name {
            "execution.started" => {
                (self.open, self.errored) = (true, false);
                say(event, "RUN_STARTED", &json!({"threadId": event.execution_id, "runId": run}))
            }
            "execution.completed" if self.open => {
                self.open = false;
                let mut data = json!({
                    "threadId": event.execution_id, "runId": run, "outcome": {"type": "success"}
                });
                let output = ended(event)
                    .and_then(|e| e.output)
                    .and_then(|raw| serde_json::to_value(raw).ok());
                if let Some(output) = output.filter(|output| !output.is_null()) {
                    data["result"] = output;
                }
                say(event, "RUN_FINISHED", &data)
            }
            "execution.attempt_failed" | "execution.failed" | "execution.cancelled"
                if self.open || !self.errored =>
            {
                (self.open, self.errored) = (false, true);
                let cancelled = || Told {
                    code: "cancelled".to_owned(),
                    message: "The execution was cancelled.".to_owned(),
                };
                let Told { code, message } =
                    ended(event).and_then(|e| e.error).unwrap_or_else(cancelled);
                say(event, "RUN_ERROR", &json!({"message": message, "code": code}))
            }
            "execution.waiting" if self.open => {
                match serde_json::from_str::<Asked<'_>>(event.data.get()) {
                    // Its runner let go: AG-UI's word for that is a run that ends with an interrupt.
                    Ok(asked) if !asked.hold => {
                        self.open = false;
                        say(event, "RUN_FINISHED", &interrupt(seq, event, &run, asked))
                    }
                    Ok(_) | Err(_) => say_custom(event),
                }
            }
            _ if self.open => say_custom(event),
            _ => Said::Hidden,
        }
    }
}

fn ended<'a>(event: &Event<'a>) -> Option<Ended<'a>> {
    serde_json::from_str(event.data.get()).ok()
}

fn interrupt(seq: u64, event: &Event<'_>, run: &str, asked: Asked<'_>) -> serde_json::Value {
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
        "threadId": event.execution_id, "runId": run,
        "outcome": {"type": "interrupt", "interrupts": [interrupt]}
    })
}

fn say(event: &Event<'_>, type_name: &str, data: &serde_json::Value) -> Said {
    let mut tail = envelope(event, type_name);
    serde_json::to_writer(&mut tail, data).expect("a tree is plain JSON");
    tail.push(b'}');
    Said::As(tail)
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

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::Value;

    use super::*;

    /// A log of events of these types, with their data.
    pub(crate) struct Log(Vec<(u64, bool, u64, String)>);

    impl Log {
        pub(crate) fn new(events: &[(&str, &str)]) -> Self {
            let mut prev_lifecycle = 0;
            let entries = events.iter().zip(1..).map(|((type_name, data), seq)| {
                let lifecycle = type_name.starts_with("execution.");
                let json = format!(
                    "{{\"seq\":{seq},\"prev\":{},\"execution_id\":\"aex_1\",\"attempt\":1,\"time\":\"t\",\"type\":\"{type_name}\",\"data\":{data}}}",
                    seq - 1
                );
                let entry = (seq, lifecycle, prev_lifecycle, json);
                if lifecycle {
                    prev_lifecycle = seq;
                }
                entry
            });
            Self(entries.collect())
        }

        pub(crate) fn entries(&self) -> Vec<Entry<'_>> {
            self.0
                .iter()
                .map(|(seq, lifecycle, prev_lifecycle, json)| Entry {
                    seq: *seq,
                    lifecycle: *lifecycle,
                    prev_lifecycle: *prev_lifecycle,
                    json: json.as_bytes(),
                })
                .collect()
        }
    }

    fn seen(lens: &mut Lens, events: &[Entry<'_>]) -> Vec<Value> {
        let mut seen = Vec::new();
        for event in events {
            lens.show(*event, &mut |seq, parts| {
                let value: Value = serde_json::from_slice(&parts.concat()).unwrap();
                assert_eq!(value["seq"], seq);
                seen.push(value);
            });
        }
        seen
    }

    fn unbroken(seen: &[Value]) {
        let mut prev = 0;
        for event in seen {
            assert_eq!(event["prev"], prev, "{event}");
            prev = event["seq"].as_u64().unwrap();
        }
    }

    fn types(seen: &[Value]) -> Vec<&str> {
        seen.iter().map(|event| event["type"].as_str().unwrap()).collect()
    }

    const FAILURE: &str = r#"{"reason":"runner_error","error":{"code":"runner_error","message":"it broke","retryable":true}}"#;

    fn retried() -> Log {
        Log::new(&[
            ("execution.created", "{}"),
            ("execution.started", "{}"),
            ("TEXT_MESSAGE_CONTENT", r#"{"messageId":"m","delta":"d"}"#),
            ("execution.progress", r#"{"fraction":0.5}"#),
            ("execution.attempt_failed", FAILURE),
            ("execution.retry_scheduled", "{}"),
            ("execution.started", "{}"),
            ("TEXT_MESSAGE_CONTENT", r#"{"messageId":"m","delta":"d"}"#),
            ("execution.attempt_failed", FAILURE),
            ("execution.failed", FAILURE),
        ])
    }

    #[test]
    fn the_full_view_is_the_stored_bytes() {
        for event in retried().entries() {
            Lens::new(View::Full).show(event, &mut |_, parts| assert_eq!(parts, [event.json]));
        }
    }

    #[test]
    fn the_status_view_shows_the_lifecycle_in_an_unbroken_chain() {
        let seen = seen(&mut Lens::new(View::Status), &retried().entries());
        assert_eq!(
            seen.iter().map(|e| e["seq"].as_u64().unwrap()).collect::<Vec<_>>(),
            [1, 2, 4, 5, 6, 7, 9, 10]
        );
        unbroken(&seen);
    }

    #[test]
    fn the_agui_view_is_runs_in_their_order() {
        let seen = seen(&mut Lens::new(View::AgUi), &retried().entries());
        assert_eq!(
            types(&seen),
            [
                "RUN_STARTED",
                "TEXT_MESSAGE_CONTENT",
                "CUSTOM",
                "RUN_ERROR",
                "RUN_STARTED",
                "TEXT_MESSAGE_CONTENT",
                "RUN_ERROR"
            ]
        );
        unbroken(&seen);
        assert_eq!(seen[0]["data"], json!({"threadId": "aex_1", "runId": "aex_1:1"}));
        assert_eq!(seen[1]["data"], json!({"messageId": "m", "delta": "d"}));
        assert_eq!(
            seen[2]["data"],
            json!({"name": "execution.progress", "value": {"fraction": 0.5}})
        );
        assert_eq!(seen[3]["data"], json!({"message": "it broke", "code": "runner_error"}));
    }

    #[test]
    fn an_execution_that_never_ran_still_tells_its_failure() {
        let log = Log::new(&[("execution.created", "{}"), ("execution.failed", FAILURE)]);
        let seen = seen(&mut Lens::new(View::AgUi), &log.entries());
        assert_eq!(types(&seen), ["RUN_ERROR"]);
        unbroken(&seen);
    }

    #[test]
    fn a_wait_without_a_runner_ends_the_run_with_an_interrupt() {
        let asked = r#"{"prompt":"ok?","schema":{"type":"boolean"},"until":"t2","hold":false}"#;
        let log = Log::new(&[
            ("execution.created", "{}"),
            ("execution.started", "{}"),
            ("execution.waiting", asked),
            ("execution.resumed", "{}"),
            ("execution.started", "{}"),
            ("execution.completed", r#"{"output":{"a":1}}"#),
        ]);
        let seen = seen(&mut Lens::new(View::AgUi), &log.entries());
        assert_eq!(types(&seen), ["RUN_STARTED", "RUN_FINISHED", "RUN_STARTED", "RUN_FINISHED"]);
        unbroken(&seen);
        assert_eq!(seen[1]["data"]["outcome"]["interrupts"][0]["message"], "ok?");
        assert_eq!(seen[3]["data"]["result"], json!({"a": 1}));
    }

    #[test]
    fn a_lens_that_starts_in_the_middle_shows_what_one_from_the_start_shows() {
        let log = retried();
        let events = log.entries();
        for view in [View::Status, View::AgUi] {
            let whole = seen(&mut Lens::new(view), &events);
            for after in 0..events.len() {
                let mut lens = Lens::new(view);
                for event in events[..after].iter().filter(|e| e.lifecycle) {
                    lens.pass(*event);
                }
                lens.at(after as u64);
                let rest: Vec<_> = whole
                    .iter()
                    .filter(|e| e["seq"].as_u64().unwrap() > after as u64)
                    .cloned()
                    .collect();
                assert_eq!(seen(&mut lens, &events[after..]), rest, "{view} after {after}");
            }
        }
    }
}
