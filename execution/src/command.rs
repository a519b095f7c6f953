//! What can be asked of an execution, and the answers.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::{
    checkpoint::Checkpoint,
    content::{Content, FieldError, Progress},
    deadline::DeadlineKind,
    event::{Failure, Reason, RunnerInfo},
    id::LeaseId,
    spec::Spec,
    state::Phase,
    time::{Span, Timestamp},
};

/// What to do, in the imperative.
#[derive(Clone, Debug)]
pub enum Command {
    /// Bring it into being. Only on an execution that does not exist.
    Create(Box<Spec>),
    /// Hand it to a runner under a new lease.
    Claim {
        /// The new fencing token.
        lease: LeaseId,
        /// Who takes it.
        runner: RunnerInfo,
    },
    /// Append what the runner produced.
    PostEvents {
        /// The writer's token.
        lease: LeaseId,
        /// Increases within a lease; a repeat appends nothing. `None` is never a repeat.
        batch: Option<u64>,
        /// At least one.
        events: Vec<Content>,
    },
    /// A sign of life; delivers a pending cancellation.
    Heartbeat {
        /// The runner's token.
        lease: LeaseId,
    },
    /// How far it is. Appends only what changed.
    ReportProgress {
        /// The runner's token.
        lease: LeaseId,
        /// How far.
        progress: Progress,
    },
    /// The runner finished.
    Complete {
        /// The runner's token.
        lease: LeaseId,
        /// The result; `None` keeps what a `CUSTOM output` event set.
        output: Option<Box<RawValue>>,
    },
    /// The runner failed.
    Fail {
        /// The runner's token.
        lease: LeaseId,
        /// Why. Code `definition_invalid` is never retried.
        error: Failure,
    },
    /// The runner asks a person.
    Wait {
        /// The runner's token.
        lease: LeaseId,
        /// As in [`Command::PostEvents`], and of the same numbers: a repeat asks nothing, even
        /// where its answer has come since. Without `hold` only the wait that ended the lease is a
        /// repeat; any other number that was used is refused.
        batch: Option<u64>,
        /// The question.
        prompt: Option<String>,
        /// JSON Schema of the answer.
        schema: Option<Box<RawValue>>,
        /// How long; `None` takes the execution's own.
        timeout: Option<Span>,
        /// Whether the lease is kept.
        hold: bool,
    },
    /// A person answers.
    Resume {
        /// The answer.
        input: Option<Box<RawValue>>,
        /// Refuse unless the open question is the one of this `execution.waiting`'s seq.
        question: Option<u64>,
    },
    /// A person wants it to stop.
    RequestCancel {
        /// The person's words.
        reason: Option<String>,
        /// Until forced; `None` takes the execution's own.
        grace: Option<Span>,
    },
    /// The runner has seen the cancellation and is stopping.
    AcknowledgeCancel {
        /// The runner's token.
        lease: LeaseId,
    },
    /// The runner has stopped on request.
    ConfirmCancelled {
        /// The runner's token.
        lease: LeaseId,
    },
    /// Change a live execution.
    Update {
        /// All labels, new.
        labels: Option<BTreeMap<String, String>>,
        /// Priority.
        priority: Option<i32>,
        /// Timeouts to set; `Some(None)` clears an optional one.
        timeouts: TimeoutPatch,
        /// Refuse unless the log ends at this seq.
        if_match: Option<u64>,
    },
    /// A deadline came up.
    TimeOut {
        /// Which.
        kind: DeadlineKind,
        /// Signs of life that are not in the log.
        signs: Signs,
        /// What the shell knows, for the error's `detail`.
        evidence: String,
    },
    /// The runner's connection closed.
    DisconnectRunner {
        /// Whose.
        lease: LeaseId,
        /// How long it may take to return; never longer than
        /// [`MAX_TIMEOUT`](crate::spec::MAX_TIMEOUT).
        grace: Span,
        /// How it closed.
        detail: Option<String>,
    },
    /// The runner came back within its grace.
    ReturnRunner {
        /// Whose.
        lease: LeaseId,
    },
    /// The runner is gone for good.
    LoseRunner {
        /// Whose.
        lease: LeaseId,
        /// The post-mortem.
        evidence: String,
    },
    /// The lease never reached its runner: back to the queue, where its wait goes on, and no attempt
    /// has failed. Where the runner was heard of under the lease it is lost, as it is once
    /// [`MAX_UNHEARD`](crate::decide::MAX_UNHEARD) in a row came back.
    Release {
        /// The lease that was granted to nobody.
        lease: LeaseId,
    },
    /// The supervisor cannot keep its actor alive.
    GiveUp {
        /// What happened to the actor.
        evidence: String,
    },
}

impl Command {
    /// The lease under which a runner says this; `None` for what others say.
    pub fn speaker(&self) -> Option<LeaseId> {
        match self {
            Self::Heartbeat { lease }
            | Self::ReportProgress { lease, .. }
            | Self::PostEvents { lease, .. }
            | Self::Wait { lease, .. }
            | Self::Complete { lease, .. }
            | Self::Fail { lease, .. }
            | Self::AcknowledgeCancel { lease }
            | Self::ConfirmCancelled { lease }
            | Self::ReturnRunner { lease } => Some(*lease),
            Self::Create(_)
            | Self::Claim { .. }
            | Self::Resume { .. }
            | Self::RequestCancel { .. }
            | Self::Update { .. }
            | Self::TimeOut { .. }
            | Self::LoseRunner { .. }
            | Self::DisconnectRunner { .. }
            | Self::Release { .. }
            | Self::GiveUp { .. } => None,
        }
    }
}

/// New values for some timeouts.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // The fields are those of `Timeouts`.
pub struct TimeoutPatch {
    pub schedule_to_start: Option<Span>,
    pub heartbeat: Option<Span>,
    pub start_to_close: Option<Option<Span>>,
    pub schedule_to_close: Option<Option<Span>>,
    pub progress: Option<Option<Span>>,
    pub waiting: Option<Span>,
    pub cancel: Option<Span>,
}

/// Signs of life the shell saw and did not log: instants of the current lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// Last accepted call under the lease.
    pub alive: Option<Timestamp>,
    /// Last progress report that changed nothing worth an event.
    pub progressed: Option<Timestamp>,
}

impl Signs {
    /// The later of each.
    #[must_use]
    pub fn newest(self, other: Self) -> Self {
        Self {
            alive: self.alive.max(other.alive),
            progressed: self.progressed.max(other.progressed),
        }
    }
}

/// What the caller is told once the decision is durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Done; the log ends at `seq`.
    Done {
        /// Head after the command.
        seq: u64,
        /// Whether a person asked it to stop.
        cancel_requested: bool,
    },
    /// A claim was granted.
    Claimed {
        /// Its number.
        attempt: u32,
        /// How often the runner must be heard.
        heartbeat: Span,
        /// What the attempts before left; `None` where they left nothing.
        checkpoint: Option<Box<Checkpoint>>,
        /// W3C trace context of the creator.
        traceparent: Option<String>,
    },
}

/// What a command can make its condition, by a seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// That the log ends there.
    Head,
    /// That the open question is the one asked there.
    Question,
}

impl Condition {
    fn tell(self, seq: u64) -> String {
        match self {
            Condition::Head => format!("the log ends at {seq}"),
            Condition::Question => format!(
                "the open question is the one of event {seq}, and the answer is for another one"
            ),
        }
    }
}

/// Why nothing happened. Never a fault of the server.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// It exists already.
    #[error("the execution exists already")]
    Exists,
    /// It does not exist.
    #[error("there is no such execution")]
    Unknown,
    /// It is over.
    #[error("the execution is {} and final", phase.as_str())]
    Terminal {
        /// How it ended.
        phase: Phase,
        /// Why.
        reason: Option<Reason>,
    },
    /// The lease is not the current one.
    #[error("the lease is superseded: {detail}")]
    LeaseSuperseded {
        /// By whom, or what ended it.
        detail: String,
    },
    /// What its sender had sent before was not taken.
    #[error(
        "batch {missing} of this lease was sent before and not taken: send it again, then this"
    )]
    OutOfOrder {
        /// Number of the batch.
        missing: u64,
    },
    /// Not waiting in its queue.
    #[error("the execution is {} and cannot be claimed", phase.as_str())]
    NotClaimable {
        /// Where it is.
        phase: Phase,
    },
    /// Not waiting for an answer.
    #[error("the execution is {}, not waiting for input", phase.as_str())]
    NotWaiting {
        /// Where it is.
        phase: Phase,
    },
    /// No cancellation was asked for.
    #[error("no cancellation was requested")]
    NotCancelling,
    /// The timeout is not due: it was moved, met or disarmed. Not an error.
    #[error("the deadline is not due")]
    NotDue,
    /// The command's condition names another seq.
    #[error("{}", of.tell(*seq))]
    SeqMismatch {
        /// What the condition is about.
        of: Condition,
        /// Its seq.
        seq: u64,
    },
    /// Well-formed, and wrong.
    #[error("{}", errors.first().map_or("invalid", |e| e.message.as_str()))]
    Invalid {
        /// Each broken rule.
        errors: Vec<FieldError>,
    },
    /// The log or its state would outgrow its bound.
    #[error("the execution holds {bytes} bytes of state; at most {limit} are allowed")]
    TooLarge {
        /// Held now.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
}
