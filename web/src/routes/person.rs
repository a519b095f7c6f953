//! The person's side of an execution: explain, cancel, answer, try again.

use actix_web::{HttpRequest, web};
use heartline_execution::{Command, Phase};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Answer, Shared, executions::created_response, json, no_parameters, runner::done};
use crate::{
    answer::check_answer,
    app::execution_of,
    body,
    error::{Code, Problem},
    schema, wire,
};

/// Why an execution is where it is, and what to do.
#[utoipa::path(
    get, path = "/v1/executions/{id}/explain", tag = "executions", operation_id = "explainExecution",
    params(("id" = schema::ExecutionId, Path, description = "The execution")),
    responses((status = 200, description = "Cause, evidence, next deadline, actions", body = schema::Explanation)),
)]
pub(crate) async fn explain(app: Shared, request: HttpRequest) -> Answer {
    no_parameters(&request)?;
    json(&app.handle.explain(&app.namespace, execution_of(&request)?).await?)
}

/// Ask an execution to stop.
#[utoipa::path(
    post, path = "/v1/executions/{id}/cancel", tag = "executions", operation_id = "cancelExecution",
    params(("id" = schema::ExecutionId, Path, description = "The execution")),
    request_body = wire::Cancel,
    responses((status = 200, description = "Requested; or cancelled, when no runner holds it", body = schema::Done)),
)]
pub(crate) async fn cancel(app: Shared, request: HttpRequest, payload: web::Payload) -> Answer {
    no_parameters(&request)?;
    let id = execution_of(&request)?;
    let bytes = body::read_optional(&app, &request, payload).await?;
    let asked: wire::Cancel = body::parse_optional(&app, &bytes)?;
    asked.check()?;
    let command = Command::RequestCancel { reason: asked.reason, grace: asked.grace };
    done(app.handle.command(&app.namespace, id, command).await?)
}

/// Answer an execution that waits.
#[utoipa::path(
    post, path = "/v1/executions/{id}/resume", tag = "executions", operation_id = "resumeExecution",
    params(("id" = schema::ExecutionId, Path, description = "The execution")),
    request_body = wire::Resume,
    responses((status = 200, description = "Answered", body = schema::Done)),
)]
pub(crate) async fn resume(app: Shared, request: HttpRequest, payload: web::Payload) -> Answer {
    no_parameters(&request)?;
    let id = execution_of(&request)?;
    let bytes = body::read_optional(&app, &request, payload).await?;
    let answer: wire::Resume = body::parse_optional(&app, &bytes)?;
    let input = answer.input.map(wire::one_line);
    let view = app.handle.view(&app.namespace, id).await?;
    if view.phase == Phase::Waiting
        && let Some(schema) = asked_schema(&view.execution)
    {
        check_off_thread(schema, input.clone()).await?;
    }
    done(app.handle.command(&app.namespace, id, Command::Resume { input }).await?)
}

/// The open question's schema, out of an execution's JSON.
fn asked_schema(execution: &[u8]) -> Option<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Asked<'a> {
        #[serde(borrow)]
        waiting: Option<Question<'a>>,
    }
    #[derive(Deserialize)]
    struct Question<'a> {
        #[serde(borrow)]
        schema: Option<&'a RawValue>,
    }
    let asked: Asked<'_> = serde_json::from_slice(execution).ok()?;
    asked.waiting?.schema.map(ToOwned::to_owned)
}

/// Someone else's schema may be slow; other requests of this thread do not wait for it.
async fn check_off_thread(
    schema: Box<RawValue>,
    input: Option<Box<RawValue>>,
) -> Result<(), Problem> {
    web::block(move || check_answer(&schema, input.as_deref())).await.map_err(|error| {
        Problem::new(Code::Internal, format!("The answer could not be checked: {error}."))
    })?
}

/// A new execution of what a terminal one was asked to do.
#[utoipa::path(
    post, path = "/v1/executions/{id}/retry", tag = "executions", operation_id = "retryExecution",
    params(("id" = schema::ExecutionId, Path, description = "The terminal execution")),
    request_body = wire::Retried,
    responses((status = 201, description = "The new execution, with `retry_of`", body = schema::Created,
        headers(("Location" = String, description = "The new execution")))),
)]
pub(crate) async fn retry(app: Shared, request: HttpRequest, payload: web::Payload) -> Answer {
    no_parameters(&request)?;
    let id = execution_of(&request)?;
    let bytes = body::read_optional(&app, &request, payload).await?;
    let wire::Retried {} = body::parse_optional(&app, &bytes)?;
    created_response(&app.handle.retry(&app.namespace, id).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_found_where_there_is_one() {
        let schema = asked_schema(br#"{"id":"x","waiting":{"prompt":null,"schema":{"a": 1}}}"#);
        assert_eq!(schema.unwrap().get(), r#"{"a": 1}"#);
        assert!(asked_schema(br#"{"waiting":{"schema":null}}"#).is_none());
        assert!(asked_schema(br#"{"waiting":null}"#).is_none());
    }
}
