//! `ingest`: producers post events, one request in flight each, over HTTP or over runner sockets,
//! and afterwards every acknowledged event is looked for in the logs.

mod audit;
mod line;
mod load;
mod log;
mod peer;
mod sockets;

use std::net::SocketAddr;

use crate::{
    arguments::{Ingest, Transport},
    error::{Error, Result},
    http::{Connections, Host},
    lab::{Lab, Reading, Trial, report_memory, report_supervisor},
    population::{FAR, Population},
    process::Sample,
    report::{Bounds, Good, Report, figure},
};
use load::{Finding, Plan};
use log::Log;

/// The queue that producers claim from.
const QUEUE: &str = "bench-ingest";

/// Runs it on a fresh server.
pub(crate) fn run(lab: &Lab, options: &Ingest) -> Result<Report> {
    let plan = plan(options)?;
    let executions = options.executions.unwrap_or(options.producers);
    let mut trial = lab.trial("ingest", &title(options, executions))?;
    let address = trial.server.address();
    Population::new(address, QUEUE).create(executions, |_| FAR.to_owned())?;
    let before = trial.server.supervisor()?;
    let memory = trial.server.sample()?;
    let readings = || Reading::take(&trial.server);
    let (logs, finding) = match options.transport {
        Transport::Http => {
            let mut logs = open_logs(address, options, executions)?;
            let connections = Connections::open(address, plan.producers)?;
            let finding = load::run(connections, &mut logs, &plan, readings)?;
            (logs, finding)
        }
        Transport::Ws => {
            let shape = (sockets(options), executions);
            let (sockets, mut logs) = sockets::open(address, options, shape)?;
            let finding = load::run(sockets, &mut logs, &plan, readings)?;
            (logs, finding)
        }
    };
    let memory = (memory, trial.server.sample()?);
    report(&mut trial, options, &finding, memory);
    report_supervisor(&before, &mut trial)?;
    let audit = audit::read_back(address, &logs)?;
    audit.report(&mut trial.report);
    lab.close(&mut trial)?;
    judge(&mut trial, options, &finding);
    if options.peer.is_some() {
        peer::compare(lab, options, &plan, &finding, &mut trial.report)?;
    }
    Ok(trial.report)
}

fn plan(options: &Ingest) -> Result<Plan> {
    if options.sockets.is_some() && options.transport == Transport::Http {
        return Err(Error::Setup("--sockets goes with --transport ws".to_owned()));
    }
    if options.executions.is_some_and(|executions| executions < options.producers) {
        return Err(Error::Setup(
            "each producer needs an execution of its own: the batches of a lease are numbered by \
             one writer"
                .to_owned(),
        ));
    }
    Ok(Plan { producers: options.producers, warmup: options.warmup, seconds: options.seconds })
}

fn title(options: &Ingest, executions: usize) -> String {
    let Ingest { producers, size, batch, seconds, .. } = options;
    let over = match options.transport {
        Transport::Http => "over HTTP, a connection each".to_owned(),
        Transport::Ws if sockets(options) == *producers => {
            "over runner WebSockets, a connection each".to_owned()
        }
        Transport::Ws => format!("that share {} runner WebSockets", sockets(options)),
    };
    format!(
        "{producers} producers {over}, on {executions} executions, {batch} event(s) of {size} \
         bytes per request, one request in flight each, {seconds} s"
    )
}

/// Connections that carry the load.
fn sockets(options: &Ingest) -> usize {
    options.sockets.unwrap_or(options.producers)
}

/// Claims the executions; each lease becomes a log to write.
fn open_logs(address: SocketAddr, options: &Ingest, executions: usize) -> Result<Vec<Log>> {
    let host = Host::new(address);
    Population::new(address, QUEUE)
        .claim(executions)?
        .into_iter()
        .map(|lease| Log::leased(&host, &lease, options.size, options.batch))
        .collect()
}

fn report(
    trial: &mut Trial,
    options: &Ingest,
    finding: &Finding,
    (before, after): (Sample, Sample),
) {
    let report = &mut trial.report;
    report.row("size_bytes", options.size.to_string(), options.size);
    report.row("events_per_request", options.batch.to_string(), options.batch);
    report.row("connections", sockets(options).to_string(), sockets(options));
    report.row("seconds", format!("{:.2}", finding.seconds), finding.seconds);
    let acks = finding.per_second(1);
    report.row("acks_per_s", format!("{} acks/s", figure(acks)), acks);
    let events = finding.per_second(options.batch);
    report.row("events_per_s", format!("{} events/s", figure(events)), events);
    report.latency("ack_latency", finding.latency.quantiles());
    finding.after.report_cpu(&finding.before, report);
    report_memory(&before, &after, report);
    finding.report_errors("errors", report);
}

/// Says which figures were reached, for the workloads that have one.
fn judge(trial: &mut Trial, options: &Ingest, finding: &Finding) {
    let report = &mut trial.report;
    if options.transport == Transport::Ws {
        if (options.producers, options.batch, options.size) == (128, 1, 256) {
            let measured = (finding.per_second(1), "acks/s");
            let figure = format!("ingest, 128 producers on {} WebSockets", sockets(options));
            report.target(&figure, measured, Good::AtLeast, Bounds::Must(60_000.0));
        }
        return;
    }
    match (options.producers, options.batch, options.size) {
        (128, 1, 256) => {
            let measured = (finding.per_second(1), "acks/s");
            let bounds = Bounds::Both { must: 40_000.0, aim: 60_000.0 };
            report.target("ingest, 128 producers", measured, Good::AtLeast, bounds);
        }
        (16, 100, 256) => {
            let measured = (finding.per_second(100), "events/s");
            let bounds = Bounds::Both { must: 200_000.0, aim: 400_000.0 };
            report.target("ingest, 100 events per request", measured, Good::AtLeast, bounds);
        }
        (1, 1, 256) => {
            let over = finding.latency.quantiles().p50_us / trial.limits.floor_us();
            let bounds = Bounds::Both { must: 3.0, aim: 2.0 };
            report.target(
                "ingest, 1 producer, p50 over the floor",
                (over, "×"),
                Good::AtMost,
                bounds,
            );
        }
        _ => {}
    }
}
