//! `heartline run`: a command under supervision, here and now, without any set-up.
//!
//! It creates an execution on a queue of its own, is that queue's only runner, and shows what every
//! other watcher sees. The command's standard input is empty: an attempt that is retried could not
//! read the same again.

use std::{
    ffi::OsString,
    io,
    pin::pin,
    sync::{Arc, Mutex},
};

use heartline_execution::{Kind, Name, Phase, Span};
use serde_json::Value;
use tokio::{
    sync::watch::{self, Receiver, Sender},
    time::timeout,
};

use super::{
    Global,
    client::{
        Client, Error as ClientError,
        runner::{Failure, Identity, Lease, Leases, Notice, Runner},
        watch::View,
    },
    create::{Request, kind, label},
    error::Error,
    exit::Exit,
    output::span,
    sanitise,
    show::Screen,
    signals::Interrupts,
    watch::Watch,
    wire::{Created, Execution},
    wrapper::{Ended, Job, Notices, Order, Outcome, Program},
};

/// How long a server may take to say goodbye. Without it the runner counts as lost, not as done.
const GOODBYE: std::time::Duration = std::time::Duration::from_secs(2);

/// Run a command here under supervision, and show it live.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Agent or workflow.
    #[arg(long, value_parser = kind, default_value = "agent")]
    kind: Kind,
    /// A name for it; else that of the command.
    #[arg(long)]
    name: Option<String>,
    /// The queue to use; nobody else may use it. Else a new one.
    #[arg(long)]
    queue: Option<Name>,
    /// A label; may be given several times.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Between two signs of life; they come by themselves.
    #[arg(long, value_parser = span, value_name = "SPAN")]
    heartbeat: Option<Span>,
    /// The most time that an attempt may take.
    #[arg(long, value_parser = span, value_name = "SPAN")]
    timeout: Option<Span>,
    /// Attempts after the first.
    #[arg(long, default_value_t = 0, value_name = "N")]
    retries: u32,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
}

pub(crate) async fn run(global: &Global, args: Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let program = Arc::new(Program::without_input(args.command));
    let identity = Identity::new("run");
    if let Some(queue) = &args.queue {
        ours(&client, queue).await?;
    }
    let queue = args.queue.as_ref().map_or(identity.id(), Name::as_str).to_owned();
    let mut interrupts = Interrupts::catch()?;
    let request = Request::default()
        .set("kind", Some(args.kind.as_str()))
        .set("name", Some(args.name.unwrap_or_else(|| program.name())))
        .set("queue", Some(queue.as_str()))
        .labels(&args.labels)
        .timeout("heartbeat", args.heartbeat)
        .timeout("start_to_close", args.timeout)
        .within("retry", "max_attempts", Some(args.retries.saturating_add(1)));
    let created: Created = request.send(&client, None).await?.parse(&client)?;

    let (order, orders) = watch::channel(Order::GoOn);
    let (over, is_over) = watch::channel(false);
    let leases =
        Runner::new(client.clone()).queues([&queue]).identity(identity).notices(notice).start()?;
    let worker = Worker {
        client: client.clone(),
        id: created.execution.id,
        queue,
        program,
        orders,
        is_over,
        last: Mutex::new(None),
    };
    let screen = Screen::new(global.output);
    let execution = worker.shown(screen, leases, &mut interrupts, &order, &over).await?;
    let last = worker.last.lock().expect("no holder panics").take();
    Ok(exit(&execution, last.as_ref()))
}

/// What no event says; that the server is away is told by whoever follows.
fn notice(notice: &Notice) {
    if let Notice::Refused { why, .. } = notice {
        eprintln!("heartline: an event was not taken: {}", sanitise::line(why));
    }
}

/// A queue that others use would hand us their work, and them ours.
async fn ours(client: &Client, queue: &Name) -> Result<(), Error> {
    let view = match client.get(&format!("/v1/queues/{queue}")).json::<Value>().await {
        Ok(view) => view,
        Err(error) if error.status() == Some(404) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let count = |field: &str| view.get(field).and_then(Value::as_u64).unwrap_or_default();
    if count("runners_live") + count("depth") + count("in_progress") == 0 {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "queue '{queue}' is in use; leave --queue out, or: heartline create --queue {queue} …"
    )))
}

/// The runner's half of `run`.
struct Worker {
    client: Client,
    id: String,
    queue: String,
    program: Arc<Program>,
    orders: Receiver<Order>,
    is_over: Receiver<bool>,
    /// How the last attempt here ended.
    last: Mutex<Option<Outcome>>,
}

impl Worker {
    /// Works and shows the work until it is over; signals cancel it.
    async fn shown(
        &self,
        mut screen: Screen,
        leases: Leases,
        interrupts: &mut Interrupts,
        order: &Sender<Order>,
        over: &Sender<bool>,
    ) -> Result<Execution, Error> {
        let mut work = pin!(self.work(leases));
        let watch = Watch {
            client: &self.client,
            after: 0,
            view: View::Full,
            through_waiting: true,
            // The worker decides when the server has been away for too long.
            patience: std::time::Duration::MAX,
        };
        let execution = loop {
            let followed = {
                let mut following = pin!(watch.until_over(&self.id, &mut screen));
                loop {
                    tokio::select! {
                        followed = &mut following => break followed,
                        ended = &mut work => {
                            return Err(ended.err().unwrap_or(Error::OutputClosed));
                        }
                        signal = interrupts.next() => self.interrupted(signal, order),
                    }
                }
            };
            match followed {
                // Whoever read the output is gone; the command need not go with him.
                Err(Error::OutputClosed) => screen = Screen::Silent,
                followed => break followed?,
            }
        };
        over.send_replace(true);
        // The execution is over; so is its command in a moment, unless it was so already.
        loop {
            tokio::select! {
                // How it ended is on the record by now, whatever the last call was answered.
                _ = &mut work => return Ok(execution),
                signal = interrupts.next() => self.interrupted(signal, order),
            }
        }
    }

    fn interrupted(&self, signal: &'static str, order: &Sender<Order>) {
        let again = *order.borrow() != Order::GoOn;
        order.send_replace(if again { Order::Kill } else { Order::Cancel(signal.to_owned()) });
        let (client, id) = (self.client.clone(), self.id.clone());
        tokio::spawn(async move {
            // Between two attempts nobody but the server can end it. While an attempt runs, its
            // wrapper tells the server as well.
            let _told_again = client.cancel(&id, Some(signal), None).await;
        });
    }

    /// Takes each attempt as it comes, until the execution is over.
    async fn work(&self, mut leases: Leases) -> Result<(), Error> {
        let mut is_over = self.is_over.clone();
        loop {
            let lease = tokio::select! {
                biased;
                Ok(_) = is_over.wait_for(|&over| over) => break,
                lease = leases.next() => lease?,
            };
            match lease {
                Some(lease) => self.attempt(lease).await?,
                None => return Ok(()),
            }
        }
        leases.drain();
        // What comes now goes back when it is dropped; a server that is away needs no goodbye.
        let goodbye = async { while let Ok(Some(_late)) = leases.next().await {} };
        let _away = timeout(GOODBYE, goodbye).await;
        Ok(())
    }

    async fn attempt(&self, lease: Lease) -> Result<(), ClientError> {
        if lease.execution().id != self.id {
            return self.give_back(&lease).await;
        }
        let notices: Notices = Arc::new(|text| eprintln!("heartline: {text}"));
        let job = Job {
            client: self.client.clone(),
            lease,
            program: Arc::clone(&self.program),
            notices,
            orders: self.orders.clone(),
        };
        let outcome = job.run().await;
        let undelivered = match &outcome.ended {
            Ended::Undelivered(error) => Some(error.clone()),
            Ended::Completed | Ended::Failed(_) | Ended::Cancelled | Ended::Superseded(_) => None,
        };
        *self.last.lock().expect("no holder panics") = Some(outcome);
        undelivered.map_or(Ok(()), Err)
    }

    /// Somebody created an execution on our queue in spite of all.
    async fn give_back(&self, lease: &Lease) -> Result<(), ClientError> {
        let failure = Failure {
            code: "foreign_queue".to_owned(),
            message: format!("Queue '{}' belongs to a single heartline run.", self.queue),
            detail: None,
            hint: None,
            retryable: true,
        };
        lease.fail(&failure).await
    }
}

/// The command's own code where it has one.
fn exit(execution: &Execution, last: Option<&Outcome>) -> Exit {
    let by_runner = execution.phase == Phase::Failed
        && matches!(execution.reason.as_deref(), Some("runner_error" | "definition_invalid"));
    match last {
        Some(Outcome { status: Some(status), .. }) if by_runner && !status.success() => {
            Exit::of_command(*status)
        }
        // As shells have it.
        Some(Outcome { not_started: Some(io::ErrorKind::NotFound), .. }) if by_runner => Exit(127),
        Some(Outcome { not_started: Some(_), .. }) if by_runner => Exit(126),
        Some(_) | None => Exit::of(execution),
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

    use super::*;

    #[test]
    fn the_commands_own_code_wins_where_it_has_one() {
        let outcome = |raw: Option<i32>, not_started| Outcome {
            ended: Ended::Completed,
            status: raw.map(ExitStatus::from_raw),
            not_started,
        };
        let failed = |reason| crate::cli::example::execution("failed", Some(reason));
        let own = outcome(Some(42 << 8), None);
        assert_eq!(exit(&failed("runner_error"), Some(&own)), Exit(42));
        assert_eq!(exit(&failed("start_to_close_timeout"), Some(&own)), Exit::TIMED_OUT);
        let killed = outcome(Some(9), None);
        assert_eq!(exit(&failed("runner_error"), Some(&killed)), Exit(137));
        let cancelled = crate::cli::example::execution("cancelled", Some("cancel_requested"));
        assert_eq!(exit(&cancelled, Some(&outcome(Some(15), None))), Exit::CANCELLED);
        let missing = outcome(None, Some(io::ErrorKind::NotFound));
        assert_eq!(exit(&failed("runner_error"), Some(&missing)), Exit(127));
        assert_eq!(exit(&crate::cli::example::execution("completed", None), None), Exit::OK);
    }
}
