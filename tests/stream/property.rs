//! The property: producers write, readers of every kind come and go, the server is killed in the
//! middle, and everybody who reads sees the log.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    chance::Chance,
    checker::{Checker, spoiled},
    keeper::{Keeper, Moment},
    reader::{Counts, Reader, Shelf, Way},
    runner::Runner,
    seen::{Seen, View},
    server::{PATIENCE, Site},
    torrent::{pour, show},
};

const TORRENTS: usize = 3;
const RUNNERS: usize = 2;
/// Readers of each way and view.
const READERS: usize = 2;
const KILLS: usize = 3;
/// Messages that readers get before each kill, and after the last.
const MESSAGES: (u64, u64) = (3_000, 12_000);
/// What was seen and is spoiled, to see the checker find it.
const SPOILED: usize = 40;

#[tokio::test]
async fn every_reader_sees_the_log_whatever_it_does_and_whatever_becomes_of_the_server() {
    let mut chance = chance();
    let site = Site::new()
        .with("HEARTLINE_SUPERVISION_BOOT_GRACE", "500ms")
        // Little is kept in memory, so that who is slow falls behind.
        .with("HEARTLINE_FEED_FRAMES_BYTES", "16KiB")
        .with("HEARTLINE_FEED_PAGE_BYTES", "64KiB")
        .with("HEARTLINE_FEED_PAGE_EVENTS", "50")
        .with("HEARTLINE_WEBSOCKET_SEND_BUFFER_BYTES", "4KiB")
        .with("HEARTLINE_WEBSOCKET_PING_INTERVAL", "1s")
        .with("HEARTLINE_HTTP_SSE_KEEP_ALIVE", "1s");
    let mut keeper = Keeper::start(&site).await;
    let shelf = Shelf {
        world: Arc::clone(&keeper.world),
        address: site.address().parse().expect("an address"),
        board: Arc::new(watch::Sender::default()),
        counts: Arc::default(),
    };
    let mut producers = produce(&shelf, &mut chance);
    let mut something = shelf.board.subscribe();
    something.wait_for(|ids| ids.len() >= TORRENTS).await.expect("the board is there");
    let mut readers = read(&shelf, &mut chance);
    for _ in 0..KILLS {
        let moment = Moment::Watched(chance.within(MESSAGES.0, MESSAGES.1));
        timed(&moment, keeper.kill(&moment), &mut readers).await;
        keeper.restart(None).await;
    }
    let moment = Moment::Watched(chance.within(MESSAGES.0, MESSAGES.1));
    timed(&moment, keeper.pass(&moment), &mut readers).await;
    keeper.closing.send_replace(true);
    let mut all = Vec::new();
    let finish = async {
        while let Some(ended) = producers.join_next().await {
            ended.expect("a producer keeps to the contract");
        }
        while let Some(ended) = readers.join_next().await {
            let (way, seen) = ended.expect("a reader sees what it was promised");
            all.extend(seen.into_iter().map(|seen| (way, seen)));
        }
    };
    timed(&"what was left", timeout(PATIENCE * 4, finish), &mut JoinSet::new())
        .await
        .expect("in time");
    assert_proves_something(&shelf.counts, &all);
    let checks = check(&mut chance, Checker::new(site.api()), &all);
    timed(&"checks", checks, &mut JoinSet::new()).await;
    site.assert_no_errors_logged();
}

/// What a reader gives: its way, and what it saw.
type Readers = JoinSet<(Way, Vec<Seen>)>;

/// Awaits it, unless a reader gives up.
async fn timed<T>(what: &impl std::fmt::Debug, it: impl Future<Output = T>, of: &mut Readers) -> T {
    let begun = Instant::now();
    let done = tokio::select! {
        done = it => done,
        Some(ended) = of.join_next() => panic!("a reader gave up: {ended:?}"),
    };
    println!("{:5} ms: {what:?}", begun.elapsed().as_millis());
    done
}

/// What was seen is right, and would not be if it were otherwise.
async fn check(chance: &mut Chance, mut checker: Checker, all: &[(Way, Seen)]) {
    for (way, seen) in all {
        let right = checker.check(seen).await;
        let Seen { execution, view, start, .. } = seen;
        right.unwrap_or_else(|wrong| {
            panic!("{way:?} {view:?} of {execution} after {start:?}: {wrong}")
        });
    }
    let mut found = 0;
    for _ in 0..SPOILED {
        let (_, seen) = chance.pick(all);
        let at = chance.below(seen.events.len() + 1);
        for (how, spoiled) in spoiled(seen, at) {
            assert!(
                checker.check(&spoiled).await.is_err(),
                "{how} at {at} of {} passed",
                seen.execution
            );
            found += 1;
        }
    }
    assert!(found > 0, "nothing was spoiled");
}

fn produce(shelf: &Shelf, chance: &mut Chance) -> JoinSet<()> {
    let mut producers = JoinSet::new();
    for number in 0..TORRENTS {
        let its_chance = Chance::new(chance.u128() as u64);
        producers.spawn(pour(shelf.clone(), its_chance, format!("torrent-{number}")));
    }
    let (created, mut shown) = mpsc::channel(64);
    for number in 0..RUNNERS {
        let (world, name) = (Arc::clone(&shelf.world), format!("runner-{number}"));
        let its_chance = Chance::new(chance.u128() as u64);
        producers.spawn(Runner::new(world, name, its_chance, created.clone()).run());
    }
    let board = Arc::clone(&shelf.board);
    producers.spawn(async move {
        while let Some(id) = shown.recv().await {
            show(&board, id);
        }
    });
    producers
}

fn read(shelf: &Shelf, chance: &mut Chance) -> Readers {
    let mut readers = JoinSet::new();
    for (way, view) in Way::ALL.into_iter().flat_map(|way| View::ALL.map(|view| (way, view))) {
        for _ in 0..READERS {
            let (shelf, chance) = (shelf.clone(), Chance::new(chance.u128() as u64));
            readers.spawn(Reader { shelf, chance, way, view }.run());
        }
    }
    readers
}

fn assert_proves_something(counts: &Counts, all: &[(Way, Seen)]) {
    let mut by_kind: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for (way, seen) in all {
        let (logs, events) = by_kind.entry((*way, seen.view)).or_default();
        (*logs, *events) = (*logs + 1, *events + seen.events.len());
    }
    for ((way, view), (logs, events)) in &by_kind {
        println!("{way:?} {view:?}: {logs} logs, {events} events");
    }
    println!("{counts:?}");
    assert_eq!(by_kind.len(), Way::ALL.len() * View::ALL.len(), "not every kind of reader read");
    for (what, times) in [
        ("connections that break", &counts.broken),
        ("readers that leave", &counts.left),
        ("readers that pause", &counts.paused),
        ("messages in fragments", &counts.fragmented),
        ("subscriptions that are given up", &counts.unsubscribed),
    ] {
        assert!(times.load(Ordering::Relaxed) > 0, "the run proves nothing about {what}");
    }
}

/// A seed of its own for each run; `HEARTLINE_STREAM_SEED` takes it instead. It repeats every
/// choice, though not how the operating system runs it all.
fn chance() -> Chance {
    let given = std::env::var("HEARTLINE_STREAM_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("a number"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    let seed = given.unwrap_or(now.as_nanos() as u64);
    println!("HEARTLINE_STREAM_SEED={seed}");
    Chance::new(seed)
}
