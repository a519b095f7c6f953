//! `/v1/ws`: one execution by URL, many by operation, and clients that slip.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use heartline_storage::{FaultyStore, MemoryStore};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Message,
        client::IntoClientRequest as _,
        http::HeaderValue,
        protocol::frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use crate::{
    described::Frames,
    raw,
    server::{BOUND, Server, errors_logged},
};

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>, Frames);

impl Socket {
    /// Opens a socket and hears its hello.
    pub(crate) async fn open(server: &Server, query: &str) -> Self {
        let url = format!("ws://{}/v1/ws{query}", server.address);
        let mut request = url.into_client_request().expect("a request");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", HeaderValue::from_static("heartline.v1.json"));
        let (socket, response) = connect_async(request).await.expect("a socket");
        assert_eq!(response.headers()["sec-websocket-protocol"], "heartline.v1.json");
        let mut socket = Self(socket, Frames::described(server, "show").await);
        let hello = socket.next().await;
        assert_eq!((&hello["op"], &hello["heartbeat"]), (&json!("hello"), &json!("25s")));
        assert_eq!(hello["limits"]["message_bytes"], 1_048_576);
        socket
    }

    async fn message(&mut self) -> Message {
        let next = timeout(BOUND, self.0.next()).await.expect("a message in time");
        next.expect("a message").expect("a good one")
    }

    /// The next text message.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match self.message().await {
                Message::Text(text) => {
                    let frame = serde_json::from_str(&text).expect("JSON");
                    self.1.check(&frame);
                    return frame;
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} where a text was expected"),
            }
        }
    }

    /// Texts until one with this `op`, itself included.
    pub(crate) async fn until(&mut self, op: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let next = self.next().await;
            let last = next["op"] == op;
            all.push(next);
            if last {
                return all;
            }
        }
    }

    /// The code it is closed with; no more texts come before.
    async fn closed(&mut self) -> u16 {
        loop {
            match self.message().await {
                Message::Close(frame) => return frame.expect("a code").code.into(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} where a close was expected"),
            }
        }
    }

    pub(crate) async fn say(&mut self, text: impl ToString) {
        self.0.send(Message::text(text.to_string())).await.expect("sent");
    }

    async fn frame(&mut self, payload: &[u8], opcode: Data, last: bool) {
        let frame = Frame::message(payload.to_vec(), OpCode::Data(opcode), last);
        self.0.send(Message::Frame(frame)).await.expect("sent");
    }
}

pub(crate) fn ops(all: &[Value]) -> Vec<&str> {
    all.iter().map(|frame| frame["op"].as_str().expect("an op")).collect()
}

#[tokio::test]
async fn a_socket_for_one_execution_shows_it_to_its_end_and_closes() {
    let server = Server::start();
    let (id, lease) = server.started().await;
    let mut socket = Socket::open(&server, &format!("?execution={id}")).await;
    let subscribed = socket.next().await;
    assert_eq!(subscribed, json!({"op": "subscribed", "execution": id, "head": 2, "oldest": 1}));
    assert_eq!(socket.next().await["event"]["type"], "execution.created");
    assert_eq!(socket.next().await["event"]["type"], "execution.started");
    server.say(&id, &lease, "live").await;
    let live = socket.next().await;
    assert_eq!(
        (&live["event"]["seq"], &live["event"]["data"]["delta"]),
        (&json!(3), &json!("live"))
    );
    server.post(&format!("/v1/executions/{id}/complete"), &json!({"lease": lease}), 200).await;
    assert_eq!(socket.next().await["event"]["type"], "execution.completed");
    let end = json!({"op": "end", "execution": id, "seq": 4, "phase": "completed"});
    assert_eq!(socket.next().await, end);
    assert_eq!(socket.closed().await, 1000);
}

#[tokio::test]
async fn a_snapshot_is_followed_by_what_comes_after_it() {
    let server = Server::start();
    let (id, lease) = server.started().await;
    server.say(&id, &lease, "before").await;
    let mut socket = Socket::open(&server, &format!("?execution={id}&snapshot=true")).await;
    assert_eq!(socket.next().await["op"], "subscribed");
    let snapshot = socket.next().await;
    assert_eq!((&snapshot["op"], &snapshot["seq"]), (&json!("snapshot"), &json!(3)));
    assert_eq!(snapshot["state"]["state"]["messages"]["m1"]["content"], "before");
    server.say(&id, &lease, "after").await;
    assert_eq!(socket.next().await["event"]["seq"], 4);
}

#[tokio::test]
async fn one_socket_watches_many_executions_and_stays_open() {
    let server = Server::start();
    let (over, _) = server.completed().await;
    let (live, lease) = server.started().await;
    let mut socket = Socket::open(&server, "").await;
    socket.say(json!({"op": "subscribe", "id": 1, "execution": over, "after": 3})).await;
    assert_eq!(ops(&socket.until("end").await), ["subscribed", "event", "end"]);
    // Its id is free again once it has ended.
    socket.say(json!({"op": "subscribe", "id": 1, "execution": live, "view": "status"})).await;
    assert_eq!(socket.next().await["head"], 2);
    assert_eq!(
        (socket.next().await["event"]["seq"].clone(), socket.next().await["event"]["seq"].clone()),
        (json!(1), json!(2))
    );
    socket.say(json!({"op": "subscribe", "id": 1, "execution": over})).await;
    assert_eq!(socket.next().await["problem"]["code"], "subscription_exists");
    server.say(&live, &lease, "hidden from the status view").await;
    socket.say(json!({"op": "subscribe", "id": "two", "execution": live, "after": 2})).await;
    assert_eq!(socket.next().await["id"], "two");
    assert_eq!(socket.next().await["event"]["seq"], 3);
    socket.say(json!({"op": "unsubscribe", "id": "two"})).await;
    assert_eq!(socket.next().await, json!({"op": "unsubscribed", "id": "two"}));
    server.say(&live, &lease, "nobody sees this").await;
    socket.say(json!({"op": "ping", "t": 5})).await;
    assert_eq!(socket.next().await, json!({"op": "pong", "t": 5}));
    server.post(&format!("/v1/executions/{live}/complete"), &json!({"lease": lease}), 200).await;
    let last = socket.until("end").await;
    assert_eq!((ops(&last), &last[0]["event"]["prev"]), (vec!["event", "end"], &json!(2)));
}

#[tokio::test]
async fn fragments_are_put_together() {
    let server = Server::start();
    let mut socket = Socket::open(&server, "").await;
    let text = json!({"op": "ping", "t": "ä".repeat(10)}).to_string();
    let bytes = text.as_bytes();
    // Cut inside a character, with a control frame in between.
    let cut = text.find('ä').expect("it is there") + 1;
    socket.frame(&bytes[..cut], Data::Text, false).await;
    socket.0.send(Message::Ping(b"p".to_vec().into())).await.expect("sent");
    socket.frame(&bytes[cut..cut + 1], Data::Continue, false).await;
    socket.frame(&bytes[cut + 1..], Data::Continue, true).await;
    assert_eq!(socket.message().await, Message::Pong(b"p".to_vec().into()));
    assert_eq!(socket.next().await["t"], "ä".repeat(10));
}

#[tokio::test]
async fn slips_are_told_and_the_socket_stays_open() {
    let server = Server::start();
    let mut socket = Socket::open(&server, "").await;
    for (text, code, pointer, says) in [
        (json!({"op": "subscrbe", "id": 1}), "invalid", "/op", "did you mean \"subscribe\"?"),
        (
            json!({"op": "subscribe", "id": 1, "execution": "x", "viw": "full"}),
            "invalid",
            "/viw",
            "did you mean \"view\"?",
        ),
        (
            json!({"op": "subscribe", "id": 1, "execution": "x", "view": "everything"}),
            "invalid",
            "/view",
            "known: full, status, agui",
        ),
        (
            json!({"op": "subscribe", "id": 1, "execution": "x", "after": -1}),
            "invalid",
            "/after",
            "expected",
        ),
        (
            json!({"op": "subscribe", "id": 1, "filter": {"queue": "agents"}, "execution": "x"}),
            "invalid",
            "/filter",
            "one of them",
        ),
        (json!({"op": "unsubscribe", "id": 1, "x": 1}), "invalid", "/x", "not a known field"),
    ] {
        socket.say(&text).await;
        let told = socket.next().await;
        assert_eq!(
            (&told["op"], &told["id"], &told["problem"]["code"]),
            (&json!("error"), &json!(1), &json!(code)),
            "{text}"
        );
        let error = &told["problem"]["errors"][0];
        assert_eq!(error["pointer"], pointer, "{text}");
        assert!(error["message"].as_str().expect("a message").contains(says), "{text}: {error}");
    }
    socket.say(json!({"op": "subscribe", "id": 1, "execution": "aex_00000000000000000000000000000000"})).await;
    assert_eq!(socket.next().await["problem"]["code"], "execution_not_found");
    socket.say(json!({"op": "ping"})).await;
    assert_eq!(socket.next().await, json!({"op": "pong"}));
    assert_eq!(errors_logged(), 0);
}

#[tokio::test]
async fn a_subscription_that_fails_later_on_is_named_as_the_client_named_it() {
    let store = Arc::new(FaultyStore::new(MemoryStore::new()));
    let server = Server::over(store.clone());
    let (id, lease) = server.started().await;
    // More than is kept in memory while nobody watches.
    let large = "x".repeat(5_000);
    server.say(&id, &lease, &large).await;
    server.say(&id, &lease, &large).await;
    store.set_unreadable(true);
    let mut socket = Socket::open(&server, "").await;
    for (name, subscribe) in [
        (json!(1), json!({"op": "subscribe", "id": 1, "execution": id})),
        (json!("two"), json!({"op": "subscribe", "id": "two", "filter": {}})),
    ] {
        socket.say(&subscribe).await;
        assert_eq!(socket.next().await["op"], "subscribed", "{name}: it has begun");
        let failed = socket.next().await;
        assert_eq!((&failed["op"], &failed["id"]), (&json!("error"), &name));
        assert_eq!(failed["problem"]["code"], "store_unavailable");
    }
    assert_eq!(errors_logged(), 0);
}

#[tokio::test]
async fn what_cannot_be_served_is_told_and_closed() {
    let server = Server::start();
    let nobody = "aex_00000000000000000000000000000000";
    for (query, code, close) in [
        (format!("?execution={nobody}"), "execution_not_found", 4404),
        ("?execution=..%2f..".to_owned(), "execution_not_found", 4404),
        (format!("?execution={nobody}&view=ful"), "invalid_query", 4400),
        ("?exection=x".to_owned(), "invalid_query", 4400),
        ("?view=full".to_owned(), "invalid_query", 4400),
    ] {
        let mut socket = Socket::open(&server, &query).await;
        assert_eq!(socket.next().await["problem"]["code"], code, "{query}");
        assert_eq!(socket.closed().await, close, "{query}");
    }
    let mut socket = Socket::open(&server, "").await;
    socket.say("not JSON").await;
    assert_eq!(socket.next().await["problem"]["code"], "malformed_json");
    assert_eq!(socket.closed().await, 4400);
    assert_eq!(errors_logged(), 0);
}

#[tokio::test]
async fn broken_messages_close_the_socket_with_their_code() {
    let server = Server::start();
    let mut socket = Socket::open(&server, "").await;
    socket.0.send(Message::binary(b"x".to_vec())).await.expect("sent");
    assert_eq!(socket.closed().await, 1003);
    let mut socket = Socket::open(&server, "").await;
    socket.frame(b"\xff\xfe", Data::Text, true).await;
    assert_eq!(socket.closed().await, 1007);
    let mut socket = Socket::open(&server, "").await;
    socket.frame(b"{\"op\":\"", Data::Text, false).await;
    socket.frame(b"\xff\"}", Data::Continue, true).await;
    assert_eq!(socket.closed().await, 1007);
    let mut socket = Socket::open(&server, "").await;
    socket.frame(b"x", Data::Continue, true).await;
    assert_eq!(socket.closed().await, 1002);
    // Each fragment is small enough; all together are not.
    let mut socket = Socket::open(&server, "").await;
    let part = vec![b' '; 600_000];
    socket.frame(&part, Data::Text, false).await;
    socket.frame(&part, Data::Continue, false).await;
    assert_eq!(socket.closed().await, 1009);
    assert_eq!(errors_logged(), 0);
}

/// Bytes on a socket that has been upgraded, and the code of the close that answers them.
async fn answered(server: &Server, bytes: &[u8]) -> u16 {
    let headers = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let request = raw::request(server.address, "GET", "/v1/ws", &headers, b"");
    let request = String::from_utf8(request).expect("ASCII").replace("Connection: close\r\n", "");
    let mut socket = TcpStream::connect(server.address).await.expect("a connection");
    socket.write_all(request.as_bytes()).await.expect("sent");
    socket.write_all(bytes).await.expect("sent");
    let mut all = Vec::new();
    timeout(BOUND, socket.read_to_end(&mut all)).await.expect("it ends in time").expect("readable");
    let end = all.windows(4).position(|w| w == b"\r\n\r\n").expect("a head") + 4;
    let mut frames = &all[end..];
    loop {
        // A server's frames have no mask; those here are short, but for the hello.
        let (length, header) = match frames[1] {
            126 => (usize::from(u16::from_be_bytes([frames[2], frames[3]])), 4),
            short => (usize::from(short), 2),
        };
        if frames[0] == 0x88 {
            return u16::from_be_bytes([frames[header], frames[header + 1]]);
        }
        frames = &frames[header + length..];
    }
}

#[tokio::test]
async fn broken_frames_close_the_socket_before_their_payload_is_read() {
    let server = Server::start();
    let mask = [0_u8; 4];
    let mut endless = vec![0x81, 0xff];
    endless.extend((1_u64 << 40).to_be_bytes());
    for (what, frame, code) in [
        ("a terabyte announced", [&endless[..], &mask].concat(), 1009),
        ("a reserved bit", [&[0xc1, 0x80][..], &mask].concat(), 1002),
        ("a reserved opcode", [&[0x83, 0x80][..], &mask].concat(), 1002),
        ("a fragmented ping", [&[0x09, 0x80][..], &mask].concat(), 1002),
        ("a ping of 126 bytes", [&[0x89, 0xfe, 0, 126][..], &mask].concat(), 1002),
        ("no mask", vec![0x81, 0x01, b'x'], 1002),
        ("a close of one byte", [&[0x88, 0x81][..], &mask, b"x"].concat(), 1002),
    ] {
        assert_eq!(answered(&server, &frame).await, code, "{what}");
    }
    assert_eq!(errors_logged(), 0);
}

#[tokio::test]
async fn a_client_that_closes_is_answered_with_its_own_code() {
    let server = Server::start();
    let close = [&[0x88, 0x82][..], &[0; 4], &4321_u16.to_be_bytes()].concat();
    assert_eq!(answered(&server, &close).await, 4321);
}

#[tokio::test]
async fn sockets_are_pinged_and_closed_when_the_server_stops() {
    let mut server =
        Server::with(|config| config.websocket.ping_interval = Duration::from_millis(50));
    let (url, mut pings) = (format!("ws://{}/v1/ws", server.address), (0, 0));
    let (socket, _) = connect_async(url).await.expect("no subprotocol is asked for");
    let mut socket = Socket(socket, Frames::described(&server, "show").await);
    while pings.0 == 0 || pings.1 == 0 {
        match socket.message().await {
            Message::Ping(_) => pings.0 += 1,
            Message::Text(text) if text.as_str() == "{\"op\":\"ping\"}" => pings.1 += 1,
            _ => {}
        }
    }
    server.begin_to_stop();
    let mut after = None;
    let code = loop {
        match socket.message().await {
            Message::Close(frame) => break u16::from(frame.expect("a code").code),
            Message::Text(text) if text.contains("reconnect") => after = Some(text.to_string()),
            _ => {}
        }
    };
    assert_eq!(code, 1001);
    let after: Value = serde_json::from_str(&after.expect("when to come back")).expect("JSON");
    socket.1.check(&after);
    assert!(after["after"].as_str().expect("a duration").ends_with('s'), "{after}");
}

#[tokio::test]
async fn the_echo_is_there_only_when_it_is_asked_for() {
    let server = Server::start();
    assert_eq!(raw::get(server.address, "/debug/echo").await.status, 404);
    let server = Server::with(|config| config.debug.ws_echo = true);
    let (socket, _) =
        connect_async(format!("ws://{}/debug/echo", server.address)).await.expect("a socket");
    let mut socket = Socket(socket, Frames::described(&server, "show").await);
    for message in [Message::text("häuser"), Message::binary(vec![0, 255, 7]), Message::text("")] {
        socket.0.send(message.clone()).await.expect("sent");
        assert_eq!(socket.message().await, message);
    }
}

#[tokio::test]
async fn those_that_look_at_resources_are_counted_and_a_connection_has_only_so_many() {
    let server = Server::start();
    let mut socket = Socket::open(&server, "").await;
    for id in 0..16 {
        socket.say(json!({"op": "subscribe", "id": id, "resource": "/v1/runners"})).await;
        let _frames = socket.until("resource").await;
    }
    socket.say(json!({"op": "subscribe", "id": 16, "resource": "/v1/runners"})).await;
    let refused = socket.until("error").await.pop().expect("an error");
    assert_eq!(
        (&refused["id"], &refused["problem"]["code"]),
        (&json!(16), &json!("too_many_subscriptions"))
    );
    assert!(refused["problem"]["detail"].to_string().contains("16 resources"), "{refused}");
    // Others are not held up by it.
    socket.say(json!({"op": "subscribe", "id": "l", "filter": {}})).await;
    let _frames = socket.until("subscribed").await;
    let feed = server.get("/v1/supervisor").await["feed"].take();
    assert_eq!((&feed["subscribers"]["websocket"], &feed["live"]), (&json!(17), &json!(17)));
    socket.say(json!({"op": "unsubscribe", "id": 3})).await;
    let _frames = socket.until("unsubscribed").await;
    socket.say(json!({"op": "subscribe", "id": 16, "resource": "/v1/supervisor"})).await;
    let shown = socket.until("resource").await.pop().expect("a resource");
    assert_eq!(shown["body"]["feed"]["subscribers"]["websocket"], 17);
}

#[tokio::test]
async fn a_resource_is_shown_as_get_shows_it_and_again_when_it_has_changed() {
    let server = Server::start();
    let mut socket = Socket::open(&server, "").await;
    let parent = server.create(json!({"queue": "q"})).await;
    server.create(json!({"parent_id": parent, "queue": "other"})).await;
    for (id, path) in [
        "/v1/executions/counts?queue=q".to_owned(),
        format!("/v1/executions/counts?parent={parent}"),
        format!("/v1/executions/{parent}/explain"),
    ]
    .into_iter()
    .enumerate()
    {
        socket.say(json!({"op": "subscribe", "id": id, "resource": path})).await;
        let begun = json!({"op": "subscribed", "id": id, "resource": path});
        assert_eq!(socket.next().await, begun);
        let shown = socket.next().await;
        assert_eq!((&shown["op"], &shown["id"]), (&json!("resource"), &json!(id)));
        let body = server.get(&path).await;
        // What it explains has a clock in it.
        let same = if id == 2 { "cause" } else { "counts" };
        assert_eq!(shown["body"][same], body[same], "{path}");
        if id < 2 {
            assert_eq!(
                body,
                json!({"exact": true, "counts": {
                    "pending": 1, "in_progress": 0, "waiting": 0,
                    "completed": 0, "failed": 0, "cancelled": 0,
                }})
            );
            socket.say(json!({"op": "unsubscribe", "id": id})).await;
            assert_eq!(socket.next().await["op"], "unsubscribed");
        }
    }
    socket.say(json!({"op": "unsubscribe", "id": 2})).await;
    let _frames = socket.until("unsubscribed").await;

    socket.say(json!({"op": "subscribe", "id": "c", "resource": "/v1/executions/counts"})).await;
    assert_eq!(socket.until("resource").await[1]["body"]["counts"]["pending"], 2);
    server.post(&format!("/v1/executions/{parent}/cancel"), &json!({}), 200).await;
    let counts = socket.next().await["body"]["counts"].take();
    assert_eq!((&counts["pending"], &counts["cancelled"]), (&json!(1), &json!(1)));

    for (path, code) in [
        ("/v1/queues/none", "queue_not_found"),
        ("/v1/runners/none", "runner_not_found"),
        ("/v1/executions/counts?phse=failed", "invalid_query"),
        ("/v1/queues?x=1", "invalid_query"),
        ("/metrics", "route_not_found"),
        ("/v1/executions/aex_01981f000000700080000000000000ab/explain", "execution_not_found"),
    ] {
        socket.say(json!({"op": "subscribe", "id": path, "resource": path})).await;
        let told = socket.until("error").await.pop().expect("an error");
        assert_eq!((&told["id"], &told["problem"]["code"]), (&json!(path), &json!(code)));
    }
}
