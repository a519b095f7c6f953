//! `deliver` and `fanout`: one execution, many WebSockets that watch it. How long an event takes
//! from its publisher to all of them, and how many they can be given.

use std::time::Duration;

use crate::{
    arguments::{ComparedWith, Deliver, Fanout},
    broadcast::{self, Finding, Plan},
    error::Result,
    lab::{Lab, Reading, report_supervisor},
    peers,
    process::mebibytes,
    publish::Pace,
    report::{Bounds, Good, Report, figure},
    stage::{self, Shape},
};

/// What the figures are judged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Deliver,
    Fanout,
}

/// Events at a steady rate, one for each request.
pub(crate) fn run(lab: &Lab, options: &Deliver) -> Result<Report> {
    let Deliver { watchers, rate, seconds, warmup, size, ref compared } = *options;
    let title = format!(
        "{watchers} watchers of one execution, a WebSocket each; {rate} events/s of {size} bytes, \
         one per request, for {seconds} s"
    );
    #[allow(clippy::cast_precision_loss)] // A rate.
    let plan = plan(warmup, seconds, Pace::Rate(rate as f64));
    let shape = Shape { watchers, size, batch: 1 };
    let (mut report, finding) = measured(lab, ("deliver", &title), &shape, &plan)?;
    judge_delivery(&mut report, options, &finding);
    compare(lab, compared, (&shape, &plan), (Kind::Deliver, &finding), &mut report)?;
    Ok(report)
}

/// Batches as fast as they are acknowledged and delivered.
pub(crate) fn fanout(lab: &Lab, options: &Fanout) -> Result<Report> {
    let Fanout { watchers, batch, ahead, seconds, warmup, size, ref compared } = *options;
    let title = format!(
        "{watchers} watchers of one execution, a WebSocket each; requests of {batch} events of \
         {size} bytes, at most {ahead} ahead of the slowest watcher, for {seconds} s"
    );
    let plan = plan(warmup, seconds, Pace::Window(ahead));
    let shape = Shape { watchers, size, batch };
    let (mut report, finding) = measured(lab, ("fanout", &title), &shape, &plan)?;
    report.row("window", format!("{ahead} requests ahead of the slowest watcher"), ahead);
    if (watchers, batch, size) == (1_000, 100, 256) {
        let measured = (finding.deliveries_per_second(), "deliveries/s");
        let bounds = Bounds::Both { must: 1e6, aim: 3e6 };
        report.target("fanout, 1,000 watchers", measured, Good::AtLeast, bounds);
    }
    compare(lab, compared, (&shape, &plan), (Kind::Fanout, &finding), &mut report)?;
    Ok(report)
}

fn plan(warmup: u64, seconds: u64, pace: Pace) -> Plan {
    Plan { warmup: Duration::from_secs(warmup), measured: Duration::from_secs(seconds), pace }
}

fn measured(
    lab: &Lab,
    (name, title): (&'static str, &str),
    shape: &Shape,
    plan: &Plan,
) -> Result<(Report, Finding)> {
    let mut trial = lab.trial(name, title)?;
    let before = trial.server.supervisor()?;
    let (mut crowd, publisher) = stage::heartline(trial.server.address(), shape)?;
    let reading = || Reading::take(&trial.server);
    let finding = broadcast::run(&mut crowd, publisher, plan, reading)?;
    let report = &mut trial.report;
    report.row("watchers", shape.watchers.to_string(), shape.watchers);
    report.row("size_bytes", shape.size.to_string(), shape.size);
    report.row("events_per_request", shape.batch.to_string(), shape.batch);
    finding.report(report);
    report_supervisor(&before, &mut trial)?;
    drop(crowd);
    lab.close(&mut trial)?;
    Ok((trial.report, finding))
}

/// Gives the same to another server, where one was asked for, and adds the ratio.
fn compare(
    lab: &Lab,
    compared: &ComparedWith,
    (shape, plan): (&Shape, &Plan),
    (kind, ours): (Kind, &Finding),
    report: &mut Report,
) -> Result<()> {
    let Some(peer) = compared.peer else { return Ok(()) };
    let program = compared.peer_bin.as_deref();
    let Some(mut server) = peers::start(lab, peer, program, report)? else { return Ok(()) };
    let (mut crowd, publisher) = stage::peer(peer, server.address(), shape)?;
    let theirs = broadcast::run(&mut crowd, publisher, plan, || Reading::take(&server))?;
    drop(crowd);
    server.kill()?;
    report.latency("peer_publish_to_receive", theirs.latency.quantiles());
    let rate = theirs.deliveries_per_second();
    report.row("peer_deliveries_per_s", format!("{} events/s", figure(rate)), rate);
    broadcast::report_bytes("peer_bytes_per_s", theirs.bytes_per_second(), report);
    let peak = format!("{:.1} MiB", mebibytes(theirs.peak_rss));
    report.row("peer_rss_peak", peak, theirs.peak_rss);
    let cpu = theirs.server_cpu();
    report.row("peer_cpu", cpu.text(), cpu);
    theirs.audit().report("peer_audit", report);
    match kind {
        Kind::Deliver => {
            let over = (ours.p50_ms() / theirs.p50_ms(), "×");
            report.target("deliver, p50 over the peer's", over, Good::AtMost, Bounds::Aim(1.0));
        }
        Kind::Fanout => {
            let over = (ours.deliveries_per_second() / rate, "×");
            let figure = "fanout, deliveries/s over the peer's";
            report.target(figure, over, Good::AtLeast, Bounds::Aim(1.0));
        }
    }
    Ok(())
}

/// Says which figures were reached, for the shapes that have one.
fn judge_delivery(report: &mut Report, options: &Deliver, finding: &Finding) {
    let (p50, p99) = match (options.watchers, options.rate, options.size) {
        (1, 100, 256) => (Bounds::Both { must: 0.9, aim: 0.65 }, None),
        (100, 100, 256) => (Bounds::Both { must: 1.6, aim: 1.0 }, Some(3.0)),
        (1_000, 20, 256) => (Bounds::Both { must: 9.0, aim: 4.0 }, Some(16.0)),
        (4_000, 20, 256) => (Bounds::Both { must: 40.0, aim: 15.0 }, Some(90.0)),
        _ => return,
    };
    let named = |what: &str| format!("deliver, {} watchers, {what}", options.watchers);
    report.target(&named("p50"), (finding.p50_ms(), "ms"), Good::AtMost, p50);
    if let Some(must) = p99 {
        let measured = (finding.p99_ms(), "ms");
        report.target(&named("p99"), measured, Good::AtMost, Bounds::Must(must));
    }
}
