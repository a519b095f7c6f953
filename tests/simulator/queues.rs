//! The queues: waiting claims and claimable executions find each other, as in `actors::queues`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use heartline_actors::board::QueueKey;
use heartline_execution::{
    Command, ExecutionId, LeaseId, QueuePatch, Reply, Span, Timestamp, event::RunnerInfo,
};

use heartline_storage::ExecutionStore;

use super::{
    checks::Invariant,
    env::Env,
    sabotage::Sabotage,
    server::{Answer, Ask, Refused, Server},
    world::{Asker, Happening},
};

/// A runner that asks for work.
#[derive(Clone, Debug)]
pub(crate) struct Claimant {
    /// Of this poll.
    pub(crate) serial: u64,
    pub(crate) runner: usize,
    pub(crate) info: RunnerInfo,
    pub(crate) slots: u32,
    pub(crate) key: QueueKey,
}

/// A lease on its way to its runner.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) id: ExecutionId,
    pub(crate) lease: LeaseId,
    pub(crate) heartbeat: Span,
}

struct Round {
    claimant: Claimant,
    taken: Vec<ExecutionId>,
    open: usize,
    granted: Vec<Granted>,
    /// A claim could not be made, whatever the rules say of it.
    failed: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Queues {
    waiting: BTreeMap<QueueKey, VecDeque<Claimant>>,
    timers: BTreeMap<QueueKey, Timestamp>,
    rounds: BTreeMap<u64, Round>,
    last_round: u64,
    /// Polls whose runners have gone.
    closed: BTreeSet<u64>,
    /// Since when a queue has had something for a claim that waits.
    gives_since: BTreeMap<QueueKey, Timestamp>,
}

impl Server {
    /// A runner asks.
    pub(crate) fn claim(&mut self, env: &mut Env, claimant: Claimant) {
        let key = claimant.key.clone();
        let closed = &self.queues.closed;
        let waiting = self.queues.waiting.entry(key.clone()).or_default();
        waiting.retain(|claim| !closed.contains(&claim.serial));
        waiting.push_back(claimant);
        self.pump(env, &key);
    }

    /// A poll is over for its runner.
    pub(crate) fn close(&mut self, serial: u64) {
        self.queues.closed.insert(serial);
    }

    /// Gives what there is to those who wait, first come, first served.
    pub(super) fn pump(&mut self, env: &mut Env, key: &QueueKey) {
        while let Some(waiting) = self.queues.waiting.get_mut(key) {
            let Some(claimant) = waiting.pop_front() else { break };
            if self.queues.closed.remove(&claimant.serial) {
                continue;
            }
            let taken = self.board.take(key, claimant.slots, env.now);
            for id in &taken {
                env.checks.taken(key, env.now, Some(*id));
            }
            if taken.len() < claimant.slots as usize {
                env.checks.taken(key, env.now, None);
                if env.checks.is_held_by_a_rate(key, env.now) {
                    env.coverage.moment("claim waited for a rate");
                }
            }
            if taken.is_empty() {
                waiting.push_front(claimant);
                break;
            }
            self.queues.last_round += 1;
            let round = self.queues.last_round;
            for id in &taken {
                let lease = LeaseId(env.chance.u128());
                let command = Command::Claim { lease, runner: claimant.info.clone() };
                let ask = Ask {
                    asker: Asker::Claim { round, lease },
                    namespace: key.0.clone(),
                    id: *id,
                    command,
                    marks: Vec::new(),
                    key: None,
                    detached: false,
                    epoch: Some(self.epoch),
                    after: None,
                };
                env.send(Happening::arrive(ask));
            }
            let open = taken.len();
            let (granted, failed) = (Vec::new(), false);
            self.queues.rounds.insert(round, Round { claimant, taken, open, granted, failed });
        }
        self.set_timer(env, key);
    }

    fn set_timer(&mut self, env: &mut Env, key: &QueueKey) {
        self.board.awaited(key, self.queues.waiting.get(key).map_or(0, VecDeque::len));
        if self.queues.waiting.get(key).is_none_or(VecDeque::is_empty) {
            self.queues.waiting.remove(key);
            self.queues.timers.remove(key);
            return;
        }
        let Some(due) = self.board.next_due(key, env.now) else { return };
        if self.queues.timers.insert(key.clone(), due) != Some(due) {
            let happening = Happening::CameDue { epoch: self.epoch, key: key.clone() };
            env.after(due.since(env.now), happening);
        }
    }

    /// A scheduled execution has become claimable.
    pub(crate) fn came_due(&mut self, env: &mut Env, key: &QueueKey) {
        if self.queues.timers.get(key).is_some_and(|at| *at <= env.now) {
            self.queues.timers.remove(key);
            env.coverage.moment("claim waited for its time");
            self.pump(env, key);
        }
    }

    pub(super) fn claimed(
        &mut self,
        env: &mut Env,
        round: u64,
        id: ExecutionId,
        lease: LeaseId,
        answer: &Answer,
    ) {
        let Some(open) = self.queues.rounds.get_mut(&round) else { return };
        if let Ok(Reply::Claimed { heartbeat, .. }) = answer {
            open.granted.push(Granted { id, lease, heartbeat: *heartbeat });
        }
        open.failed |= !matches!(answer, Ok(_) | Err(Refused::Rejected(_) | Refused::NotFound));
        open.open -= 1;
        if open.open > 0 {
            return;
        }
        let Some(Round { claimant, taken, granted, failed, .. }) =
            self.queues.rounds.remove(&round)
        else {
            return;
        };
        let key = claimant.key.clone();
        let may_go_on = if failed {
            // Perhaps one of them was granted: it keeps its slot until the log says.
            let pause = env.millis(5, 50);
            let unsettled =
                Happening::Settle { epoch: self.epoch, key: key.clone(), ids: taken.clone() };
            env.after(pause, unsettled);
            false
        } else {
            self.settle(env, &key, &taken)
        };
        let gone = self.queues.closed.contains(&claimant.serial);
        if granted.is_empty() {
            env.coverage.moment("claim came to nothing");
            if failed && !gone {
                // Asking a failing store again at once would be a loop.
                let pause = env.millis(5, 50);
                env.after(pause, Happening::Claim(claimant));
            } else if !gone {
                self.claim(env, claimant);
            }
        } else if gone {
            self.queues.closed.remove(&claimant.serial);
            env.coverage.moment("lease granted to nobody");
            self.release(env, &claimant.key, granted);
        } else {
            let (runner, serial) = (claimant.runner, claimant.serial);
            env.send(Happening::Granted { runner, serial, epoch: self.epoch, granted });
        }
        if may_go_on {
            self.pump(env, &key);
        }
    }

    fn settle(&mut self, env: &mut Env, key: &QueueKey, ids: &[ExecutionId]) -> bool {
        let settle = |id: &ExecutionId| {
            env.checks.settled(key, *id);
            self.board.settle(key, *id, env.now)
        };
        ids.iter().map(settle).fold(false, |any, one| any | one)
    }

    /// Claims whose outcome was unknown, once the store is well and nothing of them is on its way.
    pub(crate) fn settle_later(&mut self, env: &mut Env, key: QueueKey, ids: Vec<ExecutionId>) {
        if !self.is_healthy() || self.has_on_its_way(&ids) {
            let pause = env.millis(5, 50);
            env.after(pause, Happening::Settle { epoch: self.epoch, key, ids });
            return;
        }
        env.coverage.moment("claim of unknown outcome settled later");
        if self.settle(env, &key, &ids) {
            self.pump(env, &key);
        }
    }

    /// An operator sets something on a queue: on disk, then on the board, then told.
    pub(crate) fn configure(&mut self, env: &mut Env, key: &QueueKey, patch: &QueuePatch) {
        if !self.is_healthy() {
            return;
        }
        let mut settings = self.board.settings(key);
        patch.apply(&mut settings, env.now);
        let kept = env.disk.store().set_queue(&key.0, &key.1, &settings);
        env.checks.claim(Invariant::G, kept.is_ok(), || format!("{key:?}: {kept:?}"));
        let mut known = settings.clone();
        if env.suffers(Sabotage::ForgottenRate) {
            (known.limits.rate, known.limits.key_rate) = (None, None);
        }
        self.board.configure(key, known, env.now);
        env.coverage.moment(match (settings.pause.is_some(), patch.paused) {
            (true, Some(_)) => "queue paused",
            (_, Some(_)) => "queue resumed",
            (_, None) => "queue limited",
        });
        env.checks.configured(key, settings);
        self.pump(env, key);
    }

    /// Leases that nobody is there to take go back at once.
    fn release(&mut self, env: &mut Env, key: &QueueKey, granted: Vec<Granted>) {
        for granted in granted {
            let ask = Ask {
                asker: Asker::Nobody,
                namespace: key.0.clone(),
                id: granted.id,
                command: Command::Release { lease: granted.lease },
                marks: Vec::new(),
                key: None,
                detached: false,
                epoch: Some(self.epoch),
                after: None,
            };
            env.send(Happening::arrive(ask));
        }
    }

    /// Claims that wait although their queue has something to give, for longer than `patience`.
    pub(crate) fn neglected(&mut self, now: Timestamp, patience: Span) -> Option<String> {
        let mut neglected = None;
        for (key, claims) in &self.queues.waiting {
            let waits = |claimant: &&Claimant| !self.queues.closed.contains(&claimant.serial);
            let claimant = claims.iter().find(waits);
            let gives = self.board.next_due(key, now).is_some_and(|at| at <= now);
            let (Some(claimant), true) = (claimant, gives) else {
                self.queues.gives_since.remove(key);
                continue;
            };
            let since = *self.queues.gives_since.entry(key.clone()).or_insert(now);
            if now.since(since) > patience {
                neglected = Some(format!("{claimant:?} waits, and there is something to claim"));
            }
        }
        neglected
    }

    pub(crate) fn claims_waiting(&self) -> usize {
        self.queues.waiting.values().map(VecDeque::len).sum()
    }
}
