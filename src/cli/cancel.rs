//! `heartline cancel`: asks an execution to stop.

use heartline_execution::Span;

use super::{
    Global,
    error::Error,
    exit::Exit,
    output::{self, Format, span},
    show::Screen,
    watch::Watch,
};

/// Ask an execution to stop.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Id, or the beginning of it.
    execution: String,
    /// Why, for its log.
    #[arg(long)]
    reason: Option<String>,
    /// How long its runner has before the cancellation is forced.
    #[arg(long, value_parser = span, value_name = "SPAN")]
    grace: Option<Span>,
    /// Follow it to its end.
    #[arg(long)]
    watch: bool,
}

pub(crate) async fn cancel(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let id = client.resolve(&args.execution).await?;
    let answer = client.cancel(&id, args.reason.as_deref(), args.grace).await?;
    if args.watch {
        let mut screen = Screen::new(global.output);
        let over = Watch::whole(&client).until_over(&id, &mut screen).await?;
        return Ok(Exit::of(&over));
    }
    match global.output {
        Format::Table => output::line(&format!("cancellation of {id} requested"))?,
        format => output::json(format, &answer.body)?,
    }
    Ok(Exit::OK)
}
