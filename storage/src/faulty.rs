//! [`FaultyStore`]: any store, with a disk that breaks or stalls on command. For tests.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use heartline_execution::{ExecutionId, Name, Namespace, QueueSettings, Standing, State};

use crate::{
    Append, Counts, Error, ExecutionStore, Listing, Meta, Page, PageLimits, Query, Refusal, Used,
};

#[derive(Default)]
struct Faults {
    /// Writes fail and recovery does, too.
    failing: bool,
    /// The next commit is written, and then reported as failed.
    lose_next_answer: bool,
    /// Commits wait.
    stalled: bool,
    /// How many do.
    waiting: usize,
    /// Since a failed write, until recovery.
    unhealthy: bool,
    /// Events and lists cannot be read.
    unreadable: bool,
    /// Whose head or state is asked for next is purged behind the answer.
    purge_behind_next_look: bool,
}

/// Passes everything on to a store, unless told to fail.
#[derive(Default)]
pub struct FaultyStore<S> {
    inner: S,
    faults: Mutex<Faults>,
    changed: Condvar,
}

impl<S: ExecutionStore> FaultyStore<S> {
    /// Works until told otherwise.
    pub fn new(inner: S) -> Self {
        Self { inner, faults: Mutex::default(), changed: Condvar::new() }
    }

    /// The store behind.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Whether the disk says no: commits write nothing and fail, and so does recovery. The store
    /// stays unhealthy after `false`, until [`ExecutionStore::recover`].
    pub fn set_failing(&self, failing: bool) {
        self.faults().failing = failing;
    }

    /// The next commit becomes durable, and yet its caller gets an error: the unknown outcome.
    pub fn lose_next_answer(&self) {
        self.faults().lose_next_answer = true;
    }

    /// Whether events and lists cannot be read, while all else goes on.
    pub fn set_unreadable(&self, unreadable: bool) {
        self.faults().unreadable = unreadable;
    }

    /// The execution whose head or state is asked for next is still found, and gone right after: a
    /// purge that comes between two looks.
    pub fn purge_behind_next_look(&self) {
        self.faults().purge_behind_next_look = true;
    }

    /// Whether commits wait before they write anything.
    pub fn set_stalled(&self, stalled: bool) {
        self.faults().stalled = stalled;
        self.changed.notify_all();
    }

    /// Returns once a commit is waiting in a stalled store.
    pub fn wait_until_stalled(&self) {
        let faults = self.faults();
        let guard = self.changed.wait_while(faults, |faults| faults.waiting == 0);
        drop(guard.unwrap_or_else(PoisonError::into_inner));
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while_stalled(&self) {
        let mut faults = self.faults();
        if !faults.stalled {
            return;
        }
        faults.waiting += 1;
        self.changed.notify_all();
        let guard = self.changed.wait_while(faults, |faults| faults.stalled);
        guard.unwrap_or_else(PoisonError::into_inner).waiting -= 1;
    }

    /// Fails a write when it should; otherwise says whether its answer gets lost.
    fn before_write(&self) -> Result<bool, Error> {
        let mut faults = self.faults();
        if faults.failing {
            faults.unhealthy = true;
            return Err(Error::Io("the disk fails on command".to_owned()));
        }
        let lost = std::mem::take(&mut faults.lose_next_answer);
        faults.unhealthy |= lost;
        Ok(lost)
    }

    fn write<T>(&self, write: impl FnOnce(&S) -> Result<T, Error>) -> Result<T, Error> {
        self.healthy()?;
        self.wait_while_stalled();
        let lost = self.before_write()?;
        let answer = write(&self.inner)?;
        if lost { Err(Error::Io("the answer was lost on command".to_owned())) } else { Ok(answer) }
    }

    fn read<T>(&self, read: impl FnOnce(&S) -> Result<T, Error>) -> Result<T, Error> {
        self.healthy()?;
        read(&self.inner)
    }

    fn read_rows<T>(&self, read: impl FnOnce(&S) -> Result<T, Error>) -> Result<T, Error> {
        if self.faults().unreadable {
            return Err(Error::Io("the disk cannot be read on command".to_owned()));
        }
        self.read(read)
    }

    fn look<T>(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        look: impl FnOnce(&S) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let found = self.read(look)?;
        if std::mem::take(&mut self.faults().purge_behind_next_look) {
            self.inner.purge(namespace, id)?;
        }
        Ok(found)
    }
}

impl<S: ExecutionStore> ExecutionStore for FaultyStore<S> {
    fn commit(&self, batch: &[Append]) -> Result<Vec<Result<(), Refusal>>, Error> {
        self.write(|store| store.commit(batch))
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
        self.read_rows(|store| store.events(namespace, id, after, until, lifecycle_only, limits))
    }

    fn head(&self, namespace: &Namespace, id: ExecutionId) -> Result<Option<u64>, Error> {
        self.look(namespace, id, |store| store.head(namespace, id))
    }

    fn load(&self, namespace: &Namespace, id: ExecutionId) -> Result<Option<State>, Error> {
        self.look(namespace, id, |store| store.load(namespace, id))
    }

    fn snapshot(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Result<Option<(u64, Vec<u8>)>, Error> {
        self.read(|store| store.snapshot(namespace, id))
    }

    fn standing(&self, namespace: &Namespace, id: ExecutionId) -> Result<Option<Standing>, Error> {
        self.look(namespace, id, |store| store.standing(namespace, id))
    }

    fn live(&self, visit: &mut dyn FnMut(Standing)) -> Result<(), Error> {
        self.read(|store| store.live(visit))
    }

    fn list(&self, query: &Query) -> Result<Listing, Error> {
        self.read_rows(|store| store.list(query))
    }

    fn count(&self, query: &Query) -> Result<Counts, Error> {
        self.read(|store| store.count(query))
    }

    fn used(&self, namespace: &Namespace, key: &str) -> Result<Option<Used>, Error> {
        self.read(|store| store.used(namespace, key))
    }

    fn purge(&self, namespace: &Namespace, id: ExecutionId) -> Result<bool, Error> {
        self.write(|store| store.purge(namespace, id))
    }

    fn queues(&self, visit: &mut dyn FnMut(Namespace, Name, QueueSettings)) -> Result<(), Error> {
        self.read(|store| store.queues(visit))
    }

    fn set_queue(
        &self,
        namespace: &Namespace,
        queue: &Name,
        settings: &QueueSettings,
    ) -> Result<(), Error> {
        self.write(|store| store.set_queue(namespace, queue, settings))
    }

    fn meta(&self) -> Meta {
        self.inner.meta()
    }

    fn healthy(&self) -> Result<(), Error> {
        if self.faults().unhealthy {
            return Err(Error::Unhealthy("a write failed on command".to_owned()));
        }
        self.inner.healthy()
    }

    fn recover(&self) -> Result<(), Error> {
        if self.faults().failing {
            return Err(Error::Io("the disk fails on command".to_owned()));
        }
        self.inner.recover()?;
        self.faults().unhealthy = false;
        Ok(())
    }
}
