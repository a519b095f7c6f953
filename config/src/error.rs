//! Where a setting stands, and why settings are refused.

use std::{fmt, path::PathBuf};

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    #[default]
    Default,
    /// A line of the file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// The command line; the dotted key.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Variable(name) => write!(f, "variable {name}"),
            Origin::Flag(key) => write!(f, "flag for {key}"),
        }
    }
}

/// Why there are no settings. Each message says what, where, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// As it was named.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}:{line}: not TOML: {message}", path.display())]
    Syntax {
        /// As it was named.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// No setting has this name.
    #[error("{origin}: there is no setting {name}; the nearest known one is {nearest}")]
    Unknown {
        /// The key or the variable.
        name: String,
        /// Where it stands.
        origin: Origin,
        /// The known name most like it, of the same sort.
        nearest: String,
    },
    /// The value is of the wrong form or out of bounds.
    #[error("{0} is not allowed: it must be {1}")]
    Value(Box<Stated>, String),
    /// Each value is allowed, but not both together.
    #[error("{first} must be {relation} {second}")]
    Contradiction {
        /// The one setting.
        first: Box<Stated>,
        /// What must hold between them.
        relation: &'static str,
        /// The other setting.
        second: Box<Stated>,
    },
}

/// A setting, its value, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The dotted key.
    pub key: String,
    /// As it was given.
    pub value: String,
    /// Where it stands.
    pub origin: Origin,
}

impl fmt::Display for Stated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.key, self.value, self.origin)
    }
}
