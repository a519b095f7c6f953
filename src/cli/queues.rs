//! `heartline queues`: where work waits. What changes a queue is in `queue_changes`.

use heartline_execution::Name;
use serde::Deserialize;

use super::{
    Global,
    client::{Answer, Client},
    error::Error,
    exit::Exit,
    output::{self, Format, Table, Tone, cell},
    queue_changes, sanitise,
};

/// List the queues, pause or resume one, set its limits.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Only this one.
    queue: Option<Name>,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show all there is to know of a queue.
    Get {
        /// Which.
        queue: Name,
    },
    /// Give nothing out until it is resumed; what is in progress goes on.
    Pause(queue_changes::Pause),
    /// Give out again.
    Resume(queue_changes::Resume),
    /// Limit how much is in progress, and how fast it is claimed.
    Limit(queue_changes::Limit),
}

/// A queue, as far as it is shown.
#[derive(Debug, Deserialize)]
pub(crate) struct Queue {
    pub(crate) queue: String,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    pause: Option<Paused>,
    #[serde(default)]
    limits: Limits,
    pub(crate) depth: u64,
    #[serde(default)]
    scheduled: u64,
    #[serde(default)]
    held: u64,
    #[serde(default)]
    claims_waiting: u64,
    pub(crate) in_progress: u64,
    #[serde(default)]
    oldest_age: Option<String>,
    pub(crate) runners_live: u64,
    #[serde(default)]
    runners_known: u64,
    #[serde(default)]
    claim_latency_ms: Latency,
    #[serde(default)]
    last_minute: Throughput,
    #[serde(default)]
    busiest_keys: Vec<Key>,
    pub(crate) dispatch: super::wire::Dispatch,
}

#[derive(Debug, Deserialize)]
struct Paused {
    since: String,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Limits {
    max_in_progress: Option<u64>,
    rate: Option<Rate>,
    key_max_in_progress: Option<u64>,
    key_rate: Option<Rate>,
}

#[derive(Debug, Deserialize)]
struct Rate {
    per_second: f64,
    burst: u64,
}

#[derive(Debug, Default, Deserialize)]
struct Latency {
    p50: f64,
    p99: f64,
}

#[derive(Debug, Default, Deserialize)]
struct Throughput {
    entered: u64,
    claimed: u64,
    ended: u64,
}

#[derive(Debug, Deserialize)]
struct Key {
    key: String,
    waiting: u64,
    in_progress: u64,
}

/// All of them.
#[derive(Debug, Deserialize)]
pub(crate) struct Queues {
    pub(crate) queues: Vec<Queue>,
}

pub(crate) async fn queues(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    match &args.action {
        Some(Action::Get { queue }) => {
            let answer = client.get(&format!("/v1/queues/{queue}")).send().await?;
            return show(global, &answer, &client);
        }
        Some(Action::Pause(pause)) => return pause.send(global, &client).await,
        Some(Action::Resume(resume)) => return resume.send(global, &client).await,
        Some(Action::Limit(limit)) => return limit.send(global, &client).await,
        None => {}
    }
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
        let stuck = queue.paused || !ready && queue.depth > 0;
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

/// Prints one queue whole, from an answer that is one.
pub(crate) fn show(global: &Global, answer: &Answer, client: &Client) -> Result<Exit, Error> {
    if global.output != Format::Table {
        output::json(global.output, &answer.body)?;
        return Ok(Exit::OK);
    }
    for (name, value) in describe(&answer.parse::<Queue>(client)?) {
        output::line(&format!("{name:<12}{}", sanitise::line(&value)))?;
    }
    Ok(Exit::OK)
}

fn describe(queue: &Queue) -> Vec<(&'static str, String)> {
    let paused = match &queue.pause {
        Some(Paused { since, by, reason }) => {
            let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("since {since}{by}{reason}")
        }
        None => "no".to_owned(),
    };
    let number = |limit: Option<u64>| limit.map_or("none".to_owned(), |limit| limit.to_string());
    let rate = |rate: &Option<Rate>| match rate {
        Some(Rate { per_second, burst }) => format!("{per_second}/s, at most {burst} at once"),
        None => "none".to_owned(),
    };
    let Limits { max_in_progress, rate: of_queue, key_max_in_progress, key_rate } = &queue.limits;
    let limits = |most, of| format!("in progress {}; rate {}", number(most), rate(of));
    let oldest = queue.oldest_age.as_ref().map(|age| format!("; the oldest for {age}"));
    let Throughput { entered, claimed, ended } = queue.last_minute;
    let Latency { p50, p99 } = queue.claim_latency_ms;
    let mut lines = vec![
        ("queue", queue.queue.clone()),
        ("paused", paused),
        ("limits", limits(*max_in_progress, of_queue)),
        ("of a key", limits(*key_max_in_progress, key_rate)),
        (
            "waiting",
            format!(
                "{}; {} of them held; {} scheduled{}",
                queue.depth,
                queue.held,
                queue.scheduled,
                oldest.unwrap_or_default()
            ),
        ),
        ("running", queue.in_progress.to_string()),
        ("last minute", format!("{entered} entered, {claimed} claimed, {ended} ended")),
        ("claimed in", format!("p50 {p50:.1} ms, p99 {p99:.1} ms")),
        (
            "runners",
            format!(
                "{} live of {} known; {} claims wait",
                queue.runners_live, queue.runners_known, queue.claims_waiting
            ),
        ),
        ("dispatch", format!("{}: {}", queue.dispatch.verdict, queue.dispatch.message)),
    ];
    for Key { key, waiting, in_progress } in &queue.busiest_keys {
        lines.push(("key", format!("{key}: {waiting} waiting, {in_progress} running")));
    }
    lines
}
