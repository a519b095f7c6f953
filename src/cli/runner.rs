//! `heartline runner`: serves queues with a command, for as long as it is not told to stop.
//!
//! The first SIGTERM or Ctrl-C drains: nothing new is taken, what runs is finished. The second
//! stops what runs and fails it, so that another runner takes it up.

use std::{
    env,
    ffi::OsString,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use heartline_execution::Name;
use tokio::{
    sync::watch::{self, Receiver},
    task::JoinSet,
    time::sleep,
};

use super::{
    Global,
    client::{
        Client,
        runner::{Identity, Lease, Leases, Notice, Runner, host},
    },
    error::Error,
    exit::Exit,
    output::{self, Tone, paint, short},
    sanitise,
    signals::Interrupts,
    wrapper::{Ended, Job, Notices, Order, Program},
};

/// The most slots of one runner: each is a process.
const SLOTS_MAX: i64 = 1_000;

/// How long a server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Serve queues: run a command once for each execution.
///
/// The input comes as JSON on standard input. The environment has HEARTLINE_EXECUTION_ID,
/// HEARTLINE_ATTEMPT, HEARTLINE_SERVER and, unless they are too large for that, HEARTLINE_INPUT
/// and HEARTLINE_CHECKPOINT: the JSON of what the attempts before left; TRACEPARENT where the
/// execution was created with a W3C trace context.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The queue to serve; may be given several times.
    #[arg(long = "queue", value_name = "QUEUE", required = true)]
    queues: Vec<Name>,
    /// Executions at once, over all queues.
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
    let identity = Identity::new(&args.name.unwrap_or_else(host));
    let slots = usize::from(args.slots);
    let queues: Vec<&str> = args.queues.iter().map(Name::as_str).collect();
    say(&format!(
        "runner {} serves {} {} of {} with {slots} {}",
        identity.id(),
        if queues.len() == 1 { "queue" } else { "queues" },
        queues.join(", "),
        client.server(),
        if slots == 1 { "slot" } else { "slots" },
    ));
    let runner = Runner::new(client.clone()).identity(identity).queues(queues).slots(slots);
    let leases = runner.notices(notice).start()?;
    let program = Arc::new(Program::with_input(args.command));
    Crew { client, program, jobs: JoinSet::new() }.serve(leases).await
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

/// What runs.
struct Crew {
    client: Client,
    program: Arc<Program>,
    jobs: JoinSet<()>,
}

/// Says what goes on. A runner whose output nobody reads goes on all the same.
fn say(text: &str) {
    let _unread = output::line(text);
}

fn notice(notice: &Notice) {
    match notice {
        Notice::Away { why } => {
            let why = sanitise::line(why);
            say(&format!("the server is away ({why}); trying again by itself"));
        }
        Notice::Back => say("the server is back"),
        Notice::Refused { execution, why } => {
            eprintln!("{execution}: an event was not taken: {}", sanitise::line(why));
        }
        _ => {}
    }
}

impl Crew {
    async fn serve(mut self, mut leases: Leases) -> Result<Exit, Error> {
        let mut interrupts = Interrupts::catch()?;
        let (order, orders) = watch::channel(Order::GoOn);
        let (mut draining, mut over) = (false, false);
        while !over || !self.jobs.is_empty() {
            tokio::select! {
                lease = leases.next(), if !over => match lease? {
                    Some(lease) => self.take(lease, orders.clone()),
                    None => over = true,
                },
                Some(done) = self.jobs.join_next() => match done {
                    Ok(()) => {}
                    Err(stopped) => return Err(Error::Other(format!("a job stopped: {stopped}"))),
                },
                // What ran was told, or given up: a server that is away needs no goodbye.
                () = sleep(GOODBYE), if draining && self.jobs.is_empty() => break,
                signal = interrupts.next() => {
                    if draining {
                        order.send_replace(Order::Stop(signal.to_owned()));
                    } else {
                        draining = true;
                        leases.drain();
                        let running = self.jobs.len();
                        say(&format!("{signal}: takes nothing new; {running} still running"));
                    }
                }
            }
        }
        Ok(Exit::OK)
    }

    fn take(&mut self, lease: Lease, orders: Receiver<Order>) {
        let id = lease.execution().id.clone();
        let what = format!("{id} '{}' attempt {}", lease.execution().name, lease.attempt());
        let what = sanitise::line(&what).into_owned();
        say(&format!("{what}: started"));
        let notices: Notices = {
            let id = id.clone();
            Arc::new(move |text| eprintln!("{id}: {}", sanitise::line(text)))
        };
        let job = Job {
            client: self.client.clone(),
            lease,
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
