//! What operators and their tools ask: queues, runners, the supervisor, health, metrics, and
//! the API's own description.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    web,
};

use super::{Answer, Shared, json, json_bytes, no_parameters, text};
use crate::{app::name_of, body, resource::Resource, schema, wire};

async fn answer(resource: &Resource, app: &Shared, request: &HttpRequest) -> Answer {
    no_parameters(request)?;
    Ok(json_bytes(resource.body(app).await?))
}

/// Every queue that holds something, on which something is set, or that a runner has asked.
#[utoipa::path(
    get, path = "/v1/queues", tag = "operations", operation_id = "listQueues",
    responses((status = 200, description = "Queues", body = schema::Queues)),
)]
pub(crate) async fn queues(app: Shared, request: HttpRequest) -> Answer {
    answer(&Resource::Queues, &app, &request).await
}

/// One queue.
#[utoipa::path(
    get, path = "/v1/queues/{queue}", tag = "operations", operation_id = "getQueue",
    params(("queue" = schema::Name, Path, description = "The queue")),
    responses((status = 200, description = "The queue", body = schema::Queue)),
)]
pub(crate) async fn queue(app: Shared, request: HttpRequest) -> Answer {
    let queue = name_of(&request, "queue")?;
    answer(&Resource::Queue(queue), &app, &request).await
}

/// Pause or resume a queue, or change its limits. It need not exist before.
#[utoipa::path(
    patch, path = "/v1/queues/{queue}", tag = "operations", operation_id = "updateQueue",
    params(("queue" = schema::Name, Path, description = "The queue")),
    request_body = wire::QueueUpdate,
    responses((status = 200, description = "As it is now, on disk", body = schema::Queue)),
)]
pub(crate) async fn update_queue(
    app: Shared,
    request: HttpRequest,
    payload: web::Payload,
) -> Answer {
    no_parameters(&request)?;
    let name = name_of(&request, "queue")?;
    let bytes = body::read(&app, &request, payload).await?;
    let wanted: wire::QueueUpdate = body::parse(&app, &bytes)?;
    json(&app.handle.configure_queue(&app.namespace, &name, wanted.into_patch()).await?)
}

/// Every runner known, freshest first.
#[utoipa::path(
    get, path = "/v1/runners", tag = "operations", operation_id = "listRunners",
    responses((status = 200, description = "Runners", body = schema::Runners)),
)]
pub(crate) async fn runners(app: Shared, request: HttpRequest) -> Answer {
    answer(&Resource::Runners, &app, &request).await
}

/// One runner.
#[utoipa::path(
    get, path = "/v1/runners/{id}", tag = "operations", operation_id = "getRunner",
    params(("id" = schema::Name, Path, description = "The runner")),
    responses((status = 200, description = "The runner", body = schema::RunnerStatus)),
)]
pub(crate) async fn runner(app: Shared, request: HttpRequest) -> Answer {
    let id = name_of(&request, "id")?;
    answer(&Resource::Runner(id), &app, &request).await
}

/// How things stand.
#[utoipa::path(
    get, path = "/v1/supervisor", tag = "operations", operation_id = "getSupervisor",
    responses((status = 200, description = "Store, actors, deadlines, limbo audit, journal, feed, boot report", body = schema::Supervisor)),
)]
pub(crate) async fn supervisor(app: Shared, request: HttpRequest) -> Answer {
    answer(&Resource::Supervisor, &app, &request).await
}

/// Whether the process answers.
#[utoipa::path(
    get, path = "/livez", tag = "operations", operation_id = "livez",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain")),
)]
pub(crate) async fn livez(request: HttpRequest) -> Answer {
    no_parameters(&request)?;
    Ok(text("live\n"))
}

/// Whether writes are accepted.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", operation_id = "readyz",
    responses((status = 200, description = "They are", body = String, content_type = "text/plain")),
)]
pub(crate) async fn readyz(app: Shared, request: HttpRequest) -> Answer {
    no_parameters(&request)?;
    app.handle.ready()?;
    Ok(text("ready\n"))
}

/// Figures, as OpenMetrics text.
#[utoipa::path(
    get, path = "/metrics", tag = "operations", operation_id = "metrics",
    responses((status = 200, description = "Figures", body = String, content_type = "application/openmetrics-text")),
)]
pub(crate) async fn metrics(app: Shared, request: HttpRequest) -> Answer {
    no_parameters(&request)?;
    let queues = app.handle.queues(&app.namespace);
    let figures = app.metrics.encode(&app.handle.supervisor(), &queues, app.handle.ready().is_ok());
    let media =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, media)).body(figures))
}

/// This description.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operations", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value, content_type = "application/json")),
)]
pub(crate) async fn openapi(app: Shared, request: HttpRequest) -> Answer {
    no_parameters(&request)?;
    Ok(json_bytes(app.openapi.clone()))
}

/// What goes over the WebSocket, described.
#[utoipa::path(
    get, path = "/asyncapi.json", tag = "operations", operation_id = "asyncapi",
    responses((status = 200, description = "AsyncAPI 3.0", body = serde_json::Value, content_type = "application/json")),
)]
pub(crate) async fn asyncapi(app: Shared, request: HttpRequest) -> Answer {
    no_parameters(&request)?;
    Ok(json_bytes(app.asyncapi.clone()))
}
