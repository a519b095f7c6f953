//! Events as the bytes that go out: one encoding of a chunk per view and transport, shared by
//! every watcher.

use actix_http::ws::{OpCode, Parser};
use bytes::{BufMut, Bytes, BytesMut};
use heartline_actors::{Chunk, ENCODINGS, Encoded, Stored};

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

/// Bytes to be sent, and how many frames or messages they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frames {
    pub(crate) bytes: Bytes,
    pub(crate) count: usize,
}

impl Frames {
    /// These, and then those.
    pub(crate) fn and(self, then: Self) -> Self {
        Self { bytes: [self.bytes, then.bytes].concat().into(), count: self.count + then.count }
    }
}

/// The events of `chunk` from the index `from` on, as `lens` sees them; empty when it hides all.
/// A chunk is encoded once for everybody: whoever begins in its middle gets a slice of that.
pub(crate) fn chunk(lens: &mut Lens, chunk: &Chunk, from: usize, framing: Framing) -> Frames {
    let slot = lens.view() as usize * FRAMINGS + framing as usize;
    // In the middle, a view that depends on what was before cannot be encoded from the beginning.
    let shared = match from == 0 || !lens.view().depends_on_before() {
        true => {
            let lens = &*lens;
            Some(chunk.encoded(slot, |events| encode(&mut lens.clone(), entries(events), framing)))
        }
        false => chunk.encoded_before(slot),
    };
    let Some(shared) = shared else {
        return part(&encode(lens, entries(&chunk.events[from..]), framing), 0);
    };
    lens.pass_all(entries(&chunk.events[from..]));
    part(shared, from)
}

/// What was encoded of the event at `from` and those after it. What a view adds to an event counts
/// as one with it.
fn part(encoded: &Encoded, from: usize) -> Frames {
    let Encoded { bytes, starts } = encoded;
    match starts.get(from) {
        None => Frames { bytes: bytes.clone(), count: usize::from(!bytes.is_empty()) },
        Some(start) => {
            let end = bytes.len() as u32;
            let ends = starts[from + 1..].iter().copied().chain([end]);
            let count = starts[from..].iter().zip(ends).filter(|(start, end)| *start < end).count();
            Frames { bytes: bytes.slice(*start as usize..), count }
        }
    }
}

fn entries(events: &[Stored]) -> impl ExactSizeIterator<Item = Entry<'_>> + Clone {
    events.iter().map(Entry::from)
}

fn encode<'a>(
    lens: &mut Lens,
    events: impl ExactSizeIterator<Item = Entry<'a>> + Clone,
    framing: Framing,
) -> Encoded {
    let size: usize = events.clone().map(|event| event.json.len() + 48).sum();
    let mut out = BytesMut::with_capacity(size);
    let mut whole = Vec::new();
    // One event needs no table.
    let mut starts = Vec::with_capacity(if events.len() > 1 { events.len() } else { 0 });
    for event in events.clone() {
        starts.push(out.len() as u32);
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
    if events.len() <= 1 {
        starts.clear();
    }
    Encoded { bytes: out.freeze(), starts: starts.into() }
}

/// Appends lifecycle events as the `status` view shows them over a WebSocket; how many.
pub(crate) fn events(out: &mut BytesMut, lifecycle: &[Stored]) -> usize {
    let encoded = encode(&mut Lens::new(View::Status), entries(lifecycle), Framing::WebSocket);
    out.extend_from_slice(&encoded.bytes);
    lifecycle.len()
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
        assert_eq!(part(&sse, 0).count, 2);
        assert_eq!(part(&sse, 1).count, 1);
        assert!(part(&sse, 1).bytes.starts_with(b"id: 2\n"));
        let text = std::str::from_utf8(&sse.bytes).unwrap();
        assert!(text.starts_with("id: 1\ndata: {\"seq\":1,") && text.ends_with("\"data\":{}}\n\n"));
        assert_eq!(text.matches("\n\n").count(), 2);
        let ws =
            encode(&mut Lens::new(View::Status), log.entries().into_iter(), Framing::WebSocket);
        assert_eq!(part(&ws, 0).count, 1);
        assert!(part(&ws, 1).bytes.is_empty());
        let ws = ws.bytes;
        // FIN and text, then a length of 16 bits, then one envelope.
        assert_eq!(ws[..2], [0x81, 126]);
        assert_eq!(usize::from(u16::from_be_bytes([ws[2], ws[3]])), ws.len() - 4);
        assert!(ws[4..].starts_with(b"{\"op\":\"event\",\"event\":{\"seq\":1,\"prev\":0,"));
    }
}
