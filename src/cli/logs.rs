//! `heartline logs`: the log lines of an execution, and nothing else.

use super::{
    Global,
    client::watch::View,
    error::Error,
    events::Pages,
    exit::Exit,
    follow,
    output::{self, Format, Tone, paint},
    sanitise,
    wire::Event,
};

/// Levels from the finest, as the wire spells them.
const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

/// Print the log lines of an execution.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Id, or the beginning of it.
    execution: String,
    /// Go on until it ends.
    #[arg(short, long)]
    follow: bool,
    /// Only this level and above.
    #[arg(long, default_value = "trace", value_parser = LEVELS)]
    level: String,
    /// Only what a wrapped command wrote to this stream.
    #[arg(long, value_parser = ["stdout", "stderr"])]
    stream: Option<String>,
}

pub(crate) async fn logs(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let id = client.resolve(&args.execution).await?;
    let show = |event: &Event| args.show(event, global.output);
    if !args.follow {
        let pages = Pages { client: &client, id: &id, view: View::Full };
        pages.each(0, u64::MAX, show).await?;
        return Ok(Exit::OK);
    }
    follow::to_the_end(&client, &id, 0, View::Full, show).await
}

impl Args {
    fn show(&self, event: &Event, format: Format) -> Result<(), Error> {
        let Some(("log", value)) = event.custom() else { return Ok(()) };
        let text = |field: &str| value.get(field).and_then(serde_json::Value::as_str);
        let level = text("level").unwrap_or("info");
        let rank = |level: &str| LEVELS.iter().position(|known| *known == level);
        if rank(level) < rank(&self.level) {
            return Ok(());
        }
        if self.stream.is_some() && text("stream") != self.stream.as_deref() {
            return Ok(());
        }
        if format != Format::Table {
            return output::line(&sanitise::json(&event.raw));
        }
        let tone = match level {
            "error" => Tone::Bad,
            "warn" => Tone::Warn,
            "trace" | "debug" => Tone::Dim,
            _ => Tone::Plain,
        };
        output::line(&paint(&sanitise::text(text("message").unwrap_or_default()), tone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_are_those_of_the_wire_in_order() {
        assert_eq!(LEVELS, heartline_execution::content::Level::NAMES);
    }
}
