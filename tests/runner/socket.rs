//! A runner's socket, as a program would hold it: every frame of the server's is held against the
//! document.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};

use crate::{
    described::Frames,
    server::{BOUND, Server},
};

/// An open socket.
pub(crate) struct Socket {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    described: Frames,
    /// Came while something else was waited for.
    aside: Vec<Value>,
}

impl Socket {
    /// Opens a socket and hears its hello.
    pub(crate) async fn open(server: &Server) -> Self {
        let url = format!("ws://{}/v1/runner", server.address);
        let mut request = url.into_client_request().expect("a request");
        let protocol = HeaderValue::from_static("heartline.runner.v1.json");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (socket, response) = connect_async(request).await.expect("a socket");
        assert_eq!(response.headers()["sec-websocket-protocol"], "heartline.runner.v1.json");
        let described = Frames::described(server, "dispatch").await;
        let mut socket = Self { socket, described, aside: Vec::new() };
        assert_eq!(socket.next().await["op"], "hello");
        socket
    }

    /// Opens one and registers; the session as well.
    pub(crate) async fn register(
        server: &Server,
        id: &str,
        queues: &[&str],
        slots: u32,
    ) -> (Self, String) {
        let mut socket = Self::open(server).await;
        let register =
            json!({"op": "register", "runner": {"id": id}, "queues": queues, "slots": slots});
        socket.say(register).await;
        let registered = socket.next().await;
        assert_eq!(registered["op"], "registered", "{registered}");
        let session = registered["session"].as_str().expect("a session").to_owned();
        (socket, session)
    }

    /// Sends a frame.
    pub(crate) async fn say(&mut self, frame: Value) {
        self.send(Message::text(frame.to_string())).await;
    }

    /// Sends anything.
    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.expect("sent");
    }

    /// Sends the head of a text of so many bytes (RFC 6455, 5.2), and none of them.
    pub(crate) async fn begin(&mut self, bytes: u64) {
        let mask = [0; 4];
        let head = [&[0x81, 0x80 | 127][..], &bytes.to_be_bytes(), &mask].concat();
        self.socket.get_mut().write_all(&head).await.expect("sent");
    }

    /// Puts a frame into the socket's buffer: [`Socket::flush`] sends it.
    pub(crate) async fn feed(&mut self, frame: Value) {
        self.socket.feed(Message::text(frame.to_string())).await.expect("taken");
    }

    /// Sends what was put into the buffer.
    pub(crate) async fn flush(&mut self) {
        self.socket.flush().await.expect("sent");
    }

    async fn message(&mut self) -> Message {
        let next = timeout(BOUND, self.socket.next()).await.expect("a message in time");
        next.expect("a message").expect("a good one")
    }

    /// The next frame, set aside or new.
    pub(crate) async fn next(&mut self) -> Value {
        if !self.aside.is_empty() {
            return self.aside.remove(0);
        }
        self.fresh().await
    }

    async fn fresh(&mut self) -> Value {
        loop {
            match self.message().await {
                Message::Text(text) => {
                    let frame = serde_json::from_str(&text).expect("JSON");
                    self.described.check(&frame);
                    if frame["op"] != "ping" {
                        return frame;
                    }
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} where a text was expected"),
            }
        }
    }

    /// The next frame for which `wanted` is true; the others wait.
    pub(crate) async fn find(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.aside.iter().position(&wanted) {
            return self.aside.remove(at);
        }
        loop {
            let frame = self.fresh().await;
            if wanted(&frame) {
                return frame;
            }
            self.aside.push(frame);
        }
    }

    /// The next frame with this `op`; the others wait.
    pub(crate) async fn until(&mut self, op: &str) -> Value {
        self.find(|frame| frame["op"] == op).await
    }

    /// The answer to an operation.
    pub(crate) async fn answer(&mut self, id: &Value) -> Value {
        self.find(|frame| frame["id"] == *id).await
    }

    /// The code it is closed with; texts before it are passed over.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match self.message().await {
                Message::Close(frame) => return frame.expect("a code").code.into(),
                Message::Text(_) | Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} where a close was expected"),
            }
        }
    }

    /// Ends the connection without a word, as the end of its process does.
    pub(crate) fn cut(self) {
        drop(self);
    }
}
