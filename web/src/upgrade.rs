//! Connections that become WebSockets leave HTTP's dispatcher.
//!
//! The dispatcher keeps two buffers for as long as a connection lives and copies into them what is
//! sent. A watcher mostly waits, and what it is sent is shared with all the others: so here its
//! bytes are written from where they are, and while nothing moves nothing is kept but the socket
//! and its subscriptions. The request itself is answered by the same application as any other.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, IoSlice},
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
use heartline_actors::Outbound;
use tokio::io::{AsyncRead as _, ReadBuf};

/// Bytes read at once; one buffer serves all connections of a thread.
const READ_MAX: usize = 16 * 1024;
/// What is gathered for one write: enough for a batch of events, and little to hold for a reader that
/// is slow.
const WAITING_BYTES: usize = 64 * 1024;
/// Pieces of one write; the system takes more.
const WAITING_PARTS: usize = 64;
/// Writes in a row before other connections of the thread have their turn.
const TURN: usize = 32;
/// How long, and how much of, what a client still sends is read after the end, so that the system
/// does not answer it with a reset that overtakes the goodbye.
const DRAIN: (Duration, usize) = (Duration::from_secs(1), 256 * 1024);

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_MAX].into());
}

/// Read and written in turn, by one task.
type Socket = Rc<RefCell<TcpStream>>;

/// The connection, for the handler of a request that upgrades it.
struct Taken(Incoming);

/// What the client sends after its request.
pub(crate) struct Incoming {
    socket: Socket,
    /// Came together with the request.
    first: Bytes,
    outbound: Outbound,
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
        let read = ready!(poll_read(&this.socket, context, Bytes::copy_from_slice));
        Poll::Ready(match read {
            Ok(bytes) if bytes.is_empty() => None,
            Ok(bytes) => Some(Ok(bytes)),
            Err(error) => {
                count_if_cut(&error, &this.outbound);
                Some(Err(PayloadError::Io(error)))
            }
        })
    }
}

/// Reads what there is; no bytes at the end. A read that leaves room in the buffer has emptied the
/// socket, and the next one asks the system only once more has come.
fn poll_read<T>(
    socket: &RefCell<TcpStream>,
    context: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(&mut *socket.borrow_mut()).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(take(buffer.filled())))
    })
}

/// Answers a request that may upgrade, and stays with the connection until it is over. That a client
/// left is no error of the server, so there is never one.
pub(crate) async fn serve<S, B>(
    application: Rc<S>,
    outbound: Outbound,
    request: Request,
    framed: Framed<TcpStream, Codec>,
) -> Result<(), actix_web::Error>
where
    S: Service<Request>,
    S::Response: Into<Response<B>>,
    S::Error: Into<Response<BoxBody>>,
    B: MessageBody,
{
    if let Err(error) = exchange(application, request, framed, &outbound).await {
        tracing::debug!(%error, "a connection broke off");
        count_if_cut(&error, &outbound);
    }
    Ok(())
}

/// What the system says when `TCP_USER_TIMEOUT` is over. It says so once, to whoever asks first: to
/// the writer where the buffers are full, else to the reader.
fn count_if_cut(error: &io::Error, outbound: &Outbound) {
    if error.kind() == io::ErrorKind::TimedOut {
        outbound.cut();
    }
}

async fn exchange<S, B>(
    application: Rc<S>,
    request: Request,
    framed: Framed<TcpStream, Codec>,
    outbound: &Outbound,
) -> io::Result<()>
where
    S: Service<Request>,
    S::Response: Into<Response<B>>,
    S::Error: Into<Response<BoxBody>>,
    B: MessageBody,
{
    let parts = framed.into_parts();
    let (socket, mut codec) = (Rc::new(RefCell::new(parts.io)), parts.codec);
    // Copied, as even an empty rest would hold on to the whole buffer.
    let first = Bytes::copy_from_slice(&parts.read_buf);
    drop((parts.read_buf, parts.write_buf)); // The dispatcher has flushed what it wrote.
    let incoming = Incoming { socket: Rc::clone(&socket), first, outbound: outbound.clone() };
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
    socket: &RefCell<TcpStream>,
    codec: &mut Codec,
    response: Response<B>,
) -> io::Result<()> {
    let (head, body) = response.into_parts();
    let upgraded = head.status() == StatusCode::SWITCHING_PROTOCOLS;
    let mut out = BytesMut::new();
    codec.encode(Message::Item((head, body.size())), &mut out)?;
    let mut over = matches!(body.size(), BodySize::None | BodySize::Sized(0));
    let mut body = std::pin::pin!(body);
    let mut waiting = Waiting::default();
    waiting.push(out.freeze());
    let mut writes = 0;
    std::future::poll_fn(|context| {
        loop {
            while !over && waiting.has_room() {
                let Poll::Ready(next) = body.as_mut().poll_next(context) else { break };
                let chunk = next.transpose().map_err(|error| {
                    let error: Box<dyn std::error::Error> = error.into();
                    io::Error::other(error.to_string())
                })?;
                over = chunk.is_none();
                if upgraded {
                    waiting.push(chunk.unwrap_or_default());
                } else {
                    let mut out = BytesMut::new();
                    codec.encode(Message::Chunk(chunk), &mut out)?;
                    waiting.push(out.freeze());
                }
            }
            if waiting.parts.is_empty() {
                return if over { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            ready!(waiting.poll_write(&socket.borrow(), context))?;
            writes += 1;
            if writes % TURN == 0 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    })
    .await
}

/// What is ready to be written: the shared bytes themselves, so that many small ones go out at once
/// and none is copied.
#[derive(Default)]
struct Waiting {
    parts: VecDeque<Bytes>,
    bytes: usize,
}

impl Waiting {
    /// Whether more may be asked for.
    fn has_room(&self) -> bool {
        self.bytes < WAITING_BYTES && self.parts.len() < WAITING_PARTS
    }

    fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.bytes += part.len();
            self.parts.push_back(part);
        }
    }

    fn passed(&mut self, mut count: usize) {
        self.bytes -= count;
        while let Some(first) = self.parts.front_mut().filter(|_| count > 0) {
            let here = count.min(first.len());
            first.advance(here);
            count -= here;
            if first.is_empty() {
                self.parts.pop_front();
            }
        }
    }

    /// Writes until nothing waits.
    fn poll_write(
        &mut self,
        socket: &TcpStream,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(first) = self.parts.front() {
            let written = match self.parts.len() {
                // Most of the time, and a lighter call to the system.
                1 => socket.try_write(first),
                parts => {
                    let mut slices = [IoSlice::new(&[]); WAITING_PARTS];
                    for (slice, part) in slices.iter_mut().zip(&self.parts) {
                        *slice = IoSlice::new(part);
                    }
                    socket.try_write_vectored(&slices[..parts.min(WAITING_PARTS)])
                }
            };
            match written {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => self.passed(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(socket.poll_write_ready(context))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

async fn drain(socket: &RefCell<TcpStream>) {
    if rustix::net::shutdown(&*socket.borrow(), rustix::net::Shutdown::Write).is_err() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_in_part_goes_on_where_it_stopped() {
        let mut waiting = Waiting::default();
        for part in ["ab", "", "cde", "f"] {
            waiting.push(Bytes::from_static(part.as_bytes()));
        }
        assert_eq!((waiting.parts.len(), waiting.bytes), (3, 6));
        waiting.passed(3);
        assert_eq!(waiting.parts, ["de", "f"]);
        waiting.passed(2);
        assert_eq!(waiting.parts, ["f"]);
        waiting.passed(1);
        assert_eq!((waiting.parts.len(), waiting.bytes), (0, 0));
    }

    #[test]
    fn a_slow_reader_holds_little() {
        let mut waiting = Waiting::default();
        assert!(waiting.has_room());
        waiting.push(Bytes::from(vec![0; WAITING_BYTES]));
        assert!(!waiting.has_room());
        waiting.passed(1);
        assert!(waiting.has_room());
        (0..WAITING_PARTS).for_each(|_| waiting.push(Bytes::from_static(b"x")));
        assert!(!waiting.has_room());
    }
}
