//! What is said of who could take work, and that nobody is counted who will not.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{server::Server, socket::Socket};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3600);

/// Waits until the verdict of a queue is this one; the queue as it is then.
async fn until(server: &Server, of: &str, verdict: &str) -> Value {
    let is = |queue: &Value| queue["dispatch"]["verdict"] == verdict;
    server.until(&format!("/v1/queues/{of}"), is).await
}

fn message(queue: &Value) -> &str {
    queue["dispatch"]["message"].as_str().expect("a message")
}

#[tokio::test]
async fn a_runner_whose_socket_is_gone_is_counted_for_nothing() {
    let server = Server::with(|config| {
        config.supervision.runner_lost_after = LONG;
        config.supervision.runner_grace = Duration::from_secs(1);
    });
    let (socket, session) = Socket::register(&server, "r", &["q"], 2).await;
    assert_eq!(until(&server, "q", "ready").await["runners_live"], 1);
    socket.cut();
    let gone = until(&server, "q", "all_lost").await;
    assert_eq!((&gone["runners_live"], &gone["dispatch"]["slots_free"]), (&json!(0), &json!(0)));
    assert!(message(&gone).contains("its connection is closed"), "{gone}");
    // It has its grace to come back; then it is lost, long before its silence says so.
    server.until("/v1/runners/r", |runner| runner["status"] == "lost").await;
    let mut again = Socket::open(&server).await;
    let register = json!({
        "op": "register", "runner": {"id": "r"}, "queues": ["q"], "slots": 2, "session": session
    });
    again.say(register).await;
    again.until("registered").await;
    until(&server, "q", "ready").await;
    assert_eq!(server.get("/v1/runners/r").await["status"], "live");
}

#[tokio::test]
async fn one_that_is_silent_is_offered_nothing_and_not_counted_on() {
    let server = Server::with(|config| {
        config.supervision.runner_late_after = Duration::from_secs(1);
        config.supervision.runner_lost_after = LONG;
        config.supervision.runner_heartbeat = LONG;
    });
    let (mut socket, _) = Socket::register(&server, "r", &["q"], 2).await;
    until(&server, "q", "ready").await;
    let silent = until(&server, "q", "all_lost").await;
    assert!(message(&silent).contains("is away: r was last seen"), "{silent}");
    assert_eq!(server.get("/v1/runners/r").await["status"], "late");
    socket.say(json!({"op": "ping"})).await;
    until(&server, "q", "ready").await;
}

#[tokio::test]
async fn a_queue_that_its_runner_has_left_is_told_from_one_that_never_had_any() {
    let server = Server::start();
    let (mut socket, session) = Socket::register(&server, "r", &["a", "b"], 1).await;
    let register = json!({
        "op": "register", "runner": {"id": "r"}, "queues": ["b"], "slots": 1, "session": session
    });
    let mut again = Socket::open(&server).await;
    again.say(register).await;
    again.until("registered").await;
    socket.closed().await;
    until(&server, "b", "ready").await;
    for (queue, leave) in [("a", false), ("b", true)] {
        if leave {
            again.say(json!({"op": "drain", "id": 1})).await;
            assert_eq!(again.closed().await, 1000);
        }
        // A queue with nothing in it that nobody asks is none.
        server.create(json!({"queue": queue})).await;
        let gone = until(&server, queue, "all_lost").await;
        assert!(message(&gone).contains("for work: the last one left"), "{gone}");
    }
}

#[tokio::test]
async fn whoever_returns_with_more_leases_than_slots_takes_nothing_until_it_has_fewer() {
    let server = Server::start();
    let (mut socket, session) = Socket::register(&server, "r", &["agents"], 3).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let id = server.create(json!({})).await;
        let lease = socket.until("lease").await["lease"].take();
        held.push((id, lease));
    }
    socket.cut();
    let mut again = Socket::open(&server).await;
    let register = json!({
        "op": "register", "runner": {"id": "r"}, "queues": ["agents"], "slots": 2,
        "session": session
    });
    again.say(register).await;
    again.until("registered").await;
    let waits = server.create(json!({})).await;
    for (n, (id, lease)) in held.iter().enumerate() {
        let runner = server.get("/v1/runners/r").await;
        assert_eq!(runner["slots_free"], 0, "{n} are done: {runner}");
        let waiting = server.get(&format!("/v1/executions/{waits}")).await;
        assert_eq!(waiting["phase"], if n < 2 { "pending" } else { "in_progress" }, "{n} are done");
        again.say(json!({"op": "complete", "id": n, "execution": id, "lease": lease})).await;
        assert_eq!(again.answer(&json!(n)).await["op"], "ack");
        if n == 1 {
            assert_eq!(again.until("lease").await["execution"]["id"], json!(waits));
        }
    }
}

#[tokio::test]
async fn a_lease_that_is_named_twice_takes_one_slot() {
    let server = Server::start();
    let (mut socket, session) = Socket::register(&server, "r", &["agents"], 2).await;
    let id = server.create(json!({})).await;
    let held = json!({"execution": id, "lease": socket.until("lease").await["lease"]});
    socket.cut();
    let mut again = Socket::open(&server).await;
    let register = json!({
        "op": "register", "runner": {"id": "r"}, "queues": ["agents"], "slots": 2,
        "session": session, "leases": [held, held]
    });
    again.say(register).await;
    again.until("registered").await;
    until(&server, "agents", "ready").await;
    assert_eq!(server.get("/v1/runners/r").await["slots_free"], 1);
}
