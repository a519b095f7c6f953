//! Why a command could not do its work, told on standard error.

use std::io;

use super::{client, exit::Exit, sanitise};

/// Why, in words for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The arguments make no sense together, or name what is not there.
    #[error("{0}")]
    Usage(String),
    /// The server did not answer, or said no.
    #[error(transparent)]
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
