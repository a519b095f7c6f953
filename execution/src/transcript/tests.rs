//! The transcript as a fold: what each kind of content does to it.

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
        (id(), text())
            .prop_map(|(i, d)| ("REASONING_MESSAGE_CONTENT", json!({"messageId": i, "delta": d}))),
        id().prop_map(|i| ("REASONING_MESSAGE_END", json!({"messageId": i}))),
        (id(), text())
            .prop_map(|(i, d)| ("REASONING_MESSAGE_CHUNK", json!({"messageId": i, "delta": d}))),
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
        (id(), text()).prop_map(|(i, d)| ("TOOL_CALL_ARGS", json!({"toolCallId": i, "delta": d}))),
        id().prop_map(|i| ("TOOL_CALL_END", json!({"toolCallId": i}))),
        (id(), text()).prop_map(|(i, d)| ("TOOL_CALL_CHUNK", json!({"toolCallId": i, "delta": d}))),
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
