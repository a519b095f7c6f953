//! The checkers' own fold of a log, from its served bytes: written apart from the rules it judges.

use std::collections::BTreeSet;

use heartline_execution::{DeadlineKind, LeaseId, Phase, Place, Standing, Timestamp};
use serde_json::Value;

/// The lease that may write.
#[derive(Clone, Debug)]
pub(crate) struct Tenure {
    pub(crate) lease: LeaseId,
    since: Timestamp,
    clock_from: Timestamp,
    alive: Timestamp,
    progressed: Timestamp,
    gone_until: Option<Timestamp>,
    /// The seq of the answer to its last question.
    answered: Option<u64>,
}

/// What the checkers know of one execution.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shadow {
    pub(crate) phase: Option<Phase>,
    pub(crate) attempt: u64,
    pub(crate) tenure: Option<Tenure>,
    pub(crate) cancel: Option<Timestamp>,
    pub(crate) cancel_told: bool,
    question: Option<(Timestamp, Timestamp)>,
    /// Where the last question was asked.
    pub(crate) asked_seq: u64,
    /// As last reported.
    pub(crate) progress: Value,
    pub(crate) due: Timestamp,
    first_due: Timestamp,
    timeouts: Value,
    pub(crate) priority: i64,
    pub(crate) queue: String,
    /// Its concurrency key.
    pub(crate) key: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) reason: Option<String>,
    /// When timeouts were last set or armed anew: one that was made shorter, or that could not be
    /// acted upon before a wait began, may be due in the past.
    pub(crate) armed_anew: Timestamp,
    /// The marks that runners and clients left, each at most once.
    pub(crate) marks: BTreeSet<u64>,
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn span(value: &Value) -> Option<heartline_execution::Span> {
    value.as_str()?.parse().ok()
}

fn mark(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.strip_prefix('#')?.parse().ok(),
        other => other["n"].as_u64(),
    }
}

impl Shadow {
    pub(crate) fn is_over(&self) -> bool {
        self.phase.is_some_and(Phase::is_terminal)
    }

    /// Moves by one event. `granted` is the lease that a claim granted.
    pub(crate) fn fold(&mut self, event: &Value, granted: Option<LeaseId>) -> Result<(), String> {
        let at = time(&event["time"]).ok_or("no time")?;
        let data = &event["data"];
        let kind = event["type"].as_str().ok_or("no type")?;
        let missing = || format!("{kind} lacks a field: {data}");
        let mut said = None;
        match kind {
            "execution.created" => {
                self.phase = Some(Phase::Pending);
                self.created_at = at;
                self.due = time(&data["start_at"]).map_or(at, |start| start.max(at));
                self.first_due = self.due;
                self.timeouts = data["timeouts"].clone();
                self.priority = data["priority"].as_i64().unwrap_or(0);
                self.queue = data["queue"].as_str().ok_or_else(missing)?.to_owned();
                self.key = data["concurrency_key"].as_str().map(str::to_owned);
            }
            "execution.started" => {
                if self.phase != Some(Phase::Pending) || at < self.due {
                    return Err(format!("claimed while {:?}, due {}", self.phase, self.due));
                }
                let attempt = data["attempt"].as_u64().ok_or_else(missing)?;
                if attempt != self.attempt + 1 {
                    return Err(format!("attempt {attempt} follows {}", self.attempt));
                }
                self.attempt = attempt;
                self.phase = Some(Phase::InProgress);
                self.reason = None;
                self.tenure = Some(Tenure {
                    lease: granted.ok_or("a claim granted no lease")?,
                    since: at,
                    clock_from: at,
                    alive: at,
                    progressed: at,
                    gone_until: None,
                    answered: None,
                });
            }
            "execution.waiting" => {
                said = mark(&data["prompt"]);
                self.hear(at, true);
                self.phase = Some(Phase::Waiting);
                self.reason = None;
                self.question = Some((at, time(&data["until"]).ok_or_else(missing)?));
                self.asked_seq = event["seq"].as_u64().ok_or("no seq")?;
                if data["hold"] != true {
                    self.tenure = None;
                } else if let Some(tenure) = &mut self.tenure {
                    tenure.answered = None;
                }
            }
            "execution.resumed" => {
                said = mark(&data["input"]);
                let (since, _) = self.question.take().ok_or("resumed, and nothing was asked")?;
                self.armed_anew = at;
                if data["requeued"] == true {
                    self.phase = Some(Phase::Pending);
                    self.due = at;
                } else {
                    self.phase = Some(Phase::InProgress);
                    let tenure = self.tenure.as_mut().ok_or("resumed without a lease")?;
                    tenure.clock_from = tenure.clock_from.plus(at.since(since));
                    tenure.progressed = at;
                    tenure.answered = event["seq"].as_u64();
                }
            }
            "execution.runner_disconnected" => {
                let until = time(&data["until"]).ok_or_else(missing)?;
                self.tenure.as_mut().ok_or("no lease to lose")?.gone_until = Some(until);
            }
            "execution.runner_returned" => {
                self.hear(at, false);
                self.tenure.as_mut().ok_or("no lease to return to")?.gone_until = None;
            }
            "execution.attempt_failed" => {
                said = mark(&data["error"]["detail"]);
                self.tenure.take().ok_or("an attempt failed that nobody held")?;
                self.reason = data["reason"].as_str().map(str::to_owned);
                self.question = None;
            }
            "execution.retry_scheduled" => {
                self.phase = Some(Phase::Pending);
                self.due = time(&data["at"]).ok_or_else(missing)?;
                self.tenure = None;
                self.question = None;
            }
            "execution.cancel_requested" => {
                self.cancel = Some(time(&data["deadline"]).ok_or_else(missing)?);
            }
            "execution.cancel_delivered" | "execution.cancel_acknowledged" => {
                self.cancel.ok_or("told of a cancellation that nobody asked for")?;
                self.cancel_told = true;
                self.hear(at, false);
            }
            "execution.updated" => {
                self.armed_anew = at;
                if let Some(priority) = data["priority"].as_i64() {
                    self.priority = priority;
                }
                if data["timeouts"].is_object() {
                    self.timeouts = data["timeouts"].clone();
                }
            }
            "execution.completed" => {
                said = mark(&data["output"]);
                self.tenure.as_ref().ok_or("completed by nobody")?;
                self.end(Phase::Completed, None);
            }
            "execution.failed" => {
                self.end(Phase::Failed, data["reason"].as_str());
            }
            "execution.cancelled" => {
                self.cancel.ok_or("cancelled, and nobody asked for it")?;
                self.end(Phase::Cancelled, data["reason"].as_str());
            }
            "execution.progress" => {
                self.progress = data.clone();
                self.hear(at, true);
            }
            _ => {
                self.tenure.as_ref().ok_or("content without a lease")?;
                said = mark(&data["metadata"]);
                self.hear(at, true);
            }
        }
        match said {
            Some(mark) if !self.marks.insert(mark) => Err(format!("#{mark} is there twice")),
            _ => Ok(()),
        }
    }

    fn hear(&mut self, at: Timestamp, progress: bool) {
        if let Some(tenure) = &mut self.tenure {
            tenure.alive = at;
            if progress {
                tenure.progressed = at;
            }
        }
    }

    fn end(&mut self, phase: Phase, reason: Option<&str>) {
        self.phase = Some(phase);
        self.reason = reason.map(str::to_owned);
        self.tenure = None;
        self.question = None;
    }

    /// When each timeout runs out; `alive` and `progressed` are signs of life outside the log.
    pub(crate) fn deadlines(
        &self,
        alive: Timestamp,
        progressed: Timestamp,
    ) -> Vec<(DeadlineKind, Timestamp)> {
        let mut armed = Vec::new();
        if self.is_over() {
            return armed;
        }
        let after = |from: Timestamp, name: &str| span(&self.timeouts[name]).map(|s| from.plus(s));
        let mut arm = |kind, at: Option<Timestamp>| armed.extend(at.map(|at| (kind, at)));
        arm(DeadlineKind::ScheduleToClose, after(self.first_due, "schedule_to_close"));
        arm(DeadlineKind::Cancel, self.cancel);
        if let Some(tenure) = &self.tenure {
            arm(DeadlineKind::Heartbeat, after(tenure.alive.max(alive), "heartbeat"));
            arm(DeadlineKind::Grace, tenure.gone_until);
            if self.phase == Some(Phase::InProgress) {
                arm(DeadlineKind::StartToClose, after(tenure.clock_from, "start_to_close"));
                arm(DeadlineKind::Progress, after(tenure.progressed.max(progressed), "progress"));
            }
        }
        if self.phase == Some(Phase::Pending) {
            arm(DeadlineKind::ScheduleToStart, after(self.due, "schedule_to_start"));
        }
        if let Some((_, until)) = self.question {
            arm(DeadlineKind::Waiting, Some(until));
        }
        armed
    }

    /// Whether a standing says the same; what differs if not.
    pub(crate) fn differs(&self, standing: &Standing) -> Option<String> {
        let place = match &standing.place {
            Place::Queued { due, .. } => {
                self.phase == Some(Phase::Pending) && self.tenure.is_none() && *due == self.due
            }
            Place::Leased(held) => self.tenure.as_ref().is_some_and(|tenure| {
                tenure.lease == held.lease
                    && tenure.since == held.since
                    && tenure.alive >= held.alive_at
                    && tenure.progressed >= held.progressed_at
                    && held.cancel_requested == self.cancel.is_some()
                    && held.cancel_undelivered == (self.cancel.is_some() && !self.cancel_told)
                    && held.answered == tenure.answered
            }),
            Place::Parked => self.phase == Some(Phase::Waiting) && self.tenure.is_none(),
            Place::Over => self.is_over(),
        };
        let moving = [DeadlineKind::Heartbeat, DeadlineKind::Progress];
        let zero = Timestamp::default();
        let mut mine = self.deadlines(zero, zero);
        mine.retain(|(kind, _)| !moving.contains(kind));
        mine.sort_unstable();
        let mut theirs: Vec<_> = standing.deadlines.iter().map(|d| (d.kind, d.at)).collect();
        theirs.sort_unstable();
        let same = place
            && Some(standing.phase) == self.phase
            && standing.reason.map(|r| r.as_str()) == self.reason.as_deref()
            && u64::from(standing.attempt) == self.attempt
            && i64::from(standing.priority) == self.priority
            && standing.queue.as_str() == self.queue
            && standing.concurrency_key.as_ref().map(|key| key.as_str()) == self.key.as_deref()
            && mine == theirs;
        (!same).then(|| format!("the log says {self:?}, the standing {standing:?}"))
    }
}
