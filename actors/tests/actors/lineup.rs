//! The line-up of a queue against a slow model of it, and by example.

use std::collections::{BTreeMap, BTreeSet};

use heartline_actors::lineup::{Hold, Lineup, Position, Ticket};
use heartline_execution::{
    ExecutionId, Kind, Name, QueueLimits, QueueSettings, Rate, Timestamp, queue::Pause,
};
use proptest::{prelude::*, sample::Index};

fn id(n: u128) -> ExecutionId {
    ExecutionId::new(Kind::Agent, n)
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn ticket(due: i64, priority: i32, key: Option<&str>) -> Ticket {
    Ticket { due: Timestamp(due), priority, key: key.map(name) }
}

fn limited(limits: QueueLimits) -> Lineup {
    Lineup::new(QueueSettings { pause: None, limits }, Timestamp(0))
}

/// Takes all there is, one at a time, at an instant after everything is due.
fn order(lineup: &mut Lineup) -> Vec<u128> {
    let mut order = Vec::new();
    while let [one] = lineup.take(1, Timestamp(1_000))[..] {
        order.push(one.uuid());
    }
    order
}

#[test]
fn without_keys_it_is_priority_and_then_age() {
    let mut lineup = Lineup::default();
    for (n, due, priority) in [(1, 30, 0), (2, 10, 0), (3, 50, 7), (4, 20, -1), (5, 20, 0)] {
        lineup.stand(id(n), Position::Waiting(ticket(due, priority, None)), Timestamp(100));
    }
    assert_eq!(lineup.ahead(id(1), Timestamp(100)), Some(3));
    assert_eq!(order(&mut lineup), [3, 2, 5, 1, 4]);
}

#[test]
fn one_that_comes_late_by_its_age_goes_before_the_younger() {
    let mut lineup = Lineup::default();
    let now = Timestamp(100);
    for n in [1, 2, 3] {
        lineup.stand(id(n), Position::Waiting(ticket(n as i64 * 10, 0, None)), now);
    }
    assert_eq!(lineup.take(1, now), [id(1)]);
    lineup.stand(id(4), Position::Waiting(ticket(15, 0, None)), now);
    assert_eq!(order(&mut lineup), [4, 2, 3]);
}

#[test]
fn keys_take_turns_and_one_without_a_key_has_its_own() {
    let mut lineup = Lineup::default();
    let now = Timestamp(100);
    for n in 1..=5 {
        lineup.stand(id(n), Position::Waiting(ticket(n as i64, 0, Some("flood"))), now);
    }
    assert_eq!(lineup.take(2, now), [id(1), id(2)]);
    lineup.stand(id(10), Position::Waiting(ticket(50, 0, Some("b"))), now);
    lineup.stand(id(11), Position::Waiting(ticket(51, 0, Some("b"))), now);
    lineup.stand(id(20), Position::Waiting(ticket(52, 0, None)), now);
    lineup.stand(id(21), Position::Waiting(ticket(53, 0, None)), now);
    assert_eq!(order(&mut lineup), [3, 10, 20, 21, 4, 11, 5]);
}

#[test]
fn a_key_at_its_limit_lets_the_others_pass_and_goes_on_when_one_ends() {
    let mut lineup =
        limited(QueueLimits { key_max_in_progress: Some(1), ..QueueLimits::default() });
    let now = Timestamp(100);
    for (n, key) in [(1, "a"), (2, "a"), (3, "a"), (4, "b")] {
        lineup.stand(id(n), Position::Waiting(ticket(n as i64, 0, Some(key))), now);
    }
    assert_eq!(lineup.take(9, now), [id(1), id(4)]);
    assert_eq!((lineup.held_back(now), lineup.next_chance(now)), (2, None));
    assert_eq!(
        lineup.hold(Some(&name("a")), now),
        Some(Hold::KeyFull { key: name("a"), limit: 1 })
    );
    assert_eq!(lineup.hold(Some(&name("c")), now), None);
    lineup.stand(id(1), Position::Out(Some(name("a"))), now);
    assert!(!lineup.settle(id(1), now), "it is out");
    assert!(lineup.take(1, now).is_empty());
    assert!(lineup.stand(id(1), Position::Away, now), "another may go");
    assert_eq!(lineup.take(9, now), [id(2)]);
}

#[test]
fn a_rate_is_kept_and_names_the_instant_of_the_next() {
    let rate = Rate { per_second: 10.0, burst: 2 };
    let mut lineup = limited(QueueLimits { rate: Some(rate), ..QueueLimits::default() });
    for n in 1..=5 {
        lineup.stand(id(n), Position::Waiting(ticket(0, 0, None)), Timestamp(0));
    }
    assert!(lineup.take(5, Timestamp(0)).is_empty(), "it begins empty");
    assert_eq!(lineup.next_chance(Timestamp(0)), Some(Timestamp(100_000)));
    assert!(lineup.take(5, Timestamp(99_999)).is_empty());
    assert_eq!(lineup.take(5, Timestamp(400_000)).len(), 2);
    let next = Timestamp(500_000);
    assert_eq!(lineup.hold(None, Timestamp(400_000)), Some(Hold::Rate { next, rate }));
    // Nothing came of them, and nothing was spent.
    assert!(lineup.settle(id(1), Timestamp(400_000)) & lineup.settle(id(2), Timestamp(400_000)));
    assert_eq!(lineup.take(5, Timestamp(400_000)), [id(1), id(2)]);
}

#[test]
fn a_paused_line_gives_nothing_and_has_no_next_chance() {
    let mut lineup = Lineup::default();
    lineup.stand(id(1), Position::Waiting(ticket(5, 0, None)), Timestamp(0));
    let pause = Pause { since: Timestamp(3), by: None, reason: None };
    let paused = QueueSettings { pause: Some(pause.clone()), ..QueueSettings::default() };
    lineup.set(paused, Timestamp(3));
    let now = Timestamp(9);
    assert!(lineup.take(1, now).is_empty());
    assert_eq!((lineup.next_chance(now), lineup.held_back(now)), (None, 1));
    assert_eq!(lineup.hold(None, now), Some(Hold::Paused(pause)));
    lineup.set(QueueSettings::default(), now);
    assert_eq!(lineup.take(1, now), [id(1)]);
}

#[test]
fn a_hundred_thousand_behind_blocked_keys_are_taken_at_once() {
    let limits = QueueLimits { key_max_in_progress: Some(1), ..QueueLimits::default() };
    let mut lineup = limited(limits);
    let now = Timestamp(1_000_000);
    for n in 0..100_000_u128 {
        let key = format!("k{}", n % 10_000);
        lineup.stand(id(n), Position::Waiting(ticket(n as i64, 0, Some(&key))), now);
    }
    assert_eq!(lineup.take(20_000, now).len(), 10_000);
    assert_eq!(lineup.held_back(now), 90_000);
    for n in 0..10_000 {
        lineup.stand(id(n), Position::Out(Some(name(&format!("k{n}")))), now);
        lineup.settle(id(n), now);
        assert!(lineup.take(1, now).is_empty());
        lineup.stand(id(n), Position::Away, now);
        assert_eq!(lineup.take(1, now), [id(n + 10_000)]);
    }
}

// ---- the slow model ----------------------------------------------------------------------

/// Tokens in millionths, filled by the microsecond: exact for whole rates.
#[derive(Clone, Copy, Debug)]
struct Tokens {
    rate: Rate,
    have: i64,
    at: i64,
}

impl Tokens {
    fn at(mut self, now: i64) -> Self {
        let most = i64::from(self.rate.burst) * 1_000_000;
        self.have = (self.have + (now - self.at) * self.rate.per_second as i64).min(most);
        self.at = now;
        self
    }

    fn is_there(self, now: i64) -> bool {
        self.at(now).have >= 1_000_000
    }
}

#[derive(Clone, Debug)]
struct Waiter {
    ticket: Ticket,
    /// Of one without a key, once it is due.
    turn: Option<u64>,
}

#[derive(Clone, Debug)]
struct Out {
    key: Option<Name>,
    back: Option<Ticket>,
    claimed: bool,
    granted: bool,
    out: bool,
}

#[derive(Clone, Debug, Default)]
struct Model {
    settings: QueueSettings,
    waiting: BTreeMap<ExecutionId, Waiter>,
    out: BTreeMap<ExecutionId, Out>,
    round: u64,
    turns: BTreeMap<(i32, Name), u64>,
    tokens: Option<Tokens>,
    key_tokens: BTreeMap<Name, Tokens>,
    keys_empty_at: i64,
}

impl Model {
    fn advance(&mut self, now: i64) {
        let due = self.waiting.iter().filter(|(_, w)| w.turn.is_none() && w.ticket.due.0 <= now);
        let mut due: Vec<_> = due.map(|(id, w)| (w.ticket.due, -w.ticket.priority, *id)).collect();
        due.sort();
        for (at, minus_priority, id) in due {
            let priority = -minus_priority;
            let key = self.waiting[&id].ticket.key.clone();
            let turn = match key {
                Some(key) => *self.turns.entry((priority, key)).or_insert(self.round + 1),
                None => {
                    let younger = self.waiting.iter().filter(|(other, w)| {
                        w.turn.is_some()
                            && w.ticket.key.is_none()
                            && w.ticket.priority == priority
                            && (w.ticket.due, **other) > (at, id)
                    });
                    let turns = younger.filter_map(|(_, w)| w.turn).chain([self.round + 1]);
                    turns.min().unwrap()
                }
            };
            self.waiting.get_mut(&id).unwrap().turn = Some(turn);
        }
    }

    fn in_progress(&self, key: Option<&Name>) -> usize {
        self.out.values().filter(|out| key.is_none() || out.key.as_ref() == key).count()
    }

    fn key_tokens(&self, key: &Name) -> Option<Tokens> {
        let rate = self.settings.limits.key_rate?;
        let empty = Tokens { rate, have: 0, at: self.keys_empty_at };
        Some(self.key_tokens.get(key).copied().unwrap_or(empty))
    }

    fn queue_lets_through(&self, now: i64) -> bool {
        let limits = self.settings.limits;
        self.settings.pause.is_none()
            && limits.max_in_progress.is_none_or(|most| self.in_progress(None) < most as usize)
            && self.tokens.is_none_or(|tokens| tokens.is_there(now))
    }

    fn key_lets_through(&self, key: &Name, now: i64) -> bool {
        let most = self.settings.limits.key_max_in_progress;
        most.is_none_or(|most| self.in_progress(Some(key)) < most as usize)
            && self.key_tokens(key).is_none_or(|tokens| tokens.is_there(now))
    }

    fn take(&mut self, slots: usize, now: i64) -> Vec<ExecutionId> {
        self.advance(now);
        let mut taken = Vec::new();
        while taken.len() < slots && self.queue_lets_through(now) {
            let open = self.waiting.iter().filter(|(_, w)| {
                w.turn.is_some()
                    && w.ticket.key.as_ref().is_none_or(|k| self.key_lets_through(k, now))
            });
            let rank = |(id, w): (&ExecutionId, &Waiter)| {
                let Ticket { due, priority, key } = &w.ticket;
                let turn = match key {
                    Some(key) => self.turns[&(*priority, key.clone())],
                    None => w.turn.unwrap(),
                };
                (-priority, turn, *due, *id)
            };
            // Within a key the oldest is the only candidate: others of its turn are younger.
            let Some((_, turn, _, id)) = open.map(rank).min() else { break };
            let ticket = self.waiting.remove(&id).unwrap().ticket;
            self.round = self.round.max(turn);
            self.spend(&ticket, now);
            self.served(&ticket);
            let key = ticket.key.clone();
            let back = Some(ticket);
            self.out.insert(id, Out { key, back, claimed: true, granted: false, out: false });
            taken.push(id);
        }
        taken
    }

    fn served(&mut self, ticket: &Ticket) {
        if let Some(key) = &ticket.key {
            self.turns.insert((ticket.priority, key.clone()), self.round + 1);
            self.forget_turns();
        }
    }

    fn forget_turns(&mut self) {
        let lanes: BTreeSet<_> = self
            .waiting
            .values()
            .filter(|w| w.turn.is_some())
            .filter_map(|w| Some((w.ticket.priority, w.ticket.key.clone()?)))
            .collect();
        self.turns.retain(|lane, _| lanes.contains(lane));
    }

    fn spend(&mut self, ticket: &Ticket, now: i64) {
        if let Some(tokens) = &mut self.tokens {
            *tokens = tokens.at(now);
            tokens.have -= 1_000_000;
        }
        if let Some(key) = &ticket.key
            && let Some(tokens) = self.key_tokens(key)
        {
            let mut tokens = tokens.at(now);
            tokens.have -= 1_000_000;
            self.key_tokens.insert(key.clone(), tokens);
        }
    }

    fn stand(&mut self, id: ExecutionId, position: Position) {
        if let Some(out) = self.out.get_mut(&id).filter(|out| out.claimed) {
            out.out = matches!(position, Position::Out(_));
            out.granted |= out.out;
            out.back = match position {
                Position::Waiting(ticket) => Some(ticket),
                Position::Away | Position::Out(_) => None,
            };
            return;
        }
        if matches!((self.out.get(&id), &position), (Some(_), Position::Out(_))) {
            return;
        }
        self.out.remove(&id);
        self.waiting.remove(&id);
        self.forget_turns();
        match position {
            Position::Away => {}
            Position::Waiting(ticket) => {
                self.waiting.insert(id, Waiter { ticket, turn: None });
            }
            Position::Out(key) => {
                let out = Out { key, back: None, claimed: false, granted: true, out: true };
                self.out.insert(id, out);
            }
        }
    }

    fn settle(&mut self, id: ExecutionId, now: i64) {
        let Some(mut out) = self.out.remove(&id).filter(|out| out.claimed) else { return };
        if out.out {
            out.claimed = false;
            self.out.insert(id, out);
            return;
        }
        if !out.granted {
            let back = |tokens: Tokens| {
                let mut tokens = tokens.at(now);
                tokens.have += 1_000_000;
                tokens.at(now)
            };
            self.tokens = self.tokens.map(back);
            if let Some(key) = &out.key
                && let Some(tokens) = self.key_tokens(key)
            {
                self.key_tokens.insert(key.clone(), back(tokens));
            }
        }
        if let Some(ticket) = out.back {
            self.waiting.insert(id, Waiter { ticket, turn: None });
        }
    }

    fn set(&mut self, settings: QueueSettings, now: i64) {
        let before = std::mem::replace(&mut self.settings, settings).limits;
        let limits = self.settings.limits;
        self.tokens = match (limits.rate, self.tokens) {
            (None, _) => None,
            (Some(to), Some(tokens)) if tokens.rate == to => Some(tokens),
            (Some(to), tokens) => {
                let whole = tokens.map_or(0, |tokens| tokens.at(now).have.div_euclid(1_000_000));
                let have = whole.clamp(0, i64::from(to.burst)) * 1_000_000;
                Some(Tokens { rate: to, have, at: now })
            }
        };
        if before.key_rate != limits.key_rate {
            self.keys_empty_at = now;
            self.key_tokens.clear();
        }
        if before.key_rate != limits.key_rate || before.rate != limits.rate {
            self.out.values_mut().for_each(|out| out.granted = true);
        }
    }

    fn ready(&self) -> impl Iterator<Item = (&ExecutionId, &Waiter)> {
        self.waiting.iter().filter(|(_, w)| w.turn.is_some())
    }
}

#[derive(Clone, Debug)]
enum Step {
    Enter { delay: i64, priority: i32, key: Option<usize> },
    Take(u32),
    Grant(Index),
    Settle(Index),
    End(Index),
    Cancel(Index),
    Raise(Index, i32),
    Pass(i64),
    Set(Option<u32>, Option<Rate>, Option<u32>, bool),
    Pause(bool),
}

fn steps() -> impl Strategy<Value = Step> {
    let rates = || {
        proptest::option::of(
            (prop::sample::select(vec![1.0, 2.0, 5.0, 10.0]), 1_u32..4)
                .prop_map(|(per_second, burst)| Rate { per_second, burst }),
        )
    };
    let limits = || proptest::option::of(1_u32..5);
    prop_oneof![
        8 => (0_i64..300_000, 0_i32..3, proptest::option::of(0_usize..4))
            .prop_map(|(delay, priority, key)| {
                // Most are due at once.
                Step::Enter { delay: (delay - 200_000).max(0), priority: priority / 2, key }
            }),
        6 => (1_u32..4).prop_map(Step::Take),
        6 => any::<Index>().prop_map(Step::Grant),
        6 => any::<Index>().prop_map(Step::Settle),
        4 => any::<Index>().prop_map(Step::End),
        1 => any::<Index>().prop_map(Step::Cancel),
        1 => (any::<Index>(), 0_i32..2).prop_map(|(which, to)| Step::Raise(which, to)),
        5 => (1_i64..400_000).prop_map(Step::Pass),
        1 => (limits(), rates(), limits(), any::<bool>())
            .prop_map(|(most, rate, of_key, both)| Step::Set(most, rate, of_key, both)),
        1 => any::<bool>().prop_map(Step::Pause),
    ]
}

struct Pair {
    lineup: Lineup,
    model: Model,
    now: i64,
    ids: u128,
}

impl Pair {
    fn stand(&mut self, id: ExecutionId, position: Position) {
        self.model.stand(id, position.clone());
        self.lineup.stand(id, position, Timestamp(self.now));
    }

    fn set(&mut self, settings: QueueSettings) {
        self.model.set(settings.clone(), self.now);
        self.lineup.set(settings, Timestamp(self.now));
    }

    fn pick(index: &Index, of: impl Iterator<Item = ExecutionId>) -> Option<ExecutionId> {
        let of: Vec<_> = of.collect();
        (!of.is_empty()).then(|| *index.get(&of))
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Enter { delay, priority, key } => {
                self.ids += 1;
                let key = key.map(|key| name(&format!("k{key}")));
                let due = Timestamp(self.now + delay);
                let ticket = Ticket { due, priority: *priority, key };
                self.stand(id(self.ids), Position::Waiting(ticket));
            }
            Step::Take(slots) => {
                let taken = self.lineup.take(*slots, Timestamp(self.now));
                assert_eq!(taken, self.model.take(*slots as usize, self.now));
                if taken.len() < *slots as usize {
                    self.check_next_chance();
                }
            }
            Step::Grant(which) => {
                let claimed = self.model.out.iter().filter(|(_, out)| out.claimed && !out.out);
                if let Some(id) = Self::pick(which, claimed.map(|(id, _)| *id)) {
                    let key = self.model.out[&id].key.clone();
                    self.stand(id, Position::Out(key));
                }
            }
            Step::Settle(which) => {
                let claimed = self.model.out.iter().filter(|(_, out)| out.claimed);
                if let Some(id) = Self::pick(which, claimed.map(|(id, _)| *id)) {
                    self.model.settle(id, self.now);
                    self.lineup.settle(id, Timestamp(self.now));
                }
            }
            Step::End(which) => {
                let out = self.model.out.iter().filter(|(_, out)| out.out);
                if let Some(id) = Self::pick(which, out.map(|(id, _)| *id)) {
                    self.stand(id, Position::Away);
                }
            }
            Step::Cancel(which) => {
                if let Some(id) = Self::pick(which, self.model.waiting.keys().copied()) {
                    self.stand(id, Position::Away);
                }
            }
            Step::Raise(which, priority) => {
                if let Some(id) = Self::pick(which, self.model.waiting.keys().copied()) {
                    let ticket = self.model.waiting[&id].ticket.clone();
                    self.stand(id, Position::Waiting(Ticket { priority: *priority, ..ticket }));
                }
            }
            Step::Pass(span) => self.now += span,
            Step::Set(max_in_progress, rate, key_max_in_progress, both) => {
                let key_rate = rate.filter(|_| *both);
                let limits = QueueLimits {
                    max_in_progress: *max_in_progress,
                    rate: *rate,
                    key_max_in_progress: *key_max_in_progress,
                    key_rate,
                };
                self.set(QueueSettings { limits, ..self.model.settings.clone() });
            }
            Step::Pause(paused) => {
                let since = Timestamp(self.now);
                let pause = paused.then_some(Pause { since, by: None, reason: None });
                self.set(QueueSettings { pause, ..self.model.settings.clone() });
            }
        }
    }

    /// It names the first instant at which there is something, or one before it at which it names
    /// the next.
    fn check_next_chance(&mut self) {
        let (mut at, hour) = (self.now, self.now + 3_600_000_000);
        let mut model = self.model.clone();
        let first = loop {
            // The lineup's own idea of when to look again, followed on a model that is asked.
            let Some(next) = self.lineup.next_chance(Timestamp(self.now)) else { break None };
            assert!(next.0 > at, "{next:?} is now, and there is nothing");
            assert!(model.clone().take(1, next.0 - 1).is_empty(), "something was there earlier");
            if !model.take(1, next.0).is_empty() {
                break Some(next);
            }
            // Something has become due that a limit holds: then the next instant is asked for then.
            (at, self.now) = (next.0, next.0);
            let taken = self.lineup.take(1, next);
            assert!(taken.is_empty(), "{taken:?}");
        };
        if first.is_none() {
            assert!(model.take(1, hour).is_empty(), "nothing names the time to look");
        }
        self.model.advance(self.now);
    }

    fn check(&mut self) {
        let now = Timestamp(self.now);
        self.model.advance(self.now);
        let ready = self.model.ready().count();
        assert_eq!(self.lineup.waiting(now), (ready, self.model.waiting.len() - ready));
        assert_eq!(self.lineup.in_progress(), self.model.out.len());
        let claims = self.model.out.values().filter(|out| !out.out).count();
        assert_eq!(self.lineup.claims_under_way(), claims);
        let oldest = self.model.ready().map(|(_, w)| w.ticket.due).min();
        assert_eq!(self.lineup.oldest(now), oldest);
        let held = self.model.ready().filter(|(_, w)| {
            !self.model.queue_lets_through(self.now)
                || w.ticket.key.as_ref().is_some_and(|k| !self.model.key_lets_through(k, self.now))
        });
        assert_eq!(self.lineup.held_back(now), held.count());
        for (id, waiter) in &self.model.waiting {
            assert!(self.lineup.has(*id, waiter.ticket.due), "{id} has no place");
        }
        for key in (0..4).map(|key| name(&format!("k{key}"))) {
            let held = self.lineup.hold(Some(&key), now).is_some();
            let free = self.model.queue_lets_through(self.now)
                && self.model.key_lets_through(&key, self.now);
            assert_eq!(held, !free, "{key}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_lineup_does_what_a_slow_model_does(steps in proptest::collection::vec(steps(), 1..160)) {
        let mut pair =
            Pair { lineup: Lineup::default(), model: Model::default(), now: 1_000_000, ids: 0 };
        for step in &steps {
            pair.step(step);
            pair.check();
        }
    }

    /// Whoever waits and may go is passed by each key at most twice.
    #[test]
    fn no_key_passes_another_more_than_twice(
        entries in proptest::collection::vec((0_usize..6, 0_u32..3), 1..300),
    ) {
        let mut lineup = Lineup::default();
        let mut passed: BTreeMap<ExecutionId, BTreeMap<Name, u32>> = BTreeMap::new();
        let mut heads: BTreeMap<ExecutionId, Option<Name>> = BTreeMap::new();
        for (n, (key, takes)) in entries.into_iter().enumerate() {
            let now = Timestamp(n as i64);
            // Every fifth has no key; low numbers are floods.
            let key = (n % 5 > 0).then(|| name(&format!("k{}", key * key / 6)));
            lineup.stand(id(n as u128), Position::Waiting(Ticket { due: now, priority: 0, key: key.clone() }), now);
            heads.insert(id(n as u128), key);
            for _ in 0..takes {
                let [taken] = lineup.take(1, now)[..] else { break };
                let key = heads.remove(&taken).unwrap();
                passed.remove(&taken);
                if let Some(key) = key {
                    // Of each other key only the head has a right to be next.
                    let mut seen = BTreeSet::new();
                    for (waiting, of) in &heads {
                        let is_head = of.as_ref().is_none_or(|of| seen.insert(of.clone()));
                        if is_head && of.as_ref() != Some(&key) {
                            let times = passed.entry(*waiting).or_default();
                            let times = times.entry(key.clone()).or_default();
                            *times += 1;
                            prop_assert!(*times <= 2, "{key} has passed {waiting} {times} times");
                        }
                    }
                }
            }
        }
    }
}
