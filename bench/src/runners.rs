//! Runners: WebSockets on `/v1/runner`, as many as asked for on one thread and one epoll.
//!
//! The caller owns the loop: [`Runners::wait`], then [`Runners::read`] for each that has something,
//! then [`Runners::flush`]. What is said in between leaves in one write for each socket.

mod said;
mod socket;
mod told;

use std::{
    net::SocketAddr,
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

pub(crate) use said::{about, complete, heartbeat, register};
pub(crate) use socket::Socket;
pub(crate) use told::{Granted, Told};

use crate::{
    error::{Error, Result},
    poller::{Interest, Poller},
};

/// How long all registrations may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Room for what one read takes; most of what can have come.
const BUFFER: usize = 256 * 1024;
/// A runner that says nothing for this long is counted as late by the server; half of it.
const BEAT_EVERY: Duration = Duration::from_secs(5);

/// Runners of one server.
pub(crate) struct Runners {
    poller: Poller,
    all: Vec<Socket>,
    buffer: Vec<u8>,
    /// Those that have something to send.
    talking: Vec<usize>,
    beaten_at: Instant,
}

/// So that another poller can wait for all of them.
impl AsFd for Runners {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poller.as_fd()
    }
}

impl Runners {
    /// Connects `count`; none is registered yet.
    pub(crate) fn connect(address: SocketAddr, count: usize) -> Result<Self> {
        let poller = Poller::new()?;
        let mut all = Vec::with_capacity(count);
        for token in 0..count {
            let socket = Socket::connect(address, token)?;
            poller.add(socket.stream(), token, Interest::Read)?;
            all.push(socket);
        }
        let (buffer, talking) = (vec![0; BUFFER], Vec::new());
        Ok(Self { poller, all, buffer, talking, beaten_at: Instant::now() })
    }

    /// Connects `count` and registers each for `queue` with the slots that `slots` gives it; reads
    /// until `leases` have come, over all of them: each with the number of its runner.
    pub(crate) fn enlist(
        (address, queue): (SocketAddr, &str),
        count: usize,
        slots: impl Fn(usize) -> usize,
        leases: usize,
    ) -> Result<(Self, Vec<(usize, Granted)>)> {
        let mut runners = Self::connect(address, count)?;
        for index in 0..count {
            runners.say(index, register(&format!("bench-{index}"), queue, slots(index)).as_bytes());
        }
        runners.flush()?;
        let mut granted = Vec::with_capacity(leases);
        let (mut registered, mut ready) = (0, Vec::new());
        let begun = Instant::now();
        while registered < count || granted.len() < leases {
            if begun.elapsed() > PATIENCE {
                let (what, seconds) = (
                    format!("{registered} of {count} runners and {} of {leases} leases came", {
                        granted.len()
                    }),
                    PATIENCE.as_secs(),
                );
                return Err(Error::TimedOut { what, seconds });
            }
            runners.wait(Duration::from_millis(100), &mut ready)?;
            for &index in &ready {
                runners.read(index, |told| {
                    match told {
                        Told::Registered => registered += 1,
                        Told::Lease(lease) => granted.push((index, lease.into_owned())),
                        other => return Err(other.unexpected()),
                    }
                    Ok(())
                })?;
            }
            runners.beat()?;
        }
        Ok((runners, granted))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Fills `ready` with those that have something.
    pub(crate) fn wait(&mut self, timeout: Duration, ready: &mut Vec<usize>) -> Result<()> {
        self.poller.wait(timeout, ready)
    }

    /// Queues one frame; it leaves with the next [`Runners::flush`].
    #[inline]
    pub(crate) fn say(&mut self, index: usize, text: &[u8]) {
        if self.all[index].queue(text) {
            self.talking.push(index);
        }
    }

    /// Sends what is queued, as far as the sockets take it; the rest follows in [`Runners::read`].
    pub(crate) fn flush(&mut self) -> Result<()> {
        while let Some(index) = self.talking.pop() {
            let socket = &mut self.all[index];
            if !socket.send()? {
                self.poller.change(socket.stream(), index, Interest::ReadWrite)?;
            }
        }
        Ok(())
    }

    /// Hands every frame that has come to `take`; pings are answered and not shown.
    pub(crate) fn read(
        &mut self,
        index: usize,
        mut take: impl FnMut(Told<'_>) -> Result<()>,
    ) -> Result<()> {
        let socket = &mut self.all[index];
        if socket.is_stuck() && socket.send()? {
            self.poller.change(socket.stream(), index, Interest::Read)?;
        }
        socket
            .read(&mut self.buffer, |text| match Told::parse(text)? {
                Some(told) => take(told),
                None => Ok(()),
            })
            .map_err(|error| Error::protocol(format!("runner {index}"), error.to_string()))?;
        if socket.has_answers() {
            self.talking.push(index);
        }
        Ok(())
    }

    /// Lets all of them give a sign of life, if it is time.
    pub(crate) fn beat(&mut self) -> Result<()> {
        if self.beaten_at.elapsed() < BEAT_EVERY {
            return Ok(());
        }
        self.beaten_at = Instant::now();
        for index in 0..self.all.len() {
            self.say(index, b"{\"op\":\"heartbeat\",\"executions\":[]}");
        }
        self.flush()
    }
}
