//! The line-up of one queue: what waits in it, what of it is out, and whose turn it is.
//!
//! Plain data, time as an argument. Higher priorities go first. Within a priority the concurrency
//! keys take turns, and an execution without a key shares with nobody: it counts as a key of its
//! own. Between those whose turn comes in the same round, and within a key, the oldest goes first.
//! So executions without keys go by age alone; a key that floods the queue delays each of the
//! others by at most two of its own.
//!
//! Turns are rounds, counted over the whole queue: a key that gets one has its next in the round
//! after, and one that enters joins the round after the one under way. A key at its limit is out of
//! the way: only the heads of keys that may be claimed stand in `heads`, so that taking one costs a
//! few look-ups in ordered sets, however many wait.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use heartline_execution::{ExecutionId, Name, QueueSettings, Rate, Timestamp, queue::Pause};

use crate::bucket::Bucket;
use crate::maps::HashMap;

/// An execution that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// When it becomes claimable; age is counted from here.
    pub due: Timestamp,
    /// Higher goes first.
    pub priority: i32,
    /// Whom it shares limits and turns with.
    pub key: Option<Name>,
}

/// Where an execution of the queue stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// Neither waiting nor in progress.
    Away,
    /// Waiting.
    Waiting(Ticket),
    /// In progress: a runner holds its lease, also while it waits for a person's answer.
    Out(Option<Name>),
}

/// What keeps an execution from being claimed, runners apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Hold {
    /// The queue is paused.
    Paused(Pause),
    /// As many are in progress as may be.
    Full {
        /// `max_in_progress`.
        limit: u32,
    },
    /// As many of its key are in progress as may be.
    KeyFull {
        /// Which.
        key: Name,
        /// `key_max_in_progress`.
        limit: u32,
    },
    /// No claim may come before `next`.
    Rate {
        /// When one may.
        next: Timestamp,
        /// `rate`.
        rate: Rate,
    },
    /// No claim of its key may come before `next`.
    KeyRate {
        /// Which.
        key: Name,
        /// When one may.
        next: Timestamp,
        /// `key_rate`.
        rate: Rate,
    },
}

/// A key in figures.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KeyFigures {
    /// Its name.
    pub key: Name,
    /// Claimable, were it not for limits.
    pub waiting: usize,
    /// Leased, and claims under way.
    pub in_progress: usize,
}

/// A place in `heads`: priority, round, age.
type Rank = (Reverse<i32>, u64, Timestamp, ExecutionId);

#[derive(Debug)]
enum Spot {
    Scheduled(Ticket),
    Ready(Ticket),
    Out(Option<Name>),
    /// A claim is on its way to it.
    Claimed {
        key: Option<Name>,
        /// Where it goes if the claim comes to nothing.
        back: Option<Ticket>,
        /// What it took from the buckets goes back if the claim comes to nothing.
        spent: bool,
        /// And is the current one.
        out: bool,
    },
}

/// What waits of one key at one priority, oldest first; never empty.
#[derive(Debug)]
struct Lane {
    /// The round in which its next is taken.
    turn: u64,
    items: BTreeSet<(Timestamp, ExecutionId)>,
}

#[derive(Debug)]
struct Key {
    waiting: usize,
    in_progress: usize,
    /// Priorities at which it has a lane.
    bands: BTreeSet<i32>,
    bucket: Option<Bucket>,
    /// Its heads stand in `heads`.
    open: bool,
    /// When its bucket is to be looked at again.
    rests_until: Option<Timestamp>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Lineup {
    settings: QueueSettings,
    spots: HashMap<ExecutionId, Spot>,
    /// Not known to be due, earliest first.
    scheduled: BTreeSet<(Timestamp, Reverse<i32>, ExecutionId)>,
    /// All that is claimable but for limits, by age.
    ages: BTreeSet<(Timestamp, ExecutionId)>,
    /// The next of each key that may be claimed, best first.
    heads: BTreeSet<Rank>,
    /// Claimable without a key, with its round, which grows with the age.
    alone: BTreeMap<(Reverse<i32>, Timestamp, ExecutionId), u64>,
    lanes: HashMap<(i32, Name), Lane>,
    keys: HashMap<Name, Key>,
    /// Keys whose buckets are to be looked at again.
    resting: BTreeSet<(Timestamp, Name)>,
    /// The latest round in which something was taken.
    round: u64,
    in_progress: usize,
    /// Of those, without a lease yet.
    claims: usize,
    /// Claimable but for the limits of their keys.
    held_by_keys: usize,
    bucket: Option<Bucket>,
    /// Buckets of keys that nothing is known of were empty then.
    keys_empty_at: Timestamp,
}

impl Lineup {
    /// With settings. Buckets begin empty: what was claimed before a start is not known, and a rate
    /// that is kept to is never too fast.
    pub fn new(settings: QueueSettings, now: Timestamp) -> Self {
        let mut lineup = Self::default();
        lineup.set(settings, now);
        lineup
    }

    /// What is set.
    pub fn settings(&self) -> &QueueSettings {
        &self.settings
    }

    /// Other settings, from now on. A rate that changes keeps the tokens that fit; a new one begins
    /// without any, and so does every key when the rate of keys changes.
    pub fn set(&mut self, settings: QueueSettings, now: Timestamp) {
        let before = std::mem::replace(&mut self.settings, settings);
        let limits = self.settings.limits;
        self.bucket = changed(self.bucket, before.limits.rate, limits.rate, now);
        let of_keys = before.limits.key_rate != limits.key_rate;
        if of_keys {
            self.keys_empty_at = now;
            for key in self.keys.values_mut() {
                key.bucket = limits.key_rate.map(|rate| Bucket::empty(rate, now));
            }
        }
        if of_keys || before.limits.rate != limits.rate {
            // What they spent was not of these buckets, and does not go back there.
            for spot in self.spots.values_mut() {
                if let Spot::Claimed { spent, .. } = spot {
                    *spent = false;
                }
            }
        }
        let names: Vec<Name> = self.keys.keys().cloned().collect();
        names.iter().for_each(|name| self.look_at(name, now));
    }

    /// Takes note of where an execution stands now. Says whether another could be claimed because
    /// of that, now or later.
    pub fn stand(&mut self, id: ExecutionId, position: Position, now: Timestamp) -> bool {
        match (self.spots.get_mut(&id), position) {
            (Some(Spot::Claimed { back, spent, out, .. }), position) => {
                let was_out = *out;
                *out = matches!(position, Position::Out(_));
                *spent &= !*out;
                self.claims = self.claims + usize::from(was_out) - usize::from(*out);
                *back = match position {
                    Position::Waiting(ticket) => Some(ticket),
                    Position::Away | Position::Out(_) => None,
                };
                false // What it holds is let go when its claim is settled.
            }
            (Some(Spot::Out(_)), Position::Out(_)) => false,
            (_, position) => {
                let freed = self.leave(id, now);
                match position {
                    Position::Away => freed,
                    Position::Waiting(ticket) => {
                        self.schedule(id, ticket);
                        true
                    }
                    Position::Out(key) => {
                        self.occupy(key.as_ref(), now);
                        self.spots.insert(id, Spot::Out(key));
                        freed
                    }
                }
            }
        }
    }

    /// Takes up to `slots` out, in order, until their claims are settled.
    pub fn take(&mut self, slots: u32, now: Timestamp) -> Vec<ExecutionId> {
        self.advance(now);
        let mut taken = Vec::new();
        while taken.len() < slots as usize && self.lets_through(now) {
            let Some((.., id)) = self.heads.first().copied() else { break };
            self.claim(id, now);
            taken.push(id);
        }
        taken
    }

    /// The claim of something taken is settled. If nothing came of it, it goes back to where it
    /// belongs now. Says whether something may be claimed because of that.
    pub fn settle(&mut self, id: ExecutionId, now: Timestamp) -> bool {
        if !matches!(self.spots.get(&id), Some(Spot::Claimed { .. })) {
            return false;
        }
        let Some(Spot::Claimed { key, back, spent, out }) = self.spots.remove(&id) else {
            return false;
        };
        if out {
            self.spots.insert(id, Spot::Out(key));
            return false;
        }
        self.claims -= 1;
        if spent {
            let limits = self.settings.limits;
            if let (Some(bucket), Some(rate)) = (&mut self.bucket, limits.rate) {
                bucket.refund(rate);
            }
            let of_key = key.as_ref().and_then(|key| self.keys.get_mut(key)?.bucket.as_mut());
            if let (Some(bucket), Some(rate)) = (of_key, limits.key_rate) {
                bucket.refund(rate);
            }
        }
        self.vacate(key.as_ref(), now);
        if let Some(ticket) = back {
            self.schedule(id, ticket);
        }
        true
    }

    /// When something could be claimed, if nothing else happens until then.
    pub fn next_chance(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.advance(now);
        if self.settings.pause.is_some() || self.is_full() {
            return None;
        }
        let ready = self.heads.first().map(|_| now);
        let scheduled = self.scheduled.first().map(|(due, ..)| *due);
        let rested = self.resting.first().map(|(at, _)| *at);
        let first = ready.or(scheduled.into_iter().chain(rested).min())?;
        Some(first.max(self.next_token().unwrap_or(first)))
    }

    /// What keeps an execution with this key from being claimed; one without a key where none is
    /// given.
    pub fn hold(&mut self, key: Option<&Name>, now: Timestamp) -> Option<Hold> {
        self.advance(now);
        if let Some(pause) = &self.settings.pause {
            return Some(Hold::Paused(pause.clone()));
        }
        let limits = self.settings.limits;
        if let Some(limit) = limits.max_in_progress.filter(|_| self.is_full()) {
            return Some(Hold::Full { limit });
        }
        let of_key = key.and_then(|name| Some((name, self.keys.get(name)?)));
        if let (Some((name, of_key)), Some(limit)) = (of_key, limits.key_max_in_progress)
            && of_key.in_progress >= limit as usize
        {
            return Some(Hold::KeyFull { key: name.clone(), limit });
        }
        if let (Some(rate), Some(next)) = (limits.rate, self.next_token())
            && next > now
        {
            return Some(Hold::Rate { next, rate });
        }
        let (name, rate) = (key?, limits.key_rate?);
        let bucket = of_key.and_then(|(_, of_key)| of_key.bucket);
        let next = bucket.unwrap_or(Bucket::empty(rate, self.keys_empty_at)).next(rate);
        (next > now).then(|| Hold::KeyRate { key: name.clone(), next, rate })
    }

    /// How many go before this one, if nobody comes and no limit changes that; `None` when it is not
    /// claimable. Those of a key that is held back do not count.
    pub fn ahead(&mut self, id: ExecutionId, now: Timestamp) -> Option<usize> {
        self.advance(now);
        let Some(Spot::Ready(Ticket { due, priority, key })) = self.spots.get(&id) else {
            return None;
        };
        let (mine, before_mine) = match key {
            None => (*self.alone.get(&(Reverse(*priority), *due, id))?, 0),
            Some(name) => {
                let lane = self.lanes.get(&(*priority, name.clone()))?;
                let before = lane.items.range(..(*due, id)).count();
                (lane.turn + before as u64, before)
            }
        };
        let before = |(Reverse(other), turn, other_due, other_id): &Rank| {
            let key = match self.spots.get(other_id) {
                Some(Spot::Ready(ticket)) => ticket.key.as_ref(),
                _ => None,
            };
            let waiting = key
                .and_then(|name| self.lanes.get(&(*other, name.clone())))
                .map_or(1, |lane| lane.items.len());
            if other > priority {
                return waiting;
            }
            if key.is_some() && key == self.key_of(id) {
                return 0; // Counted above.
            }
            let earlier = (*other_due, *other_id) < (*due, id);
            let rounds = mine.saturating_sub(*turn) + u64::from(earlier && *turn <= mine);
            waiting.min(usize::try_from(rounds).unwrap_or(usize::MAX))
        };
        let heads = self.heads.iter().take_while(|(other, ..)| *other <= Reverse(*priority));
        Some(before_mine + heads.map(before).sum::<usize>())
    }

    /// Whether it waits from `due` on, or a claim is on its way to it.
    pub fn has(&self, id: ExecutionId, due: Timestamp) -> bool {
        match self.spots.get(&id) {
            Some(Spot::Scheduled(ticket)) => {
                ticket.due == due && self.scheduled.contains(&(due, Reverse(ticket.priority), id))
            }
            Some(Spot::Ready(ticket)) => ticket.due == due && self.stands(id, ticket),
            Some(Spot::Claimed { .. }) => true,
            Some(Spot::Out(_)) | None => false,
        }
    }

    /// Whether what is ready stands where it is found when its turn comes.
    fn stands(&self, id: ExecutionId, ticket: &Ticket) -> bool {
        let Ticket { due, priority, key } = ticket;
        match key {
            None => self
                .alone
                .get(&(Reverse(*priority), *due, id))
                .is_some_and(|turn| self.heads.contains(&(Reverse(*priority), *turn, *due, id))),
            Some(name) => self
                .lanes
                .get(&(*priority, name.clone()))
                .is_some_and(|lane| lane.items.contains(&(*due, id))),
        }
    }

    /// Claimable but for limits, and not yet due.
    pub fn waiting(&mut self, now: Timestamp) -> (usize, usize) {
        self.advance(now);
        (self.ages.len(), self.scheduled.len())
    }

    /// The same together, at once, and how many are out.
    pub fn counts(&self) -> (usize, usize) {
        (self.ages.len() + self.scheduled.len(), self.in_progress)
    }

    /// Since when the oldest of them has been claimable.
    pub fn oldest(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.advance(now);
        self.ages.first().map(|(due, _)| *due)
    }

    /// Leased, and claims under way: what limits count.
    pub fn in_progress(&self) -> usize {
        self.in_progress
    }

    /// Of those, claims under way.
    pub fn claims_under_way(&self) -> usize {
        self.claims
    }

    /// How many of the claimable no runner would be given now.
    pub fn held_back(&mut self, now: Timestamp) -> usize {
        self.advance(now);
        if self.lets_through(now) { self.held_by_keys } else { self.ages.len() }
    }

    /// The busiest keys: most in progress, then most waiting.
    pub fn busiest(&self, most: usize) -> Vec<KeyFigures> {
        let mut busy: Vec<_> = self
            .keys
            .iter()
            .filter(|(_, key)| key.in_progress + key.waiting > 0)
            .map(|(name, key)| (Reverse(key.in_progress), Reverse(key.waiting), name))
            .collect();
        if busy.len() > most {
            busy.select_nth_unstable(most);
            busy.truncate(most);
        }
        busy.sort_unstable();
        let figures = |(Reverse(in_progress), Reverse(waiting), key): (_, _, &Name)| KeyFigures {
            key: key.clone(),
            waiting,
            in_progress,
        };
        busy.into_iter().map(figures).collect()
    }

    /// Who is out, of one key where one is given; in no order.
    pub fn out<'a>(&'a self, of: Option<&'a Name>) -> impl Iterator<Item = ExecutionId> + 'a {
        self.spots.iter().filter_map(move |(id, spot)| {
            let key = match spot {
                Spot::Out(key) | Spot::Claimed { key, .. } => key,
                Spot::Scheduled(_) | Spot::Ready(_) => return None,
            };
            (of.is_none() || key.as_ref() == of).then_some(*id)
        })
    }

    /// Whether nothing waits, nothing is out and nothing is set.
    pub fn is_idle(&self) -> bool {
        self.spots.is_empty() && self.settings.is_default()
    }

    /// Forgets keys that are as any other again. Costs little when called more often.
    pub fn tidy(&mut self, now: Timestamp) {
        self.wake_rested(now);
    }

    // ---- limits --------------------------------------------------------------------------

    fn is_full(&self) -> bool {
        self.settings.limits.max_in_progress.is_some_and(|most| self.in_progress >= most as usize)
    }

    fn next_token(&self) -> Option<Timestamp> {
        Some(self.bucket?.next(self.settings.limits.rate?))
    }

    fn lets_through(&self, now: Timestamp) -> bool {
        self.settings.pause.is_none()
            && !self.is_full()
            && self.next_token().is_none_or(|at| at <= now)
    }

    /// Opens or closes a key by its limits, and forgets it where nothing distinguishes it.
    fn look_at(&mut self, name: &Name, now: Timestamp) {
        let limits = self.settings.limits;
        let Some(key) = self.keys.get_mut(name) else { return };
        let next = key.bucket.zip(limits.key_rate).map(|(bucket, rate)| bucket.next(rate));
        let room = limits.key_max_in_progress.is_none_or(|most| key.in_progress < most as usize);
        let open = room && next.is_none_or(|at| at <= now);
        let turned = key.open != open;
        key.open = open;
        let idle = key.waiting == 0 && key.in_progress == 0;
        let rests_until = match (idle, key.bucket) {
            (true, bucket) => bucket.map(|bucket| bucket.full_at()).filter(|at| *at > now),
            (false, _) if key.waiting > 0 && room => next.filter(|at| *at > now),
            (false, _) => None,
        };
        if key.rests_until != rests_until {
            if let Some(at) = key.rests_until {
                self.resting.remove(&(at, name.clone()));
            }
            if let Some(at) = rests_until {
                self.resting.insert((at, name.clone()));
            }
            key.rests_until = rests_until;
        }
        if turned {
            self.held_by_keys = match open {
                true => self.held_by_keys - key.waiting,
                false => self.held_by_keys + key.waiting,
            };
            for priority in &key.bands {
                let Some(lane) = self.lanes.get(&(*priority, name.clone())) else { continue };
                let Some(rank) = head(*priority, lane) else { continue };
                let _was_there = match open {
                    true => self.heads.insert(rank),
                    false => self.heads.remove(&rank),
                };
            }
        }
        if idle && rests_until.is_none() {
            self.keys.remove(name);
        }
    }

    fn wake_rested(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.resting.first()
            && *at <= now
        {
            let Some((_, name)) = self.resting.pop_first() else { break };
            if let Some(key) = self.keys.get_mut(&name) {
                key.rests_until = None;
            }
            self.look_at(&name, now);
        }
    }

    fn key(&mut self, name: &Name) -> &mut Key {
        let rate = self.settings.limits.key_rate;
        let empty_at = self.keys_empty_at;
        self.keys.entry(name.clone()).or_insert_with(|| Key {
            waiting: 0,
            in_progress: 0,
            bands: BTreeSet::new(),
            bucket: rate.map(|rate| Bucket::empty(rate, empty_at)),
            // Whoever adds to it looks whether that is so.
            open: true,
            rests_until: None,
        })
    }

    fn occupy(&mut self, key: Option<&Name>, now: Timestamp) {
        self.in_progress += 1;
        if let Some(name) = key {
            self.key(name).in_progress += 1;
            self.look_at(name, now);
        }
    }

    fn vacate(&mut self, key: Option<&Name>, now: Timestamp) {
        self.in_progress -= 1;
        if let Some(name) = key {
            self.key(name).in_progress -= 1;
            self.look_at(name, now);
        }
    }

    // ---- places --------------------------------------------------------------------------

    /// Moves what has become due and what has rested.
    fn advance(&mut self, now: Timestamp) {
        self.wake_rested(now);
        while let Some((due, _, id)) = self.scheduled.first().copied()
            && due <= now
        {
            self.scheduled.pop_first();
            if let Some(Spot::Scheduled(ticket)) = self.spots.remove(&id) {
                self.enter(id, &ticket, now);
                self.spots.insert(id, Spot::Ready(ticket));
            }
        }
    }

    /// `advance` moves it on when it is due: one way in.
    fn schedule(&mut self, id: ExecutionId, ticket: Ticket) {
        self.scheduled.insert((ticket.due, Reverse(ticket.priority), id));
        self.spots.insert(id, Spot::Scheduled(ticket));
    }

    fn enter(&mut self, id: ExecutionId, ticket: &Ticket, now: Timestamp) {
        let Ticket { due, priority, key } = ticket;
        self.ages.insert((*due, id));
        let joins = self.round + 1;
        let Some(name) = key else {
            let place = (Reverse(*priority), *due, id);
            // One that comes late, by its age, goes before those that are younger.
            let younger = self.alone.range(place..).next();
            let turn = younger
                .filter(|((other, ..), _)| other.0 == *priority)
                .map_or(joins, |(_, turn)| joins.min(*turn));
            self.alone.insert(place, turn);
            self.heads.insert((Reverse(*priority), turn, *due, id));
            return;
        };
        let of_key = self.key(name);
        of_key.waiting += 1;
        of_key.bands.insert(*priority);
        let open = of_key.open;
        let lane = self
            .lanes
            .entry((*priority, name.clone()))
            .or_insert_with(|| Lane { turn: joins, items: BTreeSet::new() });
        let before = head(*priority, lane);
        lane.items.insert((*due, id));
        if open {
            replace(&mut self.heads, before, head(*priority, lane));
        } else {
            self.held_by_keys += 1;
        }
        self.look_at(name, now);
    }

    /// Takes what is ready out of its place. `served` says that it had its turn.
    fn exit(&mut self, id: ExecutionId, ticket: &Ticket, served: bool) {
        let Ticket { due, priority, key } = ticket;
        self.ages.remove(&(*due, id));
        let Some(name) = key else {
            if let Some(turn) = self.alone.remove(&(Reverse(*priority), *due, id)) {
                self.heads.remove(&(Reverse(*priority), turn, *due, id));
                if served {
                    self.round = self.round.max(turn);
                }
            }
            return;
        };
        let place = (*priority, name.clone());
        let (Some(lane), Some(of_key)) = (self.lanes.get_mut(&place), self.keys.get_mut(name))
        else {
            return;
        };
        let before = head(*priority, lane);
        lane.items.remove(&(*due, id));
        of_key.waiting -= 1;
        if served {
            self.round = self.round.max(lane.turn);
            lane.turn = self.round + 1;
        }
        if of_key.open {
            replace(&mut self.heads, before, head(*priority, lane));
        } else {
            self.held_by_keys -= 1;
        }
        if lane.items.is_empty() {
            self.lanes.remove(&place);
            of_key.bands.remove(priority);
        }
    }

    /// Takes an execution out of wherever it is; says whether it held something.
    fn leave(&mut self, id: ExecutionId, now: Timestamp) -> bool {
        match self.spots.remove(&id) {
            Some(Spot::Scheduled(Ticket { due, priority, .. })) => {
                self.scheduled.remove(&(due, Reverse(priority), id));
                false
            }
            Some(Spot::Ready(ticket)) => {
                self.exit(id, &ticket, false);
                if let Some(name) = &ticket.key {
                    self.look_at(name, now);
                }
                false
            }
            Some(Spot::Out(key) | Spot::Claimed { key, .. }) => {
                self.vacate(key.as_ref(), now);
                true
            }
            None => false,
        }
    }

    fn claim(&mut self, id: ExecutionId, now: Timestamp) {
        let Some(Spot::Ready(ticket)) = self.spots.remove(&id) else { return };
        self.exit(id, &ticket, true);
        let limits = self.settings.limits;
        if let (Some(bucket), Some(rate)) = (&mut self.bucket, limits.rate) {
            bucket.spend(rate, now);
        }
        if let Some(name) = &ticket.key
            && let (Some(bucket), Some(rate)) = (&mut self.key(name).bucket, limits.key_rate)
        {
            bucket.spend(rate, now);
        }
        self.occupy(ticket.key.as_ref(), now);
        self.claims += 1;
        let key = ticket.key.clone();
        let back = Some(ticket);
        self.spots.insert(id, Spot::Claimed { key, back, spent: true, out: false });
    }

    fn key_of(&self, id: ExecutionId) -> Option<&Name> {
        match self.spots.get(&id)? {
            Spot::Scheduled(ticket) | Spot::Ready(ticket) => ticket.key.as_ref(),
            Spot::Out(key) | Spot::Claimed { key, .. } => key.as_ref(),
        }
    }
}

fn head(priority: i32, lane: &Lane) -> Option<Rank> {
    lane.items.first().map(|(due, id)| (Reverse(priority), lane.turn, *due, *id))
}

fn replace(heads: &mut BTreeSet<Rank>, before: Option<Rank>, after: Option<Rank>) {
    if before != after {
        if let Some(rank) = before {
            heads.remove(&rank);
        }
        heads.extend(after);
    }
}

/// What becomes of a bucket under another rate.
fn changed(
    bucket: Option<Bucket>,
    before: Option<Rate>,
    after: Option<Rate>,
    now: Timestamp,
) -> Option<Bucket> {
    let after = after?;
    match bucket.zip(before) {
        Some((bucket, before)) => Some(bucket.changed(before, after, now)),
        None => Some(Bucket::empty(after, now)),
    }
}
