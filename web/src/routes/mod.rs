//! The routes of WIRE: which path goes where. Handlers are beside, by subject.

pub(crate) mod events;
pub(crate) mod executions;
pub(crate) mod operations;
pub(crate) mod person;
pub(crate) mod runner;
pub(crate) mod stream;
pub(crate) mod streams;

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse, Resource, guard,
    http::header::{self, ContentType},
    web,
};
use bytes::Bytes;
use serde::Serialize;

use crate::{
    app::App,
    dashboard,
    error::{Code, Problem},
    metrics::Route,
};

/// What a handler answers.
pub(crate) type Answer = Result<HttpResponse, Problem>;
/// What every handler can reach.
pub(crate) type Shared = web::Data<App>;

/// Puts every route in place, the most used first: the router tries them in order.
pub(crate) fn configure(config: &mut web::ServiceConfig, app: &Arc<App>) {
    config
        .service(
            resource("/v1/executions/{id}/events", Route::Events, "GET, HEAD, POST")
                .route(web::post().to(runner::post_events))
                .route(get().to(events::read)),
        )
        .service(
            post("/v1/executions/{id}/heartbeat", Route::Heartbeat)
                .route(web::post().to(runner::heartbeat)),
        )
        .service(
            post("/v1/queues/{queue}/claim", Route::Claim).route(web::post().to(runner::claim)),
        )
        .service(
            post("/v1/executions/{id}/complete", Route::Complete)
                .route(web::post().to(runner::complete)),
        )
        .service(
            resource("/v1/executions", Route::Executions, "GET, HEAD, POST")
                .route(web::post().to(executions::create))
                .route(get().to(executions::list)),
        )
        .service(read("/v1/executions/counts", Route::Counts).route(get().to(executions::count)))
        .service(
            resource("/v1/executions/{id}", Route::Execution, "GET, HEAD, PATCH, DELETE")
                .route(get().to(executions::get))
                .route(web::patch().to(executions::update))
                .route(web::delete().to(executions::purge)),
        )
        .service(resource("/v1/ws", Route::WebSocket, "GET").route(web::get().to(crate::ws::watch)))
        .service(
            resource("/v1/runner", Route::RunnerSocket, "GET").route(web::get().to(crate::ws::run)),
        )
        .service(post("/v1/executions/{id}/fail", Route::Fail).route(web::post().to(runner::fail)))
        .service(post("/v1/executions/{id}/wait", Route::Wait).route(web::post().to(runner::wait)))
        .service(
            post("/v1/executions/{id}/cancel_acknowledged", Route::CancelAcknowledged)
                .route(web::post().to(runner::cancel_acknowledged)),
        )
        .service(
            post("/v1/executions/{id}/cancelled", Route::Cancelled)
                .route(web::post().to(runner::cancelled)),
        )
        .service(
            read("/v1/executions/{id}/explain", Route::Explain).route(get().to(person::explain)),
        )
        .service(
            post("/v1/executions/{id}/cancel", Route::Cancel).route(web::post().to(person::cancel)),
        )
        .service(
            post("/v1/executions/{id}/resume", Route::Resume).route(web::post().to(person::resume)),
        )
        .service(
            post("/v1/executions/{id}/retry", Route::Retry).route(web::post().to(person::retry)),
        )
        .service(read("/v1/queues", Route::Queues).route(get().to(operations::queues)))
        .service(
            resource("/v1/queues/{queue}", Route::Queue, "GET, HEAD, PATCH")
                .route(get().to(operations::queue))
                .route(web::patch().to(operations::update_queue)),
        )
        .service(read("/v1/runners", Route::Runners).route(get().to(operations::runners)))
        .service(read("/v1/runners/{id}", Route::Runner).route(get().to(operations::runner)))
        .service(read("/v1/supervisor", Route::Supervisor).route(get().to(operations::supervisor)))
        .service(read("/livez", Route::Operations).route(get().to(operations::livez)))
        .service(read("/readyz", Route::Operations).route(get().to(operations::readyz)))
        .service(read("/metrics", Route::Operations).route(get().to(operations::metrics)))
        .service(read("/openapi.json", Route::Operations).route(get().to(operations::openapi)))
        .service(read("/asyncapi.json", Route::Operations).route(get().to(operations::asyncapi)))
        .service(read("/assets/{file:.*}", Route::Page).route(get().to(dashboard::asset)))
        .service(read("/icon.svg", Route::Page).route(get().to(dashboard::asset)))
        .default_service(web::to(nothing_here));
    for page in dashboard::PAGES {
        config.service(read(page, Route::Page).route(get().to(dashboard::page)));
    }
    config.service(
        read("/v1/executions/{id}/stream", Route::ExecutionStream)
            .route(web::get().to(stream::read))
            .route(web::head().to(stream::head)),
    );
    if app.config.streams.enabled {
        config.service(
            resource("/v1/stream/{path:.*}", Route::Streams, "GET, HEAD, PUT, POST, DELETE")
                .route(web::post().to(streams::append))
                .route(web::get().to(streams::read))
                .route(web::head().to(streams::head))
                .route(web::put().to(streams::create))
                .route(web::delete().to(streams::delete)),
        );
    }
    if app.config.debug.ws_echo {
        config.service(
            resource("/debug/echo", Route::Other, "GET").route(web::get().to(crate::ws::echo)),
        );
    }
}

fn resource(path: &str, route: Route, allow: &'static str) -> Resource {
    web::resource(path).app_data(route).default_service(web::to(move || async move {
        Answer::Err(Problem::method_not_allowed(allow))
    }))
}

fn read(path: &str, route: Route) -> Resource {
    resource(path, route, "GET, HEAD")
}

fn post(path: &str, route: Route) -> Resource {
    resource(path, route, "POST")
}

/// `GET`, and `HEAD` with the same answer less its body.
fn get() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

async fn nothing_here(request: HttpRequest) -> Answer {
    let path = request.path();
    let shown = crate::nearest::quote(path);
    Err(Problem::new(
        Code::RouteNotFound,
        format!("There is nothing at {shown}; /openapi.json lists what there is."),
    ))
}

/// 200 with JSON that is encoded already.
pub(crate) fn json_bytes(body: impl Into<Bytes>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, header::HeaderValue::from_static("application/json")))
        .body(body.into())
}

/// 200 with the JSON of `body`.
pub(crate) fn json(body: &impl Serialize) -> Answer {
    serde_json::to_vec(body).map(json_bytes).map_err(|error| {
        Problem::new(Code::Internal, format!("The answer could not be encoded: {error}."))
    })
}

/// 200 with plain text.
pub(crate) fn text(body: impl Into<String>) -> HttpResponse {
    HttpResponse::Ok().insert_header(ContentType::plaintext()).body(body.into())
}

/// Refuses every query parameter.
///
/// # Errors
/// 400 that names the parameter.
pub(crate) fn no_parameters(request: &HttpRequest) -> Result<(), Problem> {
    match request.query_string() {
        "" => Ok(()),
        text => crate::query::Params::parse(text, &[]).map(drop),
    }
}
