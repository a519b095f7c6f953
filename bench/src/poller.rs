//! Readiness of many sockets on one thread: level-triggered epoll, no callbacks, no runtime.

use std::{
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    fd::OwnedFd,
    io::Errno,
};

use crate::error::{Doing, Result};

/// The most sockets reported by one wait; more are reported by the next one.
const EVENTS_PER_WAIT: usize = 256;

/// Sockets and the tokens they are known by.
pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

/// So that one poller can wait for another.
impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// What a socket is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Bytes to read, or the end.
    Read,
    /// The same, and room to write.
    ReadWrite,
}

impl Interest {
    const fn flags(self) -> epoll::EventFlags {
        match self {
            Interest::Read => epoll::EventFlags::IN,
            Interest::ReadWrite => epoll::EventFlags::IN.union(epoll::EventFlags::OUT),
        }
    }
}

impl Poller {
    /// Waits for nothing yet.
    pub(crate) fn new() -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).doing("creating an epoll")?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_PER_WAIT) })
    }

    /// Waits for `socket` from now on.
    pub(crate) fn add(&self, socket: impl AsFd, token: usize, interest: Interest) -> Result<()> {
        let data = epoll::EventData::new_u64(token as u64);
        epoll::add(&self.epoll, socket, data, interest.flags()).doing("adding to an epoll")
    }

    /// Waits for something else of `socket`.
    pub(crate) fn change(&self, socket: impl AsFd, token: usize, interest: Interest) -> Result<()> {
        let data = epoll::EventData::new_u64(token as u64);
        epoll::modify(&self.epoll, socket, data, interest.flags()).doing("changing an epoll")
    }

    /// Waits for `socket` no longer.
    pub(crate) fn remove(&self, socket: impl AsFd) -> Result<()> {
        epoll::delete(&self.epoll, socket).doing("removing from an epoll")
    }

    /// Fills `ready` with the tokens of sockets that have something; empty after `timeout`.
    pub(crate) fn wait(&mut self, timeout: Duration, ready: &mut Vec<usize>) -> Result<()> {
        ready.clear();
        self.events.clear();
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno).doing("waiting for sockets"),
        }
        for event in &self.events {
            let data = event.data;
            ready.push(usize::try_from(data.u64()).expect("tokens were made from usize"));
        }
        Ok(())
    }
}
