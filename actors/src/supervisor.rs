//! The supervisor actor: turns deadlines that come up into timeout commands, fails executions whose
//! actors keep dying, sends idle actors home, and audits that nothing is in limbo.
//!
//! On an arbiter of its own, so that no work of others delays a timer.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, StreamHandler, WrapFuture};
use futures_util::stream;
use heartline_execution::{Command, DeadlineKind, ExecutionId, Rejection, Span, Timestamp};

use crate::{
    board::Due,
    core::Core,
    directory::Directory,
    evidence, last_words,
    recent::Recent,
    views::{DeadlinesView, Error, LimboView},
    writer::Wants,
};

/// No deadline is acted upon later than this after it was due, where the machine keeps up: the timer
/// counts in milliseconds, and a commit and a turn of each actor come on top.
const EPSILON: Duration = Duration::from_millis(100);
/// Between two looks for idle actors.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// An audit looks at so many executions at once under the board's lock, and a sweep at so many
/// actors under the directory's: well under a millisecond.
const STRETCH: usize = 500;
/// Between two such looks: with [`STRETCH`] it bounds each to about one percent of a core.
const PACE: Duration = Duration::from_millis(50);
/// A deadline that came to nothing is looked at again no sooner.
const RECHECK: Span = Span::millis(10);
/// A deadline that could not be acted upon (store away, journal full) is tried again after this.
const RETRY: Span = Span::millis(500);

/// What the supervisor has seen, for whoever asks.
#[derive(Default)]
pub(crate) struct Watch {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    fired: BTreeMap<&'static str, u64>,
    lateness_ms: Recent,
    checked_at: Option<Timestamp>,
    live: usize,
    violations: Vec<ExecutionId>,
}

impl Watch {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn deadlines(&self, armed: BTreeMap<&'static str, usize>) -> DeadlinesView {
        let seen = self.seen();
        let mut fired: BTreeMap<_, _> = DeadlineKind::ALL.iter().map(|k| (k.as_str(), 0)).collect();
        fired.extend(seen.fired.iter().map(|(kind, count)| (*kind, *count)));
        let epsilon_ms = u64::try_from(EPSILON.as_millis()).unwrap_or(u64::MAX);
        DeadlinesView { armed, fired, lateness_ms: seen.lateness_ms.quantiles(), epsilon_ms }
    }

    pub(crate) fn limbo(&self) -> LimboView {
        let seen = self.seen();
        let violations = seen.violations.iter().map(ToString::to_string).collect();
        LimboView { checked_at: seen.checked_at, live: seen.live, violations }
    }
}

/// Why the supervisor wakes up.
enum Woken {
    /// The next deadline may have changed.
    Timer,
    /// An actor has crashed once too often.
    Crashed,
}

/// See the module.
pub(crate) struct Supervisor {
    core: Arc<Core>,
    directory: Arc<Directory>,
    watch: Arc<Watch>,
    /// Timeout commands on their way.
    in_flight: usize,
    /// Suspects of the last round of the audit: only what is in limbo twice in a row is a
    /// violation, since an execution is between two places while a command is on its way.
    suspects: Vec<ExecutionId>,
    /// Those of the round under way.
    limbo: Vec<ExecutionId>,
    timer: Option<actix::SpawnHandle>,
}

impl Supervisor {
    pub(crate) fn new(core: Arc<Core>, directory: Arc<Directory>, watch: Arc<Watch>) -> Self {
        Self {
            core,
            directory,
            watch,
            in_flight: 0,
            suspects: Vec::new(),
            limbo: Vec::new(),
            timer: None,
        }
    }

    /// Fires what has come up and sets the one timer for what comes next.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = self.core.now();
        let room = self.core.config.supervision.timeout_concurrency.saturating_sub(self.in_flight);
        let due = self.core.board().due(now, room);
        for due in due {
            self.fire(due, ctx);
        }
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if self.in_flight >= self.core.config.supervision.timeout_concurrency {
            return; // The next to come back ticks.
        }
        let next = self.core.board().next_deadline();
        if let Some(at) = next {
            let wait = at.since(self.core.now()).to_std();
            self.timer = Some(ctx.run_later(wait, |supervisor, ctx| {
                supervisor.timer = None;
                supervisor.tick(ctx);
            }));
        }
    }

    fn fire(&mut self, due: Due, ctx: &mut Context<Self>) {
        self.in_flight += 1;
        let (core, directory) = (Arc::clone(&self.core), Arc::clone(&self.directory));
        let command = async move {
            let (namespace, id) = (due.standing.namespace.clone(), due.standing.id);
            let mut evidence = evidence::of_timeout(&core, &due);
            if due.standing.held().is_some()
                && let Some(words) = last_words::of(&core, &namespace, id).await
            {
                evidence += " ";
                evidence += &words;
            }
            let command = Command::TimeOut { kind: due.deadline.kind, signs: due.signs, evidence };
            let outcome = directory.execute(&namespace, id, command, Wants::Nothing).await;
            (due, outcome.map(drop))
        };
        ctx.spawn(command.into_actor(self).map(|(due, outcome), supervisor, ctx| {
            supervisor.fired(&due, outcome);
            supervisor.in_flight -= 1;
            supervisor.tick(ctx);
        }));
    }

    fn fired(&self, due: &Due, outcome: Result<(), Error>) {
        let now = self.core.now();
        match outcome {
            Ok(()) => {
                let mut seen = self.watch.seen();
                *seen.fired.entry(due.deadline.kind.as_str()).or_default() += 1;
                seen.lateness_ms.record(now.since(due.deadline.at).0 as f64 / 1e3);
            }
            // Somebody was faster, or a sign of life has moved it.
            Err(Error::Rejected(Rejection::NotDue)) => {
                self.core.board().rearm(due, now.plus(RECHECK))
            }
            Err(Error::Rejected(_) | Error::NotFound) => {}
            Err(error) => {
                tracing::warn!(execution = %due.standing.id, deadline = due.deadline.kind.as_str(), %error, "a timeout is tried again");
                self.core.board().rearm(due, now.plus(RETRY));
            }
        }
    }

    /// One stretch of the audit, and the next in a moment; a new round after the interval.
    fn audit(&mut self, below: usize, ctx: &mut Context<Self>) {
        let (found, live) = {
            let board = self.core.board();
            (board.audit(below, STRETCH), board.live())
        };
        self.limbo.extend(found.limbo);
        if found.below > 0 {
            ctx.run_later(PACE, move |supervisor, ctx| supervisor.audit(found.below, ctx));
            return;
        }
        let limbo = std::mem::take(&mut self.limbo);
        let violations: Vec<_> =
            limbo.iter().filter(|id| self.suspects.contains(id)).copied().collect();
        for id in &violations {
            tracing::error!(execution = %id, "in limbo: neither an armed deadline nor a live lease");
        }
        self.suspects = limbo;
        {
            let mut seen = self.watch.seen();
            seen.checked_at = Some(self.core.now());
            seen.live = live;
            seen.violations = violations;
        }
        let interval = self.core.config.supervision.audit_interval;
        ctx.run_later(interval, |supervisor, ctx| supervisor.audit(usize::MAX, ctx));
    }

    /// One stretch of the directory, and the next in a moment; a new round after the interval.
    fn sweep(&self, below: usize, ctx: &mut Context<Self>) {
        let below = self.directory.sweep(below, STRETCH);
        let (below, wait) = if below > 0 { (below, PACE) } else { (usize::MAX, SWEEP_INTERVAL) };
        ctx.run_later(wait, move |supervisor, ctx| supervisor.sweep(below, ctx));
    }

    fn give_up(&self, ctx: &mut Context<Self>) {
        for (namespace, id, crashes) in self.directory.hopeless() {
            let directory = Arc::clone(&self.directory);
            let window = Span::from_std(self.core.config.supervision.restart_window);
            let failing = async move {
                let evidence = format!("Its actor panicked {crashes} times within {window}.");
                match directory.give_up(&namespace, id, evidence).await {
                    Ok(()) => tracing::error!(execution = %id, "failed: supervisor_gave_up"),
                    Err(error) => {
                        tracing::error!(execution = %id, %error, "could not be failed; tried again at the next crash")
                    }
                }
            };
            ctx.spawn(failing.into_actor(self));
        }
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let core = Arc::clone(&self.core);
        ctx.add_stream(stream::unfold(core, |core| async move {
            core.timer_stirred.notified().await;
            Some((Woken::Timer, core))
        }));
        let directory = Arc::clone(&self.directory);
        ctx.add_stream(stream::unfold(directory, |directory| async move {
            directory.crashed.notified().await;
            Some((Woken::Crashed, directory))
        }));
        self.sweep(usize::MAX, ctx);
        ctx.run_interval(SWEEP_INTERVAL, |supervisor, _| {
            let core = &supervisor.core;
            evidence::forget_idle(core);
            let now = core.now();
            let old = now.0.saturating_sub_unsigned(evidence::retention(core).0);
            core.board().forget_idle_queues(Timestamp(old), now);
        });
        self.audit(usize::MAX, ctx);
        self.tick(ctx);
    }
}

impl StreamHandler<Woken> for Supervisor {
    fn handle(&mut self, woken: Woken, ctx: &mut Self::Context) {
        match woken {
            Woken::Timer => self.tick(ctx),
            Woken::Crashed => self.give_up(ctx),
        }
    }
}
