//! `/v1/ws` with a filter: live lists, from their first rows to what enters, changes and leaves.

use serde_json::{Value, json};

use crate::{
    raw,
    server::Server,
    sockets::{Socket, ops},
};

/// `op`, execution, seq.
fn told(frame: &Value) -> (&str, &str, u64) {
    let text = |name: &str| frame[name].as_str().unwrap_or_else(|| panic!("{name} of {frame}"));
    (text("op"), text("execution"), frame["seq"].as_u64().expect("a seq"))
}

async fn complete(server: &Server, id: &str, lease: &str) {
    server.post(&format!("/v1/executions/{id}/complete"), &json!({"lease": lease}), 200).await;
}

#[tokio::test]
async fn a_list_shows_what_is_there_and_then_what_enters_changes_and_leaves() {
    let server = Server::start();
    let (older, lease) = server.started().await;
    let elsewhere = server.create(json!({"queue": "elsewhere"})).await;
    let newer = server.create(json!({"labels": {"team": "x"}})).await;
    let mut socket = Socket::open(&server, "").await;
    socket
        .say(json!({"op": "subscribe", "id": 7, "filter": {"queue": "agents", "kind": "agent"}}))
        .await;
    assert_eq!(socket.next().await, json!({"op": "subscribed", "id": 7, "limit": 50}));
    let rows = socket.until("listed").await;
    assert_eq!(ops(&rows), ["enter", "enter", "listed"]);
    assert_eq!(told(&rows[0]), ("enter", &*newer, 1));
    assert_eq!(told(&rows[1]), ("enter", &*older, 2));
    assert_eq!(rows[0]["state"]["labels"]["team"], "x");
    assert_eq!(rows[1]["state"]["phase"], "in_progress");
    assert_eq!(rows[2], json!({"op": "listed", "id": 7, "next_cursor": null}));

    let newest = server.create(json!({})).await;
    let entered = socket.next().await;
    assert_eq!((told(&entered), &entered["id"]), (("enter", &*newest, 1), &json!(7)));
    server.post(&format!("/v1/executions/{elsewhere}/cancel"), &json!({}), 200).await;
    server.say(&older, &lease, "content is no change of a row").await;
    complete(&server, &older, &lease).await;
    let changed = socket.next().await;
    assert_eq!(told(&changed), ("change", &*older, 4));
    assert_eq!(changed["state"]["phase"], "completed");
    let path = format!("/v1/executions/{older}");
    let purge = raw::request(server.address, "DELETE", &path, &[], b"");
    assert_eq!(raw::send(server.address, &purge).await.status, 204);
    let left = json!({"op": "leave", "id": 7, "execution": older, "seq": 4, "phase": null});
    assert_eq!(socket.next().await, left);
    socket.say(json!({"op": "unsubscribe", "id": 7})).await;
    assert_eq!(socket.next().await["op"], "unsubscribed");
}

#[tokio::test]
async fn an_execution_enters_and_leaves_a_list_by_its_phase_and_its_events_are_shown_if_asked() {
    let server = Server::start();
    let mut socket = Socket::open(&server, "").await;
    let subscribe = json!({
        "op": "subscribe", "id": "l", "filter": {"phase": "in_progress"}, "view": "status"
    });
    socket.say(subscribe).await;
    assert_eq!(ops(&socket.until("listed").await), ["subscribed", "listed"]);
    let (id, lease) = server.started().await;
    let entered = socket.until("enter").await;
    assert_eq!(ops(&entered), ["event", "enter"]);
    assert_eq!(entered[0]["event"]["type"], "execution.started");
    assert_eq!(told(&entered[1]), ("enter", &*id, 2));
    server.say(&id, &lease, "hidden").await;
    complete(&server, &id, &lease).await;
    let left = socket.until("leave").await;
    assert_eq!(ops(&left), ["event", "leave"]);
    let event = &left[0]["event"];
    assert_eq!((&event["seq"], &event["prev"]), (&json!(4), &json!(2)), "an unbroken chain");
    assert_eq!(left[1]["phase"], "completed");
}

#[tokio::test]
async fn a_list_begins_with_as_many_rows_as_asked_for_and_says_where_the_rest_is() {
    let server = Server::start();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(server.create(json!({"name": "one of five"})).await);
    }
    let mut socket = Socket::open(&server, "").await;
    let subscribe =
        json!({"op": "subscribe", "id": 1, "limit": 2, "filter": {"name": "one of five"}});
    socket.say(subscribe).await;
    let rows = socket.until("listed").await;
    assert_eq!(ops(&rows), ["subscribed", "enter", "enter", "listed"]);
    let cursor = rows[3]["next_cursor"].as_str().expect("a cursor");
    let rest = server.get(&format!("/v1/executions?name=one+of+five&cursor={cursor}")).await;
    let rest = rest["executions"].as_array().expect("rows");
    let seen = rows[1..3].iter().map(|row| &row["execution"]).chain(rest.iter().map(|r| &r["id"]));
    assert_eq!(seen.collect::<Vec<_>>(), ids.iter().rev().collect::<Vec<_>>());
    // One beyond the first rows still enters, changes and leaves.
    server.post(&format!("/v1/executions/{}/cancel", ids[0]), &json!({}), 200).await;
    assert_eq!(told(&socket.next().await).1, ids[0]);
}

#[tokio::test]
async fn what_a_list_cannot_show_is_told() {
    let server = Server::start();
    let mut socket = Socket::open(&server, "").await;
    for (frame, pointer) in [
        (json!({"op": "subscribe", "id": 1, "filter": {"phase": "done"}}), "/filter/phase"),
        (json!({"op": "subscribe", "id": 1, "filter": {"queu": "q"}}), "/filter/queu"),
        (json!({"op": "subscribe", "id": 1, "filter": []}), "/filter"),
        (json!({"op": "subscribe", "id": 1, "filter": ["failed"]}), "/filter"),
        (json!({"op": "subscribe", "id": 1, "filter": {}, "limit": 0}), "/limit"),
        (json!({"op": "subscribe", "id": 1, "filter": {}, "limit": 1001}), "/limit"),
        (json!({"op": "subscribe", "id": 1, "filter": {}, "view": "agui"}), "/view"),
        (json!({"op": "subscribe", "id": 1, "filter": {"since": "soon"}}), "/filter/since"),
    ] {
        socket.say(&frame).await;
        let error = socket.next().await;
        assert_eq!(error["problem"]["errors"][0]["pointer"], pointer, "{frame}: {error}");
        assert_eq!(error["id"], 1);
    }
}
