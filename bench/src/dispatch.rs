//! `dispatch`: from asking to create an execution until its lease is at a runner that was idle.

use crate::{
    arguments::Dispatch,
    errand::{Plan, Work},
    error::Result,
    http::Host,
    lab::{Lab, Reading, report_supervisor},
    population::{FAR, Population, create_body, created_id},
    report::{Bounds, Good, Report},
    runners::{Runners, Told, complete},
    story,
};

/// The queue that runners wait at.
const QUEUE: &str = "bench-dispatch";

/// Runs it on a fresh server.
pub(crate) fn run(lab: &Lab, options: &Dispatch) -> Result<Report> {
    let Dispatch { rate, runners, slots, warmup, seconds } = *options;
    let title = format!(
        "{rate} executions a second created over HTTP, each leased to one of {runners} idle runner \
         WebSockets with {slots} slots each and completed there, {seconds} s"
    );
    let mut trial = lab.trial("dispatch", &title)?;
    let before = trial.server.supervisor()?;
    let address = trial.server.address();
    let (sockets, _) = Runners::enlist((address, QUEUE), runners, |_| slots, 0)?;
    let plan = Plan { rate, warmup, seconds };
    let mut ids = vec![String::new(); plan.count()];
    let create = Host::new(address).post("/v1/executions", &create_body(QUEUE, FAR));
    let mut next_id = 0;
    let finding = plan.run(
        (address, sockets),
        || Reading::take(&trial.server),
        |_| create.clone(),
        |nth, received| {
            ids[nth] = created_id(received.status, received.body)?;
            Ok(())
        },
        |told| match told {
            Told::Lease(lease) => {
                let lease = lease.into_owned().lease;
                next_id += 1;
                let says = vec![complete(next_id, &lease)];
                Ok(Work { seen: Some(lease.execution), says })
            }
            other => Err(other.unexpected()),
        },
    )?;
    let latency = finding.latency(&ids)?.quantiles();
    let report = &mut trial.report;
    report.row("runner_sockets", runners.to_string(), runners);
    report.row("slots_each", slots.to_string(), slots);
    report.latency("create_to_lease", latency);
    finding.report("create", report);
    report_supervisor(&before, &mut trial)?;
    let population = Population::new(address, QUEUE);
    let kinds = ["execution.created", "execution.started", "execution.completed"];
    let stories = story::read_back(&population, &ids, |_, log| story::exactly(log, &kinds))?;
    stories.report("created, started, completed", &mut trial.report);
    lab.close(&mut trial)?;
    if rate <= 100 {
        let (p50, p99) = (latency.p50_us / 1_000.0, latency.p99_us / 1_000.0);
        let report = &mut trial.report;
        let bounds = Bounds::Both { must: 2.0, aim: 1.0 };
        report.target("dispatch, p50", (p50, "ms"), Good::AtMost, bounds);
        report.target("dispatch, p99", (p99, "ms"), Good::AtMost, Bounds::Must(10.0));
    }
    Ok(trial.report)
}
