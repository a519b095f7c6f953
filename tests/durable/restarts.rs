//! What was acknowledged of a plain stream is there after SIGKILL, once, and the rules go on from
//! where they were.

use reqwest::Method;

use super::{
    client::{Http, producer},
    streams::{serving, site},
};

#[tokio::test]
async fn messages_producers_and_order_survive_a_kill() {
    // Snapshots now and then, so that a state is read from one and from the notes behind it.
    let site = site().with("HEARTLINE_EXECUTION_SNAPSHOT_EVERY", 7);
    let (http, mut server) = serving(&site).await;
    http.put("/v1/stream/a", &[("stream-ttl", "3600")], "begin ").await.is(201);
    let mut whole = "begin ".to_owned();
    for seq in 0..20 {
        let (text, seq) = (format!("{seq} "), seq.to_string());
        http.append("/v1/stream/a", &producer("p", "3", &seq), &text).await.is(200);
        whole += &text;
    }
    http.append("/v1/stream/a", &[("stream-seq", "b")], "ordered").await.is(204);
    whole += "ordered";
    let tail = http.head("/v1/stream/a").await.next();
    server.kill().await;

    let mut server = site.start().await;
    let read = http.get("/v1/stream/a").await.is(200);
    assert_eq!((read.text(), read.next()), (whole.clone(), tail.clone()));
    assert_eq!(http.get("/v1/supervisor").await.json()["boot"]["recovered"], 0);
    // A repeat is known, a zombie is fenced, a gap is seen, and the order holds.
    let again = http.append("/v1/stream/a", &producer("p", "3", "19"), "19 ").await.is(204);
    assert_eq!((again.next(), again.header("producer-seq")), (tail.clone(), "19"));
    let zombie = http.append("/v1/stream/a", &producer("p", "2", "0"), "zombie").await.is(403);
    assert_eq!(zombie.header("producer-epoch"), "3");
    let gap = http.append("/v1/stream/a", &producer("p", "3", "21"), "gap").await.is(409);
    assert_eq!(gap.header("producer-expected-seq"), "20");
    http.append("/v1/stream/a", &[("stream-seq", "a")], "late").await.is(409);
    http.put("/v1/stream/a", &[("stream-ttl", "3600")], "").await.is(200);
    http.put("/v1/stream/a", &[("stream-ttl", "60")], "").await.is(409);
    let end = [&producer("p", "3", "20")[..], &[("stream-closed", "true")]].concat();
    http.append("/v1/stream/a", &end, "end").await.is(200);
    server.kill().await;

    let _server = site.start().await;
    let read = http.get("/v1/stream/a").await.is(200);
    assert_eq!(read.text(), whole + "end");
    assert!(read.is_closed());
    let again = http.append("/v1/stream/a", &end, "end").await.is(204);
    assert!(again.is_closed());
    let more = http.append("/v1/stream/a", &[], "more").await.is(409);
    assert!(more.is_closed() && more.next() == read.next());
}

/// The server dies between the disk and the answer; the producer cannot know, and asks again.
#[tokio::test]
async fn a_repeat_after_a_lost_answer_counts_once() {
    for (point, first) in [("before_commit:2", 200), ("after_commit:2", 204)] {
        let site = site();
        let mut server = site.start_doomed(point).await;
        let http = Http::to(&site);
        http.put("/v1/stream/a", &[], "").await.is(201);
        let headers = [&[("content-type", "text/plain")][..], &producer("p", "0", "0")].concat();
        let lost = http.try_send(Method::POST, "/v1/stream/a", &headers, "once").await;
        assert!(lost.is_err(), "{lost:?}");
        server.killed().await;
        let _server = site.start().await;
        http.append("/v1/stream/a", &producer("p", "0", "0"), "once").await.is(first);
        http.append("/v1/stream/a", &producer("p", "0", "0"), "once").await.is(204);
        assert_eq!(http.get("/v1/stream/a").await.text(), "once", "{point}");
    }
}

#[tokio::test]
async fn forks_and_what_is_kept_for_them_survive_a_kill() {
    let site = site();
    let (http, mut server) = serving(&site).await;
    http.put("/v1/stream/root", &[], "one ").await.is(201);
    let at = http.append("/v1/stream/root", &[], "two ").await.is(204).next();
    http.append("/v1/stream/root", &[], "three ").await.is(204);
    let fork = |from: &'static str, sub| {
        [
            ("stream-forked-from", from),
            ("stream-fork-offset", at.as_str()),
            ("stream-fork-sub-offset", sub),
        ]
    };
    http.put("/v1/stream/fork", &fork("/v1/stream/root", "2"), "").await.is(201);
    http.append("/v1/stream/fork", &[], "!").await.is(204);
    http.delete("/v1/stream/root").await.is(204);
    server.kill().await;

    let mut server = site.start().await;
    assert_eq!(http.get("/v1/stream/fork").await.text(), "one two th!");
    http.get("/v1/stream/root").await.is(410);
    http.put("/v1/stream/root", &[], "").await.is(409);
    http.delete("/v1/stream/fork").await.is(204);
    http.until("/v1/stream/root", reqwest::StatusCode::NOT_FOUND).await;
    server.kill().await;

    let _server = site.start().await;
    // What was kept for a fork goes after it; if the kill came between, it goes at the start.
    for path in ["/v1/stream/root", "/v1/stream/fork"] {
        http.head(path).await.is(404);
    }
}

/// Streams are there again when they are switched on again, and in nobody's way meanwhile.
#[tokio::test]
async fn a_server_without_streams_leaves_them_alone() {
    let on = site();
    let (http, mut server) = serving(&on).await;
    http.put("/v1/stream/a", &[], "kept").await.is(201);
    server.kill().await;
    let mut server = on.launch(&[("HEARTLINE_STREAMS_ENABLED", "false")]);
    server.ready().await;
    http.get("/v1/stream/a").await.is(404);
    assert_eq!(http.get("/v1/supervisor").await.json()["boot"]["recovered"], 0);
    server.kill().await;
    let _server = on.start().await;
    assert_eq!(http.get("/v1/stream/a").await.is(200).text(), "kept");
}
