//! `restart`: SIGKILL with many live executions, then how long until the server is ready again,
//! what it weighs, and whether everything is still there.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    arguments::Restart,
    error::{Error, Result},
    lab::{Lab, report_supervisor},
    population::{FAR, Population},
    process::mebibytes,
    report::{Bounds, Good, Report, figure},
    supervisor::Supervisor,
};

/// The queue they wait in.
const QUEUE: &str = "bench-restart";
/// How long deadlines may take to be armed once the server says it is ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many logs are compared before and after.
const SAMPLE: usize = 1_000;

/// Runs it on a fresh server.
pub(crate) fn run(lab: &Lab, options: &Restart) -> Result<Report> {
    if !lab.starts_servers() {
        return Err(Error::Setup(
            "restart kills the server, so it uses one of its own: leave --server away".to_owned(),
        ));
    }
    let leased = options.leased.unwrap_or(options.live / 10).min(options.live);
    let title = format!("{} live executions, {leased} of them leased", options.live);
    let mut trial = lab.trial("restart", &title)?;
    let data = lab.data_folder("restart")?;
    Population::describe(&mut trial.report);
    let population = Population::new(trial.server.address(), QUEUE);
    let (ids, took) = population.create(options.live, |_| FAR.to_owned())?;
    population.claim(leased)?;
    let rate = options.live as f64 / took.as_secs_f64();
    trial.report.row("created_per_s", format!("{} creates/s", figure(rate)), rate);
    let sample = sample(&ids);
    let logs = logs(&population, &sample)?;
    let before = trial.server.supervisor()?;
    let rss = trial.server.sample()?.rss;

    trial.server.kill()?;
    trial.server = lab.server(&data)?;
    let ready = trial.server.ready_after.as_secs_f64();
    let rss_ready = trial.server.sample()?.rss;
    let after = armed_again(&trial.server.supervisor()?, &before, trial.server.address())?;

    let report = &mut trial.report;
    report.row("ready_after", format!("{ready:.3} s"), ready);
    report.row(
        "server_rss",
        format!("before {:.1} MiB   ready {:.1} MiB", mebibytes(rss), mebibytes(rss_ready)),
        serde_json::json!({"before_bytes": rss, "ready_bytes": rss_ready}),
    );
    report.row("boot", after.boot.to_string(), &after.boot);
    report.row(
        "deadlines_armed",
        format!("before {:?}   after {:?}", before.deadlines.armed, after.deadlines.armed),
        serde_json::json!({"before": before.deadlines.armed, "after": after.deadlines.armed}),
    );
    compare(&before, &after, options.live, report);
    let population = Population::new(trial.server.address(), QUEUE);
    compare_logs(&logs, &self::logs(&population, &sample)?, &mut trial.report);
    report_supervisor(&Supervisor::default(), &mut trial)?;
    lab.close(&mut trial)?;
    judge(&mut trial.report, options, ready, rss_ready);
    Ok(trial.report)
}

/// Some of `ids`, evenly chosen.
fn sample(ids: &[String]) -> Vec<String> {
    ids.iter().step_by(ids.len().div_ceil(SAMPLE).max(1)).cloned().collect()
}

fn logs(population: &Population<'_>, ids: &[String]) -> Result<BTreeMap<usize, Vec<u8>>> {
    let mut logs = BTreeMap::new();
    population.logs(ids, |nth, body| {
        logs.insert(nth, body.to_vec());
        Ok(())
    })?;
    Ok(logs)
}

/// The view once as many deadlines are armed as before, or the last view when that never comes.
fn armed_again(
    view: &Supervisor,
    before: &Supervisor,
    address: std::net::SocketAddr,
) -> Result<Supervisor> {
    if view.deadlines.armed == before.deadlines.armed {
        return Ok(view.clone());
    }
    let same = |view: &Supervisor| view.armed() == before.armed();
    match Supervisor::wait_until(address, "deadlines to be armed", PATIENCE, same) {
        Err(Error::TimedOut { .. }) => Supervisor::ask(address),
        other => other,
    }
}

fn compare(before: &Supervisor, after: &Supervisor, live: usize, report: &mut Report) {
    if before.deadlines.armed != after.deadlines.armed {
        report.fail("not the same deadlines are armed as before");
    }
    for (what, count) in [("before", before.actors.live), ("after", after.actors.live)] {
        if count != live as u64 {
            report.fail(format!("{count} executions live {what} the crash, not {live}"));
        }
    }
}

fn compare_logs(
    before: &BTreeMap<usize, Vec<u8>>,
    after: &BTreeMap<usize, Vec<u8>>,
    report: &mut Report,
) {
    let differing = before.iter().filter(|(nth, log)| after.get(nth) != Some(log)).count();
    report.row(
        "logs_compared",
        format!("{} logs, {differing} not byte for byte as before", before.len()),
        serde_json::json!({"compared": before.len(), "differing": differing}),
    );
    if differing > 0 {
        report.fail(format!("{differing} logs are not as before the crash"));
    }
}

fn judge(report: &mut Report, options: &Restart, ready: f64, rss: u64) {
    if options.live == 100_000 {
        report.target("restart, ready", (ready, "s"), Good::AtMost, Bounds::Must(2.0));
        let rss = (mebibytes(rss), "MiB");
        report.target("restart, RSS", rss, Good::AtMost, Bounds::Must(300.0));
    }
    if options.live == 1_000_000 {
        report.target("restart, 1M live, ready", (ready, "s"), Good::AtMost, Bounds::Aim(5.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_over_all() {
        let ids: Vec<String> = (0..2_500).map(|nth| nth.to_string()).collect();
        let sample = sample(&ids);
        assert!(sample.len() <= SAMPLE && sample.len() > SAMPLE / 2, "{}", sample.len());
        assert_eq!(self::sample(&ids[..3]).len(), 3);
    }

    #[test]
    fn a_lost_log_or_deadline_is_a_failure() {
        let mut report = Report::new("restart", "a test");
        let logs = BTreeMap::from([(0, b"a".to_vec())]);
        compare_logs(&logs, &logs, &mut report);
        assert!(report.sound());
        compare_logs(&logs, &BTreeMap::new(), &mut report);
        assert!(!report.sound());
    }
}
