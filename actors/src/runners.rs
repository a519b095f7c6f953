//! Who does the work: every runner that asked for some since the server started.
//!
//! Plain data, time as an argument. What a runner holds is not kept here but read off the board.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use heartline_execution::{Name, Namespace, Span, Timestamp, event::RunnerInfo};

use crate::{
    board::{QueueKey, RunnerKey},
    views::RunnerStatus,
};

/// One runner.
#[derive(Clone, Debug)]
pub struct Runner {
    /// As it last described itself.
    pub info: RunnerInfo,
    /// When it last polled each queue.
    pub queues: BTreeMap<Name, Timestamp>,
    /// Slots of its last poll.
    pub slots: u32,
    /// Slots of the polls that wait now.
    pub offering: u32,
    /// First poll.
    pub first_seen: Timestamp,
    /// Last poll, or end of one.
    pub last_seen: Timestamp,
}

/// When a runner that was not heard from counts as late, and as lost.
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// Older than this is late.
    pub late_after: Span,
    /// Older than this is lost.
    pub lost_after: Span,
}

impl Freshness {
    /// From the last sign of life.
    pub fn status(&self, last_seen: Timestamp, now: Timestamp) -> RunnerStatus {
        let age = now.since(last_seen);
        if age > self.lost_after {
            RunnerStatus::Lost
        } else if age > self.late_after {
            RunnerStatus::Late
        } else {
            RunnerStatus::Live
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Runners {
    known: HashMap<RunnerKey, Runner>,
    /// Who ever polled a queue.
    by_queue: HashMap<QueueKey, BTreeSet<Name>>,
    /// Polls of a queue that wait now, and the slots they offer.
    offers: HashMap<QueueKey, (usize, usize)>,
    limit: usize,
}

impl Runners {
    /// At most `limit` are remembered; beyond that the one unheard of for longest is forgotten.
    pub fn new(limit: usize) -> Self {
        Self { known: HashMap::new(), by_queue: HashMap::new(), offers: HashMap::new(), limit }
    }

    /// A runner asks a queue for work.
    pub fn polls(
        &mut self,
        namespace: &Namespace,
        queue: &Name,
        info: &RunnerInfo,
        slots: u32,
        now: Timestamp,
    ) {
        let key = (namespace.clone(), info.id.clone());
        if !self.known.contains_key(&key) && self.known.len() >= self.limit {
            self.forget_stalest();
        }
        let runner = self.known.entry(key).or_insert_with(|| Runner {
            info: info.clone(),
            queues: BTreeMap::new(),
            slots,
            offering: 0,
            first_seen: now,
            last_seen: now,
        });
        runner.info = info.clone();
        runner.slots = slots;
        runner.offering = runner.offering.saturating_add(slots);
        runner.last_seen = now;
        let key = (namespace.clone(), queue.clone());
        if runner.queues.insert(queue.clone(), now).is_none() {
            self.by_queue.entry(key.clone()).or_default().insert(info.id.clone());
        }
        let (polls, offered) = self.offers.entry(key).or_default();
        *polls += 1;
        *offered += slots as usize;
    }

    /// A poll ended, with work or without.
    pub fn polled(
        &mut self,
        namespace: &Namespace,
        queue: &Name,
        runner: &Name,
        slots: u32,
        now: Timestamp,
    ) {
        if let Some(runner) = self.known.get_mut(&(namespace.clone(), runner.clone())) {
            runner.offering = runner.offering.saturating_sub(slots);
            runner.last_seen = now;
        }
        let key = (namespace.clone(), queue.clone());
        if let Some((polls, offered)) = self.offers.get_mut(&key) {
            *polls -= 1;
            *offered -= slots as usize;
            if *polls == 0 {
                self.offers.remove(&key);
            }
        }
    }

    fn forget_stalest(&mut self) {
        let stalest =
            self.known.iter().filter(|(_, r)| r.offering == 0).min_by_key(|(_, r)| r.last_seen);
        if let Some(key) = stalest.map(|(key, _)| key.clone()) {
            self.forget(&key);
        }
    }

    fn forget(&mut self, key: &RunnerKey) {
        let Some(runner) = self.known.remove(key) else { return };
        for queue in runner.queues.into_keys() {
            let of_queue = (key.0.clone(), queue);
            if let Some(names) = self.by_queue.get_mut(&of_queue) {
                names.remove(&key.1);
                if names.is_empty() {
                    self.by_queue.remove(&of_queue);
                }
            }
        }
    }

    /// Polls of a queue that wait now, and the slots they offer.
    pub fn offers(&self, key: &QueueKey) -> (usize, usize) {
        self.offers.get(key).copied().unwrap_or_default()
    }

    /// All that ever polled a queue.
    pub fn of_queue<'a>(&'a self, key: &'a QueueKey) -> impl Iterator<Item = &'a Runner> {
        let names = self.by_queue.get(key).into_iter().flatten();
        names.filter_map(|id| self.known.get(&(key.0.clone(), id.clone())))
    }

    /// One of them.
    pub fn get(&self, namespace: &Namespace, id: &Name) -> Option<&Runner> {
        self.known.get(&(namespace.clone(), id.clone()))
    }

    /// All of a tenant.
    pub fn of<'a>(&'a self, namespace: &'a Namespace) -> impl Iterator<Item = &'a Runner> {
        self.known.iter().filter(move |((ns, _), _)| ns == namespace).map(|(_, r)| r)
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}
