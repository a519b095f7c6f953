//! A socket of a reader, whose messages go out in fragments with pings in between.

use std::{collections::VecDeque, io};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest as _,
        http::HeaderValue,
        protocol::frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use super::{
    chance::Chance,
    choppy::Choppy,
    reader::{Visit, one_more},
};

/// See the module.
pub(crate) struct Socket {
    stream: WebSocketStream<Choppy>,
    chance: Chance,
    /// The payloads of pings that were not answered yet.
    pings: VecDeque<Vec<u8>>,
}

/// What came.
pub(crate) enum Came {
    Text(String),
    Closed(u16),
}

fn broken(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::Http(response) => panic!("it is no socket: {response:?}"),
        other => io::Error::other(other),
    }
}

impl Socket {
    pub(crate) async fn open(visit: &mut Visit, query: &str) -> io::Result<Self> {
        let url = format!("ws://{}/v1/ws{query}", visit.address);
        let mut request = url.into_client_request().expect("a request");
        let protocol = HeaderValue::from_static("heartline.v1.json");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let connection = visit.connect().await?;
        let (stream, _) = client_async(request, connection).await.map_err(broken)?;
        let chance = Chance::new(visit.chance.u128() as u64);
        Ok(Self { stream, chance, pings: VecDeque::new() })
    }

    /// The next text, or the close. Pongs are held against the pings they answer.
    pub(crate) async fn next(&mut self) -> io::Result<Came> {
        loop {
            let message = self.stream.next().await;
            let message = message.ok_or(io::ErrorKind::UnexpectedEof)?.map_err(broken)?;
            match message {
                Message::Text(text) => return Ok(Came::Text(text.to_string())),
                Message::Close(frame) => {
                    return Ok(Came::Closed(frame.map_or(1005, |frame| frame.code.into())));
                }
                Message::Pong(payload) => {
                    assert_eq!(self.pings.pop_front().as_deref(), Some(&payload[..]));
                }
                Message::Ping(_) => {}
                Message::Binary(_) | Message::Frame(_) => panic!("not of this protocol: {message}"),
            }
        }
    }

    /// Sends a text, in pieces that do not care where characters end.
    pub(crate) async fn say(&mut self, visit: &Visit, text: &str) -> io::Result<()> {
        let mut rest = text.as_bytes();
        let mut opcode = Data::Text;
        while self.chance.percent(60) {
            let (part, after) = rest.split_at(self.chance.below(rest.len() + 1));
            self.send(Frame::message(part.to_vec(), OpCode::Data(opcode), false)).await?;
            (opcode, rest) = (Data::Continue, after);
            let payload = vec![b'p'; self.chance.below(126)];
            self.pings.push_back(payload.clone());
            self.stream.send(Message::Ping(payload.into())).await.map_err(broken)?;
            one_more(&visit.counts.fragmented);
        }
        self.send(Frame::message(rest.to_vec(), OpCode::Data(opcode), true)).await
    }

    async fn send(&mut self, frame: Frame) -> io::Result<()> {
        self.stream.send(Message::Frame(frame)).await.map_err(broken)
    }

    /// Leaves, politely or not.
    pub(crate) async fn leave(mut self) {
        if self.chance.one_in(2) {
            // The server may have gone first.
            drop(self.stream.close(None).await);
        }
    }
}
