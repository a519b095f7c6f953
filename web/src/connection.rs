//! What is known of the TCP connection under a request: its options, and whether the peer is
//! still there.

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd, RawFd},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{dev::Extensions, rt::net::TcpStream};
use heartline_config::WebSocket;
use rustix::{
    io::Errno,
    net::RecvFlags,
    process::{Pid, PidfdFlags, PidfdGetfdFlags},
};
use socket2::SockRef;

/// Kept with each connection: the number, not a copy, of its descriptor, so that idle connections
/// cost one descriptor each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection(RawFd);

/// What the kernel is told of each socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketOptions {
    user_timeout: Duration,
    unsent_bytes: u32,
}

impl SocketOptions {
    pub(crate) fn of(settings: &WebSocket) -> Self {
        let unsent_bytes = u32::try_from(settings.unsent_bytes).unwrap_or(u32::MAX);
        Self { user_timeout: settings.user_timeout, unsent_bytes }
    }

    fn set(self, socket: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(socket);
        // Answers are small and each is written whole; waiting to fill a segment only delays them.
        socket.set_tcp_nodelay(true)?;
        // The one timer that works while a socket is not being read from or written to here.
        socket.set_tcp_user_timeout(Some(self.user_timeout))?;
        // A reader that stands still would have the kernel keep megabytes.
        socket.set_tcp_notsent_lowat(self.unsent_bytes)
    }
}

/// Sets the socket's options and remembers it.
pub(crate) fn opened(socket: &TcpStream, data: &mut Extensions, options: SocketOptions) {
    if let Err(error) = options.set(socket) {
        tracing::debug!(%error, "socket options were not taken; the connection may be gone");
    }
    data.insert(Connection(socket.as_raw_fd()));
}

/// Looks at a connection while a request on it is being answered, and not after.
pub(crate) struct Peer(Arc<Mutex<Option<OwnedFd>>>);

impl Connection {
    /// Starts to look. Must be called by the handler of a request on this connection: only then is
    /// the descriptor's number sure to be still its own. Where the system does not let a process
    /// copy its own descriptor by number (some containers), the peer counts as there; that it left
    /// is then seen when the server drops the handler.
    pub(crate) fn peer(self) -> Peer {
        let copy = Pid::as_raw(Some(rustix::process::getpid()));
        let copy = Pid::from_raw(copy)
            .and_then(|own| rustix::process::pidfd_open(own, PidfdFlags::empty()).ok())
            .and_then(|own| {
                rustix::process::pidfd_getfd(own, self.0, PidfdGetfdFlags::empty()).ok()
            });
        if copy.is_none() {
            tracing::debug!(
                "a descriptor could not be copied; a runner that leaves is noticed later"
            );
        }
        Peer(Arc::new(Mutex::new(copy)))
    }
}

impl Peer {
    /// A probe that may outlive the request: whether the peer's end is open.
    pub(crate) fn probe(&self) -> impl Fn() -> bool + Send + 'static {
        let socket = Arc::downgrade(&self.0);
        move || {
            let Some(socket) = socket.upgrade() else { return false }; // The handler was dropped.
            let socket = socket.lock().unwrap_or_else(PoisonError::into_inner);
            socket.as_ref().is_none_or(is_open)
        }
    }
}

/// Open unless the peer has sent its end or an error stands.
fn is_open(socket: &OwnedFd) -> bool {
    let mut byte = [0_u8; 1];
    match rustix::net::recv(socket, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok((0, _)) => false,
        Ok(_) | Err(Errno::AGAIN | Errno::INTR) => true,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read as _,
        net::{Shutdown, TcpListener, TcpStream},
    };

    use super::*;

    #[test]
    fn a_peer_is_there_until_it_closes_and_the_probe_dies_with_the_request() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let peer = Connection(server.as_raw_fd()).peer();
        let probe = peer.probe();
        assert!(probe());
        client.shutdown(Shutdown::Write).unwrap();
        // The end has arrived when the server's own side can read it.
        server.set_nonblocking(false).unwrap();
        assert_eq!((&server).read(&mut [0; 1]).unwrap(), 0);
        assert!(!probe() || peer.0.lock().unwrap().is_none());
        drop(peer);
        assert!(!probe());
        drop(server);
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    }
}
