//! The actors over a store in memory: what reaches watchers when runners, actors and disks fail.
//!
//! Real actors and real time, with short timeouts. Every wait is for an event; a sleep only paces a
//! runner.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::harness::*;
use heartline_actors::{Claim, Create, Error, Hooks, Verdict};
use heartline_execution::{
    Command, ExecutionId, LeaseId, Name, Phase, QueuePatch, Rejection, Reply, Span, Spec,
    content::Progress, event::Failure,
};
use heartline_storage::{ExecutionStore, Idempotency, MemoryStore};
use serde_json::Value;

#[test]
fn a_watcher_sees_everything_from_creation_to_the_end() {
    with(memory(), Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let mut watcher = subscribe(&handle, id).await;
        let granted = claim(&handle, "q", "r1").await;
        assert_eq!((granted.id, granted.attempt), (id, 1));
        for batch in 1..=3 {
            post(&handle, id, granted.lease, batch, "line").await.expect("posted");
        }
        // A repeat answers as before and appends nothing.
        let again = post(&handle, id, granted.lease, 2, "line").await.expect("told again");
        assert_eq!(again, Reply::Done { seq: 4, cancel_requested: false });
        let complete = Command::Complete { lease: granted.lease, output: None };
        let first = handle.command(&ns(), id, complete.clone()).await.expect("completed");
        let second = handle.command(&ns(), id, complete).await.expect("told again");
        assert_eq!(first, second);
        let seen = to_the_end(&mut watcher).await;
        assert_eq!(
            types(&seen),
            [
                "execution.created",
                "execution.started",
                "CUSTOM",
                "CUSTOM",
                "CUSTOM",
                "execution.completed"
            ]
        );
        // Over, it costs no memory once nobody asks.
        eventually(async || (handle.supervisor().actors.executions == 0).then_some(())).await;
        assert_eq!(handle.view(&ns(), id).await.expect("still there").phase, Phase::Completed);
    });
}

#[test]
fn nobody_taking_it_reaches_the_watcher_with_the_reason() {
    with(memory(), Hooks::default(), |handle| async move {
        let mut wanted = spec("empty");
        wanted.timeouts.schedule_to_start = Span::millis(60);
        let created =
            handle.create(Create { spec: wanted, idempotency: None }).await.expect("created");
        assert_eq!(created.dispatch.verdict, Verdict::NoRunnerEver);
        let seen = to_the_end(&mut subscribe(&handle, created.id).await).await;
        let last = seen.last().expect("an event");
        assert_eq!(last["data"]["reason"], "schedule_to_start_timeout");
        let detail = last["data"]["error"]["detail"].as_str().expect("evidence");
        assert!(detail.contains("No runner has asked queue 'empty'"), "{detail}");
    });
}

#[test]
fn a_silent_runner_is_replaced_and_its_lease_is_worthless() {
    with(memory(), Hooks::default(), |handle| async move {
        let mut wanted = spec("q");
        wanted.timeouts.heartbeat = Span::millis(80);
        wanted.retry.max_attempts = 2;
        wanted.retry.initial_backoff = Span::millis(10);
        let id = create(&handle, wanted).await;
        let zombie = claim(&handle, "q", "r1").await;
        let mut watcher = subscribe(&handle, id).await;
        let fresh = claim(&handle, "q", "r2").await;
        assert_eq!(fresh.attempt, 2);
        let refused = post(&handle, id, zombie.lease, 1, "late").await;
        assert!(
            matches!(refused, Err(Error::Rejected(Rejection::LeaseSuperseded { .. }))),
            "{refused:?}"
        );
        let end = Command::Complete { lease: fresh.lease, output: None };
        handle.command(&ns(), id, end).await.expect("completed");
        let seen = to_the_end(&mut watcher).await;
        let expected = [
            "execution.attempt_failed",
            "execution.retry_scheduled",
            "execution.started",
            "execution.completed",
        ];
        assert_eq!(types(&seen)[2..], expected);
        assert_eq!(seen[2]["data"]["reason"], "heartbeat_timeout");
    });
}

#[test]
fn heartbeats_keep_a_lease_without_touching_the_log() {
    with(memory(), Hooks::default(), |handle| async move {
        let mut wanted = spec("q");
        wanted.timeouts.heartbeat = Span::millis(300);
        let id = create(&handle, wanted).await;
        let granted = claim(&handle, "q", "r1").await;
        let until = handle.now().plus(Span::millis(900));
        while handle.now() < until {
            let beat = handle.heartbeat(&ns(), id, granted.lease, None, 0).await.expect("alive");
            assert!(!beat.cancel_requested);
        }
        let view = handle.view(&ns(), id).await.expect("there");
        assert_eq!((view.seq, view.phase), (2, Phase::InProgress));
        let stale = handle.heartbeat(&ns(), id, LeaseId(1), None, 0).await;
        assert!(matches!(stale, Err(Error::Rejected(Rejection::LeaseSuperseded { .. }))));
    });
}

#[test]
fn the_last_progress_report_is_never_lost_and_none_comes_more_often_than_the_interval() {
    with(memory(), Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let granted = claim(&handle, "q", "r1").await;
        let mut watcher = subscribe(&handle, id).await;
        for step in 1..=50_u32 {
            let progress = heartline_execution::content::Progress {
                fraction: Some(f64::from(step) / 50.0),
                message: None,
                details: None,
            };
            handle.heartbeat(&ns(), id, granted.lease, Some(progress), 0).await.expect("alive");
        }
        let last = |event: &Value| event["data"]["fraction"] == 1.0;
        let seen = follow(&mut watcher, last).await;
        let reports = types(&seen).iter().filter(|t| **t == "execution.progress").count();
        assert!((2..=10).contains(&reports), "{reports} progress events for 50 reports");
    });
}

#[test]
fn a_report_that_waits_is_told_though_its_actor_dies_and_nobody_calls() {
    let hook = |_: ExecutionId, command: &Command| {
        assert!(!matches!(command, Command::PostEvents { .. }), "asked to");
    };
    let hooks = Hooks { before_command: Some(Arc::new(hook)) };
    with(memory(), hooks, |handle| async move {
        let id = create(&handle, spec("q")).await;
        let lease = claim(&handle, "q", "r").await.lease;
        let mut watcher = subscribe(&handle, id).await;
        for fraction in [0.1, 0.2, 0.3] {
            let progress = Progress { fraction: Some(fraction), message: None, details: None };
            handle.heartbeat(&ns(), id, lease, Some(progress), 0).await.expect("alive");
        }
        let hit = post(&handle, id, lease, 1, "boom").await;
        assert!(matches!(hit, Err(Error::Interrupted)), "{hit:?}");
        let seen = follow(&mut watcher, |event| event["data"]["fraction"] == 0.3).await;
        let told = seen.iter().filter(|event| event["type"] == "execution.progress");
        let told: Vec<_> = told.map(|event| event["data"]["fraction"].as_f64()).collect();
        assert_eq!(told, [Some(0.1), Some(0.3)]);
        assert_eq!(handle.supervisor().restarts, 1);
    });
}

#[test]
fn a_panic_in_one_actor_is_told_to_its_caller_and_to_nobody_else() {
    let panics = Arc::new(AtomicUsize::new(1));
    let left = Arc::clone(&panics);
    let hook = move |_: ExecutionId, command: &Command| {
        let wanted = matches!(command, Command::PostEvents { events, .. } if events[0].data().get().contains("boom"));
        if wanted
            && left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1)).is_ok()
        {
            panic!("asked to");
        }
    };
    let hooks = Hooks { before_command: Some(Arc::new(hook)) };
    with(memory(), hooks, |handle| async move {
        let (one, other) =
            (create(&handle, spec("one")).await, create(&handle, spec("other")).await);
        let (lease, other_lease) =
            (claim(&handle, "one", "r").await.lease, claim(&handle, "other", "r").await.lease);
        let mut watcher = subscribe(&handle, one).await;
        post(&handle, one, lease, 1, "before").await.expect("posted");
        let hit = post(&handle, one, lease, 2, "boom").await;
        assert!(matches!(hit, Err(Error::Interrupted)), "{hit:?}");
        // Asking again is safe: the batch number says whether it had been written.
        let again = post(&handle, one, lease, 2, "boom").await.expect("rebuilt from the log");
        assert_eq!(again, Reply::Done { seq: 4, cancel_requested: false });
        post(&handle, other, other_lease, 1, "untouched").await.expect("untouched");
        handle
            .command(&ns(), one, Command::Complete { lease, output: None })
            .await
            .expect("completed");
        assert_eq!(to_the_end(&mut watcher).await.len(), 5);
        assert_eq!(handle.supervisor().restarts, 1);
    });
}

#[test]
fn an_execution_whose_actor_keeps_dying_is_failed_and_its_watchers_are_told() {
    let cursed = Arc::new(std::sync::OnceLock::<ExecutionId>::new());
    let known = Arc::clone(&cursed);
    let hook = move |id: ExecutionId, _: &Command| {
        assert!(known.get() != Some(&id), "asked to");
    };
    let hooks = Hooks { before_command: Some(Arc::new(hook)) };
    with(memory(), hooks, |handle| async move {
        let id = create(&handle, spec("q")).await;
        let lease = claim(&handle, "q", "r").await.lease;
        let mut watcher = subscribe(&handle, id).await;
        cursed.set(id).expect("set once");
        let limit = config().supervision.restart_limit as usize;
        for batch in 0..limit as u64 {
            let hit = post(&handle, id, lease, batch + 1, "x").await;
            assert!(matches!(hit, Err(Error::Interrupted)), "{hit:?}");
        }
        let seen = to_the_end(&mut watcher).await;
        let last = seen.last().expect("an event");
        assert_eq!(last["type"], "execution.failed");
        assert_eq!(last["data"]["reason"], "supervisor_gave_up");
        assert_eq!(handle.supervisor().restarts, limit as u64);
    });
}

#[test]
fn a_failing_disk_acknowledges_nothing_and_work_goes_on_when_it_is_back() {
    let disk = faulty();
    with(Arc::clone(&disk) as Arc<dyn ExecutionStore>, Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let lease = claim(&handle, "q", "r").await.lease;
        let mut watcher = subscribe(&handle, id).await;
        post(&handle, id, lease, 1, "written").await.expect("posted");
        disk.set_failing(true);
        let refused = post(&handle, id, lease, 2, "lost").await;
        assert!(matches!(refused, Err(Error::StoreUnavailable(_))), "{refused:?}");
        assert!(matches!(handle.ready(), Err(Error::StoreUnavailable(_))));
        let refused = handle.create(Create { spec: spec("q"), idempotency: None }).await;
        assert!(matches!(refused, Err(Error::StoreUnavailable(_))), "{refused:?}");
        assert!(!handle.supervisor().store.healthy);
        disk.set_failing(false);
        eventually(async || handle.ready().is_ok().then_some(())).await;
        let posted = eventually(async || post(&handle, id, lease, 2, "again").await.ok()).await;
        assert_eq!(posted, Reply::Done { seq: 4, cancel_requested: false });
        complete(&handle, id, lease).await;
        let seen = to_the_end(&mut watcher).await;
        assert_eq!(seen.len(), 5, "what was not acknowledged was not shown: {:?}", types(&seen));
    });
}

#[test]
fn a_restart_keeps_every_lease_and_arms_every_deadline() {
    let store = Arc::new(MemoryStore::new());
    let (mut held, mut silent, mut queued) = (None, None, None);
    with(Arc::clone(&store) as Arc<dyn ExecutionStore>, Hooks::default(), |handle| {
        let (held, silent, queued) = (&mut held, &mut silent, &mut queued);
        async move {
            let id = create(&handle, spec("held")).await;
            *held = Some((id, claim(&handle, "held", "r").await.lease));
            let mut wanted = spec("silent");
            wanted.timeouts.heartbeat = Span::millis(200);
            let id = create(&handle, wanted).await;
            *silent = Some((id, claim(&handle, "silent", "r").await.lease));
            let mut wanted = spec("queued");
            wanted.timeouts.schedule_to_start = Span::millis(150);
            *queued = Some(create(&handle, wanted).await);
        }
    });
    let ((held, lease), (silent, _), queued) =
        (held.expect("set"), silent.expect("set"), queued.expect("set"));
    with(Arc::new(store.crash()), Hooks::default(), |handle| async move {
        let boot = handle.supervisor().boot;
        assert_eq!(
            (boot.recovered, boot.queued, boot.leases_in_grace),
            (3, 1, 2),
            "{}",
            boot.summary
        );
        post(&handle, held, lease, 1, "still here").await.expect("the lease is still good");
        let lost = to_the_end(&mut subscribe(&handle, silent).await).await;
        let error = &lost.last().expect("an event")["data"];
        assert_eq!(error["reason"], "heartbeat_timeout");
        assert!(
            error["error"]["detail"].as_str().expect("evidence").contains("restarted"),
            "{error}"
        );
        let unclaimed = to_the_end(&mut subscribe(&handle, queued).await).await;
        assert_eq!(
            unclaimed.last().expect("an event")["data"]["reason"],
            "schedule_to_start_timeout"
        );
        // What is visible is acted on in the next moment.
        eventually(async || {
            let boot = handle.supervisor().boot;
            ((boot.returned, boot.failed) == (1, 1)).then_some(())
        })
        .await;
        assert_eq!(handle.supervisor().limbo.violations, Vec::<String>::new());
    });
}

#[test]
fn a_queue_says_that_all_that_waits_is_held_by_keys_and_counts_no_more_runners_than_there_are() {
    with(memory(), Hooks::default(), |handle| async move {
        let queue = Name::new("q").expect("a name");
        let patch = QueuePatch { key_max_in_progress: Some(Some(1)), ..QueuePatch::default() };
        handle.configure_queue(&ns(), &queue, patch).await.expect("set");
        let of = |key: &str| Spec { concurrency_key: Name::new(key).ok(), ..spec("q") };
        create(&handle, of("k")).await;
        claim(&handle, "q", "busy").await;
        create(&handle, of("k")).await;
        // One runner that polls three times, beside the one that is busy.
        let (ns, claim) = (ns(), || claim_of("q", "idle"));
        let polls = async {
            futures_util::future::join_all((0..3).map(|_| handle.claim(&ns, claim()))).await
        };
        let looking = async {
            let shown = || handle.queue(&ns, &queue).map(|view| view.dispatch);
            let held = eventually(async || shown().filter(|seen| seen.slots_free == 3)).await;
            assert_eq!(held.verdict, Verdict::LimitHeld, "{}", held.message);
            assert!(held.message.contains("keys at their limits"), "{}", held.message);
            assert_eq!(held.runners_live, 2, "{}", held.message);
            handle.queue(&ns, &queue).expect("known").held
        };
        tokio::select! {
            _ = polls => panic!("nothing can be claimed"),
            held = looking => assert_eq!(held, 1),
        }
    });
}

#[test]
fn an_idle_execution_leaves_memory_and_comes_back_when_it_is_needed() {
    with(memory(), Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let mut watcher = subscribe(&handle, id).await;
        eventually(async || (handle.supervisor().actors.executions == 0).then_some(())).await;
        assert_eq!(handle.supervisor().actors.live, 1);
        let lease = claim(&handle, "q", "r").await.lease;
        complete(&handle, id, lease).await;
        assert_eq!(
            to_the_end(&mut watcher).await.len(),
            3,
            "the old watcher follows the new actor"
        );
    });
}

#[test]
fn one_key_creates_one_execution_however_many_ask_at_once() {
    with(memory(), Hooks::default(), |handle| async move {
        let ask = |fingerprint: u8| {
            let idempotency =
                Idempotency { key: "order-17".to_owned(), fingerprint: [fingerprint; 32] };
            handle.create(Create { spec: spec("q"), idempotency: Some(idempotency) })
        };
        let all = futures_util::future::join_all((0..20).map(|_| ask(1))).await;
        let all: Vec<_> = all.into_iter().map(|c| c.expect("created")).collect();
        assert_eq!(all.iter().filter(|c| !c.replayed).count(), 1);
        assert!(all.iter().all(|c| c.id == all[0].id));
        let other = ask(2).await;
        assert!(matches!(other, Err(Error::KeyReused(id)) if id == all[0].id), "{other:?}");
    });
}

#[test]
fn work_goes_by_priority_then_age_and_never_to_a_runner_that_has_gone() {
    with(memory(), Hooks::default(), |handle| async move {
        let gone = Claim { alive: &|| Box::new(|| false), ..claim_of("q", "gone") };
        let gone = Claim { wait: Span::millis(200), ..gone };
        let namespace = ns();
        let creating = async {
            let mut ids = Vec::new();
            for priority in [0, 5, 0, 5] {
                ids.push(create(&handle, Spec { priority, ..spec("q") }).await);
            }
            ids
        };
        let (gone, ids) =
            futures_util::future::join(handle.claim(&namespace, gone), creating).await;
        assert!(gone.expect("no error").is_empty());
        for expected in [ids[1], ids[3], ids[0], ids[2]] {
            assert_eq!(claim(&handle, "q", "r").await.id, expected);
        }
        // A claim that waits is granted as soon as there is something.
        let waiting = claim(&handle, "q", "r");
        let creating = create(&handle, spec("q"));
        let (granted, id) = futures_util::future::join(waiting, creating).await;
        assert_eq!(granted.id, id);
    });
}

#[test]
fn a_lease_whose_claimant_leaves_before_it_has_it_goes_back_to_its_queue() {
    with(memory(), Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let namespace = ns();
        let mut leaving = Box::pin(handle.claim(&namespace, claim_of("q", "leaving")));
        // Begun, and dropped before it is granted.
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(leaving.as_mut().poll(&mut context).is_pending());
        drop(leaving);
        // Long before the heartbeat timeout.
        assert_eq!(claim(&handle, "q", "next").await.id, id);
        let view = handle.view(&namespace, id).await.expect("it is there");
        assert_eq!(view.phase, Phase::InProgress);
    });
}

#[test]
fn cancellation_is_requested_delivered_acknowledged_and_forced_when_it_is_not() {
    with(memory(), Hooks::default(), |handle| async move {
        let cancel = |grace| Command::RequestCancel { reason: None, grace: Some(grace) };
        let orderly = create(&handle, spec("a")).await;
        let lease = claim(&handle, "a", "r").await.lease;
        let mut watcher = subscribe(&handle, orderly).await;
        handle.command(&ns(), orderly, cancel(Span::secs(20))).await.expect("requested");
        assert!(
            handle.heartbeat(&ns(), orderly, lease, None, 0).await.expect("alive").cancel_requested
        );
        handle
            .command(&ns(), orderly, Command::ConfirmCancelled { lease })
            .await
            .expect("confirmed");
        let seen = to_the_end(&mut watcher).await;
        let stages = ["cancel_requested", "cancel_delivered", "cancel_acknowledged", "cancelled"];
        assert_eq!(types(&seen)[2..], stages.map(|s| format!("execution.{s}")));

        let forced = create(&handle, spec("b")).await;
        claim(&handle, "b", "deaf").await;
        let mut watcher = subscribe(&handle, forced).await;
        handle.command(&ns(), forced, cancel(Span::millis(50))).await.expect("requested");
        let seen = to_the_end(&mut watcher).await;
        assert_eq!(seen.last().expect("an event")["data"]["reason"], "cancel_timeout");
        let late = handle.command(&ns(), forced, cancel(Span::secs(1))).await;
        assert!(matches!(late, Err(Error::Rejected(Rejection::Terminal { .. }))), "{late:?}");
    });
}

#[test]
fn explain_names_the_cause() {
    with(memory(), Hooks::default(), |handle| async move {
        let cause = async |id| handle.explain(&ns(), id).await.expect("explained").cause;
        let id = create(&handle, spec("q")).await;
        assert_eq!(cause(id).await, "no_runner_ever");
        let heard = async || {
            let told = handle.explain(&ns(), id).await.expect("explained");
            told.alive_at.zip(told.progressed_at)
        };
        assert_eq!(heard().await, None);
        let lease = claim(&handle, "q", "r").await.lease;
        assert_eq!(cause(id).await, "running");
        let (claimed, progressed) = heard().await.expect("a runner holds it");
        assert_eq!(claimed, progressed);
        handle.heartbeat(&ns(), id, lease, None, 0).await.expect("it goes on");
        let (alive, still) = heard().await.expect("a runner holds it");
        assert!(alive > claimed && still == progressed, "{claimed} {alive} {progressed} {still}");
        let next = create(&handle, spec("q")).await;
        assert_eq!(cause(next).await, "all_full");
        let wait = Command::Wait {
            lease,
            batch: None,
            prompt: Some("Go on?".to_owned()),
            schema: None,
            timeout: None,
            hold: true,
        };
        handle.command(&ns(), id, wait).await.expect("waiting");
        assert_eq!(cause(id).await, "waiting_for_input");
        handle
            .command(&ns(), id, Command::Resume { input: None, question: None })
            .await
            .expect("resumed");
        let error = Failure {
            code: "definition_invalid".to_owned(),
            message: "No such agent.".to_owned(),
            detail: None,
            hint: None,
            retryable: true,
        };
        handle.command(&ns(), id, Command::Fail { lease, error }).await.expect("failed");
        let told = handle.explain(&ns(), id).await.expect("explained");
        assert_eq!(told.cause, "failed");
        assert!(told.summary.contains("definition_invalid"), "{}", told.summary);
        assert_eq!((told.alive_at, told.progressed_at), (None, None));
    });
}

#[test]
fn the_same_progress_again_is_progress_and_mere_beats_are_not() {
    with(memory(), Hooks::default(), |handle| async move {
        let mut wanted = spec("q");
        wanted.timeouts.progress = Some(Span::millis(900));
        wanted.retry.max_attempts = 1;
        let id = create(&handle, wanted).await;
        let lease = claim(&handle, "q", "r").await.lease;
        let progress = Progress { fraction: Some(0.5), message: None, details: None };
        for _ in 0..6 {
            // Longer than the least time between two progress events: each is looked at by itself.
            tokio::time::sleep(Span::millis(300).to_std()).await;
            let beat = handle.heartbeat(&ns(), id, lease, Some(progress.clone()), 0).await;
            beat.expect("it goes on");
        }
        let reason = eventually(async || {
            tokio::time::sleep(Span::millis(50).to_std()).await;
            drop(handle.heartbeat(&ns(), id, lease, None, 0).await);
            let view = handle.view(&ns(), id).await.expect("a view");
            let execution: Value = serde_json::from_slice(&view.execution).expect("JSON");
            execution["reason"].as_str().map(str::to_owned)
        });
        assert_eq!(reason.await, "progress_timeout");
    });
}
