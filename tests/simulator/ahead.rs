//! Batches that a runner sends over its socket without waiting for answers: each is taken after the
//! one before it or not at all, and what was not taken is sent again, in order.

use heartline_execution::{Command, Rejection};

use super::{
    server::{Answer, Ask, Refused},
    world::{Asker, Happening, World},
};

/// One of them.
#[derive(Debug)]
pub(super) struct Ahead {
    number: u64,
    command: Command,
    marks: Vec<u64>,
    /// The call without an answer yet.
    pub(super) open: Option<u64>,
}

impl Ahead {
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn is_open_before(&self, serial: u64) -> bool {
        self.open.is_some_and(|open| open < serial)
    }
}

impl World {
    /// Makes up a few.
    pub(super) fn write_ahead(&mut self, runner: usize, number: u64) {
        let Some(job) = self.runners[runner].jobs.get_mut(&number) else { return };
        // What came before is not sent again: behind a newer batch it would look like a repeat.
        job.last = None;
        for _ in 0..self.env.chance.within(2, 4) {
            job.batch += 1;
            let (command, marks) = self.env.post(job.lease, Some(job.batch));
            job.ahead.push(Ahead { number: job.batch, command, marks, open: None });
        }
    }

    /// Sends all of them, for the first time or again.
    pub(super) fn send_ahead(&mut self, runner: usize, number: u64) {
        let Some(job) = self.runners[runner].jobs.get_mut(&number) else { return };
        // As they are on one socket; or as if something had held up some of them.
        let way = self.env.chance.percent(75).then(|| self.env.millis(0, 2));
        let mut before = None;
        for ahead in &mut job.ahead {
            self.serials += 1;
            ahead.open = Some(self.serials);
            let ask = Ask {
                asker: Asker::Job { runner, job: number, serial: self.serials },
                namespace: job.namespace.clone(),
                id: job.id,
                command: ahead.command.clone(),
                marks: ahead.marks.clone(),
                key: None,
                detached: false,
                epoch: None,
                after: before.replace(ahead.number),
            };
            match way {
                Some(way) => self.env.after(way, Happening::arrive(ask)),
                None => self.env.send(Happening::arrive(ask)),
            }
        }
    }

    /// One of them is answered; once all are, the runner goes on, with what was not taken first.
    pub(super) fn answered_ahead(
        &mut self,
        runner: usize,
        number: u64,
        serial: u64,
        answer: &Answer,
    ) {
        let Some(job) = self.runners[runner].jobs.get_mut(&number) else { return };
        let settled = match answer {
            Err(Refused::Rejected(Rejection::LeaseSuperseded { .. }) | Refused::NotFound) => {
                self.runners[runner].jobs.remove(&number);
                return;
            }
            Err(Refused::Rejected(Rejection::OutOfOrder { .. })) => false,
            // Taken, or never to be taken.
            Ok(_) | Err(Refused::Rejected(_)) => true,
            Err(_) => false,
        };
        if answer.is_ok() && job.ahead.iter().any(|ahead| ahead.is_open_before(serial)) {
            self.env.coverage.moment("batch taken behind one without an answer");
        }
        job.ahead.retain(|ahead| !settled || ahead.open != Some(serial));
        for ahead in job.ahead.iter_mut().filter(|ahead| ahead.open == Some(serial)) {
            ahead.open = None;
        }
        if !job.ahead.iter().any(Ahead::is_open) {
            if !job.ahead.is_empty() {
                self.env.coverage.moment("batches sent ahead were sent again");
            }
            self.rest(runner, number);
        }
    }
}
