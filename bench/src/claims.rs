//! `claims`: a deep queue with priorities and concurrency keys, many runners of one slot each: how
//! long from a slot becoming free until the next lease, and whether priorities were kept.

mod order;

use std::{
    collections::{HashSet, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    arguments::Claims,
    error::{Error, Result},
    http::{Host, Received, spread},
    lab::{Lab, Reading, report_supervisor},
    latency::Latency,
    population::{FAR, Lease, Population, timeouts},
    report::{Bounds, Good, Report, figure},
    runners::{Runners, Told, complete, register},
    server::Server,
    story,
    window::{Measured, Window},
};
use order::{Asked, Order};

/// The queue all of them share.
const QUEUE: &str = "bench-claims";
/// Priorities that executions have, from 0.
const PRIORITIES: usize = 20;
/// What the log of one that is done says.
const KINDS: [&str; 3] = ["execution.created", "execution.started", "execution.completed"];
/// How long runners may say nothing of their own.
const QUIET: Duration = Duration::from_secs(5);
/// The clock is looked at at least this often.
const TICK: Duration = Duration::from_millis(20);
/// How long a free slot may go without a lease before the run is given up.
const STALL: Duration = Duration::from_secs(30);

/// What came of it.
struct Finding {
    /// From asking to register to the first lease.
    first: Latency,
    /// From having read the ack of a completion to the next lease.
    next: Latency,
    /// From saying that the work is complete to the next lease.
    said: Latency,
    /// The longest that anything took from being asked for to a lease, warm-up included.
    longest: Duration,
    /// From when a completion was due to when it was said.
    lateness: Latency,
    /// Every lease, in the order in which they came.
    leased: Vec<String>,
    /// Those that were held at the end.
    working: HashSet<String>,
    measured: Measured,
    /// Connected for as long as their leases are to be held.
    _runners: Runners,
}

/// Runs it on a fresh server.
pub(crate) fn run(lab: &Lab, options: &Claims) -> Result<Report> {
    let Claims { queued, runners, keys, rate, seconds, .. } = *options;
    let title = format!(
        "{queued} executions queued with {PRIORITIES} priorities and {keys} concurrency keys, \
         {runners} runner WebSockets of one slot each, {rate} of them a second done with their \
         work, {seconds} s"
    );
    let mut trial = lab.trial("claims", &title)?;
    let before = trial.server.supervisor()?;
    let address = trial.server.address();
    let population = Population::new(address, QUEUE);
    let asked = |nth| Asked::nth(nth, PRIORITIES, keys);
    let (ids, took) = population.create_with(queued, |nth| {
        let Asked { priority, key } = asked(nth);
        let timeouts = timeouts(FAR, FAR);
        format!("\"priority\":{priority},\"concurrency_key\":\"key-{key}\",{timeouts}")
    })?;
    let limited = limit_keys(address)?;
    let finding = Load::open(address, options)?.run(&trial.server, options)?;
    let report = &mut trial.report;
    let rate_created = queued as f64 / took.as_secs_f64();
    report.row("created_per_s", format!("{} creates/s", figure(rate_created)), rate_created);
    report.row("runner_sockets", runners.to_string(), runners);
    let text = if limited { "one under way for each key" } else { "none: refused by the server" };
    report.row("key_limit", text, limited);
    let Measured { seconds, before: first, after } = finding.measured;
    report.row("seconds", format!("{seconds:.2}"), seconds);
    let claims = finding.next.count() as f64 / seconds;
    report.row("claims_per_s", format!("{} claims/s", figure(claims)), claims);
    report.latency("slot_free_to_lease", finding.next.quantiles());
    report.latency("complete_to_lease", finding.said.quantiles());
    report.latency("register_to_lease", finding.first.quantiles());
    report.latency("written_after_due", finding.lateness.quantiles());
    after.report_cpu(&first, report);
    report_supervisor(&before, &mut trial)?;
    audit(&population, &ids, &finding, (&asked, limited), &mut trial.report)?;
    lab.close(&mut trial)?;
    if (queued, runners) == (100_000, 1_000) {
        let p99 = finding.next.quantiles().p99_us / 1_000.0;
        let bounds = Bounds::Both { must: 20.0, aim: 5.0 };
        trial.report.target("claims, p99", (p99, "ms"), Good::AtMost, bounds);
    }
    Ok(trial.report)
}

/// Lets one execution of each key be under way; whether the server takes such a limit.
fn limit_keys(address: SocketAddr) -> Result<bool> {
    let path = format!("/v1/queues/{QUEUE}");
    let patch = Host::new(address).json("PATCH", &path, "{\"key_max_in_progress\":1}");
    let mut limited = false;
    spread(
        address,
        1,
        1,
        |_| patch.clone(),
        |_, received: Received<'_>| {
            match received.status {
                200..300 => limited = true,
                404 | 405 | 501 => {}
                status => return Err(Error::refused("PATCH of a queue", status, received.body)),
            }
            Ok(())
        },
    )?;
    Ok(limited)
}

/// Reads the logs of all that were leased: each once, completed, and in the order of priorities.
fn audit(
    population: &Population<'_>,
    ids: &[String],
    finding: &Finding,
    (asked, limited): (&impl Fn(usize) -> Asked, bool),
    report: &mut Report,
) -> Result<()> {
    let leased: HashSet<&str> = finding.leased.iter().map(String::as_str).collect();
    if leased.len() != finding.leased.len() {
        report.fail(format!("{} leased twice", finding.leased.len() - leased.len()));
    }
    let (some, others): (Vec<_>, Vec<_>) =
        (0..ids.len()).partition(|&nth| leased.contains(ids[nth].as_str()));
    let mut order = Order::new(others.iter().map(|&nth| asked(nth)), limited, finding.longest);
    let read: Vec<String> = some.iter().map(|&nth| ids[nth].clone()).collect();
    let stories = story::read_back(population, &read, |nth, log| {
        let held = finding.working.contains(&read[nth]);
        story::exactly(log, if held { &KINDS[..2] } else { &KINDS })?;
        order.ran(asked(some[nth]), &log[1].time, log.get(2).map(|entry| &*entry.time))
    })?;
    stories.report("created, started, and, unless it was held at the end, completed", report);
    order.check().report(report);
    Ok(())
}

/// What a runner is doing.
#[derive(Clone, Debug)]
enum Doing {
    /// It has not registered.
    Nothing,
    /// It has asked to register, or its completion was acknowledged, so that its slot is free.
    Free { since: Instant, said: Option<Instant> },
    /// It has a lease.
    Working(Lease),
    /// It has said under this id that the work is complete.
    Completing { id: u64, said: Instant },
}

/// The whole load.
struct Load {
    runners: Runners,
    doing: Vec<Doing>,
    /// Those at work, the longest first.
    working: VecDeque<usize>,
    first: Latency,
    next: Latency,
    said: Latency,
    longest: Duration,
    lateness: Latency,
    leased: Vec<String>,
    next_id: u64,
    window: Option<Window>,
}

impl Load {
    /// Everybody connects; nobody registers yet.
    fn open(address: SocketAddr, options: &Claims) -> Result<Self> {
        let new = Latency::new;
        Ok(Self {
            runners: Runners::connect(address, options.runners)?,
            doing: vec![Doing::Nothing; options.runners],
            working: VecDeque::new(),
            first: new(),
            next: new(),
            said: new(),
            longest: Duration::ZERO,
            lateness: new(),
            leased: Vec::new(),
            next_id: 0,
            window: None,
        })
    }

    /// Runners register at the rate at which they are done later; then they work.
    fn run(mut self, server: &Server, options: &Claims) -> Result<Finding> {
        let every = Duration::from_secs(1) / u32::try_from(options.rate).unwrap_or(u32::MAX);
        // Each says something of its own often enough, unless there is little to be done.
        let quiet = every * u32::try_from(options.runners).unwrap_or(u32::MAX);
        let (mut due, mut registered) = (Instant::now(), 0);
        let mut ready = Vec::new();
        while !self.is_over(options.queued) {
            let now = Instant::now();
            while due <= now && self.window.as_ref().is_none_or(|window| !window.is_over()) {
                if registered < self.runners.len() {
                    self.register(registered);
                    registered += 1;
                    if registered == self.runners.len() {
                        self.window = Some(Window::open(options.warmup, options.seconds));
                    }
                } else if !self.complete(due) {
                    break;
                }
                due += every;
            }
            self.runners.flush()?;
            let nobody = registered == self.runners.len() && self.working.is_empty();
            let timeout = due.saturating_duration_since(Instant::now());
            self.runners.wait(if nobody { TICK } else { timeout.min(TICK) }, &mut ready)?;
            if let Some(window) = &mut self.window {
                window.look(|| Reading::take(server))?;
            }
            ready.iter().try_for_each(|&index| self.read(index))?;
            if quiet > QUIET {
                self.runners.beat()?;
            }
            self.complain(options.queued)?;
        }
        let measured = self.window.map(|window| window.measured());
        let measured = measured.expect("it is over only after it was opened");
        let working = self.doing.iter().filter_map(|doing| match doing {
            Doing::Working(lease) => Some(lease.execution.clone()),
            Doing::Nothing | Doing::Free { .. } | Doing::Completing { .. } => None,
        });
        Ok(Finding {
            first: self.first,
            next: self.next,
            said: self.said,
            longest: self.longest,
            lateness: self.lateness,
            leased: self.leased,
            working: working.collect(),
            measured,
            _runners: self.runners,
        })
    }

    /// Everybody has work, or there is none left.
    fn is_over(&self, queued: usize) -> bool {
        let settled = |doing: &Doing| match doing {
            Doing::Working(_) => true,
            Doing::Free { .. } => self.leased.len() == queued,
            Doing::Nothing | Doing::Completing { .. } => false,
        };
        self.window.as_ref().is_some_and(Window::is_over) && self.doing.iter().all(settled)
    }

    fn measures(&self) -> bool {
        self.window.as_ref().is_some_and(Window::measures)
    }

    fn register(&mut self, index: usize) {
        self.runners.say(index, register(&format!("bench-{index}"), QUEUE, 1).as_bytes());
        self.doing[index] = Doing::Free { since: Instant::now(), said: None };
    }

    /// The one that has worked longest is done, as it should have been at `due`; whether there was
    /// one.
    fn complete(&mut self, due: Instant) -> bool {
        let Some(index) = self.working.pop_front() else { return false };
        self.next_id += 1;
        let done = Doing::Completing { id: self.next_id, said: Instant::now() };
        let was = std::mem::replace(&mut self.doing[index], done);
        if let Doing::Working(lease) = was {
            self.runners.say(index, complete(self.next_id, &lease).as_bytes());
        }
        if self.measures() {
            self.lateness.record(due.elapsed());
        }
        true
    }

    fn read(&mut self, index: usize) -> Result<()> {
        let measures = self.measures();
        let doing = &mut self.doing[index];
        let (working, leased, longest) = (&mut self.working, &mut self.leased, &mut self.longest);
        let (first, next, both) = (&mut self.first, &mut self.next, &mut self.said);
        self.runners.read(index, |told| {
            let now = Instant::now();
            match (told, &*doing) {
                (Told::Registered, Doing::Free { .. }) => {}
                (Told::Ack { id, .. }, Doing::Completing { id: asked, said }) if id == *asked => {
                    *doing = Doing::Free { since: now, said: Some(*said) };
                }
                (Told::Lease(lease), Doing::Free { since, said }) => {
                    match said {
                        None => first.record(now.duration_since(*since)),
                        Some(said) if measures => {
                            next.record(now.duration_since(*since));
                            both.record(now.duration_since(*said));
                        }
                        Some(_) => {}
                    }
                    let asked = said.unwrap_or(*since);
                    *longest = (*longest).max(now.duration_since(asked));
                    let lease = lease.into_owned().lease;
                    leased.push(lease.execution.clone());
                    working.push_back(index);
                    *doing = Doing::Working(lease);
                }
                (other, _) => return Err(other.unexpected()),
            }
            Ok(())
        })
    }

    /// A slot that stays free while there is work is the end of the run.
    fn complain(&self, queued: usize) -> Result<()> {
        let idle = |doing: &Doing| match doing {
            Doing::Free { since, .. } => since.elapsed() > STALL && self.leased.len() < queued,
            Doing::Completing { said, .. } => said.elapsed() > STALL,
            Doing::Nothing | Doing::Working(_) => false,
        };
        if self.doing.iter().any(idle) {
            let what = format!("the next lease, after {}", self.leased.len());
            return Err(Error::TimedOut { what, seconds: STALL.as_secs() });
        }
        Ok(())
    }
}
