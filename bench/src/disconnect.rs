//! `disconnect`: a runner's process is killed, so that the kernel closes its socket, and a watcher
//! of what it worked on is told.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    arguments::Disconnect,
    error::{Doing, Error, Result},
    lab::{Lab, Reading, report_supervisor},
    latency::Latency,
    poller::{Interest, Poller},
    population::{FAR, Population},
    report::{Bounds, Good, Report},
    story,
    watcher::Watcher,
};

/// The queue that the runners lease from.
const QUEUE: &str = "bench-disconnect";
/// How long anything that is waited for may take: more than the grace of a runner that is gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// The clock is looked at at least this often.
const TICK: Duration = Duration::from_millis(100);
/// What each log says: nobody comes back, and there is one attempt.
const KINDS: [&str; 5] = [
    "execution.created",
    "execution.started",
    "execution.runner_disconnected",
    "execution.attempt_failed",
    "execution.failed",
];

/// A runner in a process of its own; killed when it is dropped.
struct Victim(Child);

impl Victim {
    /// Starts it and reads until it has been leased `execution`.
    fn start(address: SocketAddr, nth: usize, execution: &str) -> Result<Self> {
        let doing = "starting a runner";
        let mut process = Command::new(std::env::current_exe().doing(doing)?)
            .args(["hold", &address.to_string(), "--queue", QUEUE])
            .args(["--runner", &format!("bench-victim-{nth}"), "--slots", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .doing(doing)?;
        let stdout = process.stdout.take().expect("stdout is piped");
        let victim = Self(process);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).doing("reading what a runner says")?;
        if line.trim_end() == format!("leased {execution}") {
            return Ok(victim);
        }
        Err(Error::protocol("a lease at the runner", line))
    }

    /// SIGKILL.
    fn kill(&mut self) -> Result<()> {
        self.0.kill().doing("killing a runner")
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // It may be dead already; what counts is that it is not there any more.
        let _gone_already = self.0.kill();
        let _status = self.0.wait();
    }
}

/// Who watches all of them.
struct Eye {
    watcher: Watcher,
    poller: Poller,
    ready: Vec<usize>,
    /// How many events of each type have come, and when the last one did.
    told: HashMap<String, (usize, Instant)>,
}

impl Eye {
    fn open(address: SocketAddr) -> Result<Self> {
        let (watcher, poller) = (Watcher::connect(address)?, Poller::new()?);
        poller.add(watcher.stream(), 0, Interest::Read)?;
        Ok(Self { watcher, poller, ready: Vec::new(), told: HashMap::new() })
    }

    /// Reads until `count` events of `kind` have come in all; when the last of them did.
    fn wait_for(&mut self, kind: &'static str, count: usize) -> Result<Instant> {
        let begun = Instant::now();
        loop {
            if let Some((come, last)) = self.told.get(kind)
                && *come >= count
            {
                return Ok(*last);
            }
            if begun.elapsed() > PATIENCE {
                let what = format!("{kind} at a watcher, {count} times");
                return Err(Error::TimedOut { what, seconds: PATIENCE.as_secs() });
            }
            self.watcher.flush()?;
            self.poller.wait(TICK, &mut self.ready)?;
            let told = &mut self.told;
            self.watcher.read(|frame| {
                if let Some(event) = frame.event {
                    let now = Instant::now();
                    let (come, last) = told.entry(event.kind.into_owned()).or_insert((0, now));
                    *come += 1;
                    *last = now;
                }
                Ok(())
            })?;
        }
    }
}

/// Runs it on a fresh server.
pub(crate) fn run(lab: &Lab, options: &Disconnect) -> Result<Report> {
    let rounds = options.rounds;
    let title = format!(
        "{rounds} runners, each a process of its own with a lease, killed one after the other with \
         SIGKILL; the same watcher is told of each"
    );
    let mut trial = lab.trial("disconnect", &title)?;
    let before = trial.server.supervisor()?;
    let address = trial.server.address();
    let population = Population::new(address, QUEUE);
    let mut eye = Eye::open(address)?;
    let (mut latency, mut ids) = (Latency::new(), Vec::with_capacity(rounds));
    let first = Reading::take(&trial.server)?;
    let begun = Instant::now();
    for nth in 0..rounds {
        let (mut created, _) = population.create(1, |_| FAR.to_owned())?;
        let id = created.pop().unwrap_or_default();
        let mut victim = Victim::start(address, nth, &id)?;
        eye.watcher.subscribe(&id)?;
        eye.wait_for("execution.started", nth + 1)?;
        let killed = Instant::now();
        victim.kill()?;
        let told = eye.wait_for("execution.runner_disconnected", nth + 1)?;
        latency.record(told.duration_since(killed));
        ids.push(id);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let last = Reading::take(&trial.server)?;
    // The last of them is lost after its grace.
    eye.wait_for("execution.failed", rounds)?;
    let found = latency.quantiles();
    let report = &mut trial.report;
    report.row("rounds", rounds.to_string(), rounds);
    report.row("seconds", format!("{seconds:.2}"), seconds);
    report.latency("kill_to_told", found);
    last.report_cpu(&first, report);
    report_supervisor(&before, &mut trial)?;
    let stories = story::read_back(&population, &ids, |_, log| story::exactly(log, &KINDS))?;
    stories
        .report("created, started, runner disconnected, attempt failed, failed", &mut trial.report);
    lab.close(&mut trial)?;
    let bounds = Bounds::Both { must: 100.0, aim: 20.0 };
    let p99 = (found.p99_us / 1_000.0, "ms");
    trial.report.target("disconnect, told, p99", p99, Good::AtMost, bounds);
    Ok(trial.report)
}
