//! Which execution actors are in memory, and how to get one that is not: built from the log.
//!
//! At most one actor per execution is listed; should two ever run, the log's expected seq lets only
//! one write. A terminal execution gets no actor: its state is read, answered from and dropped.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix::{
    Actor, Addr, Handler, Message,
    dev::{SendError, ToEnvelope},
};
use heartline_execution::{
    Command, ExecutionId, Kind, Namespace, Span, Standing, State, Timestamp, decide,
};
use heartline_storage::{Append, Error as StoreError, Idempotency};
use tokio::sync::{Notify, oneshot};

use crate::{
    Hooks, blocking,
    core::Core,
    execution::{Execute, ExecutionActor, ExitGuard, Look, Show, Usage},
    home::Home,
    journal::Status,
    maps::{HashMap, IndexMap},
    views::{Error, View},
    writer::{self, Answer, Answering, Loaded, Nudge, Wants, Writer},
};

/// Draws of an id until its home is the current thread; with so many, a miss is as good as
/// impossible on few threads and harmless on many.
const DRAWS: usize = 32;

/// Threads for actors: the edge's own where it lends them, so that a request and its execution
/// often share a thread; else those started for the purpose.
struct Homes {
    own: Vec<Home>,
    lent: Vec<Home>,
}

impl Homes {
    fn of(&self, id: ExecutionId) -> &Home {
        let homes = if self.lent.is_empty() { &self.own } else { &self.lent };
        &homes[(id.uuid() % homes.len() as u128) as usize]
    }
}

#[derive(Clone)]
struct Slot {
    namespace: Namespace,
    address: Addr<ExecutionActor>,
    usage: Arc<Usage>,
    generation: u64,
}

/// What stands behind an id.
enum Found {
    Actor(Slot),
    /// Over: the state is all there is.
    Terminal(Box<State>),
}

/// See the module.
pub(crate) struct Directory {
    core: Arc<Core>,
    hooks: Hooks,
    homes: RwLock<Homes>,
    slots: Mutex<IndexMap<ExecutionId, Slot>>,
    /// Actors that are gone and whose last appends are not settled. Added to under the slots' lock.
    leaving: Mutex<HashMap<ExecutionId, Vec<Arc<Status>>>>,
    /// One load at a time per execution.
    loading: Mutex<HashMap<ExecutionId, Arc<tokio::sync::Mutex<()>>>>,
    crashes: Mutex<HashMap<ExecutionId, (Namespace, Vec<Timestamp>)>>,
    restarts: AtomicU64,
    generations: AtomicU64,
    /// Wakes the supervisor when an actor has crashed too often.
    pub(crate) crashed: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only map operations run under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Directory {
    /// `own` are the threads for actors until the edge lends its own; at least one.
    pub(crate) fn new(core: Arc<Core>, hooks: Hooks, own: Vec<Home>) -> Self {
        Self {
            core,
            hooks,
            homes: RwLock::new(Homes { own, lent: Vec::new() }),
            slots: Mutex::default(),
            leaving: Mutex::default(),
            loading: Mutex::default(),
            crashes: Mutex::default(),
            restarts: AtomicU64::new(0),
            generations: AtomicU64::new(0),
            crashed: Notify::new(),
        }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// Actors in memory.
    pub(crate) fn len(&self) -> usize {
        lock(&self.slots).len()
    }

    /// Actors that were rebuilt after a panic.
    pub(crate) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    // ---- asking --------------------------------------------------------------------------

    /// Sends a command to an execution that exists.
    pub(crate) async fn execute(
        self: &Arc<Self>,
        namespace: &Namespace,
        id: ExecutionId,
        command: Command,
        wants: Wants,
    ) -> Result<Answer, Error> {
        let (answering, answer) = oneshot::channel();
        let execute = Execute::new(command, wants, Answering::Caller(answering));
        let generation = self.enter(namespace, id, execute).await;
        self.answer_to(id, generation, answer).await
    }

    /// Puts a command into the mailbox of its execution: what is put in after this comes after it.
    /// Returns which actor's mailbox that is.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        namespace: &Namespace,
        id: ExecutionId,
        mut execute: Execute,
    ) -> u64 {
        match self.find(namespace, id).await {
            Ok(Found::Actor(slot)) => {
                execute.answering.entered(slot.generation);
                deliver(slot.address, execute).await;
                return slot.generation;
            }
            Ok(Found::Terminal(state)) => {
                execute.answering.tell(self.refuse(&state, id, execute.command));
            }
            Err(error) => execute.answering.tell(Err(error)),
        }
        0
    }

    /// The same, where it takes no waiting; gives the command back where it does.
    pub(crate) fn try_enter(
        &self,
        namespace: &Namespace,
        id: ExecutionId,
        mut execute: Execute,
    ) -> Option<Execute> {
        let Some(slot) = self.listed(namespace, id) else { return Some(execute) };
        execute.answering.entered(slot.generation);
        match slot.address.try_send(execute) {
            Ok(()) => None,
            Err(SendError::Full(execute) | SendError::Closed(execute)) => {
                slot.usage.queued.fetch_sub(1, Ordering::AcqRel);
                Some(execute)
            }
        }
    }

    /// Waits for the answer. An actor that drops a question is dying: it is unlisted before the
    /// caller can ask again, so that the next question goes to a new one.
    async fn answer_to<T>(
        &self,
        id: ExecutionId,
        generation: u64,
        answer: oneshot::Receiver<Result<T, Error>>,
    ) -> Result<T, Error> {
        // The sender went into the message: a mailbox that is closed drops it, too.
        if let Ok(answer) = answer.await {
            return answer;
        }
        self.forget(id, generation);
        Err(Error::Interrupted)
    }

    async fn ask<M, T>(
        &self,
        id: ExecutionId,
        slot: Slot,
        message: M,
        answer: oneshot::Receiver<Result<T, Error>>,
    ) -> Result<T, Error>
    where
        M: Message<Result = ()> + Send + 'static,
        ExecutionActor: Handler<M>,
        <ExecutionActor as Actor>::Context: ToEnvelope<ExecutionActor, M>,
    {
        let generation = slot.generation;
        deliver(slot.address, message).await;
        self.answer_to(id, generation, answer).await
    }

    /// The first command of a new execution.
    pub(crate) async fn create(
        self: &Arc<Self>,
        namespace: &Namespace,
        id: ExecutionId,
        command: Command,
        idempotency: Option<Idempotency>,
    ) -> Result<Answer, Error> {
        let slot = self.start(namespace, id, None);
        let (answering, answer) = oneshot::channel();
        let answering = Answering::Caller(answering);
        let execute = Execute::new(command, Wants::Execution, answering);
        let message = Execute { idempotency, ..execute };
        self.ask(id, slot, message, answer).await
    }

    /// What watchers see.
    pub(crate) async fn show(
        self: &Arc<Self>,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Result<View, Error> {
        match self.find(namespace, id).await? {
            Found::Actor(slot) => {
                let (answering, answer) = oneshot::channel();
                self.ask(id, slot, Show(answering), answer).await
            }
            Found::Terminal(state) => {
                // Turning a long state into JSON is work for the blocking pool, too.
                blocking(move || writer::view(&state, Default::default())).await
            }
        }
    }

    fn refuse(&self, state: &State, id: ExecutionId, command: Command) -> Result<Answer, Error> {
        let context = decide::Context {
            id,
            now: self.core.now(),
            random: 0.0,
            state_limit: usize::MAX,
            after: None,
        };
        let decision = decide::decide(Some(state), command, &context)?;
        debug_assert!(decision.events.is_empty(), "terminal is final");
        Ok(Answer { reply: decision.reply, view: None })
    }

    /// Lets go of an execution that is over, whatever its actor is still busy with.
    pub(crate) fn dismiss(&self, namespace: &Namespace, id: ExecutionId) {
        let listed = lock(&self.slots).get(&id).map(|s| (s.namespace.clone(), s.generation));
        if let Some((_, generation)) = listed.filter(|(of, _)| of == namespace) {
            self.forget(id, generation);
        }
    }

    // ---- finding and building ------------------------------------------------------------

    /// Raises the slot's count of queued messages: the caller sends exactly one.
    fn listed(&self, namespace: &Namespace, id: ExecutionId) -> Option<Slot> {
        let slots = lock(&self.slots);
        let slot = slots.get(&id).filter(|slot| slot.namespace == *namespace)?;
        slot.usage.queued.fetch_add(1, Ordering::AcqRel);
        Some(slot.clone())
    }

    async fn find(
        self: &Arc<Self>,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Result<Found, Error> {
        if let Some(slot) = self.listed(namespace, id) {
            return Ok(Found::Actor(slot));
        }
        let gate = Arc::clone(lock(&self.loading).entry(id).or_default());
        let found = {
            let _turn = gate.lock().await;
            match self.listed(namespace, id) {
                Some(slot) => Ok(Found::Actor(slot)),
                None => self.load(namespace, id).await,
            }
        };
        let mut loading = lock(&self.loading);
        // The map's and ours: nobody else waits.
        if Arc::strong_count(&gate) == 2 {
            loading.remove(&id);
        }
        found
    }

    async fn load(
        self: &Arc<Self>,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Result<Found, Error> {
        self.back_off(id).await;
        let found = self.read(namespace, id).await?;
        if found.state.phase.is_terminal() {
            return Ok(Found::Terminal(Box::new(found.state)));
        }
        Ok(Found::Actor(self.start(namespace, id, Some(found))))
    }

    /// The log as it stays: whatever dead actors left in the journal is settled.
    async fn read(&self, namespace: &Namespace, id: ExecutionId) -> Result<Loaded, Error> {
        let leaving = lock(&self.leaving).get(&id).cloned().unwrap_or_default();
        for status in leaving {
            status.settled().await;
        }
        let store = Arc::clone(&self.core.store);
        let of = namespace.clone();
        blocking(move || {
            let Some(state) = store.load(&of, id)? else { return Ok(None) };
            let lease = state.lease.as_ref().map(|lease| lease.id);
            let row = if lease.is_some() { store.standing(&of, id)? } else { None };
            let report = row.as_ref().and_then(Standing::report).filter(|r| Some(r.0) == lease);
            let report = report.map(|(lease, progress)| (lease, progress.clone()));
            Ok(Some(Loaded { state, report }))
        })
        .await?
        .map_err(|error: StoreError| Error::from(error))?
        .ok_or(Error::NotFound)
    }

    /// After crashes, the next actor waits: longer each time, so that a poisonous execution does
    /// not keep the machine busy.
    async fn back_off(&self, id: ExecutionId) {
        let supervision = &self.core.config.supervision;
        let count = lock(&self.crashes).get(&id).map_or(0, |(_, at)| at.len());
        if let Some(doublings) = u32::try_from(count).ok().and_then(|n| n.checked_sub(1)) {
            let factor = 2_u32.saturating_pow(doublings.min(10));
            tokio::time::sleep(supervision.restart_backoff * factor).await;
        }
    }

    fn start(
        self: &Arc<Self>,
        namespace: &Namespace,
        id: ExecutionId,
        found: Option<Loaded>,
    ) -> Slot {
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        let home = self.home(id);
        let status = Status::new(Arc::clone(&home.outcomes));
        let usage = Arc::new(Usage::new(status, self.core.now()));
        let guard = ExitGuard { directory: Arc::clone(self), id, generation };
        let (core, of, shared) = (Arc::clone(&self.core), namespace.clone(), Arc::clone(&usage));
        let actor = move |ctx: &mut actix::Context<ExecutionActor>| {
            let me = actix::AsyncContext::address(ctx);
            let status = Arc::clone(&shared.status);
            // A full mailbox means that the actor will look anyway.
            let nudge: Nudge = Arc::new(move || drop(me.try_send(Look)));
            let writer = Writer::new(core, of, id, found, status, nudge);
            ExecutionActor { writer, usage: shared, guard }
        };
        let address = if home.is_here() {
            ExecutionActor::create(actor)
        } else {
            ExecutionActor::start_in_arbiter(&home.arbiter, actor)
        };
        let slot = Slot { namespace: namespace.clone(), address, usage, generation };
        lock(&self.slots).insert(id, slot.clone());
        slot
    }

    /// Where an execution lives: always the same thread, so that its outcomes stay in order.
    fn home(&self, id: ExecutionId) -> Home {
        self.homes.read().unwrap_or_else(PoisonError::into_inner).of(id).clone()
    }

    /// Runs something where an execution lives; false when that thread has stopped.
    pub(crate) fn spawn_at_home(
        &self,
        id: ExecutionId,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> bool {
        self.home(id).arbiter.spawn(work)
    }

    /// A new id, of an execution that will live on this thread where the thread is a home: whoever
    /// creates it is then served without another thread.
    pub(crate) fn new_id(&self, kind: Kind) -> ExecutionId {
        let homes = self.homes.read().unwrap_or_else(PoisonError::into_inner);
        let mut id = Core::new_execution_id(kind);
        let homely = homes.lent.iter().any(Home::is_here);
        for _ in 0..DRAWS {
            if !homely || homes.of(id).is_here() {
                break;
            }
            id = Core::new_execution_id(kind);
        }
        id
    }

    /// New actors run on lent threads from now on; to be called on such a thread.
    pub(crate) fn lend_this_thread(&self) {
        self.homes.write().unwrap_or_else(PoisonError::into_inner).lent.push(Home::here());
    }

    // ---- leaving -------------------------------------------------------------------------

    /// Unlists an actor that nobody has sent anything to; false when somebody has.
    pub(crate) fn retire(&self, id: ExecutionId, generation: u64, usage: &Usage) -> bool {
        let mut slots = lock(&self.slots);
        if usage.queued.load(Ordering::Acquire) > 0 {
            return false;
        }
        if slots.get(&id).is_some_and(|s| s.generation == generation) {
            slots.swap_remove(&id);
        }
        true
    }

    /// Unlists an actor whose state may be wrong. Whoever builds the next one waits until what it
    /// appended is settled.
    pub(crate) fn forget(&self, id: ExecutionId, generation: u64) {
        self.forget_if(id, |slot| slot.generation == generation);
    }

    fn forget_if(&self, id: ExecutionId, which: impl FnOnce(&Slot) -> bool) {
        let mut slots = lock(&self.slots);
        if slots.get(&id).is_some_and(which)
            && let Some(slot) = slots.swap_remove(&id)
            && !slot.usage.status.is_settled()
        {
            let status = Arc::clone(&slot.usage.status);
            lock(&self.leaving).entry(id).or_default().push(status);
        }
    }

    /// Builds, after a `pause`, the actor of an execution whose last progress was promised an event:
    /// it finds the report and makes the event. Tries again while the store cannot be read; at a
    /// stop the next start does it.
    pub(crate) fn wake(self: &Arc<Self>, namespace: Namespace, id: ExecutionId, pause: Duration) {
        let directory = Arc::clone(self);
        let awake = async move {
            let mut pause = pause;
            while !directory.core.is_closing() {
                tokio::time::sleep(pause).await;
                match directory.find(&namespace, id).await {
                    Ok(Found::Actor(slot)) => {
                        // It is there, and nothing is sent to it.
                        slot.usage.queued.fetch_sub(1, Ordering::AcqRel);
                        return;
                    }
                    Ok(Found::Terminal(_)) => return,
                    Err(Error::StoreUnavailable(_)) => {
                        pause = directory.core.config.journal.recover_interval;
                    }
                    Err(error) => {
                        tracing::debug!(execution = %id, %error, "nothing to wake");
                        return;
                    }
                }
            }
        };
        if !self.core.is_closing() && !self.spawn_at_home(id, awake) {
            tracing::debug!(execution = %id, "not woken: its thread has stopped");
        }
    }

    /// An actor's last word, from its exit guard.
    pub(crate) fn exited(self: &Arc<Self>, id: ExecutionId, generation: u64, panicked: bool) {
        self.forget(id, generation);
        // What it left in the journal may promise something, too.
        let leaves = lock(&self.leaving).contains_key(&id);
        let standing = self.core.board().standing(id);
        if let Some(standing) = standing
            && (standing.report().is_some() || leaves && standing.held().is_some())
        {
            // Whatever it died of may last a moment.
            let pause = self.core.config.journal.recover_interval;
            self.wake(standing.namespace.clone(), id, pause);
        }
        if !panicked {
            return;
        }
        let now = self.core.now();
        self.restarts.fetch_add(1, Ordering::Relaxed);
        let namespace = self.core.board().standing(id).map(|s| s.namespace.clone());
        let Some(namespace) = namespace else { return };
        let window = Span::from_std(self.core.config.supervision.restart_window);
        let mut crashes = lock(&self.crashes);
        let (_, at) = crashes.entry(id).or_insert_with(|| (namespace, Vec::new()));
        at.retain(|t| now.since(*t) <= window);
        at.push(now);
        let count = at.len();
        tracing::error!(execution = %id, crashes = count, "an execution actor panicked; it is rebuilt from the log");
        if count >= self.core.config.supervision.restart_limit as usize {
            self.crashed.notify_one();
        }
    }

    /// Executions whose actors crashed more often than the limit allows. Forgets old crashes.
    pub(crate) fn hopeless(&self) -> Vec<(Namespace, ExecutionId, usize)> {
        let supervision = &self.core.config.supervision;
        let (now, limit) = (self.core.now(), supervision.restart_limit as usize);
        let mut crashes = lock(&self.crashes);
        let window = Span::from_std(supervision.restart_window);
        crashes.retain(|_, (_, at)| at.last().is_some_and(|t| now.since(*t) <= window));
        crashes
            .iter()
            .filter(|(_, (_, at))| at.len() >= limit)
            .map(|(id, (namespace, at))| (namespace.clone(), *id, at.len()))
            .collect()
    }

    /// Fails an execution without its actor, straight on the log.
    pub(crate) async fn give_up(
        self: &Arc<Self>,
        namespace: &Namespace,
        id: ExecutionId,
        evidence: String,
    ) -> Result<(), Error> {
        // One writer: whatever is listed is not asked any more, and accepts nothing more.
        self.forget_if(id, |slot| {
            slot.usage.status.poisoned.store(true, Ordering::Release);
            true
        });
        let found = self.read(namespace, id).await?;
        if !found.state.phase.is_terminal() {
            let nudge: Nudge = Arc::new(|| {});
            let status = Arc::new(Status::new(self.home(id).outcomes));
            let mut writer = Writer::new(
                Arc::clone(&self.core),
                namespace.clone(),
                id,
                Some(found),
                status,
                nudge,
            );
            let (answering, answer) = oneshot::channel();
            let answering = Answering::Caller(answering);
            let give_up = Command::GiveUp { evidence };
            writer.execute(Execute::new(give_up, Wants::Nothing, answering));
            answer.await.unwrap_or(Err(Error::Interrupted))?;
        }
        lock(&self.crashes).remove(&id);
        Ok(())
    }

    /// Writes nothing, through the journal: where that fails, the journal recovers the store.
    pub(crate) fn probe_store(&self, namespace: &Namespace, id: ExecutionId) {
        let Some(permit) = self.core.journal.permit() else { return };
        let append = Append::barrier(namespace.clone(), id, 0);
        let status = Arc::new(Status::new(self.home(id).outcomes));
        self.core.journal.submit(permit, append, status, Box::new(drop));
    }

    /// Asks actors that are idle or over to leave: at most `most` of those listed below the place
    /// `below` (`usize::MAX` begins a round). Returns where to go on; 0 ends the round. Going down,
    /// no removal in between hides an actor from a round.
    pub(crate) fn sweep(&self, below: usize, most: usize) -> usize {
        let idle = Span::from_std(self.core.config.execution.idle_timeout);
        let now = self.core.now();
        let leaves = |slot: &Slot| {
            let status = &slot.usage.status;
            let over =
                status.over.load(Ordering::Acquire) || status.poisoned.load(Ordering::Acquire);
            let last = Timestamp(slot.usage.last.load(Ordering::Relaxed));
            over || now.since(last) >= idle
        };
        let (leave, from): (Vec<_>, usize) = {
            let slots = lock(&self.slots);
            let below = below.min(slots.len());
            let from = below.saturating_sub(most);
            let stretch = slots.as_slice().get_range(from..below);
            let stretch = stretch.into_iter().flat_map(|stretch| stretch.values());
            (stretch.filter(|slot| leaves(slot)).map(|slot| slot.address.clone()).collect(), from)
        };
        for address in leave {
            // A full mailbox means that it is not idle.
            drop(address.try_send(Look));
        }
        if from == 0 {
            lock(&self.leaving).retain(|_, left| {
                left.retain(|status| !status.is_settled());
                !left.is_empty()
            });
        }
        from
    }
}

/// Into the mailbox; waits while it is full, so that the callers' number bounds what waits. A dead
/// actor's mailbox drops the message, and its caller learns of that by the answer.
async fn deliver<M>(address: Addr<ExecutionActor>, message: M)
where
    M: Message<Result = ()> + Send + 'static,
    ExecutionActor: Handler<M>,
    <ExecutionActor as Actor>::Context: ToEnvelope<ExecutionActor, M>,
{
    if let Err(SendError::Full(message)) = address.try_send(message)
        && let Err(error) = address.send(message).await
    {
        tracing::debug!(%error, "an actor stopped with its mailbox full");
    }
}
