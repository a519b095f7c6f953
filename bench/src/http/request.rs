//! Requests as bytes, built once; what changes from one to the next is patched in place.

use std::net::SocketAddr;

/// The server as requests name it.
#[derive(Clone, Debug)]
pub(crate) struct Host(String);

impl Host {
    /// The `Host` header for `address`.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self(address.to_string())
    }

    /// A `GET`.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n\r\n", self.0)
            .into_bytes()
    }

    /// A request with a JSON body.
    pub(crate) fn json(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.0,
            body.len()
        )
        .into_bytes()
    }

    /// A `POST` of JSON.
    pub(crate) fn post(&self, path: &str, body: &str) -> Vec<u8> {
        self.json("POST", path, body)
    }
}

/// A number of fixed width inside a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patch {
    at: usize,
    width: usize,
    fill: u8,
}

impl Patch {
    /// Every run of `mark` in `bytes`, in order: ten or more of a byte that occurs nowhere else so
    /// often. Numbers are filled up on the left with `fill`: a zero inside a JSON string, a space
    /// where JSON wants a number.
    pub(crate) fn find(bytes: &[u8], mark: u8, width: usize, fill: u8) -> Vec<Self> {
        let mut found = Vec::new();
        let mut at = 0;
        while at + width <= bytes.len() {
            if bytes[at..at + width].iter().all(|&byte| byte == mark) {
                found.push(Self { at, width, fill });
                at += width;
            } else {
                at += 1;
            }
        }
        found
    }

    /// The same place, filled up with something else.
    pub(crate) const fn filled_with(self, fill: u8) -> Self {
        Self { fill, ..self }
    }

    /// Writes `value` in its place; digits beyond the width are cut on the left.
    pub(crate) fn write(self, bytes: &mut [u8], mut value: u64) {
        for (nth, byte) in bytes[self.at..self.at + self.width].iter_mut().rev().enumerate() {
            *byte = if value == 0 && nth > 0 { self.fill } else { digit(value) };
            value /= 10;
        }
    }
}

fn digit(value: u64) -> u8 {
    b'0' + u8::try_from(value % 10).unwrap_or_default()
}

/// The digits after the first `key` in `body`, such as the seq after `"seq":`.
pub(crate) fn number(body: &[u8], key: &[u8]) -> Option<u64> {
    let at = body.windows(key.len()).position(|window| window == key)? + key.len();
    let digits = body[at..].trim_ascii_start();
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_patched_in_place() {
        let mut bytes = b"{\"batch\":~~~~~~,\"n\":\"~~~~~~\"}".to_vec();
        let patches = Patch::find(&bytes, b'~', 6, b' ');
        assert_eq!(patches.len(), 2);
        patches[0].write(&mut bytes, 120);
        patches[1].filled_with(b'0').write(&mut bytes, 0);
        assert_eq!(bytes, b"{\"batch\":   120,\"n\":\"000000\"}");
    }

    #[test]
    fn a_number_is_found_after_its_key() {
        assert_eq!(number(br#"{"seq":17,"x":1}"#, b"\"seq\":"), Some(17));
        assert_eq!(number(br#"{"seq": 17}"#, b"\"seq\":"), Some(17));
        assert_eq!(number(br#"{"seq":null}"#, b"\"seq\":"), None);
        assert_eq!(number(b"{}", b"\"seq\":"), None);
    }
}
