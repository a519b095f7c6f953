//! The wall clock is set while the server runs, forward by an hour and back by an hour: nobody is
//! failed by it, no deadline comes sooner or later than its span after what began it, and time in
//! a log goes on.
//!
//! The server's `Clock` takes the wall clock's word once, when it starts, and counts on from there
//! with the monotonic clock. What is tried out here is that nothing in the server goes round it:
//! not its sockets, its queues or its ids. A library in front of the C library (`faketime`) sets
//! the wall clock, for the server alone; the monotonic clock stays as it is. A server that starts again
//! by a clock that is behind goes on from the time of its log.

use std::{
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures_util::future;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{
    api::{Api, Lease, Request},
    log,
    server::{PATIENCE, Site},
    wire::Wire,
};

/// Where distributions have the library.
const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
];
const NAME: &str = "a_wall_clock_that_is_set_fails_nobody_and_moves_no_deadline";
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Of what is to run out, and of what would if nobody said a word.
const SPAN: Duration = Duration::from_secs(3);
/// Between two signs of life.
const BEAT: Duration = Duration::from_millis(200);
/// A retry's wait, and the least that is left of it by chance.
const BACKOFF: Duration = Duration::from_secs(2);
const LEAST_BACKOFF: Duration = Duration::from_millis(1600);
/// What a busy machine may add to each of these.
const SLACK: Duration = Duration::from_secs(2);

/// The wall clock of a server.
struct Wall {
    library: &'static str,
    folder: TempDir,
}

impl Wall {
    /// `None` where the library is missing.
    fn find() -> Option<Self> {
        let library = LIBRARIES.into_iter().find(|path| Path::new(path).exists())?;
        let wall = Self { library, folder: tempfile::tempdir().expect("a temporary folder") };
        wall.write(SignedDuration::ZERO);
        Some(wall)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }

    fn write(&self, offset: SignedDuration) {
        // Renamed into place, so that nobody reads half of it.
        let started = self.folder.path().join("offset.new");
        fs::write(&started, format!("{:+}\n", offset.as_secs())).expect("the folder is ours");
        fs::rename(started, self.file()).expect("the folder is ours");
    }

    /// A site whose servers go by it.
    fn over(&self, site: Site) -> Site {
        site.with("LD_PRELOAD", self.library)
            .with("FAKETIME_TIMESTAMP_FILE", self.file().display())
            .with("FAKETIME_NO_CACHE", "1")
            .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    /// Sets it off by so much, and waits until the server goes by that: it dates its answers.
    async fn set(&self, api: &Api, offset: SignedDuration) {
        self.write(offset);
        let looking = async {
            loop {
                let answer = api.open(&Request::get("/healthz")).await.expect("it is up");
                let date = answer.headers()["date"].to_str().expect("a text");
                let date = rfc2822::parse(date).expect("a date").timestamp();
                let off = date.duration_since(Timestamp::now());
                if (off - offset).abs() < SignedDuration::from_mins(1) {
                    return;
                }
            }
        };
        timeout(PATIENCE, looking).await.expect("the library sets the clock");
    }
}

/// What a server with such a clock is asked to do.
struct Work {
    api: Api,
    /// Every execution, in the order of creation.
    created: Vec<String>,
}

impl Work {
    async fn create(&mut self, queue: &str, members: &Value) -> String {
        let name = format!("{queue} {}", self.created.len());
        let mut body = json!({"kind": "agent", "name": name, "queue": queue});
        for (field, value) in members.as_object().expect("an object") {
            body[field] = value.clone();
        }
        let created = self.api.ask(&Request::create(&body, &name)).await.ok();
        let id = created["execution"]["id"].as_str().expect("an id").to_owned();
        self.created.push(id.clone());
        id
    }

    async fn claim(&self, queue: &str) -> Lease {
        let claim = Request::claim(queue, queue, "20s");
        self.api.ask(&claim).await.lease().expect("a lease")
    }

    async fn create_and_claim(&mut self, queue: &str, members: &Value) -> Lease {
        self.create(queue, members).await;
        self.claim(queue).await
    }

    async fn call(&self, lease: &Lease, what: &str, body: Value) {
        self.api.ask(&Request::under(lease, what, body)).await.ok();
    }

    /// One that nobody takes, and one that is taken and not heard of any more.
    async fn doomed(&mut self) -> [Doomed; 2] {
        let began = Instant::now();
        let body = json!({"timeouts": {"schedule_to_start": text(SPAN)}});
        let id = self.create("unwanted", &body).await;
        let unwanted = Doomed { id, began, reason: "schedule_to_start_timeout" };
        let began = Instant::now();
        let body = json!({"timeouts": {"heartbeat": text(SPAN)}});
        let id = self.create_and_claim("silent", &body).await.execution;
        [unwanted, Doomed { id, began, reason: "heartbeat_timeout" }]
    }

    /// Goes through all that is timed while the clock is set to each of these.
    async fn while_it_is_set(&mut self, wall: &Wall, offsets: [SignedDuration; 3]) {
        for offset in offsets {
            let before = self.doomed().await;
            let retry = json!({"retry": {"max_attempts": 2, "initial_backoff": text(BACKOFF)}});
            let first = self.create_and_claim("retried", &retry).await;
            let error = json!({"code": "flaky", "message": "It broke.", "retryable": true});
            let failed = Instant::now();
            self.call(&first, "fail", json!({"error": error})).await;
            wall.set(&self.api, offset).await;
            let after = self.doomed().await;

            let second = self.claim("retried").await;
            let waited = failed.elapsed();
            println!("{offset:#}: the retry came after {waited:?}");
            assert_eq!((&second.execution, second.attempt), (&first.execution, 2));
            assert!((LEAST_BACKOFF..=BACKOFF + SLACK).contains(&waited), "{offset:#}: {waited:?}");
            self.call(&second, "complete", json!({})).await;
            let ends = before.iter().chain(&after).map(|doomed| doomed.end(&self.api));
            future::join_all(ends).await;
        }
    }
}

fn text(span: Duration) -> String {
    format!("{}ms", span.as_millis())
}

/// An execution that is to run out of time.
struct Doomed {
    id: String,
    began: Instant,
    reason: &'static str,
}

impl Doomed {
    /// Waits for its end, which comes in its time, on the test's clock and as it is written down.
    async fn end(&self, api: &Api) {
        let failed = log::wait_for_type(api, &self.id, "execution.failed").await;
        let took = self.began.elapsed();
        assert_eq!(failed.data()["reason"], self.reason);
        let log = log::read(api, &self.id).await;
        let end = log.iter().position(|event| event.kind.ends_with("failed")).expect("it failed");
        let dated = log[end].time.duration_since(log[end - 1].time);
        let dated = Duration::try_from(dated).expect("time goes on");
        println!("{}: {took:?}, {dated:?} in the log", self.reason);
        for took in [took, dated] {
            assert!((SPAN..=SPAN + SLACK).contains(&took), "{} after {took:?}", self.reason);
        }
    }
}

/// Keeps two leases alive for ever: one over HTTP, one of a runner that is connected.
async fn beat(work: &Api, polling: &Lease, (wire, connected): (&mut Wire, &Lease)) -> Infallible {
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let held = json!({"execution": connected.execution, "lease": connected.token});
    for id in 1.. {
        beats.tick().await;
        work.ask(&Request::under(polling, "heartbeat", json!({}))).await.ok();
        wire.say(json!({"op": "heartbeat", "id": id, "executions": [held]})).await;
        assert_eq!(wire.answer(id).await["op"], "ack");
    }
    unreachable!("there are always more numbers")
}

#[tokio::test]
async fn a_wall_clock_that_is_set_fails_nobody_and_moves_no_deadline() {
    let Some(wall) = Wall::find() else {
        return eprintln!("SKIPPED {NAME}: libfaketime is not installed");
    };
    let began = Timestamp::now();
    let site = wall
        .over(Site::new())
        .with("HEARTLINE_SUPERVISION_RUNNER_HEARTBEAT", text(BEAT))
        .with("HEARTLINE_SUPERVISION_RUNNER_LATE_AFTER", "1s")
        .with("HEARTLINE_SUPERVISION_RUNNER_LOST_AFTER", text(SPAN))
        .with("HEARTLINE_SUPERVISION_AUDIT_INTERVAL", text(BEAT));
    let _server = site.start().await;
    let mut work = Work { api: site.api(), created: Vec::new() };
    let api = work.api.clone();

    // None of these runs out while its runner, or nobody, says a word; an hour would end each.
    let within = "30m";
    let mut timeouts = json!({"heartbeat": text(SPAN)});
    for kind in ["start_to_close", "schedule_to_close", "waiting"] {
        timeouts[kind] = json!(within);
    }
    let members = json!({"timeouts": timeouts});
    let polling = work.create_and_claim("polling", &members).await;
    let asking = work.create_and_claim("asking", &members).await;
    work.call(&asking, "wait", json!({"prompt": "Go on?", "hold": false})).await;
    let register =
        json!({"op": "register", "runner": {"id": "r"}, "queues": ["connected"], "slots": 1});
    let (mut wire, _) = Wire::register(&site, "127.0.0.1", register).await;
    work.create("connected", &members).await;
    let connected = lease(&wire.until("lease").await);

    tokio::select! {
        never = beat(&api, &polling, (&mut wire, &connected)) => match never {},
        () = work.while_it_is_set(&wall, [HOUR, -HOUR, SignedDuration::ZERO]) => {}
    }
    for (lease, last) in [(&polling, "completed"), (&connected, "completed"), (&asking, "waiting")]
    {
        if last == "completed" {
            work.call(lease, "complete", json!({})).await;
        }
        let log = log::read(&api, &lease.execution).await;
        let last = format!("execution.{last}");
        assert_eq!(log::types(&log), ["execution.created", "execution.started", &last]);
    }
    assert!(work.created.is_sorted(), "ids go by creation: {:#?}", work.created);
    let a_moment = SignedDuration::from_mins(1);
    for id in &work.created {
        let times = began - a_moment..=Timestamp::now() + a_moment;
        for event in log::read(&api, id).await {
            assert!(times.contains(&event.time), "dated by the step: {}", event.json);
        }
    }
    site.assert_no_errors_logged();
}

#[tokio::test]
async fn a_server_that_starts_again_by_a_clock_that_is_behind_keeps_nobody_waiting() {
    let Some(wall) = Wall::find() else {
        return eprintln!(
            "SKIPPED a start by a clock that is behind: libfaketime is not installed"
        );
    };
    let site = wall.over(Site::new()).with("HEARTLINE_SUPERVISION_BOOT_GRACE", "500ms");
    let mut server = site.start().await;
    let mut work = Work { api: site.api(), created: Vec::new() };
    let wanted = work.create("wanted", &json!({})).await;
    let doomed = work.doomed().await;
    let retry = json!({"retry": {"max_attempts": 2, "initial_backoff": text(BACKOFF)}});
    let first = work.create_and_claim("retried", &retry).await;
    let error = json!({"code": "flaky", "message": "It broke.", "retryable": true});
    work.call(&first, "fail", json!({"error": error})).await;
    server.kill().await;

    wall.write(-HOUR);
    let again = Instant::now();
    let _server = site.start().await;
    assert_eq!(work.claim("wanted").await.execution, wanted);
    assert_eq!(work.claim("retried").await.execution, first.execution);
    for Doomed { id, reason, .. } in &doomed {
        let failed = log::wait_for_type(&work.api, id, "execution.failed").await;
        assert_eq!(failed.data()["reason"], *reason);
    }
    let took = again.elapsed();
    println!("all of it went on within {took:?}");
    assert!(took <= PATIENCE / 2, "{took:?}");
    for id in &work.created {
        let log = log::read(&work.api, id).await;
        assert!(log.is_sorted_by_key(|event| event.time), "time goes back in {id}");
    }
    site.assert_no_errors_logged();
}

/// As a socket was told of it.
fn lease(told: &Value) -> Lease {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let attempt = told["attempt"].as_u64().expect("a number");
    Lease { execution: text(&told["execution"]["id"]), attempt, token: text(&told["lease"]) }
}
