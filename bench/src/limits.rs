//! What the machine itself allows: how long a sync, a loopback round trip and a fixed piece of work
//! take, here and now.
//!
//! No server that syncs before it acknowledges can answer a lone client faster than one of each of
//! the first two. The third tells how often the processor is away or slow: on a virtual machine the
//! host takes it, or runs it at a fraction of its speed for a while, and then no latency at the same
//! rank can be shorter than that.

use std::{
    fs::{File, OpenOptions},
    hint::black_box,
    io::{Read, Seek, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::{
    error::{Doing, Error, Result},
    latency::Latency,
    pace::pass,
    report::Report,
};

/// Bytes of an append and of a ping: the size of a small event.
const SIZE: usize = 256;
/// Syncs measured on each file, and the time after which fewer have to do.
const SYNCS: usize = 1_000;
const SYNCS_LAST: Duration = Duration::from_millis(300);
/// Round trips back to back.
const BUSY_TRIPS: usize = 5_000;
/// Round trips after a pause.
const IDLE_TRIPS: usize = 100;
/// The pause: long enough for a core to go to sleep.
const PAUSE: Duration = Duration::from_millis(3);

/// About how long the fixed piece of work takes when nothing is in its way: as much as a busy
/// scheduler's slice, so that it is interrupted where work of a server would be.
const WORK: Duration = Duration::from_millis(2);
/// Rounds of arithmetic timed to find out how many that is.
const ROUNDS: u64 = 100_000;
/// How often these are timed; the fastest counts.
const CALIBRATIONS: usize = 50;
/// Pieces of work measured before the load, and as many after it.
const PIECES: usize = 150;

/// The physical limits, measured before and after the load and taken together.
#[derive(Debug)]
pub(crate) struct Limits {
    /// `fdatasync` after writing into a file whose blocks were already written.
    pub(crate) sync_preallocated: Latency,
    /// `fdatasync` after an append that makes the file longer.
    pub(crate) sync_growing: Latency,
    /// A round trip right after another.
    pub(crate) trip_busy: Latency,
    /// A round trip after a pause.
    pub(crate) trip_after_idle: Latency,
    /// The fixed piece of work.
    pub(crate) stall: Latency,
}

impl Limits {
    /// Measures on the file system of `folder`.
    pub(crate) fn measure(folder: &Path) -> Result<Self> {
        let (trip_busy, trip_after_idle) = round_trips()?;
        Ok(Self {
            sync_preallocated: syncs(folder, true)?,
            sync_growing: syncs(folder, false)?,
            trip_busy,
            trip_after_idle,
            stall: stalls(),
        })
    }

    /// Measures once more and adds it.
    pub(crate) fn measure_again(&mut self, folder: &Path) -> Result<()> {
        let again = Self::measure(folder)?;
        self.sync_preallocated.merge(&again.sync_preallocated);
        self.sync_growing.merge(&again.sync_growing);
        self.trip_busy.merge(&again.trip_busy);
        self.trip_after_idle.merge(&again.trip_after_idle);
        self.stall.merge(&again.stall);
        Ok(())
    }

    /// The least a lone client can wait: one sync into a preallocated file and one busy round
    /// trip, in microseconds.
    pub(crate) fn floor_us(&self) -> f64 {
        self.sync_preallocated.quantiles().p50_us + self.trip_busy.quantiles().p50_us
    }

    /// Adds the rows by which latencies under load are judged.
    pub(crate) fn report_stalls(&self, report: &mut Report) {
        let quantiles = self.stall.quantiles();
        report.latency("cpu_stall", quantiles);
        let away = (quantiles.p99_us - quantiles.p50_us).max(0.0);
        let text = format!(
            "{away:.0} µs at p99: what the same work takes longer than its median, as the processor is \
             away or slow; no p99 here can be below it"
        );
        report.row("cpu_stall_away", text, away);
    }

    /// Adds rows to a report.
    pub(crate) fn report(&self, report: &mut Report) {
        report.latency("fdatasync_preallocated", self.sync_preallocated.quantiles());
        report.latency("fdatasync_growing", self.sync_growing.quantiles());
        report.latency("loopback_busy", self.trip_busy.quantiles());
        report.latency("loopback_after_idle", self.trip_after_idle.quantiles());
        let floor = self.floor_us();
        report.row(
            "floor",
            format!("{floor:.1} µs: fdatasync_preallocated p50 + loopback_busy p50"),
            floor,
        );
    }
}

fn syncs(folder: &Path, preallocated: bool) -> Result<Latency> {
    let doing = "measuring fdatasync";
    let path = folder.join("limits.tmp");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(&path)
        .doing(format!("creating {}", path.display()))?;
    if preallocated {
        // Written, not merely reserved: the first write to a reserved block changes metadata.
        file.write_all(&vec![0; SIZE * SYNCS]).doing(doing)?;
        file.sync_all().doing(doing)?;
        file.rewind().doing(doing)?;
    }
    let latency = sync_each(&mut file)?;
    std::fs::remove_file(&path).doing(format!("removing {}", path.display()))?;
    Ok(latency)
}

fn sync_each(file: &mut File) -> Result<Latency> {
    let mut latency = Latency::new();
    let begun = Instant::now();
    for nth in 0..SYNCS {
        if begun.elapsed() > SYNCS_LAST {
            break;
        }
        let bytes = [u8::try_from(nth % 251).unwrap_or(1); SIZE];
        let start = Instant::now();
        file.write_all(&bytes).doing("appending")?;
        rustix::fs::fdatasync(&*file).doing("fdatasync")?;
        latency.record(start.elapsed());
    }
    Ok(latency)
}

/// How long a fixed piece of pure work takes, again and again.
fn stalls() -> Latency {
    let fastest = (0..CALIBRATIONS).map(|_| timed(ROUNDS)).min().unwrap_or(WORK);
    let times = WORK.as_nanos() / fastest.as_nanos().max(1);
    let rounds = ROUNDS * u64::try_from(times).unwrap_or(1).max(1);
    let mut latency = Latency::new();
    for _ in 0..PIECES {
        latency.record(timed(rounds));
        pass(PAUSE);
    }
    latency
}

/// `rounds` of arithmetic, each of which needs the one before.
fn timed(rounds: u64) -> Duration {
    let start = Instant::now();
    let mut state = black_box(rounds) | 1;
    for _ in 0..rounds {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    black_box(state);
    start.elapsed()
}

fn round_trips() -> Result<(Latency, Latency)> {
    let doing = "measuring the loopback";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing(doing)?;
    let address = listener.local_addr().doing(doing)?;
    let echo = thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut bytes = [0; SIZE];
        while stream.read_exact(&mut bytes).is_ok() {
            stream.write_all(&bytes)?;
        }
        Ok(())
    });
    let mut stream = TcpStream::connect(address).doing(doing)?;
    stream.set_nodelay(true).doing(doing)?;
    let (mut busy, mut after_idle) = (Latency::new(), Latency::new());
    for _ in 0..BUSY_TRIPS {
        busy.record(round_trip(&mut stream)?);
    }
    for _ in 0..IDLE_TRIPS {
        pass(PAUSE);
        after_idle.record(round_trip(&mut stream)?);
    }
    drop(stream);
    let ended = echo.join().map_err(|_| Error::Setup("the echo thread panicked".to_owned()))?;
    ended.doing("echoing")?;
    Ok((busy, after_idle))
}

fn round_trip(stream: &mut TcpStream) -> Result<Duration> {
    let mut bytes = [7; SIZE];
    let start = Instant::now();
    stream.write_all(&bytes).doing("sending a ping")?;
    stream.read_exact(&mut bytes).doing("reading a ping")?;
    Ok(start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_measured_and_add_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut limits = Limits::measure(folder.path()).unwrap();
        limits.measure_again(folder.path()).unwrap();
        assert!(limits.sync_growing.count() > 1 && limits.sync_preallocated.count() > 1);
        assert_eq!(limits.trip_after_idle.count(), 2 * IDLE_TRIPS as u64);
        assert!(limits.floor_us() > 0.0);
        // The work is fixed and about as long as it should be; it cannot be much shorter.
        let stall = limits.stall.quantiles();
        assert_eq!(stall.count, 2 * PIECES as u64);
        assert!(stall.p50_us > 1_000.0 && stall.p99_us >= stall.p50_us, "{stall:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
