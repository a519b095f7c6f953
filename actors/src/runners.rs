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

/// The most queues one runner is remembered for, which is what a socket may register: of one that
/// polls more, those it polled last.
const QUEUES: usize = 64;

/// How a runner asks for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By polls, and between two of them nobody knows whether it will poll again.
    Polls,
    /// Over a socket that is open.
    Connected,
    /// Not at all: its socket was closed then, and it has not come back.
    Gone(Timestamp),
}

/// One runner.
#[derive(Clone, Debug)]
pub struct Runner {
    /// As it last described itself.
    pub info: RunnerInfo,
    /// The queues it asks, and since when or when it last did: the begin or end of a poll, or the
    /// registration of its socket.
    pub queues: BTreeMap<Name, Timestamp>,
    /// Slots of its last poll.
    pub slots: u32,
    /// Slots of the polls that wait now.
    pub offering: u32,
    /// How it asks.
    pub way: Way,
    /// It takes nothing more.
    pub draining: bool,
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
            && self.way != Way::Connected
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
    /// Who asks a queue, or did.
    by_queue: HashMap<QueueKey, BTreeSet<Name>>,
    /// Polls of a queue that wait now, and the slots they offer.
    offers: HashMap<QueueKey, (usize, usize)>,
    /// When somebody who asked a queue said that he does no more; of as many queues as runners.
    left: HashMap<QueueKey, Timestamp>,
    limit: usize,
    /// Who was not heard of for longer may be forgotten for another.
    lost_after: Span,
    /// Nobody is searched for before.
    next_search: Timestamp,
}

/// There is no room for another runner: none of those that are remembered is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl Runners {
    /// At most `limit` are remembered; beyond that the one unheard of for longest is forgotten, if
    /// that is longer than `lost_after`.
    pub fn new(limit: usize, lost_after: Span) -> Self {
        Self {
            known: HashMap::default(),
            by_queue: HashMap::default(),
            offers: HashMap::default(),
            left: HashMap::default(),
            limit,
            lost_after,
            next_search: Timestamp(0),
        }
    }

    /// A runner asks a queue for work.
    ///
    /// # Errors
    /// It is new and there is no room for it; nothing has changed.
    pub fn polls(
        &mut self,
        namespace: &Namespace,
        queue: &Name,
        info: &RunnerInfo,
        slots: u32,
        now: Timestamp,
    ) -> Result<(), TooMany> {
        let runner = self.seen(namespace, info, slots, now)?;
        runner.offering = runner.offering.saturating_add(slots);
        if runner.way != Way::Connected {
            runner.way = Way::Polls;
        }
        self.asks(namespace, queue, &info.id, now);
        let (polls, offered) = self.offers.entry((namespace.clone(), queue.clone())).or_default();
        *polls += 1;
        *offered += slots as usize;
        Ok(())
    }

    /// A runner that describes itself, known from now on.
    fn seen(
        &mut self,
        namespace: &Namespace,
        info: &RunnerInfo,
        slots: u32,
        now: Timestamp,
    ) -> Result<&mut Runner, TooMany> {
        let key = (namespace.clone(), info.id.clone());
        if !self.known.contains_key(&key) && self.known.len() >= self.limit {
            self.forget_stalest(now)?;
        }
        let runner = self.known.entry(key).or_insert_with(|| Runner {
            info: info.clone(),
            queues: BTreeMap::new(),
            slots,
            offering: 0,
            way: Way::Polls,
            draining: false,
            first_seen: now,
            last_seen: now,
            held_at: Timestamp(0),
        });
        runner.info = info.clone();
        runner.slots = slots;
        runner.last_seen = now;
        Ok(runner)
    }

    fn asks(&mut self, namespace: &Namespace, queue: &Name, id: &Name, now: Timestamp) {
        let Some(runner) = self.known.get_mut(&(namespace.clone(), id.clone())) else { return };
        if runner.queues.insert(queue.clone(), now).is_some() {
            return;
        }
        let longest = runner.queues.iter().min_by_key(|(_, asked)| **asked);
        let longest = longest.map(|(queue, _)| queue.clone());
        let over = longest.filter(|_| runner.queues.len() > QUEUES);
        let key = (namespace.clone(), queue.clone());
        self.by_queue.entry(key).or_default().insert(id.clone());
        if let Some(over) = over {
            self.asks_no_more(namespace, &over, id);
        }
    }

    fn asks_no_more(&mut self, namespace: &Namespace, queue: &Name, id: &Name) {
        if let Some(runner) = self.known.get_mut(&(namespace.clone(), id.clone())) {
            runner.queues.remove(queue);
        }
        let key = (namespace.clone(), queue.clone());
        if let Some(names) = self.by_queue.get_mut(&key) {
            names.remove(id);
            if names.is_empty() {
                self.by_queue.remove(&key);
            }
        }
    }

    /// A runner is connected and asks these queues and no other, with the same slots: none of them
    /// free yet.
    ///
    /// # Errors
    /// It is new and there is no room for it; nothing has changed.
    pub fn connected(
        &mut self,
        namespace: &Namespace,
        queues: &[Name],
        info: &RunnerInfo,
        slots: u32,
        now: Timestamp,
    ) -> Result<(), TooMany> {
        let runner = self.seen(namespace, info, slots, now)?;
        runner.way = Way::Connected;
        runner.draining = false;
        let others = runner.queues.keys().filter(|queue| !queues.contains(queue));
        for other in others.cloned().collect::<Vec<_>>() {
            self.asks_no_more(namespace, &other, &info.id);
            self.leaves((namespace.clone(), other), now);
        }
        for queue in queues {
            self.asks(namespace, queue, &info.id, now);
        }
        Ok(())
    }

    /// It is connected and takes nothing more.
    pub fn drains(&mut self, namespace: &Namespace, runner: &Name) {
        if let Some(runner) = self.known.get_mut(&(namespace.clone(), runner.clone())) {
            runner.draining = true;
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
            runner.way = Way::Gone(now);
        }
    }

    /// It said goodbye and holds nothing: nobody waits for it.
    pub fn left(&mut self, namespace: &Namespace, runner: &Name, now: Timestamp) {
        let key = (namespace.clone(), runner.clone());
        let queues = self.known.get(&key).into_iter().flat_map(|runner| runner.queues.keys());
        for queue in queues.cloned().collect::<Vec<_>>() {
            self.leaves((namespace.clone(), queue), now);
        }
        self.forget(&key);
    }

    fn leaves(&mut self, queue: QueueKey, now: Timestamp) {
        if self.left.len() >= self.limit && !self.left.contains_key(&queue) {
            let longest = self.left.iter().min_by_key(|(_, left)| **left);
            let longest = longest.map(|(queue, _)| queue.clone());
            longest.and_then(|queue| self.left.remove(&queue));
        }
        self.left.insert(queue, now);
    }

    /// When somebody who asked a queue left it last, as long as that is remembered.
    pub fn last_left(&self, key: &QueueKey) -> Option<Timestamp> {
        self.left.get(key).copied()
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
            if let Some(asked) = runner.queues.get_mut(queue) {
                *asked = now;
            }
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
        self.left.retain(|_, left| now.since(*left) < retention);
        self.forget_queues(retention, now);
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

    /// What those that poll have not polled for `retention`.
    fn forget_queues(&mut self, retention: Span, now: Timestamp) {
        let polling = self.known.iter().filter(|(_, r)| r.way == Way::Polls && r.offering == 0);
        let old = polling.flat_map(|((namespace, id), runner)| {
            let old = runner.queues.iter().filter(|(_, asked)| now.since(**asked) >= retention);
            old.map(|(queue, _)| (namespace.clone(), queue.clone(), id.clone()))
        });
        for (namespace, queue, id) in old.collect::<Vec<_>>() {
            self.asks_no_more(&namespace, &queue, &id);
        }
    }

    fn forget_stalest(&mut self, now: Timestamp) -> Result<(), TooMany> {
        let away = |r: &Runner| r.offering == 0 && r.way != Way::Connected;
        let lost = |r: &Runner| away(r) && now.since(r.last_seen) > self.lost_after;
        let stalest = self.known.iter().filter(|(_, r)| lost(r)).min_by_key(|(_, r)| r.last_seen);
        let key = stalest.map(|(key, _)| key.clone()).ok_or(TooMany)?;
        self.forget(&key);
        Ok(())
    }

    fn forget(&mut self, key: &RunnerKey) {
        let Some(runner) = self.known.get(key) else { return };
        for queue in runner.queues.keys().cloned().collect::<Vec<_>>() {
            self.asks_no_more(&key.0, &queue, &key.1);
        }
        self.known.remove(key);
    }

    /// Claims of a queue that wait now; a socket with free slots is one.
    pub fn claims(&self, key: &QueueKey) -> usize {
        self.offers.get(key).map_or(0, |(polls, _)| *polls)
    }

    /// Runners of a queue whose polls wait now, at most, and the slots they offer: one runner may
    /// have several polls.
    pub fn offers(&self, key: &QueueKey) -> (usize, usize) {
        let (polls, slots) = self.offers.get(key).copied().unwrap_or_default();
        let known = self.by_queue.get(key).map_or(0, |names| names.len());
        (polls.min(known), slots)
    }

    /// All that are remembered to have asked a queue.
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
        let mut runners = Runners::new(10, Span::secs(45));
        for id in ["a", "b"] {
            let namespace = Namespace::default_namespace();
            runners.polls(&namespace, &name(id), &info(id), 1, Timestamp(0)).unwrap();
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
        runners.polls(&namespace, &name("a"), &info("a"), 1, Timestamp(0)).unwrap();
        let now = Timestamp(0).plus(HOUR);
        let idle = runners.idle(HOUR, now);
        assert_eq!(idle, [key("b")]);
        runners.polls(&namespace, &name("b"), &info("b"), 1, now).unwrap();
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

    #[test]
    fn beyond_the_limit_only_a_lost_runner_makes_room() {
        let mut runners = Runners::new(2, Span::secs(45));
        let namespace = Namespace::default_namespace();
        let mut poll = |id: &str, now| {
            let polled = runners.polls(&namespace, &name("q"), &info(id), 1, now);
            if polled.is_ok() {
                runners.polled(&namespace, &name("q"), &name(id), 1, now);
            }
            polled
        };
        let late = Timestamp(0).plus(Span::secs(46));
        assert_eq!((poll("a", Timestamp(0)), poll("b", late)), (Ok(()), Ok(())));
        assert_eq!(poll("c", Timestamp(0).plus(Span::secs(45))), Err(TooMany));
        assert_eq!(poll("a", late), Ok(()), "it is known");
        assert_eq!(poll("c", late), Err(TooMany));
        let later = late.plus(Span::secs(46));
        assert_eq!(poll("c", later), Ok(()));
        assert_eq!(runners.len(), 2);
    }

    #[test]
    fn a_runner_asks_the_queues_it_registered_last_and_of_its_polls_the_newest() {
        let mut runners = Runners::new(10, Span::secs(45));
        let namespace = Namespace::default_namespace();
        let of = |runners: &Runners, queue: &str| runners.of_queue(&key(queue)).count();
        for queue in ["one", "two"] {
            let queues = [name(queue)];
            runners.connected(&namespace, &queues, &info("s"), 1, Timestamp(0)).unwrap();
        }
        assert_eq!((of(&runners, "one"), of(&runners, "two")), (0, 1));
        let queues: Vec<_> = (0..=QUEUES).map(|n| format!("q{n}")).collect();
        for (at, queue) in queues.iter().enumerate() {
            let now = Timestamp(at as i64);
            runners.polls(&namespace, &name(queue), &info("p"), 1, now).unwrap();
            runners.polled(&namespace, &name(queue), &name("p"), 1, now);
        }
        assert_eq!((of(&runners, &queues[0]), of(&runners, &queues[1])), (0, 1));
        // One of them is polled on, the others are forgotten.
        let now = Timestamp(0).plus(HOUR);
        let last = &queues[QUEUES];
        runners.polls(&namespace, &name(last), &info("p"), 1, now).unwrap();
        runners.polled(&namespace, &name(last), &name("p"), 1, now);
        search(&mut runners, "", now.plus(Span::secs(60)));
        assert_eq!((of(&runners, &queues[1]), of(&runners, last)), (0, 1));
    }

    #[test]
    fn every_poll_that_waits_is_a_claim_of_its_queue() {
        let mut runners = two();
        let namespace = Namespace::default_namespace();
        for _ in 0..2 {
            runners.polls(&namespace, &name("a"), &info("a"), 3, Timestamp(0)).unwrap();
        }
        assert_eq!((runners.claims(&key("a")), runners.claims(&key("b"))), (2, 0));
        assert_eq!(runners.offers(&key("a")), (1, 6), "of one runner");
        runners.polled(&namespace, &name("a"), &name("a"), 3, Timestamp(0));
        assert_eq!(runners.claims(&key("a")), 1);
    }

    #[test]
    fn that_somebody_left_is_remembered_of_so_many_queues() {
        let mut runners = Runners::new(2, Span::secs(45));
        let namespace = Namespace::default_namespace();
        for (at, queue) in ["a", "b", "c"].into_iter().enumerate() {
            let (queues, now) = ([name(queue)], Timestamp(at as i64));
            runners.connected(&namespace, &queues, &info("r"), 1, now).unwrap();
            runners.left(&namespace, &name("r"), now);
        }
        let left = ["a", "b", "c"].map(|queue| runners.last_left(&key(queue)));
        assert_eq!(left, [None, Some(Timestamp(1)), Some(Timestamp(2))]);
    }

    #[test]
    fn that_somebody_left_is_remembered_for_a_while() {
        let mut runners = two();
        let namespace = Namespace::default_namespace();
        runners.left(&namespace, &name("a"), Timestamp(7));
        assert!(runners.get(&namespace, &name("a")).is_none());
        assert_eq!(runners.last_left(&key("a")), Some(Timestamp(7)));
        assert_eq!(runners.last_left(&key("b")), None);
        search(&mut runners, "", Timestamp(7).plus(HOUR));
        assert_eq!(runners.last_left(&key("a")), None);
    }
}
