//! The processes of the demonstration and their output.

use std::{ffi::OsStr, process::ExitStatus, sync::Arc};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    sync::mpsc,
};

use crate::cli::{
    error::Error,
    output::{self, Tone, paint},
    wrapper::{Group, this_program},
};

/// Lines that wait to be looked at; the screen is faster than the show.
const LINES: usize = 256;
/// Prefixes line up.
const WIDTH: usize = 9;

/// Where the processes are: none of them outlives this.
pub(super) struct Stage {
    server: String,
    group: Group,
}

impl Stage {
    pub(super) async fn build(server: &str) -> Result<Self, Error> {
        let group = Group::form().await.map_err(|e| Error::io("cannot start processes", e))?;
        Ok(Self { server: server.to_owned(), group })
    }

    /// Starts `heartline` with these arguments; its lines are printed under `voice` and handed over.
    pub(super) fn start<I>(&self, voice: Voice, arguments: I) -> Result<Actor, Error>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let mut command: Command = this_program();
        command.args(arguments).env("HEARTLINE_SERVER", &self.server).env_remove("HEARTLINE_TOKEN");
        let spawned = self.group.take_in(&mut command).spawn();
        let mut child = spawned.map_err(|e| Error::io("cannot start heartline", e))?;
        drop(child.stdin.take());
        let (told, lines) = mpsc::channel(LINES);
        let told = Arc::new(told);
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(copy(voice, stdout, Arc::clone(&told)));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(copy(voice, stderr, told));
        }
        Ok(Actor { child, lines })
    }
}

/// Prints each line behind the name of whose it is.
async fn copy(voice: Voice, from: impl AsyncRead + Unpin, told: Arc<mpsc::Sender<String>>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        // Whether somebody reads the screen or the lines does not change the show.
        let _unread = output::line(&format!("{} {line}", voice.prefix()));
        let _unheard = told.try_send(line);
    }
}

/// Under which name and in which colour lines are printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    pub(super) name: &'static str,
    pub(super) tone: Tone,
}

impl Voice {
    /// `[checksums]`.
    pub(super) fn prefix(self) -> String {
        paint(&format!("[{:WIDTH$}]", self.name), self.tone)
    }
}

/// One process.
pub(super) struct Actor {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Actor {
    /// The next line; `None` once it says nothing more.
    pub(super) async fn line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Waits for its end, after all it said.
    pub(super) async fn end(mut self) -> Result<ExitStatus, Error> {
        while self.line().await.is_some() {}
        self.child.wait().await.map_err(|e| Error::io("cannot wait for a process", e))
    }

    /// Its process id, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }
}
