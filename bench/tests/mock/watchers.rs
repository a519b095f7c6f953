//! The stand-in's WebSocket: subscriptions are looked after each time the client was quiet for a
//! millisecond. One that the URL names is shown its events as the server writes them, byte for
//! byte in that order, and with the flaws that a reader must notice.

use std::{io::ErrorKind, net::TcpStream, time::Duration};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Error, Message, WebSocket, accept_hdr,
    handshake::server::{Request, Response},
};

use super::{Flaw, Shared};

/// The event that a flaw is about.
const FLAWED: u64 = 20;

/// Accepts the handshake and serves until the client goes.
pub(super) fn serve(stream: TcpStream, world: &Shared) {
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let (mut socket, only) = accept(stream);
    let mut subscriptions: Vec<(String, u64)> = Vec::new();
    let mut only = only.map(Only::new);
    let _hello = socket.send(Message::text("{\"op\":\"hello\",\"heartbeat\":\"25s\"}"));
    if only.is_some() {
        let _subscribed = socket.send(Message::text("{\"op\":\"subscribed\",\"head\":2}"));
    }
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                assert_eq!((&frame["op"], &frame["view"]), (&json!("subscribe"), &json!("status")));
                let execution = frame["execution"].as_str().unwrap().to_owned();
                subscriptions.push((execution, frame["after"].as_u64().unwrap()));
            }
            Err(Error::Io(error))
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                let shown = match &mut only {
                    Some(only) => only.show(&mut socket, world),
                    None => show(&mut socket, &mut subscriptions, world),
                };
                if shown.is_err() {
                    return;
                }
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// The socket, and what its URL asks for.
#[allow(clippy::result_large_err, reason = "the codec's callback type has a large error")]
fn accept(stream: TcpStream) -> (WebSocket<TcpStream>, Option<String>) {
    let mut query = None;
    let protocol = |request: &Request, mut response: Response| {
        let offered = request.headers()["sec-websocket-protocol"].clone();
        assert_eq!(offered, "heartline.v1.json");
        response.headers_mut().insert("sec-websocket-protocol", offered);
        query = request.uri().query().map(str::to_owned);
        Ok(response)
    };
    (accept_hdr(stream, protocol).unwrap(), query)
}

/// The subscription of a socket for one execution.
struct Only {
    execution: String,
    seq: u64,
    /// Held back, to be shown after the next one.
    held: Option<String>,
}

impl Only {
    fn new(query: String) -> Self {
        let (execution, after) = query.split_once("&after=").unwrap();
        let execution = execution.strip_prefix("execution=").unwrap().to_owned();
        Self { execution, seq: after.parse().unwrap(), held: None }
    }

    fn show(&mut self, socket: &mut WebSocket<TcpStream>, world: &Shared) -> Result<(), Error> {
        let (flaw, events) = {
            let mut world = world.lock();
            (world.flaw(), world.shown(&self.execution, self.seq).0)
        };
        for event in events {
            self.seq = event["seq"].as_u64().unwrap();
            let text = format!(
                "{{\"op\":\"event\",\"event\":{{\"seq\":{},\"prev\":{},\"type\":{},\"data\":{}}}}}",
                self.seq, event["prev"], event["type"], event["data"]
            );
            match flaw {
                Flaw::DropsAFrame if self.seq == FLAWED => continue,
                Flaw::RepeatsAFrame if self.seq == FLAWED => {
                    socket.write(Message::text(text.clone()))?;
                }
                Flaw::SwapsFrames if self.seq == FLAWED => {
                    self.held = Some(text);
                    continue;
                }
                _ => {}
            }
            socket.write(Message::text(text))?;
            if let Some(held) = self.held.take() {
                socket.write(Message::text(held))?;
            }
        }
        socket.flush()
    }
}

fn show(
    socket: &mut WebSocket<TcpStream>,
    subscriptions: &mut Vec<(String, u64)>,
    world: &Shared,
) -> Result<(), Error> {
    let mut frames = Vec::new();
    subscriptions.retain_mut(|(id, seq)| {
        let (events, phase) = world.lock().shown(id, *seq);
        for event in events {
            *seq = event["seq"].as_u64().unwrap();
            frames.push(json!({"op": "event", "event": event}));
        }
        if let Some(phase) = phase {
            frames.push(json!({"op": "end", "execution": id, "seq": *seq, "phase": phase}));
        }
        phase.is_none()
    });
    frames.into_iter().try_for_each(|frame| socket.write(Message::text(frame.to_string())))?;
    socket.flush()
}
