//! What a reader saw of one log, and whether that can be right, as far as the reader can tell.

use super::log::Event;

/// Which events a reader asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum View {
    Full,
    Status,
    AgUi,
}

impl View {
    pub(crate) const ALL: [Self; 3] = [Self::Full, Self::Status, Self::AgUi];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Status => "status",
            Self::AgUi => "agui",
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) execution: String,
    pub(crate) view: View,
    /// It saw events after this seq. `None` as long as it waits for its snapshot.
    pub(crate) start: Option<u64>,
    pub(crate) events: Vec<Event>,
    /// Where it was told that the log ends.
    pub(crate) end: Option<u64>,
}

impl Seen {
    pub(crate) fn new(execution: String, view: View, start: Option<u64>) -> Self {
        Self { execution, view, start, events: Vec::new(), end: None }
    }

    /// After which seq it goes on; `None` as long as it waits for its snapshot.
    pub(crate) fn after(&self) -> Option<u64> {
        self.events.last().map(|event| event.seq).or(self.start)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// One more, as it was served.
    #[track_caller]
    pub(crate) fn see(&mut self, json: &str) {
        self.events.push(Event::read(&self.execution, json));
        if let Err(wrong) = self.check_last() {
            panic!("{:?}: {wrong}: {json}", self.view);
        }
    }

    #[track_caller]
    pub(crate) fn see_snapshot(&mut self, seq: u64) {
        let before = self.start.replace(seq);
        assert_eq!(before, None, "a snapshot that nobody asked for, of {}", self.execution);
    }

    #[track_caller]
    pub(crate) fn see_end(&mut self, seq: u64) {
        assert_eq!(self.end.replace(seq), None, "{} ends twice", self.execution);
    }

    fn check_last(&self) -> Result<(), String> {
        check_link(self.view, self.start, &self.events)?;
        match self.end {
            Some(end) => Err(format!("an event after the end at {end}")),
            None => Ok(()),
        }
    }

    /// Every event names the one before it: what a reader can check by itself.
    pub(crate) fn check_chain(&self) -> Result<(), String> {
        (1..=self.events.len())
            .try_for_each(|count| check_link(self.view, self.start, &self.events[..count]))
    }
}

/// The last of `events` follows the one before it, or what they began after.
fn check_link(view: View, start: Option<u64>, events: &[Event]) -> Result<(), String> {
    let Some(start) = start else { return Err("an event before the snapshot".to_owned()) };
    let [before @ .., last] = events else { return Ok(()) };
    let linked = match before.last() {
        Some(before) => last.prev == before.seq,
        None if view == View::Full => last.prev == start,
        // The view does not show every seq; which it should show, the log tells.
        None => last.prev <= start,
    };
    let after = before.last().map_or(start, |before| before.seq);
    if linked && last.seq > after {
        return Ok(());
    }
    Err(format!("{} after {} does not follow {after}", last.seq, last.prev))
}
