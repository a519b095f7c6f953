//! What a runner can do, over either transport.

use serde_json::{Value, json};

use crate::{raw, server::Server, socket::Socket};

/// How a runner talks with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Http,
    WebSocket,
}

/// A lease in hand.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) execution: String,
    pub(crate) lease: String,
    /// As it was handed over.
    pub(crate) whole: Value,
}

/// A runner of one queue.
pub(crate) struct Worker<'a> {
    server: &'a Server,
    id: String,
    queue: String,
    socket: Option<Socket>,
    calls: u64,
}

/// How a call went: where the log ended, or the code of the problem.
pub(crate) type Went = Result<u64, String>;

impl<'a> Worker<'a> {
    /// One that takes `slots` at once.
    pub(crate) async fn start(
        server: &'a Server,
        transport: Transport,
        (id, queue): (&str, &str),
        slots: u32,
    ) -> Self {
        let socket = match transport {
            Transport::Http => None,
            Transport::WebSocket => Some(Socket::register(server, id, &[queue], slots).await.0),
        };
        Self { server, id: id.to_owned(), queue: queue.to_owned(), socket, calls: 0 }
    }

    /// The next lease.
    pub(crate) async fn lease(&mut self) -> Lease {
        let whole = match &mut self.socket {
            Some(socket) => {
                let mut lease = socket.until("lease").await;
                lease.as_object_mut().expect("an object").remove("op");
                lease
            }
            None => {
                let body = json!({"runner": {"id": self.id}, "wait": "30s"});
                let path = format!("/v1/queues/{}/claim", self.queue);
                self.server.post(&path, &body, 200).await["leases"][0].take()
            }
        };
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let (execution, lease) = (text(&whole["execution"]["id"]), text(&whole["lease"]));
        Lease { execution, lease, whole }
    }

    /// Posts a batch of texts.
    pub(crate) async fn post(&mut self, lease: &Lease, batch: u64, texts: &[&str]) -> Went {
        let event = |text: &&str| json!({"type": "TEXT_MESSAGE_CONTENT", "data": {"messageId": "m", "delta": text}});
        let events: Vec<_> = texts.iter().map(event).collect();
        self.call("events", lease, json!({"batch": batch, "events": events})).await
    }

    /// Makes a call about a lease, with these members beside it.
    pub(crate) async fn call(&mut self, what: &str, lease: &Lease, members: Value) -> Went {
        let mut body = members;
        body["lease"] = json!(lease.lease);
        let Some(socket) = &mut self.socket else {
            let path = format!("/v1/executions/{}/{what}", lease.execution);
            let answer = raw::post(self.server.address, &path, &body).await;
            let json = answer.json();
            return match answer.status {
                200 => Ok(json["seq"].as_u64().unwrap_or_default()),
                _ => Err(json["code"].as_str().expect("a code").to_owned()),
            };
        };
        self.calls += 1;
        let id = json!(self.calls);
        body["op"] = json!(what);
        body["id"] = id.clone();
        body["execution"] = json!(lease.execution);
        socket.say(body).await;
        let answer = socket.answer(&id).await;
        match answer["op"].as_str() {
            Some("ack") => Ok(answer["seq"].as_u64().unwrap_or_default()),
            _ => Err(answer["problem"]["code"].as_str().expect("a code").to_owned()),
        }
    }

    /// A sign of life; the code of the problem where the lease is not its own.
    pub(crate) async fn beat(&mut self, lease: &Lease, progress: Value) -> Result<(), String> {
        let Some(socket) = &mut self.socket else {
            return self.call("heartbeat", lease, json!({"progress": progress})).await.map(drop);
        };
        self.calls += 1;
        let id = json!(self.calls);
        let beat =
            json!({"execution": lease.execution, "lease": lease.lease, "progress": progress});
        socket.say(json!({"op": "heartbeat", "id": id, "executions": [beat]})).await;
        assert_eq!(socket.answer(&id).await["op"], "ack");
        // Whether it is current is told apart, and at once.
        let probe = json!({"op": "ping", "t": self.calls});
        socket.say(probe).await;
        let told = socket
            .find(|frame| {
                frame["op"] == "pong"
                    || (frame["op"] == "revoked" && frame["lease"] == lease.lease.as_str())
            })
            .await;
        if told["op"] == "revoked" {
            return Err("lease_superseded".to_owned());
        }
        Ok(())
    }

    /// Waits until it is told that a person wants this one to stop.
    pub(crate) async fn told_to_stop(&mut self, lease: &Lease) {
        match &mut self.socket {
            Some(socket) => {
                let own = |frame: &Value| {
                    frame["op"] == "cancel" && frame["lease"] == lease.lease.as_str()
                };
                let cancel = socket.find(own).await;
                assert_eq!(cancel["reason"], "enough");
                assert!(cancel["deadline"].is_string());
            }
            None => {
                let path = format!("/v1/executions/{}/heartbeat", lease.execution);
                let told = self.server.post(&path, &json!({"lease": lease.lease}), 200).await;
                assert_eq!(told["cancel_requested"], true);
            }
        }
    }

    /// Waits for the answer to its question.
    pub(crate) async fn answered(&mut self, lease: &Lease) -> Value {
        match &mut self.socket {
            Some(socket) => {
                let own = |frame: &Value| {
                    frame["op"] == "resumed" && frame["lease"] == lease.lease.as_str()
                };
                socket.find(own).await["input"].take()
            }
            None => {
                let path = format!("/v1/executions/{}/heartbeat", lease.execution);
                let told = self.server.post(&path, &json!({"lease": lease.lease}), 200).await;
                told["resumed"]["input"].clone()
            }
        }
    }
}
