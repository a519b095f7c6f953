//! `heartline resume`: answers an execution that waits for a person.

use super::{
    Global,
    create::input,
    error::Error,
    exit::Exit,
    output::{self, Format},
    show::Screen,
    watch::Watch,
};

/// Answer an execution that waits for a person.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Id, or the beginning of it.
    execution: String,
    /// The answer as JSON; @FILE reads a file, - standard input.
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Follow it on.
    #[arg(long)]
    watch: bool,
}

pub(crate) async fn resume(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let id = client.resolve(&args.execution).await?;
    let body = match args.input.as_deref().map(input).transpose()? {
        Some(answer) => format!("{{\"input\":{}}}", answer.get()),
        None => "{}".to_owned(),
    };
    let before = client.execution(&id).await?.seq;
    let answer = client.post(&format!("/v1/executions/{id}/resume")).body(body).send().await?;
    if args.watch {
        let watch = Watch { after: before, ..Watch::whole(&client) };
        let over = watch.until_over(&id, &mut Screen::new(global.output)).await?;
        return Ok(Exit::of(&over));
    }
    match global.output {
        Format::Table => output::line(&format!("{id} is answered"))?,
        format => output::json(format, &answer.body)?,
    }
    Ok(Exit::OK)
}
