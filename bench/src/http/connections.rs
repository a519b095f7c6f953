//! Keep-alive connections with one request in flight each, all on one thread.
//!
//! The caller owns the loop: [`Connections::wait`], then [`Connections::receive`] for each ready
//! connection, then [`Connections::send`] the next request. Other sockets can share the wait.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use super::reply::Head;
use crate::{
    error::{Doing, Error, Result},
    poller::{Interest, Poller},
};

/// Room for a read; most replies fit whole.
const READ_ROOM: usize = 16 * 1024;

/// Finds the reply at the beginning of some bytes; `None` while it is incomplete.
pub(crate) type Parse = fn(&[u8]) -> Result<Option<Head>>;

/// A set of connections to one address.
pub(crate) struct Connections {
    address: SocketAddr,
    parse: Parse,
    poller: Poller,
    all: Vec<Connection>,
    in_flight: usize,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// The rest of a request that the socket did not take at once.
    unsent: Vec<u8>,
    input: Vec<u8>,
    filled: usize,
    head: Option<Head>,
    state: State,
    sent_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Busy,
    /// The server closed it while nothing was asked of it; the next request opens a new one.
    Closed,
}

/// A whole reply.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    /// HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: &'a [u8],
    /// From sending the request to having read the reply.
    pub(crate) took: Duration,
}

impl Connections {
    /// Opens `count` connections to `address`.
    pub(crate) fn open(address: SocketAddr, count: usize) -> Result<Self> {
        Self::speaking(Head::parse, address, count)
    }

    /// The same to a server whose replies are found by `parse`.
    pub(crate) fn speaking(parse: Parse, address: SocketAddr, count: usize) -> Result<Self> {
        let poller = Poller::new()?;
        let mut all = Vec::with_capacity(count);
        for index in 0..count {
            let stream = connect(address)?;
            poller.add(&stream, index, Interest::Read)?;
            all.push(Connection {
                stream,
                unsent: Vec::new(),
                input: vec![0; READ_ROOM],
                filled: 0,
                head: None,
                state: State::Idle,
                sent_at: Instant::now(),
            });
        }
        Ok(Self { address, parse, poller, all, in_flight: 0 })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Requests sent and not answered.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Lets another socket share the wait; the token it is reported by is returned.
    pub(crate) fn share_wait(&self, socket: impl AsFd, nth: usize) -> Result<usize> {
        let token = self.all.len() + nth;
        self.poller.add(socket, token, Interest::Read)?;
        Ok(token)
    }

    /// Fills `ready` with connections (and shared tokens) that have something to read.
    pub(crate) fn wait(&mut self, timeout: Duration, ready: &mut Vec<usize>) -> Result<()> {
        self.poller.wait(timeout, ready)
    }

    /// Sends `request` on an idle connection.
    pub(crate) fn send(&mut self, index: usize, request: &[u8]) -> Result<()> {
        let address = self.address;
        let connection = &mut self.all[index];
        assert_ne!(connection.state, State::Busy, "one request in flight per connection");
        if connection.state == State::Closed {
            connection.stream = connect(address)?;
            self.poller.add(&connection.stream, index, Interest::Read)?;
        }
        connection.state = State::Busy;
        connection.filled = 0;
        connection.head = None;
        connection.sent_at = Instant::now();
        self.in_flight += 1;
        let taken = match connection.stream.write(request) {
            Ok(taken) => taken,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error).doing("sending a request"),
        };
        if taken < request.len() {
            connection.unsent.extend_from_slice(&request[taken..]);
            self.poller.change(&connection.stream, index, Interest::ReadWrite)?;
        }
        Ok(())
    }

    /// Reads what has come on a ready connection; the reply once it is whole.
    pub(crate) fn receive(&mut self, index: usize) -> Result<Option<Received<'_>>> {
        let connection = &mut self.all[index];
        if !connection.unsent.is_empty() && connection.send_rest()? {
            self.poller.change(&connection.stream, index, Interest::Read)?;
        }
        match connection.read(self.parse)? {
            Progress::Nothing => Ok(None),
            Progress::Ended if connection.state == State::Busy => {
                Err(Error::protocol("a reply", "the server closed the connection"))
            }
            Progress::Ended => {
                connection.state = State::Closed;
                self.poller.remove(&connection.stream)?;
                Ok(None)
            }
            Progress::Whole(head) => {
                connection.state = State::Idle;
                self.in_flight -= 1;
                Ok(Some(Received {
                    status: head.status,
                    body: &connection.input[head.body_at..head.end()],
                    took: connection.sent_at.elapsed(),
                }))
            }
        }
    }
}

enum Progress {
    Nothing,
    Ended,
    Whole(Head),
}

impl Connection {
    /// Whether all is sent now.
    fn send_rest(&mut self) -> Result<bool> {
        match self.stream.write(&self.unsent) {
            Ok(taken) => {
                self.unsent.drain(..taken);
                Ok(self.unsent.is_empty())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error).doing("sending the rest of a request"),
        }
    }

    fn read(&mut self, parse: Parse) -> Result<Progress> {
        if self.input.len() < self.filled + READ_ROOM {
            let need = self.head.map_or(0, Head::end).max(self.filled + READ_ROOM);
            self.input.resize(need.next_power_of_two(), 0);
        }
        let count = match self.stream.read(&mut self.input[self.filled..]) {
            Ok(0) => return Ok(Progress::Ended),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Progress::Nothing),
            // A reset of an idle connection is how a server may drop it.
            Err(_) if self.state == State::Idle => return Ok(Progress::Ended),
            Err(error) => return Err(error).doing("reading a reply"),
        };
        if self.state == State::Idle {
            return Err(Error::protocol("silence", "bytes that belong to no request"));
        }
        self.filled += count;
        if self.head.is_none() {
            self.head = parse(&self.input[..self.filled])?;
        }
        match self.head {
            Some(head) if self.filled == head.end() => Ok(Progress::Whole(head)),
            Some(head) if self.filled > head.end() => {
                Err(Error::protocol("one reply", "bytes after the end of a reply"))
            }
            Some(_) | None => Ok(Progress::Nothing),
        }
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).doing(format!("connecting to {address}"))?;
    stream.set_nodelay(true).doing("setting TCP_NODELAY")?;
    stream.set_nonblocking(true).doing("making a socket non-blocking")?;
    Ok(stream)
}
