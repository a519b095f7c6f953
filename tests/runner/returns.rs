//! Runners that go and come back: with their leases, in time or too late; drained; after the
//! server's own restart.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    server::{BOUND, Server},
    socket::Socket,
};

fn server_with_grace(grace: Duration) -> Server {
    Server::with(|config| config.supervision.runner_grace = grace)
}

async fn until(server: &Server, id: &str, last: &str) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let events = server.get(&format!("/v1/executions/{id}/events?view=status")).await;
        let events = events["events"].as_array().expect("events").clone();
        if events.iter().any(|event| event["type"] == last) {
            return events;
        }
        assert!(began.elapsed() < BOUND, "{events:?} never came to {last}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn post(id: &Value, lease: &Value, batch: u64) -> Value {
    let data = json!({"messageId": "m", "delta": batch.to_string()});
    json!({
        "op": "events", "id": batch, "execution": id, "lease": lease, "batch": batch,
        "events": [{"type": "TEXT_MESSAGE_CONTENT", "data": data}]
    })
}

#[tokio::test]
async fn a_runner_that_returns_in_time_keeps_its_leases_and_goes_on() {
    let server = server_with_grace(Duration::from_secs(3600));
    let (mut socket, session) = Socket::register(&server, "r", &["agents"], 2).await;
    let id = json!(server.create(json!({})).await);
    let lease = socket.until("lease").await["lease"].take();
    socket.say(post(&id, &lease, 1)).await;
    assert_eq!(socket.answer(&json!(1)).await["seq"], 3);
    let began = Instant::now();
    socket.cut();
    let id_text = id.as_str().expect("an id").to_owned();
    let events = until(&server, &id_text, "execution.runner_disconnected").await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let gone = events.last().expect("an event");
    assert!(gone["data"]["until"].is_string() && gone["data"]["detail"].is_string(), "{gone}");
    let explained = server.get(&format!("/v1/executions/{id_text}/explain")).await;
    assert_eq!(explained["cause"], "runner_disconnected");

    // With its session alone, and by naming what it works on.
    for (leases, batch) in [(None, 2), (Some(json!([{"execution": id, "lease": lease}])), 3)] {
        let mut socket = Socket::open(&server).await;
        let mut register = json!({"op": "register", "runner": {"id": "r"}, "queues": ["agents"], "slots": 2, "session": session});
        if let Some(leases) = leases {
            register["leases"] = leases;
        }
        socket.say(register).await;
        let registered = socket.until("registered").await;
        assert_eq!(registered["session"], session.as_str());
        assert_eq!(registered["leases"], json!([{"execution": id, "lease": lease}]));
        // What was acknowledged before is a repeat, what was not is new.
        socket.say(post(&id, &lease, 1)).await;
        assert_eq!(socket.answer(&json!(1)).await["seq"], 3);
        socket.say(post(&id, &lease, batch)).await;
        let seq = socket.answer(&json!(batch)).await["seq"].as_u64().expect("a seq");
        assert_eq!(server.seq(&id_text).await, seq);
        socket.cut();
        until(&server, &id_text, "execution.runner_returned").await;
    }
}

#[tokio::test]
async fn one_that_does_not_return_loses_them_with_the_last_that_is_known() {
    let server = server_with_grace(Duration::from_millis(200));
    let (mut socket, session) = Socket::register(&server, "r", &["agents"], 1).await;
    let retry = json!({"max_attempts": 2, "initial_backoff": "10ms"});
    let id = server.create(json!({"retry": retry})).await;
    let lease = socket.until("lease").await["lease"].take();
    socket.cut();
    let events = until(&server, &id, "execution.retry_scheduled").await;
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = [
        "execution.created",
        "execution.started",
        "execution.runner_disconnected",
        "execution.attempt_failed",
        "execution.retry_scheduled",
    ];
    assert_eq!(types, expected);
    let failed = &events[3]["data"];
    assert_eq!(failed["reason"], "runner_lost");
    assert!(failed["error"]["detail"].as_str().unwrap().contains("Runner r"), "{failed}");

    // Too late: it is told so, and somebody else has the work.
    let (mut second, _) = Socket::register(&server, "s", &["agents"], 1).await;
    assert_eq!(second.until("lease").await["attempt"], 2);
    let mut late = Socket::open(&server).await;
    let register = json!({
        "op": "register", "runner": {"id": "r"}, "queues": ["agents"], "slots": 1,
        "session": session, "leases": [{"execution": id, "lease": lease}]
    });
    late.say(register).await;
    assert_eq!(late.until("registered").await["leases"], json!([]));
    let revoked = late.until("revoked").await;
    let reason = revoked["reason"].as_str().unwrap();
    assert!(reason.contains("attempt 2 is held by runner s"), "{reason}");
    late.say(post(&json!(id), &lease, 1)).await;
    assert_eq!(late.answer(&json!(1)).await["problem"]["code"], "lease_superseded");
}

#[tokio::test]
async fn a_lease_that_never_reached_its_runner_goes_back_without_a_failed_attempt() {
    let server = server_with_grace(Duration::from_secs(3600));
    let (mut socket, session) = Socket::register(&server, "r", &["agents"], 1).await;
    let id = server.create(json!({})).await;
    socket.until("lease").await;
    socket.cut();
    let mut again = Socket::open(&server).await;
    let register = json!({
        "op": "register", "runner": {"id": "r"}, "queues": ["agents"], "slots": 1,
        "session": session, "leases": []
    });
    again.say(register).await;
    assert_eq!(again.until("registered").await["leases"], json!([]));
    let lease = again.until("lease").await;
    assert_eq!((&lease["execution"]["id"], &lease["attempt"]), (&json!(id), &json!(2)));
    let events = until(&server, &id, "execution.retry_scheduled").await;
    assert!(events.iter().all(|event| event["type"] != "execution.attempt_failed"));
}

#[tokio::test]
async fn slots_are_shared_by_the_queues_and_freed_by_what_ends() {
    let server = Server::start();
    let (mut socket, _) = Socket::register(&server, "r", &["a", "b"], 2).await;
    for queue in ["a", "b", "a", "b", "a"] {
        server.create(json!({"queue": queue})).await;
    }
    let mut seen = 0;
    for n in 0..5 {
        let lease = socket.until("lease").await;
        seen += 1;
        if n == 1 {
            // Full: nothing more comes until one of them ends.
            let runner = server.get("/v1/runners/r").await;
            assert_eq!(runner["leases"].as_array().unwrap().len(), 2, "{runner}");
            assert_eq!((&runner["slots_free"], &runner["connected"]), (&json!(0), &json!(true)));
            let queue = server.get("/v1/queues/a").await;
            assert_eq!(queue["dispatch"]["verdict"], "all_full", "{queue}");
        }
        if n >= 1 {
            let id = lease["execution"]["id"].clone();
            let complete =
                json!({"op": "complete", "id": n, "execution": id, "lease": lease["lease"]});
            socket.say(complete).await;
            assert_eq!(socket.answer(&json!(n)).await["op"], "ack");
        }
    }
    assert_eq!(seen, 5);
}

#[tokio::test]
async fn a_runner_that_drains_finishes_what_it_has_and_leaves_in_peace() {
    let server = Server::start();
    let (mut socket, _) = Socket::register(&server, "r", &["agents"], 3).await;
    let id = server.create(json!({})).await;
    let lease = socket.until("lease").await["lease"].take();
    socket.say(json!({"op": "drain", "id": "d"})).await;
    assert_eq!(socket.answer(&json!("d")).await["op"], "ack");
    let left = server.create(json!({})).await;
    socket.say(json!({"op": "complete", "id": 1, "execution": id, "lease": lease})).await;
    assert_eq!(socket.answer(&json!(1)).await["op"], "ack");
    assert_eq!(socket.closed().await, 1000);
    let view = server.get(&format!("/v1/executions/{left}")).await;
    assert_eq!(view["phase"], "pending");
    // It is not missed: nobody is told that it is late, or lost.
    drop(socket);
    let began = Instant::now();
    while server.get("/v1/runners").await["runners"] != json!([]) {
        assert!(began.elapsed() < BOUND, "it is still shown");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_server_that_stops_says_when_to_come_back_and_takes_no_lease_away() {
    let mut server = Server::start();
    let (mut socket, _) = Socket::register(&server, "r", &["agents"], 1).await;
    let id = server.create(json!({})).await;
    socket.until("lease").await;
    server.begin_to_stop();
    assert!(socket.until("reconnect").await["after"].is_string());
    assert_eq!(socket.closed().await, 1001);
    drop(id);
}
