//! What a runner is given of the attempts before its own.

use heartline_execution::{
    Checkpoint, Command, Content, LeaseId, Reply, State,
    content::Progress,
    decide::{Decision, decide},
    event::{Failure, RunnerInfo},
    id::Name,
};
use serde_json::{Value, json};

use super::{
    model::Step,
    subject::{Subject, raw},
};

/// Decides and folds.
fn tell(subject: &mut Subject, command: Command) -> Reply {
    let Decision { events, reply } =
        decide(subject.state(), command, &subject.context_now()).expect("it is accepted");
    for event in &events {
        subject.fold(event);
    }
    subject.replay_is_the_same();
    reply
}

/// Attempt `number` begins; what it is given.
fn begin(subject: &mut Subject, number: u32) -> Option<Checkpoint> {
    let id = Name::new("runner").expect("a valid name");
    let runner = RunnerInfo { id, name: None, host: None, pid: None, version: None };
    let command = Command::Claim { lease: LeaseId(u128::from(number)), runner };
    let Reply::Claimed { attempt, checkpoint, .. } = tell(subject, command) else {
        panic!("it was claimed")
    };
    assert_eq!(attempt, number);
    checkpoint.map(|checkpoint| *checkpoint)
}

fn lease(subject: &Subject) -> LeaseId {
    subject.state().and_then(|state| state.lease.as_ref()).expect("it is held").id
}

fn report(subject: &mut Subject, details: &str) {
    let progress = Progress { fraction: Some(0.5), message: None, details: Some(raw(details)) };
    let lease = lease(subject);
    tell(subject, Command::ReportProgress { lease, progress });
}

fn post(subject: &mut Subject, type_name: &str, data: &Value) {
    let events = vec![Content::parse(type_name, raw(&data.to_string())).expect("it is valid")];
    let lease = lease(subject);
    tell(subject, Command::PostEvents { lease, batch: None, events });
}

fn fail(subject: &mut Subject) {
    let (code, message) = ("oops".to_owned(), "It broke.".to_owned());
    let error = Failure { code, message, detail: None, hint: None, retryable: true };
    let lease = lease(subject);
    tell(subject, Command::Fail { lease, error });
    subject.now = subject.now.plus(heartline_execution::Span::secs(1));
}

fn created() -> Subject {
    crate::walk(&[Step::Create]).1
}

fn as_json(checkpoint: &Option<Checkpoint>) -> Value {
    serde_json::to_value(checkpoint).expect("plain JSON")
}

#[test]
fn an_attempt_is_given_the_last_progress_and_the_shared_state_of_those_before() {
    let mut subject = created();
    assert_eq!(begin(&mut subject, 1), None);
    report(&mut subject, r#"{"page":1}"#);
    report(&mut subject, r#"{"page":2}"#);
    post(&mut subject, "STATE_SNAPSHOT", &json!({"snapshot": {"todo": ["a", "b"], "n": 1}}));
    let delta =
        json!([{"op": "remove", "path": "/todo/0"}, {"op": "replace", "path": "/n", "value": 2}]);
    post(&mut subject, "STATE_DELTA", &json!({"delta": delta}));
    fail(&mut subject);
    let left = json!({
        "attempt": 1,
        "progress": {"fraction": 0.5, "details": {"page": 2}},
        "state": {"todo": ["b"], "n": 2},
    });
    assert_eq!(as_json(&begin(&mut subject, 2)), left);

    // One that did nothing takes nothing away, and a server that starts anew knows as much.
    tell(&mut subject, Command::Release { lease: LeaseId(2) });
    subject.restart();
    assert_eq!(as_json(&begin(&mut subject, 3)), left);

    report(&mut subject, "[7]");
    fail(&mut subject);
    let given = as_json(&begin(&mut subject, 4));
    assert_eq!((&given["attempt"], &given["progress"]["details"]), (&json!(3), &json!([7])));
    assert_eq!(given["state"], left["state"]);
}

#[test]
fn an_attempt_after_those_that_left_nothing_is_given_nothing() {
    let mut subject = created();
    begin(&mut subject, 1);
    post(&mut subject, "TEXT_MESSAGE_CONTENT", &json!({"messageId": "m", "delta": "word"}));
    fail(&mut subject);
    assert_eq!(begin(&mut subject, 2), None);
    post(&mut subject, "STATE_DELTA", &json!({"delta": [{"op": "add", "path": "/n", "value": 1}]}));
    fail(&mut subject);
    let given = as_json(&begin(&mut subject, 3));
    assert_eq!(given, json!({"attempt": 2, "progress": null, "state": {"n": 1}}));
}

#[test]
fn a_snapshot_of_a_version_that_knew_no_checkpoints_still_reads() {
    let mut subject = created();
    begin(&mut subject, 1);
    report(&mut subject, "7");
    fail(&mut subject);
    let mut old: Value = serde_json::from_str(&subject.json()).expect("JSON");
    let removed = old.as_object_mut().expect("an object").remove("left_by");
    assert_eq!(removed, Some(json!(1)));
    old["progress"] = json!({"fraction": 0.25});
    let state: State = serde_json::from_str(&old.to_string()).expect("it reads");
    let checkpoint = state.checkpoint().expect("there is progress");
    assert_eq!((checkpoint.attempt, checkpoint.progress.and_then(|p| p.fraction)), (1, Some(0.25)));
}
