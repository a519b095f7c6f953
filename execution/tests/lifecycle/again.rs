//! What a caller that missed an answer is told when it asks again, and what an answer is for.

use heartline_execution::{
    Command, DeadlineKind, EventBody, Rejection, Reply, Span, Timestamp,
    command::{Condition, Signs},
    decide::{Decision, decide},
    spec::MAX_TIMEOUT,
};
use serde_json::value::RawValue;

use super::{
    model::{
        Step,
        Step::{Cancel, Claim, Create, Post, Resume},
    },
    subject::{Subject, raw, word},
};

pub(super) fn walk(road: &[Step]) -> Subject {
    crate::walk(road).1
}

fn ask(subject: &Subject, command: Command) -> Result<Decision, Rejection> {
    decide(subject.state(), command, &subject.context_now())
}

/// Decides and folds; the names of the events, and the seq that was told.
pub(super) fn tell(subject: &mut Subject, command: Command) -> (Vec<&'static str>, u64) {
    let decision = ask(subject, command).expect("it is accepted");
    for event in &decision.events {
        subject.fold(event);
    }
    let Reply::Done { seq, .. } = decision.reply else { panic!("no claim was made") };
    (decision.events.iter().map(|e| e.body.type_name()).collect(), seq)
}

pub(super) fn question(subject: &Subject, batch: Option<u64>, prompt: &str) -> Command {
    let schema = Some(raw(r#"{"type":"boolean"}"#));
    let (lease, prompt) = (subject.lease(0), Some(prompt.to_owned()));
    Command::Wait { lease, batch, prompt, schema, timeout: None, hold: true }
}

fn answer(question: Option<u64>) -> Command {
    Command::Resume { input: Some(raw("true")), question }
}

#[test]
fn an_open_question_that_is_asked_again_is_answered_as_before() {
    let mut subject = walk(&[Create, Claim]);
    let asked = question(&subject, None, "well?");
    assert_eq!(tell(&mut subject, asked.clone()), (vec!["execution.waiting"], 3));
    assert_eq!(tell(&mut subject, asked.clone()), (vec![], 3));
    subject.restart();
    assert_eq!(tell(&mut subject, asked.clone()), (vec![], 3));
    // How long it waits is not the question.
    let Command::Wait { lease, batch, prompt, schema, .. } = asked else { panic!("it is") };
    let patient = |prompt: &Option<String>, schema: Option<Box<RawValue>>, hold| {
        let (timeout, prompt) = (Some(Span::secs(9)), prompt.clone());
        Command::Wait { lease, batch, prompt, schema, timeout, hold }
    };
    assert_eq!(tell(&mut subject, patient(&prompt, schema.clone(), true)), (vec![], 3));
    for other in [
        patient(&Some("and?".to_owned()), schema.clone(), true),
        patient(&prompt, None, true),
        patient(&prompt, schema, false),
    ] {
        assert!(matches!(ask(&subject, other), Err(Rejection::Invalid { .. })));
    }
}

#[test]
fn a_numbered_question_is_asked_once_even_when_its_answer_has_come() {
    let mut subject = walk(&[Create, Claim, Post { who: 0, batch: Some(3), events: 2 }]);
    let asked = question(&subject, Some(4), "well?");
    assert_eq!(tell(&mut subject, asked.clone()), (vec!["execution.waiting"], 5));
    assert_eq!(tell(&mut subject, asked.clone()), (vec![], 5));
    assert_eq!(tell(&mut subject, answer(None)), (vec!["execution.resumed"], 6));
    assert_eq!(tell(&mut subject, asked.clone()), (vec![], 5));
    subject.restart();
    assert_eq!(tell(&mut subject, asked.clone()), (vec![], 5));
    // Events and questions count together.
    let lease = subject.lease(0);
    let late = Command::PostEvents { lease, batch: Some(4), events: vec![word()] };
    assert_eq!(tell(&mut subject, late), (vec![], 5));
    let older = question(&subject, Some(3), "another one?");
    assert_eq!(tell(&mut subject, older), (vec![], 4));
    let next = question(&subject, Some(7), "well?");
    assert_eq!(tell(&mut subject, next), (vec!["execution.waiting"], 7));
    // Without a number it is a new question once the old one is answered.
    assert_eq!(tell(&mut subject, answer(None)).1, 8);
    let unnumbered = question(&subject, None, "well?");
    assert_eq!(tell(&mut subject, unnumbered), (vec!["execution.waiting"], 9));
}

#[test]
fn a_wait_that_lets_go_is_refused_under_a_number_that_was_used() {
    let mut subject = walk(&[Create, Claim, Post { who: 0, batch: Some(3), events: 2 }]);
    let lease = subject.lease(0);
    let park = |batch| Command::Wait {
        lease,
        batch: Some(batch),
        prompt: None,
        schema: None,
        timeout: None,
        hold: false,
    };
    for used in [3, 1] {
        let Err(Rejection::Invalid { errors }) = ask(&subject, park(used)) else {
            panic!("batch {used} was taken, and not for this")
        };
        assert_eq!(errors[0].pointer, "/batch");
        assert!(errors[0].message.contains(&format!("batch {used}")), "{}", errors[0].message);
    }
    // It lets go once, and is told so again whatever was lost on the way.
    assert_eq!(tell(&mut subject, park(4)), (vec!["execution.waiting"], 5));
    subject.restart();
    assert_eq!(tell(&mut subject, park(4)), (vec![], 5));
}

#[test]
fn an_answer_is_for_the_question_it_names() {
    let mut subject = walk(&[Create, Claim]);
    assert!(matches!(ask(&subject, answer(Some(3))), Err(Rejection::NotWaiting { .. })));
    let first = question(&subject, None, "this?");
    tell(&mut subject, first);
    assert_eq!(tell(&mut subject, answer(Some(3))), (vec!["execution.resumed"], 4));
    let second = question(&subject, None, "and that?");
    tell(&mut subject, second);
    subject.restart();
    let shown = subject.state().expect("it exists").execution(Signs::default());
    assert_eq!(shown.waiting.expect("it is open").seq, 5);
    let refused = ask(&subject, answer(Some(3))).expect_err("it is answered");
    assert_eq!(refused, Rejection::SeqMismatch { of: Condition::Question, seq: 5 });
    assert!(refused.to_string().contains("event 5"), "{refused}");
    assert_eq!(tell(&mut subject, answer(Some(5))), (vec!["execution.resumed"], 6));
}

#[test]
fn whatever_is_accepted_under_the_lease_delivers_a_cancellation_with_its_reply() {
    let delivered = "execution.cancel_delivered";
    let post = |subject: &Subject, batch| {
        let lease = subject.lease(0);
        Command::PostEvents { lease, batch: Some(batch), events: vec![word()] }
    };
    let cancel = Cancel { grace: None };
    let road = [Create, Claim, Post { who: 0, batch: Some(1), events: 1 }, cancel.clone()];
    let mut subject = walk(&road);
    let asked = question(&subject, Some(2), "well?");
    assert_eq!(tell(&mut subject, asked.clone()), (vec!["execution.waiting", delivered], 5));
    assert_eq!(tell(&mut subject, asked), (vec![], 5));

    let mut subject = walk(&road);
    let repeat = post(&subject, 1);
    assert_eq!(tell(&mut subject, repeat.clone()), (vec![delivered], 3));
    assert_eq!(tell(&mut subject, repeat), (vec![], 3));

    let mut subject = walk(&[Create, Claim]);
    let asked = question(&subject, None, "well?");
    tell(&mut subject, asked.clone());
    tell(&mut subject, Command::RequestCancel { reason: None, grace: None });
    assert_eq!(tell(&mut subject, asked), (vec![delivered], 3));
}

#[test]
fn an_explicit_null_output_is_an_output_after_a_restart_too() {
    for (output, expected) in [(Some("null"), None), (None, Some("[1]")), (Some("7"), Some("7"))] {
        let mut subject = walk(&[Create, Claim]);
        let lease = subject.lease(0);
        let data = raw(r#"{"name":"output","value":[1]}"#);
        let set = heartline_execution::Content::parse("CUSTOM", data).expect("it is valid");
        tell(&mut subject, Command::PostEvents { lease, batch: None, events: vec![set] });
        tell(&mut subject, Command::Complete { lease, output: output.map(raw) });
        let shown = |subject: &Subject| {
            let output = subject.state().expect("it exists").output.as_deref().map(RawValue::get);
            output.filter(|text| *text != "null").map(str::to_owned)
        };
        let lived = shown(&subject);
        subject.restart();
        assert_eq!((lived.as_deref(), shown(&subject).as_deref()), (expected, expected));
    }
}

#[test]
fn an_answer_of_null_is_told_to_the_next_attempt_as_it_was_given() {
    let parked = Step::Wait { who: 0, batch: None, prompt: 0, hold: false, timeout: None };
    let mut subject = walk(&[Create, Claim, parked]);
    let decision = ask(&subject, Command::Resume { input: Some(raw("null")), question: None })
        .expect("it waits");
    // Folding compares the bytes with those of the event read back.
    subject.fold(&decision.events[0]);
    let mut bytes = Vec::new();
    decision.events[0].encode(&mut bytes);
    let text = String::from_utf8(bytes).expect("it is JSON");
    assert!(text.ends_with(r#""data":{"input":null,"requeued":true}}"#), "{text}");
}

#[test]
fn no_grace_of_a_runner_is_longer_than_any_timeout() {
    let subject = walk(&[Create, Claim]);
    let lease = subject.lease(0);
    let gone = Command::DisconnectRunner { lease, grace: Span(u64::MAX), detail: None };
    let decision = ask(&subject, gone).expect("it is held");
    let EventBody::RunnerDisconnected(gone) = &decision.events[0].body else {
        panic!("it disconnects")
    };
    assert_eq!(gone.until, subject.now.plus(MAX_TIMEOUT));
}

#[test]
fn signs_that_are_older_than_the_log_move_nothing() {
    let asked = Step::Wait { who: 0, batch: None, prompt: 0, hold: true, timeout: None };
    let road = [Create, Claim, Step::Advance(20_000), asked, Step::Advance(20_000)];
    let road = [&road[..], &[Resume { right: Some(true) }]].concat();
    let subject = walk(&road);
    let state = subject.state().expect("it exists");
    let lease = state.lease.as_ref().expect("it is held");
    let old = Some(Timestamp(lease.since.0 + 1));
    let signs = Signs { alive: old, progressed: old };
    let due = |kind| {
        let of = state.standing().armed(signs).into_iter().find(|d| d.kind == kind);
        of.expect("it is armed").at
    };
    let timeouts = &state.spec.timeouts;
    assert_eq!(due(DeadlineKind::Heartbeat), lease.alive_at.plus(timeouts.heartbeat));
    let span = timeouts.progress.expect("it is set");
    assert_eq!(due(DeadlineKind::Progress), subject.now.plus(span));
    for kind in [DeadlineKind::Heartbeat, DeadlineKind::Progress] {
        let time_out = |now| {
            let command = Command::TimeOut { kind, signs, evidence: String::new() };
            decide(Some(state), command, &subject.context(now, 0.5))
        };
        assert_eq!(time_out(Timestamp(due(kind).0 - 1)).err(), Some(Rejection::NotDue));
        assert!(time_out(due(kind)).is_ok(), "{kind:?}");
    }
}
