//! The head of a reply: status, where the body starts and how long it is.

use crate::error::{Error, Result};

/// The largest head taken seriously.
const MAX_HEAD: usize = 64 * 1024;

/// What the head of a reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// HTTP status.
    pub(crate) status: u16,
    /// Where the body begins.
    pub(crate) body_at: usize,
    /// Its length.
    pub(crate) length: usize,
}

impl Head {
    /// Where the reply ends.
    pub(crate) const fn end(self) -> usize {
        self.body_at + self.length
    }

    /// Reads the head in `bytes`; `None` while it is incomplete.
    ///
    /// A reply without a length must be one that has no body (RFC 9112, section 6.3).
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let wrong = |what: &str| {
            let head = &bytes[..bytes.len().min(200)];
            Error::protocol(what, String::from_utf8_lossy(head))
        };
        let mut status = None;
        let mut length = None;
        let mut at = 0;
        while let Some(end) = bytes[at..].iter().position(|&byte| byte == b'\n') {
            let line = bytes[at..at + end].strip_suffix(b"\r").unwrap_or(&bytes[at..at + end]);
            at += end + 1;
            if status.is_none() {
                status = Some(status_of(line).ok_or_else(|| wrong("an HTTP/1.1 status line"))?);
            } else if line.is_empty() {
                let status = status.unwrap_or_default();
                let bodiless = status == 204 || status == 304;
                let length = match length {
                    Some(length) => length,
                    None if bodiless => 0,
                    None => return Err(wrong("a reply with a content-length")),
                };
                return Ok(Some(Self { status, body_at: at, length }));
            } else if let Some(value) = length_in(line) {
                length = Some(value.ok_or_else(|| wrong("a content-length in digits"))?);
            }
        }
        if bytes.len() > MAX_HEAD {
            return Err(wrong("a reply head of a sensible size"));
        }
        Ok(None)
    }
}

fn status_of(line: &[u8]) -> Option<u16> {
    let digits = line.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The value of a `content-length` header; `None` for another header.
fn length_in(line: &[u8]) -> Option<Option<usize>> {
    const NAME: &[u8] = b"content-length:";
    let (name, value) = line.split_at_checked(NAME.len())?;
    name.eq_ignore_ascii_case(NAME)
        .then(|| std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_complete() {
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nx: y\r\n\r\n{\"seq\":1}";
        let head = Head::parse(reply).unwrap().unwrap();
        assert_eq!((head.status, head.length, head.end()), (200, 9, reply.len()));
        for cut in 0..head.body_at {
            assert_eq!(Head::parse(&reply[..cut]).unwrap(), None, "at {cut}");
        }
    }

    #[test]
    fn no_content_needs_no_length() {
        let head = Head::parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert_eq!((head.status, head.length), (204, 0));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for wrong in [
            &b"SPDY\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        ] {
            assert!(Head::parse(wrong).is_err());
        }
    }
}
