//! Cursors: what a reader sees when it is slow, late, or there from the start.

use std::sync::Arc;

use crate::harness::*;
use heartline_actors::{Create, Error, Hooks, Next, Start, Transport};
use heartline_execution::{Command, ExecutionId, Span};
use heartline_storage::{ExecutionStore, FaultyStore, MemoryStore};

/// A feed that keeps almost nothing, and pages of a few events.
fn narrow() -> heartline_config::Config {
    let mut config = config();
    config.feed.frames_bytes = 2_000;
    config.feed.page_events = 7;
    config.feed.max_subscriptions = 2;
    config
}

/// A store with one execution that is over, after five events, and of which nothing is in memory.
fn with_one_over() -> (Arc<FaultyStore<MemoryStore>>, ExecutionId) {
    let store = faulty();
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let log: Arc<dyn ExecutionStore> = store.clone();
    with(log, Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let lease = claim(&handle, "q", "r").await.lease;
        for batch in 1..=2 {
            post(&handle, id, lease, batch, "line").await.expect("posted");
        }
        complete(&handle, id, lease).await;
        tell.send(id).expect("heard");
    });
    let id = told.recv().expect("told");
    (store, id)
}

#[test]
fn a_reader_that_races_a_purge_comes_to_the_end_and_finds_no_damage() {
    for start in [Start::After(0), Start::After(5), Start::After(99)] {
        let (store, id) = with_one_over();
        let log: Arc<dyn ExecutionStore> = store.clone();
        with(log, Hooks::default(), |handle| async move {
            store.purge_behind_next_look();
            let mut reader = match handle.subscribe(&ns(), id, start, Transport::Sse).await {
                Ok(reader) => reader,
                Err(Error::NotFound) => return,
                Err(other) => panic!("{start:?}: {other}"),
            };
            let ending = async {
                loop {
                    match reader.cursor.next().await.expect("nothing is damaged") {
                        Next::End { .. } => return,
                        Next::Reset { reason, .. } => assert_eq!(reason, "purged"),
                        other => panic!("{start:?}: {other:?} of a log that is gone"),
                    }
                }
            };
            tokio::time::timeout(PATIENCE, ending).await.expect("it ends");
        });
    }
}

#[test]
fn a_page_of_a_log_that_was_purged_meanwhile_is_not_an_empty_one() {
    let (store, id) = with_one_over();
    let log: Arc<dyn ExecutionStore> = store.clone();
    with(log, Hooks::default(), |handle| async move {
        // Somebody watches, so that where the log ends is still known.
        let _reader = subscribe(&handle, id).await;
        for lifecycle_only in [false, true] {
            let page = handle.events(&ns(), id, 5, 10, lifecycle_only).await.expect("past the end");
            assert!(page.chunk.events.is_empty() && page.terminal.is_some());
        }
        assert!(store.inner().purge(&ns(), id).expect("purged"));
        for lifecycle_only in [false, true] {
            let page = handle.events(&ns(), id, 2, 10, lifecycle_only).await;
            assert!(matches!(page, Err(Error::NotFound)), "lifecycle only: {lifecycle_only}");
        }
    });
}

#[test]
fn a_reader_of_any_view_is_told_that_the_log_was_purged_under_it() {
    for lifecycle_only in [false, true] {
        let (store, id) = with_one_over();
        let log: Arc<dyn ExecutionStore> = store.clone();
        with(log, Hooks::default(), |handle| async move {
            let mut cursor = subscribe(&handle, id).await.cursor;
            if lifecycle_only {
                cursor = cursor.only_lifecycle();
            }
            assert!(store.inner().purge(&ns(), id).expect("purged"));
            let next = cursor.next().await.expect("nothing is damaged");
            assert!(matches!(next, Next::Reset { oldest: 6, reason: "purged" }), "{next:?}");
            let next = cursor.next().await.expect("nothing is damaged");
            assert!(matches!(next, Next::End { seq: 5, .. }), "{next:?}");
        });
    }
}

#[test]
fn a_reader_that_fell_behind_is_told_caught_up_from_disk_and_misses_nothing() {
    with_config(narrow(), memory(), Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let lease = claim(&handle, "q", "r").await.lease;
        let mut reader = subscribe(&handle, id).await;
        // Live first, so that falling behind is news.
        follow(&mut reader, |e| e["seq"] == 2).await;
        post(&handle, id, lease, 1, "one").await.expect("posted");
        follow(&mut reader, |e| e["seq"] == 3).await;
        for batch in 2..=100 {
            post(&handle, id, lease, batch, "many").await.expect("posted");
        }
        let (mut position, mut lagged, mut live) = (3, 0, 0);
        while position < 102 {
            match reader.cursor.next().await.expect("readable") {
                Next::Lag { at, head } => {
                    assert_eq!((at, head), (3, 102));
                    lagged += 1;
                }
                Next::Live { seq } => {
                    assert_eq!(seq, position);
                    live += 1;
                }
                Next::Events(chunk, new) => {
                    for stored in &chunk.events[new..] {
                        position += 1;
                        assert_eq!(stored.record.seq, position, "dense");
                    }
                }
                other @ (Next::Reset { .. } | Next::End { .. }) => panic!("{other:?}"),
            }
        }
        assert_eq!((lagged, live), (1, 1));
    });
}

#[test]
fn a_snapshot_and_what_follows_it_leave_no_gap_under_load() {
    with(memory(), Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let lease = claim(&handle, "q", "r").await.lease;
        let posting = async {
            for batch in 1..=200 {
                post(&handle, id, lease, batch, "line").await.expect("posted");
            }
            let end = Command::Complete { lease, output: None };
            handle.command(&ns(), id, end).await.expect("completed");
        };
        let watching = async {
            for _ in 0..20 {
                let from = Start::Snapshot;
                let mut reader = handle
                    .subscribe(&ns(), id, from, Transport::WebSocket)
                    .await
                    .expect("subscribed");
                let seq = reader.snapshot.as_ref().expect("asked for").seq;
                let seen = follow(&mut reader, |_| true).await;
                if let Some(first) = seen.first() {
                    assert_eq!(first["prev"], seq);
                }
            }
        };
        futures_util::future::join(posting, watching).await;
    });
}

#[test]
fn subscriptions_are_bounded_and_leave_when_dropped() {
    with_config(narrow(), memory(), Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let one = subscribe(&handle, id).await;
        let _two = subscribe(&handle, id).await;
        let third = handle.subscribe(&ns(), id, Start::After(0), Transport::Sse).await;
        assert!(matches!(third, Err(Error::Overloaded { .. })));
        drop(one);
        subscribe(&handle, id).await;
    });
}

#[test]
fn a_late_reader_of_a_finished_execution_gets_the_log_and_the_end() {
    let store = Arc::new(heartline_storage::MemoryStore::new());
    let log: Arc<dyn heartline_storage::ExecutionStore> = store;
    with(Arc::clone(&log), Hooks::default(), |handle| async move {
        let mut wanted = spec("nobody");
        wanted.timeouts.schedule_to_start = Span::millis(20);
        let created =
            handle.create(Create { spec: wanted, idempotency: None }).await.expect("created");
        assert_eq!(to_the_end(&mut subscribe(&handle, created.id).await).await.len(), 2);
        drop(handle);
    });
    with(log, Hooks::default(), |handle| async move {
        let query = heartline_actors::Query::all(ns(), 10);
        let listed = handle.list(query).await.expect("listed");
        let row: serde_json::Value = serde_json::from_slice(&listed.executions[0]).expect("JSON");
        assert_eq!((&row["phase"], &row["seq"]), (&"failed".into(), &2.into()));
        let id = row["id"].as_str().expect("an id").parse().expect("an id");
        let seen = to_the_end(&mut subscribe(&handle, id).await).await;
        assert_eq!(types(&seen), ["execution.created", "execution.failed"]);
        let past = handle
            .subscribe(&ns(), id, Start::After(99), Transport::Sse)
            .await
            .expect("subscribed");
        assert_eq!(past.cursor.position(), 2, "a cursor past the end stands at the end");
    });
}

#[test]
fn readers_at_many_places_of_a_long_log_share_its_pages_and_miss_nothing() {
    let mut config = narrow();
    config.feed.max_subscriptions = 1_000;
    with_config(config, memory(), Hooks::default(), |handle| async move {
        let id = create(&handle, spec("q")).await;
        let lease = claim(&handle, "q", "r").await.lease;
        for batch in 1..=100 {
            post(&handle, id, lease, batch, "line").await.expect("posted");
        }
        complete(&handle, id, lease).await;
        let readers = (0..200).map(|n| {
            let handle = &handle;
            async move {
                let start = Start::After(n % 103);
                let mut reader =
                    handle.subscribe(&ns(), id, start, Transport::WebSocket).await.expect("room");
                let seen = follow(&mut reader, |_| false).await;
                let seqs: Vec<_> = seen.iter().map(|e| e["seq"].as_u64().expect("a seq")).collect();
                assert_eq!(seqs, (n % 103 + 1..=103).collect::<Vec<_>>());
            }
        });
        futures_util::future::join_all(readers).await;
    });
}
