//! The checkers of progress reports: one actor writes at most one event per interval, and the last
//! report that was acknowledged is in the log before its attempt ends.

use heartline_execution::{Command, ExecutionId, LeaseId, Timestamp, content::Progress};
use serde_json::Value;

use super::{
    checks::{Checks, Deed, Known},
    server::Ask,
};

/// How the event of a progress report came about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Of the actor.
    pub(crate) generation: u64,
    /// Something had to come after it.
    pub(crate) hurried: bool,
}

/// The newest report that was acknowledged.
pub(super) struct Reported {
    lease: LeaseId,
    progress: Value,
    at: Timestamp,
}

/// What is known of an execution's reports.
#[derive(Default)]
pub(super) struct Reports {
    newest: Option<Reported>,
    /// The last event of a report: whose, and when.
    pub(super) last: Option<(u64, Timestamp)>,
}

impl Checks {
    /// A runner was told that its report was heard.
    pub(crate) fn reported(&mut self, id: ExecutionId, lease: LeaseId, progress: &Progress) {
        let at = self.now;
        let Some(known) = self.known.get_mut(&id) else { return };
        if known.shadow.tenure.as_ref().is_some_and(|tenure| tenure.lease == lease) {
            let progress = serde_json::to_value(progress).expect("a report is plain JSON");
            known.reports.newest = Some(Reported { lease, progress, at });
        }
    }

    /// Nobody was told whether this report was heard; it may be, in place of the newest that was.
    pub(crate) fn doubt_report(&mut self, ask: &Ask) {
        if let (Command::ReportProgress { .. }, Some(known)) =
            (&ask.command, self.known.get_mut(&ask.id))
        {
            known.reports.newest = None;
        }
    }

    /// A report that should be in the log by now.
    pub(crate) fn late_report(&self, id: ExecutionId) -> Option<String> {
        let known = &self.known[&id];
        let newest = known.reports.newest.as_ref()?;
        let due = newest.at.plus(self.interval).max(self.excused_until).plus(self.late());
        let late = self.now > due && newest.progress != known.shadow.progress;
        let progress = &newest.progress;
        late.then(|| format!("{id}: {progress} of {} is not in the log at {}", newest.at, self.now))
    }
}

impl Known {
    /// Judges an event before it is folded; what is wrong with it, if anything.
    pub(super) fn judge_report(
        &mut self,
        event: &Value,
        deed: &Deed,
        interval: heartline_execution::Span,
    ) -> Option<String> {
        let ends = match event["type"].as_str()? {
            "execution.progress" => match deed.pace {
                Some(pace) => return self.judge_pace(event, pace, interval),
                None => {
                    // Posted with other events, and newer than any report before.
                    self.reports.newest = None;
                    return None;
                }
            },
            "execution.waiting" => event["data"]["hold"] == false,
            "execution.attempt_failed"
            | "execution.completed"
            | "execution.failed"
            | "execution.cancelled" => true,
            _ => false,
        };
        let tenure = self.shadow.tenure.as_ref().filter(|_| ends)?;
        let newest = self.reports.newest.take().filter(|newest| newest.lease == tenure.lease)?;
        let lost = newest.progress != self.shadow.progress;
        lost.then(|| format!("report {} of {} is lost", newest.progress, newest.at))
    }

    fn judge_pace(
        &mut self,
        event: &Value,
        pace: Pace,
        interval: heartline_execution::Span,
    ) -> Option<String> {
        let at: Timestamp = event["time"].as_str()?.parse().ok()?;
        let before = self.reports.last.replace((pace.generation, at));
        let (generation, last) = before.filter(|_| !pace.hurried)?;
        let soon = generation == pace.generation && at < last.plus(interval);
        soon.then(|| format!("two reports within {interval}, at {last} and {at}"))
    }
}
