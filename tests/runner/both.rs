//! Equal in meaning: each of these runs over HTTP and over a socket.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    raw,
    server::Server,
    worker::{Transport, Worker},
};

macro_rules! over_both {
    ($($(#[doc = $doc:literal])* $name:ident)*) => {
        mod http {
            $(#[tokio::test] async fn $name() { super::$name(super::Transport::Http).await; })*
        }

        mod websocket {
            $(#[tokio::test] async fn $name() { super::$name(super::Transport::WebSocket).await; })*
        }
    };
}

over_both! {
    work_is_done_and_every_call_is_answered_after_its_commit
    a_repeated_batch_is_answered_as_before_and_appends_nothing
    a_failed_attempt_is_retried_with_what_it_left
    a_cancellation_goes_through_each_of_its_stages
    a_question_is_asked_and_its_answer_comes_back
    an_execution_that_waits_without_a_lease_comes_back_as_the_next_attempt
    a_superseded_runner_can_write_nothing
    a_silent_runner_is_noticed_and_a_beating_one_is_not
    one_that_beats_and_does_nothing_is_noticed
    a_repeat_is_a_sign_of_life
    to_know_of_a_cancellation_is_no_progress
    the_trace_that_it_belongs_to_is_handed_on
    bad_input_changes_nothing
}

/// Types of an execution's events, the lifecycle only.
async fn lifecycle(server: &Server, id: &str) -> Vec<String> {
    let events = server.get(&format!("/v1/executions/{id}/events?view=status")).await;
    let types = events["events"].as_array().expect("events").iter();
    types
        .map(|event| {
            let name = event["type"].as_str().expect("a type");
            name.trim_start_matches("execution.").to_owned()
        })
        .collect()
}

async fn texts(server: &Server, id: &str) -> Vec<Value> {
    let events = server.get(&format!("/v1/executions/{id}/events")).await;
    let events = events["events"].as_array().expect("events").iter();
    events
        .filter(|event| event["type"] == "TEXT_MESSAGE_CONTENT")
        .map(|event| event["data"]["delta"].clone())
        .collect()
}

async fn phase(server: &Server, id: &str) -> Value {
    server.get(&format!("/v1/executions/{id}")).await["phase"].take()
}

/// Waits until the lifecycle has come to `last`.
async fn until(server: &Server, id: &str, last: &str) -> Vec<String> {
    let began = std::time::Instant::now();
    loop {
        let so_far = lifecycle(server, id).await;
        if so_far.iter().any(|name| name == last) {
            return so_far;
        }
        assert!(began.elapsed() < crate::server::BOUND, "{so_far:?} never came to {last}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

const ME: (&str, &str) = ("me", "agents");

async fn work_is_done_and_every_call_is_answered_after_its_commit(transport: Transport) {
    let server = Server::start();
    let id = server.create(json!({"input": {"n": 1}})).await;
    let mut worker = Worker::start(&server, transport, ME, 1).await;
    let lease = worker.lease().await;
    assert_eq!((&lease.execution, &lease.whole["attempt"]), (&id, &json!(1)));
    assert_eq!(lease.whole["execution"]["input"], json!({"n": 1}));
    assert_eq!(lease.whole["heartbeat"], "30s");
    assert_eq!(lease.whole["checkpoint"], Value::Null);
    assert_eq!(lease.whole["traceparent"], Value::Null);
    assert!(lease.whole["execution"]["state"].is_object());
    assert_eq!(worker.post(&lease, 1, &["a", "b"]).await, Ok(4));
    assert_eq!(server.seq(&id).await, 4);
    worker.beat(&lease, json!({"fraction": 0.5})).await.unwrap();
    until(&server, &id, "progress").await;
    let done = worker.call("complete", &lease, json!({"output": {"ok": true}})).await;
    assert_eq!(done, Ok(6));
    // Told again, it is answered as before.
    assert_eq!(worker.call("complete", &lease, json!({"output": {"ok": true}})).await, done);
    let view = server.get(&format!("/v1/executions/{id}")).await;
    assert_eq!((&view["phase"], &view["output"]), (&json!("completed"), &json!({"ok": true})));
}

async fn a_repeated_batch_is_answered_as_before_and_appends_nothing(transport: Transport) {
    let server = Server::start();
    let id = server.create(json!({})).await;
    let mut worker = Worker::start(&server, transport, ME, 1).await;
    let lease = worker.lease().await;
    assert_eq!(worker.post(&lease, 3, &["a"]).await, Ok(3));
    assert_eq!(worker.post(&lease, 7, &["b", "c"]).await, Ok(5));
    // Whatever stands in it, and out of order too.
    assert_eq!(worker.post(&lease, 3, &["x"]).await, Ok(3));
    assert_eq!(worker.post(&lease, 7, &["y"]).await, Ok(5));
    assert_eq!(worker.post(&lease, 5, &["z"]).await, Ok(3));
    assert_eq!(worker.post(&lease, 8, &["d"]).await, Ok(6));
    assert_eq!(texts(&server, &id).await, ["a", "b", "c", "d"]);
}

async fn a_failed_attempt_is_retried_with_what_it_left(transport: Transport) {
    let server = Server::start();
    let retry = json!({"max_attempts": 3, "initial_backoff": "10ms"});
    let id = server.create(json!({"retry": retry})).await;
    let mut worker = Worker::start(&server, transport, ME, 1).await;
    let first = worker.lease().await;
    let state = json!({"events": [{"type": "STATE_SNAPSHOT", "data": {"snapshot": {"done": 7}}}]});
    worker.call("events", &first, state).await.unwrap();
    let progress = json!({"fraction": 0.7, "message": "seven", "details": {"line": 7}});
    worker.beat(&first, progress.clone()).await.unwrap();
    let error = json!({"error": {"code": "flaky", "message": "It broke.", "retryable": true}});
    worker.call("fail", &first, error).await.unwrap();
    let second = worker.lease().await;
    assert_eq!((&second.execution, &second.whole["attempt"]), (&id, &json!(2)));
    let checkpoint = &second.whole["checkpoint"];
    assert_eq!((&checkpoint["attempt"], &checkpoint["progress"]), (&json!(1), &progress));
    assert_eq!(checkpoint["state"], json!({"done": 7}));
    assert_eq!(worker.post(&first, 9, &["late"]).await, Err("lease_superseded".to_owned()));
    let error = json!({"error": {"code": "definition_invalid", "message": "It cannot work."}});
    worker.call("fail", &second, error).await.unwrap();
    let seen = lifecycle(&server, &id).await;
    let expected = [
        "created",
        "started",
        "progress",
        "attempt_failed",
        "retry_scheduled",
        "started",
        "attempt_failed",
        "failed",
    ];
    assert_eq!(seen, expected);
}

async fn a_cancellation_goes_through_each_of_its_stages(transport: Transport) {
    let server = Server::start();
    let id = server.create(json!({})).await;
    let mut worker = Worker::start(&server, transport, ME, 1).await;
    let lease = worker.lease().await;
    assert_eq!(worker.call("cancelled", &lease, json!({})).await, Err("not_cancelling".to_owned()));
    server.post(&format!("/v1/executions/{id}/cancel"), &json!({"reason": "enough"}), 200).await;
    worker.told_to_stop(&lease).await;
    worker.call("cancel_acknowledged", &lease, json!({})).await.unwrap();
    worker.call("cancelled", &lease, json!({})).await.unwrap();
    let expected = [
        "created",
        "started",
        "cancel_requested",
        "cancel_delivered",
        "cancel_acknowledged",
        "cancelled",
    ];
    assert_eq!(lifecycle(&server, &id).await, expected);

    // One that does not stop is forced at the deadline, and can write nothing more.
    let id = server.create(json!({})).await;
    let lease = worker.lease().await;
    let body = json!({"reason": "enough", "grace": "200ms"});
    server.post(&format!("/v1/executions/{id}/cancel"), &body, 200).await;
    worker.told_to_stop(&lease).await;
    until(&server, &id, "cancelled").await;
    assert_eq!(worker.post(&lease, 1, &["late"]).await, Err("lease_superseded".to_owned()));
    let view = server.get(&format!("/v1/executions/{id}")).await;
    assert_eq!(view["reason"], "cancel_timeout");
}

async fn a_question_is_asked_and_its_answer_comes_back(transport: Transport) {
    let server = Server::start();
    let id = server.create(json!({})).await;
    let mut worker = Worker::start(&server, transport, ME, 1).await;
    let lease = worker.lease().await;
    let schema = json!({"type": "object", "required": ["approved"]});
    let question = json!({"batch": 1, "prompt": "Send it?", "schema": schema, "timeout": "1h"});
    let asked = worker.call("wait", &lease, question.clone()).await;
    assert_eq!(asked, Ok(3));
    assert_eq!(phase(&server, &id).await, "waiting");
    let bad = worker.call("wait", &lease, json!({"schema": {"type": 7}})).await;
    assert_eq!(bad, Err("invalid".to_owned()));
    let path = format!("/v1/executions/{id}/resume");
    server.post(&path, &json!({"input": {"no": 1}}), 422).await;
    server.post(&path, &json!({"input": {"approved": true}}), 200).await;
    assert_eq!(worker.answered(&lease).await, json!({"approved": true}));
    // A repeat of the question asks nothing, even where its answer has come since: that is told.
    assert_eq!(worker.call("wait", &lease, question).await, asked);
    assert_eq!(phase(&server, &id).await, "in_progress");
    assert_eq!(worker.answered(&lease).await, json!({"approved": true}));
    let another = json!({"batch": 2, "prompt": "And now?"});
    worker.call("wait", &lease, another).await.unwrap();
    server.post(&path, &json!({}), 200).await;
    assert_eq!(worker.answered(&lease).await, Value::Null, "an answer without anything in it");
    worker.call("complete", &lease, json!({})).await.unwrap();
}

async fn an_execution_that_waits_without_a_lease_comes_back_as_the_next_attempt(
    transport: Transport,
) {
    let server = Server::start();
    let id = server.create(json!({})).await;
    let mut worker = Worker::start(&server, transport, ME, 1).await;
    let lease = worker.lease().await;
    worker.call("wait", &lease, json!({"prompt": "?", "hold": false})).await.unwrap();
    // Its slot is free: the next one comes meanwhile.
    let other = server.create(json!({})).await;
    let between = worker.lease().await;
    assert_eq!(between.execution, other);
    worker.call("complete", &between, json!({})).await.unwrap();
    server.post(&format!("/v1/executions/{id}/resume"), &json!({"input": "yes"}), 200).await;
    let again = worker.lease().await;
    assert_eq!((&again.execution, &again.whole["attempt"]), (&id, &json!(2)));
    assert_eq!(again.whole["execution"]["answer"], "yes");
}

async fn a_superseded_runner_can_write_nothing(transport: Transport) {
    let server = Server::start();
    let retry = json!({"max_attempts": 2, "initial_backoff": "10ms"});
    let body = json!({"retry": retry, "timeouts": {"heartbeat": "300ms"}});
    let id = server.create(body).await;
    let mut worker = Worker::start(&server, transport, ("first", "agents"), 1).await;
    let stale = worker.lease().await;
    until(&server, &id, "retry_scheduled").await;
    let mut second = Worker::start(&server, transport, ("second", "agents"), 1).await;
    // Also where the first is connected: it has lost a lease, and has to be heard first.
    let current = second.lease().await;
    assert_eq!(current.execution, id);
    let superseded = Err("lease_superseded".to_owned());
    assert_eq!(worker.post(&stale, 1, &["late"]).await, superseded);
    assert_eq!(worker.call("complete", &stale, json!({})).await, superseded);
    assert!(worker.beat(&stale, Value::Null).await.is_err());
    second.post(&current, 1, &["on time"]).await.unwrap();
    assert_eq!(texts(&server, &id).await, ["on time"]);
}

async fn a_silent_runner_is_noticed_and_a_beating_one_is_not(transport: Transport) {
    let server = Server::start();
    let id = server.create(json!({"timeouts": {"heartbeat": "400ms"}})).await;
    let mut worker = Worker::start(&server, transport, ME, 1).await;
    let lease = worker.lease().await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        worker.beat(&lease, Value::Null).await.unwrap();
    }
    assert_eq!(phase(&server, &id).await, "in_progress");
    until(&server, &id, "failed").await;
    let view = server.get(&format!("/v1/executions/{id}")).await;
    assert_eq!(view["reason"], "heartbeat_timeout");
    assert!(view["error"]["detail"].as_str().unwrap().contains("last sign of life"), "{view}");
}

async fn one_that_beats_and_does_nothing_is_noticed(transport: Transport) {
    let server = Server::start();
    let id = server.create(json!({"timeouts": {"progress": "600ms"}})).await;
    let mut worker = Worker::start(&server, transport, ME, 1).await;
    let lease = worker.lease().await;
    let began = std::time::Instant::now();
    while phase(&server, &id).await == "in_progress" {
        let _superseded_at_last = worker.beat(&lease, Value::Null).await;
        assert!(began.elapsed() < crate::server::BOUND);
    }
    let view = server.get(&format!("/v1/executions/{id}")).await;
    assert_eq!(view["reason"], "progress_timeout");
}

async fn a_repeat_is_a_sign_of_life(transport: Transport) {
    let server = Server::start();
    let id = server.create(json!({})).await;
    let mut worker = Worker::start(&server, transport, ME, 1).await;
    let lease = worker.lease().await;
    let seq = worker.post(&lease, 1, &["a"]).await;
    let explain = format!("/v1/executions/{id}/explain");
    let before = server.get(&explain).await;
    assert_eq!(worker.post(&lease, 1, &["a"]).await, seq);
    let after = server.get(&explain).await;
    assert!(after["alive_at"].as_str() > before["alive_at"].as_str(), "{before} {after}");
}

async fn to_know_of_a_cancellation_is_no_progress(transport: Transport) {
    let server = Server::start();
    let id = server.create(json!({})).await;
    let mut worker = Worker::start(&server, transport, ME, 1).await;
    let lease = worker.lease().await;
    let explain = format!("/v1/executions/{id}/explain");
    let before = server.get(&explain).await;
    let cancel = format!("/v1/executions/{id}/cancel");
    server.post(&cancel, &json!({"reason": "enough", "grace": "1h"}), 200).await;
    worker.told_to_stop(&lease).await;
    worker.call("cancel_acknowledged", &lease, json!({})).await.unwrap();
    let after = server.get(&explain).await;
    assert_eq!(after["progressed_at"], before["progressed_at"]);
    assert!(after["alive_at"].as_str() > before["alive_at"].as_str(), "{before} {after}");
}

async fn the_trace_that_it_belongs_to_is_handed_on(transport: Transport) {
    let server = Server::start();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let body = json!({"kind": "agent", "name": "traced", "retry": {"max_attempts": 2, "initial_backoff": "10ms"}});
    let headers = [raw::JSON, &format!("traceparent: {trace}")];
    let request = raw::request(
        server.address,
        "POST",
        "/v1/executions",
        &headers,
        body.to_string().as_bytes(),
    );
    assert_eq!(raw::send(server.address, &request).await.status, 201);
    let mut worker = Worker::start(&server, transport, ME, 1).await;
    let first = worker.lease().await;
    assert_eq!(first.whole["traceparent"], trace);
    worker.call("fail", &first, json!({"error": {"code": "x", "message": "x"}})).await.unwrap();
    assert_eq!(worker.lease().await.whole["traceparent"], trace);
}

async fn bad_input_changes_nothing(transport: Transport) {
    let server = Server::start();
    let id = server.create(json!({})).await;
    let other = server.create(json!({"queue": "elsewhere"})).await;
    let mut worker = Worker::start(&server, transport, ME, 1).await;
    let lease = worker.lease().await;
    let invalid = Err("invalid".to_owned());
    for events in [
        json!([]),
        json!([{"type": "RUN_STARTED", "data": {}}]),
        json!([{"type": "TEXT_MESSAGE_CONTENT", "data": {"messageId": "m", "delta": 7}}]),
        json!([{"type": "CUSTOM", "data": {"name": "progress", "value": {"fraction": 7}}}]),
    ] {
        assert_eq!(worker.call("events", &lease, json!({"events": events})).await, invalid);
    }
    assert_eq!(worker.call("fail", &lease, json!({"error": {}})).await, invalid);
    assert_eq!(worker.call("complete", &lease, json!({"outptu": 1})).await, invalid);
    // The lease of one execution is nothing for another's.
    let mut foreign = lease.clone();
    foreign.execution.clone_from(&other);
    let refused = worker.post(&foreign, 1, &["x"]).await;
    assert_eq!(refused, Err("lease_superseded".to_owned()));
    foreign.execution = format!("aex_{}", "0".repeat(32));
    let refused = worker.post(&foreign, 1, &["x"]).await;
    assert_eq!(refused, Err("execution_not_found".to_owned()));
    assert_eq!((server.seq(&id).await, server.seq(&other).await), (2, 1));
    assert_eq!(worker.post(&lease, 1, &["good"]).await, Ok(3));
}
