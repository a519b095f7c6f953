//! What a command writes, as events (WIRE, "Command line").

use std::{borrow::Cow, fmt, io};

use heartline_execution::content::{Content, FieldError, known_types};
use serde::{
    Deserializer as _,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::cli::client::runner::complaint;

/// The most bytes of a line that is read as one: what an event may have. A longer one is a log in
/// several pieces.
const LINE_MAX: usize = 256 << 10;
/// The most bytes of one log message, so that its escapes cannot outgrow an event.
const LOG_MAX: usize = 32 << 10;
/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    const fn as_str(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }

    const fn level(self) -> &'static str {
        match self {
            Stream::Stdout => "info",
            Stream::Stderr => "error",
        }
    }
}

/// Reads lines of any length with bounded memory. A carriage return ends a line as well, so that
/// progress meters are seen while they move.
pub(super) struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
    after_return: bool,
}

impl<R: tokio::io::AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from: BufReader::with_capacity(64 << 10, from),
            line: Vec::new(),
            after_return: false,
        }
    }

    /// The next line without its end, or a piece of one that is too long; cancel-safe.
    pub(super) async fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            let chunk = self.from.fill_buf().await?;
            if chunk.is_empty() {
                return Ok((!self.line.is_empty()).then(|| self.take()));
            }
            let end = chunk.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let room = LINE_MAX - self.line.len();
            let part = end.unwrap_or(chunk.len());
            if part > room {
                self.line.extend_from_slice(&chunk[..room]);
                self.from.consume(room);
                return Ok(Some(self.take()));
            }
            self.line.extend_from_slice(&chunk[..part]);
            let Some(end) = end else {
                self.from.consume(part);
                continue;
            };
            let returned = chunk[end] == b'\r';
            self.from.consume(end + 1);
            // `\r\n` is one end of line, and `\r` alone leaves no empty lines.
            let nothing = self.line.is_empty() && (returned || self.after_return);
            self.after_return = returned;
            if !nothing {
                return Ok(Some(self.take()));
            }
        }
    }

    fn take(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned()
    }
}

/// The events of a line, each the JSON of `{"type","data"}`.
pub(super) fn events(stream: Stream, line: &str) -> Vec<String> {
    if stream == Stream::Stdout && line.trim_start().starts_with('{') {
        match content(line) {
            Read::Event(json) => return vec![json],
            Read::Refused(why) => return vec![complaint(&why, line)],
            Read::Other => {}
        }
    }
    pieces(line).map(|piece| log(stream, piece)).collect()
}

enum Read {
    Event(String),
    Refused(String),
    Other,
}

fn content(line: &str) -> Read {
    let Ok(Some((type_name, data))) = split_type(line) else { return Read::Other };
    if !known_types().any(|known| known == type_name) {
        return Read::Other;
    }
    let Ok(raw) = RawValue::from_string(data) else { return Read::Other };
    match Content::parse(&type_name, raw) {
        Ok(content) => Read::Event(event(&type_name, content.data().get())),
        Err(errors) => Read::Refused(problems(&errors)),
    }
}

fn problems(errors: &[FieldError]) -> String {
    let each: Vec<_> = errors.iter().map(|e| format!("{} {}", e.pointer, e.message)).collect();
    each.join("; ")
}

fn event(type_name: &str, data: &str) -> String {
    format!("{{\"type\":\"{type_name}\",\"data\":{data}}}")
}

fn log(stream: Stream, message: &str) -> String {
    let value = serde_json::json!({
        "level": stream.level(), "message": message, "stream": stream.as_str(),
    });
    event("CUSTOM", &serde_json::json!({"name": "log", "value": value}).to_string())
}

/// Cuts between characters.
fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let (piece, left) = text.split_at(text.floor_char_boundary(LOG_MAX));
        rest = (!left.is_empty()).then_some(left);
        Some(piece)
    })
}

/// Takes `type` out of a JSON object and leaves the other fields as they were written. An event as
/// HTTP has it, with `data` and no other field, is taken as well: no content has such a field.
fn split_type(line: &str) -> serde_json::Result<Option<(String, String)>> {
    struct Fields;

    impl<'de> Visitor<'de> for Fields {
        type Value = Option<(String, String)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut type_name = None;
            let mut data = String::from("{");
            let mut whole = None;
            while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                let value: &RawValue = map.next_value()?;
                if key == "type" && type_name.is_none() {
                    // A `type` that is no text makes it a line like any other.
                    type_name = serde_json::from_str::<String>(value.get()).ok();
                    continue;
                }
                let is_first = data.len() == 1;
                whole = (is_first && key == "data" && value.get().starts_with('{'))
                    .then(|| value.get().to_owned());
                if !is_first {
                    data.push(',');
                }
                data.push_str(&serde_json::to_string(&*key).map_err(serde::de::Error::custom)?);
                data.push(':');
                data.push_str(value.get());
            }
            data.push('}');
            Ok(type_name.map(|name| (name, whole.unwrap_or(data))))
        }
    }

    let mut json = serde_json::Deserializer::from_str(line);
    let split = json.deserialize_map(Fields)?;
    json.end()?;
    Ok(split)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(bytes: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(bytes);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            all.push(line);
        }
        all
    }

    #[tokio::test]
    async fn lines_end_with_feeds_and_returns_and_the_last_needs_no_end() {
        assert_eq!(
            lines(b"a\n\nb\r\nc\r10%\r\r20%\nlast").await,
            ["a", "", "b", "c", "10%", "20%", "last"]
        );
        assert_eq!(lines(b"\xff\n").await, ["\u{fffd}"]);
    }

    #[tokio::test]
    async fn a_line_without_end_comes_in_bounded_pieces() {
        let long = vec![b'x'; LINE_MAX * 2 + 5];
        let got: Vec<usize> = lines(&long).await.iter().map(String::len).collect();
        assert_eq!(got, [LINE_MAX, LINE_MAX, 5]);
    }

    #[test]
    fn a_known_event_is_posted_with_its_fields_as_written() {
        let line =
            r#"{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"h\u00e9","extra":1.0}"#;
        assert_eq!(
            events(Stream::Stdout, line),
            [
                r#"{"type":"TEXT_MESSAGE_CONTENT","data":{"messageId":"m","delta":"h\u00e9","extra":1.0}}"#
            ]
        );
    }

    #[test]
    fn an_event_is_taken_as_http_has_it_too() {
        let line = r#"{"type":"TEXT_MESSAGE_CONTENT","data":{"messageId":"m","delta":"x"}}"#;
        assert_eq!(events(Stream::Stdout, line), [line]);
        // With another field beside it, it is a field like any other.
        let more = r#"{"type":"CUSTOM","data":{"a":1},"name":"n","value":2}"#;
        let posted = r#"{"type":"CUSTOM","data":{"data":{"a":1},"name":"n","value":2}}"#;
        assert_eq!(events(Stream::Stdout, more), [posted]);
    }

    #[test]
    fn other_lines_are_logs() {
        for line in
            ["plain", "{\"a\":1}", "{\"type\":\"NOPE\"}", "{\"type\":7}", "{broken", "{} {}"]
        {
            let events = events(Stream::Stdout, line);
            let value: serde_json::Value = serde_json::from_str(&events[0]).unwrap();
            assert_eq!(value["data"]["value"]["message"], line);
            assert_eq!(value["data"]["value"]["level"], "info");
        }
        let stderr = events(Stream::Stderr, "{\"type\":\"RAW\",\"event\":1}");
        let value: serde_json::Value = serde_json::from_str(&stderr[0]).unwrap();
        assert_eq!(value["data"]["value"]["level"], "error");
        assert_eq!(value["data"]["value"]["stream"], "stderr");
    }

    #[test]
    fn an_event_that_breaks_its_rules_is_told_to_its_author() {
        let told = events(Stream::Stdout, r#"{"type":"TEXT_MESSAGE_CONTENT","delta":"x"}"#);
        let value: serde_json::Value = serde_json::from_str(&told[0]).unwrap();
        assert_eq!(value["data"]["value"]["level"], "warn");
        let message = value["data"]["value"]["message"].as_str().unwrap();
        assert!(message.contains("messageId"), "{message}");
    }

    #[test]
    fn a_long_line_is_a_log_in_pieces_that_fit() {
        let events = events(Stream::Stdout, &"é".repeat(LOG_MAX));
        assert_eq!(events.len(), 2);
        assert!(events.iter().all(|e| e.len() < LINE_MAX));
    }
}
