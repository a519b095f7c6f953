//! One question on a connection of its own, away from the load: readiness, the supervisor's view.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use super::{Host, reply::Head};
use crate::error::{Doing, Error, Result};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// `GET path`: status and body.
pub(crate) fn fetch(address: SocketAddr, path: &str) -> Result<(u16, Vec<u8>)> {
    let doing = || format!("asking {address} for {path}");
    let mut stream = TcpStream::connect(address).doing(doing())?;
    stream.set_read_timeout(Some(PATIENCE)).doing(doing())?;
    stream.write_all(&Host::new(address).get(path)).doing(doing())?;
    let mut input = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(head) = Head::parse(&input)?
            && input.len() >= head.end()
        {
            return Ok((head.status, input[head.body_at..head.end()].to_vec()));
        }
        match stream.read(&mut chunk).doing(doing())? {
            0 => return Err(Error::protocol(doing(), "the connection closed before a reply")),
            count => input.extend_from_slice(&chunk[..count]),
        }
    }
}
