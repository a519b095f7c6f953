//! Fake clients: they create, cancel, answer and change executions, and send what makes no sense.

use std::collections::BTreeMap;

use heartline_execution::{
    Command, ExecutionId, Kind, LeaseId, Name, Namespace, Phase, QueuePatch, Rate, Span, Spec,
    command::TimeoutPatch,
    event::RunnerInfo,
    spec::{Retry, Timeouts},
};
use heartline_storage::Idempotency;

use super::{
    chance::Chance,
    checks::Invariant,
    server::Ask,
    words,
    world::{Asker, Happening, World},
};

/// Claims without having asked a queue.
pub(crate) const STRAY: &str = "stray";
/// A queue that no runner ever asks.
pub(crate) const UNASKED: &str = "nobody";

impl World {
    pub(crate) fn client_acts(&mut self) {
        if self.is_closing() {
            return;
        }
        match self.env.chance.below(100) {
            0..40 => {
                let spec = Box::new(self.draw_spec());
                let key = self.env.chance.percent(40).then(|| self.draw_key());
                self.create(spec, key);
            }
            40..48 => {
                let reason = Some("please".to_owned());
                let grace = self.env.chance.one_in(2).then(|| self.env.millis(0, 200));
                self.tell_any(Command::RequestCancel { reason, grace }, Vec::new());
            }
            48..66 => self.answer_a_question(),
            66..80 => self.update_any(),
            80..90 => self.nonsense(),
            90..94 => self.purge_one(),
            94..96 => self.set_a_queue(),
            _ => {
                let refused = words::garbage_is_refused(&mut self.env.chance);
                self.env.checks.claim(Invariant::I, refused, || "garbage was accepted".to_owned());
                self.env.coverage.moment("garbage refused");
            }
        }
        let pause = self.env.millis(1, 40);
        self.env.after(pause, Happening::ClientActs);
    }

    fn draw_spec(&mut self) -> Spec {
        let kind = Kind::ALL[self.env.chance.below(2)];
        let namespace = self.namespaces[usize::from(self.env.chance.one_in(4))].clone();
        let busy = self.env.chance.percent(88);
        let queue = if busy { self.env.chance.below(2) } else { 2 };
        let env = &mut self.env;
        let timeouts = Timeouts {
            schedule_to_start: env.millis(60, 1_500),
            heartbeat: env.millis(80, 600),
            start_to_close: env.chance.one_in(3).then(|| env.millis(100, 1_500)),
            schedule_to_close: env.chance.one_in(4).then(|| env.millis(200, 3_000)),
            progress: env.chance.one_in(3).then(|| env.millis(80, 600)),
            waiting: env.millis(30, 800),
            cancel: env.millis(20, 300),
        };
        let retry = Retry {
            max_attempts: u32::try_from(env.chance.within(1, 4)).expect("it is small"),
            initial_backoff: env.millis(0, 60),
            factor: 1.0 + env.chance.unit() * 2.0,
            max_backoff: env.millis(20, 200),
        };
        let label = ["red", "blue"][env.chance.below(2)];
        Spec {
            namespace,
            queue: self.queues[queue].clone(),
            input: env.chance.one_in(2).then(|| words::marked(0)),
            labels: BTreeMap::from([("colour".to_owned(), label.to_owned())]),
            priority: [0, 0, 5, -5][env.chance.below(4)],
            concurrency_key: [None, Some("ann"), Some("bob")][env.chance.below(3)]
                .map(|key| Name::new(key).expect("a valid name")),
            timeouts,
            retry,
            start_at: env.chance.one_in(6).then(|| env.now.plus(env.millis(0, 300))),
            ..Spec::new(kind, ["summarise", "translate"][env.chance.below(2)])
        }
    }

    /// An operator pauses, resumes or limits one of the queues that are asked.
    fn set_a_queue(&mut self) {
        let namespace = self.namespaces[usize::from(self.env.chance.one_in(4))].clone();
        let key = (namespace, self.queues[self.env.chance.below(2)].clone());
        let chance = &mut self.env.chance;
        let patch = match chance.below(4) {
            0 => QueuePatch { paused: Some(true), ..QueuePatch::default() },
            1 => QueuePatch { paused: Some(false), ..QueuePatch::default() },
            2 => QueuePatch {
                max_in_progress: Some([None, Some(1), Some(3), Some(8)][chance.below(4)]),
                key_max_in_progress: Some([None, Some(1), Some(2)][chance.below(3)]),
                ..QueuePatch::default()
            },
            _ => QueuePatch {
                rate: Some(draw_rate(chance, 30.0)),
                key_rate: Some(draw_rate(chance, 10.0)),
                ..QueuePatch::default()
            },
        };
        let paused = patch.paused == Some(true);
        self.env.send(Happening::Configure { key: key.clone(), patch: Box::new(patch) });
        if paused {
            let patch = QueuePatch { paused: Some(false), ..QueuePatch::default() };
            let wait = self.env.millis(20, 300);
            self.env.after(wait, Happening::Configure { key, patch: Box::new(patch) });
        }
    }

    fn draw_key(&mut self) -> Idempotency {
        let key = self.env.chance.within(1, 40);
        // Now and then the same key comes with another body.
        let body = u8::try_from(key).expect("it is small") ^ u8::from(self.env.chance.one_in(8));
        Idempotency { key: format!("key-{key}"), fingerprint: [body; 32] }
    }

    /// Every try is for a new id, as the server would choose it.
    pub(crate) fn create(&mut self, spec: Box<Spec>, key: Option<Idempotency>) {
        let id = self.new_id(spec.kind);
        let ask = Ask {
            namespace: spec.namespace.clone(),
            id,
            command: Command::Create(spec.clone()),
            asker: Asker::Creator { spec, key: key.clone() },
            marks: Vec::new(),
            key,
            detached: false,
            epoch: None,
            after: None,
        };
        self.env.send(Happening::arrive(ask));
    }

    /// Some execution: mostly one that lives.
    pub(crate) fn any(&mut self, only_live: bool) -> Option<(Namespace, ExecutionId)> {
        let checks = &self.env.checks;
        let live = only_live || self.env.chance.percent(85);
        let id = if live {
            let nth = self.env.chance.below(checks.live.len().max(1));
            *checks.live.iter().nth(nth)?
        } else {
            let nth = self.env.chance.below(checks.known.len().max(1));
            *checks.known.keys().nth(nth)?
        };
        Some((checks.known[&id].namespace.clone(), id))
    }

    fn tell_any(&mut self, command: Command, marks: Vec<u64>) {
        if let Some((namespace, id)) = self.any(false) {
            self.tell(namespace, id, command, marks);
        }
    }

    fn tell(&mut self, namespace: Namespace, id: ExecutionId, command: Command, marks: Vec<u64>) {
        let ask = Ask {
            asker: Asker::Nobody,
            namespace,
            id,
            command,
            marks,
            key: None,
            detached: false,
            epoch: None,
            after: None,
        };
        self.env.send(Happening::arrive(ask));
    }

    fn answer_a_question(&mut self) {
        let mark = self.env.mark();
        let input = Some(words::marked(mark));
        let checks = &self.env.checks;
        let waits = |id: &&ExecutionId| checks.known[*id].shadow.phase == Some(Phase::Waiting);
        let waiting = checks.live.iter().find(waits).copied();
        match waiting {
            Some(id) if self.env.chance.percent(80) => {
                let known = &self.env.checks.known[&id];
                let (namespace, asked) = (known.namespace.clone(), known.shadow.asked_seq);
                let question = match self.env.chance.below(10) {
                    0..4 => None,
                    4..9 => Some(asked),
                    _ => Some(asked.saturating_sub(1)),
                };
                let command = Command::Resume { input, question };
                self.tell(namespace, id, command, vec![mark]);
            }
            _ => self.tell_any(Command::Resume { input, question: None }, vec![mark]),
        }
    }

    /// Mostly one that is over, as only these can go.
    fn purge_one(&mut self) {
        let over = self.env.checks.known.iter().filter(|(_, known)| known.shadow.is_over());
        let over: Vec<_> = over.map(|(id, known)| (known.namespace.clone(), *id)).collect();
        let one = if over.is_empty() || self.env.chance.one_in(5) {
            self.any(false)
        } else {
            Some(self.env.chance.pick(&over).clone())
        };
        if let Some((namespace, id)) = one {
            self.env.send(Happening::Purge { namespace, id });
        }
    }

    fn update_any(&mut self) {
        let env = &mut self.env;
        let timeouts = TimeoutPatch {
            schedule_to_start: env.chance.one_in(4).then(|| env.millis(20, 1_500)),
            heartbeat: env.chance.one_in(4).then(|| env.millis(40, 600)),
            start_to_close: env
                .chance
                .one_in(4)
                .then(|| env.chance.one_in(2).then(|| env.millis(50, 900))),
            ..TimeoutPatch::default()
        };
        let command = Command::Update {
            labels: None,
            priority: env.chance.one_in(2).then(|| [0, 5, -5, 9][env.chance.below(4)]),
            timeouts,
            if_match: env.chance.one_in(3).then(|| env.chance.within(1, 8)),
        };
        self.tell_any(command, Vec::new());
    }

    fn nonsense(&mut self) {
        let kind = Kind::Agent;
        match self.env.chance.below(7) {
            0 => {
                let timeouts = TimeoutPatch { heartbeat: Some(Span(1)), ..TimeoutPatch::default() };
                let priority = Some(1_000_000);
                let (labels, if_match) = (None, None);
                self.tell_any(Command::Update { labels, priority, timeouts, if_match }, Vec::new());
            }
            1 => {
                let grace = Some(Span(u64::MAX));
                self.tell_any(Command::RequestCancel { reason: None, grace }, Vec::new());
            }
            2 => {
                // One that was never created.
                let id = self.new_id(kind);
                let command = Command::Resume { input: None, question: None };
                self.tell(Name::default_namespace(), id, command, Vec::new());
            }
            3 => {
                // One whose creation is refused, and what follows it.
                let spec = Spec { priority: 5_000, ..Spec::new(kind, "") };
                let (namespace, id) = (spec.namespace.clone(), self.new_id(kind));
                let create = Command::Create(Box::new(spec));
                self.tell(namespace.clone(), id, create, Vec::new());
                let cancel = Command::RequestCancel { reason: None, grace: None };
                let ask = Ask {
                    asker: Asker::Nobody,
                    namespace,
                    id,
                    command: cancel,
                    marks: Vec::new(),
                    key: None,
                    detached: false,
                    epoch: None,
                    after: None,
                };
                self.env.after(Span::millis(3), Happening::arrive(ask));
            }
            4 => {
                // One that exists already.
                if let Some((namespace, id)) = self.any(true) {
                    let spec = Spec { namespace: namespace.clone(), ..Spec::new(kind, "again") };
                    self.tell(namespace, id, Command::Create(Box::new(spec)), Vec::new());
                }
            }
            5 => {
                // A claim of what is not in its queue.
                if let Some((namespace, id)) = self.any(true)
                    && self.env.checks.known[&id].shadow.phase != Some(Phase::Pending)
                {
                    let lease = LeaseId(self.env.chance.u128());
                    let id_of = Name::new(STRAY).expect("a valid name");
                    let runner =
                        RunnerInfo { id: id_of, name: None, host: None, pid: None, version: None };
                    self.tell(namespace, id, Command::Claim { lease, runner }, Vec::new());
                }
            }
            _ => {
                // Another namespace's execution.
                if let Some((namespace, id)) = self.any(true) {
                    let foreign = usize::from(namespace == self.namespaces[0]);
                    let namespace = self.namespaces[foreign].clone();
                    let command = Command::Resume { input: None, question: None };
                    self.tell(namespace, id, command, Vec::new());
                }
            }
        }
    }

    /// The supervisor cannot keep the execution's actor alive.
    pub(crate) fn give_up(&mut self, namespace: Namespace, id: ExecutionId) {
        let epoch = self.server.as_ref().map(|server| server.epoch);
        let ask = Ask {
            asker: Asker::Nobody,
            namespace,
            id,
            command: Command::GiveUp { evidence: "it keeps panicking".to_owned() },
            marks: Vec::new(),
            key: None,
            detached: true,
            epoch,
            after: None,
        };
        self.env.send(Happening::arrive(ask));
    }
}

/// None, or one that claims have to wait for.
fn draw_rate(chance: &mut Chance, fastest: f64) -> Option<Rate> {
    let burst = u32::try_from(chance.within(1, 4)).expect("a few");
    let per_second = 3.0 + chance.unit() * fastest;
    chance.percent(60).then_some(Rate { per_second, burst })
}
