//! A connection of a reader that takes bytes as it likes: in small pieces, with pauses, into a
//! small buffer.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpSocket, TcpStream},
    time::{Sleep, sleep},
};

use super::{
    chance::Chance,
    reader::{Counts, one_more},
};

/// The receive buffer of a reader that has little room.
const SMALL_BUFFER: u32 = 4096;
/// The longest pause. The server's patience with a socket that is not read is far longer.
const PAUSE_MS: u64 = 2_000;
/// The most bytes of a read, and of a write: now this, now that.
const PIECES: [usize; 6] = [1, 7, 100, 1500, 16_384, LARGEST];
const LARGEST: usize = 65_536;
/// As many pieces of one size in a row, at most; so a byte at a time does not take for ever.
const IN_A_ROW: u64 = 200;

/// See the module.
pub(crate) struct Choppy {
    socket: TcpStream,
    chance: Chance,
    counts: Arc<Counts>,
    piece: usize,
    /// Reads until it takes another size.
    reads_left: u64,
    /// Bytes until it pauses; `None` if it never does.
    until_pause: Option<u64>,
    pause: Option<Pin<Box<Sleep>>>,
    scratch: Vec<u8>,
}

impl Choppy {
    pub(crate) async fn connect(
        address: SocketAddr,
        mut chance: Chance,
        counts: Arc<Counts>,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        let pauses = chance.one_in(2);
        if pauses {
            socket.set_recv_buffer_size(SMALL_BUFFER)?;
        }
        let socket = socket.connect(address).await?;
        let until_pause = pauses.then(|| chance.within(0, 60_000));
        let scratch = vec![0; LARGEST];
        let (piece, reads_left, pause) = (LARGEST, 0, None);
        Ok(Self { socket, chance, counts, piece, reads_left, until_pause, pause, scratch })
    }

    /// How much to take now.
    fn size(&mut self) -> usize {
        if self.reads_left == 0 {
            self.reads_left = self.chance.within(1, IN_A_ROW);
            self.piece = *self.chance.pick(&PIECES);
        }
        self.reads_left -= 1;
        self.chance.below(self.piece) + 1
    }

    fn took(&mut self, count: usize) {
        let Some(left) = &mut self.until_pause else { return };
        *left = left.saturating_sub(count as u64);
        if *left == 0 {
            *left = self.chance.within(1_000, 1_000_000);
            let pause = Duration::from_millis(self.chance.within(1, PAUSE_MS));
            self.pause = Some(Box::pin(sleep(pause)));
            one_more(&self.counts.paused);
        }
    }
}

impl AsyncRead for Choppy {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(context));
            this.pause = None;
        }
        let most = this.size().min(out.remaining());
        let mut part = ReadBuf::new(&mut this.scratch[..most]);
        ready!(Pin::new(&mut this.socket).poll_read(context, &mut part))?;
        let count = part.filled().len();
        out.put_slice(part.filled());
        this.took(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Choppy {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let most = this.size().min(bytes.len());
        Pin::new(&mut this.socket).poll_write(context, &bytes[..most])
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(context)
    }
}
