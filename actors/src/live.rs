//! Live lists: the newest changes of rows, shared, and lists that follow them.
//!
//! A list is a state, not a log: what it shows is which executions match now, and how they stand.
//! So a live list that fell behind the changes kept in memory needs no history; it is read anew.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use heartline_execution::{ExecutionId, Namespace, Phase};
use heartline_storage::{Cursor as Place, Facets, Query, Stored, Summary};
use tokio::sync::Notify;

use crate::{
    core::Core,
    delivery::{Transport, Watching},
    handle::freshen,
    views::Error,
};

/// Rows read at once: few enough that a list's first rows are on the screen at once.
const PAGE_ROWS: usize = 200;
/// The most changes handed out at once.
const MOST_CHANGES: usize = 256;
/// Bytes that a change costs beside its row: facets, events' heads, places in lists.
const CHANGE_OVERHEAD: usize = 512;

/// How an execution's row changed, durably.
#[derive(Debug)]
pub struct Change {
    pub(crate) namespace: Namespace,
    /// Whose.
    pub id: ExecutionId,
    /// Where its log ended then.
    pub seq: u64,
    /// Its lifecycle events of that moment.
    pub events: Vec<Stored>,
    pub(crate) row: Row,
}

#[derive(Debug)]
pub(crate) enum Row {
    Is(Arc<Summary>),
    /// Purged; what it was found by.
    Gone(Facets),
}

impl Change {
    fn facets(&self) -> (Option<&Facets>, Option<&Facets>) {
        match &self.row {
            Row::Is(summary) => (summary.before.as_ref(), Some(&summary.facets)),
            Row::Gone(before) => (Some(before), None),
        }
    }

    /// What it means for the list of `query`; `None` where it means nothing.
    fn turn(&self, query: &Query) -> Option<Turn> {
        if self.namespace != query.namespace {
            return None;
        }
        let (before, after) = self.facets();
        let matches = |facets: Option<&Facets>| facets.is_some_and(|f| query.matches(self.id, f));
        match (matches(before), matches(after)) {
            (false, true) => Some(Turn::Enter),
            (true, true) => Some(Turn::Change),
            (true, false) => Some(Turn::Leave),
            (false, false) => None,
        }
    }

    /// The JSON of the wire's execution; `None` when it was purged.
    pub fn row(&self) -> Option<&Bytes> {
        match &self.row {
            Row::Is(summary) => Some(&summary.json),
            Row::Gone(_) => None,
        }
    }

    /// Its phase; `None` when it was purged.
    pub fn phase(&self) -> Option<Phase> {
        self.facets().1.map(|facets| facets.phase)
    }

    fn bytes(&self) -> usize {
        CHANGE_OVERHEAD + self.row().map_or(0, Bytes::len)
    }
}

/// What a change means for a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It matches now and did not before.
    Enter,
    /// It matches as before.
    Change,
    /// It matches no more.
    Leave,
}

#[derive(Debug, Default)]
struct Ring {
    /// Changes since the start, whether kept or not.
    count: u64,
    kept: VecDeque<Arc<Change>>,
    bytes: usize,
}

/// The newest changes of all rows, while anybody follows them.
#[derive(Debug)]
pub(crate) struct Changes {
    ring: Mutex<Ring>,
    moved: Notify,
    readers: AtomicUsize,
    kept_bytes: usize,
}

impl Changes {
    pub(crate) fn new(kept_bytes: usize) -> Self {
        Self {
            ring: Mutex::default(),
            moved: Notify::new(),
            readers: AtomicUsize::new(0),
            kept_bytes,
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody follows; what is not published then is found in the store.
    pub(crate) fn are_followed(&self) -> bool {
        self.readers.load(Ordering::Acquire) > 0
    }

    /// Shows a durable change to every list.
    pub(crate) fn publish(&self, change: Change) {
        {
            let ring = &mut *self.ring();
            ring.count += 1;
            ring.bytes += change.bytes();
            ring.kept.push_back(Arc::new(change));
            while ring.bytes > self.kept_bytes && ring.kept.len() > 1 {
                let Some(old) = ring.kept.pop_front() else { break };
                ring.bytes -= old.bytes();
            }
        }
        self.moved.notify_waiters();
    }

    /// Something changed that nobody can tell: every list is read anew.
    pub(crate) fn lose(&self) {
        {
            let ring = &mut *self.ring();
            ring.count += 1;
            ring.kept.clear();
            ring.bytes = 0;
        }
        self.moved.notify_waiters();
    }

    /// Some changes after the first `position`; `None` when they are not kept any more.
    fn after(&self, position: u64) -> Option<Vec<Arc<Change>>> {
        let ring = self.ring();
        let missing = usize::try_from(ring.count - position).unwrap_or(usize::MAX);
        let from = ring.kept.len().checked_sub(missing)?;
        Some(ring.kept.range(from..).take(MOST_CHANGES).cloned().collect())
    }
}

/// A row of a list as it stood when it was read.
#[derive(Clone, Debug)]
pub struct ListedRow {
    /// Whose.
    pub id: ExecutionId,
    /// The log's end at its newest lifecycle event.
    pub seq: u64,
    /// The JSON of the wire's execution.
    pub json: Bytes,
}

/// What a live list brings.
#[derive(Debug)]
pub enum ListNext {
    /// Rows as they stand, newest first. What changed meanwhile follows as changes.
    Rows(Vec<ListedRow>),
    /// The rows asked for have been shown.
    Listed {
        /// Where the list of older rows goes on.
        next: Option<Place>,
    },
    /// Changes in the order they became durable. Never empty.
    Changed(Vec<(Turn, Arc<Change>)>),
    /// It fell behind the changes kept; rows follow anew.
    Reset,
}

enum At {
    Listing { left: usize, cursor: Option<Place> },
    Following,
}

/// A list that follows its executions. It moves by being asked, and queues nothing.
pub struct LiveList {
    core: Arc<Core>,
    query: Query,
    /// Changes passed.
    position: u64,
    at: At,
    _watching: Watching,
}

impl Drop for LiveList {
    fn drop(&mut self) {
        self.core.changes.readers.fetch_sub(1, Ordering::AcqRel);
    }
}

impl LiveList {
    /// # Errors
    /// [`Error::Overloaded`] at the bound on subscriptions.
    pub(crate) fn new(core: &Arc<Core>, query: Query, transport: Transport) -> Result<Self, Error> {
        let watching = core.feeds.looking(transport)?;
        // Counted before the rows are read: what is not published by then, they show.
        core.changes.readers.fetch_add(1, Ordering::AcqRel);
        let mut list = Self {
            core: Arc::clone(core),
            position: 0,
            at: At::Following,
            query,
            _watching: watching,
        };
        list.begin();
        Ok(list)
    }

    fn begin(&mut self) {
        self.position = self.core.changes.ring().count;
        self.at = At::Listing { left: self.query.limit, cursor: self.query.cursor };
    }

    /// What comes next; pends while nothing changes. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the store cannot be read; asking again tries again.
    pub async fn next(&mut self) -> Result<ListNext, Error> {
        match self.at {
            At::Listing { left, cursor } => self.list(left, cursor).await,
            At::Following => Ok(self.follow().await),
        }
    }

    async fn list(&mut self, left: usize, cursor: Option<Place>) -> Result<ListNext, Error> {
        if left == 0 {
            self.at = At::Following;
            return Ok(ListNext::Listed { next: cursor });
        }
        let query = Query { limit: left.min(PAGE_ROWS), cursor, ..self.query.clone() };
        let core = Arc::clone(&self.core);
        let (rows, next) = crate::blocking(move || {
            let listing = core.store.list(&query)?;
            let rows = listing.rows.into_iter().map(|row| {
                let (seq, json) = freshen(&core, row.id, &row.json, None)?;
                Ok(ListedRow { id: row.id, seq, json })
            });
            Ok::<_, Error>((rows.collect::<Result<Vec<_>, Error>>()?, listing.next))
        })
        .await??;
        let left = if next.is_some() { left - rows.len().min(left) } else { 0 };
        self.at = At::Listing { left, cursor: next };
        Ok(ListNext::Rows(rows))
    }

    async fn follow(&mut self) -> ListNext {
        loop {
            let core = Arc::clone(&self.core);
            // Made before looking: it hears of all that is published from here on.
            let moved = core.changes.moved.notified();
            let Some(changes) = core.changes.after(self.position) else {
                self.begin();
                return ListNext::Reset;
            };
            if changes.is_empty() {
                moved.await;
                continue;
            }
            self.position += changes.len() as u64;
            let turns = changes
                .into_iter()
                .filter_map(|change| change.turn(&self.query).map(|turn| (turn, change)));
            let turns: Vec<_> = turns.collect();
            if !turns.is_empty() {
                return ListNext::Changed(turns);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(id: u128) -> Change {
        use heartline_execution::{Kind, Timestamp};
        let facets = Facets {
            kind: Kind::Agent,
            phase: Phase::Pending,
            name: "n".to_owned(),
            queue: Namespace::default_queue(Kind::Agent),
            runner: None,
            labels: Default::default(),
            created_at: Timestamp(0),
            reason: None,
            parent: None,
            retry_of: None,
        };
        let summary = Summary { json: Bytes::from_static(b"{}"), facets, before: None };
        Change {
            namespace: Namespace::default_namespace(),
            id: ExecutionId::new(Kind::Agent, id),
            seq: 1,
            events: Vec::new(),
            row: Row::Is(Arc::new(summary)),
        }
    }

    fn ids(changes: &[Arc<Change>]) -> Vec<u128> {
        changes.iter().map(|change| change.id.uuid()).collect()
    }

    #[test]
    fn what_is_kept_is_given_in_order_and_what_is_gone_is_told() {
        let changes = Changes::new(3 * change(0).bytes());
        for id in 1..=5 {
            changes.publish(change(id));
        }
        assert_eq!(ids(&changes.after(2).unwrap()), [3, 4, 5]);
        assert_eq!(ids(&changes.after(4).unwrap()), [5]);
        assert!(changes.after(5).unwrap().is_empty());
        assert!(changes.after(1).is_none());
        changes.lose();
        assert!(changes.after(5).is_none());
        assert!(changes.after(6).unwrap().is_empty());
    }
}
