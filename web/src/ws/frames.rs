//! The server's control frames, as text or as bytes that are framed already.

use std::{fmt::Write as _, time::Duration};

use actix_http::ws::{OpCode, Parser};
use bytes::BytesMut;
use heartline_actors::View as Snapshot;
use heartline_execution::{ExecutionId, Phase, Span};

use crate::{
    encode::{Frames, text_frame},
    error::Problem,
};

/// Sent first.
pub(super) fn hello(
    connection: &str,
    heartbeat: Duration,
    message_bytes: usize,
    subscriptions: usize,
) -> String {
    let heartbeat = Span(u64::try_from(heartbeat.as_micros()).unwrap_or(u64::MAX));
    format!(
        "{{\"op\":\"hello\",\"connection\":\"{connection}\",\"heartbeat\":\"{heartbeat}\",\
         \"limits\":{{\"message_bytes\":{message_bytes},\"subscriptions\":{subscriptions}}}}}"
    )
}

/// A slip, with the id of the operation where it had one (as JSON).
pub(super) fn error(id: Option<&str>, problem: &Problem, connection: &str) -> String {
    let mut frame = String::from("{\"op\":\"error\",");
    if let Some(id) = id {
        write!(frame, "\"id\":{id},").expect("a string takes any text");
    }
    let problem = String::from_utf8(problem.json(connection)).expect("JSON is UTF-8");
    write!(frame, "\"problem\":{problem}}}").expect("a string takes any text");
    frame
}

/// The answer to a client's ping, with its `t` (as JSON).
pub(super) fn pong(t: Option<&str>) -> String {
    match t {
        Some(t) => format!("{{\"op\":\"pong\",\"t\":{t}}}"),
        None => "{\"op\":\"pong\"}".to_owned(),
    }
}

/// The server is stopping: when to come back, so that not all clients come at once.
pub(super) fn reconnect(after: Duration) -> Frames {
    let after = Span::from_std(after);
    framed(&format!("{{\"op\":\"reconnect\",\"after\":\"{after}\"}}"))
}

/// A ping of the protocol and, for watchers, one that a page's script can see.
pub(super) fn ping(visible: bool) -> Frames {
    let mut out = BytesMut::new();
    Parser::write_message(&mut out, b"", OpCode::Ping, true, false);
    if visible {
        text_frame(&mut out, b"{\"op\":\"ping\"}");
    }
    Frames { bytes: out.freeze(), count: 1 + usize::from(visible) }
}

/// Frames about one subscription, one after the other in one piece.
pub(super) struct About {
    execution: ExecutionId,
    out: BytesMut,
    count: usize,
}

impl About {
    pub(super) fn new(execution: ExecutionId) -> Self {
        Self { execution, out: BytesMut::new(), count: 0 }
    }

    pub(super) fn subscribed(mut self, id: Option<&str>, head: u64, oldest: u64) -> Self {
        let id = id.map(|id| format!("\"id\":{id},")).unwrap_or_default();
        let execution = self.execution;
        self.text(&format!(
            "{{\"op\":\"subscribed\",{id}\"execution\":\"{execution}\",\"head\":{head},\"oldest\":{oldest}}}"
        ));
        self
    }

    pub(super) fn snapshot(mut self, snapshot: &Snapshot) -> Self {
        let (execution, seq) = (self.execution, snapshot.seq);
        let head =
            format!("{{\"op\":\"snapshot\",\"execution\":\"{execution}\",\"seq\":{seq},\"state\":");
        text_frame(&mut self.out, &[head.as_bytes(), &snapshot.full, b"}"].concat());
        self.count += 1;
        self
    }

    pub(super) fn lag(mut self, at: u64, head: u64) -> Self {
        let execution = self.execution;
        self.text(&format!(
            "{{\"op\":\"lag\",\"execution\":\"{execution}\",\"at\":{at},\"head\":{head}}}"
        ));
        self
    }

    pub(super) fn live(mut self, seq: u64) -> Self {
        let execution = self.execution;
        self.text(&format!("{{\"op\":\"live\",\"execution\":\"{execution}\",\"seq\":{seq}}}"));
        self
    }

    pub(super) fn reset(mut self, reason: &str, oldest: u64) -> Self {
        let execution = self.execution;
        self.text(&format!(
            "{{\"op\":\"reset\",\"execution\":\"{execution}\",\"reason\":\"{reason}\",\"oldest\":{oldest}}}"
        ));
        self
    }

    pub(super) fn end(mut self, seq: u64, phase: Phase) -> Self {
        let (execution, phase) = (self.execution, phase.as_str());
        self.text(&format!(
            "{{\"op\":\"end\",\"execution\":\"{execution}\",\"seq\":{seq},\"phase\":\"{phase}\"}}"
        ));
        self
    }

    pub(super) fn into_frames(self) -> Frames {
        Frames { bytes: self.out.freeze(), count: self.count }
    }

    fn text(&mut self, text: &str) {
        text_frame(&mut self.out, text.as_bytes());
        self.count += 1;
    }
}

/// A slip, framed.
pub(super) fn error_frame(id: Option<&str>, problem: &Problem, connection: &str) -> Frames {
    framed(&error(id, problem, connection))
}

/// The end of a subscription that the client asked for, framed.
pub(super) fn unsubscribed(id: &str) -> Frames {
    framed(&format!("{{\"op\":\"unsubscribed\",\"id\":{id}}}"))
}

fn framed(text: &str) -> Frames {
    let mut out = BytesMut::new();
    text_frame(&mut out, text.as_bytes());
    Frames { bytes: out.freeze(), count: 1 }
}
