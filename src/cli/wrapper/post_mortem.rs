//! What is told when a command did not end well: how it ended, where, and its last words.

use std::{
    collections::VecDeque, io, os::unix::process::ExitStatusExt as _, process::ExitStatus,
    time::Instant,
};

use crate::cli::{client::runner::Failure, output::short};
use rustix::process::Signal;

/// Lines of standard error that are told.
const ERROR_LINES: usize = 20;
/// Lines of standard output that are told.
const OUTPUT_LINES: usize = 5;
/// Characters of one such line.
const LINE_MAX: usize = 500;

/// The last lines of a stream.
#[derive(Debug, Default)]
pub(super) struct Tail {
    lines: VecDeque<String>,
    /// When the last one came.
    at: Option<Instant>,
}

impl Tail {
    /// Takes up a line; empty ones say nothing.
    pub(super) fn push(&mut self, line: &str) {
        self.at = Some(Instant::now());
        if line.trim().is_empty() {
            return;
        }
        if self.lines.len() == ERROR_LINES {
            self.lines.pop_front();
        }
        let cut = line.char_indices().nth(LINE_MAX).map_or(line, |(end, _)| &line[..end]);
        self.lines.push_back(cut.to_owned());
    }

    fn last(&self, count: usize) -> impl Iterator<Item = &String> {
        self.lines.iter().skip(self.lines.len().saturating_sub(count))
    }
}

/// What is left of a command.
#[derive(Debug)]
pub(super) struct Remains {
    pub(super) program: String,
    pub(super) status: ExitStatus,
    pub(super) host: String,
    pub(super) pid: u32,
    pub(super) started: Instant,
    pub(super) ended: Instant,
    pub(super) stdout: Tail,
    pub(super) stderr: Tail,
}

impl Remains {
    /// What is told of a command that did not end well.
    pub(super) fn failure(&self) -> Failure {
        let Self { program, status, .. } = self;
        let (code, message, hint) = match (status.code(), status.signal()) {
            (Some(code), _) => {
                ("exit_code", format!("The command '{program}' exited with code {code}."), None)
            }
            (None, signal) => {
                let signal = signal.unwrap_or_default();
                let dumped = if status.core_dumped() { " and dumped core" } else { "" };
                let name = signal_name(signal);
                let message = format!(
                    "The command '{program}' was killed by {name} (signal {signal}){dumped}."
                );
                ("signal", message, hint(signal))
            }
        };
        error(code, message, self.evidence(), hint)
    }

    /// The same when the runner itself was told to stop.
    pub(super) fn stopped(&self, why: &str) -> Failure {
        let message =
            format!("The runner was stopped ({why}) while '{}' was running.", self.program);
        error("runner_stopped", message, self.evidence(), None)
    }

    fn evidence(&self) -> String {
        let ran = self.ended.duration_since(self.started);
        let mut detail =
            format!("It ran for {} on host {} with pid {}", short(ran), self.host, self.pid);
        match self.stdout.at.max(self.stderr.at) {
            Some(at) => {
                let before = self.ended.saturating_duration_since(at);
                let before = short(before);
                detail.push_str(&format!(", and wrote its last line {before} before the end."));
            }
            None => detail.push_str(", and wrote nothing."),
        }
        for (name, tail, count) in
            [("stderr", &self.stderr, ERROR_LINES), ("stdout", &self.stdout, OUTPUT_LINES)]
        {
            let mut lines = tail.last(count).peekable();
            if lines.peek().is_some() {
                detail.push_str(&format!("\nThe last lines of its {name}:"));
            }
            for line in lines {
                detail.push_str("\n  ");
                detail.push_str(line);
            }
        }
        detail
    }
}

/// What is told of a command that could not be started. Trying again on this machine would end the
/// same way.
pub(super) fn not_started(program: &str, host: &str, cause: &io::Error) -> Failure {
    let message = format!("The command '{program}' could not be started: {cause}.");
    let hint = match cause.kind() {
        io::ErrorKind::NotFound => "Check its name and PATH on that host.",
        io::ErrorKind::PermissionDenied => "Make it executable for the user of the runner.",
        _ => "See the runner's limits on processes and open files.",
    };
    let failure = error("not_started", message, format!("host {host}"), Some(hint));
    Failure { retryable: false, ..failure }
}

fn error(code: &str, message: String, detail: String, hint: Option<&str>) -> Failure {
    Failure {
        code: code.to_owned(),
        message,
        detail: Some(detail),
        hint: hint.map(str::to_owned),
        retryable: true,
    }
}

fn hint(signal: i32) -> Option<&'static str> {
    (signal == Signal::KILL.as_raw()).then_some(
        "SIGKILL comes from a person, a service manager or the kernel when memory runs out: \
         see the system log of that host.",
    )
}

/// `SIGKILL`, or the number where it has no name.
pub(super) fn signal_name(signal: i32) -> String {
    const NAMES: [(Signal, &str); 20] = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::USR1, "SIGUSR1"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::USR2, "SIGUSR2"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::XFSZ, "SIGXFSZ"),
        (Signal::VTALARM, "SIGVTALRM"),
        (Signal::PROF, "SIGPROF"),
        (Signal::SYS, "SIGSYS"),
    ];
    NAMES
        .iter()
        .find(|(named, _)| named.as_raw() == signal)
        .map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn remains(raw: i32) -> Remains {
        let ended = Instant::now();
        let mut stderr = Tail::default();
        for n in 1..=30 {
            stderr.push(&format!("line {n}"));
        }
        Remains {
            program: "agent".into(),
            status: ExitStatus::from_raw(raw),
            host: "h".into(),
            pid: 7,
            started: ended - Duration::from_secs(3),
            ended,
            stdout: Tail::default(),
            stderr,
        }
    }

    #[test]
    fn a_signal_is_named_and_the_last_twenty_lines_are_told() {
        let failure = remains(9).failure();
        assert_eq!(failure.code, "signal");
        assert_eq!(failure.message, "The command 'agent' was killed by SIGKILL (signal 9).");
        assert!(failure.retryable);
        let detail = failure.detail.unwrap();
        assert!(detail.starts_with("It ran for 3.0s on host h with pid 7, and wrote"), "{detail}");
        assert!(detail.contains("\n  line 11\n") && !detail.contains("line 10\n"), "{detail}");
        assert!(detail.ends_with("line 30"));
    }

    #[test]
    fn an_exit_code_is_told() {
        let failure = remains(3 << 8).failure();
        assert_eq!(failure.code, "exit_code");
        assert_eq!(failure.message, "The command 'agent' exited with code 3.");
    }

    #[test]
    fn a_command_that_is_not_there_is_not_tried_again() {
        let error = not_started("nope", "h", &io::Error::from(io::ErrorKind::NotFound));
        assert!(!error.retryable);
        assert!(error.hint.unwrap().contains("PATH"));
    }
}
