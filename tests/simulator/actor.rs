//! One actor per execution: decides on a state that runs ahead of the disk, and hands what it
//! decided to the journal.

use std::{cell::Cell, rc::Rc, sync::Arc};

use heartline_actors::{
    board::{Beaten, Pulse},
    feed::Feed,
};
use heartline_execution::{
    Command, Decision, Event, EventBody, ExecutionId, Namespace, Rejection, Reply, Span, Standing,
    State,
    decide::{Context, decide},
    event::{Empty, Private},
    state,
};
use heartline_storage::{Append, ExecutionStore, Facets, Record, Summary, encode_state};

use super::{
    checks::{Deed, Invariant, lease_of},
    coverage::command_name,
    env::Env,
    progress::Pacing,
    sabotage::Sabotage,
    server::{After, Answer, Ask, Entry, Refused, Server},
    world::{Asker, Happening},
};

/// See the module.
pub(super) struct Actor {
    pub(super) generation: u64,
    pub(super) state: Option<State>,
    pub(super) pulse: Option<Arc<Pulse>>,
    feed: Arc<Feed>,
    facets: Option<Facets>,
    /// Appends on their way.
    pub(super) inflight: usize,
    /// An append failed: the state may be wrong.
    pub(super) poisoned: Rc<Cell<bool>>,
    snapshot_seq: u64,
    pub(super) pacing: Pacing,
}

impl Server {
    /// A message arrives.
    pub(crate) fn arrive(&mut self, env: &mut Env, ask: Ask) {
        if !self.healthy {
            self.deliver(env, ask, Err(Refused::Unavailable), false);
            return;
        }
        match &ask.command {
            Command::Create(_) => self.create(env, ask),
            Command::Heartbeat { lease } if !ask.detached => {
                match self.beat(env, &ask.namespace, ask.id, *lease) {
                    Some(Beaten { cancel_requested, .. }) => {
                        env.coverage.moment("heartbeat without an event");
                        let reply = Reply::Done { seq: 0, cancel_requested };
                        env.answer(ask.asker, Ok(reply));
                    }
                    None => self.execute(env, ask),
                }
            }
            _ => self.execute(env, ask),
        }
    }

    fn create(&mut self, env: &mut Env, ask: Ask) {
        if let Some(used) = &ask.key {
            if self.keys_busy.contains(&(ask.namespace.clone(), used.key.clone())) {
                // Its turn comes once the request before it with this key is answered.
                env.send(Happening::arrive(ask));
                return;
            }
            match env.disk.store().used(&ask.namespace, &used.key) {
                Ok(Some(before)) if before.fingerprint == used.fingerprint => {
                    let known = env.checks.known.contains_key(&before.id);
                    env.checks.claim(Invariant::A, known, || {
                        format!("key {} leads to {}, which nobody knows", used.key, before.id)
                    });
                    env.coverage.moment("idempotent replay");
                    let reply = Reply::Done { seq: 1, cancel_requested: false };
                    env.answer(ask.asker, Ok(reply));
                    return;
                }
                Ok(Some(_)) => {
                    self.deliver(env, ask, Err(Refused::KeyReused), false);
                    return;
                }
                Ok(None) => {}
                Err(error) => env.checks.claim(Invariant::D, false, || error.to_string()),
            }
        }
        if self.board.live() >= env.settings.live && !self.actors.contains_key(&ask.id) {
            self.deliver(env, ask, Err(Refused::TooManyLive), false);
            return;
        }
        if let Some(used) = &ask.key {
            self.keys_busy.insert((ask.namespace.clone(), used.key.clone()));
        }
        if !self.actors.contains_key(&ask.id) && !self.is_decided(ask.id) {
            let state = self.load(env, &ask.namespace, ask.id);
            // A terminal execution gets no actor.
            if state.as_ref().is_none_or(|state| !state.phase.is_terminal()) {
                self.build(env, &ask.namespace, ask.id, state);
            }
        }
        self.execute(env, ask);
    }

    pub(super) fn build(
        &mut self,
        env: &Env,
        namespace: &Namespace,
        id: ExecutionId,
        state: Option<State>,
    ) -> u64 {
        let actor = self.made(env, namespace, id, state);
        let generation = actor.generation;
        self.actors.insert(id, actor);
        generation
    }

    fn made(
        &mut self,
        env: &Env,
        namespace: &Namespace,
        id: ExecutionId,
        state: Option<State>,
    ) -> Actor {
        let feed = self.feeds.of(namespace, id);
        let (head, lifecycle) = state.as_ref().map_or((0, 0), |s| (s.seq, s.lifecycle_seq));
        feed.opened(head, lifecycle);
        self.generations += 1;
        // The board may be behind after a store that failed.
        let row = env.disk.store().standing(namespace, id).ok().flatten();
        let report = row.as_ref().and_then(Standing::report);
        let report = report.map(|(lease, progress)| (lease, progress.clone()));
        Actor {
            generation: self.generations,
            facets: state.as_ref().map(Facets::of),
            state,
            pulse: self.board.pulse(id),
            feed,
            inflight: 0,
            poisoned: Rc::default(),
            snapshot_seq: head,
            pacing: Pacing::taken_over(report),
        }
    }

    /// The actor of an execution, from the log if need be. An answer where there is none.
    fn find(&mut self, env: &mut Env, ask: &Ask) -> Result<Actor, Answer> {
        // An id of another namespace does not exist.
        let owned = |actor: &Actor| {
            actor.state.as_ref().is_none_or(|state| state.spec.namespace == ask.namespace)
        };
        if self.actors.get(&ask.id).is_some_and(|actor| !owned(actor)) {
            return Err(Err(Refused::NotFound));
        }
        if ask.detached {
            env.checks.contested.insert(ask.id);
        } else if let Some(actor) = self.actors.remove(&ask.id) {
            if actor.poisoned.get() {
                return Err(Err(Refused::Interrupted));
            }
            return Ok(actor);
        }
        let state = self.load(env, &ask.namespace, ask.id).ok_or(Err(Refused::NotFound))?;
        if state.phase.is_terminal() {
            let context = Context {
                id: ask.id,
                now: env.now,
                random: 0.0,
                state_limit: usize::MAX,
                after: None,
            };
            let decided = decide(Some(&state), ask.command.clone(), &context);
            let silent = decided.as_ref().map_or(true, |decision| decision.events.is_empty());
            env.checks.claim(Invariant::B, silent, || format!("{}: not final", ask.id));
            return Err(decided.map(|decision| decision.reply).map_err(Refused::Rejected));
        }
        env.coverage.moment("actor built from the log");
        let actor = self.made(env, &ask.namespace, ask.id, Some(state));
        if actor.pacing.is_pending() && !ask.detached {
            env.coverage.moment("progress report found by another actor");
            self.wake(env, ask.id, actor.generation, Span(0));
        }
        Ok(actor)
    }

    fn execute(&mut self, env: &mut Env, ask: Ask) {
        // A report that waits may have to go first.
        let waits = self.actors.get(&ask.id).is_some_and(|actor| actor.pacing.is_pending());
        if !self.has_room(env, 1 + usize::from(waits)) {
            self.deliver(env, ask, Err(Refused::Overloaded), false);
            return;
        }
        // What a dead actor decided may still become durable: its successor waits for that, or it
        // would be built from a log that is about to move.
        if (ask.detached || !self.actors.contains_key(&ask.id)) && self.is_decided(ask.id) {
            env.coverage.moment("actor waited for what a dead one had decided");
            self.settling.push(ask);
            return;
        }
        let mut actor = match self.find(env, &ask) {
            Ok(actor) => actor,
            Err(answer) => {
                self.deliver(env, ask, answer, false);
                return;
            }
        };
        if let Some(reply) = self.postpone(env, &mut actor, &ask) {
            let id = ask.id;
            self.keep_report(env, &mut actor, ask, reply);
            self.actors.insert(id, actor);
            return;
        }
        let lost = self.report_before(env, &mut actor, &ask);
        let ahead = match &ask.asker {
            Asker::Timer { ahead, .. } => *ahead,
            _ => Span(0),
        };
        let command = with_newest_signs(&actor, ask.command.clone());
        let (command, after, spoilt) = spoil(env, &actor, command, ask.after);
        let context = Context {
            id: ask.id,
            now: env.now.plus(ahead),
            random: env.chance.unit(),
            state_limit: env.settings.state_bytes,
            after,
        };
        let (id, detached) = (ask.id, ask.detached);
        match decide(actor.state.as_ref(), command, &context) {
            Ok(decision) if !decision.events.is_empty() => {
                self.append(env, &mut actor, decision, ask, spoilt || lost);
            }
            Ok(decision)
                if matches!(ask.command, Command::ReportProgress { .. })
                    && actor.pacing.has_promised() =>
            {
                self.keep_report(env, &mut actor, ask, decision.reply);
            }
            Ok(decision) => self.behind_barrier(env, &actor, ask, Ok(decision.reply)),
            Err(rejection) => self.behind_barrier(env, &actor, ask, Err(rejection)),
        }
        if !detached {
            self.actors.insert(id, actor);
        }
    }

    pub(super) fn is_decided(&self, id: ExecutionId) -> bool {
        self.journal.iter().any(|entry| entry.after.ask.id == id)
    }

    /// What watchers see, once all of it is durable.
    pub(crate) fn show(
        &mut self,
        env: &mut Env,
        namespace: &Namespace,
        id: ExecutionId,
        watcher: usize,
    ) {
        let state = match self.actors.get(&id) {
            Some(actor) if !actor.poisoned.get() => actor.state.clone(),
            Some(_) | None => self.load(env, namespace, id),
        };
        let Some(state) = state.filter(|_| self.healthy && self.has_room(env, 1)) else {
            env.send(Happening::Missed { watcher });
            return;
        };
        let view = (state.seq, serde_json::to_string(&state).expect("a state is plain JSON"));
        let Some(actor) = self.actors.get(&id).filter(|actor| actor.inflight > 0) else {
            let (seq, json) = view;
            env.send(Happening::Shown { watcher, epoch: self.epoch, seq, json });
            return;
        };
        let ask = Ask {
            asker: Asker::Watcher(watcher),
            namespace: namespace.clone(),
            id,
            command: Command::Resume { input: None, question: None }, // Never decided: a look is no command.
            marks: Vec::new(),
            key: None,
            detached: false,
            epoch: None,
            after: None,
        };
        let entry = barrier(actor, ask, Ok(Reply::Done { seq: 0, cancel_requested: false }));
        let Entry { append, after } = entry;
        self.submit(env, Entry { append, after: After { view: Some(view), ..after } });
    }

    /// Even a refusal may rest on what is not durable yet.
    fn behind_barrier(
        &mut self,
        env: &mut Env,
        actor: &Actor,
        ask: Ask,
        answer: Result<Reply, Rejection>,
    ) {
        if actor.inflight == 0 {
            note_report(env, &ask, &answer);
            self.deliver(env, ask, answer.map_err(Refused::Rejected), false);
            return;
        }
        env.coverage.moment("answer waited behind a barrier");
        self.submit(env, barrier(actor, ask, answer));
    }

    pub(super) fn append(
        &mut self,
        env: &mut Env,
        actor: &mut Actor,
        decision: Decision,
        ask: Ask,
        spoilt: bool,
    ) {
        let Decision { mut events, reply } = decision;
        let id = ask.id;
        let expected_seq = actor.state.as_ref().map_or(0, |s| s.seq);
        for event in &events {
            let applied = state::apply(&mut actor.state, event);
            env.checks.claim(Invariant::D, applied.is_ok(), || {
                format!("{id}: {event:?} does not fold: {applied:?}")
            });
        }
        let Some(state) = &actor.state else { return };
        let over = state.phase.is_terminal();
        if over && env.sabotaged(Sabotage::WordAfterTheEnd) {
            let last = &events[events.len() - 1];
            let body = EventBody::CancelDelivered(Empty {});
            events.push(Event { seq: last.seq + 1, body, ..last.clone() });
        }
        let records = encode(&events);
        let lifecycle = events.iter().any(|e| e.body.is_lifecycle());
        let tail = state.seq - actor.snapshot_seq;
        let snapshot = (tail >= env.settings.snapshot_every || (over && tail > 4))
            .then(|| encode_state(state));
        if snapshot.is_some() {
            actor.snapshot_seq = state.seq;
        }
        if events.iter().any(|e| matches!(e.body, EventBody::Started(_))) {
            actor.pulse = Some(Arc::new(Pulse::new(env.now)));
        }
        let standing = lifecycle.then(|| actor.pacing.promise(state.standing()));
        let summary = lifecycle.then(|| {
            let after = Facets::of(state);
            let before = actor.facets.replace(after.clone());
            let signs = actor.pulse.as_ref().map(|p| p.signs()).unwrap_or_default();
            let json = serde_json::to_vec(&state.execution(signs)).expect("plain JSON");
            Arc::new(Summary { json: json.into(), facets: after, before })
        });
        if env.suffers(Sabotage::EarlyShow) {
            // Harm is done only where somebody watches, and then it is noticed.
            actor.feed.publish(records.clone(), None);
        }
        let append = Append {
            namespace: ask.namespace.clone(),
            id,
            expected_seq,
            records,
            standing: standing.clone(),
            summary,
            snapshot,
            idempotency: ask.key.clone(),
            decided_at: env.now,
        };
        let timeout = match (&ask.asker, &ask.command) {
            (Asker::Timer { came_up, .. }, Command::TimeOut { kind, .. }) => {
                Some((*kind, *came_up, env.now))
            }
            _ => None,
        };
        let (pace, question) = match &ask.command {
            Command::ReportProgress { .. } => (Some(actor.pacing.pace(actor.generation)), None),
            Command::Resume { question, .. } => (None, *question),
            _ => (None, None),
        };
        // A report that has waited: nothing else is new, and its runner has not spoken again.
        let waited = actor.pacing.tells_late()
            && events.iter().all(|event| matches!(event.body, EventBody::Progress(_)));
        let after = After {
            generation: actor.generation,
            poisoned: Rc::clone(&actor.poisoned),
            deed: Deed {
                waited,
                lease: lease_of(&ask.command),
                timeout,
                pace,
                question,
                after: ask.after,
                spoilt,
            },
            standing: standing.filter(|_| !waited),
            pulse: actor.pulse.clone(),
            feed: Arc::clone(&actor.feed),
            spoke: spoke(&events),
            ended: over.then_some(state.phase),
            answer: Ok(reply),
            view: None,
            ask,
        };
        actor.inflight += 1;
        // The actor is listed before its append can come back.
        self.submit(env, Entry { append, after });
    }

    // ---- answers -------------------------------------------------------------------------

    /// Tells whoever asked. What is said must be true of the log.
    pub(super) fn deliver(&mut self, env: &mut Env, ask: Ask, answer: Answer, wrote: bool) {
        if let Some(used) = &ask.key {
            self.keys_busy.remove(&(ask.namespace.clone(), used.key.clone()));
        }
        self.judge(env, &ask, &answer, wrote);
        if let (Command::Heartbeat { lease } | Command::ReportProgress { lease, .. }, Ok(_)) =
            (&ask.command, &answer)
        {
            self.beat(env, &ask.namespace, ask.id, *lease);
        }
        match ask.asker {
            Asker::Timer { due, came_up, ahead } => {
                self.fired(env, &due, (came_up, ahead), answer);
            }
            Asker::Claim { round, lease } => self.claimed(env, round, ask.id, lease, &answer),
            asker => env.answer(asker, answer),
        }
    }

    fn judge(&mut self, env: &mut Env, ask: &Ask, answer: &Answer, wrote: bool) {
        let said = match answer {
            Ok(reply) => {
                env.coverage.count("command accepted", command_name(&ask.command));
                let healthy = env.disk.is_healthy();
                env.checks.claim(Invariant::G, healthy, || {
                    format!("{}: acknowledged while the store is unhealthy", ask.id)
                });
                let silent = !wrote && lease_of(&ask.command).is_some();
                match &ask.command {
                    Command::PostEvents { .. } if silent => {
                        env.coverage.moment("batch was a repeat");
                    }
                    Command::Wait { hold: true, .. } if silent => {
                        env.coverage.moment("question was a repeat");
                    }
                    Command::Complete { .. } | Command::Fail { .. } if silent => {
                        env.coverage.moment("end told again");
                    }
                    _ => {}
                }
                Ok(reply)
            }
            Err(Refused::Rejected(rejection)) => {
                env.coverage.rejection(rejection);
                Err(rejection)
            }
            Err(refused) => {
                let name = match refused {
                    Refused::Overloaded => "overloaded",
                    Refused::TooManyLive => "too_many_live",
                    Refused::Unavailable => "unavailable",
                    Refused::NotFound => "not_found",
                    Refused::KeyReused => "key_reused",
                    Refused::Interrupted | Refused::Rejected(_) | Refused::Lost => "interrupted",
                };
                env.coverage.count("refusal", name);
                return;
            }
        };
        let foreign =
            env.checks.known.get(&ask.id).is_some_and(|known| known.namespace != ask.namespace);
        env.checks.claim(Invariant::I, !foreign, || {
            format!("{}: {answer:?} to somebody of another namespace", ask.id)
        });
        env.checks.answered(ask, said, wrote);
    }

    /// Actors that have nothing to do leave; one panics now and then.
    pub(crate) fn sweep(&mut self, env: &mut Env) -> Option<(Namespace, ExecutionId)> {
        let idle: Vec<_> = self
            .actors
            .iter()
            .filter(|(_, actor)| actor.inflight == 0 && !actor.pacing.is_pending())
            .map(|(id, _)| *id)
            .collect();
        for id in idle {
            if env.chance.percent(40) {
                env.coverage.moment("actor went home");
                self.actors.remove(&id);
            }
        }
        if self.actors.is_empty() || !env.chance.percent(15) || env.checks.is_closing() {
            return None;
        }
        let nth = env.chance.below(self.actors.len());
        let id = *self.actors.keys().nth(nth)?;
        env.coverage.fault("actor panicked");
        let actor = self.actors.remove(&id)?;
        let namespace = actor.state?.spec.namespace.clone();
        let promised = self.board.standing(id).is_some_and(|s| s.report().is_some());
        if promised || self.is_decided(id) {
            let (epoch, namespace) = (self.epoch, namespace.clone());
            env.after(Span(0), Happening::Awaken { epoch, namespace, id });
        }
        env.chance.percent(30).then_some((namespace, id))
    }
}

/// A sign of life may have been accepted while a timeout was on its way.
fn with_newest_signs(actor: &Actor, mut command: Command) -> Command {
    if let (Command::TimeOut { signs, .. }, Some(pulse)) = (&mut command, &actor.pulse) {
        *signs = signs.newest(pulse.signs());
    }
    command
}

/// Takes the place of a missing check, when the checkers are themselves tested.
fn spoil(
    env: &Env,
    actor: &Actor,
    mut command: Command,
    mut after: Option<u64>,
) -> (Command, Option<u64>, bool) {
    let Some(held) = actor.state.as_ref().and_then(|state| state.lease.as_ref()) else {
        return (command, after, false);
    };
    let mut spoilt = false;
    if let Command::PostEvents { lease, batch, .. } = &mut command {
        if *lease != held.id && env.suffers(Sabotage::StaleLease) {
            (*lease, *batch, spoilt) = (held.id, None, true);
        }
        let newest = held.batches.back().map(|(batch, _)| *batch);
        if batch.is_some() && *batch <= newest && env.suffers(Sabotage::RepeatAppended) {
            (*batch, spoilt) = (None, true);
        }
        if *lease == held.id && after > newest && env.suffers(Sabotage::ForgottenOrder) {
            (after, spoilt) = (None, true);
        }
    }
    (command, after, spoilt)
}

pub(super) fn barrier(actor: &Actor, ask: Ask, answer: Result<Reply, Rejection>) -> Entry {
    let append = Append {
        namespace: ask.namespace.clone(),
        id: ask.id,
        expected_seq: actor.state.as_ref().map_or(0, |s| s.seq),
        records: Vec::new(),
        standing: None,
        summary: None,
        snapshot: None,
        idempotency: None,
        decided_at: heartline_execution::Timestamp(i64::MIN),
    };
    let after = After {
        generation: actor.generation,
        poisoned: Rc::clone(&actor.poisoned),
        deed: Deed::default(),
        standing: None,
        pulse: None,
        feed: Arc::clone(&actor.feed),
        spoke: false,
        ended: None,
        answer,
        view: None,
        ask,
    };
    Entry { append, after }
}

/// Whether the runner is heard in these events, as in `actors::writer`.
fn spoke(events: &[Event]) -> bool {
    events.iter().any(|e| {
        matches!(
            e.body,
            EventBody::Content(_)
                | EventBody::Progress(_)
                | EventBody::Waiting(_)
                | EventBody::CancelDelivered(_)
                | EventBody::CancelAcknowledged(_)
        )
    })
}

/// A report that was acknowledged must not be lost from here on.
pub(super) fn note_report(env: &mut Env, ask: &Ask, answer: &Result<Reply, Rejection>) {
    if let (Command::ReportProgress { lease, progress }, Ok(_)) = (&ask.command, answer) {
        env.checks.reported(ask.id, *lease, progress);
    }
}

fn encode(events: &[Event]) -> Vec<Record> {
    let record = |event: &Event| {
        let mut json = Vec::with_capacity(512);
        event.encode(&mut json);
        let (seq, private): (u64, Private) = (event.seq, event.private);
        Record { seq, lifecycle: event.body.is_lifecycle(), private, json: json.into() }
    };
    events.iter().map(record).collect()
}
