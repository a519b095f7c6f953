//! The command line, with the real binary against the real server.
//!
//! Each test has its own server, port and data folder. Nothing sleeps: tests wait for lines, for
//! exits and for pipes to close, each with a bound that only a defect meets.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

mod binary;
#[path = "cli/following.rs"]
mod following;
#[path = "cli/queues.rs"]
mod queues;

/// No step takes nearly as long, even on a machine that does much else.
const BOUND: Duration = Duration::from_secs(60);

/// A process whose lines are read as they come.
struct Process {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = lines(child.stdout.take().expect("piped"));
        let stderr = lines(child.stderr.take().expect("piped"));
        Self { child, stdout, stderr, seen: Vec::new() }
    }

    /// The next line of standard output that has `part` in it.
    fn line(&mut self, part: &str) -> String {
        let deadline = Instant::now() + BOUND;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.stdout.recv_timeout(left) else {
                let stderr: Vec<_> = self.stderr.try_iter().collect();
                panic!("no line with {part:?}; stdout {:#?}, stderr {stderr:#?}", self.seen);
            };
            self.seen.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// The next line of standard error that has `part` in it.
    fn complaint(&mut self, part: &str) -> String {
        let deadline = Instant::now() + BOUND;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.stderr.recv_timeout(left).expect("a line on standard error");
            if line.contains(part) {
                return line;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).expect("the process is there");
    }

    /// Waits for its end; all lines of standard output so far and since.
    fn end(mut self) -> (ExitStatus, Vec<String>) {
        let deadline = Instant::now() + BOUND;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stdout.recv_timeout(left) {
                Ok(line) => self.seen.push(line),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    panic!("it does not end: {:#?}", self.seen)
                }
            }
        }
        let status = self.child.wait().expect("it is a child");
        (status, std::mem::take(&mut self.seen))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// More lines than any test's process prints, so that none waits for a test that does not read.
const LINES: usize = 100_000;

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (told, lines) = sync_channel(LINES);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if told.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// A server of the test's own.
struct Server {
    process: Process,
    url: String,
    data: TempDir,
}

impl Server {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let (process, url) = Self::serve(data.path(), "127.0.0.1:0");
        Self { process, url, data }
    }

    fn serve(data: &Path, listen: &str) -> (Process, String) {
        let mut command = binary::command();
        command.args(["serve", "--listen", listen, "--data"]).arg(data);
        let mut process = Process::start(&mut command);
        let line = process.line("address");
        let url = line.split_whitespace().last().unwrap().to_owned();
        (process, url)
    }

    /// SIGKILL, and up again at the same address.
    fn crash_and_restart(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.child.wait().unwrap();
        let listen = self.url.strip_prefix("http://").unwrap().to_owned();
        // A client elsewhere on this machine may have got the port for a moment: it is one of
        // those that the system hands out.
        let deadline = Instant::now() + BOUND;
        while std::net::TcpListener::bind(&listen).is_err() {
            assert!(Instant::now() < deadline, "{listen} does not become free");
            std::thread::yield_now();
        }
        let (process, url) = Self::serve(self.data.path(), &listen);
        assert_eq!(url, self.url);
        self.process = process;
    }

    /// The binary, pointed at this server.
    fn cli<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(&self, arguments: I) -> Command {
        let mut command = binary::command();
        command.env("HEARTLINE_SERVER", &self.url).args(arguments);
        command
    }

    fn output<const N: usize>(&self, arguments: [&str; N]) -> Output {
        self.cli(arguments).stdin(Stdio::null()).output().expect("the binary runs")
    }

    /// The only execution there is.
    fn only(&self) -> Value {
        let listed = self.output(["ls", "-o", "json"]);
        let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
        let executions = listed["executions"].as_array().expect("a list");
        assert_eq!(executions.len(), 1, "{listed:#}");
        executions[0].clone()
    }

    /// A call that no command makes.
    fn post(&self, path: &str, body: &Value) -> Value {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut socket = TcpStream::connect(address).unwrap();
        let body = body.to_string();
        write!(
            socket,
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut reply = String::new();
        socket.read_to_string(&mut reply).unwrap();
        assert!(reply.starts_with("HTTP/1.1 2"), "{reply}");
        let (_, body) = reply.split_once("\r\n\r\n").expect("a head and a body");
        serde_json::from_str(body).unwrap_or(Value::Null)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn id_in(line: &str) -> String {
    let id = |word: &&str| word.starts_with("aex_") || word.starts_with("wex_");
    line.split_whitespace().find(id).expect("an id").trim_end_matches(',').to_owned()
}

#[test]
fn a_command_that_ends_well_completes_its_execution_and_its_lines_are_events() {
    let server = Server::start();
    let script = r#"echo hello; echo trouble >&2
        printf '%s\n' '{"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant"}'
        printf '%s\n' '{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"streamed"}'
        printf '%s\n' '{"type":"TEXT_MESSAGE_END","messageId":"m"}'
        printf '%s\n' '{"type":"CUSTOM","name":"output","value":{"n":1}}'"#;
    let run = server.output(["run", "--name", "n", "--label", "a=b", "--", "sh", "-c", script]);
    let told = text(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{told} {}", text(&run.stderr));
    for part in ["log            hello", "error: trouble", "text           streamed", "completed"] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    let execution = server.only();
    assert_eq!(execution["phase"], "completed");
    assert_eq!(execution["output"], json!({"n": 1}));
    assert_eq!(execution["labels"], json!({"a": "b"}));
    let id = execution["id"].as_str().unwrap();
    let logs = server.output(["logs", id, "--level", "error"]);
    assert_eq!(text(&logs.stdout), "trouble\n");
}

#[test]
fn the_exit_code_of_the_command_is_passed_on() {
    let server = Server::start();
    let run = server.output(["run", "--", "sh", "-c", "echo why >&2; exit 42"]);
    assert_eq!(run.status.code(), Some(42), "{}", text(&run.stderr));
    let execution = server.only();
    assert_eq!(execution["error"]["code"], "exit_code");
    assert!(execution["error"]["detail"].as_str().unwrap().contains("why"), "{execution:#}");
}

#[test]
fn a_command_that_is_not_there_fails_its_execution_at_once() {
    let server = Server::start();
    let run = server.output(["run", "--retries", "3", "--", "no-such-command-at-all"]);
    assert_eq!(run.status.code(), Some(127), "{}", text(&run.stdout));
    assert_eq!(server.only()["attempt"], 1);
}

#[test]
fn a_command_goes_on_with_the_trace_that_it_was_created_in() {
    let server = Server::start();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (given, found) in [(trace, trace), ("not a\u{7f} trace", "none")] {
        let mut run = server.cli(["run", "--", "sh", "-c", "echo trace ${TRACEPARENT-none}"]);
        let told = run.env("TRACEPARENT", given).output().expect("the binary runs");
        let told = text(&told.stdout);
        assert!(told.contains(&format!("trace {found}")), "{told}");
    }
}

#[test]
fn a_killed_command_leaves_a_post_mortem() {
    let server = Server::start();
    let run = server.output(["run", "--", "sh", "-c", "echo last words >&2; kill -KILL $$"]);
    let told = text(&run.stdout);
    assert_eq!(run.status.code(), Some(137), "{told}");
    assert!(told.contains("SIGKILL") && told.contains("last words"), "{told}");
    let error = &server.only()["error"];
    assert_eq!(error["code"], "signal");
    assert!(error["detail"].as_str().unwrap().contains("pid "), "{error:#}");
}

#[test]
fn a_failed_attempt_is_tried_again() {
    let server = Server::start();
    let script = "[ \"$HEARTLINE_ATTEMPT\" = 2 ]";
    let run = server.output(["run", "--retries", "1", "--", "sh", "-c", script]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stdout));
    let execution = server.only();
    assert_eq!((&execution["attempt"], &execution["phase"]), (&json!(2), &json!("completed")));
}

#[test]
fn an_attempt_that_takes_too_long_is_ended_and_told_as_a_timeout() {
    let server = Server::start();
    let run = server.output(["run", "--timeout", "500ms", "--", "sleep", "1000"]);
    assert_eq!(run.status.code(), Some(4), "{}", text(&run.stdout));
    assert_eq!(server.only()["reason"], "start_to_close_timeout");
}

#[test]
fn a_cancellation_reaches_the_whole_process_group() {
    let server = Server::start();
    let script = "
        (trap 'echo inner stopped; exit 0' TERM; echo inner up
         while :; do sleep 0.1 & wait $!; done) &
        trap 'wait; echo outer stopped; exit 0' TERM
        wait";
    let mut run = Process::start(&mut server.cli(["run", "--", "sh", "-c", script]));
    run.line("inner up");
    let id = server.only()["id"].as_str().unwrap().to_owned();
    let cancel = server.output(["cancel", &id, "--reason", "enough"]);
    assert_eq!(cancel.status.code(), Some(0), "{}", text(&cancel.stderr));
    let (status, told) = run.end();
    let told = told.join("\n");
    assert_eq!(status.code(), Some(5), "{told}");
    let stages = ["(enough)", "the runner was told", "the runner is stopping"];
    for part in [&["inner stopped", "outer stopped"][..], &stages].concat() {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    assert_eq!(server.only()["reason"], "cancel_requested");
    let events = text(&server.output(["events", &id]).stdout);
    assert!(events.contains("the runner is stopping"), "{events}");
}

#[test]
fn ctrl_c_cancels_what_run_runs() {
    let server = Server::start();
    let mut run = Process::start(&mut server.cli(["run", "--", "sh", "-c", "echo up; sleep 1000"]));
    run.line("log            up");
    run.signal(Signal::INT);
    assert_eq!(run.end().0.code(), Some(5));
    assert_eq!(server.only()["phase"], "cancelled");
}

/// A pipe with a name: reading it ends when every process that holds it is gone.
fn fifo(folder: &TempDir) -> (String, std::thread::JoinHandle<String>) {
    let path = folder.path().join("held").to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = std::thread::spawn({
        let path = path.clone();
        move || std::fs::read_to_string(path).unwrap()
    });
    (path, reader)
}

#[test]
fn a_killed_wrapper_leaves_nothing_behind() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let (path, reader) = fifo(&folder);
    let script = format!("exec 3>{path}; trap '' TERM HUP; echo up; sleep 1000 & sleep 1000");
    let mut run = Process::start(&mut server.cli(["run", "--", "sh", "-c", &script]));
    run.line("log            up");
    run.signal(Signal::KILL);
    assert_eq!(reader.join().unwrap(), "");
}

#[test]
fn what_a_command_leaves_running_ends_with_it() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let (path, reader) = fifo(&folder);
    let script = format!("exec 3>{path}; sleep 1000 & echo done");
    let run = server.output(["run", "--", "sh", "-c", &script]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stdout));
    assert_eq!(reader.join().unwrap(), "");
}

#[test]
fn run_and_watch_survive_a_crash_of_the_server_without_a_gap() {
    let mut server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let flag = folder.path().join("stop");
    let script = format!(
        "n=0; while [ ! -e {} ]; do n=$((n+1)); echo line $n; sleep 0.02; done; echo the end",
        flag.display()
    );
    let mut run = Process::start(&mut server.cli(["run", "--", "sh", "-c", &script]));
    let id = id_in(&run.line(" on queue "));
    let mut watch = Process::start(&mut server.cli(["watch", &id, "-o", "jsonl"]));
    watch.line("line 20\"");
    server.crash_and_restart();
    watch.complaint("connected again");
    watch.line("line ");
    std::fs::write(&flag, "").unwrap();
    let (status, told) = watch.end();
    assert_eq!(status.code(), Some(0));
    let (status, shown) = run.end();
    assert_eq!(status.code(), Some(0), "{shown:#?}");

    let events: Vec<Value> = told.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seqs: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let messages: Vec<&str> =
        events.iter().filter_map(|event| event["data"]["value"]["message"].as_str()).collect();
    let (last, counted) = messages.split_last().unwrap();
    assert_eq!(*last, "the end");
    let expected: Vec<String> = (1..=counted.len()).map(|n| format!("line {n}")).collect();
    assert_eq!(counted, expected, "every line once and in order");
    assert_eq!(events.last().unwrap()["type"], "execution.completed");
    assert_eq!(events.iter().filter(|event| event["type"] == "execution.started").count(), 1);
}

#[test]
fn a_runner_works_off_its_queue_and_drains_on_sigterm() {
    let server = Server::start();
    let script = r#"input=$(cat); echo "stdin $input, variable $HEARTLINE_INPUT"
        echo "attempt $HEARTLINE_ATTEMPT of $HEARTLINE_EXECUTION_ID""#;
    let arguments = ["runner", "--queue", "q", "--slots", "2", "--", "sh", "-c", script];
    let mut runner = Process::start(&mut server.cli(arguments));
    runner.line("serves queue q");
    let create = server.output([
        "create",
        "--kind",
        "workflow",
        "--name",
        "w",
        "--queue",
        "q",
        "--input",
        "{\"a\": 1}",
        "--watch",
    ]);
    let told = text(&create.stdout);
    assert_eq!(create.status.code(), Some(0), "{told}");
    assert!(told.contains(r#"stdin {"a": 1}, variable {"a": 1}"#), "{told}");
    let id = server.only()["id"].as_str().unwrap().to_owned();
    assert!(told.contains(&format!("attempt 1 of {id}")), "{told}");
    runner.line("completed");
    runner.signal(Signal::TERM);
    assert_eq!(runner.end().0.code(), Some(0));
}

#[test]
fn the_next_attempt_of_a_command_gets_what_the_one_before_left() {
    let server = Server::start();
    let script = r#"if [ -z "$HEARTLINE_CHECKPOINT" ]; then
            echo '{"type":"STATE_SNAPSHOT","data":{"snapshot":{"done":["a"]}}}'
            exit 1
        fi
        echo "left $HEARTLINE_CHECKPOINT""#;
    let arguments = ["runner", "--queue", "q", "--", "sh", "-c", script];
    let mut runner = Process::start(&mut server.cli(arguments));
    runner.line("serves queue q");
    let create = [
        "create",
        "--kind",
        "workflow",
        "--name",
        "w",
        "--queue",
        "q",
        "--retries",
        "1",
        "--watch",
    ];
    let create = server.output(create);
    let told = text(&create.stdout);
    assert_eq!(create.status.code(), Some(0), "{told}");
    let left = told.split("left ").nth(1).and_then(|rest| rest.lines().next());
    let left: Value = serde_json::from_str(left.expect("a checkpoint")).expect("JSON");
    assert_eq!((&left["attempt"], &left["state"]), (&json!(1), &json!({"done": ["a"]})));
    runner.signal(Signal::TERM);
    assert_eq!(runner.end().0.code(), Some(0));
}

#[test]
fn a_runner_of_several_queues_goes_on_through_a_crash_of_the_server() {
    let mut server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let flag = folder.path().join("stop");
    let script = format!(
        "n=0; while [ ! -e {} ]; do n=$((n+1)); echo line $n; sleep 0.02; done",
        flag.display()
    );
    let arguments = ["runner", "--queue", "a", "--queue", "b", "--slots", "2"];
    let mut command = server.cli(arguments);
    let mut runner = Process::start(command.args(["--", "sh", "-c", &script]));
    runner.line("serves queues a, b");
    let ids: Vec<String> = ["a", "b"]
        .iter()
        .map(|queue| {
            id_in(&text(&server.output(["create", "--name", "n", "--queue", queue]).stdout))
        })
        .collect();
    let watch =
        |server: &Server, id: &str| Process::start(&mut server.cli(["watch", id, "-o", "jsonl"]));
    let mut watches: Vec<Process> = ids.iter().map(|id| watch(&server, id)).collect();
    for watch in &mut watches {
        watch.line("line 20\"");
    }
    server.crash_and_restart();
    runner.line("the server is back");
    for watch in &mut watches {
        watch.complaint("connected again");
        watch.line("line ");
    }
    std::fs::write(&flag, "").unwrap();
    for watch in watches {
        let (status, told) = watch.end();
        assert_eq!(status.code(), Some(0));
        let events: Vec<Value> =
            told.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let lines: Vec<&str> =
            events.iter().filter_map(|event| event["data"]["value"]["message"].as_str()).collect();
        let expected: Vec<String> = (1..=lines.len()).map(|n| format!("line {n}")).collect();
        assert_eq!(lines, expected, "every line once and in order");
        let started = events.iter().filter(|event| event["type"] == "execution.started");
        assert_eq!(started.count(), 1);
    }
    runner.signal(Signal::TERM);
    assert_eq!(runner.end().0.code(), Some(0));
}

#[test]
fn a_runner_finds_a_server_that_was_restarted() {
    let mut server = Server::start();
    let arguments = ["runner", "--queue", "q", "--", "true"];
    let mut runner = Process::start(&mut server.cli(arguments));
    runner.line("serves queue q");
    server.crash_and_restart();
    let create = server.output(["create", "--name", "n", "--queue", "q", "--watch"]);
    assert_eq!(create.status.code(), Some(0), "{}", text(&create.stdout));
    runner.line("completed");
}

#[test]
fn what_nobody_takes_is_told_at_creation_and_again_when_time_is_up() {
    let server = Server::start();
    let created = server.output(["create", "--name", "n", "--queue", "empty"]);
    assert!(text(&created.stdout).contains("no_runner_ever"), "{}", text(&created.stdout));
    let id = server.only()["id"].as_str().unwrap().to_owned();
    let why = server.output(["explain", &id, "-o", "json"]);
    let why: Value = serde_json::from_slice(&why.stdout).unwrap();
    assert_eq!(why["cause"], "no_runner_ever");
    let doctor = text(&server.output(["doctor"]).stdout);
    assert!(doctor.contains("work but no runner: empty"), "{doctor}");
    let theirs = server.output(["run", "--queue", "empty", "--", "true"]);
    assert_eq!(theirs.status.code(), Some(2), "a queue with others' work is not ours");
    let hurried = server.output([
        "create",
        "--name",
        "n",
        "--queue",
        "empty",
        "--schedule-to-start",
        "200ms",
        "--watch",
    ]);
    let told = text(&hurried.stdout);
    assert_eq!(hurried.status.code(), Some(4), "{told}");
    assert!(told.contains("heartline runner --queue empty"), "{told}");
}

#[test]
fn watch_ends_where_a_person_is_asked_and_resume_goes_on() {
    let server = Server::start();
    server.output(["create", "--name", "n", "--queue", "q"]);
    let claim = json!({"runner": {"id": "r"}, "slots": 1, "wait": "10s"});
    let claimed = server.post("/v1/queues/q/claim", &claim);
    let lease = claimed["leases"][0]["lease"].clone();
    let id = claimed["leases"][0]["execution"]["id"].as_str().unwrap().to_owned();
    let path = |call: &str| format!("/v1/executions/{id}/{call}");
    server.post(&path("wait"), &json!({"lease": lease, "prompt": "may I?"}));

    let watch = server.output(["watch", &id]);
    let told = text(&watch.stdout);
    assert_eq!(watch.status.code(), Some(6), "{told}");
    assert!(told.contains("may I?") && told.contains("heartline resume"), "{told}");

    // The event that asks is behind these, and the question is open all the same.
    let seq = server.only()["seq"].as_u64().unwrap();
    let past = |after: u64| server.output(["watch", &id, "--after", &after.to_string()]);
    assert_eq!(past(seq).status.code(), Some(6));
    server.post(
        &path("events"),
        &json!({"lease": lease, "batch": 1, "events": [
        {"type": "CUSTOM", "data": {"name": "later", "value": 1}}]}),
    );
    let behind = past(seq);
    let told = text(&behind.stdout);
    assert_eq!(behind.status.code(), Some(6), "{told}");
    assert!(told.contains("later") && told.contains("may I?"), "{told}");

    let answer = ["resume", &id, "--input", "{\"yes\":true}", "--watch"];
    let mut resume = Process::start(&mut server.cli(answer));
    resume.line("answered with {\"yes\":true}");
    server.post(&path("complete"), &json!({"lease": lease}));
    assert_eq!(resume.end().0.code(), Some(0));
}

#[test]
fn executions_are_listed_by_what_they_try_again_start_from_and_ended_with() {
    let server = Server::start();
    let said = |arguments: &[&str]| {
        let out = server.cli(arguments).output().expect("the binary runs");
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        text(&out.stdout)
    };
    let first = id_in(&said(&["create", "--name", "n", "--queue", "q"]));
    let child = id_in(&said(&["create", "--name", "n", "--queue", "q", "--parent", &first]));
    said(&["cancel", &first]);
    let again = id_in(&said(&["retry", &first]));
    let only = |filter: &[&str], id: &str| {
        let shown = said(&[&["ls"], filter].concat());
        assert!(shown.contains(id) && shown.lines().count() == 2, "{filter:?}, {id}: {shown}");
    };
    only(&["--parent", &first], &child);
    // An id that is cut short will do here as well.
    only(&["--retry-of", &first[..34]], &again);
    only(&["--reason", "cancel_requested"], &first);
    assert!(said(&["ls", "--reason", "runner_lost"]).contains("heartline ls shows all"));
    let wrong = server.output(["ls", "--reason", "lost"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("runner_lost"), "{}", text(&wrong.stderr));
}

#[test]
fn an_id_may_be_cut_short_as_long_as_it_names_one() {
    let server = Server::start();
    for _ in 0..2 {
        server.output(["create", "--name", "n", "--queue", "q"]);
    }
    let listed = server.output(["ls", "-o", "jsonl"]);
    let listed = text(&listed.stdout);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let first: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    let id = first["id"].as_str().unwrap();
    let get = server.output(["get", &id[..34], "-o", "json"]);
    let got: Value = serde_json::from_slice(&get.stdout).expect("one execution");
    assert_eq!(got["id"], id);
    let both = server.output(["get", "aex_"]);
    assert_eq!(both.status.code(), Some(1));
    assert!(text(&both.stderr).contains("several"), "{}", text(&both.stderr));
    let none = server.output(["get", "wex_f"]);
    assert_eq!(none.status.code(), Some(1));
}

#[test]
fn wrong_use_and_a_missing_server_have_exit_codes_of_their_own() {
    let output = |arguments: &[&str]| binary::command().args(arguments).output().unwrap();
    assert_eq!(output(&["run"]).status.code(), Some(2));
    assert_eq!(output(&["get", "no/id"]).status.code(), Some(2));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("http://{free}");
    for arguments in [
        &["ls", "--server", &server][..],
        &["run", "--server", &server, "--", "true"],
        &["doctor", "--server", &server],
    ] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(7), "{arguments:?}");
        let told = text(&output.stderr) + &text(&output.stdout);
        assert!(told.contains("heartline serve"), "{told}");
    }
}

#[test]
fn a_refused_creation_names_the_field() {
    let server = Server::start();
    let refused = server.output(["create", "--name", "n", "--heartbeat", "1ms"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("/timeouts/heartbeat"), "{}", text(&refused.stderr));
}

#[test]
fn the_settings_are_printed_with_their_origins() {
    let printed = binary::command()
        .args(["serve", "--print-config", "--listen", "127.0.0.1:9"])
        .env("HEARTLINE_DATA", "/elsewhere")
        .output()
        .unwrap();
    let printed = text(&printed.stdout);
    assert!(printed.contains("127.0.0.1:9") && printed.contains("HEARTLINE_DATA"), "{printed}");
}

#[test]
fn a_taken_address_is_said_plainly() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let listen = server.url.strip_prefix("http://").unwrap();
    let second = binary::command()
        .args(["serve", "--listen", listen, "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("is taken"), "{}", text(&second.stderr));
}

#[test]
fn doctor_finds_a_healthy_server_healthy() {
    let server = Server::start();
    let doctor = server.cli(["doctor", "--data"]).arg(server.data.path()).output().unwrap();
    let told = text(&doctor.stdout);
    assert_eq!(doctor.status.code(), Some(0), "{told}");
    assert!(!told.contains("fail"), "{told}");
}

#[test]
fn the_demonstration_shows_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = binary::command();
    demo.args(["demo", "--exit", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path());
    let (status, told) = Process::start(&mut demo).end();
    let told = told.join("\n");
    assert_eq!(status.code(), Some(0), "{told}");
    for part in
        ["killed by SIGKILL", "no_runner_ever", "schedule_to_start_timeout", "cancel_requested"]
    {
        assert!(told.contains(part), "{part:?} in {told}");
    }
}
