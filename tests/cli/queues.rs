//! `heartline queues` and what changes a queue.

use serde_json::Value;

use super::{Server, text};

#[test]
fn a_queue_is_paused_limited_shown_and_resumed() {
    let server = Server::start();
    server.output(["create", "--name", "n", "--queue", "q"]);
    let run = |arguments: &[&str]| {
        let output = server.cli(arguments).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let told = text(&output.stdout);
        assert!(told.lines().all(|line| line.trim_end() == line), "trailing blanks: {told:?}");
        told
    };
    let told = run(&["queues", "pause", "q", "--reason", "deploy"]);
    assert!(told.contains("heartline queues resume q"), "{told}");
    let told = run(&["queues"]);
    assert!(told.contains("paused") && told.contains("deploy"), "{told}");
    let told = run(&["queues", "limit", "q", "--max-in-progress", "5", "--rate", "90/m:3"]);
    assert!(told.contains("in progress 5; rate 1.5/s, at most 3 at once"), "{told}");
    let told = run(&["queues", "get", "q"]);
    assert!(told.contains("@") && told.contains(": deploy"), "{told}");
    assert!(told.contains("1; 1 of them held"), "{told}");
    run(&["queues", "resume", "q"]);
    run(&["queues", "limit", "q", "--max-in-progress", "none", "--rate", "none"]);
    let json: Value = serde_json::from_str(&run(&["queues", "q", "-o", "json"])).expect("JSON");
    assert_eq!((&json["paused"], &json["limits"]["rate"]), (&Value::from(false), &Value::Null));

    let nothing = server.output(["queues", "limit", "q"]);
    assert_eq!(nothing.status.code(), Some(2), "a limit is to be named");
    let wrong = server.output(["queues", "limit", "q", "--rate", "fast"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("10/s"), "{}", text(&wrong.stderr));
    let refused = server.output(["queues", "limit", "q", "--max-in-progress", "0"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("between 1 and"), "{}", text(&refused.stderr));
}
