//! The content half of an execution's state: what its runner said, folded by id.
//!
//! `GET /v1/executions/{id}` shows it under `state`. Items are upserted and keep the order in
//! which they began; only an event that is itself a snapshot replaces. The fold is forgiving: a
//! delta or an end for something that never started creates it, so that a lost start or a new
//! attempt hides nothing. Only JSON patches, and chunks that continue nothing, can fail, and
//! [`Transcript::admit`] finds those before they are in the log.
//!
//! Deliberately absent: logs, `RAW`, encrypted reasoning, event metadata (they live in the log),
//! progress and output (they are fields of the execution).

mod chunks;
mod fold;
mod items;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use self::items::{
    ArtifactItem, CallStatus, CustomItem, Message, MessageStatus, RunStatus, Step, SubAgent,
    SubAgentError, TaskItem, TodoItem, ToolCall,
};
use self::{
    chunks::{OpenChunk, Streamed, weigh_chunks},
    items::Weigh,
};
use crate::{
    content::{Body, Content, FieldError, Item, Role},
    time::Timestamp,
};

type Id = Box<str>;
type Map<T> = IndexMap<Id, T>;

/// See the file's header.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", default)]
pub struct Transcript {
    /// Conversation, reasoning and activities.
    pub messages: Map<Message>,
    /// Tool calls with their results.
    pub tool_calls: Map<ToolCall>,
    /// Invocations of subagents.
    pub sub_agents: Map<SubAgent>,
    /// The agent's list of things to do.
    pub todos: Map<TodoItem>,
    /// Steps of a workflow.
    pub tasks: Map<TaskItem>,
    /// What was made.
    pub artifacts: Map<ArtifactItem>,
    /// Named steps by name; a subagent's as `{sub_agent_id}/{name}`.
    pub steps: Map<Step>,
    /// The application's own events by name, the latest value of each.
    pub custom: Map<CustomItem>,
    /// AG-UI's agent state; a null is none.
    pub agent_state: Option<Value>,
    /// By subagent; the parent agent is the empty string.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    open_chunks: Map<OpenChunk>,
    #[serde(skip_serializing_if = "is_zero")]
    attempt: u32,
    #[serde(skip)]
    bytes: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // Serde's signature.
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Serialize for Transcript {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Transcript::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Transcript {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut transcript = Transcript::deserialize(deserializer)?;
        transcript.bytes = transcript.weigh();
        Ok(transcript)
    }
}

/// Why an event does not apply: where in its data, and the sentence.
struct Refusal {
    pointer: String,
    message: String,
}

/// Who wrote, and where it stands in the log.
#[derive(Clone, Copy)]
struct At<'c> {
    owner: Option<&'c str>,
    attempt: u32,
    seq: u64,
    time: Timestamp,
}

impl Transcript {
    /// Would these apply, one after another? Pointers are `/events/{index}/data/…`; the first
    /// event that does not apply is told.
    pub fn admit(&self, batch: &[Content]) -> Result<(), Vec<FieldError>> {
        if !batch.iter().any(|content| can_fail(content.item())) {
            return Ok(());
        }
        // The very fold, on a transcript that holds just what failing depends on.
        let mut trial = Self {
            open_chunks: self.open_chunks.clone(),
            attempt: self.attempt,
            ..Self::default()
        };
        for content in batch {
            if let Item::StateDelta { .. } = content.item() {
                if trial.agent_state.is_none() {
                    trial.agent_state.clone_from(&self.agent_state);
                }
            } else if let Item::ActivityDelta { id, .. } = content.item()
                && let Some(message) = self.messages.get(id)
            {
                let dependent = || without_text(message);
                trial.messages.entry(id.clone()).or_insert_with(dependent);
            }
        }
        trial.bytes = trial.weigh();
        for (index, content) in batch.iter().enumerate() {
            let at =
                At { owner: content.subagent(), attempt: self.attempt, seq: 0, time: Timestamp(0) };
            trial.step(content.item(), at).map_err(|refusal| {
                let pointer = format!("/events/{index}/data{}", refusal.pointer);
                vec![FieldError { pointer, message: refusal.message }]
            })?;
        }
        Ok(())
    }

    /// Moves the transcript by one event. Total: an event that [`Transcript::admit`] would have
    /// refused leaves what it did before it failed, the same in every replay.
    pub fn apply(&mut self, content: &Content, seq: u64, time: Timestamp) {
        let at = At { owner: content.subagent(), attempt: self.attempt, seq, time };
        // Refused events are not in the log; see above for one that is.
        let _refused = self.step(content.item(), at);
    }

    /// A new attempt writes from here on. What the one before left open is interrupted, and a
    /// start with an id it used begins that item anew instead of adding to it.
    pub fn begin_attempt(&mut self, attempt: u32) {
        self.interrupt();
        self.attempt = attempt;
    }

    /// The attempt is over: nothing that it left open will go on.
    pub fn interrupt(&mut self) {
        for message in self.messages.values_mut() {
            if message.status == MessageStatus::Streaming {
                message.status = MessageStatus::Interrupted;
            }
        }
        for call in self.tool_calls.values_mut() {
            if matches!(call.status, CallStatus::Streaming | CallStatus::Called) {
                call.status = CallStatus::Interrupted;
            }
        }
        let agents = self.sub_agents.values_mut().map(|agent| &mut agent.status);
        let steps = self.steps.values_mut().map(|step| &mut step.status);
        for status in agents.chain(steps) {
            if *status == RunStatus::Running {
                *status = RunStatus::Interrupted;
            }
        }
        self.bytes -= weigh_chunks(&self.open_chunks);
        self.open_chunks.clear();
    }

    /// About the bytes of memory held. O(1); the same after a replay and a serde round trip.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn weigh(&self) -> usize {
        fn all<T: Weigh>(map: &Map<T>) -> usize {
            map.iter().map(|(key, item)| key.len() + item.weight()).sum()
        }
        all(&self.messages)
            + all(&self.tool_calls)
            + all(&self.sub_agents)
            + all(&self.todos)
            + all(&self.tasks)
            + all(&self.artifacts)
            + all(&self.steps)
            + all(&self.custom)
            + self.agent_state.weight()
            + weigh_chunks(&self.open_chunks)
    }

    fn step(&mut self, item: &Item, at: At<'_>) -> Result<(), Refusal> {
        self.close_chunks(item, at);
        match item {
            Item::TextMessageStart { id, role, name } => {
                self.start_message(id, *role, name.as_deref(), at);
            }
            Item::TextMessageContent { id, delta } => {
                self.extend_message(id, Role::Assistant, delta, at);
            }
            Item::ReasoningMessageStart { id } => self.start_message(id, Role::Reasoning, None, at),
            Item::ReasoningMessageContent { id, delta } => {
                self.extend_message(id, Role::Reasoning, delta, at);
            }
            Item::TextMessageEnd { id } => self.end_message(id, Role::Assistant, at),
            Item::ReasoningMessageEnd { id } => self.end_message(id, Role::Reasoning, at),
            Item::TextMessageChunk { id, role, name, delta } => {
                let (id, opens) = self.chunk(Streamed::Text, id.as_deref(), at)?;
                if opens {
                    let role = role.unwrap_or(Role::Assistant);
                    self.start_message(&id, role, name.as_deref(), at);
                }
                self.extend_message(&id, Role::Assistant, delta.as_deref().unwrap_or(""), at);
            }
            Item::ReasoningMessageChunk { id, delta } => {
                let (id, opens) = self.chunk(Streamed::Reasoning, id.as_deref(), at)?;
                if opens {
                    self.start_message(&id, Role::Reasoning, None, at);
                }
                self.extend_message(&id, Role::Reasoning, delta.as_deref().unwrap_or(""), at);
            }
            Item::ToolCallStart { id, name, parent_message_id } => {
                self.start_call(id, name, parent_message_id.as_deref(), at);
            }
            Item::ToolCallArgs { id, delta } => self.extend_call(id, delta, at),
            Item::ToolCallEnd { id } => self.end_call(id, at),
            Item::ToolCallChunk { id, name, parent_message_id, delta } => {
                let (id, opens) = self.chunk(Streamed::ToolCall, id.as_deref(), at)?;
                if opens {
                    let name = name.as_deref().unwrap_or("");
                    self.start_call(&id, name, parent_message_id.as_deref(), at);
                }
                self.extend_call(&id, delta.as_deref().unwrap_or(""), at);
            }
            Item::ToolCallResult { id, message_id, content, error } => {
                self.finish_call(id, message_id, content, error.as_deref(), at);
            }
            Item::StepStarted { name } => self.move_step(name, RunStatus::Running, at),
            Item::StepFinished { name } => self.move_step(name, RunStatus::Done, at),
            Item::SubagentStarted(subagent) => self.start_subagent(subagent, at),
            Item::SubagentFinished { id, suspended, result } => {
                let status = if *suspended { RunStatus::Suspended } else { RunStatus::Done };
                self.stop_subagent(id, status, result.clone(), None, at);
            }
            Item::SubagentError { id, message, code } => {
                let error = SubAgentError { message: message.clone(), code: code.clone() };
                self.stop_subagent(id, RunStatus::Error, None, Some(error), at);
            }
            Item::StateSnapshot { snapshot } => self.set_state(snapshot),
            Item::StateDelta { patch } => return self.patch_state(patch),
            Item::MessagesSnapshot { messages } => self.replace_messages(messages, at),
            Item::ActivitySnapshot { id, activity_type, content, replace } => {
                self.set_activity(id, activity_type, content, *replace, at);
            }
            Item::ActivityDelta { id, activity_type, patch } => {
                return self.patch_activity(id, activity_type, patch, at);
            }
            Item::Artifact(artifact) => self.put_artifact(artifact, at),
            Item::Todo(todo) => self.put_todo(todo, at),
            Item::Task(task) => self.put_task(task, at),
            Item::Custom { name, value } => self.put_custom(name, value, at),
            Item::ReasoningStart
            | Item::ReasoningEnd
            | Item::ReasoningEncryptedValue
            | Item::Raw
            | Item::Log(_)
            | Item::Progress(_)
            | Item::Output => {}
        }
        Ok(())
    }
}

/// Whether applying it depends on what is there.
fn can_fail(item: &Item) -> bool {
    match item {
        Item::StateDelta { .. } | Item::ActivityDelta { .. } => true,
        Item::TextMessageChunk { id, .. }
        | Item::ReasoningMessageChunk { id, .. }
        | Item::ToolCallChunk { id, .. } => id.is_none(),
        Item::TextMessageStart { .. }
        | Item::TextMessageContent { .. }
        | Item::TextMessageEnd { .. }
        | Item::ToolCallStart { .. }
        | Item::ToolCallArgs { .. }
        | Item::ToolCallEnd { .. }
        | Item::ToolCallResult { .. }
        | Item::ReasoningStart
        | Item::ReasoningMessageStart { .. }
        | Item::ReasoningMessageContent { .. }
        | Item::ReasoningMessageEnd { .. }
        | Item::ReasoningEnd
        | Item::ReasoningEncryptedValue
        | Item::StepStarted { .. }
        | Item::StepFinished { .. }
        | Item::SubagentStarted(_)
        | Item::SubagentFinished { .. }
        | Item::SubagentError { .. }
        | Item::StateSnapshot { .. }
        | Item::MessagesSnapshot { .. }
        | Item::ActivitySnapshot { .. }
        | Item::Raw
        | Item::Log(_)
        | Item::Artifact(_)
        | Item::Todo(_)
        | Item::Task(_)
        | Item::Progress(_)
        | Item::Output
        | Item::Custom { .. } => false,
    }
}

fn without_text(message: &Message) -> Message {
    match &message.content {
        Body::Json(_) => message.clone(),
        Body::Text(_) => Message {
            id: message.id.clone(),
            content: Body::Text(String::new()),
            name: None,
            activity_type: None,
            sub_agent_id: None,
            ..*message
        },
    }
}

#[cfg(test)]
mod tests;
