//! Many requests over a few connections, each connection taking the next one when it is free.

use std::{net::SocketAddr, time::Duration};

use super::{Connections, Parse, Received, reply::Head};
use crate::error::{Error, Result};

/// How long nothing may be answered before a run is given up.
const STALL: Duration = Duration::from_secs(60);

/// Makes `count` requests over `connections` connections and hands each reply to `reply` with the
/// number of its request.
pub(crate) fn spread(
    address: SocketAddr,
    connections: usize,
    count: usize,
    request: impl FnMut(usize) -> Vec<u8>,
    reply: impl FnMut(usize, Received<'_>) -> Result<()>,
) -> Result<()> {
    spread_as(Head::parse, address, connections, count, request, reply)
}

/// The same to a server whose replies are found by `parse`.
pub(crate) fn spread_as(
    parse: Parse,
    address: SocketAddr,
    connections: usize,
    count: usize,
    mut request: impl FnMut(usize) -> Vec<u8>,
    mut reply: impl FnMut(usize, Received<'_>) -> Result<()>,
) -> Result<()> {
    let mut connections = Connections::speaking(parse, address, connections.min(count))?;
    let mut asked = vec![0; connections.len()];
    let mut next = 0;
    for (index, asked) in asked.iter_mut().enumerate() {
        connections.send(index, &request(next))?;
        *asked = next;
        next += 1;
    }
    let mut ready = Vec::new();
    while connections.in_flight() > 0 {
        connections.wait(STALL, &mut ready)?;
        if ready.is_empty() {
            return Err(Error::TimedOut { what: "replies".to_owned(), seconds: STALL.as_secs() });
        }
        for &index in &ready {
            let Some(received) = connections.receive(index)? else { continue };
            reply(asked[index], received)?;
            if next < count {
                connections.send(index, &request(next))?;
                asked[index] = next;
                next += 1;
            }
        }
    }
    Ok(())
}
