//! The least work that a server of this kind can do, as a measure of the machine: what a connection
//! writes is synced to a file, acknowledged, and sent on to all that asked to follow. One thread, so
//! that with many followers two that share them may be quicker: a yardstick, and no proof of what
//! cannot be. What is held for a connection is bounded by what the load generator sends it.
//!
//! Lines are events. A connection whose first line is [`FOLLOW`] follows; any other publishes, and
//! is answered with a line for each of its own.

use std::{
    fs::File,
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::fd::AsFd as _,
    path::Path,
    time::Duration,
};

use crate::{
    arguments::Bare,
    error::{Doing as _, Result},
    poller::{Interest, Poller},
};

/// What a follower says, and nothing else ever.
pub(crate) const FOLLOW: &[u8] = b"FOLLOW\n";
/// What it is told at once, and a publisher of each line.
pub(crate) const DONE: &[u8] = b"+\n";
/// The token of the listener; connections are known by their number.
const LISTENER: usize = usize::MAX;
/// Bytes read at once: many lines, and little to clear.
const READ: usize = 8 * 1024;
/// Longer than any run: there is always something to wait for.
const LONG: Duration = Duration::from_secs(3600);

/// Serves until it is killed.
pub(crate) fn run(options: &Bare) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).doing("listening")?;
    Relay::new(listener, &options.folder.join("log"))?.serve()
}

struct Relay {
    listener: TcpListener,
    poller: Poller,
    connections: Vec<Connection>,
    followers: Vec<usize>,
    file: File,
}

struct Connection {
    stream: TcpStream,
    /// Read and not yet a whole line.
    carry: Vec<u8>,
}

impl Relay {
    fn new(listener: TcpListener, log: &Path) -> Result<Self> {
        let file = File::create(log).doing(format!("creating {}", log.display()))?;
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER, Interest::Read)?;
        Ok(Self { listener, poller, connections: Vec::new(), followers: Vec::new(), file })
    }

    fn serve(mut self) -> Result<()> {
        let mut ready = Vec::new();
        loop {
            self.poller.wait(LONG, &mut ready)?;
            self.turn(&ready)?;
        }
    }

    /// One sync for all that has come, then its acknowledgements, then its delivery.
    fn turn(&mut self, ready: &[usize]) -> Result<()> {
        let (mut lines, mut acknowledged) = (Vec::new(), Vec::new());
        for &token in ready {
            if token == LISTENER {
                self.accept()?;
            } else if let Some(count) = self.read(token, &mut lines)? {
                acknowledged.push((token, count));
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        self.file.write_all(&lines).doing("writing the log")?;
        self.file.sync_data().doing("syncing the log")?;
        for (token, count) in acknowledged {
            self.connections[token].send(&DONE.repeat(count))?;
        }
        for &follower in &self.followers {
            self.connections[follower].send(&lines)?;
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<()> {
        let (stream, _) = self.listener.accept().doing("accepting")?;
        stream.set_nodelay(true).doing("setting TCP_NODELAY")?;
        self.poller.add(stream.as_fd(), self.connections.len(), Interest::Read)?;
        self.connections.push(Connection { stream, carry: Vec::new() });
        Ok(())
    }

    /// Adds whole lines to `lines`; how many there were, where it is a publisher's.
    fn read(&mut self, token: usize, lines: &mut Vec<u8>) -> Result<Option<usize>> {
        let connection = &mut self.connections[token];
        let mut buffer = [0; READ];
        let read = match connection.stream.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => return Err(error).doing("reading"),
        };
        if read == 0 {
            self.poller.remove(&connection.stream)?;
            self.followers.retain(|follower| *follower != token);
            return Ok(None);
        }
        connection.carry.extend_from_slice(&buffer[..read]);
        let Some(end) = connection.carry.iter().rposition(|&byte| byte == b'\n') else {
            return Ok(None);
        };
        let whole: Vec<u8> = connection.carry.drain(..=end).collect();
        if whole == FOLLOW {
            connection.send(DONE)?;
            self.followers.push(token);
            return Ok(None);
        }
        lines.extend_from_slice(&whole);
        Ok(Some(whole.iter().filter(|&&byte| byte == b'\n').count()))
    }
}

impl Connection {
    /// Writes all of it, however slowly it is read; to one that has left, nothing.
    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match self.stream.write_all(bytes) {
            Err(error)
                if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) =>
            {
                Ok(())
            }
            sent => sent.doing("sending"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::BufRead as _, io::BufReader, thread};

    use super::*;

    #[test]
    fn what_is_acknowledged_is_in_the_file_and_reaches_who_follows() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        // Ends with the process; nothing of it is awaited.
        let at = log.clone();
        thread::spawn(move || Relay::new(listener, &at)?.serve());
        let mut follower = TcpStream::connect(address).unwrap();
        follower.write_all(FOLLOW).unwrap();
        let mut told = BufReader::new(follower);
        let next = |told: &mut BufReader<TcpStream>| {
            let mut line = String::new();
            told.read_line(&mut line).unwrap();
            line
        };
        assert_eq!(next(&mut told).as_bytes(), DONE);
        let mut publisher = TcpStream::connect(address).unwrap();
        let mut acknowledged = [0; 2];
        for said in ["event 1\n", "event 2\n"] {
            // In two pieces: half a line is no event.
            let (half, rest) = said.as_bytes().split_at(3);
            publisher.write_all(half).unwrap();
            publisher.write_all(rest).unwrap();
            publisher.read_exact(&mut acknowledged).unwrap();
            assert_eq!(acknowledged, DONE);
            assert!(std::fs::read_to_string(&log).unwrap().ends_with(said));
            assert_eq!(next(&mut told), said);
        }
        drop(told);
        publisher.write_all(b"to nobody\n").unwrap();
        publisher.read_exact(&mut acknowledged).unwrap();
        assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), 3);
    }
}
