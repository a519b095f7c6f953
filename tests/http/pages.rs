//! Web pages of other origins: those on the list are let in as browsers ask for it, others are not.

use serde_json::json;

use crate::{
    raw::{self, JSON},
    server::Server,
};

const LISTED: &str = "https://app.example";
const ORIGIN: &str = "Origin: https://app.example";

fn server() -> Server {
    Server::with(|config| config.server.allowed_origins = vec![LISTED.to_owned()])
}

async fn ask(server: &Server, method: &str, path: &str, headers: &[&str]) -> raw::Answer {
    raw::send(server.address, &raw::request(server.address, method, path, headers, b"")).await
}

/// A page of the listed origin may read this answer, and a cache must not give it to another.
#[track_caller]
fn assert_let_in(answer: &raw::Answer) {
    assert_eq!(answer.headers["access-control-allow-origin"], LISTED, "{answer:?}");
    assert_eq!(answer.headers["vary"], "Origin", "{answer:?}");
    let exposed = &answer.headers["access-control-expose-headers"];
    for name in ["etag", "location", "retry-after", "idempotency-replayed", "x-request-id"] {
        assert!(exposed.split(", ").any(|known| known == name), "{name}: {exposed}");
    }
    assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{answer:?}");
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_read_every_answer() {
    let server = server();
    let (id, _) = server.completed().await;
    let execution = format!("/v1/executions/{id}");
    for (path, status) in
        [(&*execution, 200), ("/v1/executions/aex_1", 404), ("/nowhere", 404), ("/livez?x=1", 400)]
    {
        let answer = ask(&server, "GET", path, &[ORIGIN]).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_let_in(&answer);
    }
    let body = json!({"kind": "agent", "name": "by a page"}).to_string();
    let headers = [ORIGIN, JSON, "Idempotency-Key: k"];
    let post = raw::request(server.address, "POST", "/v1/executions", &headers, body.as_bytes());
    let answer = raw::send(server.address, &post).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_let_in(&answer);

    let events = format!("{execution}/events");
    let stream = ask(&server, "GET", &events, &[ORIGIN, "Accept: text/event-stream"]).await;
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    assert_let_in(&stream);
    assert!(stream.text().contains("execution.completed"), "{stream:?}");
}

#[tokio::test]
async fn a_preflight_of_a_listed_origin_is_told_what_is_allowed() {
    let server = server();
    let asks = [
        ORIGIN,
        "Access-Control-Request-Method: PATCH",
        "Access-Control-Request-Headers: content-type,if-match",
    ];
    let answer = ask(&server, "OPTIONS", "/v1/executions/aex_1", &asks).await;
    assert_eq!((answer.status, &*answer.text()), (204, ""), "{answer:?}");
    assert_let_in(&answer);
    let methods = &answer.headers["access-control-allow-methods"];
    for method in ["GET", "HEAD", "POST", "PATCH", "DELETE"] {
        assert!(methods.split(", ").any(|known| known == method), "{method}: {methods}");
    }
    let headers = &answer.headers["access-control-allow-headers"];
    for name in ["content-type", "idempotency-key", "if-match", "last-event-id"] {
        assert!(headers.split(", ").any(|known| known == name), "{name}: {headers}");
    }
    assert!(answer.headers["access-control-max-age"].parse::<u32>().unwrap() > 0);
    // No preflight, and no route either.
    assert_eq!(ask(&server, "OPTIONS", "/livez", &[ORIGIN]).await.status, 405);
}

#[tokio::test]
async fn a_page_of_any_other_origin_is_refused_and_told_nothing() {
    let server = server();
    let asks = ["Origin: https://evil.example", "Access-Control-Request-Method: GET"];
    for (method, headers) in [("GET", &asks[..1]), ("OPTIONS", &asks[..])] {
        let answer = ask(&server, method, "/livez", headers).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        assert_eq!(answer.json()["code"], "origin_not_allowed");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{answer:?}");
        assert_eq!(answer.headers["vary"], "Origin");
    }
    // The server's own page and clients that are no pages have no need of it.
    let own = format!("Origin: http://{}", server.address);
    for headers in [&[&*own][..], &[]] {
        let answer = ask(&server, "GET", "/livez", headers).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{answer:?}");
    }
}
