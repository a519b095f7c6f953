//! Looks at the headers of the client's frames before the codec does.
//!
//! The codec collects a frame whole before it looks at its length, takes in whatever the socket
//! has while frames wait to be handled, and logs some slips of clients as errors. So here each
//! header is checked as it comes (RFC 6455 §5.2, §5.5), a frame beyond the bound is refused before
//! its payload is read, and no more frames are let in than a few ahead of the actor. The guard
//! parses no payloads: that is the codec's.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

use super::desk::{Close, Desk};

/// Frames let in and not yet handled. The actor handles 16 at a time.
const AHEAD_MAX: usize = 32;
/// Two bytes, a length of 64 bits, a mask of 32.
const HEADER_MAX: usize = 14;
/// RFC 6455 §5.5.
const CONTROL_MAX: u64 = 125;

/// The client's bytes, less what must not reach the codec.
pub(super) struct Guard<S> {
    stream: S,
    desk: Desk,
    limit: u64,
    /// Received, not let in.
    waiting: Bytes,
    header: [u8; HEADER_MAX],
    header_used: usize,
    /// Payload of the current frame still to come.
    payload: u64,
    found: Option<Close>,
    ended: bool,
}

impl<S> Guard<S> {
    pub(super) fn new(stream: S, desk: Desk, limit: usize) -> Self {
        Self {
            stream,
            desk,
            limit: limit as u64,
            waiting: Bytes::new(),
            header: [0; HEADER_MAX],
            header_used: 0,
            payload: 0,
            found: None,
            ended: false,
        }
    }

    /// How much of `bytes` may pass now.
    fn walk(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        let mut frame = 0;
        while at < bytes.len() {
            if self.payload > 0 {
                let here =
                    usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len() - at);
                self.payload -= here as u64;
                at += here;
                continue;
            }
            if self.header_used == 0 {
                frame = at;
                if self.desk.unhandled() >= AHEAD_MAX || self.desk.hold_back() {
                    break;
                }
            }
            self.header[self.header_used] = bytes[at];
            self.header_used += 1;
            at += 1;
            match self.check() {
                Ok(None) => {}
                Ok(Some(length)) => {
                    self.payload = length;
                    self.header_used = 0;
                    self.desk.let_in();
                }
                Err(close) => {
                    self.found = Some(close);
                    return frame;
                }
            }
        }
        at
    }

    /// The payload's length, once the header is complete.
    fn check(&self) -> Result<Option<u64>, Close> {
        let header = &self.header[..self.header_used];
        let [first, second, extended @ ..] = header else { return Ok(None) };
        let (opcode, short) = (first & 0x0f, u64::from(second & 0x7f));
        let violated = |what: &str| Err(Close::new(1002, what));
        if first & 0x70 != 0 {
            return violated("a reserved bit is set");
        }
        if second & 0x80 == 0 {
            return violated("frames of clients are masked");
        }
        match opcode {
            0..=2 => {}
            8..=10 if first & 0x80 == 0 => return violated("a control frame is not fragmented"),
            8..=10 if short > CONTROL_MAX => {
                return violated("a control frame has at most 125 bytes");
            }
            8..=10 => {}
            _ => return violated("an opcode is reserved"),
        }
        let (length_bytes, mask_bytes) = (
            if short == 126 {
                2
            } else if short == 127 {
                8
            } else {
                0
            },
            4,
        );
        if extended.len() < length_bytes + mask_bytes {
            return Ok(None);
        }
        let length = match length_bytes {
            0 => short,
            count => {
                extended[..count].iter().fold(0, |length, byte| length << 8 | u64::from(*byte))
            }
        };
        if length > self.limit {
            return Err(Close::new(1009, format!("a message has at most {} bytes", self.limit)));
        }
        Ok(Some(length))
    }
}

impl<S> Stream for Guard<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.found.is_some() && this.desk.unhandled() > 0 {
            // The codec drops what it has when it sees an error; the frames before are answered
            // first. No waker: whoever handles them polls again.
            return Poll::Pending;
        }
        if let Some(close) = this.found.take() {
            this.desk.violated(close);
            this.ended = true;
            return Poll::Ready(Some(Err(PayloadError::Overflow)));
        }
        if this.ended {
            return Poll::Ready(None);
        }
        if this.waiting.is_empty() {
            match ready!(Pin::new(&mut this.stream).poll_next(context)) {
                Some(Ok(bytes)) => this.waiting = bytes,
                other => {
                    this.ended = true;
                    return Poll::Ready(other);
                }
            }
        }
        let bytes = std::mem::take(&mut this.waiting);
        let pass = this.walk(&bytes);
        this.waiting = bytes.slice(pass..);
        if pass > 0 || this.found.is_some() {
            // An empty piece brings the codec back here at once, to the violation.
            return Poll::Ready(Some(Ok(bytes.slice(..pass))));
        }
        // No waker: frames are waiting to be handled, or what they ask to be taken up, and whoever
        // does that polls again.
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};

    use super::*;

    /// A masked frame of a client (mask zero, so that the payload is itself).
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        frame
    }

    fn pieces(bytes: &[u8], size: usize) -> Vec<Result<Bytes, PayloadError>> {
        bytes.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()
    }

    /// Feeds `bytes` in pieces of `size`, handling each frame at once.
    async fn fed(bytes: &[u8], size: usize, limit: usize) -> (Vec<u8>, Option<Close>) {
        let desk = Desk::new();
        let pieces = pieces(bytes, size);
        let mut guard = Guard::new(stream::iter(pieces), desk.clone(), limit);
        let mut passed = Vec::new();
        while let Some(piece) = guard.next().await {
            if let Ok(piece) = piece {
                passed.extend_from_slice(&piece);
            }
            while desk.unhandled() > 0 {
                desk.handled();
            }
        }
        (passed, desk.take_violation())
    }

    #[actix_web::test]
    async fn good_frames_pass_as_they_are_in_pieces_of_any_size() {
        let mut bytes = frame(0x81, b"hello");
        bytes.extend(frame(0x89, b""));
        bytes.extend(frame(0x01, &[b'x'; 300]));
        bytes.extend(frame(0x80, b"end"));
        for size in 1..bytes.len() {
            assert_eq!(fed(&bytes, size, 1000).await, (bytes.clone(), None), "{size}");
        }
    }

    #[actix_web::test]
    async fn a_bad_header_is_refused_after_the_frames_before_it() {
        let good = frame(0x81, b"hello");
        let unmasked = vec![0x81, 0x01, b'x'];
        let mut endless = vec![0x82, 0xff];
        endless.extend((1_u64 << 40).to_be_bytes());
        endless.extend([0; 4]);
        for (bad, code) in [
            (frame(0xc1, b""), 1002),
            (frame(0x83, b""), 1002),
            (frame(0x09, b""), 1002),
            (frame(0x89, &[0; 126]), 1002),
            (unmasked, 1002),
            (frame(0x81, &[0; 101]), 1009),
            (endless, 1009),
        ] {
            let bytes = [good.clone(), bad.clone()].concat();
            let (passed, close) = fed(&bytes, bytes.len(), 100).await;
            assert_eq!((passed, close.map(|c| c.code())), (good.clone(), Some(code)), "{bad:?}");
        }
    }

    #[actix_web::test]
    async fn a_bad_header_waits_until_the_frames_before_it_are_handled() {
        let desk = Desk::new();
        let bytes = [frame(0x81, b"hello"), frame(0x83, b"")].concat();
        let whole = pieces(&bytes, bytes.len());
        let mut guard = Guard::new(stream::iter(whole), desk.clone(), 100);
        assert_eq!(guard.next().await.unwrap().unwrap(), frame(0x81, b"hello"));
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(guard.poll_next_unpin(&mut context).is_pending());
        desk.handled();
        assert!(guard.next().await.unwrap().is_err());
        assert_eq!(desk.take_violation().unwrap().code(), 1002);
    }

    #[actix_web::test]
    async fn no_more_frames_are_let_in_than_are_handled() {
        let desk = Desk::new();
        let flood = Bytes::from(frame(0x8a, b"").repeat(100));
        let mut guard = Guard::new(stream::iter([Ok(flood)]), desk.clone(), 100);
        let first = guard.next().await.unwrap().unwrap();
        assert_eq!(first.len(), AHEAD_MAX * 6);
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(guard.poll_next_unpin(&mut context).is_pending());
        desk.handled();
        assert_eq!(guard.next().await.unwrap().unwrap().len(), 6);
    }
}
