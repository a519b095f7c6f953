//! What one attempt leaves for the next, over HTTP.

use heartline_execution::content::Progress;
use serde_json::{Value, json};

use crate::{raw, server::Server};

/// A claim's lease, whole.
async fn lease(server: &Server) -> Value {
    let body = json!({"runner": {"id": "runner-1"}, "wait": "30s"});
    server.post("/v1/queues/agents/claim", &body, 200).await["leases"][0].clone()
}

/// An execution with retries.
async fn retried(server: &Server) -> String {
    let retry = json!({"max_attempts": 3, "initial_backoff": "10ms"});
    server.create(json!({"retry": retry})).await
}

async fn call(
    server: &Server,
    id: &str,
    lease: &Value,
    call: &str,
    rest: Value,
    status: u16,
) -> Value {
    let mut body = rest;
    body["lease"] = lease["lease"].clone();
    server.post(&format!("/v1/executions/{id}/{call}"), &body, status).await
}

fn custom(details: &Value) -> Value {
    let value = json!({"fraction": 0.5, "details": details});
    json!({"events": [{"type": "CUSTOM", "data": {"name": "progress", "value": value}}]})
}

#[tokio::test]
async fn the_lease_of_the_next_attempt_carries_what_the_one_before_left() {
    let server = Server::start();
    let id = retried(&server).await;
    let first = lease(&server).await;
    assert_eq!((&first["attempt"], &first["checkpoint"]), (&json!(1), &Value::Null));
    call(&server, &id, &first, "events", custom(&json!({"page": 1})), 200).await;
    let shared = json!({"events": [
        {"type": "STATE_SNAPSHOT", "data": {"snapshot": {"seen": [1]}}},
        {"type": "STATE_DELTA", "data": {"delta": [{"op": "add", "path": "/seen/-", "value": 2}]}},
    ]});
    call(&server, &id, &first, "events", shared, 200).await;
    // The last report is never lost, also when it comes too soon for an event of its own.
    for page in 2..=4 {
        let progress = json!({"progress": {"message": "on", "details": {"page": page}}});
        call(&server, &id, &first, "heartbeat", progress, 200).await;
    }
    let error = json!({"error": {"message": "it broke"}});
    call(&server, &id, &first, "fail", error, 200).await;

    let second = lease(&server).await;
    assert_eq!(second["attempt"], 2);
    let left = json!({
        "attempt": 1,
        "progress": {"message": "on", "details": {"page": 4}},
        "state": {"seen": [1, 2]},
    });
    assert_eq!(second["checkpoint"], left);
    let execution = server.get(&format!("/v1/executions/{id}")).await;
    assert_eq!(execution["progress"], left["progress"]);
    let page = server.get(&format!("/v1/executions/{id}/events?view=status")).await;
    let reports: Vec<_> = page["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter(|event| event["type"] == "execution.progress")
        .map(|event| &event["data"])
        .collect();
    assert_eq!(reports.first(), Some(&&json!({"fraction": 0.5, "details": {"page": 1}})));
    assert_eq!(reports.last(), Some(&&left["progress"]));
}

#[tokio::test]
async fn details_are_bounded_by_themselves_and_by_the_bound_of_an_event() {
    let server = Server::start();
    let id = retried(&server).await;
    let held = lease(&server).await;
    // A string of as many bytes, quotes included.
    let of = |bytes: usize| json!("x".repeat(bytes - 2));
    for (bytes, status) in [(Progress::DETAILS_MAX, 200), (Progress::DETAILS_MAX + 1, 422)] {
        let beat = json!({"progress": {"details": of(bytes)}});
        let told = call(&server, &id, &held, "heartbeat", beat, status).await;
        let posted = call(&server, &id, &held, "events", custom(&of(bytes)), status).await;
        if status == 422 {
            assert_eq!(told["errors"][0]["pointer"], "/progress/details", "{told}");
            let pointer = "/events/0/data/value/details";
            assert_eq!(posted["errors"][0]["pointer"], pointer, "{posted}");
        }
    }

    let server = Server::with(|config| config.http.event_bytes = 4_096);
    let id = retried(&server).await;
    let held = lease(&server).await;
    let path = format!("/v1/executions/{id}/heartbeat");
    let beat = json!({"lease": held["lease"], "progress": {"details": of(4_097)}});
    assert_eq!(raw::post(server.address, &path, &beat).await.status, 413);
}

#[tokio::test]
async fn an_answer_comes_with_every_heartbeat_until_its_runner_knows_it() {
    let server = Server::start();
    let (id, lease) = server.started().await;
    let path = format!("/v1/executions/{id}");
    let beat = async |more: Value| {
        let mut body = more;
        body["lease"] = json!(lease);
        server.post(&format!("{path}/heartbeat"), &body, 200).await["resumed"].clone()
    };
    let ask = async |batch: u64| {
        let body = json!({"lease": lease, "batch": batch, "prompt": "?"});
        server.post(&format!("{path}/wait"), &body, 200).await;
    };
    let answer = async |input: Value| {
        server.post(&format!("{path}/resume"), &json!({"input": input}), 200).await;
    };
    ask(1).await;
    assert_eq!(beat(json!({})).await, Value::Null, "nobody has answered");
    answer(json!({"go": "on"})).await;
    let first = json!({"seq": 4, "input": {"go": "on"}});
    // The reply may have been lost: it is told again, whatever else is said.
    assert_eq!(beat(json!({})).await, first);
    assert_eq!(beat(json!({"progress": {"fraction": 0.5}})).await, first);
    server.say(&id, &lease, "on").await;
    assert_eq!(beat(json!({"knows": 3})).await, first);
    assert_eq!(beat(json!({"knows": 4})).await, Value::Null);
    assert_eq!(beat(json!({"knows": 4, "progress": {"fraction": 0.6}})).await, Value::Null);
    ask(2).await;
    assert_eq!(beat(json!({})).await, Value::Null, "another question stands");
    answer(json!("yes")).await;
    assert_eq!(beat(json!({"knows": 4})).await["input"], "yes");
}
