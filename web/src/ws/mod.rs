//! `/v1/ws`: WebSockets of watchers, and the echo that conformance checks use.
//!
//! A socket is two streams merged into one response body. The control actor (actix-web-actors, and
//! nothing of it outside this module) reads the client's frames and answers pings, closes and
//! slips. Beside it the subscriptions are pulled: each is a cursor, encoded bytes are shared by
//! all watchers, and nothing is pulled while the socket does not take it. Both run in the
//! connection's own task and meet at the [`Desk`], so no message between them can be lost or
//! queue up.
//!
//! A socket that is not read stands still as a whole, timers included; `TCP_USER_TIMEOUT` ends it.

mod control;
mod desk;
mod frames;
mod guard;
mod list;
mod ops;
mod subscription;

#[cfg(test)]
pub(crate) use ops::OPS;

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_http::ws::Codec;
use actix_web::{HttpRequest, HttpResponseBuilder};
use actix_web_actors::ws::{HandshakeError, WebsocketContext, handshake_with_protocols};
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use heartline_actors::Outbound;
use tokio::time::{Interval, MissedTickBehavior, Sleep};

use self::{
    control::{Control, Role},
    desk::{Close, Desk},
    guard::Guard,
    ops::{One, Subscribe, Target},
    subscription::{Happened, Subscriptions},
};
use crate::{
    app::App,
    drain::reconnect_after,
    encode::Frames,
    error::{Code, Problem},
    query::{Params, wrong},
    routes::{Answer, Shared},
    upgrade::Incoming,
};

/// The one subprotocol; a client may also ask for none.
const SUBPROTOCOL: &str = "heartline.v1.json";
/// How long a client gets to answer a close before the connection is closed without it.
const LINGER: Duration = Duration::from_secs(2);

/// `GET /v1/ws`.
pub(crate) async fn watch(app: Shared, request: HttpRequest) -> Answer {
    let (mut response, incoming) = upgrade(&request, &[SUBPROTOCOL])?;
    let desk = Desk::new();
    let limit = app.config.websocket.message_bytes;
    let connection = uuid::Uuid::new_v4().simple().to_string();
    let heartbeat = app.config.websocket.ping_interval;
    let hello = frames::hello(&connection, heartbeat, limit, app.config.feed.per_connection);
    let max_depth = app.config.http.max_depth;
    let control = Control::new(
        desk.clone(),
        limit,
        Role::Watcher { hello, connection: connection.clone(), max_depth },
    );
    let mut subscriptions = Subscriptions::new(app.clone().into_inner(), connection.clone());
    match asked_by_url(&request) {
        Ok(None) => {}
        Ok(Some(subscribe)) => subscriptions.only(subscribe),
        Err(problem) => {
            // After the upgrade, where a browser's script can read it.
            desk.refuse(frames::error(None, &problem, &connection), Close::new(4400, "bad query"));
        }
    }
    let control = WebsocketContext::with_codec(
        control,
        Guard::new(incoming, desk.clone(), limit),
        codec(limit),
    );
    Ok(response.streaming(Socket::new(app.into_inner(), control, desk, Some(subscriptions))))
}

/// `GET /debug/echo`, over the same code.
pub(crate) async fn echo(app: Shared, request: HttpRequest) -> Answer {
    let (mut response, incoming) = upgrade(&request, &[])?;
    let desk = Desk::new();
    let limit = app.config.websocket.message_bytes;
    let control = Control::new(desk.clone(), limit, Role::Echo);
    let control = WebsocketContext::with_codec(
        control,
        Guard::new(incoming, desk.clone(), limit),
        codec(limit),
    );
    Ok(response.streaming(Socket::new(app.into_inner(), control, desk, None)))
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

/// The response body: control frames first, then whatever the subscriptions have.
struct Socket<C> {
    control: Pin<Box<C>>,
    desk: Desk,
    /// `None` for the echo.
    subscriptions: Option<Subscriptions>,
    ping: Interval,
    stopping: Pin<Box<dyn Future<Output = ()>>>,
    outbound: Outbound,
    linger: Option<Pin<Box<Sleep>>>,
}

impl<C> Socket<C> {
    fn new(
        app: std::sync::Arc<App>,
        control: C,
        desk: Desk,
        subscriptions: Option<Subscriptions>,
    ) -> Self {
        let every = app.config.websocket.ping_interval;
        let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let draining = app.draining.clone();
        let stopping = Box::pin(async move { draining.begun().await });
        let outbound = app.handle.outbound();
        let control = Box::pin(control);
        Self { control, desk, subscriptions, ping, stopping, outbound, linger: None }
    }

    /// Says goodbye, and from now on only waits for the client to say it too.
    fn close(&mut self, close: &Close) -> Frames {
        self.desk.close();
        self.subscriptions = None;
        let mut frame = BytesMut::new();
        close.encode(&mut frame);
        Frames { bytes: frame.freeze(), count: 1 }
    }

    /// The server stops: when to come back, and the close.
    fn stop(&mut self) -> Frames {
        let after = reconnect_after();
        let close = Close::new(1001, "the server is stopping");
        match self.subscriptions.is_some() {
            true => frames::reconnect(after).and(self.close(&close)),
            false => self.close(&close),
        }
    }

    /// The subscriptions' next bytes; `None` when there is no subscription or all are quiet.
    fn poll_subscriptions(&mut self, context: &mut Context<'_>) -> Option<Frames> {
        let subscriptions = self.subscriptions.as_mut()?;
        while let Some(op) = self.desk.take() {
            if let Some(answer) = subscriptions.take(op) {
                return Some(answer);
            }
        }
        match subscriptions.poll_next(context) {
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
            let frames = if this.stopping.as_mut().poll(context).is_ready() {
                Some(this.stop())
            } else if let Some(frames) = this.poll_subscriptions(context) {
                Some(frames)
            } else if this.ping.poll_tick(context).is_ready() {
                Some(frames::ping(this.subscriptions.is_some()))
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
        let linger = this.linger.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        ready!(linger.as_mut().poll(context));
        Poll::Ready(None)
    }
}

/// What a message is answered with at once, if it is: for [`crate::fuzzing`].
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn answer_at_once(text: &[u8], max_depth: usize) -> Option<String> {
    match ops::parse(text, max_depth) {
        Ok(ops::Asked::Ping(t)) => Some(frames::pong(t.as_deref())),
        Ok(ops::Asked::Pong | ops::Asked::Op(_)) => None,
        Err(slip) => Some(frames::error(slip.id.as_deref(), &slip.problem, "connection")),
    }
}
