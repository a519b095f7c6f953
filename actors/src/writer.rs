//! One writer per execution: decides, encodes once, applies, hands over to the journal, and says
//! what follows the commit. The execution actor is a thin wrapper around it.
//!
//! Its state is tentative: it runs ahead of the disk. Nothing of it leaves before the journal has
//! made it durable; an answer that rests on it waits behind a barrier.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use heartline_execution::{
    Command, Content, Decision, Event, ExecutionId, LeaseId, Namespace, Phase, Reply, Span,
    Standing, State, Timestamp, Transcript,
    command::Signs,
    content::{Item, Progress},
    decide::{self, decide},
    event::EventBody,
    state,
};
use heartline_storage::{Append, Facets, Idempotency, Record, Stored, Summary, encode_state};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::{
    board::Pulse,
    core::Core,
    execution::Execute,
    feed::Feed,
    journal::{Failure, Permit, Status, Unsettled},
    live::{Change, Row},
    sessions::Ticket,
    views::{Error, View},
};

/// The least JSON between two snapshots of a state; see [`Writer::wants_snapshot`].
const SNAPSHOT_MIN_BYTES: usize = 64 * 1024;
/// A terminal state of a longer tail gets a snapshot, so that reading it needs no long replay.
const TERMINAL_TAIL: u64 = 16;

/// Bytes of JSON to begin with: an execution has some 1,000 to 1,500, so it grows once at most.
const EXECUTION_BYTES: usize = 1024;

/// What the caller wants to see of the state that its command made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    Nothing,
    Execution,
    Full,
}

/// A reply and what the caller wanted to see.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) view: Option<View>,
}

/// Who waits for an answer.
pub(crate) enum Answering {
    /// A caller of its own.
    Caller(oneshot::Sender<Result<Answer, Error>>),
    /// A runner's session, among the answers to all it has sent.
    Session(Ticket),
}

impl Answering {
    /// It is in the mailbox of this actor, or about to be.
    pub(crate) fn entered(&mut self, generation: u64) {
        if let Self::Session(ticket) = self {
            ticket.generation = generation;
        }
    }

    /// Tells a caller, who may have gone: then nobody is left to tell, and the log has it.
    pub(crate) fn tell(self, what: Result<Answer, Error>) {
        match self {
            Self::Caller(caller) => answer(caller, what),
            Self::Session(ticket) => ticket.tell(what.map(|answer| answer.reply)),
        }
    }
}

/// An execution as the store has it.
pub(crate) struct Loaded {
    pub(crate) state: State,
    /// The progress that its runner was promised an event for.
    pub(crate) report: Option<(LeaseId, Progress)>,
}

/// Called at the writer's home when the actor should look at its [`Status`].
pub(crate) type Nudge = Arc<dyn Fn() + Send + Sync>;

/// See the module.
pub(crate) struct Writer {
    core: Arc<Core>,
    namespace: Namespace,
    id: ExecutionId,
    state: Option<State>,
    feed: Arc<Feed>,
    pulse: Option<Arc<Pulse>>,
    facets: Option<Facets>,
    status: Arc<Status>,
    nudge: Nudge,
    snapshot_seq: u64,
    bytes_since_snapshot: usize,
    /// When the last progress event was decided.
    progress_at: Timestamp,
    /// The newest progress report that was too soon for an event of its own. Durable in the
    /// standing before its runner is answered.
    pending_progress: Option<(LeaseId, Progress)>,
    /// The standing that was appended last has a report.
    promised: bool,
    cached: Option<View>,
}

impl Writer {
    /// Over what the log says; `None` for an execution about to be created.
    pub(crate) fn new(
        core: Arc<Core>,
        namespace: Namespace,
        id: ExecutionId,
        found: Option<Loaded>,
        status: Arc<Status>,
        nudge: Nudge,
    ) -> Self {
        let (state, pending_progress) =
            found.map_or((None, None), |found| (Some(found.state), found.report));
        let feed = core.feeds.of(&namespace, id);
        let (head, lifecycle) = state.as_ref().map_or((0, 0), |s| (s.seq, s.lifecycle_seq));
        feed.opened(head, lifecycle);
        let pulse = core.board().pulse(id);
        Self {
            facets: state.as_ref().map(Facets::of),
            snapshot_seq: head,
            core,
            namespace,
            id,
            state,
            feed,
            pulse,
            status,
            nudge,
            bytes_since_snapshot: 0,
            progress_at: Timestamp::default(),
            promised: pending_progress.is_some(),
            pending_progress,
            cached: None,
        }
    }

    /// Does what the command asks, and answers once it is durable.
    pub(crate) fn execute(&mut self, execute: Execute) {
        let Execute { command, wants, after, idempotency, answering } = execute;
        if let Err(error) = self.core.journal.healthy() {
            answering.tell(Err(Error::StoreUnavailable(error)));
            return;
        }
        let flushed = !self.progress_goes_first(&command) || self.flush_progress();
        let Some(permit) = self.core.journal.permit().filter(|_| flushed) else {
            answering.tell(Err(Error::Overloaded { what: "journal.queue", retry_after: 1 }));
            return;
        };
        if let Some(reply) = self.postpone_progress(&command) {
            self.keep_progress(permit, reply, answering);
            return;
        }
        let command = self.with_newest_signs(command);
        let execute = Execute { command, wants, after, idempotency, answering };
        self.take(permit, execute, Word::Now);
    }

    fn take(&mut self, permit: Permit, execute: Execute, word: Word) {
        let Execute { command, wants, after, idempotency, answering } = execute;
        let context = decide::Context {
            id: self.id,
            now: self.core.now(),
            random: Core::random(),
            state_limit: self.core.config.execution.state_bytes,
            after,
        };
        let reports = matches!(command, Command::ReportProgress { .. });
        let speaker = command.speaker();
        match decide(self.state.as_ref(), command, &context) {
            Ok(decision) if decision.events.is_empty() => {
                // The same as before, and yet a sign of life: of whoever has the lease now.
                let lease = self.state.as_ref().and_then(|state| state.lease.as_ref());
                let speaks = |lease| word == Word::Now && speaker == Some(lease);
                if lease.is_some_and(|lease| speaks(lease.id)) {
                    let sign = if reports { Sign::GotOn } else { Sign::Alive };
                    sign.note(&self.core, self.id, self.pulse.as_deref(), Word::Now);
                }
                if reports && self.promised {
                    // It is the newest, and no other may be told after it.
                    self.keep_progress(permit, decision.reply, answering);
                    return;
                }
                let view = self.view_as(wants);
                let answer = Answer { reply: decision.reply, view };
                self.answer_behind_barrier(permit, answering, Ok(answer));
            }
            Ok(decision) => {
                self.submit(permit, decision, (wants, word), idempotency, answering);
            }
            Err(rejection) => {
                self.answer_behind_barrier(permit, answering, Err(Error::Rejected(rejection)));
            }
        }
    }

    /// A sign of life may have been accepted while a timeout was on its way.
    fn with_newest_signs(&self, mut command: Command) -> Command {
        if let Command::TimeOut { signs, .. } = &mut command {
            *signs = signs.newest(self.signs());
        }
        command
    }

    /// What watchers and callers see, once all of it is durable.
    pub(crate) fn show(&mut self, answering: oneshot::Sender<Result<View, Error>>) {
        let view = self.view_as(Wants::Full).ok_or(Error::NotFound);
        if self.status.is_settled() {
            answer(answering, view);
            return;
        }
        let Some(permit) = self.core.journal.permit() else {
            answer(answering, Err(Error::Overloaded { what: "journal.queue", retry_after: 1 }));
            return;
        };
        self.barrier(permit, move |durable| answer(answering, durable.and(view)));
    }

    /// The interval of a progress report may be over. `Some` is after how long to look again: the
    /// last report must not be lost, and one that went early must not bring the next forward.
    pub(crate) fn progress_is_due(&mut self) -> Option<Span> {
        self.pending_progress.as_ref()?;
        let now = self.core.now();
        let interval = Span::from_std(self.core.config.supervision.progress_interval);
        let due = self.progress_at.plus(interval);
        if now < due {
            return Some(due.since(now));
        }
        (!self.flush_progress()).then_some(interval)
    }

    /// Decides the progress report that waits; false when there is no room, and it waits on.
    fn flush_progress(&mut self) -> bool {
        if self.pending_progress.is_none() {
            return true;
        }
        let healthy = self.core.journal.healthy().is_ok();
        let Some(permit) = self.core.journal.permit().filter(|_| healthy) else { return false };
        let Some((lease, progress)) = self.pending_progress.take() else { return true };
        self.progress_at = self.core.now();
        let (answering, _nobody_waits) = oneshot::channel();
        let command = Command::ReportProgress { lease, progress };
        let execute = Execute::new(command, Wants::Nothing, Answering::Caller(answering));
        self.take(permit, execute, Word::Before);
        true
    }

    pub(crate) fn has_pending_progress(&self) -> bool {
        self.pending_progress.is_some()
    }

    /// At most one progress event per interval: later reports wait, the newest one wins. `Some`
    /// when this one waits.
    fn postpone_progress(&mut self, command: &Command) -> Option<Reply> {
        let Command::ReportProgress { lease, progress } = command else { return None };
        let state = self.state.as_ref()?;
        let held = state.lease.as_ref().is_some_and(|l| l.id == *lease);
        if !held || progress.validate("").is_err() {
            return None; // It will be refused, and what waits is not its business.
        }
        let interval = Span::from_std(self.core.config.supervision.progress_interval);
        let now = self.core.now();
        let undelivered = state.cancel.as_ref().is_some_and(|c| c.delivered_at.is_none());
        if undelivered || now >= self.progress_at.plus(interval) {
            self.pending_progress = None;
            self.progress_at = now;
            return None;
        }
        Sign::GotOn.note(&self.core, self.id, self.pulse.as_deref(), Word::Now);
        self.pending_progress = Some((*lease, progress.clone()));
        Some(Reply::Done { seq: state.seq, cancel_requested: state.cancel.is_some() })
    }

    /// Makes durable, beside the log, which report waits, if one does, and answers then: what a
    /// runner was answered survives this process.
    fn keep_progress(&mut self, permit: Permit, reply: Reply, answering: Answering) {
        let standing = self.standing();
        self.promised = self.pending_progress.is_some();
        let seq = self.state.as_ref().map_or(0, |state| state.seq);
        let barrier = Append::barrier(self.namespace.clone(), self.id, seq);
        let append = Append { standing, ..barrier };
        let answer = Answer { reply, view: None };
        let after = AfterCommit {
            promise: Some(self.pending_progress.clone()),
            ..self.after_commit(answer, answering)
        };
        let done = Box::new(move |result| after.run(result));
        self.core.journal.submit(permit, append, Arc::clone(&self.status), done);
    }

    /// Where it stands, with the report that waits.
    fn standing(&self) -> Option<Standing> {
        let mut standing = self.state.as_ref()?.standing();
        let waits = self.pending_progress.as_ref();
        standing.promise(waits.map(|(lease, progress)| (*lease, progress)));
        Some(standing)
    }

    /// Whatever ends the attempt comes after the report that waits, and so does what the runner
    /// posts as progress, which is newer.
    fn progress_goes_first(&self, command: &Command) -> bool {
        let Some((of, _)) = &self.pending_progress else { return false };
        match command {
            Command::Complete { lease, .. }
            | Command::Fail { lease, .. }
            | Command::Wait { lease, .. }
            | Command::ConfirmCancelled { lease }
            | Command::LoseRunner { lease, .. }
            | Command::Release { lease } => lease == of,
            Command::PostEvents { lease, events, .. } => {
                lease == of && events.iter().any(|e| matches!(e.item(), Item::Progress(_)))
            }
            Command::TimeOut { .. } | Command::GiveUp { .. } => true,
            Command::Create(_)
            | Command::Claim { .. }
            | Command::Heartbeat { .. }
            | Command::ReportProgress { .. }
            | Command::Resume { .. }
            | Command::RequestCancel { .. }
            | Command::AcknowledgeCancel { .. }
            | Command::Update { .. }
            | Command::DisconnectRunner { .. }
            | Command::ReturnRunner { .. } => false,
        }
    }

    /// Even a refusal may rest on what is not durable yet.
    fn answer_behind_barrier(
        &mut self,
        permit: Permit,
        answering: Answering,
        result: Result<Answer, Error>,
    ) {
        if self.status.is_settled() {
            answering.tell(result);
        } else {
            self.barrier(permit, move |durable| answering.tell(durable.and(result)));
        }
    }

    fn barrier(&mut self, permit: Permit, then: impl FnOnce(Result<(), Error>) + Send + 'static) {
        let seq = self.state.as_ref().map_or(0, |s| s.seq);
        let append = Append::barrier(self.namespace.clone(), self.id, seq);
        self.core.journal.submit(
            permit,
            append,
            Arc::clone(&self.status),
            Box::new(move |result| then(result.map(drop).map_err(Error::from))),
        );
    }

    fn submit(
        &mut self,
        permit: Permit,
        decision: Decision,
        (wants, word): (Wants, Word),
        idempotency: Option<Idempotency>,
        answering: Answering,
    ) {
        let Decision { events, reply } = decision;
        let (expected_seq, lifecycle_before) =
            self.state.as_ref().map_or((0, 0), |s| (s.seq, s.lifecycle_seq));
        let records = encode(&events);
        for event in &events {
            if let Err(error) = state::apply(&mut self.state, event) {
                // The rules and the fold disagree: a defect. Nothing was written; start afresh.
                tracing::error!(execution = %self.id, %error, "a decision does not fold");
                self.poison();
                answering.tell(Err(Error::Interrupted));
                return;
            }
        }
        self.cached = None;
        let lifecycle = events.iter().any(|e| e.body.is_lifecycle());
        let Some(state) = self.state.as_ref() else { return };
        let over = state.phase.is_terminal();
        self.bytes_since_snapshot += records.iter().map(|r| r.json.len()).sum::<usize>();
        let snapshot = self.wants_snapshot(state).then(|| encode_state(state));
        if snapshot.is_some() {
            self.snapshot_seq = state.seq;
            self.bytes_since_snapshot = 0;
        }
        if events.iter().any(|e| matches!(e.body, EventBody::Started(_))) {
            self.pulse = Some(Arc::new(Pulse::new(self.core.now())));
        }
        let standing = lifecycle.then(|| self.standing()).flatten();
        if let Some(standing) = &standing {
            self.promised = standing.report().is_some();
        }
        let (mut view, mut summary) = (None, None);
        if lifecycle {
            let after = Facets::of(state);
            let before = self.facets.replace(after.clone());
            let json = self.execution_json();
            view = match wants {
                Wants::Nothing => None,
                Wants::Execution => Some(self.view_of(json.clone(), Bytes::new())),
                Wants::Full => {
                    let full = with_state(&json, &state.transcript);
                    Some(self.view_of(json.clone(), full))
                }
            };
            summary = Some(Arc::new(Summary { json, facets: after, before }));
        }
        if view.is_none() {
            view = self.view_as(wants);
        }
        let append = Append {
            namespace: self.namespace.clone(),
            id: self.id,
            expected_seq,
            records,
            standing: standing.clone(),
            summary: summary.clone(),
            snapshot,
            idempotency,
            decided_at: self.core.now(),
        };
        // Of a report that waited nothing else is new: what is held back after a start stays so.
        let waited = word == Word::Before
            && events.iter().all(|event| matches!(event.body, EventBody::Progress(_)));
        let (standing, promise) = if waited { (None, Some(None)) } else { (standing, None) };
        let after = AfterCommit {
            standing,
            promise,
            summary,
            lifecycle_before,
            sign: sign(&events).map(|sign| (sign, word)),
            ended: over.then(|| self.phase()),
            ..self.after_commit(Answer { reply, view }, answering)
        };
        let done = Box::new(move |result| after.run(result));
        self.core.journal.submit(permit, append, Arc::clone(&self.status), done);
    }

    /// What follows a commit that changes nothing.
    fn after_commit(&self, answer: Answer, answering: Answering) -> AfterCommit {
        AfterCommit {
            core: Arc::clone(&self.core),
            namespace: self.namespace.clone(),
            id: self.id,
            feed: Arc::clone(&self.feed),
            status: Arc::clone(&self.status),
            unsettled: Unsettled::new(&self.status),
            nudge: Arc::clone(&self.nudge),
            pulse: self.pulse.clone(),
            standing: None,
            promise: None,
            summary: None,
            lifecycle_before: 0,
            sign: None,
            ended: None,
            answer,
            answering,
        }
    }

    fn phase(&self) -> Phase {
        self.state.as_ref().map_or(Phase::Pending, |s| s.phase)
    }

    fn poison(&self) {
        self.status.poisoned.store(true, Ordering::Release);
        (self.nudge)();
    }

    /// Often enough that replay stays short, and so rarely that all snapshots together cost less
    /// than the log: a big state waits for as many bytes again.
    fn wants_snapshot(&self, state: &State) -> bool {
        let events = state.seq - self.snapshot_seq;
        if state.phase.is_terminal() {
            return events > TERMINAL_TAIL;
        }
        events >= self.core.config.execution.snapshot_every
            && self.bytes_since_snapshot >= SNAPSHOT_MIN_BYTES.max(state.transcript.bytes())
    }

    fn signs(&self) -> Signs {
        self.pulse.as_ref().map(|p| p.signs()).unwrap_or_default()
    }

    fn execution_json(&self) -> Bytes {
        self.state.as_ref().map_or_else(Bytes::new, |s| json(&s.execution(self.signs())))
    }

    fn view_of(&self, execution: Bytes, full: Bytes) -> View {
        let seq = self.state.as_ref().map_or(0, |s| s.seq);
        View { seq, phase: self.phase(), execution, full }
    }

    fn view_as(&mut self, wants: Wants) -> Option<View> {
        let state = self.state.as_ref()?;
        match wants {
            Wants::Nothing => None,
            Wants::Execution => Some(self.view_of(self.execution_json(), Bytes::new())),
            Wants::Full => {
                // A live lease's deadline moves without an event: only what has none is cached.
                if state.lease.is_none()
                    && let Some(view) = self.cached.as_ref().filter(|v| v.seq == state.seq)
                {
                    return Some(view.clone());
                }
                let view = view(state, self.signs());
                self.cached = Some(view.clone());
                Some(view)
            }
        }
    }
}

/// A state as it is served.
pub(crate) fn view(state: &State, signs: Signs) -> View {
    let execution = json(&state.execution(signs));
    let full = with_state(&execution, &state.transcript);
    View { seq: state.seq, phase: state.phase, execution, full }
}

/// The JSON of an execution with its `state` beside the other fields.
fn with_state(execution: &Bytes, transcript: &Transcript) -> Bytes {
    let transcript = json(transcript);
    let mut full = Vec::with_capacity(execution.len() + transcript.len() + 12);
    full.extend_from_slice(&execution[..execution.len() - 1]);
    full.extend_from_slice(b",\"state\":");
    full.extend_from_slice(&transcript);
    full.push(b'}');
    full.into()
}

fn json(value: &impl Serialize) -> Bytes {
    let mut json = Vec::with_capacity(EXECUTION_BYTES);
    // Only maps with keys that are not strings fail, and there are none.
    serde_json::to_writer(&mut json, value).expect("states are plain JSON");
    json.into()
}

/// When a runner gave the word that is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Now,
    /// It was heard and answered then, and has waited.
    Before,
}

/// What a runner's word says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Alive,
    GotOn,
}

impl Sign {
    fn note(self, core: &Core, id: ExecutionId, pulse: Option<&Pulse>, word: Word) {
        let Some(pulse) = pulse else { return };
        match self {
            Self::Alive => pulse.beat(core.now()),
            Self::GotOn => pulse.progress(core.now()),
        }
        if word == Word::Now && pulse.is_first_word() {
            core.board().heard(id);
        }
    }
}

/// What these events say of the runner: a lease's own words, not the server's. That it knows of a
/// cancellation is none of its work.
fn sign(events: &[Event]) -> Option<Sign> {
    let of = |event: &Event| match event.body {
        EventBody::Content(_) | EventBody::Progress(_) | EventBody::Waiting(_) => Some(Sign::GotOn),
        EventBody::CancelDelivered(_) | EventBody::CancelAcknowledged(_) => Some(Sign::Alive),
        _ => None,
    };
    events.iter().filter_map(of).max()
}

/// One buffer for all events of a decision; each record is a slice of it.
fn encode(events: &[Event]) -> Vec<Record> {
    let estimate = events.iter().map(|e| match &e.body {
        EventBody::Content(content) => content_len(content) + 224,
        _ => 768,
    });
    let mut buffer = Vec::with_capacity(estimate.sum());
    let mut ends = Vec::with_capacity(events.len());
    for event in events {
        event.encode(&mut buffer);
        ends.push(buffer.len());
    }
    let buffer = Bytes::from(buffer);
    let mut start = 0;
    events
        .iter()
        .zip(ends)
        .map(|(event, end)| {
            let json = buffer.slice(start..end);
            start = end;
            let (seq, private) = (event.seq, event.private);
            Record { seq, lifecycle: event.body.is_lifecycle(), private, json }
        })
        .collect()
}

fn content_len(content: &Content) -> usize {
    content.data().get().len()
}

/// Durable, then visible, then acted on, then told.
struct AfterCommit {
    core: Arc<Core>,
    namespace: Namespace,
    id: ExecutionId,
    feed: Arc<Feed>,
    status: Arc<Status>,
    unsettled: Unsettled,
    nudge: Nudge,
    pulse: Option<Arc<Pulse>>,
    standing: Option<Standing>,
    /// The report that waits now, where nothing else has changed.
    promise: Option<Option<(LeaseId, Progress)>>,
    /// The new row of the lists.
    summary: Option<Arc<Summary>>,
    /// Seq of the lifecycle event before these.
    lifecycle_before: u64,
    /// Of its runner.
    sign: Option<(Sign, Word)>,
    ended: Option<Phase>,
    answer: Answer,
    answering: Answering,
}

impl AfterCommit {
    fn run(self, result: Result<Vec<Record>, Failure>) {
        let records = match result {
            Ok(records) => records,
            Err(failure) => {
                drop(self.unsettled);
                (self.nudge)();
                self.answering.tell(Err(failure.into()));
                return;
            }
        };
        if let Some(summary) = self.summary
            && self.core.changes.are_followed()
        {
            self.core.changes.publish(Change {
                namespace: self.namespace,
                id: self.id,
                seq: records.last().map_or(0, |record| record.seq),
                events: lifecycle_of(&records, self.lifecycle_before),
                row: Row::Is(summary),
            });
        }
        self.feed.publish(records, self.ended);
        if let Some((sign, word)) = self.sign {
            sign.note(&self.core, self.id, self.pulse.as_deref(), word);
        }
        if let Some(standing) = self.standing {
            let pulse = standing.held().and(self.pulse);
            self.core.observe(standing, pulse);
        }
        if let Some(promise) = &self.promise {
            let report = promise.as_ref().map(|(lease, progress)| (*lease, progress));
            self.core.board().promise(self.id, report);
        }
        drop(self.unsettled);
        self.answering.tell(Ok(self.answer));
        if self.ended.is_some() {
            self.status.over.store(true, Ordering::Release);
            (self.nudge)();
        }
    }
}

/// The lifecycle events among `records`, each with the one before it.
fn lifecycle_of(records: &[Record], mut before: u64) -> Vec<Stored> {
    let lifecycle = records.iter().filter(|record| record.lifecycle);
    lifecycle
        .map(|record| {
            let prev_lifecycle = std::mem::replace(&mut before, record.seq);
            Stored { record: record.clone(), prev_lifecycle }
        })
        .collect()
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Moved(_) => Self::Interrupted,
            Failure::Store(error) => Self::StoreUnavailable(error),
        }
    }
}

/// Tells a caller, who may have gone: then nobody is left to tell, and the log has it.
pub(crate) fn answer<T>(to: oneshot::Sender<T>, what: T) {
    drop(to.send(what));
}
