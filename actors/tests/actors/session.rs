//! A connected runner that sends without waiting for answers.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::harness::*;
use heartline_actors::{Error, Handle, Hooks, Registration, RunnerSession, Tag, Told};
use heartline_execution::{Command, Content, ExecutionId, LeaseId, Name, Phase, Rejection, Reply};
use serde_json::value::RawValue;

async fn told(session: &mut RunnerSession) -> Told {
    poll_fn(|context| session.poll_told(context)).await
}

async fn answer(session: &mut RunnerSession) -> Result<Reply, Error> {
    loop {
        if let Told::Answered { result, .. } = told(session).await {
            return result;
        }
    }
}

async fn send(session: &mut RunnerSession, id: ExecutionId, lease: LeaseId, command: Command) {
    if let Some(entering) = session.enter(id, lease, command, Tag::default()) {
        entering.await;
    }
}

fn batch(lease: LeaseId, number: u64) -> Command {
    let events = vec![log(&format!("batch {number}"))];
    Command::PostEvents { lease, batch: Some(number), events }
}

/// A runner's session, and the lease it has been given.
async fn session(handle: &Handle) -> (RunnerSession, LeaseId) {
    let registration = Registration {
        runner: runner("r"),
        queues: vec![Name::new("q").unwrap()],
        slots: 1,
        session: None,
        leases: None,
    };
    let mut session = handle.register(&ns(), registration).await.expect("registered");
    let Told::Lease(granted) = told(&mut session).await else { panic!("a lease is told first") };
    (session, granted.lease)
}

#[test]
fn nothing_overtakes_a_batch_that_was_not_taken() {
    let died = Arc::new(AtomicBool::new(false));
    let dead = Arc::clone(&died);
    let hook = move |_: ExecutionId, command: &Command| {
        let first = matches!(command, Command::PostEvents { batch: Some(1), .. });
        if first && !died.swap(true, Ordering::AcqRel) {
            panic!("asked to");
        }
    };
    let hooks = Hooks { before_command: Some(Arc::new(hook)) };
    with(memory(), hooks, |handle| async move {
        let id = create(&handle, spec("q")).await;
        let (mut session, lease) = session(&handle).await;
        send(&mut session, id, lease, batch(lease, 1)).await;
        eventually(async || dead.load(Ordering::Acquire).then_some(())).await;
        eventually(async || (handle.supervisor().actors.executions == 0).then_some(())).await;
        // Sent before the runner knows what became of the first, and taken by the next actor.
        send(&mut session, id, lease, batch(lease, 2)).await;
        let complete = || Command::Complete { lease, output: None };
        send(&mut session, id, lease, complete()).await;
        assert!(matches!(answer(&mut session).await, Err(Error::Interrupted)));
        for missing in [1, 2] {
            let refused = answer(&mut session).await;
            let right = matches!(&refused, Err(Error::Rejected(Rejection::OutOfOrder { missing: told })) if *told == missing);
            assert!(right, "{refused:?}");
        }
        // All of it once more, in order and still without waiting.
        send(&mut session, id, lease, batch(lease, 1)).await;
        send(&mut session, id, lease, batch(lease, 2)).await;
        send(&mut session, id, lease, complete()).await;
        for seq in [3, 4, 5] {
            let reply = answer(&mut session).await.expect("taken");
            assert_eq!(reply, Reply::Done { seq, cancel_requested: false });
        }
        let view = handle.view(&ns(), id).await.expect("it exists");
        assert_eq!((view.phase, view.seq), (Phase::Completed, 5));
    });
}

#[test]
fn a_batch_that_is_refused_for_good_does_not_hold_up_the_next() {
    with(memory(), Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let (mut session, lease) = session(&handle).await;
        // A delta for a state that there is none of.
        let nowhere = r#"{"delta":[{"op":"remove","path":"/none"}]}"#.to_owned();
        let nowhere = RawValue::from_string(nowhere).expect("JSON");
        let events = vec![Content::parse("STATE_DELTA", nowhere).expect("well-formed")];
        let wrong = Command::PostEvents { lease, batch: Some(1), events };
        send(&mut session, id, lease, wrong).await;
        let refused = answer(&mut session).await;
        assert!(matches!(refused, Err(Error::Rejected(Rejection::Invalid { .. }))), "{refused:?}");
        send(&mut session, id, lease, batch(lease, 2)).await;
        assert!(answer(&mut session).await.is_ok());
    });
}
