//! Watching: the events of one execution, each once and in order, for as long as it
//! takes (WIRE, "WebSocket for watchers").
//!
//! It resumes by seq: when the connection breaks or the server restarts, it subscribes again after
//! the last event that it handed out. What comes twice is dropped; what would leave a gap is asked
//! for again. It works in a task of its own and hands over through a bounded channel, so that a
//! slow reader slows the socket and nothing else.

use std::{
    borrow::Cow,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{sync::mpsc, task::AbortHandle, time::Instant};

use crate::{
    backoff::Backoff,
    client::Client,
    error::Error,
    problem::Problem,
    socket::{Break, Socket, WATCH},
    types::Event,
};

/// What is handed over and not yet read; more would only be memory.
const HANDED_OVER: usize = 64;
/// Times in a row that a subscription may leave a gap before that counts as an error.
const GAPS: u32 = 3;

/// Which events are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// All.
    #[default]
    Full,
    /// The lifecycle only.
    Status,
}

impl View {
    /// As the wire has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            View::Full => "full",
            View::Status => "status",
        }
    }
}

/// What a watcher is told.
#[derive(Debug)]
pub enum Seen {
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

/// How to watch.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Begin after this event; 0 begins with the first.
    pub after: u64,
    /// Which events.
    pub view: View,
    /// How long the server may be away before that is an error.
    pub patience: Duration,
}

impl Default for Options {
    /// All events from the first, with endless patience.
    fn default() -> Self {
        Self { after: 0, view: View::Full, patience: Duration::MAX }
    }
}

/// A running watch: a stream of what it sees; dropping it ends the task behind it.
///
/// ```no_run
/// # async fn example(client: heartline_client::Client) -> Result<(), heartline_client::Error> {
/// use heartline_client::watch::Seen;
/// let mut watch = client.watch("aex_01981f00000070008000000000000001");
/// while let Some(seen) = watch.next().await {
///     if let Seen::Event(event) = seen? {
///         println!("{} {}", event.seq, event.type_name);
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Watch {
    seen: mpsc::Receiver<Result<Seen, Error>>,
    task: AbortHandle,
}

impl Watch {
    /// Watches `id`. Must be called inside a tokio runtime, and goes on while that runs.
    pub fn start(client: &Client, id: &str, options: Options) -> Self {
        let Options { after, view, patience } = options;
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
    pub async fn next(&mut self) -> Option<Result<Seen, Error>> {
        self.seen.recv().await
    }

    /// The events alone. Events that are gone for good are an [`Error::Gone`], after which it goes
    /// on with the first that is left.
    pub fn events(self) -> impl Stream<Item = Result<Event, Error>> + Send + Unpin {
        Box::pin(self.filter_map(|seen| {
            std::future::ready(match seen {
                Ok(Seen::Event(event)) => Some(Ok(*event)),
                Ok(Seen::Reset { reason, oldest }) => Some(Err(Error::Gone { oldest, reason })),
                Ok(Seen::Lost { .. } | Seen::Back | Seen::End) => None,
                Err(error) => Some(Err(error)),
            })
        }))
    }
}

impl Stream for Watch {
    type Item = Result<Seen, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.seen.poll_recv(context)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

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
    problem: Option<Problem>,
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
            let (connected, ended) = match Socket::connect(&self.client, WATCH).await {
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

    /// One connection, to its end.
    async fn subscription(&mut self, mut socket: Socket) -> Break {
        let subscribe = serde_json::json!({
            "op": "subscribe", "id": 1, "execution": self.id, "after": self.cursor,
            "view": self.view.as_str(), "snapshot": false,
        });
        if let Err(ended) = socket.say(&subscribe).await {
            return ended;
        }
        loop {
            let text = match socket.next().await {
                Ok(text) => text,
                Err(ended) => return ended,
            };
            if let Err(ended) = self.frame(&text).await {
                socket.close().await;
                return ended;
            }
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
            ("error", _, Some(problem)) => {
                let error = Error::Problem(Box::new(problem));
                let again = error.is_transient();
                Err(if again { Break::Lost(error.brief()) } else { Break::Refused(error) })
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
