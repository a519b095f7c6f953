//! One lease, from its grant to its end: the command lives as long as the lease and no longer.
//!
//! Who stops it: the server's cancellation, the loss of the lease, or the operator. How it is told:
//! `complete`, `fail` with a post-mortem, or `cancelled`, repeated until the server has acknowledged
//! it.

use std::{
    future::pending,
    io,
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, ChildStdin, Command},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Notices, Program,
    group::Group,
    lines::Stream,
    post_mortem::{self, Remains},
    pump::{Pump, pumped_out},
    until,
};
use crate::cli::{
    client::{
        Client, Error,
        runner::{Failure, Lease, host},
    },
    create::TRACEPARENT,
    output::now,
    wire::Cancel,
};

/// How long a server may be away before a result is given up: a restart, a reboot.
const PATIENCE: Duration = Duration::from_secs(300);
/// After the command has ended by itself: for what it started to finish writing.
const LINGER: Duration = Duration::from_secs(1);
/// After it was killed: nothing it started has an order to finish, and its watchers wait.
const CRASH_LINGER: Duration = Duration::from_millis(20);
/// Between SIGTERM and SIGKILL where the server names no deadline.
const GRACE: Duration = Duration::from_secs(10);
/// SIGKILL comes this much before the server's deadline, so that the end can still be told.
const MARGIN: Duration = Duration::from_secs(1);
/// For a word with the server while the command ends, whose end waits for it.
const ASKING: Duration = Duration::from_secs(2);
/// Linux takes 128 KiB for one variable; larger inputs are on standard input only, and a larger
/// checkpoint is with the server.
const VARIABLE_MAX: usize = 120 << 10;

/// What the operator of this process wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// Nothing.
    #[default]
    GoOn,
    /// End it, as a person's cancellation for this reason.
    Cancel(String),
    /// End it, so that another runner takes it up.
    Stop(String),
    /// End it at once, and do not wait for the server.
    Kill,
}

/// How a lease ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Done, and acknowledged.
    Completed,
    /// Done, and acknowledged: the message.
    Failed(String),
    /// Done, and acknowledged.
    Cancelled,
    /// The lease was lost: why.
    Superseded(String),
    /// The server did not come back for the result.
    Undelivered(Error),
}

/// A lease to be worked off.
pub(crate) struct Job {
    pub(crate) client: Client,
    pub(crate) lease: Lease,
    pub(crate) program: Arc<Program>,
    pub(crate) notices: Notices,
    pub(crate) orders: watch::Receiver<Order>,
}

/// How it ended, and how the command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ended: Ended,
    /// `None` when it did not start.
    pub(crate) status: Option<ExitStatus>,
    /// Why it did not start.
    pub(crate) not_started: Option<io::ErrorKind>,
}

/// Why the command is being ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stopping {
    Cancelled,
    Ordered(Order),
    Superseded(String),
}

impl Job {
    /// Works it off.
    pub(crate) async fn run(mut self) -> Outcome {
        let (group, child) = match self.start().await {
            Ok(started) => started,
            Err(cause) => return self.not_started(&cause).await,
        };
        let mut side = JoinSet::new();
        let (exit, remains, unsent) = self.supervise(group, child, &mut side).await;
        // From here on the log is written by what follows; what it says is no news.
        let lost = self.lease.why_lost().map(str::to_owned);
        let status = Some(remains.status);
        let cancelled = self.lease.cancelled().is_cancelled();
        let ended = match (exit, lost, unsent) {
            (Some(Stopping::Superseded(why)), ..) | (_, Some(why), _) => Ended::Superseded(why),
            (_, None, Some(error)) => Ended::Undelivered(error),
            (exit, None, None) => self.tell(exit, &remains, cancelled).await,
        };
        side.shutdown().await;
        Outcome { ended, status, not_started: None }
    }

    async fn start(&self) -> io::Result<(Group, Child)> {
        let group = Group::form().await?;
        let mut command = Command::new(&self.program.words[0]);
        let execution = self.lease.execution();
        command
            .args(&self.program.words[1..])
            .env("HEARTLINE_EXECUTION_ID", &execution.id)
            .env("HEARTLINE_ATTEMPT", self.lease.attempt().to_string())
            .env("HEARTLINE_SERVER", self.client.server())
            .env_remove("HEARTLINE_INPUT")
            .env_remove("HEARTLINE_CHECKPOINT")
            .env_remove(TRACEPARENT);
        if let Some(input) = self.input().filter(|input| input.len() <= VARIABLE_MAX) {
            command.env("HEARTLINE_INPUT", input);
        }
        let checkpoint = self.lease.checkpoint().map(serde_json::to_string).transpose()?;
        if let Some(checkpoint) = checkpoint.filter(|json| json.len() <= VARIABLE_MAX) {
            command.env("HEARTLINE_CHECKPOINT", checkpoint);
        }
        if let Some(traceparent) = self.lease.traceparent() {
            command.env(TRACEPARENT, traceparent);
        }
        let child = group.take_in(&mut command).spawn()?;
        Ok((group, child))
    }

    fn input(&self) -> Option<&str> {
        let given = self.lease.execution().input.as_ref().map(|input| input.get());
        given.or(self.program.always_input.then_some("null"))
    }

    async fn not_started(&mut self, cause: &io::Error) -> Outcome {
        let error = post_mortem::not_started(&self.program.name(), &host(), cause);
        let ended = self.fail(error).await;
        Outcome { ended, status: None, not_started: Some(cause.kind()) }
    }

    /// From the start of the command to the acknowledgement of its last event.
    async fn supervise(
        &mut self,
        group: Group,
        mut child: Child,
        side: &mut JoinSet<()>,
    ) -> (Option<Stopping>, Remains, Option<Error>) {
        let started = Instant::now();
        let pid = child.id().unwrap_or_default();
        let outbox = self.lease.outbox();
        let closing = watch::Sender::new(false);
        let pumps = (
            child.stdout.take().map(|s| Pump::new(Stream::Stdout, outbox, &closing).start(s)),
            child.stderr.take().map(|s| Pump::new(Stream::Stderr, outbox, &closing).start(s)),
        );
        self.feed(child.stdin.take(), side);

        let (status, stopping) = self.until_exit(&group, &mut child).await;
        let ended = Instant::now();
        let pumped = async { (pumped_out(pumps.0).await, pumped_out(pumps.1).await) };
        tokio::pin!(pumped);
        let linger = if status.code().is_some() { LINGER } else { CRASH_LINGER };
        let tails = match timeout(linger, &mut pumped).await {
            Ok(tails) => tails,
            Err(_elapsed) => {
                // The execution is over with its command: what is left of it must not go on.
                group.signal(Signal::KILL);
                closing.send_replace(true);
                pumped.await
            }
        };
        drop(group);
        let remains = Remains {
            program: self.program.name(),
            status,
            host: host(),
            pid,
            started,
            ended,
            stdout: tails.0,
            stderr: tails.1,
        };
        let unsent = match self.patiently(self.lease.flush()).await {
            // A lost lease is told apart from a server that is away.
            Err(Error::Over(_)) | Ok(()) => None,
            Err(error) => Some(error),
        };
        (stopping, remains, unsent)
    }

    /// Writes the command's input, beside everything else.
    fn feed(&self, stdin: Option<ChildStdin>, side: &mut JoinSet<()>) {
        if let (Some(mut stdin), Some(input)) = (stdin, self.input()) {
            let input = format!("{input}\n");
            side.spawn(async move {
                // A command that does not read its input is within its rights.
                let _closed = stdin.write_all(input.as_bytes()).await;
            });
        }
    }

    /// Waits for the command and ends it when somebody wants that.
    async fn until_exit(
        &mut self,
        group: &Group,
        child: &mut Child,
    ) -> (ExitStatus, Option<Stopping>) {
        let (cancelled, lost) = (self.lease.cancelled().clone(), self.lease.lost().clone());
        let mut stopping = None;
        let mut kill_in: Option<Duration> = None;
        let mut since = Instant::now();
        let mut heard = false;
        // An order may be older than this lease.
        self.orders.mark_changed();
        loop {
            let kill = async {
                match kill_in {
                    Some(grace) => sleep(grace.saturating_sub(since.elapsed())).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                status = child.wait() => return (gone(status), stopping),
                () = kill => {
                    group.signal(Signal::KILL);
                    kill_in = None;
                }
                () = cancelled.cancelled(), if !heard => {
                    heard = true;
                    if stopping.is_some() {
                        self.lease.acknowledge_cancel();
                        continue; // It was told to stop before.
                    }
                    stopping = Some(Stopping::Cancelled);
                    group.signal(Signal::TERM);
                    self.lease.acknowledge_cancel();
                    since = Instant::now();
                    kill_in = Some(self.grace().await);
                }
                () = lost.cancelled(),
                    if !matches!(stopping, Some(Stopping::Superseded(_))) =>
                {
                    let why = self.lease.why_lost().unwrap_or_default().to_owned();
                    (self.notices)(&format!("the lease is lost, ending the command: {why}"));
                    stopping = Some(Stopping::Superseded(why));
                    group.signal(Signal::KILL);
                }
                Ok(()) = self.orders.changed() => {
                    let order = self.orders.borrow_and_update().clone();
                    match order {
                        Order::GoOn => continue,
                        Order::Kill => group.signal(Signal::KILL),
                        Order::Cancel(_) | Order::Stop(_) => {
                            group.signal(Signal::TERM);
                            since = Instant::now();
                            kill_in = Some(GRACE);
                        }
                    }
                    if !matches!(stopping, Some(Stopping::Superseded(_) | Stopping::Ordered(_))) {
                        stopping = Some(Stopping::Ordered(order));
                    }
                }
            }
        }
    }

    /// How long the command may take to end after a cancellation.
    async fn grace(&self) -> Duration {
        let path = format!("/v1/executions/{}", self.lease.execution().id);
        let asked = self.client.get(&path).within(ASKING);
        match asked.json::<crate::cli::wire::Execution>().await {
            Ok(execution) => execution.cancel.map_or(GRACE, |cancel| left(&cancel)),
            Err(_) => GRACE,
        }
    }

    /// Tells how it ended.
    async fn tell(&mut self, stopping: Option<Stopping>, remains: &Remains, cancel: bool) -> Ended {
        match stopping {
            Some(Stopping::Ordered(Order::Cancel(reason))) => {
                // The operator may have been faster than the request; asking twice is harmless,
                // and if it is over by now, the next call says so.
                let id = &self.lease.execution().id;
                let asking = self.client.cancel(id, Some(&reason), None);
                let _asked = self.patiently(asking).await;
                self.cancelled().await
            }
            Some(Stopping::Cancelled) => self.cancelled().await,
            Some(Stopping::Ordered(_)) if cancel => self.cancelled().await,
            Some(Stopping::Ordered(Order::Stop(why))) => self.fail(remains.stopped(&why)).await,
            Some(Stopping::Ordered(_)) => self.fail(remains.stopped("at once")).await,
            Some(Stopping::Superseded(why)) => Ended::Superseded(why),
            None if remains.status.success() => self.complete().await,
            None => self.fail(remains.failure()).await,
        }
    }

    async fn complete(&self) -> Ended {
        self.told(self.lease.complete(None), Ended::Completed).await
    }

    async fn fail(&self, failure: Failure) -> Ended {
        self.told(self.lease.fail(&failure), Ended::Failed(failure.message.clone())).await
    }

    async fn cancelled(&self) -> Ended {
        self.told(self.lease.confirm_cancelled(), Ended::Cancelled).await
    }

    async fn told(&self, call: impl Future<Output = Result<(), Error>>, ended: Ended) -> Ended {
        match self.patiently(call).await {
            Ok(()) => ended,
            Err(error) if error.is_transient() => Ended::Undelivered(error),
            Err(error) => Ended::Superseded(error.brief()),
        }
    }

    /// Waits for the server, but neither for ever nor against the operator's will.
    async fn patiently<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let mut orders = self.orders.clone();
        tokio::select! {
            answered = call => answered,
            true = until(&mut orders, |order| *order == Order::Kill) => {
                Err(self.away("the operator did not want to wait for it"))
            }
            () = sleep(PATIENCE) => Err(self.away("it did not come back in time")),
        }
    }

    fn away(&self, why: &str) -> Error {
        Error::Unreachable { server: self.client.server().to_owned(), why: why.to_owned() }
    }
}

/// An error here means that somebody else reaped the child; how it ended is then unknown.
fn gone(status: io::Result<ExitStatus>) -> ExitStatus {
    use std::os::unix::process::ExitStatusExt as _;
    status.unwrap_or_else(|_| ExitStatus::from_raw(255 << 8))
}

/// Until the server forces the cancellation. Clocks may differ: never longer than was asked for.
fn left(cancel: &Cancel) -> Duration {
    let now = now();
    let total = cancel.deadline.since(cancel.requested_at.unwrap_or(now)).to_std();
    cancel.deadline.since(now).to_std().min(total).saturating_sub(MARGIN.min(total / 5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use heartline_execution::Span;

    #[test]
    fn the_kill_comes_before_the_deadline_and_never_later_than_asked_for() {
        let cancel = |requested: u64, left_secs: u64| {
            let now = now();
            let deadline = now.plus(Span::secs(left_secs));
            Cancel {
                reason: None,
                requested_at: Some(heartline_execution::Timestamp(
                    deadline.0 - i64::try_from(requested).unwrap() * 1_000_000,
                )),
                deadline,
            }
        };
        let ample = left(&cancel(30, 30));
        assert!(ample > Duration::from_secs(28) && ample <= Duration::from_secs(29), "{ample:?}");
        // This clock is behind: the deadline seems an hour away.
        assert!(left(&cancel(5, 3_600)) <= Duration::from_secs(4));
        // This clock is ahead: it seems to be over.
        assert_eq!(left(&cancel(5, 0)), Duration::ZERO);
    }
}
