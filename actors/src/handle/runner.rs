//! What runners ask: work, and that they are heard.

use std::sync::Arc;

use heartline_execution::{
    Command, ExecutionId, LeaseId, Name, Namespace, Reply, Span, content::Progress,
    event::RunnerInfo,
};
use tokio::sync::oneshot;

use super::{Handle, Parts};
use crate::{
    board::{Beaten, QueueKey},
    core::Core,
    finder::resumed,
    queues,
    queues::{Alive, Ask, Delivery},
    session::{Registration, RunnerSession},
    sessions::Slots,
    views::{Beat, Error, Granted},
};

/// A runner's request for work.
pub struct Claim<'a> {
    /// Where from.
    pub queue: Name,
    /// Who asks.
    pub runner: RunnerInfo,
    /// How much it takes at once; at least 1.
    pub slots: u32,
    /// How long it waits when there is nothing.
    pub wait: Span,
    /// Asked for once if it has to wait: tells, just before a lease is granted, whether the
    /// claimant is still there. One that leaves without having waited drops the claim's future.
    pub alive: &'a dyn Fn() -> Alive,
}

impl Handle {
    /// Leases from a queue: at once where there is work, else as soon as there is, else none.
    ///
    /// # Errors
    /// When the server cannot.
    pub async fn claim(
        &self,
        namespace: &Namespace,
        claim: Claim<'_>,
    ) -> Result<Vec<Granted>, Error> {
        self.ready()?;
        let core = &self.0.core;
        let Claim { queue, runner, slots, wait, alive } = claim;
        let known = core.runners().polls(namespace, &queue, &runner, slots, core.now());
        known?;
        let _poll =
            Poll { core, namespace, queue: queue.clone(), runner: runner.id.clone(), slots };
        let key = (namespace.clone(), queue);
        let ask = |alive| {
            let (granting, granted) = oneshot::channel();
            let (key, runner, slots) = (key.clone(), runner.clone(), Slots::new(slots));
            (Ask { key, runner, session: None, slots, alive, granting }, granted)
        };
        let mut delivery = None;
        // What is there and awaited by nobody else is granted on this thread.
        let taken = core.board().take_unawaited(&key, slots, core.now());
        if !taken.is_empty() {
            let (ask, granted) = ask(Box::new(|| true));
            let (core, directory) = (Arc::clone(core), Arc::clone(&self.0.directory));
            // On its own: were this future dropped, what was taken must still be settled.
            actix::spawn(async move {
                // Where nothing was to be had, dropping it tells so.
                drop(queues::grant(&core, &directory, ask, taken).await);
            });
            // An error only says that nothing was granted after all; then it waits like any other.
            delivery = granted.await.ok();
        }
        if delivery.is_none() {
            // Before the receiver, so that it is dropped after it.
            let _waiting = Waiting { core, key: &key };
            let (ask, mut granted) = ask(alive());
            self.0.queues.send(ask).await.map_err(|_| Error::ShuttingDown)?;
            delivery = match tokio::time::timeout(wait.to_std(), &mut granted).await {
                Ok(delivery) => delivery.ok(),
                Err(_) => {
                    // Whatever comes after this is released; what came before is ours.
                    granted.close();
                    granted.try_recv().ok()
                }
            };
        }
        if core.is_closing() {
            return Err(Error::ShuttingDown);
        }
        Ok(delivery.map(Delivery::take).unwrap_or_default())
    }

    /// Connects a runner: until the session is dropped it is given work and told what becomes of
    /// it. It keeps the leases of its session, and those that it names, as far as they are current.
    ///
    /// # Errors
    /// [`Error::RunnerConnected`] while another session of the same runner is connected.
    pub async fn register(
        &self,
        namespace: &Namespace,
        registration: Registration,
    ) -> Result<RunnerSession, Error> {
        self.ready()?;
        let Parts { core, directory, queues, .. } = &*self.0;
        let place = (Arc::clone(core), Arc::clone(directory), queues.clone());
        RunnerSession::open(place, namespace, registration).await
    }

    /// A sign of life, and progress where there is some. The last answer to the runner's question
    /// comes with the reply, unless it `knows` the answers up to its seq; again and again, since a
    /// reply may be lost.
    ///
    /// # Errors
    /// [`LeaseSuperseded`](heartline_execution::Rejection::LeaseSuperseded) for a lease that is
    /// not the current one.
    pub async fn heartbeat(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        lease: LeaseId,
        progress: Option<Progress>,
        knows: u64,
    ) -> Result<Beat, Error> {
        self.ready()?;
        let core = &self.0.core;
        let beat = || core.board().beat(namespace, id, lease, core.now());
        let beaten = if progress.is_none() { beat() } else { None };
        let beaten = match beaten {
            Some(beaten) => beaten,
            None => {
                let command = match progress {
                    None => Command::Heartbeat { lease },
                    Some(progress) => Command::ReportProgress { lease, progress },
                };
                let reply = self.command(namespace, id, command).await?;
                let Reply::Done { cancel_requested, .. } = reply else {
                    return Err(Error::Interrupted);
                };
                // Its lease may have ended meanwhile.
                let over = Beaten { deadline: core.now(), cancel_requested, answered: None };
                Beaten { cancel_requested, ..beat().unwrap_or(over) }
            }
        };
        let Beaten { deadline, cancel_requested, answered } = beaten;
        let Some(seq) = answered.filter(|seq| *seq > knows) else {
            return Ok(Beat { cancel_requested, deadline, resumed: None });
        };
        let resumed = match resumed(core, namespace, id, seq).await {
            Ok(resumed) => resumed,
            // It never can be: the runner shall not wait for it.
            Err(error @ Error::Corrupt(_)) => return Err(error),
            Err(error) => {
                // It was heard all the same, and the next one asks again.
                tracing::warn!(execution = %id, %error, "an answer cannot be read");
                None
            }
        };
        Ok(Beat { cancel_requested, deadline, resumed })
    }
}

/// A claim under way: the runner offers its slots as long as this lives.
struct Poll<'a> {
    core: &'a Core,
    namespace: &'a Namespace,
    queue: Name,
    runner: Name,
    slots: u32,
}

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        let now = self.core.now();
        self.core.runners().polled(self.namespace, &self.queue, &self.runner, self.slots, now);
    }
}

/// A claim that waits: when it ends, however it does, the queues look who is still there.
struct Waiting<'a> {
    core: &'a Core,
    key: &'a QueueKey,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.core.stir_queue(self.key.clone());
    }
}
