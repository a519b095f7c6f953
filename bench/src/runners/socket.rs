//! One WebSocket of a client: the handshake, whole text frames in, masked ones out.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::{
    crowd::frames::{Frames, Opcode, pong, push_masked},
    error::{Doing, Error, Result},
    http::Head,
};

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a handshake's answer may have.
const MAX_HEAD: usize = 8 * 1024;

/// See the module.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    /// The beginning of a frame that has not come whole; empty most of the time.
    carry: Vec<u8>,
    unsent: Vec<u8>,
    /// Whether the kernel would not take all of it.
    stuck: bool,
    /// Answers to pings were queued by the last read.
    answers: bool,
    /// Where masks come from: xorshift, which need not be secret between two ends of a loopback.
    random: u64,
}

impl Socket {
    /// Connects and shakes hands.
    pub(crate) fn connect(address: SocketAddr, nth: usize) -> Result<Self> {
        let doing = "connecting a runner";
        let mut stream = TcpStream::connect(address).doing(doing)?;
        stream.set_nodelay(true).doing(doing)?;
        stream.set_read_timeout(Some(PATIENCE)).doing(doing)?;
        stream.write_all(&handshake(address)).doing(doing)?;
        let carry = after_handshake(&mut stream)?;
        stream.set_nonblocking(true).doing(doing)?;
        let random = (nth as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Ok(Self { stream, carry, unsent: Vec::new(), stuck: false, answers: false, random })
    }

    /// To wait for.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Queues a frame; whether it is the first of those to be sent.
    #[inline]
    pub(crate) fn queue(&mut self, text: &[u8]) -> bool {
        let first = self.unsent.is_empty();
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let [a, b, c, d, ..] = self.random.to_le_bytes();
        push_masked(&mut self.unsent, text, [a, b, c, d]);
        first
    }

    /// Whether something waits for room.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// Whether answers to pings wait to be sent, and nothing before them.
    pub(crate) fn has_answers(&mut self) -> bool {
        std::mem::take(&mut self.answers)
    }

    /// Sends what is queued; whether all of it was taken.
    pub(crate) fn send(&mut self) -> Result<bool> {
        let taken = match self.stream.write(&self.unsent) {
            Ok(taken) => taken,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error).doing("sending frames"),
        };
        if taken == self.unsent.len() {
            self.unsent.clear();
        } else {
            self.unsent.drain(..taken);
        }
        self.stuck = !self.unsent.is_empty();
        Ok(!self.stuck)
    }

    /// Reads once into `buffer` and hands every whole text frame to `take`.
    pub(crate) fn read(
        &mut self,
        buffer: &mut Vec<u8>,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let carried = self.carry.len();
        if buffer.len() < carried * 2 {
            buffer.resize(carried * 2, 0);
        }
        buffer[..carried].copy_from_slice(&self.carry);
        let count = match self.stream.read(&mut buffer[carried..]) {
            Ok(0) => return Err(Error::protocol("an open connection", "its end")),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error).doing("reading what a runner is told"),
        };
        let bytes = &buffer[..carried + count];
        let mut frames = Frames::new(bytes);
        while let Some(frame) = frames.next()? {
            match frame.opcode {
                Opcode::Text => take(frame.payload)?,
                Opcode::Ping => {
                    self.answers |= self.unsent.is_empty();
                    self.unsent.extend_from_slice(&pong(frame.payload));
                }
                Opcode::Pong => {}
                Opcode::Close => {
                    let why = String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default());
                    return Err(Error::protocol("an open WebSocket", why));
                }
            }
        }
        let consumed = frames.consumed();
        self.carry.clear();
        self.carry.extend_from_slice(&bytes[consumed..]);
        Ok(())
    }
}

fn handshake(address: SocketAddr) -> Vec<u8> {
    // The key is any 16 bytes; it is not a secret.
    format!(
        "GET /v1/runner HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: aGVhcnRsaW5lLWJlbmNoLQ==\r\n\
         Sec-WebSocket-Protocol: heartline.runner.v1.json\r\n\r\n"
    )
    .into_bytes()
}

/// Reads the answer to a handshake; what came after it is returned.
fn after_handshake(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut input = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        if let Some(at) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            if input.starts_with(b"HTTP/1.1 101 ") {
                return Ok(input.split_off(at + 4));
            }
            let status = Head::parse(&input)?.map_or(0, |head| head.status);
            return Err(Error::refused("GET /v1/runner", status, &input[at + 4..]));
        }
        match stream.read(&mut chunk).doing("shaking hands")? {
            0 => return Err(Error::protocol("a handshake", "the end of a connection")),
            _ if input.len() > MAX_HEAD => {
                return Err(Error::protocol("a handshake of a sensible size", "a longer one"));
            }
            count => input.extend_from_slice(&chunk[..count]),
        }
    }
}
