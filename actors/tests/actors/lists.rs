//! Live lists: what a list shows is what a fresh look at the store would show, whatever happens.

use std::collections::BTreeMap;

use heartline_actors::{Handle, Hooks, ListNext, LiveList, Query, Transport, Turn};
use heartline_execution::{ExecutionId, Phase};

use crate::harness::*;

fn pending() -> Query {
    Query { phase: Some(Phase::Pending), ..Query::all(ns(), 1_000) }
}

/// A client of a list: what it believes to be in it.
struct Watcher {
    list: LiveList,
    rows: BTreeMap<ExecutionId, u64>,
    resets: usize,
}

impl Watcher {
    fn new(handle: &Handle) -> Self {
        let list = handle.follow_list(pending(), Transport::WebSocket).expect("room");
        Self { list, rows: BTreeMap::new(), resets: 0 }
    }

    async fn step(&mut self) {
        match self.list.next().await.expect("readable") {
            ListNext::Rows(rows) => self.rows.extend(rows.iter().map(|row| (row.id, row.seq))),
            ListNext::Listed { .. } => {}
            ListNext::Changed(changes) => {
                for (turn, change) in changes {
                    match turn {
                        Turn::Enter | Turn::Change => {
                            self.rows.insert(change.id, change.seq);
                        }
                        Turn::Leave => {
                            self.rows.remove(&change.id);
                        }
                    }
                }
            }
            ListNext::Reset => {
                self.rows.clear();
                self.resets += 1;
            }
        }
    }

    /// Until it has what the store has.
    async fn agrees(&mut self, handle: &Handle, expected: usize) {
        while self.rows.len() != expected {
            tokio::time::timeout(PATIENCE, self.step()).await.expect("something comes");
        }
        let listed = handle.list(pending()).await.expect("listed").executions.len();
        assert_eq!(listed, expected);
    }
}

#[test]
fn a_list_that_is_read_all_along_sees_every_change_and_no_reset() {
    with(memory(), Hooks::default(), |handle| async move {
        for _ in 0..5 {
            create(&handle, spec("q")).await;
        }
        let mut watcher = Watcher::new(&handle);
        watcher.agrees(&handle, 5).await;
        for left in (0..5).rev() {
            claim(&handle, "q", "r").await;
            watcher.agrees(&handle, left).await;
        }
        create(&handle, spec("q")).await;
        watcher.agrees(&handle, 1).await;
        assert_eq!(watcher.resets, 0);
    });
}

#[test]
fn a_list_that_fell_behind_what_is_kept_is_read_anew() {
    let mut config = config();
    config.feed.changes_bytes = 4_096;
    with_config(config, memory(), Hooks::default(), |handle| async move {
        let mut watcher = Watcher::new(&handle);
        // The rows are read before, or while, they come: both must do.
        for _ in 0..50 {
            create(&handle, spec("q")).await;
        }
        watcher.agrees(&handle, 50).await;
        for _ in 0..50 {
            claim(&handle, "q", "r").await;
        }
        watcher.agrees(&handle, 0).await;
        assert!(watcher.resets > 0);
    });
}
