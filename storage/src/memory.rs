//! [`MemoryStore`]: the same contract in memory, for tests and the simulator.
//!
//! What was committed is its "disk": it survives a crash, and nothing else exists. Deliberately
//! absent: the hash chain (there is nothing to be damaged) and indexes (a list looks at every row).

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use heartline_execution::{
    Event, ExecutionId, Name, Namespace, Place, QueueSettings, Standing, State, Timestamp,
    state::apply,
};

use crate::fence::Fence;
use crate::{
    Append, Counts, Cursor, Error, ExecutionStore, FORMAT, Facets, Idempotency, Listing, Meta,
    Page, PageLimits, Query, Record, Refusal, Row, Stored, Used, reads::Filling, search::order,
    snapshot::decode_state,
};

type Key = (Namespace, ExecutionId);

#[derive(Default)]
struct Log {
    events: Vec<Stored>,
    summary: Option<(Facets, bytes::Bytes)>,
    standing: Option<Standing>,
    /// And the seq it is of.
    snapshot: Option<(u64, Vec<u8>)>,
    client_key: Option<String>,
}

#[derive(Default)]
struct Disk {
    epoch: u64,
    decided_at: Option<Timestamp>,
    logs: BTreeMap<Key, Log>,
    used: HashMap<(Namespace, String), Used>,
    queues: BTreeMap<(Namespace, Name), QueueSettings>,
}

/// Keeps executions for as long as somebody holds it.
pub struct MemoryStore {
    disk: Arc<Mutex<Disk>>,
    meta: Meta,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::on(Arc::default())
    }

    fn on(disk: Arc<Mutex<Disk>>) -> Self {
        let meta = {
            let mut disk = disk.lock().unwrap_or_else(PoisonError::into_inner);
            disk.epoch += 1;
            Meta { format: FORMAT, epoch: disk.epoch, decided_at: disk.decided_at }
        };
        Self { disk, meta }
    }

    /// What a process finds that starts after this one was killed: all that was committed, under
    /// the next epoch. This store is dead from now on and refuses everything, so that a thread that
    /// outlives the crash in a test cannot write behind the new one's back.
    #[must_use]
    pub fn crash(&self) -> Self {
        Self::on(Arc::clone(&self.disk))
    }

    fn disk(&self) -> Result<MutexGuard<'_, Disk>, Error> {
        let disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if disk.epoch == self.meta.epoch {
            Ok(disk)
        } else {
            Err(Error::Unhealthy("it crashed, and another one took over".to_owned()))
        }
    }
}

impl Log {
    fn head(&self) -> u64 {
        self.events.last().map_or(0, |event| event.record.seq)
    }

    fn range(&self, after: u64, until: u64) -> impl Iterator<Item = &Stored> {
        self.events.iter().filter(move |e| e.record.seq > after && e.record.seq <= until)
    }
}

impl Disk {
    fn append(&mut self, append: &Append) -> Result<(), Refusal> {
        let key = (append.namespace.clone(), append.id);
        let head = self.logs.get(&key).map_or(0, Log::head);
        if head != append.expected_seq {
            return Err(Refusal::Moved { expected: append.expected_seq, actual: head });
        }
        if let Some((_, wrong)) = (head + 1..).zip(&append.records).find(|(n, r)| *n != r.seq) {
            return Err(Refusal::Moved { expected: wrong.seq.saturating_sub(1), actual: head });
        }
        let Append {
            namespace,
            id,
            expected_seq: _,
            records,
            standing,
            summary,
            snapshot,
            idempotency,
            decided_at,
        } = append;
        let nothing = records.is_empty()
            && standing.is_none()
            && summary.is_none()
            && snapshot.is_none()
            && idempotency.is_none();
        if nothing {
            return Ok(()); // A barrier must not make a log.
        }
        self.decided_at = self.decided_at.max(Some(*decided_at));
        let log = self.logs.entry(key).or_default();
        let mut prev_lifecycle = log.events.last().map_or(0, |last| {
            if last.record.lifecycle { last.record.seq } else { last.prev_lifecycle }
        });
        for record in records {
            log.events.push(Stored { record: record.clone(), prev_lifecycle });
            if record.lifecycle {
                prev_lifecycle = record.seq;
            }
        }
        if let Some(standing) = standing {
            log.standing = Some(standing.clone()).filter(|s| s.place != Place::Over);
        }
        if let Some(summary) = summary {
            log.summary = Some((summary.facets.clone(), summary.json.clone()));
        }
        if let Some(state) = snapshot {
            log.snapshot = Some((log.head(), state.clone()));
        }
        if let Some(Idempotency { key, fingerprint }) = idempotency {
            log.client_key = Some(key.clone());
            let used = Used { id: *id, fingerprint: *fingerprint };
            self.used.insert((namespace.clone(), key.clone()), used);
        }
        Ok(())
    }
}

impl ExecutionStore for MemoryStore {
    fn commit(&self, batch: &[Append]) -> Result<Vec<Result<(), Refusal>>, Error> {
        let mut disk = self.disk()?;
        let mut fence = Fence::default();
        let answer = |append| match fence.refuses(append) {
            Some(refusal) => Err(refusal),
            None => {
                let outcome = disk.append(append);
                fence.note(append, &outcome);
                outcome
            }
        };
        Ok(batch.iter().map(answer).collect())
    }

    fn events(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        after: u64,
        until: u64,
        lifecycle_only: bool,
        limits: PageLimits,
    ) -> Result<Page, Error> {
        let disk = self.disk()?;
        let mut page = Page::default();
        let mut filling = Filling::new(limits);
        let log = disk.logs.get(&(namespace.clone(), id));
        for event in log.into_iter().flat_map(|log| log.range(after, until)) {
            if lifecycle_only && !event.record.lifecycle {
                continue;
            }
            if !filling.takes(event.record.json.len()) {
                page.more = true;
                break;
            }
            page.events.push(event.clone());
        }
        Ok(page)
    }

    fn head(&self, namespace: &Namespace, id: ExecutionId) -> Result<Option<u64>, Error> {
        let head = self.disk()?.logs.get(&(namespace.clone(), id)).map(Log::head);
        Ok(head.filter(|head| *head > 0))
    }

    fn load(&self, namespace: &Namespace, id: ExecutionId) -> Result<Option<State>, Error> {
        let disk = self.disk()?;
        let Some(log) = disk.logs.get(&(namespace.clone(), id)) else { return Ok(None) };
        let corrupt = |what: String| Error::Corrupt { place: id.to_string(), what };
        let mut state = log
            .snapshot
            .as_ref()
            .map(|(_, bytes)| decode_state(bytes).map_err(|error| corrupt(error.to_string())))
            .transpose()?;
        let after = state.as_ref().map_or(0, |state| state.seq);
        for Stored { record: Record { json, private, .. }, .. } in log.range(after, u64::MAX) {
            let event =
                Event::decode(json, *private).map_err(|error| corrupt(error.to_string()))?;
            apply(&mut state, &event).map_err(|error| corrupt(error.to_string()))?;
        }
        Ok(state)
    }

    fn snapshot(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Result<Option<(u64, Vec<u8>)>, Error> {
        let disk = self.disk()?;
        Ok(disk.logs.get(&(namespace.clone(), id)).and_then(|log| log.snapshot.clone()))
    }

    fn standing(&self, namespace: &Namespace, id: ExecutionId) -> Result<Option<Standing>, Error> {
        let disk = self.disk()?;
        Ok(disk.logs.get(&(namespace.clone(), id)).and_then(|log| log.standing.clone()))
    }

    fn live(&self, visit: &mut dyn FnMut(Standing)) -> Result<(), Error> {
        let standings: Vec<_> =
            self.disk()?.logs.values().filter_map(|log| log.standing.clone()).collect();
        standings.into_iter().for_each(visit);
        Ok(())
    }

    fn list(&self, query: &Query) -> Result<Listing, Error> {
        let disk = self.disk()?;
        let mut matching: Vec<_> = disk
            .logs
            .iter()
            .filter(|((namespace, _), _)| *namespace == query.namespace)
            .filter_map(|((_, id), log)| {
                let (facets, json) = log.summary.as_ref()?;
                let place = Cursor { created_at: facets.created_at, id: *id };
                let wanted = query.matches(*id, facets)
                    && query.cursor.is_none_or(|cursor| order(&place) < order(&cursor));
                wanted.then(|| (place, Row { id: *id, json: json.clone(), head: log.head() }))
            })
            .collect();
        matching.sort_unstable_by_key(|(place, _)| Reverse(order(place)));
        let limit = query.limit.max(1);
        let more = matching.len() > limit;
        matching.truncate(limit);
        let next = matching.last().filter(|_| more).map(|(place, _)| *place);
        Ok(Listing { rows: matching.into_iter().map(|(_, row)| row).collect(), next })
    }

    fn count(&self, query: &Query) -> Result<Counts, Error> {
        let disk = self.disk()?;
        let mut counts = Counts::default();
        for ((namespace, id), log) in &disk.logs {
            if let Some((facets, _)) = &log.summary
                && *namespace == query.namespace
                && query.matches(*id, facets)
            {
                counts.add(facets.phase);
            }
        }
        Ok(counts)
    }

    fn used(&self, namespace: &Namespace, key: &str) -> Result<Option<Used>, Error> {
        Ok(self.disk()?.used.get(&(namespace.clone(), key.to_owned())).cloned())
    }

    fn purge(&self, namespace: &Namespace, id: ExecutionId) -> Result<bool, Error> {
        let mut disk = self.disk()?;
        let Some(log) = disk.logs.remove(&(namespace.clone(), id)) else { return Ok(false) };
        if let Some(key) = log.client_key {
            let place = (namespace.clone(), key);
            if disk.used.get(&place).is_some_and(|used| used.id == id) {
                disk.used.remove(&place);
            }
        }
        Ok(true)
    }

    fn queues(&self, visit: &mut dyn FnMut(Namespace, Name, QueueSettings)) -> Result<(), Error> {
        let queues = self.disk()?.queues.clone();
        queues.into_iter().for_each(|((namespace, queue), set)| visit(namespace, queue, set));
        Ok(())
    }

    fn set_queue(
        &self,
        namespace: &Namespace,
        queue: &Name,
        settings: &QueueSettings,
    ) -> Result<(), Error> {
        let mut disk = self.disk()?;
        let key = (namespace.clone(), queue.clone());
        if settings.is_default() {
            disk.queues.remove(&key);
        } else {
            disk.queues.insert(key, settings.clone());
        }
        Ok(())
    }

    fn meta(&self) -> Meta {
        self.meta.clone()
    }

    fn healthy(&self) -> Result<(), Error> {
        self.disk().map(drop)
    }

    fn recover(&self) -> Result<(), Error> {
        self.healthy()
    }
}
