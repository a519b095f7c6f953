//! The protocol of Redis, as far as following one stream needs it.

use crate::error::{Error, Result};

/// The stream that is written and followed.
pub(crate) const STREAM: &str = "s";

/// A whole reply to `XREAD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    /// Its length in bytes.
    pub(super) length: usize,
    /// The id of its last entry.
    pub(super) last_id: &'a [u8],
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

/// The reply at the beginning of `bytes`; `None` while it is incomplete.
pub(super) fn reply(bytes: &[u8]) -> Result<Option<Reply<'_>>> {
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
    fn a_command_is_an_array() {
        assert_eq!(command(&[b"PING"]), b"*1\r\n$4\r\nPING\r\n");
    }
}
