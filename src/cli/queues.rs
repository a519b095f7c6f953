//! `heartline queues`: where work waits.

use serde::Deserialize;

use super::{
    Global,
    error::Error,
    exit::Exit,
    output::{self, Format, Table, Tone, cell},
};

/// List the queues.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this one.
    queue: Option<heartline_execution::Name>,
}

/// A queue, as far as it is shown.
#[derive(Debug, Deserialize)]
pub(crate) struct Queue {
    pub(crate) queue: String,
    pub(crate) depth: u64,
    #[serde(default)]
    scheduled: u64,
    pub(crate) in_progress: u64,
    #[serde(default)]
    oldest_age: Option<String>,
    pub(crate) runners_live: u64,
    #[serde(default)]
    runners_known: u64,
    pub(crate) dispatch: super::wire::Dispatch,
}

/// All of them.
#[derive(Debug, Deserialize)]
pub(crate) struct Queues {
    pub(crate) queues: Vec<Queue>,
}

pub(crate) async fn queues(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let path = match &args.queue {
        Some(queue) => format!("/v1/queues/{queue}"),
        None => "/v1/queues".to_owned(),
    };
    let answer = client.get(&path).send().await?;
    if global.output != Format::Table {
        output::json_list(global.output, &answer.body, "queues")?;
        return Ok(Exit::OK);
    }
    let queues = match &args.queue {
        Some(_) => vec![answer.parse::<Queue>(&client)?],
        None => answer.parse::<Queues>(&client)?.queues,
    };
    let mut table = Table::new(&[
        "QUEUE",
        "WAITING",
        "SCHEDULED",
        "RUNNING",
        "OLDEST",
        "RUNNERS",
        "DISPATCH",
        "",
    ]);
    for queue in queues {
        let ready = queue.dispatch.verdict == "ready";
        let stuck = !ready && queue.depth > 0;
        table.row([
            cell(queue.queue),
            cell(queue.depth.to_string()),
            cell(queue.scheduled.to_string()),
            cell(queue.in_progress.to_string()),
            cell(queue.oldest_age.unwrap_or_else(|| "-".to_owned())),
            cell(format!("{}/{}", queue.runners_live, queue.runners_known)),
            (queue.dispatch.verdict, if stuck { Tone::Warn } else { Tone::Plain }),
            cell(if stuck { queue.dispatch.message } else { String::new() }),
        ]);
    }
    if table.is_empty() {
        output::line("no queues yet: a queue exists once something was created on it or asked it")?;
    } else {
        table.print()?;
    }
    Ok(Exit::OK)
}
