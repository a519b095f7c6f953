//! Server-sent events, pages and views.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    raw,
    server::{BOUND, Server},
};

/// A message of an event stream.
#[derive(Clone, Debug, Default, PartialEq)]
struct Message {
    event: String,
    id: Option<u64>,
    data: Value,
}

fn messages(text: &str) -> Vec<Message> {
    let mut all = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let mut message = Message::default();
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("event", name)) => message.event = name.to_owned(),
                Some(("id", id)) => message.id = Some(id.parse().expect("an id is a seq")),
                Some(("data", data)) => {
                    message.data = serde_json::from_str(data).expect("data is JSON")
                }
                _ => {}
            }
        }
        if message != Message::default() {
            all.push(message);
        }
    }
    all
}

fn streaming(address: SocketAddr, path: &str, headers: &[&str]) -> Vec<u8> {
    let all: Vec<&str> = ["Accept: text/event-stream"].iter().chain(headers).copied().collect();
    raw::request(address, "GET", path, &all, b"")
}

/// The whole of a stream that ends.
async fn streamed(server: &Server, path: &str, headers: &[&str]) -> Vec<Message> {
    let answer = raw::send(server.address, &streaming(server.address, path, headers)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    messages(&answer.text())
}

/// A stream that is read as it comes.
struct Live {
    socket: TcpStream,
    bytes: Vec<u8>,
}

impl Live {
    async fn open(server: &Server, path: &str) -> Self {
        let mut socket = TcpStream::connect(server.address).await.expect("a connection");
        socket.write_all(&streaming(server.address, path, &[])).await.expect("sent");
        Self { socket, bytes: Vec::new() }
    }

    /// Reads until `part` has come.
    async fn until(&mut self, part: &str) {
        let reading = async {
            while !String::from_utf8_lossy(&self.bytes).contains(part) {
                let read = self.socket.read_buf(&mut self.bytes).await.expect("readable");
                assert!(
                    read > 0,
                    "the stream ended before {part:?}: {}",
                    String::from_utf8_lossy(&self.bytes)
                );
            }
        };
        timeout(BOUND, reading).await.expect("it comes in time");
    }

    /// Reads to the end of the connection.
    async fn end(mut self) -> String {
        let reading = self.socket.read_to_end(&mut self.bytes);
        timeout(BOUND, reading).await.expect("it ends in time").expect("readable");
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

fn seqs(messages: &[Message]) -> Vec<u64> {
    messages
        .iter()
        .filter(|m| m.event.is_empty())
        .map(|m| m.id.expect("an event has an id"))
        .collect()
}

#[tokio::test]
async fn a_stream_shows_every_event_and_its_end_and_resumes_anywhere() {
    let server = Server::start();
    let (id, _) = server.completed().await;
    let path = format!("/v1/executions/{id}/events");
    let all = streamed(&server, &path, &[]).await;
    assert_eq!(seqs(&all), [1, 2, 3, 4]);
    let end = all.last().expect("an end");
    assert_eq!((&*end.event, end.id), ("end", Some(4)));
    assert_eq!(end.data, json!({"execution": id, "seq": 4, "phase": "completed"}));
    assert_eq!(streamed(&server, &format!("{path}?after=2"), &[]).await, all[2..]);
    // The last id seen wins over the URL, as it must when a browser reconnects.
    assert_eq!(
        streamed(&server, &format!("{path}?after=0"), &["Last-Event-ID: 3"]).await,
        all[3..]
    );
    let past =
        raw::send(server.address, &streaming(server.address, &path, &["Last-Event-ID: 4"])).await;
    assert_eq!(past.status, 204);
}

#[tokio::test]
async fn a_stream_with_a_snapshot_begins_with_the_state() {
    let server = Server::start();
    let (id, lease) = server.started().await;
    server.say(&id, &lease, "before").await;
    let mut live = Live::open(&server, &format!("/v1/executions/{id}/events?snapshot=true")).await;
    live.until("event: snapshot").await;
    live.until("\n\n").await;
    server.say(&id, &lease, "after").await;
    server.post(&format!("/v1/executions/{id}/complete"), &json!({"lease": lease}), 200).await;
    let text = live.end().await;
    assert!(text.contains("id: 3\ndata: {\"id\":"), "{text}");
    assert!(text.contains("id: 4\ndata: ") && text.contains("event: end\nid: 5"), "{text}");
    assert!(!text.contains("id: 2\n"), "{text}");
}

#[tokio::test]
async fn a_quiet_stream_has_comments_and_ends_when_the_server_stops() {
    let mut server = Server::with(|config| config.http.sse_keep_alive = Duration::from_millis(100));
    let (id, _) = server.started().await;
    let mut live = Live::open(&server, &format!("/v1/executions/{id}/events")).await;
    live.until(": still here").await;
    server.begin_to_stop();
    live.end().await;
}

#[tokio::test]
async fn a_stream_or_a_poll_that_is_asked_for_its_head_does_not_begin() {
    let server = Server::with(|config| config.http.long_poll_max = 10 * BOUND);
    let (id, _) = server.started().await;
    let path = format!("/v1/executions/{id}/events");
    let head = |path: &str, accept: &[&str]| {
        let request = raw::request(server.address, "HEAD", path, accept, b"");
        async move { raw::send(server.address, &request).await }
    };
    let stream = ["Accept: text/event-stream"];
    let answer = head(&path, &stream).await;
    assert_eq!((answer.status, &*answer.body), (200, &b""[..]));
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    assert_eq!(answer.headers["cache-control"], "no-store");
    // Longer than this test waits, and there is nothing after 2.
    let answer = head(&format!("{path}?after=2&wait=10m"), &[]).await;
    assert_eq!((answer.status, &*answer.body), (200, &b""[..]));
    assert_eq!(answer.headers["content-type"], "application/json");
    let nobody = "/v1/executions/aex_00000000000000000000000000000000/events";
    assert_eq!(head(nobody, &stream).await.status, 404);
    let subscribers = &server.get("/v1/supervisor").await["feed"]["subscribers"];
    assert_eq!((&subscribers["sse"], &subscribers["long_poll"]), (&json!(0), &json!(0)));
    let (over, _) = server.completed().await;
    let path = format!("/v1/executions/{over}/events");
    let past = ["Accept: text/event-stream", "Last-Event-ID: 4"];
    assert_eq!(head(&path, &past).await.status, 204);
}

#[tokio::test]
async fn a_reader_that_knows_more_than_the_log_is_reset() {
    // The one subscription that it is takes one place.
    let server = Server::with(|config| config.feed.max_subscriptions = 1);
    let (id, _) = server.completed().await;
    let all = streamed(&server, &format!("/v1/executions/{id}/events?after=99"), &[]).await;
    assert_eq!((&*all[0].event, &all[0].data["reason"]), ("reset", &json!("ahead_of_log")));
    assert_eq!(seqs(&all), [1, 2, 3, 4]);
}

#[tokio::test]
async fn every_view_has_an_unbroken_chain_in_pages_of_any_size() {
    let server = Server::start();
    let (id, lease) = server.started().await;
    for n in 0..5 {
        server.say(&id, &lease, "x").await;
        let progress = json!({"lease": lease, "events": [{"type": "CUSTOM", "data": {"name": "progress", "value": {"fraction": f64::from(n) / 10.0}}}]});
        server.post(&format!("/v1/executions/{id}/events"), &progress, 200).await;
    }
    server.post(&format!("/v1/executions/{id}/complete"), &json!({"lease": lease}), 200).await;
    for view in ["full", "status", "agui"] {
        let path = format!("/v1/executions/{id}/events?view={view}");
        let whole = streamed(&server, &path, &[]).await;
        let events: Vec<Value> =
            whole.iter().filter(|m| m.event.is_empty()).map(|m| m.data.clone()).collect();
        let mut prev = 0;
        for event in &events {
            assert_eq!(event["prev"], prev, "{view}: {event}");
            prev = event["seq"].as_u64().expect("a seq");
        }
        for limit in [1, 3, 100] {
            let mut paged = Vec::new();
            let mut after = 0;
            loop {
                let page = server.get(&format!("{path}&after={after}&limit={limit}")).await;
                assert_eq!(page["terminal"], true);
                let events = page["events"].as_array().expect("events").clone();
                after = match events.last() {
                    Some(last) => last["seq"].as_u64().expect("a seq"),
                    // A view may hide a whole page.
                    None if after < page["head"].as_u64().expect("a head") => after + limit,
                    None => break,
                };
                paged.extend(events);
            }
            assert_eq!(paged, events, "{view} by {limit}");
        }
    }
    let agui = streamed(&server, &format!("/v1/executions/{id}/events?view=agui"), &[]).await;
    let first = &agui[0].data;
    assert_eq!(
        (&first["type"], &first["data"]["runId"]),
        (&json!("RUN_STARTED"), &json!(format!("{id}:1")))
    );
}
