//! The runner's side of an execution. Each call names the lease it writes under; the domain
//! refuses any but the current one.
//!
//! Posting events is the hot path: nothing is copied that need not be, and the answer is written
//! by hand.

use std::cell::OnceCell;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{BufMut as _, BytesMut};
use heartline_actors::{Alive, Beat, Granted, Resumed};
use heartline_config::Http;
use heartline_execution::{Command, Content, Reply, Span, content::FieldError};
use serde_json::value::RawValue;

use super::{Answer, Shared, json_bytes, no_parameters};
use crate::{
    answer::check_schema,
    app::{App, execution_of, name_of},
    body,
    connection::Connection,
    error::{Code, Problem},
    json::Object,
    lease, schema, wire,
};

/// Append what the runner produced.
#[utoipa::path(
    post, path = "/v1/executions/{id}/events", tag = "runners", operation_id = "postEvents",
    params(("id" = schema::ExecutionId, Path, description = "The execution")),
    request_body = wire::PostEvents,
    responses((status = 200, description = "They are in the log; a repeated batch answers as before", body = schema::Done)),
)]
pub(crate) async fn post_events(
    app: Shared,
    request: HttpRequest,
    payload: web::Payload,
) -> Answer {
    no_parameters(&request)?;
    let id = execution_of(&request)?;
    let bytes = body::read(&app, &request, payload).await?;
    let command = posted(&app, &bytes)?;
    drop(bytes);
    done(app.handle.command(&app.namespace, id, command).await?)
}

fn posted(app: &App, bytes: &[u8]) -> Result<Command, Problem> {
    let wire::PostEvents { lease, batch, events } = body::parse(app, bytes)?;
    wire::batch_number(batch)?;
    let contents = contents(&app.config.http, events)?;
    Ok(Command::PostEvents { lease, batch, events: contents })
}

/// What a runner posts, each event checked.
///
/// # Errors
/// 413 or 422 that names the event.
pub(crate) fn contents(
    limits: &Http,
    events: Vec<Object<wire::PostedEvent<'_>>>,
) -> Result<Vec<Content>, Problem> {
    let (most, largest) = (limits.batch_events, limits.event_bytes);
    if events.is_empty() || events.len() > most {
        let message = format!("has {} events; from 1 to {most} are allowed", events.len());
        return Err(Problem::at(Code::Invalid, "/events", message));
    }
    let mut contents = Vec::with_capacity(events.len());
    for (index, Object(event)) in events.into_iter().enumerate() {
        let length = event.data.get().len();
        if length > largest {
            let message = format!("has {length} bytes; at most {largest} are allowed");
            return Err(Problem::at(Code::BodyTooLarge, format!("/events/{index}/data"), message));
        }
        let content =
            Content::parse(&event.type_name, event.data).map_err(|errors| within(index, errors))?;
        contents.push(content);
    }
    Ok(contents)
}

/// The errors of the event at `index`, with pointers from the body's root.
#[cold]
fn within(index: usize, errors: Vec<FieldError>) -> Problem {
    let from_root = |error: FieldError| FieldError {
        pointer: format!("/events/{index}{}", error.pointer),
        ..error
    };
    Problem::fields(Code::Invalid, errors.into_iter().map(from_root).collect())
}

/// `{"seq":…,"cancel_requested":…}`.
pub(crate) fn done(reply: Reply) -> Answer {
    match reply {
        Reply::Done { seq, cancel_requested } => {
            Ok(json_bytes(format!("{{\"seq\":{seq},\"cancel_requested\":{cancel_requested}}}")))
        }
        Reply::Claimed { .. } => {
            Err(Problem::new(Code::Internal, "The reply does not fit the command."))
        }
    }
}

/// Take work from a queue, or wait for some.
#[utoipa::path(
    post, path = "/v1/queues/{queue}/claim", tag = "runners", operation_id = "claim",
    params(("queue" = schema::Name, Path, description = "The queue")),
    request_body = wire::Claim,
    responses(
        (status = 200, description = "Leases", body = schema::Claimed),
        (status = 204, description = "There was nothing, for as long as was asked"),
    ),
)]
pub(crate) async fn claim(app: Shared, request: HttpRequest, payload: web::Payload) -> Answer {
    no_parameters(&request)?;
    let queue = name_of(&request, "queue")?;
    let bytes = body::read(&app, &request, payload).await?;
    let wanted: wire::Claim = body::parse(&app, &bytes)?;
    let most = u64::try_from(app.config.http.long_poll_max.as_micros()).unwrap_or(u64::MAX);
    let (slots, wait) = (wanted.slots, Span(wanted.wait.0.min(most)));
    let runner = wanted.into_runner(app.config.http.claim_slots_max)?;
    // Lives as long as this handler, and so do its probes.
    let peer = OnceCell::new();
    let alive = || match request.conn_data::<Connection>() {
        Some(connection) => Box::new(peer.get_or_init(|| connection.peer()).probe()),
        None => Box::new(|| true) as Alive,
    };
    let claim = heartline_actors::Claim { queue, runner, slots, wait, alive: &alive };
    let granted = tokio::select! {
        granted = app.handle.claim(&app.namespace, claim) => granted?,
        () = app.draining.begun() => Vec::new(),
    };
    if granted.is_empty() {
        return Ok(HttpResponse::NoContent().finish());
    }
    Ok(json_bytes(leases(&granted)))
}

fn leases(granted: &[Granted]) -> BytesMut {
    let mut json = BytesMut::with_capacity(granted.iter().map(|g| g.execution.len() + 192).sum());
    json.put_slice(b"{\"leases\":[");
    for (index, granted) in granted.iter().enumerate() {
        json.put_slice(if index > 0 { b",{" } else { b"{" });
        lease::write(&mut json, granted);
        json.put_u8(b'}');
    }
    json.put_slice(b"]}");
    json
}

/// A sign of life, with progress where there is some.
#[utoipa::path(
    post, path = "/v1/executions/{id}/heartbeat", tag = "runners", operation_id = "heartbeat",
    params(("id" = schema::ExecutionId, Path, description = "The execution")),
    request_body = wire::Heartbeat,
    responses((status = 200, description = "Heard", body = schema::Beat)),
)]
pub(crate) async fn heartbeat(app: Shared, request: HttpRequest, payload: web::Payload) -> Answer {
    no_parameters(&request)?;
    let id = execution_of(&request)?;
    let bytes = body::read(&app, &request, payload).await?;
    let wire::Heartbeat { lease, progress, knows } = body::parse(&app, &bytes)?;
    let progress = progress.map(|Object(progress)| progress);
    if let Some(progress) = &progress {
        wire::check_progress("/progress", progress, app.config.http.event_bytes)?;
    }
    let beat = app.handle.heartbeat(&app.namespace, id, lease, progress, knows).await?;
    let Beat { cancel_requested, deadline, resumed } = beat;
    let resumed = resumed.map_or_else(String::new, |Resumed { seq, input }| {
        let input = input.as_deref().map_or("null", RawValue::get);
        format!(",\"resumed\":{{\"seq\":{seq},\"input\":{input}}}")
    });
    Ok(json_bytes(format!(
        "{{\"cancel_requested\":{cancel_requested},\"deadline\":\"{deadline}\"{resumed}}}"
    )))
}

/// The runner finished.
#[utoipa::path(
    post, path = "/v1/executions/{id}/complete", tag = "runners", operation_id = "complete",
    params(("id" = schema::ExecutionId, Path, description = "The execution")),
    request_body = wire::Complete,
    responses((status = 200, description = "Completed; asking again under the same lease answers the same", body = schema::Done)),
)]
pub(crate) async fn complete(app: Shared, request: HttpRequest, payload: web::Payload) -> Answer {
    no_parameters(&request)?;
    let id = execution_of(&request)?;
    let bytes = body::read(&app, &request, payload).await?;
    let wire::Complete { lease, output } = body::parse(&app, &bytes)?;
    let command = Command::Complete { lease, output: output.map(wire::one_line) };
    done(app.handle.command(&app.namespace, id, command).await?)
}

/// The runner failed.
#[utoipa::path(
    post, path = "/v1/executions/{id}/fail", tag = "runners", operation_id = "fail",
    params(("id" = schema::ExecutionId, Path, description = "The execution")),
    request_body = wire::Fail,
    responses((status = 200, description = "The attempt failed; it is retried where the policy says so", body = schema::Done)),
)]
pub(crate) async fn fail(app: Shared, request: HttpRequest, payload: web::Payload) -> Answer {
    no_parameters(&request)?;
    let id = execution_of(&request)?;
    let bytes = body::read(&app, &request, payload).await?;
    let told: wire::Fail = body::parse(&app, &bytes)?;
    let lease = told.lease;
    let command = Command::Fail { lease, error: told.into_failure()? };
    done(app.handle.command(&app.namespace, id, command).await?)
}

/// The runner asks a person.
#[utoipa::path(
    post, path = "/v1/executions/{id}/wait", tag = "runners", operation_id = "wait",
    params(("id" = schema::ExecutionId, Path, description = "The execution")),
    request_body = wire::Wait,
    responses((status = 200, description = "The question stands; a repeat of it answers as before", body = schema::Done)),
)]
pub(crate) async fn wait(app: Shared, request: HttpRequest, payload: web::Payload) -> Answer {
    no_parameters(&request)?;
    let id = execution_of(&request)?;
    let bytes = body::read(&app, &request, payload).await?;
    let asked: wire::Wait = body::parse(&app, &bytes)?;
    asked.check()?;
    let command = asked.into_command();
    if let Command::Wait { schema: Some(schema), .. } = &command {
        let schema = schema.clone();
        web::block(move || check_schema(&schema)).await.map_err(|error| {
            Problem::new(Code::Internal, format!("The schema could not be checked: {error}."))
        })??;
    }
    done(app.handle.command(&app.namespace, id, command).await?)
}

/// The runner has heard that it is to stop, and is stopping.
#[utoipa::path(
    post, path = "/v1/executions/{id}/cancel_acknowledged", tag = "runners", operation_id = "acknowledgeCancel",
    params(("id" = schema::ExecutionId, Path, description = "The execution")),
    request_body = wire::Cancelled,
    responses((status = 200, description = "It is in the log; asking again answers the same", body = schema::Done)),
)]
pub(crate) async fn cancel_acknowledged(
    app: Shared,
    request: HttpRequest,
    payload: web::Payload,
) -> Answer {
    no_parameters(&request)?;
    let id = execution_of(&request)?;
    let bytes = body::read(&app, &request, payload).await?;
    let wire::Cancelled { lease } = body::parse(&app, &bytes)?;
    done(app.handle.command(&app.namespace, id, Command::AcknowledgeCancel { lease }).await?)
}

/// The runner has stopped on request.
#[utoipa::path(
    post, path = "/v1/executions/{id}/cancelled", tag = "runners", operation_id = "confirmCancelled",
    params(("id" = schema::ExecutionId, Path, description = "The execution")),
    request_body = wire::Cancelled,
    responses((status = 200, description = "Cancelled", body = schema::Done)),
)]
pub(crate) async fn cancelled(app: Shared, request: HttpRequest, payload: web::Payload) -> Answer {
    no_parameters(&request)?;
    let id = execution_of(&request)?;
    let bytes = body::read(&app, &request, payload).await?;
    let wire::Cancelled { lease } = body::parse(&app, &bytes)?;
    done(app.handle.command(&app.namespace, id, Command::ConfirmCancelled { lease }).await?)
}
