//! Plain streams: that they are off until switched on, their bounds, and their end.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{
    client::Http,
    server::{Server, Site},
};

/// A server that serves them.
pub(crate) async fn serving(site: &Site) -> (Http, Server) {
    let server = site.start().await;
    (Http::to(site), server)
}

pub(crate) fn site() -> Site {
    Site::new().with("HEARTLINE_STREAMS_ENABLED", true)
}

#[tokio::test]
async fn plain_streams_are_off_by_default() {
    let site = Site::new();
    let (http, _server) = serving(&site).await;
    for method in [Method::PUT, Method::POST, Method::GET, Method::DELETE] {
        let refused = http.send(method, "/v1/stream/a", &[], "").await.is(404);
        assert_eq!(refused.json()["code"], "route_not_found");
    }
    let described =
        |document: &serde_json::Value| !document["paths"]["/v1/stream/{path}"].is_null();
    assert!(!described(&http.get("/openapi.json").await.json()));
    let site = self::site();
    let (http, _server) = serving(&site).await;
    assert!(described(&http.get("/openapi.json").await.json()));
}

#[tokio::test]
async fn streams_are_no_executions() {
    let site = site();
    let (http, _server) = serving(&site).await;
    let created = http.put("/v1/stream/a/b?x=1", &[], "hello").await.is(201);
    assert!(created.header("location").ends_with("/v1/stream/a/b"), "{created:?}");
    assert_eq!(http.get("/v1/executions").await.json()["executions"], json!([]));
    let supervisor = http.get("/v1/supervisor").await.json();
    assert_eq!(supervisor["actors"]["live"], 0);
    // Its tag has its id; nobody gets at it as an execution.
    let tag = http.get("/v1/stream/a/b").await.header("etag").to_owned();
    let id = tag.trim_matches('"').split(':').next().expect("an id").to_owned();
    for path in ["", "/events", "/stream", "/explain"] {
        http.get(&format!("/v1/executions/{id}{path}")).await.is(404);
    }
    for path in ["/v1/stream/", "/v1/stream/__ds/subscriptions/x"] {
        http.put(path, &[], "").await.is(404);
    }
    let foreign = [("host", "elsewhere.example")];
    assert_eq!(http.put("/v1/stream/c", &foreign, "").await.status, 403);
    http.head("/v1/stream/c").await.is(404);
    // A page that is not listed learns that it may not, preflight or not.
    let page = [("origin", "https://elsewhere.example"), ("access-control-request-method", "PUT")];
    let told = http.send(Method::OPTIONS, "/v1/stream/c", &page, "").await.is(204);
    assert_eq!(told.header("access-control-allow-origin"), "");
    assert_eq!(http.put("/v1/stream/c", &page[..1], "").await.status, 403);
    http.send(Method::OPTIONS, "/v1/executions", &page, "").await.is(403);
    let patched = http.send(Method::PATCH, "/v1/stream/a/b", &[], "").await.is(405);
    assert_eq!(patched.header("allow"), "GET, HEAD, PUT, POST, DELETE");
}

#[tokio::test]
async fn bounds_refuse_and_change_nothing() {
    let site = site()
        .with("HEARTLINE_STREAMS_MAX_STREAMS", 1)
        .with("HEARTLINE_STREAMS_MAX_PRODUCERS", 1)
        .with("HEARTLINE_STREAMS_APPEND_BYTES", "1KiB")
        .with("HEARTLINE_STREAMS_APPEND_MESSAGES", 3);
    let (http, _server) = serving(&site).await;
    let json = [("content-type", "application/json")];
    http.send(Method::PUT, "/v1/stream/a", &json, "").await.is(201);
    let tail = http.head("/v1/stream/a").await.next();
    let full = http.put("/v1/stream/b", &[], "").await.is(503);
    assert!(full.json()["detail"].as_str().is_some_and(|d| d.contains("streams.max_streams")));
    let post = |body: String| {
        let http = &http;
        async move { http.send(Method::POST, "/v1/stream/a", &json, &body).await }
    };
    post(format!("\"{}\"", "x".repeat(1024))).await.is(413);
    post("[1,2,3,4]".to_owned()).await.is(413);
    for wrong in ["{", "[]", "[1] 2"] {
        post(wrong.to_owned()).await.is(400);
    }
    assert_eq!(http.head("/v1/stream/a").await.next(), tail);
    for (id, status) in [("p", 200), ("q", 409)] {
        let headers = [&json[..], &super::client::producer(id, "0", "0")].concat();
        http.send(Method::POST, "/v1/stream/a", &headers, "[1,2]").await.is(status);
    }
    assert_eq!(http.get("/v1/stream/a").await.text(), "[1,2]");
}

#[tokio::test]
async fn a_read_is_bounded_and_the_next_goes_on() {
    let site = site().with("HEARTLINE_STREAMS_READ_BYTES", "4KiB");
    let (http, _server) = serving(&site).await;
    http.put("/v1/stream/a", &[], "").await.is(201);
    let line = "x".repeat(999) + "\n";
    for _ in 0..600 {
        // More than a page of the log has events, so that there is a second one.
        http.append("/v1/stream/a", &[], &line).await.is(204);
    }
    let (mut at, mut whole, mut reads) = ("-1".to_owned(), String::new(), 0);
    loop {
        let read = http.get(&format!("/v1/stream/a?offset={at}")).await.is(200);
        whole += &read.text();
        at = read.next();
        reads += 1;
        if read.header("stream-up-to-date") == "true" {
            break;
        }
        assert!(read.header("cache-control").contains("max-age"), "it never changes");
    }
    assert_eq!(whole, line.repeat(600));
    assert!(reads > 1);
}

#[tokio::test]
async fn a_deleted_stream_ends_its_readers_and_its_path_begins_anew() {
    let site = site();
    let (http, _server) = serving(&site).await;
    http.put("/v1/stream/a", &[], "old").await.is(201);
    let tail = http.head("/v1/stream/a").await.next();
    let live = format!("/v1/stream/a?offset={tail}&live=sse");
    let stream = http.begin(Method::GET, &live, &[], "").await.expect("a stream");
    let tag = http.get("/v1/stream/a").await.header("etag").to_owned();
    http.delete("/v1/stream/a").await.is(204);
    let text = stream.text().await.expect("it ends");
    assert!(!text.contains("streamClosed"), "{text}");
    http.get("/v1/stream/a").await.is(404);
    http.delete("/v1/stream/a").await.is(404);
    http.put("/v1/stream/a", &[], "new").await.is(201);
    let read = http.send(Method::GET, "/v1/stream/a", &[("if-none-match", &tag)], "").await;
    assert_eq!(read.is(200).text(), "new", "the old tag is another stream's");
}

#[tokio::test]
async fn a_stream_whose_time_is_over_is_removed() {
    let site = site().with("HEARTLINE_STREAMS_SWEEP_INTERVAL", "20ms");
    let (http, mut server) = serving(&site).await;
    http.put("/v1/stream/a", &[("stream-ttl", "1")], "x").await.is(201);
    http.put("/v1/stream/kept", &[("stream-ttl", "3600")], "x").await.is(201);
    http.until("/v1/stream/a", StatusCode::NOT_FOUND).await;
    // And one whose time is over while nobody is there.
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(500);
    let at = at.to_string();
    http.put("/v1/stream/b", &[("stream-expires-at", &at)], "x").await.is(201);
    server.kill().await;
    let _server = site.start().await;
    http.until("/v1/stream/b", StatusCode::NOT_FOUND).await;
    assert_eq!(http.head("/v1/stream/kept").await.is(200).header("stream-ttl"), "3600");
    http.put("/v1/stream/b", &[], "again").await.is(201);
    assert_eq!(http.get("/v1/stream/b").await.text(), "again");
}
