//! The board: where every live execution stands, which deadlines are armed, what each queue holds.
//!
//! Plain data behind no lock of its own, time as an argument. It is fed whole [`Standing`]s after
//! each commit, so that queues and timers are a function of the log and nothing can be left out:
//! the same feeding rebuilds it after a restart.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use heartline_execution::{
    Deadline, DeadlineKind, ExecutionId, LeaseId, Name, Namespace, Phase, Place, QueueSettings,
    Standing, Timestamp, command::Signs, content::Progress, queue::Pause,
};

pub use crate::queue::QueueFigures;
use crate::{
    lineup::{Hold, Position, Ticket},
    maps::{HashMap, IndexMap},
    queue::Queue,
};

/// Signs of life of one lease that are not in the log: stored by whoever accepts a call, read when
/// a deadline comes up.
#[derive(Debug)]
pub struct Pulse {
    alive: AtomicI64,
    progressed: AtomicI64,
    /// The server started since, and the runner has not been heard from.
    unheard: AtomicBool,
}

impl Pulse {
    /// Alive and progressing at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self {
            alive: AtomicI64::new(now.0),
            progressed: AtomicI64::new(now.0),
            unheard: AtomicBool::new(false),
        }
    }

    fn restored(now: Timestamp) -> Self {
        let pulse = Self::new(now);
        pulse.unheard.store(true, Ordering::Relaxed);
        pulse
    }

    /// Whether this is the runner's first word since the server started; true once.
    pub fn is_first_word(&self) -> bool {
        self.unheard.load(Ordering::Relaxed) && self.unheard.swap(false, Ordering::Relaxed)
    }

    /// The runner was heard from.
    pub fn beat(&self, now: Timestamp) {
        self.alive.fetch_max(now.0, Ordering::Relaxed);
    }

    /// The runner got something done.
    pub fn progress(&self, now: Timestamp) {
        self.beat(now);
        self.progressed.fetch_max(now.0, Ordering::Relaxed);
    }

    /// As the rules want it.
    pub fn signs(&self) -> Signs {
        Signs {
            alive: Some(Timestamp(self.alive.load(Ordering::Relaxed))),
            progressed: Some(Timestamp(self.progressed.load(Ordering::Relaxed))),
        }
    }
}

/// A queue of a tenant.
pub type QueueKey = (Namespace, Name);
/// A runner of a tenant.
pub type RunnerKey = (Namespace, Name);

#[derive(Debug)]
struct Entry {
    standing: Arc<Standing>,
    pulse: Option<Arc<Pulse>>,
    armed: Vec<Deadline>,
    /// Timeouts on their way to it: not armed meanwhile.
    firing: Vec<DeadlineKind>,
    /// Held by a runner when the server started and not heard from since.
    in_boot_grace: bool,
}

/// What a sign of life is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beaten {
    /// The next must come before.
    pub deadline: Timestamp,
    /// A cancellation was requested.
    pub cancel_requested: bool,
    /// The seq of the answer to its last question, where it was answered.
    pub answered: Option<u64>,
}

/// A deadline that has come up.
#[derive(Clone, Debug)]
pub struct Due {
    /// Where the execution stood.
    pub standing: Arc<Standing>,
    /// What ran out.
    pub deadline: Deadline,
    /// The lease's unlogged signs of life.
    pub signs: Signs,
}

/// What happened to executions that the last start found in the hands of runners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AfterBoot {
    /// Heard from again.
    pub returned: usize,
    /// Back in their queues.
    pub requeued: usize,
    /// Ended without having been heard from.
    pub failed: usize,
}

/// What a change of standing asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stirred {
    /// This queue has something new to give, now or at its next due time.
    pub queue: Option<QueueKey>,
    /// The next deadline is now earlier than it was.
    pub timer: bool,
}

/// What one stretch of an audit found.
#[derive(Clone, Debug, Default)]
pub struct Audited {
    /// In limbo.
    pub limbo: Vec<ExecutionId>,
    /// Where the next stretch goes on; 0 when the round is over.
    pub below: usize,
}

/// Armed deadlines, earliest first, counted by kind.
#[derive(Debug, Default)]
struct Deadlines {
    rows: BTreeSet<(Timestamp, ExecutionId, DeadlineKind)>,
    counts: [usize; DeadlineKind::ALL.len()],
}

impl Deadlines {
    fn arm(&mut self, id: ExecutionId, deadline: Deadline) {
        if self.rows.insert((deadline.at, id, deadline.kind)) {
            self.counts[deadline.kind as usize] += 1;
        }
    }

    fn disarm(&mut self, id: ExecutionId, deadline: Deadline) {
        if self.rows.remove(&(deadline.at, id, deadline.kind)) {
            self.counts[deadline.kind as usize] -= 1;
        }
    }

    fn is_armed(&self, id: ExecutionId, deadline: Deadline) -> bool {
        self.rows.contains(&(deadline.at, id, deadline.kind))
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Board {
    /// Indexed, so that an audit can walk it a stretch at a time.
    entries: IndexMap<ExecutionId, Entry>,
    deadlines: Deadlines,
    queues: HashMap<QueueKey, Queue>,
    /// What each runner holds.
    holders: HashMap<RunnerKey, BTreeSet<ExecutionId>>,
    phases: BTreeMap<Phase, usize>,
    after_boot: AfterBoot,
}

impl Board {
    /// Takes note of where an execution stands now; `pulse` is its current lease's.
    pub fn observe(
        &mut self,
        standing: Standing,
        pulse: Option<Arc<Pulse>>,
        now: Timestamp,
    ) -> Stirred {
        let earliest = self.next_deadline();
        let id = standing.id;
        let standing = Arc::new(standing);
        let before = self.entries.swap_remove(&id);
        if let Some(entry) = &before {
            self.unlink(entry);
        }
        self.note_boot(before.as_ref(), &standing);
        let mut stirred =
            Stirred { queue: self.stand(before.as_ref(), &standing, now), timer: false };
        if standing.place == Place::Over {
            return stirred;
        }
        let entry = Entry {
            armed: Vec::new(),
            firing: Vec::new(),
            in_boot_grace: before.as_ref().is_some_and(|e| {
                e.in_boot_grace
                    && e.standing.held().map(|h| h.lease) == standing.held().map(|h| h.lease)
            }),
            pulse,
            standing,
        };
        self.link(entry, Timestamp(i64::MIN));
        stirred.timer = self.next_deadline() < earliest || earliest.is_none();
        stirred
    }

    /// As [`Board::observe`], for what a restart finds: no deadline comes up before `not_before`,
    /// and a lease counts as heard from at `now`, so that runners have time to come back.
    pub fn restore(&mut self, standing: Standing, now: Timestamp, not_before: Timestamp) {
        let leased = standing.held().is_some();
        let entry = Entry {
            pulse: leased.then(|| Arc::new(Pulse::restored(now))),
            standing: Arc::new(standing),
            armed: Vec::new(),
            firing: Vec::new(),
            in_boot_grace: leased,
        };
        let key = (entry.standing.namespace.clone(), entry.standing.queue.clone());
        let queue = self.queues.entry(key).or_default();
        queue.lineup.stand(entry.standing.id, position(&entry.standing), now);
        self.link(entry, not_before);
    }

    /// Tells the queue. Names it where a claim that waits there may now be granted, now or at its
    /// next chance.
    fn stand(
        &mut self,
        before: Option<&Entry>,
        after: &Standing,
        now: Timestamp,
    ) -> Option<QueueKey> {
        let key = (after.namespace.clone(), after.queue.clone());
        let queue = self.queues.entry(key.clone()).or_default();
        let may_go_on = queue.lineup.stand(after.id, position(after), now);
        let was_due = before.and_then(|entry| match entry.standing.place {
            Place::Queued { due, .. } => Some(due),
            Place::Leased(_) | Place::Parked | Place::Over => None,
        });
        match (&after.place, was_due) {
            (Place::Queued { .. }, None) => queue.entered.count(now),
            (Place::Leased(_), Some(due)) => {
                queue.used_at = now;
                queue.claimed.count(now);
                queue.claim_latency_ms.record(now.since(due).0 as f64 / 1e3);
            }
            (Place::Over, _) if before.is_some() => queue.ended.count(now),
            (Place::Queued { .. } | Place::Leased(_) | Place::Parked | Place::Over, _) => {}
        }
        self.forget_queue_if_idle(&key);
        may_go_on.then_some(key)
    }

    fn link(&mut self, mut entry: Entry, not_before: Timestamp) {
        let standing = Arc::clone(&entry.standing);
        let id = standing.id;
        *self.phases.entry(standing.phase).or_default() += 1;
        entry.armed = armed(&entry);
        for deadline in &mut entry.armed {
            deadline.at = deadline.at.max(not_before);
            self.deadlines.arm(id, *deadline);
        }
        if let Place::Leased(held) = &standing.place {
            let holder = (standing.namespace.clone(), held.runner.id.clone());
            self.holders.entry(holder).or_default().insert(id);
        }
        self.entries.insert(id, entry);
    }

    fn unlink(&mut self, entry: &Entry) {
        let standing = &entry.standing;
        let id = standing.id;
        if let Some(count) = self.phases.get_mut(&standing.phase) {
            *count -= 1;
        }
        for deadline in &entry.armed {
            self.deadlines.disarm(id, *deadline);
        }
        if let Place::Leased(held) = &standing.place {
            let holder = (standing.namespace.clone(), held.runner.id.clone());
            if let Some(holds) = self.holders.get_mut(&holder) {
                holds.remove(&id);
                if holds.is_empty() {
                    self.holders.remove(&holder);
                }
            }
        }
    }

    /// Forgets queues that hold nothing, have nothing set and were last claimed from before
    /// `before`.
    pub fn forget_idle_queues(&mut self, before: Timestamp, now: Timestamp) {
        self.queues.retain(|_, queue| {
            queue.lineup.tidy(now);
            !queue.is_idle() || queue.used_at >= before
        });
    }

    fn forget_queue_if_idle(&mut self, key: &QueueKey) {
        // A history is kept for a while; a queue per execution must not pile up.
        if self.queues.get(key).is_some_and(|q| q.is_idle() && q.claim_latency_ms.count() < 2) {
            self.queues.remove(key);
        }
    }

    fn note_boot(&mut self, before: Option<&Entry>, after: &Standing) {
        let Some(before) = before.filter(|e| e.in_boot_grace) else { return };
        let same_lease = before.standing.held().map(|h| h.lease) == after.held().map(|h| h.lease);
        match &after.place {
            Place::Queued { .. } => self.after_boot.requeued += 1,
            Place::Over if after.phase == Phase::Failed => self.after_boot.failed += 1,
            Place::Over | Place::Parked => self.after_boot.returned += 1,
            Place::Leased(_) if same_lease => {}
            Place::Leased(_) => self.after_boot.returned += 1,
        }
    }

    // ---- timers --------------------------------------------------------------------------

    /// When the earliest deadline comes up.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.rows.first().map(|(at, ..)| *at)
    }

    /// Takes up to `limit` deadlines that have come up. A heartbeat or progress deadline that a
    /// sign of life has moved is armed anew instead.
    pub fn due(&mut self, now: Timestamp, limit: usize) -> Vec<Due> {
        let mut due = Vec::new();
        while due.len() < limit {
            let first = self.deadlines.rows.first().filter(|(at, ..)| *at <= now);
            let Some(&(at, id, kind)) = first else { break };
            self.deadlines.disarm(id, Deadline { kind, at });
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            entry.armed.retain(|d| d.kind != kind);
            let moved = armed(entry).into_iter().find(|d| d.kind == kind && d.at > now);
            if let Some(later) = moved {
                entry.armed.push(later);
                self.deadlines.arm(id, later);
                continue;
            }
            entry.firing.push(kind);
            let signs = entry.pulse.as_ref().map(|p| p.signs()).unwrap_or_default();
            due.push(Due {
                standing: Arc::clone(&entry.standing),
                deadline: Deadline { kind, at },
                signs,
            });
        }
        due
    }

    /// Arms a deadline again that [`Board::due`] gave out and that came to nothing, unless the
    /// execution has moved on meanwhile. Not before `not_before`.
    pub fn rearm(&mut self, due: &Due, not_before: Timestamp) {
        let id = due.standing.id;
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let kind = due.deadline.kind;
        if !entry.firing.contains(&kind) {
            return;
        }
        entry.firing.retain(|k| *k != kind);
        let again = armed(entry).into_iter().find(|d| d.kind == kind);
        if let Some(mut deadline) = again {
            deadline.at = deadline.at.max(not_before);
            entry.armed.push(deadline);
            self.deadlines.arm(id, deadline);
        }
    }

    // ---- queues --------------------------------------------------------------------------

    /// Other settings of a queue, which may be new. A claim that waits there is to look again.
    pub fn configure(&mut self, key: &QueueKey, settings: QueueSettings, now: Timestamp) {
        match self.queues.get_mut(key) {
            Some(queue) => queue.set(settings, now),
            None => {
                self.queues.insert(key.clone(), Queue::new(settings, now));
            }
        }
        self.forget_queue_if_idle(key);
    }

    /// What is set on a queue.
    pub fn settings(&self, key: &QueueKey) -> QueueSettings {
        self.queues.get(key).map(|queue| queue.lineup.settings().clone()).unwrap_or_default()
    }

    /// Queues on which something is set.
    pub fn configured(&self) -> impl Iterator<Item = (&QueueKey, &QueueSettings)> {
        let settings = self.queues.iter().map(|(key, queue)| (key, queue.lineup.settings()));
        settings.filter(|(_, settings)| !settings.is_default())
    }

    /// Takes up to `slots` of those whose turn it is out of a queue, as far as its limits allow,
    /// until their claims are settled.
    pub fn take(&mut self, key: &QueueKey, slots: u32, now: Timestamp) -> Vec<ExecutionId> {
        self.queues.get_mut(key).map(|queue| queue.lineup.take(slots, now)).unwrap_or_default()
    }

    /// As [`Board::take`], but nothing while other claims wait: they come first.
    pub fn take_unawaited(
        &mut self,
        key: &QueueKey,
        slots: u32,
        now: Timestamp,
    ) -> Vec<ExecutionId> {
        if self.queues.get(key).is_none_or(|queue| queue.awaited_by > 0) {
            return Vec::new();
        }
        self.take(key, slots, now)
    }

    /// So many claims wait for a queue.
    pub fn awaited(&mut self, key: &QueueKey, by: usize) {
        if by > 0 {
            self.queues.entry(key.clone()).or_default().awaited_by = by;
        } else if let Some(queue) = self.queues.get_mut(key) {
            queue.awaited_by = 0;
            self.forget_queue_if_idle(key);
        }
    }

    /// The claim on something of this queue is settled. If it was not granted the execution goes
    /// back to where it belongs now. Says whether a claim that waits may be granted because of it.
    pub fn settle(&mut self, key: &QueueKey, id: ExecutionId, now: Timestamp) -> bool {
        let Some(queue) = self.queues.get_mut(key) else { return false };
        let may_go_on = queue.lineup.settle(id, now);
        self.forget_queue_if_idle(key);
        may_go_on
    }

    /// How many claimable executions of its queue go before this one; `None` when it is not
    /// claimable.
    pub fn ahead(&mut self, id: ExecutionId, now: Timestamp) -> Option<usize> {
        let standing = &self.entries.get(&id)?.standing;
        let key = (standing.namespace.clone(), standing.queue.clone());
        self.queues.get_mut(&key)?.lineup.ahead(id, now)
    }

    /// When a claim that waits for a queue could be granted next, if nothing else happens.
    pub fn next_due(&mut self, key: &QueueKey, now: Timestamp) -> Option<Timestamp> {
        self.queues.get_mut(key)?.lineup.next_chance(now)
    }

    /// What keeps an execution with this concurrency key from being claimed, runners apart.
    pub fn hold(&mut self, key: &QueueKey, of: Option<&Name>, now: Timestamp) -> Option<Hold> {
        self.queues.get_mut(key)?.lineup.hold(of, now)
    }

    /// The queue's last pause that is over, and when it ended.
    pub fn last_pause(&self, key: &QueueKey) -> Option<(Pause, Timestamp)> {
        self.queues.get(key)?.last_pause.clone()
    }

    /// Up to `most` that are in progress in a queue, or of one key in it, longest first.
    pub fn out(&self, key: &QueueKey, of: Option<&Name>, most: usize) -> Vec<Arc<Standing>> {
        let out = self.queues.get(key).into_iter().flat_map(|queue| queue.lineup.out(of));
        let mut out: Vec<_> = out
            .filter_map(|id| {
                let standing = self.standing(id)?;
                Some((standing.held()?.since, id, standing))
            })
            .collect();
        out.sort_unstable_by_key(|(since, id, _)| (*since, *id));
        out.truncate(most);
        out.into_iter().map(|(.., standing)| standing).collect()
    }

    /// How many stand in a queue, due or not, and how many of it are in progress: at once, however
    /// many there are.
    pub fn standing_in(&self, key: &QueueKey) -> (usize, usize) {
        self.queues.get(key).map_or((0, 0), |queue| queue.lineup.counts())
    }

    /// A queue in figures; zeros for one that holds nothing.
    pub fn queue(&mut self, key: &QueueKey, now: Timestamp) -> QueueFigures {
        self.queues.get_mut(key).map(|queue| queue.figures(now)).unwrap_or_default()
    }

    /// Every queue that holds or held something, or on which something is set.
    pub fn queue_keys(&self) -> impl Iterator<Item = &QueueKey> {
        self.queues.keys()
    }

    // ---- leases --------------------------------------------------------------------------

    /// Where an execution stands.
    pub fn standing(&self, id: ExecutionId) -> Option<Arc<Standing>> {
        self.entries.get(&id).map(|e| Arc::clone(&e.standing))
    }

    /// The current lease.
    pub fn lease(&self, id: ExecutionId) -> Option<LeaseId> {
        self.entries.get(&id)?.standing.held().map(|held| held.lease)
    }

    /// The pulse of the current lease.
    pub fn pulse(&self, id: ExecutionId) -> Option<Arc<Pulse>> {
        self.entries.get(&id).and_then(|e| e.pulse.clone())
    }

    /// Replaces the report of a standing, and leaves all else as it is.
    pub fn promise(&mut self, id: ExecutionId, report: Option<(LeaseId, &Progress)>) {
        if let Some(entry) = self.entries.get_mut(&id)
            && entry.standing.report() != report
        {
            Arc::make_mut(&mut entry.standing).promise(report);
        }
    }

    /// A sign of life that needs no event: stores it and says when the next must come. `None` when
    /// the lease is not the current one, or a cancellation must be delivered with the reply.
    pub fn beat(
        &mut self,
        namespace: &Namespace,
        id: ExecutionId,
        lease: LeaseId,
        now: Timestamp,
    ) -> Option<Beaten> {
        let entry = self.entries.get_mut(&id).filter(|e| e.standing.namespace == *namespace)?;
        let held = entry.standing.held().filter(|h| h.lease == lease && !h.cancel_undelivered)?;
        entry.pulse.as_ref()?.beat(now);
        let beaten = Beaten {
            deadline: now.plus(held.heartbeat),
            cancel_requested: held.cancel_requested,
            answered: held.answered,
        };
        if std::mem::take(&mut entry.in_boot_grace) {
            self.after_boot.returned += 1;
        }
        Some(beaten)
    }

    /// The runner of a lease was heard from otherwise.
    pub fn heard(&mut self, id: ExecutionId) {
        if let Some(entry) = self.entries.get_mut(&id)
            && std::mem::take(&mut entry.in_boot_grace)
        {
            self.after_boot.returned += 1;
        }
    }

    /// Whether a runner held it when the server started, and has not been heard from since.
    pub fn is_unheard(&self, id: ExecutionId) -> bool {
        self.entries.get(&id).is_some_and(|entry| entry.in_boot_grace)
    }

    /// What a runner holds.
    pub fn held_by(&self, runner: &RunnerKey) -> impl ExactSizeIterator<Item = ExecutionId> {
        static NOTHING: BTreeSet<ExecutionId> = BTreeSet::new();
        self.holders.get(runner).unwrap_or(&NOTHING).iter().copied()
    }

    /// The last sign of life of any lease that a runner holds.
    pub fn last_beat(&self, runner: &RunnerKey) -> Option<Timestamp> {
        self.held_by(runner).filter_map(|id| self.pulse(id)?.signs().alive).max()
    }

    // ---- audit ---------------------------------------------------------------------------

    /// Live executions.
    pub fn live(&self) -> usize {
        self.entries.len()
    }

    /// Live executions by phase.
    pub fn phases(&self) -> BTreeMap<&'static str, usize> {
        self.phases.iter().map(|(phase, count)| (phase.as_str(), *count)).collect()
    }

    /// Armed deadlines by kind.
    pub fn armed(&self) -> BTreeMap<&'static str, usize> {
        let count = |kind: &DeadlineKind| (kind.as_str(), self.deadlines.counts[*kind as usize]);
        DeadlineKind::ALL.iter().map(count).collect()
    }

    /// See [`AfterBoot`].
    pub fn after_boot(&self) -> AfterBoot {
        self.after_boot
    }

    /// Invariant J, checked against what is really armed and queued: every live execution has an
    /// armed or firing deadline, and a queued one stands in its queue. Names each that has not.
    pub fn limbo(&self) -> Vec<ExecutionId> {
        self.audit(usize::MAX, usize::MAX).limbo
    }

    /// One stretch of that: at most `most` executions below the place `below` (`usize::MAX` begins
    /// a round). Going down, no removal in between hides an execution from a round: the one that
    /// takes the place of a removed one comes from above, where the round has been.
    pub fn audit(&self, below: usize, most: usize) -> Audited {
        let below = below.min(self.entries.len());
        let from = below.saturating_sub(most);
        let entries = self.entries.as_slice();
        let stretch = entries.get_range(from..below).into_iter().flat_map(|s| s.values());
        let limbo = stretch.filter(|entry| self.is_in_limbo(entry));
        Audited { limbo: limbo.map(|entry| entry.standing.id).collect(), below: from }
    }

    fn is_in_limbo(&self, entry: &Entry) -> bool {
        let standing = &entry.standing;
        let armed = || entry.armed.iter().all(|d| self.deadlines.is_armed(standing.id, *d));
        let timed = !entry.firing.is_empty() || (!entry.armed.is_empty() && armed());
        let placed = match standing.place {
            Place::Queued { due, .. } => self.is_queued(standing, due),
            Place::Leased(_) => entry.pulse.is_some(),
            Place::Parked => true,
            Place::Over => false,
        };
        !(timed && placed)
    }

    fn is_queued(&self, standing: &Standing, due: Timestamp) -> bool {
        let Standing { id, namespace, queue, .. } = standing;
        let queue = self.queues.get(&(namespace.clone(), queue.clone()));
        queue.is_some_and(|queue| queue.lineup.has(*id, due))
    }
}

/// Where it stands in its queue.
fn position(standing: &Standing) -> Position {
    let key = standing.concurrency_key.clone();
    match &standing.place {
        Place::Queued { due, .. } => {
            Position::Waiting(Ticket { due: *due, priority: standing.priority, key })
        }
        Place::Leased(_) => Position::Out(key),
        Place::Parked | Place::Over => Position::Away,
    }
}

/// What must be armed for an entry now, apart from what is firing.
fn armed(entry: &Entry) -> Vec<Deadline> {
    let signs = entry.pulse.as_ref().map(|p| p.signs()).unwrap_or_default();
    let mut armed = entry.standing.armed(signs);
    armed.retain(|d| !entry.firing.contains(&d.kind));
    armed
}
