//! One connected runner: what it holds, the slots it has left, what it must be told.
//!
//! Lives in the task of its socket and is polled there. Work comes from the queues as for any other
//! claim. What becomes of an execution is read off the board when the session's [`Line`] says that
//! it has changed, so that nothing is told that is not durable and nothing is missed.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix::Addr;
use futures_util::{
    Stream as _, StreamExt as _, future,
    stream::{self, FuturesUnordered},
};
use heartline_execution::{
    Command, DeadlineKind, ExecutionId, LeaseId, Name, Namespace, Rejection, Reply, SessionId,
    Span, Timestamp, content::Progress, event::RunnerInfo,
};
use tokio::sync::oneshot;

use crate::{
    board::{QueueKey, RunnerKey},
    core::Core,
    directory::Directory,
    execution::Execute,
    finder::Finder,
    maps::{HashMap, HashSet},
    queues::{self, Ask, Delivery, Queues},
    sessions::{Answered, Ends, Line, Sent, Slots, Tag, Ticket},
    views::{Error, Granted, Resumed},
    writer::{Answering, Wants},
};

/// Leases that are told at once of a disconnect, a return or a release.
const AT_ONCE: usize = 64;

/// A runner that connects.
#[derive(Clone, Debug)]
pub struct Registration {
    /// As it describes itself.
    pub runner: RunnerInfo,
    /// The queues it serves; at least one, each once.
    pub queues: Vec<Name>,
    /// How much it takes at once, over all of them; at least 1.
    pub slots: u32,
    /// The one it had before, if it returns.
    pub session: Option<SessionId>,
    /// What it is still at work on. What else its session holds never reached it, or is of no use to
    /// it any more, and goes back to its queue. `None`: all that its session holds.
    pub leases: Option<Vec<(ExecutionId, LeaseId)>>,
}

/// What a runner is told.
#[derive(Debug)]
pub enum Told {
    /// It has a new lease.
    Lease(Granted),
    /// A person wants it to stop.
    Cancel {
        /// What.
        id: ExecutionId,
        /// Under which lease.
        lease: LeaseId,
        /// The person's words.
        reason: Option<String>,
        /// When it is forced.
        deadline: Timestamp,
    },
    /// The lease is not its own any more.
    Revoked {
        /// Of what.
        id: ExecutionId,
        /// Which lease.
        lease: LeaseId,
        /// Who has it now, or how it ended.
        reason: String,
    },
    /// Its question was answered.
    Resumed {
        /// Of what.
        id: ExecutionId,
        /// Under which lease.
        lease: LeaseId,
        /// The answer.
        resumed: Resumed,
    },
    /// What came of a command that it sent.
    Answered {
        /// To what.
        id: ExecutionId,
        /// Under which lease.
        lease: LeaseId,
        /// The answer, durable.
        result: Result<Reply, Error>,
        /// What came with the command.
        tag: Tag,
    },
    /// It is connected over another socket now.
    Replaced,
    /// It holds nothing, and wanted nothing more.
    Drained,
}

#[derive(Debug)]
struct Holding {
    lease: LeaseId,
    /// The runner knows of it.
    shown: bool,
    /// Commands on their way that end it: what becomes of it is in their answers.
    ending: usize,
    /// The deadline of the cancellation it was told of.
    told_to_stop: Option<Timestamp>,
    /// It knows of the answers up to this seq.
    answers_known: u64,
    /// The batch that was sent last.
    batch: Option<u64>,
}

impl Holding {
    fn new(lease: LeaseId) -> Self {
        Self { lease, shown: false, ending: 0, told_to_stop: None, answers_known: 0, batch: None }
    }
}

type Asking = Pin<Box<dyn Future<Output = (Name, Option<Delivery>)>>>;
type Finding = Pin<Box<dyn Future<Output = Option<Told>>>>;

/// See the module. Dropped, it is a runner that has gone: it has
/// `supervision.runner_grace` to return, unless it was let go with [`RunnerSession::part`].
pub struct RunnerSession {
    core: Arc<Core>,
    directory: Arc<Directory>,
    queues_actor: Addr<Queues>,
    namespace: Namespace,
    runner: RunnerInfo,
    queues: Vec<Name>,
    line: Arc<Line>,
    held: HashMap<ExecutionId, Holding>,
    slots: Arc<Slots>,
    /// Free slots as the runners' register has them.
    offered: u32,
    asking: FuturesUnordered<Asking>,
    asked: HashSet<Name>,
    finding: FuturesUnordered<Finding>,
    answered: VecDeque<Answered>,
    telling: VecDeque<Told>,
    draining: bool,
    parted: bool,
}

impl RunnerSession {
    pub(crate) async fn open(
        (core, directory, queues_actor): (Arc<Core>, Arc<Directory>, Addr<Queues>),
        namespace: &Namespace,
        registration: Registration,
    ) -> Result<Self, Error> {
        let Registration { runner, queues, slots, session, leases } = registration;
        let key = (namespace.clone(), runner.id.clone());
        let id = session.unwrap_or_else(Core::new_session_id);
        let line = core.sessions.enter(&key, id, core.now())?;
        let known = core.runners().connected(namespace, &queues, &runner, slots, core.now());
        if let Err(full) = known {
            core.sessions.leave(&key, &line);
            return Err(full.into());
        }
        let mut this = Self {
            core,
            directory,
            queues_actor,
            namespace: namespace.clone(),
            runner,
            queues,
            line,
            held: HashMap::default(),
            slots: Slots::new(slots),
            offered: 0,
            asking: FuturesUnordered::new(),
            asked: HashSet::default(),
            finding: FuturesUnordered::new(),
            answered: VecDeque::new(),
            telling: VecDeque::new(),
            draining: false,
            parted: false,
        };
        let granted = if session.is_some() { this.granted_before(&key) } else { Vec::new() };
        let (kept, released) = match leases {
            None => (granted, Vec::new()),
            Some(named) => {
                let unknown = granted.into_iter().filter(|lease| !named.contains(lease)).collect();
                (named, unknown)
            }
        };
        this.return_to(&kept).await;
        this.release(released).await;
        Ok(this)
    }

    /// What the board says was granted to this session.
    fn granted_before(&self, key: &RunnerKey) -> Vec<(ExecutionId, LeaseId)> {
        let board = self.core.board();
        let held = board.held_by(key).filter_map(|id| Some((id, board.lease(id)?)));
        held.filter(|(_, lease)| lease.session() == self.line.session).collect()
    }

    /// Takes up the leases that are still current.
    async fn return_to(&mut self, leases: &[(ExecutionId, LeaseId)]) {
        for (_, lease) in leases {
            // First: whoever finds out that the old socket is gone then leaves them alone.
            self.core.sessions.adopt(&self.line, *lease);
        }
        let returns = stream::iter(leases.iter().copied()).map(|(id, lease)| {
            let (directory, namespace) = (Arc::clone(&self.directory), self.namespace.clone());
            async move {
                let back = Command::ReturnRunner { lease };
                let answer = directory.execute(&namespace, id, back, Wants::Nothing).await;
                (id, lease, answer)
            }
        });
        let returned: Vec<_> = returns.buffer_unordered(AT_ONCE).collect().await;
        let now = self.core.now();
        for (id, lease, answer) in returned {
            match answer {
                Ok(_) => {
                    let _beaten = self.core.board().beat(&self.namespace, id, lease, now);
                    // What was answered while it was away is told, too: it knows of no answer.
                    let holding = Holding { shown: true, ..Holding::new(lease) };
                    // One that it names twice takes one slot.
                    if self.held.insert(id, holding).is_none() {
                        self.slots.occupy();
                    }
                    self.line.stir(id);
                }
                Err(error) => {
                    let reason = error.to_string();
                    self.telling.push_back(Told::Revoked { id, lease, reason });
                }
            }
        }
    }

    async fn release(&self, leases: Vec<(ExecutionId, LeaseId)>) {
        let releases = stream::iter(leases).map(|(id, lease)| async move {
            tell(&self.directory, &self.namespace, id, Command::Release { lease }).await;
        });
        releases.buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    // ---- what the runner says ------------------------------------------------------------

    /// The session's id, a secret of the runner's.
    pub fn id(&self) -> SessionId {
        self.line.session
    }

    /// The leases it holds and knows of.
    pub fn leases(&self) -> impl Iterator<Item = (ExecutionId, LeaseId)> {
        self.held.iter().filter(|(_, held)| held.shown).map(|(id, held)| (*id, held.lease))
    }

    /// Whether it holds this lease.
    pub fn holds(&self, id: ExecutionId, lease: LeaseId) -> bool {
        self.held.get(&id).is_some_and(|holding| holding.lease == lease)
    }

    /// Something came from the runner.
    pub fn heard(&self) {
        let now = self.core.now();
        self.line.heard(now);
        self.core.runners().heard(&self.namespace, &self.runner.id, now);
    }

    /// Whether it is given work: one that has just lost a lease, or is late, has to be heard first.
    pub fn is_fresh(&self) -> bool {
        is_fresh(&self.core, &self.line)
    }

    /// Sends a command on its way; [`Told::Answered`] says what came of it. Those of one lease are
    /// taken in the order of these calls or not at all. `Some` when the execution has to be fetched
    /// first: to be awaited before the next call.
    pub fn enter(
        &mut self,
        id: ExecutionId,
        lease: LeaseId,
        command: Command,
        tag: Tag,
    ) -> Option<impl Future<Output = ()> + use<>> {
        let (ends, batch) = match command {
            Command::Wait { hold: true, batch, .. } => (Ends::Asking, batch),
            Command::Complete { .. }
            | Command::Fail { .. }
            | Command::ConfirmCancelled { .. }
            | Command::Wait { .. } => (Ends::Lease, None),
            Command::PostEvents { batch, .. } => (Ends::Nothing, batch),
            _ => (Ends::Nothing, None),
        };
        let speaks = ends != Ends::Nothing || matches!(command, Command::PostEvents { .. });
        let mut after = None;
        if speaks && let Some(holding) = self.holding(id, lease) {
            after = holding.batch.filter(|sent| batch.is_none_or(|batch| *sent < batch));
            holding.batch = batch.or(holding.batch);
            holding.ending += usize::from(ends == Ends::Lease);
        }
        let sent = Sent { id, lease, ends, batch, tag };
        let answering = Answering::Session(Ticket::new(&self.line, sent));
        if let Err(error) = self.is_open() {
            answering.tell(Err(error));
            return None;
        }
        let execute = Execute::new(command, Wants::Nothing, answering);
        let execute = Execute { after, ..execute };
        let execute = self.directory.try_enter(&self.namespace, id, execute)?;
        let (directory, namespace) = (Arc::clone(&self.directory), self.namespace.clone());
        Some(async move {
            directory.enter(&namespace, id, execute).await;
        })
    }

    fn is_open(&self) -> Result<(), Error> {
        if self.core.is_closing() {
            return Err(Error::ShuttingDown);
        }
        self.core.journal.healthy().map_err(Error::StoreUnavailable)
    }

    /// Takes note of how a command went.
    fn note(&mut self, answered: Answered) -> Told {
        let Answered { sent: Sent { id, lease, ends, batch, tag }, result, generation } = answered;
        let result = result.unwrap_or_else(|| {
            // Unlisted before the runner can ask again, so that the next question goes to a new one.
            self.directory.forget(id, generation);
            Err(Error::Interrupted)
        });
        let seq = match &result {
            Ok(Reply::Done { seq, .. }) => Some(*seq),
            Ok(Reply::Claimed { .. }) | Err(_) => None,
        };
        if let Some(holding) = self.holding(id, lease) {
            match (ends, seq) {
                (Ends::Lease, Some(_)) => self.let_go(id),
                (Ends::Lease, None) => holding.ending -= 1,
                // Asked again, it is told again.
                (Ends::Asking, Some(seq)) => holding.answers_known = seq,
                (Ends::Asking, None) => {}
                (Ends::Nothing, _) => {}
            }
            if ends != Ends::Nothing || seq.is_none() {
                self.line.stir(id);
            }
        }
        if let Err(Error::Rejected(rejection)) = &result
            && !matches!(rejection, Rejection::OutOfOrder { .. })
            && batch.is_some()
            && let Some(holding) = self.holding(id, lease)
            && holding.batch == batch
        {
            // It never will be taken: what follows need not wait for it.
            holding.batch = None;
        }
        Told::Answered { id, lease, result, tag }
    }

    /// Signs of life of several leases. Those that need a command of their own are given back.
    pub fn beat(
        &self,
        beats: Vec<(ExecutionId, LeaseId, Option<Progress>)>,
    ) -> Vec<(ExecutionId, LeaseId, Command)> {
        let now = self.core.now();
        let mut board = self.core.board();
        let mut rest = Vec::new();
        for (id, lease, progress) in beats {
            match progress {
                Some(progress) => {
                    rest.push((id, lease, Command::ReportProgress { lease, progress }));
                }
                None if board.beat(&self.namespace, id, lease, now).is_none() => {
                    rest.push((id, lease, Command::Heartbeat { lease }));
                }
                None => {}
            }
        }
        rest
    }

    /// It takes nothing more.
    pub fn drain(&mut self) {
        self.draining = true;
        self.core.runners().drains(&self.namespace, &self.runner.id);
        self.ask_no_more();
    }

    /// What a queue grants meanwhile goes back, and the queues look who is still there.
    fn ask_no_more(&mut self) {
        self.asking.clear();
        for queue in self.asked.drain() {
            self.core.stir_queue((self.namespace.clone(), queue));
        }
        self.offer(0);
    }

    /// It goes with the server's consent, who stops: nobody is told that it has gone.
    pub fn part(&mut self) {
        self.parted = true;
    }

    fn holding(&mut self, id: ExecutionId, lease: LeaseId) -> Option<&mut Holding> {
        self.held.get_mut(&id).filter(|holding| holding.lease == lease)
    }

    fn let_go(&mut self, id: ExecutionId) {
        if self.held.remove(&id).is_some() {
            self.slots.give_back(1);
        }
    }

    // ---- what the runner is told ---------------------------------------------------------

    /// The next that the runner must be told.
    pub fn poll_told(&mut self, context: &mut Context<'_>) -> Poll<Told> {
        self.line.register(context.waker());
        if self.line.is_replaced() {
            return Poll::Ready(Told::Replaced);
        }
        loop {
            self.line.take_answered(&mut self.answered);
            if let Some(answered) = self.answered.pop_front() {
                return Poll::Ready(self.note(answered));
            }
            for id in self.line.take_changed() {
                self.look(id);
            }
            if let Some(mut told) = self.telling.pop_front() {
                if let Told::Lease(granted) = &mut told
                    && let Some(holding) = self.held.get_mut(&granted.id)
                {
                    holding.shown = true;
                }
                return Poll::Ready(told);
            }
            self.ask();
            if let Poll::Ready(Some(found)) = next_of(&mut self.finding, context) {
                self.telling.extend(found);
            } else if let Poll::Ready(Some((queue, delivery))) = next_of(&mut self.asking, context)
            {
                self.asked.remove(&queue);
                self.given(delivery.map(Delivery::take).unwrap_or_default());
            } else {
                break;
            }
        }
        if self.draining && self.held.is_empty() {
            return Poll::Ready(Told::Drained);
        }
        Poll::Pending
    }

    fn given(&mut self, granted: Vec<Granted>) {
        for granted in granted {
            self.held.insert(granted.id, Holding::new(granted.lease));
            // What has happened to it since it was granted.
            self.line.stir(granted.id);
            self.telling.push_back(Told::Lease(granted));
        }
    }

    /// Asks every queue that it does not ask yet, while there are free slots.
    fn ask(&mut self) {
        if self.draining {
            return;
        }
        // A busy runner has none free, and is not asked for the time with each event.
        let free = match self.slots.free() {
            0 => 0,
            free if self.is_fresh() => free,
            _ => 0,
        };
        self.offer(free);
        if free == 0 {
            return;
        }
        for queue in self.queues.clone() {
            if self.asked.insert(queue.clone()) {
                self.asking.push(Box::pin(self.ask_one(queue)));
            }
        }
    }

    fn ask_one(&self, queue: Name) -> impl Future<Output = (Name, Option<Delivery>)> + use<> {
        let (core, directory) = (Arc::clone(&self.core), Arc::clone(&self.directory));
        let (actor, slots) = (self.queues_actor.clone(), Arc::clone(&self.slots));
        let (runner, line) = (self.runner.clone(), Arc::clone(&self.line));
        let session = line.session;
        let key: QueueKey = (self.namespace.clone(), queue.clone());
        async move {
            let (granting, granted) = oneshot::channel();
            let ask = Ask {
                key: key.clone(),
                runner,
                session: Some(session),
                slots: Arc::clone(&slots),
                // Its socket's end drops the other end of `granting`; this is for one that hangs.
                alive: Box::new({
                    let (core, line) = (Arc::clone(&core), Arc::clone(&line));
                    move || is_fresh(&core, &line)
                }),
                granting,
            };
            // What is there and awaited by nobody else is granted on this thread.
            let wanted = slots.take();
            let taken = core.board().take_unawaited(&key, wanted, core.now());
            slots.give_back(wanted - taken.len() as u32);
            if taken.is_empty() {
                if actor.send(ask).await.is_err() {
                    // The server stops: there will be nothing.
                    future::pending::<()>().await;
                }
            } else {
                // On its own: were this future dropped, what was taken must still be settled.
                actix::spawn(async move {
                    // Where nothing was to be had, dropping it tells so.
                    drop(queues::grant(&core, &directory, ask, taken).await);
                });
            }
            (queue, granted.await.ok())
        }
    }

    /// Tells the runners' register how many slots are free.
    fn offer(&mut self, free: u32) {
        if free != self.offered {
            let change = (self.offered, free);
            self.core.runners().offers_now(&self.namespace, &self.queues, &self.runner.id, change);
            self.offered = free;
        }
    }

    fn finder(&self) -> Finder {
        let (core, directory) = (Arc::clone(&self.core), Arc::clone(&self.directory));
        Finder { core, directory, namespace: self.namespace.clone() }
    }

    /// Something about an execution has changed.
    fn look(&mut self, id: ExecutionId) {
        let Some(holding) = self.held.get_mut(&id).filter(|holding| holding.ending == 0) else {
            return;
        };
        let lease = holding.lease;
        let standing = self.core.board().standing(id);
        let held = standing.as_ref().and_then(|s| s.held()).filter(|held| held.lease == lease);
        let Some(held) = held else {
            let shown = holding.shown;
            if shown {
                self.line.doubt();
                self.ask_no_more();
            }
            self.let_go(id);
            self.telling.retain(|told| !matches!(told, Told::Lease(granted) if granted.id == id));
            if shown {
                self.finding.push(Box::pin(self.finder().reason(id, lease)));
            }
            return;
        };
        let deadlines = standing.iter().flat_map(|s| &s.deadlines);
        let forced_at = deadlines.filter(|d| d.kind == DeadlineKind::Cancel).map(|d| d.at).next();
        let stop =
            forced_at.filter(|at| held.cancel_requested && holding.told_to_stop != Some(*at));
        let answered = held.answered.filter(|seq| *seq > holding.answers_known);
        holding.told_to_stop = stop.or(holding.told_to_stop);
        holding.answers_known = answered.unwrap_or(holding.answers_known);
        if let Some(at) = stop {
            self.finding.push(Box::pin(self.finder().cancel(id, lease, at)));
        }
        if let Some(seq) = answered {
            self.finding.push(Box::pin(self.finder().answer(id, lease, seq)));
        }
    }
}

impl Drop for RunnerSession {
    fn drop(&mut self) {
        let key = (self.namespace.clone(), self.runner.id.clone());
        self.ask_no_more();
        let (replaced, now) = (self.line.is_replaced(), self.core.now());
        // It may hold more, over HTTP.
        let holds = self.core.board().held_by(&key).len() > 0;
        if self.draining && !holds && !replaced {
            self.core.runners().left(&self.namespace, &self.runner.id, now);
        } else if !replaced {
            self.core.runners().disconnected(&self.namespace, &self.runner.id, now);
        }
        self.core.sessions.leave(&key, &self.line);
        if self.parted || replaced || self.core.is_closing() {
            return;
        }
        let grace = Span::from_std(self.core.config.supervision.runner_grace);
        for (id, holding) in self.held.drain() {
            let Holding { lease, shown, .. } = holding;
            let (core, directory) = (Arc::clone(&self.core), Arc::clone(&self.directory));
            let namespace = self.namespace.clone();
            let gone = async move {
                if shown {
                    disconnect(&core, &directory, &namespace, id, lease, grace).await;
                } else {
                    tell(&directory, &namespace, id, Command::Release { lease }).await;
                }
            };
            if !self.directory.spawn_at_home(id, gone) {
                tracing::debug!("the server stops: leases of runners that left end by themselves");
            }
        }
    }
}

/// What is there; an empty set, as it mostly is, is not asked.
fn next_of<F: Future>(
    set: &mut FuturesUnordered<F>,
    context: &mut Context<'_>,
) -> Poll<Option<F::Output>> {
    if set.is_empty() { Poll::Ready(None) } else { Pin::new(set).poll_next(context) }
}

fn is_fresh(core: &Core, line: &Line) -> bool {
    let late_after = Span::from_std(core.config.supervision.runner_late_after);
    line.is_fresh(core.now(), late_after)
}

/// The runner's socket is gone. It may have come back over another one at any point in between.
async fn disconnect(
    core: &Core,
    directory: &Arc<Directory>,
    namespace: &Namespace,
    id: ExecutionId,
    lease: LeaseId,
    grace: Span,
) {
    if core.sessions.holds(lease) {
        return;
    }
    let detail = Some("its connection closed".to_owned());
    tell(directory, namespace, id, Command::DisconnectRunner { lease, grace, detail }).await;
    if core.sessions.holds(lease) {
        tell(directory, namespace, id, Command::ReturnRunner { lease }).await;
    }
}

async fn tell(directory: &Arc<Directory>, namespace: &Namespace, id: ExecutionId, what: Command) {
    if let Err(error) = directory.execute(namespace, id, what, Wants::Nothing).await {
        // It is over, or its heartbeat deadline is armed and will do the same later.
        tracing::debug!(execution = %id, %error, "a lease's runner left, which could not be noted");
    }
}
