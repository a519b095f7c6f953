//! Who does the work: every runner that asked for some and is not forgotten yet.
//!
//! Plain data, time as an argument. What a runner holds is not kept here but read off the board;
//! whoever forgets the idle has to look there in between ([`Runners::idle`],
//! [`Runners::forget_idle`]).

use std::collections::{BTreeMap, BTreeSet};

use heartline_execution::{Name, Namespace, Span, Timestamp, event::RunnerInfo};

use crate::{
    board::{QueueKey, RunnerKey},
    maps::HashMap,
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
    /// Connected by a socket.
    pub connected: bool,
    /// First poll.
    pub first_seen: Timestamp,
    /// Last poll, end of one, or frame of its socket.
    pub last_seen: Timestamp,
    /// When it was last found to hold something, by a search for idle runners.
    pub held_at: Timestamp,
}

impl Runner {
    /// Whether it has neither polled nor been found at work for `retention`.
    fn is_idle(&self, retention: Span, now: Timestamp) -> bool {
        self.offering == 0
            && !self.connected
            && now.since(self.last_seen.max(self.held_at)) >= retention
    }
}

/// Searches for idle runners in one retention time: what is forgotten is forgotten at most this
/// part of it late, and a search looks at every runner.
const SEARCHES: u64 = 60;

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
    /// Nobody is searched for before.
    next_search: Timestamp,
}

impl Runners {
    /// At most `limit` are remembered; beyond that the one unheard of for longest is forgotten.
    pub fn new(limit: usize) -> Self {
        Self {
            known: HashMap::default(),
            by_queue: HashMap::default(),
            offers: HashMap::default(),
            limit,
            next_search: Timestamp(0),
        }
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
        let runner = self.seen(namespace, info, slots, now);
        runner.offering = runner.offering.saturating_add(slots);
        self.asks(namespace, queue, info, now);
        let (polls, offered) = self.offers.entry((namespace.clone(), queue.clone())).or_default();
        *polls += 1;
        *offered += slots as usize;
    }

    /// A runner that describes itself, known from now on.
    fn seen(
        &mut self,
        namespace: &Namespace,
        info: &RunnerInfo,
        slots: u32,
        now: Timestamp,
    ) -> &mut Runner {
        let key = (namespace.clone(), info.id.clone());
        if !self.known.contains_key(&key) && self.known.len() >= self.limit {
            self.forget_stalest();
        }
        let runner = self.known.entry(key).or_insert_with(|| Runner {
            info: info.clone(),
            queues: BTreeMap::new(),
            slots,
            offering: 0,
            connected: false,
            first_seen: now,
            last_seen: now,
            held_at: Timestamp(0),
        });
        runner.info = info.clone();
        runner.slots = slots;
        runner.last_seen = now;
        runner
    }

    fn asks(&mut self, namespace: &Namespace, queue: &Name, info: &RunnerInfo, now: Timestamp) {
        let Some(runner) = self.known.get_mut(&(namespace.clone(), info.id.clone())) else {
            return;
        };
        if runner.queues.insert(queue.clone(), now).is_none() {
            let key = (namespace.clone(), queue.clone());
            self.by_queue.entry(key).or_default().insert(info.id.clone());
        }
    }

    /// A runner is connected and asks these queues, with the same slots: none of them free yet.
    pub fn connected(
        &mut self,
        namespace: &Namespace,
        queues: &[Name],
        info: &RunnerInfo,
        slots: u32,
        now: Timestamp,
    ) {
        self.seen(namespace, info, slots, now).connected = true;
        for queue in queues {
            self.asks(namespace, queue, info, now);
        }
    }

    /// So many of its slots are free now, after so many before.
    pub fn offers_now(
        &mut self,
        namespace: &Namespace,
        queues: &[Name],
        runner: &Name,
        (before, free): (u32, u32),
    ) {
        if let Some(runner) = self.known.get_mut(&(namespace.clone(), runner.clone())) {
            runner.offering = runner.offering.saturating_sub(before).saturating_add(free);
        }
        for queue in queues {
            let key = (namespace.clone(), queue.clone());
            let (polls, offered) = self.offers.entry(key.clone()).or_default();
            *polls = *polls + usize::from(free > 0) - usize::from(before > 0);
            *offered = *offered + free as usize - before as usize;
            if *polls == 0 {
                self.offers.remove(&key);
            }
        }
    }

    /// It said something over its socket.
    pub fn heard(&mut self, namespace: &Namespace, runner: &Name, now: Timestamp) {
        if let Some(runner) = self.known.get_mut(&(namespace.clone(), runner.clone())) {
            runner.last_seen = now;
        }
    }

    /// Its socket is gone. What it offered was taken back before.
    pub fn disconnected(&mut self, namespace: &Namespace, runner: &Name, now: Timestamp) {
        if let Some(runner) = self.known.get_mut(&(namespace.clone(), runner.clone())) {
            runner.connected = false;
            runner.last_seen = now;
        }
    }

    /// It said goodbye and holds nothing: nobody waits for it.
    pub fn left(&mut self, namespace: &Namespace, runner: &Name) {
        self.forget(&(namespace.clone(), runner.clone()));
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

    /// Those that have not polled for `retention`, to be looked up on the board; from time to time
    /// only, and nobody in between. Bounded by the limit.
    pub fn idle(&mut self, retention: Span, now: Timestamp) -> Vec<RunnerKey> {
        if now < self.next_search {
            return Vec::new();
        }
        self.next_search = now.plus(Span(retention.0 / SEARCHES));
        let idle = self.known.iter().filter(|(_, runner)| runner.is_idle(retention, now));
        idle.map(|(key, _)| key.clone()).collect()
    }

    /// Forgets those of them that hold nothing, unless they have polled meanwhile. Those that do
    /// are kept for another `retention`.
    pub fn forget_idle(&mut self, idle: &[(RunnerKey, bool)], retention: Span, now: Timestamp) {
        for (key, holds) in idle {
            match self.known.get_mut(key) {
                Some(runner) if *holds => runner.held_at = now,
                Some(runner) if runner.is_idle(retention, now) => self.forget(key),
                Some(_) | None => {}
            }
        }
    }

    fn forget_stalest(&mut self) {
        let stalest = self
            .known
            .iter()
            .filter(|(_, r)| r.offering == 0 && !r.connected)
            .min_by_key(|(_, r)| r.last_seen);
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

    /// Runners of a queue whose polls wait now, at most, and the slots they offer: one runner may
    /// have several polls.
    pub fn offers(&self, key: &QueueKey) -> (usize, usize) {
        let (polls, slots) = self.offers.get(key).copied().unwrap_or_default();
        let known = self.by_queue.get(key).map_or(0, |names| names.len());
        (polls.min(known), slots)
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Span = Span::secs(3600);

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn info(id: &str) -> RunnerInfo {
        serde_json::from_value(serde_json::json!({ "id": id })).unwrap()
    }

    fn key(id: &str) -> RunnerKey {
        (Namespace::default_namespace(), name(id))
    }

    /// Two runners that polled a queue of their own at once, at zero.
    fn two() -> Runners {
        let mut runners = Runners::new(10);
        for id in ["a", "b"] {
            let namespace = Namespace::default_namespace();
            runners.polls(&namespace, &name(id), &info(id), 1, Timestamp(0));
            runners.polled(&namespace, &name(id), &name(id), 1, Timestamp(0));
        }
        runners
    }

    /// A search in which only `holder` holds something.
    fn search(runners: &mut Runners, holder: &str, now: Timestamp) {
        let idle = runners.idle(HOUR, now);
        let idle: Vec<_> = idle
            .into_iter()
            .map(|key| {
                let holds = key.1.as_str() == holder;
                (key, holds)
            })
            .collect();
        runners.forget_idle(&idle, HOUR, now);
    }

    #[test]
    fn a_runner_that_has_not_polled_for_the_retention_is_forgotten_with_its_queue() {
        let mut runners = two();
        let before = Timestamp(HOUR.0 as i64 - 1);
        search(&mut runners, "", before);
        assert_eq!(runners.len(), 2);
        let now = before.plus(HOUR);
        search(&mut runners, "", now);
        assert!(runners.is_empty());
        assert_eq!(runners.of_queue(&key("a")).count(), 0);
    }

    #[test]
    fn a_runner_that_holds_something_is_kept_and_for_a_while_after_that() {
        let mut runners = two();
        let then = Timestamp(0).plus(HOUR);
        search(&mut runners, "a", then);
        assert!(runners.get(&key("a").0, &name("a")).is_some());
        assert!(runners.get(&key("b").0, &name("b")).is_none());
        search(&mut runners, "", then.plus(Span(HOUR.0 - 1)));
        assert_eq!(runners.len(), 1);
        search(&mut runners, "", then.plus(HOUR).plus(HOUR));
        assert!(runners.is_empty());
    }

    #[test]
    fn a_runner_whose_poll_waits_or_came_meanwhile_is_kept() {
        let mut runners = two();
        let namespace = Namespace::default_namespace();
        runners.polls(&namespace, &name("a"), &info("a"), 1, Timestamp(0));
        let now = Timestamp(0).plus(HOUR);
        let idle = runners.idle(HOUR, now);
        assert_eq!(idle, [key("b")]);
        runners.polls(&namespace, &name("b"), &info("b"), 1, now);
        runners.forget_idle(&[(key("b"), false)], HOUR, now);
        assert_eq!(runners.len(), 2);
    }

    #[test]
    fn searches_are_rare() {
        let mut runners = two();
        let now = Timestamp(0).plus(HOUR);
        assert_eq!(runners.idle(HOUR, now).len(), 2);
        assert!(runners.idle(HOUR, now.plus(Span::secs(59))).is_empty());
        assert_eq!(runners.idle(HOUR, now.plus(Span::secs(60))).len(), 2);
    }
}
