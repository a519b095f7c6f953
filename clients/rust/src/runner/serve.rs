//! Handlers by name: each lease is given to the one of its execution's name.

use std::{any::Any, collections::HashMap, panic::AssertUnwindSafe, pin::pin, sync::Arc};

use futures_util::{FutureExt as _, future::BoxFuture};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::task::JoinSet;

use super::{
    Context, Failed, Leases, Runner,
    failed::Why,
    lease::{Failure, Lease},
};
use crate::error::Error;

/// What a handler came to: its output as JSON, or why there is none.
type Outcome = Result<Option<Box<RawValue>>, Failed>;

pub(super) type Handler = Arc<dyn Fn(Context) -> BoxFuture<'static, Outcome> + Send + Sync>;

impl Runner {
    /// Runs executions of this name with `handler`. What it returns is the execution's output; `()`
    /// is none. Its future is dropped when the lease is lost. A panic fails the attempt.
    pub fn handler<F, Fut, T>(mut self, name: &str, handler: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Failed>> + Send + 'static,
        T: Serialize,
    {
        self.handlers.insert(name.to_owned(), boxed(handler));
        self
    }

    /// Runs executions of every other name. Without one these fail with `no_handler`, and may be
    /// retried: another runner of the queue may have the handler.
    pub fn fallback<F, Fut, T>(mut self, handler: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Failed>> + Send + 'static,
        T: Serialize,
    {
        self.fallback = Some(boxed(handler));
        self
    }
}

fn boxed<F, Fut, T>(handler: F) -> Handler
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, Failed>> + Send + 'static,
    T: Serialize,
{
    Arc::new(move |context| {
        let running = handler(context);
        async move { running.await.and_then(|output| json(&output)) }.boxed()
    })
}

fn json(output: &impl Serialize) -> Outcome {
    let output = serde_json::value::to_raw_value(output).map_err(|error| {
        Failed::permanent("output_not_json", format!("The output cannot be JSON: {error}."))
    })?;
    Ok((output.get() != "null").then_some(output))
}

/// Serves until `shutdown` is done and every handler has ended.
pub(super) async fn run(
    mut leases: Leases,
    handlers: HashMap<String, Handler>,
    fallback: Option<Handler>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let mut shutdown = pin!(shutdown.fuse());
    let mut jobs = JoinSet::new();
    loop {
        tokio::select! {
            lease = leases.next() => {
                let Some(lease) = lease? else { break };
                let name = &lease.execution().name;
                let handler = handlers.get(name).or(fallback.as_ref()).cloned();
                jobs.spawn(work(lease, handler));
            }
            () = &mut shutdown => leases.drain(),
            // What its handler came to is known to the server.
            Some(_) = jobs.join_next() => {}
        }
    }
    while jobs.join_next().await.is_some() {}
    Ok(())
}

async fn work(lease: Lease, handler: Option<Handler>) {
    let Some(handler) = handler else {
        let message = format!("This runner has no handler '{}'.", lease.execution().name);
        return tell(&lease, Err(Failed::retryable("no_handler", message))).await;
    };
    let context = Context::new(lease);
    let lease = context.lease();
    let running = AssertUnwindSafe(async { handler(context.clone()).await }).catch_unwind();
    let outcome = tokio::select! {
        biased;
        outcome = running => outcome,
        () = lease.lost().cancelled() => return,
    };
    tell(lease, outcome.unwrap_or_else(|panic| Err(panicked(&*panic)))).await;
}

/// Tells the server, for as long as it takes.
async fn tell(lease: &Lease, outcome: Outcome) {
    let told = match outcome {
        Ok(output) => match lease.complete(output.as_deref()).await {
            Err(Error::Problem(problem)) if matches!(problem.status, 400 | 413 | 422) => {
                let failed = Failed::permanent("output_refused", "The output was not taken.");
                return Box::pin(tell(lease, Err(failed.detail(problem.to_string())))).await;
            }
            told => told,
        },
        Err(Failed(Why::Failed(failure))) => lease.fail(&failure).await,
        Err(Failed(Why::Cancelled)) if lease.cancelled().is_cancelled() => {
            lease.confirm_cancelled().await
        }
        Err(Failed(Why::Cancelled)) => lease.fail(&stopped()).await,
    };
    if let Err(error) = told {
        let execution = &lease.execution().id;
        tracing::warn!(execution, %error, "how it ended was not taken");
    }
}

fn stopped() -> Failure {
    Failure {
        code: "stopped".to_owned(),
        message: "The handler stopped, though nobody had asked for that.".to_owned(),
        detail: None,
        hint: None,
        retryable: true,
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Failed {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    let failed = Failed::retryable("panic", "The handler panicked.");
    match text {
        Some(text) => failed.detail(text),
        None => failed,
    }
}
