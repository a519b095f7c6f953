//! What of a log a watcher sees, and in which words: `full`, `status` or `agui`.
//!
//! `full` passes the stored bytes on. `status` shows the lifecycle and puts the seq of the
//! lifecycle event before into `prev`. `agui` keeps the envelope and makes every `type` and `data`
//! valid AG-UI 1.0, see [`crate::agui`]. All three are functions of the log alone, so an encoding
//! made for one watcher serves them all.
//!
//! In `agui` some events are not in the log, such as the end of a message whose runner died. Each
//! has the seq of the event shown before it, in `seq` and `prev`: the chain stays whole, and whoever
//! comes back with that seq is shown all that follows it.

use std::{
    fmt,
    io::{Cursor, Write as _},
    str::FromStr,
};

use heartline_actors::Stored;

use crate::agui::{Run, Said, Shown};

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
    /// At the start of a log. Elsewhere an `agui` lens must first [`Lens::pass`] what was before:
    /// the lifecycle tells in which run it stands, and then all events since its start what is
    /// open in it.
    pub(crate) fn new(view: View) -> Self {
        Self { view, run: Run::default() }
    }

    /// Of the `agui` view, just after the start of a run.
    pub(crate) fn begun(since: u64) -> Self {
        Self { view: View::AgUi, run: Run::begun(since) }
    }

    /// The seq of the start of the run in which it stands, in the `agui` view.
    pub(crate) fn run_since(&self) -> Option<u64> {
        self.run.since()
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
                let before = self.run.prev();
                let Shown { added, said } = self.run.step(event);
                for tail in &added {
                    show(before, &[Head::new(before, before).bytes(), tail]);
                }
                let head = Head::new(seq, before);
                match said {
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
pub(crate) fn after_prev(json: &[u8], seq: u64) -> &[u8] {
    let digits = |n: u64| n.checked_ilog10().unwrap_or(0) as usize + 1;
    let prefix = "{\"seq\":,\"prev\":,".len() + digits(seq) + digits(seq.saturating_sub(1));
    debug_assert_eq!(json.get(prefix - 1), Some(&b','), "the encoding of events has changed");
    json.get(prefix..).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

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
        seen_of(lens, events).into_iter().map(|(_, value)| value).collect()
    }

    /// Each with the seq of the event in whose place it is shown.
    fn seen_of(lens: &mut Lens, events: &[Entry<'_>]) -> Vec<(u64, Value)> {
        let mut seen = Vec::new();
        for event in events {
            lens.show(*event, &mut |seq, parts| {
                let value: Value = serde_json::from_slice(&parts.concat()).unwrap();
                assert_eq!(value["seq"], seq);
                seen.push((event.seq, value));
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
                "TEXT_MESSAGE_START",
                "TEXT_MESSAGE_CONTENT",
                "CUSTOM",
                "TEXT_MESSAGE_END",
                "RUN_ERROR",
                "RUN_STARTED",
                "TEXT_MESSAGE_START",
                "TEXT_MESSAGE_CONTENT",
                "TEXT_MESSAGE_END",
                "RUN_ERROR"
            ]
        );
        unbroken(&seen);
        assert_eq!(seen[0]["data"], json!({"threadId": "aex_1", "runId": "aex_1:1"}));
        assert_eq!(seen[2]["data"], json!({"messageId": "m", "delta": "d"}));
        assert_eq!(
            seen[3]["data"],
            json!({"name": "execution.progress", "value": {"fraction": 0.5}})
        );
        assert_eq!(seen[5]["data"], json!({"message": "it broke", "code": "runner_error"}));
        // What is in this view only has the seq of what is shown before it.
        let places: Vec<_> = seen.iter().map(|e| e["seq"].as_u64().unwrap()).collect();
        assert_eq!(places, [2, 2, 3, 4, 4, 5, 7, 7, 8, 8, 9]);
    }

    #[test]
    fn a_run_that_ends_while_things_are_open_closes_them_first() {
        let open = [
            ("execution.created", "{}"),
            ("execution.started", "{}"),
            ("STEP_STARTED", r#"{"stepName":"s"}"#),
            ("TEXT_MESSAGE_START", r#"{"messageId":"m","role":"assistant"}"#),
            ("TOOL_CALL_START", r#"{"toolCallId":"t","toolCallName":"look"}"#),
        ];
        let asked = r#"{"until":"t2","hold":false}"#;
        for (last, data, said) in [
            ("execution.completed", "{}", "RUN_FINISHED"),
            ("execution.waiting", asked, "RUN_FINISHED"),
            ("execution.attempt_failed", FAILURE, "RUN_ERROR"),
            ("execution.failed", FAILURE, "RUN_ERROR"),
            ("execution.cancelled", "{}", "RUN_ERROR"),
        ] {
            let log = Log::new(&[&open[..], &[(last, data)]].concat());
            let seen = seen(&mut Lens::new(View::AgUi), &log.entries());
            let end = ["TOOL_CALL_END", "TEXT_MESSAGE_END", "STEP_FINISHED", said];
            assert_eq!(types(&seen)[4..], end, "{last}");
            unbroken(&seen);
            assert_eq!(seen[5]["data"], json!({"messageId": "m"}));
        }
    }

    #[test]
    fn a_lease_that_was_given_back_ends_its_run() {
        let log = Log::new(&[
            ("execution.created", "{}"),
            ("execution.started", "{}"),
            ("execution.retry_scheduled", "{}"),
            ("execution.started", "{}"),
            ("execution.completed", "{}"),
        ]);
        let seen = seen(&mut Lens::new(View::AgUi), &log.entries());
        assert_eq!(
            types(&seen),
            ["RUN_STARTED", "CUSTOM", "RUN_ERROR", "RUN_STARTED", "RUN_FINISHED"]
        );
        unbroken(&seen);
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

    /// As a reader that comes back does it.
    fn lens_at(view: View, events: &[Entry<'_>], after: u64) -> Lens {
        let mut lens = Lens::new(view);
        let before = || events.iter().filter(|event| event.seq <= after).copied();
        before().filter(|event| event.lifecycle).for_each(|event| lens.pass(event));
        let Some(since) = lens.run_since() else { return lens };
        lens = Lens::begun(since);
        lens.pass_all(before().filter(|event| event.seq > since));
        lens
    }

    #[test]
    fn a_lens_that_starts_in_the_middle_shows_what_one_from_the_start_shows() {
        let busy = Log::new(&[
            ("execution.created", "{}"),
            ("execution.started", "{}"),
            ("TEXT_MESSAGE_START", r#"{"messageId":"a","role":"assistant"}"#),
            ("TOOL_CALL_ARGS", r#"{"toolCallId":"never begun","delta":""}"#),
            ("REASONING_START", r#"{"messageId":"r"}"#),
            ("TEXT_MESSAGE_END", r#"{"messageId":"a"}"#),
            ("execution.progress", "{}"),
            ("TEXT_MESSAGE_END", r#"{"messageId":"a"}"#),
            ("STEP_STARTED", r#"{"stepName":"s"}"#),
            ("execution.retry_scheduled", "{}"),
            ("execution.started", "{}"),
            ("TEXT_MESSAGE_CONTENT", r#"{"messageId":"b","delta":"d"}"#),
            ("execution.completed", "{}"),
        ]);
        for log in [retried(), busy] {
            let events = log.entries();
            for view in [View::Status, View::AgUi] {
                let whole = seen_of(&mut Lens::new(view), &events);
                unbroken(&whole.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>());
                for after in 0..events.len() {
                    let mut lens = lens_at(view, &events, after as u64);
                    let rest: Vec<_> =
                        whole.iter().filter(|(of, _)| *of > after as u64).cloned().collect();
                    assert_eq!(seen_of(&mut lens, &events[after..]), rest, "{view} after {after}");
                }
            }
        }
    }
}
