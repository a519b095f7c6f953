//! Writing: one batch of appends becomes one synced RocksDB batch.
//!
//! The hot path reads no disk (the heads are cached), parses nothing, and copies each event once.

use heartline_execution::{ExecutionId, Namespace, Place, Timestamp};
use rocksdb::{DB, WriteBatch, WriteOptions};

use crate::fence::Fence;
use crate::{
    Append, Error, Idempotency, Refusal, Summary, Used,
    codec::{Fields, ID_LEN, push_id},
    facets,
    heads::{Head, Heads},
    keys::{self, About},
    lists::{self, Change},
    open,
    reads::{Families, Reader, failed},
    record, snapshot, standing,
};

const IDEMPOTENCY_VERSION: u8 = 1;

/// Up to this many events a purge deletes one by one: range tombstones are kept in a list that
/// every later read consults, which is only worth it for long logs.
const POINT_DELETES: u64 = 256;

/// Writes batches; there is one, behind a lock.
pub(crate) struct Writer {
    heads: Heads,
    key: Vec<u8>,
    value: Vec<u8>,
    synced: WriteOptions,
    /// The latest that is on disk, as far as this opening wrote it.
    decided_at: Timestamp,
}

impl Writer {
    pub(crate) fn new(decided_at: Timestamp) -> Self {
        Self {
            heads: Heads::default(),
            key: Vec::new(),
            value: Vec::new(),
            synced: open::synced(),
            decided_at,
        }
    }

    /// After anything unexpected the log is read again.
    pub(crate) fn forget_all(&mut self) {
        self.heads.clear();
    }

    /// See [`ExecutionStore::commit`](crate::ExecutionStore::commit).
    pub(crate) fn commit(
        &mut self,
        db: &DB,
        batch: &[Append],
    ) -> Result<Vec<Result<(), Refusal>>, Error> {
        self.heads.make_room();
        let mut staging = Staging {
            db,
            families: Families::of(db)?,
            rows: WriteBatch::with_capacity_bytes(size_hint(batch)),
        };
        let mut fence = Fence::default();
        let outcomes = batch
            .iter()
            .map(|append| match fence.refuses(append) {
                Some(refusal) => Ok(Err(refusal)),
                None => {
                    self.stage(&mut staging, append).inspect(|outcome| fence.note(append, outcome))
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        if !staging.rows.is_empty() {
            let decided = batch.iter().filter(|append| !append.records.is_empty());
            let decided_at = decided.map(|append| append.decided_at).max();
            let decided_at = decided_at.filter(|at| *at > self.decided_at);
            if let Some(at) = decided_at {
                let meta = open::meta_family(db)?;
                staging.rows.put_cf(meta, open::DECIDED_AT, at.0.to_be_bytes());
            }
            self.apply(db, staging.rows)?;
            self.decided_at = decided_at.unwrap_or(self.decided_at);
        }
        for append in batch {
            // Nobody writes to it again; were it done, the head would be read again.
            if append.standing.as_ref().is_some_and(|standing| standing.place == Place::Over) {
                self.heads.forget(&(append.namespace.clone(), append.id));
            }
        }
        Ok(outcomes)
    }

    fn stage(
        &mut self,
        staging: &mut Staging<'_>,
        append: &Append,
    ) -> Result<Result<(), Refusal>, Error> {
        let Append { namespace, id, expected_seq, records, .. } = append;
        let place = (namespace.clone(), *id);
        let mut head = match self.heads.get(&place) {
            Some(head) => head,
            None => match staging.head(namespace, *id, *expected_seq) {
                Ok(head) => head,
                // One damaged log must not stop the others.
                Err(Error::Corrupt { place, what }) => {
                    return Ok(Err(Refusal::Damaged { what: format!("{place}: {what}") }));
                }
                Err(error) => return Err(error),
            },
        };
        let moved = |expected| Refusal::Moved { expected, actual: head.seq };
        if head.seq != *expected_seq {
            return Ok(Err(moved(*expected_seq)));
        }
        // Whatever does not come next would be a hole or a repeat in the log.
        if let Some((_, wrong)) =
            (head.seq + 1..).zip(records).find(|(next, record)| *next != record.seq)
        {
            return Ok(Err(moved(wrong.seq.saturating_sub(1))));
        }
        self.key.clear();
        keys::push_namespace(&mut self.key, namespace);
        push_id(&mut self.key, *id);
        self.key.extend_from_slice(&[0; 8]);
        for record in records {
            keys::set_seq(&mut self.key, record.seq);
            self.value.clear();
            let link = record::encode(&mut self.value, &head.link, head.lifecycle, record);
            staging.rows.put_cf(staging.families.events, &self.key, &self.value);
            head = Head { seq: record.seq, link, lifecycle: head.lifecycle };
            if record.lifecycle {
                head.lifecycle = record.seq;
                let key = keys::lifecycle(namespace, *id, record.seq);
                staging.rows.put_cf(staging.families.executions, key, []);
            }
        }
        self.stage_derived(staging, append, head);
        if head.seq > 0 {
            self.heads.set(place, head);
        }
        Ok(Ok(()))
    }

    /// Everything but the events.
    fn stage_derived(&mut self, staging: &mut Staging<'_>, append: &Append, head: Head) {
        let Append {
            namespace,
            id,
            expected_seq: _,
            records: _,
            standing,
            summary,
            snapshot,
            idempotency,
            decided_at: _,
        } = append;
        let Staging { families, rows, .. } = staging;
        if let Some(standing) = standing {
            let key = keys::execution(namespace, *id);
            if standing.place == Place::Over {
                rows.delete_cf(families.live, key);
            } else {
                self.value.clear();
                standing::encode(&mut self.value, standing);
                rows.put_cf(families.live, key, &self.value);
            }
        }
        if let Some(summary) = summary {
            let Summary { json, facets, before } = &**summary;
            let change = Change::between(namespace, *id, before.as_ref(), facets);
            for key in change.removed {
                rows.delete_cf(families.lists, key);
            }
            for key in change.added {
                rows.put_cf(families.lists, key, []);
            }
            self.value.clear();
            facets::encode(&mut self.value, facets, json);
            let key = keys::about(namespace, About::Summary, *id);
            rows.put_cf(families.executions, key, &self.value);
        }
        if let Some(state) = snapshot {
            let key = keys::about(namespace, About::Snapshot, *id);
            let row = snapshot::encode_row(head.seq, &head.link, state);
            rows.put_cf(families.executions, key, row);
        }
        if let Some(Idempotency { key, fingerprint }) = idempotency {
            let used = encode_used(&Used { id: *id, fingerprint: *fingerprint });
            rows.put_cf(families.idempotency, keys::idempotency(namespace, key), used);
            let back = keys::about(namespace, About::Idempotency, *id);
            rows.put_cf(families.executions, back, key);
        }
    }

    /// What [`ExecutionStore::purge`](crate::ExecutionStore::purge) deletes; `None` when there is
    /// nothing.
    pub(crate) fn stage_purge(
        &mut self,
        db: &DB,
        ns: &Namespace,
        id: ExecutionId,
    ) -> Result<Option<WriteBatch>, Error> {
        self.heads.forget(&(ns.clone(), id));
        let reader = Reader::of(db)?;
        let Families { events, executions, live, lists, idempotency } = reader.families;
        let mut rows = WriteBatch::default();
        let head = reader.last_seq(ns, id)?;
        match head {
            None => {}
            Some(head) if head <= POINT_DELETES => {
                (1..=head).for_each(|seq| rows.delete_cf(events, keys::event(ns, id, seq)));
            }
            Some(_) => {
                rows.delete_range_cf(events, keys::event(ns, id, 0), keys::event(ns, id, u64::MAX))
            }
        }
        let (from, to) = (keys::lifecycle(ns, id, 0), keys::lifecycle(ns, id, u64::MAX));
        let mut index = reader.iterate(executions, from, to);
        index.seek_to_first();
        while let Some(key) = index.key() {
            rows.delete_cf(executions, key);
            index.next();
        }
        index.status().map_err(failed)?;
        let summary_key = keys::about(ns, About::Summary, id);
        let summary = reader.get(executions, &summary_key)?;
        if head.is_none() && summary.is_none() {
            return Ok(None);
        }
        if let Some(row) = &summary {
            let (facets, _) = facets::decode(row)
                .map_err(|what| Error::Corrupt { place: format!("{id} summary"), what })?;
            lists::rows(ns, id, &facets).iter().for_each(|key| rows.delete_cf(lists, key));
        }
        rows.delete_cf(executions, &summary_key);
        rows.delete_cf(executions, keys::about(ns, About::Snapshot, id));
        rows.delete_cf(live, keys::execution(ns, id));
        let back = keys::about(ns, About::Idempotency, id);
        if let Some(client_key) = reader.get(executions, &back)? {
            let mut key = Vec::new();
            keys::push_namespace(&mut key, ns);
            key.extend_from_slice(&client_key);
            let ours = match reader.get(idempotency, &key)? {
                Some(row) => decode_used(&row)?.id == id,
                None => false,
            };
            if ours {
                rows.delete_cf(idempotency, key);
            }
            rows.delete_cf(executions, back);
        }
        Ok(Some(rows))
    }

    /// Makes rows durable.
    pub(crate) fn apply(&self, db: &DB, rows: WriteBatch) -> Result<(), Error> {
        db.write_opt(rows, &self.synced).map_err(failed)
    }
}

/// A batch that is being put together.
struct Staging<'a> {
    db: &'a DB,
    families: Families<'a>,
    rows: WriteBatch,
}

impl Staging<'_> {
    /// The end of a log that is not in the cache.
    fn head(&self, ns: &Namespace, id: ExecutionId, expected: u64) -> Result<Head, Error> {
        let absent = || Head { seq: 0, link: record::seed(ns, id), lifecycle: 0 };
        // Creation: one look at the first event, which a filter mostly answers.
        if expected == 0 {
            let first = self.db.get_pinned_cf(self.families.events, keys::event(ns, id, 1));
            if first.map_err(failed)?.is_none() {
                return Ok(absent());
            }
        }
        Ok(Reader::of(self.db)?.head(ns, id)?.unwrap_or_else(absent))
    }
}

/// Bytes that a batch will need, roughly: too little costs a copy, too much nothing.
fn size_hint(batch: &[Append]) -> usize {
    let append = |append: &Append| {
        append.bytes()
            + append.records.len() * 112
            + if append.summary.is_some() { 2_048 } else { 0 }
    };
    batch.iter().map(append).sum()
}

fn encode_used(used: &Used) -> Vec<u8> {
    let mut row = Vec::with_capacity(1 + ID_LEN + 32);
    row.push(IDEMPOTENCY_VERSION);
    push_id(&mut row, used.id);
    row.extend_from_slice(&used.fingerprint);
    row
}

/// The inverse of what a creation wrote.
pub(crate) fn decode_used(row: &[u8]) -> Result<Used, Error> {
    let corrupt = |what: String| Error::Corrupt { place: "an idempotency key".to_owned(), what };
    let mut fields = Fields(row);
    match fields.u8() {
        Some(IDEMPOTENCY_VERSION) => {}
        Some(newer) => return Err(corrupt(format!("version {newer} is not known"))),
        None => return Err(corrupt("it is empty".to_owned())),
    }
    let id = fields.id();
    id.zip(fields.array())
        .map(|(id, fingerprint)| Used { id, fingerprint })
        .ok_or_else(|| corrupt("it is too short".to_owned()))
}
