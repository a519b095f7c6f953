//! Keeps the server of a test under load: kills it at a moment that its clients make, starts it
//! again, and says how it is.

use std::{sync::Arc, time::Instant};

use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};

use super::{
    chance::Chance,
    clients::{Life, Shared, Traffic, World},
    ledger::Ledger,
    server::{PATIENCE, Server, Site},
};

/// When the server is killed.
#[derive(Debug)]
pub(super) enum Moment {
    /// With the n-th request from now.
    Sent(u64),
    /// With the n-th answer from now.
    Answered(u64),
    /// With the n-th event from now that a watcher sees.
    Watched(u64),
    /// By itself, at a point of its n-th commit from its start.
    Point(&'static str, u64),
}

impl Moment {
    pub(super) fn random(chance: &mut Chance) -> Self {
        match chance.below(3) {
            0 => Self::Sent(chance.within(20, 600)),
            1 => Self::Answered(chance.within(20, 600)),
            // Now and then all watchers wait for a runner that left: few events is soon enough.
            _ => Self::Watched(chance.within(5, 100)),
        }
    }
}

/// Keeps the server: kills it, starts it again, and says how it is.
pub(super) struct Keeper<'a> {
    site: &'a Site,
    server: Server,
    life: watch::Sender<Life>,
    pub(super) closing: watch::Sender<bool>,
    pub(super) world: Shared,
    /// At random moments.
    pub(super) kills: usize,
    epoch: u64,
}

impl<'a> Keeper<'a> {
    pub(super) async fn start(site: &'a Site) -> Self {
        let server = site.start().await;
        let (life, seen) = watch::channel(Life { generation: 1, up: true, doomed: false });
        let (closing, is_closing) = watch::channel(false);
        let world = World {
            api: site.api(),
            life: seen,
            traffic: Traffic::default(),
            ledger: Ledger::default(),
            closing: is_closing,
        };
        let world = Arc::new(world);
        Self { site, server, life, closing, world, kills: 0, epoch: 0 }
    }

    /// Waits for the moment and sees the server die.
    pub(super) async fn kill(&mut self, moment: &Moment) {
        if let Moment::Point(point, n) = *moment {
            return self.doom(point, n).await;
        }
        self.pass(moment).await;
        self.set_up(false);
        self.server.kill().await;
        self.kills += 1;
    }

    /// Waits for a moment that the clients make.
    pub(super) async fn pass(&self, moment: &Moment) {
        let traffic = &self.world.traffic;
        match *moment {
            Moment::Sent(n) => pass(&traffic.sent, n).await,
            Moment::Answered(n) => pass(&traffic.answered, n).await,
            Moment::Watched(n) => pass(&traffic.watched, n).await,
            Moment::Point(..) => {}
        }
    }

    /// Whether clients may count on the server that runs.
    pub(super) fn set_up(&self, up: bool) {
        self.life.send_modify(|life| life.up = up);
    }

    /// Replaces the server by one that kills itself, and sees it die.
    async fn doom(&mut self, point: &str, n: u64) {
        self.life.send_modify(|life| life.up = false);
        self.server.kill().await;
        self.server = self.site.start_doomed(&format!("{point}:{n}")).await;
        self.begin(true);
        self.server.killed().await;
        self.life.send_modify(|life| life.up = false);
    }

    /// Starts a server, perhaps after one that was killed on its way up.
    pub(super) async fn restart(&mut self, on_the_way: Option<usize>) {
        if let Some(lines) = on_the_way {
            let mut server = self.site.launch(&[]);
            server.on_its_way(lines).await;
            server.kill().await;
            self.kills += 1;
        }
        let asked = Instant::now();
        self.server = self.site.start().await;
        println!("{:3} ms to be back after kill {}", asked.elapsed().as_millis(), self.kills);
        self.epoch = self.check().await;
        self.begin(false);
    }

    fn begin(&self, doomed: bool) {
        self.life.send_modify(|life| {
            *life = Life { generation: life.generation + 1, up: true, doomed };
        });
    }

    /// What the server says of itself after a start. Gives its epoch.
    async fn check(&self) -> u64 {
        let view = self.site.api().supervisor().await;
        let boot = &view["boot"];
        let number = |of: &Value, field: &str| {
            of[field].as_u64().unwrap_or_else(|| panic!("{field} is no number: {view}"))
        };
        let epoch = number(boot, "epoch");
        assert!(epoch > self.epoch, "starts are counted: {view}");
        let parts = ["queued", "leases_in_grace", "parked"].map(|part| number(boot, part));
        assert_eq!(number(boot, "recovered"), parts.iter().sum::<u64>(), "{view}");
        let since = ["requeued", "failed", "returned"].map(|part| number(boot, part));
        assert!(since.iter().sum::<u64>() <= number(boot, "leases_in_grace"), "{view}");
        assert_eq!(view["store"]["healthy"], true, "{view}");
        assert_eq!(view["limbo"]["violations"], json!([]), "{view}");
        epoch
    }
}

/// Waits for `n` more.
async fn pass(counter: &watch::Sender<u64>, n: u64) {
    let mut counter = counter.subscribe();
    let target = *counter.borrow() + n;
    let reached = timeout(PATIENCE, counter.wait_for(|count| *count >= target)).await;
    reached.expect("the clients are at work").expect("the counter outlives the wait");
}
