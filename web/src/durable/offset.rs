//! The protocol's tokens: offsets, which say where a reader is, and cursors, which keep caches from
//! answering for ever (8, 10.1).

use std::fmt;

use heartline_execution::Timestamp;

/// The offset before everything.
pub(crate) const BEGINNING: &str = "-1";
/// The offset behind everything there is.
pub(crate) const NOW: &str = "now";

/// Digits of each half.
const DIGITS: usize = 16;

/// A place as an offset: its seq, and how far into the message behind it, which is never. Two halves
/// of a fixed width, so that the order of the texts is the order of the places.
pub(crate) fn show(place: u64) -> String {
    format!("{place:0DIGITS$}_{:0DIGITS$}", 0)
}

/// The inverse of [`show`], and strictly so.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let (place, within) = text.split_once('_')?;
    let digits = |half: &str| half.len() == DIGITS && half.bytes().all(|b| b.is_ascii_digit());
    let whole = digits(place) && digits(within) && within.bytes().all(|b| b == b'0');
    whole.then(|| place.parse().ok()).flatten()
}

/// The instant that cursors count from: October 9, 2024, 00:00 UTC.
const EPOCH: Timestamp = Timestamp(1_728_432_000_000_000);
/// Microseconds of an interval.
const INTERVAL: u64 = 20_000_000;
/// An hour in intervals: as far as a cursor is moved on at most when it would stand still.
const JITTER: u64 = 180;

/// A cursor: the interval it is, or beyond the one that the client had (10.1, "Server-Generated
/// Cursors").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticker(u64);

impl Ticker {
    /// For a client that had `known`; `None` when that is no cursor.
    pub(crate) fn new(known: Option<&str>, now: Timestamp) -> Option<Self> {
        let current = now.since(EPOCH).0 / INTERVAL;
        let Some(known) = known else { return Some(Self(current)) };
        let digits =
            (1..=DIGITS).contains(&known.len()) && known.bytes().all(|b| b.is_ascii_digit());
        let known: u64 = digits.then(|| known.parse().ok()).flatten()?;
        if known < current {
            return Some(Self(current));
        }
        // The clock's small digits are as good as dice here.
        Some(Self(known + 1 + now.0.unsigned_abs() % JITTER))
    }
}

impl fmt::Display for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_read_back_and_sort_as_places_do() {
        let places = [0, 1, 9, 10, 99, 1 << 40];
        for pair in places.windows(2) {
            assert!(show(pair[0]) < show(pair[1]));
        }
        assert!(places.iter().all(|place| parse(&show(*place)) == Some(*place)));
        for wrong in ["", "-1", "now", "0", "0000000000000001", "0000000000000001_1", "a_b", "_"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
        assert_eq!(parse("0000000000000001_0000000000000001"), None);
    }

    #[test]
    fn a_cursor_never_stands_still() {
        let now = Timestamp(EPOCH.0 + 1_000 * INTERVAL as i64 + 7);
        assert_eq!(Ticker::new(None, now), Some(Ticker(1_000)));
        assert_eq!(Ticker::new(Some("999"), now), Some(Ticker(1_000)));
        for known in [1_000, 1_001, 5_000_u64] {
            let Some(Ticker(next)) = Ticker::new(Some(&known.to_string()), now) else {
                panic!("{known} is a cursor");
            };
            assert!((known + 1..=known + JITTER).contains(&next));
        }
        for wrong in ["", "-1", "x", "99999999999999999999"] {
            assert_eq!(Ticker::new(Some(wrong), now), None, "{wrong:?}");
        }
    }
}
