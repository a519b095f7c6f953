//! A run: a publisher on one side, a crowd of watchers on the other, measured after a warm-up and
//! audited after the last event.

use std::time::{Duration, Instant};

use crate::{
    crowd::Crowd,
    error::{Error, Result},
    lab::{Reading, report_memory, report_usage},
    latency::Latency,
    process::{Usage, mebibytes},
    publish::{Clock, Pace, Publisher},
    report::{Report, figure},
};

/// The clock is looked at at least this often.
const TICK: Duration = Duration::from_millis(20);
/// Between readings of memory.
const READ_EVERY: Duration = Duration::from_millis(100);
/// How long nobody may receive anything that was published before it counts as lost.
const STALL: Duration = Duration::from_secs(20);

/// How long a run takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) warmup: Duration,
    pub(crate) measured: Duration,
    pub(crate) pace: Pace,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Finding {
    /// From writing a request to having read an event of it, over all watchers.
    pub(crate) latency: Latency,
    /// The publisher's side.
    acks: Latency,
    lateness: Latency,
    /// Within the measured time.
    counted: Counted,
    /// The largest resident memory of the server, bytes.
    pub(crate) peak_rss: u64,
    before: Reading,
    after: Reading,
    server_cpu: Usage,
    bench_cpu: Usage,
    lags: u64,
    audit: Audit,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    seconds: f64,
    events: u64,
    bytes: u64,
}

/// Whether anything was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Audit {
    /// Events published.
    pub(crate) published: u64,
    /// Watchers that saw each of them once and in order.
    pub(crate) whole: usize,
    /// Watchers.
    pub(crate) watchers: usize,
    /// Events that did not follow the one before, over all watchers.
    pub(crate) broken: u64,
    /// Events that have not come, over all watchers.
    pub(crate) missing: u64,
}

/// Runs it; `reading` is taken of the server that is loaded. The publisher comes back, to publish
/// more.
pub(crate) fn run(
    crowd: &mut Crowd,
    publisher: Publisher,
    plan: &Plan,
    reading: impl Fn() -> Result<Reading>,
) -> Result<(Publisher, Finding)> {
    let clock = Clock::start();
    crowd.tally.measure(clock, plan.warmup, plan.measured);
    let lags = crowd.tally.lags;
    let length = plan.warmup + plan.measured;
    let publishing = publisher.start(clock, length, plan.pace, crowd.tally.progress());
    let warm = turn_until(crowd, clock.at(plan.warmup), &reading)?;
    let done = turn_until(crowd, clock.at(length), &reading)?;
    let counted = Counted {
        seconds: done.at.duration_since(warm.at).as_secs_f64(),
        events: done.events - warm.events,
        bytes: done.bytes - warm.bytes,
    };
    while !publishing.is_finished() {
        crowd.turn(TICK)?;
    }
    let ended = publishing.join().map_err(|_| Error::Setup("the publisher panicked".to_owned()))?;
    let published = ended?;
    let audit = drain(crowd, published.publisher.number())?;
    let (server_cpu, bench_cpu) = done.reading.since(&warm.reading);
    let finding = Finding {
        latency: crowd.tally.latency.clone(),
        acks: published.acks,
        lateness: published.lateness,
        counted,
        peak_rss: warm.peak_rss.max(done.peak_rss).max(reading()?.server.rss),
        before: warm.reading,
        after: done.reading,
        server_cpu,
        bench_cpu,
        lags: crowd.tally.lags - lags,
        audit,
    };
    Ok((published.publisher, finding))
}

/// Where things stood at a moment, and the peak on the way there.
struct Boundary {
    at: Instant,
    reading: Reading,
    events: u64,
    bytes: u64,
    peak_rss: u64,
}

fn turn_until(
    crowd: &mut Crowd,
    until: Instant,
    reading: &impl Fn() -> Result<Reading>,
) -> Result<Boundary> {
    let mut peak_rss = 0;
    let mut read_at = Instant::now();
    loop {
        let now = Instant::now();
        if now >= until {
            break;
        }
        if now >= read_at {
            peak_rss = peak_rss.max(reading()?.server.rss);
            read_at = now + READ_EVERY;
        }
        crowd.turn(TICK.min(until.saturating_duration_since(now)))?;
    }
    let reading = reading()?;
    let peak_rss = peak_rss.max(reading.server.rss);
    let (events, bytes) = (crowd.tally.events, crowd.tally.bytes);
    Ok(Boundary { at: Instant::now(), reading, events, bytes, peak_rss })
}

/// Reads until everybody has all `published` events, or nothing comes any more.
pub(crate) fn drain(crowd: &mut Crowd, published: u64) -> Result<Audit> {
    let mut moved = Instant::now();
    while crowd.tally.everybody_has() < published && moved.elapsed() < STALL {
        let before = crowd.tally.events;
        crowd.turn(TICK)?;
        if crowd.tally.events > before {
            moved = Instant::now();
        }
        // A broken chain can keep the count from ever being full.
        if crowd.chains().all(|chain| chain.number() >= published) {
            break;
        }
    }
    let mut audit = Audit { published, watchers: crowd.len(), ..Audit::default() };
    for chain in crowd.chains() {
        audit.whole += usize::from(chain.whole(published));
        audit.broken += chain.broken();
        audit.missing += published.saturating_sub(chain.number());
    }
    Ok(audit)
}

impl Audit {
    /// Adds it under `key`; anything lost makes the run worthless.
    pub(crate) fn report(&self, key: &'static str, report: &mut Report) {
        let Audit { published, whole, watchers, broken, missing } = self;
        let text = format!("{whole} of {watchers} watchers saw all {published} events in order");
        if whole != watchers {
            report.fail(format!("{text}; {broken} out of order, {missing} never came"));
        }
        report.row(key, text, self);
    }
}

/// Adds how much watchers read.
pub(crate) fn report_bytes(key: &'static str, per_second: f64, report: &mut Report) {
    let text = format!("{} MiB/s read by watchers", figure(per_second / (1024.0 * 1024.0)));
    report.row(key, text, per_second);
}

impl Finding {
    /// Published events received per second of the measured time, over all watchers.
    #[allow(clippy::cast_precision_loss)] // Counts of a short run.
    pub(crate) fn deliveries_per_second(&self) -> f64 {
        self.counted.events as f64 / self.counted.seconds
    }

    /// Bytes read by watchers per second of the measured time, protocols included.
    #[allow(clippy::cast_precision_loss)] // Counts of a short run.
    pub(crate) fn bytes_per_second(&self) -> f64 {
        self.counted.bytes as f64 / self.counted.seconds
    }

    /// The middle of the latencies, milliseconds.
    pub(crate) fn p50_ms(&self) -> f64 {
        self.latency.quantiles().p50_us / 1_000.0
    }

    /// What one in a hundred exceeded, milliseconds.
    pub(crate) fn p99_ms(&self) -> f64 {
        self.latency.quantiles().p99_us / 1_000.0
    }

    /// Processor time of the server within the measured time.
    pub(crate) fn server_cpu(&self) -> Usage {
        self.server_cpu
    }

    /// Adds a later run of the same crowd.
    pub(crate) fn extend(&mut self, later: Finding) {
        self.latency.merge(&later.latency);
        self.acks.merge(&later.acks);
        self.lateness.merge(&later.lateness);
        self.counted.seconds += later.counted.seconds;
        self.counted.events += later.counted.events;
        self.counted.bytes += later.counted.bytes;
        self.peak_rss = self.peak_rss.max(later.peak_rss);
        self.after = later.after;
        self.server_cpu = self.server_cpu.and(&later.server_cpu, self.counted.seconds);
        self.bench_cpu = self.bench_cpu.and(&later.bench_cpu, self.counted.seconds);
        self.lags += later.lags;
        // What watchers saw is kept for as long as they live, so the last audit is of all runs.
        self.audit = later.audit;
    }

    /// Whether anything was lost.
    pub(crate) fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Adds all of it.
    pub(crate) fn report(&self, report: &mut Report) {
        let seconds = self.counted.seconds;
        report.row("seconds", format!("{seconds:.2}"), seconds);
        report.latency("publish_to_receive", self.latency.quantiles());
        let rate = self.deliveries_per_second();
        report.row("deliveries_per_s", format!("{} events/s", figure(rate)), rate);
        report_bytes("bytes_per_s", self.bytes_per_second(), report);
        report.latency("ack_latency", self.acks.quantiles());
        report.latency("written_after_due", self.lateness.quantiles());
        report.row("lags", format!("{} times read from disk", self.lags), self.lags);
        report_usage(&self.server_cpu, &self.bench_cpu, report);
        report_memory(&self.before.server, &self.after.server, report);
        let peak = format!("{:.1} MiB", mebibytes(self.peak_rss));
        report.row("server_rss_peak", peak, self.peak_rss);
        self.audit.report("audit", report);
    }
}
