//! Requests at a steady rate on one side, runners on sockets on the other: how long it takes from
//! asking until the frame that it leads to has been read.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    error::{Error, Result},
    http::{Connections, Received},
    lab::Reading,
    latency::Latency,
    report::Report,
    runners::{Runners, Told},
    window::{Measured, Window},
};

/// Connections that requests take turns on, so that a late answer delays no other request, and that
/// none is left unused: the server ends one that asks for nothing.
const CONNECTIONS: usize = 16;
/// The clock is looked at at least this often.
const TICK: Duration = Duration::from_millis(20);
/// How long nothing may happen before the run is given up.
const STALL: Duration = Duration::from_secs(30);

/// How many requests, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// A second.
    pub(crate) rate: usize,
    pub(crate) warmup: u64,
    pub(crate) seconds: u64,
}

/// What a runner does with a frame.
pub(crate) struct Work {
    /// The frame that was waited for, if it was one: about this execution.
    pub(crate) seen: Option<String>,
    /// What the runner says to it, each to be acknowledged.
    pub(crate) says: Vec<String>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Finding {
    /// When each request was written.
    sent: Vec<Instant>,
    /// When the frame about each execution was read.
    seen: HashMap<String, Instant>,
    /// From writing a request to having read its answer.
    answers: Latency,
    /// From when a request was due to when it was written.
    lateness: Latency,
    measured: Measured,
    /// Requests of the warm-up.
    warm: usize,
}

impl Plan {
    /// Requests in all.
    pub(crate) fn count(self) -> usize {
        let seconds = self.warmup + self.seconds;
        self.rate * usize::try_from(seconds).unwrap_or(usize::MAX)
    }

    /// Makes the requests; `work` says what runners do.
    pub(crate) fn run(
        self,
        (address, mut runners): (SocketAddr, Runners),
        reading: impl Fn() -> Result<Reading>,
        mut request: impl FnMut(usize) -> Vec<u8>,
        mut reply: impl FnMut(usize, Received<'_>) -> Result<()>,
        mut work: impl FnMut(Told<'_>) -> Result<Work>,
    ) -> Result<Finding> {
        let count = self.count();
        let mut connections = Connections::open(address, CONNECTIONS)?;
        let shared = connections.share_wait(&runners, 0)?;
        let mut idle: VecDeque<usize> = (0..connections.len()).collect();
        let mut asked = vec![0; connections.len()];
        let mut seen = HashMap::with_capacity(count);
        let mut sent = Vec::with_capacity(count);
        let (mut answers, mut lateness) = (Latency::new(), Latency::new());
        let (mut ready, mut talking) = (Vec::new(), Vec::new());
        let mut window = Window::open(self.warmup, self.seconds);
        let mut unacked = 0usize;
        let (begun, mut last_sign) = (Instant::now(), Instant::now());
        let due = |nth: usize| begun + Duration::from_secs_f64(nth as f64 / self.rate as f64);
        while sent.len() < count
            || seen.len() < count
            || connections.in_flight() + unacked > 0
            || !window.is_over()
        {
            let now = Instant::now();
            while sent.len() < count
                && due(sent.len()) <= now
                && let Some(index) = idle.pop_front()
            {
                let nth = sent.len();
                asked[index] = nth;
                let request = request(nth);
                sent.push(Instant::now());
                connections.send(index, &request)?;
                if window.measures() {
                    lateness.record(now.saturating_duration_since(due(nth)));
                }
            }
            let until = due(sent.len()).saturating_duration_since(Instant::now());
            let timeout = if sent.len() < count && !idle.is_empty() { until } else { TICK };
            connections.wait(timeout.min(TICK), &mut ready)?;
            window.look(&reading)?;
            if !ready.is_empty() {
                last_sign = Instant::now();
            } else if last_sign.elapsed() > STALL {
                let what = format!("frames: {} of {} came", seen.len(), sent.len());
                return Err(Error::TimedOut { what, seconds: STALL.as_secs() });
            }
            for &token in &ready {
                if token != shared {
                    let Some(received) = connections.receive(token)? else { continue };
                    if window.measures() {
                        answers.record(received.took);
                    }
                    reply(asked[token], received)?;
                    idle.push_back(token);
                    continue;
                }
                runners.wait(Duration::ZERO, &mut talking)?;
                for &index in &talking {
                    let mut says = Vec::new();
                    runners.read(index, |told| {
                        if let Told::Ack { .. } = told {
                            unacked = unacked
                                .checked_sub(1)
                                .ok_or_else(|| Error::protocol("one ack each", "another one"))?;
                            return Ok(());
                        }
                        let now = Instant::now();
                        let work = work(told)?;
                        says.extend(work.says);
                        match work.seen.map(|execution| seen.insert(execution, now)) {
                            Some(Some(_)) => Err(Error::protocol("one frame each", "another one")),
                            Some(None) | None => Ok(()),
                        }
                    })?;
                    unacked += says.len();
                    says.iter().for_each(|text| runners.say(index, text.as_bytes()));
                }
                runners.flush()?;
            }
            runners.beat()?;
        }
        let (measured, warm) = (window.measured(), self.rate * self.warmup as usize);
        Ok(Finding { sent, seen, answers, lateness, measured, warm })
    }
}

impl Finding {
    /// From writing each measured request to the frame; `ids` are the executions they were about.
    pub(crate) fn latency(&self, ids: &[String]) -> Result<Latency> {
        let mut latency = Latency::new();
        for (id, sent) in ids.iter().zip(&self.sent).skip(self.warm) {
            let seen = self.seen.get(id);
            let seen = seen.ok_or_else(|| Error::protocol("a frame about each", id.as_str()))?;
            latency.record(seen.duration_since(*sent));
        }
        Ok(latency)
    }

    /// Adds what is no frame's latency.
    pub(crate) fn report(&self, answered: &'static str, report: &mut Report) {
        let seconds = self.measured.seconds;
        report.row("connections", format!("{CONNECTIONS}, in turns"), CONNECTIONS);
        report.row("seconds", format!("{seconds:.2}"), seconds);
        report.latency(answered, self.answers.quantiles());
        report.latency("written_after_due", self.lateness.quantiles());
        self.measured.after.report_cpu(&self.measured.before, report);
    }
}
