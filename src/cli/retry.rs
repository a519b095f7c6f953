//! `heartline retry`: an execution that is over, once more, as a new one.

use super::{
    Global,
    error::Error,
    exit::Exit,
    output::{self, Format},
    sanitise,
    show::Screen,
    watch::Watch,
    wire::Created,
};

/// Run an execution that is over once more, as a new one.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Id, or the beginning of it.
    execution: String,
    /// Follow the new one.
    #[arg(long)]
    watch: bool,
}

pub(crate) async fn retry(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let id = client.resolve(&args.execution).await?;
    let path = format!("/v1/executions/{id}/retry");
    let answer = client.post(&path).body("{}".to_owned()).send().await?;
    let created: Created = answer.parse(&client)?;
    let new = &created.execution.id;
    if args.watch {
        let over = Watch::whole(&client).until_over(new, &mut Screen::new(global.output)).await?;
        return Ok(Exit::of(&over));
    }
    match global.output {
        Format::Table => {
            output::line(&format!("created   {new}, a retry of {id}"))?;
            let message = sanitise::line(&created.dispatch.message);
            output::line(&format!("dispatch  {}: {message}", created.dispatch.verdict))?;
        }
        format => output::json(format, &answer.body)?,
    }
    Ok(Exit::OK)
}
