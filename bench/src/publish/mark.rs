//! The mark in a published event's data: its number and when it was sent.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::{
    crowd::Mark,
    error::{Error, Result},
};

/// Stand in an event where its number and its time go.
pub(super) const NUMBER: u8 = b'~';
pub(super) const TIME: u8 = b'^';
/// Digits of each: numbers and microseconds of more than two hours.
pub(super) const WIDTH: usize = 10;
/// An event's data without filling.
const START: &str =
    "{\"name\":\"log\",\"value\":{\"level\":\"info\",\"message\":\"n=~~~~~~~~~~ t=^^^^^^^^^^ ";
const END: &str = "\"}}";
/// What stands before the number, and between it and the time.
const BEFORE: &[u8] = b"\"message\":\"n=";
const BETWEEN: &[u8] = b" t=";

static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(BEFORE));

/// An event's data of exactly `size` bytes, its mark still to be filled in.
pub(crate) fn data(size: usize) -> Result<String> {
    let bare = START.len() + END.len();
    let filling = size.checked_sub(bare).ok_or_else(|| {
        Error::Setup(format!("--size is at least {bare}, for an event's number and time"))
    })?;
    Ok(format!("{START}{}{END}", "x".repeat(filling)))
}

/// The first whole mark in `bytes[from..]`, and where it ends.
#[inline]
pub(crate) fn mark_at(bytes: &[u8], from: usize) -> Option<(Mark, usize)> {
    let number_at = from + FINDER.find(bytes.get(from..)?)? + BEFORE.len();
    let time_at = number_at + WIDTH + BETWEEN.len();
    let end = time_at + WIDTH;
    let time = digits(bytes.get(time_at..end)?)?;
    let number = digits(&bytes[number_at..number_at + WIDTH])?;
    Some((Mark { number, sent_us: time }, end))
}

fn digits(bytes: &[u8]) -> Option<u64> {
    bytes.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_once_it_is_whole() {
        let text = br#"{"a":1,"message":"n=0000000012 t=0000345678 xx"},"message":"n=00"#;
        let (mark, end) = mark_at(text, 0).unwrap();
        assert_eq!(mark, Mark { number: 12, sent_us: 345_678 });
        assert_eq!(mark_at(text, end), None);
        assert_eq!(mark_at(&text[..end - 1], 0), None);
        assert_eq!(mark_at(text, text.len() + 1), None);
    }

    #[test]
    fn data_has_the_size_asked_for() {
        assert_eq!(data(256).unwrap().len(), 256);
        assert!(data(20).is_err());
    }
}
