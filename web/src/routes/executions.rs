//! Executions as such: create, list, get, update, purge.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderMap, HeaderValue},
    web,
};
use bytes::{BufMut as _, Bytes, BytesMut};
use heartline_actors::{Create, Created, Idempotency, Query};

use super::{Answer, Shared, json_bytes, no_parameters};
use crate::{
    app::{App, execution_of},
    body, durable,
    error::{Code, Problem},
    json::canonical,
    query::{Params, label_of, wrong},
    resource::{FILTERS, Resource},
    schema, wire,
};

/// The most bytes of an `Idempotency-Key`.
const KEY_MAX: usize = 255;

/// Create an execution.
#[utoipa::path(
    post, path = "/v1/executions", tag = "executions", operation_id = "createExecution",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body give the same execution; another body is 422.")),
    request_body = wire::Create,
    responses((status = 201, description = "Created, or found by its idempotency key (then with `Idempotency-Replayed: true`)", body = schema::Created,
        headers(("Location" = String, description = "The execution")))),
)]
pub(crate) async fn create(app: Shared, request: HttpRequest, payload: web::Payload) -> Answer {
    no_parameters(&request)?;
    let key = idempotency_key(request.headers())?;
    let bytes = body::read(&app, &request, payload).await?;
    let wanted: wire::Create = body::parse(&app, &bytes)?;
    let traceparent = request
        .headers()
        .get("traceparent")
        .and_then(|v| v.to_str().ok())
        .and_then(wire::traceparent);
    let spec = wanted.into_spec(app.namespace.clone(), app.handle.now(), traceparent)?;
    let idempotency = key
        .map(|key| Idempotency { key, fingerprint: *blake3::hash(&canonical(&bytes)).as_bytes() });
    let created = app.handle.create(Create { spec, idempotency }).await?;
    created_response(&created)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=KEY_MAX).contains(&key.len()));
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        Problem::new(
            Code::InvalidHeader,
            format!("Idempotency-Key has 1 to {KEY_MAX} visible ASCII characters."),
        )
    })
}

/// 201 with the execution and who could take it.
pub(crate) fn created_response(created: &Created) -> Answer {
    let dispatch = serde_json::to_vec(&created.dispatch).map_err(|error| {
        Problem::new(Code::Internal, format!("The answer could not be encoded: {error}."))
    })?;
    let mut json = BytesMut::with_capacity(created.execution.len() + dispatch.len() + 32);
    json.put_slice(b"{\"execution\":");
    json.put_slice(&created.execution);
    json.put_slice(b",\"dispatch\":");
    json.put_slice(&dispatch);
    json.put_u8(b'}');
    let mut response = HttpResponse::Created();
    response
        .insert_header((header::CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .insert_header((header::LOCATION, format!("/v1/executions/{}", created.id)));
    if created.replayed {
        response.insert_header(("idempotency-replayed", "true"));
    }
    Ok(response.body(json.freeze()))
}

/// List executions, newest first.
#[utoipa::path(
    get, path = "/v1/executions", tag = "executions", operation_id = "listExecutions",
    params(
        schema::Filters,
        ("limit" = Option<u64>, Query, minimum = 1, description = "Rows wanted"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page", body = schema::Listed)),
)]
pub(crate) async fn list(app: Shared, request: HttpRequest) -> Answer {
    let known = [FILTERS, &["limit", "cursor"]].concat();
    let params = Params::parse(request.query_string(), &known)?;
    let http = &app.config.http;
    let limit = params.number("limit", 1, http.list_limit as u64)?;
    let query = Query {
        limit: limit.map_or(http.list_default, |n| n as usize),
        cursor: params.get("cursor")?,
        ..filter(&app, &params)?
    };
    let listed = app.handle.list(query).await?;
    let mut json =
        BytesMut::with_capacity(64 + listed.executions.iter().map(|e| e.len() + 1).sum::<usize>());
    json.put_slice(b"{\"executions\":[");
    for (index, execution) in listed.executions.iter().enumerate() {
        if index > 0 {
            json.put_u8(b',');
        }
        json.put_slice(execution);
    }
    json.put_slice(b"],\"next_cursor\":");
    match listed.next {
        Some(cursor) => json.put_slice(format!("\"{cursor}\"").as_bytes()),
        None => json.put_slice(b"null"),
    }
    json.put_u8(b'}');
    Ok(json_bytes(json))
}

/// Count executions by phase.
#[utoipa::path(
    get, path = "/v1/executions/counts", tag = "executions", operation_id = "countExecutions",
    params(schema::Filters),
    responses((status = 200, description = "How many", body = schema::Counted)),
)]
pub(crate) async fn count(app: Shared, request: HttpRequest) -> Answer {
    let params = Params::parse(request.query_string(), FILTERS)?;
    let query = Box::new(filter(&app, &params)?);
    Ok(json_bytes(Resource::Counts(query).body(&app).await?))
}

/// What a list is filtered by.
///
/// # Errors
/// 400 that names the parameter.
pub(crate) fn filter(app: &App, params: &Params<'_>) -> Result<Query, Problem> {
    let label = params.text("label").map(label_of);
    let kind = params.text("kind").map(|text| {
        let kind = heartline_execution::Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
        kind.ok_or_else(|| wrong("kind", "a kind is agent or workflow"))
    });
    Ok(Query {
        phase: params.get("phase")?,
        reason: params.get("reason")?,
        parent: params.get("parent")?,
        retry_of: params.get("retry_of")?,
        kind: kind.transpose()?,
        name: params.text("name").map(str::to_owned),
        queue: params.get("queue")?,
        runner: params.get("runner")?,
        label: label.transpose().map_err(|message| wrong("label", message))?,
        id_prefix: params.text("id_prefix").map(str::to_owned),
        since: params.get("since")?,
        until: params.get("until")?,
        ..Query::all(app.namespace.clone(), 1)
    })
}

/// One execution, with its state.
#[utoipa::path(
    get, path = "/v1/executions/{id}", tag = "executions", operation_id = "getExecution",
    params(
        ("id" = schema::ExecutionId, Path, description = "The execution"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer"),
    ),
    responses(
        (status = 200, description = "The execution", body = schema::ExecutionWithState,
            headers(("ETag" = String, description = "Its seq, quoted"))),
        (status = 304, description = "It has not moved on since `If-None-Match`"),
    ),
)]
pub(crate) async fn get(app: Shared, request: HttpRequest) -> Answer {
    no_parameters(&request)?;
    let view = app.handle.view(&app.namespace, execution_of(&request)?).await?;
    let known = durable::matches(request.headers(), &format!("\"{}\"", view.seq));
    let mut response =
        if known { HttpResponse::NotModified().finish() } else { json_bytes(view.full) };
    response.headers_mut().insert(header::ETAG, etag(view.seq));
    Ok(response)
}

fn etag(seq: u64) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(format!("\"{seq}\"")))
        .expect("digits are a header value")
}

/// Change labels, priority or timeouts of a live execution.
#[utoipa::path(
    patch, path = "/v1/executions/{id}", tag = "executions", operation_id = "updateExecution",
    params(
        ("id" = schema::ExecutionId, Path, description = "The execution"),
        ("If-Match" = Option<String>, Header, description = "Refuse with 412 unless the log ends at this seq"),
    ),
    request_body = wire::Update,
    responses((status = 200, description = "As it is now", body = schema::Execution,
        headers(("ETag" = String, description = "Its seq, quoted")))),
)]
pub(crate) async fn update(app: Shared, request: HttpRequest, payload: web::Payload) -> Answer {
    no_parameters(&request)?;
    let id = execution_of(&request)?;
    let if_match = if_match(request.headers())?;
    let bytes = body::read(&app, &request, payload).await?;
    let wanted: wire::Update = body::parse(&app, &bytes)?;
    app.handle.command(&app.namespace, id, wanted.into_command(if_match)).await?;
    let view = app.handle.view(&app.namespace, id).await?;
    let mut response = json_bytes(view.execution);
    response.headers_mut().insert(header::ETAG, etag(view.seq));
    Ok(response)
}

/// `"17"`; `*` and absence match whatever is there.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let seq = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    let digits = !seq.is_empty() && seq.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| seq.parse().ok()).flatten().map(Some).ok_or_else(|| {
        Problem::new(Code::InvalidHeader, "If-Match is one ETag of this execution, such as \"17\".")
    })
}

/// Remove a terminal execution for good.
#[utoipa::path(
    delete, path = "/v1/executions/{id}", tag = "executions", operation_id = "purgeExecution",
    params(("id" = schema::ExecutionId, Path, description = "The execution")),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn purge(app: Shared, request: HttpRequest) -> Answer {
    no_parameters(&request)?;
    app.handle.purge(&app.namespace, execution_of(&request)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_comes_back_as_a_seq() {
        let mut headers = HeaderMap::new();
        assert_eq!(if_match(&headers).unwrap(), None);
        for (text, seq) in [("\"17\"", Some(17)), ("17", Some(17)), ("*", None)] {
            headers.insert(header::IF_MATCH, HeaderValue::from_static(text));
            assert_eq!(if_match(&headers).unwrap(), seq);
        }
        for wrong in ["W/\"17\"", "\"17\", \"18\"", "\"x\"", "\"\"", "\"-1\""] {
            headers.insert(header::IF_MATCH, HeaderValue::from_static(wrong));
            assert_eq!(if_match(&headers).unwrap_err().code(), Code::InvalidHeader, "{wrong}");
        }
    }
}
