//! The runner's socket: opened, lost and opened again, with the same leases, until the runner is to
//! end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{
    Sink, SinkExt as _, Stream, StreamExt as _,
    future::{Either, select},
};
use serde_json::json;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{
    Notice,
    desk::Desk,
    frames::{self, Frame},
    held::{Cancellation, Held},
    line::{Ask, Line},
};
use crate::{
    backoff::Backoff,
    error::Error,
    socket::{Break, RUNNER, Socket, heard},
};

/// Calls that wait for the socket. Each lease has at most two, so this slows nobody.
const ASKS: usize = 256;
/// Frames of one write.
const GATHER: usize = 64;
/// A server that does not answer the registration in this time is in trouble.
const REGISTER: Duration = Duration::from_secs(15);
/// A server that does not read for this long is gone.
const WRITE: Duration = Duration::from_secs(20);
/// Between two tries while something is held: well within the grace that a server gives.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// For what was acknowledged last to be taken up.
const GOODBYE: Duration = Duration::from_millis(100);
/// How often the server wants to hear from a runner, until it says so itself.
const BEAT: Duration = Duration::from_secs(10);
/// After the registration, for the server to say why a lease is not ours any more.
const REASONS: Duration = Duration::from_secs(1);

type Pending = Mutex<HashMap<u64, oneshot::Sender<Result<u64, Error>>>>;

/// How the socket came to its end.
pub(super) enum Over {
    /// All is done.
    Done,
    /// The server has no such socket.
    NoSocket,
    /// The server does not want this runner.
    Refused(Error),
}

/// See the module.
pub(super) struct Link {
    desk: Arc<Desk>,
    asks: mpsc::Receiver<Ask>,
    line: Line,
    session: Option<String>,
    /// The last id that was given out.
    last: u64,
    backoff: Backoff,
    /// The server is away, and that was said.
    away: bool,
    /// When the server wants it back.
    after: Option<Duration>,
}

impl Link {
    pub(super) fn new(desk: &Arc<Desk>) -> Self {
        let (sender, asks) = mpsc::channel(ASKS);
        let line = Line::Socket { asks: sender, server: desk.client.server().into() };
        Self {
            desk: Arc::clone(desk),
            asks,
            line,
            session: None,
            last: 0,
            backoff: Backoff::up_to(LONGEST_WAIT),
            away: false,
            after: None,
        }
    }

    pub(super) async fn run(&mut self) -> Over {
        loop {
            let ended = match Socket::connect(&self.desk.client, RUNNER).await {
                Ok(socket) => self.connected(socket).await,
                Err(ended) => ended,
            };
            // The last acknowledgement may have come with the close, and not be taken up yet.
            if self.desk.is_draining() && timeout(GOODBYE, self.desk.empty()).await.is_ok() {
                return Over::Done;
            }
            match ended {
                Break::Done | Break::Unheard => {}
                Break::Refused(error) if self.session.is_none() && has_no_socket(&error) => {
                    return Over::NoSocket;
                }
                Break::Refused(error) => {
                    for held in self.desk.all() {
                        held.lose_anyway(&error.brief());
                    }
                    return Over::Refused(error);
                }
                Break::Later(error) => {
                    self.after = self.after.max(error.retry_after());
                    self.gone(error.brief());
                }
                Break::Lost(why) => self.gone(why),
            }
            let wait = self.after.take().unwrap_or_default().max(self.backoff.next());
            let desk = Arc::clone(&self.desk);
            let gone = async {
                desk.draining().await;
                desk.empty().await;
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = gone => return Over::Done,
            }
        }
    }

    fn gone(&mut self, why: String) {
        if !std::mem::replace(&mut self.away, true) {
            self.desk.notice(&Notice::Away { why });
        }
    }

    /// One connection, to its end.
    async fn connected(&mut self, socket: Socket) -> Break {
        let (mut to, mut from) = socket.0.split();
        let beat = match timeout(REGISTER, self.register(&mut to, &mut from)).await {
            Ok(Ok(beat)) => beat,
            Ok(Err(ended)) => return ended,
            Err(_elapsed) => return Break::Lost("it did not answer the registration".to_owned()),
        };
        self.backoff.reset();
        if std::mem::take(&mut self.away) {
            self.desk.notice(&Notice::Back);
        }
        let pending = Pending::default();
        let ears = Ears { desk: &self.desk, line: &self.line, pending: &pending };
        let mut mouth = Mouth {
            desk: &self.desk,
            asks: &mut self.asks,
            pending: &pending,
            last: &mut self.last,
            beat,
        };
        // Hearing and speaking do not wait for each other: a server that answers before it reads
        // on is read.
        let ended = {
            let hear = std::pin::pin!(ears.hear(&mut from, beat, &mut self.after));
            let speak = std::pin::pin!(mouth.speak(&mut to));
            match select(hear, speak).await {
                Either::Left((ended, _)) | Either::Right((ended, _)) => ended,
            }
        };
        // Dropping what is pending tells those who wait that the connection is gone.
        drop(pending);
        ended
    }

    async fn register<S, R>(&mut self, to: &mut S, from: &mut R) -> Result<Duration, Break>
    where
        S: Sink<Message, Error = tungstenite::Error> + Unpin,
        R: Stream<Item = Result<Message, tungstenite::Error>> + Unpin,
    {
        let named = self.desk.all();
        let frame = frames::register(&self.desk, self.session.as_deref()).to_string();
        to.send(Message::text(frame)).await.map_err(|error| Break::Lost(error.to_string()))?;
        loop {
            let Some(text) = heard(from.next().await)? else { continue };
            let Ok(frame) = serde_json::from_str::<Frame<'_>>(&text) else { continue };
            match (&*frame.op, frame.problem) {
                ("registered", _) => {
                    self.session = frame.session;
                    let kept: Vec<String> =
                        frame.leases.into_iter().map(|kept| kept.lease).collect();
                    let missing = named.into_iter().filter(|held| !kept.contains(&held.lease));
                    tokio::spawn(lose(missing.collect()));
                    return Ok(frame.heartbeat.map_or(BEAT, heartline_execution::Span::to_std));
                }
                ("error", Some(problem)) => {
                    // Whoever is connected under this id may be a socket that the server has not
                    // missed yet.
                    return Err(match problem.status {
                        409 => Break::Later(Error::Problem(Box::new(problem))),
                        _ => Break::of(problem),
                    });
                }
                _ => {}
            }
        }
    }
}

/// Whether the server may be one without such a socket. If it is none of ours, the first poll says
/// so.
fn has_no_socket(error: &Error) -> bool {
    error.status() == Some(404) || matches!(error, Error::Foreign { .. })
}

/// The server told why in a moment, or not at all.
async fn lose(missing: Vec<Arc<Held>>) {
    if !missing.is_empty() {
        sleep(REASONS).await;
        for held in missing {
            held.lose("the server gave it up while the connection was lost");
        }
    }
}

/// What the server says.
struct Ears<'a> {
    desk: &'a Arc<Desk>,
    line: &'a Line,
    pending: &'a Pending,
}

impl Ears<'_> {
    async fn hear<R>(&self, from: &mut R, beat: Duration, after: &mut Option<Duration>) -> Break
    where
        R: Stream<Item = Result<Message, tungstenite::Error>> + Unpin,
    {
        // Every beat is answered.
        let silence = beat * 2 + Duration::from_secs(5);
        loop {
            let text = match timeout(silence, from.next()).await.map(heard) {
                Ok(Ok(Some(text))) => text,
                Ok(Ok(None)) => continue,
                Ok(Err(ended)) => return ended,
                Err(_elapsed) => return Break::Lost("the server went silent".to_owned()),
            };
            match serde_json::from_str::<Frame<'_>>(&text) {
                Ok(frame) if frame.op == "lease" => match serde_json::from_str(&text) {
                    Ok(granted) => drop(self.desk.grant(granted, self.line.clone())),
                    Err(error) => return self.foreign(&error),
                },
                Ok(frame) if frame.op == "reconnect" => {
                    *after = frame.after.map(heartline_execution::Span::to_std);
                }
                Ok(frame) => self.frame(frame),
                Err(error) => return self.foreign(&error),
            }
        }
    }

    fn frame(&self, frame: Frame<'_>) {
        let waits = || self.pending.lock().expect("no holder panics").remove(&frame.id?);
        match &*frame.op {
            "ack" => {
                if let Some(answer) = waits() {
                    // Whose lease was lost meanwhile does not wait any more.
                    let _unheard = answer.send(Ok(frame.seq));
                }
            }
            "error" => {
                let problem = Box::new(frame.problem.clone().unwrap_or_default());
                match waits() {
                    Some(answer) => {
                        let _unheard = answer.send(Err(Error::Problem(problem)));
                    }
                    None => tracing::warn!(%problem, "the server complains"),
                }
            }
            "cancel" => self.about(&frame.lease, |held| {
                let Frame { reason, deadline, .. } = &frame;
                held.cancel(Cancellation { reason: reason.clone(), deadline: *deadline });
            }),
            "revoked" => self.about(&frame.lease, |held| {
                held.lose(frame.reason.as_deref().unwrap_or("the lease was revoked"));
            }),
            "resumed" => {
                self.about(&frame.lease, |held| held.answer(frame.seq, frame.input.clone()));
            }
            // `hello`, `ping`, `pong` and what a newer server says.
            _ => {}
        }
    }

    fn about(&self, lease: &str, then: impl FnOnce(&Held)) {
        if let Some(held) = self.desk.lease(lease) {
            then(&held);
        }
    }

    fn foreign(&self, error: &serde_json::Error) -> Break {
        Break::Lost(format!("it sent a frame that cannot be read ({error})"))
    }
}

/// What is said to the server.
struct Mouth<'a> {
    desk: &'a Arc<Desk>,
    asks: &'a mut mpsc::Receiver<Ask>,
    pending: &'a Pending,
    last: &'a mut u64,
    beat: Duration,
}

impl Mouth<'_> {
    async fn speak<S>(&mut self, to: &mut S) -> Break
    where
        S: Sink<Message, Error = tungstenite::Error> + Unpin,
    {
        let mut beaten = Instant::now();
        let mut drained = false;
        loop {
            let due = beaten + self.desk.beat_every(self.beat);
            let frame = tokio::select! {
                biased;
                () = sleep_until(due) => {
                    beaten = Instant::now();
                    *self.last += 1;
                    let beats = self.desk.beats();
                    json!({"op": "heartbeat", "id": *self.last, "executions": beats}).to_string()
                }
                () = self.desk.draining(), if !drained => {
                    drained = true;
                    json!({"op": "drain"}).to_string()
                }
                // What has come or gone may beat faster.
                () = self.desk.changed.notified() => continue,
                Some(ask) = self.asks.recv() => self.numbered(ask),
            };
            match timeout(WRITE, self.write(to, frame)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Break::Lost(error.to_string()),
                Err(_elapsed) => return Break::Lost("the server does not read".to_owned()),
            }
        }
    }

    fn numbered(&mut self, ask: Ask) -> String {
        *self.last += 1;
        let Ask { members, answer } = ask;
        self.pending.lock().expect("no holder panics").insert(*self.last, answer);
        format!("{{\"id\":{},{members}}}", self.last)
    }

    /// Writes a frame and what waits behind it.
    async fn write<S>(&mut self, to: &mut S, first: String) -> Result<(), tungstenite::Error>
    where
        S: Sink<Message, Error = tungstenite::Error> + Unpin,
    {
        to.feed(Message::text(first)).await?;
        for _ in 0..GATHER {
            let Ok(ask) = self.asks.try_recv() else { break };
            let frame = self.numbered(ask);
            to.feed(Message::text(frame)).await?;
        }
        to.flush().await
    }
}
