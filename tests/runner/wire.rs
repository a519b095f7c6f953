//! A runner's socket to a server that is a process of its own, from an address of one's choice.
//!
//! Frames are read as they come, whether or not the test waits for one: so it answers pings, and is
//! heard, like a program that is well.

use std::net::SocketAddr;

use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use serde_json::Value;
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};

use super::server::{PATIENCE, Site};

/// More frames than any test here leaves unread.
const UNREAD: usize = 1024;

/// An open socket.
pub(crate) struct Wire {
    sending: SplitSink<WebSocketStream<TcpStream>, Message>,
    frames: mpsc::Receiver<Value>,
    /// Came while something else was waited for.
    aside: Vec<Value>,
    reading: JoinHandle<()>,
}

impl Wire {
    /// Opens a socket from this address and says what it registers with; the answer to that, too.
    pub(crate) async fn register(site: &Site, from: &str, register: Value) -> (Self, Value) {
        let socket = TcpSocket::new_v4().expect("a socket");
        let from = SocketAddr::new(from.parse().expect("an address"), 0);
        socket.bind(from).expect("it is on this machine");
        let address = site.address();
        let connecting = socket.connect(address.parse().expect("an address"));
        let connected = timeout(PATIENCE, connecting).await.expect("an answer in time");
        let url = format!("ws://{address}/v1/runner");
        let mut request = url.into_client_request().expect("a request");
        let protocol = HeaderValue::from_static("heartline.runner.v1.json");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (socket, _) =
            client_async(request, connected.expect("connected")).await.expect("upgraded");
        let (sending, coming) = socket.split();
        let (reader, frames) = mpsc::channel(UNREAD);
        let reading = tokio::spawn(read(coming, reader));
        let mut wire = Self { sending, frames, aside: Vec::new(), reading };
        wire.until("hello").await;
        wire.say(register).await;
        let registered = wire.until("registered").await;
        (wire, registered)
    }

    /// Sends a frame, or leaves it to the kernel to do so.
    pub(crate) async fn say(&mut self, frame: Value) {
        self.sending.send(Message::text(frame.to_string())).await.expect("sent");
    }

    async fn find(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.aside.iter().position(&wanted) {
            return self.aside.remove(at);
        }
        loop {
            let frame = timeout(PATIENCE, self.frames.recv()).await;
            let frame = frame.unwrap_or_else(|_| panic!("it never came, but {:?}", self.aside));
            let frame = frame.unwrap_or_else(|| panic!("it ended after {:?}", self.aside));
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
    pub(crate) async fn answer(&mut self, id: u64) -> Value {
        self.find(|frame| frame["id"] == id).await
    }

    /// Waits until the connection has ended, however it did; what came and nobody waited for.
    pub(crate) async fn ended(mut self) -> Vec<Value> {
        let ending = async {
            while let Some(frame) = self.frames.recv().await {
                self.aside.push(frame);
            }
        };
        timeout(PATIENCE, ending).await.expect("it ends");
        std::mem::take(&mut self.aside)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// Reads until the connection ends; pings are answered by the library.
async fn read(mut coming: SplitStream<WebSocketStream<TcpStream>>, reader: mpsc::Sender<Value>) {
    while let Some(Ok(message)) = coming.next().await {
        let Message::Text(text) = message else { continue };
        let frame: Value = serde_json::from_str(&text).expect("JSON");
        if frame["op"] != "ping" && reader.send(frame).await.is_err() {
            return;
        }
    }
}
