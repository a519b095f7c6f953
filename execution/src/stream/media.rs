//! What the headers of the protocol may say, and what makes a message of a body.

use serde_json::value::RawValue;

use crate::time::Timestamp;

/// How the bytes of a content type are framed (5.8, 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`: values in arrays.
    Json,
    /// `text/…`: bytes that event streams carry as they are.
    Text,
    /// All else: bytes that event streams carry in base64.
    Binary,
}

impl Media {
    /// Of a content type, whatever its parameters.
    pub fn of(content_type: &str) -> Self {
        let essence = essence(content_type);
        if essence.eq_ignore_ascii_case("application/json") {
            return Self::Json;
        }
        match essence.get(..5) {
            Some(text) if text.eq_ignore_ascii_case("text/") => Self::Text,
            Some(_) | None => Self::Binary,
        }
    }
}

fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Whether two content types are one, parameters and case aside.
pub fn same_type(a: &str, b: &str) -> bool {
    essence(a).eq_ignore_ascii_case(essence(b))
}

/// The messages of a JSON body: the elements of an array, one level of it, or the one value
/// (9.1.2). None for an empty array.
///
/// # Errors
/// When it is not JSON (9.1.4).
pub fn messages(body: &str) -> Result<Vec<&RawValue>, serde_json::Error> {
    if body.trim_ascii_start().starts_with('[') {
        return serde_json::from_str(body);
    }
    serde_json::from_str(body).map(|value| vec![value])
}

/// Reads `Stream-TTL`: seconds in plain decimal, without a leading zero or sign (5.1).
pub fn ttl_of(text: &str) -> Option<u64> {
    let plain = !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// Reads `Stream-Expires-At`: an RFC 3339 instant (5.1).
pub fn expiry_of(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}
