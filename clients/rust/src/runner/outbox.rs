//! Events on their way to the server: a bounded buffer for each lease.
//!
//! When it is full, [`Outbox::put`] waits. That is what bounds the memory of a runner whose server
//! is away: the handler is slowed, and nothing is dropped.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{delivery::complaint, held::Held};
use crate::error::Error;

/// Bytes of events that wait for the server, per lease: minutes of a talkative command.
pub(super) const BUFFER_BYTES: usize = 4 << 20;
/// Events that wait; small ones cost more than their bytes.
const BUFFER_EVENTS: usize = 16 << 10;

/// Bytes of one event, so that a batch with it is no more than the server takes of one message. The
/// server takes 256 KiB, unless it is told otherwise.
const EVENT_MAX: usize = 480 << 10;

/// The lease is not ours any more, or has ended: nothing can be written under it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lease is over: {0}")]
pub struct Over(pub String);

/// Where the events of a lease go in. Clones share the buffer.
#[derive(Clone, Debug)]
pub struct Outbox {
    queue: mpsc::Sender<Item>,
    room: Arc<Semaphore>,
    held: Arc<Held>,
}

/// What goes through the buffer, in order.
#[derive(Debug)]
pub(super) enum Item {
    Event(Queued),
    Call(Ordered),
}

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) json: String,
    /// Whether this is already a complaint about another event.
    pub(super) complaint: bool,
    /// Its share of the buffer, given back when it is acknowledged.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// A call that comes after the events before it.
#[derive(Debug)]
pub(super) struct Ordered {
    /// As the wire names it; an empty one only waits for the events before it.
    pub(super) op: &'static str,
    /// Further members of the frame, each with a comma before it.
    pub(super) members: String,
    /// It takes a batch number, by which a repeat is known.
    pub(super) numbered: bool,
    /// Nothing can be written after it.
    pub(super) ends: bool,
    pub(super) answer: oneshot::Sender<Result<(), Error>>,
}

impl Outbox {
    /// The buffer and its other end.
    pub(super) fn new(held: &Arc<Held>) -> (Self, mpsc::Receiver<Item>) {
        let (queue, waiting) = mpsc::channel(BUFFER_EVENTS);
        let room = Arc::new(Semaphore::new(BUFFER_BYTES));
        (Self { queue, room, held: Arc::clone(held) }, waiting)
    }

    /// Adds an event, the JSON of `{"type":…,"data":…}`; waits while the buffer is full (4 MiB or
    /// 16,384 events). An event that the server refuses becomes a `log` at `warn` in its place.
    ///
    /// # Errors
    /// When the lease is over.
    pub async fn put(&self, json: String) -> Result<(), Over> {
        let (json, complaint) = if json.len() > EVENT_MAX {
            let why = format!("it has {} bytes; at most {EVENT_MAX} are sent", json.len());
            (complaint(&why, &json), true)
        } else {
            (json, false)
        };
        // Far below what a semaphore counts to.
        let bytes = u32::try_from(json.len()).unwrap_or(u32::MAX);
        let room = tokio::select! {
            biased;
            room = Arc::clone(&self.room).acquire_many_owned(bytes) => room.ok(),
            () = self.held.over.cancelled() => return Err(self.held.why_over()),
        };
        self.send(Item::Event(Queued { json, complaint, room })).await
    }

    pub(super) async fn send(&self, item: Item) -> Result<(), Over> {
        tokio::select! {
            biased;
            sent = self.queue.send(item) => sent.map_err(|_| self.held.why_over()),
            () = self.held.over.cancelled() => Err(self.held.why_over()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_buffer_makes_its_writer_wait_until_something_is_acknowledged() {
        let held = Arc::new(Held::example());
        let (outbox, mut waiting) = Outbox::new(&held);
        for _ in 0..16 {
            outbox.put("x".repeat(BUFFER_BYTES / 16)).await.unwrap();
        }
        let mut fifth = Box::pin(outbox.put("x".repeat(10)));
        assert!(futures_util::FutureExt::now_or_never(&mut fifth).is_none());
        drop(waiting.recv().await);
        fifth.await.unwrap();
    }

    #[tokio::test]
    async fn an_event_that_is_too_large_is_a_complaint() {
        let (outbox, mut waiting) = Outbox::new(&Arc::new(Held::example()));
        outbox.put("x".repeat(EVENT_MAX + 1)).await.unwrap();
        let Some(Item::Event(event)) = waiting.recv().await else { panic!("an event") };
        assert!(event.complaint && event.json.contains("at most"), "{}", event.json);
    }

    #[tokio::test]
    async fn nobody_waits_for_room_under_a_lost_lease() {
        let held = Arc::new(Held::example());
        let (outbox, _waiting) = Outbox::new(&held);
        for _ in 0..16 {
            outbox.put("x".repeat(BUFFER_BYTES / 16)).await.unwrap();
        }
        let other = outbox.clone();
        let waiting = tokio::spawn(async move { other.put("y".into()).await });
        held.lose("superseded");
        assert_eq!(waiting.await.unwrap(), Err(Over("superseded".into())));
    }
}
