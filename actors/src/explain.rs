//! "Why isn't this moving?": the answer, from the state of the execution and the facts around it.

use heartline_execution::{
    Deadline, Phase, Span, State, Timestamp, command::Signs, event::Failure, state::Cancel,
};

use crate::{
    evidence::rounded,
    views::{Dispatch, Explanation, Verdict},
};

/// A heartbeat this close to its deadline, in parts of the timeout, is called late: two thirds are
/// over without a word.
const LATE: (u64, u64) = (2, 3);
/// A runner that is alive and has shown no event for this many heartbeat timeouts is called not
/// progressing.
const STALLED: u64 = 3;

/// What is known around an execution at `now`.
pub(crate) struct Around {
    pub(crate) now: Timestamp,
    pub(crate) signs: Signs,
    /// The start of the server, if the runner that held it then has not been heard from since.
    pub(crate) unheard_since: Option<Timestamp>,
    pub(crate) dispatch: Dispatch,
    /// What is known of what holds it back.
    pub(crate) facts: Vec<String>,
    /// Claimable executions that go before it.
    pub(crate) ahead: Option<usize>,
    /// Its runner, in half a sentence.
    pub(crate) runner: Option<String>,
}

/// See the module.
pub(crate) fn explain(state: &State, around: &Around) -> Explanation {
    let next_deadline = state.deadlines(around.signs).first().copied();
    let mut explanation = match state.phase {
        Phase::Pending => pending(state, around),
        Phase::InProgress => in_progress(state, around),
        Phase::Waiting => waiting(state, around),
        Phase::Completed | Phase::Failed | Phase::Cancelled => terminal(state),
    };
    if let Some((alive_at, progressed_at)) = heard(state, around) {
        explanation.alive_at = Some(alive_at);
        explanation.progressed_at = Some(progressed_at);
    }
    explanation.next_deadline = next_deadline;
    if let Some(deadline) = next_deadline {
        explanation.evidence.push(told(deadline, around.now));
    }
    explanation
}

/// When the runner that holds it was last heard of, and last got on.
fn heard(state: &State, around: &Around) -> Option<(Timestamp, Timestamp)> {
    let lease = state.lease.as_ref()?;
    // After a start the clocks begin anew, which is no sign of life.
    let signs = if around.unheard_since.is_some() { Signs::default() } else { around.signs };
    let newest = |logged: Timestamp, seen: Option<Timestamp>| logged.max(seen.unwrap_or_default());
    Some((newest(lease.alive_at, signs.alive), newest(lease.progressed_at, signs.progressed)))
}

fn told(deadline: Deadline, now: Timestamp) -> String {
    let what = deadline.kind.as_str();
    let left = rounded(deadline.at.since(now));
    format!("The next deadline is {what}, at {} (in {left}).", deadline.at)
}

fn new(cause: &str, summary: String) -> Explanation {
    Explanation {
        summary,
        cause: cause.to_owned(),
        evidence: Vec::new(),
        next_deadline: None,
        alive_at: None,
        progressed_at: None,
        actions: Vec::new(),
    }
}

fn failure(evidence: &mut Vec<String>, error: &Failure) {
    evidence.push(error.message.clone());
    evidence.extend(error.detail.clone());
}

fn pending(state: &State, around: &Around) -> Explanation {
    let queue = &state.spec.queue;
    if state.due > around.now {
        let left = rounded(state.due.since(around.now));
        if state.backing_off {
            let mut explanation = new(
                "backing_off",
                format!(
                    "Attempt {} failed; the next starts in {left}. Of {} that may fail, {} did.",
                    state.attempt,
                    attempts(state.spec.retry.max_attempts),
                    state.failures,
                ),
            );
            if let Some(error) = &state.error {
                failure(&mut explanation.evidence, error);
            }
            explanation.actions =
                vec![format!("Wait until {}, or cancel: heartline cancel {}", state.due, state.id)];
            return explanation;
        }
        let mut explanation =
            new("delayed", format!("It was asked to start at {}, in {left}.", state.due));
        explanation.actions = vec![format!("Wait, or cancel: heartline cancel {}", state.id)];
        return explanation;
    }
    let age = rounded(around.now.since(state.due));
    let waited = format!("It has waited {age} in queue '{queue}'.");
    let (cause, summary) = match around.dispatch.verdict {
        Verdict::NoRunnerEver => {
            ("no_runner_ever", format!("No known runner has ever asked queue '{queue}' for work."))
        }
        Verdict::AllLost => ("all_lost", format!("No runner of queue '{queue}' is there.")),
        Verdict::AllFull => ("all_full", format!("Every runner of queue '{queue}' is full.")),
        Verdict::LimitHeld => ("limit_held", format!("A limit of queue '{queue}' holds it back.")),
        Verdict::Paused => ("paused", format!("Queue '{queue}' is paused.")),
        Verdict::Ready => {
            ("starting", format!("A runner of queue '{queue}' is free and should take it at once."))
        }
    };
    let mut explanation = new(cause, summary);
    explanation.evidence = vec![around.dispatch.message.clone()];
    explanation.evidence.extend(around.facts.iter().cloned());
    explanation.evidence.push(waited);
    if let Some(ahead) = around.ahead {
        explanation.evidence.push(format!("{ahead} executions of the queue go before it."));
    }
    let cancel = format!("heartline cancel {}", state.id);
    explanation.actions = match around.dispatch.verdict {
        Verdict::Paused => vec![
            format!("Resume the queue: heartline queues resume {queue}"),
            format!("Or cancel: {cancel}"),
        ],
        Verdict::LimitHeld => vec![
            format!("See the queue and its limits: heartline queues get {queue}"),
            format!(
                "Wait, raise the limit (heartline queues limit {queue} --help), or cancel: {cancel}"
            ),
        ],
        Verdict::NoRunnerEver | Verdict::AllLost | Verdict::AllFull | Verdict::Ready => vec![
            format!("Start a runner: heartline runner --queue {queue} -- CMD"),
            format!("See the runners: heartline runners; or cancel: {cancel}"),
        ],
    };
    explanation
}

fn in_progress(state: &State, around: &Around) -> Explanation {
    let (Some(lease), Some((alive_at, progressed_at))) = (&state.lease, heard(state, around))
    else {
        return new("starting", "It is between two leases.".to_owned());
    };
    let now = around.now;
    let (silent, still) = (now.since(alive_at), now.since(progressed_at));
    let heartbeat = state.spec.timeouts.heartbeat;
    let runner = lease.runner.id.as_str();
    let mut evidence = vec![
        format!("Attempt {} is held by runner {runner} since {}.", state.attempt, lease.since),
        format!("Last sign of life {} ago; a heartbeat is due every {heartbeat}.", rounded(silent)),
        format!(
            "Last event or progress {} ago; the log holds {} events.",
            rounded(still),
            state.seq
        ),
    ];
    evidence.extend(around.runner.as_ref().map(|r| format!("Runner {r}.")));
    let cancel = format!("Cancel: heartline cancel {}", state.id);
    let mut explanation = if let Some(asked) = &state.cancel {
        let stage = stage(asked);
        evidence.push(cancellation(asked));
        new("cancelling", format!("A cancellation was requested and is {stage}."))
    } else if let Some(until) = lease.disconnected_until {
        let left = rounded(until.since(now));
        new("runner_disconnected", disconnected(runner, &left))
    } else if let Some(since) = around.unheard_since {
        new(
            "not_heard_since_restart",
            format!(
                "Runner {runner} has attempt {}; it has not been heard since the server started {} \
                 ago.",
                state.attempt,
                rounded(now.since(since))
            ),
        )
    } else if silent.0 >= heartbeat.0 / LATE.1 * LATE.0 {
        let mut late = new(
            "heartbeat_late",
            format!("Runner {runner} has given no sign of life for {}.", rounded(silent)),
        );
        late.actions.push("See whether the runner's process and network are up.".to_owned());
        late
    } else if still.0 >= heartbeat.0.saturating_mul(STALLED)
        || state.spec.timeouts.progress.is_some_and(|p| still >= Span(p.0 / LATE.1 * LATE.0))
    {
        let mut stalled = new(
            "not_progressing",
            format!(
                "Runner {runner} is alive, but has shown no event or progress for {}.",
                rounded(still)
            ),
        );
        stalled.actions.push(format!("See its last events: heartline logs {}", state.id));
        stalled
    } else {
        let heard = rounded(silent);
        let summary =
            format!("Runner {runner} has attempt {}; it was heard {heard} ago.", state.attempt);
        new("running", summary)
    };
    explanation.evidence = evidence;
    explanation.actions.push(cancel);
    explanation
}

fn disconnected(runner: &str, left: &str) -> String {
    format!("The connection of runner {runner} is closed; it has {left} to return.")
}

fn stage(asked: &Cancel) -> String {
    match (asked.delivered_at, asked.acknowledged_at) {
        (_, Some(at)) => format!("acknowledged at {at}"),
        (Some(at), None) => format!("delivered at {at}, not acknowledged"),
        (None, None) => "not delivered yet".to_owned(),
    }
}

/// How far a requested cancellation came, as evidence.
fn cancellation(asked: &Cancel) -> String {
    let forced = match asked.forced_at {
        Some(at) => format!("forced at {at}"),
        None => format!("its deadline is {}", asked.deadline),
    };
    format!("Cancellation requested at {}, {}; {forced}.", asked.requested_at, stage(asked))
}

fn waiting(state: &State, around: &Around) -> Explanation {
    let Some(question) = &state.question else {
        return new("waiting_for_input", "It waits for a person's answer.".to_owned());
    };
    if let Some(asked) = &state.cancel {
        let summary =
            format!("A cancellation was requested while it waited and is {}.", stage(asked));
        let mut explanation = new("cancelling", summary);
        explanation.evidence.push(cancellation(asked));
        return explanation;
    }
    let since = rounded(around.now.since(question.since));
    let mut explanation =
        new("waiting_for_input", format!("It has waited {since} for a person's answer."));
    if let Some(prompt) = &question.asked.prompt {
        explanation.evidence.push(format!("It asks: {prompt}"));
    }
    let closed = state.lease.as_ref().and_then(|lease| Some((lease, lease.disconnected_until?)));
    explanation.evidence.push(match closed {
        Some((lease, until)) => {
            disconnected(lease.runner.id.as_str(), &rounded(until.since(around.now)))
        }
        None if question.asked.hold => "The runner keeps its lease meanwhile.".to_owned(),
        None => "No runner is held up meanwhile.".to_owned(),
    });
    explanation.actions = vec![
        format!("Answer: heartline resume {} --input JSON", state.id),
        format!("Cancel: heartline cancel {}", state.id),
    ];
    explanation
}

fn terminal(state: &State) -> Explanation {
    let at = state.finished_at.unwrap_or(state.updated_at);
    let phase = state.phase.as_str();
    let why = state.reason.map(|r| format!(" ({})", r.as_str())).unwrap_or_default();
    let mut explanation =
        new(phase, format!("It is over: {phase}{why} at {at}, after {}.", attempts(state.attempt)));
    if let Some(error) = &state.error {
        failure(&mut explanation.evidence, error);
        explanation.actions.extend(error.hint.clone());
    }
    explanation.evidence.extend(state.cancel.as_ref().map(cancellation));
    if state.phase != Phase::Completed {
        explanation
            .actions
            .push(format!("Try it again as a new execution: heartline retry {}", state.id));
    }
    explanation
}

fn attempts(count: u32) -> String {
    if count == 1 { "1 attempt".to_owned() } else { format!("{count} attempts") }
}
