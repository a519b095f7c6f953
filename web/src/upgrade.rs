//! Connections that become WebSockets leave HTTP's dispatcher.
//!
//! The dispatcher keeps two buffers for as long as a connection lives and copies into them what is
//! sent. A watcher mostly waits, and what it is sent is shared with all the others: so here its
//! bytes are written from where they are, and while nothing moves nothing is kept but the socket
//! and its subscriptions. The request itself is answered by the same application as any other.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_codec::{Encoder as _, Framed};
use actix_http::{
    Request, Response, StatusCode,
    body::{BodySize, BoxBody, MessageBody},
    h1::{Codec, Message},
};
use actix_service::Service;
use actix_web::{HttpMessage as _, HttpRequest, error::PayloadError, rt::net::TcpStream};
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::Stream;

/// Bytes read at once; one buffer serves all connections of a thread.
const READ_MAX: usize = 16 * 1024;
/// Writes in a row before other connections of the thread have their turn.
const TURN: usize = 32;
/// How long, and how much of, what a client still sends is read after the end, so that the system
/// does not answer it with a reset that overtakes the goodbye.
const DRAIN: (Duration, usize) = (Duration::from_secs(1), 256 * 1024);

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_MAX].into());
}

/// The connection, for the handler of a request that upgrades it.
struct Taken(Incoming);

/// What the client sends after its request.
pub(crate) struct Incoming {
    socket: Rc<TcpStream>,
    /// Came together with the request.
    first: Bytes,
}

impl Incoming {
    /// Takes it from the request; `None` where that does not upgrade its connection.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions_mut().remove::<Taken>().map(|Taken(incoming)| incoming)
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if !this.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut this.first))));
        }
        let read = ready!(poll_read(&this.socket, context, |bytes| Bytes::copy_from_slice(bytes)));
        Poll::Ready(match read {
            Ok(bytes) if bytes.is_empty() => None,
            Ok(bytes) => Some(Ok(bytes)),
            Err(error) => Some(Err(PayloadError::Io(error))),
        })
    }
}

/// Reads what there is; no bytes at the end.
fn poll_read<T>(
    socket: &TcpStream,
    context: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        loop {
            ready!(socket.poll_read_ready(context))?;
            match socket.try_read(scratch) {
                Ok(count) => return Poll::Ready(Ok(take(&scratch[..count]))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    })
}

/// Answers a request that may upgrade, and stays with the connection until it is over. That a client
/// left is no error of the server, so there is never one.
pub(crate) async fn serve<S, B>(
    application: Rc<S>,
    request: Request,
    framed: Framed<TcpStream, Codec>,
) -> Result<(), actix_web::Error>
where
    S: Service<Request>,
    S::Response: Into<Response<B>>,
    S::Error: Into<Response<BoxBody>>,
    B: MessageBody,
{
    if let Err(error) = exchange(application, request, framed).await {
        tracing::debug!(%error, "a connection broke off");
    }
    Ok(())
}

async fn exchange<S, B>(
    application: Rc<S>,
    request: Request,
    framed: Framed<TcpStream, Codec>,
) -> io::Result<()>
where
    S: Service<Request>,
    S::Response: Into<Response<B>>,
    S::Error: Into<Response<BoxBody>>,
    B: MessageBody,
{
    let parts = framed.into_parts();
    let (socket, mut codec) = (Rc::new(parts.io), parts.codec);
    // Copied, as even an empty rest would hold on to the whole buffer.
    let first = Bytes::copy_from_slice(&parts.read_buf);
    drop((parts.read_buf, parts.write_buf)); // The dispatcher has flushed what it wrote.
    let incoming = Incoming { socket: Rc::clone(&socket), first };
    request.extensions_mut().insert(Taken(incoming));
    let answer = application.call(request).await;
    drop(application);
    match answer {
        Ok(response) => send(&socket, &mut codec, response.into()).await?,
        Err(error) => send(&socket, &mut codec, error.into()).await?,
    }
    drain(&socket).await;
    Ok(())
}

async fn send<B: MessageBody>(
    socket: &TcpStream,
    codec: &mut Codec,
    response: Response<B>,
) -> io::Result<()> {
    let (head, body) = response.into_parts();
    let upgraded = head.status() == StatusCode::SWITCHING_PROTOCOLS;
    let mut out = BytesMut::new();
    codec.encode(Message::Item((head, body.size())), &mut out)?;
    let has_body = !matches!(body.size(), BodySize::None | BodySize::Sized(0));
    let mut body = std::pin::pin!(body);
    let mut waiting = out.freeze();
    let mut over = !has_body;
    let mut written = 0;
    std::future::poll_fn(|context| {
        loop {
            ready!(poll_write(socket, context, &mut waiting))?;
            if over {
                return Poll::Ready(Ok(()));
            }
            written += 1;
            if written % TURN == 0 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let next = ready!(body.as_mut().poll_next(context));
            let chunk = match next {
                Some(Ok(chunk)) => Some(chunk),
                Some(Err(error)) => {
                    let error: Box<dyn std::error::Error> = error.into();
                    return Poll::Ready(Err(io::Error::other(error.to_string())));
                }
                None => None,
            };
            over = chunk.is_none();
            if upgraded {
                waiting = chunk.unwrap_or_default();
            } else {
                let mut out = BytesMut::new();
                codec.encode(Message::Chunk(chunk), &mut out)?;
                waiting = out.freeze();
            }
        }
    })
    .await
}

/// Writes until nothing waits.
fn poll_write(
    socket: &TcpStream,
    context: &mut Context<'_>,
    waiting: &mut Bytes,
) -> Poll<io::Result<()>> {
    while !waiting.is_empty() {
        match socket.try_write(waiting) {
            Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => waiting.advance(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ready!(socket.poll_write_ready(context))?;
            }
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    *waiting = Bytes::new();
    Poll::Ready(Ok(()))
}

async fn drain(socket: &TcpStream) {
    if rustix::net::shutdown(socket, rustix::net::Shutdown::Write).is_err() {
        return; // It is gone already.
    }
    let (time, most) = DRAIN;
    let reading = async {
        let mut left = most;
        while let Ok(count @ 1..) =
            std::future::poll_fn(|context| poll_read(socket, context, <[u8]>::len)).await
        {
            left = left.saturating_sub(count);
            if left == 0 {
                return;
            }
        }
    };
    // The client's own end comes first, mostly at once.
    let _in_time = tokio::time::timeout(time, reading).await;
}
