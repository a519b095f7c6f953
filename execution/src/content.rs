//! What runners post: the AG-UI 1.0 event vocabulary and Heartline's reserved `CUSTOM` names.
//!
//! An event is parsed once, into the bytes as posted (they are stored and served) and an
//! [`Item`] with just what the fold needs. Fields that AG-UI does not know pass through, as its
//! own schema lets them; nothing is filled in and nothing is dropped. Deliberately absent: what
//! an event does to the state (see [`crate::transcript`]), and `RUN_*`, which is how the
//! lifecycle looks in the `agui` view.
//!
//! Replay parses the log again by these rules, so a rule may be loosened later, never tightened.

mod agui;
mod custom;
mod fields;
mod item;
mod messages;
pub mod patch;
mod walk;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

pub use self::item::{
    Artifact, ArtifactBody, Body, Item, Level, Log, Role, SnapshotCall, SnapshotMessage, Status,
    Stream, Subagent, Task, Todo,
};
use self::{
    agui::Type,
    fields::{Problems, nearest, quote, read},
};

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// RFC 6901, relative to the event: `/data/messageId`, `/type`.
    pub pointer: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// How far an execution is, as its runner says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Within 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction: Option<f64>,
    /// At most [`Progress::MESSAGE_MAX`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The runner's own, such as where another attempt goes on; at most [`Progress::DETAILS_MAX`]
    /// bytes.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "details")]
    pub details: Option<Box<RawValue>>,
}

fn details<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Ok(Option::<Box<RawValue>>::deserialize(from)?.map(one_line))
}

impl PartialEq for Progress {
    fn eq(&self, other: &Self) -> bool {
        let (details, others) = (self.details.as_deref(), other.details.as_deref());
        self.fraction == other.fraction
            && self.message == other.message
            && details.map(RawValue::get) == others.map(RawValue::get)
    }
}

impl Progress {
    /// Bytes of its message and details.
    pub fn bytes(&self) -> usize {
        let details = self.details.as_ref().map_or(0, |details| details.get().len());
        details + self.message.as_ref().map_or(0, String::len)
    }

    /// The most characters of a message: it is one line of a screen, and part of every list.
    pub const MESSAGE_MAX: usize = 1_000;
    /// The most bytes of details: they are part of every state and every row of a list, so what is
    /// bigger belongs into an artifact or the shared state.
    pub const DETAILS_MAX: usize = 64 * 1_024;

    /// Checks the bounds; `pointer` is where the progress stands.
    pub fn validate(&self, pointer: &str) -> Result<(), FieldError> {
        let error = |field: &str, message: String| {
            Err(FieldError { pointer: format!("{pointer}/{field}"), message })
        };
        if let Some(fraction) = self.fraction
            && !(0.0..=1.0).contains(&fraction)
        {
            return error("fraction", format!("is {fraction}; it must be within 0 and 1"));
        }
        let length = self.message.as_ref().map_or(0, |text| text.chars().count());
        if length > Self::MESSAGE_MAX {
            let message =
                format!("has {length} characters; at most {} are allowed", Self::MESSAGE_MAX);
            return error("message", message);
        }
        let length = self.details.as_ref().map_or(0, |details| details.get().len());
        if length > Self::DETAILS_MAX {
            let message = format!("has {length} bytes; at most {} are allowed", Self::DETAILS_MAX);
            return error("details", message);
        }
        Ok(())
    }
}

/// An event as a runner posted it, known to be valid.
#[derive(Clone, Debug)]
pub struct Content {
    of: Type,
    raw: Box<RawValue>,
    subagent: Option<Box<str>>,
    item: Item,
}

impl Content {
    /// Checks `data` against the rules of its type; all broken rules are told (but no more than
    /// a screenful).
    pub fn parse(type_name: &str, data: Box<RawValue>) -> Result<Self, Vec<FieldError>> {
        let Some(of) = Type::named(type_name) else {
            let message = unknown_type(type_name);
            return Err(vec![FieldError { pointer: "/type".to_owned(), message }]);
        };
        let raw = one_line(data);
        let mut problems = Problems::default();
        let parsed = read(&raw, "/data", of.shape(), &mut problems).and_then(|mut found| {
            let subagent = found.maybe_text("subagentRunId");
            let item = agui::item(of, &mut found, subagent.as_deref(), &mut problems)?;
            Some((subagent, item))
        });
        let (subagent, item) = problems.into_result(parsed)?;
        Ok(Self { of, raw, subagent, item })
    }

    /// The wire's `type`.
    pub fn type_name(&self) -> &'static str {
        self.of.name()
    }

    /// The very bytes posted, except that line breaks between tokens became spaces: an event is
    /// one line wherever it goes.
    pub fn data(&self) -> &RawValue {
        &self.raw
    }

    /// AG-UI's `subagentRunId`: the subagent whose event this is; `None` is the parent agent.
    pub fn subagent(&self) -> Option<&str> {
        self.subagent.as_deref()
    }

    /// The value of `CUSTOM` `output`, byte for byte; `None` for anything else.
    pub fn output(&self) -> Option<&RawValue> {
        #[derive(Deserialize)]
        struct Custom<'a> {
            #[serde(borrow)]
            value: &'a RawValue,
        }
        if !matches!(self.item, Item::Output) {
            return None;
        }
        // The table has required the value.
        let custom = serde_json::from_str::<Custom<'_>>(self.raw.get());
        custom.ok().map(|custom| custom.value)
    }

    /// What it means.
    pub fn item(&self) -> &Item {
        &self.item
    }
}

/// The types that [`Content::parse`] takes.
pub fn known_types() -> impl Iterator<Item = &'static str> {
    Type::NAMES.iter().copied()
}

fn unknown_type(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("RUN_") {
        return format!(
            "RUN_{} is not posted: the server tells how a run goes; use claim, complete, fail, \
             wait or cancelled",
            quote(rest)
        );
    }
    if name.starts_with("execution.") {
        return format!("\"{}\" is written by the server only", quote(name));
    }
    // 0.x had THINKING_*, and camel case is a common slip.
    let spelled = quote(name).to_ascii_uppercase().replace(['-', '.', ' '], "_");
    let spelled = spelled
        .replace("THINKING_TEXT_MESSAGE", "REASONING_MESSAGE")
        .replace("THINKING", "REASONING");
    match nearest(&spelled, known_types()) {
        Some(near) => format!("\"{}\" is not an event type; did you mean {near}?", quote(name)),
        None => format!(
            "\"{}\" is not an event type; known are {}",
            quote(name),
            Type::NAMES.join(", ")
        ),
    }
}

/// Inside a JSON string a line break is escaped, so every bare one is between tokens.
fn one_line(raw: Box<RawValue>) -> Box<RawValue> {
    // Two searches for one character each are several times faster than one for either.
    if !raw.get().contains('\n') && !raw.get().contains('\r') {
        return raw;
    }
    RawValue::from_string(raw.get().replace(['\n', '\r'], " "))
        .expect("white space for white space keeps JSON well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parse(type_name: &str, data: &str) -> Result<Content, Vec<FieldError>> {
        Content::parse(type_name, RawValue::from_string(data.to_owned()).unwrap())
    }

    fn errors(type_name: &str, data: &str) -> Vec<(String, String)> {
        let errors = parse(type_name, data).expect_err(data);
        errors.into_iter().map(|error| (error.pointer, error.message)).collect()
    }

    fn error(type_name: &str, data: &str) -> (String, String) {
        let mut errors = errors(type_name, data);
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.remove(0)
    }

    #[test]
    fn the_bytes_posted_are_the_bytes_kept() {
        let data = r#"{"delta" : "a\u0041",  "messageId":"m", "extra":[1.50]}"#;
        let content = parse("TEXT_MESSAGE_CONTENT", data).unwrap();
        assert_eq!(content.data().get(), data);
        assert_eq!(content.type_name(), "TEXT_MESSAGE_CONTENT");
        let Item::TextMessageContent { id, delta } = content.item() else { panic!() };
        assert_eq!((&**id, &**delta), ("m", "aA"));
    }

    #[test]
    fn an_event_is_one_line_whatever_its_white_space() {
        let content = parse("RAW", "{\r\n\t\"event\": \"a\\nb\"\n}").unwrap();
        assert_eq!(content.data().get(), "{  \t\"event\": \"a\\nb\" }");
    }

    #[test]
    fn every_known_type_is_in_ag_ui_1_0_and_none_is_a_run_event() {
        assert_eq!(known_types().count(), 28);
        assert!(known_types().all(|name| !name.starts_with("RUN_")));
    }

    #[test]
    fn all_broken_rules_are_told_with_their_pointers() {
        let found = errors("TOOL_CALL_START", r#"{"toolCallId":7,"timestamp":0.5,"metadata":[]}"#);
        let pointers: Vec<&str> = found.iter().map(|(pointer, _)| &**pointer).collect();
        assert_eq!(
            pointers,
            ["/data/toolCallId", "/data/timestamp", "/data/metadata", "/data/toolCallName"]
        );
        assert_eq!(found[3].1, "is required: a string");
    }

    #[test]
    fn null_is_not_the_same_as_left_out() {
        let (pointer, message) = error("TEXT_MESSAGE_START", r#"{"messageId":"m","role":null}"#);
        assert_eq!(pointer, "/data/role");
        assert!(message.ends_with("not null; leave the field out instead"), "{message}");
    }

    #[test]
    fn an_unknown_type_names_the_nearest_known_one() {
        for (wrong, near) in [
            ("TEXT_MESSAGE_CONTENTS", "TEXT_MESSAGE_CONTENT?"),
            ("text_message_start", "TEXT_MESSAGE_START?"),
            ("THINKING_TEXT_MESSAGE_CONTENT", "REASONING_MESSAGE_CONTENT?"),
            ("RUN_FINISHED", "complete"),
            ("execution.completed", "by the server only"),
            ("no", "known are TEXT_MESSAGE_START, "),
        ] {
            let (pointer, message) = error(wrong, "{}");
            assert_eq!(pointer, "/type");
            assert!(message.contains(near), "{message}");
        }
        let (_, message) = error(&"é".repeat(100_000), "{}");
        assert!(message.len() < 1_000);
    }

    #[test]
    fn what_some_reader_could_not_parse_is_refused() {
        for (data, pointer) in [
            ("[]", "/data"),
            ("null", "/data"),
            (r#"{"event":1,"x":"\ud800"}"#, "/data/x"),
            (r#"{"event":"\udc00"}"#, "/data/event"),
            (r#"{"event":1e999}"#, "/data/event"),
            (r#"{"event":1,"event":2}"#, "/data/event"),
            (r#"{"event":1,"a/b~c":1e999}"#, "/data/a~1b~0c"),
            (r#"{"event":1,"type":"RAW"}"#, "/data/type"),
        ] {
            assert_eq!(error("RAW", data).0, pointer, "{data}");
        }
        for field in ["event", "extra"] {
            let deep =
                |n| format!(r#"{{"event":0,"{field}x":{}{}}}"#, "[".repeat(n), "]".repeat(n));
            assert!(parse("RAW", &deep(64)).is_ok());
            assert!(error("RAW", &deep(65)).1.contains("deeper than 64"));
            assert!(error("RAW", &deep(100_000)).1.contains("deeper than 64"));
        }
    }

    #[test]
    fn hostile_input_gets_a_short_answer() {
        let many = format!(r#"{{"messages":[{}0]}}"#, "0,".repeat(10_000));
        assert!(errors("MESSAGES_SNAPSHOT", &many).len() <= 16);
        let long = format!(r#"{{"messageId":"{}"}}"#, "x".repeat(2_000));
        assert!(error("TEXT_MESSAGE_END", &long).1.contains("at most 1024"));
        let key = format!(
            r#"{{"name":"log","value":{{"level":"info","message":"","{}":1}}}}"#,
            "k".repeat(9_000)
        );
        let (pointer, message) = error("CUSTOM", &key);
        assert!(pointer.len() + message.len() < 1_000);
    }

    #[test]
    fn nested_rules_point_into_the_nesting() {
        let (pointer, _) = error(
            "MESSAGES_SNAPSHOT",
            r#"{"messages":[{"id":"a","role":"user","content":[
                {"type":"image","source":{"type":"data","value":"x"}}]}]}"#,
        );
        assert_eq!(pointer, "/data/messages/0/content/0/source/mimeType");
        let (pointer, message) =
            error("STATE_DELTA", r#"{"delta":[{"op":"add","path":"a","value":1}]}"#);
        assert_eq!(pointer, "/data/delta/0/path");
        assert!(message.contains("RFC 6901"));
        let (pointer, _) = error("STATE_DELTA", r#"{"delta":[{"op":"move","path":"/a"}]}"#);
        assert_eq!(pointer, "/data/delta/0/from");
    }

    #[test]
    fn reserved_custom_names_have_rules_and_others_have_none() {
        let custom = |name: &str, value: Value| {
            parse("CUSTOM", &json!({"name": name, "value": value}).to_string())
        };
        for (name, value) in [
            ("log", json!({"level": "info", "message": "hi", "stream": "stderr"})),
            ("artifact", json!({"id": "a", "name": "n", "mime_type": "text/plain", "text": ""})),
            ("todo", json!({"id": "t", "content": "c", "status": "in_progress"})),
            ("task", json!({"id": "t", "name": "n", "input": null, "error": "no"})),
            ("progress", json!({"fraction": 1, "message": "done", "details": {"page": [7]}})),
            ("output", json!(null)),
            ("acme.anything", json!([1])),
        ] {
            assert!(custom(name, value).is_ok(), "{name}");
        }
        for (name, value, pointer, words) in [
            ("log", json!({"level": "loud", "message": "hi"}), "/level", "trace, debug, info"),
            (
                "log",
                json!({"level": "info", "mesage": "hi", "message": ""}),
                "/mesage",
                "\"message\"?",
            ),
            ("artifact", json!({"id": "a", "name": "n", "mime_type": "x/y"}), "", "either"),
            ("todo", json!({"id": "t", "content": "c", "status": "failed"}), "/status", "pending"),
            ("task", json!({"id": "t"}), "/name", "is required"),
            ("progress", json!({"fraction": 1.5}), "/fraction", "within 0 and 1"),
            ("progress", json!({"message": "é".repeat(1_001)}), "/message", "1001 characters"),
            ("progress", json!({"details": "x".repeat(65_535)}), "/details", "65537 bytes"),
            ("progress", json!(0.5), "", "must be an object, not a number"),
        ] {
            let error = custom(name, value).unwrap_err().remove(0);
            assert_eq!(error.pointer, format!("/data/value{pointer}"));
            assert!(error.message.contains(words), "{}", error.message);
        }
    }

    #[test]
    fn the_details_of_a_progress_are_kept_byte_for_byte_on_one_line() {
        let data = r#"{"name":"progress","value":{"details":{"n" : 1.0}}}"#;
        let content = parse("CUSTOM", data).unwrap();
        let Item::Progress(posted) = content.item() else { panic!() };
        assert_eq!(posted.details.as_deref().unwrap().get(), r#"{"n" : 1.0}"#);

        let beat: Progress = serde_json::from_str("{\"details\":{\n\"n\" : 1.0}}").unwrap();
        assert_eq!(beat.details.as_deref().unwrap().get(), r#"{ "n" : 1.0}"#);
        assert_ne!(&beat, posted);
        let none: Progress = serde_json::from_str(r#"{"details":null}"#).unwrap();
        assert_eq!(none, Progress::default());
    }

    #[test]
    fn an_output_is_kept_byte_for_byte() {
        let content = parse("CUSTOM", r#"{"name":"output","value":{"n" : 1.0}}"#).unwrap();
        assert!(matches!(content.item(), Item::Output));
        assert_eq!(content.output().unwrap().get(), r#"{"n" : 1.0}"#);
    }

    #[test]
    fn a_subagent_marks_its_events() {
        let content = parse("STEP_STARTED", r#"{"stepName":"s","subagentRunId":"r"}"#).unwrap();
        assert_eq!(content.subagent(), Some("r"));
        let (pointer, _) = error("SUBAGENT_STARTED", r#"{"name":"s"}"#);
        assert_eq!(pointer, "/data/subagentRunId");
        let suspended =
            r#"{"subagentRunId":"r","outcome":{"type":"suspended","interruptIds":["i"]}}"#;
        let content = parse("SUBAGENT_FINISHED", suspended).unwrap();
        assert!(matches!(content.item(), Item::SubagentFinished { suspended: true, .. }));
        let (pointer, _) =
            error("SUBAGENT_FINISHED", r#"{"subagentRunId":"r","outcome":{"type":"x"}}"#);
        assert_eq!(pointer, "/data/outcome/type");
    }
}
