//! What the tasks of a runner's network side share: who it is, what it holds, what it was told to
//! do, and where leases and notices go.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use tokio::sync::{Notify, mpsc, watch};

use super::{
    Identity, Notice, Notices, delivery::Delivery, held::Held, lease::Lease, line::Line,
    outbox::Outbox,
};
use crate::{client::Client, types::Granted};

/// A lease is heard of at least this often between two of its deadlines.
const BEATS: u32 = 3;
/// And at most this often.
const FASTEST_BEAT: Duration = Duration::from_millis(50);

/// What whoever started the runner wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// To take what there is.
    Serve,
    /// To take nothing more, and to end once it holds nothing.
    Drain,
    /// To end at once.
    Stop,
}

/// See the module.
pub(super) struct Desk {
    pub(super) client: Client,
    pub(super) identity: Identity,
    pub(super) queues: Vec<String>,
    pub(super) slots: usize,
    notices: Notices,
    order: watch::Receiver<Order>,
    /// By lease.
    held: Mutex<HashMap<String, Arc<Held>>>,
    /// Something was taken up or let go of.
    pub(super) changed: Notify,
    leases: mpsc::Sender<Lease>,
}

impl Desk {
    pub(super) fn new(
        (client, identity): (Client, Identity),
        (queues, slots): (Vec<String>, usize),
        notices: Notices,
        order: watch::Receiver<Order>,
        leases: mpsc::Sender<Lease>,
    ) -> Self {
        Self {
            client,
            identity,
            queues,
            slots,
            notices,
            order,
            held: Mutex::default(),
            changed: Notify::new(),
            leases,
        }
    }

    pub(super) fn notice(&self, notice: &Notice) {
        (self.notices)(notice);
    }

    // ---- orders --------------------------------------------------------------------------

    pub(super) fn is_draining(&self) -> bool {
        *self.order.borrow() >= Order::Drain
    }

    /// Waits until it is to end in some way.
    pub(super) async fn draining(&self) {
        self.ordered(Order::Drain).await;
    }

    /// Waits until it is to end at once.
    pub(super) async fn stopping(&self) {
        self.ordered(Order::Stop).await;
    }

    async fn ordered(&self, least: Order) {
        let mut order = self.order.clone();
        // Whoever could give another order is gone, and with him the reason to go on.
        let _nobody_there = order.wait_for(|order| *order >= least).await;
    }

    // ---- leases --------------------------------------------------------------------------

    /// Takes up a lease and hands it over.
    pub(super) fn grant(self: &Arc<Self>, granted: Granted, line: Line) -> Arc<Held> {
        let heartbeat = granted.heartbeat.to_std();
        let held = Held::new(&granted.execution.id, &granted.lease, granted.attempt, heartbeat);
        let held = Arc::new(held);
        self.lock().insert(granted.lease.clone(), Arc::clone(&held));
        let (outbox, waiting) = Outbox::new(&held);
        tokio::spawn(Delivery::new(self, line.clone(), &held, waiting).run());
        tokio::spawn(acknowledge(line, Arc::clone(&held)));
        // What nobody takes is dropped here, and so it goes back with a failure.
        let _untaken = self.leases.try_send(Lease { granted, held: Arc::clone(&held), outbox });
        self.changed.notify_waiters();
        held
    }

    /// It has ended, or is lost.
    pub(super) fn let_go(&self, held: &Held) {
        held.over.cancel();
        self.lock().remove(&held.lease);
        self.changed.notify_waiters();
    }

    pub(super) fn lease(&self, lease: &str) -> Option<Arc<Held>> {
        self.lock().get(lease).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Held>> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn holds(&self) -> usize {
        self.lock().len()
    }

    /// Waits until it holds nothing.
    pub(super) async fn empty(&self) {
        loop {
            let changed = self.changed.notified();
            if self.holds() == 0 {
                return;
            }
            changed.await;
        }
    }

    /// How often to beat, for every lease to be heard of in time and the runner at least `slowest`.
    pub(super) fn beat_every(&self, slowest: Duration) -> Duration {
        let shortest = self.lock().values().map(|held| held.heartbeat / BEATS).min();
        shortest.unwrap_or(slowest).min(slowest).max(FASTEST_BEAT)
    }

    /// The members of a heartbeat for everything that is held.
    pub(super) fn beats(&self) -> serde_json::Value {
        let beat = |held: &Arc<Held>| json!({"execution": held.execution, "lease": held.lease});
        self.lock().values().map(beat).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Held>>> {
        self.held.lock().expect("no holder panics")
    }
}

/// Tells the server that a cancellation is being acted on, once its holder says so.
async fn acknowledge(line: Line, held: Arc<Held>) {
    tokio::select! {
        () = held.acknowledged.notified() => {}
        () = held.over.cancelled() => return,
    }
    // It is for the record; how it ends is told apart from it.
    let _unheard = line.call(&held, "cancel_acknowledged", "").await;
}
