//! `/v1/ws` and `/v1/runner`: WebSockets of watchers and of runners, and the echo that conformance
//! checks use.
//!
//! A socket is two streams merged into one response body. The control actor (actix-web-actors, and
//! nothing of it outside this module) reads the client's frames and answers pings, closes and
//! slips. Beside it the other half is pulled, and nothing is while the socket does not take it: a
//! watcher's subscriptions, each a cursor over encoded bytes that all watchers share, or a
//! runner's session. Both run in the connection's own task and meet at the [`Desk`], so no message between them can be lost or
//! queue up.
//!
//! A socket that is not read stands still as a whole, timers included; `TCP_USER_TIMEOUT` ends it.

mod control;
mod desk;
mod frames;
mod guard;
mod list;
mod ops;
mod resource;
mod runner;
mod subscription;

#[cfg(test)]
pub(crate) use {ops::OPS, runner::OPS as RUNNER_OPS};

use std::{
    future::Future as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_http::ws::Codec;
use actix_web::{HttpRequest, HttpResponseBuilder};
use actix_web_actors::ws::{HandshakeError, WebsocketContext, handshake_with_protocols};
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use heartline_actors::Outbound;
use heartline_config::Config;
use tokio::time::{Interval, MissedTickBehavior, Sleep};

use self::{
    control::{Control, Role},
    desk::{Close, Desk},
    guard::Guard,
    ops::{One, Subscribe, Target},
    runner::Runner,
    subscription::{Happened, Subscriptions},
};
use crate::{
    app::App,
    drain::{Stopping, reconnect_after},
    encode::Frames,
    error::{Code, Problem},
    query::{Params, wrong},
    routes::{Answer, Shared},
    upgrade::Incoming,
};

/// The watchers' subprotocol; a client may also ask for none.
const WATCHER: &str = "heartline.v1.json";
/// The runners' subprotocol.
const RUNNER: &str = "heartline.runner.v1.json";
/// How long a client gets to answer a close before the connection is closed without it.
const LINGER: Duration = Duration::from_secs(2);

/// `GET /v1/ws`.
pub(crate) async fn watch(app: Shared, request: HttpRequest) -> Answer {
    let (mut response, incoming) = upgrade(&request, &[WATCHER])?;
    let (app, desk) = (app.into_inner(), Desk::new());
    let connection = connection_id();
    let mut subscriptions = Subscriptions::new(Arc::clone(&app), connection.clone());
    match asked_by_url(&request) {
        Ok(None) => {}
        Ok(Some(subscribe)) => subscriptions.only(subscribe),
        Err(problem) => {
            // After the upgrade, where a browser's script can read it.
            desk.refuse(frames::error(None, &problem, &connection), Close::new(4400, "bad query"));
        }
    }
    let role = peer(&app, connection, |text, config| ops::parse(text, config.http.max_depth));
    let half = Half::Watcher(subscriptions);
    Ok(response.streaming(socket(app, incoming, desk, role, half)))
}

/// `GET /v1/runner`.
pub(crate) async fn run(app: Shared, request: HttpRequest) -> Answer {
    let (mut response, incoming) = upgrade(&request, &[RUNNER])?;
    crate::routes::no_parameters(&request)?;
    let (app, connection) = (app.into_inner(), connection_id());
    let half = Half::Runner(Box::new(Runner::new(Arc::clone(&app), connection.clone())));
    let role = peer(&app, connection, runner::parse);
    Ok(response.streaming(socket(app, incoming, Desk::new(), role, half)))
}

/// `GET /debug/echo`, over the same code.
pub(crate) async fn echo(app: Shared, request: HttpRequest) -> Answer {
    let (mut response, incoming) = upgrade(&request, &[])?;
    Ok(response.streaming(socket(app.into_inner(), incoming, Desk::new(), Role::Echo, Half::None)))
}

fn connection_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn peer(
    app: &Arc<App>,
    connection: String,
    read: fn(&[u8], &Config) -> Result<ops::Asked, ops::Slip>,
) -> Role {
    let (websocket, feed) = (&app.config.websocket, &app.config.feed);
    let limits = (websocket.message_bytes, feed.per_connection);
    let hello = frames::hello(&connection, websocket.ping_interval, limits.0, limits.1);
    Role::Peer { hello, connection, app: Arc::clone(app), read }
}

fn socket(
    app: Arc<App>,
    incoming: Incoming,
    desk: Desk,
    role: Role,
    half: Half,
) -> Socket<impl Stream<Item = Result<Bytes, actix_web::Error>>> {
    let limit = app.config.websocket.message_bytes;
    let control = WebsocketContext::with_codec(
        Control::new(desk.clone(), limit, role),
        Guard::new(incoming, desk.clone(), limit),
        codec(limit),
    );
    Socket::new(&app, control, desk, half)
}

/// The guard is what bounds frames; the codec must not refuse what the guard lets pass.
fn codec(limit: usize) -> Codec {
    Codec::new().max_size(limit)
}

fn upgrade(
    request: &HttpRequest,
    protocols: &[&str],
) -> Result<(HttpResponseBuilder, Incoming), Problem> {
    let response = handshake_with_protocols(request, protocols).map_err(|error| {
        let detail = match error {
            HandshakeError::GetMethodRequired => "A WebSocket opens with GET.",
            HandshakeError::NoWebsocketUpgrade => "Upgrade: websocket is missing.",
            HandshakeError::NoConnectionUpgrade => "Connection: Upgrade is missing.",
            HandshakeError::NoVersionHeader => "Sec-WebSocket-Version is missing; it must be 13.",
            HandshakeError::UnsupportedVersion => "Sec-WebSocket-Version must be 13.",
            HandshakeError::BadWebsocketKey => "Sec-WebSocket-Key is missing.",
        };
        Problem::new(Code::NotAWebSocket, detail)
    })?;
    // Whatever asks for an upgrade in its headers comes with its connection.
    let incoming = Incoming::of(request).ok_or_else(|| {
        Problem::new(Code::NotAWebSocket, "This connection cannot become a WebSocket.")
    })?;
    Ok((response, incoming))
}

/// What `?execution=…` asks for.
fn asked_by_url(request: &HttpRequest) -> Result<Option<Subscribe>, Problem> {
    let params =
        Params::parse(request.query_string(), &["execution", "after", "view", "snapshot"])?;
    let Some(execution) = params.text("execution") else {
        let stray =
            ["after", "view", "snapshot"].into_iter().find(|name| params.text(name).is_some());
        return match stray {
            Some(name) => Err(wrong(name, "needs execution beside it")),
            None => Ok(None),
        };
    };
    let one = One {
        execution: execution.to_owned(),
        after: params.number("after", 0, ops::SEQ_MAX)?.unwrap_or(0),
        view: params.get("view")?.unwrap_or_default(),
        snapshot: params.flag("snapshot")?,
    };
    Ok(Some(Subscribe { id: None, to: Target::Execution(one) }))
}

/// The half that is pulled.
enum Half {
    Watcher(Subscriptions),
    Runner(Box<Runner>),
    /// Of the echo, and of a socket that is closing.
    None,
}

/// The response body: control frames first, then whatever the pulled half has.
struct Socket<C> {
    control: Pin<Box<C>>,
    desk: Desk,
    half: Half,
    ping: Interval,
    stopping: Stopping,
    outbound: Outbound,
    linger: Option<Pin<Box<Sleep>>>,
}

impl<C> Socket<C> {
    fn new(app: &Arc<App>, control: C, desk: Desk, half: Half) -> Self {
        let mut every = app.config.websocket.ping_interval;
        if matches!(half, Half::Runner(_)) {
            // A runner that only listens is seen to be there by its answers.
            every = every.min(app.config.supervision.runner_heartbeat);
        }
        let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stopping = Stopping::new(&app.draining);
        let outbound = app.handle.outbound();
        let control = Box::pin(control);
        Self { control, desk, half, ping, stopping, outbound, linger: None }
    }

    /// Says goodbye, and from now on only waits for the client to say it too.
    fn close(&mut self, close: &Close) -> Frames {
        self.desk.close();
        self.half = Half::None;
        let mut frame = BytesMut::new();
        close.encode(&mut frame);
        Frames { bytes: frame.freeze(), count: 1 }
    }

    /// The server stops: when to come back, and the close.
    fn stop(&mut self) -> Frames {
        let after = reconnect_after();
        let close = Close::new(1001, "the server is stopping");
        match &mut self.half {
            Half::None => return self.close(&close),
            Half::Watcher(_) => {}
            Half::Runner(runner) => runner.part(),
        }
        frames::reconnect(after).and(self.close(&close))
    }

    /// The pulled half's next bytes; `None` when it is quiet.
    fn poll_half(&mut self, context: &mut Context<'_>) -> Option<Frames> {
        let happened = match &mut self.half {
            Half::None => return None,
            Half::Watcher(subscriptions) => {
                while let Some(op) = self.desk.take() {
                    if let Some(answer) = subscriptions.take(op) {
                        return Some(answer);
                    }
                }
                subscriptions.poll_next(context)
            }
            Half::Runner(runner) => runner.poll_next(&self.desk, context),
        };
        if self.desk.has_made_room() {
            context.waker().wake_by_ref();
        }
        match happened {
            Poll::Ready(Happened::Frames(frames)) => Some(frames),
            Poll::Ready(Happened::Over(close)) => Some(self.close(&close)),
            Poll::Pending => None,
        }
    }
}

impl<C> Stream for Socket<C>
where
    C: Stream<Item = Result<Bytes, actix_web::Error>>,
{
    type Item = Result<Bytes, actix_web::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Poll::Ready(frames) = this.control.as_mut().poll_next(context) {
            return Poll::Ready(frames);
        }
        if !this.desk.is_closing() {
            let frames = if this.stopping.poll(context).is_ready() {
                Some(this.stop())
            } else if let Some(frames) = this.poll_half(context) {
                Some(frames)
            } else if this.ping.poll_tick(context).is_ready() {
                Some(frames::ping(!matches!(this.half, Half::None)))
            } else {
                None
            };
            return match frames {
                Some(frames) => {
                    this.outbound.wrote(frames.count, frames.bytes.len());
                    Poll::Ready(Some(Ok(frames.bytes)))
                }
                None => Poll::Pending,
            };
        }
        // The client has closed: whatever it held is let go of at once.
        this.half = Half::None;
        let linger = this.linger.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        ready!(linger.as_mut().poll(context));
        Poll::Ready(None)
    }
}

/// What a message is answered with at once, if it is: for [`crate::fuzzing`].
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn answer_at_once(text: &[u8], config: &Config, of_runner: bool) -> Option<String> {
    let read = match of_runner {
        true => runner::parse(text, config),
        false => ops::parse(text, config.http.max_depth),
    };
    match read {
        Ok(ops::Asked::Ping(t)) => Some(frames::pong(t.as_deref())),
        Ok(ops::Asked::Pong | ops::Asked::Op(_)) => None,
        Err(slip) => Some(frames::error(slip.id.as_deref(), &slip.problem, "connection")),
    }
}
