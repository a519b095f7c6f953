//! `watchers` and `stampede`: what a watcher weighs that has nothing to read, and what happens
//! when thousands come back at once, each behind by many events.

use std::time::{Duration, Instant};

use crate::{
    arguments::{Stampede, Watchers},
    broadcast::{drain, report_bytes},
    crowd::{Chain, Crowd, Dialect, websocket},
    error::Result,
    idle::memory_at_rest,
    lab::{Lab, Reading, report_supervisor},
    population::{FAR, Population},
    process::{Sample, mebibytes},
    publish::Clock,
    report::{Bounds, Good, Report, figure},
    stage::{Shape, Watched},
};

/// Executions wait in it.
const QUEUE: &str = "bench-watchers";
/// How long all subscriptions may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Watchers that come first, so that what any connection takes is taken.
const WARM: usize = 64;
/// Between readings of memory.
const READ_EVERY: Duration = Duration::from_millis(20);

/// Idle watchers: of one execution, then as many more of an execution each.
pub(crate) fn watchers(lab: &Lab, options: &Watchers) -> Result<Report> {
    let count = options.watchers;
    let title = format!("{count} idle watchers of one execution, then {count} of one each");
    let mut trial = lab.trial("watchers", &title)?;
    let before = trial.server.supervisor()?;
    let address = trial.server.address();
    let (ids, _) = Population::new(address, QUEUE).create(count + 1, |_| FAR.to_owned())?;
    let mut crowd = Crowd::new(Dialect::Heartline, 1)?;
    let mut join = |from: usize, count: usize, each: bool| {
        let request = |nth| websocket(address, &ids[if each { from + nth } else { 0 }], 1);
        crowd.join(address, count, &Chain::after(1, 0), request)?;
        crowd.gather(PATIENCE)?;
        memory_at_rest(&trial.server)
    };
    let warm = join(0, WARM, false)?;
    let one = join(0, count, false)?;
    let each = join(1, count, true)?;
    let per = |before: &Sample, after: &Sample| {
        (after.rss as f64 - before.rss as f64) / 1_024.0 / count as f64
    };
    let (of_one, of_each) = (per(&warm, &one), per(&one, &each));
    let report = &mut trial.report;
    report.row("watchers", crowd.len().to_string(), crowd.len());
    report.row(
        "server_rss",
        format!(
            "before {:.1} MiB   of one {:.1} MiB   and of one each {:.1} MiB",
            mebibytes(warm.rss),
            mebibytes(one.rss),
            mebibytes(each.rss)
        ),
        serde_json::json!({
            "before_bytes": warm.rss, "of_one_bytes": one.rss, "of_each_bytes": each.rss,
        }),
    );
    report.row("kib_per_watcher_of_one", format!("{} KiB", figure(of_one)), of_one);
    report.row("kib_per_watcher_of_each", format!("{} KiB", figure(of_each)), of_each);
    report_supervisor(&before, &mut trial)?;
    drop(crowd);
    lab.close(&mut trial)?;
    if count >= 4_000 {
        let bounds = Bounds::Both { must: 12.0, aim: 4.0 };
        let report = &mut trial.report;
        report.target("idle watcher of one", (of_one, "KiB"), Good::AtMost, bounds);
        report.target("idle watcher of one each", (of_each, "KiB"), Good::AtMost, bounds);
    }
    Ok(trial.report)
}

/// All connect at once, each behind.
pub(crate) fn stampede(lab: &Lab, options: &Stampede) -> Result<Report> {
    let Stampede { watchers, behind, size } = *options;
    let title = format!("{watchers} watchers at once, each {behind} events of {size} bytes behind");
    let mut trial = lab.trial("stampede", &title)?;
    let before = trial.server.supervisor()?;
    let watched = Watched::new(trial.server.address())?;
    let after = watched.head()?;
    // One by one, as they would have come about; the last ones are what memory may still hold.
    let mut publisher = watched.publisher(&Shape { watchers, size, batch: 1 })?;
    let clock = Clock::start();
    for _ in 0..behind {
        publisher.publish(clock)?;
    }
    let mut crowd = Crowd::new(Dialect::Heartline, behind)?;
    let rest = memory_at_rest(&trial.server)?;
    let first = Reading::take(&trial.server)?;
    let begun = Instant::now();
    let mut peak = rest.rss;
    let mut read_at = begun;
    watched.watch(&mut crowd, watchers, (after, 0))?;
    let connected = begun.elapsed().as_secs_f64();
    while crowd.tally.everybody_has() < behind && begun.elapsed() < PATIENCE {
        crowd.turn(READ_EVERY)?;
        if Instant::now() >= read_at {
            peak = peak.max(trial.server.sample()?.rss);
            read_at = Instant::now() + READ_EVERY;
        }
    }
    let took = begun.elapsed().as_secs_f64();
    let last = Reading::take(&trial.server)?;
    let audit = drain(&mut crowd, behind)?;
    let growth = mebibytes(peak.saturating_sub(rest.rss));

    let report = &mut trial.report;
    report.row("watchers", watchers.to_string(), watchers);
    report.row("size_bytes", size.to_string(), size);
    report.row("connected_after", format!("{connected:.3} s"), connected);
    report.row("caught_up_after", format!("{took:.3} s"), took);
    let rate = crowd.tally.events as f64 / took;
    report.row("deliveries_per_s", format!("{} events/s", figure(rate)), rate);
    report_bytes("bytes_per_s", crowd.tally.bytes as f64 / took, report);
    report.row(
        "server_rss",
        format!("before {:.1} MiB   peak {:.1} MiB", mebibytes(rest.rss), mebibytes(peak)),
        serde_json::json!({"before_bytes": rest.rss, "peak_bytes": peak}),
    );
    last.report_cpu(&first, report);
    audit.report("audit", report);
    report_supervisor(&before, &mut trial)?;
    drop(crowd);
    lab.close(&mut trial)?;
    if (watchers, behind, size) == (5_000, 1_000, 256) {
        let report = &mut trial.report;
        let bounds = Bounds::Both { must: 10.0, aim: 4.0 };
        report.target("stampede, all caught up", (took, "s"), Good::AtMost, bounds);
        let bounds = Bounds::Both { must: 300.0, aim: 100.0 };
        report.target("stampede, growth", (growth, "MiB"), Good::AtMost, bounds);
    }
    Ok(trial.report)
}
