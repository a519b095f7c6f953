//! The lifecycle against a small model of it, written apart from the rules: any sequence of
//! commands must lead to the events and refusals that the model says, and to the same state
//! whether it was lived through or replayed from the encoded log.

mod lifecycle {
    mod again;
    mod cancel;
    mod checkpoint;
    pub(crate) mod model;
    mod release;
    pub(crate) mod subject;
}

use heartline_execution::{
    Command, DeadlineKind, Rejection, Reply, Span, Timestamp, decide::decide,
};
use lifecycle::{
    model::{Model, Stage, Step, steps},
    subject::Subject,
};
use proptest::{
    prelude::*,
    test_runner::{Config, FileFailurePersistence},
};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

impl ReferenceStateMachine for Model {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        Model::any().boxed()
    }

    fn transitions(_: &Model) -> BoxedStrategy<Step> {
        steps().boxed()
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        model.take(step);
        model
    }
}

struct Lifecycle;

impl StateMachineTest for Lifecycle {
    type SystemUnderTest = Subject;
    type Reference = Model;

    fn init_test(model: &Model) -> Subject {
        Subject::new(model)
    }

    fn apply(mut subject: Subject, model: &Model, step: Step) -> Subject {
        let outcome = subject.take(model, &step);
        assert_eq!(outcome, model.expected, "{step:?}");
        subject
    }

    fn check_invariants(subject: &Subject, model: &Model) {
        subject.replay_is_the_same();
        subject.agrees_with(model);
    }
}

prop_state_machine! {
    #![proptest_config(Config {
        cases: 1_500,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    })]

    #[test]
    fn any_sequence_of_commands_goes_as_the_model_says(sequential 1..60 => Lifecycle);
}

/// Steps that lead to every phase, with and without a lease, a cancellation, a question.
fn roads() -> Vec<(&'static str, Vec<Step>)> {
    use Step::{
        Advance, Cancel, Claim, Complete, Confirm, Create, Disconnect, Fail, Post, Resume, Wait,
    };
    let held = || vec![Create, Claim];
    let then = |more: Vec<Step>| [held(), more].concat();
    let ask = |hold| Wait { who: 0, batch: Some(5), prompt: 0, hold, timeout: None };
    let (asked, parked, answer) = (ask(true), ask(false), Resume { right: None });
    let cancel = Cancel { grace: None };
    let failed = Fail { who: 0, retryable: true, definition: false };
    let post = Post { who: 0, batch: Some(3), events: 2 };
    vec![
        ("nothing", vec![]),
        ("pending", vec![Create]),
        ("in progress", held()),
        ("in progress, with events", then(vec![post.clone()])),
        ("in progress, cancelled", then(vec![cancel.clone()])),
        ("in progress, cancellation told", then(vec![cancel.clone(), post.clone()])),
        ("in progress, disconnected", then(vec![Disconnect { who: 0, grace: 30 }])),
        ("in progress, overdue", then(vec![Advance(1_000_000)])),
        ("waiting with its lease", then(vec![asked.clone()])),
        ("waiting with its lease, cancelled", then(vec![asked.clone(), cancel.clone()])),
        (
            "waiting with its lease, disconnected",
            then(vec![asked.clone(), Disconnect { who: 0, grace: 30 }]),
        ),
        ("answered with its lease", then(vec![asked, answer.clone()])),
        ("waiting without a lease", then(vec![parked.clone()])),
        ("answered without a lease", then(vec![parked.clone(), answer.clone()])),
        ("second attempt after an answer", then(vec![parked.clone(), answer, Claim])),
        ("backing off", then(vec![failed.clone()])),
        ("backed off", then(vec![failed.clone(), Advance(1_000)])),
        ("second attempt", then(vec![failed.clone(), Advance(1_000), Claim])),
        ("given back", then(vec![Advance(5), Step::Release { who: 0 }])),
        ("second attempt after one that never began", then(vec![Step::Release { who: 0 }, Claim])),
        ("completed", then(vec![Complete { who: 0 }])),
        ("failed", then(vec![Fail { who: 0, retryable: false, definition: false }])),
        (
            "failed, its definition is wrong",
            then(vec![Fail { who: 0, retryable: true, definition: true }]),
        ),
        ("cancelled while pending", vec![Create, cancel.clone()]),
        ("cancelled while parked", then(vec![parked, cancel.clone()])),
        ("cancelled by its runner", then(vec![cancel.clone(), Confirm { who: 0 }])),
        ("cancelled by a failure", then(vec![cancel, failed])),
        ("failed by the supervisor", then(vec![Step::GiveUp])),
    ]
}

/// In the year 9000: after everything, and still an instant that has a spelling.
const FAR: Timestamp = Timestamp(221_845_392_000_000_000);

/// A state at the end of a road.
pub(crate) fn walk(road: &[Step]) -> (Model, Subject) {
    let mut model = Model::patient();
    let mut subject = Subject::new(&model);
    for step in road {
        model.take(step);
        let outcome = subject.take(&model, step);
        assert_eq!(outcome, model.expected, "{step:?}");
    }
    (model, subject)
}

#[test]
fn every_command_has_an_answer_in_every_state() {
    for (name, road) in roads() {
        let (model, subject) = walk(&road);
        let mut answered = 0;
        for command in subject.every_command() {
            for (random, now) in [
                (0.0, model.now()),
                (0.999_999, Timestamp(model.now().0 + 1_000_000_000)),
                (0.5, Timestamp(0)),
                (f64::NAN, FAR),
            ] {
                let before = subject.json();
                let context = subject.context(now, random);
                let answer = decide(subject.state(), command.clone(), &context);
                assert_eq!(subject.json(), before, "{name}: {command:?}");
                answered += 1;
                let Ok(decision) = answer else { continue };
                let over = model.stage.is_over();
                assert!(!over || decision.events.is_empty(), "{name}: {command:?} is not final");
                // What is decided folds, and leaves no limbo behind.
                let mut next = subject.clone();
                for event in &decision.events {
                    next.fold(event);
                }
                next.replay_is_the_same();
                let state = next.state().expect("something was decided about it");
                assert!(!state.standing().is_in_limbo(), "{name}: {command:?}");
                let Reply::Done { seq, .. } = decision.reply else { continue };
                assert!(seq <= state.seq, "{name}: {command:?}");
            }
        }
        assert!(answered > 100, "{name}");
    }
}

#[test]
fn a_stale_lease_cannot_do_anything() {
    for (name, road) in roads() {
        let (model, subject) = walk(&road);
        if model.stage == Stage::Nothing {
            continue;
        }
        for who in [1, 2] {
            for command in subject.lease_commands(subject.lease(who)) {
                let answer = decide(subject.state(), command.clone(), &subject.context_now());
                // Whoever missed the answer to its own end of a lease is told again.
                let again = answer.as_ref().is_ok_and(|d| d.events.is_empty())
                    && model.may_be_told_again(who, &command);
                let refused = matches!(answer, Err(Rejection::LeaseSuperseded { .. }));
                assert!(refused || again, "{name}: {command:?} by {who}: {answer:?}");
            }
        }
    }
}

#[test]
fn a_timeout_fires_at_its_instant_and_not_a_microsecond_before() {
    for (name, road) in roads() {
        let (_, subject) = walk(&road);
        let Some(state) = subject.state() else { continue };
        for deadline in state.deadlines(subject.signs) {
            let at = |now| {
                let command = Command::TimeOut {
                    kind: deadline.kind,
                    signs: subject.signs,
                    evidence: String::new(),
                };
                decide(Some(state), command, &subject.context(now, 0.5))
            };
            if deadline.at > state.updated_at {
                let early = at(Timestamp(deadline.at.0 - 1));
                assert_eq!(early.err(), Some(Rejection::NotDue), "{name}: {deadline:?}");
            }
            assert!(at(deadline.at).is_ok(), "{name}: {deadline:?}");
        }
        let armed: Vec<_> = state.deadlines(subject.signs).iter().map(|d| d.kind).collect();
        for kind in DeadlineKind::ALL.into_iter().filter(|kind| !armed.contains(kind)) {
            let command = Command::TimeOut { kind, signs: subject.signs, evidence: String::new() };
            let answer = decide(Some(state), command, &subject.context(FAR, 0.5));
            assert_eq!(answer.err(), Some(Rejection::NotDue), "{name}: {kind:?}");
        }
    }
}

#[test]
fn what_is_armed_is_the_same_by_the_state_and_by_its_standing() {
    for (name, road) in roads() {
        let (_, subject) = walk(&road);
        let Some(state) = subject.state() else { continue };
        let mut by_state = state.deadlines(subject.signs);
        let mut by_standing = state.standing().armed(subject.signs);
        by_state.sort_unstable();
        by_standing.sort_unstable();
        assert_eq!(by_state, by_standing, "{name}");
        subject.timeouts_go_by_the_standing();
    }
}

proptest! {
    #![proptest_config(Config {
        cases: 150,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    })]

    #[test]
    fn the_timers_and_the_rules_agree_on_what_is_due(
        mut model in Model::any(),
        steps in proptest::collection::vec(steps(), 1..60),
    ) {
        let mut subject = Subject::new(&model);
        for step in [vec![Step::Create, Step::Claim], steps].concat() {
            model.take(&step);
            assert_eq!(subject.take(&model, &step), model.expected, "{step:?}");
            subject.timeouts_go_by_the_standing();
        }
    }
}

#[test]
fn the_first_of_two_timeouts_at_one_instant_wins_and_the_other_is_not_due() {
    let (_, mut subject) = walk(&[Step::Create, Step::Claim]);
    let late = Timestamp(subject.now.0 + Span::secs(10_000).0 as i64);
    let time_out = |subject: &Subject, kind| {
        let command = Command::TimeOut { kind, signs: subject.signs, evidence: String::new() };
        decide(subject.state(), command, &subject.context(late, 0.5))
    };
    let first = time_out(&subject, DeadlineKind::Heartbeat).expect("it is due");
    for event in &first.events {
        subject.fold(event);
    }
    let second = time_out(&subject, DeadlineKind::StartToClose);
    assert_eq!(second.err(), Some(Rejection::NotDue));
}
