//! `idle`: how much memory an execution costs that nobody watches, live and terminal.
//!
//! Memory that the store and the allocator take for any load is taken first, by a population as
//! large as the ones measured; what grows after that belongs to the executions.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    arguments::Idle,
    error::{Error, Result},
    lab::{Lab, Trial, report_supervisor},
    pace::pass,
    population::{FAR, Population},
    process::{Sample, mebibytes},
    report::{Bounds, Good, Report, figure},
    server::Server,
    supervisor::Supervisor,
};

/// Live executions wait in it.
const QUEUE: &str = "bench-idle";
/// Those that end pass through it.
const QUEUE_ENDED: &str = "bench-idle-ended";
/// How long actors may take to leave memory, and memory to come to rest.
const PATIENCE: Duration = Duration::from_secs(120);
/// Memory is at rest when it stays within this share over [`READINGS`] readings.
const REST: f64 = 0.002;
const READINGS: usize = 10;
/// Between readings.
const APART: Duration = Duration::from_millis(200);
/// Executions ended at a time, so that few are ever in memory at once.
const WAVE: usize = 10_000;

/// Runs it on a fresh server.
pub(crate) fn run(lab: &Lab, options: &Idle) -> Result<Report> {
    let Idle { live, terminal } = *options;
    let mut trial =
        lab.trial("idle", &format!("{live} live and {terminal} terminal executions"))?;
    Population::describe(&mut trial.report);
    let before = trial.server.supervisor()?;
    let address = trial.server.address();
    let empty = trial.server.sample()?;

    end_some(address, terminal.max(live))?;
    let warm = at_rest(&trial.server)?;
    end_some(address, terminal)?;
    let ended = at_rest(&trial.server)?;
    Population::new(address, QUEUE).create(live, |_| FAR.to_owned())?;
    let waiting = at_rest(&trial.server)?;

    let per_terminal = growth(&warm, &ended, terminal);
    let per_live = growth(&ended, &waiting, live);
    report(&mut trial, [&empty, &warm, &ended, &waiting], (per_live, per_terminal));
    let view = trial.server.supervisor()?;
    if view.actors.live != live as u64 {
        trial.report.fail(format!("{} executions are live, not {live}", view.actors.live));
    }
    report_supervisor(&before, &mut trial)?;
    lab.close(&mut trial)?;
    if live >= 100_000 && terminal >= 100_000 {
        let kibibytes = |bytes: f64| (bytes / 1_024.0, "KiB");
        let bounds = Bounds::Both { must: 2.0, aim: 1.0 };
        trial.report.target("idle, a live one", kibibytes(per_live), Good::AtMost, bounds);
        // Zero within what measuring can tell: one page for every hundred executions.
        let bounds = Bounds::Must(0.04);
        trial.report.target("idle, a terminal one", kibibytes(per_terminal), Good::AtMost, bounds);
    }
    Ok(trial.report)
}

/// Creates, claims and completes `count`.
fn end_some(address: SocketAddr, count: usize) -> Result<()> {
    let population = Population::new(address, QUEUE_ENDED);
    let mut left = count;
    while left > 0 {
        let wave = left.min(WAVE);
        population.create(wave, |_| FAR.to_owned())?;
        population.complete(&population.claim(wave)?)?;
        left -= wave;
    }
    Ok(())
}

/// The server's memory once no execution is in it and it has stopped changing.
fn at_rest(server: &Server) -> Result<Sample> {
    let empty = |view: &Supervisor| view.actors.executions == 0;
    Supervisor::wait_until(server.address(), "actors to leave memory", PATIENCE, empty)?;
    let begun = Instant::now();
    let mut last = server.sample()?;
    let mut steady = 0;
    while steady < READINGS {
        if begun.elapsed() > PATIENCE {
            let what = "memory to come to rest".to_owned();
            return Err(Error::TimedOut { what, seconds: PATIENCE.as_secs() });
        }
        pass(APART);
        let now = server.sample()?;
        let change = now.rss.abs_diff(last.rss) as f64 / last.rss.max(1) as f64;
        steady = if change < REST { steady + 1 } else { 0 };
        last = now;
    }
    Ok(last)
}

/// Bytes per execution; negative when memory was given back.
fn growth(before: &Sample, after: &Sample, count: usize) -> f64 {
    (after.rss as f64 - before.rss as f64) / count as f64
}

fn report(trial: &mut Trial, samples: [&Sample; 4], (per_live, per_terminal): (f64, f64)) {
    let names = ["empty", "warm", "terminal", "live"];
    let report = &mut trial.report;
    let text: Vec<String> = names
        .iter()
        .zip(samples)
        .map(|(name, sample)| {
            let (rss, own) = (mebibytes(sample.rss), mebibytes(sample.rss_anon));
            format!("{name} {rss:.1} MiB ({own:.1} MiB its own)")
        })
        .collect();
    let bytes: Vec<u64> = samples.iter().map(|sample| sample.rss).collect();
    report.row(
        "server_rss",
        text.join("\n"),
        serde_json::json!({
            "empty_bytes": bytes[0], "warm_bytes": bytes[1],
            "terminal_bytes": bytes[2], "live_bytes": bytes[3],
        }),
    );
    report.row("bytes_per_live", format!("{} bytes", figure(per_live)), per_live);
    report.row("bytes_per_terminal", format!("{} bytes", figure(per_terminal)), per_terminal);
}
