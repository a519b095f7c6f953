//! Many watchers on one thread: a connection each, one epoll, one buffer that all read into.
//!
//! The caller owns the loop: [`Crowd::turn`] waits, reads what has come and audits it.

mod chain;
mod dialect;
pub(crate) mod frames;
pub(crate) mod resp;
mod tally;

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

pub(crate) use chain::{Chain, Mark};
pub(crate) use dialect::Dialect;
pub(crate) use tally::Tally;

use crate::{
    error::{Doing, Error, Result},
    poller::{Interest, Poller},
};
use dialect::{Stage, Walk};

/// The buffer: a few hundred events, so that one read takes most of what can have come.
const BUFFER: usize = 256 * 1024;
/// Watchers connected before what came is read.
const CONNECTED_AT_ONCE: usize = 64;

/// Watchers of one server.
pub(crate) struct Crowd {
    dialect: Dialect,
    poller: Poller,
    members: Vec<Member>,
    buffer: Vec<u8>,
    ready: Vec<usize>,
    following: usize,
    /// What they have received together.
    pub(crate) tally: Tally,
}

#[derive(Debug)]
struct Member {
    stream: TcpStream,
    /// The beginning of something that has not come whole; empty most of the time.
    carry: Vec<u8>,
    stage: Stage,
    chain: Chain,
}

impl Crowd {
    /// Nobody yet; events are counted in requests of `batch`.
    pub(crate) fn new(dialect: Dialect, batch: u64) -> Result<Self> {
        Ok(Self {
            dialect,
            poller: Poller::new()?,
            members: Vec::new(),
            buffer: vec![0; BUFFER],
            ready: Vec::new(),
            following: 0,
            tally: Tally::new(batch),
        })
    }

    /// Connects `count` more, the nth with `request`, to see what comes after `from`.
    pub(crate) fn join(
        &mut self,
        address: SocketAddr,
        count: usize,
        from: &Chain,
        mut request: impl FnMut(usize) -> Vec<u8>,
    ) -> Result<()> {
        for nth in 0..count {
            self.connect(address, from, &request(nth))
                .map_err(|error| with_limit(error, self.members.len()))?;
            if nth % CONNECTED_AT_ONCE == CONNECTED_AT_ONCE - 1 {
                self.turn(Duration::ZERO)?;
            }
        }
        Ok(())
    }

    fn connect(&mut self, address: SocketAddr, from: &Chain, request: &[u8]) -> Result<()> {
        let mut stream = TcpStream::connect(address).doing("connecting a watcher")?;
        stream.set_nodelay(true).doing("setting TCP_NODELAY")?;
        stream.write_all(request).doing("asking for events")?;
        stream.set_nonblocking(true).doing("making a socket non-blocking")?;
        self.poller.add(&stream, self.members.len(), Interest::Read)?;
        let stage = self.dialect.asked();
        self.following += usize::from(stage == Stage::Following);
        self.members.push(Member { stream, carry: Vec::new(), stage, chain: from.clone() });
        self.tally.watchers = self.members.len();
        Ok(())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Reads until every subscription is confirmed.
    pub(crate) fn gather(&mut self, patience: Duration) -> Result<()> {
        let begun = Instant::now();
        while self.following < self.members.len() {
            self.turn(Duration::from_millis(20))?;
            if begun.elapsed() > patience {
                let what = format!(
                    "subscriptions: {} of {} are confirmed",
                    self.following,
                    self.members.len()
                );
                return Err(Error::TimedOut { what, seconds: patience.as_secs() });
            }
        }
        Ok(())
    }

    /// Waits for at most `timeout` and reads once from whoever has something; how many had.
    pub(crate) fn turn(&mut self, timeout: Duration) -> Result<usize> {
        let Self { dialect, poller, members, buffer, ready, following, tally } = self;
        poller.wait(timeout, ready)?;
        for &index in ready.iter() {
            let member = &mut members[index];
            let before = member.stage;
            member
                .read(*dialect, buffer, tally)
                .map_err(|error| Error::protocol(format!("watcher {index}"), error.to_string()))?;
            *following += usize::from(before != Stage::Following && member.following());
        }
        Ok(ready.len())
    }

    /// Stops reading altogether: bytes stay where they are.
    pub(crate) fn stall(&mut self) -> Result<()> {
        self.members.iter().try_for_each(|member| self.poller.remove(&member.stream))
    }

    /// Reads again, but only the first `count`; the others go.
    pub(crate) fn resume(&mut self, count: usize) -> Result<()> {
        self.members.truncate(count);
        self.following = self.members.len();
        self.tally.watchers = self.members.len();
        let mut all = self.members.iter().enumerate();
        all.try_for_each(|(token, member)| self.poller.add(&member.stream, token, Interest::Read))
    }

    /// What each has seen.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &Chain> {
        self.members.iter().map(|member| &member.chain)
    }
}

impl Member {
    fn following(&self) -> bool {
        self.stage == Stage::Following
    }

    fn read(&mut self, dialect: Dialect, buffer: &mut Vec<u8>, tally: &mut Tally) -> Result<()> {
        let carried = self.carry.len();
        if buffer.len() < carried + BUFFER / 2 {
            buffer.resize((carried + BUFFER).next_power_of_two(), 0);
        }
        buffer[..carried].copy_from_slice(&self.carry);
        let count = match self.stream.read(&mut buffer[carried..]) {
            Ok(0) => return Err(Error::protocol("an open connection", "its end")),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).doing("reading what a watcher gets"),
        };
        let now = tally.received(count);
        let bytes = &buffer[..carried + count];
        let walk = Walk { stage: &mut self.stage, chain: &mut self.chain };
        let brought = dialect.walk(bytes, walk, &mut |mark| tally.see(mark, now))?;
        tally.lags += brought.lags;
        self.carry.clear();
        self.carry.extend_from_slice(&bytes[brought.consumed..]);
        if self.carry.is_empty() {
            // Thousands of watchers: none keeps a buffer it does not need.
            self.carry = Vec::new();
        }
        if !brought.answer.is_empty() {
            self.stream.write_all(&brought.answer).doing("answering the server")?;
        }
        Ok(())
    }
}

/// The request for events of `execution` after seq `after`, as a browser would make it.
pub(crate) fn websocket(address: SocketAddr, execution: &str, after: u64) -> Vec<u8> {
    // The key is any 16 bytes; it is not a secret.
    format!(
        "GET /v1/ws?execution={execution}&after={after} HTTP/1.1\r\nHost: {address}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: aGVhcnRsaW5lLWJlbmNoLQ==\r\n\
         Sec-WebSocket-Protocol: heartline.v1.json\r\n\r\n"
    )
    .into_bytes()
}

/// Adds what to do when too many sockets were asked for.
fn with_limit(error: Error, connected: usize) -> Error {
    match error {
        Error::Io { what, source } if source.raw_os_error() == Some(24) => Error::Setup(format!(
            "{what}: no more open files after {connected} watchers; raise the limit with \
             `ulimit -n`, or ask for fewer"
        )),
        other => other,
    }
}
