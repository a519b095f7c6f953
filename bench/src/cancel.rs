//! `cancel`: from asking to cancel an execution until its runner has the frame that says so. The
//! runner acknowledges it and stops.

use crate::{
    arguments::Cancel,
    errand::{Plan, Work},
    error::{Error, Result},
    http::Host,
    lab::{Lab, Reading, report_supervisor},
    population::{FAR, Lease, Population},
    report::{Bounds, Good, Report},
    runners::{Runners, Told, about},
    story,
};

/// The queue that runners lease from.
const QUEUE: &str = "bench-cancel";
/// What each log says.
const KINDS: [&str; 6] = [
    "execution.created",
    "execution.started",
    "execution.cancel_requested",
    "execution.cancel_delivered",
    "execution.cancel_acknowledged",
    "execution.cancelled",
];

/// Runs it on a fresh server.
pub(crate) fn run(lab: &Lab, options: &Cancel) -> Result<Report> {
    let Cancel { rate, runners, warmup, seconds } = *options;
    let plan = Plan { rate, warmup, seconds };
    let count = plan.count();
    let title = format!(
        "{rate} executions a second cancelled over HTTP, of {count} leased to {runners} runner \
         WebSockets, each acknowledged and stopped, {seconds} s"
    );
    let mut trial = lab.trial("cancel", &title)?;
    let before = trial.server.supervisor()?;
    let address = trial.server.address();
    let population = Population::new(address, QUEUE);
    let (ids, _) = population.create(count, |_| FAR.to_owned())?;
    let slots = count.div_ceil(runners);
    let (sockets, granted) = Runners::enlist((address, QUEUE), runners, |_| slots, count)?;
    let leases: std::collections::HashMap<String, Lease> = granted
        .into_iter()
        .map(|(_, granted)| (granted.lease.execution.clone(), granted.lease))
        .collect();
    let host = Host::new(address);
    let mut next_id = 0;
    let finding = plan.run(
        (address, sockets),
        || Reading::take(&trial.server),
        |nth| host.post(&format!("/v1/executions/{}/cancel", ids[nth]), "{\"reason\":\"bench\"}"),
        |_, received| match received.status {
            200..300 => Ok(()),
            status => Err(Error::refused("POST …/cancel", status, received.body)),
        },
        |told| {
            let Told::Cancel { execution } = told else { return Err(told.unexpected()) };
            let lease = leases.get(&*execution);
            let lease =
                lease.ok_or_else(|| Error::protocol("a lease that is held", &*execution))?;
            let mut say = |op| {
                next_id += 1;
                about(op, next_id, lease)
            };
            let says = vec![say("cancel_acknowledged"), say("cancelled")];
            Ok(Work { seen: Some(execution.into_owned()), says })
        },
    )?;
    let latency = finding.latency(&ids)?.quantiles();
    let report = &mut trial.report;
    report.row("runner_sockets", runners.to_string(), runners);
    report.row("slots_each", slots.to_string(), slots);
    report.latency("cancel_to_frame", latency);
    finding.report("cancel", report);
    report_supervisor(&before, &mut trial)?;
    let stories = story::read_back(&population, &ids, |_, log| story::exactly(log, &KINDS))?;
    stories.report("created, started, cancel requested, delivered, acknowledged, cancelled", {
        &mut trial.report
    });
    lab.close(&mut trial)?;
    if rate <= 100 {
        let p99 = (latency.p99_us / 1_000.0, "ms");
        let bounds = Bounds::Both { must: 20.0, aim: 5.0 };
        trial.report.target("cancel, p99", p99, Good::AtMost, bounds);
    }
    Ok(trial.report)
}
