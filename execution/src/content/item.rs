//! What events mean: the typed, owned half of a [`super::Content`], as small as the fold needs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Progress, patch::Patch};

macro_rules! names {
    ($(#[$doc:meta])* $enum:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $enum {
            $($(#[$variant_doc])* #[serde(rename = $name)] $variant,)*
        }

        impl $enum {
            /// The wire names.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// By its wire name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some($enum::$variant),)*
                    _ => None,
                }
            }

            /// The wire name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($enum::$variant => $name,)*
                }
            }
        }
    };
}

names! {
    /// Whose words a message holds.
    Role {
        /// Instructions of the application's developer.
        Developer = "developer",
        /// Instructions of the system.
        System = "system",
        /// The agent.
        Assistant = "assistant",
        /// A person.
        User = "user",
        /// What a tool returned.
        Tool = "tool",
        /// Structured progress, not conversation.
        Activity = "activity",
        /// The agent's reasoning.
        Reasoning = "reasoning",
    }
}

names! {
    /// How serious a log line is.
    Level {
        /// Finest.
        Trace = "trace",
        /// For developers.
        Debug = "debug",
        /// Ordinary.
        Info = "info",
        /// Worth a look.
        Warn = "warn",
        /// Something failed.
        Error = "error",
    }
}

names! {
    /// Where a wrapped command wrote a line.
    Stream {
        /// Standard output.
        Stdout = "stdout",
        /// Standard error.
        Stderr = "stderr",
    }
}

names! {
    /// Where a task or a todo stands.
    Status {
        /// Not begun.
        Pending = "pending",
        /// Being worked on.
        InProgress = "in_progress",
        /// Done.
        Completed = "completed",
        /// Given up.
        Cancelled = "cancelled",
        /// Waits for something outside; tasks only.
        Waiting = "waiting",
        /// Went wrong; tasks only.
        Failed = "failed",
        /// Not needed; tasks only.
        Skipped = "skipped",
    }
}

impl Status {
    /// The wire names that a todo may have.
    pub const TODO_NAMES: &'static [&'static str] =
        &["pending", "in_progress", "completed", "cancelled"];
}

/// The words of a message or the result of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Body {
    /// Plain text.
    Text(String),
    /// An array of AG-UI content parts, or an activity's object.
    Json(Value),
}

/// `CUSTOM` `log`.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// How serious.
    pub level: Level,
    /// The line, or lines.
    pub message: Box<str>,
    /// Where a wrapped command wrote it.
    pub stream: Option<Stream>,
}

/// `CUSTOM` `artifact`: something the execution made.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// Key.
    pub id: Box<str>,
    /// For people.
    pub name: Box<str>,
    /// Media type.
    pub mime_type: Box<str>,
    /// Where it is, or what it is.
    pub body: ArtifactBody,
}

/// `url` or `text` of an artifact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactBody {
    /// Where it is.
    Url(Box<str>),
    /// The artifact itself.
    Text(Box<str>),
}

/// `CUSTOM` `todo`.
#[derive(Clone, Debug, PartialEq)]
pub struct Todo {
    /// Key.
    pub id: Box<str>,
    /// What is to be done.
    pub content: Box<str>,
    /// One of [`Status::TODO_NAMES`].
    pub status: Status,
}

/// `CUSTOM` `task`: a step of a workflow. What is left out stays as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Key.
    pub id: Box<str>,
    /// For people.
    pub name: Box<str>,
    /// The runner's own word for what kind of task it is.
    pub task_type: Option<Box<str>>,
    /// Where it stands.
    pub status: Option<Status>,
    /// What it was given.
    pub input: Option<Value>,
    /// What came out.
    pub output: Option<Value>,
    /// What went wrong.
    pub error: Option<Value>,
}

/// `SUBAGENT_STARTED`.
#[derive(Clone, Debug, PartialEq)]
pub struct Subagent {
    /// AG-UI's `subagentRunId`: one invocation.
    pub id: Box<str>,
    /// Name of the subagent, the same for every invocation.
    pub name: Box<str>,
    /// What it is for.
    pub description: Option<Box<str>>,
    /// The subagent that spawned it.
    pub parent_id: Option<Box<str>>,
    /// The tool call that spawned it.
    pub parent_tool_call_id: Option<Box<str>>,
    /// The message that spawned it.
    pub parent_message_id: Option<Box<str>>,
}

/// A message of `MESSAGES_SNAPSHOT`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The fields are AG-UI's, in snake case.
pub struct SnapshotMessage {
    pub id: Box<str>,
    pub role: Role,
    pub content: Body,
    pub name: Option<Box<str>>,
    pub activity_type: Option<Box<str>>,
    pub sub_agent_id: Option<Box<str>>,
    pub tool_call_id: Option<Box<str>>,
    pub error: Option<Box<str>>,
    pub tool_calls: Vec<SnapshotCall>,
}

/// A tool call of an assistant message in `MESSAGES_SNAPSHOT`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The fields are AG-UI's.
pub struct SnapshotCall {
    pub id: Box<str>,
    pub name: Box<str>,
    pub args: Box<str>,
}

/// What an event means to the fold. Fields that only readers of the log need are not here.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // Variants and fields are AG-UI's; `id` is that of the message or call.
pub enum Item {
    TextMessageStart {
        id: Box<str>,
        role: Role,
        name: Option<Box<str>>,
    },
    TextMessageContent {
        id: Box<str>,
        delta: Box<str>,
    },
    TextMessageEnd {
        id: Box<str>,
    },
    /// Without `id` it continues what its subagent, or the parent agent, has open.
    TextMessageChunk {
        id: Option<Box<str>>,
        role: Option<Role>,
        name: Option<Box<str>>,
        delta: Option<Box<str>>,
    },
    ToolCallStart {
        id: Box<str>,
        name: Box<str>,
        parent_message_id: Option<Box<str>>,
    },
    ToolCallArgs {
        id: Box<str>,
        delta: Box<str>,
    },
    ToolCallEnd {
        id: Box<str>,
    },
    /// Without `id` it continues what its subagent, or the parent agent, has open.
    ToolCallChunk {
        id: Option<Box<str>>,
        name: Option<Box<str>>,
        parent_message_id: Option<Box<str>>,
        delta: Option<Box<str>>,
    },
    ToolCallResult {
        id: Box<str>,
        message_id: Box<str>,
        content: Body,
        error: Option<Box<str>>,
    },
    /// Opens a span of reasoning; the words are in reasoning messages.
    ReasoningStart,
    ReasoningMessageStart {
        id: Box<str>,
    },
    ReasoningMessageContent {
        id: Box<str>,
        delta: Box<str>,
    },
    ReasoningMessageEnd {
        id: Box<str>,
    },
    /// Without `id` it continues what its subagent, or the parent agent, has open.
    ReasoningMessageChunk {
        id: Option<Box<str>>,
        delta: Option<Box<str>>,
    },
    ReasoningEnd,
    /// Opaque; it lives in the log.
    ReasoningEncryptedValue,
    StepStarted {
        name: Box<str>,
    },
    StepFinished {
        name: Box<str>,
    },
    SubagentStarted(Box<Subagent>),
    SubagentFinished {
        id: Box<str>,
        suspended: bool,
        result: Option<Value>,
    },
    SubagentError {
        id: Box<str>,
        message: Box<str>,
        code: Option<Box<str>>,
    },
    StateSnapshot {
        snapshot: Value,
    },
    StateDelta {
        patch: Patch,
    },
    MessagesSnapshot {
        messages: Vec<SnapshotMessage>,
    },
    ActivitySnapshot {
        id: Box<str>,
        activity_type: Box<str>,
        content: Value,
        replace: bool,
    },
    ActivityDelta {
        id: Box<str>,
        activity_type: Box<str>,
        patch: Patch,
    },
    /// A provider's own event; it lives in the log.
    Raw,
    /// Lives in the log.
    Log(Log),
    Artifact(Artifact),
    Todo(Todo),
    Task(Box<Task>),
    /// The server makes it an `execution.progress` event.
    Progress(Progress),
    /// Sets the execution's output to [`super::Content::output`].
    Output,
    /// A `CUSTOM` event of the application's own.
    Custom {
        name: Box<str>,
        value: Value,
    },
}
