//! The four parts, and what is done to them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use heartline_execution::ExecutionId;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::stage::{Actor, Stage, Voice};
use crate::cli::{
    client::{
        Client,
        watch::{Options, Seen, Watch},
    },
    error::Error,
    follow,
    output::{self, Tone, paint},
    wire::Event,
};

const INVENTORY: &str = include_str!("inventory.sh");
const CHECKSUMS: &str = include_str!("checksums.sh");
const ENDLESS: &str = include_str!("endless.sh");

/// How long a runner has to take what nobody takes.
const PATIENCE: &str = "4s";
/// When the endless one has shown enough.
const RECORDS: usize = 5;

/// Who plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// An agent that finishes.
    Inventory,
    /// A workflow that is killed half way.
    Checksums,
    /// An agent that no runner takes.
    Translate,
    /// A workflow that is cancelled.
    Endless,
}

impl Part {
    /// Its name, as an execution has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Part::Inventory => "inventory",
            Part::Checksums => "checksums",
            Part::Translate => "translate",
            Part::Endless => "endless",
        }
    }

    const fn voice(self) -> Voice {
        let tone = match self {
            Part::Inventory => Tone::Good,
            Part::Checksums => Tone::Accent,
            Part::Translate => Tone::Warn,
            Part::Endless => Tone::Bad,
        };
        Voice { name: self.name(), tone }
    }
}

/// The runner of the checksums, as against their watcher.
const RUNNER: Voice = Voice { name: "runner", tone: Tone::Dim };

/// How it went.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// Exit codes, in the order of the parts.
    pub(super) ended: Vec<(Part, Option<i32>)>,
    /// Ids of the executions.
    pub(super) ids: BTreeMap<Part, String>,
    /// From the SIGKILL to the event that told of it.
    pub(super) noticed: Option<Duration>,
}

/// The show.
pub(super) struct Show<'a> {
    client: &'a Client,
    stage: &'a Stage,
    /// Tells this show's queues from those of earlier ones on the same data.
    number: String,
}

impl<'a> Show<'a> {
    pub(super) fn new(client: &'a Client, stage: &'a Stage) -> Self {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        Self { client, stage, number: unique[..8].to_owned() }
    }

    /// Plays it to its end.
    pub(super) async fn play(self) -> Result<Played, Error> {
        let (inventory, checksums, translate, endless) =
            tokio::try_join!(self.inventory(), self.checksums(), self.translate(), self.endless())?;
        let mut played = Played { noticed: checksums.1, ..Played::default() };
        for (part, ended) in [
            (Part::Inventory, inventory),
            (Part::Checksums, checksums.0),
            (Part::Translate, translate),
            (Part::Endless, endless),
        ] {
            played.ended.push((part, ended.exit));
            played.ids.insert(part, ended.id);
        }
        Ok(played)
    }

    async fn inventory(&self) -> Result<Ended, Error> {
        let arguments =
            ["run", "--kind", "agent", "--name", "inventory", "--", "sh", "-c", INVENTORY];
        let mut actor = self.stage.start(Part::Inventory.voice(), arguments)?;
        let id = named(&mut actor).await?;
        Ended::of(id, actor).await
    }

    /// A runner works it off, a watcher watches it, and this process kills the first attempt.
    async fn checksums(&self) -> Result<(Ended, Option<Duration>), Error> {
        let queue = format!("demo-{}", self.number);
        let arguments =
            ["runner", "--queue", &queue, "--name", "demo", "--", "sh", "-c", CHECKSUMS];
        let runner = self.stage.start(RUNNER, arguments)?;
        let mut watcher = self.stage.start(
            Part::Checksums.voice(),
            [
                "create",
                "--kind",
                "workflow",
                "--name",
                "checksums",
                "--queue",
                &queue,
                "--retries",
                "1",
                "--initial-backoff",
                "1s",
                "--watch",
            ],
        )?;
        let id = named(&mut watcher).await?;
        let mut killer = Killer::default();
        let options = Options { patience: follow::PATIENCE, ..Options::default() };
        let follow = Watch::start(self.client, &id, options);
        let (noticed, ended) =
            tokio::try_join!(killer.strike(follow), Ended::of(id.clone(), watcher))?;
        // SIGTERM drains it, and it has nothing left.
        if let Some(pid) = runner.id() {
            signal(pid, Signal::TERM)?;
        }
        runner.end().await?;
        Ok((ended, noticed))
    }

    async fn translate(&self) -> Result<Ended, Error> {
        let queue = format!("nobody-{}", self.number);
        let mut actor = self.stage.start(
            Part::Translate.voice(),
            [
                "create",
                "--kind",
                "agent",
                "--name",
                "translate",
                "--queue",
                &queue,
                "--schedule-to-start",
                PATIENCE,
                "--watch",
            ],
        )?;
        let id = named(&mut actor).await?;
        Ended::of(id, actor).await
    }

    async fn endless(&self) -> Result<Ended, Error> {
        let arguments =
            ["run", "--kind", "workflow", "--name", "endless", "--", "sh", "-c", ENDLESS];
        let mut actor = self.stage.start(Part::Endless.voice(), arguments)?;
        let id = named(&mut actor).await?;
        let mut records = 0;
        while records < RECORDS {
            match actor.line().await {
                Some(line) if line.contains("record ") => records += 1,
                Some(_) => {}
                None => return Ended::of(id, actor).await,
            }
        }
        let cancel = ["cancel", &id, "--reason", "the demonstration has seen enough"];
        let (_, ended) = tokio::try_join!(
            self.stage.start(Part::Endless.voice(), cancel)?.end(),
            Ended::of(id.clone(), actor)
        )?;
        Ok(ended)
    }
}

/// A part that is over.
struct Ended {
    id: String,
    exit: Option<i32>,
}

impl Ended {
    async fn of(id: String, actor: Actor) -> Result<Self, Error> {
        Ok(Self { id, exit: actor.end().await?.code() })
    }
}

/// The execution that the process is about, from the first line that names one.
async fn named(actor: &mut Actor) -> Result<String, Error> {
    while let Some(line) = actor.line().await {
        let id = line.split_whitespace().find(|word| word.parse::<ExecutionId>().is_ok());
        if let Some(id) = id {
            return Ok(id.to_owned());
        }
    }
    Err(Error::Other("a process of the demonstration ended before it began".to_owned()))
}

/// Watches for the middle of the first attempt, and kills it.
#[derive(Default)]
struct Killer {
    process: Option<u32>,
    killed: Option<Instant>,
}

impl Killer {
    /// The time from the SIGKILL to the event that told of it, `None` if none did.
    async fn strike(&mut self, mut follow: Watch) -> Result<Option<Duration>, Error> {
        while let Some(seen) = follow.next().await {
            let Seen::Event(event) = seen? else { continue };
            if event.type_name == "execution.attempt_failed" {
                return Ok(self.killed.map(|at| at.elapsed()));
            }
            self.look(&event)?;
        }
        Ok(None)
    }

    fn look(&mut self, event: &Event) -> Result<(), Error> {
        if let Some(("process", value)) = event.custom() {
            let pid = value.get("pid").and_then(Value::as_u64);
            self.process = pid.and_then(|pid| u32::try_from(pid).ok());
        }
        let fraction = event.data.get("fraction").and_then(Value::as_f64);
        let half_way =
            event.type_name == "execution.progress" && fraction.is_some_and(|f| f >= 0.5);
        let Some(pid) = self.process.filter(|_| half_way && event.attempt == 1) else {
            return Ok(());
        };
        if self.killed.is_none() {
            self.killed = Some(Instant::now());
            let note = paint(&format!("-- kill -9 {pid}, from outside"), Tone::Bad);
            output::line(&format!("{} {note}", RUNNER.prefix()))?;
            signal(pid, Signal::KILL)?;
        }
        Ok(())
    }
}

fn signal(pid: u32, signal: Signal) -> Result<(), Error> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Error::Other("that is no process id".to_owned()))?;
    kill_process(pid, signal).map_err(|e| Error::io(format!("cannot signal {pid:?}"), e.into()))
}
