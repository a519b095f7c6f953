//! Instants and durations as the wire spells them: RFC 3339 UTC with microseconds, and `"1m30s"`.
//!
//! No clock here: the shell reads one and hands the instant in.

use std::{fmt, str::FromStr};

use jiff::{SpanRelativeTo, fmt::friendly::SpanParser, tz::Offset};

use crate::text::{Text, text_serde};

/// Microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

/// The beginning of the year 0, below which RFC 3339 has no years.
const YEAR_0: i64 = -62_167_219_200_000_000;

impl Timestamp {
    /// Later by `span`, saturating.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Span {
        Span(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    pub(crate) fn text(&self) -> Text<27> {
        let mut text = Text::new();
        text.put(0, "9999-12-30T22:00:00.000000Z");
        let Ok(instant) = jiff::Timestamp::from_microsecond(self.0.max(YEAR_0)) else {
            return text;
        };
        let civil = Offset::UTC.to_datetime(instant);
        let parts = [
            (0, 4, civil.year().unsigned_abs().into()),
            (5, 2, civil.month().unsigned_abs().into()),
            (8, 2, civil.day().unsigned_abs().into()),
            (11, 2, civil.hour().unsigned_abs().into()),
            (14, 2, civil.minute().unsigned_abs().into()),
            (17, 2, civil.second().unsigned_abs().into()),
            (20, 6, civil.subsec_nanosecond().unsigned_abs() / 1_000),
        ];
        for (at, digits, value) in parts {
            text.put_decimal(at, digits, value);
        }
        text
    }
}

impl fmt::Display for Timestamp {
    /// `2026-01-02T03:04:05.000006Z`, always 27 bytes: an instant outside the years 0 to 9999 is
    /// written as the nearest that is inside.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|t| Self(t.as_microsecond()))
    }
}

/// A duration in microseconds; on the wire a string such as `"30s"`, `"1m30s"` or `"250ms"`. Days
/// are read, as 24 hours each; what is written has hours as its largest unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span(pub u64);

impl Span {
    /// `ms` milliseconds.
    pub const fn millis(ms: u64) -> Self {
        Self(ms * 1_000)
    }

    /// `s` seconds.
    pub const fn secs(s: u64) -> Self {
        Self(s * 1_000_000)
    }

    /// From the standard library's type, cut to microseconds.
    pub fn from_std(duration: std::time::Duration) -> Self {
        Self(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }

    /// As the standard library's type.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0)
    }
}

/// Why a string is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a duration is a string such as \"30s\", \"1m30s\" or \"7d\", with the units d, h, m, s, ms and us"
)]
pub struct SpanError;

impl Span {
    /// By hand, since each execution's JSON has a dozen.
    fn text(&self) -> String {
        const UNITS: [(u64, &str); 5] =
            [(3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms"), (1, "µs")];
        if self.0 == 0 {
            return "0s".to_owned();
        }
        let (mut text, mut digits) = (String::with_capacity(16), itoa::Buffer::new());
        let mut rest = self.0;
        for (unit, name) in UNITS {
            if rest >= unit {
                text.push_str(digits.format(rest / unit));
                text.push_str(name);
                rest %= unit;
            }
        }
        text
    }
}

impl fmt::Display for Span {
    /// Hours and smaller units, without spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        const PARSER: SpanParser = SpanParser::new();
        // Longer text cannot be a sensible duration; refuse before parsing.
        if text.len() > 64 {
            return Err(SpanError);
        }
        // Months and years have no length of their own and stay errors.
        let with_days =
            || PARSER.parse_span(text)?.to_duration(SpanRelativeTo::days_are_24_hours());
        let duration =
            PARSER.parse_duration(text).or_else(|_| with_days()).map_err(|_| SpanError)?;
        u64::try_from(duration.as_micros()).map(Self).map_err(|_| SpanError)
    }
}

text_serde!(Timestamp as text.as_str, Span as text.as_str);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_timestamp_prints_microseconds_and_reads_back() {
        let t = Timestamp(1_767_323_045_000_006);
        assert_eq!(t.to_string(), "2026-01-02T03:04:05.000006Z");
        assert_eq!(t.to_string().parse::<Timestamp>().unwrap(), t);
        for (micros, text) in [
            (i64::MIN, "0000-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_868_799_999_999, "2000-02-29T23:59:59.999999Z"),
            (i64::MAX, "9999-12-30T22:00:00.000000Z"),
        ] {
            assert_eq!(Timestamp(micros).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn every_instant_reads_back(micros in YEAR_0..253_402_207_200_000_000) {
            prop_assert_eq!(Timestamp(micros).to_string().parse::<Timestamp>().unwrap(), Timestamp(micros));
        }
    }

    #[test]
    fn no_span_takes_an_instant_around_the_end_of_time() {
        let end = Timestamp(i64::MAX);
        assert_eq!(Timestamp(i64::MIN).plus(Span(u64::MAX)), end);
        assert_eq!(Timestamp(1_767_323_045_000_006).plus(Span(u64::MAX)), end);
        assert_eq!(end.plus(Span(1)), end);
        assert_eq!(end.since(Timestamp(i64::MIN)), Span(i64::MAX as u64));
    }

    #[test]
    fn a_span_reads_and_prints_the_wire_spelling() {
        for (text, span) in [
            ("30s", Span::secs(30)),
            ("1m30s", Span::secs(90)),
            ("250ms", Span::millis(250)),
            ("2h", Span::secs(7200)),
            ("0s", Span(0)),
            ("1500h", Span::secs(1500 * 3600)),
            ("1h1m1s1ms1µs", Span(3_661_001_001)),
        ] {
            assert_eq!(text.parse(), Ok(span));
            assert_eq!(span.to_string(), text);
        }
        for wrong in ["", "30", "-5s", "soon", "1 fortnight", "1mo", "1y", "99999999999999d"] {
            assert_eq!(wrong.parse::<Span>(), Err(SpanError), "{wrong}");
        }
    }

    #[test]
    fn days_are_read_and_written_as_hours() {
        for (text, hours, written) in
            [("7d", 168, "168h"), ("1d12h", 36, "36h"), ("1d", 24, "24h"), ("0.5h", 0, "30m")]
        {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0 / Span::secs(3600).0, hours, "{text}");
            assert_eq!(span.to_string(), written);
        }
        let told = SpanError.to_string();
        assert!(["d", "h", "m", "s", "ms", "us"].iter().all(|unit| told.contains(unit)), "{told}");
    }
}
