//! The watcher's socket: the events of one execution, each once and in order, for as long as it
//! takes (WIRE, "WebSocket for watchers").
//!
//! It resumes by seq: when the connection breaks or the server restarts, it subscribes again after
//! the last event that it handed out. What comes twice is dropped; what would leave a gap is asked
//! for again. It works in a task of its own and hands over through a bounded channel, so that a
//! slow reader slows the socket and nothing else.

use std::{borrow::Cow, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{net::TcpStream, sync::mpsc, task::AbortHandle, time::Instant};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest as _, http, protocol::WebSocketConfig},
};

use super::{
    backoff::Backoff,
    client::{Client, Error},
    problem::Problem,
    wire::Event,
};

/// What is handed over and not yet read; more would only be memory.
const HANDED_OVER: usize = 64;
/// The server pings every 25 s; after more than two missed the connection is dead.
const SILENCE: Duration = Duration::from_secs(60);
/// Longer than this, the server is not there.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a server may be away before a person's watcher gives up: a restart on a large store, a
/// reboot.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// For followers that have something else to end them.
pub(crate) const FOREVER: Duration = Duration::MAX;
/// One message of the server: an event is at most 256 KiB, a snapshot holds the whole state.
const MESSAGE_MAX: usize = 64 << 20;
/// Times in a row that a subscription may leave a gap before that counts as an error.
const GAPS: u32 = 3;

/// Which events are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum View {
    /// All.
    #[default]
    Full,
    /// The lifecycle only.
    Status,
}

impl View {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            View::Full => "full",
            View::Status => "status",
        }
    }
}

/// What a follower is told.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The next event.
    Event(Box<Event>),
    /// The connection broke; it is being taken up again.
    Lost {
        /// How.
        why: String,
    },
    /// It is up again; nothing was missed.
    Back,
    /// Events before `oldest` are gone for good.
    Reset {
        /// Why.
        reason: String,
        /// The first that is left.
        oldest: u64,
    },
    /// The log is complete; nothing follows.
    End,
}

/// A running follower; dropping it ends the task.
#[derive(Debug)]
pub(crate) struct Follow {
    seen: mpsc::Receiver<Result<Seen, Error>>,
    task: AbortHandle,
}

impl Follow {
    /// Follows `id` from the event after `after`; gives up once the server has been away for
    /// `patience`.
    pub(crate) fn start(
        client: &Client,
        id: &str,
        after: u64,
        view: View,
        patience: Duration,
    ) -> Self {
        let (told, seen) = mpsc::channel(HANDED_OVER);
        let follower = Follower {
            client: client.clone(),
            id: id.to_owned(),
            view,
            cursor: after,
            patience,
            told,
            lost_since: None,
            gaps: 0,
        };
        let task = tokio::spawn(follower.run()).abort_handle();
        Self { seen, task }
    }

    /// The next thing; cancel-safe. `None` after the end or an error.
    pub(crate) async fn next(&mut self) -> Option<Result<Seen, Error>> {
        self.seen.recv().await
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Any frame: the fields of those that matter to a single subscription.
#[derive(Debug, Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    op: Cow<'a, str>,
    #[serde(borrow, default)]
    event: Option<&'a RawValue>,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    oldest: u64,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    problem: Option<WireProblem>,
}

#[derive(Debug, Deserialize)]
struct WireProblem {
    #[serde(default)]
    status: u16,
    #[serde(flatten)]
    problem: Problem,
}

/// Why a connection is over.
enum Break {
    /// The log is complete.
    Done,
    /// Nobody listens to this follower.
    Unheard,
    /// Try again.
    Lost(String),
    /// Trying again would not help.
    Refused(Error),
}

struct Follower {
    client: Client,
    id: String,
    view: View,
    /// The last event handed out.
    cursor: u64,
    patience: Duration,
    told: mpsc::Sender<Result<Seen, Error>>,
    lost_since: Option<Instant>,
    gaps: u32,
}

impl Follower {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let before = self.cursor;
            let (connected, ended) = match self.connect().await {
                Ok(socket) => (true, self.subscription(socket).await),
                Err(ended) => (false, ended),
            };
            if connected && self.lost_since.is_none() || self.cursor > before {
                backoff.reset();
            }
            let why = match ended {
                Break::Done | Break::Unheard => return,
                Break::Refused(error) => return self.tell_last(Err(error)).await,
                Break::Lost(why) => why,
            };
            let since = match self.lost_since {
                Some(since) => since,
                None => {
                    self.lost_since = Some(Instant::now());
                    if self.tell(Seen::Lost { why: why.clone() }).await.is_err() {
                        return;
                    }
                    Instant::now()
                }
            };
            if since.elapsed() > self.patience {
                let server = self.client.server().to_owned();
                let why = format!("{why} (tried for {} s)", since.elapsed().as_secs());
                return self.tell_last(Err(Error::Unreachable { server, why })).await;
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    async fn tell(&self, seen: Seen) -> Result<(), Break> {
        self.told.send(Ok(seen)).await.map_err(|_| Break::Unheard)
    }

    async fn tell_last(&self, last: Result<Seen, Error>) {
        // Nobody left to hear it is no loss.
        let _unheard = self.told.send(last).await;
    }

    async fn connect(&self) -> Result<Socket, Break> {
        let wrong = |e: String| Break::Refused(Error::Address(e));
        let mut request =
            self.client.socket().into_client_request().map_err(|e| wrong(e.to_string()))?;
        let headers = request.headers_mut();
        let protocol = http::HeaderValue::from_static("heartline.v1.json");
        headers.insert(http::header::SEC_WEBSOCKET_PROTOCOL, protocol);
        if let Some(token) = self.client.token() {
            let value = http::HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| wrong("the token has characters that no header takes".to_owned()))?;
            headers.insert(http::header::AUTHORIZATION, value);
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_MAX))
            .max_frame_size(Some(MESSAGE_MAX));
        let connecting = tokio_tungstenite::connect_async_with_config(request, Some(config), true);
        match tokio::time::timeout(CONNECT, connecting).await {
            Ok(Ok((socket, _response))) => Ok(socket),
            Ok(Err(tungstenite::Error::Http(reply))) => Err(self.refused(&reply)),
            Ok(Err(error)) => Err(Break::Lost(error.to_string())),
            Err(_elapsed) => Err(Break::Lost("it did not answer in time".to_owned())),
        }
    }

    /// What an HTTP reply in place of an upgrade means.
    fn refused(&self, reply: &http::Response<Option<Vec<u8>>>) -> Break {
        let status = reply.status().as_u16();
        let body = reply.body().as_deref().unwrap_or_default();
        let problem = serde_json::from_slice::<Problem>(body).ok();
        let error = match problem {
            Some(problem) => Error::Problem(Box::new(Problem { status, ..problem })),
            None => Error::Foreign {
                server: self.client.server().to_owned(),
                what: format!("{} to a WebSocket", reply.status()),
            },
        };
        match status {
            429 | 500.. => Break::Lost(error.brief()),
            _ => Break::Refused(error),
        }
    }

    /// One connection, to its end.
    async fn subscription(&mut self, mut socket: Socket) -> Break {
        let subscribe = serde_json::json!({
            "op": "subscribe", "id": 1, "execution": self.id, "after": self.cursor,
            "view": self.view.as_str(), "snapshot": false,
        });
        if let Err(error) = socket.send(Message::text(subscribe.to_string())).await {
            return Break::Lost(error.to_string());
        }
        loop {
            let message = match tokio::time::timeout(SILENCE, socket.next()).await {
                Ok(Some(Ok(message))) => message,
                Ok(Some(Err(error))) => return Break::Lost(error.to_string()),
                Ok(None) => return Break::Lost("the server closed the connection".to_owned()),
                Err(_elapsed) => return Break::Lost("the server went silent".to_owned()),
            };
            let text = match message {
                Message::Text(text) => text,
                Message::Close(close) => return Self::closed(close.as_ref()),
                // tungstenite answers pings by itself.
                Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_) => {
                    continue;
                }
            };
            if let Err(ended) = self.frame(&text).await {
                // A polite close is a courtesy; the server manages without.
                let _unread =
                    tokio::time::timeout(Duration::from_millis(200), socket.close(None)).await;
                return ended;
            }
        }
    }

    /// By its code alone (a resume goes by seq): codes from 4400 to 4404 say that asking again
    /// would be answered the same.
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
            Some(frame) => {
                Break::Lost(format!("the server closed the connection ({})", frame.code))
            }
            None => Break::Lost("the server closed the connection".to_owned()),
        }
    }

    async fn frame(&mut self, text: &str) -> Result<(), Break> {
        let frame: Frame<'_> = serde_json::from_str(text)
            .map_err(|error| self.foreign(format!("a frame that cannot be read ({error})")))?;
        match (&*frame.op, frame.event, frame.problem) {
            ("subscribed", ..) if self.lost_since.take().is_some() => self.tell(Seen::Back).await,
            ("event", Some(event), ..) => self.event(event).await,
            ("reset", ..) => {
                self.cursor = self.cursor.max(frame.oldest.saturating_sub(1));
                let reason = frame.reason.unwrap_or_default();
                self.tell(Seen::Reset { reason, oldest: frame.oldest }).await
            }
            ("end", ..) if self.view == View::Full && self.cursor < frame.seq => {
                self.gap(frame.seq)
            }
            ("end", ..) => {
                self.tell(Seen::End).await?;
                Err(Break::Done)
            }
            ("error", _, Some(WireProblem { status, problem })) => {
                let error = Error::Problem(Box::new(Problem { status, ..problem }));
                Err(match status {
                    429 | 500.. => Break::Lost(error.brief()),
                    _ => Break::Refused(error),
                })
            }
            // `hello`, `ping`, `lag`, `live`: nothing that a single reader must act on.
            _ => Ok(()),
        }
    }

    fn foreign(&self, what: String) -> Break {
        let server = self.client.server().to_owned();
        Break::Refused(Error::Foreign { server, what })
    }

    async fn event(&mut self, raw: &RawValue) -> Result<(), Break> {
        let event = Event::parse(raw.get())
            .map_err(|error| self.foreign(format!("an event that cannot be read ({error})")))?;
        if event.seq <= self.cursor {
            return Ok(());
        }
        if event.prev > self.cursor {
            return self.gap(event.seq);
        }
        self.gaps = 0;
        self.cursor = event.seq;
        self.tell(Seen::Event(Box::new(event))).await
    }

    fn gap(&mut self, seq: u64) -> Result<(), Break> {
        self.gaps += 1;
        let what = format!("{seq} after {}: events in between are missing", self.cursor);
        if self.gaps < GAPS {
            return Err(Break::Lost(what));
        }
        Err(self.foreign(what))
    }
}
