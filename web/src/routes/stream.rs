//! An execution as a durable stream: the protocol's read side (5.5 to 5.8). Its events are the
//! messages of a JSON stream that is closed with the last of them.

use actix_web::{HttpRequest, http::header::HeaderValue};
use heartline_execution::stream::Media;

use super::{Answer, Shared};
use crate::{
    app::{App, execution_of},
    durable::{self, Log},
    error::Problem,
    schema,
};

/// Read an execution with Durable Streams: a chunk of events, a long poll, or an event stream.
#[utoipa::path(
    get, path = "/v1/executions/{id}/stream", tag = "events", operation_id = "streamExecution",
    params(
        ("id" = schema::ExecutionId, Path, description = "The execution"),
        ("offset" = Option<String>, Query, description = "Where to begin: `-1`, `now`, or the `Stream-Next-Offset` of an answer"),
        ("live" = Option<String>, Query, description = "`long-poll` or `sse`; needs `offset`"),
        ("cursor" = Option<String>, Query, description = "The `Stream-Cursor` of the last answer"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer"),
    ),
    responses(
        (status = 200, description = "Events, or the stream", content(
            (Vec<serde_json::Value> = "application/json"), (String = "text/event-stream"))),
        (status = 204, description = "A long poll that nothing came for"),
        (status = 304, description = "Nothing has changed since that answer"),
    ),
)]
pub(crate) async fn read(app: Shared, request: HttpRequest) -> Answer {
    let log = log_of(&app, &request).await?;
    durable::read(&app, &request, log).await
}

/// How far an execution is, for Durable Streams.
#[utoipa::path(
    head, path = "/v1/executions/{id}/stream", tag = "events", operation_id = "headExecutionStream",
    params(("id" = schema::ExecutionId, Path, description = "The execution")),
    responses((status = 200, description = "`Stream-Next-Offset`, and `Stream-Closed` once it is over")),
)]
pub(crate) async fn head(app: Shared, request: HttpRequest) -> Answer {
    durable::head(&log_of(&app, &request).await?)
}

async fn log_of(app: &App, request: &HttpRequest) -> Result<Log, Problem> {
    let id = execution_of(request)?;
    Ok(Log {
        reading: app.handle.reading(&app.namespace, id).await?,
        content_type: HeaderValue::from_static("application/json"),
        media: Media::Json,
        about: Vec::new(),
    })
}
