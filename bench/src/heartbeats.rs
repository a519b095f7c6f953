//! `heartbeats`: many leases that do nothing but live, each given a sign of life once a second,
//! one frame for all of a runner's; and what that costs the server.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    arguments::Heartbeats,
    error::{Error, Result},
    lab::{Lab, Reading, report_memory, report_supervisor, report_usage},
    latency::Latency,
    population::{FAR, Lease, Population, timeouts},
    report::{Bounds, Good, Report, figure},
    runners::{Granted, Runners, Told, complete, heartbeat},
    server::Server,
    story,
    supervisor::Supervisor,
    window::{Measured, Window},
};

/// The queue that runners lease from.
const QUEUE: &str = "bench-heartbeats";
/// Between two signs of life of a lease.
const EVERY: Duration = Duration::from_secs(1);
/// How long an answer may take.
const STALL: Duration = Duration::from_secs(10);
/// The clock is looked at at least this often.
const TICK: Duration = Duration::from_millis(50);

/// What came of it.
struct Finding {
    acks: Latency,
    lateness: Latency,
    frames: u64,
    measured: Measured,
}

/// Runs it on a fresh server.
pub(crate) fn run(lab: &Lab, options: &Heartbeats) -> Result<Report> {
    let Heartbeats { leases, runners, warmup, seconds, ref timeout } = *options;
    let title = format!(
        "{leases} leases, lost after {timeout} without a sign of life, each with one a second from \
         {runners} runner WebSockets, one frame a second each, {seconds} s"
    );
    let mut trial = lab.trial("heartbeats", &title)?;
    let address = trial.server.address();
    let population = Population::new(address, QUEUE);
    let (ids, _) = population.create_with(leases, |_| timeouts(FAR, timeout))?;
    let slots = |nth: usize| (leases - nth).div_ceil(runners);
    let (sockets, granted) = Runners::enlist((address, QUEUE), runners, slots, leases)?;
    let before = trial.server.supervisor()?;
    let memory = trial.server.sample()?;
    let finding = beat(sockets, &granted, (warmup, seconds), &trial.server)?;
    let memory = (memory, trial.server.sample()?);
    let (server, bench) = finding.measured.after.since(&finding.measured.before);
    let seconds = finding.measured.seconds;
    let report = &mut trial.report;
    report.row("runner_sockets", runners.to_string(), runners);
    report.row("leases", leases.to_string(), leases);
    report.row("seconds", format!("{seconds:.2}"), seconds);
    let frames = finding.frames as f64 / seconds;
    report.row("frames_per_s", format!("{} frames/s", figure(frames)), frames);
    report.latency("frame_to_ack", finding.acks.quantiles());
    report.latency("written_after_due", finding.lateness.quantiles());
    report_usage(&server, &bench, report);
    report_memory(&memory.0, &memory.1, report);
    let after = trial.server.supervisor()?;
    let fired = |view: &Supervisor| view.deadlines.fired.clone();
    if fired(&before) != fired(&after) {
        let report = &mut trial.report;
        report.fail(format!("deadlines fired: {:?}, then {:?}", fired(&before), fired(&after)));
    }
    report_supervisor(&before, &mut trial)?;
    let kinds = ["execution.created", "execution.started", "execution.completed"];
    let stories = story::read_back(&population, &ids, |_, log| story::exactly(log, &kinds))?;
    stories.report("created, started, completed by the same lease at the end", &mut trial.report);
    lab.close(&mut trial)?;
    if (leases, runners) == (10_000, 100) {
        let measured = (server.percent_of_a_core, "% of a core");
        let bounds = Bounds::Both { must: 15.0, aim: 5.0 };
        trial.report.target("heartbeats, server CPU", measured, Good::AtMost, bounds);
    }
    Ok(trial.report)
}

/// Every runner says its frame once a second, all of them spread over it.
fn beat(
    mut runners: Runners,
    granted: &[(usize, Granted)],
    (warmup, seconds): (u64, u64),
    server: &Server,
) -> Result<Finding> {
    let held = |index| {
        granted.iter().filter(move |(runner, _)| *runner == index).map(|(_, one)| &one.lease)
    };
    let leases: Vec<Vec<&Lease>> = (0..runners.len()).map(|index| held(index).collect()).collect();
    // Answers come in the order of the frames; a late one delays no other frame.
    let mut said: Vec<VecDeque<Instant>> = vec![VecDeque::new(); runners.len()];
    let (mut acks, mut lateness, mut frames) = (Latency::new(), Latency::new(), 0);
    let mut window = Window::open(warmup, seconds);
    let begun = Instant::now();
    let spacing = EVERY / u32::try_from(runners.len()).unwrap_or(u32::MAX);
    let mut nth = 0usize;
    let mut ready = Vec::new();
    while !window.is_over() || said.iter().any(|said| !said.is_empty()) {
        let due = begun + spacing * u32::try_from(nth).unwrap_or(u32::MAX);
        if !window.is_over() && due <= Instant::now() {
            let index = nth % runners.len();
            if window.measures() {
                lateness.record(due.elapsed());
            }
            let text = heartbeat(nth as u64, leases[index].iter().copied());
            said[index].push_back(Instant::now());
            runners.say(index, text.as_bytes());
            runners.flush()?;
            nth += 1;
            continue;
        }
        runners.wait(due.saturating_duration_since(Instant::now()).min(TICK), &mut ready)?;
        window.look(|| Reading::take(server))?;
        for &index in &ready {
            runners.read(index, |told| match told {
                Told::Ack { .. } => {
                    let since = said[index].pop_front();
                    let since = since.ok_or_else(|| Error::protocol("one ack each", "another"))?;
                    if window.measures() {
                        acks.record(since.elapsed());
                        frames += 1;
                    }
                    Ok(())
                }
                other => Err(other.unexpected()),
            })?;
        }
        if said.iter().filter_map(VecDeque::front).any(|since| since.elapsed() > STALL) {
            let what = "the answer to a heartbeat".to_owned();
            return Err(Error::TimedOut { what, seconds: STALL.as_secs() });
        }
    }
    end(runners, granted)?;
    Ok(Finding { acks, lateness, frames, measured: window.measured() })
}

/// Completes every lease, which only one that was never lost can be.
fn end(mut runners: Runners, granted: &[(usize, Granted)]) -> Result<()> {
    for ((runner, granted), id) in granted.iter().zip(1..) {
        runners.say(*runner, complete(id, &granted.lease).as_bytes());
    }
    runners.flush()?;
    let (mut missing, mut ready) = (granted.len(), Vec::new());
    while missing > 0 {
        runners.wait(STALL, &mut ready)?;
        if ready.is_empty() {
            let what = format!("{missing} leases to be completed");
            return Err(Error::TimedOut { what, seconds: STALL.as_secs() });
        }
        for &index in &ready {
            runners.read(index, |told| match told {
                Told::Ack { .. } => {
                    missing = missing.saturating_sub(1);
                    Ok(())
                }
                other => Err(other.unexpected()),
            })?;
        }
    }
    Ok(())
}
