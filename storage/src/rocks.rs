//! [`RocksStore`]: the store on disk.
//!
//! After a failed write nothing is written any more: once the disk works again the database is
//! closed and opened anew, and what its log holds then is the truth. Until then what was settled
//! before is still read; of the executions in the failed write nobody knows where they stand, and
//! to say so is all that is said of them.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
};

use heartline_execution::{
    ExecutionId, Name, Namespace, QueueSettings, Standing, State, Timestamp,
};
use rocksdb::DB;

use crate::{
    Append, Counts, Error, ExecutionStore, Listing, Meta, OpenError, Page, PageLimits, Query,
    Refusal, Used,
    archive::Sweeper,
    codec::id_from,
    commit::{Writer, decode_used},
    disk, keys,
    open::{Claim, next_epoch, probe},
    options::Options,
    queues,
    reads::{Families, Reader, failed},
    reindex, standing,
};

/// A write has failed and nothing has been opened anew since.
struct Fault {
    why: String,
    /// What was in that write: it may turn out to be durable, or not.
    unknown: HashSet<(Namespace, ExecutionId)>,
}

/// Keeps executions in a data folder; one process at a time.
pub struct RocksStore {
    options: Options,
    meta: Meta,
    /// While it is unhealthy.
    fault: Mutex<Option<Fault>>,
    /// Taken before `db`.
    writer: Mutex<Writer>,
    /// `None` only after a recovery that failed.
    db: RwLock<Option<DB>>,
    _sweeper: Sweeper,
    /// Dropped last: the folder stays ours until the database is closed.
    claim: Claim,
    folder: PathBuf,
}

impl std::fmt::Debug for RocksStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RocksStore").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl RocksStore {
    /// Opens the data folder, and creates it where there is none. Counts an epoch.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing in the folder is changed then.
    pub fn open(folder: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let folder = folder.as_ref();
        let claim = Claim::take(folder)?;
        let db = claim.open(&options)?;
        reindex::complete(&db, folder)?;
        let meta = next_epoch(&db, folder)?;
        let decided_at = meta.decided_at.unwrap_or(Timestamp(i64::MIN));
        let sweeper = Sweeper::start(folder).map_err(|error| OpenError::io(folder, error))?;
        Ok(Self {
            options,
            meta,
            fault: Mutex::new(None),
            writer: Mutex::new(Writer::new(decided_at)),
            db: RwLock::new(Some(db)),
            _sweeper: sweeper,
            claim,
            folder: folder.to_owned(),
        })
    }

    /// Where the data is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn fault(&self) -> MutexGuard<'_, Option<Fault>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(|poisoned| {
            // A panic may have left heads of a batch that was never written.
            let mut writer = poisoned.into_inner();
            writer.forget_all();
            self.writer.clear_poison();
            writer
        })
    }

    fn db(&self) -> RwLockReadGuard<'_, Option<DB>> {
        self.db.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was durable before a failed write is readable after it, too: RocksDB shows nothing
    /// that it could not sync.
    fn read<T>(&self, read: impl FnOnce(&DB) -> Result<T, Error>) -> Result<T, Error> {
        match &*self.db() {
            Some(db) => read(db),
            None => Err(self.healthy().err().unwrap_or_else(closed)),
        }
    }

    /// Reads where an execution stands.
    fn read_head<T>(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        read: impl FnOnce(&DB) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(Fault { why, unknown }) = &*self.fault()
            && unknown.contains(&(namespace.clone(), id))
        {
            return Err(Error::Unhealthy(why.clone()));
        }
        self.read(read)
    }

    /// A write about `these`; if it fails nothing is written any more until recovery.
    fn write<T>(
        &self,
        writer: &mut Writer,
        these: impl Iterator<Item = (Namespace, ExecutionId)>,
        write: impl FnOnce(&mut Writer, &DB) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.healthy()?;
        self.read(|db| {
            write(writer, db).inspect_err(|error| {
                writer.forget_all();
                let why = match error {
                    Error::Io(why) => why.clone(),
                    Error::Corrupt { .. } | Error::Unhealthy(_) => error.to_string(),
                };
                let fault = Fault { why, unknown: these.collect() };
                *self.fault() = Some(fault);
                tracing::error!(%error, "a write failed; no more until the store has recovered");
            })
        })
    }

    /// It stays unhealthy, now for this reason.
    fn still(&self, why: String) -> Error {
        let mut fault = self.fault();
        let unknown = fault.take().map(|fault| fault.unknown).unwrap_or_default();
        *fault = Some(Fault { why: why.clone(), unknown });
        Error::Io(why)
    }
}

fn decode_live(key: &[u8], row: &[u8]) -> Result<Standing, Error> {
    standing::decode(key, row).map_err(|what| {
        let place = keys::split_namespace(key)
            .and_then(|(ns, id)| Some(format!("{} of {ns}", id_from(id)?)))
            .unwrap_or_else(|| "a row".to_owned());
        Error::Corrupt { place: format!("{place} in the live index"), what }
    })
}

fn closed() -> Error {
    Error::Unhealthy("it is closed".to_owned())
}

impl ExecutionStore for RocksStore {
    fn commit(&self, batch: &[Append]) -> Result<Vec<Result<(), Refusal>>, Error> {
        let these = batch.iter().map(|append| (append.namespace.clone(), append.id));
        self.write(&mut self.writer(), these, |writer, db| writer.commit(db, batch))
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
        self.read(|db| {
            let reader = Reader::of(db)?;
            if lifecycle_only {
                reader.lifecycle_page(namespace, id, after, until, limits)
            } else {
                reader.page(namespace, id, after, until, limits)
            }
        })
    }

    fn head(&self, namespace: &Namespace, id: ExecutionId) -> Result<Option<u64>, Error> {
        self.read_head(namespace, id, |db| Reader::of(db)?.last_seq(namespace, id))
    }

    fn load(&self, namespace: &Namespace, id: ExecutionId) -> Result<Option<State>, Error> {
        self.read_head(namespace, id, |db| Reader::of(db)?.load(namespace, id))
    }

    fn snapshot(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Result<Option<(u64, Vec<u8>)>, Error> {
        self.read_head(namespace, id, |db| Reader::of(db)?.snapshot(namespace, id))
    }

    fn standing(&self, namespace: &Namespace, id: ExecutionId) -> Result<Option<Standing>, Error> {
        self.read_head(namespace, id, |db| {
            let key = keys::execution(namespace, id);
            let row = db.get_pinned_cf(Families::of(db)?.live, &key).map_err(failed)?;
            row.map(|row| decode_live(&key, &row)).transpose()
        })
    }

    fn live(&self, visit: &mut dyn FnMut(Standing)) -> Result<(), Error> {
        self.read(|db| {
            let mut options = rocksdb::ReadOptions::default();
            // Read once, at start: it must not push out what is hot.
            options.fill_cache(false);
            options.set_readahead_size(1 << 20);
            let mut rows = db.raw_iterator_cf_opt(Families::of(db)?.live, options);
            rows.seek_to_first();
            while let Some((key, value)) = rows.item() {
                visit(decode_live(key, value)?);
                rows.next();
            }
            rows.status().map_err(failed)
        })
    }

    fn list(&self, query: &Query) -> Result<Listing, Error> {
        self.read(|db| Reader::of(db)?.list(query))
    }

    fn count(&self, query: &Query) -> Result<Counts, Error> {
        self.read(|db| Reader::of(db)?.count(query))
    }

    fn used(&self, namespace: &Namespace, key: &str) -> Result<Option<Used>, Error> {
        self.read(|db| {
            let family = Families::of(db)?.idempotency;
            let row =
                db.get_pinned_cf(family, keys::idempotency(namespace, key)).map_err(failed)?;
            row.map(|row| decode_used(&row)).transpose()
        })
    }

    fn purge(&self, namespace: &Namespace, id: ExecutionId) -> Result<bool, Error> {
        let mut writer = self.writer();
        self.healthy()?;
        let Some(rows) = self.read(|db| writer.stage_purge(db, namespace, id))? else {
            return Ok(false);
        };
        let this = std::iter::once((namespace.clone(), id));
        self.write(&mut writer, this, |writer, db| writer.apply(db, rows)).map(|()| true)
    }

    fn queues(&self, visit: &mut dyn FnMut(Namespace, Name, QueueSettings)) -> Result<(), Error> {
        self.read(|db| queues::read(db, visit))
    }

    fn set_queue(
        &self,
        namespace: &Namespace,
        queue: &Name,
        settings: &QueueSettings,
    ) -> Result<(), Error> {
        let mut writer = self.writer();
        self.write(&mut writer, std::iter::empty(), |writer, db| {
            writer.apply(db, queues::stage(db, namespace, queue, settings)?)
        })
    }

    fn meta(&self) -> Meta {
        self.meta.clone()
    }

    fn healthy(&self) -> Result<(), Error> {
        match &*self.fault() {
            None => Ok(()),
            Some(fault) => Err(Error::Unhealthy(fault.why.clone())),
        }
    }

    fn recover(&self) -> Result<(), Error> {
        let mut writer = self.writer();
        writer.forget_all();
        // What is open can be read; it is closed only for one that is likely to open.
        if self.db().is_some() {
            disk::try_out(&self.folder).map_err(|error| self.still(error.to_string()))?;
        }
        let mut slot = self.db.write().unwrap_or_else(PoisonError::into_inner);
        // Closing comes first: two databases on one folder are one too many.
        *slot = None;
        let reopened = self
            .claim
            .open(&self.options)
            .map_err(|error| error.to_string())
            .and_then(|db| probe(&db).map(|()| db).map_err(rocksdb::Error::into_string));
        match reopened {
            Ok(db) => {
                *slot = Some(db);
                *self.fault() = None;
                Ok(())
            }
            Err(why) => Err(self.still(why)),
        }
    }
}
