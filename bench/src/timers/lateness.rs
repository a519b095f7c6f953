//! How late deadlines fired: by the log, from the time of `execution.failed`, and for a sample by
//! what its watchers saw.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::KIND;
use crate::{
    error::{Error, Result},
    latency::Latency,
    poller::{Interest, Poller},
    population::Population,
    watcher::Watcher,
};

/// Findings told in full.
const SHOWN: usize = 5;

/// What the logs say.
#[derive(Debug)]
pub(super) struct Lateness {
    /// Deadline → the time of the event.
    pub(super) decided: Latency,
    /// Deadline → a watcher has the event; of the sample.
    pub(super) told: Latency,
    /// How many deadlines fell into each second.
    pub(super) per_second: Vec<u64>,
    /// Fired before their deadline: must be 0.
    pub(super) early: u64,
    /// Executions that did not fail as they should.
    pub(super) wrong: Vec<String>,
}

/// When the watcher of an execution was told, in microseconds since the epoch.
pub(super) type Told = HashMap<String, i64>;

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    events: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    data: Data<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    reason: Cow<'a, str>,
    #[serde(borrow)]
    timeouts: Option<Timeouts<'a>>,
}

#[derive(Deserialize)]
struct Timeouts<'a> {
    #[serde(borrow)]
    schedule_to_start: Cow<'a, str>,
}

/// Watches `count` of `ids`, evenly chosen, until all of them ended or `until`.
pub(super) fn watch(
    address: SocketAddr,
    ids: &[String],
    count: usize,
    until: Instant,
) -> Result<Told> {
    let mut told = Told::new();
    let count = count.min(ids.len());
    if count == 0 {
        return Ok(told);
    }
    let mut watcher = Watcher::connect(address)?;
    let mut poller = Poller::new()?;
    poller.add(watcher.stream(), 0, Interest::Read)?;
    for id in ids.iter().step_by(ids.len() / count).take(count) {
        watcher.subscribe(id)?;
    }
    let mut ready = Vec::new();
    while told.len() < count && Instant::now() < until {
        watcher.flush()?;
        poller.wait(Duration::from_millis(100), &mut ready)?;
        watcher.read(|frame| {
            if let Some(event) = frame.event
                && event.kind == "execution.failed"
            {
                told.insert(event.execution_id.into_owned(), now_micros());
            }
            Ok(())
        })?;
    }
    Ok(told)
}

/// Reads the logs of `ids` and measures each.
pub(super) fn check_logs(
    population: &Population<'_>,
    ids: &[String],
    told: &Told,
) -> Result<Lateness> {
    let mut found = Lateness {
        decided: Latency::new(),
        told: Latency::new(),
        per_second: Vec::new(),
        early: 0,
        wrong: Vec::new(),
    };
    let mut per_second: BTreeMap<i64, u64> = BTreeMap::new();
    population.logs(ids, |nth, body| {
        let id = &ids[nth];
        match times(body)? {
            None => found.wrong(format!("{id} did not fail with {KIND}_timeout")),
            Some((deadline, failed)) => {
                *per_second.entry(deadline.div_euclid(1_000_000)).or_default() += 1;
                match u64::try_from(failed - deadline) {
                    Ok(late) => found.decided.record(Duration::from_micros(late)),
                    Err(_) => {
                        found.early += 1;
                        found.wrong(format!("{id} failed {} µs early", deadline - failed));
                    }
                }
                if let Some(told) = told.get(id) {
                    let late = u64::try_from(told - deadline).unwrap_or_default();
                    found.told.record(Duration::from_micros(late));
                }
            }
        }
        Ok(())
    })?;
    found.per_second = per_second.into_values().collect();
    Ok(found)
}

impl Lateness {
    fn wrong(&mut self, what: String) {
        if self.wrong.len() < SHOWN {
            self.wrong.push(what);
        }
    }
}

/// Deadline and failure of the log in `body`, in microseconds since the epoch; `None` when it is
/// not the log of an execution that nobody claimed in time.
fn times(body: &[u8]) -> Result<Option<(i64, i64)>> {
    let wrong = |detail: String| Error::protocol("a page of events", detail);
    let page: Page<'_> = serde_json::from_slice(body).map_err(|error| wrong(error.to_string()))?;
    let [created, .., failed] = &page.events[..] else { return Ok(None) };
    let expected =
        failed.kind == "execution.failed" && failed.data.reason == format!("{KIND}_timeout");
    let Some(timeouts) = &created.data.timeouts else { return Ok(None) };
    if !expected {
        return Ok(None);
    }
    let micros = |text: &str| text.parse().map(Timestamp::as_microsecond);
    let timeout: SignedDuration = timeouts
        .schedule_to_start
        .parse()
        .map_err(|error: jiff::Error| wrong(error.to_string()))?;
    let timeout = i64::try_from(timeout.as_micros()).map_err(|error| wrong(error.to_string()))?;
    let created = micros(&created.time).map_err(|error| wrong(error.to_string()))?;
    let failed = micros(&failed.time).map_err(|error| wrong(error.to_string()))?;
    Ok(Some((created + timeout, failed)))
}

fn now_micros() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(failed_at: &str, reason: &str) -> String {
        format!(
            "{{\"events\":[{{\"seq\":1,\"time\":\"2026-01-02T03:04:05.000006Z\",\
             \"type\":\"execution.created\",\"data\":{{\"timeouts\":\
             {{\"schedule_to_start\":\"1s 500ms\"}}}}}},\
             {{\"seq\":2,\"time\":\"{failed_at}\",\"type\":\"execution.failed\",\
             \"data\":{{\"reason\":\"{reason}\"}}}}],\"head\":2}}"
        )
    }

    #[test]
    fn lateness_is_the_time_of_the_failure_after_the_deadline() {
        let log = log("2026-01-02T03:04:06.501006Z", "schedule_to_start_timeout");
        let (deadline, failed) = times(log.as_bytes()).unwrap().unwrap();
        assert_eq!(failed - deadline, 1_000);
    }

    #[test]
    fn another_end_is_not_counted() {
        let log = log("2026-01-02T03:04:06.501006Z", "heartbeat_timeout");
        assert_eq!(times(log.as_bytes()).unwrap(), None);
    }
}
