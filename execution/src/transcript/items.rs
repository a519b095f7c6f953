//! The items of a transcript, as `state` shows them, and what each weighs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    content::{ArtifactBody, Body, Role, Status, patch},
    time::Timestamp,
};

/// About what an item costs in memory beyond its texts: the struct, the map's entry, allocations.
const ITEM: usize = 256;

/// How far a streamed message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageStatus {
    /// More may come.
    Streaming,
    /// Complete.
    Done,
    /// Its attempt ended before it did.
    Interrupted,
}

/// A message of the conversation, a piece of reasoning, or an activity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// AG-UI's `messageId`.
    pub id: Box<str>,
    /// Whose words.
    pub role: Role,
    /// The words.
    pub content: Body,
    /// How far it is.
    pub status: MessageStatus,
    /// The speaker within the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// What kind of activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity_type: Option<Box<str>>,
    /// The subagent that produced it; absent for the parent agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_agent_id: Option<Box<str>>,
    /// The attempt that produced it.
    pub attempt: u32,
    /// The event that began it.
    pub seq: u64,
    /// When that was.
    pub time: Timestamp,
}

/// How far a tool call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// Its arguments are being written.
    Streaming,
    /// Called; no result yet.
    Called,
    /// It has a result.
    Done,
    /// The tool failed; `result` says how.
    Error,
    /// Its attempt ended before it did.
    Interrupted,
}

/// A call of a tool, with what came of it. AG-UI's tool message is `result` here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// AG-UI's `toolCallId`.
    pub id: Box<str>,
    /// The tool; empty when the event that names it was lost.
    pub name: Box<str>,
    /// The arguments so far: JSON text once complete.
    pub args: String,
    /// What the tool returned.
    pub result: Option<Body>,
    /// How it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<str>>,
    /// How far it is.
    pub status: CallStatus,
    /// The message that calls.
    pub parent_message_id: Option<Box<str>>,
    /// The id of the tool message that the result is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_message_id: Option<Box<str>>,
    /// The subagent that calls; absent for the parent agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_agent_id: Option<Box<str>>,
    /// The attempt that calls.
    pub attempt: u32,
    /// The event that began it.
    pub seq: u64,
    /// When that was.
    pub started_at: Timestamp,
    /// When the result came.
    pub finished_at: Option<Timestamp>,
}

/// How a subagent or a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// At work.
    Running,
    /// Finished.
    Done,
    /// Subagents only: to be continued.
    Suspended,
    /// Subagents only: failed.
    Error,
    /// Its attempt ended before it did.
    Interrupted,
}

/// One invocation of a subagent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubAgent {
    /// AG-UI's `subagentRunId`.
    pub id: Box<str>,
    /// The subagent; empty when the event that names it was lost.
    pub name: Box<str>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Box<str>>,
    /// The subagent that spawned it; absent for the parent agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Box<str>>,
    /// The tool call that spawned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_tool_call_id: Option<Box<str>>,
    /// The message that spawned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_message_id: Option<Box<str>>,
    /// How it stands.
    pub status: RunStatus,
    /// What it returned; never a JSON null.
    pub result: Option<Value>,
    /// How it failed.
    pub error: Option<SubAgentError>,
    /// The attempt that runs it.
    pub attempt: u32,
    /// The event that began it.
    pub seq: u64,
    /// When that was.
    pub started_at: Timestamp,
    /// When it stopped.
    pub finished_at: Option<Timestamp>,
}

/// How a subagent failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubAgentError {
    /// One sentence.
    pub message: Box<str>,
    /// Machine-readable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Box<str>>,
}

/// A named step; the latest round of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// AG-UI's `stepName`.
    pub name: Box<str>,
    /// How it stands.
    pub status: RunStatus,
    /// The subagent whose step it is; absent for the parent agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_agent_id: Option<Box<str>>,
    /// The attempt that runs it.
    pub attempt: u32,
    /// The event that began this round.
    pub seq: u64,
    /// When that was.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TodoItem {
    /// Key.
    pub id: Box<str>,
    /// What.
    pub content: Box<str>,
    /// Where it stands.
    pub status: Status,
    /// The event that changed it last.
    pub seq: u64,
    /// When that was.
    pub time: Timestamp,
}

/// A step of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskItem {
    /// Key.
    pub id: Box<str>,
    /// For people.
    pub name: Box<str>,
    /// The runner's own word for its kind.
    #[serde(rename = "type")]
    pub task_type: Option<Box<str>>,
    /// Where it stands.
    pub status: Status,
    /// What it was given; a JSON null counts as nothing.
    pub input: Option<Value>,
    /// What came out.
    pub output: Option<Value>,
    /// What went wrong.
    pub error: Option<Value>,
    /// The event that changed it last.
    pub seq: u64,
    /// When that was.
    pub time: Timestamp,
}

/// Something the execution made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactItem {
    /// Key.
    pub id: Box<str>,
    /// For people.
    pub name: Box<str>,
    /// Media type.
    pub mime_type: Box<str>,
    /// `url` or `text`.
    #[serde(flatten)]
    pub body: ArtifactBody,
    /// The event that brought it.
    pub seq: u64,
    /// When that was.
    pub time: Timestamp,
}

/// The latest value of an application's own `CUSTOM` event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomItem {
    /// As posted.
    pub value: Value,
    /// The event that brought it.
    pub seq: u64,
    /// When that was.
    pub time: Timestamp,
}

/// About the bytes something takes in memory. A pure function of what serde keeps, so that it is
/// the same after a replay and after a round trip.
pub(super) trait Weigh {
    fn weight(&self) -> usize;
}

impl Weigh for str {
    fn weight(&self) -> usize {
        self.len()
    }
}

impl Weigh for String {
    fn weight(&self) -> usize {
        self.len()
    }
}

impl Weigh for ArtifactBody {
    fn weight(&self) -> usize {
        let (ArtifactBody::Url(body) | ArtifactBody::Text(body)) = self;
        body.len()
    }
}

impl Weigh for Value {
    fn weight(&self) -> usize {
        patch::weight(self)
    }
}

impl Weigh for Body {
    fn weight(&self) -> usize {
        match self {
            Body::Text(text) => text.len(),
            Body::Json(value) => value.weight(),
        }
    }
}

impl<T: Weigh + ?Sized> Weigh for Box<T> {
    fn weight(&self) -> usize {
        (**self).weight()
    }
}

impl<T: Weigh> Weigh for Option<T> {
    fn weight(&self) -> usize {
        self.as_ref().map_or(0, Weigh::weight)
    }
}

macro_rules! weigh {
    ($($item:ty: $($field:ident),*;)*) => {$(
        impl Weigh for $item {
            fn weight(&self) -> usize {
                ITEM $(+ self.$field.weight())*
            }
        }
    )*};
}

weigh! {
    Message: id, content, name, activity_type, sub_agent_id;
    ToolCall: id, name, args, result, error, parent_message_id, result_message_id, sub_agent_id;
    SubAgent:
        id, name, description, parent_id, parent_tool_call_id, parent_message_id, result, error;
    SubAgentError: message, code;
    Step: name, sub_agent_id;
    TodoItem: id, content;
    TaskItem: id, name, task_type, input, output, error;
    ArtifactItem: id, name, mime_type, body;
    CustomItem: value;
}
