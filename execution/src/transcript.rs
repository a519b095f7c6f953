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
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn content((type_name, data): (&str, Value)) -> Content {
        let raw = serde_json::value::to_raw_value(&data).unwrap();
        Content::parse(type_name, raw).unwrap_or_else(|e| panic!("{type_name} {data}: {e:?}"))
    }

    fn batch<const N: usize>(events: [(&str, Value); N]) -> Vec<Content> {
        events.into_iter().map(content).collect()
    }

    fn fold(transcript: &mut Transcript, batch: &[Content]) {
        for (n, content) in batch.iter().enumerate() {
            transcript.apply(content, n as u64 + 1, Timestamp(n as i64));
        }
    }

    fn folded<const N: usize>(events: [(&str, Value); N]) -> Transcript {
        let batch = batch(events);
        let mut transcript = Transcript::default();
        assert_eq!(transcript.admit(&batch), Ok(()));
        fold(&mut transcript, &batch);
        transcript
    }

    fn text(transcript: &Transcript, id: &str) -> String {
        match &transcript.messages[id].content {
            Body::Text(text) => text.clone(),
            Body::Json(value) => panic!("{value}"),
        }
    }

    #[test]
    fn a_message_streams_and_is_done() {
        let mut transcript = folded([
            ("TEXT_MESSAGE_START", json!({"messageId": "m", "role": "system", "name": "n"})),
            ("TEXT_MESSAGE_CONTENT", json!({"messageId": "m", "delta": "Hel"})),
            ("TEXT_MESSAGE_CONTENT", json!({"messageId": "m", "delta": "lo"})),
        ]);
        assert_eq!(transcript.messages["m"].status, MessageStatus::Streaming);
        fold(&mut transcript, &batch([("TEXT_MESSAGE_END", json!({"messageId": "m"}))]));
        assert_eq!(
            serde_json::to_value(&transcript).unwrap()["messages"]["m"],
            json!({
                "id": "m", "role": "system", "name": "n", "content": "Hello", "status": "done",
                "attempt": 0, "seq": 1, "time": "1970-01-01T00:00:00.000000Z",
            })
        );
    }

    #[test]
    fn a_lost_start_hides_nothing() {
        let transcript = folded([
            ("TEXT_MESSAGE_CONTENT", json!({"messageId": "m", "delta": "x"})),
            ("REASONING_MESSAGE_CONTENT", json!({"messageId": "r", "delta": "y"})),
            ("TOOL_CALL_ARGS", json!({"toolCallId": "c", "delta": "{}"})),
            ("TOOL_CALL_RESULT", json!({"toolCallId": "d", "messageId": "e", "content": "z"})),
            ("SUBAGENT_FINISHED", json!({"subagentRunId": "s", "result": 1})),
            ("STEP_FINISHED", json!({"stepName": "p"})),
        ]);
        assert_eq!(transcript.messages["m"].role, Role::Assistant);
        assert_eq!(transcript.messages["r"].role, Role::Reasoning);
        assert_eq!(&*transcript.tool_calls["c"].name, "");
        assert_eq!(transcript.tool_calls["d"].status, CallStatus::Done);
        assert_eq!(transcript.sub_agents["s"].status, RunStatus::Done);
        assert_eq!(transcript.steps["p"].status, RunStatus::Done);
    }

    #[test]
    fn a_tool_call_goes_from_streaming_to_its_result() {
        let mut transcript = Transcript::default();
        for (event, status) in [
            (
                (
                    "TOOL_CALL_START",
                    json!({"toolCallId": "c", "toolCallName": "t", "parentMessageId": "m"}),
                ),
                CallStatus::Streaming,
            ),
            (("TOOL_CALL_ARGS", json!({"toolCallId": "c", "delta": "{}"})), CallStatus::Streaming),
            (("TOOL_CALL_END", json!({"toolCallId": "c"})), CallStatus::Called),
            (
                (
                    "TOOL_CALL_RESULT",
                    json!({"toolCallId": "c", "messageId": "r", "content": "no", "error": "e"}),
                ),
                CallStatus::Error,
            ),
        ] {
            transcript.apply(&content(event), 7, Timestamp(7));
            assert_eq!(transcript.tool_calls["c"].status, status);
        }
        let call = &transcript.tool_calls["c"];
        assert_eq!((&*call.name, &*call.args), ("t", "{}"));
        assert_eq!(call.finished_at, Some(Timestamp(7)));
        assert_eq!(call.result, Some(Body::Text("no".into())));
    }

    #[test]
    fn chunks_continue_what_their_own_agent_has_open() {
        let chunk = |data| ("TEXT_MESSAGE_CHUNK", data);
        let transcript = folded([
            chunk(json!({"messageId": "m", "delta": "a"})),
            chunk(json!({"messageId": "n", "delta": "1", "subagentRunId": "s"})),
            chunk(json!({"delta": "b"})),
            ("CUSTOM", json!({"name": "log", "value": {"level": "info", "message": "between"}})),
            chunk(json!({"delta": "2", "subagentRunId": "s"})),
            chunk(json!({"delta": "c"})),
            ("TOOL_CALL_CHUNK", json!({"toolCallId": "t", "toolCallName": "f", "delta": "{"})),
            ("TOOL_CALL_CHUNK", json!({"delta": "}"})),
            ("STEP_STARTED", json!({"stepName": "p"})),
            chunk(json!({"delta": "3"})),
        ]);
        assert_eq!(text(&transcript, "m"), "abc");
        assert_eq!(text(&transcript, "n"), "123");
        assert_eq!(transcript.messages["m"].status, MessageStatus::Done);
        assert_eq!(transcript.messages["n"].status, MessageStatus::Streaming);
        assert_eq!(transcript.tool_calls["t"].args, "{}");
        assert_eq!(transcript.tool_calls["t"].status, CallStatus::Called);
    }

    #[test]
    fn a_chunk_that_continues_nothing_is_refused() {
        let orphan = batch([
            ("TEXT_MESSAGE_CHUNK", json!({"messageId": "m"})),
            ("TEXT_MESSAGE_END", json!({"messageId": "m"})),
            ("TEXT_MESSAGE_CHUNK", json!({"delta": "x"})),
        ]);
        let error = Transcript::default().admit(&orphan).unwrap_err().remove(0);
        assert_eq!(error.pointer, "/events/2/data/messageId");
        let ambiguous = batch([
            ("TOOL_CALL_CHUNK", json!({"toolCallId": "a", "subagentRunId": "1"})),
            ("TOOL_CALL_CHUNK", json!({"toolCallId": "b", "subagentRunId": "2"})),
            ("TOOL_CALL_CHUNK", json!({"delta": "x"})),
        ]);
        let error = Transcript::default().admit(&ambiguous).unwrap_err().remove(0);
        assert_eq!(error.pointer, "/events/2/data/toolCallId");
    }

    #[test]
    fn state_is_a_snapshot_and_deltas() {
        let mut transcript = folded([
            ("STATE_DELTA", json!({"delta": [{"op": "add", "path": "/a", "value": [1]}]})),
            ("STATE_DELTA", json!({"delta": [{"op": "add", "path": "/a/-", "value": 2}]})),
        ]);
        assert_eq!(transcript.agent_state, Some(json!({"a": [1, 2]})));
        let wrong = batch([
            ("STATE_SNAPSHOT", json!({"snapshot": {"b": 1}})),
            (
                "STATE_DELTA",
                json!({"delta": [
                    {"op": "test", "path": "/b", "value": 1},
                    {"op": "remove", "path": "/a"},
                ]}),
            ),
        ]);
        let before = transcript.clone();
        let error = transcript.admit(&wrong).unwrap_err().remove(0);
        assert_eq!(error.pointer, "/events/1/data/delta/1");
        assert_eq!(transcript, before);
        fold(&mut transcript, &batch([("STATE_SNAPSHOT", json!({"snapshot": null}))]));
        assert_eq!(transcript.agent_state, None);
    }

    #[test]
    fn an_activity_is_replaced_left_or_patched() {
        let activity = |content: Value, replace: bool| {
            let data = json!({"messageId": "a", "activityType": "PLAN", "content": content, "replace": replace});
            ("ACTIVITY_SNAPSHOT", data)
        };
        let delta = |id: &str, patch: Value| {
            ("ACTIVITY_DELTA", json!({"messageId": id, "activityType": "PLAN", "patch": patch}))
        };
        let transcript = folded([
            activity(json!({"n": 1}), true),
            activity(json!({"n": 2}), false),
            delta("a", json!([{"op": "add", "path": "/m", "value": 3}])),
            ("TEXT_MESSAGE_START", json!({"messageId": "t"})),
        ]);
        assert_eq!(transcript.messages["a"].content, Body::Json(json!({"n": 1, "m": 3})));
        assert_eq!(transcript.messages["a"].role, Role::Activity);
        for (wrong, pointer) in [
            (delta("t", json!([])), "/messageId"),
            (delta("a", json!([{"op": "replace", "path": "", "value": 1}])), "/patch"),
            (delta("a", json!([{"op": "remove", "path": "/x"}])), "/patch/0"),
            (delta("new", json!([{"op": "remove", "path": "/x"}])), "/patch/0"),
        ] {
            let error = transcript.admit(&[content(wrong)]).unwrap_err().remove(0);
            assert_eq!(error.pointer, format!("/events/0/data{pointer}"));
        }
    }

    #[test]
    fn a_messages_snapshot_replaces_what_its_producer_owns() {
        let transcript = folded([
            ("TEXT_MESSAGE_CONTENT", json!({"messageId": "gone", "delta": "x"})),
            ("REASONING_MESSAGE_CONTENT", json!({"messageId": "why", "delta": "x"})),
            ("TEXT_MESSAGE_CONTENT", json!({"messageId": "kept", "delta": "par"})),
            (
                "MESSAGES_SNAPSHOT",
                json!({"messages": [
                    {"id": "new", "role": "user", "content": [{"type": "text", "text": "q"}]},
                    {"id": "kept", "role": "assistant", "content": "whole", "toolCalls": [
                        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                    {"id": "r", "role": "tool", "toolCallId": "c", "content": "result"},
                ]}),
            ),
        ]);
        assert_eq!(
            transcript.messages.keys().map(|id| &**id).collect::<Vec<_>>(),
            ["why", "kept", "new"]
        );
        assert_eq!(text(&transcript, "kept"), "whole");
        assert_eq!(transcript.messages["kept"].seq, 3);
        assert_eq!(transcript.tool_calls["c"].status, CallStatus::Done);
        assert_eq!(transcript.tool_calls["c"].parent_message_id.as_deref(), Some("kept"));
    }

    #[test]
    fn todos_tasks_artifacts_and_custom_values_are_upserted() {
        let custom = |name: &str, value: Value| ("CUSTOM", json!({"name": name, "value": value}));
        let transcript = folded([
            custom("task", json!({"id": "t", "name": "n", "status": "in_progress", "input": [1]})),
            custom("task", json!({"id": "t", "name": "n", "status": "completed", "output": 2})),
            custom("todo", json!({"id": "d", "content": "c", "status": "pending"})),
            custom("todo", json!({"id": "d", "content": "c", "status": "completed"})),
            custom("artifact", json!({"id": "a", "name": "n", "mime_type": "x/y", "url": "u"})),
            custom("mine", json!(1)),
            custom("mine", json!(null)),
            custom("log", json!({"level": "info", "message": "m"})),
        ]);
        let state = serde_json::to_value(&transcript).unwrap();
        assert_eq!(state["tasks"]["t"]["input"], json!([1]));
        assert_eq!(state["tasks"]["t"]["output"], json!(2));
        assert_eq!(state["todos"]["d"]["status"], "completed");
        assert_eq!(state["artifacts"]["a"]["url"], "u");
        assert_eq!(state["custom"]["mine"]["value"], json!(null));
        assert_eq!(transcript.custom.len(), 1);
    }

    #[test]
    fn what_an_attempt_left_open_is_interrupted_and_the_next_begins_it_anew() {
        let events = [
            ("TEXT_MESSAGE_START", json!({"messageId": "m"})),
            ("TEXT_MESSAGE_CONTENT", json!({"messageId": "m", "delta": "half"})),
            ("TOOL_CALL_START", json!({"toolCallId": "c", "toolCallName": "t"})),
            ("STEP_STARTED", json!({"stepName": "s"})),
            ("SUBAGENT_STARTED", json!({"subagentRunId": "r", "name": "n"})),
            ("TEXT_MESSAGE_CHUNK", json!({"messageId": "k", "delta": "x"})),
        ];
        let mut transcript = Transcript::default();
        transcript.begin_attempt(1);
        fold(&mut transcript, &batch(events.clone()));
        transcript.interrupt();
        assert_eq!(transcript.messages["m"].status, MessageStatus::Interrupted);
        assert_eq!(transcript.messages["k"].status, MessageStatus::Interrupted);
        assert_eq!(transcript.tool_calls["c"].status, CallStatus::Interrupted);
        assert_eq!(transcript.steps["s"].status, RunStatus::Interrupted);
        assert_eq!(transcript.sub_agents["r"].status, RunStatus::Interrupted);
        assert!(transcript.admit(&batch([("TEXT_MESSAGE_CHUNK", json!({"delta": "y"}))])).is_err());
        transcript.begin_attempt(2);
        fold(&mut transcript, &batch(events));
        assert_eq!(text(&transcript, "m"), "half");
        assert_eq!(transcript.messages["m"].attempt, 2);
        assert_eq!(transcript.steps["s"].status, RunStatus::Running);
        assert_eq!(transcript.bytes(), transcript.weigh());
    }

    fn id() -> impl Strategy<Value = &'static str> {
        prop::sample::select(&["a", "b", "é/~", ""][..])
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[ab]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn patch() -> impl Strategy<Value = Value> {
        let path = || prop::sample::select(&["", "/a", "/b", "/a/b", "/a/0", "/a/-"][..]);
        let op = prop_oneof![
            (path(), value()).prop_map(|(p, v)| json!({"op": "add", "path": p, "value": v})),
            (path(), value()).prop_map(|(p, v)| json!({"op": "replace", "path": p, "value": v})),
            path().prop_map(|p| json!({"op": "remove", "path": p})),
            (path(), path()).prop_map(|(f, p)| json!({"op": "move", "from": f, "path": p})),
            (path(), path()).prop_map(|(f, p)| json!({"op": "copy", "from": f, "path": p})),
        ];
        prop::collection::vec(op, 0..3).prop_map(Value::from)
    }

    fn snapshot_message() -> impl Strategy<Value = Value> {
        prop_oneof![
            (id(), ".{0,4}").prop_map(|(i, t)| json!({"id": i, "role": "assistant", "content": t,
                "toolCalls": [{"id": t, "type": "function",
                    "function": {"name": "f", "arguments": t}}]})),
            id().prop_map(|i| json!({"id": i, "role": "user",
                "content": [{"type": "text", "text": i}]})),
            (id(), id()).prop_map(|(i, c)| json!({"id": i, "role": "tool", "toolCallId": c,
                "content": "r", "error": "e"})),
            id().prop_map(|i| json!({"id": i, "role": "reasoning", "content": "why"})),
            (id(), value()).prop_map(|(i, v)| json!({"id": i, "role": "activity",
                "activityType": "t", "content": {"v": v}})),
        ]
    }

    /// Any event that the fold looks at, of the parent agent or of one of two subagents.
    fn event() -> impl Strategy<Value = Content> {
        let text = || ".{0,8}";
        let messages = prop_oneof![
            id().prop_map(|i| ("TEXT_MESSAGE_START", json!({"messageId": i, "role": "user"}))),
            (id(), text())
                .prop_map(|(i, d)| ("TEXT_MESSAGE_CONTENT", json!({"messageId": i, "delta": d}))),
            id().prop_map(|i| ("TEXT_MESSAGE_END", json!({"messageId": i}))),
            (id(), text())
                .prop_map(|(i, d)| ("TEXT_MESSAGE_CHUNK", json!({"messageId": i, "delta": d}))),
            text().prop_map(|d| ("TEXT_MESSAGE_CHUNK", json!({"delta": d}))),
            id().prop_map(|i| (
                "REASONING_MESSAGE_START",
                json!({"messageId": i, "role": "reasoning"})
            )),
            (id(), text()).prop_map(|(i, d)| (
                "REASONING_MESSAGE_CONTENT",
                json!({"messageId": i, "delta": d})
            )),
            id().prop_map(|i| ("REASONING_MESSAGE_END", json!({"messageId": i}))),
            (id(), text()).prop_map(|(i, d)| (
                "REASONING_MESSAGE_CHUNK",
                json!({"messageId": i, "delta": d})
            )),
            prop::collection::vec(snapshot_message(), 0..4)
                .prop_map(|m| ("MESSAGES_SNAPSHOT", json!({"messages": m}))),
            (id(), value(), any::<bool>()).prop_map(|(i, v, r)| (
                "ACTIVITY_SNAPSHOT",
                json!({"messageId": i, "activityType": "t", "content": {"a": v}, "replace": r})
            )),
            (id(), patch()).prop_map(|(i, p)| (
                "ACTIVITY_DELTA",
                json!({"messageId": i, "activityType": "u", "patch": p})
            )),
        ];
        let calls = prop_oneof![
            (id(), id()).prop_map(|(i, m)| (
                "TOOL_CALL_START",
                json!({"toolCallId": i, "toolCallName": "f", "parentMessageId": m})
            )),
            (id(), text())
                .prop_map(|(i, d)| ("TOOL_CALL_ARGS", json!({"toolCallId": i, "delta": d}))),
            id().prop_map(|i| ("TOOL_CALL_END", json!({"toolCallId": i}))),
            (id(), text())
                .prop_map(|(i, d)| ("TOOL_CALL_CHUNK", json!({"toolCallId": i, "delta": d}))),
            text().prop_map(|d| ("TOOL_CALL_CHUNK", json!({"delta": d}))),
            (id(), id(), text()).prop_map(|(i, m, t)| (
                "TOOL_CALL_RESULT",
                json!({"toolCallId": i, "messageId": m, "content": t})
            )),
        ];
        let others = prop_oneof![
            id().prop_map(|i| ("STEP_STARTED", json!({"stepName": i}))),
            id().prop_map(|i| ("STEP_FINISHED", json!({"stepName": i}))),
            id().prop_map(|i| (
                "SUBAGENT_STARTED",
                json!({"subagentRunId": i, "name": "n", "description": i})
            )),
            (id(), value()).prop_map(|(i, v)| (
                "SUBAGENT_FINISHED",
                json!({"subagentRunId": i, "result": [v], "outcome": {"type": "suspended"}})
            )),
            id().prop_map(|i| (
                "SUBAGENT_ERROR",
                json!({"subagentRunId": i, "message": "m", "code": "c"})
            )),
            value().prop_map(|v| ("STATE_SNAPSHOT", json!({"snapshot": v}))),
            patch().prop_map(|p| ("STATE_DELTA", json!({"delta": p}))),
            (id(), value()).prop_map(|(i, v)| ("CUSTOM", json!({"name": i, "value": v}))),
            (id(), value()).prop_map(|(i, v)| (
                "CUSTOM",
                json!({"name": "task", "value": {"id": i, "name": "n", "output": v}})
            )),
            id().prop_map(|i| (
                "CUSTOM",
                json!({"name": "todo", "value": {"id": i, "content": i, "status": "pending"}})
            )),
            (id(), text()).prop_map(|(i, t)| (
                "CUSTOM",
                json!({"name": "artifact",
                "value": {"id": i, "name": "n", "mime_type": "x/y", "text": t}})
            )),
            Just(("CUSTOM", json!({"name": "log", "value": {"level": "warn", "message": "m"}}))),
            Just(("RAW", json!({"event": null}))),
        ];
        let owner = prop::sample::select(&[None, Some("s"), Some("t")][..]);
        (owner, prop_oneof![4 => messages, 2 => calls, 3 => others]).prop_map(|(owner, event)| {
            let (type_name, mut data) = event;
            if let (Some(owner), None) = (owner, data.get("subagentRunId")) {
                data["subagentRunId"] = owner.into();
            }
            content((type_name, data))
        })
    }

    proptest! {
        #[test]
        fn replay_and_a_serde_round_trip_give_the_same_transcript(
            events in prop::collection::vec((event(), prop::bool::weighted(0.05)), 0..60),
        ) {
            let (mut live, mut restored) = (Transcript::default(), Transcript::default());
            let mut log = Vec::new();
            for (n, (content, next_attempt)) in events.into_iter().enumerate() {
                if next_attempt {
                    live.begin_attempt(n as u32);
                    restored.begin_attempt(n as u32);
                    log.push(Err(n as u32));
                }
                let refused = live.admit(std::slice::from_ref(&content)).is_err();
                prop_assert_eq!(refused, restored.admit(std::slice::from_ref(&content)).is_err());
                if refused {
                    continue;
                }
                let at = Timestamp(n as i64);
                live.apply(&content, n as u64, at);
                restored.apply(&content, n as u64, at);
                log.push(Ok((content, n as u64, at)));
                let json = serde_json::to_string(&restored).unwrap();
                restored = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(serde_json::to_string(&restored).unwrap(), json);
                prop_assert_eq!(live.bytes(), live.weigh());
                prop_assert_eq!(&live, &restored);
            }
            let mut replayed = Transcript::default();
            for entry in &log {
                match entry {
                    Ok((content, seq, time)) => replayed.apply(content, *seq, *time),
                    Err(attempt) => replayed.begin_attempt(*attempt),
                }
            }
            prop_assert_eq!(&replayed, &live);
            prop_assert_eq!(serde_json::to_string(&replayed).unwrap(), serde_json::to_string(&live).unwrap());
        }

        #[test]
        fn a_batch_is_admitted_exactly_when_each_event_in_turn_applies(
            before in prop::collection::vec(event(), 0..20),
            batch in prop::collection::vec(event(), 1..8),
        ) {
            let mut transcript = Transcript::default();
            for content in &before {
                if transcript.admit(std::slice::from_ref(content)).is_ok() {
                    transcript.apply(content, 1, Timestamp(1));
                }
            }
            let admitted = transcript.admit(&batch);
            let at = |content| At { owner: Content::subagent(content), attempt: 0, seq: 2, time: Timestamp(2) };
            let applied = batch.iter().enumerate().find_map(|(index, content)| {
                let refusal = transcript.step(content.item(), at(content)).err()?;
                Some((format!("/events/{index}/data{}", refusal.pointer), refusal.message))
            });
            let told = admitted.err().map(|mut errors| {
                let error = errors.remove(0);
                (error.pointer, error.message)
            });
            prop_assert_eq!(told, applied);
            prop_assert_eq!(transcript.bytes(), transcript.weigh());
        }
    }
}
