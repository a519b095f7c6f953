//! Any event in a few words.

use std::borrow::Cow;

use heartline_execution::Timestamp;
use serde::Deserialize as _;
use serde_json::Value;

use crate::cli::{
    output::{Tone, between},
    wire::{Event, Runner},
};

/// A value longer than this is cut: the whole is a `heartline events -o jsonl` away.
const VALUE_MAX: usize = 400;

/// An event in words. Not yet safe to print.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What sort of thing it is, in one word or two.
    pub(crate) label: Cow<'static, str>,
    /// The rest.
    pub(crate) text: String,
    /// How it is meant.
    pub(crate) tone: Tone,
}

impl Line {
    fn new(label: &'static str, text: impl Into<String>, tone: Tone) -> Self {
        Self { label: Cow::Borrowed(label), text: text.into(), tone }
    }
}

/// Says what an event says.
pub(crate) fn describe(event: &Event) -> Line {
    lifecycle(event).or_else(|| content(event)).unwrap_or_else(|| Line {
        label: Cow::Owned(event.type_name.to_ascii_lowercase()),
        text: compact(&event.data),
        tone: Tone::Dim,
    })
}

fn lifecycle(event: &Event) -> Option<Line> {
    let data = &event.data;
    let text = |field: &str| event.text(field).unwrap_or_default();
    let until = |field: &str| {
        let at = event.text(field).and_then(|at| at.parse::<Timestamp>().ok());
        at.map_or_else(String::new, |at| between(event.time, at))
    };
    Some(match event.type_name.strip_prefix("execution.")? {
        "created" => {
            let what = format!("{} '{}' in queue {}", text("kind"), text("name"), text("queue"));
            Line::new("created", what, Tone::Accent)
        }
        "started" => {
            let runner = data.get("runner").and_then(|r| Runner::deserialize(r).ok());
            let runner = runner.map_or_else(|| "a runner".to_owned(), |r| r.label());
            Line::new("started", format!("attempt {} by {runner}", event.attempt), Tone::Accent)
        }
        "progress" => {
            let percent = data.get("fraction").and_then(Value::as_f64);
            let percent = percent.map(|f| format!("{:.0}%", f * 100.0)).unwrap_or_default();
            Line::new("progress", format!("{percent} {}", text("message")).trim(), Tone::Accent)
        }
        "waiting" => {
            let text = format!("for a person, for {}: {}", until("until"), text("prompt"));
            Line::new("waiting", text, Tone::Warn)
        }
        "resumed" => {
            let input =
                data.get("input").map_or_else(String::new, |i| format!(" with {}", compact(i)));
            Line::new("resumed", format!("answered{input}"), Tone::Accent)
        }
        "runner_disconnected" => {
            let why = event.text("detail").map_or_else(String::new, |why| format!("{why}; "));
            let text = format!("{why}the runner has {} to return", until("until"));
            Line::new("disconnected", text, Tone::Warn)
        }
        "runner_returned" => Line::new("returned", "the runner is back", Tone::Good),
        "attempt_failed" => {
            let text = format!("attempt {}: {}", event.attempt, failure(data));
            Line::new("attempt failed", text, Tone::Bad)
        }
        "retry_scheduled" => {
            let number = data.get("attempt").and_then(Value::as_u64).unwrap_or_default();
            let text = format!("attempt {number} in {}", until("at"));
            Line::new("retry", text, Tone::Warn)
        }
        "cancel_requested" => {
            let reason = event.text("reason").map_or_else(String::new, |r| format!(" ({r})"));
            let text = format!("requested{reason}; forced in {}", until("deadline"));
            Line::new("cancel", text, Tone::Warn)
        }
        "cancel_delivered" => Line::new("cancel", "the runner was told", Tone::Warn),
        "cancel_acknowledged" => Line::new("cancel", "the runner is stopping", Tone::Warn),
        "updated" => Line::new("updated", compact(data), Tone::Dim),
        "completed" => {
            let output = data.get("output").filter(|o| !o.is_null());
            let text = output.map_or_else(String::new, |o| format!("output {}", compact(o)));
            Line::new("completed", text, Tone::Good)
        }
        "failed" => Line::new("failed", failure(data), Tone::Bad),
        "cancelled" => Line::new("cancelled", text("reason"), Tone::Warn),
        _ => return None,
    })
}

fn failure(data: &Value) -> String {
    let message = data.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
    let reason = data.get("reason").and_then(Value::as_str).unwrap_or_default();
    format!("{reason}: {message}")
}

fn content(event: &Event) -> Option<Line> {
    if let Some((name, value)) = event.custom() {
        return Some(custom(name, value));
    }
    let text = |field: &str| event.text(field).unwrap_or_default();
    Some(match &*event.type_name {
        "TEXT_MESSAGE_START" => {
            let role = event.text("role").unwrap_or("assistant");
            Line::new("message", format!("{role} {}", text("messageId")), Tone::Dim)
        }
        "TEXT_MESSAGE_CONTENT" | "TEXT_MESSAGE_CHUNK" => {
            Line::new("text", text("delta"), Tone::Plain)
        }
        "TEXT_MESSAGE_END" => Line::new("message end", text("messageId"), Tone::Dim),
        "REASONING_MESSAGE_CONTENT" | "REASONING_MESSAGE_CHUNK" => {
            Line::new("reasoning", text("delta"), Tone::Dim)
        }
        "TOOL_CALL_START" => {
            let what = format!("{} ({})", text("toolCallName"), text("toolCallId"));
            Line::new("tool", what, Tone::Accent)
        }
        "TOOL_CALL_ARGS" | "TOOL_CALL_CHUNK" => Line::new("tool args", text("delta"), Tone::Dim),
        "TOOL_CALL_END" => Line::new("tool called", text("toolCallId"), Tone::Dim),
        "TOOL_CALL_RESULT" => {
            let content = event.data.get("content").map(compact).unwrap_or_default();
            Line::new("tool result", format!("{} {content}", text("toolCallId")), Tone::Accent)
        }
        "STEP_STARTED" => Line::new("step", text("stepName"), Tone::Accent),
        "STEP_FINISHED" => Line::new("step done", text("stepName"), Tone::Good),
        "SUBAGENT_STARTED" => Line::new("subagent", text("name"), Tone::Accent),
        "SUBAGENT_FINISHED" => Line::new("subagent done", text("subagentRunId"), Tone::Good),
        "SUBAGENT_ERROR" => Line::new("subagent", text("message"), Tone::Bad),
        _ => return None,
    })
}

fn custom(name: &str, value: &Value) -> Line {
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    match name {
        "log" => {
            let tone = match text("level") {
                "error" => Tone::Bad,
                "warn" => Tone::Warn,
                "trace" | "debug" => Tone::Dim,
                _ => Tone::Plain,
            };
            match text("level") {
                "info" => Line::new("log", text("message"), tone),
                level => Line::new("log", format!("{level}: {}", text("message")), tone),
            }
        }
        "task" => {
            let tone = match text("status") {
                "completed" => Tone::Good,
                "failed" => Tone::Bad,
                _ => Tone::Accent,
            };
            Line::new("task", format!("{}: {}", text("name"), text("status")), tone)
        }
        "todo" => {
            Line::new("todo", format!("[{}] {}", text("status"), text("content")), Tone::Accent)
        }
        "artifact" => {
            let what = format!("{} ({}) {}", text("name"), text("mime_type"), text("url"));
            Line::new("artifact", what.trim_end(), Tone::Accent)
        }
        "output" => Line::new("output", compact(value), Tone::Good),
        _ => Line::new("custom", format!("{name} {}", compact(value)), Tone::Dim),
    }
}

/// JSON in one line, of bounded length; a text without its quotes.
fn compact(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(VALUE_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(type_name: &str, data: serde_json::Value) -> Event {
        let raw = serde_json::json!({
            "seq": 2, "prev": 1, "execution_id": "aex_1", "attempt": 1,
            "time": "2026-01-02T03:04:05.000000Z", "type": type_name, "data": data,
        });
        Event::parse(&raw.to_string()).unwrap()
    }

    #[test]
    fn every_lifecycle_event_has_words_of_its_own() {
        for name in heartline_execution::EventBody::LIFECYCLE {
            let line = describe(&event(name, serde_json::json!({})));
            assert!(!line.label.starts_with("execution."), "{name} falls through");
        }
    }

    #[test]
    fn a_failure_tells_reason_and_message() {
        let data =
            serde_json::json!({"reason": "runner_lost", "error": {"code": "c", "message": "m"}});
        let line = describe(&event("execution.failed", data));
        assert_eq!((line.text.as_str(), line.tone), ("runner_lost: m", Tone::Bad));
    }

    #[test]
    fn an_unknown_event_is_shown_as_it_is() {
        let line = describe(&event("LATER_THING", serde_json::json!({"a": 1})));
        assert_eq!((&*line.label, line.text.as_str()), ("later_thing", "{\"a\":1}"));
    }
}
