//! Events as the bytes that go out: one encoding of a chunk per view and transport, shared by
//! every watcher.

use actix_http::ws::{OpCode, Parser};
use bytes::{BufMut, Bytes, BytesMut};
use heartline_actors::{Chunk, ENCODINGS, Stored};

use crate::view::{Entry, Lens, View};

/// How events are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// One unmasked text frame per event: the same bytes for every client.
    WebSocket,
    /// `id:` and `data:`.
    Sse,
}

const FRAMINGS: usize = 2;
const _: () =
    assert!(View::NAMES.len() * FRAMINGS <= ENCODINGS, "a chunk has a place for each encoding");

/// The events of `chunk` from the index `from` on, as `lens` sees them; empty when it hides all.
/// A whole chunk is encoded once for everybody.
pub(crate) fn chunk(lens: &mut Lens, chunk: &Chunk, from: usize, framing: Framing) -> Bytes {
    if from > 0 {
        return encode(lens, entries(&chunk.events[from..]), framing);
    }
    let slot = lens.view() as usize * FRAMINGS + framing as usize;
    let mut made = None;
    let bytes = chunk.encoded(slot, |events| {
        let mut moved = lens.clone();
        let bytes = encode(&mut moved, entries(events), framing);
        made = Some(moved);
        bytes
    });
    match made {
        Some(moved) => *lens = moved,
        // Somebody else has encoded it; this watcher still moves past it.
        None => entries(&chunk.events).for_each(|event| lens.pass(event)),
    }
    bytes
}

fn entries(events: &[Stored]) -> impl Iterator<Item = Entry<'_>> + Clone {
    events.iter().map(Entry::from)
}

fn encode<'a>(
    lens: &mut Lens,
    events: impl Iterator<Item = Entry<'a>> + Clone,
    framing: Framing,
) -> Bytes {
    let size: usize = events.clone().map(|event| event.json.len() + 48).sum();
    let mut out = BytesMut::with_capacity(size);
    let mut whole = Vec::new();
    for event in events {
        lens.show(event, &mut |seq, parts| match framing {
            Framing::WebSocket => {
                whole.clear();
                whole.extend_from_slice(b"{\"op\":\"event\",\"event\":");
                parts.iter().for_each(|part| whole.extend_from_slice(part));
                whole.push(b'}');
                text_frame(&mut out, &whole);
            }
            Framing::Sse => {
                out.put_slice(b"id: ");
                out.put_slice(seq.to_string().as_bytes());
                out.put_slice(b"\ndata: ");
                parts.iter().for_each(|part| out.put_slice(part));
                out.put_slice(b"\n\n");
            }
        });
    }
    out.freeze()
}

/// A WebSocket text frame, as a server sends it.
pub(crate) fn text_frame(out: &mut BytesMut, text: &[u8]) {
    Parser::write_message(out, text, OpCode::Text, true, false);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::Log;

    #[test]
    fn an_event_is_one_frame_or_one_message() {
        let log = Log::new(&[("execution.created", r#"{"name":"long enough"}"#), ("CUSTOM", "{}")]);
        let sse = encode(&mut Lens::new(View::Full), log.entries().into_iter(), Framing::Sse);
        let text = std::str::from_utf8(&sse).unwrap();
        assert!(text.starts_with("id: 1\ndata: {\"seq\":1,") && text.ends_with("\"data\":{}}\n\n"));
        assert_eq!(text.matches("\n\n").count(), 2);
        let ws =
            encode(&mut Lens::new(View::Status), log.entries().into_iter(), Framing::WebSocket);
        // FIN and text, then a length of 16 bits, then one envelope.
        assert_eq!(ws[..2], [0x81, 126]);
        assert_eq!(usize::from(u16::from_be_bytes([ws[2], ws[3]])), ws.len() - 4);
        assert!(ws[4..].starts_with(b"{\"op\":\"event\",\"event\":{\"seq\":1,\"prev\":0,"));
    }
}
