//! `heartline runner`: serves a queue with a command, for as long as it is not told to stop.
//!
//! The first SIGTERM or Ctrl-C drains: nothing new is taken, what runs is finished. The second
//! stops what runs and fails it, so that another runner takes it up.

use std::{
    env,
    ffi::OsString,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use heartline_execution::Name;
use tokio::{
    sync::watch::{self, Receiver},
    task::{JoinHandle, JoinSet},
};

use super::{
    Global,
    client::{Client, Error as ClientError, backoff::Backoff},
    error::Error,
    exit::Exit,
    output::{self, Tone, paint, short},
    sanitise,
    signals::Interrupts,
    wire::Granted,
    wrapper::{Ended, Identity, Job, Notices, Order, Program, claim},
};

/// The most slots of one runner: each is a process.
const SLOTS_MAX: i64 = 1_000;

/// Serve a queue: run a command once for each execution.
///
/// The input comes as JSON on standard input. The environment has HEARTLINE_EXECUTION_ID,
/// HEARTLINE_ATTEMPT, HEARTLINE_SERVER and, unless it is too large for that, HEARTLINE_INPUT.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The queue to serve.
    #[arg(long)]
    queue: Name,
    /// Executions at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=SLOTS_MAX))]
    slots: u16,
    /// A name for people; else that of this machine.
    #[arg(long)]
    name: Option<String>,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) async fn runner(global: &Global, args: Args) -> Result<Exit, Error> {
    let client = global.client()?;
    findable(&args.command[0])?;
    let name = args.name.unwrap_or_else(super::wrapper::host);
    let mut runner = Runner {
        identity: Identity::new(&name),
        queue: args.queue.to_string(),
        program: Arc::new(Program::with_input(args.command)),
        client,
        slots: usize::from(args.slots),
        jobs: JoinSet::new(),
        backoff: Backoff::default(),
        away: false,
    };
    runner.serve().await
}

/// A command that is not there would fail every execution of the queue.
fn findable(program: &OsString) -> Result<(), Error> {
    let runs = |path: &Path| {
        path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    let found = if program.to_string_lossy().contains('/') {
        runs(Path::new(program))
    } else {
        let folders = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&folders)
            .map(|folder: PathBuf| folder.join(program))
            .any(|path| runs(&path))
    };
    if found {
        return Ok(());
    }
    let name = program.to_string_lossy();
    Err(Error::Usage(format!("there is no program '{name}' to run; check its name and PATH")))
}

struct Runner {
    client: Client,
    identity: Identity,
    queue: String,
    program: Arc<Program>,
    slots: usize,
    jobs: JoinSet<()>,
    backoff: Backoff,
    /// The server did not answer the last claim.
    away: bool,
}

/// Says what goes on. A runner whose output nobody reads goes on all the same.
fn say(text: &str) {
    let _unread = output::line(text);
}

type Claiming = JoinHandle<Result<Vec<Granted>, ClientError>>;

impl Runner {
    async fn serve(&mut self) -> Result<Exit, Error> {
        let mut interrupts = Interrupts::catch()?;
        let (order, orders) = watch::channel(Order::GoOn);
        let mut draining = false;
        let mut claiming: Option<Claiming> = None;
        let slots = self.slots;
        say(&format!(
            "runner {} serves queue {} of {} with {slots} slot{}",
            self.identity.id(),
            self.queue,
            self.client.server(),
            if slots == 1 { "" } else { "s" },
        ));
        while !draining || !self.jobs.is_empty() {
            if claiming.is_none() && !draining && self.jobs.len() < self.slots {
                claiming = Some(self.claim());
            }
            tokio::select! {
                claimed = async { claiming.as_mut().expect("guarded").await }, if claiming.is_some() => {
                    claiming = None;
                    match claimed {
                        Ok(claimed) => self.claimed(claimed, &orders)?,
                        Err(stopped) => return Err(Error::Other(format!("the claim stopped: {stopped}"))),
                    }
                }
                Some(done) = self.jobs.join_next() => match done {
                    Ok(()) => {}
                    Err(stopped) => return Err(Error::Other(format!("a job stopped: {stopped}"))),
                },
                signal = interrupts.next() => {
                    if draining {
                        order.send_replace(Order::Stop(signal.to_owned()));
                    } else {
                        draining = true;
                        if let Some(claiming) = claiming.take() {
                            claiming.abort();
                        }
                        let running = self.jobs.len();
                        say(&format!("{signal}: takes nothing new; {running} still running"));
                    }
                }
            }
        }
        Ok(Exit::OK)
    }

    /// Asks for work for every free slot; after a failure, not at once.
    fn claim(&mut self) -> Claiming {
        let wait = if self.away { self.backoff.next() } else { std::time::Duration::ZERO };
        let (client, identity) = (self.client.clone(), self.identity.clone());
        let (queue, slots) = (self.queue.clone(), self.slots - self.jobs.len());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            claim(&client, &queue, &identity, slots).await
        })
    }

    fn claimed(
        &mut self,
        claimed: Result<Vec<Granted>, ClientError>,
        orders: &Receiver<Order>,
    ) -> Result<(), Error> {
        match claimed {
            Ok(leases) => {
                if std::mem::take(&mut self.away) {
                    self.backoff.reset();
                    say("the server is back");
                }
                for granted in leases {
                    self.take(granted, orders.clone());
                }
                Ok(())
            }
            Err(error) if error.is_transient() => {
                if !std::mem::replace(&mut self.away, true) {
                    let why = error.brief();
                    let why = sanitise::line(&why);
                    say(&format!("the server is away ({why}); trying again by itself"));
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn take(&mut self, granted: Granted, orders: Receiver<Order>) {
        let id = granted.execution.id.clone();
        let what = format!("{id} '{}' attempt {}", granted.execution.name, granted.attempt);
        let what = sanitise::line(&what).into_owned();
        say(&format!("{what}: started"));
        let notices: Notices = {
            let id = id.clone();
            Arc::new(move |text| eprintln!("{id}: {}", sanitise::line(text)))
        };
        let job = Job {
            client: self.client.clone(),
            granted,
            program: Arc::clone(&self.program),
            notices,
            orders,
        };
        self.jobs.spawn(async move {
            let started = std::time::Instant::now();
            let ended = job.run().await.ended;
            let (word, tone, why) = match &ended {
                Ended::Completed => ("completed", Tone::Good, String::new()),
                Ended::Failed(message) => ("failed", Tone::Bad, message.clone()),
                Ended::Cancelled => ("cancelled", Tone::Warn, String::new()),
                Ended::Superseded(why) => ("lost", Tone::Warn, why.clone()),
                Ended::Undelivered(error) => ("not told", Tone::Bad, error.brief()),
            };
            let took = short(started.elapsed());
            let why = if why.is_empty() { why } else { format!(": {}", sanitise::line(&why)) };
            say(&format!("{what}: {} after {took}{why}", paint(word, tone)));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_looked_for_before_anything_is_claimed() {
        assert!(findable(&"sh".into()).is_ok());
        assert!(findable(&"/bin/sh".into()).is_ok());
        assert!(findable(&"no-such-program-here".into()).is_err());
        assert!(findable(&"/etc/passwd".into()).is_err());
    }
}
