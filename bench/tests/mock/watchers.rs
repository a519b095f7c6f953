//! The stand-in's WebSocket: subscriptions are looked after each time the client was quiet for a
//! millisecond.

use std::{io::ErrorKind, net::TcpStream, time::Duration};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Error, Message, WebSocket, accept_hdr,
    handshake::server::{Request, Response},
};

use super::Shared;

/// Accepts the handshake and serves until the client goes.
pub(super) fn serve(stream: TcpStream, world: &Shared) {
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let mut socket = accept(stream);
    let mut subscriptions: Vec<(String, u64)> = Vec::new();
    let _hello = socket.send(Message::text(json!({"op": "hello", "heartbeat": "25s"}).to_string()));
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
                if show(&mut socket, &mut subscriptions, world).is_err() {
                    return;
                }
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

#[allow(clippy::result_large_err, reason = "the codec's callback type has a large error")]
fn accept(stream: TcpStream) -> WebSocket<TcpStream> {
    let protocol = |request: &Request, mut response: Response| {
        let offered = request.headers()["sec-websocket-protocol"].clone();
        assert_eq!(offered, "heartline.v1.json");
        response.headers_mut().insert("sec-websocket-protocol", offered);
        Ok(response)
    };
    accept_hdr(stream, protocol).unwrap()
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
