//! What a run came across, and what the default run must come across: a simulator that no longer
//! reaches a case would prove nothing about it.

use std::{collections::BTreeMap, fmt};

use heartline_execution::{Command, DeadlineKind, EventBody, Rejection, content};

/// Counters by group and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage(BTreeMap<(&'static str, &'static str), u64>);

const REASONS: [&str; 12] = [
    "runner_error",
    "definition_invalid",
    "schedule_to_start_timeout",
    "start_to_close_timeout",
    "schedule_to_close_timeout",
    "heartbeat_timeout",
    "progress_timeout",
    "waiting_timeout",
    "runner_lost",
    "cancel_requested",
    "cancel_timeout",
    "supervisor_gave_up",
];

const REJECTIONS: [&str; 12] = [
    "exists",
    "unknown",
    "terminal",
    "lease_superseded",
    "out_of_order",
    "not_claimable",
    "not_waiting",
    "not_cancelling",
    "not_due",
    "seq_mismatch",
    "invalid",
    "too_large",
];

const COMMANDS: [&str; 19] = [
    "create",
    "claim",
    "post_events",
    "heartbeat",
    "report_progress",
    "complete",
    "fail",
    "wait",
    "resume",
    "request_cancel",
    "acknowledge_cancel",
    "confirm_cancelled",
    "update",
    "time_out",
    "disconnect_runner",
    "return_runner",
    "lose_runner",
    "release",
    "give_up",
];

const REFUSALS: [&str; 6] =
    ["overloaded", "unavailable", "interrupted", "not_found", "key_reused", "too_many_live"];

const FAULTS: [&str; 16] = [
    "crash between commits",
    "crash in a commit: nothing kept",
    "crash in a commit: a part kept",
    "crash in a commit: all kept",
    "crash after a commit, before its answers",
    "crash between the answers of a commit",
    "commit failed: nothing kept",
    "commit failed: a part kept",
    "commit failed: all kept",
    "commit stalled",
    "actor panicked",
    "actor rebuilt after a lost race",
    "answer lost",
    "request delivered twice",
    "unknown outcome found in the log",
    "unknown outcome not in the log",
];

const MOMENTS: [&str; 37] = [
    "actor went home",
    "actor built from the log",
    "actor waited for what a dead one had decided",
    "answer waited behind a barrier",
    "batch was a repeat",
    "batch taken behind one without an answer",
    "batches sent ahead were sent again",
    "question was a repeat",
    "end told again",
    "progress report waited for its turn",
    "progress report came before what ends its attempt",
    "progress report waited for room",
    "purged",
    "purge refused while it lives",
    "watcher told of a purge",
    "heartbeat without an event",
    "zombie refused",
    "lease granted to nobody",
    "claim came to nothing",
    "claim waited for its time",
    "claim waited for a rate",
    "claim of unknown outcome settled later",
    "queue paused",
    "queue resumed",
    "queue limited",
    "idempotent replay",
    "runner back after a restart",
    "timeout tried again",
    "timeout met at another's hand",
    "timers at their limit",
    "watcher resumed by seq",
    "watcher resumed after a restart",
    "watcher saw a snapshot",
    "watcher saw the end",
    "watcher of lifecycle events only",
    "state replayed and compared",
    "garbage refused",
];

impl Coverage {
    pub(crate) fn count(&mut self, group: &'static str, name: &'static str) {
        *self.0.entry((group, name)).or_default() += 1;
    }

    pub(crate) fn fault(&mut self, name: &'static str) {
        debug_assert!(FAULTS.contains(&name), "{name}");
        self.count("fault", name);
    }

    pub(crate) fn moment(&mut self, name: &'static str) {
        debug_assert!(MOMENTS.contains(&name), "{name}");
        self.count("moment", name);
    }

    pub(crate) fn rejection(&mut self, rejection: &Rejection) {
        let name = match rejection {
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
        };
        self.count("rejection", name);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (key, count) in &other.0 {
            *self.0.entry(*key).or_default() += count;
        }
    }

    /// What was never reached and should have been.
    pub(crate) fn missing(&self) -> Vec<String> {
        let timeouts = || DeadlineKind::ALL.iter().map(|kind| kind.as_str());
        let expected = (EventBody::LIFECYCLE.iter().map(|name| ("event", *name)))
            .chain(content::known_types().map(|name| ("event", name)))
            .chain(timeouts().map(|name| ("timeout", name)))
            .chain(timeouts().map(|name| ("timeout on time", name)))
            .chain(REASONS.map(|name| ("reason", name)))
            .chain(REJECTIONS.map(|name| ("rejection", name)))
            .chain(COMMANDS.map(|name| ("command accepted", name)))
            .chain(REFUSALS.map(|name| ("refusal", name)))
            .chain(FAULTS.map(|name| ("fault", name)))
            .chain(MOMENTS.map(|name| ("moment", name)));
        let reached = |key: &(&str, &str)| self.0.keys().any(|k| k == key);
        expected
            .filter(|key| !reached(key))
            .map(|(group, name)| format!("{group}: {name}"))
            .collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for ((group, name), count) in &self.0 {
            if *group != before {
                writeln!(f, "{group}")?;
                before = group;
            }
            writeln!(f, "  {count:>9}  {name}")?;
        }
        Ok(())
    }
}

/// As in `COMMANDS`.
pub(crate) fn command_name(command: &Command) -> &'static str {
    match command {
        Command::Create(_) => "create",
        Command::Claim { .. } => "claim",
        Command::PostEvents { .. } => "post_events",
        Command::Heartbeat { .. } => "heartbeat",
        Command::ReportProgress { .. } => "report_progress",
        Command::Complete { .. } => "complete",
        Command::Fail { .. } => "fail",
        Command::Wait { .. } => "wait",
        Command::Resume { .. } => "resume",
        Command::RequestCancel { .. } => "request_cancel",
        Command::AcknowledgeCancel { .. } => "acknowledge_cancel",
        Command::ConfirmCancelled { .. } => "confirm_cancelled",
        Command::Update { .. } => "update",
        Command::TimeOut { .. } => "time_out",
        Command::DisconnectRunner { .. } => "disconnect_runner",
        Command::ReturnRunner { .. } => "return_runner",
        Command::LoseRunner { .. } => "lose_runner",
        Command::Release { .. } => "release",
        Command::GiveUp { .. } => "give_up",
    }
}
