//! A stream's log: what stands in it, and how its state comes out of it.

use std::collections::HashSet;

use bytes::Bytes;
use heartline_execution::{
    ExecutionId, Kind, Name, Phase, Timestamp,
    event::Private,
    stream::{Note, State},
};
use heartline_storage::{
    Error as StoreError, ExecutionStore, Facets, PageLimits, Query, Record, Summary,
};

use super::namespace;
use crate::core::Core;

/// The page that a replay reads at a time.
const REPLAY: PageLimits = PageLimits { events: 1_024, bytes: 4 << 20 };
/// Streams listed at a time, at the start.
const LIST: usize = 1_000;

/// What the start finds.
#[derive(Default)]
pub(crate) struct Found {
    /// Every stream, the newest of each path.
    pub(crate) streams: Vec<(ExecutionId, State)>,
    /// Logs whose removal was cut short: another stream has their path.
    pub(crate) left: Vec<ExecutionId>,
}

/// Reads every stream's state.
pub(crate) fn found(store: &dyn ExecutionStore) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let mut paths = HashSet::new();
    let mut cursor = None;
    loop {
        let listing = store.list(&Query { cursor, ..Query::all(namespace(), LIST) })?;
        for row in listing.rows {
            // Newest first, so that whoever comes later with the same path is the older one.
            match load(store, row.id)? {
                Some(state) if paths.insert(state.config.path.clone()) => {
                    found.streams.push((row.id, state));
                }
                Some(_) | None => found.left.push(row.id),
            }
        }
        cursor = listing.next;
        if cursor.is_none() {
            return Ok(found);
        }
    }
}

/// The state at the head: the stored snapshot and the notes since.
pub(crate) fn load(
    store: &dyn ExecutionStore,
    id: ExecutionId,
) -> Result<Option<State>, StoreError> {
    let namespace = namespace();
    let Some(head) = store.head(&namespace, id)? else { return Ok(None) };
    let (mut state, mut after) = match store.snapshot(&namespace, id)? {
        // What cannot be read is made again from the log.
        Some((seq, bytes)) => match serde_json::from_slice::<State>(&bytes) {
            Ok(state) => (Some(state), seq),
            Err(_) => (None, 0),
        },
        None => (None, 0),
    };
    loop {
        let page = store.events(&namespace, id, after, head, true, REPLAY)?;
        for stored in &page.events {
            let Record { seq, json, .. } = &stored.record;
            let note =
                serde_json::from_slice::<Note>(json).map_err(|error| StoreError::Corrupt {
                    place: format!("stream {id} seq {seq}"),
                    what: error.to_string(),
                })?;
            State::apply(&mut state, &note);
            after = *seq;
        }
        if !page.more {
            return Ok(state.map(|state| State { head, ..state }));
        }
    }
}

/// How a stream ended, as feeds tell it: closed is completed, deleted is cancelled.
pub(crate) fn ended(state: &State) -> Option<Phase> {
    match (state.deleted, &state.closed) {
        (true, _) => Some(Phase::Cancelled),
        (false, Some(_)) => Some(Phase::Completed),
        (false, None) => None,
    }
}

/// After a store has recovered: shows what turned out to be durable.
pub(crate) fn reconcile(core: &Core, id: ExecutionId) -> Result<(), StoreError> {
    if let Some(state) = load(&*core.store, id)? {
        core.reveal(&namespace(), id, state.head, ended(&state))?;
    }
    Ok(())
}

/// The rows of a decision, in order.
pub(crate) fn records(
    head: u64,
    before: Option<&Note>,
    messages: Vec<Bytes>,
    after: Option<&Note>,
) -> Vec<Record> {
    let note = |note: &Note| {
        let json = serde_json::to_vec(note).expect("a note is plain JSON");
        (true, Bytes::from(json))
    };
    let rows = before.map(note).into_iter();
    let rows = rows.chain(messages.into_iter().map(|message| (false, message)));
    let rows = rows.chain(after.map(note));
    (head + 1..)
        .zip(rows)
        .map(|(seq, (lifecycle, json))| Record {
            seq,
            lifecycle,
            private: Private::default(),
            json,
        })
        .collect()
}

/// What the start finds a stream by.
pub(crate) fn summary(state: &State, now: Timestamp) -> Summary {
    let facets = Facets {
        kind: Kind::Agent,
        phase: Phase::Pending,
        name: state.config.path.clone(),
        queue: Name::default_queue(Kind::Agent),
        runner: None,
        labels: Default::default(),
        created_at: now,
        reason: None,
        parent: None,
        retry_of: None,
    };
    let json = serde_json::to_vec(&state.config).expect("a configuration is plain JSON");
    Summary { json: json.into(), facets, before: None }
}

/// The state as it is kept.
pub(crate) fn snapshot(state: &State) -> Vec<u8> {
    serde_json::to_vec(state).expect("a state is plain JSON")
}
