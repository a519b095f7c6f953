//! What a handler is given.

use std::{sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};
use tokio_util::sync::CancellationToken;

use super::{Cancellation, Failed, Lease, Question, failed::over};
use crate::types::{Checkpoint, Execution};

/// An execution in the hands of its handler. Cheap to clone.
///
/// Everything that writes waits while the buffer of the execution is full, which is when the server
/// is away for long; it fails when the lease is lost. What writes in `say` (messages, tool calls,
/// tasks and so on) goes through [`Context::emit`].
#[derive(Clone, Debug)]
pub struct Context(Arc<Lease>);

impl Context {
    pub(super) fn new(lease: Lease) -> Self {
        Self(Arc::new(lease))
    }

    /// The lease itself, for what has no method here.
    pub fn lease(&self) -> &Lease {
        &self.0
    }

    /// `aex_…` or `wex_…`.
    pub fn id(&self) -> &str {
        &self.execution().id
    }

    /// The execution as it was when it was granted.
    pub fn execution(&self) -> &Execution {
        self.0.execution()
    }

    /// The n-th try, from 1.
    pub fn attempt(&self) -> u32 {
        self.0.attempt()
    }

    /// The input.
    ///
    /// # Errors
    /// `invalid_input`, which is not retried, when it is not of this type.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, Failed> {
        let input = self.execution().input.as_ref().map_or("null", |input| input.get());
        serde_json::from_str(input).map_err(|error| {
            Failed::permanent("invalid_input", format!("The input cannot be read: {error}."))
        })
    }

    /// What the attempt before left: its last progress and its state.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.0.checkpoint()
    }

    /// The W3C trace context that the execution was created in, to go on with.
    pub fn traceparent(&self) -> Option<&str> {
        self.0.traceparent()
    }

    // ---- being stopped -------------------------------------------------------------------

    /// Waits until somebody wants the execution to stop, and tells the server that this is acted on.
    /// The handler then stops and returns [`Failed::cancelled`], before the deadline.
    pub async fn cancelled(&self) -> Cancellation {
        self.0.cancelled().cancelled().await;
        self.0.acknowledge_cancel();
        self.0.cancellation().cloned().unwrap_or_default()
    }

    /// Whether somebody wants it to stop; if so, the server is told that this is acted on.
    pub fn is_cancelled(&self) -> bool {
        let cancelled = self.0.cancelled().is_cancelled();
        if cancelled {
            self.0.acknowledge_cancel();
        }
        cancelled
    }

    /// Fails when somebody wants it to stop: `ctx.check()?` between two steps.
    ///
    /// # Errors
    /// [`Failed::cancelled`].
    pub fn check(&self) -> Result<(), Failed> {
        if self.is_cancelled() { Err(Failed::cancelled()) } else { Ok(()) }
    }

    /// A token to pass on to what the handler calls. The server is not told that anybody acts on
    /// it; [`Lease::acknowledge_cancel`] does that.
    pub fn token(&self) -> CancellationToken {
        self.0.cancelled().child_token()
    }

    // ---- writing -------------------------------------------------------------------------

    /// Adds an event of any type that a runner may post. It is on its way when this returns; what
    /// the server refuses becomes a `log` at `warn` in its place.
    ///
    /// # Errors
    /// When the lease is lost, and when `data` cannot be JSON.
    pub async fn emit(&self, type_name: &str, data: &impl Serialize) -> Result<(), Failed> {
        let type_name = serde_json::to_string(type_name)?;
        let data = serde_json::to_string(data)?;
        let event = format!("{{\"type\":{type_name},\"data\":{data}}}");
        self.0.outbox().put(event).await.map_err(over)
    }

    /// Waits until everything that was written is on the server's disk.
    ///
    /// # Errors
    /// When the lease is lost.
    pub async fn flush(&self) -> Result<(), Failed> {
        Ok(self.0.flush().await?)
    }

    /// Says how far it is: `fraction` from 0 to 1, and a line for people. Does not wait; the newest
    /// is sent, at most one a second, the last in any case.
    pub fn progress(&self, fraction: f64, message: &str) {
        self.0.progress(&json!({"fraction": fraction, "message": message}));
    }

    /// The same with details of any kind, which the next attempt finds in its checkpoint.
    pub fn progress_with(&self, fraction: f64, message: &str, details: Value) {
        let progress = json!({"fraction": fraction, "message": message, "details": details});
        self.0.progress(&progress);
    }

    // ---- asking --------------------------------------------------------------------------

    /// Asks a person and waits for the answer, for as long as the question's timeout.
    ///
    /// # Errors
    /// `invalid_answer` when it is not of this type; [`Failed::cancelled`] when somebody wants the
    /// execution to stop meanwhile; when the server refuses the question or the lease is lost.
    pub async fn ask<T: DeserializeOwned>(&self, question: &Question) -> Result<T, Failed> {
        let answer = tokio::select! {
            answer = self.0.ask(question) => answer?,
            _ = self.cancelled() => return Err(Failed::cancelled()),
        };
        let answer: Option<Box<RawValue>> = answer;
        serde_json::from_str(answer.as_ref().map_or("null", |answer| answer.get())).map_err(
            |error| {
                Failed::permanent("invalid_answer", format!("The answer cannot be read: {error}."))
            },
        )
    }

    /// Sleeps, but not on when somebody wants the execution to stop.
    ///
    /// # Errors
    /// [`Failed::cancelled`].
    pub async fn sleep(&self, duration: Duration) -> Result<(), Failed> {
        tokio::select! {
            () = tokio::time::sleep(duration) => Ok(()),
            _ = self.cancelled() => Err(Failed::cancelled()),
        }
    }
}
