//! The real rules under test: decides, folds, and replays the encoded log beside it.

use heartline_execution::{
    Command, Content, DeadlineKind, Event, ExecutionId, Kind, LeaseId, Name, Phase, Rejection,
    Span, Spec, State, Timestamp,
    command::{Signs, TimeoutPatch},
    content::Progress,
    decide::{Context, decide},
    event::{Failure, RunnerInfo},
    spec::MAX_TIMEOUT,
    state::apply,
};
use serde_json::value::RawValue;

use super::model::{Expected, Model, Stage, Step};

/// See the module.
#[derive(Clone)]
pub(crate) struct Subject {
    spec: Spec,
    state: Option<State>,
    replayed: Option<State>,
    pub(crate) now: Timestamp,
    pub(crate) signs: Signs,
    leases: u32,
}

pub(crate) fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("it is JSON")
}

fn failure(code: &str, retryable: bool) -> Failure {
    let message = "It broke.".to_owned();
    Failure { code: code.to_owned(), message, detail: None, hint: None, retryable }
}

fn runner() -> RunnerInfo {
    let id = Name::new("runner").expect("a valid name");
    RunnerInfo { id, name: None, host: Some("host".to_owned()), pid: Some(7), version: None }
}

pub(crate) fn word() -> Content {
    let data = raw(r#"{"messageId":"m","delta":"word"}"#);
    Content::parse("TEXT_MESSAGE_CONTENT", data).expect("it keeps the rules")
}

fn name_of(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::Exists => "exists",
        Rejection::Unknown => "unknown",
        Rejection::Terminal { .. } => "terminal",
        Rejection::LeaseSuperseded { .. } => "lease_superseded",
        Rejection::OutOfOrder { .. } => "out_of_order",
        Rejection::NotClaimable { .. } => "not_claimable",
        Rejection::NotWaiting { .. } => "not_waiting",
        Rejection::NotCancelling => "not_cancelling",
        Rejection::NotDue => "not_due",
        Rejection::SeqMismatch { .. } => "seq_mismatch",
        Rejection::Invalid { .. } => "invalid",
        Rejection::TooLarge { .. } => "too_large",
    }
}

impl Subject {
    pub(crate) fn new(model: &Model) -> Self {
        let mut spec = Spec::new(Kind::Workflow, "under test");
        spec.timeouts = model.timeouts.clone();
        spec.retry = model.retry.clone();
        Self {
            spec,
            state: None,
            replayed: None,
            now: model.now(),
            signs: Signs::default(),
            leases: 0,
        }
    }

    pub(crate) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string(&self.state).expect("a state is plain JSON")
    }

    pub(crate) fn context(&self, now: Timestamp, random: f64) -> Context {
        let id = ExecutionId::new(Kind::Workflow, 1);
        Context { id, now, random, state_limit: 1 << 20, after: None }
    }

    pub(crate) fn context_now(&self) -> Context {
        self.context(self.now, 0.0)
    }

    /// As in [`Model::lease`].
    pub(crate) fn lease(&self, who: u8) -> LeaseId {
        let number = match who {
            0 => self.leases,
            1 => self.leases.wrapping_sub(1),
            _ => u32::MAX,
        };
        LeaseId(u128::from(number))
    }

    /// Does what the model did.
    pub(crate) fn take(&mut self, model: &Model, step: &Step) -> Expected {
        self.now = model.now();
        let Some(command) = self.command(model, step) else { return Expected::Nothing };
        let decision = match decide(self.state.as_ref(), command, &self.context_now()) {
            Ok(decision) => decision,
            Err(rejection) => return Expected::Refused(name_of(&rejection)),
        };
        match step {
            Step::Claim => (self.leases, self.signs) = (self.leases + 1, Signs::default()),
            Step::Beat { .. } => self.signs.alive = Some(self.now),
            _ => {}
        }
        for event in &decision.events {
            self.fold(event);
        }
        let names: Vec<_> = decision.events.iter().map(|e| e.body.type_name()).collect();
        if names.is_empty() { Expected::Nothing } else { Expected::Events(names) }
    }

    /// Into the state, and through its encoded form into the replayed state.
    pub(crate) fn fold(&mut self, event: &Event) {
        let mut bytes = Vec::new();
        event.encode(&mut bytes);
        let decoded = Event::decode(&bytes, event.private).expect("what is encoded decodes");
        let mut again = Vec::new();
        decoded.encode(&mut again);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(&bytes), text(&again), "an event reads back as it was written");
        apply(&mut self.state, event).expect("what is decided folds");
        apply(&mut self.replayed, &decoded).expect("what is encoded folds");
    }

    pub(crate) fn replay_is_the_same(&self) {
        let replayed = serde_json::to_string(&self.replayed).expect("a state is plain JSON");
        assert_eq!(self.json(), replayed);
        let snapshot: Option<State> = serde_json::from_str(&replayed).expect("it reads back");
        assert_eq!(serde_json::to_string(&snapshot).expect("plain JSON"), replayed);
    }

    pub(crate) fn agrees_with(&self, model: &Model) {
        let Some(state) = &self.state else {
            assert_eq!(model.stage, Stage::Nothing);
            return;
        };
        let phase = match model.stage {
            Stage::Nothing => panic!("the model knows of nothing"),
            Stage::Queued => Phase::Pending,
            Stage::Working => Phase::InProgress,
            Stage::Asking { .. } => Phase::Waiting,
            Stage::Completed => Phase::Completed,
            Stage::Failed => Phase::Failed,
            Stage::Cancelled => Phase::Cancelled,
        };
        assert_eq!(state.phase, phase);
        assert_eq!(state.attempt, model.attempt);
        assert_eq!(state.seq, model.seq);
        assert_eq!(state.lease.is_some(), model.held);
        assert_eq!(state.cancel.is_some(), model.cancel.is_some());
        assert!(!state.standing().is_in_limbo());
        let mut armed: Vec<_> =
            state.deadlines(self.signs).into_iter().map(|d| (d.kind, d.at)).collect();
        armed.sort_unstable();
        assert_eq!(armed, model.deadlines());
    }

    /// A timeout is accepted exactly when the timers have it armed and due, whatever was heard.
    pub(crate) fn timeouts_go_by_the_standing(&self) {
        let Some(state) = &self.state else { return };
        let before = Some(Timestamp(state.created_at.0 - 1));
        let ahead = Some(Timestamp(self.now.0 + 7_000));
        for signs in [
            self.signs,
            Signs::default(),
            Signs { alive: before, progressed: before },
            Signs { alive: ahead, progressed: None },
            Signs { alive: None, progressed: ahead },
        ] {
            let armed = state.standing().armed(signs);
            let instants = armed.iter().flat_map(|d| [Timestamp(d.at.0 - 1), d.at]);
            for now in instants.chain([self.now]) {
                let now = now.max(state.updated_at);
                for kind in DeadlineKind::ALL {
                    let command = Command::TimeOut { kind, signs, evidence: String::new() };
                    let fires = decide(Some(state), command, &self.context(now, 0.5)).is_ok();
                    let due = armed.iter().any(|d| d.kind == kind && d.at <= now);
                    assert_eq!(fires, due, "{kind:?} at {now} with {signs:?} of {armed:?}");
                }
            }
        }
    }

    /// What a new process knows: the fold of the encoded log, through a snapshot.
    pub(crate) fn restart(&mut self) {
        self.replay_is_the_same();
        let snapshot = serde_json::to_string(&self.replayed).expect("a state is plain JSON");
        self.state = serde_json::from_str(&snapshot).expect("it reads back");
    }

    fn command(&self, model: &Model, step: &Step) -> Option<Command> {
        let lease = |who: &u8| self.lease(*who);
        Some(match step {
            Step::Advance(_) => return None,
            Step::Create => Command::Create(Box::new(self.spec.clone())),
            Step::Claim => {
                Command::Claim { lease: LeaseId(u128::from(self.leases) + 1), runner: runner() }
            }
            Step::Post { who, batch, events } => Command::PostEvents {
                lease: lease(who),
                batch: *batch,
                events: vec![word(); *events],
            },
            Step::Beat { who } => Command::Heartbeat { lease: lease(who) },
            Step::Progress { who, value } => {
                let fraction = Some(f64::from(*value) / 4.0);
                let progress = Progress { fraction, message: None, details: None };
                Command::ReportProgress { lease: lease(who), progress }
            }
            Step::Complete { who } => {
                Command::Complete { lease: lease(who), output: Some(raw(r#"{"done":true}"#)) }
            }
            Step::Fail { who, retryable, definition } => {
                let code = if *definition { "definition_invalid" } else { "oops" };
                Command::Fail { lease: lease(who), error: failure(code, *retryable) }
            }
            Step::Wait { who, batch, prompt, hold, timeout } => Command::Wait {
                lease: lease(who),
                batch: *batch,
                prompt: Some(format!("question {prompt}?")),
                schema: None,
                timeout: timeout.map(Span::millis),
                hold: *hold,
            },
            Step::Resume { right } => {
                let question = right.map(|right| model.asked_seq + u64::from(!right));
                Command::Resume { input: Some(raw("[1]")), question }
            }
            Step::Cancel { grace } => {
                Command::RequestCancel { reason: None, grace: grace.map(Span::millis) }
            }
            Step::Acknowledge { who } => Command::AcknowledgeCancel { lease: lease(who) },
            Step::Confirm { who } => Command::ConfirmCancelled { lease: lease(who) },
            Step::Update { priority, heartbeat, if_match } => Command::Update {
                labels: None,
                priority: Some(*priority),
                timeouts: TimeoutPatch {
                    heartbeat: heartbeat.map(Span::millis),
                    ..TimeoutPatch::default()
                },
                if_match: *if_match,
            },
            Step::TimeOut(kind) => Command::TimeOut {
                kind: *kind,
                signs: self.signs,
                evidence: "the clock".to_owned(),
            },
            Step::Disconnect { who, grace } => Command::DisconnectRunner {
                lease: lease(who),
                grace: Span::millis(*grace),
                detail: None,
            },
            Step::Return { who } => Command::ReturnRunner { lease: lease(who) },
            Step::Lose { who } => {
                Command::LoseRunner { lease: lease(who), evidence: "exit 1".to_owned() }
            }
            Step::Release { who } => Command::Release { lease: lease(who) },
            Step::GiveUp => Command::GiveUp { evidence: "panics".to_owned() },
        })
    }

    /// Every command that shows a lease, well-formed and not.
    pub(crate) fn lease_commands(&self, lease: LeaseId) -> Vec<Command> {
        let post = |batch, events| Command::PostEvents { lease, batch, events };
        let progress = |fraction| {
            let progress = Progress { fraction: Some(fraction), message: None, details: None };
            Command::ReportProgress { lease, progress }
        };
        let ask = |batch, timeout, hold| {
            let (prompt, schema) = (None, Some(raw(r#"{"type":"object"}"#)));
            Command::Wait { lease, batch, prompt, schema, timeout, hold }
        };
        let wait = |timeout, hold| ask(None, timeout, hold);
        let disconnect = |grace| Command::DisconnectRunner { lease, grace, detail: None };
        vec![
            post(None, vec![word()]),
            post(Some(0), vec![word()]),
            post(Some(3), vec![word(), word()]),
            post(Some(u64::MAX), vec![word()]),
            post(Some(4), Vec::new()),
            Command::Heartbeat { lease },
            progress(0.5),
            progress(f64::NAN),
            progress(-1.0),
            Command::Complete { lease, output: None },
            Command::Complete { lease, output: Some(raw("false")) },
            Command::Complete { lease, output: Some(raw("null")) },
            Command::Fail { lease, error: failure("oops", true) },
            Command::Fail { lease, error: failure("oops", false) },
            Command::Fail { lease, error: failure("definition_invalid", true) },
            wait(None, true),
            wait(None, false),
            wait(Some(Span(0)), true),
            wait(Some(Span(u64::MAX)), false),
            ask(Some(0), None, true),
            ask(Some(3), None, false),
            ask(Some(u64::MAX), None, true),
            Command::AcknowledgeCancel { lease },
            Command::ConfirmCancelled { lease },
            disconnect(Span(0)),
            disconnect(MAX_TIMEOUT),
            disconnect(Span(u64::MAX)),
            Command::ReturnRunner { lease },
            Command::LoseRunner { lease, evidence: String::new() },
            Command::Release { lease },
        ]
    }

    /// Every command, with the lease there is, one that has ended and one that never was.
    pub(crate) fn every_command(&self) -> Vec<Command> {
        let mut commands: Vec<Command> =
            (0..3).flat_map(|who| self.lease_commands(self.lease(who))).collect();
        let wrong = Spec { priority: i32::MAX, ..Spec::new(Kind::Agent, "") };
        let update = |priority, timeouts, if_match| Command::Update {
            labels: Some([("key".to_owned(), "value".to_owned())].into()),
            priority,
            timeouts,
            if_match,
        };
        let shortened = TimeoutPatch {
            schedule_to_start: Some(Span::millis(10)),
            heartbeat: Some(Span::millis(10)),
            start_to_close: Some(None),
            ..TimeoutPatch::default()
        };
        let absurd = TimeoutPatch {
            waiting: Some(Span(0)),
            cancel: Some(Span(u64::MAX)),
            ..shortened.clone()
        };
        commands.extend([
            Command::Create(Box::new(self.spec.clone())),
            Command::Create(Box::new(wrong)),
            Command::Claim { lease: LeaseId(77), runner: runner() },
            Command::Resume { input: None, question: None },
            Command::Resume { input: Some(raw("{}")), question: None },
            Command::Resume { input: Some(raw("null")), question: Some(3) },
            Command::Resume { input: None, question: Some(u64::MAX) },
            Command::RequestCancel { reason: Some("enough".to_owned()), grace: None },
            Command::RequestCancel { reason: None, grace: Some(Span(0)) },
            Command::RequestCancel { reason: None, grace: Some(Span(u64::MAX)) },
            update(None, TimeoutPatch::default(), None),
            update(Some(5), shortened, None),
            update(Some(i32::MIN), absurd, None),
            update(Some(1), TimeoutPatch::default(), Some(u64::MAX)),
            Command::GiveUp { evidence: String::new() },
        ]);
        let far = Some(Timestamp(i64::MAX));
        for kind in DeadlineKind::ALL {
            for signs in [self.signs, Signs::default(), Signs { alive: far, progressed: far }] {
                commands.push(Command::TimeOut { kind, signs, evidence: String::new() });
            }
        }
        commands
    }
}
