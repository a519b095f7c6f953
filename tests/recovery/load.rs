//! Kills at random moments, under load, one after another on the same data.

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::json;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
    time::timeout,
};

use super::{
    api::Request,
    audit::Audit,
    chance::Chance,
    clients::Shared,
    keeper::{Keeper, Moment},
    runner::Runner,
    server::{PATIENCE, Site},
    watcher::{Way, watch},
};

const PRODUCERS: usize = 16;
const WATCHERS: usize = 12;
const KILLS: usize = 20;
/// Executions that nobody claims: live to the end.
const UNCLAIMED: usize = 3;

#[tokio::test]
async fn what_was_acknowledged_survives_twenty_kills_at_random_moments() {
    let mut chance = chance();
    let site = Site::new()
        .with("HEARTLINE_SUPERVISION_BOOT_GRACE", "500ms")
        .with("HEARTLINE_SUPERVISION_AUDIT_INTERVAL", "100ms");
    let mut keeper = Keeper::start(&site).await;
    let world = Arc::clone(&keeper.world);
    let unclaimed = create_unclaimed(&world).await;
    let mut clients = Clients::start(&world, &mut chance);
    let mut points = vec!["before_commit", "after_commit", "after_ack"];
    let mut rounds = 0;
    while keeper.kills < KILLS || !points.is_empty() {
        rounds += 1;
        let moment = match points.pop_if(|_| rounds % 5 == 0) {
            Some(point) => Moment::Point(point, chance.within(20, 400)),
            None => Moment::random(&mut chance),
        };
        let asked = Instant::now();
        tokio::select! {
            () = keeper.kill(&moment) => {}
            () = clients.give_up() => {}
        }
        println!("{:5} ms {moment:?}", asked.elapsed().as_millis());
        let on_the_way = chance.one_in(4).then(|| chance.below(3));
        keeper.restart(on_the_way).await;
    }
    keeper.closing.send_replace(true);
    let asked = Instant::now();
    timeout(PATIENCE, clients.finish()).await.expect("what is left is done");
    println!("{:5} ms to do what was left", asked.elapsed().as_millis());
    let limbo = &world.api.supervisor().await["limbo"];
    assert_eq!((&limbo["live"], &limbo["violations"]), (&json!(UNCLAIMED), &json!([])), "{limbo}");

    // What is audited has been read back from disk.
    keeper.kill(&Moment::Sent(0)).await;
    keeper.restart(None).await;
    let boot = &world.api.supervisor().await["boot"];
    let found = (&boot["recovered"], &boot["queued"]);
    assert_eq!(found, (&json!(UNCLAIMED), &json!(UNCLAIMED)), "{boot}");
    audit(&world, &unclaimed).await;
    site.assert_no_errors_logged();
}

/// Everything that is there against everything that was said, and whether that was enough to
/// prove anything.
pub(super) async fn audit(world: &Shared, unclaimed: &[String]) {
    let audit = Audit::read(&world.api).await;
    let book = world.ledger.open();
    audit.check(&book);
    assert_eq!(audit.live(), unclaimed, "what had a runner has ended");
    let (executions, counts) = (book.created.len(), &book.counts);
    println!("{executions} executions, {} events, {counts:?}", audit.events());
    for (what, times) in [
        ("leases that survive a restart", counts.leases_survived),
        ("batches that are retried", counts.retried),
        ("batches that are repeated", counts.repeated),
        ("writes of superseded leases", counts.fenced),
        ("watchers that resume", counts.resumed),
        ("watched executions", book.watched.len()),
    ] {
        assert!(times > 0, "the run proves nothing about {what}");
    }
}

/// The producers and the watchers at work.
pub(super) struct Clients {
    producers: JoinSet<()>,
    watchers: JoinSet<()>,
}

impl Clients {
    pub(super) fn start(world: &Shared, chance: &mut Chance) -> Self {
        let (to_watch, feed) = mpsc::channel(64);
        let feed = Arc::new(Mutex::new(feed));
        let (mut producers, mut watchers) = (JoinSet::new(), JoinSet::new());
        for number in 0..PRODUCERS {
            let its_chance = Chance::new(chance.u128() as u64);
            let name = format!("runner-{number}");
            let runner = Runner::new(Arc::clone(world), name, its_chance, to_watch.clone());
            producers.spawn(runner.run());
        }
        for number in 0..WATCHERS {
            let way = Way::ALL[number % Way::ALL.len()];
            watchers.spawn(watch(Arc::clone(world), way, Arc::clone(&feed)));
        }
        Self { producers, watchers }
    }

    /// Returns never, and panics with the first client that does.
    pub(super) async fn give_up(&mut self) {
        let ended = tokio::select! {
            Some(ended) = self.producers.join_next() => ended,
            Some(ended) = self.watchers.join_next() => ended,
        };
        panic!("a client gave up: {ended:?}");
    }

    /// Waits until the producers have left nothing and the watchers have seen all of it.
    pub(super) async fn finish(&mut self) {
        while let Some(ended) = self.producers.join_next().await {
            ended.expect("a producer keeps to the contract");
        }
        while let Some(ended) = self.watchers.join_next().await {
            ended.expect("a watcher keeps to the contract");
        }
    }
}

/// A seed of its own for each run; `RECOVERY_SEED` takes it instead.
pub(super) fn chance() -> Chance {
    let given = std::env::var("RECOVERY_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    let seed = given.unwrap_or(now.as_nanos() as u64);
    println!("RECOVERY_SEED={seed}");
    Chance::new(seed)
}

pub(super) async fn create_unclaimed(world: &Shared) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..UNCLAIMED {
        let key = format!("unclaimed-{number}");
        let timeouts = json!({"schedule_to_start": "1h"});
        let body = json!({"kind": "agent", "name": key, "queue": "nobody", "timeouts": timeouts});
        let told = world.tell(&Request::create(&body, &key)).await;
        let id = told.answer.ok()["execution"]["id"].as_str().expect("an id").to_owned();
        world.ledger.open().created.insert(key, id.clone());
        ids.push(id);
    }
    ids.sort_unstable();
    ids
}
