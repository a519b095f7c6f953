//! The event stream of the protocol (5.8): a `data` event for each piece, and a `control` event that
//! says where it ends.

use std::{convert::Infallible, time::Duration};

use actix_web::http::{
    StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream;
use heartline_actors::{
    Transport,
    streams::{Ending, Follower, Piece},
};
use heartline_execution::stream::Media;
use tokio::time::{Instant, sleep_until};

use super::{Log, answer, body, offset, offset::Ticker};
use crate::{app::App, drain::Draining, routes::Answer};

const ENCODING: HeaderName = HeaderName::from_static("stream-sse-data-encoding");
/// Keeps proxies from closing a quiet stream.
const COMMENT: &[u8] = b": still here\n\n";

/// Follows `log` from `from` on.
///
/// # Errors
/// 503 at the bound on subscriptions.
pub(super) fn stream(app: &App, log: Log, from: u64, ticker: Ticker) -> Answer {
    let Log { reading, media, .. } = log;
    let mut answer = answer(StatusCode::OK, from);
    answer.insert_header((header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")));
    answer.insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store")));
    answer.insert_header(("x-accel-buffering", HeaderValue::from_static("no")));
    if media == Media::Binary {
        answer.insert_header((ENCODING, HeaderValue::from_static("base64")));
    }
    let events = Events {
        follower: reading.follow(from, Transport::Sse)?,
        media,
        ticker,
        draining: app.draining.clone(),
        keep_alive: app.config.http.sse_keep_alive,
        end: Instant::now() + app.config.streams.sse_lifetime,
        told: false,
        ended: false,
    };
    Ok(answer.streaming(events.into_bytes()))
}

/// The body of an event stream.
struct Events {
    follower: Follower,
    media: Media,
    ticker: Ticker,
    draining: Draining,
    keep_alive: Duration,
    /// When the client must come back.
    end: Instant,
    /// Whether the client knows where it is.
    told: bool,
    ended: bool,
}

impl Events {
    fn into_bytes(self) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(Box::new(self), |mut events| async move {
            let bytes = events.next().await?;
            Some((Ok(bytes), events))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let (tail, ending) = self.follower.reading.tail();
        if !self.told && self.follower.place() >= tail && ending != Ending::Gone {
            return Some(self.tell(None));
        }
        let quiet = Instant::now() + self.keep_alive;
        let next = tokio::select! {
            next = self.follower.next() => next,
            () = sleep_until(quiet.min(self.end)) => {
                return (quiet < self.end).then(|| Bytes::from_static(COMMENT));
            }
            () = self.draining.begun() => return None,
        };
        match next {
            Ok(Some(piece)) => Some(self.tell(Some(&piece))),
            Ok(None) => {
                self.ended = true;
                // The end is told once, and of what is gone there is nothing to tell.
                let (_, ending) = self.follower.reading.tail();
                (ending == Ending::Closed).then(|| self.tell(None))
            }
            Err(error) => {
                // The client comes back where it was; nothing is lost by ending here.
                tracing::warn!(%error, "a durable stream broke off");
                None
            }
        }
    }

    /// A piece, if there is one, and where the client is behind it.
    fn tell(&mut self, piece: Option<&Piece>) -> Bytes {
        self.told = true;
        let mut out = BytesMut::new();
        if let Some(piece) = piece.filter(|piece| !piece.messages.is_empty()) {
            out.put_slice(b"event: data\n");
            let bytes = body(self.media, piece);
            if self.media == Media::Binary {
                put_lines(&mut out, STANDARD.encode(bytes).as_bytes());
            } else {
                put_lines(&mut out, &bytes);
            }
            out.put_u8(b'\n');
        }
        let place = self.follower.place();
        let (tail, ending) = self.follower.reading.tail();
        let up_to_date = place >= tail;
        let next = offset::show(place);
        out.put_slice(b"event: control\ndata:{\"streamNextOffset\":\"");
        out.put_slice(next.as_bytes());
        out.put_u8(b'"');
        if up_to_date && ending == Ending::Closed {
            self.ended = true;
            out.put_slice(b",\"upToDate\":true,\"streamClosed\":true");
        } else {
            out.put_slice(format!(",\"streamCursor\":\"{}\"", self.ticker).as_bytes());
            if up_to_date {
                out.put_slice(b",\"upToDate\":true");
            }
        }
        out.put_slice(b"}\n\n");
        out.freeze()
    }
}

/// Each line behind its own `data:`, so that no byte of a message can end the event. The three ends
/// of line that event streams know are one to whoever reads them.
fn put_lines(out: &mut BytesMut, mut rest: &[u8]) {
    loop {
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        out.put_slice(b"data:");
        let Some(end) = end else {
            out.put_slice(rest);
            out.put_u8(b'\n');
            return;
        };
        out.put_slice(&rest[..end]);
        out.put_u8(b'\n');
        let width = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[end + width..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_can_end_its_event() {
        for (text, lines) in [
            ("one", "data:one\n"),
            ("", "data:\n"),
            ("a\nb", "data:a\ndata:b\n"),
            ("a\r\n\r\nevent: control\rb\n", "data:a\ndata:\ndata:event: control\ndata:b\ndata:\n"),
        ] {
            let mut out = BytesMut::new();
            put_lines(&mut out, text.as_bytes());
            assert_eq!(out, lines, "{text:?}");
        }
    }
}
