//! `heartline demo`, the main job of `make run`: a server in this process, and real executions on
//! it that a person can watch: one agent that finishes, one workflow that is killed half way and
//! retried, one agent that no runner takes, one workflow that is cancelled.
//!
//! Nothing is made up: runners, watchers and the cancellation are processes of this very binary
//! that talk to the public API, and the SIGKILL is a SIGKILL. Then it stays up as a server.

mod cast;
mod stage;

use std::time::Duration;

use heartline_execution::Phase;
use tokio::{sync::oneshot, time::timeout};

use self::{
    cast::{Part, Show},
    stage::Stage,
};
use super::{
    client::Client,
    error::Error,
    exit::Exit,
    ls,
    output::{self, Table, Tone, attempt, cell, paint, short},
    serve::{self, Settings},
    signals::Interrupts,
    wire::Execution,
};

/// The show takes about ten seconds; on a very busy machine it may take longer.
const LONGEST: Duration = Duration::from_secs(120);

/// Start a server and show real executions on it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Settings,
    /// End after the show: with 0 if everything ended as it should, else with 1.
    #[arg(long)]
    exit: bool,
}

pub(crate) fn demo(args: &Args) -> Result<Exit, Error> {
    let loaded = args.settings.load()?;
    // The show is on the same screen: only what is wrong belongs there, unless somebody asked.
    let quiet = loaded.origin("log.filter") == heartline_config::Origin::Default;
    let config = loaded.config;
    serve::log(&config, if quiet { "warn" } else { &config.log.filter })?;
    let listener = serve::bind(&config)?;
    let server = serve::address(&listener)?;
    let data = std::path::absolute(&config.server.data).unwrap_or(config.server.data.clone());
    let data = data.display().to_string();

    let (stop, stopped) = oneshot::channel::<()>();
    let (ended, has_ended) = oneshot::channel();
    // A thread of its own, as a server has a process of its own: the show must not slow it down.
    let thread = std::thread::Builder::new().name("server".to_owned());
    let thread = thread.spawn(move || {
        let shutdown = async {
            // A sender that is gone is a reason to stop as well.
            let _either_way = stopped.await;
        };
        let served =
            actix_web::rt::System::new().block_on(heartline::run(config, listener, shutdown));
        // Nobody waits for it when the show itself has failed.
        let _unheard = ended.send(served);
    });
    let thread = thread.map_err(|source| Error::io("cannot start the server's thread", source))?;

    let shown = super::one_thread(async {
        tokio::select! {
            shown = show(&server, &data, args.exit) => shown,
            served = has_ended => match served {
                Ok(Err(error)) => Err(error.into()),
                Ok(Ok(())) | Err(_) => Err(Error::Other("the server stopped early".to_owned())),
            },
        }
    });
    drop(stop);
    if thread.join().is_err() {
        return Err(Error::Other("the server's thread panicked; see above".to_owned()));
    }
    shown
}

async fn show(server: &str, data: &str, exit: bool) -> Result<Exit, Error> {
    let mut interrupts = Interrupts::catch()?;
    serve::ready(server).await?;
    output::line(&paint(
        concat!("Heartline ", env!("CARGO_PKG_VERSION"), ", a demonstration"),
        Tone::Strong,
    ))?;
    output::line(&format!("  address  {server}"))?;
    output::line(&format!("  page     {server}/"))?;
    output::line(&format!("  data     {data}"))?;
    output::line("Four executions start now. Each line is what a watcher of one sees.")?;
    output::line("")?;

    let client = Client::new(server)?;
    let stage = Stage::build(server).await?;
    let played = tokio::select! {
        played = timeout(LONGEST, Show::new(&client, &stage).play()) => played,
        signal = interrupts.next() => {
            output::line(&format!("{signal}: stopping"))?;
            return Ok(Exit::OK);
        }
    };
    let show = played.unwrap_or_else(|_elapsed| {
        Err(Error::Other(format!("the show did not end within {}", short(LONGEST))))
    })?;
    drop(stage);
    let good = summary(&client, &show).await?;
    if exit {
        return Ok(if good { Exit::OK } else { Exit::ERROR });
    }
    output::line("")?;
    output::line("The server stays up. In another terminal:")?;
    let option = if server == super::client::DEFAULT_SERVER {
        String::new()
    } else {
        format!(" --server {server}")
    };
    for command in ["ls", "supervisor", "run -- CMD"] {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        output::line(format!("  heartline {verb}{option} {rest}").trim_end())?;
    }
    output::line("Ctrl-C stops it.")?;
    let signal = interrupts.next().await;
    output::line(&format!("{signal}: stopping"))?;
    Ok(Exit::OK)
}

/// Whether everything ended as it should, and how it did end.
async fn summary(client: &Client, show: &cast::Played) -> Result<bool, Error> {
    let mut table = Table::new(&[
        "NAME",
        "KIND",
        "ENDED",
        "REASON",
        "ATTEMPTS",
        "TOOK",
        "EXIT",
        "AS IT SHOULD",
    ]);
    let mut all_good = true;
    for (part, exit) in &show.ended {
        let id = show.ids.get(part).map(String::as_str).unwrap_or_default();
        let execution = client.execution(id).await?;
        let good = as_it_should(*part, &execution, *exit);
        all_good &= good;
        let reason = execution.reason.clone().unwrap_or_else(|| "-".to_owned());
        let finished = execution.finished_at.unwrap_or(execution.created_at);
        table.row([
            cell(part.name()),
            cell(&execution.kind),
            (execution.phase.as_str().to_owned(), ls::tone(&execution)),
            cell(reason),
            cell(attempt(execution.attempt, execution.max_attempts)),
            cell(output::between(execution.created_at, finished)),
            cell(exit.map_or_else(|| "-".to_owned(), |code| code.to_string())),
            if good { ("yes".to_owned(), Tone::Good) } else { ("no".to_owned(), Tone::Bad) },
        ]);
    }
    output::line("")?;
    table.print()?;
    match show.noticed {
        Some(after) => {
            output::line(&format!(
                "The SIGKILL was on the watcher's screen {} after it.",
                millis(after)
            ))?;
        }
        None => {
            all_good = false;
            output::line(&paint("The SIGKILL was not noticed.", Tone::Bad))?;
        }
    }
    Ok(all_good)
}

fn millis(span: Duration) -> String {
    format!("{} ms", span.as_millis())
}

/// What the part is there to show.
fn as_it_should(part: Part, execution: &Execution, exit: Option<i32>) -> bool {
    let reason = execution.reason.as_deref();
    match part {
        Part::Inventory => {
            (execution.phase, execution.attempt, exit) == (Phase::Completed, 1, Some(0))
        }
        Part::Checksums => {
            (execution.phase, execution.attempt, exit) == (Phase::Completed, 2, Some(0))
        }
        Part::Translate => {
            let no_runner = reason == Some("schedule_to_start_timeout");
            execution.phase == Phase::Failed
                && no_runner
                && exit == Some(i32::from(Exit::TIMED_OUT.0))
        }
        Part::Endless => {
            execution.phase == Phase::Cancelled
                && reason == Some("cancel_requested")
                && exit == Some(i32::from(Exit::CANCELLED.0))
        }
    }
}
