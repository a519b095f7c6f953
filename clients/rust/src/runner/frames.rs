//! What goes over a runner's socket, as frames.

use std::borrow::Cow;

use heartline_execution::{Span, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::desk::Desk;
use crate::problem::Problem;

/// Any frame of the server's, with the members of those that matter; what is not known is ignored.
/// A `lease` is read as a whole.
#[derive(Debug, Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) op: Cow<'a, str>,
    #[serde(default)]
    pub(super) id: Option<u64>,
    #[serde(default)]
    pub(super) seq: u64,
    #[serde(default)]
    pub(super) lease: String,
    #[serde(default)]
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) deadline: Option<Timestamp>,
    #[serde(default)]
    pub(super) input: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) problem: Option<Problem>,
    #[serde(default)]
    pub(super) session: Option<String>,
    #[serde(default)]
    pub(super) heartbeat: Option<Span>,
    #[serde(default)]
    pub(super) leases: Vec<Kept>,
    #[serde(default)]
    pub(super) after: Option<Span>,
}

/// A lease that the server keeps for this runner.
#[derive(Debug, Deserialize)]
pub(super) struct Kept {
    pub(super) lease: String,
}

/// The first frame; with what is held where the runner returns.
pub(super) fn register(desk: &Desk, session: Option<&str>) -> Value {
    let mut frame = json!({
        "op": "register", "runner": desk.identity, "queues": desk.queues, "slots": desk.slots,
    });
    if let Some(session) = session {
        let mut held = desk.all();
        // What is ending may have ended already; where it would be too much, it goes without.
        held.sort_by_key(|held| held.is_ending());
        held.truncate(desk.slots);
        let leases = held.iter().map(|h| json!({"execution": h.execution, "lease": h.lease}));
        frame["session"] = session.into();
        frame["leases"] = leases.collect();
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frames_of_the_wire_are_read() {
        for text in [
            r#"{"op":"hello","connection":"c","heartbeat":"25s","limits":{"event_bytes":1}}"#,
            r#"{"op":"registered","session":"00ab","heartbeat":"10s","leases":[{"execution":"aex_1","lease":"l"}]}"#,
            r#"{"op":"ack","id":7,"seq":12}"#,
            r#"{"op":"ack","id":7}"#,
            r#"{"op":"error","id":null,"problem":{"status":409,"code":"runner_connected"}}"#,
            r#"{"op":"cancel","execution":"aex_1","lease":"l","reason":null,"deadline":"2026-01-02T03:04:05Z"}"#,
            r#"{"op":"revoked","execution":"aex_1","lease":"l","reason":"why"}"#,
            r#"{"op":"resumed","execution":"aex_1","lease":"l","seq":9,"input":{"a":1}}"#,
            r#"{"op":"reconnect","after":"1s"}"#,
            r#"{"op":"ping","t":1.5,"later":[]}"#,
        ] {
            let frame: Frame<'_> =
                serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert!(!frame.op.is_empty());
        }
    }
}
