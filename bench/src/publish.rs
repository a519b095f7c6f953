//! A publisher: one connection, one thread, one request in flight, each event marked with its
//! number and with the moment at which its request was written.

mod mark;
mod post;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub(crate) use mark::{data, mark_at};
pub(crate) use post::Post;

use crate::{
    error::{Doing, Error, Result},
    latency::Latency,
    pace::pass_until,
};

/// How long an acknowledgement, or a delivery that is waited for, may take.
const STALL: Duration = Duration::from_secs(30);

/// The clock of a run, which both ends read: they are one process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Microseconds since then.
    pub(crate) fn micros(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The instant `after` its start.
    pub(crate) fn at(self, after: Duration) -> Instant {
        self.0 + after
    }
}

/// When requests are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// So many a second whatever comes back; late ones are written as soon as they can be.
    Rate(f64),
    /// As fast as they are acknowledged, at most so many requests ahead of the slowest watcher.
    Window(u64),
}

/// How far every watcher has come; the publisher waits on it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    delivered: Mutex<u64>,
    moved: Condvar,
}

impl Progress {
    /// Everybody has the events up to `number`.
    pub(crate) fn reach(&self, number: u64) {
        *self.delivered.lock().unwrap_or_else(PoisonError::into_inner) = number;
        self.moved.notify_one();
    }

    fn wait_for(&self, number: u64) -> Result<()> {
        let delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = |delivered: &mut u64| *delivered < number;
        let (delivered, waited) = self
            .moved
            .wait_timeout_while(delivered, STALL, behind)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            let what = format!("every watcher to have event {number}, they have {delivered}");
            return Err(Error::TimedOut { what, seconds: STALL.as_secs() });
        }
        Ok(())
    }
}

/// A connection that publishes, made when it is first needed: servers end one that is not used.
#[derive(Debug)]
pub(crate) struct Publisher {
    address: SocketAddr,
    stream: Option<TcpStream>,
    post: Post,
    input: Vec<u8>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Published {
    /// To publish more.
    pub(crate) publisher: Publisher,
    /// From writing a request to having read its acknowledgement.
    pub(crate) acks: Latency,
    /// From when a request was due to when it was written.
    pub(crate) lateness: Latency,
}

impl Publisher {
    /// Publishes `post` at `address`.
    pub(crate) fn new(address: SocketAddr, post: Post) -> Self {
        Self { address, stream: None, post, input: Vec::new() }
    }

    /// Number of the last event published.
    pub(crate) fn number(&self) -> u64 {
        self.post.number()
    }

    /// Publishes on a thread of its own for `length` of `clock`.
    pub(crate) fn start(
        mut self,
        clock: Clock,
        length: Duration,
        pace: Pace,
        progress: Arc<Progress>,
    ) -> JoinHandle<Result<Published>> {
        thread::spawn(move || {
            let (mut acks, mut lateness) = (Latency::new(), Latency::new());
            connected(&mut self.stream, self.address)?;
            let end = clock.at(length);
            for nth in 0u32.. {
                let due = match pace {
                    Pace::Rate(rate) => clock.at(Duration::from_secs_f64(f64::from(nth) / rate)),
                    Pace::Window(ahead) => {
                        let next = self.number() + self.post.events();
                        progress.wait_for(next.saturating_sub(ahead * self.post.events()))?;
                        Instant::now()
                    }
                };
                if due >= end {
                    break;
                }
                pass_until(due);
                lateness.record(due.elapsed());
                acks.record(self.publish(clock)?);
            }
            Ok(Published { publisher: self, acks, lateness })
        })
    }

    /// Publishes one request and waits for its acknowledgement.
    pub(crate) fn publish(&mut self, clock: Clock) -> Result<Duration> {
        let Self { address, stream, post, input } = self;
        let stream = connected(stream, *address)?;
        let written = Instant::now();
        let request = post.next(clock.micros());
        stream.write_all(request).doing("publishing")?;
        input.clear();
        let mut chunk = [0; 4096];
        while !post.acknowledged(input)? {
            match stream.read(&mut chunk).doing("reading an acknowledgement")? {
                0 => return Err(Error::protocol("an acknowledgement", "the end of a connection")),
                count => input.extend_from_slice(&chunk[..count]),
            }
        }
        Ok(written.elapsed())
    }
}

fn connected(stream: &mut Option<TcpStream>, address: SocketAddr) -> Result<&mut TcpStream> {
    let made = stream.take().map_or_else(|| connect(address), Ok)?;
    Ok(stream.insert(made))
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).doing("connecting a publisher")?;
    stream.set_nodelay(true).doing("setting TCP_NODELAY")?;
    stream.set_read_timeout(Some(STALL)).doing("setting a read timeout")?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_opens_when_the_slowest_has_come_far_enough() {
        let progress = Progress::default();
        progress.wait_for(0).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| progress.wait_for(7));
            progress.reach(3);
            progress.reach(7);
            waiting.join().unwrap().unwrap();
        });
    }
}
