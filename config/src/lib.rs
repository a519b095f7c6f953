//! Typed, validated settings: what can be set, its default, its bounds, and where it came from.
//!
//! [`Config`] is plain data. [`Loaded::load`] makes one from flags, `HEARTLINE_*` variables, a
//! file and the defaults, in that order of precedence, and remembers the origin of each value.
//! Every setting stands once, in `settings.rs`; `default.toml` is kept equal to it by a test.
//!
//! Deliberately absent: reading the environment or the command line (both are arguments), live
//! reloading, and secrets.

mod allowed;
mod draft;
mod error;
mod form;
mod load;
mod settings;

pub use error::{Error, Origin, Stated};
pub use load::Loaded;
pub use settings::{
    Config, Debug, Execution, Feed, Http, Journal, Log, LogFormat, SETTINGS, Server, Setting,
    Storage, Streams, Supervision, WebSocket,
};

/// Every setting with its default and a comment: a starting point for a file of one's own.
pub const DEFAULT_TOML: &str = include_str!("../default.toml");
