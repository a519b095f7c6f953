//! The queues' actor: matches waiting claims with claimable executions.
//!
//! What is claimable, and in which order, is the board's; the claims that wait are kept here. A
//! claim is granted only after its commit, and only to a runner that is still there.

use std::{collections::VecDeque, sync::Arc};

use actix::{
    Actor, AsyncContext, Context, Handler, Message, SpawnHandle, StreamHandler, WrapFuture,
};
use futures_util::{StreamExt, future, stream};
use heartline_execution::{Command, ExecutionId, Namespace, Reply, SessionId, event::RunnerInfo};
use tokio::sync::oneshot;

use crate::{
    board::QueueKey,
    core::Core,
    directory::Directory,
    maps::HashMap,
    sessions::Slots,
    views::{Error, Granted},
    writer::Wants,
};

/// After a claim that the server could not make, its executions rest this long.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Whether the claimant's connection is still open.
pub type Alive = Box<dyn Fn() -> bool + Send>;

/// A runner asks for work.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Ask {
    pub(crate) key: QueueKey,
    pub(crate) runner: RunnerInfo,
    /// Of the session that asks, where one does.
    pub(crate) session: Option<SessionId>,
    /// How much it takes at once. A session asks several queues with the same slots, and its
    /// question lapses where none is left.
    pub(crate) slots: Arc<Slots>,
    pub(crate) alive: Alive,
    pub(crate) granting: oneshot::Sender<Delivery>,
}

/// Leases on their way to a runner. Dropped on the way, they go back to their queue.
pub(crate) struct Delivery {
    directory: Arc<Directory>,
    namespace: Namespace,
    granted: Vec<Granted>,
}

impl Delivery {
    /// Hands them over; whoever has them now answers for them.
    pub(crate) fn take(mut self) -> Vec<Granted> {
        std::mem::take(&mut self.granted)
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let Some(id) = self.granted.first().map(|granted| granted.id) else { return };
        let (directory, namespace) = (Arc::clone(&self.directory), self.namespace.clone());
        let granted = std::mem::take(&mut self.granted);
        let releasing = async move { release(&directory, &namespace, granted).await };
        if !self.directory.spawn_at_home(id, releasing) {
            tracing::debug!("the server stops: leases that nobody took end by their heartbeat");
        }
    }
}

/// Some queues have something new.
struct Stirred;

/// A scheduled execution has become claimable.
#[derive(Message)]
#[rtype(result = "()")]
struct CameDue(QueueKey);

#[derive(Default)]
struct Waiting {
    claims: VecDeque<Ask>,
    timer: Option<SpawnHandle>,
}

/// See the module.
pub(crate) struct Queues {
    core: Arc<Core>,
    directory: Arc<Directory>,
    waiting: HashMap<QueueKey, Waiting>,
}

impl Queues {
    pub(crate) fn new(core: Arc<Core>, directory: Arc<Directory>) -> Self {
        Self { core, directory, waiting: HashMap::default() }
    }

    /// Gives what there is to those who wait, first come, first served.
    fn pump(&mut self, key: &QueueKey, ctx: &mut Context<Self>) {
        if let Some(waiting) = self.waiting.get_mut(key) {
            // Those who have gone must not pile up where nothing is ever claimable.
            waiting.claims.retain(|claim| !claim.granting.is_closed());
        }
        while let Some(waiting) = self.waiting.get_mut(key) {
            let Some(ask) = waiting.claims.front() else { break };
            let slots = ask.slots.take();
            let taken = match slots {
                0 => Vec::new(),
                _ => self.core.board().take(key, slots, self.core.now()),
            };
            ask.slots.give_back(slots - taken.len() as u32);
            if taken.is_empty() && slots > 0 {
                break;
            }
            let Some(ask) = waiting.claims.pop_front() else { break };
            if taken.is_empty() {
                continue; // It has no slot left: whoever asked learns that it was let go.
            }
            if !(ask.alive)() {
                settle(&self.core, key, &taken);
                ask.slots.give_back(taken.len() as u32);
                continue;
            }
            let (core, directory) = (Arc::clone(&self.core), Arc::clone(&self.directory));
            let me = ctx.address();
            let granting = async move {
                if let Some(ask) = grant(&core, &directory, ask, taken).await {
                    // Nothing was granted: it waits on, at the end of the line.
                    if let Err(error) = me.send(ask).await {
                        tracing::debug!(%error, "the queues stopped while a claim was pending");
                    }
                }
            };
            ctx.spawn(granting.into_actor(self));
        }
        self.set_timer(key, ctx);
    }

    fn set_timer(&mut self, key: &QueueKey, ctx: &mut Context<Self>) {
        let Some(waiting) = self.waiting.get_mut(key) else { return };
        if let Some(timer) = waiting.timer.take() {
            ctx.cancel_future(timer);
        }
        let next = {
            let mut board = self.core.board();
            board.awaited(key, waiting.claims.len());
            board.next_due(key, self.core.now())
        };
        if waiting.claims.is_empty() {
            self.waiting.remove(key);
            return;
        }
        if let Some(due) = next {
            let wait = due.since(self.core.now()).to_std();
            let key = key.clone();
            waiting.timer = Some(ctx.notify_later(CameDue(key), wait));
        }
    }
}

impl Actor for Queues {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let core = Arc::clone(&self.core);
        ctx.add_stream(stream::unfold(core, |core| async move {
            core.queues_stirred.notified().await;
            Some((Stirred, core))
        }));
    }
}

impl StreamHandler<Stirred> for Queues {
    fn handle(&mut self, _: Stirred, ctx: &mut Self::Context) {
        for key in self.core.take_stirred() {
            self.pump(&key, ctx);
        }
    }
}

impl Handler<CameDue> for Queues {
    type Result = ();

    fn handle(&mut self, CameDue(key): CameDue, ctx: &mut Self::Context) {
        self.pump(&key, ctx);
    }
}

impl Handler<Ask> for Queues {
    type Result = ();

    fn handle(&mut self, ask: Ask, ctx: &mut Self::Context) {
        let key = ask.key.clone();
        self.waiting.entry(key.clone()).or_default().claims.push_back(ask);
        self.pump(&key, ctx);
    }
}

fn settle(core: &Core, key: &QueueKey, taken: &[ExecutionId]) {
    let now = core.now();
    let may_go_on = {
        let mut board = core.board();
        let settled = taken.iter().map(|id| board.settle(key, *id, now));
        settled.fold(false, |any, one| any | one)
    };
    if may_go_on {
        core.stir_queue(key.clone());
    }
}

/// Claims each of what was taken off the board and hands the leases over; gives the claim back
/// where none could be had and somebody still waits.
pub(crate) async fn grant(
    core: &Core,
    directory: &Arc<Directory>,
    ask: Ask,
    taken: Vec<ExecutionId>,
) -> Option<Ask> {
    let key = ask.key.clone();
    let namespace = &key.0;
    let claims = taken.iter().map(|id| claim(directory, namespace, *id, &ask));
    let claimed = future::join_all(claims).await;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for (id, claimed) in taken.iter().zip(&claimed) {
        if claimed.is_ok() { known.push(*id) } else { unknown.push(*id) }
    }
    let granted: Vec<Granted> = claimed.into_iter().flatten().flatten().collect();
    settle(core, &key, &known);
    ask.slots.give_back((taken.len() - granted.len()) as u32);
    let mut waits_on = None;
    if granted.is_empty() {
        waits_on = Some(ask);
    } else {
        let (directory, namespace) = (Arc::clone(directory), namespace.clone());
        // A claimant that has gone drops it, which releases the leases.
        drop(ask.granting.send(Delivery { directory, namespace, granted }));
    }
    if !unknown.is_empty() {
        for id in &unknown {
            until_known(core, directory, namespace, *id).await;
        }
        settle(core, &key, &unknown);
    }
    waits_on.filter(|ask| !ask.granting.is_closed())
}

/// A claim whose outcome is unknown keeps its place in the limits until the log says what became of
/// it: otherwise another could take that place, and both turn out to be granted.
async fn until_known(
    core: &Core,
    directory: &Arc<Directory>,
    namespace: &Namespace,
    id: ExecutionId,
) {
    loop {
        tokio::time::sleep(PAUSE).await;
        if core.is_closing() {
            return;
        }
        // A store that is well again has told the board what it knows.
        if core.journal.healthy().is_ok()
            && let Ok(_) | Err(Error::NotFound | Error::Corrupt(_) | Error::Rejected(_)) =
                directory.show(namespace, id).await
        {
            return;
        }
    }
}

async fn claim(
    directory: &Arc<Directory>,
    namespace: &Namespace,
    id: ExecutionId,
    ask: &Ask,
) -> Result<Option<Granted>, Error> {
    let lease = Core::new_lease_id(ask.session);
    let command = Command::Claim { lease, runner: ask.runner.clone() };
    match directory.execute(namespace, id, command, Wants::Full).await {
        Ok(answer) => {
            let Some(view) = answer.view else { return Ok(None) };
            let Reply::Claimed { attempt, heartbeat, checkpoint, traceparent } = answer.reply
            else {
                return Ok(None);
            };
            let execution = view.full;
            let granted =
                Granted { id, execution, attempt, lease, heartbeat, checkpoint, traceparent };
            Ok(Some(granted))
        }
        // It has moved on meanwhile: cancelled, failed or purged. Its standing says so.
        Err(Error::Rejected(_) | Error::NotFound) => Ok(None),
        Err(error) => {
            tracing::warn!(execution = %id, %error, "a claim could not be made; the execution stays in its queue");
            Err(error)
        }
    }
}

/// Leases that nobody is there to take go back at once.
async fn release(directory: &Arc<Directory>, namespace: &Namespace, granted: Vec<Granted>) {
    let releases = stream::iter(granted).map(|granted| async move {
        let command = Command::Release { lease: granted.lease };
        if let Err(error) = directory.execute(namespace, granted.id, command, Wants::Nothing).await {
            // Its heartbeat deadline is armed and will do the same later.
            tracing::warn!(execution = %granted.id, %error, "a lease that nobody took could not be released");
        }
    });
    releases.buffer_unordered(64).collect::<()>().await;
}
