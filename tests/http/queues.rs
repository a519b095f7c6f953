//! Queues: pause and limits, as runners and operators meet them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    raw::{self, JSON},
    server::{BOUND, Server},
};

/// `PATCH` of a queue.
async fn patch(server: &Server, queue: &str, body: &str) -> raw::Answer {
    let path = format!("/v1/queues/{queue}");
    let request = raw::request(server.address, "PATCH", &path, &[JSON], body.as_bytes());
    raw::send(server.address, &request).await
}

/// `PATCH`, expecting 200.
async fn set(server: &Server, queue: &str, body: Value) -> Value {
    let answer = patch(server, queue, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Up to `slots` leases of queue `agents`: ids and tokens.
async fn claim(server: &Server, slots: u32, wait: &str) -> Vec<(String, String)> {
    let body = json!({"runner": {"id": "r"}, "slots": slots, "wait": wait});
    let answer = raw::post(server.address, "/v1/queues/agents/claim", &body).await;
    if answer.status == 204 {
        return Vec::new();
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let leases = answer.json()["leases"].as_array().expect("leases").clone();
    leases.iter().map(|lease| (text(&lease["execution"]["id"]), text(&lease["lease"]))).collect()
}

async fn complete(server: &Server, (id, lease): &(String, String)) {
    let path = format!("/v1/executions/{id}/complete");
    server.post(&path, &json!({"lease": lease}), 200).await;
}

/// A claim that waits at the server by the time this returns.
async fn waiting_claim(server: &Server) -> tokio::task::JoinHandle<raw::Answer> {
    let address = server.address;
    let claiming = tokio::spawn(async move {
        let body = json!({"runner": {"id": "waits"}, "wait": "60s"});
        raw::post(address, "/v1/queues/agents/claim", &body).await
    });
    let waits = async {
        loop {
            let answer = raw::get(server.address, "/v1/queues/agents").await;
            if answer.status == 200 && answer.json()["claims_waiting"] == 1 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(BOUND, waits).await.expect("it comes to wait");
    claiming
}

#[tokio::test]
async fn a_queue_can_be_set_before_anything_is_in_it_and_shows_what_is_set() {
    let server = Server::start();
    let rate = json!({"per_second": 2.5, "burst": 4});
    let limits = json!({"max_in_progress": 7, "rate": rate, "key_max_in_progress": 2, "key_rate": {"per_second": 1.5}});
    let shown = set(&server, "new", limits).await;
    let expected = json!({"max_in_progress": 7, "rate": rate, "key_max_in_progress": 2,
        "key_rate": {"per_second": 1.5, "burst": 2}});
    assert_eq!(shown["limits"], expected);
    assert_eq!((&shown["paused"], &shown["pause"]), (&json!(false), &Value::Null));
    let shown = set(&server, "new", json!({"rate": null, "key_rate": null})).await;
    let left =
        json!({"max_in_progress": 7, "rate": null, "key_max_in_progress": 2, "key_rate": null});
    assert_eq!(shown["limits"], left);
    assert_eq!(server.get("/v1/queues/new").await["limits"], left);
    let pause = json!({"paused": true, "by": "ann", "reason": "deploy"});
    let shown = set(&server, "new", pause).await;
    assert_eq!((&shown["paused"], &shown["pause"]["by"]), (&json!(true), &json!("ann")));
    assert_eq!(shown["dispatch"]["verdict"], "paused");
    // Nothing set and nothing in it: it is as if it had never been.
    let gone = json!({"paused": false, "max_in_progress": null, "key_max_in_progress": null});
    set(&server, "new", gone).await;
    assert_eq!(raw::get(server.address, "/v1/queues/new").await.status, 404);
}

#[tokio::test]
async fn a_paused_queue_gives_nothing_and_a_claim_that_waits_gets_it_once_it_is_resumed() {
    let server = Server::start();
    set(&server, "agents", json!({"paused": true, "by": "ann", "reason": "deploy"})).await;
    let created = server.post("/v1/executions", &json!({"kind": "agent", "name": "n"}), 201).await;
    let id = created["execution"]["id"].as_str().expect("an id");
    assert_eq!(created["dispatch"]["verdict"], "paused", "{created}");
    let message = created["dispatch"]["message"].as_str().expect("a message");
    for part in ["is paused since", "by ann: deploy", "heartline queues resume agents"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(claim(&server, 1, "20ms").await.is_empty());
    let claiming = waiting_claim(&server).await;
    let why = server.get(&format!("/v1/executions/{id}/explain")).await;
    assert_eq!(why["cause"], "paused", "{why}");
    assert!(why["actions"][0].as_str().expect("one").contains("heartline queues resume agents"));
    let queue = server.get("/v1/queues/agents").await;
    assert_eq!((&queue["depth"], &queue["held"]), (&json!(1), &json!(1)), "{queue}");
    set(&server, "agents", json!({"paused": false})).await;
    let claimed = timeout(BOUND, claiming).await.expect("at once").expect("no panic").json();
    assert_eq!(claimed["leases"][0]["execution"]["id"], id);
}

#[tokio::test]
async fn schedule_to_start_runs_out_in_a_paused_queue_and_says_who_paused_it() {
    let server = Server::start();
    set(&server, "agents", json!({"paused": true, "by": "ann", "reason": "deploy"})).await;
    let id = server.create(json!({"timeouts": {"schedule_to_start": "50ms"}})).await;
    let page = format!("/v1/executions/{id}/events?after=1&wait=60s");
    let event = server.get(&page).await["events"][0].clone();
    assert_eq!(event["data"]["reason"], "schedule_to_start_timeout", "{event}");
    let detail = event["data"]["error"]["detail"].as_str().expect("evidence");
    assert!(detail.contains("is paused since") && detail.contains("by ann: deploy"), "{detail}");
}

#[tokio::test]
async fn a_limit_is_never_exceeded_and_a_slot_goes_at_once_to_who_waits() {
    let server = Server::start();
    set(&server, "agents", json!({"max_in_progress": 3})).await;
    for _ in 0..6 {
        server.create(json!({})).await;
    }
    let claims = (0..8).map(|_| claim(&server, 2, "0s"));
    let held: Vec<_> = futures_util::future::join_all(claims).await.into_iter().flatten().collect();
    assert_eq!(held.len(), 3);
    let created = server.post("/v1/executions", &json!({"kind": "agent", "name": "n"}), 201).await;
    assert_eq!(created["dispatch"]["verdict"], "limit_held", "{created}");
    let message = created["dispatch"]["message"].as_str().expect("a message");
    assert!(message.contains("has 3 of 3 in progress (max_in_progress)"), "{message}");
    let id = created["execution"]["id"].as_str().expect("an id");
    let why = server.get(&format!("/v1/executions/{id}/explain")).await;
    assert_eq!(why["cause"], "limit_held");
    assert!(why["evidence"][1].as_str().expect("one").contains("with runner r for"), "{why}");
    let claiming = waiting_claim(&server).await;
    complete(&server, &held[0]).await;
    let claimed = timeout(BOUND, claiming).await.expect("at once").expect("no panic");
    assert_eq!(claimed.status, 200, "{claimed:?}");
    let queue = server.get("/v1/queues/agents").await;
    assert_eq!((&queue["in_progress"], &queue["held"]), (&json!(3), &json!(3)), "{queue}");
    assert_eq!(queue["last_minute"], json!({"entered": 7, "claimed": 4, "ended": 1}));
}

#[tokio::test]
async fn a_wait_that_keeps_its_lease_is_in_progress_and_one_that_does_not_is_not() {
    let server = Server::start();
    set(&server, "agents", json!({"max_in_progress": 1})).await;
    for _ in 0..2 {
        server.create(json!({})).await;
    }
    let first = claim(&server, 1, "0s").await.remove(0);
    let path = format!("/v1/executions/{}/wait", first.0);
    server.post(&path, &json!({"lease": first.1, "prompt": "?"}), 200).await;
    assert!(claim(&server, 1, "0s").await.is_empty());
    let answer = json!({"input": true});
    server.post(&format!("/v1/executions/{}/resume", first.0), &answer, 200).await;
    let parked = json!({"lease": first.1, "prompt": "?", "hold": false});
    server.post(&path, &parked, 200).await;
    assert_eq!(claim(&server, 1, "0s").await.len(), 1);
}

#[tokio::test]
async fn keys_take_turns_and_one_at_its_limit_lets_the_others_pass() {
    let server = Server::start();
    set(&server, "agents", json!({"key_max_in_progress": 2})).await;
    let mut flood = Vec::new();
    for _ in 0..6 {
        flood.push(server.create(json!({"concurrency_key": "flood"})).await);
    }
    let other = server.create(json!({"concurrency_key": "other"})).await;
    let alone = server.create(json!({})).await;
    let held = claim(&server, 100, "0s").await;
    let ids: Vec<_> = held.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids, [flood[0].clone(), other, alone, flood[1].clone()]);
    let queue = server.get("/v1/queues/agents").await;
    assert_eq!(queue["busiest_keys"][0], json!({"key": "flood", "waiting": 4, "in_progress": 2}));
    assert_eq!((&queue["depth"], &queue["held"]), (&json!(4), &json!(4)));
    let why = server.get(&format!("/v1/executions/{}/explain", flood[2])).await;
    let told = why["evidence"][0].as_str().expect("one");
    assert!(told.contains("Key 'flood' has 2 of 2 in progress"), "{why}");
    complete(&server, &held[0]).await;
    assert_eq!(claim(&server, 100, "0s").await.len(), 1);
}

#[tokio::test]
async fn a_rate_is_kept_and_a_claim_that_waits_is_woken_when_the_next_may_go() {
    let server = Server::start();
    for _ in 0..5 {
        server.create(json!({})).await;
    }
    let began = Instant::now();
    set(&server, "agents", json!({"rate": {"per_second": 10, "burst": 1}})).await;
    for n in 1..=5 {
        assert_eq!(claim(&server, 5, "60s").await.len(), 1);
        // The first token is there a tenth of a second after the rate was set.
        let least = Duration::from_millis(100 * n);
        assert!(began.elapsed() >= least, "claim {n} after {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_delayed_execution_is_not_claimed_early() {
    let server = Server::start();
    let began = Instant::now();
    server.create(json!({"delay": "150ms"})).await;
    assert_eq!(claim(&server, 1, "60s").await.len(), 1);
    assert!(began.elapsed() >= Duration::from_millis(150));
    server.create(json!({"delay": "1h"})).await;
    assert_eq!(server.get("/v1/queues/agents").await["scheduled"], 1);
    assert!(claim(&server, 1, "0s").await.is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_place_and_changes_nothing() {
    let server = Server::start();
    set(&server, "agents", json!({"max_in_progress": 5})).await;
    let before = server.get("/v1/queues/agents").await["limits"].clone();
    for (body, pointer, message) in [
        (r#"{"max_in_progres":1}"#, "/max_in_progres", "did you mean \"max_in_progress\"?"),
        (r#"{"max_in_progress":0}"#, "/max_in_progress", "between 1 and 1000000"),
        (r#"{"max_in_progress":-1}"#, "/max_in_progress", "expected"),
        (r#"{"max_in_progress":"4"}"#, "/max_in_progress", "expected"),
        (r#"{"rate":{"per_second":0}}"#, "/rate/per_second", "between 0.00001 and 100000"),
        (r#"{"rate":{"per_second":1,"burst":0}}"#, "/rate/burst", "between 1 and 100000"),
        (r#"{"rate":{}}"#, "/rate/per_second", "is required"),
        (r#"{"rate":5}"#, "/rate", "an object"),
        (r#"{"paused":null}"#, "/paused", "true or false"),
        (r#"{"reason":"x"}"#, "/reason", "goes with"),
        (r#"{"paused":true,"reason":""}"#, "/reason", "1 to 1024 bytes"),
        (r#"{"key_max_in_progress":9,"key_rate":{"per_second":1e9}}"#, "/key_rate/per_second", ""),
        (r#"[]"#, "", "an object"),
    ] {
        let answer = patch(&server, "agents", body).await;
        assert_eq!(answer.status, 422, "{body}: {answer:?}");
        let error = answer.json()["errors"][0].clone();
        assert_eq!(error["pointer"], pointer, "{body}: {error}");
        assert!(error["message"].as_str().expect("one").contains(message), "{body}: {error}");
    }
    assert_eq!(patch(&server, "agents", "{").await.status, 400);
    assert_eq!(patch(&server, "a%20b", "{}").await.status, 400);
    assert_eq!(server.get("/v1/queues/agents").await["limits"], before);
}

#[tokio::test]
async fn queues_that_are_set_are_bounded() {
    let server = Server::with(|config| config.supervision.max_queue_settings = 1);
    set(&server, "one", json!({"paused": true})).await;
    let answer = patch(&server, "two", r#"{"paused":true}"#).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    set(&server, "one", json!({"max_in_progress": 1})).await;
    assert_eq!(raw::get(server.address, "/v1/queues/two").await.status, 404);
}

#[tokio::test]
async fn metrics_tell_of_each_queue() {
    let server = Server::start();
    set(&server, "agents", json!({"max_in_progress": 2, "paused": true})).await;
    server.create(json!({})).await;
    let text = raw::get(server.address, "/metrics").await.text();
    for line in [
        "heartline_queue_depth{queue=\"agents\"} 1",
        "heartline_queue_held{queue=\"agents\"} 1",
        "heartline_queue_paused{queue=\"agents\"} 1",
        "heartline_queue_max_in_progress{queue=\"agents\"} 2",
        "heartline_queue_entered_total{queue=\"agents\"} 1",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}
