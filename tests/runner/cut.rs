//! A runner whose network is cut while it holds a lease, as when a cable is pulled: nothing says
//! that it is gone, and it does not know of it either. The server gives it up in time, for its
//! silence or because the kernel does, and somebody else gets the work; when the network heals,
//! whatever the runner has still to say is written once or not at all.
//!
//! This takes a network of one's own, in which what comes from one address or goes there is thrown
//! away.

use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    api::{Api, Request},
    log::{self, Event},
    network::{self, ip},
    server::{Server, Site},
    wire::Wire,
};

/// Where the runner is that is cut off, and where the other one is. All of 127.0.0.0/8 is here.
const FAR: &str = "127.0.0.2";
const NEAR: &str = "127.0.0.1";
/// How often a runner is asked for a sign of life.
const BEAT: Duration = Duration::from_millis(250);
/// Silence after which it is given up.
const LOST_AFTER: Duration = Duration::from_secs(2);
/// Within which the kernel gives it up, when it looks, which it does ever more seldom.
const USER_TIMEOUT: Duration = Duration::from_secs(2);
/// What it has to come back.
const GRACE: Duration = Duration::from_secs(1);
/// What a busy machine may add to each of these.
const SLACK: Duration = Duration::from_secs(4);

const BY_SILENCE: &str = "a_runner_that_is_cut_off_is_given_up_for_its_silence_and_fenced";
const BY_KERNEL: &str = "a_runner_that_is_cut_off_is_given_up_by_the_kernel_and_fenced";
const IN_TIME: &str = "a_runner_whose_network_heals_within_the_grace_goes_on_where_it_was";

fn set(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

fn site(lost_after: Duration, user_timeout: Duration, grace: Duration) -> Site {
    Site::new()
        .with("HEARTLINE_SUPERVISION_RUNNER_HEARTBEAT", set(BEAT))
        .with("HEARTLINE_SUPERVISION_RUNNER_LATE_AFTER", "1s")
        .with("HEARTLINE_SUPERVISION_RUNNER_LOST_AFTER", set(lost_after))
        .with("HEARTLINE_SUPERVISION_RUNNER_GRACE", set(grace))
        .with("HEARTLINE_WEBSOCKET_USER_TIMEOUT", set(user_timeout))
}

fn registration(runner: &str) -> Value {
    json!({"op": "register", "runner": {"id": runner}, "queues": ["agents"], "slots": 1})
}

fn cut() {
    for way in ["from", "to"] {
        ip(&format!("rule add pref 10 {way} {FAR} blackhole")).expect("a rule");
    }
}

fn heal() {
    for way in ["from", "to"] {
        ip(&format!("rule del pref 10 {way} {FAR} blackhole")).expect("it is there");
    }
}

/// A server with one execution, which the runner far away holds.
struct Scene {
    site: Site,
    _server: Server,
    api: Api,
    execution: String,
    session: Value,
    lease: Value,
}

impl Scene {
    async fn set(site: Site) -> (Self, Wire) {
        // Ours are asked before the table of local addresses.
        ip("rule add pref 100 lookup local").expect("a rule");
        ip("rule del pref 0").expect("the other one is there");
        let server = site.start().await;
        let api = site.api();
        let (mut far, mut registered) = Wire::register(&site, FAR, registration("far")).await;
        let retry = json!({"max_attempts": 2, "initial_backoff": "10ms"});
        let body = json!({"kind": "agent", "name": "cut", "retry": retry});
        let created = api.ask(&Request::create(&body, "cut")).await.ok();
        let execution = created["execution"]["id"].as_str().expect("an id").to_owned();
        let lease = far.until("lease").await["lease"].take();
        let session = registered["session"].take();
        let scene = Self { site, _server: server, api, execution, session, lease };
        scene.post(&mut far, &scene.lease, 1, "one").await;
        assert_eq!(far.answer(1).await["seq"], 3);
        (scene, far)
    }

    /// Says this of the execution; its answer has the same number.
    async fn say(&self, wire: &mut Wire, lease: &Value, id: u64, mut frame: Value) {
        frame["id"] = json!(id);
        frame["execution"] = json!(self.execution);
        frame["lease"] = lease.clone();
        wire.say(frame).await;
    }

    async fn post(&self, wire: &mut Wire, lease: &Value, batch: u64, text: &str) {
        let data = json!({"messageId": "m", "delta": text});
        let events = json!([{"type": "TEXT_MESSAGE_CONTENT", "data": data}]);
        let frame = json!({"op": "events", "batch": batch, "events": events});
        self.say(wire, lease, batch, frame).await;
    }

    async fn came_to(&self, kind: &str) -> Event {
        log::wait_for_type(&self.api, &self.execution, kind).await
    }

    /// Cuts the runner off for a moment, which costs it nothing, and then for good, each time with
    /// something on its way. What the log says of it at last, and how long that took.
    async fn cut_off(&self, far: &mut Wire) -> (Event, Duration) {
        cut();
        self.post(far, &self.lease, 2, "two").await;
        let last_heard = Instant::now();
        heal();
        assert_eq!(far.answer(2).await["seq"], 4);
        cut();
        self.post(far, &self.lease, 3, "three").await;
        let gone = self.came_to("execution.runner_disconnected").await;
        (gone, last_heard.elapsed())
    }

    /// The runner opens a socket that works, and comes back with all that it had.
    async fn come_back(&self) -> (Wire, Value) {
        let mut register = registration("far");
        register["session"] = self.session.clone();
        register["leases"] = json!([{"execution": self.execution, "lease": self.lease}]);
        let (wire, mut registered) = Wire::register(&self.site, FAR, register).await;
        (wire, registered["leases"].take())
    }

    /// All that is in the log: what was said, and the short names of the other events.
    async fn log(&self) -> Vec<String> {
        let log = log::read(&self.api, &self.execution).await;
        let short = |event: &Event| match event.kind.strip_prefix("execution.") {
            Some(kind) => kind.to_owned(),
            None => event.data()["delta"].as_str().expect("a text").to_owned(),
        };
        log.iter().map(short).collect()
    }
}

/// What becomes of a runner that is cut off for longer than its grace, and is found out in a time
/// `of_silence`.
async fn cut_off_for_long(site: Site, of_silence: RangeInclusive<Duration>) {
    let (scene, mut far) = Scene::set(site).await;
    let (mut near, _) = Wire::register(&scene.site, NEAR, registration("near")).await;
    let (gone, took) = scene.cut_off(&mut far).await;
    let failed = scene.came_to("execution.attempt_failed").await;
    let grace = Duration::try_from(failed.time.duration_since(gone.time)).expect("it is later");
    println!("found out after {took:?}, given up after another {grace:?}");
    assert!(of_silence.contains(&took), "it was found out after {took:?}");
    assert!((GRACE..=GRACE + SLACK).contains(&grace), "it was given up after another {grace:?}");
    assert_eq!(failed.data()["reason"], "runner_lost");

    let mut granted = near.until("lease").await;
    assert_eq!(granted["attempt"], 2, "{granted}");
    let lease = granted["lease"].take();
    scene.post(&mut near, &lease, 1, "one again").await;
    assert_eq!(near.answer(1).await["op"], "ack");

    heal();
    let (mut late, leases) = scene.come_back().await;
    assert_eq!(leases, json!([]));
    let revoked = late.until("revoked").await;
    let reason = revoked["reason"].as_str().expect("words");
    assert!(reason.contains("attempt 2 is held by runner near"), "{reason}");
    // What was not acknowledged is repeated, and it goes on.
    scene.post(&mut late, &scene.lease, 3, "three").await;
    scene.post(&mut late, &scene.lease, 4, "four").await;
    scene.say(&mut late, &scene.lease, 5, json!({"op": "complete"})).await;
    for id in 3..=5 {
        let refused = late.answer(id).await;
        assert_eq!(refused["problem"]["code"], "lease_superseded", "{refused}");
    }
    // What was on its way arrives as well, and nobody takes it any more.
    assert_eq!(far.ended().await, [] as [Value; 0]);

    scene.say(&mut near, &lease, 2, json!({"op": "complete"})).await;
    assert_eq!(near.answer(2).await["op"], "ack");
    let (first, second) =
        (["created", "started", "one", "two"], ["started", "one again", "completed"]);
    let lost = ["runner_disconnected", "attempt_failed", "retry_scheduled"];
    assert_eq!(scene.log().await, [&first[..], &lost, &second].concat());
    scene.site.assert_no_errors_logged();
}

#[tokio::test]
async fn a_runner_that_is_cut_off_is_given_up_for_its_silence_and_fenced() {
    // The kernel has far more patience.
    let site = site(LOST_AFTER, 20 * LOST_AFTER, GRACE);
    let inside = cut_off_for_long(site, LOST_AFTER..=LOST_AFTER + SLACK);
    network::with_its_own(module_path!(), BY_SILENCE, inside).await;
}

#[tokio::test]
async fn a_runner_that_is_cut_off_is_given_up_by_the_kernel_and_fenced() {
    // The server itself has far more patience.
    let site = site(20 * USER_TIMEOUT, USER_TIMEOUT, GRACE);
    let inside = cut_off_for_long(site, Duration::ZERO..=USER_TIMEOUT + BEAT + SLACK);
    network::with_its_own(module_path!(), BY_KERNEL, inside).await;
}

#[tokio::test]
async fn a_runner_whose_network_heals_within_the_grace_goes_on_where_it_was() {
    let inside = async {
        let site = site(LOST_AFTER, 20 * LOST_AFTER, Duration::from_secs(3600));
        let (scene, mut far) = Scene::set(site).await;
        scene.cut_off(&mut far).await;
        heal();
        let (mut back, leases) = scene.come_back().await;
        assert_eq!(leases, json!([{"execution": scene.execution, "lease": scene.lease}]));
        scene.post(&mut back, &scene.lease, 3, "three").await;
        assert_eq!(back.answer(3).await["op"], "ack");
        scene.post(&mut back, &scene.lease, 4, "four").await;
        assert_eq!(back.answer(4).await["op"], "ack");
        // What was on its way arrives as well, a second time.
        assert_eq!(far.ended().await, [] as [Value; 0]);
        scene.say(&mut back, &scene.lease, 5, json!({"op": "complete"})).await;
        assert_eq!(back.answer(5).await["op"], "ack");
        let before = ["created", "started", "one", "two", "runner_disconnected"];
        let after = ["runner_returned", "three", "four", "completed"];
        assert_eq!(scene.log().await, [&before[..], &after].concat());
        scene.site.assert_no_errors_logged();
    };
    network::with_its_own(module_path!(), IN_TIME, inside).await;
}
