//! A graceful stop: SIGTERM under load. What was acknowledged is there, waits are answered,
//! watchers see a clean end of their connection, and everybody can go on with the next server.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use serde_json::json;
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use super::{
    api::{Api, Lease, Request},
    log::{self, Event},
    server::{PATIENCE, Site},
    sse::Messages,
};

const WRITERS: usize = 6;
/// Acknowledged in all before the stop.
const BEFORE: u64 = 300;
/// The server's own patience with open connections; it must not need it.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(25);

/// A writer's last word.
struct Written {
    lease: Lease,
    /// The seq of each acknowledged batch, by its number less one.
    acknowledged: Vec<u64>,
}

fn batch(lease: &Lease, number: u64) -> Request {
    let events = format!(r#"[{{"type":"CUSTOM","data":{{"name":"n","value":{number}}}}}]"#);
    Request::events(lease, number, &events)
}

/// Writes one batch after the other until one is not acknowledged.
async fn write(api: Api, lease: Lease, total: Arc<watch::Sender<u64>>) -> Written {
    let mut acknowledged = Vec::new();
    loop {
        let number = acknowledged.len() as u64 + 1;
        match api.send(&batch(&lease, number)).await {
            Ok(answer) if answer.status == 200 => {
                acknowledged.push(answer.seq());
                total.send_modify(|total| *total += 1);
            }
            Ok(answer) => {
                assert_eq!((answer.status, &*answer.code()), (503, "shutting_down"), "{answer:?}");
                return Written { lease, acknowledged };
            }
            Err(_) => return Written { lease, acknowledged },
        }
    }
}

/// Reads a stream to its end, which must be that of a whole response.
async fn follow_stream(api: Api, execution: String) -> Vec<Event> {
    let path = format!("/v1/executions/{execution}/events");
    let request = Request::get(path).with("Accept", "text/event-stream");
    let mut response = api.open(&request).await.expect("the server is up");
    let (mut messages, mut events) = (Messages::default(), Vec::new());
    while let Some(chunk) = response.chunk().await.expect("the stream is not cut off") {
        for message in messages.add(&chunk) {
            assert_eq!(message.name, "", "it is not over: {message:?}");
            events.push(Event::read(&execution, &message.data));
        }
    }
    events
}

/// Reads a socket to its close frame.
async fn follow_socket(address: String, execution: String) -> (Vec<Event>, CloseCode) {
    let url = format!("ws://{address}/v1/ws?execution={execution}&after=0");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("the server is up");
    let mut events = Vec::new();
    while let Some(message) = socket.next().await {
        match message.expect("the socket is closed, not cut off") {
            Message::Text(text) => {
                // The bytes of the event stand in the frame as they are.
                if let Some(event) = text.strip_prefix(r#"{"op":"event","event":"#) {
                    let event = event.strip_suffix('}').expect("an object ends");
                    events.push(Event::read(&execution, event));
                }
            }
            Message::Close(frame) => {
                return (events, frame.expect("it says why").code);
            }
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
    panic!("the socket ended without a close frame");
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_keeps_its_word_and_leaves_cleanly() {
    let site =
        Site::new().with("HEARTLINE_SERVER_SHUTDOWN_TIMEOUT", format!("{SHUTDOWN_TIMEOUT:?}"));
    let mut server = site.start().await;
    let api = site.api();
    let total = Arc::new(watch::Sender::new(0));
    let (mut writers, mut streams, mut sockets) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for number in 0..WRITERS {
        let body = json!({"kind": "agent", "name": "busy", "queue": "busy"});
        api.ask(&Request::create(&body, &format!("key-{number}"))).await.ok();
        let lease = api.ask(&Request::claim("busy", "runner", "5s")).await.lease().expect("work");
        let id = lease.execution.clone();
        streams.spawn(follow_stream(site.api(), id.clone()));
        sockets.spawn(follow_socket(site.address(), id));
        writers.spawn(write(site.api(), lease, Arc::clone(&total)));
    }
    // Waits that nothing will end but the stop.
    let idle = json!({"kind": "agent", "name": "idle", "queue": "nobody"});
    let idle = api.ask(&Request::create(&idle, "idle")).await.ok()["execution"]["id"].clone();
    let idle = idle.as_str().expect("an id").to_owned();
    let mut waits = JoinSet::new();
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    for wait in [Request::claim("empty", "waiting", "50s"), log::page(&idle, 1, "&wait=50s")] {
        let (api, outcomes) = (site.api(), Arc::clone(&outcomes));
        waits.spawn(async move {
            let answer = api.send(&wait).await;
            outcomes.lock().expect("nobody panics with it").push(answer);
        });
    }

    let mut acknowledged = total.subscribe();
    let enough = timeout(PATIENCE, acknowledged.wait_for(|total| *total >= BEFORE)).await;
    drop(enough.expect("the writers are at work").expect("the writers are at work"));
    let asked = Instant::now();
    server.terminate();
    let status = server.ended().await;
    let took = asked.elapsed();
    assert_eq!(status.code(), Some(0), "{status}: {}", server.tail());
    assert!(took < SHUTDOWN_TIMEOUT, "it waited {took:?} for connections it should have closed");
    site.assert_no_errors_logged();

    waits.join_all().await;
    for answer in outcomes.lock().expect("nobody panics with it").iter() {
        let status = answer.as_ref().map(|answer| answer.status);
        assert!(matches!(status, Ok(200 | 204 | 503)), "a wait was cut off: {answer:?}");
    }
    let seen: Vec<_> = streams.join_all().await;
    let (seen_on_sockets, codes): (Vec<_>, Vec<_>) = sockets.join_all().await.into_iter().unzip();
    assert!(codes.iter().all(|code| *code == CloseCode::Away), "1001 is a stop: {codes:?}");
    let written = writers.join_all().await;

    let _server = site.start().await;
    let api = site.api();
    let boot = &api.supervisor().await["boot"];
    assert_eq!((&boot["leases_in_grace"], &boot["queued"]), (&json!(WRITERS), &json!(1)), "{boot}");
    for Written { lease, acknowledged } in &written {
        let log = log::read(&api, &lease.execution).await;
        for (index, seq) in acknowledged.iter().enumerate() {
            let number = index as u64 + 1;
            let event = log.iter().find(|event| event.seq == *seq).expect("it was acknowledged");
            assert_eq!(event.data(), json!({"name": "n", "value": number}), "{}", event.json);
        }
        // One more batch may have become durable without its writer being told: the retry says.
        let next = acknowledged.len() as u64 + 1;
        let seq = api.ask(&batch(lease, next)).await.seq();
        assert_eq!(seq, acknowledged.last().map_or(2, |last| *last) + 1, "once, and next");
    }
    for events in seen.iter().chain(&seen_on_sockets) {
        let execution = events.first().expect("a watcher saw something").data();
        assert!(execution.is_object());
        let of: serde_json::Value = serde_json::from_str(&events[0].json).expect("it was read");
        let log = log::read(&api, of["execution_id"].as_str().expect("an id")).await;
        for (seen, is) in events.iter().zip(&log) {
            assert_eq!(seen.json, is.json, "what a watcher saw is the log");
        }
    }
}
