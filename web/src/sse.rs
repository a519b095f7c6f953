//! Server-sent events: a cursor, pulled as fast as the client takes it and no faster.

use std::{convert::Infallible, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use heartline_actors::Next;
use heartline_execution::ExecutionId;

use crate::{
    drain::Draining,
    encode::{self, Framing},
    view::Lens,
    watching::Watch,
};

/// How long a browser waits before it reconnects. Short: resuming costs the server little.
const RETRY: &[u8] = b"retry: 1000\n\n";
/// Keeps proxies from closing a quiet stream.
const COMMENT: &[u8] = b": still here\n\n";

/// The body of an event stream.
pub(crate) struct Stream {
    id: ExecutionId,
    watch: Watch,
    draining: Draining,
    keep_alive: Duration,
    /// What is sent first.
    greeting: Option<Bytes>,
    ended: bool,
}

impl Stream {
    pub(crate) fn new(
        id: ExecutionId,
        mut watch: Watch,
        draining: Draining,
        keep_alive: Duration,
    ) -> Self {
        let mut greeting = BytesMut::from(RETRY);
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
        Self { id, watch, draining, keep_alive, greeting: Some(greeting.freeze()), ended: false }
    }

    /// As a response body.
    pub(crate) fn into_bytes(self) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(Box::new(self), |mut stream| async move {
            let bytes = stream.next().await?;
            Some((Ok(bytes), stream))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
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
                () = &mut quiet => return Some(Bytes::from_static(COMMENT)),
                () = self.draining.begun() => return None,
            };
            match next {
                Ok(Next::Events(chunk, from)) => {
                    let bytes = encode::chunk(&mut self.watch.lens, &chunk, from, Framing::Sse);
                    if !bytes.is_empty() {
                        return Some(bytes);
                    }
                }
                Ok(Next::Lag { .. } | Next::Live { .. }) => {}
                Ok(Next::Reset { oldest, reason }) => {
                    self.watch.lens = Lens::new(self.watch.lens.view());
                    return Some(reset(self.id, reason, oldest).into());
                }
                Ok(Next::End { seq, phase }) => {
                    self.ended = true;
                    let (id, phase) = (self.id, phase.as_str());
                    let end = format!(
                        "event: end\nid: {seq}\ndata: {{\"execution\":\"{id}\",\"seq\":{seq},\"phase\":\"{phase}\"}}\n\n"
                    );
                    return Some(end.into());
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

fn reset(id: ExecutionId, reason: &str, oldest: u64) -> Vec<u8> {
    format!("event: reset\ndata: {{\"execution\":\"{id}\",\"reason\":\"{reason}\",\"oldest\":{oldest}}}\n\n").into_bytes()
}
