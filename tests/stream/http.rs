//! `GET` over a connection that may be slow and may break: just enough of HTTP/1.1.

use std::{io, net::SocketAddr};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::{choppy::Choppy, reader::Visit};

/// A connection, for one request after the other.
pub(crate) struct Http {
    connection: BufReader<Choppy>,
    host: SocketAddr,
    left: Left,
}

/// What is still to come of the body.
enum Left {
    Nothing,
    Bytes(usize),
    Chunks,
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Http {
    pub(crate) async fn connect(visit: &mut Visit) -> io::Result<Self> {
        let connection = BufReader::new(visit.connect().await?);
        Ok(Self { connection, host: visit.address, left: Left::Nothing })
    }

    /// Sends a request, after the body before was read whole. Gives the status.
    pub(crate) async fn get(&mut self, path: &str, headers: &str) -> io::Result<u16> {
        assert!(matches!(self.left, Left::Nothing), "a body was left unread");
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", self.host);
        self.connection.write_all(head.as_bytes()).await?;
        let status = self.line().await?;
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| broken("no status"))?;
        loop {
            let line = self.line().await?.to_ascii_lowercase();
            match line.split_once(": ") {
                Some(("content-length", length)) => {
                    let length = length.parse().map_err(|_| broken("no length"))?;
                    self.left = Left::Bytes(length);
                }
                Some(("transfer-encoding", "chunked")) => self.left = Left::Chunks,
                Some(_) => {}
                None => return Ok(status),
            }
        }
    }

    /// The next of the body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let (length, chunked) = match self.left {
            Left::Nothing => return Ok(None),
            Left::Bytes(length) => (length, false),
            Left::Chunks => {
                let size = self.line().await?;
                let size = usize::from_str_radix(&size, 16);
                (size.map_err(|_| broken("no size of a chunk"))?, true)
            }
        };
        let mut bytes = vec![0; length];
        self.connection.read_exact(&mut bytes).await?;
        if chunked {
            self.line().await?;
        }
        if !chunked || length == 0 {
            self.left = Left::Nothing;
        }
        Ok((length > 0).then_some(bytes))
    }

    /// The whole body, as text.
    pub(crate) async fn text(&mut self) -> io::Result<String> {
        let mut all = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            all.extend(bytes);
        }
        String::from_utf8(all).map_err(|_| broken("a body is UTF-8"))
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.connection.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
