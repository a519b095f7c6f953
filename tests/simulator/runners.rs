//! Fake runners: diligent ones, and such as stall, die, repeat themselves, and come back as
//! zombies with a lease that has long ended.

use std::collections::BTreeMap;

use heartline_actors::board::QueueKey;
use heartline_execution::{
    Command, ExecutionId, LeaseId, Name, Namespace, Rejection, Reply, Span,
    content::Progress,
    event::{Failure, RunnerInfo},
};

use super::{
    ahead::Ahead,
    env::Env,
    queues::{Claimant, Granted},
    server::{Answer, Ask, Refused},
    words,
    world::{Asker, Happening, World},
};

/// How an attempt is gone about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Works and finishes.
    Diligent,
    /// Works and never finishes.
    Endless,
    /// Beats, and does nothing.
    Idle,
    /// Is never heard of again.
    Silent,
    /// Finishes at once.
    Hasty,
    /// Gets everything wrong that can be.
    Clumsy,
}

/// A lease in a runner's hands.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) namespace: Namespace,
    pub(super) id: ExecutionId,
    pub(super) lease: LeaseId,
    heartbeat: Span,
    manner: Manner,
    pub(super) batch: u64,
    /// Batches sent without waiting for each other's answers, those that are settled aside.
    pub(super) ahead: Vec<Ahead>,
    /// The call without an answer yet.
    open: Option<u64>,
    /// The newest call, to be made again.
    pub(super) last: Option<(Command, Vec<u64>)>,
    /// The newest call is to be made again: nobody answered.
    again: bool,
    cancel_seen: bool,
    /// It has ended, and the runner goes on.
    pub(super) zombie: u32,
}

impl Env {
    /// Some events; only a numbered batch is appended once, however often it is sent, and only of
    /// that can be told whether it is there.
    pub(super) fn post(&mut self, lease: LeaseId, batch: Option<u64>) -> (Command, Vec<u64>) {
        let mut marks = Vec::new();
        let events = (0..1 + self.chance.below(4))
            .map(|_| {
                let mark = batch.map(|_| self.mark());
                let (content, kept) = words::event(&mut self.chance, mark);
                marks.extend(kept);
                content
            })
            .collect();
        (Command::PostEvents { lease, batch, events }, marks)
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Runner {
    info: RunnerInfo,
    key: QueueKey,
    slots: usize,
    pub(super) jobs: BTreeMap<u64, Job>,
    poll: Option<u64>,
}

const RUNNERS: usize = 6;

impl World {
    pub(crate) fn hire(&mut self) {
        for index in 0..RUNNERS {
            let info = RunnerInfo {
                id: Name::new(&format!("runner-{index}")).expect("a valid name"),
                name: None,
                host: Some("sim".to_owned()),
                pid: u32::try_from(index).ok(),
                version: None,
            };
            // Nobody ever asks the last queue.
            let queue = self.queues[index % 2].clone();
            let namespace = self.namespaces[usize::from(index >= 4)].clone();
            let slots = 1 + self.env.chance.below(6);
            let key = (namespace, queue);
            self.runners.push(Runner { info, key, slots, jobs: BTreeMap::new(), poll: None });
            self.env.send(Happening::Poll { runner: index });
        }
    }

    pub(crate) fn poll(&mut self, runner: usize) {
        if self.is_closing() {
            return;
        }
        self.serials += 1;
        let serial = self.serials;
        let it = &mut self.runners[runner];
        let free = it.slots.saturating_sub(it.jobs.len());
        let wait = self.env.millis(10, 150);
        if free > 0 {
            it.poll = Some(serial);
            let claimant = Claimant {
                serial,
                runner,
                info: it.info.clone(),
                slots: u32::try_from(free).expect("a few"),
                key: it.key.clone(),
            };
            self.env.send(Happening::Claim(claimant));
        }
        self.env.after(wait, Happening::PollOver { runner, serial });
    }

    pub(crate) fn poll_over(&mut self, runner: usize, serial: u64) {
        if self.runners[runner].poll == Some(serial) {
            self.runners[runner].poll = None;
            if let Some(server) = &mut self.server {
                server.close(serial);
            }
        }
        let rest = self.env.millis(0, 20);
        self.env.after(rest, Happening::Poll { runner });
    }

    pub(crate) fn granted(&mut self, runner: usize, serial: u64, granted: Vec<Granted>) {
        if self.runners[runner].poll == Some(serial) {
            self.runners[runner].poll = None;
        } else if self.env.chance.one_in(2) {
            return; // It had gone in between; the leases will be missed.
        }
        for Granted { id, lease, heartbeat } in granted {
            self.serials += 1;
            let manner = match self.env.chance.below(20) {
                0..9 => Manner::Diligent,
                9..11 => Manner::Endless,
                11..13 => Manner::Idle,
                13 => Manner::Silent,
                14..17 => Manner::Hasty,
                _ => Manner::Clumsy,
            };
            let job = Job {
                namespace: self.runners[runner].key.0.clone(),
                id,
                lease,
                heartbeat,
                manner,
                batch: 0,
                ahead: Vec::new(),
                open: None,
                last: None,
                again: false,
                cancel_seen: false,
                zombie: 0,
            };
            self.runners[runner].jobs.insert(self.serials, job);
            if manner != Manner::Silent {
                self.rest(runner, self.serials);
            }
        }
    }

    pub(super) fn rest(&mut self, runner: usize, job: u64) {
        let pause = self.env.millis(1, 70);
        self.env.after(pause, Happening::Work { runner, job });
    }

    pub(crate) fn work(&mut self, runner: usize, number: u64) {
        if self.is_closing() {
            return;
        }
        let Some(job) = self.runners[runner].jobs.get_mut(&number) else { return };
        if job.open.is_some() || job.ahead.iter().any(Ahead::is_open) {
            return; // The answer, or that there is none, goes on.
        }
        if !job.ahead.is_empty() {
            self.send_ahead(runner, number);
            return;
        }
        if std::mem::take(&mut job.again)
            && let Some((command, marks)) = job.last.clone()
        {
            self.call(runner, number, command, marks);
            return;
        }
        match self.env.chance.below(100) {
            0..3 => {
                // A stall; now and then one that nobody survives.
                let stall = Span(job.heartbeat.0 / 10 * self.env.chance.within(2, 30));
                self.env.after(stall, Happening::Work { runner, job: number });
            }
            3 => {
                self.runners[runner].jobs.remove(&number);
            }
            4 => self.cut_off(runner, number),
            5..8 if job.last.is_some() => {
                let (command, marks) = job.last.clone().expect("there is one");
                self.call(runner, number, command, marks);
            }
            8..12 if job.manner == Manner::Diligent && job.zombie == 0 => {
                self.write_ahead(runner, number);
                self.send_ahead(runner, number);
            }
            _ => {
                let (command, marks) = self.choose(runner, number);
                self.call(runner, number, command, marks);
            }
        }
    }

    fn choose(&mut self, runner: usize, number: u64) -> (Command, Vec<u64>) {
        let env = &mut self.env;
        let job = self.runners[runner].jobs.get_mut(&number).expect("the caller has looked");
        let lease = job.lease;
        let dice = env.chance.below(100);
        let none = Vec::new();
        if job.cancel_seen {
            match dice {
                0..30 => return (Command::AcknowledgeCancel { lease }, none),
                30..60 => return (Command::ConfirmCancelled { lease }, none),
                _ => {}
            }
        }
        let finish = match job.manner {
            Manner::Diligent => 12,
            Manner::Hasty => 80,
            Manner::Clumsy => 5,
            Manner::Endless | Manner::Idle | Manner::Silent => 0,
        };
        if dice < finish {
            let mark = env.mark();
            return match env.chance.below(10) {
                0..5 => {
                    let output = env.chance.percent(80).then(|| words::marked(mark));
                    let marks = output.iter().map(|_| mark).collect();
                    (Command::Complete { lease, output }, marks)
                }
                5..8 => {
                    let code = if env.chance.one_in(6) { "definition_invalid" } else { "oops" };
                    let error = Failure {
                        code: code.to_owned(),
                        message: "It broke.".to_owned(),
                        detail: Some(format!("#{mark}")),
                        hint: None,
                        retryable: env.chance.percent(80),
                    };
                    (Command::Fail { lease, error }, vec![mark])
                }
                _ => {
                    let timeout = env.chance.one_in(2).then(|| env.millis(10, 400));
                    let hold = env.chance.one_in(2);
                    let batch = env.chance.percent(60).then(|| {
                        job.batch += 1;
                        job.batch
                    });
                    // Without a number, a question under a lease that is kept may be asked again.
                    let again = hold && batch.is_none();
                    let prompt = if again { "well?".to_owned() } else { format!("#{mark}") };
                    let marks = if again { none } else { vec![mark] };
                    let prompt = Some(prompt);
                    (Command::Wait { lease, batch, prompt, schema: None, timeout, hold }, marks)
                }
            };
        }
        if job.manner == Manner::Clumsy && env.chance.one_in(3) {
            return (self.blunder(lease), none);
        }
        if job.manner == Manner::Idle || dice >= 90 {
            return (Command::Heartbeat { lease }, none);
        }
        if dice >= 72 {
            let fraction = Some((env.chance.unit() * 16.0).round() / 16.0);
            let progress = Progress { fraction, message: None, details: None };
            return (Command::ReportProgress { lease, progress }, none);
        }
        job.batch += env.chance.within(1, 3);
        let batch = env.chance.percent(90).then_some(job.batch);
        env.post(lease, batch)
    }

    /// A call that must be refused, or must at least change nothing.
    fn blunder(&mut self, lease: LeaseId) -> Command {
        let chance = &mut self.env.chance;
        match chance.below(6) {
            0 => Command::AcknowledgeCancel { lease },
            1 => Command::ConfirmCancelled { lease },
            2 => {
                let progress = Progress { fraction: Some(1.5), message: None, details: None };
                Command::ReportProgress { lease, progress }
            }
            3 => Command::Wait {
                lease,
                batch: None,
                prompt: None,
                schema: None,
                timeout: Some(Span(1)),
                hold: true,
            },
            4 => {
                let events = vec![words::inapplicable()];
                Command::PostEvents { lease, batch: None, events }
            }
            _ => Command::Heartbeat { lease: LeaseId(chance.u128()) },
        }
    }

    fn call(&mut self, runner: usize, number: u64, command: Command, marks: Vec<u64>) {
        self.serials += 1;
        let serial = self.serials;
        let Some(job) = self.runners[runner].jobs.get_mut(&number) else { return };
        job.open = Some(serial);
        job.last = Some((command.clone(), marks.clone()));
        // A lease ends once: what a zombie says at a second end is nobody's promise.
        let marks = if job.zombie > 0 { Vec::new() } else { marks };
        let ask = Ask {
            asker: Asker::Job { runner, job: number, serial },
            namespace: job.namespace.clone(),
            id: job.id,
            command,
            marks,
            key: None,
            detached: false,
            epoch: None,
            after: None,
        };
        if self.env.chance.percent(self.env.settings.loss) {
            self.env.coverage.fault("request delivered twice");
            self.env.send(Happening::arrive(Ask { asker: Asker::Nobody, ..ask.clone() }));
        }
        self.env.send(Happening::arrive(ask));
    }

    pub(crate) fn answered(&mut self, runner: usize, number: u64, serial: u64, answer: Answer) {
        let Some(job) = self.runners[runner].jobs.get_mut(&number) else { return };
        if job.ahead.iter().any(|ahead| ahead.open == Some(serial)) {
            self.answered_ahead(runner, number, serial, &answer);
            return;
        }
        if job.open != Some(serial) {
            return;
        }
        job.open = None;
        let ending = job.last.as_ref().is_some_and(|(command, _)| {
            matches!(
                command,
                Command::Complete { .. }
                    | Command::Fail { .. }
                    | Command::Wait { hold: false, .. }
                    | Command::ConfirmCancelled { .. }
            )
        });
        match answer {
            Ok(Reply::Done { .. }) if ending => job.zombie += 1,
            Ok(Reply::Done { cancel_requested, .. }) => job.cancel_seen |= cancel_requested,
            Ok(Reply::Claimed { .. }) => {}
            Err(Refused::Rejected(Rejection::LeaseSuperseded { .. })) => {
                if job.zombie > 0 {
                    self.env.coverage.moment("zombie refused");
                }
                // A clumsy one may have shown a lease that nobody ever had.
                job.zombie += 1;
            }
            Err(Refused::Rejected(_)) => {}
            // Purged.
            Err(Refused::NotFound) => job.zombie = u32::MAX,
            Err(_) => {
                job.again = self.env.chance.percent(85);
                // It does not know, and does not ask again: perhaps it has ended.
                job.zombie += u32::from(ending && !job.again);
            }
        }
        if job.zombie > 0 && (job.zombie > 4 || self.env.chance.percent(50)) {
            self.runners[runner].jobs.remove(&number);
            return;
        }
        self.rest(runner, number);
    }

    /// The runner's connection closes: it comes back, is given up, or its grace runs out.
    fn cut_off(&mut self, runner: usize, number: u64) {
        let Some(job) = self.runners[runner].jobs.get(&number) else { return };
        let (namespace, id, lease) = (job.namespace.clone(), job.id, job.lease);
        let Some(epoch) = self.server.as_ref().map(|server| server.epoch) else { return };
        let grace = self.env.millis(10, 120);
        let detail = Some("the connection closed".to_owned());
        let ask = |command| Ask {
            asker: Asker::Nobody,
            namespace: namespace.clone(),
            id,
            command,
            marks: Vec::new(),
            key: None,
            detached: false,
            epoch: Some(epoch),
            after: None,
        };
        let gone = Command::DisconnectRunner { lease, grace, detail };
        self.env.send(Happening::arrive(ask(gone)));
        let later = self.env.millis(3, 120);
        match self.env.chance.below(3) {
            0 => {
                let back = Happening::arrive(ask(Command::ReturnRunner { lease }));
                self.env.after(later, back);
                self.env.after(later, Happening::Work { runner, job: number });
            }
            1 => {
                let evidence = "it did not come back".to_owned();
                let lost = Command::LoseRunner { lease, evidence };
                self.env.after(later, Happening::arrive(ask(lost)));
                self.runners[runner].jobs.remove(&number);
            }
            _ => {
                self.runners[runner].jobs.remove(&number);
            }
        }
    }
}
