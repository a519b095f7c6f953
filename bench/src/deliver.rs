//! `deliver` and `fanout`: one execution, many WebSockets that watch it. How long an event takes
//! from its publisher to all of them, and how many they can be given.

use std::time::Duration;

use crate::{
    arguments::{ComparedWith, Deliver, Fanout, WatchedPeer},
    broadcast::{self, Finding, Plan},
    error::Result,
    lab::{Lab, report_supervisor},
    peers,
    process::mebibytes,
    publish::Pace,
    report::{Bounds, Good, Report, figure},
    server::Server,
    stage::{self, Shape},
};

/// How often this server and a peer take turns.
const TURNS: u32 = 5;
/// Load before each turn but the first, which has the whole warm-up.
const SETTLE: Duration = Duration::from_millis(300);

/// What the figures are judged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Deliver,
    Fanout,
    /// For neither: what only syncs and sends is a yardstick, and nothing to be ahead of.
    BesideTheLeast,
}

impl Kind {
    fn beside(self, compared: &ComparedWith) -> Self {
        if compared.peer == Some(WatchedPeer::Bare) { Kind::BesideTheLeast } else { self }
    }
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
    let (mut report, finding, theirs) =
        measured(lab, ("deliver", &title), (&shape, &plan), compared)?;
    judge_delivery(&mut report, options, &finding);
    let kind = Kind::Deliver.beside(compared);
    compare(theirs.as_ref(), &finding, kind, &mut report);
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
    let (mut report, finding, theirs) =
        measured(lab, ("fanout", &title), (&shape, &plan), compared)?;
    report.row("window", format!("{ahead} requests ahead of the slowest watcher"), ahead);
    if (watchers, batch, size) == (1_000, 100, 256) {
        let measured = (finding.deliveries_per_second(), "deliveries/s");
        let bounds = Bounds::Both { must: 1e6, aim: 3e6 };
        report.target("fanout, 1,000 watchers", measured, Good::AtLeast, bounds);
    }
    let kind = Kind::Fanout.beside(compared);
    compare(theirs.as_ref(), &finding, kind, &mut report);
    Ok(report)
}

fn plan(warmup: u64, seconds: u64, pace: Pace) -> Plan {
    Plan { warmup: Duration::from_secs(warmup), measured: Duration::from_secs(seconds), pace }
}

/// Runs `plan` here and, where asked, on a peer: in turns, so that both meet the same machine,
/// whatever else it does.
fn measured(
    lab: &Lab,
    (name, title): (&'static str, &str),
    (shape, plan): (&Shape, &Plan),
    compared: &ComparedWith,
) -> Result<(Report, Finding, Option<Finding>)> {
    let mut trial = lab.trial(name, title)?;
    let before = trial.server.supervisor()?;
    let mut ours = stage::heartline(trial.server.address(), shape)?;
    let report = &mut trial.report;
    report.row("watchers", shape.watchers.to_string(), shape.watchers);
    report.row("size_bytes", shape.size.to_string(), shape.size);
    report.row("events_per_request", shape.batch.to_string(), shape.batch);
    let mut theirs = match compared.peer {
        Some(peer) => {
            let program = compared.peer_bin.as_deref();
            let server = peers::start(lab, peer, program, report)?;
            let staged = |server: Server| {
                stage::peer(peer, server.address(), shape).map(|stage| (server, stage))
            };
            server.map(staged).transpose()?
        }
        None => None,
    };
    let turns = if theirs.is_some() { TURNS } else { 1 };
    let mut turn = Plan { measured: plan.measured / turns, ..*plan };
    for _ in 0..turns {
        ours.run(&turn, &trial.server)?;
        if let Some((server, stage)) = &mut theirs {
            stage.run(&turn, server)?;
        }
        turn.warmup = SETTLE.min(plan.warmup);
    }
    let finding = ours.close();
    finding.report(&mut trial.report);
    report_supervisor(&before, &mut trial)?;
    let theirs = theirs.map(|(mut server, stage)| server.kill().map(|()| stage.close()));
    lab.close(&mut trial)?;
    trial.limits.report_stalls(&mut trial.report);
    Ok((trial.report, finding, theirs.transpose()?))
}

/// Adds what a peer did, and the ratio.
fn compare(theirs: Option<&Finding>, ours: &Finding, kind: Kind, report: &mut Report) {
    let Some(theirs) = theirs else { return };
    let turns = format!("in {TURNS} turns each, one after the other");
    report.row("peer_turns", turns, TURNS);
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
            let over = (ours.p99_ms() / theirs.p99_ms(), "×");
            report.target("deliver, p99 over the peer's", over, Good::AtMost, Bounds::Aim(1.0));
        }
        Kind::BesideTheLeast => {
            let (p50, p99) = (ours.p50_ms() / theirs.p50_ms(), ours.p99_ms() / theirs.p99_ms());
            let text = format!("p50 {} ×   p99 {} ×", figure(p50), figure(p99));
            report.row("over_the_least", text, serde_json::json!({"p50": p50, "p99": p99}));
        }
        Kind::Fanout => {
            let over = (ours.deliveries_per_second() / rate, "×");
            let figure = "fanout, deliveries/s over the peer's";
            report.target(figure, over, Good::AtLeast, Bounds::Aim(1.0));
        }
    }
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
