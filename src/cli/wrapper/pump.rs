//! From a command's pipe to the outbox, at the pace of the outbox.

use std::time::Duration;

use tokio::{io::AsyncRead, sync::watch, task::JoinHandle, time::timeout};

use super::{
    lines::{self, Lines, Stream},
    post_mortem::Tail,
    until,
};
use crate::cli::client::runner::Outbox;

/// After that, a stream on which nothing comes for this long has nothing more.
const QUIET: Duration = Duration::from_millis(300);
/// What is still read of a stream then: the most a pipe holds.
const PIPE_MAX: usize = 1 << 20;

/// Turns what a stream brings into events.
pub(super) struct Pump {
    stream: Stream,
    outbox: Outbox,
    closing: watch::Receiver<bool>,
    tail: Tail,
}

impl Pump {
    pub(super) fn new(stream: Stream, outbox: &Outbox, closing: &watch::Sender<bool>) -> Self {
        let (outbox, closing) = (outbox.clone(), closing.subscribe());
        Self { stream, outbox, closing, tail: Tail::default() }
    }

    /// Reads until the end; what is kept are the last lines.
    pub(super) fn start<R>(self, from: R) -> JoinHandle<Tail>
    where
        R: AsyncRead + Unpin + Send + 'static,
    {
        tokio::spawn(self.run(Lines::new(from)))
    }

    async fn run<R: AsyncRead + Unpin>(mut self, mut lines: Lines<R>) -> Tail {
        let mut after_end = 0;
        while let Some(line) = self.next(&mut lines, &mut after_end).await {
            self.tail.push(&line);
            for event in lines::events(self.stream, &line) {
                // Under a lost lease nothing is written, but the last lines are still kept.
                let _lease_lost = self.outbox.put(event).await;
            }
        }
        self.tail
    }

    /// `None` at the end; also, once the command has ended, when whoever else holds the stream
    /// is quiet or will not stop.
    async fn next<R>(&mut self, lines: &mut Lines<R>, after_end: &mut usize) -> Option<String>
    where
        R: AsyncRead + Unpin,
    {
        let closing = *self.closing.borrow();
        let line = if closing {
            timeout(QUIET, lines.next()).await.ok()?
        } else {
            tokio::select! {
                line = lines.next() => line,
                true = until(&mut self.closing, |&closing| closing) => {
                    timeout(QUIET, lines.next()).await.ok()?
                }
            }
        };
        // A pipe that cannot be read has nothing more to say.
        let line = line.ok().flatten()?;
        if *self.closing.borrow() {
            *after_end += line.len() + 1;
        }
        (*after_end <= PIPE_MAX).then_some(line)
    }
}

/// What a pump has kept.
pub(super) async fn pumped_out(pump: Option<JoinHandle<Tail>>) -> Tail {
    match pump {
        Some(pump) => pump.await.unwrap_or_default(),
        None => Tail::default(),
    }
}
