//! The stand-in's runner socket: work is looked for, and cancellations told, each time the client
//! was quiet for a millisecond.

use std::{collections::BTreeMap, io::ErrorKind, net::TcpStream, time::Duration};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Error, Message, WebSocket, accept_hdr,
    handshake::server::{Request, Response},
};

use super::{Flaw, Shared};

/// One runner.
struct Runner<'a> {
    socket: WebSocket<TcpStream>,
    world: &'a Shared,
    queue: String,
    slots: u64,
    /// What it holds, and whether it was told to stop.
    held: BTreeMap<String, bool>,
}

/// Accepts the handshake and serves until the client goes.
pub(super) fn serve(stream: TcpStream, world: &Shared) {
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let socket = accept(stream);
    let mut runner =
        Runner { socket, world, queue: String::new(), slots: 0, held: BTreeMap::new() };
    let _gone = runner.serve();
    for execution in runner.held.keys() {
        world.lock().disconnected(execution);
    }
}

#[allow(clippy::result_large_err, reason = "the codec's callback type has a large error")]
fn accept(stream: TcpStream) -> WebSocket<TcpStream> {
    let protocol = |request: &Request, mut response: Response| {
        let offered = request.headers()["sec-websocket-protocol"].clone();
        assert_eq!(offered, "heartline.runner.v1.json");
        response.headers_mut().insert("sec-websocket-protocol", offered);
        Ok(response)
    };
    accept_hdr(stream, protocol).unwrap()
}

impl Runner<'_> {
    fn serve(&mut self) -> Result<(), Error> {
        self.say(json!({"op": "hello", "heartbeat": "25s"}))?;
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => self.heard(&serde_json::from_str(&text).unwrap())?,
                Err(Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    self.look()?;
                }
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn say(&mut self, frame: Value) -> Result<(), Error> {
        self.socket.send(Message::text(frame.to_string()))
    }

    fn heard(&mut self, frame: &Value) -> Result<(), Error> {
        let execution = frame["execution"].as_str().unwrap_or_default();
        let done = match frame["op"].as_str().unwrap() {
            "register" => {
                self.queue = frame["queues"][0].as_str().unwrap().to_owned();
                self.slots = frame["slots"].as_u64().unwrap();
                return self.say(json!({"op": "registered", "session": "s", "leases": []}));
            }
            "heartbeat" => {
                for beat in frame["executions"].as_array().unwrap() {
                    assert!(self.held.contains_key(beat["execution"].as_str().unwrap()));
                }
                (200, json!({}))
            }
            "events" => self.world.lock().post(execution, frame),
            "complete" => {
                self.held.remove(execution).unwrap();
                self.world.lock().complete(execution, frame)
            }
            "cancel_acknowledged" => {
                self.world.lock().note(execution, "execution.cancel_acknowledged")
            }
            "cancelled" => {
                self.held.remove(execution).unwrap();
                self.world.lock().note(execution, "execution.cancelled")
            }
            op => panic!("{op}"),
        };
        let id = &frame["id"];
        let answer = match done {
            (200, reply) => json!({"op": "ack", "id": id, "seq": reply["seq"]}),
            (_, problem) => json!({"op": "error", "id": id, "problem": problem}),
        };
        if id.is_null() {
            return Ok(());
        }
        if self.world.lock().flaw() == Flaw::AnswersTwice {
            self.say(answer.clone())?;
        }
        self.say(answer)
    }

    /// Takes what there is room for, and tells of cancellations.
    fn look(&mut self) -> Result<(), Error> {
        let free = self.slots - self.held.len() as u64;
        let found = match free {
            0 => Value::Null,
            free => self.world.lock().claim(&self.queue, &json!({ "slots": free })),
        };
        for lease in found["leases"].as_array().into_iter().flatten() {
            let mut frame = lease.clone();
            frame["op"] = json!("lease");
            self.held.insert(lease["execution"]["id"].as_str().unwrap().to_owned(), false);
            self.say(frame)?;
        }
        let mut stop = Vec::new();
        for (execution, told) in &mut self.held {
            let mut world = self.world.lock();
            if !*told && world.is_cancelled(execution) {
                *told = true;
                world.note(execution, "execution.cancel_delivered");
                stop.push(json!({"op": "cancel", "execution": execution, "lease": "l"}));
            }
        }
        stop.into_iter().try_for_each(|frame| self.say(frame))
    }
}
