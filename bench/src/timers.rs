//! `timers`: executions that nobody claims fail on time, a steady number of them each second,
//! while many more deadlines stay armed; and what the armed ones cost when none is due.

mod lateness;

use std::time::{Duration, Instant};

use crate::{
    arguments::Timers,
    error::Result,
    lab::{Lab, Reading, Trial, report_memory, report_supervisor},
    pace::{pass, pass_until},
    population::{FAR, Population},
    report::{Bounds, Good, Report, figure},
    supervisor::Supervisor,
};
use lateness::{Lateness, check_logs, watch};

/// Nobody ever claims from it.
const QUEUE: &str = "bench-timers";
/// How long actors may take to leave memory, and late deadlines to fire.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the server is watched doing nothing.
const IDLE: Duration = Duration::from_secs(5);
/// Deadlines start to come due this long after they should all be armed.
const MARGIN: Duration = Duration::from_secs(2);
/// The kind of deadline used.
const KIND: &str = "schedule_to_start";

/// Runs it on a fresh server.
pub(crate) fn run(lab: &Lab, options: &Timers) -> Result<Report> {
    let due = options.due_per_second * usize::try_from(options.seconds).unwrap_or(usize::MAX);
    let title = format!(
        "{} armed, {} more due each second for {} s",
        figure_of(options.armed),
        figure_of(options.due_per_second),
        options.seconds
    );
    let mut trial = lab.trial("timers", &title)?;
    let address = trial.server.address();
    let memory = trial.server.sample()?;
    let before = trial.server.supervisor()?;
    Population::describe(&mut trial.report);
    let population = Population::new(address, QUEUE);
    let (_, far_took) = population.create(options.armed, |_| FAR.to_owned())?;
    let rate = options.armed as f64 / far_took.as_secs_f64();
    trial.report.row("created_per_s", format!("{} creates/s", figure(rate)), rate);
    let idle = idle(&mut trial, options.armed)?;

    let plan = Plan::new(options, Duration::from_secs_f64(due as f64 / rate));
    let (ids, took) = population.create(due, |nth| plan.timeout(nth))?;
    trial.report.row("due_created_s", format!("{:.2} s", took.as_secs_f64()), took.as_secs_f64());
    if Instant::now() > plan.first {
        trial.report.fail("creating took longer than planned: deadlines came due meanwhile");
    }
    let from = Reading::take(&trial.server)?;
    let told = watch(address, &ids, options.watched, plan.last() + PATIENCE)?;
    pass_until(plan.last());
    let fired = wait_until_fired(&trial, &before, due)?;
    let to = Reading::take(&trial.server)?;
    to.report_cpu(&from, &mut trial.report);
    report_memory(&memory, &to.server, &mut trial.report);
    let lateness = check_logs(&population, &ids, &told)?;
    report(&mut trial, &lateness, &fired);
    report_supervisor(&before, &mut trial)?;
    lab.close(&mut trial)?;
    judge(&mut trial.report, options, &lateness, idle);
    Ok(trial.report)
}

/// When what comes due.
#[derive(Clone, Copy, Debug)]
struct Plan {
    first: Instant,
    apart: Duration,
    count: usize,
}

impl Plan {
    fn new(options: &Timers, creating: Duration) -> Self {
        let per_second = u32::try_from(options.due_per_second).unwrap_or(u32::MAX);
        Self {
            first: Instant::now() + creating * 2 + MARGIN,
            apart: Duration::from_secs(1) / per_second,
            count: options.due_per_second * usize::try_from(options.seconds).unwrap_or(usize::MAX),
        }
    }

    fn due(&self, nth: usize) -> Instant {
        self.first + self.apart * u32::try_from(nth).unwrap_or(u32::MAX)
    }

    fn last(&self) -> Instant {
        self.due(self.count)
    }

    /// The timeout that makes the nth come due then, if it were created now.
    fn timeout(&self, nth: usize) -> String {
        let left = self.due(nth).saturating_duration_since(Instant::now());
        // A server refuses timeouts too short to mean anything.
        format!("{}ms", left.as_millis().max(10))
    }
}

/// What the server costs with everything armed and nothing due, in percent of a core.
fn idle(trial: &mut Trial, armed: usize) -> Result<f64> {
    let address = trial.server.address();
    let all = |view: &Supervisor| view.actors.executions == 0 && view.armed() >= armed as u64;
    let view = Supervisor::wait_until(address, "actors to leave memory", PATIENCE, all)?;
    trial.report.row("armed", format!("{:?}", view.deadlines.armed), &view.deadlines.armed);
    let before = trial.server.sample()?;
    pass(IDLE);
    let usage = trial.server.sample()?.since(&before);
    trial.report.row("server_cpu_none_due", usage.text(), usage);
    Ok(usage.percent_of_a_core)
}

fn wait_until_fired(trial: &Trial, before: &Supervisor, due: usize) -> Result<Supervisor> {
    let fired = |view: &Supervisor| view.deadlines.fired.get(KIND).copied().unwrap_or_default();
    let goal = fired(before) + due as u64;
    let address = trial.server.address();
    Supervisor::wait_until(address, "deadlines to fire", PATIENCE, |view| fired(view) >= goal)
}

fn report(trial: &mut Trial, lateness: &Lateness, fired: &Supervisor) {
    let report = &mut trial.report;
    report.latency("lateness", lateness.decided.quantiles());
    let told = lateness.told.quantiles();
    report.row(
        "watcher_told_after_deadline",
        format!("{}   of {} watched", told.text(), told.count),
        told,
    );
    let spread = fired.deadlines.lateness_ms;
    report.row(
        "lateness_by_supervisor",
        format!("p50 {} ms   p99 {} ms   max {} ms", spread.p50, spread.p99, spread.max),
        spread,
    );
    report.row("due_per_second_met", format!("{:?}", lateness.per_second), &lateness.per_second);
    report.row("early", lateness.early.to_string(), lateness.early);
    for wrong in &lateness.wrong {
        report.fail(wrong);
    }
}

fn judge(report: &mut Report, options: &Timers, lateness: &Lateness, idle: f64) {
    if (options.armed, options.due_per_second) == (100_000, 1_000) {
        let p99 = lateness.decided.quantiles().p99_us / 1_000.0;
        let bounds = Bounds::Both { must: 50.0, aim: 10.0 };
        report.target("timers, lateness p99", (p99, "ms"), Good::AtMost, bounds);
        report.target("timers, none due", (idle, "% of a core"), Good::AtMost, Bounds::Must(2.0));
    }
}

fn figure_of(count: usize) -> String {
    figure(count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_spread_evenly() {
        let options = Timers { armed: 1, due_per_second: 1_000, seconds: 2, watched: 0 };
        let plan = Plan::new(&options, Duration::ZERO);
        assert_eq!(plan.due(1_000) - plan.due(0), Duration::from_secs(1));
        assert_eq!(plan.last() - plan.first, Duration::from_secs(2));
        let left: u64 = plan.timeout(500).trim_end_matches("ms").parse().unwrap();
        assert!((2_400..=2_500).contains(&left), "{left}");
    }
}
