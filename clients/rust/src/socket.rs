//! A WebSocket of the server's: opened, spoken to and heard, and why it ended.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{
        self, Message, Utf8Bytes, client::IntoClientRequest as _, http, protocol::WebSocketConfig,
    },
};

use crate::{client::Client, error::Error, problem::Problem};

/// The server pings every 25 s; after more than two missed the connection is dead.
const SILENCE: Duration = Duration::from_secs(60);
/// Longer than this, the server is not there.
const CONNECT: Duration = Duration::from_secs(5);
/// A polite close is a courtesy; the server manages without.
const GOODBYE: Duration = Duration::from_millis(200);
/// One message of the server: an event is at most 256 KiB, a snapshot holds the whole state.
const MESSAGE_MAX: usize = 64 << 20;

/// Where watchers connect, and what they speak there.
pub const WATCH: (&str, &str) = ("/v1/ws", "heartline.v1.json");
/// Where runners connect, and what they speak there.
pub const RUNNER: (&str, &str) = ("/v1/runner", "heartline.runner.v1.json");

/// Why a connection is over.
#[derive(Debug)]
pub enum Break {
    /// All was said.
    Done,
    /// Nobody listens any more.
    Unheard,
    /// Try again.
    Lost(String),
    /// The server is there and said no for now: try again, and not sooner than it says.
    Later(Error),
    /// Trying again would not help.
    Refused(Error),
}

impl Break {
    /// What a problem that the server sent means for the connection.
    pub fn of(problem: Problem) -> Self {
        let error = Error::Problem(Box::new(problem));
        if error.is_transient() { Break::Later(error) } else { Break::Refused(error) }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Socket(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens one: [`WATCH`] or [`RUNNER`].
    ///
    /// # Errors
    /// [`Break::Lost`] or [`Break::Later`] when another try may succeed, else [`Break::Refused`].
    pub async fn connect(client: &Client, place: (&str, &'static str)) -> Result<Self, Break> {
        let (path, protocol) = place;
        let wrong = |e: String| Break::Refused(Error::Address(e));
        let mut request =
            client.socket(path).into_client_request().map_err(|e| wrong(e.to_string()))?;
        let headers = request.headers_mut();
        let protocol = http::HeaderValue::from_static(protocol);
        headers.insert(http::header::SEC_WEBSOCKET_PROTOCOL, protocol);
        if let Some(token) = client.token() {
            let value = http::HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| wrong("the token has characters that no header takes".to_owned()))?;
            headers.insert(http::header::AUTHORIZATION, value);
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_MAX))
            .max_frame_size(Some(MESSAGE_MAX));
        let connecting = tokio_tungstenite::connect_async_with_config(request, Some(config), true);
        match tokio::time::timeout(CONNECT, connecting).await {
            Ok(Ok((socket, _response))) => Ok(Self(socket)),
            Ok(Err(tungstenite::Error::Http(reply))) => Err(refused(client, &reply)),
            Ok(Err(error)) => Err(Break::Lost(error.to_string())),
            Err(_elapsed) => Err(Break::Lost("it did not answer in time".to_owned())),
        }
    }

    /// Sends one message.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn say(&mut self, message: &Value) -> Result<(), Break> {
        let message = Message::text(message.to_string());
        self.0.send(message).await.map_err(|error| Break::Lost(error.to_string()))
    }

    /// The next text; cancel-safe.
    ///
    /// # Errors
    /// When the connection is over.
    pub async fn next(&mut self) -> Result<Utf8Bytes, Break> {
        loop {
            match tokio::time::timeout(SILENCE, self.0.next()).await {
                Ok(message) => {
                    if let Some(text) = heard(message)? {
                        return Ok(text);
                    }
                }
                Err(_elapsed) => return Err(Break::Lost("the server went silent".to_owned())),
            }
        }
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        let _unread = tokio::time::timeout(GOODBYE, self.0.close(None)).await;
    }
}

/// The text that came, `None` if it was something else: tungstenite answers pings by itself.
pub(crate) fn heard(
    message: Option<Result<Message, tungstenite::Error>>,
) -> Result<Option<Utf8Bytes>, Break> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(Some(text)),
        Some(Ok(Message::Close(close))) => Err(closed(close.as_ref())),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {
            Ok(None)
        }
        Some(Err(error)) => Err(Break::Lost(error.to_string())),
        None => Err(Break::Lost("the server closed the connection".to_owned())),
    }
}

/// What an HTTP reply in place of an upgrade means.
fn refused(client: &Client, reply: &http::Response<Option<Vec<u8>>>) -> Break {
    let status = reply.status().as_u16();
    let body = reply.body().as_deref().unwrap_or_default();
    let problem = serde_json::from_slice::<Problem>(body).ok();
    if let Some(problem) = problem {
        return Break::of(Problem { status, ..problem });
    }
    let error = Error::Foreign {
        server: client.server().to_owned(),
        what: format!("{} to a WebSocket", reply.status()),
    };
    match status {
        429 | 500.. => Break::Lost(error.brief()),
        _ => Break::Refused(error),
    }
}

/// By its code alone (a resume goes by seq): codes from 4400 to 4404 say that asking again would be
/// answered the same.
fn closed(close: Option<&tungstenite::protocol::CloseFrame>) -> Break {
    match close {
        Some(frame) if (4400..4405).contains(&u16::from(frame.code)) => {
            let problem = Problem {
                status: u16::from(frame.code) - 4000,
                code: "closed".to_owned(),
                detail: frame.reason.to_string(),
                ..Problem::default()
            };
            Break::Refused(Error::Problem(Box::new(problem)))
        }
        Some(frame) => Break::Lost(format!("the server closed the connection ({})", frame.code)),
        None => Break::Lost("the server closed the connection".to_owned()),
    }
}
