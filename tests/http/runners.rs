//! Runners and queues as operators see them, and how long they are remembered.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    raw,
    server::{BOUND, Server},
};

/// A server whose runners are lost after a second and forgotten after `retention`.
fn server(retention: Duration) -> Server {
    Server::with(|config| {
        let supervision = &mut config.supervision;
        supervision.runner_late_after = Duration::from_secs(1);
        supervision.runner_lost_after = Duration::from_secs(1);
        supervision.runner_retention = retention;
    })
}

/// Longer than any test waits for anything.
const LONG: Duration = Duration::from_secs(3600);
/// Soon over.
const SHORT: Duration = Duration::from_secs(1);

/// A runner that asks for what is not there and goes away.
async fn polls(server: &Server, queue: &str, runner: &str) {
    let body = json!({"runner": {"id": runner}, "wait": "0s"});
    server.post(&format!("/v1/queues/{queue}/claim"), &body, 204).await;
}

async fn verdict(server: &Server, queue: &str) -> (String, String) {
    let body = json!({"kind": "agent", "name": "probe", "queue": queue});
    let created = server.post("/v1/executions", &body, 201).await;
    let dispatch = &created["dispatch"];
    let text = |field: &str| dispatch[field].as_str().expect("a text").to_owned();
    (text("verdict"), text("message"))
}

fn ids(view: &Value, list: &str, field: &str) -> Vec<String> {
    let list = view[list].as_array().expect("a list");
    list.iter().map(|one| one[field].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn a_lost_runner_is_told_from_none_while_it_is_remembered() {
    let server = server(LONG);
    let (never, told) = verdict(&server, "q").await;
    assert_eq!(never, "no_runner_ever");
    assert!(told.contains("asked queue 'q' for work since the server started. Start"), "{told}");
    polls(&server, "p", "gone").await;
    assert_eq!(ids(&server.get("/v1/runners").await, "runners", "id"), ["gone"]);
    assert!(ids(&server.get("/v1/queues").await, "queues", "queue").contains(&"p".to_owned()));
    server.until("/v1/runners", |view| view["runners"][0]["status"] == "lost").await;
    let (lost, told) = verdict(&server, "p").await;
    assert_eq!(lost, "all_lost", "{told}");
    assert!(told.contains("The only runner of queue 'p' is lost: gone was last seen"), "{told}");
    assert!(told.ends_with("Start one with \"heartline runner --queue p -- CMD\"."), "{told}");
}

#[tokio::test]
async fn a_runner_that_asks_no_more_and_holds_nothing_is_forgotten_with_its_queue() {
    let server = server(SHORT);
    polls(&server, "one-off", "gone").await;
    server.until("/v1/runners", |view| ids(view, "runners", "id").is_empty()).await;
    server.until("/v1/queues", |view| ids(view, "queues", "queue").is_empty()).await;
    for path in ["/v1/runners/gone", "/v1/queues/one-off"] {
        assert_eq!(raw::get(server.address, path).await.status, 404, "{path}");
    }
    let (verdict, told) = verdict(&server, "one-off").await;
    assert_eq!(verdict, "no_runner_ever");
    assert!(told.contains("for work in the last 1s. Start"), "{told}");
}

#[tokio::test]
async fn a_runner_that_polls_is_counted_by_what_it_has_left_where_it_polled_lately() {
    let server = server(LONG);
    for queue in ["q", "other"] {
        server.create(json!({"queue": queue})).await;
    }
    let claim = json!({"runner": {"id": "both"}, "slots": 4, "wait": "0s"});
    let takes = ["q", "other"];
    for queue in takes {
        let body = json!({"runner": {"id": "both"}, "slots": 1, "wait": "0s"});
        server.post(&format!("/v1/queues/{queue}/claim"), &body, 200).await;
    }
    for queue in takes {
        server.post(&format!("/v1/queues/{queue}/claim"), &claim, 204).await;
    }
    let (free, told) = verdict(&server, "q").await;
    assert_eq!(free, "ready", "{told}");
    assert!(told.contains("has 2 free slots"), "{told}");
    // It goes on with one of them only, while it is seen in both.
    let began = Instant::now();
    while verdict(&server, "other").await.0 == "ready" {
        polls(&server, "mine", "both").await;
        assert!(began.elapsed() < BOUND, "it is still counted on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn there_is_no_room_for_more_runners_than_the_settings_say() {
    let server = Server::with(|config| config.supervision.max_runners = 2);
    for runner in ["a", "b", "a"] {
        polls(&server, "q", runner).await;
    }
    let body = json!({"runner": {"id": "c"}, "wait": "0s"});
    let refused = raw::post(server.address, "/v1/queues/q/claim", &body).await;
    assert_eq!(refused.status, 503);
    assert!(refused.json()["detail"].as_str().unwrap().contains("supervision.max_runners"));
    assert_eq!(server.get("/v1/runners").await["runners"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_runner_that_holds_something_is_remembered_however_long_it_does_not_ask() {
    let server = server(SHORT);
    server.create(json!({"timeouts": {"heartbeat": "10m"}})).await;
    server.claim("agents").await;
    polls(&server, "one-off", "gone").await;
    server.until("/v1/runners", |view| ids(view, "runners", "id") == ["runner-1"]).await;
}
