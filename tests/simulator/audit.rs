//! Looks at everything from time to time: what the server holds must be the fold of the log, and
//! nothing may be in limbo.

use heartline_actors::board::QueueKey;
use std::collections::BTreeSet;

use heartline_execution::{
    ExecutionId, Phase, Place, QueueSettings, Span, Standing, State, Timestamp, event::Event, state,
};
use heartline_storage::{Cursor, ExecutionStore, Query, Stored};

use super::{
    checks::{Checks, Invariant},
    server::Server,
    tokens::{Claiming, Reading},
    world::World,
};

/// How late a timeout may be while nothing is wrong: the timer, the way to the actor, one look too
/// early, and the commits before.
const LATE: Span = Span::millis(40);
/// Each further round of timeouts when more come up at once than may be under way.
const ROUND: Span = Span::millis(15);
/// How long nobody has to look at a queue or a deadline.
const PATIENCE: Span = Span::millis(60);

impl Checks {
    /// A watcher is shown an event after the one at `before`.
    pub(crate) fn shown(&mut self, id: ExecutionId, lifecycle: bool, before: u64, event: &Stored) {
        let seq = event.record.seq;
        let prev = if lifecycle { event.prev_lifecycle } else { seq.saturating_sub(1) };
        self.claim(Invariant::C, prev == before && seq > before, || {
            format!("{id}: a watcher that saw {before} is shown {seq}")
        });
        let known = self.known.get(&id).and_then(|k| k.log.get(before.max(seq) as usize - 1));
        let same = known.is_some_and(|mine| mine.json == event.record.json);
        self.claim(Invariant::C, same, || {
            format!("{id}: event {seq} was shown and is not what the log has")
        });
    }

    /// The newest lifecycle event up to `seq`.
    pub(crate) fn lifecycle_before(&self, id: ExecutionId, seq: u64) -> u64 {
        let log = self.known.get(&id).map_or(&[][..], |known| &known.log[..]);
        let upto = log.iter().take_while(|record| record.seq <= seq);
        upto.filter(|record| record.lifecycle).last().map_or(0, |record| record.seq)
    }

    /// A queue gave out `taken`: it must be one whose turn it could be, within the limits.
    pub(crate) fn taken(&mut self, key: &QueueKey, now: Timestamp, taken: Option<ExecutionId>) {
        // If what it took may be claimed at all, only what must be can have gone before it.
        let heads = self.heads(key, now, |id| match Some(id) == taken {
            true => Reading::May,
            false => Reading::Must,
        });
        let right = taken.map_or(heads.is_empty(), |id| heads.contains(&id));
        self.claim(Invariant::D, right, || {
            format!("queue {key:?} gave {taken:?}; by the log it is the turn of one of {heads:?}")
        });
        if let Some(id) = taken {
            self.claiming.insert(id, Claiming { spent: true, granted: false });
            self.add_tokens(key, id, -1.0);
        }
    }

    /// Whether only a rate keeps it from giving something out.
    pub(crate) fn is_held_by_a_rate(&self, key: &QueueKey, now: Timestamp) -> bool {
        self.heads(key, now, |_| Reading::May).is_empty()
            && !self.heads(key, now, |_| Reading::Unrated).is_empty()
    }

    /// Those of which one is next.
    fn heads(
        &self,
        key: &QueueKey,
        now: Timestamp,
        reading: impl Fn(ExecutionId) -> Reading,
    ) -> Vec<ExecutionId> {
        let set = self.settings(key);
        let full = set.limits.max_in_progress.is_some_and(|most| self.out(key, None) >= most);
        if full || set.pause.is_some() {
            return Vec::new();
        }
        let allowed = |id: &ExecutionId, name: Option<&str>| {
            self.allowances.allows((key, name), set.limits, now, reading(*id))
        };
        let place = |id: &ExecutionId| {
            let shadow = &self.known[id].shadow;
            (-shadow.priority, shadow.key.clone(), shadow.due, *id)
        };
        let open = self.live.iter().filter(|id| {
            let known = &self.known[*id];
            let shadow = &known.shadow;
            let may = |name: &String| {
                let most = set.limits.key_max_in_progress;
                most.is_none_or(|most| self.out(key, Some(name)) < most) && allowed(id, Some(name))
            };
            shadow.phase == Some(Phase::Pending)
                && shadow.queue == key.1.as_str()
                && known.namespace == key.0
                && shadow.due <= now
                && !self.claiming.contains_key(*id)
                && allowed(id, None)
                && shadow.key.as_ref().is_none_or(may)
        });
        let open: Vec<_> = open.map(place).collect();
        let first = open.iter().map(|(priority, ..)| *priority).min();
        // Which of the keys it is is the line-up's own test; of each only its oldest may be.
        let heads = open.iter().filter(|(priority, name, due, id)| {
            let older =
                |(p, n, d, i): &(_, _, _, _)| (p, n) == (priority, name) && (d, i) < (due, id);
            Some(*priority) == first && !open.iter().any(older)
        });
        heads.map(|(.., id)| *id).collect()
    }

    fn add_tokens(&mut self, key: &QueueKey, id: ExecutionId, tokens: f64) {
        let name = self.known.get(&id).and_then(|known| known.shadow.key.clone());
        let limits = self.settings(key).limits;
        self.allowances.add((key, name.as_deref()), limits, tokens, self.now);
    }

    /// A claim is settled: what it took goes back where nothing came of it.
    pub(crate) fn settled(&mut self, key: &QueueKey, id: ExecutionId) {
        let Some(claiming) = self.claiming.remove(&id) else { return };
        if claiming.spent && !claiming.granted {
            self.add_tokens(key, id, 1.0);
        }
    }

    /// An operator was told that this is set.
    pub(crate) fn configured(&mut self, key: &QueueKey, settings: QueueSettings) {
        let (from, to) = (self.settings(key).limits, settings.limits);
        self.allowances.changed(key, (from, to), self.now);
        if (from.rate, from.key_rate) != (to.rate, to.key_rate) {
            // What they took was not of these tokens.
            let known = &self.known;
            let of_queue = |id: &ExecutionId| {
                known.get(id).is_some_and(|known| {
                    known.namespace == key.0 && known.shadow.queue == key.1.as_str()
                })
            };
            for (_, claiming) in self.claiming.iter_mut().filter(|(id, _)| of_queue(id)) {
                claiming.spent = false;
            }
        }
        self.queues.insert(key.clone(), settings);
        self.above_limits.insert(key.clone());
    }

    /// What an operator was told is set on a queue.
    pub(crate) fn settings(&self, key: &QueueKey) -> QueueSettings {
        self.queues.get(key).cloned().unwrap_or_default()
    }

    /// Leases and claims under way of a queue, or of one key in it, by the log.
    fn out(&self, key: &QueueKey, of: Option<&String>) -> u32 {
        // A claim keeps its slot until it is settled, also of an execution that is over meanwhile.
        let also = self.claiming.keys().filter(|id| !self.live.contains(id));
        let out = self.live.iter().chain(also).filter(|id| {
            self.known.get(*id).is_some_and(|known| {
                known.namespace == key.0
                    && known.shadow.queue == key.1.as_str()
                    && (of.is_none() || known.shadow.key.as_ref() == of)
                    && (known.shadow.tenure.is_some() || self.claiming.contains_key(*id))
            })
        });
        u32::try_from(out.count()).expect("a few")
    }

    /// The leases of each queue are within its limits, or have been fewer and fewer since those
    /// came down.
    pub(crate) fn audit_limits(&mut self) {
        for key in self.queues.keys().cloned().collect::<Vec<_>>() {
            let limits = self.settings(&key).limits;
            let keys: BTreeSet<_> =
                self.live.iter().filter_map(|id| self.known[id].shadow.key.clone()).collect();
            let within = |out: u32, most: Option<u32>| most.is_none_or(|most| out <= most);
            let all = within(self.out(&key, None), limits.max_in_progress)
                && keys
                    .iter()
                    .all(|of| within(self.out(&key, Some(of)), limits.key_max_in_progress));
            if all {
                self.above_limits.remove(&key);
            }
            let excused = self.above_limits.contains(&key);
            self.claim(Invariant::H, all || excused, || format!("{key:?} is above {limits:?}"));
        }
    }
}

fn fold(log: &[heartline_storage::Record]) -> Result<Option<State>, String> {
    let mut folded = None;
    for record in log {
        let event = Event::decode(&record.json, record.private).map_err(|e| e.to_string())?;
        state::apply(&mut folded, &event).map_err(|e| e.to_string())?;
    }
    Ok(folded)
}

fn json(state: &Option<State>) -> String {
    serde_json::to_string(state).expect("a state is plain JSON")
}

impl World {
    /// The server, when what it holds must be what the log says.
    fn settled(&self) -> Option<&Server> {
        self.server.as_ref().filter(|server| server.is_healthy())
    }

    /// What is cheap to look at.
    pub(crate) fn audit(&mut self) {
        let live = self.env.checks.live.len() as u64;
        let rounds = live / self.env.settings.timeouts as u64;
        self.env.checks.allow_late(Span(LATE.0 + rounds * ROUND.0));
        let Some(server) = self.server.as_mut().filter(|server| server.is_healthy()) else {
            return;
        };
        let (checks, now) = (&mut self.env.checks, self.env.now);
        let limbo = server.board.limbo();
        checks.claim(Invariant::J, limbo.is_empty(), || format!("in limbo: {limbo:?}"));
        let mut overdue = None;
        for id in &checks.live {
            let deadlines = checks.known[id].deadlines();
            let first = deadlines.into_iter().min_by_key(|(_, at)| *at);
            let Some((kind, at)) = first else {
                overdue = Some(format!("{id} has no deadline at all"));
                break;
            };
            let excused = at.max(checks.excused_until);
            if now > excused.plus(checks.late()).plus(PATIENCE) {
                overdue = Some(format!("{id}: {kind:?} of {at} has not run out at {now}"));
                break;
            }
        }
        checks.claim(Invariant::J, overdue.is_none(), || overdue.unwrap_or_default());
        checks.audit_limits();
        let unreported = checks.live.iter().find_map(|id| checks.late_report(*id));
        checks.claim(Invariant::A, unreported.is_none(), || unreported.unwrap_or_default());
        if now > checks.excused_until.plus(PATIENCE) {
            let neglected = server.neglected(now, PATIENCE);
            checks.claim(Invariant::J, neglected.is_none(), || neglected.unwrap_or_default());
        }
        let bounds = [
            ("appends in the journal", server.waiting_appends(), self.env.settings.journal + 3),
            ("timeouts under way", server.timeouts_under_way(), self.env.settings.timeouts),
            ("claims waiting", server.claims_waiting(), 64),
            ("executions on the board", server.board.live(), self.env.settings.live + 40),
            ("queues", server.board.queue_keys().count(), 6),
        ];
        for (what, held, bound) in bounds {
            checks.claim(Invariant::H, held <= bound, || format!("{held} {what}, not {bound}"));
        }
    }

    /// What takes longer.
    pub(crate) fn audit_all(&mut self) {
        if self.settled().is_none() {
            return;
        }
        self.audit_board();
        self.audit_lists();
        let known = &self.env.checks.known;
        if known.is_empty() {
            return;
        }
        for _ in 0..4 {
            let nth = self.env.chance.below(self.env.checks.known.len());
            let id = *self.env.checks.known.keys().nth(nth).expect("it is below their number");
            self.audit_log(id);
        }
    }

    /// Board and live index against the log.
    fn audit_board(&mut self) {
        let Some(server) = self.server.as_mut() else { return };
        let checks = &mut self.env.checks;
        let mut indexed: Vec<Standing> = Vec::new();
        let read = self.env.disk.store().live(&mut |standing| indexed.push(standing));
        let mut found = read.err().map(|error| error.to_string());
        if indexed.len() != checks.live.len() || server.board.live() != checks.live.len() {
            found.get_or_insert(format!(
                "{} live executions by the log, {} in the index, {} on the board",
                checks.live.len(),
                indexed.len(),
                server.board.live()
            ));
        }
        let (mut queued, mut leased) = (0, 0);
        for standing in &indexed {
            let on_board = server.board.standing(standing.id);
            // The instants of a lease go on between the lifecycle events that the index knows.
            if !on_board.as_deref().is_some_and(|board| board.stands_as(standing)) {
                found.get_or_insert(format!("{standing:?} stands on the board as {on_board:?}"));
            }
            let of = checks.known.get(&standing.id);
            if let Some(differs) = of.and_then(|known| known.shadow.differs(standing)) {
                found.get_or_insert(differs);
            }
            match standing.place {
                Place::Queued { .. } => queued += 1,
                Place::Leased(_) => leased += 1,
                Place::Parked | Place::Over => {}
            }
        }
        let now = self.env.now;
        let keys: Vec<_> = server.board.queue_keys().cloned().collect();
        let held = keys.iter().fold((0, 0), |(all, out), key| {
            let queue = server.board.queue(key, now);
            (all + queue.depth + queue.scheduled, out + queue.in_progress)
        });
        let claiming = checks.claiming.keys().filter(|id| {
            checks.known.get(id).is_some_and(|known| known.shadow.phase == Some(Phase::Pending))
        });
        if (held.0 + claiming.count(), held.1) != (queued, leased) {
            found
                .get_or_insert(format!("queues hold {held:?} of {queued} queued, {leased} leased"));
        }
        let by_phase: usize = server.board.phases().values().sum();
        if by_phase != checks.live.len() {
            found.get_or_insert(format!("{by_phase} executions have a phase"));
        }
        let expected: usize = checks.live.iter().map(|id| checks.known[id].deadlines().len()).sum();
        let armed: usize = server.board.armed().values().sum();
        if armed > expected || expected - armed > server.timeouts_under_way() {
            let firing = server.timeouts_under_way();
            found.get_or_insert(format!("{armed} armed and {firing} firing of {expected}"));
        }
        let after = server.board.after_boot();
        if after.returned + after.requeued + after.failed > server.leases_at_start {
            found.get_or_insert(format!("{after:?} of {} leases", server.leases_at_start));
        }
        checks.claim(Invariant::D, found.is_none(), || found.unwrap_or_default());
    }

    /// The lists against the log: one filter, page by page.
    fn audit_lists(&mut self) {
        let namespace = self.namespaces[self.env.chance.below(2)].clone();
        let phase = Phase::ALL[self.env.chance.below(6)];
        let mut cursor: Option<Cursor> = None;
        let mut listed = Vec::new();
        loop {
            let query = Query { phase: Some(phase), cursor, ..Query::all(namespace.clone(), 7) };
            let page = match self.env.disk.store().list(&query) {
                Ok(page) => page,
                Err(error) => {
                    self.env.checks.claim(Invariant::D, false, || error.to_string());
                    return;
                }
            };
            listed.extend(page.rows.into_iter().map(|row| (row.id, row.head)));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let known =
            self.env.checks.known.iter().filter(|(_, known)| {
                known.namespace == namespace && known.shadow.phase == Some(phase)
            });
        let mut expected: Vec<_> = known
            .map(|(id, known)| (known.shadow.created_at, *id, known.log.len() as u64))
            .collect();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        let expected: Vec<_> = expected.into_iter().map(|(_, id, head)| (id, head)).collect();
        self.env.checks.claim(Invariant::D, expected == listed, || {
            format!("the {phase:?} ones are {expected:?}; the list has {listed:?}")
        });
    }

    /// One log against the disk, and its fold against the loaded state.
    fn audit_log(&mut self, id: ExecutionId) {
        self.env.coverage.moment("state replayed and compared");
        let namespace = self.env.checks.known[&id].namespace.clone();
        let found = self.env.disk.log(&namespace, id);
        self.env.checks.read_back(&namespace, id, &found, &mut self.env.coverage);
        let folded = fold(&self.env.checks.known[&id].log);
        let loaded = self.env.disk.store().load(&namespace, id).map_err(|e| e.to_string());
        let same = folded.is_ok() && folded.as_ref().map(json) == loaded.as_ref().map(json);
        self.env.checks.claim(Invariant::D, same, || {
            format!("{id}: the log folds to {folded:?}, the store loads {loaded:?}")
        });
        let weight = loaded.ok().flatten().map_or(0, |state| state.transcript.bytes());
        let bound = self.env.settings.state_bytes + 4_096;
        self.env.checks.claim(Invariant::H, weight <= bound, || {
            format!("{id}: {weight} bytes of state, not {bound}")
        });
    }

    /// After a start: nothing that was acknowledged or shown is missing anywhere.
    pub(crate) fn read_back_all(&mut self) {
        let known = self.env.checks.known.iter();
        let mut all: Vec<_> = known.map(|(id, known)| (known.namespace.clone(), *id)).collect();
        all.extend(self.env.checks.unknown_ids());
        all.dedup();
        for (namespace, id) in all {
            let found = self.env.disk.log(&namespace, id);
            self.env.checks.read_back(&namespace, id, &found, &mut self.env.coverage);
        }
        let gone = self.env.checks.gone.iter();
        let back: Vec<_> =
            gone.filter(|(id, namespace)| !self.env.disk.log(namespace, **id).is_empty()).collect();
        let told = (!back.is_empty()).then(|| format!("purged, and there again: {back:?}"));
        self.env.checks.claim(Invariant::D, told.is_none(), || told.unwrap_or_default());
    }

    /// Nothing is left to happen: everybody has come to an end and was told.
    pub(crate) fn audit_the_end(&mut self) {
        if self.env.checks.violation().is_some() {
            return;
        }
        let live = self.env.checks.live.clone();
        self.env.checks.claim(Invariant::J, live.is_empty(), || {
            format!("nothing more happens, and these still live: {live:?}")
        });
        let waiting: Vec<_> = self.watchers.iter().filter_map(|w| w.follows()).collect();
        self.env.checks.claim(Invariant::C, waiting.is_empty(), || {
            format!("watchers were never told the end of {waiting:?}")
        });
        self.read_back_all();
        self.audit_board();
        let ids: Vec<_> = self.env.checks.known.keys().copied().collect();
        for id in ids {
            self.audit_log(id);
        }
    }
}
