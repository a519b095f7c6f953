//! The read side: an execution is a JSON stream that is closed with its last event.

use reqwest::Method;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    client::{Answer, Held, Http},
    server::{PATIENCE, Site},
};

fn seqs(answer: &Answer) -> Vec<u64> {
    let events = answer.json();
    let events = events.as_array().expect("an array");
    events.iter().map(|event| event["seq"].as_u64().expect("a seq")).collect()
}

#[tokio::test]
async fn an_execution_is_caught_up_with_and_known_to_be_over() {
    let site = Site::new();
    let _server = site.start().await;
    let http = Http::to(&site);
    let held = Held::new(&http).await;
    held.say(&http, "one\ntwo").await;
    let path = held.stream();

    let first = http.get(&path).await.is(200);
    assert_eq!(first.header("content-type"), "application/json");
    assert_eq!(first.header("stream-up-to-date"), "true");
    assert!(!first.is_closed());
    assert_eq!(seqs(&first), [1, 2, 3]);
    assert_eq!(http.get(&format!("{path}?offset=-1")).await.body, first.body);
    let tag = first.header("etag").to_owned();
    let again = http.send(Method::GET, &path, &[("if-none-match", &tag)], "").await.is(304);
    assert!(again.body.is_empty());
    let now = http.get(&format!("{path}?offset=now")).await.is(200);
    assert_eq!((now.text(), now.next()), ("[]".to_owned(), first.next()));
    assert_eq!((now.header("etag"), now.header("cache-control")), ("", "no-store"));

    let open = http.head(&path).await.is(200);
    assert_eq!((open.next(), open.is_closed()), (first.next(), false));
    held.complete(&http).await;
    let over = http.head(&path).await.is(200);
    assert!(over.is_closed() && over.next() > open.next());
    assert_eq!(over.header("cache-control"), "no-store");

    let all = http.send(Method::GET, &path, &[("if-none-match", &tag)], "").await.is(200);
    assert!(all.is_closed());
    let rest = http.get(&format!("{path}?offset={}", first.next())).await.is(200);
    assert_eq!(seqs(&rest), [4]);
    assert_eq!(rest.json()[0]["type"], "execution.completed");
    let end = http.get(&format!("{path}?offset={}", rest.next())).await.is(200);
    assert_eq!((end.text(), end.is_closed(), end.next()), ("[]".to_owned(), true, rest.next()));
}

#[tokio::test]
async fn a_long_poll_waits_for_the_next_event_and_not_beyond_the_last() {
    let site = Site::new();
    let _server = site.start().await;
    let http = Http::to(&site);
    let held = Held::new(&http).await;
    let path = held.stream();
    let tail = http.head(&path).await.next();
    let poll = format!("{path}?offset={tail}&live=long-poll");
    let (polled, ()) = tokio::join!(http.get(&poll), async {
        until_followed(&http, "long_poll").await;
        held.say(&http, "now").await;
    });
    let polled = polled.is(200);
    assert_eq!(seqs(&polled), [3]);
    let cursor: u64 = polled.header("stream-cursor").parse().expect("a number");
    let poll = format!("{path}?offset={}&live=long-poll&cursor={cursor}", polled.next());
    let (last, ()) = tokio::join!(http.get(&poll), held.complete(&http));
    let last = last.is(200);
    assert!(last.is_closed(), "{last:?}");
    let poll = format!("{path}?offset={}&live=long-poll", last.next());
    let end = http.get(&poll).await.is(204);
    assert!(end.is_closed() && end.header("stream-up-to-date") == "true");
}

/// Waits until somebody reads that way, as the server's figures tell it.
async fn until_followed(http: &Http, transport: &str) {
    let followed = async {
        loop {
            let supervisor = http.get("/v1/supervisor").await.json();
            if supervisor["feed"]["subscribers"][transport] == 1 {
                return;
            }
        }
    };
    timeout(PATIENCE, followed).await.expect("it is counted");
}

/// The events of an event stream: names and data.
fn messages(text: &str) -> Vec<(String, Value)> {
    let of = |block: &str| {
        let field = |name: &str| {
            let lines = block.lines().filter_map(|line| line.strip_prefix(name));
            lines.collect::<Vec<_>>().join("\n")
        };
        let data = field("data:");
        (field("event: "), serde_json::from_str(&data).unwrap_or_else(|e| panic!("{e}: {data}")))
    };
    text.split("\n\n").filter(|block| block.contains("data:")).map(of).collect()
}

#[tokio::test]
async fn an_event_stream_goes_on_until_the_execution_is_over() {
    let site = Site::new();
    let _server = site.start().await;
    let http = Http::to(&site);
    let held = Held::new(&http).await;
    let path = format!("{}?offset=-1&live=sse", held.stream());
    let response = http.begin(Method::GET, &path, &[], "").await.expect("a stream");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (text, ()) = tokio::join!(response.text(), async {
        until_followed(&http, "sse").await;
        held.say(&http, "one").await;
        held.complete(&http).await;
    });
    let messages = messages(&text.expect("it ends by itself"));
    let data = messages.iter().filter(|(name, _)| name == "data");
    let events = data.flat_map(|(_, events)| events.as_array().expect("an array").clone());
    let seqs: Vec<_> = events.map(|event| event["seq"].as_u64().expect("a seq")).collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
    let (name, last) = messages.last().expect("something came");
    assert_eq!((&**name, &last["streamClosed"]), ("control", &Value::Bool(true)));
    assert_eq!(last["streamNextOffset"], http.head(&held.stream()).await.next());
    let controls = messages.iter().filter(|(name, _)| name == "control");
    let earlier = controls.take_while(|(_, c)| c["streamClosed"].is_null());
    assert!(earlier.clone().count() > 0);
    earlier.for_each(|(_, control)| assert!(control["streamCursor"].is_string(), "{control}"));
}

#[tokio::test]
async fn nobody_writes_an_execution_that_way_and_wrong_questions_are_told_why() {
    let site = Site::new();
    let _server = site.start().await;
    let http = Http::to(&site);
    let held = Held::new(&http).await;
    let path = held.stream();
    for method in [Method::PUT, Method::POST, Method::DELETE, Method::PATCH] {
        let refused = http.send(method, &path, &[], "").await.is(405);
        assert_eq!(refused.header("allow"), "GET, HEAD");
    }
    for (query, pointer) in [
        ("offset=", "?offset"),
        ("offset=7", "?offset"),
        ("offset=-1&offset=-1", "?offset"),
        ("offset=0000000000000099_0000000000000000", "?offset"),
        ("live=sse", "?offset"),
        ("live=always&offset=-1", "?live"),
        ("live=sse&offset=-1&cursor=x", "?cursor"),
    ] {
        let refused = http.get(&format!("{path}?{query}")).await.is(400);
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{query}");
        assert_eq!(refused.header("x-content-type-options"), "nosniff");
    }
    let unknown = http.get("/v1/executions/aex_00000000000000000000000000000000/stream").await;
    assert_eq!(unknown.is(404).json()["code"], "execution_not_found");
    let foreign = http.send(Method::GET, &path, &[("host", "elsewhere.example")], "").await;
    assert_eq!(foreign.is(403).json()["code"], "host_not_allowed");
}

#[tokio::test]
async fn waits_end_when_the_server_stops() {
    let site = Site::new();
    let mut server = site.start().await;
    let http = Http::to(&site);
    let held = Held::new(&http).await;
    let tail = http.head(&held.stream()).await.next();
    let path = |live| format!("{}?offset={tail}&live={live}", held.stream());
    let stream = http.begin(Method::GET, &path("sse"), &[], "").await.expect("a stream");
    let poll = path("long-poll");
    let (polled, ()) = tokio::join!(http.get(&poll), async {
        until_followed(&http, "long_poll").await;
        server.terminate();
    });
    let polled = polled.is(204);
    assert_eq!((polled.next(), polled.is_closed()), (tail.clone(), false));
    let text = stream.text().await.expect("it ends as it should");
    assert_eq!(messages(&text).last().expect("a control").1["streamNextOffset"], tail);
    assert!(server.ended().await.success());
}
