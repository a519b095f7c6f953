//! What each event does to the items. Every method keeps [`Transcript::bytes`] in step.

use std::collections::HashSet;

use serde_json::{Map as Object, Value};

use super::{
    At, CallStatus, Map, Message, MessageStatus, Refusal, RunStatus, Step, SubAgent, SubAgentError,
    TaskItem, TodoItem, ToolCall, Transcript,
    items::{ArtifactItem, CustomItem, Weigh},
};
use crate::content::{
    Artifact, Body, Role, SnapshotMessage, Status, Subagent, Task, Todo,
    patch::{Patch, PatchError, weight},
};

impl Transcript {
    fn message(&mut self, id: &str, role: Role, at: At<'_>) -> &mut Message {
        entry(&mut self.messages, &mut self.bytes, id, || Message {
            id: id.into(),
            role,
            content: Body::Text(String::new()),
            status: MessageStatus::Streaming,
            name: None,
            activity_type: None,
            sub_agent_id: at.owner.map(Into::into),
            attempt: at.attempt,
            seq: at.seq,
            time: at.time,
        })
    }

    /// A start for an id of this attempt reopens the message (AG-UI 1.0, text messages); for one
    /// of an earlier attempt it begins anew.
    pub(super) fn start_message(&mut self, id: &str, role: Role, name: Option<&str>, at: At<'_>) {
        let known = self.messages.get(id).map(|message| message.attempt);
        let message = self.message(id, role, at);
        if known == Some(at.attempt) {
            message.status = MessageStatus::Streaming;
            return;
        }
        let before = message.weight();
        *message = Message {
            id: id.into(),
            role,
            content: Body::Text(String::new()),
            status: MessageStatus::Streaming,
            name: name.map(Into::into),
            activity_type: None,
            sub_agent_id: at.owner.map(Into::into),
            attempt: at.attempt,
            seq: at.seq,
            time: at.time,
        };
        let after = message.weight();
        self.bytes = self.bytes + after - before;
    }

    /// Text for something that holds no text (an activity, content parts) stays in the log only.
    pub(super) fn extend_message(&mut self, id: &str, role: Role, delta: &str, at: At<'_>) {
        let message = self.message(id, role, at);
        if let Body::Text(text) = &mut message.content {
            text.push_str(delta);
            message.status = MessageStatus::Streaming;
            self.bytes += delta.len();
        }
    }

    pub(super) fn end_message(&mut self, id: &str, role: Role, at: At<'_>) {
        self.message(id, role, at).status = MessageStatus::Done;
    }

    fn call(&mut self, id: &str, at: At<'_>) -> &mut ToolCall {
        entry(&mut self.tool_calls, &mut self.bytes, id, || ToolCall {
            id: id.into(),
            name: "".into(),
            args: String::new(),
            result: None,
            error: None,
            status: CallStatus::Streaming,
            parent_message_id: None,
            result_message_id: None,
            sub_agent_id: at.owner.map(Into::into),
            attempt: at.attempt,
            seq: at.seq,
            started_at: at.time,
            finished_at: None,
        })
    }

    /// As [`Transcript::start_message`].
    pub(super) fn start_call(&mut self, id: &str, name: &str, parent: Option<&str>, at: At<'_>) {
        let call = self.call(id, at);
        let before = call.weight();
        if call.attempt != at.attempt {
            *call = ToolCall {
                id: id.into(),
                name: "".into(),
                args: String::new(),
                result: None,
                error: None,
                status: CallStatus::Streaming,
                parent_message_id: None,
                result_message_id: None,
                sub_agent_id: at.owner.map(Into::into),
                attempt: at.attempt,
                seq: at.seq,
                started_at: at.time,
                finished_at: None,
            };
        }
        if call.name.is_empty() {
            call.name = name.into();
        }
        if let (None, Some(parent)) = (&call.parent_message_id, parent) {
            call.parent_message_id = Some(parent.into());
        }
        call.reopen();
        let after = call.weight();
        self.bytes = self.bytes + after - before;
    }

    pub(super) fn extend_call(&mut self, id: &str, delta: &str, at: At<'_>) {
        let call = self.call(id, at);
        call.args.push_str(delta);
        call.reopen();
        self.bytes += delta.len();
    }

    pub(super) fn end_call(&mut self, id: &str, at: At<'_>) {
        self.call(id, at).arguments_complete();
    }

    pub(super) fn finish_call(
        &mut self,
        id: &str,
        message_id: &str,
        content: &Body,
        error: Option<&str>,
        at: At<'_>,
    ) {
        let call = self.call(id, at);
        let before = call.weight();
        call.status = if error.is_some() { CallStatus::Error } else { CallStatus::Done };
        call.result = Some(content.clone());
        call.error = error.map(Into::into);
        if call.result_message_id.as_deref() != Some(message_id) {
            call.result_message_id = Some(message_id.into());
            call.finished_at = Some(at.time);
        }
        let after = call.weight();
        self.bytes = self.bytes + after - before;
    }

    pub(super) fn move_step(&mut self, name: &str, status: RunStatus, at: At<'_>) {
        let key = match at.owner {
            Some(owner) => format!("{owner}/{name}"),
            None => name.to_owned(),
        };
        let step = entry(&mut self.steps, &mut self.bytes, &key, || Step {
            name: name.into(),
            status,
            sub_agent_id: at.owner.map(Into::into),
            attempt: at.attempt,
            seq: at.seq,
            started_at: at.time,
            finished_at: None,
        });
        if status == RunStatus::Running {
            (step.attempt, step.seq, step.started_at) = (at.attempt, at.seq, at.time);
        }
        step.status = status;
        step.finished_at = (status != RunStatus::Running).then_some(at.time);
    }

    fn sub_agent(&mut self, id: &str, at: At<'_>) -> &mut SubAgent {
        entry(&mut self.sub_agents, &mut self.bytes, id, || SubAgent {
            id: id.into(),
            name: "".into(),
            description: None,
            parent_id: None,
            parent_tool_call_id: None,
            parent_message_id: None,
            status: RunStatus::Running,
            result: None,
            error: None,
            attempt: at.attempt,
            seq: at.seq,
            started_at: at.time,
            finished_at: None,
        })
    }

    /// A start after a suspension goes on with the same invocation.
    pub(super) fn start_subagent(&mut self, started: &Subagent, at: At<'_>) {
        let agent = self.sub_agent(&started.id, at);
        let before = agent.weight();
        if agent.attempt != at.attempt {
            (agent.attempt, agent.seq, agent.started_at) = (at.attempt, at.seq, at.time);
        }
        agent.name.clone_from(&started.name);
        upsert(&mut agent.description, &started.description);
        upsert(&mut agent.parent_id, &started.parent_id);
        upsert(&mut agent.parent_tool_call_id, &started.parent_tool_call_id);
        upsert(&mut agent.parent_message_id, &started.parent_message_id);
        agent.status = RunStatus::Running;
        (agent.result, agent.error, agent.finished_at) = (None, None, None);
        let after = agent.weight();
        self.bytes = self.bytes + after - before;
    }

    pub(super) fn stop_subagent(
        &mut self,
        id: &str,
        status: RunStatus,
        result: Option<Value>,
        error: Option<SubAgentError>,
        at: At<'_>,
    ) {
        let agent = self.sub_agent(id, at);
        let before = agent.weight();
        (agent.status, agent.finished_at) = (status, Some(at.time));
        (agent.result, agent.error) = (result, error);
        let after = agent.weight();
        self.bytes = self.bytes + after - before;
    }

    pub(super) fn set_state(&mut self, snapshot: &Value) {
        self.bytes -= self.agent_state.weight();
        self.agent_state = Some(snapshot.clone()).filter(|state| !state.is_null());
        self.bytes += self.agent_state.weight();
    }

    /// A delta before any snapshot changes an empty object, which is what AG-UI clients start with.
    pub(super) fn patch_state(&mut self, patch: &Patch) -> Result<(), Refusal> {
        let before = self.agent_state.weight();
        let mut state = self.agent_state.take().unwrap_or_else(|| Value::Object(Object::new()));
        let patched = patch.apply(&mut state, before);
        self.agent_state = Some(state).filter(|state| !state.is_null());
        self.bytes = self.bytes + self.agent_state.weight() - before;
        patched.map(|_| ()).map_err(|error| refuse_patch("delta", error))
    }

    pub(super) fn set_activity(
        &mut self,
        id: &str,
        activity_type: &str,
        content: &Value,
        replace: bool,
        at: At<'_>,
    ) {
        let is_new = !self.messages.contains_key(id);
        if !is_new && !replace {
            return;
        }
        let message = self.message(id, Role::Activity, at);
        let before = message.weight();
        message.role = Role::Activity;
        message.name = None;
        message.activity_type = Some(activity_type.into());
        message.sub_agent_id = at.owner.map(Into::into);
        message.content = Body::Json(content.clone());
        message.status = MessageStatus::Done;
        message.attempt = at.attempt;
        let after = message.weight();
        self.bytes = self.bytes + after - before;
    }

    pub(super) fn patch_activity(
        &mut self,
        id: &str,
        activity_type: &str,
        patch: &Patch,
        at: At<'_>,
    ) -> Result<(), Refusal> {
        if !self.messages.contains_key(id) {
            self.set_activity(id, activity_type, &Value::Object(Object::new()), true, at);
        }
        let message = self.message(id, Role::Activity, at);
        let before = message.weight();
        let Body::Json(content @ Value::Object(_)) = &mut message.content else {
            let message = "names a message that is not an activity".to_owned();
            return Err(Refusal { pointer: "/messageId".to_owned(), message });
        };
        let patched = patch.apply(content, weight(content));
        let whole = content.is_object();
        if !whole {
            *content = Value::Object(Object::new());
        }
        message.activity_type = Some(activity_type.into());
        let after = message.weight();
        self.bytes = self.bytes + after - before;
        patched.map_err(|error| refuse_patch("patch", error))?;
        if !whole {
            let message = "would make the activity something other than an object".to_owned();
            return Err(Refusal { pointer: "/patch".to_owned(), message });
        }
        Ok(())
    }

    /// As AG-UI clients do: what the snapshot leaves out goes, except activities and reasoning
    /// where it has none of these (their producers often do not keep them). Tool calls are records
    /// of what was done, so none goes.
    pub(super) fn replace_messages(&mut self, snapshot: &[SnapshotMessage], at: At<'_>) {
        let named: HashSet<&str> = snapshot.iter().map(|message| &*message.id).collect();
        let keeps = |role| !snapshot.iter().any(|message| message.role == role);
        let (keeps_activity, keeps_reasoning) = (keeps(Role::Activity), keeps(Role::Reasoning));
        let mut gone = 0;
        self.messages.retain(|id, message| {
            let kept = named.contains(&**id)
                || (keeps_activity && message.role == Role::Activity)
                || (keeps_reasoning && message.role == Role::Reasoning);
            if !kept {
                gone += id.len() + message.weight();
            }
            kept
        });
        self.bytes -= gone;
        for message in snapshot {
            if let (Role::Tool, Some(call)) = (message.role, &message.tool_call_id) {
                self.finish_call(call, &message.id, &message.content, message.error.as_deref(), at);
            } else {
                self.put_message(message, at);
            }
        }
    }

    fn put_message(&mut self, snapshot: &SnapshotMessage, at: At<'_>) {
        let message = self.message(&snapshot.id, snapshot.role, at);
        let before = message.weight();
        message.role = snapshot.role;
        message.content.clone_from(&snapshot.content);
        message.name.clone_from(&snapshot.name);
        message.activity_type.clone_from(&snapshot.activity_type);
        message.sub_agent_id.clone_from(&snapshot.sub_agent_id);
        message.status = MessageStatus::Done;
        let after = message.weight();
        self.bytes = self.bytes + after - before;
        for called in &snapshot.tool_calls {
            let call = self.call(&called.id, at);
            let before = call.weight();
            call.name.clone_from(&called.name);
            call.args = called.args.to_string();
            call.parent_message_id = Some(snapshot.id.clone());
            call.sub_agent_id.clone_from(&snapshot.sub_agent_id);
            call.arguments_complete();
            let after = call.weight();
            self.bytes = self.bytes + after - before;
        }
    }

    pub(super) fn put_artifact(&mut self, artifact: &Artifact, at: At<'_>) {
        let item = ArtifactItem {
            id: artifact.id.clone(),
            name: artifact.name.clone(),
            mime_type: artifact.mime_type.clone(),
            body: artifact.body.clone(),
            seq: at.seq,
            time: at.time,
        };
        put(&mut self.artifacts, &mut self.bytes, &artifact.id, item);
    }

    pub(super) fn put_todo(&mut self, todo: &Todo, at: At<'_>) {
        let item = TodoItem {
            id: todo.id.clone(),
            content: todo.content.clone(),
            status: todo.status,
            seq: at.seq,
            time: at.time,
        };
        put(&mut self.todos, &mut self.bytes, &todo.id, item);
    }

    pub(super) fn put_custom(&mut self, name: &str, value: &Value, at: At<'_>) {
        let item = CustomItem { value: value.clone(), seq: at.seq, time: at.time };
        put(&mut self.custom, &mut self.bytes, name, item);
    }

    /// What the event leaves out stays; a null takes away.
    pub(super) fn put_task(&mut self, task: &Task, at: At<'_>) {
        let item = entry(&mut self.tasks, &mut self.bytes, &task.id, || TaskItem {
            id: task.id.clone(),
            name: "".into(),
            task_type: None,
            status: Status::Pending,
            input: None,
            output: None,
            error: None,
            seq: at.seq,
            time: at.time,
        });
        let before = item.weight();
        item.name.clone_from(&task.name);
        upsert(&mut item.task_type, &task.task_type);
        item.status = task.status.unwrap_or(item.status);
        for (slot, given) in [
            (&mut item.input, &task.input),
            (&mut item.output, &task.output),
            (&mut item.error, &task.error),
        ] {
            if let Some(value) = given {
                *slot = Some(value.clone()).filter(|value| !value.is_null());
            }
        }
        (item.seq, item.time) = (at.seq, at.time);
        let after = item.weight();
        self.bytes = self.bytes + after - before;
    }
}

impl ToolCall {
    /// More arguments come, unless there is a result already.
    fn reopen(&mut self) {
        if !self.has_result() {
            self.status = CallStatus::Streaming;
        }
    }

    pub(super) fn arguments_complete(&mut self) {
        if !self.has_result() {
            self.status = CallStatus::Called;
        }
    }

    fn has_result(&self) -> bool {
        matches!(self.status, CallStatus::Done | CallStatus::Error)
    }
}

fn refuse_patch(field: &str, error: PatchError) -> Refusal {
    Refusal { pointer: format!("/{field}/{}", error.operation), message: error.message }
}

fn upsert<T: Clone>(slot: &mut Option<T>, given: &Option<T>) {
    if given.is_some() {
        slot.clone_from(given);
    }
}

/// The item of `id`, made if there is none; keeps count.
fn entry<'m, T: Weigh>(
    map: &'m mut Map<T>,
    bytes: &mut usize,
    id: &str,
    make: impl FnOnce() -> T,
) -> &'m mut T {
    if let Some(index) = map.get_index_of(id) {
        return &mut map[index];
    }
    let item = make();
    *bytes += id.len() + item.weight();
    map.entry(id.into()).or_insert(item)
}

/// Upserts a whole item; keeps count.
fn put<T: Weigh>(map: &mut Map<T>, bytes: &mut usize, id: &str, item: T) {
    *bytes += item.weight();
    if let Some(slot) = map.get_mut(id) {
        *bytes -= std::mem::replace(slot, item).weight();
    } else {
        *bytes += id.len();
        map.insert(id.into(), item);
    }
}
