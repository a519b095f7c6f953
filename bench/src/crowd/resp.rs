//! The protocol of Redis, as far as writing, following and sharing out streams needs it.

use crate::{
    error::{Error, Result},
    http::Head,
};

/// The stream that is written and followed.
pub(crate) const STREAM: &str = "s";

/// A whole reply to `XREAD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply<'a> {
    /// Its length in bytes.
    pub(crate) length: usize,
    /// The id of its last entry.
    pub(crate) last_id: &'a [u8],
}

/// A command as an array of bulk strings.
pub(crate) fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Waits for whatever comes after `id`.
pub(crate) fn read_after(id: &[u8]) -> Vec<u8> {
    command(&[b"XREAD", b"BLOCK", b"0", b"STREAMS", STREAM.as_bytes(), id])
}

/// The answer to one command that is not part of a transaction, as the reply it would be over HTTP:
/// 200, or 500 for an error.
pub(crate) fn single(bytes: &[u8]) -> Result<Option<Head>> {
    let status = if bytes.starts_with(b"-") { 500 } else { 200 };
    let length = if bytes.is_empty() { None } else { value(bytes)? };
    Ok(length.map(|length| Head { status, body_at: 0, length }))
}

/// The same, or the answer to a transaction with what is said of each of its commands before.
pub(crate) fn answer(bytes: &[u8]) -> Result<Option<Head>> {
    let (mut at, mut status) = (0, 200);
    loop {
        let Some(kind) = bytes.get(at) else { return Ok(None) };
        let Some(length) = value(&bytes[at..])? else { return Ok(None) };
        at += length;
        match kind {
            b'-' => status = 500,
            // OK and QUEUED: what counts comes later.
            b'+' => continue,
            _ => {}
        }
        return Ok(Some(Head { status, body_at: 0, length: at }));
    }
}

/// The length of the value at the beginning of `bytes`; `None` while it is incomplete.
fn value(bytes: &[u8]) -> Result<Option<usize>> {
    let (mut at, mut missing) = (0, 1usize);
    while missing > 0 {
        let rest = &bytes[at..];
        let Some(end) = memchr::memchr(b'\n', rest) else { return Ok(None) };
        let text = rest[..end].strip_suffix(b"\r").unwrap_or_default();
        let (&kind, text) = text.split_first().ok_or_else(|| wrong(rest))?;
        at += end + 1;
        missing -= 1;
        if matches!(kind, b'*' | b'$') && text != b"-1" {
            let count = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            let count: usize = count.ok_or_else(|| wrong(rest))?;
            match kind {
                b'*' => missing += count,
                _ => at += count + 2,
            }
        }
        if at > bytes.len() {
            return Ok(None);
        }
    }
    Ok(Some(at))
}

/// The reply at the beginning of `bytes`; `None` while it is incomplete.
pub(crate) fn reply(bytes: &[u8]) -> Result<Option<Reply<'_>>> {
    let mut at = 0;
    // Values still to come, and the string before the last array: an entry is its id and fields.
    let mut missing = 1usize;
    let mut string: &[u8] = b"";
    let mut last_id: &[u8] = b"";
    while missing > 0 {
        let Some((kind, count, next)) = line(&bytes[at..])? else { return Ok(None) };
        at += next;
        missing -= 1;
        match kind {
            b'*' => {
                last_id = string;
                missing += count;
            }
            _ => {
                let Some(text) = bytes.get(at..at + count) else { return Ok(None) };
                if bytes.len() < at + count + 2 {
                    return Ok(None);
                }
                string = text;
                at += count + 2;
            }
        }
    }
    Ok(Some(Reply { length: at, last_id }))
}

/// The kind, the count and the length of the line at the beginning of `bytes`.
fn line(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>> {
    let Some(end) = bytes.iter().take(32).position(|&byte| byte == b'\n') else {
        return match bytes.len() {
            0..32 => Ok(None),
            _ => Err(wrong(bytes)),
        };
    };
    let text = bytes[..end].strip_suffix(b"\r").ok_or_else(|| wrong(bytes))?;
    let (&kind, count) = text.split_first().ok_or_else(|| wrong(bytes))?;
    let count = std::str::from_utf8(count).ok().and_then(|text| text.parse().ok());
    match (kind, count) {
        (b'*' | b'$', Some(count)) => Ok(Some((kind, count, end + 1))),
        _ => Err(wrong(bytes)),
    }
}

fn wrong(bytes: &[u8]) -> Error {
    Error::protocol("a reply to XREAD", String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_entry_of_a_reply_is_found() {
        let entry = |id: &str| format!("*2\r\n$3\r\n{id}\r\n*2\r\n$1\r\nd\r\n$2\r\nxx\r\n");
        let text = format!("*1\r\n*2\r\n$1\r\ns\r\n*2\r\n{}{}", entry("1-0"), entry("1-1"));
        let found = reply(text.as_bytes()).unwrap().unwrap();
        assert_eq!(found, Reply { length: text.len(), last_id: b"1-1" });
        assert!(reply(b"-ERR unknown command\r\n").is_err());
    }

    #[test]
    fn answers_are_whole_or_awaited() {
        let transaction = b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$3\r\n1-0\r\n:1\r\n";
        for (bytes, status) in [
            (&b"$3\r\n1-0\r\n"[..], 200),
            (b"*-1\r\n", 200),
            (transaction, 200),
            (b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n7-1\r\n*2\r\n$1\r\nd\r\n$2\r\nxx\r\n", 200),
            (b"-ERR no\r\n", 500),
        ] {
            let head = answer(bytes).unwrap().unwrap();
            assert_eq!((head.status, head.end()), (status, bytes.len()));
            for cut in 0..bytes.len() {
                assert_eq!(answer(&bytes[..cut]).unwrap(), None, "cut at {cut}");
            }
        }
        assert!(answer(b"$x\r\n").is_err());
    }

    #[test]
    fn a_command_is_an_array() {
        assert_eq!(command(&[b"PING"]), b"*1\r\n$4\r\nPING\r\n");
    }
}
