//! WebSocket frames as a server sends them, found in a buffer without copying, and as a client
//! does, masked (RFC 6455, 5.2 and 5.3).
//!
//! Deliberately absent: fragments, which this contract does not use, and any look into payloads.

use crate::error::{Error, Result};

/// The longest frame taken seriously, bytes.
const LONGEST: usize = 16 * 1024 * 1024;

/// One whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) opcode: Opcode,
    pub(crate) payload: &'a [u8],
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text,
    Close,
    Ping,
    Pong,
}

/// Walks whole frames; what is left at the end is the beginning of one.
#[derive(Debug)]
pub(crate) struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    /// The frames in `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes the frames so far have taken.
    pub(crate) fn consumed(&self) -> usize {
        self.at
    }

    /// The next whole frame; `None` when the rest is not one yet.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'a>>> {
        let rest = &self.bytes[self.at..];
        let &[first, second, ..] = rest else { return Ok(None) };
        let (head, length) = match second {
            0..126 => (2, usize::from(second)),
            126 => match rest.get(2..4) {
                Some(&[high, low]) => (4, usize::from(u16::from_be_bytes([high, low]))),
                _ => return Ok(None),
            },
            127 => match rest.get(2..10) {
                Some(bytes) => (10, long_length(bytes)?),
                None => return Ok(None),
            },
            128.. => return Err(wrong("an unmasked frame", first, second)),
        };
        let opcode = match first {
            0x81 => Opcode::Text,
            0x88 => Opcode::Close,
            0x89 => Opcode::Ping,
            0x8a => Opcode::Pong,
            _ => return Err(wrong("a whole text or control frame", first, second)),
        };
        let Some(payload) = rest.get(head..head + length) else { return Ok(None) };
        self.at += head + length;
        Ok(Some(Frame { opcode, payload }))
    }
}

fn long_length(bytes: &[u8]) -> Result<usize> {
    let length = bytes.iter().fold(0u64, |length, &byte| length << 8 | u64::from(byte));
    match usize::try_from(length) {
        Ok(length) if length <= LONGEST => Ok(length),
        _ => Err(Error::protocol("a frame of a sensible size", length.to_string())),
    }
}

fn wrong(expected: &str, first: u8, second: u8) -> Error {
    Error::protocol(expected, format!("a head of {first:#04x} {second:#04x}"))
}

/// The answer to a ping: masked, as a client must, with a mask that changes nothing.
pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or(125).min(125);
    let mut frame = vec![0x8a, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(&payload[..usize::from(length)]);
    frame
}

/// Adds a text frame of a client to `out`, its payload masked with `key`.
pub(crate) fn push_masked(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    out.push(0x81);
    match payload.len() {
        length @ 0..126 => out.push(0x80 | u8::try_from(length).unwrap_or_default()),
        length @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&u16::try_from(length).unwrap_or_default().to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key);
    let at = out.len();
    out.extend_from_slice(payload);
    for chunk in out[at..].chunks_mut(key.len()) {
        for (byte, key) in chunk.iter_mut().zip(key) {
            *byte ^= key;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(payload: &[u8]) -> Vec<u8> {
        let length = payload.len();
        let mut frame = vec![0x81];
        match length {
            0..126 => frame.push(length as u8),
            126..65_536 => {
                frame.push(126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                frame.push(127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn frames_of_every_length_are_walked_wherever_the_bytes_are_cut() {
        let payloads = [vec![b'a'; 5], Vec::new(), vec![b'b'; 126], vec![b'c'; 70_000]];
        let bytes: Vec<u8> = payloads.iter().flat_map(|payload| text(payload)).collect();
        for cut in (0..bytes.len()).step_by(7).chain(0..200).chain([bytes.len()]) {
            let mut found = Vec::new();
            let mut frames = Frames::new(&bytes[..cut]);
            while let Some(frame) = frames.next().unwrap() {
                found.push(frame.payload.to_vec());
            }
            let consumed = frames.consumed();
            let mut rest = Frames::new(&bytes[consumed..]);
            while let Some(frame) = rest.next().unwrap() {
                found.push(frame.payload.to_vec());
            }
            assert_eq!(found, payloads, "cut at {cut}");
            assert_eq!(consumed + rest.consumed(), bytes.len());
        }
    }

    #[test]
    fn control_frames_are_told_apart() {
        let bytes = [0x89, 1, b'x', 0x8a, 0, 0x88, 2, 3, 232];
        let mut frames = Frames::new(&bytes);
        let mut next = || frames.next().unwrap().unwrap();
        assert_eq!(next(), Frame { opcode: Opcode::Ping, payload: b"x" });
        assert_eq!(next().opcode, Opcode::Pong);
        assert_eq!(next(), Frame { opcode: Opcode::Close, payload: &[3, 232] });
        assert_eq!(pong(b"x"), [0x8a, 0x81, 0, 0, 0, 0, b'x']);
    }

    #[test]
    fn a_masked_frame_is_unmasked_by_any_codec() {
        use tokio_tungstenite::tungstenite::{Message, WebSocket, protocol::Role};
        for length in [0, 1, 5, 125, 126, 1_000, 70_000] {
            let payload = vec![b'x'; length];
            let mut bytes = Vec::new();
            push_masked(&mut bytes, &payload, [1, 2, 250, 4]);
            let stream = std::io::Cursor::new(bytes);
            let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
            let Message::Text(text) = socket.read().unwrap() else { panic!("{length}") };
            assert_eq!(text.as_bytes(), payload, "{length}");
        }
    }

    #[test]
    fn what_a_server_must_not_send_is_an_error() {
        for wrong in [&[0x81, 0x81, 0, 0, 0, 0, b'x'][..], &[0x01, 1, b'x'], &[0xc1, 1, b'x']] {
            assert!(Frames::new(wrong).next().is_err(), "{wrong:?}");
        }
        let endless = [0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255];
        assert!(Frames::new(&endless).next().is_err());
    }
}
