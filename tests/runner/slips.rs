//! Runners that do it wrong over their sockets: each gets a clear word, and nobody else is hurt.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    raw,
    server::{BOUND, Server},
    socket::Socket,
};

#[tokio::test]
async fn what_comes_before_register_is_refused_and_the_socket_goes_on() {
    let server = Server::start();
    let mut socket = Socket::open(&server).await;
    for (frame, id) in [
        (json!({"op": "heartbeat", "id": 1, "executions": []}), json!(1)),
        (json!({"op": "drain", "id": "d"}), json!("d")),
    ] {
        socket.say(frame).await;
        let error = socket.answer(&id).await;
        assert_eq!(error["problem"]["code"], "not_registered");
        assert!(error["problem"]["detail"].as_str().unwrap().contains("register"));
    }
    let register =
        json!({"op": "register", "id": 2, "runner": {"id": "r"}, "queues": ["q"], "slots": 1});
    socket.say(register.clone()).await;
    assert_eq!(socket.until("registered").await["heartbeat"], "10s");
    assert_eq!(socket.answer(&json!(2)).await["op"], "ack");
    socket.say(register).await;
    assert_eq!(socket.answer(&json!(2)).await["problem"]["code"], "already_registered");
}

#[tokio::test]
async fn a_runner_that_never_registers_is_let_go() {
    let server = Server::with(|config| {
        config.websocket.hello_timeout = std::time::Duration::from_millis(200);
    });
    let mut socket = Socket::open(&server).await;
    assert_eq!(socket.closed().await, 4408);
}

#[tokio::test]
async fn a_socket_that_says_nothing_any_more_is_closed() {
    let server = Server::with(|config| {
        config.supervision.runner_lost_after = std::time::Duration::from_secs(1);
        config.websocket.ping_interval = std::time::Duration::from_secs(600);
    });
    let (mut socket, _) = Socket::register(&server, "r", &["q"], 1).await;
    assert_eq!(socket.closed().await, 4408);
}

#[tokio::test]
async fn wrong_registrations_are_told_where_they_are_wrong() {
    let server = Server::start();
    let mut socket = Socket::open(&server).await;
    for (members, pointer) in [
        (json!({"runner": {"id": "a b"}, "queues": ["q"], "slots": 1}), "/runner/id"),
        (json!({"runner": {"id": "r"}, "queues": ["agents.*"], "slots": 1}), "/queues/0"),
        (json!({"runner": {"id": "r"}, "queues": [], "slots": 1}), "/queues"),
        (json!({"runner": {"id": "r"}, "queues": ["q"], "slots": 0}), "/slots"),
        (json!({"runner": {"id": "r"}, "queues": ["q"], "slots": 1_000_000}), "/slots"),
        (
            json!({"runner": {"id": "r"}, "queues": ["q"], "slots": 1, "session": "mine"}),
            "/session",
        ),
        (json!({"runner": {"id": "r"}, "queues": ["q"], "slots": 1, "leasse": []}), "/leasse"),
    ] {
        let mut frame = members.clone();
        frame["op"] = json!("register");
        frame["id"] = json!(pointer);
        socket.say(frame).await;
        let error = socket.answer(&json!(pointer)).await;
        assert_eq!(error["problem"]["code"], "invalid", "{members}");
        assert_eq!(error["problem"]["errors"][0]["pointer"], pointer, "{members}");
    }
    assert_eq!(server.get("/v1/runners").await["runners"], json!([]));
}

#[tokio::test]
async fn what_is_no_message_closes_the_socket_with_its_code() {
    let server = Server::start();
    let nonsense = Message::text("nonsense");
    let binary = Message::binary(vec![1, 2, 3]);
    for (message, code) in [(Some(nonsense), 4400), (Some(binary), 1003), (None, 1009)] {
        let (mut socket, _) = Socket::register(&server, "r", &["q"], 1).await;
        match message {
            Some(message) => socket.send(message).await,
            // Refused by its head: whoever went on sending might find the connection gone.
            None => socket.begin((1 << 20) + 1).await,
        }
        assert_eq!(socket.closed().await, code);
        drop(socket);
        // It counts as gone at once.
        let began = std::time::Instant::now();
        while server.get("/v1/runners/r").await["connected"] == true {
            assert!(began.elapsed() < BOUND);
        }
    }
    let refused = raw::get(server.address, "/v1/runner").await;
    assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("not_a_websocket")));
}

#[tokio::test]
async fn two_processes_with_one_id_are_told_and_the_first_goes_on() {
    let server = Server::start();
    let (mut first, session) = Socket::register(&server, "r", &["q"], 2).await;
    let id = server.create(json!({"queue": "q"})).await;
    let lease = first.until("lease").await;
    let mut second = Socket::open(&server).await;
    let register =
        json!({"op": "register", "id": 1, "runner": {"id": "r"}, "queues": ["q"], "slots": 2});
    second.say(register).await;
    let error = second.answer(&json!(1)).await;
    assert_eq!(error["problem"]["code"], "runner_connected");
    assert!(error["problem"]["detail"].as_str().unwrap().contains("an id of its own"));
    assert_eq!(second.closed().await, 4409);
    let complete = json!({"op": "complete", "id": 1, "execution": id, "lease": lease["lease"]});
    first.say(complete).await;
    assert_eq!(first.answer(&json!(1)).await["op"], "ack");

    // A session is one's own.
    let mut thief = Socket::open(&server).await;
    let register = json!({"op": "register", "id": 1, "runner": {"id": "s"}, "queues": ["q"], "slots": 2, "session": session});
    thief.say(register).await;
    let error = thief.answer(&json!(1)).await;
    assert_eq!(error["problem"]["errors"][0]["pointer"], "/session", "{error}");
    assert_eq!(thief.closed().await, 4400);

    // The same process over a newer socket takes its own place.
    let mut newer = Socket::open(&server).await;
    let register = json!({"op": "register", "runner": {"id": "r"}, "queues": ["q"], "slots": 2, "session": session});
    newer.say(register).await;
    assert_eq!(newer.until("registered").await["session"], session.as_str());
    assert_eq!(first.closed().await, 4409);
    server.create(json!({"queue": "q"})).await;
    newer.until("lease").await;
}

#[tokio::test]
async fn a_flood_is_slowed_and_every_frame_of_it_taken_in_order_and_answered_once() {
    const FRAMES: u64 = 5_000;
    let server = Server::start();
    let id = server.create(json!({})).await;
    let quiet = server.create(json!({"queue": "quiet"})).await;
    let (mut socket, _) = Socket::register(&server, "r", &["agents"], 1).await;
    let (mut other, _) = Socket::register(&server, "o", &["quiet"], 1).await;
    let lease = socket.until("lease").await["lease"].take();
    let others = other.until("lease").await["lease"].take();
    for n in 1..=FRAMES {
        let data = json!({"messageId": "m", "delta": n.to_string()});
        let events = json!([{"type": "TEXT_MESSAGE_CONTENT", "data": data}]);
        let post = json!({"op": "events", "id": n, "execution": id, "lease": lease, "batch": n, "events": events});
        socket.feed(post).await;
        if n == FRAMES / 2 {
            // Nobody else waits for it.
            let complete = json!({"op": "complete", "id": 1, "execution": quiet, "lease": others});
            other.say(complete).await;
            assert_eq!(other.answer(&json!(1)).await["op"], "ack");
        }
    }
    socket.flush().await;
    let mut open: std::collections::BTreeSet<u64> = (1..=FRAMES).collect();
    while !open.is_empty() {
        let ack = socket.next().await;
        let number = |field: &str| ack[field].as_u64().unwrap_or_else(|| panic!("{ack}"));
        assert!(open.remove(&number("id")), "{ack} came twice");
        // In the log they are in the order in which they were sent.
        assert_eq!(number("seq"), number("id") + 2);
    }
    assert_eq!(server.seq(&id).await, FRAMES + 2);
}

#[tokio::test]
async fn what_is_not_held_is_revoked_and_an_empty_heartbeat_is_a_sign_of_life() {
    let server = Server::start();
    let id = server.create(json!({"queue": "elsewhere"})).await;
    let (mut socket, _) = Socket::register(&server, "r", &["q"], 1).await;
    let nothing = json!({"execution": id, "lease": "0".repeat(32)});
    socket.say(json!({"op": "heartbeat", "executions": [nothing]})).await;
    let revoked = socket.until("revoked").await;
    assert_eq!((&revoked["execution"], &revoked["lease"]), (&json!(id), &json!("0".repeat(32))));
    assert!(revoked["reason"].as_str().unwrap().contains("pending"), "{revoked}");
    socket.say(json!({"op": "heartbeat", "id": 1, "executions": []})).await;
    assert_eq!(socket.answer(&json!(1)).await, json!({"op": "ack", "id": 1}));
}

#[tokio::test]
async fn a_heartbeat_is_acknowledged_when_all_its_progress_is_durable_and_refused_once() {
    let server = Server::start();
    let (mut socket, _) = Socket::register(&server, "r", &["agents"], 20).await;
    let mut beats = Vec::new();
    for _ in 0..20 {
        server.create(json!({})).await;
        let lease = socket.until("lease").await;
        let beat = json!({"execution": lease["execution"]["id"], "lease": lease["lease"], "progress": {"message": "on"}});
        beats.push(beat);
    }
    socket.say(json!({"op": "heartbeat", "id": "all", "executions": beats})).await;
    assert_eq!(socket.answer(&json!("all")).await["op"], "ack");
    for beat in &beats {
        let id = beat["execution"].as_str().unwrap();
        let view = server.get(&format!("/v1/executions/{id}")).await;
        assert_eq!(view["progress"]["message"], "on", "{view}");
    }
    // Those that do not exist are each told, and the frame is refused once.
    let foreign = |n: u32| {
        json!({
            "execution": format!("aex_01981f00000070008000000000000{n:03x}"), "lease": beats[0]["lease"],
            "progress": {"message": "on"},
        })
    };
    let wrong = [foreign(1), beats[0].clone(), foreign(2)];
    socket.say(json!({"op": "heartbeat", "id": "some", "executions": wrong})).await;
    let refused = socket.answer(&json!("some")).await;
    assert_eq!(refused["problem"]["code"], "execution_not_found", "{refused}");
    let second = socket.until("error").await;
    assert_eq!(
        (&second["id"], &second["problem"]["code"]),
        (&json!(null), &refused["problem"]["code"])
    );
    socket.say(json!({"op": "drain", "id": "after"})).await;
    let mut answers = Vec::new();
    while answers.last().is_none_or(|frame: &serde_json::Value| frame["id"] != "after") {
        answers.push(socket.next().await);
    }
    assert!(answers.iter().all(|frame| frame["id"] != "some"), "{answers:?}");
}
