//! A granted lease as JSON, the same by every transport.

use bytes::{BufMut as _, BytesMut};
use heartline_actors::Granted;

/// Appends the members of a lease, without the braces around them.
pub(crate) fn write(out: &mut BytesMut, granted: &Granted) {
    let Granted { id: _, execution, attempt, lease, heartbeat, checkpoint, traceparent } = granted;
    out.reserve(execution.len() + 160);
    out.put_slice(b"\"execution\":");
    out.put_slice(execution);
    let plain = format!(
        ",\"attempt\":{attempt},\"lease\":\"{lease}\",\"heartbeat\":\"{heartbeat}\",\"checkpoint\":"
    );
    out.put_slice(plain.as_bytes());
    // Only maps with keys that are not strings fail, and there are none.
    serde_json::to_writer(&mut out.writer(), checkpoint).expect("a checkpoint is plain JSON");
    match traceparent {
        // Hexadecimal digits and hyphens.
        Some(traceparent) => {
            out.put_slice(format!(",\"traceparent\":\"{traceparent}\"").as_bytes())
        }
        None => out.put_slice(b",\"traceparent\":null"),
    }
}
