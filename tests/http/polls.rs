//! Long polls: for events, and for work.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use crate::{
    raw::{self, JSON},
    server::{BOUND, Server},
};

/// Asks until `queue` has as many claims waiting.
async fn waiting(server: &Server, queue: &str, claims: u64) {
    let asking = async {
        loop {
            let answer = raw::get(server.address, &format!("/v1/queues/{queue}")).await;
            if answer.status == 200 && answer.json()["claims_waiting"] == claims {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(BOUND, asking).await.expect("it comes to that");
}

#[tokio::test]
async fn a_poll_for_events_answers_as_soon_as_there_is_one() {
    let server = Server::start();
    let (id, lease) = server.started().await;
    let path = format!("/v1/executions/{id}/events?after=2&wait=60s");
    let polling = tokio::spawn({
        let address = server.address;
        async move { raw::get(address, &path).await }
    });
    server.say(&id, &lease, "now").await;
    let page = polling.await.expect("no panic").json();
    assert_eq!(page["events"][0]["seq"], 3);
    assert_eq!((&page["head"], &page["terminal"]), (&json!(3), &json!(false)));
}

#[tokio::test]
async fn a_poll_ahead_of_the_log_is_sent_nothing_from_before_its_place() {
    let server = Server::start();
    // What the view agui adds has the seq of the event before it.
    for (view, least) in [("full", 5), ("status", 5), ("agui", 4)] {
        let (id, lease) = server.started().await;
        let path = format!("/v1/executions/{id}/events?view={view}&after=4&wait=60s");
        let polling = tokio::spawn({
            let address = server.address;
            async move { raw::get(address, &path).await }
        });
        let subscribed = async {
            while server.get("/v1/supervisor").await["feed"]["subscribers"]["long_poll"] != 1 {
                tokio::task::yield_now().await;
            }
        };
        timeout(BOUND, subscribed).await.expect("the poll waits");
        for delta in ["three", "four"] {
            server.say(&id, &lease, delta).await;
        }
        let path = format!("/v1/executions/{id}/complete");
        server.post(&path, &json!({"lease": lease}), 200).await;
        let page = polling.await.expect("no panic").json();
        assert_eq!((&page["head"], &page["terminal"]), (&json!(5), &json!(true)), "{view}");
        let events = page["events"].as_array().expect("events");
        assert!(events.iter().all(|event| event["seq"].as_u64() >= Some(least)), "{events:?}");
        assert_eq!(events.last().expect("an event")["seq"], 5, "{view}");
    }
}

#[tokio::test]
async fn a_poll_without_news_answers_in_time_and_one_past_the_end_at_once() {
    let server = Server::start();
    let (id, _) = server.started().await;
    let began = Instant::now();
    let page = server.get(&format!("/v1/executions/{id}/events?after=2&wait=50ms")).await;
    assert_eq!(page, json!({"events": [], "head": 2, "terminal": false}));
    assert!(began.elapsed() >= Duration::from_millis(50));
    let (over, _) = server.completed().await;
    let page = server.get(&format!("/v1/executions/{over}/events?after=4&wait=60s")).await;
    assert_eq!(page, json!({"events": [], "head": 4, "terminal": true}));
}

#[tokio::test]
async fn a_claim_waits_for_work_and_without_any_gets_nothing() {
    let server = Server::start();
    let body = json!({"runner": {"id": "r"}, "wait": "20ms"});
    server.post("/v1/queues/agents/claim", &body, 204).await;
    let claiming = tokio::spawn({
        let address = server.address;
        async move {
            raw::post(
                address,
                "/v1/queues/agents/claim",
                &json!({"runner": {"id": "r"}, "wait": "60s"}),
            )
            .await
        }
    });
    waiting(&server, "agents", 1).await;
    let id = server.create(json!({})).await;
    let leases = claiming.await.expect("no panic").json();
    assert_eq!(leases["leases"][0]["execution"]["id"], id.as_str());
    assert_eq!(
        (&leases["leases"][0]["attempt"], &leases["leases"][0]["heartbeat"]),
        (&json!(1), &json!("30s"))
    );
}

#[tokio::test]
async fn work_is_not_given_to_a_runner_that_has_left() {
    let server = Server::start();
    let body = json!({"runner": {"id": "gone"}, "wait": "60s"}).to_string();
    let mut leaver = TcpStream::connect(server.address).await.expect("a connection");
    let request =
        raw::request(server.address, "POST", "/v1/queues/agents/claim", &[JSON], body.as_bytes());
    leaver.write_all(&request).await.expect("sent");
    waiting(&server, "agents", 1).await;
    drop(leaver);
    let id = server.create(json!({})).await;
    let (claimed, _) = server.claim("agents").await;
    assert_eq!(claimed, id);
    let shown = server.get(&format!("/v1/executions/{id}")).await;
    assert_eq!((&shown["attempt"], &shown["runner"]["id"]), (&json!(1), &json!("runner-1")));
}

#[tokio::test]
async fn polls_answer_when_the_server_stops() {
    let mut server = Server::start();
    let (id, _) = server.started().await;
    let (address, path) = (server.address, format!("/v1/executions/{id}/events?after=2&wait=60s"));
    let claiming = tokio::spawn(async move {
        raw::post(address, "/v1/queues/other/claim", &json!({"runner": {"id": "r"}, "wait": "60s"}))
            .await
    });
    waiting(&server, "other", 1).await;
    let polling = tokio::spawn(async move { raw::get(address, &path).await });
    let subscribed = async {
        while server.get("/v1/supervisor").await["feed"]["subscribers"]["long_poll"] != 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(BOUND, subscribed).await.expect("the poll waits");
    server.begin_to_stop();
    assert_eq!(claiming.await.expect("no panic").status, 204);
    assert_eq!(polling.await.expect("no panic").status, 200);
}

#[tokio::test]
async fn a_page_goes_past_what_its_view_hides() {
    let server = Server::start();
    let (id, _) = server.completed().await;
    let mut types = Vec::new();
    let mut after = 0;
    loop {
        let path = format!("/v1/executions/{id}/events?view=agui&limit=1&after={after}");
        let page = server.get(&path).await;
        let events = page["events"].as_array().expect("events");
        if events.is_empty() {
            break;
        }
        for event in events {
            assert_eq!(event["prev"], after, "{event}");
            after = event["seq"].as_u64().expect("a seq");
            types.push(event["type"].as_str().expect("a type").to_owned());
        }
    }
    // What the view adds comes with the event before it.
    let expected = [
        "RUN_STARTED",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "RUN_FINISHED",
    ];
    assert_eq!(types, expected);
}
