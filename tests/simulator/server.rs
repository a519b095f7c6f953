//! The server, with everything in it that is not a thread or a socket: actors that run ahead of
//! the disk, the journal that makes their decisions durable, and what follows a commit. It does
//! what `actors` does in `writer`, `directory` and `journal`, on the real rules, board and feeds.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
    sync::Arc,
};

use heartline_actors::{
    board::{Beaten, Board, Pulse, Stirred},
    feed::{Feed, FeedLimits, Feeds},
};
use heartline_execution::{
    Command, ExecutionId, LeaseId, Namespace, Phase, Rejection, Reply, Span, Standing, State,
};
use heartline_storage::{Append, ExecutionStore, Idempotency, Refusal};

use super::{
    actor::note_report,
    checks::{Deed, Invariant},
    clients::UNASKED,
    disk::{EVERYTHING, Fate},
    env::Env,
    queues::Queues,
    sabotage::Sabotage,
    supervisor::Supervisor,
    world::{Asker, Happening},
};

/// Why a call had no effect, or an unknown one.
#[derive(Clone, Debug)]
pub(crate) enum Refused {
    Rejected(Rejection),
    Overloaded,
    TooManyLive,
    Unavailable,
    Interrupted,
    NotFound,
    KeyReused,
    /// The connection broke: nobody answered.
    Lost,
}

pub(crate) type Answer = Result<Reply, Refused>;

/// Something that reaches the server.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) asker: Asker,
    pub(crate) namespace: Namespace,
    pub(crate) id: ExecutionId,
    pub(crate) command: Command,
    /// Must be found in the log once this is acknowledged.
    pub(crate) marks: Vec<u64>,
    pub(crate) key: Option<Idempotency>,
    /// On a writer of its own, past the actor that keeps dying.
    pub(crate) detached: bool,
    /// Only the server of this start understands it: it was asked by a part of it.
    pub(crate) epoch: Option<u64>,
    /// Under its lease this batch was sent before, on the same connection.
    pub(crate) after: Option<u64>,
}

/// What follows a commit.
pub(super) struct After {
    pub(super) ask: Ask,
    pub(super) generation: u64,
    /// Of the writer; once set, nothing of it may be written.
    pub(super) poisoned: Rc<Cell<bool>>,
    pub(super) deed: Deed,
    pub(super) standing: Option<Standing>,
    pub(super) pulse: Option<Arc<Pulse>>,
    pub(super) feed: Arc<Feed>,
    pub(super) spoke: bool,
    pub(super) ended: Option<Phase>,
    pub(super) answer: Result<Reply, Rejection>,
    /// A state to be shown, and where its log ends.
    pub(super) view: Option<(u64, String)>,
}

pub(super) struct Entry {
    pub(super) append: Append,
    pub(super) after: After,
}

/// See the module.
pub(crate) struct Server {
    pub(crate) epoch: u64,
    pub(crate) board: Board,
    pub(crate) feeds: Arc<Feeds>,
    pub(super) actors: BTreeMap<ExecutionId, super::actor::Actor>,
    pub(super) generations: u64,
    pub(super) journal: VecDeque<Entry>,
    /// Calls that wait until what a dead actor decided is through.
    pub(super) settling: Vec<Ask>,
    /// How many of the first entries are being synced.
    syncing: usize,
    pub(super) healthy: bool,
    pub(super) keys_busy: BTreeSet<(Namespace, String)>,
    pub(super) supervisor: Supervisor,
    pub(super) queues: Queues,
    pub(crate) leases_at_start: usize,
}

/// Between two tries to recover a failed store, in milliseconds.
const RECOVER: (u64, u64) = (10, 400);

impl Server {
    /// Reads the log and puts every live execution on the board, as `actors::start` does.
    pub(crate) fn start(env: &mut Env, epoch: u64) -> Self {
        let store = env.disk.store();
        let limits =
            FeedLimits { kept_bytes: 1 << 20, page: EVERYTHING, subscriptions: usize::MAX };
        let not_before = env.now.plus(env.settings.boot_grace);
        let mut board = Board::default();
        let (mut leases_at_start, mut promised) = (0, Vec::new());
        let now = env.now;
        let mut queues = Vec::new();
        let set = store.queues(&mut |ns, queue, set| queues.push(((ns, queue), set)));
        env.checks.claim(Invariant::A, set.is_ok(), || format!("the queues: {set:?}"));
        for (key, settings) in queues {
            board.configure(&key, settings, now);
        }
        for key in env.checks.queues.keys() {
            let (told, kept) = (env.checks.settings(key), board.settings(key));
            if told != kept {
                let what = format!("{key:?} was set to {told:?}, and is {kept:?} after a start");
                env.checks.claim(Invariant::A, false, || what);
                break;
            }
        }
        let read = store.live(&mut |standing| {
            leases_at_start += usize::from(standing.held().is_some());
            if standing.report().is_some() {
                promised.push((standing.namespace.clone(), standing.id));
            }
            board.restore(standing, now, not_before);
        });
        env.checks.claim(Invariant::D, read.is_ok(), || format!("the live index: {read:?}"));
        env.checks.excuse(not_before);
        env.checks.started(now, not_before);
        let mut server = Self {
            epoch,
            board,
            feeds: Arc::new(Feeds::new(store, limits)),
            actors: BTreeMap::new(),
            generations: 0,
            journal: VecDeque::new(),
            settling: Vec::new(),
            syncing: 0,
            healthy: true,
            keys_busy: BTreeSet::new(),
            supervisor: Supervisor::default(),
            queues: Queues::default(),
            leases_at_start,
        };
        server.tick(env);
        for (namespace, id) in promised {
            server.awaken(env, namespace, id);
        }
        server
    }

    // ---- the journal ---------------------------------------------------------------------

    pub(super) fn has_room(&self, env: &Env, appends: usize) -> bool {
        self.journal.len() + appends <= env.settings.journal
    }

    pub(super) fn submit(&mut self, env: &mut Env, entry: Entry) {
        if !entry.append.records.is_empty() && env.sabotaged(Sabotage::AckWithoutSync) {
            let Entry { append, after } = entry;
            self.complete(env, append, after, Ok(()));
            env.after(Span(1), Happening::Crash);
            return;
        }
        self.journal.push_back(entry);
        self.sync(env);
    }

    /// Starts the next commit, if there is something to commit and none is under way.
    fn sync(&mut self, env: &mut Env) {
        if self.syncing > 0 || !self.healthy {
            return;
        }
        self.refuse_the_poisoned(env);
        if self.journal.is_empty() {
            self.settled(env);
            return;
        }
        self.syncing = self.journal.len().min(env.settings.batch);
        let mut takes = Span(env.chance.within(300, 6_000));
        if env.chance.one_in(400) && !env.checks.is_closing() {
            env.coverage.fault("commit stalled");
            takes = env.millis(50, 900);
            env.checks.excuse(env.now.plus(takes));
        }
        env.after(takes, Happening::Synced { epoch: self.epoch });
    }

    /// A writer that lost a race once writes no more: its next seq may fit the log by chance, but
    /// what it decided rests on events that are not in it.
    fn refuse_the_poisoned(&mut self, env: &mut Env) {
        let waiting = std::mem::take(&mut self.journal);
        let (poisoned, sound) = waiting.into_iter().partition(|e| e.after.poisoned.get());
        self.journal = sound;
        let poisoned: VecDeque<Entry> = poisoned;
        for Entry { append, after } in poisoned {
            self.complete(env, append, after, Err(Failure::Poisoned));
        }
    }

    /// The sync returns.
    pub(crate) fn synced(&mut self, env: &mut Env) -> bool {
        let batch: Vec<Entry> = self.journal.drain(..self.syncing).collect();
        self.syncing = 0;
        let appends: Vec<Append> = batch.iter().map(|entry| entry.append.clone()).collect();
        let fate = self.fate(env, &appends);
        match env.disk.commit(&appends, fate) {
            Ok(results) => {
                // The process may die between any two answers.
                let dies = !env.checks.is_closing() && env.chance.one_in(600);
                let told = if dies { env.chance.below(batch.len() + 1) } else { batch.len() };
                for (index, (entry, result)) in batch.into_iter().zip(results).enumerate() {
                    if index < told {
                        let Entry { append, after } = entry;
                        let result = result.map_err(Failure::Moved);
                        self.complete(env, append, after, result);
                    } else {
                        env.checks.doubt_report(&entry.after.ask);
                        env.checks.unknown(&entry.append, &entry.after.deed);
                        env.hang_up(&entry.after.ask.asker);
                    }
                }
                if dies {
                    env.coverage.fault(match told {
                        0 => "crash after a commit, before its answers",
                        _ => "crash between the answers of a commit",
                    });
                    return false;
                }
            }
            Err(_) => self.fail(env, batch, appends),
        }
        if self.journal.len() >= env.settings.batch {
            // A stall has left more than the next commit takes: the board learns late.
            env.checks.excuse(env.now);
        }
        self.settled(env);
        self.sync(env);
        true
    }

    /// The journal has moved: who waited for that looks again.
    fn settled(&mut self, env: &mut Env) {
        for ask in std::mem::take(&mut self.settling) {
            env.send(Happening::arrive(ask));
        }
    }

    fn fate(&mut self, env: &mut Env, appends: &[Append]) -> Fate {
        let planned =
            matches!(env.sabotage, Some(Sabotage::AckOfAFailedCommit | Sabotage::MissedOutcome))
                && env.checks.is_warm()
                && appends
                    .iter()
                    .filter_map(|append| append.standing.as_ref())
                    .any(|standing| standing.attempt == 0 && standing.queue.as_str() == UNASKED);
        if !planned && (env.checks.is_closing() || !env.chance.one_in(250)) {
            return Fate::Synced;
        }
        let all = appends.len();
        let kept = if planned { all } else { env.chance.below(all + 1) };
        env.coverage.fault(match kept {
            0 => "commit failed: nothing kept",
            kept if kept < all => "commit failed: a part kept",
            _ => "commit failed: all kept",
        });
        Fate::Failed { kept }
    }

    /// Nobody may be told that it went well, and everybody starts afresh from the log.
    fn fail(&mut self, env: &mut Env, batch: Vec<Entry>, appends: Vec<Append>) {
        let lie = env.sabotaged(Sabotage::AckOfAFailedCommit);
        self.healthy = false;
        for (entry, append) in batch.into_iter().zip(appends) {
            if lie {
                self.complete(env, append, entry.after, Ok(()));
            } else {
                env.checks.unknown(&append, &entry.after.deed);
                self.complete(env, append, entry.after, Err(Failure::Store));
            }
        }
        // What waits is refused unwritten; what a caller hands over at the last moment may still
        // be in the queue when the store is well again.
        let late = if env.chance.one_in(3) { env.chance.below(3) } else { 0 };
        let refused = self.journal.len().saturating_sub(late);
        for entry in self.journal.drain(..refused).collect::<Vec<_>>() {
            let Entry { append, after } = entry;
            self.complete(env, append, after, Err(Failure::Store));
        }
        let wait = env.millis(RECOVER.0, RECOVER.1);
        env.after(wait, Happening::Recover { epoch: self.epoch });
    }

    /// The store is well again: what the unknown outcomes turned out to be is read from the log,
    /// and the board and the feeds are told, before anything else is accepted.
    pub(crate) fn recover(&mut self, env: &mut Env) {
        env.disk.recover();
        let forgets = env.suffers(Sabotage::MissedOutcome);
        for (namespace, id) in env.checks.unknown_ids() {
            let found = env.disk.log(&namespace, id);
            env.checks.read_back(&namespace, id, &found, &mut env.coverage);
            let Some(state) = self.load(env, &namespace, id) else { continue };
            if forgets {
                env.harmed |= state.spec.queue.as_str() == UNASKED;
                continue;
            }
            let feed = self.feeds.of(&namespace, id);
            if feed.is_known() {
                let shown = feed.head().0 as usize;
                let news = found.into_iter().skip(shown).map(|stored| stored.record).collect();
                feed.publish(news, Some(state.phase).filter(|phase| phase.is_terminal()));
            }
            let mut standing = state.standing();
            if let Ok(Some(row)) = env.disk.store().standing(&namespace, id) {
                standing.promise(row.report());
            }
            self.make_up(env, standing);
        }
        self.healthy = true;
        env.checks.excuse(env.now);
        self.sync(env);
    }

    /// The board missed a commit. Where it did not, it is left alone: it may be holding deadlines
    /// back after a start.
    fn make_up(&mut self, env: &mut Env, standing: Standing) {
        let id = standing.id;
        let before = self.board.standing(id);
        if before.as_deref().is_some_and(|before| before.stands_as(&standing)) {
            self.board.promise(id, standing.report());
            if let (Some(held), Some(pulse)) = (standing.held(), self.board.pulse(id)) {
                pulse.beat(held.alive_at);
                pulse.progress(held.progressed_at);
            }
            return;
        }
        let lease = standing.held().map(|held| held.lease);
        let kept = before.is_some_and(|before| before.held().map(|held| held.lease) == lease);
        let pulse = self.board.pulse(id).filter(|_| kept);
        // A runner whose claim nobody knew of counts as heard now.
        let pulse = lease.map(|_| pulse.unwrap_or_else(|| Arc::new(Pulse::new(env.now))));
        if let (Some(lease), false) = (lease, kept) {
            env.checks.heard(id, lease, env.now, true);
        }
        let stirred = self.board.observe(standing, pulse, env.now);
        self.stir(env, stirred);
    }

    /// The process dies: what was being synced may be there, what waited is not.
    pub(crate) fn crash(self, env: &mut Env) {
        let mut entries = self.journal.into_iter();
        let torn: Vec<Entry> = entries.by_ref().take(self.syncing).collect();
        let kept = env.chance.below(torn.len() + 1);
        let appends: Vec<Append> = torn.iter().map(|entry| entry.append.clone()).collect();
        env.coverage.fault(match (kept, torn.len()) {
            (_, 0) => "crash between commits",
            (0, _) => "crash in a commit: nothing kept",
            (kept, all) if kept < all => "crash in a commit: a part kept",
            _ => "crash in a commit: all kept",
        });
        env.disk.keep(&appends[..kept]);
        for entry in &torn {
            env.checks.unknown(&entry.append, &entry.after.deed);
            env.checks.doubt_report(&entry.after.ask);
        }
        for entry in torn.into_iter().chain(entries) {
            env.hang_up(&entry.after.ask.asker);
        }
        for ask in &self.settling {
            env.hang_up(&ask.asker);
        }
    }

    // ---- after the commit ----------------------------------------------------------------

    /// Durable, then visible, then acted on, then told.
    fn complete(
        &mut self,
        env: &mut Env,
        append: Append,
        after: After,
        result: Result<(), Failure>,
    ) {
        let id = after.ask.id;
        let wrote = !append.records.is_empty();
        let promise = append.standing.clone().filter(|_| after.standing.is_none());
        if let Err(failure) = result {
            after.poisoned.set(true);
            env.checks.doubt_report(&after.ask);
            let (epoch, namespace) = (self.epoch, append.namespace.clone());
            env.after(Span(0), Happening::Awaken { epoch, namespace, id });
            let refused = match failure {
                Failure::Moved(refusal) => {
                    env.coverage.fault("actor rebuilt after a lost race");
                    let moved = matches!(refusal, Refusal::Moved { .. });
                    env.checks.claim(Invariant::D, moved, || format!("{id}: {refusal}"));
                    Refused::Interrupted
                }
                Failure::Poisoned => Refused::Interrupted,
                Failure::Store => Refused::Unavailable,
            };
            self.deliver(env, after.ask, Err(refused), false);
            return;
        }
        if wrote {
            env.harmed |= after.deed.spoilt;
            env.checks.committed(
                &append.namespace,
                id,
                &append.records,
                &after.deed,
                &mut env.coverage,
            );
            if let Some(used) = &append.idempotency {
                env.checks.created_with(&append.namespace, &used.key, id);
            }
            after.feed.publish(append.records, after.ended);
            if let (true, Some(pulse)) = (after.spoke, &after.pulse) {
                pulse.progress(env.now);
                let held = after.standing.as_ref().is_none_or(|s| s.held().is_some());
                if let Some(lease) = after.deed.lease.filter(|_| held) {
                    env.checks.heard(id, lease, env.now, true);
                }
                if !after.deed.waited && pulse.is_first_word() {
                    env.coverage.moment("runner back after a restart");
                    self.board.heard(id);
                }
            }
        }
        if let Some(standing) = after.standing {
            let pulse = standing.held().and(after.pulse);
            self.observe(env, standing, pulse);
        }
        if let Some(standing) = &promise {
            self.board.promise(id, standing.report());
        }
        if (wrote || promise.is_some())
            && let Some(actor) = self.current(id, after.generation)
        {
            actor.inflight -= 1;
            if after.ended.is_some() && actor.inflight == 0 {
                self.actors.remove(&id);
            }
        }
        if let (Some((seq, json)), Asker::Watcher(watcher)) = (after.view, &after.ask.asker) {
            let watcher = *watcher;
            env.send(Happening::Shown { watcher, epoch: self.epoch, seq, json });
            return;
        }
        note_report(env, &after.ask, &after.answer);
        self.deliver(env, after.ask, after.answer.map_err(Refused::Rejected), wrote);
    }

    fn observe(&mut self, env: &mut Env, mut standing: Standing, pulse: Option<Arc<Pulse>>) {
        // Nobody asks this queue: what is forgotten there stays forgotten.
        let alone = standing.queue.as_str() == UNASKED;
        if alone && env.suffers(Sabotage::NoDeadline) {
            env.harmed |= !standing.deadlines.is_empty();
            standing.deadlines.clear();
        }
        if alone && env.suffers(Sabotage::MissedCommit) {
            env.harmed = true;
            return;
        }
        let stirred = self.board.observe(standing, pulse, env.now);
        self.stir(env, stirred);
    }

    pub(super) fn stir(&mut self, env: &mut Env, stirred: Stirred) {
        if let Some(key) = stirred.queue {
            self.pump(env, &key);
        }
        if stirred.timer {
            self.tick(env);
        }
    }

    pub(super) fn current(
        &mut self,
        id: ExecutionId,
        generation: u64,
    ) -> Option<&mut super::actor::Actor> {
        self.actors.get_mut(&id).filter(|actor| actor.generation == generation)
    }

    /// The state of an execution at the head of its log.
    pub(super) fn load(
        &self,
        env: &mut Env,
        namespace: &Namespace,
        id: ExecutionId,
    ) -> Option<State> {
        let loaded = env.disk.store().load(namespace, id);
        env.checks.claim(Invariant::D, loaded.is_ok(), || format!("{id}: {loaded:?}"));
        loaded.ok().flatten()
    }

    /// Removes a terminal execution for good, past its actor and the journal, as `Handle::purge`
    /// does.
    pub(crate) fn purge(&mut self, env: &mut Env, namespace: &Namespace, id: ExecutionId) {
        if !self.healthy {
            return;
        }
        let Some(state) = self.load(env, namespace, id) else { return };
        let over = state.phase.is_terminal();
        if !over && !env.sabotaged(Sabotage::PurgeOfTheLiving) {
            env.coverage.moment("purge refused while it lives");
            return;
        }
        let purged = env.disk.store().purge(namespace, id);
        let done = matches!(purged, Ok(true));
        env.checks.claim(Invariant::D, done, || format!("{id}: its purge gives {purged:?}"));
        if over {
            env.coverage.moment("purged");
            env.checks.purged(namespace, id);
        }
    }

    /// A beat that needs no event; `None` when it must go through the execution's actor.
    pub(crate) fn beat(
        &mut self,
        env: &mut Env,
        namespace: &Namespace,
        id: ExecutionId,
        lease: LeaseId,
    ) -> Option<Beaten> {
        let beaten = self.board.beat(namespace, id, lease, env.now);
        if beaten.is_some() {
            env.checks.heard(id, lease, env.now, false);
        }
        beaten
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.healthy
    }

    /// Whether anything of these executions is still to be written.
    pub(crate) fn has_on_its_way(&self, ids: &[ExecutionId]) -> bool {
        self.journal.iter().any(|entry| ids.contains(&entry.append.id))
    }

    pub(crate) fn waiting_appends(&self) -> usize {
        self.journal.len()
    }
}

/// Why an append did not become durable.
enum Failure {
    Moved(Refusal),
    /// Its writer lost a race before.
    Poisoned,
    Store,
}
