//! The timers: what comes up on the board becomes a timeout command, as `actors::supervisor` does.

use heartline_actors::board::Due;
use heartline_execution::{Command, Rejection, Span, Timestamp};

use super::{
    clients::UNASKED,
    env::Env,
    sabotage::Sabotage,
    server::{Answer, Ask, Refused, Server},
    world::{Asker, Happening},
};

/// A deadline that came to nothing is looked at again no sooner.
const RECHECK: Span = Span::millis(10);
/// A deadline that could not be acted upon is tried again after this.
pub(crate) const RETRY: Span = Span::millis(500);
/// How far a sabotaged clock is ahead.
const AHEAD: Span = Span::millis(200);

/// See the module.
#[derive(Default)]
pub(crate) struct Supervisor {
    in_flight: usize,
    /// Only the timer of this number counts.
    timer: u64,
}

impl Server {
    /// Fires what has come up and sets the one timer for what comes next.
    pub(crate) fn tick(&mut self, env: &mut Env) {
        let limit = env.settings.timeouts;
        let room = limit.saturating_sub(self.supervisor.in_flight);
        let hurried = env.checks.is_warm() && env.sabotage == Some(Sabotage::EarlyTimeout);
        let ahead = if hurried { AHEAD } else { Span(0) };
        for due in self.board.due(env.now.plus(ahead), room) {
            let id = due.standing.id;
            let alone = due.standing.queue.as_str() == UNASKED;
            if alone && env.suffers(Sabotage::ForgottenTimeout) {
                env.harmed = true;
                continue;
            }
            self.supervisor.in_flight += 1;
            let ask = Ask {
                namespace: due.standing.namespace.clone(),
                id,
                command: Command::TimeOut {
                    kind: due.deadline.kind,
                    signs: due.signs,
                    evidence: "as the clock says".to_owned(),
                },
                asker: Asker::Timer { due: Box::new(due), came_up: env.now, ahead },
                marks: Vec::new(),
                key: None,
                detached: false,
                epoch: Some(self.epoch),
                after: None,
            };
            env.send(Happening::arrive(ask));
        }
        self.supervisor.timer += 1;
        if self.supervisor.in_flight >= limit {
            env.coverage.moment("timers at their limit");
            return; // The next to come back ticks.
        }
        if let Some(at) = self.board.next_deadline() {
            let late = Span(env.chance.within(0, 800));
            let wait = Span(at.since(env.now).0 + late.0);
            let timer = self.supervisor.timer;
            env.after(wait, Happening::Tick { epoch: self.epoch, timer });
        }
    }

    /// The timer rings, unless it was set anew.
    pub(crate) fn ring(&mut self, env: &mut Env, timer: u64) {
        if timer == self.supervisor.timer {
            self.tick(env);
        }
    }

    /// `ahead` is how wrong the clock was when it came up.
    pub(super) fn fired(
        &mut self,
        env: &mut Env,
        due: &Due,
        (came_up, ahead): (Timestamp, Span),
        answer: Answer,
    ) {
        match answer {
            // Somebody was faster, or a sign of life has moved it.
            Err(Refused::Rejected(Rejection::NotDue)) => {
                env.coverage.moment("timeout met at another's hand");
                if ahead == Span(0) {
                    env.checks.disarmed(due.standing.id, due.deadline.kind, came_up);
                }
                self.board.rearm(due, env.now.plus(RECHECK));
            }
            Ok(_) => env.harmed |= due.deadline.at > came_up.plus(RECHECK),
            Err(Refused::Rejected(_) | Refused::NotFound) => {}
            Err(_) => {
                env.coverage.moment("timeout tried again");
                env.checks.excuse(env.now.plus(RETRY));
                self.board.rearm(due, env.now.plus(RETRY));
            }
        }
        self.supervisor.in_flight -= 1;
        self.tick(env);
    }

    pub(crate) fn timeouts_under_way(&self) -> usize {
        self.supervisor.in_flight
    }
}
