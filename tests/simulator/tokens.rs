//! What rates allow, reckoned apart from the server's buckets: between a lower and an upper bound, as
//! those round to the late side.

use std::collections::BTreeMap;

use heartline_actors::board::QueueKey;
use heartline_execution::{QueueLimits, Rate, Span, Timestamp};

/// By how much a token may come later than by the rate.
const LATE: Span = Span::millis(1);
/// By how much a sum of fractions may be wrong.
const ROUNDING: f64 = 1e-6;

/// See the module.
#[derive(Clone, Copy, Debug)]
struct Tokens {
    low: f64,
    high: f64,
    at: Timestamp,
}

impl Tokens {
    fn empty(at: Timestamp) -> Self {
        Self { low: 0.0, high: 0.0, at }
    }

    fn filled(self, rate: Rate, now: Timestamp) -> Self {
        let more = now.since(self.at).0 as f64 / 1e6 * rate.per_second;
        let burst = f64::from(rate.burst);
        Self { low: (self.low + more).min(burst), high: (self.high + more).min(burst), at: now }
    }

    fn add(&mut self, tokens: f64, rate: Rate, now: Timestamp) {
        let Self { low, high, at } = self.filled(rate, now);
        let burst = f64::from(rate.burst);
        *self = Self { low: (low + tokens).min(burst), high: (high + tokens).min(burst), at };
    }

    /// Only whole ones are kept.
    fn changed(self, from: Rate, to: Rate, now: Timestamp) -> Self {
        if from == to {
            return self;
        }
        let whole = |tokens: f64| (tokens + ROUNDING).floor().min(f64::from(to.burst));
        let low = whole(self.filled(from, before(now)).low);
        Self { low, high: whole(self.filled(from, now).high), at: now }
    }
}

fn before(now: Timestamp) -> Timestamp {
    Timestamp(now.0 - i64::try_from(LATE.0).expect("a millisecond"))
}

/// How sure a claim must be to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// It must come.
    Must,
    /// It may come.
    May,
    /// It might, were there no rates.
    Unrated,
}

/// A claim that is not settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claiming {
    /// What it took goes back if nothing comes of it.
    pub(super) spent: bool,
    /// It had its lease.
    pub(super) granted: bool,
}

/// Of every queue.
#[derive(Debug, Default)]
pub(super) struct Allowances {
    queues: BTreeMap<QueueKey, Tokens>,
    keys: BTreeMap<(QueueKey, String), Tokens>,
    /// Keys that stand nowhere were empty then.
    keys_empty_at: BTreeMap<QueueKey, Timestamp>,
    started_at: Timestamp,
}

impl Allowances {
    /// Whatever was claimed before a start, every bucket begins empty.
    pub(super) fn started(&mut self, now: Timestamp) {
        *self = Self { started_at: now, ..Self::default() };
    }

    /// An operator has set other limits.
    pub(super) fn changed(
        &mut self,
        key: &QueueKey,
        (from, to): (QueueLimits, QueueLimits),
        now: Timestamp,
    ) {
        let kept = from.rate.map(|rate| (self.queue(key), rate));
        match (kept, to.rate) {
            (Some((tokens, from)), Some(to)) => {
                self.queues.insert(key.clone(), tokens.changed(from, to, now));
            }
            _ => {
                self.queues.insert(key.clone(), Tokens::empty(now));
            }
        }
        if from.key_rate != to.key_rate {
            self.keys.retain(|(queue, _), _| queue != key);
            self.keys_empty_at.insert(key.clone(), now);
        }
    }

    fn queue(&self, key: &QueueKey) -> Tokens {
        self.queues.get(key).copied().unwrap_or(Tokens::empty(self.started_at))
    }

    fn of_key(&self, key: &QueueKey, name: &str) -> Tokens {
        let since = self.keys_empty_at.get(key).copied().unwrap_or(self.started_at);
        let place = (key.clone(), name.to_owned());
        self.keys.get(&place).copied().unwrap_or(Tokens::empty(since))
    }

    /// Whether the rate of the queue, or of a key in it, allows a claim now.
    pub(super) fn allows(
        &self,
        (key, name): (&QueueKey, Option<&str>),
        limits: QueueLimits,
        now: Timestamp,
        reading: Reading,
    ) -> bool {
        let (rate, tokens) = match name {
            None => (limits.rate, self.queue(key)),
            Some(name) => (limits.key_rate, self.of_key(key, name)),
        };
        rate.is_none_or(|rate| {
            let has = match reading {
                Reading::Must => tokens.filled(rate, before(now)).low,
                Reading::May => tokens.filled(rate, now).high,
                Reading::Unrated => return true,
            };
            has + ROUNDING >= 1.0
        })
    }

    /// Takes a token, or puts one back.
    pub(super) fn add(
        &mut self,
        (key, name): (&QueueKey, Option<&str>),
        limits: QueueLimits,
        tokens: f64,
        now: Timestamp,
    ) {
        if let Some(rate) = limits.rate {
            let mut of_queue = self.queue(key);
            of_queue.add(tokens, rate, now);
            self.queues.insert(key.clone(), of_queue);
        }
        if let (Some(rate), Some(name)) = (limits.key_rate, name) {
            let mut of_key = self.of_key(key, name);
            of_key.add(tokens, rate, now);
            self.keys.insert((key.clone(), name.to_owned()), of_key);
        }
    }
}
