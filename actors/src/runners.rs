//! Who does the work: every runner that asked for some since the server started.
//!
//! Plain data, time as an argument. What a runner holds is not kept here but read off the board.

use std::collections::{BTreeMap, HashMap};

use heartline_execution::{Name, Namespace, Span, Timestamp, event::RunnerInfo};

use crate::views::RunnerStatus;

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
    known: HashMap<(Namespace, Name), Runner>,
    limit: usize,
}

impl Runners {
    /// At most `limit` are remembered; beyond that the one unheard of for longest is forgotten.
    pub fn new(limit: usize) -> Self {
        Self { known: HashMap::new(), limit }
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
        runner.queues.insert(queue.clone(), now);
    }

    /// A poll ended, with work or without.
    pub fn polled(&mut self, namespace: &Namespace, runner: &Name, slots: u32, now: Timestamp) {
        if let Some(runner) = self.known.get_mut(&(namespace.clone(), runner.clone())) {
            runner.offering = runner.offering.saturating_sub(slots);
            runner.last_seen = now;
        }
    }

    fn forget_stalest(&mut self) {
        let stalest =
            self.known.iter().filter(|(_, r)| r.offering == 0).min_by_key(|(_, r)| r.last_seen);
        if let Some(key) = stalest.map(|(key, _)| key.clone()) {
            self.known.remove(&key);
        }
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
