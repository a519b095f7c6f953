//! What a setting accepts: one rule each, checked and told in the same words.

use std::{fmt, net::SocketAddr, time::Duration};

use toml::Value;

use crate::form::{bytes, span};

/// The rule of one setting.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Allowed {
    /// An address to listen on. Loopback only while there are no tokens.
    Loopback,
    /// A path that is not empty.
    Path,
    /// A text that is not empty.
    Text,
    /// Host names, each with or without a port.
    Hosts,
    /// Web origins.
    Origins,
    /// On or off.
    Switch,
    /// A whole number within bounds, both included.
    Count(u64, u64),
    /// A size within bounds, both included.
    Bytes(u64, u64),
    /// A duration within bounds, both included.
    Span(Duration, Duration),
    /// One of a few words.
    OneOf(&'static [&'static str]),
    /// Where tests make the server kill itself.
    CrashPoint,
}

/// The places a crash can be asked for.
const CRASH_PLACES: [&str; 3] = ["before_commit", "after_commit", "after_ack"];

impl Allowed {
    /// The value that a variable or a flag spells. What does not fit stays a text, for
    /// [`Allowed::holds`] to refuse.
    pub(crate) fn read(self, text: &str) -> Value {
        let number = || text.trim().replace('_', "").parse::<i64>().map(Value::Integer);
        match self {
            Allowed::Switch => text.parse().map(Value::Boolean).ok(),
            Allowed::Count(..) | Allowed::Bytes(..) => number().ok(),
            Allowed::Hosts | Allowed::Origins => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some(Value::Array(items.map(Value::from).collect()))
            }
            Allowed::Loopback
            | Allowed::Path
            | Allowed::Text
            | Allowed::Span(..)
            | Allowed::OneOf(_)
            | Allowed::CrashPoint => None,
        }
        .unwrap_or_else(|| Value::from(text))
    }

    /// Whether the value keeps the rule.
    pub(crate) fn holds(self, value: &Value) -> bool {
        let text = value.as_str();
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        let each = |rule: fn(&str) -> bool| {
            value.as_array().is_some_and(|items| items.iter().all(|i| i.as_str().is_some_and(rule)))
        };
        match self {
            Allowed::Loopback => text
                .and_then(|text| text.parse::<SocketAddr>().ok())
                .is_some_and(|address| address.ip().to_canonical().is_loopback()),
            Allowed::Path => text.is_some_and(|text| !text.is_empty() && !text.contains('\0')),
            Allowed::Text => text.is_some_and(|text| !text.trim().is_empty()),
            Allowed::Hosts => each(is_host),
            Allowed::Origins => each(is_origin),
            Allowed::Switch => value.is_bool(),
            Allowed::Count(low, high) => number.is_some_and(|n| (low..=high).contains(&n)),
            Allowed::Bytes(low, high) => number
                .or_else(|| text.and_then(bytes::parse))
                .is_some_and(|size| (low..=high).contains(&size)),
            Allowed::Span(low, high) => {
                text.and_then(span::parse).is_some_and(|span| (low..=high).contains(&span))
            }
            Allowed::OneOf(words) => text.is_some_and(|text| words.contains(&text)),
            Allowed::CrashPoint => text.is_some_and(|text| text.is_empty() || is_crash_point(text)),
        }
    }
}

/// `name`, `name:port`, `1.2.3.4:port` or `[::1]:port`, as it stands in a `Host` header.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
}

/// `scheme://host`, with or without a port and without a path, as browsers send it.
fn is_origin(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| text.strip_prefix(scheme).is_some_and(is_host))
}

fn is_crash_point(text: &str) -> bool {
    text.split_once(':').is_some_and(|(place, count)| {
        CRASH_PLACES.contains(&place) && count.parse::<u64>().is_ok_and(|count| count > 0)
    })
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allowed::Loopback => f.write_str(
                "a loopback address with a port, such as \"127.0.0.1:7400\" or \"[::1]:7400\": \
                 there are no tokens yet, so any other address would let strangers in",
            ),
            Allowed::Path => f.write_str("a path"),
            Allowed::Text => f.write_str("a text that is not empty"),
            Allowed::Hosts => {
                f.write_str("a list of hosts as in a Host header, such as [\"localhost:7400\"]")
            }
            Allowed::Origins => {
                f.write_str("a list of web origins, such as [\"https://example.org\"]")
            }
            Allowed::Switch => f.write_str("true or false"),
            Allowed::Count(low, high) => write!(f, "a whole number from {low} to {high}"),
            Allowed::Bytes(low, high) => write!(
                f,
                "a size in bytes, or with KiB, MiB or GiB, from {} to {}",
                bytes::print(*low),
                bytes::print(*high)
            ),
            Allowed::Span(low, high) => write!(
                f,
                "a duration such as \"1m30s\" or \"7d\", with the units d, h, m, s, ms and us, \
                 from {} to {}",
                span::print(*low),
                span::print(*high)
            ),
            Allowed::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Allowed::CrashPoint => write!(
                f,
                "empty, or one of {} and a count from 1, such as \"before_commit:37\"",
                CRASH_PLACES.join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_allowed_to_listen() {
        for right in ["127.0.0.1:0", "127.8.9.1:7400", "[::1]:7400", "[::ffff:127.0.0.1]:1"] {
            assert!(Allowed::Loopback.holds(&right.into()), "{right}");
        }
        for wrong in ["0.0.0.0:7400", "[::]:7400", "10.0.0.1:1", "127.0.0.1", "localhost:1", ""] {
            assert!(!Allowed::Loopback.holds(&wrong.into()), "{wrong}");
        }
    }

    #[test]
    fn bounds_are_included() {
        let rule = Allowed::Count(2, 4);
        for (number, right) in [(-1, false), (1, false), (2, true), (4, true), (5, false)] {
            assert_eq!(rule.holds(&Value::Integer(number)), right, "{number}");
        }
        let rule = Allowed::Bytes(1 << 10, 1 << 20);
        for (text, right) in [("1023", false), ("1KiB", true), ("1MiB", true), ("2MiB", false)] {
            assert_eq!(rule.holds(&rule.read(text)), right, "{text}");
        }
    }

    #[test]
    fn hosts_origins_and_crash_points_are_told_from_look_alikes() {
        assert!(is_host("localhost:7400") && is_host("[::1]:7400"));
        assert!(!is_host("http://localhost") && !is_host("a b") && !is_host(""));
        assert!(is_origin("https://example.org:8443") && !is_origin("https://example.org/"));
        assert!(is_crash_point("after_ack:1"));
        for wrong in ["after_ack", "after_ack:0", "after_ack:x", "later:3"] {
            assert!(!is_crash_point(wrong), "{wrong}");
        }
    }
}
