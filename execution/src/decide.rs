//! The rules: what each command does in each state.
//!
//! Pure and total: every command has an answer in every state, and nothing is changed by asking.

mod release;

use serde_json::value::RawValue;

use crate::{
    command::{Command, Condition, Rejection, Reply, Signs, TimeoutPatch},
    content::{Content, FieldError, Item, Progress},
    deadline::DeadlineKind,
    event::{
        AttemptFailed, CancelRequested, Cancelled, Completed, Empty, Event, EventBody, Failed,
        Failure, Private, Reason, Resumed, RetryScheduled, RunnerDisconnected, RunnerInfo, Started,
        Updated, Waiting,
    },
    id::{ExecutionId, LeaseId},
    retry::backoff,
    spec::{MAX_TIMEOUT, MIN_TIMEOUT, PRIORITIES, Spec, validate_labels},
    state::{Ending, Lease, Phase, State},
    time::{Span, Timestamp},
};

pub use release::MAX_UNHEARD;

/// What the shell hands in: nothing here is read from the world.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Whose turn it is.
    pub id: ExecutionId,
    /// The shell's clock. Events never go back in time: the later of this and the last event counts.
    pub now: Timestamp,
    /// Uniform in `[0, 1)`, for jitter.
    pub random: f64,
    /// The bound on the content an execution's state holds, in bytes.
    pub state_limit: usize,
    /// The newest batch that the lease's holder had sent before this command, without waiting for
    /// its answer: where it was not taken, this must not be taken before it. `None` where nothing
    /// is under way.
    pub after: Option<u64>,
}

/// What will be so once it is durable.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Continue the log at `state.seq + 1`; empty when nothing changes.
    pub events: Vec<Event>,
    /// For the caller, after the commit.
    pub reply: Reply,
}

/// Looks at a state and a command and says what happens.
///
/// # Errors
/// A [`Rejection`] says why nothing happens.
pub fn decide(
    state: Option<&State>,
    command: Command,
    context: &Context,
) -> Result<Decision, Rejection> {
    match (state, command) {
        (None, Command::Create(spec)) => create(spec, context),
        (Some(_), Command::Create(_)) => Err(Rejection::Exists),
        (None, _) => Err(Rejection::Unknown),
        (Some(state), command) => Turn::new(state, context).take(command),
    }
}

fn create(spec: Box<Spec>, context: &Context) -> Result<Decision, Rejection> {
    let errors = spec.validate(context.now);
    if !errors.is_empty() {
        return Err(Rejection::Invalid { errors });
    }
    let event = Event {
        seq: 1,
        execution_id: context.id,
        attempt: 0,
        time: context.now,
        body: EventBody::Created(spec),
        private: Private::default(),
    };
    let reply = Reply::Done { seq: 1, cancel_requested: false };
    Ok(Decision { events: vec![event], reply })
}

/// One command against one state: collects the events.
struct Turn<'a> {
    state: &'a State,
    context: &'a Context,
    now: Timestamp,
    attempt: u32,
    events: Vec<Event>,
}

impl<'a> Turn<'a> {
    fn new(state: &'a State, context: &'a Context) -> Self {
        let now = context.now.max(state.updated_at);
        Self { state, context, now, attempt: state.attempt, events: Vec::new() }
    }

    fn emit(&mut self, body: EventBody) {
        self.emit_with(body, Private::default());
    }

    fn emit_with(&mut self, body: EventBody, private: Private) {
        self.events.push(Event {
            seq: self.head() + 1,
            execution_id: self.context.id,
            attempt: self.attempt,
            time: self.now,
            body,
            private,
        });
    }

    fn done(self) -> Result<Decision, Rejection> {
        let seq = self.head();
        let reply = Reply::Done { seq, cancel_requested: self.state.cancel.is_some() };
        Ok(Decision { events: self.events, reply })
    }

    /// For what a runner sends, once or again: it ended at `seq`, now or before. What is delivered
    /// with the answer comes after it.
    fn done_at(mut self, seq: u64) -> Result<Decision, Rejection> {
        self.deliver_cancel();
        let reply = Reply::Done { seq, cancel_requested: self.state.cancel.is_some() };
        Ok(Decision { events: self.events, reply })
    }

    /// Where the log will end.
    fn head(&self) -> u64 {
        self.state.seq + self.events.len() as u64
    }

    fn take(self, command: Command) -> Result<Decision, Rejection> {
        match command {
            Command::Create(_) => Err(Rejection::Exists),
            Command::Claim { lease, runner } => self.claim(lease, runner),
            Command::PostEvents { lease, batch, events } => self.post(lease, batch, events),
            Command::Heartbeat { lease } => self.heartbeat(lease),
            Command::ReportProgress { lease, progress } => self.progress(lease, progress),
            Command::Complete { lease, output } => self.complete(lease, output),
            Command::Fail { lease, error } => self.fail(lease, error),
            Command::Wait { lease, batch, prompt, schema, timeout, hold } => {
                self.wait(lease, batch, prompt, schema, timeout, hold)
            }
            Command::Resume { input, question } => self.resume(input, question),
            Command::RequestCancel { reason, grace } => self.request_cancel(reason, grace),
            Command::AcknowledgeCancel { lease } => self.acknowledge_cancel(lease),
            Command::ConfirmCancelled { lease } => self.confirm_cancelled(lease),
            Command::Update { labels, priority, timeouts, if_match } => {
                self.update(labels, priority, timeouts, if_match)
            }
            Command::TimeOut { kind, signs, evidence } => self.time_out(kind, signs, evidence),
            Command::DisconnectRunner { lease, grace, detail } => {
                self.disconnect(lease, grace, detail)
            }
            Command::ReturnRunner { lease } => self.runner_returned(lease),
            Command::LoseRunner { lease, evidence } => self.lose_runner(lease, evidence),
            Command::Release { lease } => self.release(lease),
            Command::GiveUp { evidence } => self.give_up(evidence),
        }
    }

    // ---- who may speak -------------------------------------------------------------------

    fn live(&self) -> Result<(), Rejection> {
        if self.state.phase.is_terminal() {
            let (phase, reason) = (self.state.phase, self.state.reason);
            return Err(Rejection::Terminal { phase, reason });
        }
        Ok(())
    }

    /// Fencing (invariant E): only the current lease may write, and in the order in which it does
    /// (invariant A): what overtakes a batch would make that batch look like a repeat.
    fn held(&self, lease: LeaseId) -> Result<&'a Lease, Rejection> {
        let held = self.state.lease.as_ref().filter(|held| held.id == lease);
        let held =
            held.ok_or_else(|| Rejection::LeaseSuperseded { detail: self.superseded(lease) })?;
        let newest = held.batches.back().map(|(number, _)| *number);
        match self.context.after {
            Some(missing) if newest < Some(missing) => Err(Rejection::OutOfOrder { missing }),
            Some(_) | None => Ok(held),
        }
    }

    fn superseded(&self, lease: LeaseId) -> String {
        let state = self.state;
        let mine = match state.ended {
            Some(ended) if ended.lease == lease => {
                format!("it was for attempt {} and ended at {}; ", ended.attempt, ended.at)
            }
            Some(_) | None => String::new(),
        };
        let now = match (&state.lease, state.reason) {
            (Some(held), _) => format!(
                "attempt {} is held by runner {} since {}",
                state.attempt, held.runner.id, held.since
            ),
            (None, Some(reason)) => {
                format!("the execution is {} ({})", state.phase.as_str(), reason.as_str())
            }
            (None, None) => format!("the execution is {}", state.phase.as_str()),
        };
        mine + &now
    }

    /// A runner whose reply was lost asks again: the same end of the same lease is told again.
    fn told_again(&self, lease: LeaseId, how: Ending) -> Option<Decision> {
        let ended = self.state.ended.filter(|e| e.lease == lease && e.how == how)?;
        let cancel_requested = self.state.cancel.is_some();
        let reply = Reply::Done { seq: ended.seq, cancel_requested };
        Some(Decision { events: Vec::new(), reply })
    }

    // ---- the runner's side ---------------------------------------------------------------

    fn claim(mut self, lease: LeaseId, runner: RunnerInfo) -> Result<Decision, Rejection> {
        self.live()?;
        if self.state.phase != Phase::Pending || self.state.due > self.now {
            return Err(Rejection::NotClaimable { phase: self.state.phase });
        }
        self.attempt += 1;
        let attempt = self.attempt;
        let private = Private { lease: Some(lease), batch: None };
        self.emit_with(EventBody::Started(Started { attempt, runner }), private);
        let heartbeat = self.state.spec.timeouts.heartbeat;
        let checkpoint = self.state.checkpoint().map(Box::new);
        let traceparent = self.state.spec.traceparent.clone();
        let reply = Reply::Claimed { attempt, heartbeat, checkpoint, traceparent };
        Ok(Decision { events: self.events, reply })
    }

    /// Every accepted call under the lease delivers a pending cancellation with its reply.
    fn deliver_cancel(&mut self) {
        if self.state.cancel.as_ref().is_some_and(|c| c.delivered_at.is_none()) {
            self.emit(EventBody::CancelDelivered(Empty {}));
        }
    }

    fn post(
        mut self,
        lease: LeaseId,
        batch: Option<u64>,
        events: Vec<Content>,
    ) -> Result<Decision, Rejection> {
        let held = self.held(lease)?;
        if let Some(seq) = batch.and_then(|b| repeated(held, b)) {
            return self.done_at(seq);
        }
        let (bytes, limit) = (self.state.transcript.bytes(), self.context.state_limit);
        if bytes > limit {
            return Err(Rejection::TooLarge { bytes, limit });
        }
        self.state.transcript.admit(&events).map_err(|errors| Rejection::Invalid { errors })?;
        let private = Private { lease: None, batch };
        self.events.reserve(events.len());
        for content in events {
            let body = match content.item() {
                Item::Progress(progress) => EventBody::Progress(progress.clone()),
                _ => EventBody::Content(content),
            };
            self.emit_with(body, private);
        }
        let seq = self.head();
        self.done_at(seq)
    }

    fn heartbeat(mut self, lease: LeaseId) -> Result<Decision, Rejection> {
        self.held(lease)?;
        self.deliver_cancel();
        self.done()
    }

    fn progress(mut self, lease: LeaseId, progress: Progress) -> Result<Decision, Rejection> {
        self.held(lease)?;
        progress
            .validate("/progress")
            .map_err(|error| Rejection::Invalid { errors: vec![error] })?;
        if self.state.progress.as_ref() != Some(&progress) {
            self.emit(EventBody::Progress(progress));
        }
        self.deliver_cancel();
        self.done()
    }

    fn complete(
        mut self,
        lease: LeaseId,
        output: Option<Box<RawValue>>,
    ) -> Result<Decision, Rejection> {
        if let Some(again) = self.told_again(lease, Ending::Completed) {
            return Ok(again);
        }
        self.held(lease)?;
        self.emit(EventBody::Completed(Completed { output }));
        self.done()
    }

    fn fail(mut self, lease: LeaseId, mut error: Failure) -> Result<Decision, Rejection> {
        if let Some(again) = self.told_again(lease, Ending::Failed) {
            return Ok(again);
        }
        self.held(lease)?;
        let reason = if error.code == Reason::DefinitionInvalid.as_str() {
            error.retryable = false;
            Reason::DefinitionInvalid
        } else {
            Reason::RunnerError
        };
        self.fail_attempt(reason, error);
        self.done()
    }

    /// Ends the attempt: cancelled if that was asked for, else retried while attempts are left,
    /// else failed.
    fn fail_attempt(&mut self, reason: Reason, error: Failure) {
        let retry = &self.state.spec.retry;
        let next = self.state.failures.saturating_add(2);
        let failed = AttemptFailed { reason, error: error.clone() };
        self.emit(EventBody::AttemptFailed(failed));
        if self.state.cancel.is_none() && error.retryable && next <= retry.max_attempts {
            let backoff = backoff(retry, next, self.context.random);
            let (attempt, at) = (self.state.attempt + 1, self.now.plus(backoff));
            self.emit(EventBody::RetryScheduled(RetryScheduled { attempt, at, backoff }));
        } else {
            self.fail_execution(reason, error);
        }
    }

    /// What cannot go on is cancelled if that was asked for, whatever stopped it; else failed.
    fn fail_execution(&mut self, reason: Reason, error: Failure) {
        if self.state.cancel.is_some() {
            let reason = Reason::CancelRequested;
            self.emit(EventBody::Cancelled(Cancelled { reason, error: Some(error) }));
        } else {
            self.emit(EventBody::Failed(Failed { reason, error }));
        }
    }

    fn wait(
        mut self,
        lease: LeaseId,
        batch: Option<u64>,
        prompt: Option<String>,
        schema: Option<Box<RawValue>>,
        timeout: Option<Span>,
        hold: bool,
    ) -> Result<Decision, Rejection> {
        if let Some(again) = self.told_again(lease, Ending::Parked) {
            return Ok(again);
        }
        let held = self.held(lease)?;
        if let Some((number, seq)) = batch.and_then(|b| Some((b, repeated(held, b)?))) {
            if !hold {
                // Had this wait been taken, it would have ended the lease; its runner must not
                // let go of a lease that goes on.
                let taken = format!("batch {number} of this lease was taken for something else");
                return Err(invalid("/batch", &taken));
            }
            return self.done_at(seq);
        }
        if let Some(open) = &self.state.question {
            if !open.asked.is(prompt.as_deref(), schema.as_deref(), hold) {
                return Err(invalid(
                    "",
                    "it is already waiting for the answer to another question",
                ));
            }
            return self.done_at(open.seq);
        }
        let timeout = timeout.unwrap_or(self.state.spec.timeouts.waiting);
        check_span("/timeout", timeout)?;
        let until = self.now.plus(timeout);
        let asked = EventBody::Waiting(Waiting { prompt, schema, until, hold });
        self.emit_with(asked, Private { lease: None, batch });
        if hold {
            let seq = self.head();
            return self.done_at(seq);
        }
        // Without a lease nobody would be told of the cancellation: it ends here.
        if self.state.cancel.is_some() {
            let reason = Reason::CancelRequested;
            self.emit(EventBody::Cancelled(Cancelled { reason, error: None }));
        }
        self.done()
    }

    fn acknowledge_cancel(mut self, lease: LeaseId) -> Result<Decision, Rejection> {
        self.held(lease)?;
        self.acknowledged()?;
        self.done()
    }

    /// Whoever stops was told: each stage of a cancellation is in the log, and once.
    fn acknowledged(&mut self) -> Result<(), Rejection> {
        let Some(cancel) = &self.state.cancel else { return Err(Rejection::NotCancelling) };
        if cancel.acknowledged_at.is_none() {
            self.deliver_cancel();
            self.emit(EventBody::CancelAcknowledged(Empty {}));
        }
        Ok(())
    }

    fn confirm_cancelled(mut self, lease: LeaseId) -> Result<Decision, Rejection> {
        if let Some(again) = self.told_again(lease, Ending::Cancelled) {
            return Ok(again);
        }
        self.held(lease)?;
        self.acknowledged()?;
        let reason = Reason::CancelRequested;
        self.emit(EventBody::Cancelled(Cancelled { reason, error: None }));
        self.done()
    }

    fn disconnect(
        mut self,
        lease: LeaseId,
        grace: Span,
        detail: Option<String>,
    ) -> Result<Decision, Rejection> {
        let held = self.held(lease)?;
        if held.disconnected_until.is_none() {
            let until = self.now.plus(grace.min(MAX_TIMEOUT));
            self.emit(EventBody::RunnerDisconnected(RunnerDisconnected { until, detail }));
        }
        self.done()
    }

    fn runner_returned(mut self, lease: LeaseId) -> Result<Decision, Rejection> {
        let held = self.held(lease)?;
        if held.disconnected_until.is_some() {
            self.emit(EventBody::RunnerReturned(Empty {}));
        }
        self.done()
    }

    fn lose_runner(mut self, lease: LeaseId, evidence: String) -> Result<Decision, Rejection> {
        self.held(lease)?;
        let error = self.lost_runner(evidence);
        self.fail_attempt(Reason::RunnerLost, error);
        self.done()
    }

    fn lost_runner(&self, evidence: String) -> Failure {
        Failure {
            code: Reason::RunnerLost.as_str().to_owned(),
            message: format!("Runner {} was lost during attempt {}.", self.runner(), self.attempt),
            detail: Some(evidence),
            hint: Some(
                "See whether its process or host went down; its last output is in the log."
                    .to_owned(),
            ),
            retryable: true,
        }
    }

    fn runner(&self) -> String {
        let Some(info) = &self.state.runner else { return "(none)".to_owned() };
        match (&info.host, info.pid) {
            (Some(host), Some(pid)) => format!("{} (host {host}, pid {pid})", info.id),
            (Some(host), None) => format!("{} (host {host})", info.id),
            (None, Some(pid)) => format!("{} (pid {pid})", info.id),
            (None, None) => info.id.to_string(),
        }
    }

    // ---- the person's side ---------------------------------------------------------------

    fn resume(
        mut self,
        input: Option<Box<RawValue>>,
        question: Option<u64>,
    ) -> Result<Decision, Rejection> {
        self.live()?;
        let Some(open) = &self.state.question else {
            return Err(Rejection::NotWaiting { phase: self.state.phase });
        };
        if question.is_some_and(|seq| seq != open.seq) {
            return Err(Rejection::SeqMismatch { of: Condition::Question, seq: open.seq });
        }
        let requeued = self.state.lease.is_none();
        self.emit(EventBody::Resumed(Resumed { input, requeued }));
        self.done()
    }

    fn request_cancel(
        mut self,
        reason: Option<String>,
        grace: Option<Span>,
    ) -> Result<Decision, Rejection> {
        self.live()?;
        let grace = grace.unwrap_or(self.state.spec.timeouts.cancel);
        if grace > MAX_TIMEOUT {
            return Err(invalid("/grace", &format!("a grace is at most {MAX_TIMEOUT}")));
        }
        let deadline = self.now.plus(grace);
        // Asking again changes nothing, unless it is more urgent.
        if self.state.cancel.as_ref().is_none_or(|c| deadline < c.deadline) {
            self.emit(EventBody::CancelRequested(CancelRequested { reason, deadline }));
        }
        if self.state.lease.is_none() {
            let reason = Reason::CancelRequested;
            self.emit(EventBody::Cancelled(Cancelled { reason, error: None }));
        }
        let seq = self.head();
        Ok(Decision { events: self.events, reply: Reply::Done { seq, cancel_requested: true } })
    }

    fn update(
        mut self,
        labels: Option<std::collections::BTreeMap<String, String>>,
        priority: Option<i32>,
        patch: TimeoutPatch,
        if_match: Option<u64>,
    ) -> Result<Decision, Rejection> {
        self.live()?;
        if if_match.is_some_and(|seq| seq != self.state.seq) {
            return Err(Rejection::SeqMismatch { of: Condition::Head, seq: self.state.seq });
        }
        let mut timeouts = self.state.spec.timeouts.clone();
        patch.apply(&mut timeouts);
        let mut errors = timeouts.validate("/timeouts");
        errors.extend(labels.iter().flat_map(validate_labels));
        if priority.is_some_and(|p| !PRIORITIES.contains(&p)) {
            let (low, high) = (PRIORITIES.start(), PRIORITIES.end());
            let message = format!("a priority is between {low} and {high}");
            errors.push(FieldError { pointer: "/priority".to_owned(), message });
        }
        if !errors.is_empty() {
            return Err(Rejection::Invalid { errors });
        }
        let updated = Updated {
            labels: labels.filter(|l| *l != self.state.spec.labels),
            priority: priority.filter(|p| *p != self.state.spec.priority),
            timeouts: Some(timeouts).filter(|t| *t != self.state.spec.timeouts),
        };
        if updated != Updated::default() {
            self.emit(EventBody::Updated(updated));
        }
        self.done()
    }

    // ---- the clock's and the supervisor's side -------------------------------------------

    fn time_out(
        mut self,
        kind: DeadlineKind,
        signs: Signs,
        evidence: String,
    ) -> Result<Decision, Rejection> {
        // One winner, never early (invariant F): the state decides, not the timer.
        let due = self
            .state
            .deadlines(signs)
            .into_iter()
            .find(|d| d.kind == kind && d.at <= self.now)
            .ok_or(Rejection::NotDue)?;
        let timeouts = &self.state.spec.timeouts;
        let late = |span: Span| format!("{span} (due {})", due.at);
        let failure = |reason: Reason, message: String, hint: &str, retryable: bool| Failure {
            code: reason.as_str().to_owned(),
            message,
            detail: Some(evidence.clone()).filter(|e| !e.is_empty()),
            hint: Some(hint.to_owned()),
            retryable,
        };
        match kind {
            DeadlineKind::ScheduleToStart => {
                let reason = Reason::ScheduleToStartTimeout;
                let error = self.not_started(due.at, Some(evidence).filter(|e| !e.is_empty()));
                self.fail_execution(reason, error);
            }
            DeadlineKind::Heartbeat => {
                let reason = Reason::HeartbeatTimeout;
                let message = format!(
                    "Runner {} gave no sign of life for {} during attempt {}.",
                    self.runner(),
                    late(timeouts.heartbeat),
                    self.attempt
                );
                let hint = "See whether the runner is alive and reaches the server; heartbeat on a clock of its own.";
                let error = failure(reason, message, hint, true);
                self.fail_attempt(reason, error);
            }
            DeadlineKind::Progress => {
                let reason = Reason::ProgressTimeout;
                let message = format!(
                    "Runner {} was alive but made no progress for {} during attempt {}.",
                    self.runner(),
                    late(timeouts.progress.unwrap_or_default()),
                    self.attempt
                );
                let hint = "See its last event for where it hangs, or raise timeouts.progress.";
                let error = failure(reason, message, hint, true);
                self.fail_attempt(reason, error);
            }
            DeadlineKind::StartToClose => {
                let reason = Reason::StartToCloseTimeout;
                let message = format!(
                    "Attempt {} did not finish within {}.",
                    self.attempt,
                    late(timeouts.start_to_close.unwrap_or_default())
                );
                let hint = "See what it was doing at the end of its log, or raise timeouts.start_to_close.";
                let error = failure(reason, message, hint, true);
                self.fail_attempt(reason, error);
            }
            DeadlineKind::ScheduleToClose => {
                let reason = Reason::ScheduleToCloseTimeout;
                let message = format!(
                    "The execution did not finish within {}, all attempts included ({} so far).",
                    late(timeouts.schedule_to_close.unwrap_or_default()),
                    self.attempt
                );
                let hint = "See the attempts in its log, or raise timeouts.schedule_to_close.";
                let error = failure(reason, message, hint, false);
                self.fail_execution(reason, error);
            }
            DeadlineKind::Waiting => {
                let reason = Reason::WaitingTimeout;
                let message = format!("Nobody answered by {}.", due.at);
                let hint = "Answer with heartline resume, or give the wait a longer timeout.";
                let error = failure(reason, message, hint, false);
                self.fail_execution(reason, error);
            }
            DeadlineKind::Cancel => {
                let reason = Reason::CancelTimeout;
                let message = format!(
                    "Runner {} did not stop by {}; the cancellation was forced.",
                    self.runner(),
                    due.at
                );
                let hint = "The runner may still be at work; its writes are refused from now on.";
                let error = failure(reason, message, hint, false);
                self.emit(EventBody::Cancelled(Cancelled { reason, error: Some(error) }));
            }
            DeadlineKind::Grace => {
                let error = self.lost_runner(evidence);
                self.fail_attempt(Reason::RunnerLost, error);
            }
        }
        self.done()
    }

    fn give_up(mut self, evidence: String) -> Result<Decision, Rejection> {
        self.live()?;
        let reason = Reason::SupervisorGaveUp;
        let error = Failure {
            code: reason.as_str().to_owned(),
            message: "The server could not keep this execution's actor running.".to_owned(),
            detail: Some(evidence),
            hint: Some(
                "This is a defect in Heartline: report it with the server's log.".to_owned(),
            ),
            retryable: false,
        };
        self.emit(EventBody::Failed(Failed { reason, error }));
        self.done()
    }
}

/// The remembered end of a batch that is not new; its nearest neighbour's where it is forgotten.
fn repeated(lease: &Lease, batch: u64) -> Option<u64> {
    let (newest, _) = *lease.batches.back()?;
    if batch > newest {
        return None;
    }
    let at_or_below = lease.batches.iter().rev().find(|(number, _)| *number <= batch);
    at_or_below.or(lease.batches.front()).map(|(_, seq)| *seq)
}

fn check_span(pointer: &str, span: Span) -> Result<(), Rejection> {
    if (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&span) {
        return Ok(());
    }
    Err(invalid(pointer, &format!("a timeout is between {MIN_TIMEOUT} and {MAX_TIMEOUT}")))
}

fn invalid(pointer: &str, message: &str) -> Rejection {
    let error = FieldError { pointer: pointer.to_owned(), message: message.to_owned() };
    Rejection::Invalid { errors: vec![error] }
}

impl TimeoutPatch {
    /// Sets what it names.
    pub fn apply(&self, timeouts: &mut crate::spec::Timeouts) {
        macro_rules! set {
            ($($field:ident),*) => {$(if let Some(span) = self.$field { timeouts.$field = span; })*};
        }
        set!(
            schedule_to_start,
            heartbeat,
            start_to_close,
            schedule_to_close,
            progress,
            waiting,
            cancel
        );
    }
}
