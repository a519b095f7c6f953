//! What AG-UI's order of events asks of the content of a run: pieces and ends only of what has
//! begun, no second beginning, and nothing left open at the end.
//!
//! Logs are freer than that: a runner may leave out a start, and one that dies leaves open what it
//! was writing. So a piece of text that did not begin is given its start, what is open is closed
//! before the run ends, and a tool call's or a step's events out of order are not shown.
//! Deliberately absent: the chunked forms, which AG-UI's own clients open and close, and who owns
//! what is over.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

/// The most that may be open at once in what is shown; every watcher's lens holds it. What would
/// be more is not shown.
const OPEN_MAX: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    ToolCall,
    /// A message of reasoning.
    Thought,
    /// A span of reasoning.
    Reasoning,
    Step,
    Subagent,
}

enum Part {
    Start,
    Piece,
    End,
    /// AG-UI's short form, which begins and ends by itself.
    Chunk,
}

/// What a type of event is to something that begins and ends; `None` for all others.
fn part_of(type_name: &str) -> Option<(Kind, Part)> {
    Some(match type_name {
        "TEXT_MESSAGE_START" => (Kind::Text, Part::Start),
        "TEXT_MESSAGE_CONTENT" => (Kind::Text, Part::Piece),
        "TEXT_MESSAGE_END" => (Kind::Text, Part::End),
        "TEXT_MESSAGE_CHUNK" => (Kind::Text, Part::Chunk),
        "TOOL_CALL_START" => (Kind::ToolCall, Part::Start),
        "TOOL_CALL_ARGS" => (Kind::ToolCall, Part::Piece),
        "TOOL_CALL_END" => (Kind::ToolCall, Part::End),
        "TOOL_CALL_CHUNK" => (Kind::ToolCall, Part::Chunk),
        "REASONING_MESSAGE_START" => (Kind::Thought, Part::Start),
        "REASONING_MESSAGE_CONTENT" => (Kind::Thought, Part::Piece),
        "REASONING_MESSAGE_END" => (Kind::Thought, Part::End),
        "REASONING_MESSAGE_CHUNK" => (Kind::Thought, Part::Chunk),
        "REASONING_START" => (Kind::Reasoning, Part::Start),
        "REASONING_END" => (Kind::Reasoning, Part::End),
        "STEP_STARTED" => (Kind::Step, Part::Start),
        "STEP_FINISHED" => (Kind::Step, Part::End),
        "SUBAGENT_STARTED" => (Kind::Subagent, Part::Start),
        "SUBAGENT_FINISHED" | "SUBAGENT_ERROR" => (Kind::Subagent, Part::End),
        _ => return None,
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Thing {
    kind: Kind,
    id: Box<str>,
    /// The subagent whose it is.
    owner: Option<Box<str>>,
}

/// What names the thing that an event is about.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(rename = "messageId", borrow, default)]
    message: Cow<'a, str>,
    #[serde(rename = "toolCallId", borrow, default)]
    call: Cow<'a, str>,
    #[serde(rename = "stepName", borrow, default)]
    step: Cow<'a, str>,
    #[serde(rename = "subagentRunId", default)]
    owner: Option<Box<str>>,
}

/// How a run ends, as far as it matters to what is open in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    Interrupt,
    Error,
}

/// An event that only this view has: its type and data.
pub(crate) type Derived = (&'static str, Value);

/// Whether an event of content is shown, and what comes before it.
#[derive(Debug, PartialEq)]
pub(crate) enum Fits {
    AsItIs,
    After(Derived),
    Not,
}

/// What is open in a run, in the order in which it began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Open(Vec<Thing>);

impl Open {
    /// Goes past an event of content with the data `data`.
    pub(crate) fn step(&mut self, type_name: &str, data: &str) -> Fits {
        let Some((kind, part)) = part_of(type_name) else { return Fits::AsItIs };
        let Ok(named) = serde_json::from_str::<Named<'_>>(data) else { return Fits::Not };
        let owner = named.owner;
        let id = match kind {
            Kind::Text | Kind::Thought | Kind::Reasoning => named.message,
            Kind::ToolCall => named.call,
            Kind::Step => named.step,
            Kind::Subagent => owner.as_deref().unwrap_or_default().into(),
        };
        let found = self.0.iter().position(|thing| {
            let of_step = || kind != Kind::Step || thing.owner == owner;
            thing.kind == kind && *thing.id == *id && of_step()
        });
        match (part, found) {
            (Part::Start, Some(_)) | (Part::End, None) => Fits::Not,
            (Part::Start, None) => match self.begin(kind, &id, owner.clone()) {
                Some(_) => Fits::AsItIs,
                None => Fits::Not,
            },
            (Part::Piece | Part::End, Some(at)) if !self.0[at].may_be_of(owner.as_deref()) => {
                Fits::Not
            }
            (Part::Piece, Some(_)) | (Part::Chunk, None) => Fits::AsItIs,
            // Only its runner knows which tool it calls.
            (Part::Piece, None) if kind == Kind::ToolCall => Fits::Not,
            (Part::Piece, None) => match self.begin(kind, &id, owner.clone()) {
                Some(thing) => Fits::After(thing.start()),
                None => Fits::Not,
            },
            (Part::End, Some(at)) => {
                self.0.remove(at);
                Fits::AsItIs
            }
            (Part::Chunk, Some(at)) => Fits::After(self.0.remove(at).end(End::Success)),
        }
    }

    fn begin(&mut self, kind: Kind, id: &str, owner: Option<Box<str>>) -> Option<&Thing> {
        if self.0.len() == OPEN_MAX {
            return None;
        }
        self.0.push(Thing { kind, id: id.into(), owner });
        self.0.last()
    }

    /// Closes everything, the newest first.
    pub(crate) fn close(&mut self, end: End) -> Vec<Derived> {
        let open = std::mem::take(&mut self.0);
        open.into_iter().rev().map(|thing| thing.end(end)).collect()
    }
}

impl Thing {
    /// An event without an owner goes with whoever began the thing.
    fn may_be_of(&self, owner: Option<&str>) -> bool {
        self.kind == Kind::Subagent || owner.is_none() || owner == self.owner.as_deref()
    }

    /// The event that begins a message.
    fn start(&self) -> Derived {
        let (type_name, role) = match self.kind {
            Kind::Thought => ("REASONING_MESSAGE_START", "reasoning"),
            _ => ("TEXT_MESSAGE_START", "assistant"),
        };
        (type_name, self.owned(json!({"messageId": self.id, "role": role})))
    }

    fn end(&self, end: End) -> Derived {
        let (type_name, data) = match (self.kind, end) {
            (Kind::Text, _) => ("TEXT_MESSAGE_END", json!({"messageId": self.id})),
            (Kind::Thought, _) => ("REASONING_MESSAGE_END", json!({"messageId": self.id})),
            (Kind::Reasoning, _) => ("REASONING_END", json!({"messageId": self.id})),
            (Kind::ToolCall, _) => ("TOOL_CALL_END", json!({"toolCallId": self.id})),
            (Kind::Step, _) => ("STEP_FINISHED", json!({"stepName": self.id})),
            (Kind::Subagent, End::Success) => ("SUBAGENT_FINISHED", json!({})),
            (Kind::Subagent, End::Interrupt) => {
                ("SUBAGENT_FINISHED", json!({"outcome": {"type": "suspended"}}))
            }
            (Kind::Subagent, End::Error) => {
                ("SUBAGENT_ERROR", json!({"message": "The run that it was part of has ended."}))
            }
        };
        (type_name, self.owned(data))
    }

    fn owned(&self, mut data: Value) -> Value {
        if let Some(owner) = &self.owner {
            data["subagentRunId"] = (**owner).into();
        }
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(open: &mut Open, type_name: &str, data: &Value) -> Fits {
        open.step(type_name, &data.to_string())
    }

    #[test]
    fn what_is_open_is_closed_from_the_inside_out() {
        let mut open = Open::default();
        for (type_name, data) in [
            ("STEP_STARTED", json!({"stepName": "s"})),
            ("SUBAGENT_STARTED", json!({"subagentRunId": "a", "name": "n"})),
            ("STEP_STARTED", json!({"stepName": "s", "subagentRunId": "a"})),
            ("REASONING_START", json!({"messageId": "r"})),
            ("REASONING_MESSAGE_START", json!({"messageId": "r", "role": "reasoning"})),
            ("TEXT_MESSAGE_START", json!({"messageId": "done"})),
            ("TEXT_MESSAGE_START", json!({"messageId": "m", "subagentRunId": "a"})),
            ("TEXT_MESSAGE_END", json!({"messageId": "done"})),
            ("TOOL_CALL_START", json!({"toolCallId": "t", "toolCallName": "look"})),
            ("STATE_SNAPSHOT", json!({"snapshot": 1})),
        ] {
            assert_eq!(step(&mut open, type_name, &data), Fits::AsItIs, "{type_name}");
        }
        let closed = open.clone().close(End::Error);
        assert_eq!(
            closed,
            [
                ("TOOL_CALL_END", json!({"toolCallId": "t"})),
                ("TEXT_MESSAGE_END", json!({"messageId": "m", "subagentRunId": "a"})),
                ("REASONING_MESSAGE_END", json!({"messageId": "r"})),
                ("REASONING_END", json!({"messageId": "r"})),
                ("STEP_FINISHED", json!({"stepName": "s", "subagentRunId": "a"})),
                (
                    "SUBAGENT_ERROR",
                    json!({"message": "The run that it was part of has ended.", "subagentRunId": "a"})
                ),
                ("STEP_FINISHED", json!({"stepName": "s"})),
            ]
        );
        assert_eq!(open.close(End::Interrupt)[5].1["outcome"]["type"], "suspended");
        assert_eq!(open.close(End::Success), []);
    }

    #[test]
    fn text_that_did_not_begin_begins_and_what_else_is_out_of_order_is_not_shown() {
        let mut open = Open::default();
        let text = json!({"messageId": "m", "delta": "a", "subagentRunId": "a"});
        let start = json!({"messageId": "m", "role": "assistant", "subagentRunId": "a"});
        let after = Fits::After(("TEXT_MESSAGE_START", start));
        assert_eq!(step(&mut open, "TEXT_MESSAGE_CONTENT", &text), after);
        assert_eq!(step(&mut open, "TEXT_MESSAGE_CONTENT", &text), Fits::AsItIs);
        let nobodys = json!({"messageId": "m", "delta": "a"});
        assert_eq!(step(&mut open, "TEXT_MESSAGE_CONTENT", &nobodys), Fits::AsItIs);
        for (type_name, data) in [
            ("TEXT_MESSAGE_START", json!({"messageId": "m"})),
            ("TEXT_MESSAGE_END", json!({"messageId": "m", "subagentRunId": "b"})),
            ("TEXT_MESSAGE_END", json!({"messageId": "n"})),
            ("TOOL_CALL_ARGS", json!({"toolCallId": "t", "delta": "{"})),
            ("TOOL_CALL_END", json!({"toolCallId": "t"})),
            ("REASONING_END", json!({"messageId": "m"})),
            ("STEP_FINISHED", json!({"stepName": "s"})),
            ("SUBAGENT_FINISHED", json!({"subagentRunId": "a"})),
        ] {
            assert_eq!(step(&mut open, type_name, &data), Fits::Not, "{type_name}");
        }
        // A chunk of what is open begins anew.
        let end = json!({"messageId": "m", "subagentRunId": "a"});
        let chunk = step(&mut open, "TEXT_MESSAGE_CHUNK", &json!({"messageId": "m"}));
        assert_eq!(chunk, Fits::After(("TEXT_MESSAGE_END", end)));
        assert_eq!(open.close(End::Success), []);
    }

    #[test]
    fn what_is_open_is_bounded() {
        let mut open = Open::default();
        let shown = (0..1_000)
            .filter(|n| {
                let data = json!({"messageId": n.to_string(), "delta": "x"});
                step(&mut open, "TEXT_MESSAGE_CONTENT", &data) != Fits::Not
            })
            .count();
        assert_eq!((shown, open.close(End::Success).len()), (OPEN_MAX, OPEN_MAX));
    }
}
