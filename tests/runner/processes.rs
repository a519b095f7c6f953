//! Real processes that are killed, stopped and continued: the server and `heartline runner`, seen
//! from outside.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{binary, raw, server::BOUND};

/// A process that does not outlive its test.
struct Process(Child);

impl Process {
    fn start(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut command = binary::command();
        command.args(arguments).envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(command.spawn().expect("the binary starts"))
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("it is there");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL also ends a process that is stopped.
        let _gone_already = self.0.kill();
        let _status = self.0.wait();
    }
}

/// A server process with a folder of its own.
struct World {
    address: SocketAddr,
    _server: Process,
    folder: tempfile::TempDir,
}

impl World {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        let data = data.to_str().expect("a path in UTF-8");
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", data];
        let grace = [("HEARTLINE_SUPERVISION_RUNNER_GRACE", "300ms")];
        let mut server = Process::start(&arguments, &grace);
        let stdout = BufReader::new(server.0.stdout.take().expect("it is piped"));
        let mut lines = stdout.lines().map(|line| line.expect("its output is UTF-8"));
        let address = lines
            .find_map(|line| line.split_once("http://").map(|(_, rest)| rest.trim().to_owned()))
            .expect("it says where it listens");
        // What else it says must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.trim_end_matches('/').parse().expect("an address");
        Self { address, _server: server, folder }
    }

    /// `heartline runner` with a shell command.
    fn runner(&self, name: &str, script: &str) -> Process {
        let server = format!("http://{}", self.address);
        let arguments = [
            "runner", "--server", &server, "--queue", "agents", "--name", name, "--", "sh", "-c",
            script,
        ];
        Process::start(&arguments, &[])
    }

    async fn create(&self, body: Value) -> String {
        let mut whole = json!({"kind": "agent", "name": "sample"});
        for (field, value) in body.as_object().expect("an object") {
            whole[field] = value.clone();
        }
        let answer = raw::post(self.address, "/v1/executions", &whole).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["execution"]["id"].as_str().expect("an id").to_owned()
    }

    async fn events(&self, id: &str) -> Vec<Value> {
        let answer = raw::get(self.address, &format!("/v1/executions/{id}/events")).await;
        answer.json()["events"].as_array().expect("events").clone()
    }

    /// Waits for an event; it, and how long that took.
    async fn until(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> (Value, Duration) {
        let began = Instant::now();
        loop {
            let events = self.events(id).await;
            if let Some(event) = events.iter().find(|event| wanted(event)) {
                return (event.clone(), began.elapsed());
            }
            assert!(began.elapsed() < BOUND, "it never came: {events:#?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

fn says(event: &Value, message: &str) -> bool {
    event["data"]["value"]["message"] == message
}

fn of_type(name: &str, attempt: u64) -> impl Fn(&Value) -> bool {
    move |event| event["type"] == name && event["attempt"] == attempt
}

/// Waits until the file has not changed for `quiet`.
async fn stands_still(path: &Path, quiet: Duration) {
    let began = Instant::now();
    let mut last = (std::fs::read(path).unwrap_or_default(), Instant::now());
    while last.1.elapsed() < quiet {
        assert!(began.elapsed() < BOUND, "{} goes on", path.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = std::fs::read(path).unwrap_or_default();
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
}

#[tokio::test]
async fn a_killed_runner_is_seen_at_once_named_and_replaced() {
    let world = World::start();
    let first = world.runner("first", "echo working; sleep 600");
    let retry = json!({"max_attempts": 2, "initial_backoff": "10ms"});
    let id = world.create(json!({"retry": retry})).await;
    world.until(&id, |event| says(event, "working")).await;
    first.signal(Signal::KILL);
    let (_, took) = world.until(&id, of_type("execution.runner_disconnected", 1)).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    let (failed, _) = world.until(&id, of_type("execution.attempt_failed", 1)).await;
    let detail = failed["data"]["error"]["detail"].as_str().expect("a post-mortem");
    assert!(detail.contains("Its last lines: \"working\""), "{detail}");
    assert!(failed["data"]["error"]["message"].as_str().unwrap().contains("pid"), "{failed}");
    let _second = world.runner("second", "echo done");
    world.until(&id, of_type("execution.completed", 2)).await;
}

#[tokio::test]
async fn a_runner_that_was_stopped_and_goes_on_finds_itself_fenced() {
    let world = World::start();
    let ticks = world.path("ticks");
    let script =
        format!("echo working; while :; do date +%s%N > {}; sleep 0.05; done", ticks.display());
    let first = world.runner("first", &script);
    let retry = json!({"max_attempts": 2, "initial_backoff": "10ms"});
    let id = world.create(json!({"retry": retry, "timeouts": {"heartbeat": "1s"}})).await;
    world.until(&id, |event| says(event, "working")).await;
    first.signal(Signal::STOP);
    let (failed, _) = world.until(&id, of_type("execution.attempt_failed", 1)).await;
    assert_eq!(failed["data"]["reason"], "heartbeat_timeout");
    let _second = world.runner("second", "echo mine; sleep 1; echo still mine");
    // The first is connected and has a free slot, and gets nothing: nobody has heard it since.
    let (started, _) = world.until(&id, of_type("execution.started", 2)).await;
    assert_eq!(started["data"]["runner"]["name"], "second", "{started}");
    first.signal(Signal::CONT);
    // It is told that it has lost the lease, and ends what it started.
    stands_still(&ticks, Duration::from_secs(1)).await;
    world.until(&id, of_type("execution.completed", 2)).await;
    let events = world.events(&id).await;
    let second = events.iter().position(of_type("execution.started", 2)).expect("it started");
    assert!(events[second..].iter().all(|event| event["attempt"] == 2), "{events:#?}");
    assert_eq!(events.iter().filter(|event| says(event, "still mine")).count(), 1);
}
