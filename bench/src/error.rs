//! Why a run could not be made, or not be finished. A figure that was merely missed is no error.

use std::{io, process::ExitStatus};

/// The result of everything here.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The operating system said no.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What it said.
        source: io::Error,
    },
    /// Bytes that are not what the contract says.
    #[error("{what}: {detail}")]
    Protocol {
        /// What was expected.
        what: String,
        /// What came.
        detail: String,
    },
    /// A call that a run cannot do without was refused.
    #[error("{what} answered {status}: {body}")]
    Refused {
        /// The call.
        what: String,
        /// HTTP status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// The server ended or did not come up.
    #[error("the server {what} ({status}); its last lines:\n{log}")]
    ServerGone {
        /// What it failed to do.
        what: String,
        /// How it ended.
        status: String,
        /// The end of its output.
        log: String,
    },
    /// Something did not come about in the time it was given.
    #[error("after {seconds} s still waiting for {what}")]
    TimedOut {
        /// For what.
        what: String,
        /// The time given.
        seconds: u64,
    },
    /// The options contradict each other or the machine.
    #[error("{0}")]
    Setup(String),
}

impl Error {
    /// Bytes that are not what the contract says; long details are cut.
    pub(crate) fn protocol(what: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        detail.truncate(detail.floor_char_boundary(400));
        Self::Protocol { what: what.into(), detail }
    }

    /// A refusal, with the beginning of its body.
    pub(crate) fn refused(what: impl Into<String>, status: u16, body: &[u8]) -> Self {
        let head = &body[..body.len().min(400)];
        Self::Refused {
            what: what.into(),
            status,
            body: String::from_utf8_lossy(head).into_owned(),
        }
    }
}

/// Says what was being done when the operating system said no.
pub(crate) trait Doing<T> {
    /// Names the act.
    fn doing(self, what: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<io::Error>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|source| Error::Io { what: what.into(), source: source.into() })
    }
}

/// How a process ended, in words.
pub(crate) fn ending(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "still running".to_owned(), |status| status.to_string())
}
