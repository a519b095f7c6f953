//! Exit codes (WIRE, "Command line").

use std::process::{ExitCode, ExitStatus};

use heartline_execution::Phase;

use super::wire::Execution;

/// With which code the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit(pub(crate) u8);

impl Exit {
    /// The execution completed, or the command did what it was asked to.
    pub(crate) const OK: Exit = Exit(0);
    /// The server said no, or something here went wrong.
    pub(crate) const ERROR: Exit = Exit(1);
    /// The arguments make no sense; clap uses the same code.
    pub(crate) const USAGE: Exit = Exit(2);
    /// The execution failed.
    pub(crate) const FAILED: Exit = Exit(3);
    /// The execution failed by a timeout.
    pub(crate) const TIMED_OUT: Exit = Exit(4);
    /// The execution was cancelled.
    pub(crate) const CANCELLED: Exit = Exit(5);
    /// The execution waits for a person.
    pub(crate) const WAITING: Exit = Exit(6);
    /// No server answered.
    pub(crate) const UNREACHABLE: Exit = Exit(7);

    /// For a command that followed `execution` to where it is now.
    pub(crate) fn of(execution: &Execution) -> Exit {
        match execution.phase {
            Phase::Completed => Exit::OK,
            Phase::Cancelled => Exit::CANCELLED,
            Phase::Waiting => Exit::WAITING,
            Phase::Failed if timed_out(execution) => Exit::TIMED_OUT,
            Phase::Failed => Exit::FAILED,
            // Followed only in part, because the follower was asked to stop.
            Phase::Pending | Phase::InProgress => Exit::ERROR,
        }
    }

    /// What a shell would say of a command that ended so: its code, or 128 and the signal.
    pub(crate) fn of_command(status: ExitStatus) -> Exit {
        use std::os::unix::process::ExitStatusExt as _;
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        Exit(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(Exit::FAILED.0))
    }
}

fn timed_out(execution: &Execution) -> bool {
    execution.reason.as_deref().is_some_and(|reason| reason.ends_with("_timeout"))
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.0)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn a_command_ends_as_a_shell_would_tell_it() {
        assert_eq!(Exit::of_command(ExitStatus::from_raw(7 << 8)), Exit(7));
        assert_eq!(Exit::of_command(ExitStatus::from_raw(9)), Exit(137));
    }

    #[test]
    fn every_end_of_an_execution_has_its_code() {
        for (phase, reason, exit) in [
            ("completed", None, Exit::OK),
            ("failed", Some("runner_error"), Exit::FAILED),
            ("failed", Some("heartbeat_timeout"), Exit::TIMED_OUT),
            ("cancelled", Some("cancel_timeout"), Exit::CANCELLED),
            ("waiting", None, Exit::WAITING),
        ] {
            let execution = crate::cli::example::execution(phase, reason);
            assert_eq!(Exit::of(&execution), exit, "{phase} {reason:?}");
        }
    }
}
