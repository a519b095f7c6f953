//! What a runner is told, as frames.

use std::{fmt::Write as _, time::Duration};

use bytes::BytesMut;
use heartline_actors::{Resumed, RunnerSession, Told};
use heartline_execution::Span;
use serde_json::value::RawValue;

use super::super::frames;
use crate::{
    encode::{Frames, text_frame},
    error::Problem,
    lease,
};

/// Frames on their way out, gathered so that many go out at once.
#[derive(Default)]
pub(super) struct Out {
    bytes: BytesMut,
    count: usize,
    /// For the making of an acknowledgement: there is one for each event.
    line: Vec<u8>,
}

impl Out {
    /// Bytes gathered.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// All of them; `None` when there are none.
    pub(super) fn take(&mut self) -> Option<Frames> {
        let count = std::mem::take(&mut self.count);
        (count > 0).then(|| Frames { bytes: self.bytes.split().freeze(), count })
    }

    fn text(&mut self, text: &[u8]) {
        text_frame(&mut self.bytes, text);
        self.count += 1;
    }

    /// It is done, and the log ends at `seq`.
    pub(super) fn ack(&mut self, id: &str, seq: Option<u64>) {
        self.line.clear();
        self.line.extend_from_slice(b"{\"op\":\"ack\",\"id\":");
        self.line.extend_from_slice(id.as_bytes());
        if let Some(seq) = seq {
            self.line.extend_from_slice(b",\"seq\":");
            self.line.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
        }
        self.line.push(b'}');
        text_frame(&mut self.bytes, &self.line);
        self.count += 1;
    }

    /// It is not done.
    pub(super) fn error(&mut self, id: Option<&str>, problem: &Problem, connection: &str) {
        self.text(frames::error(id, problem, connection).as_bytes());
    }

    /// The session has begun, with what it keeps.
    pub(super) fn registered(&mut self, session: &RunnerSession, heartbeat: Duration) {
        let heartbeat = Span::from_std(heartbeat);
        let mut text = format!(
            "{{\"op\":\"registered\",\"session\":\"{}\",\"heartbeat\":\"{heartbeat}\",\"leases\":[",
            session.id()
        );
        for (index, (execution, lease)) in session.leases().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(text, "{comma}{{\"execution\":\"{execution}\",\"lease\":\"{lease}\"}}")
                .expect("a string takes any text");
        }
        text.push_str("]}");
        self.text(text.as_bytes());
    }

    /// What the session says; what ends the socket is not a frame.
    pub(super) fn told(&mut self, told: &Told) {
        match told {
            Told::Lease(granted) => {
                let mut text = BytesMut::with_capacity(granted.execution.len() + 160);
                text.extend_from_slice(b"{\"op\":\"lease\",");
                lease::write(&mut text, granted);
                text.extend_from_slice(b"}");
                self.text(&text);
            }
            Told::Cancel { id, lease, reason, deadline } => {
                let reason = json(reason);
                self.text(
                    format!(
                        "{{\"op\":\"cancel\",\"execution\":\"{id}\",\"lease\":\"{lease}\",\
                         \"reason\":{reason},\"deadline\":\"{deadline}\"}}"
                    )
                    .as_bytes(),
                );
            }
            Told::Revoked { id, lease, reason } => {
                let reason = json(reason);
                self.text(
                    format!(
                        "{{\"op\":\"revoked\",\"execution\":\"{id}\",\"lease\":\"{lease}\",\
                         \"reason\":{reason}}}"
                    )
                    .as_bytes(),
                );
            }
            Told::Resumed { id, lease, resumed: Resumed { seq, input } } => {
                let input = input.as_deref().map_or("null", RawValue::get);
                self.text(
                    format!(
                        "{{\"op\":\"resumed\",\"execution\":\"{id}\",\"lease\":\"{lease}\",\
                         \"seq\":{seq},\"input\":{input}}}"
                    )
                    .as_bytes(),
                );
            }
            Told::Answered { .. } | Told::Replaced | Told::Drained => {}
        }
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("text is plain JSON")
}
