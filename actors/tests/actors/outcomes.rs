//! Outcomes that are unknown, late, or of an actor that is gone: nothing of them is lost or shown
//! twice, and nobody of another tenant sees any of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use heartline_actors::{Claim, Error, Hooks, Start, Transport};
use heartline_execution::{Command, Name, Phase, Reply, Span, content::Progress};
use heartline_storage::ExecutionStore;

use crate::harness::*;

#[test]
fn a_commit_whose_answer_was_lost_is_shown_once_after_the_recovery() {
    let disk = faulty();
    with(Arc::clone(&disk) as Arc<dyn ExecutionStore>, Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let lease = claim(&handle, "q", "r").await.lease;
        let mut watcher = subscribe(&handle, id).await;
        disk.lose_next_answer();
        let lost = post(&handle, id, lease, 1, "durable").await;
        assert!(matches!(lost, Err(Error::StoreUnavailable(_))), "{lost:?}");
        // Without anybody asking again, the watcher is told.
        let seen = follow(&mut watcher, |event| event["seq"] == 3).await;
        assert_eq!(types(&seen), ["execution.created", "execution.started", "CUSTOM"]);
        let again = eventually(async || post(&handle, id, lease, 1, "durable").await.ok()).await;
        assert_eq!(again, Reply::Done { seq: 3, cancel_requested: false });
        complete(&handle, id, lease).await;
        assert_eq!(types(&to_the_end(&mut watcher).await), ["execution.completed"]);
    });
}

#[test]
fn a_claim_whose_answer_was_lost_is_still_watched_over() {
    let disk = faulty();
    with(Arc::clone(&disk) as Arc<dyn ExecutionStore>, Hooks::default(), |handle| async move {
        let mut wanted = spec("q");
        wanted.timeouts.heartbeat = Span::millis(200);
        wanted.retry.max_attempts = 1;
        let id = create(&handle, wanted).await;
        let mut watcher = subscribe(&handle, id).await;
        disk.lose_next_answer();
        let lost = Claim { wait: Span::millis(300), ..claim_of("q", "r") };
        let granted = handle.claim(&ns(), lost).await;
        assert!(granted.as_ref().map_or(true, Vec::is_empty), "nobody knows the lease");
        let seen = to_the_end(&mut watcher).await;
        let expected = [
            "execution.created",
            "execution.started",
            "execution.attempt_failed",
            "execution.failed",
        ];
        assert_eq!(types(&seen), expected);
        assert_eq!(seen[3]["data"]["reason"], "heartbeat_timeout");
    });
}

#[test]
fn a_new_actor_starts_from_what_the_dead_one_left_in_the_journal() {
    let disk = faulty();
    let store = Arc::clone(&disk);
    let armed = Arc::<AtomicBool>::default();
    let trap = Arc::clone(&armed);
    let hooks = Hooks {
        before_command: Some(Arc::new(move |_, _| {
            assert!(!trap.swap(false, Ordering::AcqRel), "the actor panics on command");
        })),
    };
    with(store, hooks, |handle| async move {
        let id = create(&handle, spec("q")).await;
        let lease = claim(&handle, "q", "r").await.lease;
        disk.set_stalled(true);
        let asking = handle.clone();
        let posting = actix::spawn(async move { post(&asking, id, lease, 1, "under way").await });
        let stalled = Arc::clone(&disk);
        tokio::task::spawn_blocking(move || stalled.wait_until_stalled()).await.expect("stalled");
        armed.store(true, Ordering::Release);
        let died = handle.command(&ns(), id, Command::Heartbeat { lease }).await;
        assert!(matches!(died, Err(Error::Interrupted)), "{died:?}");
        let asking = handle.clone();
        let viewing = actix::spawn(async move { asking.view(&ns(), id).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!viewing.is_finished(), "it would have read a log that is not settled");
        disk.set_stalled(false);
        assert_eq!(viewing.await.expect("it ran").expect("a view").seq, 3);
        let posted = posting.await.expect("it ran").expect("posted");
        assert_eq!(posted, Reply::Done { seq: 3, cancel_requested: false });
        let posted = post(&handle, id, lease, 2, "after").await.expect("posted");
        assert_eq!(posted, Reply::Done { seq: 4, cancel_requested: false });
    });
}

#[test]
fn an_execution_is_not_there_for_another_namespace() {
    with(memory(), Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let lease = claim(&handle, "q", "r").await.lease;
        let _watched = subscribe(&handle, id).await;
        let other = Name::new("other").expect("a name");
        let view = handle.view(&other, id).await.map(|v| v.seq);
        assert!(matches!(view, Err(Error::NotFound)), "{view:?}");
        let subscribed = handle.subscribe(&other, id, Start::After(0), Transport::Sse).await;
        assert!(matches!(subscribed.map(|s| s.head), Err(Error::NotFound)));
        let read = handle.events(&other, id, 0, 10, false).await.map(|page| page.head);
        assert!(matches!(read, Err(Error::NotFound)), "{read:?}");
        let beat = handle.heartbeat(&other, id, lease, None, 0).await;
        assert!(matches!(beat, Err(Error::NotFound)), "{beat:?}");
        let done = handle.command(&other, id, Command::Complete { lease, output: None }).await;
        assert!(matches!(done, Err(Error::NotFound)), "{done:?}");
        let phase = handle.view(&ns(), id).await.expect("a view").phase;
        assert_eq!(phase, Phase::InProgress);
    });
}

#[test]
fn a_purge_that_fails_turns_readiness_off_until_the_store_is_back() {
    let disk = faulty();
    with(Arc::clone(&disk) as Arc<dyn ExecutionStore>, Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let lease = claim(&handle, "q", "r").await.lease;
        complete(&handle, id, lease).await;
        disk.set_failing(true);
        let purged = handle.purge(&ns(), id).await;
        assert!(matches!(purged, Err(Error::StoreUnavailable(_))), "{purged:?}");
        eventually(async || handle.ready().is_err().then_some(())).await;
        disk.set_failing(false);
        eventually(async || handle.ready().is_ok().then_some(())).await;
        handle.purge(&ns(), id).await.expect("purged");
        let view = handle.view(&ns(), id).await.map(|v| v.seq);
        assert!(matches!(view, Err(Error::NotFound)), "{view:?}");
    });
}

#[test]
fn the_last_progress_report_comes_before_the_timeout_that_ends_the_attempt() {
    let mut config = config();
    config.supervision.progress_interval = Duration::from_secs(30);
    with_config(config, memory(), Hooks::default(), |handle| async move {
        let mut wanted = spec("q");
        wanted.timeouts.start_to_close = Some(Span::millis(300));
        wanted.retry.max_attempts = 1;
        let id = create(&handle, wanted).await;
        let lease = claim(&handle, "q", "r").await.lease;
        let mut watcher = subscribe(&handle, id).await;
        for fraction in [0.1, 0.2, 0.3] {
            let progress = Progress { fraction: Some(fraction), message: None, details: None };
            handle.heartbeat(&ns(), id, lease, Some(progress), 0).await.expect("heard");
        }
        let seen = to_the_end(&mut watcher).await;
        let expected = [
            "execution.created",
            "execution.started",
            "execution.progress",
            "execution.progress",
            "execution.attempt_failed",
            "execution.failed",
        ];
        assert_eq!(types(&seen), expected);
        assert_eq!(seen[3]["data"]["fraction"], 0.3);
    });
}
