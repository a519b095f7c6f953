//! Leases that come back: the wait they broke off goes on, and there is an end to it.

use heartline_execution::{
    Command, DeadlineKind, EventBody, Phase, Reason, Span, State, Timestamp,
    command::Signs,
    decide::{MAX_UNHEARD, decide},
};
use serde_json::{Value, json};

use super::{
    again::{tell, walk},
    model::{
        Step,
        Step::{Advance, Claim, Create, Post},
    },
    subject::Subject,
};

const BACK: Step = Step::Release { who: 0 };

fn state(subject: &Subject) -> &State {
    subject.state().expect("it exists")
}

fn to_start(subject: &Subject) -> Option<Timestamp> {
    let armed = state(subject).deadlines(Signs::default());
    armed.iter().find(|d| d.kind == DeadlineKind::ScheduleToStart).map(|d| d.at)
}

/// As `tell`, for the lease there is.
fn give_back(subject: &mut Subject) -> Vec<&'static str> {
    let lease = subject.lease(0);
    tell(subject, Command::Release { lease }).0
}

#[test]
fn a_lease_that_comes_back_does_not_begin_its_wait_anew() {
    let queued = walk(&[Create]);
    let first = to_start(&queued).expect("it is queued");
    let mut subject = walk(&[Create, Advance(20_000), Claim, Advance(5_000), BACK]);
    assert_eq!(to_start(&subject), Some(first));
    subject.restart();
    assert_eq!(to_start(&subject), Some(first));
    // It is to be had at once, also after it was claimed and came back again.
    let subject = walk(&[Create, Claim, BACK, Advance(20_000), Claim, Advance(5_000), BACK]);
    assert_eq!(to_start(&subject), Some(first));
    assert!(state(&subject).due <= subject.now && !state(&subject).backing_off);
    // After a failed attempt it is the wait of the retry.
    let failed = Step::Fail { who: 0, retryable: true, definition: false };
    let road = [Create, Claim, failed, Advance(1_000)];
    let again = to_start(&walk(&road)).expect("it is queued");
    assert!(again > first);
    let subject = walk(&[&road[..], &[Claim, Advance(5_000), BACK]].concat());
    assert_eq!(to_start(&subject), Some(again));
}

#[test]
fn a_wait_that_is_over_when_its_lease_comes_back_ends_there_and_says_why() {
    let mut subject = walk(&[Create, Advance(40_000), Claim, BACK, Advance(15_000), Claim]);
    subject.now = subject.now.plus(Span::secs(10));
    assert_eq!(give_back(&mut subject), ["execution.retry_scheduled", "execution.failed"]);
    let over = state(&subject);
    let reason = Some(Reason::ScheduleToStartTimeout);
    assert_eq!((over.phase, over.reason), (Phase::Failed, reason));
    let error = over.error.clone().expect("it says why");
    let message = error.message;
    for words in ["began it within 1m", "2 leases never reached their runner"] {
        assert!(message.contains(words), "{message}");
    }
    assert!(error.detail.is_some_and(|detail| detail.contains("runner")), "{message}");
}

#[test]
fn a_wait_that_runs_out_in_the_queue_tells_of_the_leases_that_came_back() {
    for (road, words) in [
        (vec![Create], "No runner took it from queue"),
        (vec![Create, Claim, BACK], "1 lease never reached"),
    ] {
        let mut subject = walk(&road);
        subject.now = to_start(&subject).expect("it is queued");
        let kind = DeadlineKind::ScheduleToStart;
        let over = Command::TimeOut { kind, signs: Signs::default(), evidence: "".to_owned() };
        tell(&mut subject, over);
        let message = state(&subject).error.clone().expect("it says why").message;
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn leases_that_never_reach_anybody_fail_the_attempt_and_come_to_an_end() {
    // Claimed the moment it is back: no clock moves.
    let mut road = vec![Create];
    for _ in 1..MAX_UNHEARD {
        road.extend([Claim, BACK]);
    }
    road.push(Claim);
    let mut subject = walk(&road);
    subject.restart();
    assert_eq!(give_back(&mut subject), ["execution.attempt_failed", "execution.retry_scheduled"]);
    let after = state(&subject);
    let error = after.error.as_ref().expect("an attempt failed");
    assert_eq!((after.failures, error.code.as_str()), (1, "runner_lost"));
    assert!(error.message.contains("5 leases in a row never reached"), "{}", error.message);

    // The retry policy decides: with three attempts it is over after the third time.
    road.push(BACK);
    let time = [road[1..].to_vec(), vec![Advance(1_000)]].concat();
    let all = [vec![Create, Advance(1)], time.clone(), time.clone(), time].concat();
    let subject = walk(&all);
    let over = state(&subject);
    assert_eq!((over.phase, over.reason), (Phase::Failed, Some(Reason::RunnerLost)));
    assert_eq!((over.failures, over.attempt), (3, 3 * MAX_UNHEARD));
}

#[test]
fn a_runner_that_was_heard_of_is_lost_with_its_lease() {
    let post = Post { who: 0, batch: None, events: 1 };
    let gone = Step::Disconnect { who: 0, grace: 30 };
    for begun in [
        vec![post.clone()],
        vec![gone, Step::Return { who: 0 }],
        // It beat, which is not in the log, or its heartbeat would have run out.
        vec![Advance(20_000), Step::Beat { who: 0 }, Advance(20_000)],
    ] {
        let mut subject = walk(&[vec![Create, Claim], begun].concat());
        let events = give_back(&mut subject);
        assert_eq!(events, ["execution.attempt_failed", "execution.retry_scheduled"]);
        assert_eq!(state(&subject).reason, Some(Reason::RunnerLost));
    }
    // One word, and the count begins anew.
    let mut road = vec![Create];
    for _ in 1..MAX_UNHEARD {
        road.extend([Claim, BACK]);
    }
    road.extend([Claim, post, BACK, Advance(1_000), Claim]);
    assert_eq!(state(&walk(&road)).unheard, 1);
}

#[test]
fn what_was_stored_before_waits_were_kept_still_reads() {
    let subject = walk(&[Create, Claim, BACK]);
    let mut old: Value = serde_json::from_str(&subject.json()).expect("JSON");
    assert_eq!(old.as_object_mut().expect("an object").remove("unheard"), Some(json!(1)));
    let old: State = serde_json::from_str(&old.to_string()).expect("it reads");
    assert_eq!((old.unheard, old.due), (0, state(&subject).due));

    // A log in which the wait began anew says when, and is taken at its word.
    let mut subject = walk(&[Create, Advance(7_000), Claim]);
    let now = subject.now;
    let lease = subject.lease(0);
    let decision = decide(subject.state(), Command::Release { lease }, &subject.context_now());
    let mut event = decision.expect("it is held").events.remove(0);
    let EventBody::RetryScheduled(retry) = &mut event.body else { panic!("it is queued") };
    retry.at = now;
    subject.fold(&event);
    subject.replay_is_the_same();
    assert_eq!(to_start(&subject), Some(now.plus(Span::secs(60))));
}
