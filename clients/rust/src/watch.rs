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
use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, timeout_at},
};

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
/// A subscription that has stood for as long works, even where nothing is to be told.
/// Less than a server that was restarted waits for those that have leases (5 s): a runner that polls
/// beats when it hears that the server is back.
const STEADY: Duration = Duration::from_secs(1);
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
    /// The log has nothing right after `after`: it goes on with `oldest`.
    Reset {
        /// Why: `purged`; or `ahead_of_log`, when the log ends before `after`, as after a restore
        /// from a backup.
        reason: String,
        /// The event to go on after.
        after: u64,
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
            backoff: Backoff::default(),
            steady_at: None,
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

    /// The events alone. A [`Seen::Reset`] is an [`Error::Gone`], after which it goes on with the
    /// first event that is there.
    pub fn events(self) -> impl Stream<Item = Result<Event, Error>> + Send + Unpin {
        Box::pin(self.filter_map(|seen| {
            std::future::ready(match seen {
                Ok(Seen::Event(event)) => Some(Ok(*event)),
                Ok(Seen::Reset { reason, oldest, .. }) => Some(Err(Error::Gone { oldest, reason })),
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
    backoff: Backoff,
    /// When the subscription counts as one that works; `None` before it has begun, and after.
    steady_at: Option<Instant>,
    lost_since: Option<Instant>,
    gaps: u32,
}

impl Follower {
    async fn run(mut self) {
        loop {
            let ended = match Socket::connect(&self.client, WATCH).await {
                Ok(socket) => self.subscription(socket).await,
                Err(ended) => ended,
            };
            let (why, said) = match ended {
                Break::Done | Break::Unheard => return,
                Break::Refused(error) => return self.tell_last(Err(error)).await,
                Break::Later(error) => (error.brief(), Some(error)),
                Break::Lost(why) => (why, None),
            };
            let at_least = said.as_ref().and_then(Error::retry_after).unwrap_or_default();
            let wait = at_least.max(self.backoff.next());
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
            if since.elapsed() + wait > self.patience {
                let server = self.client.server().to_owned();
                let why = format!("{why} (tried for {} s)", since.elapsed().as_secs());
                let gave_up = said.unwrap_or(Error::Unreachable { server, why });
                return self.tell_last(Err(gave_up)).await;
            }
            tokio::time::sleep(wait).await;
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
        self.steady_at = None;
        if let Err(ended) = socket.say(&subscribe).await {
            return ended;
        }
        loop {
            let heard = match self.steady_at {
                Some(at) => timeout_at(at, socket.next()).await.ok(),
                None => Some(socket.next().await),
            };
            let taken = match heard {
                Some(Ok(text)) => self.frame(&text).await,
                Some(Err(ended)) => return ended,
                None => self.works().await,
            };
            if let Err(ended) = taken {
                socket.close().await;
                return ended;
            }
        }
    }

    /// The subscription has got somewhere, so that the next loss is a new one. That it was opened
    /// says nothing yet: the server may refuse right after.
    async fn works(&mut self) -> Result<(), Break> {
        self.steady_at = None;
        self.backoff.reset();
        match self.lost_since.take() {
            Some(_) => self.tell(Seen::Back).await,
            None => Ok(()),
        }
    }

    async fn frame(&mut self, text: &str) -> Result<(), Break> {
        let frame: Frame<'_> = serde_json::from_str(text)
            .map_err(|error| self.foreign(format!("a frame that cannot be read ({error})")))?;
        match (&*frame.op, frame.event, frame.problem) {
            ("subscribed", ..) => {
                self.steady_at = Some(Instant::now() + STEADY);
                Ok(())
            }
            ("event", Some(event), ..) => self.event(event).await,
            ("reset", ..) => {
                self.works().await?;
                // Also where that is less: what comes is another log's than what was seen.
                let after = std::mem::replace(&mut self.cursor, frame.oldest.saturating_sub(1));
                let reason = frame.reason.unwrap_or_default();
                self.tell(Seen::Reset { reason, after, oldest: frame.oldest }).await
            }
            ("end", ..) if self.view == View::Full && self.cursor < frame.seq => {
                self.gap(frame.seq)
            }
            ("end", ..) => {
                self.works().await?;
                self.tell(Seen::End).await?;
                Err(Break::Done)
            }
            ("error", _, Some(problem)) => Err(Break::of(problem)),
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
        self.works().await?;
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use serde_json::{Value, json};
    use tokio::time::timeout;

    use super::*;
    use crate::fake;

    const BOUND: Duration = Duration::from_secs(30);

    async fn server(answer: fn(&Value) -> Vec<Value>) -> (Client, Arc<AtomicU32>) {
        let (address, connections) = fake::server(WATCH.1, answer).await;
        (Client::new(&address).unwrap(), connections)
    }

    fn event(seq: u64) -> Value {
        json!({"op": "event", "event": {
            "seq": seq, "prev": seq - 1, "execution_id": "aex_1", "attempt": 1,
            "time": "2026-01-02T03:04:05Z", "type": "CUSTOM", "data": {"name": "n", "value": 1},
        }})
    }

    fn refused(status: u16, code: &str, retry_after: Option<u64>) -> Vec<Value> {
        let problem =
            json!({"status": status, "code": code, "detail": "no", "retry_after": retry_after});
        vec![
            json!({"op": "subscribed", "id": 1, "execution": "aex_1", "head": 1, "oldest": 1}),
            json!({"op": "error", "id": 1, "problem": problem}),
        ]
    }

    async fn all(client: &Client, after: u64, patience: Duration) -> Vec<Result<Seen, Error>> {
        let options = Options { after, view: View::Full, patience };
        let seen = Watch::start(client, "aex_1", options).collect();
        timeout(BOUND, seen).await.expect("it ends")
    }

    #[tokio::test]
    async fn a_refusal_after_each_subscription_is_not_a_connection_that_is_back() {
        let (client, connections) = server(|_| refused(503, "overloaded", None)).await;
        let seen = all(&client, 0, Duration::from_secs(2)).await;
        assert!(matches!(&seen[..], [Ok(Seen::Lost { .. }), Err(_)]), "{seen:?}");
        assert!(connections.load(Ordering::Relaxed) < 10, "it waits longer each time");
    }

    #[tokio::test]
    async fn the_server_says_when_to_come_back() {
        let (client, connections) = server(|_| refused(503, "overloaded", Some(60))).await;
        let seen = all(&client, 0, Duration::from_secs(5)).await;
        assert!(matches!(seen.last(), Some(Err(Error::Problem(_)))), "{seen:?}");
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_damaged_log_is_the_end() {
        let (client, connections) = server(|_| refused(500, "corrupt", None)).await;
        let seen = all(&client, 0, Duration::MAX).await;
        assert!(matches!(&seen[..], [Err(Error::Problem(_))]), "{seen:?}");
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn after_a_reset_the_log_is_shown_from_where_it_begins() {
        let (client, _) = server(|asked| {
            assert_eq!(asked["after"], 100);
            vec![
                json!({"op": "subscribed", "id": 1, "execution": "aex_1", "head": 2, "oldest": 1}),
                json!({"op": "reset", "execution": "aex_1", "reason": "ahead_of_log", "oldest": 1}),
                event(1),
                event(2),
                json!({"op": "end", "execution": "aex_1", "seq": 2, "phase": "failed"}),
            ]
        })
        .await;
        let seen = all(&client, 100, BOUND).await;
        let Ok(Seen::Reset { reason, after: 100, oldest: 1 }) = &seen[0] else {
            panic!("{seen:?}")
        };
        assert_eq!(reason, "ahead_of_log");
        let seqs: Vec<u64> = seen
            .iter()
            .filter_map(|seen| match seen {
                Ok(Seen::Event(event)) => Some(event.seq),
                _ => None,
            })
            .collect();
        assert_eq!(seqs, [1, 2]);
        assert!(matches!(seen.last(), Some(Ok(Seen::End))));
    }
}
