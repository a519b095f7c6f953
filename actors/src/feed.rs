//! The read side: a shared log head per watched execution, and cursors that pull from it.
//!
//! A subscription is a [`Cursor`], never a queue. The feed keeps the durable head and, while
//! anybody watches, the newest events as shared [`Chunk`]s; a cursor that fell behind them reads
//! bounded pages from the store and joins again. Pages are shared as well: of thousands that
//! reconnect at once, one reads. Nothing is dropped and nothing is kept per reader.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use heartline_execution::{ExecutionId, Namespace, Phase};
use heartline_storage::{ExecutionStore, PageLimits, Record, Stored};
use tokio::sync::Notify;

use crate::{
    delivery::{Deliveries, Outbound, Pace, Transport, Watching},
    maps::HashMap,
    views::Error,
};

/// Bytes of events that a feed nobody watches keeps: enough for whoever creates an execution and
/// then subscribes to find it all in memory. Gone with the actor when that is idle.
const UNWATCHED_BYTES: usize = 4 * 1024;

/// How many encodings of a chunk can be cached: views times transports.
pub const ENCODINGS: usize = 8;

/// Pages that a feed keeps for readers that catch up, besides those still being sent: room for a
/// few groups of them, each at a place of its own.
const SHARED_PAGES: usize = 4;

/// Consecutive events, shared by every reader. Never empty.
#[derive(Debug)]
pub struct Chunk {
    /// In order of seq; in a page of lifecycle events only those.
    pub events: Vec<Stored>,
    bytes: usize,
    /// When it became durable; `None` for a page from the store.
    published: Option<Instant>,
    encoded: [OnceLock<Encoded>; ENCODINGS],
}

/// A chunk as it leaves the server.
#[derive(Clone, Debug, Default)]
pub struct Encoded {
    /// All of it.
    pub bytes: Bytes,
    /// Where each event begins; that of a hidden one is where the next begins.
    pub starts: Arc<[u32]>,
}

impl Chunk {
    fn new(events: Vec<Stored>, published: Option<Instant>) -> Self {
        let bytes = events.iter().map(|e| e.record.json.len()).sum();
        Self { events, bytes, published, encoded: Default::default() }
    }

    /// The chunk in one of the edge's encodings, made by the first reader that asks.
    pub fn encoded(&self, encoding: usize, encode: impl FnOnce(&[Stored]) -> Encoded) -> &Encoded {
        self.encoded[encoding].get_or_init(|| encode(&self.events))
    }

    /// The same, if somebody has asked before.
    pub fn encoded_before(&self, encoding: usize) -> Option<&Encoded> {
        self.encoded[encoding].get()
    }

    /// Seq of the first event; 0 for an empty page.
    pub fn first(&self) -> u64 {
        self.events.first().map_or(0, |e| e.record.seq)
    }

    /// Seq of the last event; 0 for an empty page.
    pub fn last(&self) -> u64 {
        self.events.last().map_or(0, |e| e.record.seq)
    }
}

#[derive(Debug, Default)]
struct Tail {
    /// Durable head; `None` until somebody has read it from the log.
    head: Option<u64>,
    /// Seq of the newest lifecycle event; only a writer needs it, and only a writer sets it.
    lifecycle: u64,
    ended: Option<Phase>,
    chunks: VecDeque<Arc<Chunk>>,
    bytes: usize,
}

type Key = (Namespace, ExecutionId);

/// What every watcher of one execution shares.
pub struct Feed {
    key: Key,
    /// Where it is listed, until it is dropped.
    feeds: Weak<Feeds>,
    tail: Mutex<Tail>,
    moved: Notify,
    readers: AtomicUsize,
    kept_bytes: usize,
    /// Readers that want what is before the tail; while there are none, no pages are kept.
    behind: AtomicUsize,
    /// Pages that they share, newest last. One reader reads at a time; the
    /// others wait, and mostly find what they want read.
    pages: tokio::sync::Mutex<VecDeque<Arc<Chunk>>>,
}

impl Drop for Feed {
    fn drop(&mut self) {
        let Some(feeds) = self.feeds.upgrade() else { return };
        let mut listed = feeds.listed();
        // A new one may have taken its place meanwhile.
        if listed.get(&self.key).is_some_and(|feed| std::ptr::eq(feed.as_ptr(), self)) {
            listed.remove(&self.key);
        }
    }
}

enum Look {
    Chunk(Arc<Chunk>),
    Behind(u64),
    Ended(u64, Phase),
    CaughtUp,
}

impl Feed {
    fn new(key: Key, feeds: &Arc<Feeds>) -> Self {
        Self {
            key,
            feeds: Arc::downgrade(feeds),
            tail: Mutex::default(),
            moved: Notify::new(),
            readers: AtomicUsize::new(0),
            kept_bytes: feeds.limits.kept_bytes,
            behind: AtomicUsize::new(0),
            pages: tokio::sync::Mutex::default(),
        }
    }

    fn tail(&self) -> std::sync::MutexGuard<'_, Tail> {
        // No code that can panic runs under the lock; its data is whole even if one did.
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader's word for where the log ends, where no writer has given a better one.
    pub fn found(&self, head: u64, ended: Option<Phase>) {
        let mut tail = self.tail();
        if tail.head.is_none() {
            tail.head = Some(head);
            tail.ended = ended;
        }
    }

    /// The writer's word, before it writes.
    pub fn opened(&self, head: u64, lifecycle: u64) {
        let mut tail = self.tail();
        let known = tail.head.get_or_insert(head);
        *known = (*known).max(head);
        tail.lifecycle = lifecycle;
    }

    /// Shows durable records to every watcher. What was shown before is not shown again.
    pub fn publish(&self, mut records: Vec<Record>, ended: Option<Phase>) {
        let Some(last) = records.last().map(|r| r.seq) else { return };
        {
            let tail = &mut *self.tail();
            let head = tail.head.unwrap_or(0);
            if last <= head {
                return;
            }
            records.retain(|record| record.seq > head);
            tail.head = Some(last);
            // An end is not taken back: the log may be about to be removed.
            tail.ended = ended.or(tail.ended);
            let watched = self.readers.load(Ordering::Acquire) > 0;
            let events = records.into_iter().map(|record| {
                let prev_lifecycle = tail.lifecycle;
                if record.lifecycle {
                    tail.lifecycle = record.seq;
                }
                Stored { record, prev_lifecycle }
            });
            let chunk = Chunk::new(events.collect(), watched.then(Instant::now));
            tail.bytes += chunk.bytes;
            tail.chunks.push_back(Arc::new(chunk));
            let kept = if watched { self.kept_bytes } else { UNWATCHED_BYTES };
            while tail.bytes > kept && tail.chunks.len() > 1 {
                let Some(old) = tail.chunks.pop_front() else { break };
                tail.bytes -= old.bytes;
            }
        }
        self.moved.notify_waiters();
    }

    /// The log is about to be removed: nothing comes any more, and nothing may be left to read.
    pub(crate) fn removed(&self) {
        self.tail().ended = Some(Phase::Cancelled);
        self.moved.notify_waiters();
    }

    /// Whether anybody reads.
    pub(crate) fn is_watched(&self) -> bool {
        self.readers.load(Ordering::Acquire) > 0
    }

    /// Whether somebody has said where the log ends.
    pub fn is_known(&self) -> bool {
        self.tail().head.is_some()
    }

    /// Head and terminal phase.
    pub fn head(&self) -> (u64, Option<Phase>) {
        let tail = self.tail();
        (tail.head.unwrap_or(0), tail.ended)
    }

    fn look(&self, position: u64) -> Look {
        let tail = self.tail();
        let head = tail.head.unwrap_or(0);
        if position >= head {
            return match tail.ended {
                Some(phase) => Look::Ended(head, phase),
                None => Look::CaughtUp,
            };
        }
        let wanted = position + 1;
        // Whoever is live wants the newest.
        let newest = tail.chunks.back().filter(|chunk| chunk.first() <= wanted);
        let found = newest.or_else(|| {
            let index = tail.chunks.partition_point(|chunk| chunk.last() < wanted);
            tail.chunks.get(index).filter(|chunk| chunk.first() <= wanted)
        });
        found.map_or(Look::Behind(head), |chunk| Look::Chunk(Arc::clone(chunk)))
    }
}

/// Which pages a cursor may ask for at once.
#[derive(Clone, Copy, Debug)]
pub struct FeedLimits {
    /// Bytes of recent events kept per watched execution.
    pub kept_bytes: usize,
    /// Of a page from the store.
    pub page: PageLimits,
    /// Cursors in all, so that memory is bounded.
    pub subscriptions: usize,
}

/// Every feed that somebody writes or watches.
pub struct Feeds {
    store: Arc<dyn ExecutionStore>,
    limits: FeedLimits,
    feeds: Mutex<HashMap<Key, Weak<Feed>>>,
    deliveries: Arc<Deliveries>,
}

impl Feeds {
    /// No feeds yet.
    pub fn new(store: Arc<dyn ExecutionStore>, limits: FeedLimits) -> Self {
        Self { store, limits, feeds: Mutex::default(), deliveries: Arc::default() }
    }

    fn listed(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Weak<Feed>>> {
        // Only map operations run under it.
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one feed of an execution: the same for its writer and all its watchers.
    pub fn of(self: &Arc<Self>, namespace: &Namespace, id: ExecutionId) -> Arc<Feed> {
        let key = (namespace.clone(), id);
        let mut feeds = self.listed();
        if let Some(feed) = feeds.get(&key).and_then(Weak::upgrade) {
            return feed;
        }
        let feed = Arc::new(Feed::new(key.clone(), self));
        feeds.insert(key, Arc::downgrade(&feed));
        feed
    }

    /// After a purge: whoever asks next reads the store, which knows nothing of it.
    pub(crate) fn forget(&self, namespace: &Namespace, id: ExecutionId) {
        self.listed().remove(&(namespace.clone(), id));
    }

    /// Where the edge reports what it wrote.
    pub fn outbound(&self) -> Outbound {
        Outbound(Arc::clone(&self.deliveries))
    }

    /// Counts one more reader of what is there and not of a log.
    ///
    /// # Errors
    /// [`Error::Overloaded`] at the bound on subscriptions.
    pub(crate) fn looking(&self, transport: Transport) -> Result<Watching, Error> {
        let mut watching = self.watching(transport)?;
        watching.set_pace(Pace::Live);
        Ok(watching)
    }

    fn watching(&self, transport: Transport) -> Result<Watching, Error> {
        if self.deliveries.readers() >= self.limits.subscriptions {
            return Err(Error::Overloaded { what: "feed.max_subscriptions", retry_after: 5 });
        }
        Ok(Watching::new(&self.deliveries, transport))
    }

    /// A cursor that goes on after `position`. The feed's head must be known.
    ///
    /// # Errors
    /// [`Error::Overloaded`] at the bound on subscriptions.
    pub fn cursor(
        self: &Arc<Self>,
        feed: Arc<Feed>,
        namespace: Namespace,
        id: ExecutionId,
        position: u64,
        transport: Transport,
    ) -> Result<Cursor, Error> {
        let watching = self.watching(transport)?;
        feed.readers.fetch_add(1, Ordering::AcqRel);
        Ok(Cursor {
            feeds: Arc::clone(self),
            feed,
            namespace,
            id,
            position,
            watching,
            behind: false,
            lifecycle_only: false,
            ended: false,
        })
    }

    /// A bounded page, read off the async threads.
    pub async fn page(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        range: (u64, u64),
        lifecycle_only: bool,
        events: usize,
    ) -> Result<(Arc<Chunk>, bool), Error> {
        let store = Arc::clone(&self.store);
        let namespace = namespace.clone();
        let limits = PageLimits { events: events.min(self.limits.page.events), ..self.limits.page };
        let (after, until) = range;
        let page = crate::blocking(move || {
            store.events(&namespace, id, after, until, lifecycle_only, limits)
        })
        .await??;
        Ok((Arc::new(Chunk::new(page.events, None)), page.more))
    }

    /// Who watches, what went out, and feeds in memory.
    pub fn figures(&self) -> crate::views::FeedView {
        let feeds = self.listed().values().filter(|f| f.strong_count() > 0).count();
        self.deliveries.view(feeds)
    }
}

/// What a cursor comes upon.
#[derive(Clone, Debug)]
pub enum Next {
    /// Events; the first that is new to this cursor stands at the index. At 0 the whole chunk is
    /// new and a cached encoding may be sent.
    Events(Arc<Chunk>, usize),
    /// It fell behind what memory keeps, and reads from disk now.
    Lag {
        /// Where it is.
        at: u64,
        /// Where the log is.
        head: u64,
    },
    /// It is live again.
    Live {
        /// Where it is.
        seq: u64,
    },
    /// What it wants is gone.
    Reset {
        /// The first seq there is.
        oldest: u64,
        /// Why.
        reason: &'static str,
    },
    /// The terminal event was shown, and this is all.
    End {
        /// Of the terminal event.
        seq: u64,
        /// How it ended.
        phase: Phase,
    },
}

/// A place in an execution's log that moves by being asked.
pub struct Cursor {
    feeds: Arc<Feeds>,
    feed: Arc<Feed>,
    namespace: Namespace,
    id: ExecutionId,
    position: u64,
    watching: Watching,
    /// Counted as such in the feed.
    behind: bool,
    lifecycle_only: bool,
    ended: bool,
}

impl Cursor {
    /// Skips content where it can: pages from disk hold lifecycle events only. Live chunks still
    /// hold all events, and the reader filters.
    #[must_use]
    pub fn only_lifecycle(mut self) -> Self {
        self.lifecycle_only = true;
        self
    }

    /// Seq of the last event it passed.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whose log it reads.
    pub fn execution(&self) -> ExecutionId {
        self.id
    }

    /// What comes next; pends while there is nothing new, and for ever after [`Next::End`].
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the store cannot be read; asking again tries again.
    pub async fn next(&mut self) -> Result<Next, Error> {
        loop {
            let feed = Arc::clone(&self.feed);
            // Made before looking: it hears of all that is published from here on.
            let moved = feed.moved.notified();
            let look = feed.look(self.position);
            self.set_behind(matches!(look, Look::Behind(_)));
            match look {
                Look::Chunk(_) | Look::CaughtUp if self.watching.pace() == Pace::Lagging => {
                    self.watching.set_pace(Pace::Live);
                    return Ok(Next::Live { seq: self.position });
                }
                Look::Chunk(chunk) => {
                    self.watching.set_pace(Pace::Live);
                    if let Some(published) = chunk.published {
                        self.watching.took(published.elapsed());
                    }
                    return Ok(self.pass(chunk));
                }
                Look::Behind(head) if self.watching.pace() == Pace::Live => {
                    self.watching.set_pace(Pace::Lagging);
                    return Ok(Next::Lag { at: self.position, head });
                }
                Look::Behind(head) => {
                    if let Some(next) = self.page(head).await? {
                        return Ok(next);
                    }
                }
                Look::Ended(seq, phase) if !self.ended => {
                    self.ended = true;
                    return Ok(Next::End { seq, phase });
                }
                Look::Ended(..) | Look::CaughtUp => {
                    self.watching.set_pace(Pace::Live);
                    moved.await;
                }
            }
        }
    }

    fn set_behind(&mut self, behind: bool) {
        match (self.behind, behind) {
            (false, true) => {
                self.feed.behind.fetch_add(1, Ordering::AcqRel);
            }
            (true, false) if self.feed.behind.fetch_sub(1, Ordering::AcqRel) == 1 => {
                // Whoever holds the lock is a reader that comes, and will go as well.
                if let Ok(mut pages) = self.feed.pages.try_lock() {
                    pages.clear();
                }
            }
            (true, false) | (true, true) | (false, false) => {}
        }
        self.behind = behind;
    }

    /// Moves to the end of a chunk that holds the next event.
    fn pass(&mut self, chunk: Arc<Chunk>) -> Next {
        let new = chunk.events.partition_point(|e| e.record.seq <= self.position);
        self.position = chunk.last();
        Next::Events(chunk, new)
    }

    async fn page(&mut self, head: u64) -> Result<Option<Next>, Error> {
        if self.lifecycle_only {
            return self.lifecycle_page(head).await;
        }
        let feed = Arc::clone(&self.feed);
        let mut pages = feed.pages.lock().await;
        let holds_next =
            |page: &&Arc<Chunk>| page.first() <= self.position + 1 && self.position < page.last();
        if let Some(page) = pages.iter().find(holds_next).map(Arc::clone) {
            drop(pages);
            return Ok(Some(self.pass(page)));
        }
        let limit = self.feeds.limits.page.events;
        // Pages begin at fixed places, so that readers in different ones meet; where a page is
        // full of bytes before it comes to what is wanted, the next one begins with that.
        let place = self.position - self.position % (limit as u64);
        let mut chunk = self.read(place, head).await?;
        if chunk.last() <= self.position && place < self.position && chunk.last() > 0 {
            chunk = self.read(self.position, head).await?;
        }
        if chunk.last() > self.position {
            if pages.len() == SHARED_PAGES {
                pages.pop_front();
            }
            pages.push_back(Arc::clone(&chunk));
            return Ok(Some(self.pass(chunk)));
        }
        // Only a finished log can be purged; anything else is damage.
        if feed.head().1.is_some() {
            self.position = head;
            return Ok(Some(Next::Reset { oldest: head + 1, reason: "purged" }));
        }
        Err(missing(self.id, self.position, head))
    }

    async fn read(&self, after: u64, head: u64) -> Result<Arc<Chunk>, Error> {
        let limit = self.feeds.limits.page.events;
        let range = (after, head);
        Ok(self.feeds.page(&self.namespace, self.id, range, false, limit).await?.0)
    }

    async fn lifecycle_page(&mut self, head: u64) -> Result<Option<Next>, Error> {
        let limit = self.feeds.limits.page.events;
        let range = (self.position, head);
        let (chunk, more) = self.feeds.page(&self.namespace, self.id, range, true, limit).await?;
        // The last event of a log that is over is of its lifecycle, so a page that has all up to
        // there ends with it, unless it was purged.
        if let (end, Some(_)) = self.feed.head()
            && !more
            && chunk.last() < head
        {
            if head < end {
                return Ok(None); // It ended meanwhile; another look tells.
            }
            self.position = head;
            return Ok(Some(Next::Reset { oldest: head + 1, reason: "purged" }));
        }
        self.position = match (more, chunk.last()) {
            (true, last) if last > 0 => last,
            (_, last) => head.max(last),
        };
        Ok((!chunk.events.is_empty()).then_some(Next::Events(chunk, 0)))
    }
}

/// Damage: a log that goes on and does not hold what it held.
pub(crate) fn missing(id: ExecutionId, after: u64, head: u64) -> Error {
    Error::Corrupt(format!("{id}: events after {after} are missing up to {head}"))
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.set_behind(false);
        self.feed.readers.fetch_sub(1, Ordering::AcqRel);
    }
}
