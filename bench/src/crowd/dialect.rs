//! How a watcher is spoken to: Heartline's WebSocket, or a peer's way to follow a log.
//!
//! Bytes are scanned, not parsed: a load generator that shares two cores with a server and takes a
//! million events a second has a few hundred nanoseconds for each.

use super::{
    chain::{Chain, Link, Mark},
    frames::{Frames, Opcode, pong},
    resp,
};
use crate::{
    bare,
    error::{Error, Result},
    publish::mark_at,
};

/// What stands before an event's seq.
const EVENT: &[u8] = b"{\"op\":\"event\",\"event\":{\"seq\":";
/// What stands between its seq and its prev.
const PREV: &[u8] = b",\"prev\":";
/// Frames that say nothing about events.
const QUIET: [&[u8]; 4] =
    [b"{\"op\":\"hello\"", b"{\"op\":\"ping\"", b"{\"op\":\"live\"", b"{\"op\":\"snapshot\""];
/// A frame that says that a subscription stands.
const SUBSCRIBED: &[u8] = b"{\"op\":\"subscribed\"";
/// A frame that says that events come from disk for a while.
const LAG: &[u8] = b"{\"op\":\"lag\"";
/// The end of an HTTP head.
const HEAD_END: &[u8] = b"\r\n\r\n";
/// More bytes than a publisher's mark has: what must be kept of bytes without one.
const KEEP: usize = 64;

/// A way to follow a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `/v1/ws`, one subscription for each socket.
    Heartline,
    /// Server-sent events of the Durable Streams protocol.
    DurableStreams,
    /// `XREAD BLOCK`, asked again after every reply.
    Redis,
    /// Lines, after one that says that they will come.
    Bare,
}

/// Where a watcher stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its request is sent, and the head of the reply not complete.
    Asked,
    /// The head was accepted; the subscription is not confirmed yet.
    Upgraded,
    /// What comes now are events.
    Following,
}

/// What a read brought.
#[derive(Debug, Default)]
pub(super) struct Brought {
    /// Bytes that are done with; the rest is the beginning of something.
    pub(super) consumed: usize,
    /// To be sent back.
    pub(super) answer: Vec<u8>,
    /// How often the server fell back to its disk.
    pub(super) lags: u64,
}

/// What a walk changes: the watcher's own state.
pub(super) struct Walk<'a> {
    pub(super) stage: &'a mut Stage,
    pub(super) chain: &'a mut Chain,
}

impl Dialect {
    /// Where a watcher stands that has sent its request.
    pub(super) fn asked(self) -> Stage {
        // A read that blocks is not confirmed; it names where it begins, so nothing is missed.
        if self == Dialect::Redis { Stage::Following } else { Stage::Asked }
    }

    /// Walks all that is whole in `bytes` and hands every published event to `see`.
    pub(super) fn walk(
        self,
        bytes: &[u8],
        mut walk: Walk<'_>,
        see: &mut impl FnMut(Mark),
    ) -> Result<Brought> {
        let mut consumed = 0;
        if *walk.stage == Stage::Asked {
            match self.head(bytes)? {
                None => return Ok(Brought::default()),
                Some(end) => consumed = end,
            }
            *walk.stage = match self {
                Dialect::Heartline => Stage::Upgraded,
                Dialect::DurableStreams | Dialect::Redis | Dialect::Bare => Stage::Following,
            };
        }
        let rest = &bytes[consumed..];
        let mut brought = match self {
            Dialect::Heartline => walk.frames(rest, see)?,
            Dialect::DurableStreams | Dialect::Bare => walk.marks(rest, see),
            Dialect::Redis => walk.replies(rest, see)?,
        };
        brought.consumed += consumed;
        Ok(brought)
    }

    /// Where the head of the reply ends, once it is complete and says yes.
    fn head(self, bytes: &[u8]) -> Result<Option<usize>> {
        let status = match self {
            Dialect::Heartline => "101",
            Dialect::DurableStreams | Dialect::Redis => "200",
            Dialect::Bare => return Ok(bytes.starts_with(bare::DONE).then_some(bare::DONE.len())),
        };
        let Some(at) = bytes.windows(HEAD_END.len()).position(|window| window == HEAD_END) else {
            return Ok(None);
        };
        if !bytes.starts_with(format!("HTTP/1.1 {status} ").as_bytes()) {
            let what = format!("status {status} to a watcher");
            return Err(Error::protocol(what, String::from_utf8_lossy(bytes)));
        }
        Ok(Some(at + HEAD_END.len()))
    }
}

impl Walk<'_> {
    fn frames(&mut self, bytes: &[u8], see: &mut impl FnMut(Mark)) -> Result<Brought> {
        let mut brought = Brought::default();
        let mut frames = Frames::new(bytes);
        while let Some(frame) = frames.next()? {
            match frame.opcode {
                Opcode::Text => self.text(frame.payload, &mut brought, see)?,
                Opcode::Ping => brought.answer.extend(pong(frame.payload)),
                Opcode::Pong => {}
                Opcode::Close => {
                    let why = String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default());
                    return Err(Error::protocol("an open WebSocket", format!("a close: {why}")));
                }
            }
        }
        brought.consumed = frames.consumed();
        Ok(brought)
    }

    #[inline]
    fn text(
        &mut self,
        payload: &[u8],
        brought: &mut Brought,
        see: &mut impl FnMut(Mark),
    ) -> Result<()> {
        if let Some(link) = link(payload) {
            let found = mark_at(payload, EVENT.len());
            let mark = found.map(|(mark, _)| mark);
            self.chain.linked(link, mark);
            mark.into_iter().for_each(see);
        } else if payload.starts_with(SUBSCRIBED) {
            *self.stage = Stage::Following;
        } else if payload.starts_with(LAG) {
            brought.lags += 1;
        } else if !QUIET.iter().any(|quiet| payload.starts_with(quiet)) {
            return Err(Error::protocol("an event", String::from_utf8_lossy(payload)));
        }
        Ok(())
    }

    /// Marks wherever they stand, in a stream that is text with other things between.
    fn marks(&mut self, bytes: &[u8], see: &mut impl FnMut(Mark)) -> Brought {
        let mut at = 0;
        while let Some((mark, end)) = mark_at(bytes, at) {
            self.chain.numbered(mark);
            see(mark);
            at = end;
        }
        let consumed = at.max(bytes.len().saturating_sub(KEEP));
        Brought { consumed, ..Brought::default() }
    }

    fn replies(&mut self, bytes: &[u8], see: &mut impl FnMut(Mark)) -> Result<Brought> {
        let mut brought = Brought::default();
        while let Some(reply) = resp::reply(&bytes[brought.consumed..])? {
            let whole = &bytes[brought.consumed..brought.consumed + reply.length];
            self.marks(whole, see);
            brought.consumed += reply.length;
            brought.answer = resp::read_after(reply.last_id);
        }
        Ok(brought)
    }
}

/// Where an event stands, when `payload` is one.
#[inline]
fn link(payload: &[u8]) -> Option<Link> {
    let (seq, rest) = digits(payload.strip_prefix(EVENT)?)?;
    let (prev, _) = digits(rest.strip_prefix(PREV)?)?;
    Some(Link { seq, prev })
}

/// A number at the beginning of `bytes`, and what follows it.
#[inline]
fn digits(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    let mut length = 0;
    while let Some(digit) = bytes.get(length).filter(|byte| byte.is_ascii_digit()) {
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        length += 1;
    }
    (length > 0).then_some((value, &bytes[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::data;

    /// An event as Heartline frames it, published as `number` at `seq`.
    fn event(seq: u64, number: u64) -> Vec<u8> {
        let payload = format!(
            "{{\"op\":\"event\",\"event\":{{\"seq\":{seq},\"prev\":{},\"type\":\"CUSTOM\",\"data\":{}}}}}",
            seq - 1,
            published(number)
        );
        frame(payload.as_bytes())
    }

    fn published(number: u64) -> String {
        let text = data(256).unwrap();
        text.replace("~~~~~~~~~~", &format!("{number:010}")).replace("^^^^^^^^^^", "0000000007")
    }

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x81];
        match u8::try_from(payload.len()) {
            Ok(length @ 0..126) => frame.push(length),
            _ => {
                frame.push(126);
                frame.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        frame
    }

    /// Feeds `bytes` in pieces of `piece`, as a socket would bring them.
    fn fed(dialect: Dialect, bytes: &[u8], piece: usize) -> Result<(Chain, Vec<u64>, Stage)> {
        let mut stage = dialect.asked();
        let mut chain = Chain::after(2, 0);
        let mut seen = Vec::new();
        let mut carry = Vec::new();
        for piece in bytes.chunks(piece) {
            carry.extend_from_slice(piece);
            let walk = Walk { stage: &mut stage, chain: &mut chain };
            let brought = dialect.walk(&carry, walk, &mut |mark| seen.push(mark.number))?;
            carry.drain(..brought.consumed);
        }
        Ok((chain, seen, stage))
    }

    fn socket(events: &[(u64, u64)]) -> Vec<u8> {
        let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n".to_vec();
        bytes.extend(frame(b"{\"op\":\"hello\",\"connection\":\"c\"}"));
        bytes.extend(frame(b"{\"op\":\"subscribed\",\"execution\":\"aex_1\",\"head\":2}"));
        bytes.extend(events.iter().flat_map(|&(seq, number)| event(seq, number)));
        bytes
    }

    #[test]
    fn a_watcher_sees_every_event_however_the_bytes_are_cut() {
        let bytes = socket(&[(3, 1), (4, 2), (5, 3)]);
        for piece in [1, 2, 7, 100, 511, bytes.len()] {
            let (chain, seen, stage) = fed(Dialect::Heartline, &bytes, piece).unwrap();
            assert!(chain.whole(3), "in pieces of {piece}: {chain:?}");
            assert_eq!((seen, stage), (vec![1, 2, 3], Stage::Following));
        }
    }

    #[test]
    fn a_dropped_repeated_or_swapped_frame_breaks_the_audit() {
        for wrong in [
            &[(3, 1), (5, 3)][..],
            &[(3, 1), (4, 2), (4, 2), (5, 3)],
            &[(4, 2), (3, 1), (5, 3)],
            &[(3, 1), (4, 2)],
            // The chain of seqs holds, but an event of another number stands in it.
            &[(3, 1), (4, 3), (5, 3)],
        ] {
            let (chain, _, _) = fed(Dialect::Heartline, &socket(wrong), 100).unwrap();
            assert!(!chain.whole(3), "{wrong:?}: {chain:?}");
        }
    }

    #[test]
    fn a_refusal_is_an_error() {
        let refused = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        assert!(fed(Dialect::Heartline, refused, 9).is_err());
        let mut slip = socket(&[]);
        slip.extend(frame(b"{\"op\":\"error\",\"problem\":{}}"));
        assert!(fed(Dialect::Heartline, &slip, 9).is_err());
    }

    #[test]
    fn server_sent_events_are_found_between_their_chunks() {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut bytes = format!("{head}77\r\nevent: control\ndata:{{}}\n\n\r\n").into_bytes();
        for numbers in [&[1][..], &[2, 3]] {
            let events: Vec<String> = numbers.iter().map(|&number| published(number)).collect();
            let data = format!("99\r\nevent: data\ndata:[{}]\n\n\r\n", events.join(","));
            bytes.extend(data.into_bytes());
        }
        for piece in [1, 3, 50, 64, 65, bytes.len()] {
            let (chain, seen, _) = fed(Dialect::DurableStreams, &bytes, piece).unwrap();
            assert_eq!(seen, [1, 2, 3], "in pieces of {piece}");
            assert!(chain.whole(3));
        }
    }

    #[test]
    fn lines_are_events_after_the_one_that_promises_them() {
        let mut bytes = bare::DONE.to_vec();
        for number in 1..4 {
            bytes.extend(format!("{}\n", published(number)).into_bytes());
        }
        for piece in [1, 3, 50, bytes.len()] {
            let (chain, seen, stage) = fed(Dialect::Bare, &bytes, piece).unwrap();
            assert_eq!((seen, stage), (vec![1, 2, 3], Stage::Following), "in pieces of {piece}");
            assert!(chain.whole(3));
        }
    }

    #[test]
    fn a_blocking_read_is_answered_with_the_next() {
        let data = published(1);
        let reply = format!(
            "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n7-1\r\n*2\r\n$1\r\nd\r\n${}\r\n{data}\r\n",
            data.len()
        );
        let (mut stage, mut chain) = (Stage::Following, Chain::after(0, 0));
        let walk = Walk { stage: &mut stage, chain: &mut chain };
        let brought = Dialect::Redis.walk(reply.as_bytes(), walk, &mut |_| {}).unwrap();
        assert_eq!(brought.consumed, reply.len());
        assert!(brought.answer.ends_with(b"$3\r\n7-1\r\n"));
        assert!(chain.whole(1));
        for cut in 0..reply.len() {
            let walk = Walk { stage: &mut stage, chain: &mut chain };
            let brought = Dialect::Redis.walk(&reply.as_bytes()[..cut], walk, &mut |_| {}).unwrap();
            assert_eq!(brought.consumed, 0, "cut at {cut}");
        }
    }
}
