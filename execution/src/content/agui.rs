//! The AG-UI 1.0 vocabulary: every event type a runner may post, its fields, and what it means
//! to the fold. The tables are those of the protocol's own schema; `RUN_*` are absent on purpose.

use super::{
    Item, Role, Subagent, custom,
    fields::{Field, Found, Problems, Rule, Shape, may, need, tree},
    messages,
    patch::Patch,
};

const EVENT: &[Field] = &[
    may("timestamp", Rule::Integer),
    may("rawEvent", Rule::NotNull),
    may("metadata", Rule::Object),
    may("type", Rule::Refused("stands beside \"data\", not in it")),
];
const OWNER: &[Field] = &[may("subagentRunId", Rule::Key)];
const SUBAGENT: &[Field] = &[need("subagentRunId", Rule::Key)];
const MESSAGE: &[Field] = &[need("messageId", Rule::Key)];
const CALL: &[Field] = &[need("toolCallId", Rule::Key)];
const DELTA: &[Field] = &[need("delta", Rule::Text)];
const NAME: &[Field] = &[may("name", Rule::Text)];
const SPEAKER: &[Field] =
    &[may("role", Rule::OneOf(&["developer", "system", "assistant", "user"]))];
const PARENT: &[Field] = &[may("parentMessageId", Rule::Key)];
const ACTIVITY: &[Field] = &[need("activityType", Rule::Text)];
const STEP: &[Field] = &[need("stepName", Rule::Key)];

macro_rules! vocabulary {
    ($($variant:ident = $name:literal [$($group:expr),*])*) => {
        /// The type of an event that a runner may post.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Type {
            $($variant,)*
        }

        impl Type {
            pub(super) const NAMES: &'static [&'static str] = &[$($name),*];

            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Type::$variant),)*
                    _ => None,
                }
            }

            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Type::$variant => $name,)*
                }
            }

            pub(super) const fn shape(self) -> &'static Shape {
                match self {
                    $(Type::$variant => {
                        const SHAPE: &Shape = &Shape { groups: &[$($group,)* EVENT], open: true };
                        SHAPE
                    })*
                }
            }
        }
    };
}

vocabulary! {
    TextMessageStart = "TEXT_MESSAGE_START" [MESSAGE, SPEAKER, NAME, OWNER]
    TextMessageContent = "TEXT_MESSAGE_CONTENT" [MESSAGE, DELTA, OWNER]
    TextMessageEnd = "TEXT_MESSAGE_END" [MESSAGE, OWNER]
    TextMessageChunk = "TEXT_MESSAGE_CHUNK" [
        &[may("messageId", Rule::Key), may("delta", Rule::Text)], SPEAKER, NAME, OWNER
    ]
    ToolCallStart = "TOOL_CALL_START" [CALL, &[need("toolCallName", Rule::Text)], PARENT, OWNER]
    ToolCallArgs = "TOOL_CALL_ARGS" [CALL, DELTA, OWNER]
    ToolCallEnd = "TOOL_CALL_END" [CALL, OWNER]
    ToolCallChunk = "TOOL_CALL_CHUNK" [
        &[
            may("toolCallId", Rule::Key),
            may("toolCallName", Rule::Text),
            may("delta", Rule::Text)
        ],
        PARENT, OWNER
    ]
    // `error` is a field of the tool message that this event mints; where a runner posts it as
    // text, the call has failed.
    ToolCallResult = "TOOL_CALL_RESULT" [
        MESSAGE, CALL,
        &[
            need("content", Rule::TextOrArray),
            may("role", Rule::OneOf(&["tool"])),
            may("error", Rule::TextIfText)
        ],
        OWNER
    ]
    ReasoningStart = "REASONING_START" [MESSAGE, OWNER]
    ReasoningMessageStart = "REASONING_MESSAGE_START" [
        MESSAGE, &[need("role", Rule::OneOf(&["reasoning"]))], OWNER
    ]
    ReasoningMessageContent = "REASONING_MESSAGE_CONTENT" [MESSAGE, DELTA, OWNER]
    ReasoningMessageEnd = "REASONING_MESSAGE_END" [MESSAGE, OWNER]
    ReasoningMessageChunk = "REASONING_MESSAGE_CHUNK" [
        &[may("messageId", Rule::Key), may("delta", Rule::Text)], OWNER
    ]
    ReasoningEnd = "REASONING_END" [MESSAGE, OWNER]
    ReasoningEncryptedValue = "REASONING_ENCRYPTED_VALUE" [
        &[
            need("subtype", Rule::OneOf(&["tool-call", "message"])),
            need("entityId", Rule::Key),
            need("encryptedValue", Rule::Text)
        ],
        OWNER
    ]
    StepStarted = "STEP_STARTED" [STEP, OWNER]
    StepFinished = "STEP_FINISHED" [STEP, OWNER]
    SubagentStarted = "SUBAGENT_STARTED" [
        SUBAGENT,
        &[
            need("name", Rule::Text),
            may("description", Rule::Text),
            may("parentSubagentRunId", Rule::Key),
            may("parentToolCallId", Rule::Key)
        ],
        PARENT
    ]
    SubagentFinished = "SUBAGENT_FINISHED" [
        SUBAGENT, &[may("result", Rule::NotNull), may("outcome", Rule::Object)]
    ]
    SubagentError = "SUBAGENT_ERROR" [
        SUBAGENT, &[need("message", Rule::Text), may("code", Rule::Text)]
    ]
    StateSnapshot = "STATE_SNAPSHOT" [&[need("snapshot", Rule::Json)], OWNER]
    StateDelta = "STATE_DELTA" [&[need("delta", Rule::Array)], OWNER]
    MessagesSnapshot = "MESSAGES_SNAPSHOT" [&[need("messages", Rule::Array)]]
    ActivitySnapshot = "ACTIVITY_SNAPSHOT" [
        MESSAGE, ACTIVITY, &[need("content", Rule::Object), may("replace", Rule::Bool)], OWNER
    ]
    ActivityDelta = "ACTIVITY_DELTA" [MESSAGE, ACTIVITY, &[need("patch", Rule::Array)], OWNER]
    Raw = "RAW" [&[need("event", Rule::Json), may("source", Rule::Text)], OWNER]
    Custom = "CUSTOM" [&[need("name", Rule::Key), need("value", Rule::Json)], OWNER]
}

/// What the fields mean. `None` after a complaint about a nested value.
pub(super) fn item(
    of: Type,
    found: &mut Found<'_>,
    owner: Option<&str>,
    problems: &mut Problems,
) -> Option<Item> {
    // Where the table requires `subagentRunId`, the reader has found it.
    let subagent = || Box::<str>::from(owner.unwrap_or_default());
    Some(match of {
        Type::TextMessageStart => Item::TextMessageStart {
            id: found.text("messageId"),
            role: role(found).unwrap_or(Role::Assistant),
            name: found.maybe_text("name"),
        },
        Type::TextMessageContent => {
            Item::TextMessageContent { id: found.text("messageId"), delta: found.text("delta") }
        }
        Type::TextMessageEnd => Item::TextMessageEnd { id: found.text("messageId") },
        Type::TextMessageChunk => Item::TextMessageChunk {
            id: found.maybe_text("messageId"),
            role: role(found),
            name: found.maybe_text("name"),
            delta: found.maybe_text("delta"),
        },
        Type::ToolCallStart => Item::ToolCallStart {
            id: found.text("toolCallId"),
            name: found.text("toolCallName"),
            parent_message_id: found.maybe_text("parentMessageId"),
        },
        Type::ToolCallArgs => {
            Item::ToolCallArgs { id: found.text("toolCallId"), delta: found.text("delta") }
        }
        Type::ToolCallEnd => Item::ToolCallEnd { id: found.text("toolCallId") },
        Type::ToolCallChunk => Item::ToolCallChunk {
            id: found.maybe_text("toolCallId"),
            name: found.maybe_text("toolCallName"),
            parent_message_id: found.maybe_text("parentMessageId"),
            delta: found.maybe_text("delta"),
        },
        Type::ToolCallResult => Item::ToolCallResult {
            id: found.text("toolCallId"),
            message_id: found.text("messageId"),
            content: messages::body(found.json("content"), "/data/content", problems),
            error: found.maybe_text("error"),
        },
        Type::ReasoningStart => Item::ReasoningStart,
        Type::ReasoningEnd => Item::ReasoningEnd,
        Type::ReasoningMessageStart => Item::ReasoningMessageStart { id: found.text("messageId") },
        Type::ReasoningMessageContent => Item::ReasoningMessageContent {
            id: found.text("messageId"),
            delta: found.text("delta"),
        },
        Type::ReasoningMessageEnd => Item::ReasoningMessageEnd { id: found.text("messageId") },
        Type::ReasoningMessageChunk => Item::ReasoningMessageChunk {
            id: found.maybe_text("messageId"),
            delta: found.maybe_text("delta"),
        },
        Type::ReasoningEncryptedValue => Item::ReasoningEncryptedValue,
        Type::StepStarted => Item::StepStarted { name: found.text("stepName") },
        Type::StepFinished => Item::StepFinished { name: found.text("stepName") },
        Type::SubagentStarted => Item::SubagentStarted(Box::new(Subagent {
            id: subagent(),
            name: found.text("name"),
            description: found.maybe_text("description"),
            parent_id: found.maybe_text("parentSubagentRunId"),
            parent_tool_call_id: found.maybe_text("parentToolCallId"),
            parent_message_id: found.maybe_text("parentMessageId"),
        })),
        Type::SubagentFinished => Item::SubagentFinished {
            id: subagent(),
            suspended: suspended(found, problems)?,
            result: found.maybe_json("result").map(tree),
        },
        Type::SubagentError => Item::SubagentError {
            id: subagent(),
            message: found.text("message"),
            code: found.maybe_text("code"),
        },
        Type::StateSnapshot => Item::StateSnapshot { snapshot: tree(found.json("snapshot")) },
        Type::StateDelta => {
            Item::StateDelta { patch: Patch::parse(found.json("delta"), "/data/delta", problems) }
        }
        Type::MessagesSnapshot => Item::MessagesSnapshot {
            messages: messages::messages(found.json("messages"), "/data/messages", problems),
        },
        Type::ActivitySnapshot => Item::ActivitySnapshot {
            id: found.text("messageId"),
            activity_type: found.text("activityType"),
            content: tree(found.json("content")),
            replace: found.flag("replace").unwrap_or(true),
        },
        Type::ActivityDelta => Item::ActivityDelta {
            id: found.text("messageId"),
            activity_type: found.text("activityType"),
            patch: Patch::parse(found.json("patch"), "/data/patch", problems),
        },
        Type::Raw => Item::Raw,
        Type::Custom => return custom::item(found.text("name"), found.json("value"), problems),
    })
}

fn role(found: &mut Found<'_>) -> Option<Role> {
    found.maybe_text("role").and_then(|name| Role::named(&name))
}

/// Whether a subagent's outcome is to be continued later.
fn suspended(found: &mut Found<'_>, problems: &mut Problems) -> Option<bool> {
    const BASE: &str = "/data/outcome";
    const TYPE: &[Field] = &[need("type", Rule::OneOf(&["success", "suspended"]))];
    const OUTCOME: Shape = Shape { groups: &[TYPE], open: true };
    const SUSPENDED: Shape =
        Shape { groups: &[TYPE, &[may("interruptIds", Rule::Array)]], open: true };
    let Some(outcome) = found.maybe_json("outcome") else {
        return Some(false);
    };
    if &*super::fields::read(outcome, BASE, &OUTCOME, problems)?.text("type") == "success" {
        return Some(false);
    }
    let mut outcome = super::fields::read(outcome, BASE, &SUSPENDED, problems)?;
    let ids = outcome.maybe_json("interruptIds").map_or_else(Vec::new, super::fields::elements);
    for (index, id) in ids.into_iter().enumerate() {
        if !id.get().starts_with('"') {
            problems.push(format!("{BASE}/interruptIds/{index}"), "must be a string");
        }
    }
    Some(true)
}
