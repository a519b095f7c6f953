//! What can be asked once with `GET` and watched over a WebSocket: the same path, the same body.

use heartline_actors::{Counts, Query};
use heartline_execution::{ExecutionId, Name, Phase, Span};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    app::{App, execution_id},
    error::{Code, Problem},
    nearest::quote,
    query::Params,
    routes::executions::filter,
};

/// What a list of executions can be filtered by.
pub(crate) const FILTERS: &[&str] = &[
    "phase",
    "reason",
    "kind",
    "name",
    "queue",
    "runner",
    "label",
    "parent",
    "retry_of",
    "id_prefix",
    "since",
    "until",
];

/// See the module.
#[derive(Clone, Debug)]
pub(crate) enum Resource {
    Queues,
    Queue(Name),
    Runners,
    Runner(Name),
    Supervisor,
    Explain(ExecutionId),
    Counts(Box<Query>),
}

impl Resource {
    /// From a path, with a query where the resource takes one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(target: &str, app: &App) -> Result<Self, Problem> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parts: Vec<&str> = path.strip_prefix("/v1/").unwrap_or_default().split('/').collect();
        let name = |text: &str, code, what| {
            let invalid =
                |error| Problem::new(code, format!("{what} \"{}\": {error}.", quote(text)));
            text.parse::<Name>().map_err(invalid)
        };
        let known = match parts.as_slice() {
            ["queues"] => Self::Queues,
            ["queues", queue] => Self::Queue(name(queue, Code::QueueNotFound, "Queue")?),
            ["runners"] => Self::Runners,
            ["runners", id] => Self::Runner(name(id, Code::RunnerNotFound, "Runner")?),
            ["supervisor"] => Self::Supervisor,
            ["executions", "counts"] => {
                let params = Params::parse(query, FILTERS)?;
                return Ok(Self::Counts(Box::new(filter(app, &params)?)));
            }
            ["executions", id, "explain"] => Self::Explain(execution_id(id)?),
            _ => {
                let detail = format!(
                    "{} cannot be watched as a resource; these can: /v1/queues, /v1/queues/NAME, \
                     /v1/runners, /v1/runners/ID, /v1/supervisor, /v1/executions/ID/explain, \
                     /v1/executions/counts.",
                    quote(path)
                );
                return Err(Problem::new(Code::RouteNotFound, detail));
            }
        };
        Params::parse(query, &[])?;
        Ok(known)
    }

    /// The body, as JSON.
    ///
    /// # Errors
    /// 404 for what is not there, and what a server says that cannot.
    pub(crate) async fn body(&self, app: &App) -> Result<Vec<u8>, Problem> {
        let (handle, namespace) = (&app.handle, &app.namespace);
        match self {
            Self::Queues => named("queues", &handle.queues(namespace)),
            Self::Queue(name) => json(&handle.queue(namespace, name).ok_or_else(|| {
                let detail = format!(
                    "Queue \"{name}\" holds nothing, nothing is set on it, and no runner that is \
                     known asked it for work."
                );
                Problem::new(Code::QueueNotFound, detail)
            })?),
            Self::Runners => named("runners", &handle.runners(namespace)),
            Self::Runner(id) => json(&handle.runner(namespace, id).ok_or_else(|| {
                let detail = format!(
                    "No runner with the id \"{id}\" is known. One that asks for nothing and holds \
                     nothing is forgotten after {}.",
                    Span::from_std(app.config.supervision.runner_retention)
                );
                Problem::new(Code::RunnerNotFound, detail)
            })?),
            Self::Supervisor => json(&handle.supervisor()),
            Self::Explain(id) => json(&handle.explain(namespace, *id).await?),
            Self::Counts(query) => {
                let Counts { by_phase, cut } = handle.count(Query::clone(query)).await?;
                let counts = Phase::ALL.into_iter().zip(by_phase);
                let counts: Map<String, Value> =
                    counts.map(|(phase, n)| (phase.as_str().to_owned(), n.into())).collect();
                json(&serde_json::json!({"counts": counts, "exact": !cut}))
            }
        }
    }
}

fn json(body: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(body).map_err(|error| {
        Problem::new(Code::Internal, format!("The answer could not be encoded: {error}."))
    })
}

fn named(name: &'static str, list: &impl Serialize) -> Result<Vec<u8>, Problem> {
    #[derive(Serialize)]
    #[serde(transparent)]
    struct Of<'a, T>(std::collections::BTreeMap<&'static str, &'a T>);
    json(&Of(std::iter::once((name, list)).collect()))
}
