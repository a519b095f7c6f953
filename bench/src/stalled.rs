//! `stalled`: watchers that stop reading, megabytes written meanwhile, and others beside them that
//! must not notice.
//!
//! The same load runs twice, first without the stalled ones; what differs is theirs. Afterwards a
//! few of them read again and must get everything.

use std::time::Duration;

use crate::{
    arguments::Stalled,
    broadcast::{self, Plan, drain},
    crowd::{Crowd, Dialect},
    error::Result,
    lab::{Lab, Reading, report_supervisor},
    process::mebibytes,
    publish::Pace,
    report::{Bounds, Good, Report},
    stage::{Shape, Watched},
};

/// How long all subscriptions may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of the stalled ones, how many read again at the end.
const RETURNING: usize = 4;

/// Runs it on a fresh server.
pub(crate) fn run(lab: &Lab, options: &Stalled) -> Result<Report> {
    let Stalled { stalled, watchers, mebibytes: written, seconds, batch, size } = *options;
    let title = format!(
        "{stalled} watchers that stop reading, {watchers} that read, {written} MiB in requests of \
         {batch} events of {size} bytes over {seconds} s"
    );
    let mut trial = lab.trial("stalled", &title)?;
    let before = trial.server.supervisor()?;
    let watched = Watched::new(trial.server.address())?;
    let shape = Shape { watchers, size, batch };
    let mut healthy = Crowd::new(Dialect::Heartline, batch as u64)?;
    watched.watch(&mut healthy, watchers, (watched.head()?, 0))?;
    healthy.gather(PATIENCE)?;
    let requests = (written * 1024 * 1024).div_ceil(size * batch);
    let plan = Plan {
        warmup: Duration::ZERO,
        measured: Duration::from_secs(seconds),
        pace: Pace::Rate(requests as f64 / seconds as f64),
    };
    let reading = || Reading::take(&trial.server);
    let publisher = watched.publisher(&shape)?;
    let (publisher, alone) = broadcast::run(&mut healthy, publisher, &plan, reading)?;

    let mut stuck = Crowd::new(Dialect::Heartline, batch as u64)?;
    let from = (watched.head()?, publisher.number());
    watched.watch(&mut stuck, stalled, from)?;
    stuck.gather(PATIENCE)?;
    stuck.stall()?;
    let rest = trial.server.sample()?.rss;
    let report = &mut trial.report;
    report.latency("alone", alone.latency.quantiles());
    alone.audit().report("audit_alone", report);
    let (publisher, beside) = broadcast::run(&mut healthy, publisher, &plan, reading)?;
    stuck.resume(RETURNING)?;
    let returned = drain(&mut stuck, publisher.number())?;

    let growth = mebibytes(beside.peak_rss.saturating_sub(rest));
    let over = beside.latency.quantiles().p99_us / alone.latency.quantiles().p99_us;
    report.row("watchers", watchers.to_string(), watchers);
    report.row("stalled", stalled.to_string(), stalled);
    report.row("size_bytes", size.to_string(), size);
    report.row("events_per_request", batch.to_string(), batch);
    beside.report(report);
    returned.report("returned", report);
    report.row("growth", format!("{growth:.1} MiB with the stalled ones"), growth);
    report_supervisor(&before, &mut trial)?;
    drop((healthy, stuck));
    lab.close(&mut trial)?;
    let report = &mut trial.report;
    if (stalled, written) == (200, 40) {
        let bounds = Bounds::Both { must: 64.0, aim: 16.0 };
        report.target("stalled, growth", (growth, "MiB"), Good::AtMost, bounds);
    }
    let figure = "stalled, the others' p99 over theirs alone";
    report.target(figure, (over, "×"), Good::AtMost, Bounds::Must(2.0));
    Ok(trial.report)
}
