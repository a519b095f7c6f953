//! Heartline for Rust programs: create executions and watch them, and run them.
//!
//! [`Client`] speaks to a server: create, get, list, cancel, resume, retry, explain, and
//! [`Client::watch`], which follows an execution across broken connections and restarts of the
//! server without a gap.
//!
//! [`runner::Runner`] runs executions: handlers by name, a lease kept alive whatever a handler does,
//! events that are sent until they are acknowledged.
//!
//! Everything is async on tokio. Deliberately absent: TLS and proxies (a server binds loopback
//! only while it has no tokens).

pub mod backoff;
mod calls;
mod client;
mod error;
#[cfg(test)]
mod fake;
mod problem;
pub mod runner;
pub mod socket;
pub mod types;
pub mod watch;

/// Its examples are compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use self::{
    calls::{Filter, NewExecution},
    client::{Answer, Client, DEFAULT_SERVER, Request, persist},
    error::Error,
    problem::{Broken, Problem},
    watch::Watch,
};
pub use heartline_execution::{Kind, Phase, Span, Timestamp};
