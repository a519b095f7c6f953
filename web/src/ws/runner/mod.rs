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
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::web;
use futures_util::{FutureExt as _, future::LocalBoxFuture};
use heartline_actors::{Error, Receipt, RunnerSession, Tag, Told};
use heartline_execution::{Command, ExecutionId, LeaseId, Rejection, Reply, Span};
use tokio::time::Sleep;

#[cfg(test)]
pub(crate) use self::ops::OPS;
pub(super) use self::ops::{RunnerOp, parse};
use self::{
    frames::Out,
    ops::{Ordered, receipt},
};
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
/// The least time between two looks at a runner that is about to be late.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The one operation that must be on its way before the next is looked at.
enum Step {
    Registering(Option<String>, LocalBoxFuture<'static, Result<RunnerSession, Error>>),
    Checking(Box<Ordered>, LocalBoxFuture<'static, Result<(), Problem>>),
    Entering(LocalBoxFuture<'static, ()>),
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
    /// Commands sent and not answered, and their bytes.
    in_flight: usize,
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
            in_flight: 0,
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
            while self.over.is_none() && self.take_up(desk, context) {}
            // What it has to tell may have made room for what is asked.
            if !self.poll_session(context) || self.over.is_some() || self.out.len() >= GATHER {
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
        self.in_flight >= IN_FLIGHT || self.bytes_in_flight >= IN_FLIGHT_BYTES
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
                    self.refused(ordered.receipt.as_ref(), &problem);
                    return true;
                }
            },
            Step::Entering(mut entering) => match entering.poll_unpin(context) {
                Poll::Pending => self.step = Some(Step::Entering(entering)),
                Poll::Ready(()) => return true,
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
                let receipt = id.map(|id| receipt(id, true));
                self.beats.extend(rest.into_iter().map(|(execution, lease, command)| Ordered {
                    receipt: receipt.clone(),
                    execution,
                    lease,
                    command,
                    bytes: 0,
                }));
                self.done(receipt, None);
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
            RunnerOp::Command(ordered) => ordered.receipt.map(|receipt| receipt.id.clone()),
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
                let next_look = self.next_look();
                self.silence.as_mut().reset(next_look);
            }
            Err(error) => {
                let close = match error {
                    Error::RunnerConnected(_) => Close::new(4409, "the runner is connected"),
                    Error::ForeignSession => Close::new(4400, "the session is another runner's"),
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
        let Ordered { receipt, execution, lease, command, bytes } = *ordered;
        self.in_flight += 1;
        self.bytes_in_flight += bytes;
        if let Some(entering) = session.enter(execution, lease, command, Tag { receipt, bytes }) {
            self.step = Some(Step::Entering(entering.boxed_local()));
        }
    }

    // ---- what the client is told ---------------------------------------------------------

    /// Hears out the session; whether it had something to say.
    fn poll_session(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        while self.out.len() < GATHER
            && let Some(session) = &mut self.session
            && let Poll::Ready(told) = session.poll_told(context)
        {
            match told {
                Told::Answered { id, lease, result, tag } => {
                    self.answered((id, lease), result, tag);
                }
                Told::Replaced => {
                    self.over = Some(Close::new(4409, "the runner came back over another socket"));
                    return true;
                }
                Told::Drained => {
                    // What it asked for is answered first.
                    let done = self.in_flight == 0 && self.step.is_none() && self.beats.is_empty();
                    if done {
                        self.over = Some(Close::new(1000, "drained"));
                    }
                    return done;
                }
                told => self.out.told(&told),
            }
            moved = true;
        }
        moved
    }

    fn answered(
        &mut self,
        (id, lease): (ExecutionId, LeaseId),
        result: Result<Reply, Error>,
        Tag { receipt, bytes }: Tag,
    ) {
        self.in_flight -= 1;
        self.bytes_in_flight -= bytes;
        let held = self.session.as_ref().is_some_and(|session| session.holds(id, lease));
        match result {
            Ok(Reply::Done { seq, .. }) => self.done(receipt, Some(seq)),
            Ok(Reply::Claimed { .. }) => {}
            Err(Error::Rejected(Rejection::LeaseSuperseded { detail }))
                if !held && receipt.as_ref().is_none_or(|receipt| receipt.several) =>
            {
                self.out.told(&Told::Revoked { id, lease, reason: detail });
                self.done(receipt, None);
            }
            Err(error) => self.refused(receipt.as_ref(), &error.into()),
        }
    }

    /// One of a frame's commands is done; the frame is, with the last of them.
    fn done(&mut self, receipt: Option<Arc<Receipt>>, seq: Option<u64>) {
        let Some(Receipt { id, several, refused }) = receipt.and_then(Arc::into_inner) else {
            return;
        };
        if !refused.into_inner() {
            self.out.ack(&id, seq.filter(|_| !several));
        }
    }

    /// A frame is refused once, whichever of its commands is.
    fn refused(&mut self, receipt: Option<&Arc<Receipt>>, problem: &Problem) {
        let first = receipt.filter(|receipt| !receipt.refused.swap(true, Ordering::Relaxed));
        self.out.error(first.map(|receipt| &*receipt.id), problem, &self.connection);
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

    /// When it is to be looked at again: once it is late its session offers nothing more.
    fn next_look(&self) -> tokio::time::Instant {
        if !self.session.as_ref().is_some_and(RunnerSession::is_fresh) {
            return self.deadline();
        }
        let late = self.heard_at + self.app.config.supervision.runner_late_after;
        self.deadline().min(late.max(Instant::now() + LOOK_AGAIN).into())
    }

    fn poll_silence(&mut self, context: &mut Context<'_>) {
        while self.over.is_none() && self.silence.as_mut().poll(context).is_ready() {
            if self.session.is_none() {
                self.over = Some(Close::new(4408, "the runner did not register in time"));
            } else if self.deadline() <= tokio::time::Instant::now() {
                let silent = Span::from_std(self.app.config.supervision.runner_lost_after);
                self.over = Some(Close::new(4408, format!("nothing was heard for {silent}")));
            } else {
                let next_look = self.next_look();
                self.silence.as_mut().reset(next_look);
                context.waker().wake_by_ref();
            }
        }
    }
}
