//! After the load: every log is read back whole, and every acknowledged event must stand there
//! once, at the seq that was acknowledged.

use std::{
    borrow::Cow,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::log::{Log, NUMBER_KEY, Run};
use crate::{
    error::{Error, Result},
    http::{Connections, Host, number},
    report::{Report, figure},
};

/// Connections that logs are read over.
const CONNECTIONS: usize = 4;
/// Events asked for at once.
const PAGE: usize = 1_000;
/// How long a page may take.
const STALL: Duration = Duration::from_secs(60);
/// Findings told in full.
const SHOWN: usize = 5;

/// What an audit found.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// Events read.
    read: u64,
    /// Events acknowledged.
    acked: u64,
    /// Of those, events found where they should be.
    found: u64,
    /// What is wrong.
    wrong: Vec<String>,
    wrong_in_all: u64,
    took: Duration,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    events: Vec<Entry<'a>>,
    head: u64,
}

#[derive(Deserialize)]
struct Entry<'a> {
    seq: u64,
    prev: u64,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Reads all `logs` back from the server at `address`.
pub(super) fn read_back(address: SocketAddr, logs: &[Log]) -> Result<Audit> {
    let begun = Instant::now();
    let host = Host::new(address);
    let mut audit = Audit::default();
    let mut waiting = logs.iter().map(Check::new);
    let mut connections = Connections::open(address, CONNECTIONS.min(logs.len()))?;
    let mut checks: Vec<Check<'_>> = waiting.by_ref().take(connections.len()).collect();
    for (index, check) in checks.iter().enumerate() {
        connections.send(index, &check.request(&host))?;
    }
    let mut ready = Vec::new();
    while connections.in_flight() > 0 {
        connections.wait(STALL, &mut ready)?;
        if ready.is_empty() {
            return Err(Error::TimedOut { what: "pages".to_owned(), seconds: STALL.as_secs() });
        }
        for &index in &ready {
            let Some(received) = connections.receive(index)? else { continue };
            let check = &mut checks[index];
            if received.status != 200 {
                return Err(Error::refused("GET …/events", received.status, received.body));
            }
            if check.page(received.body, &mut audit)? {
                check.close(&mut audit);
                let Some(next) = waiting.next() else { continue };
                *check = next;
            }
            let request = checks[index].request(&host);
            connections.send(index, &request)?;
        }
    }
    audit.took = begun.elapsed();
    Ok(audit)
}

/// One log being read.
struct Check<'a> {
    log: &'a Log,
    /// The last seq read.
    seq: u64,
    /// The last event number read.
    number: u64,
    /// Runs not yet passed.
    runs: &'a [Run],
    found: u64,
}

impl<'a> Check<'a> {
    fn new(log: &'a Log) -> Self {
        Self { log, seq: 0, number: 0, runs: &log.acked.runs, found: 0 }
    }

    fn request(&self, host: &Host) -> Vec<u8> {
        let Self { log, seq, .. } = self;
        host.get(&format!("/v1/executions/{}/events?after={seq}&limit={PAGE}", log.name))
    }

    /// Checks a page; whether it was the last one.
    fn page(&mut self, body: &[u8], audit: &mut Audit) -> Result<bool> {
        let page: Page<'_> = serde_json::from_slice(body)
            .map_err(|error| Error::protocol("a page of events", error.to_string()))?;
        if page.events.is_empty() && self.seq < page.head {
            audit.wrong(format!("{}: no events after {}", self.log.name, self.seq));
            return Ok(true);
        }
        for entry in &page.events {
            audit.read += 1;
            self.entry(entry, audit);
        }
        Ok(self.seq >= page.head)
    }

    fn entry(&mut self, entry: &Entry<'_>, audit: &mut Audit) {
        let name = &self.log.name;
        if entry.seq != self.seq + 1 || entry.prev != self.seq {
            audit.wrong(format!("{name}: seq {} follows {}", entry.seq, self.seq));
        }
        self.seq = entry.seq;
        let number = match &*entry.kind {
            "CUSTOM" => number(entry.data.get().as_bytes(), NUMBER_KEY),
            _ => None,
        };
        if let Some(number) = number {
            if number <= self.number {
                audit.wrong(format!("{name}: event {number} again at seq {}", entry.seq));
            }
            self.number = number;
        }
        while let [run, rest @ ..] = self.runs
            && run.seq + run.count <= entry.seq
        {
            self.runs = rest;
        }
        if let [run, ..] = self.runs
            && run.seq <= entry.seq
        {
            let expected = run.number + (entry.seq - run.seq);
            if number == Some(expected) {
                self.found += 1;
            } else {
                let seq = entry.seq;
                audit.wrong(format!("{name}: event {expected} was acked at seq {seq}, not there"));
            }
        }
    }

    fn close(&self, audit: &mut Audit) {
        let acked = self.log.acked.count();
        audit.acked += acked;
        audit.found += self.found;
        if self.found != acked {
            let missing = acked.saturating_sub(self.found);
            audit.wrong(format!("{}: {missing} of {acked} acked events missing", self.log.name));
        }
    }
}

impl Audit {
    fn wrong(&mut self, what: String) {
        self.wrong_in_all += 1;
        if self.wrong.len() < SHOWN {
            self.wrong.push(what);
        }
    }

    /// Adds rows, and failures for everything wrong.
    #[allow(clippy::cast_precision_loss)] // Counts of a short run.
    pub(super) fn report(&self, report: &mut Report) {
        report.row(
            "audit",
            format!(
                "{} events read back in {:.1} s; of {} acked, {} found once at their seq",
                figure(self.read as f64),
                self.took.as_secs_f64(),
                figure(self.acked as f64),
                figure(self.found as f64),
            ),
            serde_json::json!({
                "read": self.read, "acked": self.acked, "found": self.found,
                "wrong": self.wrong_in_all,
            }),
        );
        for what in &self.wrong {
            report.fail(what);
        }
        if self.wrong_in_all > self.wrong.len() as u64 {
            report.fail(format!("{} findings in all", self.wrong_in_all));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::Lease;

    /// A log of three events acknowledged at seqs 3, 4, 5.
    fn log() -> Log {
        let lease = Lease { execution: "aex_1".to_owned(), token: "l".to_owned() };
        let host = Host::new(([127, 0, 0, 1], 7400).into());
        let mut log = Log::leased(&host, &lease, 100, 1).unwrap();
        for seq in 3..=5 {
            log.next_request();
            log.acknowledge(Some(seq));
        }
        log
    }

    fn audit(events: &[(u64, &str, u64)]) -> Audit {
        let entry = |&(seq, kind, number): &(u64, &str, u64)| {
            let data = format!("{{\"message\":\"n={number:010} \"}}");
            let prev = seq - 1;
            format!("{{\"seq\":{seq},\"prev\":{prev},\"type\":\"{kind}\",\"data\":{data}}}")
        };
        let entries: Vec<String> = events.iter().map(entry).collect();
        let head = events.last().map_or(0, |event| event.0);
        let page = format!("{{\"events\":[{}],\"head\":{head}}}", entries.join(","));
        let log = log();
        let (mut check, mut audit) = (Check::new(&log), Audit::default());
        assert!(check.page(page.as_bytes(), &mut audit).unwrap());
        check.close(&mut audit);
        audit
    }

    const START: [(u64, &str, u64); 2] = [(1, "execution.created", 0), (2, "execution.started", 0)];

    fn after_start(events: [(u64, &'static str, u64); 3]) -> Vec<(u64, &'static str, u64)> {
        START.into_iter().chain(events).collect()
    }

    #[test]
    fn a_whole_log_has_nothing_wrong() {
        let whole = after_start([(3, "CUSTOM", 1), (4, "CUSTOM", 2), (5, "CUSTOM", 3)]);
        let audit = audit(&whole);
        assert_eq!((audit.found, audit.wrong_in_all), (3, 0), "{audit:?}");
    }

    #[test]
    fn a_dropped_a_duplicated_and_a_swapped_event_are_seen() {
        let dropped = after_start([(3, "CUSTOM", 1), (4, "CUSTOM", 3), (5, "CUSTOM", 4)]);
        let duplicated = after_start([(3, "CUSTOM", 1), (4, "CUSTOM", 1), (5, "CUSTOM", 3)]);
        let swapped = after_start([(3, "CUSTOM", 2), (4, "CUSTOM", 1), (5, "CUSTOM", 3)]);
        let gap = after_start([(3, "CUSTOM", 1), (4, "CUSTOM", 2), (6, "CUSTOM", 3)]);
        for broken in [dropped, duplicated, swapped, gap, START.to_vec()] {
            assert!(audit(&broken).wrong_in_all > 0, "{broken:?}");
        }
    }
}
