//! What every client under load shares: the way to a server that comes and goes, the figures of
//! the traffic, and patience.

use std::sync::Arc;

use tokio::sync::watch;

use super::{
    api::{Answer, Api, Lost, Request},
    ledger::Ledger,
};

/// Failures in a row, without any restart between them, after which the server is to blame.
/// Connections that a kill has cut are found out one by one.
const STRIKES: usize = 50;

/// How the server is, as its keeper sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life {
    /// Starts that came to readiness.
    pub(crate) generation: usize,
    /// It is there, and nobody is about to kill it.
    pub(crate) up: bool,
    /// It will kill itself at a time that nobody knows.
    pub(crate) doomed: bool,
}

/// Counts what happens, for those who wait for a number of it.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) sent: watch::Sender<u64>,
    pub(crate) answered: watch::Sender<u64>,
    pub(crate) watched: watch::Sender<u64>,
}

pub(crate) fn count(of: &watch::Sender<u64>) {
    of.send_modify(|count| *count += 1);
}

/// What the clients have in common.
pub(crate) struct World {
    pub(crate) api: Api,
    pub(crate) life: watch::Receiver<Life>,
    pub(crate) traffic: Traffic,
    pub(crate) ledger: Ledger,
    /// Nothing new is begun once this is true.
    pub(crate) closing: watch::Receiver<bool>,
}

impl World {
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    pub(crate) fn generation(&self) -> usize {
        self.life.borrow().generation
    }

    /// Sends a request until it is answered, however many servers that takes. A `503` is no
    /// answer: it says that the outcome is unknown, or to come again.
    pub(crate) async fn tell(&self, request: &Request) -> Told {
        let mut patience = Patience::new(self);
        let mut sent = 0;
        loop {
            patience.look();
            sent += 1;
            count(&self.traffic.sent);
            match self.api.send(request).await {
                Ok(answer) if answer.status == 503 => patience.lost(&format!("{answer:?}")).await,
                Ok(answer) => {
                    count(&self.traffic.answered);
                    return Told { answer, sent };
                }
                Err(lost) => patience.lost(&lost.to_string()).await,
            }
        }
    }

    /// Opens a stream, however many servers that takes.
    pub(crate) async fn open(&self, request: &Request) -> reqwest::Response {
        let mut patience = Patience::new(self);
        loop {
            patience.look();
            match self.api.open(request).await {
                Ok(response) if response.status() == 503 => patience.lost("503").await,
                Ok(response) => return response,
                Err(Lost { .. }) => patience.lost("no stream").await,
            }
        }
    }
}

/// An answer, and how often it had to be asked for.
pub(crate) struct Told {
    pub(crate) answer: Answer,
    pub(crate) sent: usize,
}

/// Waits out a server that is away, and loses patience with one that is there.
pub(crate) struct Patience {
    life: watch::Receiver<Life>,
    before: Life,
    strikes: usize,
}

impl Patience {
    pub(crate) fn new(world: &World) -> Self {
        Self { life: world.life.clone(), before: Life::default(), strikes: 0 }
    }

    /// To be called before each try.
    pub(crate) fn look(&mut self) {
        let now = *self.life.borrow();
        if now != self.before {
            self.strikes = 0;
        }
        self.before = now;
    }

    /// To be called after a try that came to nothing: returns when another makes sense.
    pub(crate) async fn lost(&mut self, why: &str) {
        let before = self.before;
        let now = *self.life.borrow();
        if now.up && now == before {
            self.strikes += 1;
            assert!(now.doomed || self.strikes < STRIKES, "a server that is up: {why}");
            if self.strikes < STRIKES {
                return tokio::task::yield_now().await;
            }
        }
        let back = |life: &Life| life.up && (!before.doomed || life.generation > before.generation);
        self.life.wait_for(back).await.expect("its keeper outlives its clients");
    }
}

/// The world as tasks hold it.
pub(crate) type Shared = Arc<World>;
