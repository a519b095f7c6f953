//! The table as it is now, printed once: asked for and not watched, so that what the server says no
//! to is said at once.

use std::collections::BTreeMap;

use heartline_execution::Phase;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Filter, counted, draw,
    feed::Told,
    figures, pairs, rows,
    table::{Counted, Table},
};
use crate::cli::{
    Global,
    client::{Client, Error as ClientError},
    error::Error,
    exit::Exit,
    output::{self, Format},
    wire::Execution,
};

#[derive(Deserialize)]
struct Page {
    executions: Vec<Box<RawValue>>,
}

/// What `-o json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    counted: &'a Counted,
    queues: &'a RawValue,
    /// In the order of the table.
    executions: Vec<&'a RawValue>,
}

/// Prints it.
pub(super) async fn once(global: &Global, client: &Client, filter: &Filter) -> Result<Exit, Error> {
    let mut table = Table::default();
    let mut sent: BTreeMap<String, Box<RawValue>> = BTreeMap::new();
    // In the order in which executions go through them: one that moves on meanwhile is met again.
    for phase in Phase::ALL {
        for raw in page(client, filter, phase).await? {
            let execution: Execution = serde_json::from_str(raw.get()).map_err(|error| {
                let what = format!("an execution that cannot be read ({error})");
                ClientError::Foreign { server: client.server().to_owned(), what }
            })?;
            sent.insert(execution.id.clone(), raw);
            table.apply(Told::Row(Box::new(execution)));
        }
    }
    let executions = || table.sorted().into_iter().filter_map(|row| sent.get(&row.id));
    match global.output {
        Format::Table => {
            table.figures = figures(client, filter).await?;
            let lines = draw::plain(&table, output::now());
            lines.iter().try_for_each(|line| output::line(line))?;
        }
        Format::Json => {
            let queues = client.get("/v1/queues").json::<Queues>().await?.queues;
            let executions = executions().map(|raw| &**raw).collect();
            let counted = counted(client, filter).await?;
            let shown = Shown { counted: &counted, queues: &queues, executions };
            let shown = serde_json::to_string(&shown).expect("it is plain JSON");
            output::json(Format::Json, &shown)?;
        }
        Format::Jsonl => {
            executions().try_for_each(|raw| output::json(Format::Jsonl, raw.get()))?;
        }
    }
    Ok(Exit::OK)
}

#[derive(Deserialize)]
struct Queues {
    queues: Box<RawValue>,
}

async fn page(
    client: &Client,
    filter: &Filter,
    phase: Phase,
) -> Result<Vec<Box<RawValue>>, ClientError> {
    let limit = rows(phase).to_string();
    let mut query = pairs(filter);
    query.extend([("phase", phase.as_str()), ("limit", &*limit)]);
    let page: Page = client.get("/v1/executions").query(&query).json().await?;
    Ok(page.executions)
}
