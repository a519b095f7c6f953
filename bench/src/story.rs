//! Whole logs read back: each must tell exactly the story that its execution had.

use std::{borrow::Cow, time::Duration, time::Instant};

use serde::Deserialize;

use crate::{
    error::{Error, Result},
    population::Population,
    report::{Report, figure},
};

/// Findings told in full.
const SHOWN: usize = 5;

/// An entry of a log, as far as a story needs it.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry<'a> {
    pub(crate) seq: u64,
    pub(crate) prev: u64,
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) time: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    events: Vec<Entry<'a>>,
    head: u64,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Stories {
    logs: usize,
    wrong: Vec<String>,
    wrong_in_all: usize,
    took: Duration,
}

/// Reads the logs of `ids` back; the nth is right when `right` finds nothing wrong with it. Links
/// between entries are checked here.
pub(crate) fn read_back(
    population: &Population<'_>,
    ids: &[String],
    mut right: impl FnMut(usize, &[Entry<'_>]) -> Result<(), String>,
) -> Result<Stories> {
    let begun = Instant::now();
    let mut stories = Stories { logs: ids.len(), ..Stories::default() };
    population.logs(ids, |nth, body| {
        let page: Page<'_> = serde_json::from_slice(body)
            .map_err(|error| Error::protocol("a page of events", error.to_string()))?;
        let linked =
            (1..).zip(&page.events).all(|(seq, entry)| entry.seq == seq && entry.prev == seq - 1);
        let found = if linked && page.head == page.events.len() as u64 {
            right(nth, &page.events)
        } else {
            Err(format!("{} events up to {} that do not follow", page.events.len(), page.head))
        };
        if let Err(what) = found {
            stories.wrong(format!("{}: {what}", ids[nth]));
        }
        Ok(())
    })?;
    stories.took = begun.elapsed();
    Ok(stories)
}

/// Nothing wrong with entries of exactly these types.
pub(crate) fn exactly(entries: &[Entry<'_>], kinds: &[&str]) -> Result<(), String> {
    let found = entries.iter().map(|entry| &*entry.kind);
    if found.clone().eq(kinds.iter().copied()) {
        return Ok(());
    }
    Err(format!("its log is {:?}, not {kinds:?}", found.collect::<Vec<_>>()))
}

impl Stories {
    /// Something is wrong.
    pub(crate) fn wrong(&mut self, what: String) {
        self.wrong_in_all += 1;
        if self.wrong.len() < SHOWN {
            self.wrong.push(what);
        }
    }

    /// Adds them to a report: `told` is what each log says.
    #[allow(clippy::cast_precision_loss)] // Counts of a short run.
    pub(crate) fn report(&self, told: &str, report: &mut Report) {
        let Self { logs, wrong, wrong_in_all, took } = self;
        let right = logs - wrong_in_all.min(logs);
        report.row(
            "audit",
            format!(
                "{} logs read back in {:.1} s; {} say, once and in order: {told}",
                figure(*logs as f64),
                took.as_secs_f64(),
                figure(right as f64)
            ),
            serde_json::json!({"logs": logs, "right": right, "wrong": wrong_in_all}),
        );
        for what in wrong {
            report.fail(what);
        }
        if *wrong_in_all > wrong.len() {
            report.fail(format!("{wrong_in_all} findings in all"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, kind: &str) -> Entry<'_> {
        Entry { seq, prev: seq - 1, kind: kind.into(), time: "".into() }
    }

    #[test]
    fn a_story_that_lacks_repeats_or_swaps_something_is_wrong() {
        let kinds = ["a", "b", "c"];
        let story = |told: &[&'static str]| {
            let entries: Vec<_> = (1..).zip(told).map(|(seq, kind)| entry(seq, kind)).collect();
            exactly(&entries, &kinds)
        };
        assert!(story(&kinds).is_ok());
        for wrong in [&["a", "b"][..], &["a", "b", "b", "c"], &["a", "c", "b"], &[]] {
            assert!(story(wrong).is_err(), "{wrong:?}");
        }
    }
}
