//! A lean HTTP/1.1 client for generating load: it shares the machine with the server, so a request
//! costs it one write, one read and a scan of the reply's head.
//!
//! Deliberately absent: everything a general client needs and this contract does not use, such as
//! pipelining, chunked replies, redirects, compression and TLS.

mod connections;
mod control;
mod reply;
mod request;
mod spread;

pub(crate) use connections::{Connections, Parse, Received};
pub(crate) use control::fetch;
pub(crate) use reply::Head;
pub(crate) use request::{Host, Patch, number};
pub(crate) use spread::{spread, spread_as};
