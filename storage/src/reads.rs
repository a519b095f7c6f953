//! Reading a log back: its head, pages of it, the state it folds to. Nothing is served that the hash
//! chain does not vouch for.

use heartline_execution::{Event, ExecutionId, Namespace, State, state::apply};
use rocksdb::{ColumnFamily, DB, DBPinnableSlice, DBRawIterator, ReadOptions, Snapshot};

use crate::{
    Error, Page, PageLimits, Stored,
    heads::Head,
    keys::{self, About},
    options::{EVENTS, EXECUTIONS, IDEMPOTENCY, LISTS, LIVE},
    record::{self, Link, Row},
    snapshot,
};

/// The page that a replay reads at a time.
const REPLAY: PageLimits = PageLimits { events: 1_024, bytes: 4 << 20 };

/// The column families that hold executions.
#[derive(Clone, Copy)]
pub(crate) struct Families<'a> {
    pub(crate) events: &'a ColumnFamily,
    pub(crate) executions: &'a ColumnFamily,
    pub(crate) live: &'a ColumnFamily,
    pub(crate) lists: &'a ColumnFamily,
    pub(crate) idempotency: &'a ColumnFamily,
}

impl<'a> Families<'a> {
    pub(crate) fn of(db: &'a DB) -> Result<Self, Error> {
        Ok(Self {
            events: family(db, EVENTS)?,
            executions: family(db, EXECUTIONS)?,
            live: family(db, LIVE)?,
            lists: family(db, LISTS)?,
            idempotency: family(db, IDEMPOTENCY)?,
        })
    }
}

/// One of the column families.
pub(crate) fn family<'a>(db: &'a DB, name: &str) -> Result<&'a ColumnFamily, Error> {
    db.cf_handle(name).ok_or_else(|| Error::Io(format!("no column family {name}")))
}

/// RocksDB's errors in the contract's words.
pub(crate) fn failed(error: rocksdb::Error) -> Error {
    match error.kind() {
        rocksdb::ErrorKind::Corruption => {
            Error::Corrupt { place: "the database".to_owned(), what: error.into_string() }
        }
        _ => Error::Io(error.into_string()), // RocksDB's kinds, not ours: all mean "not done".
    }
}

/// Damage at one event.
pub(crate) fn damaged(id: ExecutionId, seq: u64, what: impl Into<String>) -> Error {
    Error::Corrupt { place: format!("{id} seq {seq}"), what: what.into() }
}

const BROKEN: &str = "the record does not continue the hash chain";

/// One consistent view of the store.
pub(crate) struct Reader<'a> {
    pub(crate) families: Families<'a>,
    pub(crate) snapshot: Snapshot<'a>,
}

impl<'a> Reader<'a> {
    pub(crate) fn of(db: &'a DB) -> Result<Self, Error> {
        Ok(Self { families: Families::of(db)?, snapshot: db.snapshot() })
    }

    /// An iterator within bounds; the upper one is exclusive.
    pub(crate) fn iterate(
        &self,
        family: &ColumnFamily,
        from: Vec<u8>,
        to: Vec<u8>,
    ) -> DBRawIterator<'_> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(from);
        options.set_iterate_upper_bound(to);
        self.snapshot.raw_iterator_cf_opt(family, options)
    }

    pub(crate) fn get(
        &self,
        family: &ColumnFamily,
        key: &[u8],
    ) -> Result<Option<DBPinnableSlice<'_>>, Error> {
        self.snapshot.get_pinned_cf(family, key).map_err(failed)
    }

    /// The seq of the last event.
    pub(crate) fn last_seq(&self, ns: &Namespace, id: ExecutionId) -> Result<Option<u64>, Error> {
        let mut log = self.log_backwards(ns, id);
        log.seek_to_last();
        log.status().map_err(failed)?;
        Ok(log.key().and_then(keys::seq))
    }

    fn log_backwards(&self, ns: &Namespace, id: ExecutionId) -> DBRawIterator<'_> {
        let (from, to) = (keys::event(ns, id, 0), keys::event(ns, id, u64::MAX));
        self.iterate(self.families.events, from, to)
    }

    /// The verified end of a log.
    pub(crate) fn head(&self, ns: &Namespace, id: ExecutionId) -> Result<Option<Head>, Error> {
        let mut log = self.log_backwards(ns, id);
        log.seek_to_last();
        log.status().map_err(failed)?;
        let Some((seq, value)) = log.key().and_then(keys::seq).zip(log.value()) else {
            return Ok(None);
        };
        let row = Row::decode(value).map_err(|what| damaged(id, seq, what))?;
        if !row.follows(&self.link_before(ns, id, seq)?) {
            return Err(damaged(id, seq, BROKEN));
        }
        let lifecycle = if row.lifecycle { seq } else { row.prev_lifecycle };
        Ok(Some(Head { seq, link: row.link, lifecycle }))
    }

    /// The link that the event `seq` must follow.
    fn link_before(&self, ns: &Namespace, id: ExecutionId, seq: u64) -> Result<Link, Error> {
        if seq <= 1 {
            return Ok(record::seed(ns, id));
        }
        let before = seq - 1;
        let value = self
            .get(self.families.events, &keys::event(ns, id, before))?
            .ok_or_else(|| damaged(id, before, "the record is missing"))?;
        Ok(Row::decode(&value).map_err(|what| damaged(id, before, what))?.link)
    }

    /// One event that must exist, verified, and its link.
    fn event(&self, ns: &Namespace, id: ExecutionId, seq: u64) -> Result<(Stored, Link), Error> {
        let value = self
            .get(self.families.events, &keys::event(ns, id, seq))?
            .ok_or_else(|| damaged(id, seq, "the record is missing"))?;
        let row = Row::decode(&value).map_err(|what| damaged(id, seq, what))?;
        if !row.follows(&self.link_before(ns, id, seq)?) {
            return Err(damaged(id, seq, BROKEN));
        }
        Ok((row.stored(seq), row.link))
    }

    /// Events with `after < seq <= until`.
    pub(crate) fn page(
        &self,
        ns: &Namespace,
        id: ExecutionId,
        after: u64,
        until: u64,
        limits: PageLimits,
    ) -> Result<Page, Error> {
        let mut page = Page::default();
        if after >= until {
            return Ok(page);
        }
        let to = keys::event(ns, id, until.saturating_add(1));
        let mut log = self.iterate(self.families.events, keys::event(ns, id, after), to);
        log.seek_to_first();
        let mut link = record::seed(ns, id);
        let mut seq = after;
        if let (true, Some((found, value))) = (after > 0, entry(&log)) {
            if found != after {
                return Err(damaged(id, after, "the record is missing"));
            }
            link = Row::decode(value).map_err(|what| damaged(id, after, what))?.link;
            log.next();
        }
        let mut filling = Filling::new(limits);
        while let Some((found, value)) = entry(&log) {
            seq += 1;
            if found != seq {
                return Err(damaged(id, seq, "the record is missing"));
            }
            let row = Row::decode(value).map_err(|what| damaged(id, seq, what))?;
            if !filling.takes(row.json.len()) {
                page.more = true;
                break;
            }
            if !row.follows(&link) {
                return Err(damaged(id, seq, BROKEN));
            }
            link = row.link;
            page.events.push(row.stored(seq));
            log.next();
        }
        log.status().map_err(failed)?;
        Ok(page)
    }

    /// Lifecycle events with `after < seq <= until`, by their own index.
    pub(crate) fn lifecycle_page(
        &self,
        ns: &Namespace,
        id: ExecutionId,
        after: u64,
        until: u64,
        limits: PageLimits,
    ) -> Result<Page, Error> {
        let mut page = Page::default();
        if after >= until {
            return Ok(page);
        }
        let from = keys::lifecycle(ns, id, after + 1);
        let to = keys::lifecycle(ns, id, until.saturating_add(1));
        let mut index = self.iterate(self.families.executions, from, to);
        index.seek_to_first();
        let mut filling = Filling::new(limits);
        let mut shown = None;
        while let Some((seq, _)) = entry(&index) {
            let (event, _) = self.event(ns, id, seq)?;
            let continues = match shown {
                Some(shown) => event.prev_lifecycle == shown,
                None => event.prev_lifecycle <= after,
            };
            if !event.record.lifecycle || !continues {
                return Err(damaged(id, seq, "the lifecycle index does not match the log"));
            }
            if !filling.takes(event.record.json.len()) {
                page.more = true;
                break;
            }
            shown = Some(seq);
            page.events.push(event);
            index.next();
        }
        index.status().map_err(failed)?;
        Ok(page)
    }

    /// The state at the head.
    pub(crate) fn load(&self, ns: &Namespace, id: ExecutionId) -> Result<Option<State>, Error> {
        let mut state = self.kept_state(ns, id)?;
        loop {
            let after = state.as_ref().map_or(0, |state| state.seq);
            let page = self.page(ns, id, after, u64::MAX, REPLAY)?;
            for Stored { record, .. } in &page.events {
                let event = Event::decode(&record.json, record.private)
                    .map_err(|error| damaged(id, record.seq, error.to_string()))?;
                apply(&mut state, &event)
                    .map_err(|error| damaged(id, record.seq, error.to_string()))?;
            }
            if !page.more {
                return Ok(state);
            }
        }
    }

    /// The stored state, once the log confirms it; `None` when there is none or it is unreadable,
    /// for then the log makes it again.
    fn kept_state(&self, ns: &Namespace, id: ExecutionId) -> Result<Option<State>, Error> {
        let Some((seq, bytes)) = self.snapshot(ns, id)? else { return Ok(None) };
        let corrupt = |what| Error::Corrupt { place: format!("{id} snapshot"), what };
        match snapshot::decode_state(&bytes) {
            Ok(state) if state.seq == seq && state.id == id => Ok(Some(state)),
            Ok(state) => {
                Err(corrupt(format!("it is of {} at {}, not at {seq}", state.id, state.seq)))
            }
            Err(snapshot::Unreadable::Newer(what)) => Err(corrupt(what)),
            Err(snapshot::Unreadable::Malformed(what)) => {
                tracing::warn!(execution = %id, what, "a snapshot is unreadable; replaying the log");
                Ok(None)
            }
        }
    }

    /// The stored snapshot and its seq, once the log confirms it.
    pub(crate) fn snapshot(
        &self,
        ns: &Namespace,
        id: ExecutionId,
    ) -> Result<Option<(u64, Vec<u8>)>, Error> {
        let key = keys::about(ns, About::Snapshot, id);
        let Some(row) = self.get(self.families.executions, &key)? else { return Ok(None) };
        let corrupt = |what| Error::Corrupt { place: format!("{id} snapshot"), what };
        let (seq, link, bytes) = snapshot::decode_row(&row).map_err(corrupt)?;
        if self.event(ns, id, seq)?.1 != link {
            return Err(corrupt(format!("it is not of the log that has this event {seq}")));
        }
        Ok(Some((seq, bytes.to_vec())))
    }
}

fn entry<'i>(log: &'i DBRawIterator<'_>) -> Option<(u64, &'i [u8])> {
    let (key, value) = log.item()?;
    Some((keys::seq(key)?, value))
}

/// Counts what a page holds; the first event always fits.
pub(crate) struct Filling {
    limits: PageLimits,
    events: usize,
    bytes: usize,
}

impl Filling {
    pub(crate) fn new(limits: PageLimits) -> Self {
        Self { limits, events: 0, bytes: 0 }
    }

    /// Whether one more event of this size fits; counts it if so.
    pub(crate) fn takes(&mut self, bytes: usize) -> bool {
        let fits = self.events < self.limits.events
            && self.bytes.saturating_add(bytes) <= self.limits.bytes;
        if self.events > 0 && !fits {
            return false;
        }
        self.events += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        true
    }
}
