//! `idle`: how much memory an execution costs that nobody watches, live and terminal.
//!
//! Memory that the store and the allocator take for any load is taken first, by a population as
//! large as the ones measured; what grows after that belongs to the executions. The store's write
//! buffers fill and empty all the while, by tens of MiB: one reading before and one after would
//! measure them, so terminal executions come in rounds, and what counts is the median slope.

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
    let Idle { live, terminal, rounds } = *options;
    let workload = format!("{live} live executions, and {rounds} times {terminal} terminal ones");
    let mut trial = lab.trial("idle", &workload)?;
    Population::describe(&mut trial.report);
    let before = trial.server.supervisor()?;
    let address = trial.server.address();
    let empty = trial.server.sample()?;

    end_some(address, terminal.max(live))?;
    let mut ended = vec![at_rest(&trial.server)?];
    for _ in 0..rounds {
        end_some(address, terminal)?;
        ended.push(at_rest(&trial.server)?);
    }
    Population::new(address, QUEUE).create(live, |_| FAR.to_owned())?;
    let waiting = at_rest(&trial.server)?;

    let rss: Vec<f64> = ended.iter().map(|sample| sample.rss as f64).collect();
    let per_terminal = slope(&rss) / terminal as f64;
    let per_live = growth(ended.last().unwrap_or(&empty), &waiting, live);
    report(&mut trial, &empty, &ended, &waiting, (per_live, per_terminal));
    let view = trial.server.supervisor()?;
    if view.actors.live != live as u64 {
        trial.report.fail(format!("{} executions are live, not {live}", view.actors.live));
    }
    report_supervisor(&before, &mut trial)?;
    lab.close(&mut trial)?;
    if live >= 100_000 && terminal >= 100_000 {
        let kibibytes = |bytes: f64| (bytes.max(0.0) / 1_024.0, "KiB");
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
    memory_at_rest(server)
}

/// The server's memory once it has stopped changing.
pub(crate) fn memory_at_rest(server: &Server) -> Result<Sample> {
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

/// The median of the slopes between every two readings (Theil and Sen), per round.
fn slope(readings: &[f64]) -> f64 {
    let mut slopes: Vec<f64> = (0..readings.len())
        .flat_map(|later| (0..later).map(move |earlier| (earlier, later)))
        .map(|(earlier, later)| (readings[later] - readings[earlier]) / (later - earlier) as f64)
        .collect();
    slopes.sort_by(f64::total_cmp);
    let middle = slopes.len() / 2;
    match slopes.len() {
        0 => 0.0,
        count if count % 2 == 1 => slopes[middle],
        _ => (slopes[middle - 1] + slopes[middle]) / 2.0,
    }
}

fn report(
    trial: &mut Trial,
    empty: &Sample,
    ended: &[Sample],
    waiting: &Sample,
    (per_live, per_terminal): (f64, f64),
) {
    let report = &mut trial.report;
    let named = |name: &str, sample: &Sample| {
        let (rss, own) = (mebibytes(sample.rss), mebibytes(sample.rss_anon));
        format!("{name} {rss:.1} MiB ({own:.1} MiB its own)")
    };
    let mut text = vec![named("empty", empty)];
    text.extend(ended.iter().enumerate().map(|(round, sample)| match round {
        0 => named("warm", sample),
        round => named(&format!("terminal, round {round}"), sample),
    }));
    text.push(named("live", waiting));
    let rounds: Vec<u64> = ended.iter().map(|sample| sample.rss).collect();
    report.row(
        "server_rss",
        text.join("\n"),
        serde_json::json!({
            "empty_bytes": empty.rss, "terminal_bytes": rounds, "live_bytes": waiting.rss,
        }),
    );
    report.row("bytes_per_live", format!("{} bytes", figure(per_live)), per_live);
    report.row("bytes_per_terminal", format!("{} bytes", figure(per_terminal)), per_terminal);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_what_grows_each_round_whatever_one_reading_says() {
        assert_eq!(slope(&[5.0, 7.0, 9.0, 11.0]), 2.0);
        assert_eq!(slope(&[5.0, 5.0, 90.0, 5.0, 5.0]), 0.0);
        assert_eq!(slope(&[5.0]), 0.0);
    }
}
