//! Plain durable streams over a disk that stalls, fails and loses answers: nothing is shown before
//! it is durable, nothing acknowledged is lost, and a repeat counts once.

use std::{future::Future, sync::Arc, time::Duration};

use heartline_actors::{
    Error, Handle, Hooks, Transport,
    streams::{Creation, Ending, Follower, Forking, StreamError, Streams, Written},
};
use heartline_execution::stream::{Command, Note, Outcome, Producer, Rejection};
use heartline_storage::{ExecutionStore, FaultyStore, MemoryStore};

use crate::harness::*;

type Disk = Arc<FaultyStore<MemoryStore>>;

fn on<F, T>(disk: &Disk, test: F)
where
    F: FnOnce(Handle) -> T,
    T: Future<Output = ()>,
{
    let mut config = config();
    config.streams.enabled = true;
    config.streams.sweep_interval = Duration::from_millis(20);
    let store = Arc::clone(disk) as Arc<dyn ExecutionStore>;
    with_config(config, store, Hooks::default(), test);
}

async fn create(streams: &Streams, text: &str) -> Result<Written, StreamError> {
    let creation = Creation {
        path: "a".to_owned(),
        content_type: Some("text/plain".to_owned()),
        ttl: None,
        expires_at: None,
        closed: false,
        messages: if text.is_empty() { Vec::new() } else { vec![text.to_owned().into()] },
        fork: None,
    };
    streams.create(creation).await
}

async fn append(streams: &Streams, seq: u64, text: &str) -> Result<Written, StreamError> {
    let command = Command::Append {
        content_type: Some("text/plain".to_owned()),
        messages: 1,
        close: false,
        producer: Some(Producer { id: "p".to_owned(), epoch: 0, seq }),
        stream_seq: None,
    };
    streams.write("a", command, vec![text.to_owned().into()]).await
}

async fn delete(streams: &Streams) -> Result<Written, StreamError> {
    streams.write("a", Command::Delete { forked: false }, Vec::new()).await
}

async fn text(streams: &Streams) -> String {
    let stream = streams.look("a", true).await.expect("it is there");
    let piece = stream.reading.page(0).await.expect("readable");
    let bytes: Vec<u8> = piece.messages.iter().flat_map(|(_, m)| m.to_vec()).collect();
    String::from_utf8(bytes).expect("UTF-8")
}

async fn follower(streams: &Streams) -> Follower {
    let reading = streams.look("a", true).await.expect("it is there").reading;
    let (tail, _) = reading.tail();
    reading.follow(tail, Transport::Sse).expect("followed")
}

async fn next(follower: &mut Follower) -> Option<String> {
    let next = tokio::time::timeout(PATIENCE, follower.next()).await.expect("it came");
    let piece = next.expect("readable")?;
    let bytes: Vec<u8> = piece.messages.iter().flat_map(|(_, m)| m.to_vec()).collect();
    Some(String::from_utf8(bytes).expect("UTF-8"))
}

#[test]
fn an_append_whose_answer_was_lost_is_shown_after_the_recovery_and_counts_once() {
    let disk = faulty();
    on(&Arc::clone(&disk), |handle| async move {
        let streams = handle.streams().expect("they are on");
        create(streams, "").await.expect("created");
        append(streams, 0, "one ").await.expect("appended");
        let mut reader = follower(streams).await;
        disk.lose_next_answer();
        let lost = append(streams, 1, "two ").await;
        assert!(matches!(lost, Err(StreamError::Failed(Error::StoreUnavailable(_)))), "{lost:?}");
        // Without anybody asking again.
        assert_eq!(next(&mut reader).await.as_deref(), Some("two "));
        let again = eventually(async || append(streams, 1, "two ").await.ok()).await;
        assert_eq!(again.outcome, Outcome::Duplicate);
        append(streams, 2, "three").await.expect("the next one");
        assert_eq!(next(&mut reader).await.as_deref(), Some("three"));
        assert_eq!(text(streams).await, "one two three");
    });
}

#[test]
fn what_was_not_written_is_as_if_it_had_never_been_asked_for() {
    let disk = faulty();
    on(&Arc::clone(&disk), |handle| async move {
        let streams = handle.streams().expect("they are on");
        disk.set_failing(true);
        create(streams, "lost").await.expect_err("nothing is created");
        disk.set_failing(false);
        eventually(async || handle.ready().ok()).await;
        let absent = streams.look("a", true).await.err();
        assert!(matches!(absent, Some(StreamError::Rejected(Rejection::NotFound))), "{absent:?}");
        let created = create(streams, "one ").await.expect("created");
        assert_eq!(created.outcome, Outcome::Created);
        disk.set_failing(true);
        append(streams, 0, "two").await.expect_err("nothing is appended");
        disk.set_failing(false);
        let appended = eventually(async || append(streams, 0, "two").await.ok()).await;
        assert_eq!(appended.outcome, Outcome::Appended, "the first was not");
        assert_eq!(text(streams).await, "one two");
    });
}

#[test]
fn nothing_is_shown_or_answered_before_it_is_durable() {
    let disk = faulty();
    on(&Arc::clone(&disk), |handle| async move {
        let streams = handle.streams().expect("they are on");
        create(streams, "one ").await.expect("created");
        disk.set_stalled(true);
        let asking = handle.clone();
        let first =
            actix::spawn(
                async move { append(asking.streams().expect("they are on"), 0, "two").await },
            );
        let stalled = Arc::clone(&disk);
        let waiting = tokio::task::spawn_blocking(move || stalled.wait_until_stalled());
        waiting.await.expect("it stalls");
        assert_eq!(text(streams).await, "one ");
        // Decided upon what is not durable yet: the answer waits, too.
        let asking = handle.clone();
        let mut again =
            actix::spawn(
                async move { append(asking.streams().expect("they are on"), 0, "two").await },
            );
        let early = tokio::time::timeout(Duration::from_millis(50), &mut again).await;
        assert!(early.is_err(), "it was answered before the disk was");
        disk.set_stalled(false);
        let first = first.await.expect("it ends").expect("appended");
        assert_eq!(first.outcome, Outcome::Appended);
        let again = again.await.expect("it ends").expect("it is known");
        assert_eq!(again.outcome, Outcome::Duplicate);
        assert_eq!(text(streams).await, "one two");
    });
}

/// Waits until a stream's log is gone from the disk.
async fn removed(disk: &Disk, id: heartline_execution::ExecutionId) {
    let namespace = heartline_execution::Name::streams_namespace();
    eventually(async || {
        let head = disk.inner().head(&namespace, id).expect("readable");
        head.is_none().then_some(())
    })
    .await;
}

/// That nothing comes for now.
async fn nothing_comes(follower: &mut Follower) {
    let soon = Duration::from_millis(50);
    let came = tokio::time::timeout(soon, follower.next()).await;
    assert!(came.is_err(), "it was told before the disk was");
    assert_eq!(follower.reading.tail().1, Ending::Open);
}

fn is_absent(looked: Result<heartline_actors::streams::Stream, StreamError>) -> bool {
    matches!(looked.err(), Some(StreamError::Rejected(Rejection::NotFound)))
}

#[test]
fn a_deletion_is_seen_by_nobody_before_it_is_durable() {
    let disk = faulty();
    on(&Arc::clone(&disk), |handle| async move {
        let streams = handle.streams().expect("they are on");
        create(streams, "one").await.expect("created");
        let mut reader = follower(streams).await;
        let id = reader.reading.id();
        disk.set_stalled(true);
        let asking = handle.clone();
        let mut deleting =
            actix::spawn(async move { delete(asking.streams().expect("they are on")).await });
        let stalled = Arc::clone(&disk);
        let waiting = tokio::task::spawn_blocking(move || stalled.wait_until_stalled());
        waiting.await.expect("it stalls");
        nothing_comes(&mut reader).await;
        assert_eq!(text(streams).await, "one");
        // Whoever wants the path has it afterwards.
        let asking = handle.clone();
        let mut creating =
            actix::spawn(
                async move { create(asking.streams().expect("they are on"), "new").await },
            );
        let early = tokio::time::timeout(Duration::from_millis(50), async {
            tokio::select! { _ = &mut deleting => {} _ = &mut creating => {} }
        });
        assert!(early.await.is_err(), "somebody was answered before the disk was");
        disk.set_stalled(false);
        deleting.await.expect("it ends").expect("deleted");
        let created = creating.await.expect("it ends").expect("created");
        assert_eq!(created.outcome, Outcome::Created);
        assert_eq!(next(&mut reader).await, None);
        assert_eq!(reader.reading.tail().1, Ending::Gone);
        assert_eq!(text(streams).await, "new");
        removed(&disk, id).await;
    });
}

#[test]
fn a_deletion_that_fails_deletes_nothing() {
    let disk = faulty();
    let same = Arc::clone(&disk);
    on(&same, |handle| async move {
        let streams = handle.streams().expect("they are on");
        create(streams, "one").await.expect("created");
        let mut reader = follower(streams).await;
        let id = reader.reading.id();
        disk.set_failing(true);
        delete(streams).await.expect_err("it is not gone from disk");
        nothing_comes(&mut reader).await;
        disk.set_failing(false);
        eventually(async || handle.ready().ok()).await;
        assert_eq!(text(streams).await, "one");
        eventually(async || delete(streams).await.ok()).await;
        assert_eq!(next(&mut reader).await, None);
        assert!(is_absent(streams.look("a", true).await));
        removed(&disk, id).await;
        create(streams, "new").await.expect("created");
    });
    // What is found at the next start.
    on(&same, |handle| async move {
        assert_eq!(text(handle.streams().expect("they are on")).await, "new");
    });
}

#[test]
fn a_deletion_whose_answer_was_lost_is_found_in_the_log() {
    let disk = faulty();
    on(&Arc::clone(&disk), |handle| async move {
        let streams = handle.streams().expect("they are on");
        create(streams, "one").await.expect("created");
        let mut reader = follower(streams).await;
        let id = reader.reading.id();
        disk.lose_next_answer();
        delete(streams).await.expect_err("nobody knows");
        // Without anybody asking again.
        assert_eq!(next(&mut reader).await, None);
        removed(&disk, id).await;
        assert!(is_absent(streams.look("a", true).await));
    });
}

#[test]
fn a_deletion_that_was_answered_outlives_a_crash_before_the_removal() {
    let disk = faulty();
    let namespace = heartline_execution::Name::streams_namespace();
    let mut id = None;
    let same = Arc::clone(&disk);
    on(&same, |handle| {
        let id = &mut id;
        async move {
            let streams = handle.streams().expect("they are on");
            create(streams, "one").await.expect("created");
            *id = Some(follower(streams).await.reading.id());
        }
    });
    // As the log is when the removal has not been begun.
    let id = id.expect("set");
    let deleted = heartline_storage::Record {
        seq: 3,
        lifecycle: true,
        private: Default::default(),
        json: serde_json::to_vec(&Note::Deleted).expect("plain JSON").into(),
    };
    let append = heartline_storage::Append {
        records: vec![deleted],
        ..heartline_storage::Append::barrier(namespace, id, 2)
    };
    disk.inner().commit(&[append]).expect("written");
    on(&same, |handle| async move {
        let streams = handle.streams().expect("they are on");
        assert!(is_absent(streams.look("a", true).await));
        removed(&disk, id).await;
    });
}

#[test]
fn a_fork_that_is_there_is_found_again_once_its_source_is_deleted() {
    on(&faulty(), |handle| async move {
        let streams = handle.streams().expect("they are on");
        create(streams, "one").await.expect("created");
        let fork = |path: &str, anchor: u64| Creation {
            path: path.to_owned(),
            content_type: None,
            ttl: None,
            expires_at: None,
            closed: false,
            messages: Vec::new(),
            fork: Some(Forking { path: "a".to_owned(), anchor: Some(anchor), sub: 0 }),
        };
        let first = streams.create(fork("b", 2)).await.expect("forked");
        assert_eq!(first.outcome, Outcome::Created);
        delete(streams).await.expect("deleted");
        let again = streams.create(fork("b", 2)).await.expect("it is there");
        assert_eq!((again.outcome, again.tail), (Outcome::Exists, first.tail));
        let other = streams.create(fork("b", 1)).await;
        let differs = Rejection::Differs { what: "fork" };
        assert!(matches!(other, Err(StreamError::Rejected(r)) if r == differs));
        let new = streams.create(fork("c", 2)).await;
        assert!(matches!(new, Err(StreamError::SourceGone)), "{new:?}");
    });
}
