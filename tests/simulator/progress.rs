//! Progress reports on their way to the log: at most one event per interval, the newest report
//! wins, and the last one that was acknowledged is never lost, as `actors::writer` paces them.

use heartline_execution::{
    Command, ExecutionId, LeaseId, Namespace, Reply, Span, Standing,
    content::{Item, Progress},
    decide::{Context, decide},
};

use super::{
    actor::{Actor, barrier},
    checks::Pace,
    env::Env,
    sabotage::Sabotage,
    server::{Ask, Server},
    supervisor::RETRY,
    world::{Asker, Happening},
};

/// An actor's part in it.
#[derive(Default)]
pub(super) struct Pacing {
    /// When the last report was decided.
    at: heartline_execution::Timestamp,
    /// The newest report that was too soon for an event of its own.
    pending: Option<(LeaseId, Progress)>,
    /// The standing that was appended last has a report.
    promised: bool,
    /// What is decided now was heard before.
    late: bool,
    /// What is decided next must not wait for its turn.
    hurried: bool,
}

impl Pacing {
    /// Of an actor that finds a report which one before it had promised an event.
    pub(super) fn taken_over(pending: Option<(LeaseId, Progress)>) -> Self {
        Self { promised: pending.is_some(), pending, ..Self::default() }
    }

    /// A standing that is about to be appended, with the report that waits.
    pub(super) fn promise(&mut self, mut standing: Standing) -> Standing {
        let waits = self.pending.as_ref();
        standing.promise(waits.map(|(lease, progress)| (*lease, progress)));
        self.promised = standing.report().is_some();
        standing
    }

    pub(super) fn has_promised(&self) -> bool {
        self.promised
    }

    pub(super) fn tells_late(&self) -> bool {
        self.late
    }

    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// How the report that is decided now came about.
    pub(super) fn pace(&self, generation: u64) -> Pace {
        Pace { generation, hurried: self.hurried }
    }
}

impl Server {
    /// The answer to a report that came too soon after the last.
    pub(super) fn postpone(
        &mut self,
        env: &mut Env,
        actor: &mut Actor,
        ask: &Ask,
    ) -> Option<Reply> {
        let Command::ReportProgress { lease, progress } = &ask.command else { return None };
        let state = actor.state.as_ref()?;
        let held = state.lease.as_ref().is_some_and(|held| held.id == *lease);
        if !held || progress.validate("").is_err() {
            return None;
        }
        let undelivered = state.cancel.as_ref().is_some_and(|c| c.delivered_at.is_none());
        let interval = env.settings.progress_interval;
        if undelivered || env.now >= actor.pacing.at.plus(interval) {
            actor.pacing.pending = None;
            (actor.pacing.at, actor.pacing.hurried) = (env.now, undelivered);
            return None;
        }
        env.coverage.moment("progress report waited for its turn");
        if let Some(pulse) = &actor.pulse {
            pulse.progress(env.now);
            if pulse.is_first_word() {
                env.coverage.moment("runner back after a restart");
                self.board.heard(ask.id);
            }
            if !env.checks.contested.contains(&ask.id) {
                env.checks.heard(ask.id, *lease, env.now, true);
            }
        }
        if actor.pacing.pending.replace((*lease, progress.clone())).is_none() {
            self.wake(env, ask.id, actor.generation, interval);
        }
        Some(Reply::Done { seq: state.seq, cancel_requested: state.cancel.is_some() })
    }

    /// Makes durable which report waits, if one does, and answers then.
    pub(super) fn keep_report(&mut self, env: &mut Env, actor: &mut Actor, ask: Ask, reply: Reply) {
        let standing = actor.state.as_ref().map(|state| actor.pacing.promise(state.standing()));
        let mut entry = barrier(actor, ask, Ok(reply));
        entry.append.standing = standing;
        actor.inflight += 1;
        self.submit(env, entry);
    }

    /// An actor for whoever may have been promised an event by one that has died.
    pub(crate) fn awaken(&mut self, env: &mut Env, namespace: Namespace, id: ExecutionId) {
        if self.actors.get(&id).is_some_and(|actor| actor.poisoned.get()) {
            self.actors.remove(&id);
        }
        if self.actors.contains_key(&id) {
            return;
        }
        if self.is_decided(id) || !self.healthy {
            let epoch = self.epoch;
            env.after(Span::millis(5), Happening::Awaken { epoch, namespace, id });
            return;
        }
        let state = self.load(env, &namespace, id);
        if let Some(state) = state.filter(|state| !state.phase.is_terminal()) {
            env.coverage.moment("actor built for what one before it had promised");
            let generation = self.build(env, &namespace, id, Some(state));
            self.wake(env, id, generation, Span(0));
        }
    }

    pub(super) fn wake(&self, env: &mut Env, id: ExecutionId, generation: u64, wait: Span) {
        let epoch = self.epoch;
        env.after(wait, Happening::ReportIsDue { epoch, id, generation });
    }

    /// What ends the attempt, and what the runner posts as progress, comes after the report that
    /// waits. Says whether that one was dropped on purpose.
    pub(super) fn report_before(&mut self, env: &mut Env, actor: &mut Actor, ask: &Ask) -> bool {
        let Some((of, waiting)) = &actor.pacing.pending else { return false };
        let goes_first = match &ask.command {
            Command::Complete { lease, .. }
            | Command::Fail { lease, .. }
            | Command::Wait { lease, .. }
            | Command::ConfirmCancelled { lease }
            | Command::LoseRunner { lease, .. }
            | Command::Release { lease } => lease == of,
            Command::PostEvents { lease, events, .. } => {
                lease == of && events.iter().any(|e| matches!(e.item(), Item::Progress(_)))
            }
            Command::TimeOut { .. } | Command::GiveUp { .. } => true,
            Command::Create(_)
            | Command::Claim { .. }
            | Command::Heartbeat { .. }
            | Command::ReportProgress { .. }
            | Command::Resume { .. }
            | Command::RequestCancel { .. }
            | Command::AcknowledgeCancel { .. }
            | Command::Update { .. }
            | Command::DisconnectRunner { .. }
            | Command::ReturnRunner { .. } => false,
        };
        if !goes_first {
            return false;
        }
        let news = actor.state.as_ref().is_some_and(|s| s.progress.as_ref() != Some(waiting));
        let held = actor.state.as_ref().and_then(|s| s.lease.as_ref()).is_some_and(|l| l.id == *of);
        let ends = matches!(
            ask.command,
            Command::Complete { .. } | Command::Fail { .. } | Command::LoseRunner { .. }
        );
        if ends && held && news && env.suffers(Sabotage::LostReport) {
            actor.pacing.pending = None;
            return true;
        }
        env.coverage.moment("progress report came before what ends its attempt");
        self.report(env, actor, ask.id, true);
        false
    }

    /// Decides the report that waits.
    fn report(&mut self, env: &mut Env, actor: &mut Actor, id: ExecutionId, hurried: bool) {
        let Some((lease, progress)) = actor.pacing.pending.take() else { return };
        let Some(state) = &actor.state else { return };
        (actor.pacing.at, actor.pacing.hurried) = (env.now, hurried);
        let ask = Ask {
            asker: Asker::Nobody,
            namespace: state.spec.namespace.clone(),
            id,
            command: Command::ReportProgress { lease, progress },
            marks: Vec::new(),
            key: None,
            detached: false,
            epoch: None,
            after: None,
        };
        let context =
            Context { id, now: env.now, random: 0.0, state_limit: usize::MAX, after: None };
        match decide(Some(state), ask.command.clone(), &context) {
            Ok(decision) if !decision.events.is_empty() => {
                actor.pacing.late = true;
                self.append(env, actor, decision, ask, false);
                actor.pacing.late = false;
            }
            // Nothing new in it.
            Ok(decision) => self.keep_report(env, actor, ask, decision.reply),
            // Its lease has ended.
            Err(_) => {}
        }
    }

    /// The interval of a report that waits is over.
    pub(crate) fn report_is_due(&mut self, env: &mut Env, id: ExecutionId, generation: u64) {
        let interval = env.settings.progress_interval;
        let room = self.healthy && self.has_room(env, 1);
        let Some(actor) = self.current(id, generation) else { return };
        if !actor.pacing.is_pending() || actor.poisoned.get() {
            return;
        }
        let due = actor.pacing.at.plus(interval);
        if env.now < due {
            // The one it was set for went early, and this is another.
            self.wake(env, id, generation, due.since(env.now));
        } else if !room {
            env.coverage.moment("progress report waited for room");
            env.checks.excuse(env.now.plus(RETRY));
            self.wake(env, id, generation, RETRY);
        } else if let Some(mut actor) = self.actors.remove(&id) {
            self.report(env, &mut actor, id, false);
            self.actors.insert(id, actor);
        }
    }
}
