//! What every handler shares.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use actix_web::{
    HttpRequest,
    http::header::{HeaderMap, HeaderValue},
};
use bytes::Bytes;
use heartline_actors::Handle;
use heartline_config::Config;
use heartline_execution::{ExecutionId, Name, Namespace};

use crate::{
    drain::Draining,
    error::{Code, Problem},
    hosts::Hosts,
    metrics::Metrics,
    nearest::quote,
};

/// The edge's own state; everything that lasts is behind the handle.
pub(crate) struct App {
    pub(crate) handle: Handle,
    pub(crate) config: Arc<Config>,
    pub(crate) namespace: Namespace,
    pub(crate) hosts: Hosts,
    pub(crate) metrics: Metrics,
    pub(crate) draining: Draining,
    pub(crate) openapi: Bytes,
    pub(crate) asyncapi: Bytes,
    ids: RequestIds,
}

impl App {
    pub(crate) fn new(
        handle: Handle,
        config: Arc<Config>,
        address: SocketAddr,
        draining: Draining,
    ) -> Self {
        let hosts =
            Hosts::new(&config.server.allowed_hosts, &config.server.allowed_origins, address);
        Self {
            handle,
            namespace: Namespace::default_namespace(),
            hosts,
            metrics: Metrics::new(),
            draining,
            openapi: crate::openapi::document(&config),
            asyncapi: crate::asyncapi::document(&config),
            ids: RequestIds::new(),
            config,
        }
    }

    /// The id of the request: the client's where it sent a sane one, else a new one.
    pub(crate) fn request_id(&self, headers: &HeaderMap) -> HeaderValue {
        headers
            .get(REQUEST_ID)
            .filter(|value| is_sane_id(value.as_bytes()))
            .cloned()
            .unwrap_or_else(|| self.ids.next())
    }
}

/// The header that carries a request's id, both ways.
pub(crate) const REQUEST_ID: &str = "x-request-id";

fn is_sane_id(id: &[u8]) -> bool {
    (1..=Name::MAX).contains(&id.len())
        && id.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-'))
}

/// Ids unique within a start and most likely over all of them: a random half and a count.
struct RequestIds {
    start: u32,
    count: AtomicU32,
}

impl RequestIds {
    fn new() -> Self {
        Self { start: uuid::Uuid::new_v4().as_fields().0, count: AtomicU32::new(1) }
    }

    fn next(&self) -> HeaderValue {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let text = Bytes::from(format!("{:08x}{count:08x}", self.start));
        HeaderValue::from_maybe_shared(text).expect("hex digits are a header value")
    }
}

/// The execution that the path's `{id}` names.
///
/// # Errors
/// 404: whatever is not an id names no execution.
pub(crate) fn execution_of(request: &HttpRequest) -> Result<ExecutionId, Problem> {
    execution_id(request.match_info().get("id").unwrap_or_default())
}

/// The execution that a text names.
///
/// # Errors
/// As [`execution_of`].
pub(crate) fn execution_id(text: &str) -> Result<ExecutionId, Problem> {
    text.parse().map_err(|error: heartline_execution::id::Error| {
        Problem::new(
            Code::ExecutionNotFound,
            format!("\"{}\" names no execution: {error}.", quote(text)),
        )
    })
}

/// The queue or runner that a part of the path names.
///
/// # Errors
/// 400 with what a name may be.
pub(crate) fn name_of(request: &HttpRequest, part: &str) -> Result<Name, Problem> {
    let text = request.match_info().get(part).unwrap_or_default();
    Name::new(text).map_err(|error| {
        Problem::new(Code::MalformedRequest, format!("\"{}\": {error}.", quote(text)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_differ_and_foreign_ones_are_checked() {
        let ids = RequestIds::new();
        assert_ne!(ids.next(), ids.next());
        assert!(is_sane_id(b"abc-1:2_3.4"));
        for wrong in [&b""[..], b"a b", b"a\"b", &[b'x'; 129]] {
            assert!(!is_sane_id(wrong));
        }
    }

    #[test]
    fn a_path_that_is_no_id_names_no_execution() {
        for wrong in ["..", "%2e", "a/b", "aex_\0", "aex_", "AEX_00000000000000000000000000000000"]
        {
            assert_eq!(
                execution_id(wrong).unwrap_err().code(),
                Code::ExecutionNotFound,
                "{wrong:?}"
            );
        }
    }
}
