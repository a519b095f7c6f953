//! What everybody in a run shares: the clock, chance, the agenda, the disk and the checkers.

use std::collections::BTreeMap;

use heartline_execution::{Span, Timestamp};

use super::{
    chance::Chance, checks::Checks, coverage::Coverage, disk::Disk, sabotage::Sabotage,
    world::Happening,
};

/// The agreed bounds of one run, drawn from its seed.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Appends that the journal takes.
    pub(crate) journal: usize,
    /// Appends of one commit.
    pub(crate) batch: usize,
    /// Timeout commands under way at once.
    pub(crate) timeouts: usize,
    /// Live executions.
    pub(crate) live: usize,
    /// Content that a state holds.
    pub(crate) state_bytes: usize,
    /// Events between snapshots.
    pub(crate) snapshot_every: u64,
    /// No deadline comes up sooner after a start.
    pub(crate) boot_grace: Span,
    /// Between two events of an actor's progress reports.
    pub(crate) progress_interval: Span,
    /// Percent of answers and requests that get lost or doubled.
    pub(crate) loss: u64,
}

impl Settings {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        Self {
            journal: *chance.pick(&[6, 64, 256]),
            batch: *chance.pick(&[4, 16, 64]),
            timeouts: *chance.pick(&[2, 64]),
            live: chance.within(12, 40) as usize,
            state_bytes: *chance.pick(&[800, 1 << 20]),
            snapshot_every: chance.within(2, 20),
            boot_grace: Span::millis(chance.within(20, 200)),
            loss: chance.within(0, 4),
            progress_interval: Span::millis(*chance.pick(&[15, 300, 1_000])),
        }
    }
}

/// See the module.
pub(crate) struct Env {
    pub(crate) now: Timestamp,
    pub(crate) chance: Chance,
    agenda: BTreeMap<(Timestamp, u64), Happening>,
    noted: u64,
    pub(crate) disk: Disk,
    pub(crate) checks: Checks,
    pub(crate) coverage: Coverage,
    pub(crate) settings: Settings,
    /// What is still to be broken on purpose.
    pub(crate) sabotage: Option<Sabotage>,
    /// Something was.
    pub(crate) harmed: bool,
    marks: u64,
}

/// Where every run begins.
const BEGINNING: Timestamp = Timestamp(1_767_225_600_000_000);
/// The longest way of a message, in microseconds.
const SLOWEST: u64 = 2_000;

impl Env {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let settings = Settings::draw(&mut chance);
        let mut checks = Checks::default();
        checks.interval = settings.progress_interval;
        Self {
            now: BEGINNING,
            chance,
            agenda: BTreeMap::new(),
            noted: 0,
            disk: Disk::new(),
            checks,
            coverage: Coverage::default(),
            settings,
            sabotage: None,
            harmed: false,
            marks: 0,
        }
    }

    /// Something to happen after `wait`.
    pub(crate) fn after(&mut self, wait: Span, what: Happening) {
        self.noted += 1;
        self.agenda.insert((self.now.plus(wait), self.noted), what);
    }

    /// Something to happen once a message has found its way.
    pub(crate) fn send(&mut self, what: Happening) {
        let way = Span(self.chance.within(50, SLOWEST));
        self.after(way, what);
    }

    /// Moves the clock to what happens next.
    pub(crate) fn next(&mut self) -> Option<Happening> {
        let ((at, _), what) = self.agenda.pop_first()?;
        self.now = self.now.max(at);
        self.checks.now = self.now;
        Some(what)
    }

    /// A number that nobody else gets, to be found again in the log.
    pub(crate) fn mark(&mut self) -> u64 {
        self.marks += 1;
        self.marks
    }

    /// Between `low` and `high` milliseconds.
    pub(crate) fn millis(&mut self, low: u64, high: u64) -> Span {
        Span(self.chance.within(low * 1_000, high * 1_000))
    }

    /// Whether the sabotage is this one, from the warm-up on.
    pub(crate) fn suffers(&self, what: Sabotage) -> bool {
        self.checks.is_warm() && self.sabotage == Some(what)
    }

    /// The same, but only once.
    pub(crate) fn sabotaged(&mut self, what: Sabotage) -> bool {
        let now = self.suffers(what);
        if now {
            self.sabotage = None;
            self.harmed = true;
        }
        now
    }
}
