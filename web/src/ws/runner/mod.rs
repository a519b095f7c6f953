//! The pulled half of a runner's socket: takes up its operations in order, answers each after its
//! commit, and says what its session has to tell.
//!
//! What a runner has in flight is bounded: beyond that its frames are not read, so it is slowed by
//! its own socket and nobody else is.

mod frames;
mod ops;

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::web;
use futures_util::{FutureExt as _, Stream as _, future::LocalBoxFuture, stream::FuturesUnordered};
use heartline_actors::{Entered, Error, RunnerSession, Told, Went};
use heartline_execution::{Command, ExecutionId, LeaseId, Rejection, Reply, Span};
use tokio::time::Sleep;

#[cfg(test)]
pub(crate) use self::ops::OPS;
pub(super) use self::ops::{RunnerOp, parse};
use self::{frames::Out, ops::Ordered};
use super::{
    desk::{Close, Desk},
    ops::Op,
    subscription::Happened,
};
use crate::{
    answer::check_schema,
    app::App,
    error::{Code, Problem},
};

/// Commands of one runner that wait for their commit.
const IN_FLIGHT: usize = 1024;
/// Bytes of them: four of the largest messages.
const IN_FLIGHT_BYTES: usize = 4 << 20;
/// Frames gathered for one write.
const GATHER: usize = 16 * 1024;
/// The register of runners is told at most this often that one is alive.
const HEARD_EVERY: Duration = Duration::from_secs(1);

/// Who asked, and what it costs until it is answered.
struct Tag {
    id: Option<String>,
    execution: ExecutionId,
    lease: LeaseId,
    bytes: usize,
}

type Answered = (Tag, Result<Reply, Error>, Went);

/// The one operation that must be on its way before the next is looked at.
enum Step {
    Registering(Option<String>, LocalBoxFuture<'static, Result<RunnerSession, Error>>),
    Checking(Box<Ordered>, LocalBoxFuture<'static, Result<(), Problem>>),
    Entering(Tag, LocalBoxFuture<'static, Entered>),
}

/// See the module.
pub(super) struct Runner {
    app: Arc<App>,
    /// Stands as `request_id` in problems.
    connection: String,
    session: Option<RunnerSession>,
    step: Option<Step>,
    /// Commands of heartbeats, to be sent on their way before the next operation.
    beats: VecDeque<Ordered>,
    answers: FuturesUnordered<LocalBoxFuture<'static, Answered>>,
    bytes_in_flight: usize,
    out: Out,
    /// The frames that the desk had counted when the runner was last heard.
    frames: u64,
    heard_at: Instant,
    told_heard_at: Option<Instant>,
    silence: Pin<Box<Sleep>>,
    over: Option<Close>,
}

impl Runner {
    pub(super) fn new(app: Arc<App>, connection: String) -> Self {
        let patience = app.config.websocket.hello_timeout;
        Self {
            app,
            connection,
            session: None,
            step: None,
            beats: VecDeque::new(),
            answers: FuturesUnordered::new(),
            bytes_in_flight: 0,
            out: Out::default(),
            frames: 0,
            heard_at: Instant::now(),
            told_heard_at: None,
            silence: Box::pin(tokio::time::sleep(patience)),
            over: None,
        }
    }

    /// The server stops: the runner keeps its leases and comes back.
    pub(super) fn part(&mut self) {
        if let Some(session) = &mut self.session {
            session.part();
        }
    }

    /// What there is to send, after taking up what the client has asked for.
    pub(super) fn poll_next(&mut self, desk: &Desk, context: &mut Context<'_>) -> Poll<Happened> {
        self.hear(desk);
        loop {
            let moved = self.take_up(desk, context)
                | self.poll_answers(context)
                | self.poll_session(context);
            if !moved || self.over.is_some() || self.out.len() >= GATHER {
                break;
            }
        }
        if let Some(frames) = self.out.take() {
            return Poll::Ready(Happened::Frames(frames));
        }
        self.poll_silence(context);
        match self.over.take() {
            Some(close) => Poll::Ready(Happened::Over(close)),
            None => Poll::Pending,
        }
    }

    // ---- what the client says ------------------------------------------------------------

    /// Takes up one operation, or gets the one under way further; whether something happened.
    fn take_up(&mut self, desk: &Desk, context: &mut Context<'_>) -> bool {
        match self.step.take() {
            Some(step) => return self.go_on(step, context),
            None if self.is_full() => return false,
            None => {}
        }
        if let Some(ordered) = self.beats.pop_front() {
            self.order(Box::new(ordered));
            return true;
        }
        match desk.take() {
            None => return false,
            Some(Op::Runner(op)) => self.begin(op),
            Some(Op::Subscribe(_) | Op::Unsubscribe(_)) => {}
        }
        true
    }

    fn is_full(&self) -> bool {
        self.answers.len() >= IN_FLIGHT || self.bytes_in_flight >= IN_FLIGHT_BYTES
    }

    fn go_on(&mut self, step: Step, context: &mut Context<'_>) -> bool {
        match step {
            Step::Registering(id, mut registering) => match registering.poll_unpin(context) {
                Poll::Pending => self.step = Some(Step::Registering(id, registering)),
                Poll::Ready(registered) => {
                    self.registered(id, registered);
                    return true;
                }
            },
            Step::Checking(ordered, mut checking) => match checking.poll_unpin(context) {
                Poll::Pending => self.step = Some(Step::Checking(ordered, checking)),
                Poll::Ready(Ok(())) => {
                    self.enter(ordered);
                    return true;
                }
                Poll::Ready(Err(problem)) => {
                    self.out.error(ordered.id.as_deref(), &problem, &self.connection);
                    return true;
                }
            },
            Step::Entering(tag, mut entering) => match entering.poll_unpin(context) {
                Poll::Pending => self.step = Some(Step::Entering(tag, entering)),
                Poll::Ready(entered) => {
                    self.bytes_in_flight += tag.bytes;
                    let answer = entered.answer();
                    self.answers.push(Box::pin(async move {
                        let (answer, went) = answer.await;
                        (tag, answer, went)
                    }));
                    return true;
                }
            },
        }
        false
    }

    fn begin(&mut self, op: RunnerOp) {
        let Some(session) = &mut self.session else { return self.begin_unregistered(op) };
        match op {
            RunnerOp::Register(id, _) => {
                let problem = Problem::new(
                    Code::AlreadyRegistered,
                    "This socket is registered; another runner opens a socket of its own.",
                );
                self.out.error(id.as_deref(), &problem, &self.connection);
            }
            RunnerOp::Command(ordered) => self.order(ordered),
            RunnerOp::Heartbeat { id, beats } => {
                let rest = session.beat(beats);
                self.beats.extend(rest.into_iter().map(|(execution, lease, command)| Ordered {
                    id: None,
                    execution,
                    lease,
                    command,
                    bytes: 0,
                }));
                if let Some(id) = id {
                    self.out.ack(&id, None);
                }
            }
            RunnerOp::Drain { id } => {
                session.drain();
                if let Some(id) = id {
                    self.out.ack(&id, None);
                }
            }
        }
    }

    fn begin_unregistered(&mut self, op: RunnerOp) {
        let id = match op {
            RunnerOp::Register(id, registration) => {
                let app = Arc::clone(&self.app);
                let registering =
                    async move { app.handle.register(&app.namespace, *registration).await };
                self.step = Some(Step::Registering(id, registering.boxed_local()));
                return;
            }
            RunnerOp::Command(ordered) => ordered.id,
            RunnerOp::Heartbeat { id, .. } | RunnerOp::Drain { id } => id,
        };
        let problem = Problem::new(
            Code::NotRegistered,
            "The first operation is register: {\"op\":\"register\",\"runner\":{\"id\":…},\"queues\":[…],\"slots\":…}.",
        );
        self.out.error(id.as_deref(), &problem, &self.connection);
    }

    fn registered(&mut self, id: Option<String>, registered: Result<RunnerSession, Error>) {
        match registered {
            Ok(session) => {
                self.out.registered(&session, self.app.config.supervision.runner_heartbeat);
                if let Some(id) = id {
                    self.out.ack(&id, None);
                }
                self.session = Some(session);
                self.heard_at = Instant::now();
                let deadline = self.deadline();
                self.silence.as_mut().reset(deadline);
            }
            Err(error) => {
                let close = match error {
                    Error::RunnerConnected(_) => Close::new(4409, "the runner is connected"),
                    Error::ShuttingDown => Close::new(1001, "the server is stopping"),
                    _ => Close::new(1013, "the runner could not be registered; come back later"),
                };
                self.out.error(id.as_deref(), &error.into(), &self.connection);
                self.over = Some(close);
            }
        }
    }

    /// Gets a command on its way; a question's schema is looked at first.
    fn order(&mut self, ordered: Box<Ordered>) {
        let Command::Wait { schema: Some(schema), .. } = &ordered.command else {
            return self.enter(ordered);
        };
        let schema = schema.clone();
        let checking = async move {
            web::block(move || check_schema(&schema)).await.map_err(|error| {
                Problem::new(Code::Internal, format!("The schema could not be checked: {error}."))
            })?
        };
        self.step = Some(Step::Checking(ordered, checking.boxed_local()));
    }

    fn enter(&mut self, ordered: Box<Ordered>) {
        let Some(session) = &mut self.session else { return };
        let Ordered { id, execution, lease, command, bytes } = *ordered;
        let entering = session.enter(execution, lease, command).boxed_local();
        self.step = Some(Step::Entering(Tag { id, execution, lease, bytes }, entering));
    }

    // ---- what the client is told ---------------------------------------------------------

    fn poll_answers(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        while self.out.len() < GATHER
            && let Poll::Ready(Some((tag, answer, went))) =
                Pin::new(&mut self.answers).poll_next(context)
        {
            moved = true;
            self.bytes_in_flight -= tag.bytes;
            let Some(session) = &mut self.session else { continue };
            match (answer, &tag.id) {
                (Ok(Reply::Done { seq, .. }), Some(id)) => self.out.ack(id, Some(seq)),
                (Ok(_), _) => {}
                (Err(Error::Rejected(Rejection::LeaseSuperseded { detail })), None)
                    if !session.holds(tag.execution, tag.lease) =>
                {
                    let (id, lease, reason) = (tag.execution, tag.lease, detail);
                    self.out.told(&Told::Revoked { id, lease, reason });
                }
                (Err(error), id) => {
                    self.out.error(id.as_deref(), &error.into(), &self.connection);
                }
            }
            session.went(went);
        }
        moved
    }

    fn poll_session(&mut self, context: &mut Context<'_>) -> bool {
        let Some(session) = &mut self.session else { return false };
        if self.out.len() >= GATHER {
            return false;
        }
        match session.poll_told(context) {
            Poll::Pending => false,
            Poll::Ready(Told::Replaced) => {
                self.over = Some(Close::new(4409, "the runner came back over another socket"));
                true
            }
            Poll::Ready(Told::Drained) => {
                // What it asked for is answered first.
                let done = self.answers.is_empty() && self.step.is_none() && self.beats.is_empty();
                if done {
                    self.over = Some(Close::new(1000, "drained"));
                }
                done
            }
            Poll::Ready(told) => {
                self.out.told(&told);
                true
            }
        }
    }

    // ---- whether the client is there -----------------------------------------------------

    /// Any frame is a sign of life, a pong too.
    fn hear(&mut self, desk: &Desk) {
        if desk.frames() == self.frames {
            return;
        }
        self.frames = desk.frames();
        self.heard_at = Instant::now();
        if let Some(session) = &self.session
            && (self.told_heard_at.is_none_or(|at| at.elapsed() >= HEARD_EVERY)
                || !session.is_fresh())
        {
            session.heard();
            self.told_heard_at = Some(self.heard_at);
        }
    }

    fn deadline(&self) -> tokio::time::Instant {
        (self.heard_at + self.app.config.supervision.runner_lost_after).into()
    }

    fn poll_silence(&mut self, context: &mut Context<'_>) {
        while self.over.is_none() && self.silence.as_mut().poll(context).is_ready() {
            if self.session.is_none() {
                self.over = Some(Close::new(4408, "the runner did not register in time"));
            } else if self.deadline() <= tokio::time::Instant::now() {
                let silent = Span::from_std(self.app.config.supervision.runner_lost_after);
                self.over = Some(Close::new(4408, format!("nothing was heard for {silent}")));
            } else {
                let deadline = self.deadline();
                self.silence.as_mut().reset(deadline);
            }
        }
    }
}
