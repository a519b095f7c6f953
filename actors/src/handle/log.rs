//! Reading logs: pages, subscriptions and streams.

use std::sync::Arc;

use heartline_execution::{ExecutionId, Namespace, Phase};

use super::Handle;
use crate::{
    blocking,
    delivery::{Outbound, Transport, Watching},
    feed::{self, Chunk, Cursor, Feed},
    streams::{Reading, Streams},
    views::{Error, View},
};

/// Where a subscription starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the state, then what follows it.
    Snapshot,
    /// With the event after this seq.
    After(u64),
}

/// A new subscription.
pub struct Subscription {
    /// Where the log ends now.
    pub head: u64,
    /// The first event there is.
    pub oldest: u64,
    /// The state, where it was asked for; the cursor goes on after it.
    pub snapshot: Option<View>,
    /// What follows.
    pub cursor: Cursor,
}

/// A page of events.
pub struct EventPage {
    /// The events; empty at the head.
    pub chunk: Arc<Chunk>,
    /// Where the log ends.
    pub head: u64,
    /// How it ended, if it has.
    pub terminal: Option<Phase>,
    /// There is more before the head.
    pub more: bool,
}

impl Handle {
    /// One bounded page of events after `after`.
    ///
    /// # Errors
    /// [`Error::NotFound`], also where it is purged meanwhile.
    pub async fn events(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        after: u64,
        limit: usize,
        lifecycle_only: bool,
    ) -> Result<EventPage, Error> {
        let feed = self.feed(namespace, id).await?;
        let (head, terminal) = feed.head();
        let range = (after.min(head), head);
        let (chunk, more) =
            self.0.core.feeds.page(namespace, id, range, lifecycle_only, limit).await?;
        if !more && range.0 < head && chunk.last() < head {
            // Only a log that is over can be purged, and its last event is of its lifecycle.
            let over = if lifecycle_only { terminal } else { feed.head().1 };
            if over.is_some() {
                return Err(Error::NotFound);
            }
            if !lifecycle_only {
                return Err(feed::missing(id, after, head));
            }
        }
        Ok(EventPage { chunk, head, terminal, more })
    }

    /// Where to report what was written to watchers.
    pub fn outbound(&self) -> Outbound {
        self.0.core.feeds.outbound()
    }

    /// A cursor, and the state before it where that is asked for.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Overloaded`] at the bound on subscriptions.
    pub async fn subscribe(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        start: Start,
        transport: Transport,
    ) -> Result<Subscription, Error> {
        let feed = self.feed(namespace, id).await?;
        let feeds = &self.0.core.feeds;
        let (snapshot, position) = match start {
            Start::After(after) => (None, after),
            Start::Snapshot => {
                let view = self.view(namespace, id).await?;
                let seq = view.seq;
                (Some(view), seq)
            }
        };
        let (head, _) = feed.head();
        let cursor = feeds.cursor(feed, namespace.clone(), id, position.min(head), transport)?;
        Ok(Subscription { head, oldest: 1, snapshot, cursor })
    }

    /// The log of an execution by places, for readers of Durable Streams.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn reading(&self, namespace: &Namespace, id: ExecutionId) -> Result<Reading, Error> {
        let feed = self.feed(namespace, id).await?;
        let core = &self.0.core;
        let feeds = Arc::clone(&core.feeds);
        let bytes = core.config.streams.read_bytes;
        Ok(Reading::of_execution(feeds, feed, namespace.clone(), id, bytes))
    }

    /// Plain durable streams, where they are served.
    pub fn streams(&self) -> Option<&Streams> {
        self.0.streams.as_ref()
    }

    /// The feed, with its head known.
    async fn feed(&self, namespace: &Namespace, id: ExecutionId) -> Result<Arc<Feed>, Error> {
        let feed = self.0.core.feeds.of(namespace, id);
        if feed.is_known() {
            return Ok(feed);
        }
        let store = Arc::clone(&self.0.core.store);
        let of = namespace.clone();
        let live = self.0.core.board().standing(id).is_some();
        let found = blocking(move || {
            if live {
                return Ok(store.head(&of, id)?.map(|head| (head, None)));
            }
            // One that is not on the board may be purged at any moment: one look says both where it
            // ends and whether it is over.
            let state = store.load(&of, id)?;
            let found = state.map(|s| (s.seq, Some(s.phase).filter(|p| p.is_terminal())));
            Ok::<_, heartline_storage::Error>(found)
        })
        .await??;
        let (head, ended) = found.ok_or(Error::NotFound)?;
        feed.found(head, ended);
        Ok(feed)
    }

    /// Counts somebody who asks again and again for what [`Handle`] says, until that is dropped.
    ///
    /// # Errors
    /// [`Error::Overloaded`] at the bound on subscriptions.
    pub fn look(&self, transport: Transport) -> Result<Watching, Error> {
        self.0.core.feeds.looking(transport)
    }
}
