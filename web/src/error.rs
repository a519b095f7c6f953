//! What goes wrong, as the wire tells it: RFC 9457 problem details, and the one table from error
//! to status.
//!
//! A handler returns a [`Problem`]; the gate writes its body, since only the gate knows the
//! request's id. Nothing a client can cause is logged above `debug` here; a fault of the server
//! is logged once, by the gate.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use heartline_actors::Error;
use heartline_execution::{Rejection, content::FieldError};
use serde::Serialize;

macro_rules! codes {
    ($($variant:ident = $status:literal $code:literal $title:literal;)*) => {
        /// The stable, machine-readable kinds of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the titles say what they mean")]
        pub enum Code {
            $($variant,)*
        }

        impl Code {
            /// Every kind.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)* }
            }

            /// The wire name; the problem's `type` is `urn:heartline:problem:` and this.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $code,)* }
            }

            /// One line for people, the same for every problem of the kind.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }
        }
    };
}

codes! {
    MalformedRequest = 400 "malformed_request" "The request is not well-formed HTTP for this route";
    MalformedJson = 400 "malformed_json" "The body is not well-formed JSON";
    InvalidQuery = 400 "invalid_query" "A query parameter is unknown or has a wrong value";
    InvalidHeader = 400 "invalid_header" "A header has a wrong value";
    NotAWebSocket = 400 "not_a_websocket" "This route is a WebSocket and the request does not upgrade";
    HostNotAllowed = 403 "host_not_allowed" "The Host header names a host this server does not answer for";
    OriginNotAllowed = 403 "origin_not_allowed" "Pages of this origin may not call this server";
    ProducerFenced = 403 "producer_fenced" "A later epoch of this producer has begun";
    RouteNotFound = 404 "route_not_found" "There is nothing at this path";
    ExecutionNotFound = 404 "execution_not_found" "There is no such execution";
    QueueNotFound = 404 "queue_not_found" "There is no such queue";
    RunnerNotFound = 404 "runner_not_found" "There is no such runner";
    StreamNotFound = 404 "stream_not_found" "There is no such stream";
    MethodNotAllowed = 405 "method_not_allowed" "This path does not take this method";
    NotAcceptable = 406 "not_acceptable" "None of the accepted media types is served here";
    RequestTimeout = 408 "request_timeout" "The request did not arrive in time";
    LeaseSuperseded = 409 "lease_superseded" "The lease is not the current one";
    OutOfOrder = 409 "out_of_order" "A batch that was sent before this was not taken";
    ExecutionTerminal = 409 "execution_terminal" "The execution is over";
    ExecutionExists = 409 "execution_exists" "The execution exists already";
    NotTerminal = 409 "not_terminal" "The execution is not over";
    NotWaiting = 409 "not_waiting" "The execution is not waiting for an answer";
    NotClaimable = 409 "not_claimable" "The execution is not waiting in its queue";
    NotCancelling = 409 "not_cancelling" "No cancellation was requested";
    NotDue = 409 "not_due" "The deadline is not due";
    StateLimit = 409 "state_limit" "The execution holds as much state as it may";
    NotRegistered = 409 "not_registered" "The runner has not registered on this socket";
    AlreadyRegistered = 409 "already_registered" "A runner has registered on this socket";
    RunnerConnected = 409 "runner_connected" "A runner with this id is connected";
    SubscriptionExists = 409 "subscription_exists" "A subscription with this id is open on this connection";
    StreamExists = 409 "stream_exists" "The path is taken by a stream that is not like this";
    StreamClosed = 409 "stream_closed" "The stream is closed";
    StreamTypeMismatch = 409 "stream_type_mismatch" "The stream is of another content type";
    StreamSeqConflict = 409 "stream_seq_conflict" "The stream's sequence does not grow";
    ProducerGap = 409 "producer_gap" "A request of this producer is missing before this one";
    StreamGone = 410 "stream_gone" "The stream was deleted and is kept for its forks";
    PreconditionFailed = 412 "precondition_failed" "The execution has moved on";
    BodyTooLarge = 413 "body_too_large" "The request body is too large";
    UnsupportedMediaType = 415 "unsupported_media_type" "The body is not JSON";
    Invalid = 422 "invalid" "The request is well-formed and wrong";
    IdempotencyKeyReused = 422 "idempotency_key_reused" "The idempotency key was used with another body";
    NotSupported = 422 "not_supported" "This server does not do that yet";
    TooManySubscriptions = 429 "too_many_subscriptions" "The connection has as many subscriptions as it may";
    Corrupt = 500 "corrupt" "Stored data is damaged";
    Internal = 500 "internal" "The server failed";
    Overloaded = 503 "overloaded" "The server has as much work as it takes";
    StoreUnavailable = 503 "store_unavailable" "The store refuses writes";
    Interrupted = 503 "interrupted" "The outcome is unknown; ask again";
    ShuttingDown = 503 "shutting_down" "The server is stopping";
}

/// Seconds after which another try makes sense when nothing better is known.
const RETRY_SOON: u32 = 1;

/// A problem, before it is known which request it answers.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    retry_after: Option<u32>,
    /// What a protocol wants told in headers as well.
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The body as written.
#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
    /// The header, for those who get no headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
}

impl Problem {
    /// A problem with what is wrong this time, in one sentence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail, errors: Vec::new(), retry_after: None, headers: Vec::new() }
    }

    /// One broken rule at `pointer` (RFC 6901, or `?name` for a query parameter).
    pub fn at(code: Code, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::fields(code, vec![FieldError { pointer: pointer.into(), message: message.into() }])
    }

    /// Broken rules; the first is also the detail.
    pub fn fields(code: Code, errors: Vec<FieldError>) -> Self {
        let detail = errors.first().map_or_else(String::new, |first| match &*first.pointer {
            "" => first.message.clone(),
            pointer => format!("{pointer}: {}", first.message),
        });
        Self { errors, ..Self::new(code, detail) }
    }

    /// 405, with what the path does take.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        let detail = format!("This path takes {allow}.");
        let allow = HeaderValue::from_static(allow);
        Self::new(Code::MethodNotAllowed, detail).with(header::ALLOW, allow)
    }

    /// Tells something in a header, too.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        // Numbers, offsets and constants: none has a byte that a header may not have.
        if let Ok(value) = value.try_into() {
            self.headers.push((name, value));
        }
        self
    }

    /// Which kind.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The JSON of it, for a request that has this id.
    pub fn json(&self, request_id: &str) -> Vec<u8> {
        let body = Body {
            r#type: format!("urn:heartline:problem:{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status(),
            code: self.code.as_str(),
            detail: &self.detail,
            request_id,
            errors: &self.errors,
            retry_after: self.retry_after,
        };
        serde_json::to_vec(&body).expect("a problem is plain JSON")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).expect("the table has valid statuses")
    }

    /// Head only: the gate writes the body, with the request's id in it.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        response
    }
}

/// The media type of every error.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        let later =
            |code, seconds| Self { retry_after: Some(seconds), ..Self::new(code, detail.clone()) };
        match error {
            Error::Rejected(rejection) => rejection.into(),
            Error::NotFound => Self::new(Code::ExecutionNotFound, detail),
            Error::KeyReused(_) => Self::new(Code::IdempotencyKeyReused, detail),
            Error::NotTerminal(_) => Self::new(Code::NotTerminal, detail),
            Error::Overloaded { retry_after, .. } => later(Code::Overloaded, retry_after),
            Error::StoreUnavailable(_) => later(Code::StoreUnavailable, RETRY_SOON),
            Error::Interrupted => later(Code::Interrupted, RETRY_SOON),
            Error::Corrupt(_) => Self::new(Code::Corrupt, detail),
            Error::RunnerConnected(_) => Self::new(Code::RunnerConnected, detail),
            Error::ForeignSession => {
                let message = "is that of another runner; register without one";
                Self::at(Code::Invalid, "/session", message)
            }
            Error::ShuttingDown => later(Code::ShuttingDown, RETRY_SOON),
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let detail = rejection.to_string();
        let code = match rejection {
            Rejection::Exists => Code::ExecutionExists,
            Rejection::Unknown => Code::ExecutionNotFound,
            Rejection::Terminal { .. } => Code::ExecutionTerminal,
            Rejection::LeaseSuperseded { .. } => Code::LeaseSuperseded,
            Rejection::OutOfOrder { .. } => Code::OutOfOrder,
            Rejection::NotClaimable { .. } => Code::NotClaimable,
            Rejection::NotWaiting { .. } => Code::NotWaiting,
            Rejection::NotCancelling => Code::NotCancelling,
            Rejection::NotDue => Code::NotDue,
            Rejection::SeqMismatch { .. } => Code::PreconditionFailed,
            Rejection::TooLarge { .. } => Code::StateLimit,
            Rejection::Invalid { errors } => return Self::fields(Code::Invalid, errors),
        };
        Self::new(code, detail)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_their_statuses_are_errors() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|c| (400..600).contains(&c.status())));
    }

    #[test]
    fn a_problem_has_every_member_of_the_wire() {
        let problem = Problem::at(Code::Invalid, "/timeouts/heartbeat", "must be a duration");
        let json: serde_json::Value = serde_json::from_slice(&problem.json("r-1")).unwrap();
        assert_eq!(json["type"], "urn:heartline:problem:invalid");
        assert_eq!(json["status"], 422);
        assert_eq!(json["code"], "invalid");
        assert_eq!(json["request_id"], "r-1");
        assert_eq!(json["errors"][0]["pointer"], "/timeouts/heartbeat");
        assert_eq!(json["detail"], "/timeouts/heartbeat: must be a duration");
    }
}
