//! One run: a server, its disk, runners, clients and watchers, and one thing after another.

use std::collections::VecDeque;

use heartline_actors::board::{Due, QueueKey};
use heartline_execution::{
    ExecutionId, LeaseId, Name, Namespace, QueuePatch, Span, Spec, Timestamp,
};
use heartline_storage::Idempotency;

use super::{
    checks::Violation,
    clients::UNASKED,
    coverage::Coverage,
    env::Env,
    queues::{Claimant, Granted},
    runners::Runner,
    sabotage::{Sabotage, Tampering},
    server::{Answer, Ask, Refused, Server},
    watchers::Watcher,
};

/// Who waits for an answer.
#[derive(Clone, Debug)]
pub(crate) enum Asker {
    /// A runner, about one of its leases.
    Job {
        runner: usize,
        job: u64,
        serial: u64,
    },
    /// A client that tries again until it knows that its execution exists.
    Creator {
        spec: Box<Spec>,
        key: Option<Idempotency>,
    },
    /// The supervisor. `ahead` is how far a sabotaged clock is.
    Timer {
        due: Box<Due>,
        came_up: Timestamp,
        ahead: Span,
    },
    /// The queues.
    Claim {
        round: u64,
        lease: LeaseId,
    },
    Watcher(usize),
    Nobody,
}

/// What can happen next. What belongs to one start of the server carries its epoch.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Arrive(Box<Ask>),
    Synced { epoch: u64 },
    Recover { epoch: u64 },
    Tick { epoch: u64, timer: u64 },
    CameDue { epoch: u64, key: QueueKey },
    Settle { epoch: u64, key: QueueKey, ids: Vec<ExecutionId> },
    Configure { key: QueueKey, patch: Box<QueuePatch> },
    ReportIsDue { epoch: u64, id: ExecutionId, generation: u64 },
    Awaken { epoch: u64, namespace: Namespace, id: ExecutionId },
    Purge { namespace: Namespace, id: ExecutionId },
    Sweep,
    Crash,
    Boot,
    Poll { runner: usize },
    Claim(Claimant),
    PollOver { runner: usize, serial: u64 },
    Granted { runner: usize, serial: u64, epoch: u64, granted: Vec<Granted> },
    Work { runner: usize, job: u64 },
    Answered { runner: usize, job: u64, serial: u64, answer: Answer },
    ClientActs,
    Create { spec: Box<Spec>, key: Option<Idempotency> },
    Watch { watcher: usize },
    Shown { watcher: usize, epoch: u64, seq: u64, json: String },
    Missed { watcher: usize },
}

impl Happening {
    pub(crate) fn arrive(ask: Ask) -> Self {
        Self::Arrive(Box::new(ask))
    }
}

impl Env {
    /// An answer on its way to who asked; it may get lost.
    pub(crate) fn answer(&mut self, asker: Asker, answer: Answer) {
        match asker {
            Asker::Job { runner, job, serial } => {
                let lost = self.chance.percent(self.settings.loss) && !self.checks.is_closing();
                if lost {
                    self.coverage.fault("answer lost");
                }
                let answer = if lost { Err(Refused::Lost) } else { answer };
                self.send(Happening::Answered { runner, job, serial, answer });
            }
            Asker::Creator { spec, key } => {
                let unknown = matches!(
                    answer,
                    Err(Refused::Unavailable | Refused::Interrupted | Refused::Lost)
                );
                // Without a key a client must not try again: it could create two.
                if unknown && key.is_some() && !self.checks.is_closing() {
                    let wait = self.millis(1, 60);
                    self.after(wait, Happening::Create { spec, key });
                }
            }
            Asker::Watcher(watcher) => self.send(Happening::Missed { watcher }),
            Asker::Timer { .. } | Asker::Claim { .. } | Asker::Nobody => {}
        }
    }

    /// The connection of who asked is broken.
    pub(crate) fn hang_up(&mut self, asker: &Asker) {
        self.answer(asker.clone(), Err(Refused::Lost));
    }
}

/// See the module.
pub(crate) struct World {
    pub(crate) env: Env,
    pub(crate) server: Option<Server>,
    epochs: u64,
    pub(crate) runners: Vec<Runner>,
    pub(crate) watchers: Vec<Watcher>,
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) queues: Vec<Name>,
    pub(crate) ids: u128,
    pub(crate) serials: u64,
    /// The newest steps, where they are wanted.
    trace: Option<VecDeque<String>>,
}

/// How a run went.
pub(crate) struct Outcome {
    pub(crate) steps: u64,
    pub(crate) coverage: Coverage,
    pub(crate) violation: Option<(u64, Violation)>,
    pub(crate) trace: Vec<String>,
    /// Whether the sabotage came to pass.
    pub(crate) harmed: bool,
}

/// Steps that a failure shows.
const SHOWN: usize = 30;
/// Steps between two looks at everything that is cheap to look at, and at what is not.
const LIGHT: u64 = 16;
const HEAVY: u64 = 256;
/// Steps that the end of a run may take: everything that lives must end by its timeouts.
const CLOSING_STEPS: u64 = 50_000;

impl World {
    fn new(seed: u64) -> Self {
        let env = Env::new(seed);
        let name = |text: &str| Name::new(text).expect("a valid name");
        let mut world = Self {
            env,
            server: None,
            epochs: 0,
            runners: Vec::new(),
            watchers: Vec::new(),
            namespaces: vec![Name::default_namespace(), name("other")],
            queues: vec![name("agents"), name("workflows"), name(UNASKED)],
            ids: 0,
            serials: 0,
            trace: None,
        };
        world.boot();
        world.hire();
        world.seat();
        world.env.after(Span(0), Happening::ClientActs);
        world.env.after(Span::millis(50), Happening::Sweep);
        world.plan_crash();
        world
    }

    /// Runs a seed for `steps` steps and then to the end of every execution.
    pub(crate) fn run(seed: u64, steps: u64, sabotage: Option<Sabotage>, traced: bool) -> Outcome {
        let mut world = Self::new(seed);
        world.env.sabotage = sabotage;
        if let Some(Sabotage::Log(tampering)) = sabotage {
            world.env.disk.tampering = Some(tampering);
            world.env.harmed = true;
        }
        world.trace = traced.then(VecDeque::new);
        let mut step = 0;
        while step < steps && world.step(step) {
            step += 1;
        }
        if world.env.checks.violation().is_none() {
            world.close();
            let end = step + CLOSING_STEPS;
            while step < end && world.is_closing() && world.step(step) {
                step += 1;
            }
            world.audit_the_end();
        }
        Outcome {
            steps: step,
            violation: world.env.checks.violation().map(|violation| (step, violation.clone())),
            coverage: world.env.coverage,
            harmed: world.env.harmed,
            trace: world.trace.into_iter().flatten().collect(),
        }
    }

    /// One thing happens, and nothing may be broken after it. False at the end.
    fn step(&mut self, step: u64) -> bool {
        let Some(what) = self.env.next() else { return false };
        if let Some(trace) = &mut self.trace {
            if trace.len() == SHOWN {
                trace.pop_front();
            }
            trace.push_back(format!("{step:>7} {} {what:?}", self.env.now));
        }
        self.happen(what);
        if step.is_multiple_of(LIGHT) {
            self.audit();
        }
        if step.is_multiple_of(HEAVY) {
            self.audit_all();
        }
        self.env.checks.violation().is_none()
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Arrive(ask) => self.arrive(*ask),
            Happening::Synced { epoch } => {
                let survived = self.at(epoch, Server::synced);
                if survived == Some(false) {
                    self.crash();
                }
            }
            Happening::Recover { epoch } => {
                self.at(epoch, Server::recover);
            }
            Happening::Tick { epoch, timer } => {
                self.at(epoch, |server, env| server.ring(env, timer));
            }
            Happening::CameDue { epoch, key } => {
                self.at(epoch, |server, env| server.came_due(env, &key));
            }
            Happening::Settle { epoch, key, ids } => {
                self.at(epoch, |server, env| server.settle_later(env, key, ids));
            }
            Happening::Configure { key, patch } => {
                self.at(self.epochs, |server, env| server.configure(env, &key, &patch));
            }
            Happening::ReportIsDue { epoch, id, generation } => {
                self.at(epoch, |server, env| server.report_is_due(env, id, generation));
            }
            Happening::Awaken { epoch, namespace, id } => {
                self.at(epoch, |server, env| server.awaken(env, namespace, id));
            }
            Happening::Purge { namespace, id } => {
                self.at(self.epochs, |server, env| server.purge(env, &namespace, id));
            }
            Happening::Sweep => self.sweep(),
            Happening::Crash => self.crash(),
            Happening::Boot => self.boot(),
            Happening::Poll { runner } => self.poll(runner),
            Happening::Claim(claimant) => match &mut self.server {
                Some(server) if server.is_healthy() => server.claim(&mut self.env, claimant),
                Some(_) | None => {}
            },
            Happening::PollOver { runner, serial } => self.poll_over(runner, serial),
            Happening::Granted { runner, serial, epoch, granted } => {
                if self.epochs == epoch {
                    self.granted(runner, serial, granted);
                }
            }
            Happening::Work { runner, job } => self.work(runner, job),
            Happening::Answered { runner, job, serial, answer } => {
                self.answered(runner, job, serial, answer);
            }
            Happening::ClientActs => self.client_acts(),
            Happening::Create { spec, key } => self.create(spec, key),
            Happening::Watch { watcher } => self.watch(watcher),
            Happening::Shown { watcher, epoch, seq, json } => {
                self.shown(watcher, epoch, seq, &json);
            }
            Happening::Missed { watcher } => self.missed(watcher),
        }
    }

    /// With the server of that start, if it still runs.
    fn at<T>(&mut self, epoch: u64, then: impl FnOnce(&mut Server, &mut Env) -> T) -> Option<T> {
        let server = self.server.as_mut().filter(|server| server.epoch == epoch)?;
        Some(then(server, &mut self.env))
    }

    fn arrive(&mut self, ask: Ask) {
        let current = ask.epoch.is_none_or(|epoch| epoch == self.epochs);
        match &mut self.server {
            Some(server) if current => server.arrive(&mut self.env, ask),
            Some(_) | None => self.env.hang_up(&ask.asker),
        }
    }

    fn sweep(&mut self) {
        let hopeless = self.server.as_mut().and_then(|server| server.sweep(&mut self.env));
        if let Some((namespace, id)) = hopeless {
            self.give_up(namespace, id);
        }
        if !self.is_closing() {
            let wait = self.env.millis(20, 120);
            self.env.after(wait, Happening::Sweep);
        }
    }

    // ---- the process ---------------------------------------------------------------------

    fn plan_crash(&mut self) {
        let wait = self.env.millis(100, 4_000);
        self.env.after(wait, Happening::Crash);
    }

    fn crash(&mut self) {
        if self.is_closing() {
            return;
        }
        if let Some(server) = self.server.take() {
            server.crash(&mut self.env);
            let down = self.env.millis(1, 600);
            self.env.after(down, Happening::Boot);
        }
    }

    fn boot(&mut self) {
        self.env.disk.reopen();
        self.read_back_all();
        self.epochs += 1;
        self.server = Some(Server::start(&mut self.env, self.epochs));
        if self.epochs > 1 && !self.is_closing() {
            self.plan_crash();
        }
    }

    /// No more faults and no more work: whoever lives must end by its timeouts.
    fn close(&mut self) {
        self.env.checks.close();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.env.checks.is_closing()
    }

    pub(crate) fn new_id(&mut self, kind: heartline_execution::Kind) -> ExecutionId {
        self.ids += 1;
        ExecutionId::new(kind, self.ids << 64 | u128::from(self.env.chance.unit().to_bits()))
    }

    /// Whether a page for a watcher is to be damaged.
    pub(crate) fn page_sabotage(&mut self, events: usize) -> Option<Tampering> {
        match self.env.sabotage {
            Some(Sabotage::Page(tampering)) if tampering.fits(events) => {
                self.env.sabotaged(Sabotage::Page(tampering)).then_some(tampering)
            }
            _ => None,
        }
    }
}
