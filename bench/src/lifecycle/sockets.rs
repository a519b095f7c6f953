//! The same over runner sockets: executions are created over HTTP, pushed as leases to runners
//! with free slots, and completed there, after their events, without waiting in between.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{QUEUE, STALL, TICK, book::Book};
use crate::{
    arguments::Lifecycle,
    error::{Error, Result},
    http::{Connections, Host},
    lab::Reading,
    latency::Latency,
    population::{FAR, Lease, create_body, created_id},
    runners::{Runners, Told, complete},
    watcher::Watcher,
    window::{Measured, Window},
};

/// What is posted before an execution is completed.
pub(super) const EVENT: &str = "{\"type\":\"CUSTOM\",\"data\":{\"name\":\"log\",\"value\":{\"level\":\"info\",\
                     \"message\":\"The work is done; what remains is to say so.\"}}}";

/// Distributions of the stages.
#[derive(Debug)]
pub(super) struct Times {
    /// From asking to create to the answer.
    pub(super) create: Latency,
    /// From asking to create to the lease at a runner.
    pub(super) lease: Latency,
    /// From saying `complete` to its ack.
    pub(super) complete: Latency,
    /// From saying `complete` until the watcher has `end`.
    pub(super) told: Latency,
    /// From asking to create until the ack, and the watcher has `end`.
    pub(super) whole: Latency,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) times: Times,
    pub(super) measured: Measured,
    /// Every execution that was created.
    pub(super) ids: Vec<String>,
    /// How many watchers were told the end of.
    pub(super) told: u64,
}

/// One of those in flight.
#[derive(Clone, Copy, Debug)]
struct Slot {
    begun: Instant,
    /// Whether its execution's completion was acknowledged.
    acked: bool,
    /// Whether its execution's watcher was told.
    told: bool,
}

/// An execution that is not over.
#[derive(Clone, Copy, Debug, Default)]
struct Case {
    /// Which slot created it; unknown until the answer has come.
    slot: Option<usize>,
    leased: Option<Instant>,
    acked: bool,
}

/// The whole load.
pub(super) struct Load {
    connections: Connections,
    runners: Runners,
    watchers: Vec<Watcher>,
    create: Vec<u8>,
    events: usize,
    slots: Vec<Slot>,
    cases: HashMap<String, Case>,
    /// Completions said and not acknowledged, by the id of their frame.
    completing: HashMap<u64, (String, Instant)>,
    next_id: u64,
    book: Book,
    ids: Vec<String>,
    times: Times,
    window: Window,
}

impl Load {
    /// Everybody connects.
    pub(super) fn open(address: SocketAddr, options: &Lifecycle) -> Result<Self> {
        let Lifecycle { in_flight, runners, sockets, .. } = *options;
        let connections = Connections::open(address, in_flight)?;
        let slots = |nth: usize| (in_flight - nth.min(in_flight)).div_ceil(runners).max(1);
        let (runners, _) = Runners::enlist((address, QUEUE), runners, slots, 0)?;
        connections.share_wait(&runners, 0)?;
        let connect = |_| Watcher::connect(address);
        let watchers: Vec<_> = (0..sockets).map(connect).collect::<Result<_>>()?;
        for (nth, watcher) in watchers.iter().enumerate() {
            connections.share_wait(watcher.stream(), nth + 1)?;
        }
        let new = Latency::new;
        Ok(Self {
            connections,
            runners,
            watchers,
            create: Host::new(address).post("/v1/executions", &create_body(QUEUE, FAR)),
            events: options.events,
            slots: vec![Slot { begun: Instant::now(), acked: true, told: true }; in_flight],
            cases: HashMap::new(),
            completing: HashMap::new(),
            next_id: 0,
            book: Book::default(),
            ids: Vec::new(),
            times: Times {
                create: new(),
                lease: new(),
                complete: new(),
                told: new(),
                whole: new(),
            },
            window: Window::open(options.warmup, options.seconds),
        })
    }

    /// Runs until what was begun is over.
    pub(super) fn run(mut self, reading: impl Fn() -> Result<Reading>) -> Result<Finding> {
        for index in 0..self.slots.len() {
            self.create(index)?;
        }
        let mut last_sign = Instant::now();
        let (mut ready, mut talking) = (Vec::new(), Vec::new());
        while !self.window.is_over() || self.is_busy() {
            self.connections.wait(TICK, &mut ready)?;
            self.window.look(&reading)?;
            if !ready.is_empty() {
                last_sign = Instant::now();
            } else if last_sign.elapsed() > STALL {
                let what = format!("{} executions to end", self.cases.len() + self.book.open());
                return Err(Error::TimedOut { what, seconds: STALL.as_secs() });
            }
            for &token in &ready {
                match token.checked_sub(self.slots.len()) {
                    None => self.created(token)?,
                    Some(0) => {
                        self.runners.wait(Duration::ZERO, &mut talking)?;
                        talking.iter().try_for_each(|&index| self.runner(index))?;
                        self.runners.flush()?;
                    }
                    Some(nth) => self.told(nth - 1)?,
                }
            }
            for watcher in &mut self.watchers {
                watcher.flush()?;
            }
            self.runners.beat()?;
        }
        let (told, measured) = (self.book.counts().1, self.window.measured());
        Ok(Finding { times: self.times, measured, ids: self.ids, told })
    }

    fn is_busy(&self) -> bool {
        self.connections.in_flight() > 0 || !self.cases.is_empty() || self.book.open() > 0
    }

    fn create(&mut self, index: usize) -> Result<()> {
        let told = self.watchers.is_empty();
        self.slots[index] = Slot { begun: Instant::now(), acked: false, told };
        self.connections.send(index, &self.create)
    }

    /// The answer to a create; its lease may have come before.
    fn created(&mut self, index: usize) -> Result<()> {
        let measures = self.window.measures();
        let Some(received) = self.connections.receive(index)? else { return Ok(()) };
        let id = created_id(received.status, received.body)?;
        if measures {
            self.times.create.record(received.took);
        }
        if !self.watchers.is_empty() {
            let sockets = self.watchers.len();
            self.watchers[index % sockets].subscribe(&id)?;
            self.book.created(id.clone(), index);
        }
        let begun = self.slots[index].begun;
        let case = self.cases.entry(id.clone()).or_default();
        case.slot = Some(index);
        if measures && let Some(leased) = case.leased {
            self.times.lease.record(leased.duration_since(begun));
        }
        let acked = case.acked;
        if acked {
            self.cases.remove(&id);
        }
        self.ids.push(id);
        if acked { self.acked(index) } else { Ok(()) }
    }

    /// Frames on the socket of one runner.
    fn runner(&mut self, index: usize) -> Result<()> {
        let (mut leases, mut acks) = (Vec::new(), Vec::new());
        self.runners.read(index, |told| {
            match told {
                Told::Lease(lease) => leases.push(lease.into_owned().lease),
                Told::Ack { id, .. } => acks.push(id),
                other => return Err(other.unexpected()),
            }
            Ok(())
        })?;
        leases.into_iter().try_for_each(|lease| self.leased(index, lease))?;
        acks.into_iter().try_for_each(|id| self.completed(id))
    }

    /// Work: its events are said, and that it is complete.
    fn leased(&mut self, runner: usize, lease: Lease) -> Result<()> {
        let now = Instant::now();
        let case = self.cases.entry(lease.execution.clone()).or_default();
        if case.leased.replace(now).is_some() {
            return Err(Error::protocol("one lease of each execution", lease.execution));
        }
        if self.window.measures()
            && let Some(slot) = case.slot
        {
            self.times.lease.record(now.duration_since(self.slots[slot].begun));
        }
        for batch in 1..=self.events {
            let id = self.next_id;
            let Lease { execution, token } = &lease;
            let text = format!(
                "{{\"op\":\"events\",\"id\":{id},\"execution\":\"{execution}\",\
                 \"lease\":\"{token}\",\"batch\":{batch},\"events\":[{EVENT}]}}"
            );
            self.runners.say(runner, text.as_bytes());
            self.next_id += 1;
        }
        self.runners.say(runner, complete(self.next_id, &lease).as_bytes());
        self.book.completing(&lease.execution);
        self.completing.insert(self.next_id, (lease.execution, now));
        self.next_id += 1;
        Ok(())
    }

    fn completed(&mut self, id: u64) -> Result<()> {
        // Acks of events are counted by the audit of their logs.
        let Some((execution, said)) = self.completing.remove(&id) else { return Ok(()) };
        if self.window.measures() {
            self.times.complete.record(said.elapsed());
        }
        let case = self.cases.entry(execution.clone()).or_default();
        case.acked = true;
        let Some(slot) = case.slot else { return Ok(()) };
        self.cases.remove(&execution);
        self.acked(slot)
    }

    fn acked(&mut self, slot: usize) -> Result<()> {
        self.slots[slot].acked = true;
        self.go_on(slot)
    }

    /// Frames on watcher `nth`.
    fn told(&mut self, nth: usize) -> Result<()> {
        let mut ended = Vec::new();
        let book = &mut self.book;
        self.watchers[nth].read(|frame| {
            ended.extend(book.frame(&frame)?);
            Ok(())
        })?;
        for end in ended {
            if self.window.measures() {
                self.times.told.record(end.since_complete);
            }
            self.slots[end.slot].told = true;
            self.go_on(end.slot)?;
        }
        Ok(())
    }

    /// Begins the next one once both the work and the watching of this one are over.
    fn go_on(&mut self, index: usize) -> Result<()> {
        let Slot { begun, acked, told } = self.slots[index];
        if !(acked && told) {
            return Ok(());
        }
        if self.window.measures() {
            self.times.whole.record(begun.elapsed());
        }
        if self.window.is_over() { Ok(()) } else { self.create(index) }
    }
}
