//! The server's own view of itself: `GET /v1/supervisor`, as far as a benchmark reads it.
//!
//! Every field has a default, so that a server that says less can still be measured.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    http,
    pace::pass,
    report::{Report, figure},
};

/// Between two looks.
const POLL: Duration = Duration::from_millis(100);

/// How things stand.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Supervisor {
    pub(crate) actors: Actors,
    pub(crate) deadlines: Deadlines,
    pub(crate) journal: Journal,
    pub(crate) limbo: Limbo,
    /// Printed as it stands.
    pub(crate) boot: Value,
}

/// What is in memory.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Actors {
    /// Execution actors.
    pub(crate) executions: u64,
    /// Live executions, in memory or not.
    pub(crate) live: u64,
}

/// The deadline set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Deadlines {
    pub(crate) armed: BTreeMap<String, u64>,
    pub(crate) fired: BTreeMap<String, u64>,
    pub(crate) lateness_ms: Spread,
}

/// The journal since the server started.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Journal {
    pub(crate) batch_p50: f64,
    pub(crate) batch_max: f64,
    pub(crate) sync_ms: Spread,
    pub(crate) commits: u64,
    pub(crate) events: u64,
}

/// A distribution in milliseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Spread {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// The limbo audit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Limbo {
    /// Always empty in a server that keeps its word.
    pub(crate) violations: Vec<Value>,
}

impl Supervisor {
    /// Asks the server at `address`.
    pub(crate) fn ask(address: SocketAddr) -> Result<Self> {
        let (status, body) = http::fetch(address, "/v1/supervisor")?;
        if status != 200 {
            return Err(Error::refused("GET /v1/supervisor", status, &body));
        }
        serde_json::from_slice(&body)
            .map_err(|error| Error::protocol("GET /v1/supervisor", error.to_string()))
    }

    /// Asks until `settled` says so; an error after `patience`.
    pub(crate) fn wait_until(
        address: SocketAddr,
        what: &str,
        patience: Duration,
        mut settled: impl FnMut(&Supervisor) -> bool,
    ) -> Result<Self> {
        let begun = Instant::now();
        loop {
            let view = Self::ask(address)?;
            if settled(&view) {
                return Ok(view);
            }
            if begun.elapsed() > patience {
                return Err(Error::TimedOut { what: what.to_owned(), seconds: patience.as_secs() });
            }
            pass(POLL);
        }
    }

    /// Deadlines armed, of every kind.
    pub(crate) fn armed(&self) -> u64 {
        self.deadlines.armed.values().sum()
    }

    /// Adds rows about the journal and the limbo audit; `before` was read before the load.
    #[allow(clippy::cast_precision_loss)] // Counters of a short run.
    pub(crate) fn report(&self, before: &Supervisor, report: &mut Report) {
        let Journal { batch_p50, batch_max, sync_ms, .. } = self.journal;
        let commits = self.journal.commits.saturating_sub(before.journal.commits);
        let events = self.journal.events.saturating_sub(before.journal.events);
        let mean = if commits == 0 { 0.0 } else { events as f64 / commits as f64 };
        report.row(
            "journal_batch",
            format!(
                "p50 {} events   max {}   mean {} over {} commits of this run",
                figure(batch_p50),
                figure(batch_max),
                figure(mean),
                figure(commits as f64)
            ),
            serde_json::json!({
                "p50": batch_p50, "max": batch_max, "mean": mean,
                "commits": commits, "events": events,
            }),
        );
        report.row(
            "journal_sync",
            format!("p50 {} ms   p99 {} ms   max {} ms", sync_ms.p50, sync_ms.p99, sync_ms.max),
            sync_ms,
        );
        if !self.limbo.violations.is_empty() {
            report.fail(format!("executions in limbo: {:?}", self.limbo.violations));
        }
    }
}
