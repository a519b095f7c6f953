//! The load generator itself, as a process, against a stand-in for the server: every workload runs
//! to its end, and every flaw of the server ends it with an error.

mod mock;

use std::process::{Command, Stdio};

use mock::Flaw;
use serde_json::{Value, json};

struct Run {
    success: bool,
    text: String,
    json: Value,
}

fn bench(flaw: Flaw, arguments: &[&str]) -> Run {
    let address = mock::start(flaw).to_string();
    // Stands for the server's process: the stand-in shares its own with every other test.
    let mut process = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let pid = process.id().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_heartline-bench"))
        .args(["--server", &address, "--server-pid", &pid, "--json"])
        .args(["--data-dir", env!("CARGO_TARGET_TMPDIR")])
        .args(arguments)
        .output()
        .unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    let json = text.lines().find(|line| line.starts_with('{'));
    let json = json.map_or(Value::Null, |line| serde_json::from_str(line).unwrap());
    Run { success: output.status.success(), text, json }
}

const INGEST: &[&str] = &["ingest", "--producers", "4", "--seconds", "1", "--warmup", "0"];
const LIFECYCLE: &[&str] = &["lifecycle", "--in-flight", "8", "--seconds", "1", "--warmup", "0"];
const TIMERS: &[&str] =
    &["timers", "--armed", "50", "--due-per-second", "100", "--seconds", "1", "--watched", "10"];

const DELIVER: &[&str] =
    &["deliver", "--watchers", "3", "--rate", "100", "--seconds", "1", "--warmup", "0"];

#[test]
fn ingest_counts_acks_and_finds_every_event_again() {
    let run = bench(Flaw::None, INGEST);
    assert!(run.success, "{}", run.text);
    assert!(run.json["acks_per_s"].as_f64().unwrap() > 0.0);
    assert_eq!(run.json["audit"]["acked"], run.json["audit"]["found"]);
    for key in ["ack_latency", "fdatasync_growing", "loopback_busy", "journal_sync"] {
        assert!(!run.json[key].is_null(), "{key} in {}", run.text);
    }
}

#[test]
fn ingest_in_batches_over_more_executions_than_producers() {
    let arguments = [INGEST, &["--executions", "6", "--batch", "10"]].concat();
    let run = bench(Flaw::None, &arguments);
    assert!(run.success, "{}", run.text);
    assert_eq!(run.json["audit"]["acked"].as_u64().unwrap() % 10, 0);
}

#[test]
fn an_acked_event_that_is_not_in_the_log_ends_with_an_error() {
    let run = bench(Flaw::LosesABatch, INGEST);
    assert!(!run.success);
    assert!(run.text.contains("FAILED") && run.text.contains("acked"), "{}", run.text);
}

#[test]
fn a_refused_request_ends_with_an_error_but_the_rest_is_measured() {
    let run = bench(Flaw::RefusesABatch, INGEST);
    assert!(!run.success);
    assert_eq!(run.json["errors"], 4, "{}", run.text);
    assert_eq!(run.json["audit"]["wrong"], 0, "{}", run.text);
}

#[test]
fn a_peer_that_is_not_installed_is_skipped_plainly() {
    let peer = ["--peer", "durable-streams", "--peer-bin", "/no/such/program"];
    let run = bench(Flaw::None, &[INGEST, &peer].concat());
    assert!(run.success, "{}", run.text);
    assert!(run.text.contains("cargo install durable-streams"), "{}", run.text);
}

#[test]
fn every_lifecycle_ends_with_its_watcher_told() {
    let run = bench(Flaw::None, LIFECYCLE);
    assert!(run.success, "{}", run.text);
    assert!(run.json["audit"]["created"].as_u64().unwrap() > 8);
    assert_eq!(run.json["audit"]["created"], run.json["audit"]["ended"]);
    for stage in ["whole", "create", "claim", "complete", "complete_to_end"] {
        assert!(run.json[stage]["p50_us"].as_f64().unwrap() > 0.0, "{stage}");
    }
}

#[test]
fn a_watcher_that_misses_an_event_ends_with_an_error() {
    let run = bench(Flaw::HidesAnEvent, LIFECYCLE);
    assert!(!run.success);
    assert!(run.text.contains("events in order"), "{}", run.text);
}

#[test]
fn timers_are_counted_against_their_deadlines() {
    let run = bench(Flaw::None, TIMERS);
    assert!(run.success, "{}", run.text);
    assert_eq!(run.json["lateness"]["count"], 100);
    assert_eq!(run.json["watcher_told_after_deadline"]["count"], 10);
    assert_eq!(run.json["early"], 0);
}

#[test]
fn a_deadline_that_fires_early_ends_with_an_error() {
    let run = bench(Flaw::FiresEarly, TIMERS);
    assert!(!run.success);
    assert!(run.text.contains("early"), "{}", run.text);
}

#[test]
fn idle_ends_some_and_leaves_some_waiting() {
    let run = bench(Flaw::None, &["idle", "--live", "300", "--terminal", "200"]);
    assert!(run.success, "{}", run.text);
    assert!(run.json["bytes_per_live"].is_f64(), "{}", run.text);
}

#[test]
fn restart_needs_a_server_of_its_own() {
    let run = bench(Flaw::None, &["restart", "--live", "10"]);
    assert!(!run.success);
    assert!(run.text.contains("leave --server away"), "{}", run.text);
}

#[test]
fn every_watcher_is_delivered_every_event() {
    let run = bench(Flaw::None, DELIVER);
    assert!(run.success, "{}", run.text);
    let audit = &run.json["audit"];
    assert_eq!((&audit["published"], &audit["whole"]), (&json!(100), &json!(3)), "{}", run.text);
    assert!(run.json["publish_to_receive"]["p50_us"].as_f64().unwrap() > 0.0);
    for key in ["bytes_per_s", "deliveries_per_s", "ack_latency", "server_rss_peak"] {
        assert!(!run.json[key].is_null(), "{key} in {}", run.text);
    }
}

#[test]
fn a_frame_dropped_repeated_or_swapped_ends_with_an_error() {
    for flaw in [Flaw::DropsAFrame, Flaw::RepeatsAFrame, Flaw::SwapsFrames] {
        let run = bench(flaw, DELIVER);
        assert!(!run.success, "{flaw:?}: {}", run.text);
        assert!(run.text.contains("FAILED: 0 of 3 watchers"), "{flaw:?}: {}", run.text);
        assert!(run.json["audit"]["broken"].as_u64().unwrap() >= 3, "{flaw:?}: {}", run.text);
    }
}

#[test]
fn fanout_stays_within_its_window() {
    let arguments = ["fanout", "--watchers", "3", "--batch", "5", "--ahead", "2", "--seconds", "1"];
    let run = bench(Flaw::None, &arguments);
    assert!(run.success, "{}", run.text);
    assert!(run.json["audit"]["published"].as_u64().unwrap() > 0);
    assert_eq!(run.json["audit"]["published"].as_u64().unwrap() % 5, 0);
}

#[test]
fn idle_late_and_stalled_watchers_get_everything() {
    for arguments in [
        &["watchers", "--watchers", "20"][..],
        &["stampede", "--watchers", "20", "--behind", "30"],
        &["stalled", "--stalled", "5", "--watchers", "2", "--mebibytes", "1", "--seconds", "1"],
    ] {
        let run = bench(Flaw::None, arguments);
        assert!(run.success, "{}", run.text);
    }
}

#[test]
fn a_peer_to_watch_that_is_not_installed_is_skipped_plainly() {
    let peer = ["--peer", "redis", "--peer-bin", "/no/such/program"];
    let run = bench(Flaw::None, &[DELIVER, &peer].concat());
    assert!(run.success, "{}", run.text);
    assert!(run.text.contains("apt-get install redis-server"), "{}", run.text);
}

#[test]
fn beside_one_that_only_syncs_and_sends_there_is_a_ratio_and_no_verdict() {
    let run = bench(Flaw::None, &[DELIVER, &["--peer", "bare"]].concat());
    assert!(run.success, "{}", run.text);
    let line = |name: &str| run.text.lines().find(|line| line.trim().starts_with(name));
    assert!(line("peer audit").is_some_and(|line| line.contains("saw all")), "{}", run.text);
    assert!(line("over the least").is_some_and(|line| line.contains('×')), "{}", run.text);
    assert!(!run.text.contains("over the peer's"), "{}", run.text);
}

const WS: &[&str] = &["--transport", "ws"];
const CLAIMS: &[&str] = &[
    "claims",
    "--queued",
    "300",
    "--runners",
    "5",
    "--keys",
    "1000",
    "--rate",
    "100",
    "--seconds",
    "1",
    "--warmup",
    "0",
];

#[test]
fn ingest_over_sockets_finds_every_event_again() {
    for shared in [&[][..], &["--sockets", "2"], &["--executions", "6", "--batch", "10"]] {
        let run = bench(Flaw::None, &[INGEST, WS, shared].concat());
        assert!(run.success, "{}", run.text);
        assert!(run.json["acks_per_s"].as_f64().unwrap() > 0.0);
        assert_eq!(run.json["audit"]["acked"], run.json["audit"]["found"]);
        assert_eq!(run.json["errors"], 0);
    }
}

#[test]
fn ingest_over_sockets_notices_what_is_lost_refused_or_answered_twice() {
    let arguments = [INGEST, WS].concat();
    let run = bench(Flaw::LosesABatch, &arguments);
    assert!(!run.success && run.text.contains("acked"), "{}", run.text);
    let run = bench(Flaw::RefusesABatch, &arguments);
    assert!(!run.success, "{}", run.text);
    assert_eq!((&run.json["errors"], &run.json["audit"]["wrong"]), (&json!(4), &json!(0)));
    let run = bench(Flaw::AnswersTwice, &arguments);
    assert!(!run.success && run.text.contains("one answer to each id"), "{}", run.text);
}

#[test]
fn every_lifecycle_over_sockets_is_completed_and_told() {
    for watched in ["4", "0"] {
        let arguments = [LIFECYCLE, WS, &["--runners", "3", "--sockets", watched]].concat();
        let run = bench(Flaw::None, &arguments);
        assert!(run.success, "{}", run.text);
        assert!(run.json["audit"]["logs"].as_u64().unwrap() > 8);
        assert_eq!(run.json["audit"]["logs"], run.json["audit"]["right"]);
        for stage in ["whole", "create", "create_to_lease", "complete"] {
            assert!(run.json[stage]["p50_us"].as_f64().unwrap() > 0.0, "{stage}");
        }
    }
}

#[test]
fn a_completion_that_is_not_in_the_log_ends_with_an_error() {
    let unwatched = [LIFECYCLE, WS, &["--sockets", "0"]].concat();
    let dispatch = ["dispatch", "--seconds", "1", "--warmup", "0"];
    for arguments in [&unwatched[..], &dispatch] {
        let run = bench(Flaw::ForgetsCompletions, arguments);
        assert!(!run.success && run.text.contains("its log is"), "{}", run.text);
    }
}

#[test]
fn every_frame_to_a_runner_is_timed() {
    let time = ["--seconds", "1", "--warmup", "0"];
    for (arguments, key, count) in [
        (&["dispatch", "--rate", "50"][..], "create_to_lease", 50),
        (&["cancel", "--rate", "50", "--runners", "3"], "cancel_to_frame", 50),
    ] {
        let run = bench(Flaw::None, &[arguments, &time].concat());
        assert!(run.success, "{}", run.text);
        assert_eq!(run.json[key]["count"], count, "{}", run.text);
        assert_eq!(run.json["audit"]["right"], count, "{}", run.text);
    }
}

#[test]
fn a_frame_that_comes_twice_ends_with_an_error() {
    let run = bench(Flaw::AnswersTwice, &["dispatch", "--seconds", "1", "--warmup", "0"]);
    assert!(!run.success && run.text.contains("one ack each"), "{}", run.text);
}

#[test]
fn the_death_of_a_runner_is_told() {
    let run = bench(Flaw::None, &["disconnect", "--rounds", "3"]);
    assert!(run.success, "{}", run.text);
    assert_eq!(run.json["kill_to_told"]["count"], 3);
    assert_eq!(run.json["audit"]["right"], 3);
}

#[test]
fn every_lease_lives_on_its_heartbeats() {
    let arguments = ["--leases", "30", "--runners", "4", "--seconds", "1", "--warmup", "0"];
    let run = bench(Flaw::None, &[&["heartbeats"][..], &arguments].concat());
    assert!(run.success, "{}", run.text);
    assert_eq!(run.json["audit"]["right"], 30);
    assert!(run.json["frame_to_ack"]["count"].as_u64().unwrap() > 0, "{}", run.text);
}

#[test]
fn claims_are_timed_and_kept_in_the_order_of_priorities() {
    let run = bench(Flaw::None, CLAIMS);
    assert!(run.success, "{}", run.text);
    assert!(run.json["slot_free_to_lease"]["count"].as_u64().unwrap() > 10, "{}", run.text);
    assert_eq!(run.json["register_to_lease"]["count"], 5);
    assert!(run.json["priorities"]["below_highest"].as_u64().unwrap() > 0, "{}", run.text);
    let run = bench(Flaw::IgnoresPriorities, CLAIMS);
    assert!(!run.success && run.text.contains("overtook"), "{}", run.text);
}
