//! What browsers must be told before pages of a listed origin may call (the Fetch standard, "HTTP
//! extensions"): the answer to a preflight, and the headers of every other answer.
//!
//! Which origins are listed is [`Hosts`](crate::hosts::Hosts)'s to say, before any of this; so one
//! place decides, and a request of an origin that is not listed never gets here. Not `actix-cors`:
//! it would decide a second time, and box a future for every request. Credentials are not allowed:
//! there are none, no cookies and no passwords.

use actix_web::{
    HttpResponse,
    dev::ServiceRequest,
    http::{
        Method,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
};

/// What a preflight allows; the routes themselves say 405.
const METHODS: &str = "GET, HEAD, PUT, POST, PATCH, DELETE";
/// Request headers that mean something here.
const ASKED: &str = "accept, authorization, content-type, idempotency-key, if-match, \
                     if-none-match, last-event-id, traceparent, x-request-id, stream-seq, \
                     stream-ttl, stream-expires-at, stream-closed, stream-forked-from, \
                     stream-fork-offset, stream-fork-sub-offset, producer-id, producer-epoch, \
                     producer-seq";
/// Answer headers that a page may read beside those that it always may.
const EXPOSED: &str = "etag, location, retry-after, idempotency-replayed, x-request-id, \
                       stream-next-offset, stream-up-to-date, stream-closed, stream-cursor, \
                       stream-ttl, stream-expires-at, stream-sse-data-encoding, producer-epoch, \
                       producer-seq, producer-expected-seq, producer-received-seq";
/// Seconds that a browser may keep the answer to a preflight: the two hours that Chromium keeps it
/// at most, since nothing in it changes while the server runs.
const MAX_AGE: &str = "7200";
/// What the answer depends on.
const VARY: HeaderValue = HeaderValue::from_static("Origin");

/// Whether a browser asks on behalf of a page what the page may do.
pub(crate) fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// 204 with all that is allowed; the origin is put in by [`allow`].
pub(crate) fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, ASKED))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE))
        .finish()
}

/// Lets pages of `origin` read an answer.
pub(crate) fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    const EXPOSED_VALUE: HeaderValue = HeaderValue::from_static(EXPOSED);
    const EXPOSE: HeaderName = header::ACCESS_CONTROL_EXPOSE_HEADERS;
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(EXPOSE, EXPOSED_VALUE);
}

/// Tells caches that another origin gets another answer.
pub(crate) fn vary(headers: &mut HeaderMap) {
    headers.append(header::VARY, VARY);
}
