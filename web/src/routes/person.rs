//! The person's side of an execution: explain, cancel, answer, try again.

use actix_web::{HttpRequest, web};
use heartline_execution::Command;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Answer, Shared, executions::created_response, json_bytes, no_parameters, runner::done,
};
use crate::{
    answer::check_answer,
    app::execution_of,
    body,
    error::{Code, Problem},
    resource::Resource,
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
    let explained = Resource::Explain(execution_of(&request)?);
    Ok(json_bytes(explained.body(&app).await?))
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
    let (open, schema) = open_question(&view.execution);
    let question = answer.question.unwrap_or(open);
    if let Some(schema) = schema.filter(|_| question == open) {
        check_off_thread(schema, input.clone()).await?;
    }
    // Also where nobody said so: a question that is asked from here on has another schema.
    let command = Command::Resume { input, question: Some(question) };
    done(app.handle.command(&app.namespace, id, command).await?)
}

/// The open question's seq and schema, out of an execution's JSON; seq 0, which is no event's,
/// where none is open.
fn open_question(execution: &[u8]) -> (u64, Option<Box<RawValue>>) {
    #[derive(Deserialize)]
    struct Asked<'a> {
        #[serde(borrow)]
        waiting: Option<Question<'a>>,
    }
    #[derive(Deserialize)]
    struct Question<'a> {
        seq: u64,
        #[serde(borrow)]
        schema: Option<&'a RawValue>,
    }
    // Our own JSON. Were it ever not readable, seq 0 has the answer refused, not taken unchecked.
    let asked: Option<Asked<'_>> = serde_json::from_slice(execution).ok();
    match asked.and_then(|asked| asked.waiting) {
        Some(open) => (open.seq, open.schema.map(ToOwned::to_owned)),
        None => (0, None),
    }
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
    fn the_open_question_is_found_where_there_is_one() {
        let asked = br#"{"id":"x","waiting":{"seq":3,"prompt":null,"schema":{"a": 1}}}"#;
        let (seq, schema) = open_question(asked);
        assert_eq!((seq, schema.unwrap().get()), (3, r#"{"a": 1}"#));
        let (seq, schema) = open_question(br#"{"waiting":{"seq":3,"schema":null}}"#);
        assert!(seq == 3 && schema.is_none());
        let (seq, schema) = open_question(br#"{"waiting":null}"#);
        assert!(seq == 0 && schema.is_none());
    }
}
