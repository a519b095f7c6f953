//! A disk that fails under the real server, and one that is full: writes are refused and say so,
//! what is settled can still be read, nothing is shown that is not durable, and when the disk works
//! again so does the server, by itself.
//!
//! The disk fails by a library that is loaded in front of the C library (`faults.c`), which the
//! test compiles: a C compiler is needed for the build as well.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::timeout};

use super::{
    api::{Api, Lease, Request},
    chance::Chance,
    clients::Shared,
    keeper::{Keeper, Moment},
    load::{Clients, audit, chance, create_unclaimed},
    log::{self, Event},
    server::{PATIENCE, Site},
    sse::Messages,
};

/// Between two looks at a server that is to come back.
const LOOK: Duration = Duration::from_millis(20);
/// Of the disk that becomes full, and of what is on it from the start.
const DISK: u64 = 40 << 20;
const BALLAST: u64 = 16 << 20;

/// The library that makes a disk fail, and the flag that it waits for.
pub(super) struct Faults {
    folder: TempDir,
}

impl Faults {
    pub(super) fn compile() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recovery/faults.c");
        let library = folder.path().join("faults.so");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
        let output = command.arg(&library).arg(source).arg("-ldl").output();
        let output = output.expect("there is a C compiler");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { folder }
    }

    fn flag(&self) -> PathBuf {
        self.folder.path().join("flag")
    }

    /// A site whose disk fails as long as [`Faults::begin`] says so.
    pub(super) fn under(&self, site: Site) -> Site {
        let data = site.data().display().to_string();
        site.with("LD_PRELOAD", self.folder.path().join("faults.so").display())
            .with("FAULT_FLAG", self.flag().display())
            .with("FAULT_FOLDER", data)
    }

    pub(super) fn begin(&self, kind: &str) {
        // Renamed into place, so that nobody reads half of it.
        let started = self.folder.path().join("flag.new");
        fs::write(&started, kind).expect("the folder is ours");
        fs::rename(started, self.flag()).expect("the folder is ours");
    }

    pub(super) fn end(&self) {
        fs::remove_file(self.flag()).expect("it was there");
    }
}

/// Waits until `/readyz` answers `status`; its body.
pub(super) async fn ready(api: &Api, status: u16) -> String {
    let looking = async {
        loop {
            let answer = api.ask(&Request::get("/readyz")).await;
            if answer.status == status {
                return answer.text;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let looked = timeout(PATIENCE, looking).await;
    looked.unwrap_or_else(|_| panic!("/readyz never answered {status}"))
}

/// A write is refused as WIRE has it; its problem.
pub(super) async fn refused(api: &Api, request: &Request) -> Value {
    let response = api.open(request).await.expect("it answers");
    assert_eq!(response.status(), 503, "{request:?}");
    let header = |name: &str| response.headers()[name].to_str().expect("a text").to_owned();
    assert_eq!(header("content-type"), "application/problem+json");
    assert!(header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    let problem: Value = response.json().await.expect("a problem is JSON");
    assert!(problem["request_id"].is_string(), "{problem}");
    problem
}

/// Follows a log over one connection, whatever comes, until its end.
fn follow(api: Api, execution: String) -> JoinHandle<Vec<Event>> {
    tokio::spawn(async move {
        let path = format!("/v1/executions/{execution}/events");
        let request = Request::get(path).with("Accept", "text/event-stream");
        let mut response = api.open(&request).await.expect("the server is up");
        let (mut messages, mut events) = (Messages::default(), Vec::new());
        while let Some(chunk) = response.chunk().await.expect("the stream is not cut off") {
            for message in messages.add(&chunk) {
                if message.name == "end" {
                    return events;
                }
                events.push(Event::read(&execution, &message.data));
            }
        }
        panic!("the stream ended before the log");
    })
}

/// While writes are refused: what is settled is read as ever, by those who come now, too.
async fn settled_is_readable(api: &Api, settled: &[String]) {
    let listed = api.list(Some("pending")).await;
    for id in settled {
        assert!(listed.iter().any(|execution| execution["id"] == **id), "{id} is not listed");
        assert_eq!(api.execution(id).await["phase"], "pending");
        assert_eq!(log::types(&log::read(api, id).await), ["execution.created"]);
        let explained = api.get(format!("/v1/executions/{id}/explain")).await;
        assert_eq!(explained["cause"], "no_runner_ever", "{explained}");
        let path = format!("/v1/executions/{id}/events");
        let request = Request::get(path).with("Accept", "text/event-stream");
        let mut stream = api.open(&request).await.expect("the server is up");
        let (mut messages, mut first) = (Messages::default(), Vec::new());
        while first.is_empty() {
            let chunk = stream.chunk().await.expect("it is not cut off").expect("it goes on");
            first = messages.add(&chunk);
        }
        assert_eq!(Event::read(id, &first[0].data).kind, "execution.created");
    }
    let view = api.supervisor().await;
    assert_eq!(view["store"]["healthy"], false, "{view}");
    assert!(view["store"]["error"].as_str().is_some_and(|why| !why.is_empty()), "{view}");
    assert_eq!(api.ask(&Request::get("/livez")).await.status, 200);
}

/// A creation that nobody will claim, under a key of its own.
fn creation(key: &str) -> Request {
    Request::create(&json!({"kind": "agent", "name": key, "queue": "nobody"}), key)
}

/// Asks again for what was refused, which may have happened or not, and ends it.
async fn end_refused(world: &Shared, key: &str) {
    let api = &world.api;
    let created = api.ask(&creation(key)).await.ok();
    let id = created["execution"]["id"].as_str().expect("an id").to_owned();
    api.ask(&Request::by_person(&id, "cancel", json!({}))).await.ok();
    world.ledger.open().created.insert(key.to_owned(), id);
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_disk_that_fails_and_comes_back() {
    let faults = Faults::compile();
    let site = Site::new()
        .with("HEARTLINE_SUPERVISION_BOOT_GRACE", "500ms")
        .with("HEARTLINE_JOURNAL_RECOVER_INTERVAL", "50ms");
    let site = faults.under(site);
    let mut chance = chance();
    let mut keeper = Keeper::start(&site).await;
    let world = Arc::clone(&keeper.world);
    let api = site.api();
    let unclaimed = create_unclaimed(&world).await;
    let watched = api.ask(&creation("watched")).await.ok();
    let watched = watched["execution"]["id"].as_str().expect("an id").to_owned();
    world.ledger.open().created.insert("watched".to_owned(), watched.clone());
    let watcher = follow(site.api(), watched.clone());
    let mut clients = Clients::start(&world, &mut chance);
    let faults_in_turn = [("sync", "Input/output error"), ("write", "No space left")].repeat(2);
    for (round, (kind, told)) in faults_in_turn.into_iter().enumerate() {
        traffic(&keeper, &mut clients).await;
        keeper.set_up(false);
        faults.begin(kind);
        // Somebody has to write for the disk to be found out.
        let key = format!("refused-{round}");
        refused(&api, &creation(&key)).await;
        let problem: Value = serde_json::from_str(&ready(&api, 503).await).expect("JSON");
        assert_eq!(problem["code"], "store_unavailable", "{problem}");
        let why = problem["detail"].as_str().unwrap_or_default();
        assert!(why.contains(told), "it does not say why: {problem}");
        settled_is_readable(&api, &unclaimed).await;
        // Long enough for the server to have tried more than once to come back.
        for _ in 0..10 {
            tokio::time::sleep(LOOK).await;
            assert_eq!(refused(&api, &creation(&key)).await["code"], "store_unavailable");
        }
        settled_is_readable(&api, &unclaimed).await;
        faults.end();
        ready(&api, 200).await;
        end_refused(&world, &key).await;
        keeper.set_up(true);
    }
    traffic(&keeper, &mut clients).await;
    assert!(!watcher.is_finished(), "it was cut off");
    api.ask(&Request::by_person(&watched, "cancel", json!({}))).await.ok();
    let seen = timeout(PATIENCE, watcher).await.expect("it is over").expect("it saw the end");
    let stored = log::read(&api, &watched).await;
    let bytes = |events: &[Event]| events.iter().map(|e| e.json.clone()).collect::<Vec<_>>();
    assert_eq!(bytes(&seen), bytes(&stored));

    // Killed in the middle of a failure: whatever the disk holds then is what there is.
    keeper.set_up(false);
    faults.begin("sync");
    refused(&api, &creation("killed")).await;
    keeper.kill(&Moment::Sent(0)).await;
    faults.end();
    keeper.restart(None).await;
    end_refused(&world, "killed").await;
    traffic(&keeper, &mut clients).await;
    keeper.closing.send_replace(true);
    timeout(PATIENCE, clients.finish()).await.expect("what is left is done");
    keeper.kill(&Moment::Sent(0)).await;
    keeper.restart(None).await;
    audit(&world, &unclaimed).await;
    site.assert_nothing_panicked();
}

/// Lets the clients work for a while.
async fn traffic(keeper: &Keeper<'_>, clients: &mut Clients) {
    tokio::select! {
        () = keeper.pass(&Moment::Answered(150)) => {}
        () = clients.give_up() => {}
    }
}

/// A file system of its own over a folder, as long as this lives.
struct Mounted(PathBuf);

impl Mounted {
    /// `None` where this user or this system may not mount.
    fn over(folder: &Path) -> Option<Self> {
        let size = format!("size={DISK}");
        let mut command = Command::new("mount");
        let output = command.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output();
        match output {
            Ok(output) if output.status.success() => Some(Self(folder.to_owned())),
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                println!("SKIPPED, as no file system can be mounted here: {why}");
                None
            }
            Err(error) => {
                println!("SKIPPED, as no file system can be mounted here: {error}");
                None
            }
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a server that a failed test left behind may still have it.
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} stays", self.0.display());
    }
}

/// A batch of one event, large and no two of them alike, so that nothing compresses it.
fn large(lease: &Lease, batch: u64, chance: &mut Chance) -> Request {
    let noise: String = (0..3_000).map(|_| format!("{:032x}", chance.u128())).collect();
    let event = json!([{"type": "CUSTOM", "data": {"name": "noise", "value": [batch, noise]}}]);
    Request::events(lease, batch, &event.to_string())
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_takes_them_again_when_there_is_room() {
    let site = Site::new()
        .with("HEARTLINE_JOURNAL_RECOVER_INTERVAL", "50ms")
        .with("HEARTLINE_STORAGE_WRITE_BUFFER_BYTES", "4MiB")
        .with("HEARTLINE_EXECUTION_STATE_BYTES", "64MiB");
    // Dropped, and so unmounted, before the folder of the site.
    let Some(_mounted) = Mounted::over(site.folder()) else { return };
    let ballast = site.folder().join("ballast");
    fs::write(&ballast, vec![1; usize::try_from(BALLAST).expect("it fits")]).expect("room");
    let mut server = site.start().await;
    let api = site.api();
    let mut chance = chance();
    api.ask(&creation("settled")).await.ok();
    let timeouts = json!({"heartbeat": "10m"});
    let body = json!({"kind": "agent", "name": "full", "queue": "full", "timeouts": timeouts});
    api.ask(&Request::create(&body, "full")).await.ok();
    let lease = api.ask(&Request::claim("full", "writer", "5s")).await.lease().expect("work");
    let mut acknowledged = Vec::new();
    let next = loop {
        let batch = acknowledged.len() as u64 + 1;
        assert!(batch * 96_000 < 2 * DISK, "it takes more than there is room for");
        let request = large(&lease, batch, &mut chance);
        let answer = api.ask(&request).await;
        if answer.status != 200 {
            break request;
        }
        acknowledged.push(answer.seq());
    };
    let problem: Value = serde_json::from_str(&ready(&api, 503).await).expect("JSON");
    let why = problem["detail"].as_str().unwrap_or_default();
    assert!(why.contains("No space left"), "it does not say why: {problem}");
    for _ in 0..10 {
        tokio::time::sleep(LOOK).await;
        let problem = refused(&api, &next).await;
        assert_eq!(problem["code"], "store_unavailable", "{problem}");
    }
    let settled = api.list(Some("pending")).await;
    let [settled] = settled.as_slice() else { panic!("one is pending: {settled:?}") };
    let id = settled["id"].as_str().expect("an id").to_owned();
    settled_is_readable(&api, &[id]).await;
    // Where the log that was written to ends is not known, and to say so is an answer: unless the
    // store has found room by itself, when a file of its own became obsolete.
    let before = api.ask(&Request::get("/readyz")).await.status;
    let page = api.ask(&log::page(&lease.execution, 0, "")).await.status;
    let after = api.ask(&Request::get("/readyz")).await.status;
    assert!(page == 503 || (before, after) != (503, 503), "{before} {page} {after}");

    fs::remove_file(&ballast).expect("it is ours");
    ready(&api, 200).await;
    acknowledged.push(api.ask(&next).await.seq());
    let batch = acknowledged.len() as u64 + 1;
    acknowledged.push(api.ask(&large(&lease, batch, &mut chance)).await.seq());
    api.ask(&Request::under(&lease, "complete", json!({}))).await.ok();
    server.kill().await;

    let _server = site.start().await;
    let log = log::read(&site.api(), &lease.execution).await;
    for (index, seq) in acknowledged.iter().enumerate() {
        let event = log.iter().find(|event| event.seq == *seq).expect("it was acknowledged");
        assert_eq!(event.data()["value"][0], index as u64 + 1, "another one is there");
    }
    // Created, started, the batches once each, completed.
    assert_eq!(log.len(), acknowledged.len() + 3);
    site.assert_nothing_panicked();
}
