//! `heartline top`, `watch`, `events -f` and `logs -f`: what they show, and where they begin.

use serde_json::{Value, json};

use super::{Server, binary, id_in, text};

#[test]
fn top_shows_what_is_running_however_much_is_newer_and_counts_all() {
    let server = Server::start();
    let create = |queue: &str| {
        server.post("/v1/executions", &json!({"kind": "agent", "name": "n", "queue": queue}))
    };
    let running = create("first")["execution"]["id"].as_str().unwrap().to_owned();
    let claim = json!({"runner": {"id": "r"}, "slots": 1, "wait": "10s"});
    server.post("/v1/queues/first/claim", &claim);
    for _ in 0..1_001 {
        create("later");
    }
    let top = server.output(["top", "--once"]);
    let told = text(&top.stdout);
    assert_eq!(top.status.code(), Some(0), "{}", text(&top.stderr));
    let counts = told.lines().next().unwrap();
    assert!(counts.contains("pending 1001  in_progress 1  "), "{counts}");
    assert!(told.contains(&running), "it is hidden behind what is newer");

    let top = server.output(["top", "--once", "--queue", "first", "-o", "json"]);
    let shown: Value = serde_json::from_slice(&top.stdout).expect("JSON");
    assert_eq!(shown["executions"][0]["id"], running, "{shown:#}");
    assert_eq!(shown["counts"]["in_progress"], 1, "{shown:#}");
    assert_eq!(shown["queues"].as_array().map(Vec::len), Some(2), "{shown:#}");
    let top = text(&server.output(["top", "--once", "-o", "jsonl"]).stdout);
    let rows: Vec<Value> = top.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), &rows[0]["id"]), (1_001, &json!(running)));
}

#[test]
fn following_without_a_server_is_an_error_at_once() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("http://{free}");
    // A whole id, so that nothing has to be looked up.
    let id = "aex_01981f000000700080000000000000ab";
    for command in [&["watch"][..], &["events", "-f"], &["logs", "-f"]] {
        let output =
            binary::command().args(command).args([id, "--server", &server]).output().unwrap();
        assert_eq!(output.status.code(), Some(7), "{command:?}");
        let told = text(&output.stderr);
        assert!(told.contains("heartline serve"), "{command:?}: {told}");
        assert!(!told.contains("connection lost"), "there was none: {told}");
    }
}

#[test]
fn what_is_followed_from_beyond_the_log_is_shown_from_its_beginning() {
    let server = Server::start();
    let id = id_in(&text(&server.output(["create", "--name", "n", "--queue", "q"]).stdout));
    server.output(["cancel", &id]);
    let watch = server.output(["watch", "--after", "1000", &id]);
    let told = text(&watch.stdout);
    assert_eq!(watch.status.code(), Some(5), "{told}");
    assert!(told.contains("the log ends before 1000; showing it from 1"), "{told}");
    let events = server.output(["events", "-f", "--after", "1000", &id, "-o", "jsonl"]);
    let seqs: Vec<u64> = text(&events.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap())
        .collect();
    assert!(!seqs.is_empty() && seqs.iter().copied().eq(1..=seqs.len() as u64), "{seqs:?}");
    assert!(text(&events.stderr).contains("the log ends before 1000"), "{}", text(&events.stderr));
}
