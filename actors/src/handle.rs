//! The one way in: everything a caller can ask, as async functions over the actors.

mod log;
mod operator;
mod person;
mod runner;

use std::sync::{Arc, Mutex, atomic::Ordering};

use actix::Addr;
use heartline_execution::{Namespace, Timestamp};

use crate::{
    core::Core,
    directory::Directory,
    maps::HashMap,
    queues::Queues,
    streams::Streams,
    supervisor::Watch,
    views::{BootReport, Error},
};

pub use log::{EventPage, Start, Subscription};
pub(crate) use person::freshen;
pub use person::{Create, Listed};
pub use runner::Claim;

/// Locks by idempotency key, while requests with it are under way.
type Keys = Mutex<HashMap<(Namespace, String), Arc<tokio::sync::Mutex<()>>>>;

pub(crate) struct Parts {
    pub(crate) core: Arc<Core>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) queues: Addr<Queues>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) boot: BootReport,
    pub(crate) keys: Keys,
    pub(crate) streams: Option<Streams>,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Handle(Arc<Parts>);

impl Handle {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Now, by the server's clock.
    pub fn now(&self) -> Timestamp {
        self.0.core.now()
    }

    /// Whether writes are accepted.
    ///
    /// # Errors
    /// [`Error::StoreUnavailable`] or [`Error::ShuttingDown`], with the reason.
    pub fn ready(&self) -> Result<(), Error> {
        if self.0.core.is_closing() {
            return Err(Error::ShuttingDown);
        }
        self.0.core.journal.healthy().map_err(Error::StoreUnavailable)
    }

    /// No more work is taken; what was acknowledged is on disk already.
    pub fn close(&self) {
        self.0.core.closing.store(true, Ordering::Release);
    }

    /// Lends the current thread to execution actors: for the edge's workers, so that a request and
    /// its execution often share a thread. Must be called on an actix arbiter.
    pub fn lend_this_thread(&self) {
        self.0.directory.lend_this_thread();
    }
}
