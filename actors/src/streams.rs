//! Plain durable streams: logs beside those of executions, in a namespace that no user can name.
//!
//! Callers get [`Streams`], never an address. One actor, the [`desk`], knows every stream and asks
//! the pure rules; what they decide goes through the journal like any decision, and readers follow
//! the same feeds as watchers of executions. Deliberately absent: HTTP, and the rules.

mod desk;
mod log;
mod reading;

use std::sync::Arc;

use actix::{Addr, Arbiter};
use bytes::Bytes;
use heartline_execution::{
    ExecutionId, Namespace,
    stream::{Command, Config, FORK_DEPTH, Fork, Media, Outcome, Rejection, Reply},
};
use tokio::sync::oneshot;

use crate::{core::Core, home::Home, views::Error};

use desk::{Ask, Desk, Wish};
pub(crate) use log::reconcile;
pub use reading::{Ending, Follower, Piece, Reading};

/// Why a call had no effect, or an unknown one.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StreamError {
    /// The rules say no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The source of a fork is not there (4.2).
    #[error("there is no stream to fork at that path")]
    NoSource,
    /// The source of a fork is kept for its forks only (4.2).
    #[error("the stream to fork was deleted")]
    SourceGone,
    /// The place of a fork is not in its source (4.2).
    #[error("the place to fork at is beyond the end of the source")]
    BeyondSource,
    /// A fork of a fork, too many times over.
    #[error("a stream reads through at most {FORK_DEPTH} others")]
    TooDeep,
    /// Nothing to do with the rules.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// A stream as it is, for whoever reads it.
pub struct Stream {
    /// What it was created with.
    pub config: Arc<Config>,
    /// Its messages.
    pub reading: Reading,
}

/// What is to be created.
#[derive(Debug)]
pub struct Creation {
    /// Where.
    pub path: String,
    /// `None` takes the source's, or a default (5.1).
    pub content_type: Option<String>,
    /// Sliding lifetime in seconds.
    pub ttl: Option<u64>,
    /// Fixed end.
    pub expires_at: Option<heartline_execution::Timestamp>,
    /// Closed from the beginning.
    pub closed: bool,
    /// What it begins with.
    pub messages: Vec<Bytes>,
    /// The stream that it begins with.
    pub fork: Option<Forking>,
}

/// Where a fork leaves its source (4.2).
#[derive(Debug)]
pub struct Forking {
    /// The path of the source.
    pub path: String,
    /// The named place; `None` is the tail.
    pub anchor: Option<u64>,
    /// So many messages, or bytes, beyond it.
    pub sub: u64,
}

/// The answer to a write.
#[derive(Clone, Debug)]
pub struct Written {
    /// In one word.
    pub outcome: Outcome,
    /// How far the producer has come.
    pub mark: Option<heartline_execution::stream::Mark>,
    /// The place behind the last message.
    pub tail: u64,
    /// No message comes any more.
    pub closed: bool,
    /// As its creator wrote it.
    pub content_type: String,
}

/// What a stream is of when nobody says (5.1).
const DEFAULT_TYPE: &str = "application/octet-stream";

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Streams {
    core: Arc<Core>,
    desk: Addr<Desk>,
}

impl Streams {
    /// Reads every stream off the log and starts the desk on a thread of its own. Blocks while it
    /// reads.
    pub(crate) fn start(core: &Arc<Core>) -> Result<(Self, Arbiter), crate::StartError> {
        let found = log::found(&*core.store)?;
        let (arbiter, home) = Home::start()?;
        let desk = {
            let core = Arc::clone(core);
            Desk::start(&arbiter, move || Desk::new(core, home.outcomes, found))
        };
        Ok((Self { core: Arc::clone(core), desk }, arbiter))
    }

    /// The stream at a path; with `touch`, it was read, and its lifetime begins anew (5.1).
    ///
    /// # Errors
    /// [`Rejection::NotFound`] and [`Rejection::Gone`].
    pub async fn look(&self, path: &str, touch: bool) -> Result<Stream, StreamError> {
        self.look_at(path, touch, false).await
    }

    async fn look_at(&self, path: &str, touch: bool, kept: bool) -> Result<Stream, StreamError> {
        let (answering, answer) = oneshot::channel();
        self.ask(path, Wish::Look { touch, kept, answering }).await?;
        answer.await.map_err(|_| Error::Interrupted)?
    }

    /// Creates a stream, or finds it there and the same (5.1).
    ///
    /// # Errors
    /// [`Rejection::Differs`], or what is wrong with the fork.
    pub async fn create(&self, creation: Creation) -> Result<Written, StreamError> {
        self.ready()?;
        let Creation { path, content_type, mut ttl, mut expires_at, closed, messages, fork } =
            creation;
        let mut written = messages;
        let mut content_type = content_type;
        let mut anchored = true;
        let fork = match fork {
            None => None,
            Some(forking) => {
                anchored = forking.anchor.is_some();
                let source = match self.source(&forking.path).await {
                    // Kept for its forks, of which this may be one that is there already.
                    Err(StreamError::SourceGone) if self.look(&path, false).await.is_ok() => {
                        self.look_at(&forking.path, false, true).await?
                    }
                    source => source?,
                };
                if ttl.is_none() && expires_at.is_none() {
                    (ttl, expires_at) = (source.config.ttl, source.config.expires_at);
                }
                content_type.get_or_insert_with(|| source.config.content_type.clone());
                let (fork, cut) = cut(&source, &forking).await?;
                written.splice(0..0, cut);
                Some(fork)
            }
        };
        let content_type = content_type.unwrap_or_else(|| DEFAULT_TYPE.to_owned());
        let config = Config { path: path.clone(), content_type, ttl, expires_at, fork };
        let command = Command::Create { config, anchored, closed, messages: written.len() };
        self.write(&path, command, written).await
    }

    /// The stream that a fork begins with.
    async fn source(&self, path: &str) -> Result<Stream, StreamError> {
        self.look(path, false).await.map_err(|error| match error {
            StreamError::Rejected(Rejection::NotFound) => StreamError::NoSource,
            StreamError::Rejected(Rejection::Gone) => StreamError::SourceGone,
            other => other,
        })
    }

    /// Does what a command asks, and answers after the commit.
    ///
    /// # Errors
    /// [`StreamError::Rejected`] where the rules say no.
    pub async fn write(
        &self,
        path: &str,
        command: Command,
        messages: Vec<Bytes>,
    ) -> Result<Written, StreamError> {
        self.ready()?;
        let (answering, answer) = oneshot::channel();
        self.ask(path, Wish::Write { command, messages, answering }).await?;
        answer.await.map_err(|_| Error::Interrupted)?
    }

    fn ready(&self) -> Result<(), Error> {
        if self.core.is_closing() {
            return Err(Error::ShuttingDown);
        }
        self.core.journal.healthy().map_err(Error::StoreUnavailable)
    }

    async fn ask(&self, path: &str, wish: Wish) -> Result<(), Error> {
        let ask = Ask { path: path.to_owned(), wish };
        self.desk.send(ask).await.map_err(|_| Error::ShuttingDown)
    }
}

/// The place at which a fork leaves its source, and what it takes of the message behind that (4.2).
async fn cut(source: &Stream, forking: &Forking) -> Result<(Fork, Vec<Bytes>), StreamError> {
    let (tail, _) = source.reading.tail();
    let anchor = forking.anchor.unwrap_or(tail);
    if anchor > tail {
        return Err(StreamError::BeyondSource);
    }
    if source.reading.depth() >= FORK_DEPTH {
        return Err(StreamError::TooDeep);
    }
    let at = |place, cut| {
        let (source, sub) = (source.reading.id(), forking.sub);
        Ok((Fork { source, anchor, sub, place }, cut))
    };
    if forking.sub == 0 {
        return at(anchor, Vec::new());
    }
    let mut place = anchor;
    let mut left = forking.sub;
    // JSON counts messages; all else counts the bytes of the one that comes next.
    while place < tail {
        let piece = source.reading.page(place).await?;
        if Media::of(&source.config.content_type) == Media::Json {
            match piece.place_after(usize::try_from(left).unwrap_or(usize::MAX)) {
                Some(place) => return at(place, Vec::new()),
                None => left -= piece.messages.len() as u64,
            }
        } else if let Some((_, message)) = piece.messages.first() {
            let cut = usize::try_from(left).ok().filter(|cut| *cut <= message.len());
            let cut = cut.ok_or(StreamError::BeyondSource)?;
            return at(place, vec![message.slice(..cut)]);
        }
        place = piece.next;
    }
    Err(StreamError::BeyondSource)
}

/// The namespace of every stream.
pub(crate) fn namespace() -> Namespace {
    Namespace::streams_namespace()
}

/// What a reply says once it is durable.
fn written(reply: Reply, state: &heartline_execution::stream::State) -> Written {
    Written {
        outcome: reply.outcome,
        mark: reply.mark,
        tail: state.tail(),
        closed: state.closed.is_some(),
        content_type: state.config.content_type.clone(),
    }
}

/// Ids as executions have them: new with every creation, so that nothing of a deleted stream can be
/// taken for its successor's.
fn new_id() -> ExecutionId {
    Core::new_execution_id(heartline_execution::Kind::Agent)
}
