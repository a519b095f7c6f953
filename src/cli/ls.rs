//! `heartline ls`: executions, newest first.

use heartline_execution::Timestamp;

use super::{
    Global,
    error::Error,
    exit::Exit,
    output::{self, Format, Table, Tone, attempt, away, between, cell, now},
    wire::{Execution, Listed},
};

/// List executions, newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only those in this phase.
    #[arg(long)]
    phase: Option<heartline_execution::Phase>,
    /// Only those in their phase for this reason, such as runner_lost.
    #[arg(long)]
    reason: Option<heartline_execution::event::Reason>,
    /// Only agents or only workflows.
    #[arg(long, value_parser = super::create::kind)]
    kind: Option<heartline_execution::Kind>,
    /// Only those of this name.
    #[arg(long)]
    name: Option<String>,
    /// Only those of this queue.
    #[arg(long)]
    queue: Option<String>,
    /// Only those of this runner (its id).
    #[arg(long)]
    runner: Option<String>,
    /// Only those with this label.
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::create::label)]
    label: Option<(String, String)>,
    /// Only children of this execution.
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Only those that try this execution again.
    #[arg(long, value_name = "ID")]
    retry_of: Option<String>,
    /// Created at this instant or later (RFC 3339).
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Created before this instant (RFC 3339).
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// The most rows.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Where the page before ended.
    #[arg(long)]
    cursor: Option<String>,
}

pub(crate) async fn ls(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let mut query = args.query();
    for (name, related) in [("parent", &args.parent), ("retry_of", &args.retry_of)] {
        if let Some(id) = related {
            query.push((name, client.resolve(id).await?));
        }
    }
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, &**value)).collect();
    let answer = client.get("/v1/executions").query(&query).send().await?;
    if global.output != Format::Table {
        output::json_list(global.output, &answer.body, "executions")?;
        return Ok(Exit::OK);
    }
    let listed: Listed = answer.parse(&client)?;
    if listed.executions.is_empty() {
        // The limit always stands there.
        output::line(match query.len() {
            1 => "no executions; create one: heartline run -- CMD",
            _ => "no execution is like that; heartline ls shows all",
        })?;
        return Ok(Exit::OK);
    }
    table(&listed.executions).print()?;
    if let Some(cursor) = &listed.next_cursor {
        output::line(&format!("more: --cursor {cursor}"))?;
    }
    Ok(Exit::OK)
}

impl Args {
    fn query(&self) -> Vec<(&'static str, String)> {
        let label = self.label.as_ref().map(|(key, value)| format!("{key}:{value}"));
        [
            ("phase", self.phase.map(|phase| phase.as_str().to_owned())),
            ("reason", self.reason.map(|reason| reason.as_str().to_owned())),
            ("kind", self.kind.map(|kind| kind.as_str().to_owned())),
            ("name", self.name.clone()),
            ("queue", self.queue.clone()),
            ("runner", self.runner.clone()),
            ("label", label),
            ("since", self.since.map(|at| at.to_string())),
            ("until", self.until.map(|at| at.to_string())),
            ("limit", Some(self.limit.to_string())),
            ("cursor", self.cursor.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

/// A row for each.
fn table(executions: &[Execution]) -> Table {
    let now = now();
    let mut table =
        Table::new(&["ID", "NAME", "QUEUE", "PHASE", "ATTEMPT", "CREATED", "TOOK", "REASON"]);
    for execution in executions {
        let end = execution.finished_at.unwrap_or(now);
        let took = execution.started_at.map_or("-".to_owned(), |started| between(started, end));
        table.row([
            cell(&execution.id),
            cell(&execution.name),
            cell(&execution.queue),
            (execution.phase.as_str().to_owned(), tone(execution)),
            cell(attempt(execution.attempt, execution.max_attempts)),
            cell(away(execution.created_at, now)),
            cell(took),
            cell(execution.reason.as_deref().unwrap_or("")),
        ]);
    }
    table
}

/// The colour of a phase.
pub(crate) fn tone(execution: &Execution) -> Tone {
    use heartline_execution::Phase;
    match execution.phase {
        Phase::Completed => Tone::Good,
        Phase::Failed => Tone::Bad,
        Phase::Cancelled | Phase::Waiting => Tone::Warn,
        Phase::InProgress => Tone::Accent,
        Phase::Pending => Tone::Plain,
    }
}
