//! What watchers have been told of each execution, and whether they should have been told that:
//! every status event once, in order, then `end`.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{
    error::{Error, Result},
    watcher::Frame,
};

/// Executions created and not ended.
#[derive(Debug, Default)]
pub(super) struct Book {
    pages: HashMap<String, Page>,
    created: u64,
    ended: u64,
}

#[derive(Debug)]
struct Page {
    /// Which of those in flight created it.
    slot: usize,
    /// When completing it was asked for.
    completing: Option<Instant>,
    /// The last event its watcher was shown.
    seq: u64,
    /// Whether that was the terminal one.
    terminal: bool,
}

/// An execution whose watcher has been told that it is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) slot: usize,
    pub(super) since_complete: Duration,
}

impl Book {
    /// `execution` was created by `slot`.
    pub(super) fn created(&mut self, execution: String, slot: usize) {
        self.created += 1;
        let page = Page { slot, completing: None, seq: 0, terminal: false };
        self.pages.insert(execution, page);
    }

    /// Completing `execution` is being asked for now.
    pub(super) fn completing(&mut self, execution: &str) {
        if let Some(page) = self.pages.get_mut(execution) {
            page.completing = Some(Instant::now());
        }
    }

    /// Executions not ended.
    pub(super) fn open(&self) -> usize {
        self.pages.len()
    }

    /// How many were created, and how many ended.
    pub(super) const fn counts(&self) -> (u64, u64) {
        (self.created, self.ended)
    }

    /// Checks a frame; an [`End`] when it was one.
    pub(super) fn frame(&mut self, frame: &Frame<'_>) -> Result<Option<End>> {
        match &*frame.op {
            "event" => {
                let Some(event) = &frame.event else {
                    return Err(Error::protocol("an event frame", "no event in it"));
                };
                let page = self.page(&event.execution_id)?;
                // Seqs need not be dense in this view; `prev` says that nothing was left out.
                if event.prev != page.seq || page.terminal {
                    let detail =
                        format!("seq {} after {} after {}", event.seq, event.prev, page.seq);
                    return Err(Error::protocol("events in order", detail));
                }
                page.seq = event.seq;
                page.terminal = event.kind == "execution.completed";
                Ok(None)
            }
            "end" => {
                let execution = frame.execution.as_deref().unwrap_or_default();
                let page = self.page(execution)?;
                let completed = frame.phase.as_deref() == Some("completed");
                if !completed || !page.terminal || frame.seq != Some(page.seq) {
                    return Err(Error::protocol("end after completed", format!("{frame:?}")));
                }
                let since_complete = page.completing.map_or(Duration::ZERO, |at| at.elapsed());
                let slot = page.slot;
                self.pages.remove(execution);
                self.ended += 1;
                Ok(Some(End { slot, since_complete }))
            }
            "reset" => Err(Error::protocol("events without a reset", format!("{frame:?}"))),
            // hello, subscribed, lag, live, ping and what else may come.
            _ => Ok(None),
        }
    }

    fn page(&mut self, execution: &str) -> Result<&mut Page> {
        self.pages
            .get_mut(execution)
            .ok_or_else(|| Error::protocol("frames of open executions", execution))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, prev: u64, kind: &str) -> String {
        format!(
            "{{\"op\":\"event\",\"event\":{{\"seq\":{seq},\"prev\":{prev},\
             \"execution_id\":\"aex_1\",\"type\":\"{kind}\"}}}}"
        )
    }

    fn end(seq: u64) -> String {
        format!("{{\"op\":\"end\",\"execution\":\"aex_1\",\"seq\":{seq},\"phase\":\"completed\"}}")
    }

    fn told(frames: &[String]) -> Result<Option<End>> {
        let mut book = Book::default();
        book.created("aex_1".to_owned(), 7);
        let mut last = None;
        for text in frames {
            last = book.frame(&serde_json::from_str(text).unwrap())?;
        }
        Ok(last)
    }

    #[test]
    fn the_whole_story_ends() {
        let story = [
            event(1, 0, "execution.created"),
            event(2, 1, "execution.started"),
            event(4, 2, "execution.completed"),
            end(4),
        ];
        assert_eq!(told(&story).unwrap().unwrap().slot, 7);
    }

    #[test]
    fn a_gap_a_repeat_and_an_early_end_are_errors() {
        let created = event(1, 0, "execution.created");
        let completed = event(2, 1, "execution.completed");
        for broken in [
            vec![event(2, 1, "execution.started")],
            vec![created.clone(), created.clone()],
            vec![created.clone(), end(1)],
            vec![created, completed.clone(), end(2), completed],
        ] {
            assert!(told(&broken).is_err(), "{broken:?}");
        }
    }
}
