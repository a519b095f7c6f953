//! The nested shapes of AG-UI: content parts, and the messages of a snapshot.

use serde_json::value::RawValue;

use super::{
    Body, Role, SnapshotCall, SnapshotMessage,
    fields::{Field, Problems, Rule, Shape, elements, may, need, read, tree},
};

const fn open(groups: &'static [&'static [Field]]) -> Shape {
    Shape { groups, open: true }
}

/// A string, or an array of content parts.
pub(super) fn body(raw: &RawValue, base: &str, problems: &mut Problems) -> Body {
    if raw.get().starts_with('[') {
        for (index, raw) in elements(raw).into_iter().enumerate() {
            part(raw, &format!("{base}/{index}"), problems);
            if problems.is_full() {
                break;
            }
        }
        return Body::Json(tree(raw));
    }
    Body::Text(serde_json::from_str(raw.get()).unwrap_or_default())
}

fn part(raw: &RawValue, base: &str, problems: &mut Problems) -> Option<()> {
    const MEDIA: &[&str] = &["text", "image", "audio", "video", "document"];
    const TYPE: &[Field] = &[need("type", Rule::OneOf(MEDIA))];
    const COMMON: &[Field] = &[may("id", Rule::Text), may("metadata", Rule::NotNull)];
    const TEXT: Shape = open(&[TYPE, COMMON, &[need("text", Rule::Text)]]);
    const SOURCED: Shape = open(&[TYPE, COMMON, &[need("source", Rule::Object)]]);
    if &*read(raw, base, &open(&[TYPE]), problems)?.text("type") == "text" {
        return read(raw, base, &TEXT, problems).map(|_| ());
    }
    let source = read(raw, base, &SOURCED, problems)?.json("source");
    source_of(source, &format!("{base}/source"), problems)
}

fn source_of(raw: &RawValue, base: &str, problems: &mut Problems) -> Option<()> {
    const TYPE: &[Field] = &[need("type", Rule::OneOf(&["data", "url", "file"]))];
    const VALUE: &[Field] = &[need("value", Rule::Text)];
    const DATA: Shape = open(&[TYPE, VALUE, &[need("mimeType", Rule::Text)]]);
    const URL: Shape = open(&[TYPE, VALUE, &[may("mimeType", Rule::Text)]]);
    const FILE: Shape =
        open(&[TYPE, VALUE, &[may("mimeType", Rule::Text), may("provider", Rule::Text)]]);
    let shape = match &*read(raw, base, &open(&[TYPE]), problems)?.text("type") {
        "data" => DATA,
        "url" => URL,
        _ => FILE,
    };
    read(raw, base, &shape, problems).map(|_| ())
}

/// The messages of a snapshot.
pub(super) fn messages(
    raw: &RawValue,
    base: &str,
    problems: &mut Problems,
) -> Vec<SnapshotMessage> {
    let mut messages = Vec::new();
    for (index, raw) in elements(raw).into_iter().enumerate() {
        messages.extend(message(raw, &format!("{base}/{index}"), problems));
        if problems.is_full() {
            break;
        }
    }
    messages
}

const COMMON: &[Field] = &[
    need("id", Rule::Key),
    need("role", Rule::OneOf(Role::NAMES)),
    may("subagentRunId", Rule::Key),
    may("encryptedValue", Rule::Text),
    may("metadata", Rule::Object),
];
const NAME: &[Field] = &[may("name", Rule::Text)];
const TEXT: &[Field] = &[need("content", Rule::Text)];
const PARTS: &[Field] = &[need("content", Rule::TextOrArray)];

fn message(raw: &RawValue, base: &str, problems: &mut Problems) -> Option<SnapshotMessage> {
    const ROLE: Shape = open(&[&[need("role", Rule::OneOf(Role::NAMES))]]);
    const SPOKEN: Shape = open(&[COMMON, NAME, TEXT]);
    const USER: Shape = open(&[COMMON, NAME, PARTS]);
    const ASSISTANT: Shape =
        open(&[COMMON, NAME, &[may("content", Rule::Text), may("toolCalls", Rule::Array)]]);
    const TOOL: Shape =
        open(&[COMMON, PARTS, &[need("toolCallId", Rule::Key), may("error", Rule::Text)]]);
    // An activity carries no encrypted value; a field of that name is an extension there.
    const ACTIVITY: Shape = open(&[&[
        need("id", Rule::Key),
        need("role", Rule::Text),
        may("subagentRunId", Rule::Key),
        may("metadata", Rule::Object),
        need("activityType", Rule::Text),
        need("content", Rule::Object),
    ]]);
    const REASONING: Shape = open(&[COMMON, TEXT]);
    let role = Role::named(&read(raw, base, &ROLE, problems)?.text("role"))?;
    let shape = match role {
        Role::Developer | Role::System => SPOKEN,
        Role::User => USER,
        Role::Assistant => ASSISTANT,
        Role::Tool => TOOL,
        Role::Activity => ACTIVITY,
        Role::Reasoning => REASONING,
    };
    let mut found = read(raw, base, &shape, problems)?;
    let content = match role {
        Role::Developer | Role::System | Role::Assistant | Role::Reasoning => {
            Body::Text(found.maybe_text("content").unwrap_or_default().into())
        }
        Role::User | Role::Tool => {
            body(found.json("content"), &format!("{base}/content"), problems)
        }
        Role::Activity => Body::Json(tree(found.json("content"))),
    };
    let tool_calls = found.maybe_json("toolCalls").map_or_else(Vec::new, |raw| {
        let base = format!("{base}/toolCalls");
        let calls = elements(raw).into_iter().enumerate();
        calls.filter_map(|(n, raw)| call(raw, &format!("{base}/{n}"), problems)).collect()
    });
    Some(SnapshotMessage {
        id: found.text("id"),
        role,
        content,
        name: found.maybe_text("name"),
        activity_type: found.maybe_text("activityType"),
        sub_agent_id: found.maybe_text("subagentRunId"),
        tool_call_id: found.maybe_text("toolCallId"),
        error: found.maybe_text("error"),
        tool_calls,
    })
}

fn call(raw: &RawValue, base: &str, problems: &mut Problems) -> Option<SnapshotCall> {
    const CALL: Shape = open(&[&[
        need("id", Rule::Key),
        need("type", Rule::OneOf(&["function"])),
        need("function", Rule::Object),
        may("encryptedValue", Rule::Text),
        may("metadata", Rule::Object),
    ]]);
    const FUNCTION: Shape = open(&[&[need("name", Rule::Text), need("arguments", Rule::Text)]]);
    let mut call = read(raw, base, &CALL, problems)?;
    let base = format!("{base}/function");
    let mut function = read(call.json("function"), &base, &FUNCTION, problems)?;
    Some(SnapshotCall {
        id: call.text("id"),
        name: function.text("name"),
        args: function.text("arguments"),
    })
}
