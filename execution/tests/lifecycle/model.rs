//! The model: the lifecycle in a page, in milliseconds, with no log and no content.

use heartline_execution::{
    Command, DeadlineKind, Span, Timestamp,
    spec::{Retry, Timeouts},
};
use proptest::prelude::*;

/// Where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Nothing,
    Queued,
    Working,
    /// A question is open; with the lease or without.
    Asking {
        hold: bool,
    },
    Completed,
    Failed,
    Cancelled,
}

impl Stage {
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Stage::Completed | Stage::Failed | Stage::Cancelled)
    }
}

/// How a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Completed,
    /// The runner said so.
    Failed,
    /// A timeout, a lost runner, a lease that never arrived, the supervisor.
    Taken,
    Cancelled,
    Parked,
}

/// What a command must lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Nothing,
    Events(Vec<&'static str>),
    Refused(&'static str),
}

/// What happens next. `who` is 0 for the lease there is or was last, 1 for the one before, 2 for
/// one that never was.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Advance(u64),
    Create,
    Claim,
    Post {
        who: u8,
        batch: Option<u64>,
        events: usize,
    },
    Beat {
        who: u8,
    },
    Progress {
        who: u8,
        value: u8,
    },
    Complete {
        who: u8,
    },
    Fail {
        who: u8,
        retryable: bool,
        definition: bool,
    },
    /// `prompt` tells one question from another.
    Wait {
        who: u8,
        batch: Option<u64>,
        prompt: u8,
        hold: bool,
        timeout: Option<u64>,
    },
    /// `right` is whether it names the last question that was asked, or another one.
    Resume {
        right: Option<bool>,
    },
    Cancel {
        grace: Option<u64>,
    },
    Acknowledge {
        who: u8,
    },
    Confirm {
        who: u8,
    },
    Update {
        priority: i32,
        heartbeat: Option<u64>,
        if_match: Option<u64>,
    },
    TimeOut(DeadlineKind),
    Disconnect {
        who: u8,
        grace: u64,
    },
    Return {
        who: u8,
    },
    Lose {
        who: u8,
    },
    Release {
        who: u8,
    },
    GiveUp,
}

/// The kinds of step, likely ones more often.
pub(crate) fn steps() -> impl Strategy<Value = Step> {
    let who = || prop_oneof![8 => Just(0_u8), 1 => Just(1_u8), 1 => Just(2_u8)];
    let kind = prop::sample::select(&DeadlineKind::ALL[..]);
    prop_oneof![
        6 => (0_u64..150).prop_map(Step::Advance),
        3 => Just(Step::Create),
        6 => Just(Step::Claim),
        4 => (who(), prop::option::of(1_u64..6), 1_usize..3)
            .prop_map(|(who, batch, events)| Step::Post { who, batch, events }),
        3 => who().prop_map(|who| Step::Beat { who }),
        2 => (who(), 0_u8..3).prop_map(|(who, value)| Step::Progress { who, value }),
        1 => who().prop_map(|who| Step::Complete { who }),
        3 => (who(), any::<bool>(), prop::bool::weighted(0.1)).prop_map(
            |(who, retryable, definition)| Step::Fail { who, retryable, definition }
        ),
        3 => (who(), prop::option::of(1_u64..8), 0_u8..2, any::<bool>(), prop::option::of(10_u64..90))
            .prop_map(|(who, batch, prompt, hold, timeout)| {
                Step::Wait { who, batch, prompt, hold, timeout }
            }),
        3 => prop::option::of(prop::bool::weighted(0.7)).prop_map(|right| Step::Resume { right }),
        1 => prop::option::of(0_u64..80).prop_map(|grace| Step::Cancel { grace }),
        1 => who().prop_map(|who| Step::Acknowledge { who }),
        1 => who().prop_map(|who| Step::Confirm { who }),
        1 => (0_i32..3, prop::option::of(20_u64..90), prop::option::of(1_u64..9)).prop_map(
            |(priority, heartbeat, if_match)| Step::Update { priority, heartbeat, if_match }
        ),
        6 => kind.prop_map(Step::TimeOut),
        2 => (who(), 0_u64..60).prop_map(|(who, grace)| Step::Disconnect { who, grace }),
        1 => who().prop_map(|who| Step::Return { who }),
        1 => who().prop_map(|who| Step::Lose { who }),
        1 => who().prop_map(|who| Step::Release { who }),
        1 => prop::bool::weighted(0.05).prop_map(|gives_up| {
            if gives_up { Step::GiveUp } else { Step::Advance(1) }
        }),
    ]
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) timeouts: Timeouts,
    pub(crate) retry: Retry,
    pub(crate) expected: Expected,
    pub(crate) stage: Stage,
    now: u64,
    pub(crate) attempt: u32,
    failures: u32,
    /// Leases in a row of which nothing was heard.
    silent: u32,
    due: u64,
    first_due: u64,
    /// Leases so far; the newest is the current one where there is one.
    pub(crate) leases: u32,
    pub(crate) held: bool,
    ended: Option<(u32, End)>,
    since: u64,
    alive: u64,
    progressed: u64,
    gone: Option<u64>,
    asked: u64,
    /// What the last question was, and the seq it was asked at.
    question: (u8, bool),
    pub(crate) asked_seq: u64,
    until: u64,
    newest_batch: Option<u64>,
    progress: Option<u8>,
    pub(crate) cancel: Option<u64>,
    told: bool,
    acknowledged: bool,
    priority: i32,
    pub(crate) seq: u64,
}

const BEGINNING: i64 = 1_767_225_600_000_000;

fn instant(ms: u64) -> Timestamp {
    Timestamp(BEGINNING + i64::try_from(ms * 1_000).expect("runs are short"))
}

fn ms(span: Span) -> u64 {
    span.0 / 1_000
}

impl Model {
    /// With short timeouts, any of the optional ones, and up to four attempts.
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let maybe = |low: u64, high: u64| prop::option::of((low..high).prop_map(Span::millis));
        (maybe(60, 200), maybe(100, 600), maybe(30, 100), 1_u32..5).prop_map(
            |(start_to_close, schedule_to_close, progress, max_attempts)| {
                let timeouts = Timeouts {
                    schedule_to_start: Span::millis(100),
                    heartbeat: Span::millis(50),
                    start_to_close,
                    schedule_to_close,
                    progress,
                    waiting: Span::millis(80),
                    cancel: Span::millis(60),
                };
                Self::new(timeouts, max_attempts)
            },
        )
    }

    /// With every timeout, and none of them soon.
    pub(crate) fn patient() -> Self {
        let timeouts = Timeouts {
            start_to_close: Some(Span::secs(600)),
            schedule_to_close: Some(Span::secs(7_200)),
            progress: Some(Span::secs(300)),
            ..Timeouts::default()
        };
        Self::new(timeouts, 3)
    }

    fn new(timeouts: Timeouts, max_attempts: u32) -> Self {
        let retry = Retry {
            max_attempts,
            initial_backoff: Span::millis(10),
            factor: 2.0,
            max_backoff: Span::millis(30),
        };
        Self {
            timeouts,
            retry,
            expected: Expected::Nothing,
            stage: Stage::Nothing,
            now: 0,
            attempt: 0,
            failures: 0,
            silent: 0,
            due: 0,
            first_due: 0,
            leases: 0,
            held: false,
            ended: None,
            since: 0,
            alive: 0,
            progressed: 0,
            gone: None,
            asked: 0,
            question: (0, false),
            asked_seq: 0,
            until: 0,
            newest_batch: None,
            progress: None,
            cancel: None,
            told: false,
            acknowledged: false,
            priority: 0,
            seq: 0,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        instant(self.now)
    }

    /// Every armed timeout, by kind.
    pub(crate) fn deadlines(&self) -> Vec<(DeadlineKind, Timestamp)> {
        let armed = |kind| Some((kind, instant(self.deadline(kind)?)));
        DeadlineKind::ALL.into_iter().filter_map(armed).collect()
    }

    /// The number of a lease; leases are numbered from 1.
    pub(crate) fn lease(&self, who: u8) -> u32 {
        match who {
            0 => self.leases,
            1 => self.leases.wrapping_sub(1),
            _ => u32::MAX,
        }
    }

    /// When a timeout is due, where it is armed.
    fn deadline(&self, kind: DeadlineKind) -> Option<u64> {
        let after = |from: u64, span: Option<Span>| span.map(|span| from + ms(span));
        let t = &self.timeouts;
        let working = self.stage == Stage::Working;
        if self.stage.is_over() || self.stage == Stage::Nothing {
            return None;
        }
        match kind {
            DeadlineKind::ScheduleToStart if self.stage == Stage::Queued => {
                after(self.due, Some(t.schedule_to_start))
            }
            DeadlineKind::Heartbeat if self.held => after(self.alive, Some(t.heartbeat)),
            DeadlineKind::Progress if working => after(self.progressed, t.progress),
            DeadlineKind::StartToClose if working => after(self.since, t.start_to_close),
            DeadlineKind::ScheduleToClose => after(self.first_due, t.schedule_to_close),
            DeadlineKind::Waiting if matches!(self.stage, Stage::Asking { .. }) => Some(self.until),
            DeadlineKind::Cancel => self.cancel,
            DeadlineKind::Grace if self.held => self.gone,
            _ => None,
        }
    }

    /// Moves by one step, and says in `expected` what it must lead to.
    pub(crate) fn take(&mut self, step: &Step) {
        self.expected = match self.answer(step) {
            Ok(events) if events.is_empty() => Expected::Nothing,
            Ok(events) => {
                self.seq += events.len() as u64;
                Expected::Events(events)
            }
            Err(refusal) => Expected::Refused(refusal),
        };
    }

    fn answer(&mut self, step: &Step) -> Result<Vec<&'static str>, &'static str> {
        match step {
            Step::Advance(by) => {
                self.now += by;
                return Ok(Vec::new());
            }
            Step::Create if self.stage == Stage::Nothing => {
                self.stage = Stage::Queued;
                (self.due, self.first_due) = (self.now, self.now);
                return Ok(vec!["execution.created"]);
            }
            Step::Create => return Err("exists"),
            _ if self.stage == Stage::Nothing => return Err("unknown"),
            _ => {}
        }
        match step {
            Step::Advance(_) | Step::Create => unreachable!("answered above"),
            Step::Claim => self.claim(),
            Step::Post { who, batch, events } => {
                self.fence(*who)?;
                self.post(*batch, *events)
            }
            Step::Beat { who } => {
                self.fence(*who)?;
                self.alive = self.now;
                Ok(self.tell(Vec::new()))
            }
            Step::Progress { who, value } => {
                self.fence(*who)?;
                let mut events = Vec::new();
                if self.progress.replace(*value) != Some(*value) {
                    events.push("execution.progress");
                    self.speak();
                }
                Ok(self.tell(events))
            }
            Step::Complete { who } => self.ending(*who, End::Completed, |model| {
                model.finish(Stage::Completed, End::Completed);
                Ok(vec!["execution.completed"])
            }),
            Step::Fail { who, retryable, definition } => self.ending(*who, End::Failed, |model| {
                Ok(model.fail_attempt(*retryable && !definition, End::Failed))
            }),
            Step::Wait { who, batch, prompt, hold, timeout } => {
                self.ending(*who, End::Parked, |model| model.wait(*batch, *prompt, *hold, *timeout))
            }
            Step::Confirm { who } => self.ending(*who, End::Cancelled, |model| {
                model.cancel.ok_or("not_cancelling")?;
                let mut events = Vec::new();
                if !model.acknowledged {
                    events = model.tell(events);
                    events.push("execution.cancel_acknowledged");
                }
                events.push("execution.cancelled");
                model.finish(Stage::Cancelled, End::Cancelled);
                Ok(events)
            }),
            Step::Acknowledge { who } => {
                self.fence(*who)?;
                self.cancel.ok_or("not_cancelling")?;
                if self.acknowledged {
                    return Ok(Vec::new());
                }
                let mut events = self.tell(Vec::new());
                events.push("execution.cancel_acknowledged");
                (self.acknowledged, self.alive, self.silent) = (true, self.now, 0);
                Ok(events)
            }
            Step::Disconnect { who, grace } => {
                self.fence(*who)?;
                if self.gone.is_some() {
                    return Ok(Vec::new());
                }
                self.gone = Some(self.now + grace);
                Ok(vec!["execution.runner_disconnected"])
            }
            Step::Return { who } => {
                self.fence(*who)?;
                if self.gone.take().is_none() {
                    return Ok(Vec::new());
                }
                (self.alive, self.silent) = (self.now, 0);
                Ok(vec!["execution.runner_returned"])
            }
            Step::Lose { who } => {
                self.fence(*who)?;
                Ok(self.fail_attempt(true, End::Taken))
            }
            Step::Release { who } => {
                self.fence(*who)?;
                Ok(self.release())
            }
            Step::Resume { right } => self.resume(*right),
            Step::Cancel { grace } => self.request_cancel(*grace),
            Step::Update { priority, heartbeat, if_match } => {
                self.live()?;
                if if_match.is_some_and(|seq| seq != self.seq) {
                    return Err("seq_mismatch");
                }
                let mut changed = std::mem::replace(&mut self.priority, *priority) != *priority;
                if let Some(span) = heartbeat.map(Span::millis) {
                    changed |= std::mem::replace(&mut self.timeouts.heartbeat, span) != span;
                }
                Ok(if changed { vec!["execution.updated"] } else { Vec::new() })
            }
            Step::TimeOut(kind) => self.time_out(*kind),
            Step::GiveUp => {
                self.live()?;
                self.finish(Stage::Failed, End::Taken);
                Ok(vec!["execution.failed"])
            }
        }
    }

    fn live(&self) -> Result<(), &'static str> {
        if self.stage.is_over() { Err("terminal") } else { Ok(()) }
    }

    fn fence(&self, who: u8) -> Result<(), &'static str> {
        if self.held && self.lease(who) == self.leases { Ok(()) } else { Err("lease_superseded") }
    }

    /// An end of a lease; the same end of the lease before is told again.
    fn ending(
        &mut self,
        who: u8,
        end: End,
        then: impl FnOnce(&mut Self) -> Result<Vec<&'static str>, &'static str>,
    ) -> Result<Vec<&'static str>, &'static str> {
        if self.is_told_again(who, end) {
            return Ok(Vec::new());
        }
        self.fence(who)?;
        then(self)
    }

    fn is_told_again(&self, who: u8, end: End) -> bool {
        self.ended == Some((self.lease(who), end))
    }

    pub(crate) fn may_be_told_again(&self, who: u8, command: &Command) -> bool {
        let end = match command {
            Command::Complete { .. } => End::Completed,
            Command::Fail { .. } => End::Failed,
            Command::Wait { .. } => End::Parked,
            Command::ConfirmCancelled { .. } => End::Cancelled,
            _ => return false,
        };
        self.is_told_again(who, end)
    }

    fn claim(&mut self) -> Result<Vec<&'static str>, &'static str> {
        self.live()?;
        if self.stage != Stage::Queued || self.due > self.now {
            return Err("not_claimable");
        }
        self.stage = Stage::Working;
        self.attempt += 1;
        self.leases += 1;
        self.silent += 1;
        self.held = true;
        (self.since, self.alive, self.progressed) = (self.now, self.now, self.now);
        (self.gone, self.newest_batch) = (None, None);
        Ok(vec!["execution.started"])
    }

    fn post(
        &mut self,
        batch: Option<u64>,
        events: usize,
    ) -> Result<Vec<&'static str>, &'static str> {
        if self.is_repeat(batch) {
            return Ok(self.tell(Vec::new()));
        }
        self.newest_batch = self.newest_batch.max(batch);
        self.speak();
        Ok(self.tell(vec!["TEXT_MESSAGE_CONTENT"; events]))
    }

    fn is_repeat(&self, batch: Option<u64>) -> bool {
        batch.is_some() && batch <= self.newest_batch
    }

    /// Something of the runner's is in the log.
    fn speak(&mut self) {
        (self.alive, self.progressed, self.silent) = (self.now, self.now, 0);
    }

    /// A cancellation reaches the runner with the answer.
    fn tell(&mut self, mut events: Vec<&'static str>) -> Vec<&'static str> {
        if self.cancel.is_some() && !self.told {
            (self.told, self.alive, self.silent) = (true, self.now, 0);
            events.push("execution.cancel_delivered");
        }
        events
    }

    fn wait(
        &mut self,
        batch: Option<u64>,
        prompt: u8,
        hold: bool,
        timeout: Option<u64>,
    ) -> Result<Vec<&'static str>, &'static str> {
        if self.is_repeat(batch) {
            // The lease goes on, so it was not this wait that was numbered so.
            return if hold { Ok(self.tell(Vec::new())) } else { Err("invalid") };
        }
        if matches!(self.stage, Stage::Asking { .. }) {
            let again = self.question == (prompt, hold);
            return if again { Ok(self.tell(Vec::new())) } else { Err("invalid") };
        }
        self.newest_batch = self.newest_batch.max(batch);
        self.stage = Stage::Asking { hold };
        (self.asked, self.asked_seq, self.question) = (self.now, self.seq + 1, (prompt, hold));
        self.until = self.now + timeout.unwrap_or(ms(self.timeouts.waiting));
        self.speak();
        if hold {
            return Ok(self.tell(vec!["execution.waiting"]));
        }
        self.drop_lease(End::Parked);
        Ok(self.end_if_cancelled(vec!["execution.waiting"]))
    }

    fn resume(&mut self, right: Option<bool>) -> Result<Vec<&'static str>, &'static str> {
        self.live()?;
        let Stage::Asking { hold } = self.stage else { return Err("not_waiting") };
        if right == Some(false) {
            return Err("seq_mismatch");
        }
        if hold {
            self.stage = Stage::Working;
            self.since += self.now - self.asked;
            self.progressed = self.now;
        } else {
            self.stage = Stage::Queued;
            self.due = self.now;
        }
        Ok(vec!["execution.resumed"])
    }

    fn request_cancel(&mut self, grace: Option<u64>) -> Result<Vec<&'static str>, &'static str> {
        self.live()?;
        let deadline = self.now + grace.unwrap_or(ms(self.timeouts.cancel));
        let mut events = Vec::new();
        if self.cancel.is_none_or(|before| deadline < before) {
            self.cancel = Some(deadline);
            events.push("execution.cancel_requested");
        }
        if self.held { Ok(events) } else { Ok(self.end_if_cancelled(events)) }
    }

    fn time_out(&mut self, kind: DeadlineKind) -> Result<Vec<&'static str>, &'static str> {
        self.deadline(kind).filter(|at| *at <= self.now).ok_or("not_due")?;
        Ok(match kind {
            DeadlineKind::Heartbeat
            | DeadlineKind::Progress
            | DeadlineKind::StartToClose
            | DeadlineKind::Grace => self.fail_attempt(true, End::Taken),
            DeadlineKind::ScheduleToStart
            | DeadlineKind::ScheduleToClose
            | DeadlineKind::Waiting => {
                // Whoever asked for an end has it.
                let mut events = self.end_if_cancelled(Vec::new());
                if events.is_empty() {
                    self.finish(Stage::Failed, End::Taken);
                    events.push("execution.failed");
                }
                events
            }
            DeadlineKind::Cancel => {
                self.finish(Stage::Cancelled, End::Cancelled);
                vec!["execution.cancelled"]
            }
        })
    }

    fn fail_attempt(&mut self, retryable: bool, end: End) -> Vec<&'static str> {
        self.failures += 1;
        self.silent = 0;
        let mut events = vec!["execution.attempt_failed"];
        if self.cancel.is_some() {
            events.push("execution.cancelled");
            self.finish(Stage::Cancelled, end);
        } else if retryable && self.failures < self.retry.max_attempts {
            events.push("execution.retry_scheduled");
            let doubled = ms(self.retry.initial_backoff) << (self.failures - 1);
            self.requeue(self.now + doubled.min(ms(self.retry.max_backoff)), end);
        } else {
            events.push("execution.failed");
            self.finish(Stage::Failed, end);
        }
        events
    }

    fn release(&mut self) -> Vec<&'static str> {
        // A runner that spoke, or beat for longer than it may be silent, had begun.
        let begun = self.silent == 0 || self.now >= self.since + ms(self.timeouts.heartbeat);
        if begun || self.silent == 5 {
            return self.fail_attempt(true, End::Taken);
        }
        // As if it had never left its queue.
        self.requeue(self.due, End::Taken);
        let mut events = self.end_if_cancelled(vec!["execution.retry_scheduled"]);
        let overdue = self.deadline(DeadlineKind::ScheduleToStart).is_some_and(|at| at <= self.now);
        if overdue {
            self.finish(Stage::Failed, End::Taken);
            events.push("execution.failed");
        }
        events
    }

    fn requeue(&mut self, due: u64, end: End) {
        self.drop_lease(end);
        self.stage = Stage::Queued;
        self.due = due;
    }

    fn end_if_cancelled(&mut self, mut events: Vec<&'static str>) -> Vec<&'static str> {
        if self.cancel.is_some() {
            events.push("execution.cancelled");
            self.finish(Stage::Cancelled, End::Cancelled);
        }
        events
    }

    fn finish(&mut self, stage: Stage, end: End) {
        self.drop_lease(end);
        self.stage = stage;
    }

    fn drop_lease(&mut self, end: End) {
        if std::mem::take(&mut self.held) {
            self.ended = Some((self.leases, end));
        }
        self.gone = None;
    }
}
