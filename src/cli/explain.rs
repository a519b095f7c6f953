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
    lines(label, items).iter().try_for_each(|line| output::line(line))
}

/// The label once; an item of several lines, such as a command's last words, keeps them.
fn lines(label: &str, items: &[String]) -> Vec<String> {
    let lines = items.iter().flat_map(|item| item.lines()).enumerate();
    let labelled = lines.map(|(index, line)| {
        let label = if index == 0 { label } else { "" };
        format!("{label:<9} {}", sanitise::line(line))
    });
    labelled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_of_several_lines_keeps_its_lines() {
        let told = ["It ended.".to_owned(), "The last lines:\n  a\x1b\n  b".to_owned()];
        let expected = [
            "evidence  It ended.",
            "          The last lines:",
            "            a\\u{1b}",
            "            b",
        ];
        assert_eq!(lines("evidence", &told), expected);
    }
}
