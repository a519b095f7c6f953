//! What a handler says while it works: the content of an execution, in AG-UI's words.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Context, Failed};

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "their names say it")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Where a todo or a task is. A todo cannot have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "their names say it")]
pub enum Status {
    Pending,
    InProgress,
    Completed,
    Failed,
    Cancelled,
}

/// A message that is being written; see [`Context::message`].
#[derive(Debug)]
pub struct Message {
    context: Context,
    id: String,
}

/// Reasoning that is being written; see [`Context::reasoning`].
#[derive(Debug)]
pub struct Reasoning {
    context: Context,
    id: String,
}

/// A call of a tool; see [`Context::tool_call`].
#[derive(Debug)]
pub struct ToolCall {
    context: Context,
    id: String,
}

/// A step that is under way; see [`Context::step`].
#[derive(Debug)]
pub struct Step {
    context: Context,
    name: String,
}

/// Each fails when the lease is lost, and for no other reason.
impl Context {
    /// Begins a message: `role` is `assistant`, `user`, `system` or `developer`.
    pub async fn message(&self, role: &str) -> Result<Message, Failed> {
        let id = new_id();
        self.emit("TEXT_MESSAGE_START", &json!({"messageId": id, "role": role})).await?;
        Ok(Message { context: self.clone(), id })
    }

    /// Begins to reason where people may see it.
    pub async fn reasoning(&self) -> Result<Reasoning, Failed> {
        let id = new_id();
        self.emit("REASONING_START", &json!({"messageId": id})).await?;
        let start = json!({"messageId": id, "role": "reasoning"});
        self.emit("REASONING_MESSAGE_START", &start).await?;
        Ok(Reasoning { context: self.clone(), id })
    }

    /// Calls a tool: its name and all of its arguments. [`ToolCall::result`] or
    /// [`ToolCall::failed`] ends it.
    pub async fn tool_call(&self, name: &str, arguments: &Value) -> Result<ToolCall, Failed> {
        let id = new_id();
        self.emit("TOOL_CALL_START", &json!({"toolCallId": id, "toolCallName": name})).await?;
        let delta = arguments.to_string();
        self.emit("TOOL_CALL_ARGS", &json!({"toolCallId": id, "delta": delta})).await?;
        self.emit("TOOL_CALL_END", &json!({"toolCallId": id})).await?;
        Ok(ToolCall { context: self.clone(), id })
    }

    /// Begins a step.
    pub async fn step(&self, name: &str) -> Result<Step, Failed> {
        self.emit("STEP_STARTED", &json!({"stepName": name})).await?;
        Ok(Step { context: self.clone(), name: name.to_owned() })
    }

    /// Sets a todo; one of the same id is replaced.
    pub async fn todo(&self, id: &str, content: &str, status: Status) -> Result<(), Failed> {
        self.custom("todo", &json!({"id": id, "content": content, "status": status})).await
    }

    /// Sets a task; one of the same id is replaced. `more` has any of `type`, `input`, `output` and
    /// `error`; `json!({})` for none.
    pub async fn task(
        &self,
        id: &str,
        name: &str,
        status: Status,
        more: &Value,
    ) -> Result<(), Failed> {
        let mut task = json!({"id": id, "name": name, "status": status});
        for (field, value) in more.as_object().into_iter().flatten() {
            task[field] = value.clone();
        }
        self.custom("task", &task).await
    }

    /// Leaves a text for people to open.
    pub async fn artifact(
        &self,
        id: &str,
        name: &str,
        mime_type: &str,
        text: &str,
    ) -> Result<(), Failed> {
        let artifact = json!({"id": id, "name": name, "mime_type": mime_type, "text": text});
        self.custom("artifact", &artifact).await
    }

    /// Leaves a link for people to open.
    pub async fn link(
        &self,
        id: &str,
        name: &str,
        mime_type: &str,
        url: &str,
    ) -> Result<(), Failed> {
        let artifact = json!({"id": id, "name": name, "mime_type": mime_type, "url": url});
        self.custom("artifact", &artifact).await
    }

    /// A log line.
    pub async fn log(&self, level: Level, message: &str) -> Result<(), Failed> {
        self.custom("log", &json!({"level": level, "message": message})).await
    }

    /// Sets the state that is shared with watchers, and that the next attempt finds in its
    /// checkpoint.
    pub async fn state(&self, state: &impl Serialize) -> Result<(), Failed> {
        let snapshot = serde_json::to_value(state)?;
        self.emit("STATE_SNAPSHOT", &json!({"snapshot": snapshot})).await
    }

    /// Changes that state by a JSON Patch (RFC 6902).
    pub async fn state_delta(&self, patch: &Value) -> Result<(), Failed> {
        self.emit("STATE_DELTA", &json!({"delta": patch})).await
    }

    /// An event of a name of your own.
    pub async fn custom(&self, name: &str, value: &impl Serialize) -> Result<(), Failed> {
        let value = serde_json::to_value(value)?;
        self.emit("CUSTOM", &json!({"name": name, "value": value})).await
    }
}

/// Each fails when the lease is lost.
impl Message {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Adds text: a token, or more. An empty one adds nothing.
    pub async fn write(&self, text: &str) -> Result<(), Failed> {
        if text.is_empty() {
            return Ok(());
        }
        let content = json!({"messageId": self.id, "delta": text});
        self.context.emit("TEXT_MESSAGE_CONTENT", &content).await
    }

    /// Ends it.
    pub async fn end(self) -> Result<(), Failed> {
        self.context.emit("TEXT_MESSAGE_END", &json!({"messageId": self.id})).await
    }
}

/// Each fails when the lease is lost.
impl Reasoning {
    /// Adds text. An empty one adds nothing.
    pub async fn write(&self, text: &str) -> Result<(), Failed> {
        if text.is_empty() {
            return Ok(());
        }
        let content = json!({"messageId": self.id, "delta": text});
        self.context.emit("REASONING_MESSAGE_CONTENT", &content).await
    }

    /// Ends it.
    pub async fn end(self) -> Result<(), Failed> {
        let id = json!({"messageId": self.id});
        self.context.emit("REASONING_MESSAGE_END", &id).await?;
        self.context.emit("REASONING_END", &id).await
    }
}

/// Each fails when the lease is lost.
impl ToolCall {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the tool gave.
    pub async fn result(self, content: &str) -> Result<(), Failed> {
        self.end(json!({"content": content})).await
    }

    /// The tool failed.
    pub async fn failed(self, error: &str) -> Result<(), Failed> {
        self.end(json!({"content": error, "error": error})).await
    }

    async fn end(self, mut result: Value) -> Result<(), Failed> {
        result["toolCallId"] = self.id.into();
        result["messageId"] = new_id().into();
        self.context.emit("TOOL_CALL_RESULT", &result).await
    }
}

impl Step {
    /// Ends it.
    ///
    /// # Errors
    /// When the lease is lost.
    pub async fn finish(self) -> Result<(), Failed> {
        self.context.emit("STEP_FINISHED", &json!({"stepName": self.name})).await
    }
}

fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
