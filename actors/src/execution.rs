//! The execution actor: one mailbox, one [`Writer`], one execution.
//!
//! It dies when its state may be wrong (a failed or refused append) and is built anew from the log
//! by whoever needs it next; it leaves when nobody needs it. Its exit guard tells the directory, in
//! a panic too.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message};
use heartline_execution::{Command, ExecutionId, Timestamp};
use heartline_storage::Idempotency;
use tokio::sync::oneshot;

use crate::{
    directory::Directory,
    journal::Status,
    views::{Error, View},
    writer::{Answering, Wants, Writer, answer},
};

/// What the directory and the actor share about its use.
pub(crate) struct Usage {
    /// Messages sent and not yet handled. Raised under the directory's lock.
    pub(crate) queued: AtomicUsize,
    /// When it last did something, in microseconds.
    pub(crate) last: AtomicI64,
    /// See [`Status`].
    pub(crate) status: Arc<Status>,
}

impl Usage {
    /// Of an actor that is about to be sent its first message.
    pub(crate) fn new(status: Status, now: Timestamp) -> Self {
        Self { queued: AtomicUsize::new(1), last: AtomicI64::new(now.0), status: Arc::new(status) }
    }
}

/// A command for its execution.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Execute {
    pub(crate) command: Command,
    pub(crate) wants: Wants,
    /// See [`heartline_execution::decide::Context::after`].
    pub(crate) after: Option<u64>,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) answering: Answering,
}

impl Execute {
    pub(crate) fn new(command: Command, wants: Wants, answering: Answering) -> Self {
        Self { command, wants, after: None, idempotency: None, answering }
    }
}

/// A look at its execution.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Show(pub(crate) oneshot::Sender<Result<View, Error>>);

/// Something in its [`Status`] or its use has changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Look;

/// Tells the directory when the actor is gone, however it went.
pub(crate) struct ExitGuard {
    pub(crate) directory: Arc<Directory>,
    pub(crate) id: ExecutionId,
    pub(crate) generation: u64,
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        self.directory.exited(self.id, self.generation, std::thread::panicking());
    }
}

/// See the module.
pub(crate) struct ExecutionActor {
    pub(crate) writer: Writer,
    pub(crate) usage: Arc<Usage>,
    pub(crate) guard: ExitGuard,
}

impl Actor for ExecutionActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.guard.directory.core().config.execution.mailbox);
        // One that it took over from an actor before it.
        if self.writer.has_pending_progress() {
            self.look_at_progress(ctx);
        }
    }
}

impl ExecutionActor {
    /// Counts the message; false when the actor must not go on.
    fn begin(&mut self, ctx: &mut Context<Self>) -> bool {
        self.usage.queued.fetch_sub(1, Ordering::AcqRel);
        let now = self.guard.directory.core().now();
        self.usage.last.store(now.0, Ordering::Relaxed);
        if self.usage.status.poisoned.load(Ordering::Acquire) {
            self.leave(ctx);
            return false;
        }
        true
    }

    fn look_at_progress(&mut self, ctx: &mut Context<Self>) {
        if let Some(wait) = self.writer.progress_is_due() {
            ctx.run_later(wait.to_std(), Self::look_at_progress);
        }
    }

    fn leave(&mut self, ctx: &mut Context<Self>) {
        self.guard.directory.forget(self.guard.id, self.guard.generation);
        ctx.stop();
    }
}

impl Handler<Execute> for ExecutionActor {
    type Result = ();

    fn handle(&mut self, message: Execute, ctx: &mut Self::Context) {
        if !self.begin(ctx) {
            message.answering.tell(Err(Error::Interrupted));
            return;
        }
        if let Some(hook) = &self.guard.directory.hooks().before_command {
            hook(self.guard.id, &message.command);
        }
        let was_pending = self.writer.has_pending_progress();
        self.writer.execute(message);
        if !was_pending && self.writer.has_pending_progress() {
            let interval = self.guard.directory.core().config.supervision.progress_interval;
            ctx.run_later(interval, Self::look_at_progress);
        }
    }
}

impl Handler<Show> for ExecutionActor {
    type Result = ();

    fn handle(&mut self, Show(answering): Show, ctx: &mut Self::Context) {
        if self.begin(ctx) {
            self.writer.show(answering);
        } else {
            answer(answering, Err(Error::Interrupted));
        }
    }
}

impl Handler<Look> for ExecutionActor {
    type Result = ();

    fn handle(&mut self, _: Look, ctx: &mut Self::Context) {
        let status = &self.usage.status;
        if status.poisoned.load(Ordering::Acquire) {
            self.leave(ctx);
            return;
        }
        let busy = !status.is_settled() || self.writer.has_pending_progress();
        if !busy && self.guard.directory.retire(self.guard.id, self.guard.generation, &self.usage) {
            ctx.stop();
        }
    }
}
