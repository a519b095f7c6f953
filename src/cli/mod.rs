//! The command line: the arguments, the options that every command shares, and how a command ends.
//!
//! One file per command. What they share: [`client`] (the Rust client, with what the server says as
//! [`wire`]), [`follow`] (to the end of a log), [`show`] (an execution on a screen) and [`wrapper`]
//! (a command under supervision). Clients run on one thread; only `serve` and `demo` start the server's.

mod cancel;
mod completion;
mod create;
mod demo;
mod doctor;
mod error;
mod events;
#[cfg(test)]
mod example;
mod exit;
mod explain;
#[cfg(test)]
#[path = "../../clients/rust/src/fake.rs"]
mod fake;
mod follow;
mod get;
mod logs;
mod ls;
mod output;
mod queue_changes;
mod queues;
mod resume;
mod retry;
mod run;
mod runner;
mod runners;
mod sanitise;
mod serve;
mod show;
mod signals;
mod supervisor;
mod top;
mod watch;
mod wrapper;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use heartline_client::{self as client, types as wire};

use self::{client::Client, error::Error, exit::Exit, output::Format};

/// Runs commands and agents under supervision: no execution dies in silence.
#[derive(Debug, Parser)]
#[command(name = "heartline", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The server to talk to.
    #[arg(
        long,
        global = true,
        env = "HEARTLINE_SERVER",
        default_value = client::DEFAULT_SERVER,
        value_name = "URL"
    )]
    server: String,
    /// The token to show it.
    #[arg(long, global = true, env = "HEARTLINE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// How to print: for people, as one JSON document, or as one JSON object a line.
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

impl Global {
    pub(crate) fn client(&self) -> Result<Client, Error> {
        let client = Client::new(&self.server)?;
        Ok(match &self.token {
            Some(token) => client.with_token(token),
            None => client,
        })
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a server.
    Serve(serve::Args),
    /// Run a command here under supervision, and show it live.
    Run(run::Args),
    /// Serve a queue: run a command once for each execution.
    Runner(runner::Args),
    /// Create an execution for a runner to take.
    Create(Box<create::Args>),
    /// List executions, newest first.
    Ls(ls::Args),
    /// Show an execution with all it holds.
    Get(get::Args),
    /// Follow an execution until it ends or waits for a person.
    Watch(watch::Args),
    /// Print the events of an execution.
    Events(events::Args),
    /// Print the log lines of an execution.
    Logs(logs::Args),
    /// Ask an execution to stop.
    Cancel(cancel::Args),
    /// Answer an execution that waits for a person.
    Resume(resume::Args),
    /// Run an execution that is over once more, as a new one.
    Retry(retry::Args),
    /// Say why an execution is where it is, and what can be done.
    Explain(explain::Args),
    /// List the queues, pause or resume one, set its limits.
    Queues(queues::Args),
    /// List the runners.
    Runners(runners::Args),
    /// Show executions and queues live.
    Top(top::Args),
    /// Show how the server is doing.
    Supervisor(supervisor::Args),
    /// Check the server, the store and this machine.
    Doctor(doctor::Args),
    /// Print a completion script for a shell.
    Completion(completion::Args),
    /// Start a server and show real executions on it: one done, one killed, one stuck, one cancelled.
    #[command(hide = true)]
    Demo(demo::Args),
    /// Ends its process group once its standard input closes; started by `run` and `runner`.
    #[command(hide = true)]
    Guard,
}

/// Parses the arguments, runs the command, and says how it went.
pub(crate) fn main() -> ExitCode {
    let Args { global, command } = Args::parse();
    let ended = match command {
        Command::Serve(args) => serve::serve(args),
        Command::Demo(args) => demo::demo(&args),
        Command::Guard => wrapper::guard::guard(),
        Command::Completion(args) => completion::completion(&args),
        command => one_thread(client_command(global, command)),
    };
    let exit = ended.unwrap_or_else(|error| {
        error.tell();
        error.exit()
    });
    exit.into()
}

async fn client_command(global: Global, command: Command) -> Result<Exit, Error> {
    match command {
        Command::Run(args) => Box::pin(run::run(&global, args)).await,
        Command::Runner(args) => Box::pin(runner::runner(&global, args)).await,
        Command::Create(args) => create::create(&global, &args).await,
        Command::Ls(args) => ls::ls(&global, &args).await,
        Command::Get(args) => get::get(&global, &args).await,
        Command::Watch(args) => watch::watch(&global, &args).await,
        Command::Events(args) => events::events(&global, &args).await,
        Command::Logs(args) => logs::logs(&global, &args).await,
        Command::Cancel(args) => cancel::cancel(&global, &args).await,
        Command::Resume(args) => resume::resume(&global, &args).await,
        Command::Retry(args) => retry::retry(&global, &args).await,
        Command::Explain(args) => explain::explain(&global, &args).await,
        Command::Queues(args) => queues::queues(&global, &args).await,
        Command::Runners(args) => runners::runners(&global, &args).await,
        Command::Top(args) => top::top(&global, &args).await,
        Command::Supervisor(args) => supervisor::supervisor(&global, &args).await,
        Command::Doctor(args) => doctor::doctor(&global, &args).await,
        Command::Serve(_) | Command::Demo(_) | Command::Guard | Command::Completion(_) => {
            unreachable!("these do not run on the client's thread")
        }
    }
}

/// Runs a client: one thread is plenty.
fn one_thread(command: impl Future<Output = Result<Exit, Error>>) -> Result<Exit, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::io("cannot start the runtime", source))?;
    let ended = runtime.block_on(command);
    // A read of standard input in flight must not hold up the end.
    runtime.shutdown_background();
    ended
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_wrapped_command_keeps_its_own_options() {
        let args = Args::parse_from(["heartline", "run", "--name", "n", "--", "ls", "-o", "--all"]);
        let Command::Run(run) = args.command else { panic!("run") };
        assert_eq!(run.command, ["ls", "-o", "--all"]);
        assert_eq!(args.global.output, Format::Table);
    }
}
