//! `lifecycle`: create, claim, complete over HTTP or a runner's socket, and the creator's watcher
//! gets `end` over a WebSocket. One thread drives all connections and sockets.

mod book;
mod peer;
mod sockets;

use std::time::{Duration, Instant};

use crate::{
    arguments::{Lifecycle, Transport},
    error::{Error, Result},
    http::{Connections, Host},
    lab::{Lab, Reading, Trial, report_memory, report_supervisor},
    latency::Latency,
    population::{FAR, Population, claim_body, claimed, complete_request, create_body, created_id},
    report::{Bounds, Good, Report, figure},
    server::Server,
    story,
    watcher::Watcher,
};
use book::Book;

/// The queue all of them share, as real runners would.
const QUEUE: &str = "bench-lifecycle";
/// How long nothing may happen before the run is given up.
const STALL: Duration = Duration::from_secs(60);
/// The clock is looked at at least this often.
const TICK: Duration = Duration::from_millis(50);

/// Runs it on a fresh server.
pub(crate) fn run(lab: &Lab, options: &Lifecycle) -> Result<Report> {
    if options.transport == Transport::Ws {
        return over_sockets(lab, options);
    }
    if options.peer.is_some() || options.sockets == 0 {
        let what = "--peer and --sockets 0 go with --transport ws";
        return Err(Error::Setup(what.to_owned()));
    }
    let title = format!("{} in flight over HTTP, {} s", options.in_flight, options.seconds);
    let mut trial = lab.trial("lifecycle", &title)?;
    let before = trial.server.supervisor()?;
    let memory = trial.server.sample()?;
    let finding = Load::open(&trial.server, options)?.run(&trial.server, options)?;
    let memory = (memory, trial.server.sample()?);
    report(&mut trial, options, &finding);
    report_memory(&memory.0, &memory.1, &mut trial.report);
    report_supervisor(&before, &mut trial)?;
    lab.close(&mut trial)?;
    if options.in_flight == 64 {
        let measured = (finding.per_second(), "lifecycles/s");
        let bounds = Bounds::Both { must: 6_000.0, aim: 12_000.0 };
        trial.report.target("lifecycle, 64 in flight", measured, Good::AtLeast, bounds);
    }
    Ok(trial.report)
}

/// The same with runners on sockets.
fn over_sockets(lab: &Lab, options: &Lifecycle) -> Result<Report> {
    let Lifecycle { in_flight, seconds, sockets, runners, events, .. } = *options;
    let title = format!(
        "{in_flight} in flight: created over HTTP, leased to {runners} runner WebSockets with \
         {in_flight} slots between them, {events} event(s) each, completed; {seconds} s"
    );
    let mut trial = lab.trial("lifecycle", &title)?;
    let before = trial.server.supervisor()?;
    let memory = trial.server.sample()?;
    let load = sockets::Load::open(trial.server.address(), options)?;
    let finding = load.run(|| Reading::take(&trial.server))?;
    let sockets::Finding { times, measured, ids, told } = finding;
    let memory = (memory, trial.server.sample()?);
    let report = &mut trial.report;
    report.row("connections", format!("{in_flight}, to create executions"), in_flight);
    report.row("runner_sockets", runners.to_string(), runners);
    report.row("slots", in_flight.to_string(), in_flight);
    report.row("events_per_execution", events.to_string(), events);
    report.row("watcher_sockets", sockets.to_string(), sockets);
    report.row("seconds", format!("{:.2}", measured.seconds), measured.seconds);
    let rate = times.whole.count() as f64 / measured.seconds;
    report.row("lifecycles_per_s", format!("{} lifecycles/s", figure(rate)), rate);
    report.latency("whole", times.whole.quantiles());
    report.latency("create", times.create.quantiles());
    report.latency("create_to_lease", times.lease.quantiles());
    report.latency("complete", times.complete.quantiles());
    if sockets > 0 {
        report.latency("complete_to_end", times.told.quantiles());
        let text = format!("{told} of {} watched to their end, in order", ids.len());
        report.row("watched", text, told);
    }
    measured.after.report_cpu(&measured.before, report);
    report_memory(&memory.0, &memory.1, report);
    report_supervisor(&before, &mut trial)?;
    let mut kinds = vec!["execution.created", "execution.started"];
    kinds.extend(vec!["CUSTOM"; events]);
    kinds.push("execution.completed");
    let population = Population::new(trial.server.address(), QUEUE);
    let stories = story::read_back(&population, &ids, |_, log| story::exactly(log, &kinds))?;
    stories.report("created, started, its events, completed", &mut trial.report);
    lab.close(&mut trial)?;
    if in_flight == 64 {
        let measured = (rate, "lifecycles/s");
        let figure = "lifecycle over WebSockets, 64 in flight";
        trial.report.target(figure, measured, Good::AtLeast, Bounds::Must(10_000.0));
    }
    if options.peer.is_some() {
        peer::compare(lab, options, rate, &mut trial.report)?;
    }
    Ok(trial.report)
}

fn report(trial: &mut Trial, options: &Lifecycle, finding: &Finding) {
    let report = &mut trial.report;
    report.row("connections", options.in_flight.to_string(), options.in_flight);
    report.row("watcher_sockets", options.sockets.to_string(), options.sockets);
    report.row("seconds", format!("{:.2}", finding.seconds), finding.seconds);
    let rate = finding.per_second();
    report.row("lifecycles_per_s", format!("{} lifecycles/s", figure(rate)), rate);
    let Times { create, claim, complete, told, whole } = &finding.times;
    report.latency("whole", whole.quantiles());
    report.latency("create", create.quantiles());
    report.latency("claim", claim.quantiles());
    report.latency("complete", complete.quantiles());
    report.latency("complete_to_end", told.quantiles());
    finding.after.report_cpu(&finding.before, report);
    report.row(
        "audit",
        format!("{} created, {} ended, all told in order", finding.created, finding.ended),
        serde_json::json!({"created": finding.created, "ended": finding.ended}),
    );
    if finding.created != finding.ended {
        report.fail(format!("{} executions never ended", finding.created - finding.ended));
    }
}

/// Distributions of the stages.
#[derive(Debug)]
struct Times {
    create: Latency,
    claim: Latency,
    complete: Latency,
    /// From asking to complete until the watcher has `end`.
    told: Latency,
    /// From asking to create until the watcher has `end`.
    whole: Latency,
}

#[derive(Debug)]
struct Finding {
    times: Times,
    seconds: f64,
    before: Reading,
    after: Reading,
    created: u64,
    ended: u64,
}

impl Finding {
    #[allow(clippy::cast_precision_loss)] // Counts of a short run.
    fn per_second(&self) -> f64 {
        self.times.whole.count() as f64 / self.seconds
    }
}

/// What a connection is asking for.
#[derive(Clone, Debug)]
enum Stage {
    Creating,
    Claiming,
    /// Of the execution it was given, which another connection may have created.
    Completing(String),
    /// Its work is done; its own execution's watcher has not been told yet.
    Waiting,
}

/// One of those in flight.
#[derive(Clone, Debug)]
struct Slot {
    stage: Stage,
    /// When its execution was asked for.
    begun: Instant,
    /// Whether its own execution's watcher has been told.
    told: bool,
}

#[derive(Clone, Copy, Debug)]
enum Clock {
    WarmingUp,
    Measuring(Instant, Reading),
    Draining,
}

/// The whole load.
struct Load {
    connections: Connections,
    host: Host,
    watchers: Vec<Watcher>,
    create: Vec<u8>,
    claims: Vec<Vec<u8>>,
    slots: Vec<Slot>,
    book: Book,
    times: Times,
    clock: Clock,
}

impl Load {
    fn open(server: &Server, options: &Lifecycle) -> Result<Self> {
        let address = server.address();
        let host = Host::new(address);
        let connections = Connections::open(address, options.in_flight)?;
        let connect = |_| Watcher::connect(address);
        let watchers: Vec<_> = (0..options.sockets).map(connect).collect::<Result<_>>()?;
        for (nth, watcher) in watchers.iter().enumerate() {
            connections.share_wait(watcher.stream(), nth)?;
        }
        let claim_path = format!("/v1/queues/{QUEUE}/claim");
        let claim = |runner| host.post(&claim_path, &claim_body(runner, 1));
        let slot = Slot { stage: Stage::Waiting, begun: Instant::now(), told: true };
        let new = Latency::new;
        Ok(Self {
            create: host.post("/v1/executions", &create_body(QUEUE, FAR)),
            claims: (0..options.in_flight).map(claim).collect(),
            slots: vec![slot; options.in_flight],
            book: Book::default(),
            times: Times {
                create: new(),
                claim: new(),
                complete: new(),
                told: new(),
                whole: new(),
            },
            clock: Clock::WarmingUp,
            connections,
            host,
            watchers,
        })
    }

    fn run(mut self, server: &Server, options: &Lifecycle) -> Result<Finding> {
        let warm = Instant::now() + Duration::from_secs(options.warmup);
        let measured = Duration::from_secs(options.seconds);
        for index in 0..self.slots.len() {
            self.create(index)?;
        }
        let mut window = None;
        let mut last_sign = Instant::now();
        let mut ready = Vec::new();
        while self.connections.in_flight() > 0 || self.book.open() > 0 {
            self.connections.wait(TICK, &mut ready)?;
            let now = Instant::now();
            match self.clock {
                Clock::WarmingUp if now >= warm => {
                    self.clock = Clock::Measuring(now, Reading::take(server)?);
                }
                Clock::Measuring(from, before) if now >= from + measured => {
                    window = Some((now.duration_since(from), before, Reading::take(server)?));
                    self.clock = Clock::Draining;
                }
                Clock::WarmingUp | Clock::Measuring(..) | Clock::Draining => {}
            }
            if !ready.is_empty() {
                last_sign = now;
            } else if now.duration_since(last_sign) > STALL {
                let what = format!("{} executions to end", self.book.open());
                return Err(Error::TimedOut { what, seconds: STALL.as_secs() });
            }
            for &token in &ready {
                match token.checked_sub(self.slots.len()) {
                    None => self.answered(token)?,
                    Some(watcher) => self.told(watcher)?,
                }
            }
            for watcher in &mut self.watchers {
                watcher.flush()?;
            }
        }
        let (length, before, after) = window.expect("draining begins only after measuring");
        let (created, ended) = self.book.counts();
        let seconds = length.as_secs_f64();
        Ok(Finding { times: self.times, seconds, before, after, created, ended })
    }

    fn measuring(&self) -> bool {
        matches!(self.clock, Clock::Measuring(..))
    }

    fn create(&mut self, index: usize) -> Result<()> {
        self.slots[index] = Slot { stage: Stage::Creating, begun: Instant::now(), told: false };
        self.connections.send(index, &self.create)
    }

    /// A reply on connection `index`.
    fn answered(&mut self, index: usize) -> Result<()> {
        let measuring = self.measuring();
        let Some(received) = self.connections.receive(index)? else { return Ok(()) };
        let slot = &mut self.slots[index];
        let (status, took) = (received.status, received.took);
        match &slot.stage {
            Stage::Creating => {
                let id = created_id(status, received.body)?;
                let sockets = self.watchers.len();
                self.watchers[index % sockets].subscribe(&id)?;
                self.book.created(id, index);
                slot.stage = Stage::Claiming;
                record(measuring, &mut self.times.create, took);
                self.connections.send(index, &self.claims[index])
            }
            Stage::Claiming => {
                let mut leases = claimed(status, received.body)?;
                record(measuring, &mut self.times.claim, took);
                let Some(lease) = leases.pop() else {
                    // The wait was in vain: ask again.
                    return self.connections.send(index, &self.claims[index]);
                };
                let request = complete_request(&self.host, &lease);
                self.book.completing(&lease.execution);
                slot.stage = Stage::Completing(lease.execution);
                self.connections.send(index, &request)
            }
            Stage::Completing(execution) => {
                if !(200..300).contains(&status) {
                    let what = format!("complete of {execution}");
                    return Err(Error::refused(what, status, received.body));
                }
                slot.stage = Stage::Waiting;
                record(measuring, &mut self.times.complete, took);
                self.go_on(index)
            }
            Stage::Waiting => Err(Error::protocol("silence", "a reply nobody asked for")),
        }
    }

    /// Frames on watcher `nth`.
    fn told(&mut self, nth: usize) -> Result<()> {
        let measuring = self.measuring();
        let mut ended = Vec::new();
        let (book, times, slots) = (&mut self.book, &mut self.times, &mut self.slots);
        self.watchers[nth].read(|frame| {
            let Some(end) = book.frame(&frame)? else { return Ok(()) };
            let slot = &mut slots[end.slot];
            slot.told = true;
            record(measuring, &mut times.told, end.since_complete);
            record(measuring, &mut times.whole, slot.begun.elapsed());
            ended.push(end.slot);
            Ok(())
        })?;
        ended.into_iter().try_for_each(|index| self.go_on(index))
    }

    /// Begins the next one once both the work and the watching of this one are over.
    fn go_on(&mut self, index: usize) -> Result<()> {
        let slot = &self.slots[index];
        let over = matches!(slot.stage, Stage::Waiting) && slot.told;
        if over && !matches!(self.clock, Clock::Draining) {
            self.create(index)?;
        }
        Ok(())
    }
}

fn record(measuring: bool, latency: &mut Latency, took: Duration) {
    if measuring {
        latency.record(took);
    }
}
