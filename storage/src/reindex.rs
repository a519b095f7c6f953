//! Brings the list indexes of a folder up to this version: executions that a version before wrote
//! lack the rows of facets it did not know.

use std::path::Path;

use rocksdb::{DB, WriteBatch};

use crate::{
    Error, OpenError,
    codec::id_from,
    facets,
    keys::{self, About},
    lists,
    open::{meta_family, synced},
    reads::{Reader, failed},
};

/// Goes up with every new facet.
const INDEXES: u32 = 2;
/// Row of the `meta` family: which the lists were last brought up to; big-endian.
const ROW: &[u8] = b"indexes";
/// Executions of one write: a few megabytes of rows.
const AT_ONCE: usize = 5_000;

/// Does nothing, quickly, where they are up to date. After a crash in between it begins anew: to
/// write a row again changes nothing.
///
/// # Errors
/// What is damaged, or what the disk said.
pub(crate) fn complete(db: &DB, folder: &Path) -> Result<(), OpenError> {
    renew(db).map_err(|error| match error {
        Error::Corrupt { place, what } => OpenError::Damaged {
            file: folder.to_owned(),
            what: format!("{place}: {what}"),
            advice: "restore the folder from a backup".to_owned(),
        },
        error => OpenError::Io { folder: folder.to_owned(), what: error.to_string() },
    })
}

fn renew(db: &DB) -> Result<(), Error> {
    let meta = meta_family(db)?;
    let found = db.get_pinned_cf(meta, ROW).map_err(failed)?;
    if found.is_some_and(|row| row[..] == INDEXES.to_be_bytes()) {
        return Ok(());
    }
    let families = Reader::of(db)?.families;
    let mut rows = db.raw_iterator_cf(families.executions);
    rows.seek_to_first();
    let (mut batch, mut executions) = (WriteBatch::default(), 0_usize);
    while let Some((key, value)) = rows.item() {
        let malformed = || Error::Corrupt {
            place: "executions".to_owned(),
            what: format!("a key is malformed: {key:02x?}"),
        };
        let (namespace, rest) = keys::split_namespace(key).ok_or_else(malformed)?;
        let (&about, id) = rest.split_first().ok_or_else(malformed)?;
        if about != About::Summary as u8 {
            // Summaries come first in a namespace.
            let mut next = Vec::new();
            keys::push_namespace(&mut next, &namespace);
            next.push(u8::MAX);
            rows.seek(next);
            continue;
        }
        let id = id_from(id).ok_or_else(malformed)?;
        let (facets, _) = facets::decode(value)
            .map_err(|what| Error::Corrupt { place: format!("{id} summary"), what })?;
        for row in lists::rows(&namespace, id, &facets) {
            batch.put_cf(families.lists, row, []);
        }
        executions += 1;
        if executions.is_multiple_of(AT_ONCE) {
            db.write(std::mem::take(&mut batch)).map_err(failed)?;
        }
        rows.next();
    }
    rows.status().map_err(failed)?;
    batch.put_cf(meta, ROW, INDEXES.to_be_bytes());
    db.write_opt(batch, &synced()).map_err(failed)?;
    if executions > 0 {
        tracing::info!(executions, "the list indexes were brought up to this version");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use heartline_execution::{ExecutionId, Kind, Name, Phase, Timestamp};

    use super::*;
    use crate::{ExecutionStore as _, Facets, Options, Query, RocksStore, options};

    #[test]
    fn executions_of_the_version_before_are_found_by_what_it_did_not_index() {
        let folder = tempfile::tempdir().unwrap();
        drop(RocksStore::open(folder.path(), Options::default()).unwrap());
        let id = |uuid| ExecutionId::new(Kind::Agent, uuid);
        let namespaces = ["a", "default", "zz"].map(|name| Name::new(name).unwrap());
        // As the version before left it: summaries, but no row for what they try again.
        {
            let db = DB::open_cf_descriptors(
                &Options::default().database(false),
                folder.path(),
                Options::default().families(),
            )
            .unwrap();
            let families = Reader::of(&db).unwrap().families;
            for (namespace, n) in namespaces.iter().flat_map(|ns| (1..=3).map(move |n| (ns, n))) {
                let facets = Facets {
                    kind: Kind::Agent,
                    phase: Phase::Completed,
                    name: "n".to_owned(),
                    queue: Name::default_queue(Kind::Agent),
                    runner: None,
                    labels: [].into(),
                    created_at: Timestamp(n as i64),
                    reason: None,
                    parent: None,
                    retry_of: (n > 1).then(|| id(1)),
                };
                let mut row = Vec::new();
                facets::encode(&mut row, &facets, b"{}");
                let summary = keys::about(namespace, About::Summary, id(n));
                db.put_cf(families.executions, summary, row).unwrap();
                let lifecycle = keys::lifecycle(namespace, id(n), 1);
                db.put_cf(families.executions, lifecycle, []).unwrap();
            }
            db.put_cf(db.cf_handle(options::META).unwrap(), ROW, 1_u32.to_be_bytes()).unwrap();
        }
        let retries = |store: &RocksStore| {
            namespaces.clone().map(|namespace| {
                let query = Query { retry_of: Some(id(1)), ..Query::all(namespace, 10) };
                store.count(&query).unwrap().by_phase.iter().sum::<u64>()
            })
        };
        for _ in 0..2 {
            let store = RocksStore::open(folder.path(), Options::default()).unwrap();
            assert_eq!(retries(&store), [2, 2, 2]);
        }
    }
}
