//! `heartline runners`: who does the work.

use std::collections::BTreeMap;

use heartline_execution::Timestamp;
use serde::Deserialize;

use super::{
    Global,
    error::Error,
    exit::Exit,
    output::{self, Format, Table, Tone, away, cell, now},
    wire::Runner,
};

/// List the runners.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this one (its id).
    runner: Option<heartline_execution::Name>,
}

#[derive(Debug, Deserialize)]
struct Known {
    #[serde(flatten)]
    info: Runner,
    status: String,
    #[serde(default)]
    queues: BTreeMap<String, Timestamp>,
    #[serde(default)]
    slots: u32,
    #[serde(default)]
    leases: Vec<String>,
    last_seen: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Runners {
    runners: Vec<Known>,
}

pub(crate) async fn runners(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let path = match &args.runner {
        Some(runner) => format!("/v1/runners/{runner}"),
        None => "/v1/runners".to_owned(),
    };
    let answer = client.get(&path).send().await?;
    if global.output != Format::Table {
        output::json_list(global.output, &answer.body, "runners")?;
        return Ok(Exit::OK);
    }
    let runners = match &args.runner {
        Some(_) => vec![answer.parse::<Known>(&client)?],
        None => answer.parse::<Runners>(&client)?.runners,
    };
    let now = now();
    let mut table =
        Table::new(&["RUNNER", "STATUS", "HOST", "PID", "QUEUES", "SLOTS", "HOLDS", "LAST SEEN"]);
    for runner in runners {
        let tone = match &*runner.status {
            "live" => Tone::Good,
            "late" => Tone::Warn,
            _ => Tone::Bad,
        };
        table.row([
            cell(runner.info.id),
            (runner.status, tone),
            cell(runner.info.host.unwrap_or_default()),
            cell(runner.info.pid.map(|pid| pid.to_string()).unwrap_or_default()),
            cell(runner.queues.into_keys().collect::<Vec<_>>().join(" ")),
            cell(runner.slots.to_string()),
            cell(runner.leases.len().to_string()),
            cell(away(runner.last_seen, now)),
        ]);
    }
    if table.is_empty() {
        output::line("no runners yet; start one: heartline runner --queue agents -- CMD")?;
    } else {
        table.print()?;
    }
    Ok(Exit::OK)
}
