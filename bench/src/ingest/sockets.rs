//! Producers on runner sockets: each socket holds the leases of its producers, and every batch is
//! one frame, answered under its id after the commit.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    QUEUE,
    line::{Answer, Line},
    log::Log,
};
use crate::{
    arguments::Ingest,
    error::{Error, Result},
    http::number,
    runners::{Runners, Told},
};

/// See the module.
pub(super) struct Sockets {
    runners: Runners,
    producers: Vec<Producer>,
    in_flight: usize,
}

#[derive(Clone, Copy, Debug)]
struct Producer {
    /// The id that is not answered, and since when.
    waiting: Option<(u64, Instant)>,
}

/// Registers `sockets` runners that lease `executions` of the queue between them, and makes a log
/// of each lease: log n belongs to producer n, n - producers, …, and a producer to one socket.
pub(super) fn open(
    address: SocketAddr,
    options: &Ingest,
    (sockets, executions): (usize, usize),
) -> Result<(Sockets, Vec<Log>)> {
    let producers = options.producers;
    if !producers.is_multiple_of(sockets) {
        return Err(Error::Setup("--sockets must divide --producers".to_owned()));
    }
    let slots = |socket: usize| (executions - socket).div_ceil(sockets);
    let (runners, granted) = Runners::enlist((address, QUEUE), sockets, slots, executions)?;
    let mut logs: Vec<Option<Log>> = (0..executions).map(|_| None).collect();
    let mut next: Vec<usize> = (0..sockets).collect();
    for (socket, granted) in granted {
        let nth = next[socket];
        next[socket] += sockets;
        let named = (nth % producers, producers);
        let log = Log::framed(&granted.lease, named, options.size, options.batch)?;
        *logs.get_mut(nth).ok_or_else(|| more(socket))? = Some(log);
    }
    let logs = logs.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| more(0))?;
    let producer = Producer { waiting: None };
    let sockets = Sockets { runners, producers: vec![producer; producers], in_flight: 0 };
    Ok((sockets, logs))
}

fn more(socket: usize) -> Error {
    Error::protocol("as many leases as slots", format!("others on runner {socket}"))
}

impl Line for Sockets {
    fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn wait(&mut self, timeout: Duration, ready: &mut Vec<usize>) -> Result<()> {
        self.runners.wait(timeout, ready)
    }

    fn send(&mut self, producer: usize, request: &[u8]) -> Result<()> {
        let socket = producer % self.runners.len();
        let state = &mut self.producers[producer];
        state.waiting = Some((id_in(request), Instant::now()));
        self.in_flight += 1;
        self.runners.say(socket, request);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.runners.flush()
    }

    fn receive(&mut self, ready: usize, answers: &mut Vec<Answer>) -> Result<()> {
        let (producers, in_flight) = (&mut self.producers, &mut self.in_flight);
        self.runners.read(ready, |told| {
            let (id, outcome) = match told {
                Told::Ack { id, seq } => (id, Ok(seq)),
                Told::Refused { id: Some(id), problem } => {
                    (id, Err(Error::protocol("an ack of events", problem)))
                }
                other => return Err(other.unexpected()),
            };
            let producer = usize::try_from(id).unwrap_or(usize::MAX) % producers.len();
            match producers[producer].waiting.take() {
                Some((waiting, since)) if waiting == id => {
                    *in_flight -= 1;
                    answers.push(Answer { producer, took: since.elapsed(), outcome });
                    Ok(())
                }
                _ => Err(Error::protocol("one answer to each id", format!("{id} again"))),
            }
        })
    }
}

/// The id of a frame that [`Log::framed`] made.
fn id_in(frame: &[u8]) -> u64 {
    number(frame, b"\"id\":").unwrap_or_default()
}
