//! `/openapi.json`, out of the handlers' and the wire types' own descriptions.

use bytes::Bytes;
use heartline_config::Config;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, RefOr, Required, ResponseBuilder, path::Operation, response::Response,
    },
};

use crate::{
    error::{Code, PROBLEM_JSON},
    routes::{events, executions, operations, person, runner, stream, streams},
    schema,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Heartline",
        description = "An execution supervisor: create executions, watch them, run them. \
            Live updates also come over the WebSocket at /v1/ws (subprotocol heartline.v1.json).",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        executions::create, executions::list, executions::count, executions::get, executions::update, executions::purge,
        events::read, stream::read, stream::head,
        streams::create, streams::append, streams::read, streams::head, streams::delete,
        person::explain, person::cancel, person::resume, person::retry,
        runner::claim, runner::post_events, runner::heartbeat, runner::complete, runner::fail, runner::wait,
        runner::cancel_acknowledged, runner::cancelled,
        operations::queues, operations::queue, operations::update_queue, operations::runners, operations::runner, operations::supervisor,
        operations::livez, operations::readyz, operations::metrics, operations::openapi,
        operations::asyncapi,
    ),
    components(schemas(schema::Problem, schema::FieldError, schema::ViewName, schema::Phase, schema::Reason, schema::Kind, schema::ExecutionId, schema::Name, schema::Instant, schema::Duration)),
    tags(
        (name = "executions", description = "The person's side"),
        (name = "events", description = "The log"),
        (name = "streams", description = "Plain durable streams, where `streams.enabled` is set"),
        (name = "runners", description = "The runner's side"),
        (name = "operations", description = "The operator's side"),
    ),
    modifiers(&Errors),
)]
struct Document;

/// The document as it is served.
pub(crate) fn document(config: &Config) -> Bytes {
    let mut document = Document::openapi();
    if !config.streams.enabled {
        document.paths.paths.retain(|path, _| !path.starts_with(streams::ROOT));
    }
    let http = &config.http;
    let limits = format!(
        "\n\nLimits of this server: request body {} bytes, event {} bytes, {} events per post, nesting {} levels, \
         lists of {} rows, {} leases per claim, waits of {}.",
        http.body_bytes,
        http.event_bytes,
        http.batch_events,
        http.max_depth,
        http.list_limit,
        http.claim_slots_max,
        heartline_execution::Span(
            u64::try_from(http.long_poll_max.as_micros()).unwrap_or(u64::MAX)
        ),
    );
    document.info.description.get_or_insert_default().push_str(&limits);
    Bytes::from(serde_json::to_vec(&document).expect("a description is plain JSON"))
}

/// Gives every operation the problems it can answer with.
struct Errors;

impl Modify for Errors {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let has_id = path.contains('{');
            let methods = [
                (&mut item.get, false),
                (&mut item.head, false),
                (&mut item.put, true),
                (&mut item.post, true),
                (&mut item.patch, true),
                (&mut item.delete, false),
            ];
            for (operation, has_body) in methods {
                if let Some(operation) = operation {
                    describe(operation, path, has_id, has_body);
                }
            }
        }
    }
}

/// Operations whose body may be left out.
const BODY_OPTIONAL: [&str; 5] =
    ["cancelExecution", "resumeExecution", "retryExecution", "createStream", "appendToStream"];

fn describe(operation: &mut Operation, path: &str, has_id: bool, has_body: bool) {
    if BODY_OPTIONAL.iter().any(|id| operation.operation_id.as_deref() == Some(id))
        && let Some(RefOr::T(body)) = &mut operation.request_body
    {
        body.required = Some(Required::False);
    }
    let writes = has_body || operation.operation_id.as_deref() == Some("purgeExecution");
    // Another protocol, with statuses of its own.
    let plain = path.starts_with(streams::ROOT);
    for status in [400, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422, 500, 503] {
        let applies = match status {
            410 => plain,
            412 | 415 | 422 if plain => false,
            404 => has_id,
            406 => path.ends_with("/events") && !has_body,
            409 | 412 => writes && has_id,
            413 | 415 | 422 => has_body,
            _ => true,
        };
        if applies {
            operation.responses.responses.insert(status.to_string(), RefOr::T(problem(status)));
        }
    }
}

fn problem(status: u16) -> Response {
    let titles: Vec<&str> =
        Code::ALL.iter().filter(|c| c.status() == status).map(|c| c.as_str()).collect();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(titles.join(", ")).content(PROBLEM_JSON, content).build()
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_tells_its_errors() {
        let mut config = Config::default();
        config.streams.enabled = true;
        let document: Value = serde_json::from_slice(&document(&config)).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let problem = &operation["responses"]["503"]["content"]["application/problem+json"];
                assert!(problem.is_object(), "{method} {path}");
                assert!(operation["operationId"].is_string(), "{method} {path}");
            }
        }
    }

    pub(crate) fn collect(value: &Value, references: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    references.push(reference.clone());
                }
                map.values().for_each(|value| collect(value, references));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
