//! The state of one execution: the fold of its log, and nothing else (invariant D).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    checkpoint::is_left,
    command::Signs,
    content::{Item, Progress},
    deadline::{Clocks, Deadline, DeadlineKind},
    event::{Event, EventBody, Failure, Reason, RunnerInfo, Waiting},
    id::{ExecutionId, LeaseId},
    spec::Spec,
    standing::{Held, Place, Standing},
    time::Timestamp,
    transcript::Transcript,
};

/// How many of a lease's newest batches are remembered with the seq they ended at. A runner has
/// far fewer in flight; an older repeat is still recognised and answered with the oldest kept seq.
const REMEMBERED_BATCHES: usize = 64;

/// Where an execution is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // PRODUCT's words.
pub enum Phase {
    Pending,
    InProgress,
    Waiting,
    Completed,
    Failed,
    Cancelled,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Phase; 6] = [
        Phase::Pending,
        Phase::InProgress,
        Phase::Waiting,
        Phase::Completed,
        Phase::Failed,
        Phase::Cancelled,
    ];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Pending => "pending",
            Phase::InProgress => "in_progress",
            Phase::Waiting => "waiting",
            Phase::Completed => "completed",
            Phase::Failed => "failed",
            Phase::Cancelled => "cancelled",
        }
    }

    /// Whether it is final.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Phase::Completed | Phase::Failed | Phase::Cancelled)
    }
}

impl std::str::FromStr for Phase {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|p| p.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|p| p.as_str()).collect();
            format!("a phase is one of {}", known.join(", "))
        })
    }
}

/// The right to write for an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    /// The fencing token.
    pub id: LeaseId,
    /// Who holds it.
    pub runner: RunnerInfo,
    /// Since when.
    pub since: Timestamp,
    /// Where the start-to-close clock counts from: `since`, moved by every wait for a person.
    pub clock_from: Timestamp,
    /// Last sign of life in the log.
    pub alive_at: Timestamp,
    /// Last event or progress report in the log.
    pub progressed_at: Timestamp,
    /// The runner's connection is closed; the lease is lost at this instant.
    pub disconnected_until: Option<Timestamp>,
    /// The seq of the `execution.resumed` that answered its last question; `None` where none was
    /// asked, and while one stands.
    #[serde(default)]
    pub answered: Option<u64>,
    /// The newest batches: number and the seq each ended at.
    pub batches: VecDeque<(u64, u64)>,
}

/// How a lease ended, remembered so that a runner that missed the reply can ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// By `complete`.
    Completed,
    /// By `fail`.
    Failed,
    /// By a timeout, the loss of its runner or a release: its runner said nothing of the kind.
    Lost,
    /// By `cancelled` or a forced cancellation.
    Cancelled,
    /// By `wait` without hold.
    Parked,
}

/// The lease before, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The token.
    pub lease: LeaseId,
    /// The attempt it was for.
    pub attempt: u32,
    /// How it ended.
    pub how: Ending,
    /// The head after it ended.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
}

/// An open question to a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// The seq of its `execution.waiting`, by which an answer names it.
    pub seq: u64,
    /// What was asked.
    pub asked: Waiting,
    /// Since when.
    pub since: Timestamp,
}

/// A requested cancellation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cancel {
    /// The person's words, the last that were given.
    pub reason: Option<String>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it is forced.
    pub deadline: Timestamp,
    /// When the runner was told.
    pub delivered_at: Option<Timestamp>,
    /// When the runner said it is stopping.
    pub acknowledged_at: Option<Timestamp>,
    /// When the runner was waited for no longer.
    #[serde(default)]
    pub forced_at: Option<Timestamp>,
}

/// The fold of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Whose.
    pub id: ExecutionId,
    /// What was asked for; labels, priority and timeouts as last updated.
    pub spec: Box<Spec>,
    /// Where it is.
    pub phase: Phase,
    /// Why that phase.
    pub reason: Option<Reason>,
    /// The last failure; of the attempt while it is retried, of the execution once failed.
    pub error: Option<Failure>,
    /// Claims so far.
    pub attempt: u32,
    /// Failed attempts so far.
    pub failures: u32,
    /// Leases in a row, the current one included, whose runners have said nothing that is in the
    /// log; none once an attempt has failed.
    #[serde(default)]
    pub unheard: u32,
    /// When it became or becomes claimable. A lease that comes back unused does not move it.
    pub due: Timestamp,
    /// The first such instant.
    pub first_due: Timestamp,
    /// Whether `due` is the end of a backoff.
    pub backing_off: bool,
    /// The current lease.
    pub lease: Option<Lease>,
    /// The lease before.
    pub ended: Option<Ended>,
    /// The last runner.
    pub runner: Option<RunnerInfo>,
    /// How far it is; the next attempt goes on from there.
    pub progress: Option<Progress>,
    /// The attempt that reported progress or changed the shared state last.
    #[serde(default)]
    pub left_by: u32,
    /// The result so far.
    pub output: Option<Box<RawValue>>,
    /// The open question.
    pub question: Option<Question>,
    /// The last answer, for the attempt that takes it up.
    pub answer: Option<Box<RawValue>>,
    /// The requested cancellation.
    pub cancel: Option<Cancel>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was first claimed.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The head of the log.
    pub seq: u64,
    /// The newest lifecycle event.
    pub lifecycle_seq: u64,
    /// The time of the last event.
    pub updated_at: Timestamp,
    /// The content half.
    pub transcript: Transcript,
}

/// Why an event does not continue a state: the log is damaged or the caller is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A gap, a repeat, or an event before the creation.
    #[error("event {got} follows {head}")]
    OutOfOrder {
        /// Head of the state.
        head: u64,
        /// Seq of the event.
        got: u64,
    },
    /// Something after the terminal event (invariant B).
    #[error("event {got} follows the terminal event {head}")]
    AfterTerminal {
        /// Seq of the terminal event.
        head: u64,
        /// Seq of the event.
        got: u64,
    },
    /// The event is of another execution.
    #[error("the event is of {0}")]
    Foreign(ExecutionId),
}

/// Moves `state` by one event: the one transition function, for live work and for replay.
pub fn apply(state: &mut Option<State>, event: &Event) -> Result<(), FoldError> {
    let head = state.as_ref().map_or(0, |s| s.seq);
    if event.seq != head + 1 {
        return Err(FoldError::OutOfOrder { head, got: event.seq });
    }
    match (state.as_mut(), &event.body) {
        (None, EventBody::Created(spec)) => *state = Some(State::new(spec, event)),
        (None, _) => return Err(FoldError::OutOfOrder { head, got: event.seq }),
        (Some(state), _) if state.id != event.execution_id => {
            return Err(FoldError::Foreign(event.execution_id));
        }
        (Some(state), _) if state.phase.is_terminal() => {
            return Err(FoldError::AfterTerminal { head, got: event.seq });
        }
        (Some(state), _) => state.step(event),
    }
    Ok(())
}

impl State {
    fn new(spec: &Spec, event: &Event) -> Self {
        let due = spec.start_at.map_or(event.time, |at| at.max(event.time));
        Self {
            id: event.execution_id,
            spec: Box::new(spec.clone()),
            phase: Phase::Pending,
            reason: None,
            error: None,
            attempt: 0,
            failures: 0,
            unheard: 0,
            due,
            first_due: due,
            backing_off: false,
            lease: None,
            ended: None,
            runner: None,
            progress: None,
            left_by: 0,
            output: None,
            question: None,
            answer: None,
            cancel: None,
            created_at: event.time,
            started_at: None,
            finished_at: None,
            seq: event.seq,
            lifecycle_seq: event.seq,
            updated_at: event.time,
            transcript: Transcript::default(),
        }
    }

    fn step(&mut self, event: &Event) {
        let now = event.time;
        self.seq = event.seq;
        self.updated_at = now;
        if event.body.is_lifecycle() {
            self.lifecycle_seq = event.seq;
        }
        match &event.body {
            EventBody::Created(_) => {} // Only ever the first event; `apply` has seen to that.
            EventBody::Started(started) => {
                self.phase = Phase::InProgress;
                self.reason = None;
                self.attempt = started.attempt;
                self.unheard = self.unheard.saturating_add(1);
                self.transcript.begin_attempt(started.attempt);
                self.backing_off = false;
                self.runner = Some(started.runner.clone());
                self.started_at.get_or_insert(now);
                self.lease = event.private.lease.map(|id| Lease {
                    id,
                    runner: started.runner.clone(),
                    since: now,
                    clock_from: now,
                    alive_at: now,
                    progressed_at: now,
                    disconnected_until: None,
                    answered: None,
                    batches: VecDeque::new(),
                });
            }
            EventBody::Progress(progress) => {
                self.progress = Some(progress.clone());
                self.left_by = event.attempt;
                self.sign_of_progress(event);
            }
            EventBody::Content(content) => {
                if let Item::Output = content.item() {
                    self.output = content.output().map(ToOwned::to_owned);
                }
                if is_left(content.item()) {
                    self.left_by = event.attempt;
                }
                self.transcript.apply(content, event.seq, now);
                self.sign_of_progress(event);
            }
            EventBody::Waiting(asked) => {
                self.phase = Phase::Waiting;
                self.reason = None;
                self.sign_of_progress(event);
                if !asked.hold {
                    self.end_lease(Ending::Parked, event);
                } else if let Some(lease) = &mut self.lease {
                    lease.answered = None;
                }
                self.question = Some(Question { seq: event.seq, asked: asked.clone(), since: now });
            }
            EventBody::Resumed(resumed) => {
                self.resume(resumed.requeued, resumed.input.as_deref(), event);
            }
            EventBody::RunnerDisconnected(gone) => {
                if let Some(lease) = &mut self.lease {
                    lease.disconnected_until = Some(gone.until);
                }
            }
            EventBody::RunnerReturned(_) => {
                if let Some(lease) = &mut self.lease {
                    lease.disconnected_until = None;
                }
                self.sign_of_life(now);
            }
            EventBody::AttemptFailed(failed) => {
                self.failures += 1;
                self.unheard = 0;
                self.reason = Some(failed.reason);
                self.error = Some(failed.error.clone());
                self.question = None;
                let how = match failed.reason {
                    Reason::RunnerError | Reason::DefinitionInvalid => Ending::Failed,
                    _ => Ending::Lost,
                };
                self.end_lease(how, event);
            }
            EventBody::RetryScheduled(retry) => {
                self.phase = Phase::Pending;
                self.due = retry.at;
                self.backing_off = retry.at > now;
                self.question = None;
                // Still there only when the lease never reached its runner.
                self.end_lease(Ending::Lost, event);
            }
            EventBody::CancelRequested(cancel) => {
                let before = self.cancel.take();
                // Whoever only makes it more urgent takes no words back.
                let said = before.as_ref().and_then(|c| c.reason.clone());
                self.cancel = Some(Cancel {
                    reason: cancel.reason.clone().or(said),
                    requested_at: before.as_ref().map_or(now, |c| c.requested_at),
                    deadline: cancel.deadline,
                    delivered_at: before.as_ref().and_then(|c| c.delivered_at),
                    acknowledged_at: before.and_then(|c| c.acknowledged_at),
                    forced_at: None,
                });
            }
            EventBody::CancelDelivered(_) => {
                if let Some(cancel) = &mut self.cancel {
                    cancel.delivered_at.get_or_insert(now);
                }
                self.sign_of_life(now);
            }
            EventBody::CancelAcknowledged(_) => {
                if let Some(cancel) = &mut self.cancel {
                    cancel.delivered_at.get_or_insert(now);
                    cancel.acknowledged_at.get_or_insert(now);
                }
                self.sign_of_life(now);
            }
            EventBody::Updated(updated) => {
                if let Some(labels) = &updated.labels {
                    self.spec.labels.clone_from(labels);
                }
                if let Some(priority) = updated.priority {
                    self.spec.priority = priority;
                }
                if let Some(timeouts) = &updated.timeouts {
                    self.spec.timeouts = timeouts.clone();
                }
            }
            EventBody::Completed(completed) => {
                if completed.output.is_some() {
                    self.output.clone_from(&completed.output);
                }
                self.finish(Phase::Completed, None, None, Ending::Completed, event);
            }
            EventBody::Failed(failed) => {
                let error = Some(failed.error.clone());
                self.finish(Phase::Failed, Some(failed.reason), error, Ending::Lost, event);
            }
            EventBody::Cancelled(cancelled) => {
                let (reason, error) = (Some(cancelled.reason), cancelled.error.clone());
                if let (Some(cancel), Reason::CancelTimeout) = (&mut self.cancel, cancelled.reason)
                {
                    cancel.forced_at = Some(now);
                }
                self.finish(Phase::Cancelled, reason, error, Ending::Cancelled, event);
            }
        }
    }

    fn sign_of_life(&mut self, now: Timestamp) {
        self.unheard = 0;
        if let Some(lease) = &mut self.lease {
            lease.alive_at = now;
        }
    }

    fn sign_of_progress(&mut self, event: &Event) {
        self.sign_of_life(event.time);
        let Some(lease) = &mut self.lease else { return };
        lease.progressed_at = event.time;
        let Some(batch) = event.private.batch else { return };
        match lease.batches.back_mut() {
            Some((last, seq)) if *last == batch => *seq = event.seq,
            Some(_) | None => {
                if lease.batches.len() == REMEMBERED_BATCHES {
                    lease.batches.pop_front();
                }
                lease.batches.push_back((batch, event.seq));
            }
        }
    }

    fn resume(&mut self, requeued: bool, input: Option<&RawValue>, event: &Event) {
        let now = event.time;
        let waited = self.question.take().map(|q| now.since(q.since));
        self.answer = input.map(ToOwned::to_owned);
        if requeued {
            self.phase = Phase::Pending;
            self.due = now;
            self.backing_off = false;
            return;
        }
        self.phase = Phase::InProgress;
        if let Some(lease) = &mut self.lease {
            lease.clock_from = lease.clock_from.plus(waited.unwrap_or_default());
            lease.progressed_at = now;
            lease.answered = Some(event.seq);
        }
    }

    fn end_lease(&mut self, how: Ending, event: &Event) {
        if let Some(lease) = self.lease.take() {
            self.transcript.interrupt();
            let (seq, at) = (event.seq, event.time);
            self.ended = Some(Ended { lease: lease.id, attempt: self.attempt, how, seq, at });
        } else if let Some(ended) = &mut self.ended
            && (ended.seq + 1, ended.at) == (event.seq, event.time)
        {
            // The same decision goes on: its caller was told the head after all of it.
            ended.seq = event.seq;
        }
    }

    fn finish(
        &mut self,
        phase: Phase,
        reason: Option<Reason>,
        error: Option<Failure>,
        how: Ending,
        event: &Event,
    ) {
        self.phase = phase;
        self.reason = reason;
        self.error = error;
        self.question = None;
        self.finished_at = Some(event.time);
        self.end_lease(how, event);
    }

    /// Every armed timeout, earliest first; `signs` move heartbeat and progress.
    pub fn deadlines(&self, signs: Signs) -> Vec<Deadline> {
        let mut armed = self.logged_deadlines();
        if let Some(lease) = &self.lease {
            armed.extend(self.clocks(lease).armed(signs));
        }
        armed.sort_unstable_by_key(|d| d.at);
        armed
    }

    fn clocks(&self, lease: &Lease) -> Clocks {
        Clocks {
            alive_at: lease.alive_at,
            heartbeat: self.spec.timeouts.heartbeat,
            progressed_at: lease.progressed_at,
            // While a person is asked it is not the runner that makes no progress.
            progress: self.spec.timeouts.progress.filter(|_| self.phase == Phase::InProgress),
        }
    }

    /// The timeouts that only logged events move.
    fn logged_deadlines(&self) -> Vec<Deadline> {
        let timeouts = &self.spec.timeouts;
        let mut armed = Vec::with_capacity(4);
        let mut arm = |kind, at| armed.push(Deadline { kind, at });
        if self.phase.is_terminal() {
            return armed;
        }
        if let Some(span) = timeouts.schedule_to_close {
            arm(DeadlineKind::ScheduleToClose, self.first_due.plus(span));
        }
        if let Some(cancel) = &self.cancel {
            arm(DeadlineKind::Cancel, cancel.deadline);
        }
        if let Some(until) = self.lease.as_ref().and_then(|l| l.disconnected_until) {
            arm(DeadlineKind::Grace, until);
        }
        match (self.phase, &self.lease, &self.question) {
            (Phase::Pending, _, _) => {
                arm(DeadlineKind::ScheduleToStart, self.due.plus(timeouts.schedule_to_start));
            }
            (Phase::InProgress, Some(lease), _) => {
                if let Some(span) = timeouts.start_to_close {
                    arm(DeadlineKind::StartToClose, lease.clock_from.plus(span));
                }
            }
            (Phase::Waiting, _, Some(question)) => {
                arm(DeadlineKind::Waiting, question.asked.until);
            }
            (
                Phase::InProgress
                | Phase::Waiting
                | Phase::Completed
                | Phase::Failed
                | Phase::Cancelled,
                _,
                _,
            ) => {}
        }
        armed.sort_unstable_by_key(|d| d.at);
        armed
    }

    /// Where it stands in the world. Changes only with lifecycle events, but for the instants of a
    /// lease: see [`Held`].
    pub fn standing(&self) -> Standing {
        let place = match (&self.lease, self.phase) {
            (_, Phase::Completed | Phase::Failed | Phase::Cancelled) => Place::Over,
            (Some(lease), _) => Place::Leased(Box::new(self.held(lease))),
            (None, Phase::Pending) => {
                Place::Queued { due: self.due, backing_off: self.backing_off }
            }
            (None, Phase::InProgress | Phase::Waiting) => Place::Parked,
        };
        Standing {
            id: self.id,
            namespace: self.spec.namespace.clone(),
            queue: self.spec.queue.clone(),
            priority: self.spec.priority,
            concurrency_key: self.spec.concurrency_key.clone(),
            phase: self.phase,
            reason: self.reason,
            attempt: self.attempt,
            created_at: self.created_at,
            place,
            deadlines: self.logged_deadlines(),
        }
    }

    fn held(&self, lease: &Lease) -> Held {
        let Clocks { alive_at, heartbeat, progressed_at, progress } = self.clocks(lease);
        Held {
            lease: lease.id,
            runner: lease.runner.clone(),
            since: lease.since,
            alive_at,
            progressed_at,
            heartbeat,
            progress,
            cancel_undelivered: self.cancel.as_ref().is_some_and(|c| c.delivered_at.is_none()),
            cancel_requested: self.cancel.is_some(),
            answered: lease.answered,
            report: None,
        }
    }
}
