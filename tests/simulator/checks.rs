//! The checkers of what is promised: they keep their own copy of every log that was acknowledged
//! or shown, and their own idea of what it means.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
};

use heartline_actors::board::QueueKey;
use heartline_execution::{
    Command, DeadlineKind, ExecutionId, LeaseId, Name, Namespace, QueueSettings, Rejection, Reply,
    Span, Timestamp, command::Condition,
};
use heartline_storage::{Append, Record, Stored};
use serde_json::Value;

pub(crate) use super::reports::Pace;
use super::{
    clients::STRAY,
    coverage::Coverage,
    reports::Reports,
    server::Ask,
    shadow::Shadow,
    tokens::{Allowances, Claiming},
};

/// ARCHITECTURE's invariants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invariant {
    A,
    B,
    C,
    D,
    E,
    F,
    G,
    H,
    I,
    J,
}

/// A broken promise.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {:?} is broken: {}", self.invariant, self.what)
    }
}

/// How an append came about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deed {
    /// The lease that the runner showed.
    pub(crate) lease: Option<LeaseId>,
    /// The timeout: which, when it came up on the board, when it was decided.
    pub(crate) timeout: Option<(DeadlineKind, Timestamp, Timestamp)>,
    /// It was heard and answered before.
    pub(crate) waited: bool,
    /// Of a progress report.
    pub(crate) pace: Option<Pace>,
    /// The question that an answer named.
    pub(crate) question: Option<u64>,
    /// The batch that was sent before it under its lease.
    pub(crate) after: Option<u64>,
    /// It was broken on purpose.
    pub(crate) spoilt: bool,
}

/// Signs of life of one lease that were accepted and are not in the log.
#[derive(Default)]
struct Heard {
    alive: VecDeque<Timestamp>,
    progressed: VecDeque<Timestamp>,
}

/// A beat older than this many others cannot be the newest before a timeout came up.
const BEATS_KEPT: usize = 64;

/// What comes at the very instant at which the timeout comes up may be too late.
fn newest(beats: &VecDeque<Timestamp>, before: Timestamp) -> Timestamp {
    beats.iter().rev().find(|at| **at < before).copied().unwrap_or_default()
}

/// What is known of one execution.
pub(crate) struct Known {
    pub(crate) namespace: Namespace,
    /// Everything that was acknowledged or shown.
    pub(crate) log: Vec<Record>,
    pub(crate) shadow: Shadow,
    heard: Heard,
    /// Where each batch ended.
    batches: BTreeMap<(LeaseId, u64), u64>,
    /// A lifecycle event has come since the server started.
    pub(crate) moved: bool,
    /// When the log was last seen to grow.
    touched: Timestamp,
    pub(super) reports: Reports,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Checks {
    violation: Option<Violation>,
    pub(crate) known: BTreeMap<ExecutionId, Known>,
    pub(crate) live: BTreeSet<ExecutionId>,
    /// Appends whose outcome nobody knows.
    unknown: BTreeMap<ExecutionId, Vec<(Append, Deed)>>,
    keys: BTreeMap<(Namespace, String), ExecutionId>,
    /// Until then the server could not have acted: down, failing, stalled or refusing.
    pub(crate) excused_until: Timestamp,
    /// Until then the last start holds deadlines back.
    pub(crate) grace_until: Timestamp,
    pub(crate) events: u64,
    /// The clock.
    pub(crate) now: Timestamp,
    /// Between two events of an actor's progress reports.
    pub(crate) interval: Span,
    /// Removed for good.
    pub(super) gone: BTreeMap<ExecutionId, Namespace>,
    late: Span,
    closing: bool,
    /// Had two writers at once: the one that loses the race may still refuse calls by what it
    /// believes, until it hears of it. It must not write, nor acknowledge what is not so.
    pub(super) contested: BTreeSet<ExecutionId>,
    /// What operators were told is set.
    pub(super) queues: BTreeMap<QueueKey, QueueSettings>,
    /// Queues whose limits have come below what was in progress.
    pub(super) above_limits: BTreeSet<QueueKey>,
    /// Taken out of their queues by a claim that is not settled.
    pub(super) claiming: BTreeMap<ExecutionId, Claiming>,
    pub(super) allowances: Allowances,
}

impl Checks {
    pub(crate) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Enough has happened for a sabotage to hit something.
    pub(crate) fn is_warm(&self) -> bool {
        self.events > 60
    }

    /// Keeps the first violation.
    pub(crate) fn claim(&mut self, invariant: Invariant, ok: bool, what: impl FnOnce() -> String) {
        if !ok && self.violation.is_none() {
            self.violation = Some(Violation { invariant, what: what() });
        }
    }

    pub(crate) fn excuse(&mut self, until: Timestamp) {
        self.excused_until = self.excused_until.max(until);
    }

    /// No more faults from here on.
    pub(crate) fn close(&mut self) {
        self.closing = true;
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// How late a timeout may be (invariant F).
    pub(crate) fn allow_late(&mut self, late: Span) {
        self.late = late;
    }

    pub(crate) fn late(&self) -> Span {
        self.late
    }

    // ---- the log -------------------------------------------------------------------------

    /// An append is durable, as far as anybody was told. `now` is when that became known.
    pub(crate) fn committed(
        &mut self,
        namespace: &Namespace,
        id: ExecutionId,
        records: &[Record],
        deed: &Deed,
        coverage: &mut Coverage,
    ) {
        if records.is_empty() {
            return;
        }
        if self.gone.contains_key(&id) {
            self.claim(Invariant::B, false, || format!("{id}: written to after it was purged"));
            return;
        }
        let known = self.known.entry(id).or_insert_with(|| Known {
            namespace: namespace.clone(),
            log: Vec::new(),
            shadow: Shadow::default(),
            heard: Heard::default(),
            batches: BTreeMap::new(),
            moved: true,
            touched: self.now,
            reports: Reports::default(),
        });
        known.touched = self.now;
        let mut found: Option<(Invariant, String)> = None;
        let mut wrong = |invariant, what: String| {
            found.get_or_insert((invariant, what));
        };
        if let Some(lease) = deed.lease
            && known.shadow.tenure.as_ref().is_none_or(|tenure| tenure.lease != lease)
        {
            wrong(Invariant::E, format!("{id}: lease {lease} wrote, which is not the current one"));
        }
        if let (Some(lease), Some(before)) = (deed.lease, deed.after)
            && !known.has_batch_from(lease, before)
        {
            wrong(Invariant::A, format!("{id}: something of {lease} overtook batch {before}"));
        }
        if let Some(timeout) = deed.timeout {
            let excuse = self.excused_until.max(if known.moved {
                Timestamp::default()
            } else {
                self.grace_until
            });
            match known.judge(timeout, excuse, self.late) {
                Ok(on_time) => {
                    coverage.count("timeout", timeout.0.as_str());
                    if on_time {
                        coverage.count("timeout on time", timeout.0.as_str());
                    }
                }
                Err(why) => wrong(Invariant::F, format!("{id}: {why}")),
            }
            if !known.moved && timeout.1 < self.grace_until {
                wrong(
                    Invariant::F,
                    format!("{id}: {:?} came up in the grace after a start", timeout.0),
                );
            }
        }
        for record in records {
            let head = known.log.len() as u64;
            let event: Value = match serde_json::from_slice(&record.json) {
                Ok(event) => event,
                Err(error) => {
                    wrong(Invariant::B, format!("{id}: event {} is not JSON: {error}", record.seq));
                    break;
                }
            };
            let is_next = record.seq == head + 1
                && event["seq"] == record.seq
                && event["prev"] == head
                && event["execution_id"].as_str() == Some(&id.to_string());
            if !is_next {
                wrong(Invariant::B, format!("{id}: {event} follows event {head}"));
            }
            if known.shadow.is_over() {
                wrong(Invariant::B, format!("{id}: {event} follows the terminal event"));
            }
            let type_name = event["type"].as_str().unwrap_or_default();
            if record.lifecycle != type_name.starts_with("execution.") {
                wrong(Invariant::D, format!("{id}: {type_name} is filed in the wrong view"));
            }
            if let Some(named) = deed.question
                && type_name == "execution.resumed"
                && named != known.shadow.asked_seq
            {
                let asked = known.shadow.asked_seq;
                wrong(Invariant::I, format!("{id}: question {asked} has the answer to {named}"));
            }
            if let Some(why) = known.judge_report(&event, deed, self.interval)
                && !self.contested.contains(&id)
            {
                wrong(Invariant::A, format!("{id}: {why}"));
            }
            if type_name == "execution.started"
                && let Some(claiming) = self.claiming.get_mut(&id)
            {
                *claiming = Claiming { spent: false, granted: true };
            }
            known.moved |= record.lifecycle && !deed.waited;
            let claimed_by = event["data"]["runner"]["id"].as_str();
            if type_name == "execution.started" && claimed_by == Some(STRAY) {
                // It went past the queue, and so past its limits; no call outside lets it.
                let queue = Name::new(&known.shadow.queue).expect("a name that was taken");
                self.above_limits.insert((namespace.clone(), queue));
            }
            if let Err(why) = known.shadow.fold(&event, record.private.lease) {
                wrong(Invariant::D, format!("{id}: event {}: {why}", record.seq));
            }
            if let (Some(batch), Some(tenure)) = (record.private.batch, &known.shadow.tenure) {
                known.batches.insert((tenure.lease, batch), record.seq);
            }
            if record.private.lease.is_some() {
                known.heard = Heard::default();
            }
            count_event(type_name, &event, coverage);
            known.log.push(record.clone());
            self.events += 1;
        }
        if known.shadow.is_over() {
            self.live.remove(&id);
        } else {
            self.live.insert(id);
        }
        if let Some((invariant, what)) = found {
            self.claim(invariant, false, || what);
        }
    }

    /// The outcome of this append is unknown until somebody reads the log.
    pub(crate) fn unknown(&mut self, append: &Append, deed: &Deed) {
        if !append.records.is_empty() {
            let of = self.unknown.entry(append.id).or_default();
            of.push((append.clone(), deed.clone()));
        }
    }

    pub(crate) fn unknown_ids(&self) -> Vec<(Namespace, ExecutionId)> {
        let of = |(id, appends): (&ExecutionId, &Vec<(Append, Deed)>)| {
            Some((appends.first()?.0.namespace.clone(), *id))
        };
        self.unknown.iter().filter_map(of).collect()
    }

    /// Compares a log on the disk with what was acknowledged (A), and takes up what an unknown
    /// outcome turns out to be.
    pub(crate) fn read_back(
        &mut self,
        namespace: &Namespace,
        id: ExecutionId,
        found: &[Stored],
        coverage: &mut Coverage,
    ) {
        let appends = self.unknown.remove(&id).unwrap_or_default();
        let before = self.known.get(&id).map_or(0, |known| known.log.len());
        let mut next = before;
        for (append, deed) in appends {
            let rest = found.get(next..).unwrap_or_default();
            let fits = append.records.len() <= rest.len()
                && append.records.iter().zip(rest).all(|(mine, theirs)| same(mine, &theirs.record));
            if fits {
                coverage.fault("unknown outcome found in the log");
                next += append.records.len();
                self.committed(namespace, id, &append.records, &deed, coverage);
                if let Some(used) = &append.idempotency {
                    self.created_with(namespace, &used.key, id);
                }
            } else {
                coverage.fault("unknown outcome not in the log");
            }
        }
        let log = self.known.get(&id).map_or(&[][..], |known| &known.log[..]);
        let mut lifecycle = 0;
        let mut differs = None;
        for (index, stored) in found.iter().enumerate() {
            let kept = log.get(index).is_some_and(|mine| same(mine, &stored.record));
            if !kept || stored.prev_lifecycle != lifecycle {
                differs = Some(index + 1);
                break;
            }
            if stored.record.lifecycle {
                lifecycle = stored.record.seq;
            }
        }
        let (have, want) = (found.len(), log.len());
        self.claim(Invariant::A, have == want && differs.is_none(), || {
            format!(
                "{id}: {want} events were acknowledged or shown, {have} are in the log; the first \
                 that differs is {differs:?}"
            )
        });
    }

    /// One key, one execution.
    pub(crate) fn created_with(&mut self, namespace: &Namespace, key: &str, id: ExecutionId) {
        let first = *self.keys.entry((namespace.clone(), key.to_owned())).or_insert(id);
        self.claim(Invariant::A, first == id, || {
            format!("idempotency key {key} created {first} and {id}")
        });
    }

    // ---- answers -------------------------------------------------------------------------

    /// A runner was told that it was heard, outside the log.
    pub(crate) fn heard(&mut self, id: ExecutionId, lease: LeaseId, now: Timestamp, far: bool) {
        let Some(known) = self.known.get_mut(&id) else { return };
        let current = known.shadow.tenure.as_ref().is_some_and(|t| t.lease == lease);
        if current {
            for (beats, counts) in
                [(&mut known.heard.alive, true), (&mut known.heard.progressed, far)]
            {
                if counts {
                    beats.push_back(now);
                    if beats.len() > BEATS_KEPT {
                        beats.pop_front();
                    }
                }
            }
        }
        self.claim(Invariant::E, current, || format!("{id}: superseded lease {lease} was heard"));
    }

    /// A timeout came up and was not due: something that came meanwhile must have moved it.
    pub(crate) fn disarmed(&mut self, id: ExecutionId, kind: DeadlineKind, came_up: Timestamp) {
        let moved = self.contested.contains(&id)
            || self.known.get(&id).is_none_or(|known| {
                let beats = known.heard.alive.back().max(known.heard.progressed.back());
                known.touched >= came_up || beats.is_some_and(|at| *at >= came_up)
            });
        self.claim(Invariant::F, moved, || {
            format!("{id}: {kind:?} came up at {came_up}, was not due, and nothing has moved it")
        });
    }

    /// A terminal execution was removed for good.
    pub(crate) fn purged(&mut self, namespace: &Namespace, id: ExecutionId) {
        let over = self.known.remove(&id).is_some_and(|known| known.shadow.is_over());
        self.claim(Invariant::I, over, || format!("{id} is purged and was not over"));
        self.keys.retain(|_, of| *of != id);
        self.gone.insert(id, namespace.clone());
    }

    /// After a start, every runner counts as heard from.
    pub(crate) fn started(&mut self, now: Timestamp, grace_until: Timestamp) {
        self.grace_until = grace_until;
        for known in self.known.values_mut() {
            known.reports.last = None;
        }
        self.claiming.clear();
        self.allowances.started(now);
        for id in &self.live {
            let Some(known) = self.known.get_mut(id) else { continue };
            known.moved = false;
            known.heard.alive.push_back(now);
            known.heard.progressed.push_back(now);
        }
    }

    /// An answer leaves the server: what it says must be so in the log. `wrote` is whether the
    /// command appended anything.
    pub(crate) fn answered(&mut self, ask: &Ask, answer: Result<&Reply, &Rejection>, wrote: bool) {
        let Ask { id, ref command, ref marks, after, .. } = *ask;
        if self.gone.contains_key(&id) {
            return; // Whoever still has it in memory may say so.
        }
        let contested = self.contested.contains(&id);
        let shadow = self.known.get(&id).map(|known| &known.shadow);
        let lease = lease_of(command);
        let holds = lease.is_some_and(|lease| {
            shadow.and_then(|s| s.tenure.as_ref()).is_some_and(|t| t.lease == lease)
        });
        let over = shadow.is_some_and(Shadow::is_over);
        match answer {
            Ok(reply) => {
                let head = self.known.get(&id).map_or(0, |known| known.log.len() as u64);
                if let Reply::Done { seq, .. } = *reply {
                    self.claim(Invariant::A, seq <= head, || {
                        format!("{id}: seq {seq} is acknowledged, the log ends at {head}")
                    });
                    self.check_batch(id, command, holds, seq);
                }
                let lost = self.lost_mark(id, marks);
                self.claim(Invariant::A, lost.is_none(), || {
                    format!("{id}: {command:?} is acknowledged, and #{lost:?} is not in the log")
                });
                let may_repeat = matches!(
                    command,
                    Command::Complete { .. }
                        | Command::Fail { .. }
                        | Command::Wait { .. }
                        | Command::ConfirmCancelled { .. }
                );
                let fenced = contested || wrote || lease.is_none() || holds || may_repeat;
                self.claim(Invariant::E, fenced, || {
                    format!("{id}: {command:?} is accepted under a lease that is not current")
                });
            }
            Err(rejection) => {
                let phase = shadow.and_then(|s| s.phase);
                let right = contested
                    || match rejection {
                        Rejection::Exists => shadow.is_some(),
                        Rejection::Unknown => shadow.is_none(),
                        Rejection::Terminal { phase: told, .. } => over && phase == Some(*told),
                        Rejection::LeaseSuperseded { .. } => lease.is_some() && !holds,
                        Rejection::NotClaimable { phase: told }
                        | Rejection::NotWaiting { phase: told } => phase == Some(*told) && !over,
                        Rejection::NotCancelling => shadow.is_some_and(|s| s.cancel.is_none()),
                        Rejection::SeqMismatch { of: Condition::Question, seq } => {
                            let named = match command {
                                Command::Resume { question, .. } => *question,
                                _ => None,
                            };
                            shadow.is_some_and(|s| s.asked_seq == *seq && named != Some(*seq))
                        }
                        Rejection::OutOfOrder { missing } => {
                            let known = self.known.get(&id).zip(lease);
                            let there = known.is_some_and(|(k, of)| k.has_batch_from(of, *missing));
                            after == Some(*missing) && !there
                        }
                        Rejection::NotDue
                        | Rejection::SeqMismatch { of: Condition::Head, .. }
                        | Rejection::Invalid { .. }
                        | Rejection::TooLarge { .. } => !over || lease.is_none(),
                    };
                self.claim(Invariant::I, right, || {
                    format!(
                        "{id}: {command:?} is refused with {rejection:?}; the log says {phase:?}"
                    )
                });
            }
        }
    }

    fn check_batch(&mut self, id: ExecutionId, command: &Command, holds: bool, seq: u64) {
        let (lease, batch) = match command {
            Command::PostEvents { lease, batch: Some(batch), .. } => (lease, batch),
            // Of a lease that has ended, the end is told again.
            Command::Wait { lease, batch: Some(batch), hold: true, .. } if holds => (lease, batch),
            _ => return,
        };
        let ended = self.known.get(&id).and_then(|k| k.batches.get(&(*lease, *batch)).copied());
        self.claim(Invariant::A, ended == Some(seq), || {
            format!(
                "{id}: batch {batch} of {lease} is acknowledged at {seq}, it ended at {ended:?}"
            )
        });
    }

    fn lost_mark(&self, id: ExecutionId, marks: &[u64]) -> Option<u64> {
        let shadow = &self.known.get(&id)?.shadow;
        marks.iter().find(|mark| !shadow.marks.contains(mark)).copied()
    }
}

impl Known {
    /// Whether the log has this batch of the lease, or a later one.
    fn has_batch_from(&self, lease: LeaseId, batch: u64) -> bool {
        self.batches.range((lease, batch)..=(lease, u64::MAX)).next().is_some()
    }

    /// Whether the timeout was on time, with nothing to excuse it.
    fn judge(
        &self,
        (kind, came_up, decided): (DeadlineKind, Timestamp, Timestamp),
        excused_until: Timestamp,
        late: Span,
    ) -> Result<bool, String> {
        let alive = newest(&self.heard.alive, came_up);
        let progressed = newest(&self.heard.progressed, came_up);
        let armed = self.shadow.deadlines(alive, progressed);
        let Some((_, at)) = armed.into_iter().find(|(armed, _)| *armed == kind) else {
            return Err(format!("{kind:?} ran out and was not armed"));
        };
        if at > decided {
            return Err(format!("{kind:?} of {at} ran out at {decided}, too early"));
        }
        let on_time = decided <= at.plus(late);
        let from = at.max(excused_until).max(self.shadow.armed_anew);
        if !on_time && decided > from.plus(late) {
            return Err(format!("{kind:?} of {at} ran out at {decided}, too late"));
        }
        Ok(on_time)
    }

    /// When each timeout must run out, with all signs of life.
    pub(crate) fn deadlines(&self) -> Vec<(DeadlineKind, Timestamp)> {
        let newest = |beats: &VecDeque<Timestamp>| beats.back().copied().unwrap_or_default();
        let mut armed =
            self.shadow.deadlines(newest(&self.heard.alive), newest(&self.heard.progressed));
        for (_, at) in &mut armed {
            *at = (*at).max(self.shadow.armed_anew);
        }
        armed
    }
}

/// The lease that a command shows.
pub(crate) fn lease_of(command: &Command) -> Option<LeaseId> {
    match command {
        Command::DisconnectRunner { lease, .. }
        | Command::LoseRunner { lease, .. }
        | Command::Release { lease } => Some(*lease),
        said => said.speaker(),
    }
}

fn same(mine: &Record, theirs: &Record) -> bool {
    mine.seq == theirs.seq
        && mine.lifecycle == theirs.lifecycle
        && mine.private == theirs.private
        && mine.json == theirs.json
}

fn count_event(type_name: &str, event: &Value, coverage: &mut Coverage) {
    let lifecycle = heartline_execution::EventBody::LIFECYCLE.iter().copied();
    let mut names = lifecycle.chain(heartline_execution::content::known_types());
    if let Some(name) = names.find(|name| *name == type_name) {
        coverage.count("event", name);
    }
    if let Some(reason) = event["data"]["reason"].as_str()
        && let Ok(reason) =
            serde_json::from_value::<heartline_execution::Reason>(Value::from(reason))
    {
        coverage.count("reason", reason.as_str());
    }
}
