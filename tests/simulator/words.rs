//! What fake runners post: every type of the vocabulary, and what must be refused.

use heartline_execution::Content;
use serde_json::{Value, json, value::RawValue};

use super::chance::Chance;

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("a value is JSON")
}

/// A JSON object that carries a mark, as input, output or answer.
pub(crate) fn marked(mark: u64) -> Box<RawValue> {
    raw(&json!({ "n": mark }))
}

/// A valid event, and the mark that can be found in the log again.
pub(crate) fn event(chance: &mut Chance, mark: Option<u64>) -> (Content, Option<u64>) {
    let id = format!("m{}", chance.below(4));
    let text = "word ".repeat(chance.below(4));
    let custom = |name: &str, value: Value| ("CUSTOM", json!({"name": name, "value": value}));
    let (type_name, mut data) = match chance.below(38) {
        0..3 => ("TEXT_MESSAGE_CONTENT", json!({"messageId": id, "delta": text})),
        3 => ("TEXT_MESSAGE_START", json!({"messageId": id, "role": "assistant"})),
        4 => ("TEXT_MESSAGE_END", json!({"messageId": id})),
        5 => ("TEXT_MESSAGE_CHUNK", json!({"messageId": id, "delta": text})),
        6 => ("TOOL_CALL_START", json!({"toolCallId": id, "toolCallName": "t"})),
        7 => ("TOOL_CALL_ARGS", json!({"toolCallId": id, "delta": text})),
        8 => ("TOOL_CALL_END", json!({"toolCallId": id})),
        9 => ("TOOL_CALL_CHUNK", json!({"toolCallId": id, "toolCallName": "t", "delta": text})),
        10 => ("TOOL_CALL_RESULT", json!({"toolCallId": id, "messageId": "r", "content": text})),
        11 => ("REASONING_START", json!({"messageId": "why"})),
        12 => ("REASONING_MESSAGE_START", json!({"messageId": "why", "role": "reasoning"})),
        13 => ("REASONING_MESSAGE_CONTENT", json!({"messageId": "why", "delta": text})),
        14 => ("REASONING_MESSAGE_END", json!({"messageId": "why"})),
        15 => ("REASONING_MESSAGE_CHUNK", json!({"messageId": "why", "delta": text})),
        16 => ("REASONING_END", json!({"messageId": "why"})),
        17 => (
            "REASONING_ENCRYPTED_VALUE",
            json!({"subtype": "message", "entityId": id, "encryptedValue": "e"}),
        ),
        18 => ("STEP_STARTED", json!({"stepName": id})),
        19 => ("STEP_FINISHED", json!({"stepName": id})),
        20 => ("SUBAGENT_STARTED", json!({"subagentRunId": id, "name": "s"})),
        21 => ("SUBAGENT_FINISHED", json!({"subagentRunId": id, "result": [text]})),
        22 => ("SUBAGENT_ERROR", json!({"subagentRunId": id, "message": "m"})),
        23 => ("STATE_SNAPSHOT", json!({"snapshot": {"a": chance.below(9)}})),
        24 => ("STATE_DELTA", json!({"delta": [{"op": "add", "path": "", "value": {"a": [1]}}]})),
        25 => (
            "MESSAGES_SNAPSHOT",
            json!({"messages": [{"id": id, "role": "assistant", "content": text}]}),
        ),
        26 => (
            "ACTIVITY_SNAPSHOT",
            json!({"messageId": "act", "activityType": "t", "content": {"k": 0}}),
        ),
        27 => (
            "ACTIVITY_DELTA",
            json!({"messageId": "act", "activityType": "t",
                "patch": [{"op": "add", "path": "/k", "value": chance.below(9)}]}),
        ),
        28 => ("RAW", json!({"event": {"any": [null, 1.5]}})),
        29 => custom("log", json!({"level": "info", "message": text, "stream": "stdout"})),
        30 => custom("artifact", json!({"id": id, "name": "n", "mime_type": "a/b", "text": text})),
        31 => custom("todo", json!({"id": id, "content": text, "status": "pending"})),
        32 => custom("task", json!({"id": id, "name": "n", "status": "completed"})),
        33 => custom("mine", json!({"deep": [[text]]})),
        34 => custom("output", json!({"part": 1})),
        35 => {
            // It becomes an `execution.progress`, which keeps nothing but the progress.
            let value = json!({"fraction": chance.unit()});
            let data = raw(&json!({"name": "progress", "value": value}));
            let content = Content::parse("CUSTOM", data).expect("a fraction is valid");
            return (content, None);
        }
        _ => ("TEXT_MESSAGE_CONTENT", json!({"messageId": id, "delta": "é\n\"\u{1F600}"})),
    };
    data["metadata"] = json!({ "n": mark });
    let content = Content::parse(type_name, raw(&data)).expect("the fake runners know the rules");
    (content, mark)
}

/// Valid by itself, and impossible here: nothing has the path.
pub(crate) fn inapplicable() -> Content {
    let data = json!({"delta": [{"op": "remove", "path": "/not/there"}]});
    Content::parse("STATE_DELTA", raw(&data)).expect("it is well-formed")
}

/// Something that no rule allows: true when it was refused, as it must be.
pub(crate) fn garbage_is_refused(chance: &mut Chance) -> bool {
    let (type_name, data) = match chance.below(9) {
        0 => ("RUN_STARTED", json!({})),
        1 => ("execution.completed", json!({})),
        2 => ("TEXT_MESSAGE_CONTENT", json!({"messageId": "m"})),
        3 => ("TEXT_MESSAGE_CONTENT", json!({"messageId": "", "delta": 1})),
        4 => ("STATE_DELTA", json!({"delta": [{"op": "smash", "path": "/"}]})),
        5 => ("CUSTOM", json!({"name": "progress", "value": {"fraction": 2.0}})),
        6 => ("CUSTOM", json!({"name": "todo", "value": {"id": "t", "surprise": 1}})),
        7 => ("TOOL_CALL_RESULT", json!([1, 2])),
        _ => ("", json!(null)),
    };
    Content::parse(type_name, raw(&data)).is_err()
}
