//! What can be asked of the server about executions.

use std::collections::BTreeMap;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use heartline_execution::{Kind, Phase, Span};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    client::{Answer, Client},
    error::Error,
    types::{Created, Execution, Explanation, Listed},
    watch::{Options, Watch},
};

/// Executions of one page of a list.
const PAGE: &str = "100";

/// An execution to be created.
///
/// ```
/// use heartline_client::{Kind, NewExecution};
/// let new = NewExecution::agent("summarise")
///     .input(&serde_json::json!({"text": "…"}))
///     .label("team", "x")
///     .attempts(3);
/// # let _ = (new, Kind::Agent);
/// ```
#[derive(Clone, Debug)]
pub struct NewExecution {
    body: Map<String, Value>,
    key: Option<String>,
    traceparent: Option<String>,
}

impl NewExecution {
    /// Of this kind, with a name that its runner knows what to do by.
    pub fn new(kind: Kind, name: &str) -> Self {
        let mut body = Map::new();
        body.insert("kind".to_owned(), kind.as_str().into());
        body.insert("name".to_owned(), name.into());
        Self { body, key: None, traceparent: None }
    }

    /// An agent.
    pub fn agent(name: &str) -> Self {
        Self::new(Kind::Agent, name)
    }

    /// A workflow.
    pub fn workflow(name: &str) -> Self {
        Self::new(Kind::Workflow, name)
    }

    /// Any field of the body of `POST /v1/executions`, also one that has no method here.
    #[must_use]
    pub fn set(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body.insert(field.to_owned(), value.into());
        self
    }

    /// A field of an object of the body, such as `retry`.
    #[must_use]
    pub fn set_within(mut self, object: &str, field: &str, value: impl Into<Value>) -> Self {
        let object = self.body.entry(object).or_insert_with(|| json!({}));
        if let Value::Object(object) = object {
            object.insert(field.to_owned(), value.into());
        }
        self
    }

    /// Where it waits for a runner; by default `agents` or `workflows`.
    #[must_use]
    pub fn queue(self, queue: &str) -> Self {
        self.set("queue", queue)
    }

    /// What the handler is given; what cannot be JSON (a map whose keys are no text) is `null`.
    #[must_use]
    pub fn input(self, input: &impl Serialize) -> Self {
        self.set("input", serde_json::to_value(input).unwrap_or_default())
    }

    /// To find it by; at most 64.
    #[must_use]
    pub fn label(self, key: &str, value: &str) -> Self {
        self.set_within("labels", key, value)
    }

    /// How often it is tried at most, the first time included.
    #[must_use]
    pub fn attempts(self, most: u32) -> Self {
        self.set_within("retry", "max_attempts", most)
    }

    /// How long it may wait for a runner.
    #[must_use]
    pub fn schedule_to_start(self, span: Span) -> Self {
        self.set_within("timeouts", "schedule_to_start", span.to_string())
    }

    /// How long nothing may be heard of its runner.
    #[must_use]
    pub fn heartbeat(self, span: Span) -> Self {
        self.set_within("timeouts", "heartbeat", span.to_string())
    }

    /// How long an attempt may take.
    #[must_use]
    pub fn start_to_close(self, span: Span) -> Self {
        self.set_within("timeouts", "start_to_close", span.to_string())
    }

    /// Asking twice with the same key creates one execution. Without a key of yours each call of
    /// [`Client::create`] has one of its own.
    #[must_use]
    pub fn idempotency_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// The W3C trace context that it belongs to, handed to whoever runs it. One that is not well
    /// formed is left out by the server.
    #[must_use]
    pub fn traceparent(mut self, traceparent: &str) -> Self {
        self.traceparent = Some(traceparent.to_owned());
        self
    }
}

/// Which executions are listed; by default all.
#[derive(Clone, Debug, Default)]
pub struct Filter(BTreeMap<&'static str, String>);

impl Filter {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.insert(name, value.into());
        self
    }

    /// Only those in this phase.
    #[must_use]
    pub fn phase(self, phase: Phase) -> Self {
        self.with("phase", phase.as_str())
    }

    /// Only agents, or only workflows.
    #[must_use]
    pub fn kind(self, kind: Kind) -> Self {
        self.with("kind", kind.as_str())
    }

    /// Only those of this name.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.with("name", name)
    }

    /// Only those of this queue.
    #[must_use]
    pub fn queue(self, queue: &str) -> Self {
        self.with("queue", queue)
    }

    /// Only those with this label.
    #[must_use]
    pub fn label(self, key: &str, value: &str) -> Self {
        self.with("label", format!("{key}:{value}"))
    }
}

/// Each fails with [`Error::Unreachable`] when nobody answers, and with [`Error::Problem`] when the
/// server says no.
impl Client {
    /// Creates an execution, repeating the call while no server answers, for at most 30 s: it has an
    /// idempotency key. The reply says who could take it now.
    pub async fn create(&self, new: &NewExecution) -> Result<Created, Error> {
        let key = new.key.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let body = Value::Object(new.body.clone()).to_string();
        let patience = std::time::Duration::from_secs(30);
        let call = || {
            let mut call = self.post("/v1/executions").header("Idempotency-Key", &key);
            if let Some(traceparent) = &new.traceparent {
                call = call.header("traceparent", traceparent);
            }
            call.body(body.clone()).json()
        };
        crate::client::persist(patience, call, |_, _| {}).await
    }

    /// The execution as it is now, with its state: messages, tool calls, tasks and so on.
    pub async fn execution(&self, id: &str) -> Result<Execution, Error> {
        self.get(&format!("/v1/executions/{id}")).json().await
    }

    /// Executions, newest first: a stream over as many pages as there are.
    pub fn list(
        &self,
        filter: &Filter,
    ) -> impl Stream<Item = Result<Execution, Error>> + Send + Unpin + use<> {
        let (client, filter) = (self.clone(), filter.clone());
        let pages = stream::try_unfold(Some(String::new()), move |cursor| {
            let (client, filter) = (client.clone(), filter.clone());
            async move {
                let Some(cursor) = cursor else { return Ok(None) };
                let mut query: Vec<(&str, &str)> =
                    filter.0.iter().map(|(name, value)| (*name, &**value)).collect();
                query.push(("limit", PAGE));
                if !cursor.is_empty() {
                    query.push(("cursor", &cursor));
                }
                let page: Listed = client.get("/v1/executions").query(&query).json().await?;
                let rows = stream::iter(page.executions.into_iter().map(Ok));
                Ok(Some((rows, page.next_cursor)))
            }
        });
        pages.try_flatten().boxed()
    }

    /// Asks an execution to stop; after `grace` (else the server's default) it is forced.
    pub async fn cancel(
        &self,
        id: &str,
        reason: Option<&str>,
        grace: Option<Span>,
    ) -> Result<Answer, Error> {
        let mut body = Map::new();
        if let Some(reason) = reason {
            body.insert("reason".to_owned(), reason.into());
        }
        if let Some(grace) = grace {
            body.insert("grace".to_owned(), grace.to_string().into());
        }
        self.call(id, "cancel", body).send().await
    }

    /// Answers an execution that waits for a person.
    pub async fn resume(&self, id: &str, input: &impl Serialize) -> Result<Answer, Error> {
        let input = serde_json::to_value(input)
            .map_err(|error| Error::Address(format!("the answer cannot be JSON: {error}")))?;
        self.call(id, "resume", Map::from_iter([("input".to_owned(), input)])).send().await
    }

    /// Runs an execution that is over once more, as a new one.
    pub async fn retry(&self, id: &str) -> Result<Created, Error> {
        self.call(id, "retry", Map::new()).json().await
    }

    /// Why it is where it is, and what can be done.
    pub async fn explain(&self, id: &str) -> Result<Explanation, Error> {
        self.get(&format!("/v1/executions/{id}/explain")).json().await
    }

    /// Watches an execution from its first event to its last; see [`Watch`].
    pub fn watch(&self, id: &str) -> Watch {
        Watch::start(self, id, Options::default())
    }

    fn call(&self, id: &str, name: &str, body: Map<String, Value>) -> crate::client::Request<'_> {
        self.post(&format!("/v1/executions/{id}/{name}")).body(Value::Object(body).to_string())
    }
}
