//! What the table holds: executions as they stand, the live ones first. Plain data.

use std::collections::{BTreeMap, BTreeSet};

use heartline_execution::Phase;
use ratatui::crossterm::event::{Event, KeyCode, KeyEventKind};
use serde::{Deserialize, Serialize};

use super::feed::Told;
use crate::cli::{queues::Queue, wire::Execution};

/// Executions that are over are kept up to this many; the live ones all.
const ENDED_MAX: usize = 1_000;

/// What is asked for beside the rows, now and then.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) queues: Vec<Queue>,
    pub(super) counted: Counted,
}

/// How many there are.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Counted {
    pub(super) counts: BTreeMap<Phase, u64>,
    /// Whether it was counted to the end.
    pub(super) exact: bool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Table {
    rows: BTreeMap<String, Execution>,
    /// Known from before its list began anew, and not told again yet.
    unconfirmed: BTreeSet<String>,
    /// Why there is no connection now.
    pub(super) lost: Option<String>,
    pub(super) figures: Figures,
    /// The first row shown.
    pub(super) offset: usize,
}

impl Table {
    pub(super) fn apply(&mut self, told: Told) {
        match told {
            Told::Begins(phase) => {
                // The rows stay on the screen until the new ones are there.
                let old = self.rows.values().filter(|row| row.phase == phase);
                self.unconfirmed.extend(old.map(|row| row.id.clone()));
            }
            Told::Row(execution) => self.row(*execution),
            // Another list may have told before that it is in another phase now.
            Told::Gone(phase, id) => {
                if self.rows.get(&id).is_some_and(|row| row.phase == phase) {
                    self.unconfirmed.remove(&id);
                    self.rows.remove(&id);
                }
            }
            Told::Complete(phase) => {
                let Self { rows, unconfirmed, .. } = self;
                unconfirmed.retain(|id| {
                    let gone = rows.get(id).is_none_or(|row| row.phase == phase);
                    if gone {
                        rows.remove(id);
                    }
                    !gone
                });
            }
            Told::Whole => self.lost = None,
            Told::Lost(why) => self.lost = Some(why),
        }
    }

    fn row(&mut self, execution: Execution) {
        let confirmed = !self.unconfirmed.remove(&execution.id);
        // Lists are told each in its order, and beside each other in none.
        let known = self.rows.get(&execution.id).filter(|_| confirmed);
        if known.is_none_or(|known| known.seq <= execution.seq) {
            self.rows.insert(execution.id.clone(), execution);
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let ended = self.rows.values().filter(|row| row.phase.is_terminal());
        if ended.clone().count() > ENDED_MAX {
            // Ids begin with their time.
            let oldest = ended.min_by_key(|row| row.created_at).map(|row| row.id.clone());
            oldest.and_then(|id| self.rows.remove(&id));
        }
    }

    /// Up, down and pages.
    pub(super) fn key(&mut self, event: &Event) {
        let Event::Key(key) = event else { return };
        if key.kind != KeyEventKind::Press {
            return;
        }
        let last = self.rows.len().saturating_sub(1);
        let by = |offset: usize, rows: isize| offset.saturating_add_signed(rows).min(last);
        self.offset = match key.code {
            KeyCode::Up | KeyCode::Char('k') => by(self.offset, -1),
            KeyCode::Down | KeyCode::Char('j') => by(self.offset, 1),
            KeyCode::PageUp => by(self.offset, -20),
            KeyCode::PageDown | KeyCode::Char(' ') => by(self.offset, 20),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            _ => self.offset,
        };
    }

    /// Those that need somebody first, then the running, the queued, and the newest of the ended.
    pub(super) fn sorted(&self) -> Vec<&Execution> {
        let rank = |phase: Phase| match phase {
            Phase::Waiting => 0,
            Phase::InProgress => 1,
            Phase::Pending => 2,
            Phase::Completed | Phase::Failed | Phase::Cancelled => 3,
        };
        let mut rows: Vec<&Execution> = self.rows.values().collect();
        rows.sort_by(|a, b| {
            let newest = b.finished_at.unwrap_or(b.created_at);
            let newer = newest.cmp(&a.finished_at.unwrap_or(a.created_at));
            rank(a.phase).cmp(&rank(b.phase)).then(newer).then_with(|| a.id.cmp(&b.id))
        });
        rows
    }

    /// How many are in each phase, of all that there are: `in_progress 3`, and `in_progress 3+`
    /// where the server has not counted to the end.
    pub(super) fn counts(&self) -> Vec<(Phase, String)> {
        let Counted { counts, exact } = &self.figures.counted;
        let more = if *exact { "" } else { "+" };
        let text = |(phase, n): (&Phase, &u64)| (*phase, format!("{} {n}{more}", phase.as_str()));
        counts.iter().map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, phase: &str) -> Told {
        let mut execution = crate::cli::example::execution(phase, None);
        execution.id = id.to_owned();
        Told::Row(Box::new(execution))
    }

    fn ids(table: &Table) -> Vec<&str> {
        table.sorted().into_iter().map(|row| &*row.id).collect()
    }

    #[test]
    fn rows_come_change_and_go_and_the_live_ones_stand_first() {
        let mut table = Table::default();
        for (id, phase) in [("a", "completed"), ("b", "pending"), ("c", "waiting")] {
            table.apply(row(id, phase));
        }
        assert_eq!(ids(&table), ["c", "b", "a"]);
        table.apply(row("b", "in_progress"));
        table.apply(Told::Gone(Phase::Completed, "a".to_owned()));
        assert_eq!(ids(&table), ["c", "b"]);
    }

    #[test]
    fn one_that_moves_to_another_list_is_there_in_whatever_order_that_is_told() {
        let at = |phase, seq| {
            let mut execution = crate::cli::example::execution(phase, None);
            (execution.id, execution.seq) = ("a".to_owned(), seq);
            Told::Row(Box::new(execution))
        };
        let mut table = Table::default();
        table.apply(at("pending", 1));
        table.apply(at("in_progress", 3));
        table.apply(at("pending", 2));
        table.apply(Told::Gone(Phase::Pending, "a".to_owned()));
        let phases: Vec<Phase> = table.sorted().iter().map(|row| row.phase).collect();
        assert_eq!(phases, [Phase::InProgress]);
        table.apply(Told::Gone(Phase::InProgress, "a".to_owned()));
        assert!(ids(&table).is_empty());
    }

    #[test]
    fn a_list_that_begins_anew_keeps_its_rows_until_it_is_complete() {
        let mut table = Table::default();
        table.apply(row("gone", "pending"));
        table.apply(row("stays", "pending"));
        table.apply(Told::Lost("the server stops".to_owned()));
        assert!(table.lost.is_some());
        table.apply(Told::Begins(Phase::Pending));
        table.apply(Told::Begins(Phase::InProgress));
        assert_eq!((ids(&table).len(), table.lost.is_some()), (2, true));
        table.apply(row("stays", "in_progress"));
        table.apply(Told::Complete(Phase::InProgress));
        assert_eq!(ids(&table).len(), 2);
        table.apply(Told::Complete(Phase::Pending));
        assert_eq!(ids(&table), ["stays"]);
        table.apply(Told::Whole);
        assert!(table.lost.is_none());
    }

    #[test]
    fn what_is_over_is_kept_up_to_a_bound() {
        let mut table = Table::default();
        for n in 0..ENDED_MAX + 50 {
            table.apply(row(&format!("{n:04}"), "completed"));
        }
        assert_eq!(table.rows.len(), ENDED_MAX);
    }
}
