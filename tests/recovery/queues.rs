//! What is set on a queue, and what it counts, after a kill.

use serde_json::json;

use super::{
    api::{Api, Request},
    disk::{Faults, ready, refused},
    server::Site,
};

async fn queue(api: &Api) -> serde_json::Value {
    api.ask(&Request::get("/v1/queues/q")).await.ok()
}

async fn claims(api: &Api) -> bool {
    api.ask(&Request::claim("q", "runner", "0s")).await.lease().is_some()
}

#[tokio::test]
async fn pause_and_limits_stand_as_soon_as_they_are_acknowledged_and_so_do_the_counts() {
    let site = Site::new();
    let mut server = site.start().await;
    let api = site.api();
    let limits = json!({"max_in_progress": 2, "key_max_in_progress": 1});
    api.ask(&Request::patch("/v1/queues/q", &limits)).await.ok();
    for (key, name) in [("a", "1"), ("a", "2"), ("b", "3"), ("c", "4")] {
        let body = json!({"kind": "agent", "name": name, "queue": "q", "concurrency_key": key});
        api.ask(&Request::create(&body, name)).await.ok();
    }
    let lease = api.ask(&Request::claim("q", "runner", "0s")).await.lease().expect("work");
    server.kill().await;

    let mut server = site.start().await;
    let shown = queue(&api).await;
    assert_eq!(
        (&shown["limits"]["max_in_progress"], &shown["in_progress"]),
        (&json!(2), &json!(1))
    );
    // One of two slots is taken, and key a is at its limit.
    assert!(claims(&api).await);
    assert!(!claims(&api).await);
    assert_eq!(queue(&api).await["busiest_keys"][0]["in_progress"], 1);
    let pause = json!({"paused": true, "by": "ann", "reason": "deploy"});
    api.ask(&Request::patch("/v1/queues/q", &pause)).await.ok();
    api.ask(&Request::under(&lease, "complete", json!({}))).await.ok();
    server.kill().await;

    let _server = site.start().await;
    let shown = queue(&api).await;
    assert_eq!((&shown["paused"], &shown["pause"]["reason"]), (&json!(true), &json!("deploy")));
    assert!(!claims(&api).await, "there is room, and it is paused");
    api.ask(&Request::patch("/v1/queues/q", &json!({"paused": false}))).await.ok();
    assert!(claims(&api).await);
    assert!(!claims(&api).await);
    site.assert_no_errors_logged();
}

#[tokio::test]
async fn a_rate_is_not_exceeded_by_a_start() {
    let site = Site::new();
    let mut server = site.start().await;
    let api = site.api();
    let rate = json!({"rate": {"per_second": 0.01, "burst": 3}});
    api.ask(&Request::patch("/v1/queues/q", &rate)).await.ok();
    let body = json!({"kind": "agent", "name": "n", "queue": "q"});
    api.ask(&Request::create(&body, "k")).await.ok();
    server.kill().await;
    let _server = site.start().await;
    assert!(!claims(&api).await, "nobody knows what was claimed before the start");
    let shown = queue(&api).await;
    assert_eq!((&shown["depth"], &shown["held"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_setting_that_the_disk_refused_comes_back_as_the_disk_has_it_with_nobody_else_writing() {
    let faults = Faults::compile();
    let site = faults.under(Site::new().with("HEARTLINE_JOURNAL_RECOVER_INTERVAL", "50ms"));
    let mut server = site.start().await;
    let api = site.api();
    let set = |body| Request::patch("/v1/queues/q", &body);
    let settings = async || {
        let shown = queue(&api).await;
        (shown["paused"].clone(), shown["limits"]["max_in_progress"].clone())
    };
    for (fault, limit) in [("sync", 2), ("write", 3)] {
        api.ask(&set(json!({"paused": false, "max_in_progress": limit}))).await.ok();
        faults.begin(fault);
        let problem = refused(&api, &set(json!({"paused": true}))).await;
        assert_eq!(problem["code"], "store_unavailable", "{problem}");
        ready(&api, 503).await;
        assert_eq!(settings().await, (json!(false), json!(limit)), "shown and not durable");
        faults.end();
        ready(&api, 200).await;
        // Whether the pause was written nobody knows; but it is one or the other, for good.
        let shown = settings().await;
        server.kill().await;
        server = site.start().await;
        assert_eq!(settings().await, shown, "after {fault}");
        assert_eq!(shown.1, limit);
    }
    api.ask(&set(json!({"paused": true}))).await.ok();
    assert_eq!(settings().await.0, true);
    site.assert_nothing_panicked();
}
