//! HTTP requests byte for byte, so that they can be as bad as they like. One connection each.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::server::BOUND;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
        let head = std::str::from_utf8(&bytes[..end]).expect("a head is ASCII");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
        let headers: BTreeMap<_, _> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let rest = &bytes[end + 4..];
        let chunked = headers.get("transfer-encoding").is_some_and(|v| v == "chunked");
        let body = if chunked { unchunked(rest) } else { rest.to_vec() };
        Self { status: status.parse().expect("a status is a number"), headers, body }
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).expect("a size is ASCII");
        let size = usize::from_str_radix(size, 16).expect("a size is hexadecimal");
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    body
}

/// Sends the bytes of one request, which must close its connection; reads to the end.
pub(crate) async fn send(address: SocketAddr, request: &[u8]) -> Answer {
    let exchange = async {
        let mut socket = TcpStream::connect(address).await.expect("a connection");
        // The server may answer and close before it has read all of what is too large.
        let _sent_or_refused = socket.write_all(request).await;
        let mut bytes = Vec::new();
        let read = socket.read_to_end(&mut bytes).await;
        assert!(read.is_ok() || !bytes.is_empty(), "{read:?}");
        Answer::read(&bytes)
    };
    timeout(BOUND, exchange).await.expect("an answer in time")
}

/// A request that closes its connection. `headers` are whole lines; a `Host` line among them takes
/// the place of the right one.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|line| line.starts_with("Host:")) {
        head += &format!("Host: {address}\r\n");
    }
    for line in headers.iter().filter(|line| !line.is_empty()) {
        head += &format!("{line}\r\n");
    }
    let says_length = headers
        .iter()
        .any(|line| line.starts_with("Content-Length:") || line.starts_with("Transfer-Encoding:"));
    if !says_length && (!body.is_empty() || method == "POST" || method == "PATCH") {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    let mut bytes = (head + "\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// `GET`.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, &request(address, "GET", path, &[], b"")).await
}

/// `POST` of JSON.
pub(crate) async fn post(address: SocketAddr, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    send(address, &request(address, "POST", path, &[JSON], body.as_bytes())).await
}

/// The usual media type.
pub(crate) const JSON: &str = "Content-Type: application/json";
