//! A lease in the hands of whoever works on it.

use std::sync::{Arc, atomic::Ordering};

use heartline_execution::Span;
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{
    held::{Cancellation, Held},
    outbox::{Item, Ordered, Outbox, Over},
};
use crate::{
    error::Error,
    types::{Checkpoint, Execution, Granted},
};

/// A granted lease: what is to be done, where events go, and how it ends.
///
/// It is kept alive by the network side, whatever its holder does. One that is dropped without an
/// end, with all clones of its outbox, fails with the code `abandoned`, so that it can be retried.
#[derive(Debug)]
pub struct Lease {
    pub(super) granted: Granted,
    pub(super) held: Arc<Held>,
    pub(super) outbox: Outbox,
}

/// Why an attempt failed, as the server is told.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// Stable, for programs: `exit_code`, `rate_limited`.
    pub code: String,
    /// One sentence for people.
    pub message: String,
    /// The evidence: last lines, a trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether another attempt may succeed.
    pub retryable: bool,
}

/// A question for a person.
#[derive(Clone, Debug, Default)]
pub struct Question {
    members: serde_json::Map<String, Value>,
}

impl Question {
    /// What is asked.
    pub fn new(prompt: &str) -> Self {
        Self::default().with("prompt", prompt.into())
    }

    /// What the answer must be like: a JSON Schema.
    #[must_use]
    pub fn schema(self, schema: Value) -> Self {
        self.with("schema", schema)
    }

    /// How long it may stay unanswered; else the execution's own limit.
    #[must_use]
    pub fn timeout(self, timeout: Span) -> Self {
        self.with("timeout", timeout.to_string().into())
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }
}

impl Lease {
    /// What is to be done.
    pub fn execution(&self) -> &Execution {
        &self.granted.execution
    }

    /// The n-th try, from 1.
    pub fn attempt(&self) -> u32 {
        self.granted.attempt
    }

    /// What the attempt before left.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.granted.checkpoint.as_ref()
    }

    /// The W3C trace context that the execution was created in, to go on with.
    pub fn traceparent(&self) -> Option<&str> {
        self.granted.traceparent.as_deref()
    }

    /// Where its events go.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Cancelled when somebody wants the execution to stop.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.held.cancelled
    }

    /// Who wants it to stop, and by when.
    pub fn cancellation(&self) -> Option<&Cancellation> {
        self.held.cancellation()
    }

    /// Tells the server that its cancellation is being acted on. Does not wait.
    pub fn acknowledge_cancel(&self) {
        self.held.acknowledged.notify_one();
    }

    /// Cancelled when the lease is not ours any more: whoever works under it must stop at once.
    pub fn lost(&self) -> &CancellationToken {
        &self.held.lost
    }

    /// Why it was lost.
    pub fn why_lost(&self) -> Option<&str> {
        self.held.why_lost()
    }

    /// Sets how far it is, the JSON of `{"fraction","message","details"}`. Does not wait: the newest
    /// one is sent, at most one a second, and in any case before the lease ends.
    pub fn progress(&self, progress: &Value) {
        let event = json!({"type": "CUSTOM", "data": {"name": "progress", "value": progress}});
        *self.held.progress.lock().expect("no holder panics") = Some(event.to_string());
        self.held.progressed.notify_one();
    }

    /// Waits until the server has acknowledged every event before.
    ///
    /// # Errors
    /// When the lease is over.
    pub async fn flush(&self) -> Result<(), Error> {
        self.call("", String::new(), false, false).await
    }

    /// Asks a person, and waits for the answer. The lease is kept meanwhile.
    ///
    /// # Errors
    /// When the server refuses the question, and when the lease is over.
    pub async fn ask(&self, question: &Question) -> Result<Option<Box<RawValue>>, Error> {
        self.flush().await?;
        // An answer to an earlier question may be told again after a lost connection.
        let floor = self.held.acked.load(Ordering::Relaxed).max(self.held.resumed.borrow().seq);
        let mut resumed = self.held.resumed.subscribe();
        let members: String =
            question.members.iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect();
        self.call("wait", members, true, false).await?;
        tokio::select! {
            biased;
            // The other end is in `held`.
            Ok(answer) = resumed.wait_for(|answer| answer.seq > floor) => Ok(answer.input.clone()),
            () = self.held.over.cancelled() => Err(over(self.held.why_over())),
        }
    }

    /// It is done. Waits for as long as it takes until the server has acknowledged that.
    ///
    /// # Errors
    /// When the lease was lost: nothing was changed.
    pub async fn complete(&self, output: Option<&RawValue>) -> Result<(), Error> {
        let members = output.map(|output| format!(",\"output\":{output}")).unwrap_or_default();
        self.call("complete", members, false, true).await
    }

    /// The attempt failed. Waits as [`Lease::complete`] does.
    ///
    /// # Errors
    /// As of [`Lease::complete`].
    pub async fn fail(&self, failure: &Failure) -> Result<(), Error> {
        let failure = serde_json::to_string(failure).expect("text and flags are plain JSON");
        self.call("fail", format!(",\"error\":{failure}"), false, true).await
    }

    /// It has stopped, as somebody wanted. Waits as [`Lease::complete`] does.
    ///
    /// # Errors
    /// As of [`Lease::complete`]; also when nobody has asked for that.
    pub async fn confirm_cancelled(&self) -> Result<(), Error> {
        self.call("cancelled", String::new(), false, true).await
    }

    async fn call(
        &self,
        op: &'static str,
        members: String,
        numbered: bool,
        ends: bool,
    ) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let ordered = Ordered { op, members, numbered, ends, answer };
        self.outbox.send(Item::Call(ordered)).await.map_err(over)?;
        match answered.await {
            Ok(answer) => answer,
            Err(_dropped) => Err(over(self.held.why_over())),
        }
    }
}

fn over(over: Over) -> Error {
    Error::Over(over.0)
}
