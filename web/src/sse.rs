//! Server-sent events: a cursor, pulled as fast as the client takes it and no faster.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use heartline_actors::Next;
use heartline_execution::ExecutionId;

use crate::{
    drain::{Draining, reconnect_after},
    encode::{self, Frames, Framing},
    outgoing::Outgoing,
    view::Lens,
    watching::Watch,
};

/// How long a browser waits before it reconnects. Short: resuming costs the server little.
const RETRY: Duration = Duration::from_secs(1);
/// Keeps proxies from closing a quiet stream.
const COMMENT: &[u8] = b": still here\n\n";

/// The body of an event stream.
pub(crate) struct Stream {
    id: ExecutionId,
    watch: Watch,
    draining: Draining,
    keep_alive: Duration,
    /// What is sent first.
    greeting: Option<Frames>,
    outgoing: Outgoing,
    ended: bool,
}

impl Stream {
    pub(crate) fn new(
        id: ExecutionId,
        mut watch: Watch,
        draining: Draining,
        keep_alive: Duration,
        outgoing: Outgoing,
    ) -> Self {
        let mut greeting = retry(RETRY);
        if watch.ahead {
            greeting.extend_from_slice(&reset(id, "ahead_of_log", watch.oldest));
        }
        if let Some(snapshot) = watch.snapshot.take() {
            greeting.extend_from_slice(
                format!("event: snapshot\nid: {}\ndata: ", snapshot.seq).as_bytes(),
            );
            greeting.extend_from_slice(&snapshot.full);
            greeting.extend_from_slice(b"\n\n");
        }
        let greeting = Some(one(greeting));
        Self { id, watch, draining, keep_alive, greeting, outgoing, ended: false }
    }

    /// As a response body.
    pub(crate) fn into_bytes(self) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(Box::new(self), |mut stream| async move {
            let bytes = match stream.outgoing.ask() {
                Some(piece) => piece,
                None => {
                    let frames = stream.next().await?;
                    stream.outgoing.give(frames)
                }
            };
            Some((Ok(bytes), stream))
        })
    }

    async fn next(&mut self) -> Option<Frames> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        if self.ended {
            return None;
        }
        let quiet = tokio::time::sleep(self.keep_alive);
        tokio::pin!(quiet);
        loop {
            let next = tokio::select! {
                next = self.watch.cursor.next() => next,
                () = &mut quiet => return Some(one(COMMENT)),
                () = self.draining.begun() => {
                    self.ended = true;
                    return Some(one(retry(reconnect_after())));
                }
            };
            match next {
                Ok(Next::Events(chunk, from)) => {
                    let frames = encode::chunk(&mut self.watch.lens, &chunk, from, Framing::Sse);
                    if !frames.bytes.is_empty() {
                        return Some(frames);
                    }
                }
                Ok(Next::Lag { .. } | Next::Live { .. }) => {}
                Ok(Next::Reset { oldest, reason }) => {
                    self.watch.lens = Lens::new(self.watch.lens.view());
                    return Some(one(reset(self.id, reason, oldest)));
                }
                Ok(Next::End { seq, phase }) => {
                    self.ended = true;
                    let (id, phase) = (self.id, phase.as_str());
                    let end = format!(
                        "event: end\nid: {seq}\ndata: {{\"execution\":\"{id}\",\"seq\":{seq},\"phase\":\"{phase}\"}}\n\n"
                    );
                    return Some(one(end));
                }
                Err(error) => {
                    // The client resumes by seq; nothing is lost by ending here.
                    tracing::warn!(%error, execution = %self.id, "an event stream broke off");
                    return None;
                }
            }
        }
    }
}

/// One message, or a few that are counted as one.
fn one(bytes: impl Into<Bytes>) -> Frames {
    Frames { bytes: bytes.into(), count: 1 }
}

fn retry(after: Duration) -> Vec<u8> {
    format!("retry: {}\n\n", after.as_millis()).into_bytes()
}

fn reset(id: ExecutionId, reason: &str, oldest: u64) -> Vec<u8> {
    format!("event: reset\ndata: {{\"execution\":\"{id}\",\"reason\":\"{reason}\",\"oldest\":{oldest}}}\n\n").into_bytes()
}
