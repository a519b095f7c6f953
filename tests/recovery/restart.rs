//! What a restart owes to those who were at work or waiting: deadlines armed again, leases with a
//! grace, questions still open, and a report of all that.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    api::{Api, Lease, Request},
    log,
    server::Site,
};

const QUEUE: &str = "restart";

/// Short enough to wait for, and longer than it takes to ask a new server something.
const GRACE: SignedDuration = SignedDuration::from_millis(700);

fn site() -> Site {
    Site::new().with("HEARTLINE_SUPERVISION_BOOT_GRACE", "700ms")
}

/// An execution with `more` in its creation.
async fn create(api: &Api, name: &str, more: Value) -> String {
    let answer = api.ask(&creation(name, more)).await;
    answer.ok()["execution"]["id"].as_str().expect("an id").to_owned()
}

fn creation(name: &str, more: Value) -> Request {
    let mut body = json!({"kind": "workflow", "name": name, "queue": QUEUE});
    let all = body.as_object_mut().expect("it is one");
    all.extend(more.as_object().expect("it is one").clone());
    Request::create(&body, name)
}

async fn claim(api: &Api) -> Lease {
    let answer = api.ask(&Request::claim(QUEUE, "runner", "20s")).await;
    answer.lease().expect("there is work")
}

async fn is_nothing_to_claim(api: &Api) -> bool {
    api.ask(&Request::claim(QUEUE, "runner", "0s")).await.lease().is_none()
}

fn proof(lease: &Lease, batch: u64) -> Request {
    Request::events(lease, batch, r#"[{"type":"CUSTOM","data":{"name":"proof","value":1}}]"#)
}

async fn started_at(api: &Api) -> Timestamp {
    let view = api.supervisor().await;
    view["started_at"].as_str().expect("an instant").parse().expect("RFC 3339")
}

/// An error that names its reason and tells of the restart.
#[track_caller]
fn assert_tells_of_the_restart(error: &Value, reason: &str) {
    assert_eq!(error["code"], reason, "{error}");
    let detail = error["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("The server restarted at"), "{error}");
    assert!(error["message"].is_string() && error["hint"].is_string(), "{error}");
}

#[tokio::test]
async fn a_deadline_that_passed_while_the_server_was_down_fires_after_the_boot_grace() {
    let site = site();
    let mut server = site.start_doomed("after_commit:1").await;
    // It is due before any server could be back.
    let request = creation("late", json!({"timeouts": {"schedule_to_start": "10ms"}}));
    let lost = site.api().send(&request).await;
    assert!(lost.is_err(), "{lost:?}");
    server.killed().await;

    let _server = site.start().await;
    let api = site.api();
    let id = create(&api, "late", json!({"timeouts": {"schedule_to_start": "10ms"}})).await;
    let failed = log::wait_for_type(&api, &id, "execution.failed").await;
    let started = started_at(&api).await;
    let waited = failed.time.duration_since(started);
    assert!(waited >= GRACE, "it fired {waited} after the start, within the grace");
    assert_eq!(failed.data()["reason"], "schedule_to_start_timeout", "{}", failed.json);
    assert_tells_of_the_restart(&failed.data()["error"], "schedule_to_start_timeout");

    let execution = api.execution(&id).await;
    assert_eq!(execution["phase"], "failed", "{execution}");
    assert_tells_of_the_restart(&execution["error"], "schedule_to_start_timeout");
    let view = api.supervisor().await;
    let boot = &view["boot"];
    let found = ["recovered", "queued", "overdue", "leases_in_grace"].map(|part| &boot[part]);
    assert_eq!(found, [&json!(1), &json!(1), &json!(1), &json!(0)], "{boot}");
    assert_eq!(view["deadlines"]["fired"]["schedule_to_start"], 1, "{view}");
}

#[tokio::test]
async fn progress_that_was_acknowledged_and_too_soon_for_an_event_outlives_the_server() {
    let site = site();
    let mut server = site.start().await;
    let api = site.api();
    let id = create(&api, "busy", json!({})).await;
    let lease = claim(&api).await;
    let beat = |lease: &Lease, page: u64| {
        let progress = json!({"message": "on", "details": {"page": page}});
        Request::under(lease, "heartbeat", json!({"progress": progress}))
    };
    // The first is an event at once; what follows within its second waits for its turn.
    for page in 1..=3 {
        api.ask(&beat(&lease, page)).await.ok();
    }
    // What else becomes durable meanwhile does not take its place.
    api.ask(&Request::by_person(&id, "cancel", json!({"reason": "enough"}))).await.ok();
    server.kill().await;

    let mut server = site.start().await;
    let page = |event: &log::Event| event.data()["details"]["page"].clone();
    let reports = |log: Vec<log::Event>| -> Vec<Value> {
        log.iter().filter(|event| event.kind == "execution.progress").map(page).collect()
    };
    let last = log::wait_for(&api, &id, |event| page(event) == 3).await;
    assert_eq!(last.kind, "execution.progress");
    assert_eq!(reports(log::read(&api, &id).await), [1, 3]);
    // Once it is in the log no start tells it again.
    api.ask(&beat(&lease, 4)).await.ok();
    log::wait_for(&api, &id, |event| page(event) == 4).await;
    server.kill().await;
    let _server = site.start().await;
    api.ask(&beat(&lease, 5)).await.ok();
    log::wait_for(&api, &id, |event| page(event) == 5).await;
    assert_eq!(reports(log::read(&api, &id).await), [1, 3, 4, 5]);
}

#[tokio::test]
async fn a_runner_that_does_not_come_back_has_lost_its_lease_and_everybody_is_told_why() {
    let site = site();
    let mut server = site.start().await;
    let api = site.api();
    let timeouts = json!({"heartbeat": "1s"});
    let once = create(&api, "once", json!({"timeouts": timeouts})).await;
    let lost = claim(&api).await;
    let retry = json!({"max_attempts": 2, "initial_backoff": "10ms"});
    let twice = create(&api, "twice", json!({"timeouts": timeouts, "retry": retry})).await;
    let superseded = claim(&api).await;
    assert_eq!((&lost.execution, &superseded.execution), (&once, &twice));
    server.kill().await;

    let _server = site.start().await;
    let api = site.api();
    let boot = &api.supervisor().await["boot"];
    assert_eq!((&boot["recovered"], &boot["leases_in_grace"]), (&json!(2), &json!(2)), "{boot}");
    // Its clock began anew, which is not to have been heard.
    let explained = api.get(format!("/v1/executions/{once}/explain")).await;
    assert_eq!(explained["cause"], "not_heard_since_restart", "{explained}");
    let failed = log::wait_for_type(&api, &once, "execution.failed").await;
    let waited = failed.time.duration_since(started_at(&api).await);
    assert!(waited >= SignedDuration::from_secs(1), "it had {waited} of its second to come back");
    // It was not heard from since; that it counts from the start is no sign of life.
    let started = started_at(&api).await;
    let untrue = format!("sign of life was at {started:.6}");
    assert!(!failed.json.contains(&untrue), "evidence of nothing: {}", failed.json);
    assert_tells_of_the_restart(&failed.data()["error"], "heartbeat_timeout");
    let next = claim(&api).await;
    assert_eq!((&next.execution, next.attempt), (&twice, 2));
    let failed = log::wait_for_type(&api, &twice, "execution.attempt_failed").await;
    assert_tells_of_the_restart(&failed.data()["error"], "heartbeat_timeout");

    // The one who was given up on is fenced, by a new attempt as by the end, whatever it says.
    for lease in [&superseded, &lost] {
        let error = json!({"error": {"message": "It has found out by itself."}});
        for request in [
            proof(lease, 1),
            Request::under(lease, "heartbeat", json!({})),
            Request::under(lease, "complete", json!({})),
            Request::under(lease, "wait", json!({"prompt": "May I?"})),
            Request::under(lease, "cancelled", json!({})),
            Request::under(lease, "fail", error),
        ] {
            let answer = api.ask(&request).await;
            let told = (answer.status, &*answer.code());
            assert_eq!(told, (409, "lease_superseded"), "{request:?}: {answer:?}");
        }
    }
    api.ask(&Request::under(&next, "complete", json!({}))).await.ok();
    let boot = &api.supervisor().await["boot"];
    let since = ["requeued", "failed", "returned"].map(|part| &boot[part]);
    assert_eq!(since, [&json!(1), &json!(1), &json!(0)], "{boot}");
}

#[tokio::test]
async fn a_runner_that_comes_back_within_its_grace_goes_on_under_its_lease() {
    let site = site();
    let mut server = site.start().await;
    let id = create(&site.api(), "goes on", json!({"timeouts": {"heartbeat": "20s"}})).await;
    let lease = claim(&site.api()).await;
    let first = site.api().ask(&proof(&lease, 1)).await.seq();
    // More than one restart: the lease is as good after each.
    for restart in 1..=3 {
        server.kill().await;
        server = site.start().await;
        let api = site.api();
        let boot = &api.supervisor().await["boot"];
        assert_eq!((&boot["leases_in_grace"], &boot["returned"]), (&json!(1), &json!(0)), "{boot}");
        assert_eq!(boot["epoch"], restart + 1, "{boot}");
        if restart == 2 {
            api.ask(&Request::under(&lease, "heartbeat", json!({}))).await.ok();
        } else {
            assert_eq!(api.ask(&proof(&lease, 1)).await.seq(), first, "a repeat, told as before");
            api.ask(&proof(&lease, restart + 1)).await.ok();
        }
        assert_eq!(api.supervisor().await["boot"]["returned"], 1);
    }
    let api = site.api();
    api.ask(&Request::under(&lease, "complete", json!({}))).await.ok();
    let log = log::read(&api, &id).await;
    let expected = [
        "execution.created",
        "execution.started",
        "CUSTOM",
        "CUSTOM",
        "CUSTOM",
        "execution.completed",
    ];
    assert_eq!(log::types(&log), expected);
    site.assert_no_errors_logged();
}

#[tokio::test]
async fn what_waits_for_a_person_or_for_its_time_still_does_after_a_restart() {
    let site = site();
    let mut server = site.start().await;
    let api = site.api();
    let parked = create(&api, "parked", json!({})).await;
    let lease = claim(&api).await;
    let question = json!({"prompt": "Go on?", "hold": false});
    api.ask(&Request::under(&lease, "wait", question)).await.ok();
    let asking = create(&api, "asking", json!({"timeouts": {"heartbeat": "60s"}})).await;
    let held = claim(&api).await;
    api.ask(&Request::under(&held, "wait", json!({"prompt": "May I?"}))).await.ok();
    let delayed = create(&api, "delayed", json!({"delay": "1h"})).await;
    let retry = json!({"max_attempts": 2, "initial_backoff": "1h", "max_backoff": "1h"});
    let backing_off = create(&api, "backing off", json!({"retry": retry})).await;
    let failing = claim(&api).await;
    let error = json!({"error": {"code": "tired", "message": "Later.", "retryable": true}});
    api.ask(&Request::under(&failing, "fail", error)).await.ok();
    let mut before = Vec::new();
    for id in [&parked, &delayed, &backing_off] {
        before.push(api.execution(id).await);
    }
    server.kill().await;

    let _server = site.start().await;
    let api = site.api();
    let boot = &api.supervisor().await["boot"];
    let found = ["recovered", "queued", "parked", "leases_in_grace"].map(|part| &boot[part]);
    assert_eq!(found, [&json!(4), &json!(2), &json!(1), &json!(1)], "{boot}");
    for execution in &before {
        let id = execution["id"].as_str().expect("an id");
        assert_eq!(api.execution(id).await, *execution, "as it was, its deadline included");
    }
    assert!(is_nothing_to_claim(&api).await, "what is delayed or backing off is not due");

    let yes = json!({"input": {"yes": true}});
    api.ask(&Request::by_person(&asking, "resume", yes.clone())).await.ok();
    api.ask(&Request::under(&held, "complete", json!({}))).await.ok();
    api.ask(&Request::by_person(&parked, "resume", yes)).await.ok();
    let resumed = claim(&api).await;
    assert_eq!((&resumed.execution, resumed.attempt), (&parked, 2));
    for (id, cause) in [(&delayed, "delayed"), (&backing_off, "backing_off")] {
        let explained = api.get(format!("/v1/executions/{id}/explain")).await;
        assert_eq!(explained["cause"], cause, "{explained}");
    }
}

#[tokio::test]
async fn a_cancellation_that_was_asked_for_before_the_restart_is_forced_after_it() {
    let site = site();
    let mut server = site.start().await;
    let api = site.api();
    let id = create(&api, "stubborn", json!({})).await;
    claim(&api).await;
    let cancel = json!({"reason": "enough", "grace": "1s"});
    api.ask(&Request::by_person(&id, "cancel", cancel)).await.ok();
    server.kill().await;

    let _server = site.start().await;
    let api = site.api();
    let cancelled = log::wait_for_type(&api, &id, "execution.cancelled").await;
    assert_eq!(cancelled.data()["reason"], "cancel_timeout", "{}", cancelled.json);
    assert_tells_of_the_restart(&cancelled.data()["error"], "cancel_timeout");
    assert!(cancelled.time.duration_since(started_at(&api).await) >= GRACE, "{}", cancelled.json);
}
