//! How durations, sizes and absent texts are spelled: `"1m30s"`, `"32MiB"`, `""`.
//!
//! Each module is for `#[serde(with = …)]`, so that settings keep the types that code wants.

/// Durations, as the wire spells them: days are read as 24 hours, hours are the largest unit
/// that is written.
pub(crate) mod span {
    use std::time::Duration;

    use jiff::{
        SignedDuration, SpanRelativeTo,
        fmt::friendly::{Designator, Spacing, SpanParser, SpanPrinter},
    };
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// Longer text cannot be a sensible duration.
    const TEXT_MAX: usize = 64;

    pub(crate) fn parse(text: &str) -> Option<Duration> {
        const PARSER: SpanParser = SpanParser::new();
        if text.len() > TEXT_MAX {
            return None;
        }
        let with_days =
            || PARSER.parse_span(text)?.to_duration(SpanRelativeTo::days_are_24_hours());
        let signed = PARSER.parse_duration(text).or_else(|_| with_days()).ok()?;
        Duration::try_from(signed).ok()
    }

    pub(crate) fn print(span: Duration) -> String {
        const PRINTER: SpanPrinter =
            SpanPrinter::new().spacing(Spacing::None).designator(Designator::Compact);
        PRINTER.duration_to_string(&SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX))
    }

    pub(crate) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&print(*span))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        parse(&text).ok_or_else(|| de::Error::custom("not a duration such as \"30s\""))
    }
}

/// Sizes in bytes: a number, or a number and a binary unit.
pub(crate) mod bytes {
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// Largest first, so that printing finds the shortest spelling.
    const UNITS: [(&str, u64); 4] =
        [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

    pub(crate) fn parse(text: &str) -> Option<u64> {
        let text = text.trim();
        let (digits, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| text.strip_suffix(name).map(|digits| (digits, *unit)))
            .unwrap_or((text, 1));
        digits.trim().replace('_', "").parse::<u64>().ok()?.checked_mul(unit)
    }

    pub(crate) fn print(bytes: u64) -> String {
        match UNITS.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
            Some((name, unit)) => format!("{}{name}", bytes / unit),
            None => bytes.to_string(),
        }
    }

    pub(crate) fn serialize<S: Serializer>(bytes: &usize, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&print(*bytes as u64))
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
        let bytes = match Either::deserialize(from)? {
            Either::Number(number) => Some(number),
            Either::Text(text) => parse(&text),
        };
        bytes
            .and_then(|bytes| usize::try_from(bytes).ok())
            .ok_or_else(|| de::Error::custom("not a size such as \"32MiB\""))
    }
}

/// A text that may be absent. TOML has no null; the empty text stands for it.
pub(crate) mod optional {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        text: &Option<String>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(text.as_deref().unwrap_or_default())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<String>, D::Error> {
        String::deserialize(from).map(|text| Some(text).filter(|text| !text.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{bytes, span};

    #[test]
    fn a_duration_reads_back_as_printed() {
        for (text, duration) in [
            ("100ms", Duration::from_millis(100)),
            ("1m30s", Duration::from_secs(90)),
            ("75s", Duration::from_secs(75)),
            ("7d", Duration::from_secs(7 * 86_400)),
            ("1d12h", Duration::from_secs(36 * 3_600)),
        ] {
            assert_eq!(span::parse(text), Some(duration));
            assert_eq!(span::parse(&span::print(duration)), Some(duration));
        }
        for wrong in ["", "30", "-5s", "soon", "1mo", "1y"] {
            assert_eq!(span::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_size_reads_back_as_printed() {
        for (text, size) in [("512", 512), ("256KiB", 256 << 10), ("32MiB", 32 << 20)] {
            assert_eq!(bytes::parse(text), Some(size));
            assert_eq!(bytes::print(size), text);
        }
        assert_eq!(bytes::parse(" 1_024 KiB "), Some(1 << 20));
        assert_eq!(bytes::print(0), "0");
        for wrong in ["", "-1", "32MB", "MiB", "99999999TiB", "1.5GiB"] {
            assert_eq!(bytes::parse(wrong), None, "{wrong}");
        }
    }
}
