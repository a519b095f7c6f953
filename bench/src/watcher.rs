//! Watchers: WebSockets on `/v1/ws`, each carrying many subscriptions, read without blocking.

use std::{
    borrow::Cow,
    io::ErrorKind,
    net::{SocketAddr, TcpStream},
};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::{
    self, ClientRequestBuilder, Message, WebSocket, client::client,
};

use crate::error::{Doing, Error, Result};

/// The subprotocol of watchers.
const PROTOCOL: &str = "heartline.v1.json";

/// One WebSocket.
#[derive(Debug)]
pub(crate) struct Watcher {
    socket: WebSocket<TcpStream>,
    next_id: u64,
    unsent: bool,
}

/// A frame from the server, as far as a benchmark reads it.
#[derive(Debug, Deserialize)]
pub(crate) struct Frame<'a> {
    #[serde(borrow)]
    pub(crate) op: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) execution: Option<Cow<'a, str>>,
    pub(crate) seq: Option<u64>,
    #[serde(borrow)]
    pub(crate) phase: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) event: Option<EventHead<'a>>,
    #[serde(borrow)]
    pub(crate) problem: Option<&'a RawValue>,
}

/// Where an event stands in its log.
#[derive(Debug, Deserialize)]
pub(crate) struct EventHead<'a> {
    pub(crate) seq: u64,
    pub(crate) prev: u64,
    #[serde(borrow)]
    pub(crate) execution_id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
}

impl Watcher {
    /// Connects, with nothing subscribed.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let uri = format!("ws://{address}/v1/ws").parse().expect("an address makes a URI");
        let request = ClientRequestBuilder::new(uri).with_sub_protocol(PROTOCOL);
        let stream = TcpStream::connect(address).doing("connecting a watcher")?;
        stream.set_nodelay(true).doing("setting TCP_NODELAY")?;
        let (socket, _) = client(request, stream)
            .map_err(|error| Error::protocol("a WebSocket handshake", error.to_string()))?;
        socket.get_ref().set_nonblocking(true).doing("making a socket non-blocking")?;
        Ok(Self { socket, next_id: 1, unsent: false })
    }

    /// The socket, to wait for.
    pub(crate) fn stream(&self) -> &TcpStream {
        self.socket.get_ref()
    }

    /// Queues a subscription to the status of `execution` from its beginning; it leaves with the
    /// next [`Watcher::flush`].
    pub(crate) fn subscribe(&mut self, execution: &str) -> Result<()> {
        let id = self.next_id;
        self.next_id += 1;
        self.unsent = true;
        let text = format!(
            "{{\"op\":\"subscribe\",\"id\":{id},\"execution\":\"{execution}\",\"after\":0,\
             \"view\":\"status\",\"snapshot\":false}}"
        );
        settled(self.socket.write(Message::text(text))).map(|_| ())
    }

    /// Sends what is queued, as far as the socket takes it.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if self.unsent {
            self.unsent = settled(self.socket.flush())?.is_none();
        }
        Ok(())
    }

    /// Hands every frame that has come to `take`. Refusals are errors.
    pub(crate) fn read(&mut self, mut take: impl FnMut(Frame<'_>) -> Result<()>) -> Result<()> {
        while let Some(message) = settled(self.socket.read())? {
            match message {
                Message::Text(text) => {
                    let frame: Frame<'_> = serde_json::from_str(&text)
                        .map_err(|error| Error::protocol("a frame", format!("{error}: {text}")))?;
                    if frame.op == "error" {
                        let problem = frame.problem.map_or("", |problem| problem.get());
                        return Err(Error::protocol("a subscription", problem));
                    }
                    take(frame)?;
                }
                Message::Close(close) => {
                    return Err(Error::protocol("an open WebSocket", format!("{close:?}")));
                }
                // The answer to a ping is queued by the codec.
                Message::Ping(_) => self.unsent = true,
                Message::Binary(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
        Ok(())
    }
}

/// `None` when the socket would block.
fn settled<T>(result: Result<T, tungstenite::Error>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(Error::protocol("a WebSocket", error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_the_contract_spells_them() {
        let event = r#"{"op":"event","event":{"seq":3,"prev":2,"execution_id":"aex_1","attempt":1,
            "time":"2026-01-02T03:04:05.000006Z","type":"execution.completed","data":{}}}"#;
        let frame: Frame<'_> = serde_json::from_str(event).unwrap();
        let head = frame.event.unwrap();
        assert_eq!((head.seq, head.prev, &*head.kind), (3, 2, "execution.completed"));
        let end = r#"{"op":"end","execution":"aex_1","seq":3,"phase":"completed"}"#;
        let frame: Frame<'_> = serde_json::from_str(end).unwrap();
        assert_eq!((frame.seq, frame.phase.as_deref()), (Some(3), Some("completed")));
    }
}
