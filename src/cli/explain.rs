//! `heartline explain`: why an execution is where it is.

use super::{
    Global,
    error::Error,
    exit::Exit,
    output::{self, Format, Tone, away, now, paint},
    sanitise,
    wire::Explanation,
};

/// Say why an execution is where it is, and what can be done.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Id, or the beginning of it.
    execution: String,
}

pub(crate) async fn explain(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let id = client.resolve(&args.execution).await?;
    let answer = client.get(&format!("/v1/executions/{id}/explain")).send().await?;
    if global.output != Format::Table {
        output::json(global.output, &answer.body)?;
        return Ok(Exit::OK);
    }
    let told: Explanation = answer.parse(&client)?;
    output::line(&paint(&sanitise::line(&told.summary), Tone::Strong))?;
    output::line(&format!("cause     {}", sanitise::line(&told.cause)))?;
    list("evidence", &told.evidence)?;
    if let Some(next) = &told.next_deadline {
        output::line(&format!(
            "next      {} {}",
            sanitise::line(&next.kind),
            away(next.at, now())
        ))?;
    }
    list("to do", &told.actions)?;
    Ok(Exit::OK)
}

fn list(label: &str, items: &[String]) -> Result<(), Error> {
    for (index, item) in items.iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        output::line(&format!("{label:<9} {}", sanitise::line(item)))?;
    }
    Ok(())
}
