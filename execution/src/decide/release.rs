//! A lease that comes back: whether it ever began, and the wait in the queue that goes on.

use super::{Decision, Turn};
use crate::{
    command::Rejection,
    event::{Cancelled, EventBody, Failed, Failure, Reason, RetryScheduled},
    id::LeaseId,
    time::{Span, Timestamp},
};

/// How many leases in a row may come to nothing without a word of their runners before that counts
/// as a failed attempt. A connection that breaks or a runner that stops costs one or two; more is a
/// fault that the next lease meets again, and each of them makes the log longer.
pub const MAX_UNHEARD: u32 = 5;

impl Turn<'_> {
    /// A lease that never began goes back to its queue, where the wait that its claim broke off
    /// goes on: no clock begins anew, or what cannot be delivered would go round for ever.
    pub(super) fn release(mut self, lease: LeaseId) -> Result<Decision, Rejection> {
        let held = self.held(lease)?;
        let timeouts = &self.state.spec.timeouts;
        let given = format!("granted at {} and given back at {}", held.since, self.now);
        // One that outlived its heartbeat was heard of, though nothing of that is in the log.
        let began = self.state.unheard == 0 || held.since.plus(timeouts.heartbeat) <= self.now;
        if began {
            let error = self.lost_runner(format!("Its lease was {given}, after it had begun."));
            self.fail_attempt(Reason::RunnerLost, error);
            return self.done();
        }
        if self.state.unheard >= MAX_UNHEARD {
            let error = self.unreached_runner(&given);
            self.fail_attempt(Reason::RunnerLost, error);
            return self.done();
        }
        let (attempt, at) = (self.state.attempt + 1, self.state.due);
        self.emit(EventBody::RetryScheduled(RetryScheduled { attempt, at, backoff: Span(0) }));
        let due = at.plus(timeouts.schedule_to_start);
        if self.state.cancel.is_some() {
            let reason = Reason::CancelRequested;
            self.emit(EventBody::Cancelled(Cancelled { reason, error: None }));
        } else if due <= self.now {
            // Here and now: whoever waits for work would claim it before the timer comes.
            let evidence = format!("The last lease was {given}, to runner {}.", self.runner());
            let error = self.not_started(due, Some(evidence));
            self.emit(EventBody::Failed(Failed { reason: Reason::ScheduleToStartTimeout, error }));
        }
        self.done()
    }

    fn unreached_runner(&self, given: &str) -> Failure {
        Failure {
            code: Reason::RunnerLost.as_str().to_owned(),
            message: format!(
                "{} in a row never reached their runner; the last was for runner {}, in attempt {}.",
                leases(self.state.unheard),
                self.runner(),
                self.attempt
            ),
            detail: Some(format!("The last was {given}.")),
            hint: Some(
                "See whether the runner's connection holds, and whether the runner names its leases when it returns."
                    .to_owned(),
            ),
            retryable: true,
        }
    }

    /// For a wait in the queue that was over at `due`.
    pub(super) fn not_started(&self, due: Timestamp, detail: Option<String>) -> Failure {
        let (queue, span) = (&self.state.spec.queue, self.state.spec.timeouts.schedule_to_start);
        let (message, hint) = match self.state.unheard {
            0 => (
                format!("No runner took it from queue '{queue}' within {span} (due {due})."),
                format!(
                    "Start a runner on this queue: heartline runner --queue {queue} -- CMD; where it was paused or at a limit, see heartline queues get {queue}; or raise timeouts.schedule_to_start."
                ),
            ),
            unheard => (
                format!(
                    "No runner of queue '{queue}' began it within {span} (due {due}): {} never reached their runner.",
                    leases(unheard)
                ),
                format!(
                    "See whether the connections of the runners of queue '{queue}' hold: heartline runners; or raise timeouts.schedule_to_start."
                ),
            ),
        };
        Failure {
            code: Reason::ScheduleToStartTimeout.as_str().to_owned(),
            message,
            detail,
            hint: Some(hint),
            retryable: true,
        }
    }
}

fn leases(count: u32) -> String {
    if count == 1 { "1 lease".to_owned() } else { format!("{count} leases") }
}
