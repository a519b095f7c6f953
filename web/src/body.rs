//! Request bodies: read up to a bound, and only when they say they are JSON.

use std::time::Duration;

use actix_web::{
    HttpRequest,
    error::PayloadError,
    http::header::{self, HeaderMap},
    web,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde::Deserialize;

use crate::{
    app::App,
    error::{Code, Problem},
    json,
    nearest::quote,
};

/// How long, and how much of, a body that is too large is read: enough for a client that sends its
/// largest mistake over a network of today.
const PASS_OVER: (Duration, usize) = (Duration::from_secs(1), 64 << 20);

/// The bytes of a JSON body.
///
/// # Errors
/// 413 above the bound, 415 when it is not JSON, 400 when it breaks off.
pub(crate) async fn read(
    app: &App,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Bytes, Problem> {
    check_json(request.headers())?;
    collect(app.config.http.body_bytes, request.headers(), payload).await
}

/// The bytes of a body that may be left out; empty then.
///
/// # Errors
/// As [`read`], where there is a body.
pub(crate) async fn read_optional(
    app: &App,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Bytes, Problem> {
    let bytes = collect(app.config.http.body_bytes, request.headers(), payload).await?;
    if !bytes.is_empty() {
        check_json(request.headers())?;
    }
    Ok(bytes)
}

/// `bytes` as a `T`.
///
/// # Errors
/// See [`json::parse`].
pub(crate) fn parse<'a, T: Deserialize<'a>>(app: &App, bytes: &'a [u8]) -> Result<T, Problem> {
    json::parse(bytes, app.config.http.max_depth)
}

/// `bytes` as a `T`, and no bytes as an empty object.
///
/// # Errors
/// See [`json::parse`].
pub(crate) fn parse_optional<'a, T: Deserialize<'a>>(
    app: &App,
    bytes: &'a [u8],
) -> Result<T, Problem> {
    parse(app, if bytes.is_empty() { b"{}" } else { bytes })
}

fn check_json(headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(Problem::new(Code::UnsupportedMediaType, "The body must not be compressed."));
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "Content-Type is missing; application/json is expected.",
        ));
    };
    if value.as_bytes() == b"application/json" || value.to_str().is_ok_and(is_json) {
        return Ok(());
    }
    let found = String::from_utf8_lossy(value.as_bytes());
    let detail =
        format!("Content-Type is \"{}\"; application/json in UTF-8 is expected.", quote(&found));
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

/// `application/json` or `application/…+json`, in UTF-8.
fn is_json(value: &str) -> bool {
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
            charset.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    });
    let json = essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    json && utf8
}

/// The bytes of a body of any type; empty where there is none.
///
/// # Errors
/// 413 above the bound, 400 when it breaks off.
pub(crate) async fn collect(
    limit: usize,
    headers: &HeaderMap,
    mut payload: web::Payload,
) -> Result<Bytes, Problem> {
    let too_large =
        || Problem::new(Code::BodyTooLarge, format!("A body has at most {limit} bytes."));
    let length: Option<usize> = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse().ok());
    if length.is_some_and(|length| length > limit) {
        pass_over(payload).await;
        return Err(too_large());
    }
    let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(broken)?;
    if Some(first.len()) == length {
        return Ok(first); // The usual case: nothing is copied.
    }
    let mut all = BytesMut::with_capacity(length.unwrap_or(first.len() * 2).min(limit));
    all.extend_from_slice(&first);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(broken)?;
        if all.len() + chunk.len() > limit {
            pass_over(payload).await;
            return Err(too_large());
        }
        all.extend_from_slice(&chunk);
    }
    if all.len() > limit {
        return Err(too_large());
    }
    Ok(all.freeze())
}

/// Reads on for a while and keeps nothing: a connection that is closed over what was not read is
/// reset, and the reset overtakes the answer.
async fn pass_over(mut payload: web::Payload) {
    let (time, most) = PASS_OVER;
    let reading = async {
        let mut passed = 0;
        while let Some(Ok(chunk)) = payload.next().await {
            passed += chunk.len();
            if passed > most {
                return;
            }
        }
    };
    // A client that sends slower than this gets its reset.
    let _in_time = tokio::time::timeout(time, reading).await;
}

fn broken(error: PayloadError) -> Problem {
    Problem::new(Code::MalformedRequest, format!("The body broke off: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_by_its_media_type() {
        for yes in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/cloudevents+json",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(is_json(yes), "{yes}");
        }
        for no in [
            "text/plain",
            "application/jsonx",
            "",
            "application/json; charset=latin1",
            "text/x+json",
        ] {
            assert!(!is_json(no), "{no}");
        }
    }
}
