//! Why a command could not do its work, told on standard error.

use std::{fmt::Write as _, io};

use super::{
    client::{self, Problem},
    exit::Exit,
    sanitise,
};

/// Why, in words for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The arguments make no sense together, or name what is not there.
    #[error("{0}")]
    Usage(String),
    /// The server did not answer, or said no.
    #[error("{}", told(.0))]
    Client(#[from] client::Error),
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] heartline_config::Error),
    /// The server could not start or stopped.
    #[error(transparent)]
    Server(#[from] heartline::Error),
    /// This machine said no.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// Whoever read the output has seen enough (`heartline ls | head`).
    #[error("the output was closed")]
    OutputClosed,
    /// Everything else, said where it happened.
    #[error("{0}")]
    Other(String),
}

impl Error {
    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Error::Io { what: what.into(), source }
    }

    /// Prints it, unless nobody would read it.
    pub(crate) fn tell(&self) {
        if !matches!(self, Error::OutputClosed) {
            eprintln!("heartline: {}", sanitise::text(&self.to_string()));
        }
    }

    /// The code that goes with it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Error::Usage(_) | Error::Config(_) => Exit::USAGE,
            Error::Client(client::Error::Unreachable { .. }) => Exit::UNREACHABLE,
            Error::Client(client::Error::Address(_)) => Exit::USAGE,
            Error::OutputClosed => Exit::OK,
            Error::Client(_) | Error::Server(_) | Error::Io { .. } | Error::Other(_) => Exit::ERROR,
        }
    }
}

/// What a call came to, for a person: what, where, and what to do about it.
fn told(error: &client::Error) -> String {
    match error {
        client::Error::Problem(problem) => refused(problem),
        client::Error::Unreachable { .. } => format!(
            "{error}\n  start one here:   heartline serve\n  \
             or name another:  --server URL, or HEARTLINE_SERVER in the environment"
        ),
        client::Error::Lookup(_) => format!("{error}\n  heartline ls shows what there is"),
        other => other.to_string(),
    }
}

fn refused(problem: &Problem) -> String {
    let mut told = problem.brief().to_owned();
    let mut add = |line: &str| {
        told.push_str("\n  ");
        told.push_str(line);
    };
    for broken in &problem.errors {
        let pointer = if broken.pointer.is_empty() { "/" } else { &broken.pointer };
        add(&format!("{pointer}: {}", broken.message));
    }
    if let Some(advice) = advice(problem) {
        add(&advice);
    }
    let mut origin = format!("({} {}", problem.status, problem.code);
    if !problem.request_id.is_empty() {
        write!(origin, ", request {}", problem.request_id).expect("a string takes any text");
    }
    add(&(origin + ")"));
    told
}

/// What to do about it.
fn advice(problem: &Problem) -> Option<String> {
    Some(match problem.status {
        401 => "give a token: --token, or HEARTLINE_TOKEN in the environment".to_owned(),
        403 => "this token may not do that; use one with the scope it needs".to_owned(),
        404 => "heartline ls shows what there is".to_owned(),
        429 | 503 => match problem.retry_after {
            Some(after) => format!("try again in {} s", after.as_secs()),
            None => "try again in a moment".to_owned(),
        },
        500.. => "heartline doctor checks the server; its log has the request id".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_each_broken_rule_and_what_to_do() {
        let problem: Problem = serde_json::from_str(
            r#"{"type":"t","code":"invalid","title":"Invalid","detail":"two rules are broken",
                "request_id":"r1","errors":[{"pointer":"/name","message":"is empty"}]}"#,
        )
        .unwrap();
        let told = refused(&Problem { status: 422, ..problem });
        assert_eq!(told, "two rules are broken\n  /name: is empty\n  (422 invalid, request r1)");
        let away = client::Error::Unreachable { server: "s".into(), why: "w".into() };
        assert!(super::told(&away).contains("heartline serve"));
    }
}
