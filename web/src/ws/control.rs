//! The control half of a socket: an actor that reads the client's frames, answers what can be
//! answered at once, and leaves the rest on the desk.

use std::sync::Arc;

use actix::{Actor, ActorContext as _, StreamHandler};
use actix_http::ws::{CloseReason, Item, Message, ProtocolError};
use actix_web_actors::ws::WebsocketContext;
use bytes::{Bytes, BytesMut};

use heartline_config::Config;

use super::{
    desk::{Close, Desk},
    frames, ops,
};
use crate::app::App;

/// What a socket is for.
pub(super) enum Role {
    /// Says operations and is told what comes of them.
    Peer {
        /// Sent first.
        hello: String,
        /// Stands as `request_id` in problems.
        connection: String,
        app: Arc<App>,
        /// What the client may say.
        read: fn(&[u8], &Config) -> Result<ops::Asked, ops::Slip>,
    },
    /// Gets back what it sends.
    Echo,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Binary,
}

/// A message in the making.
struct Parts {
    kind: Kind,
    bytes: BytesMut,
    /// So many of them are known to be good: of text, whole characters.
    checked: usize,
}

impl Parts {
    fn new(kind: Kind) -> Self {
        Self { kind, bytes: BytesMut::new(), checked: 0 }
    }

    /// Whether this can be, or become, a message of its kind: bad text is found out at the first
    /// fragment that makes it bad (RFC 6455 §8.1).
    fn add(&mut self, part: &[u8], last: bool) -> bool {
        self.bytes.extend_from_slice(part);
        if matches!(self.kind, Kind::Binary) {
            return true;
        }
        match std::str::from_utf8(&self.bytes[self.checked..]) {
            Ok(good) => {
                self.checked += good.len();
                true
            }
            Err(error) => {
                self.checked += error.valid_up_to();
                // No length: a character that the next fragment may complete.
                error.error_len().is_none() && !last
            }
        }
    }
}

/// See the module.
pub(super) struct Control {
    desk: Desk,
    /// Bytes of a message, all its fragments together.
    limit: usize,
    role: Role,
    /// The fragments so far.
    parts: Option<Parts>,
}

type Ctx = WebsocketContext<Control>;

impl Actor for Control {
    type Context = Ctx;

    fn started(&mut self, context: &mut Ctx) {
        if let Role::Peer { hello, .. } = &self.role {
            context.text(hello.as_str());
        }
        if let Some((frame, close)) = self.desk.take_refusal() {
            context.text(frame);
            self.close(&close, context);
        }
    }
}

impl Control {
    pub(super) fn new(desk: Desk, limit: usize, role: Role) -> Self {
        Self { desk, limit, role, parts: None }
    }

    /// Says goodbye; the client's answer, or its silence, ends the socket.
    fn close(&self, close: &Close, context: &mut Ctx) {
        context.close(Some(close.reason()));
        self.desk.close();
    }

    /// After a violation there is no telling where frames begin: nothing more is read.
    fn fail(&self, close: &Close, context: &mut Ctx) {
        self.close(close, context);
        context.stop();
    }

    fn fragment(&mut self, item: Item, context: &mut Ctx) {
        // The codec has seen to their order.
        let (part, last) = match item {
            Item::FirstText(part) => {
                self.parts = Some(Parts::new(Kind::Text));
                (part, false)
            }
            Item::FirstBinary(part) => {
                self.parts = Some(Parts::new(Kind::Binary));
                (part, false)
            }
            Item::Continue(part) => (part, false),
            Item::Last(part) => (part, true),
        };
        let Some(parts) = &mut self.parts else { return };
        if parts.bytes.len() + part.len() > self.limit {
            let close = Close::new(1009, format!("a message has at most {} bytes", self.limit));
            return self.fail(&close, context);
        }
        if !parts.add(&part, last) {
            return self.fail(&not_utf8(), context);
        }
        if !last {
            return;
        }
        let Some(Parts { kind, bytes, .. }) = self.parts.take() else { return };
        match kind {
            Kind::Text => self.text(bytes.freeze(), context),
            Kind::Binary => self.binary(bytes.freeze(), context),
        }
    }

    /// A whole text message, known to be UTF-8.
    fn text(&mut self, text: Bytes, context: &mut Ctx) {
        let Role::Peer { connection, app, read, .. } = &self.role else {
            return context.text(String::from_utf8_lossy(&text).into_owned());
        };
        match read(&text, &app.config) {
            Ok(ops::Asked::Ping(t)) => context.text(frames::pong(t.as_deref())),
            Ok(ops::Asked::Pong) => {}
            Ok(ops::Asked::Op(op)) => {
                if !self.desk.ask(op) {
                    self.close(&Close::new(4429, "too many operations at once"), context);
                }
            }
            Err(slip) => {
                context.text(frames::error(slip.id.as_deref(), &slip.problem, connection));
                if slip.fatal {
                    self.close(&Close::new(4400, "a message is one JSON object"), context);
                }
            }
        }
    }

    fn binary(&self, data: Bytes, context: &mut Ctx) {
        match self.role {
            Role::Peer { .. } => self.close(&Close::new(1003, "messages are text"), context),
            Role::Echo => context.binary(data),
        }
    }

    /// The client closes: the same code goes back, and that is the end.
    fn closed(&self, reason: Option<CloseReason>, context: &mut Ctx) {
        if !self.desk.is_closing() {
            context.close(reason.map(|reason| CloseReason { description: None, ..reason }));
            self.desk.close();
        }
        context.stop();
    }
}

fn not_utf8() -> Close {
    Close::new(1007, "text is UTF-8")
}

/// What the codec refused, as a close. Bad UTF-8 of a whole text frame reaches us as an I/O error.
fn refused(error: &ProtocolError) -> Close {
    match error {
        ProtocolError::Io(io) if io.to_string().contains("utf-8") => not_utf8(),
        ProtocolError::Overflow => Close::new(1009, "the message is too large"),
        other => Close::new(1002, other.to_string().chars().take(100).collect::<String>()),
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Control {
    fn handle(&mut self, message: Result<Message, ProtocolError>, context: &mut Ctx) {
        self.desk.handled();
        if self.desk.is_closing() {
            match message {
                Ok(Message::Close(reason)) => self.closed(reason, context),
                Ok(_) => {}
                Err(_) => context.stop(),
            }
            return;
        }
        match message {
            Ok(Message::Text(text)) => self.text(text.into_bytes(), context),
            Ok(Message::Binary(data)) => self.binary(data, context),
            Ok(Message::Continuation(item)) => self.fragment(item, context),
            Ok(Message::Ping(data)) => context.pong(&data),
            Ok(Message::Pong(_) | Message::Nop) => {}
            Ok(Message::Close(reason)) => self.closed(reason, context),
            Err(error) => {
                let close = self.desk.take_violation().unwrap_or_else(|| refused(&error));
                tracing::debug!(?close, "a client broke the protocol, or left");
                self.fail(&close, context);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_text_is_found_out_at_the_fragment_that_makes_it_bad() {
        let feed = |kind, fragments: &[&[u8]]| {
            let (mut parts, count) = (Parts::new(kind), fragments.len());
            fragments.iter().zip(1..).position(|(part, at)| !parts.add(part, at == count))
        };
        assert_eq!(feed(Kind::Text, &[b"h\xc3", b"\xa4", b"user"]), None);
        assert_eq!(feed(Kind::Text, &[b"h", b"\xf4\x90", b"", b"x"]), Some(1));
        assert_eq!(feed(Kind::Text, &[b"h\xc3", b"x", b""]), Some(1));
        assert_eq!(feed(Kind::Text, &[b"h\xc3", b""]), Some(1));
        assert_eq!(feed(Kind::Binary, &[b"h\xc3", b"\xff"]), None);
    }
}
