//! The actix shell around the pure lifecycle: actors own executions, a journal makes their
//! decisions durable, a supervisor watches the clock.
//!
//! Callers get a [`Handle`], never an address. Deliberately absent: HTTP, parsing of requests, and
//! the rules themselves.

pub mod board;
pub mod bucket;
pub mod clock;
mod core;
mod delivery;
mod directory;
mod evidence;
mod execution;
mod explain;
pub mod feed;
mod finder;
mod handle;
mod home;
mod inbox;
pub mod journal;
mod last_words;
pub mod lineup;
mod live;
mod maps;
mod queue;
mod queues;
pub mod recent;
pub mod runners;
mod session;
mod sessions;
mod start;
pub mod streams;
mod supervisor;
pub mod views;
mod writer;

pub use delivery::{Outbound, Transport, Watching};
pub use feed::{Chunk, Cursor, ENCODINGS, Encoded, Next};
pub use handle::{Claim, Create, EventPage, Handle, Listed, Start, Subscription};
pub use heartline_storage::{Counts, Cursor as ListCursor, Idempotency, Query, Stored};
pub use live::{Change, ListNext, ListedRow, LiveList, Turn};
pub use queues::Alive;
pub use session::{Registration, RunnerSession, Told};
pub use sessions::{Receipt, Tag};
pub use start::{BeforeCommand, Hooks, Running, StartError, start};
pub use views::*;

/// Runs what blocks off the async threads.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, Error>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "blocking work did not finish");
        Error::Interrupted
    })
}

impl From<heartline_storage::Error> for Error {
    fn from(error: heartline_storage::Error) -> Self {
        match error {
            heartline_storage::Error::Io(_) | heartline_storage::Error::Unhealthy(_) => {
                Self::StoreUnavailable(error.to_string())
            }
            heartline_storage::Error::Corrupt { .. } => Self::Corrupt(error.to_string()),
        }
    }
}
