//! Events on their way to the server: a bounded buffer and the task that empties it.
//!
//! While a request is under way the next batch gathers; no timer is needed. A batch is repeated
//! under its number until the server has acknowledged it, across its restarts; the server tells a
//! repeat by the number. When the buffer is full, [`Outbox::put`] waits, which is what makes the
//! wrapper stop reading the command's pipes.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::{Notices, lines};
use crate::cli::{
    client::{Client, Error, Problem, backoff::Backoff},
    wire::{Done, Granted},
};

/// Bytes of events that wait for the server, per lease: minutes of a talkative command.
const BUFFER_BYTES: usize = 4 << 20;
/// Events that wait; small ones cost more than their bytes.
const BUFFER_EVENTS: usize = 16 << 10;
/// Events of one request; the server takes 1,000.
const BATCH_EVENTS: usize = 500;
/// Bytes of one request; the server takes 1 MiB.
const BATCH_BYTES: usize = 512 << 10;

/// Where events go in.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    queue: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
}

#[derive(Debug)]
struct Queued {
    json: String,
    /// Whether this is already a complaint about another event.
    complaint: bool,
    /// Its share of the buffer, given back when it is acknowledged.
    room: OwnedSemaphorePermit,
}

impl Outbox {
    /// The buffer and its other end.
    pub(super) fn new() -> (Self, Waiting) {
        let (queue, waiting) = mpsc::channel(BUFFER_EVENTS);
        let room = Arc::new(Semaphore::new(BUFFER_BYTES));
        (Self { queue, room }, Waiting(waiting))
    }

    /// Adds an event; waits for room. Does nothing once the lease is lost.
    pub(super) async fn put(&self, json: String) {
        // An event larger than the buffer takes all of it; the server's limit is far below.
        let bytes = u32::try_from(json.len().min(BUFFER_BYTES)).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(bytes).await else { return };
        let event = Queued { json, complaint: false, room };
        // The other end is gone only when nothing may be written any more.
        let _lease_lost = self.queue.send(event).await;
    }
}

/// The other end of the buffer.
#[derive(Debug)]
pub(super) struct Waiting(mpsc::Receiver<Queued>);

/// What the calls of a lease tell: both only ever become more urgent.
#[derive(Clone, Debug)]
pub(super) struct Signals {
    /// The server wants it to stop.
    pub(super) cancel: watch::Sender<bool>,
    /// The lease is not ours any more, and why.
    pub(super) superseded: watch::Sender<Option<String>>,
}

impl Signals {
    pub(super) fn new() -> Self {
        Self { cancel: watch::Sender::new(false), superseded: watch::Sender::new(None) }
    }

    /// Takes up the answer to a call; whether the call must be repeated.
    pub(super) fn heed(&self, answer: &Result<Done, Error>) -> bool {
        match answer {
            Ok(told) => {
                if told.cancel_requested {
                    self.cancel.send_replace(true);
                }
                false
            }
            Err(error) if error.is_transient() => true,
            Err(error) => {
                // 409: fenced. 404: the server has no such execution any more. 401 and 403: it
                // does not let us write. In none of these may the command go on.
                if matches!(error.status(), Some(401 | 403 | 404 | 409)) {
                    self.lose(error.brief());
                }
                false
            }
        }
    }

    pub(super) fn lose(&self, why: String) {
        self.superseded.send_if_modified(|lost| {
            let first = lost.is_none();
            lost.get_or_insert(why);
            first
        });
    }

    pub(super) fn lost(&self) -> Option<String> {
        self.superseded.borrow().clone()
    }
}

/// Empties the buffer.
pub(super) struct Delivery {
    pub(super) client: Client,
    pub(super) path: String,
    pub(super) lease: String,
    pub(super) waiting: Waiting,
    pub(super) signals: Signals,
    pub(super) notices: Notices,
}

impl Delivery {
    pub(super) fn new(
        client: &Client,
        granted: &Granted,
        waiting: Waiting,
        signals: &Signals,
        notices: &Notices,
    ) -> Self {
        Self {
            client: client.clone(),
            path: format!("/v1/executions/{}/events", granted.execution.id),
            lease: granted.lease.clone(),
            waiting,
            signals: signals.clone(),
            notices: Arc::clone(notices),
        }
    }

    /// Until every event is acknowledged and no more can come, or the lease is lost.
    pub(super) async fn run(mut self) {
        let mut number = 0;
        while let Some(batch) = self.next_batch().await {
            number += 1;
            if !self.deliver(number, batch).await {
                return;
            }
        }
    }

    async fn next_batch(&mut self) -> Option<Vec<Queued>> {
        let first = self.waiting.0.recv().await?;
        let mut bytes = first.json.len();
        let mut batch = vec![first];
        while batch.len() < BATCH_EVENTS && bytes < BATCH_BYTES {
            let Ok(next) = self.waiting.0.try_recv() else { break };
            bytes += next.json.len();
            batch.push(next);
        }
        Some(batch)
    }

    /// Posts until acknowledged. False when the lease is lost.
    async fn deliver(&self, number: u64, mut batch: Vec<Queued>) -> bool {
        let mut backoff = Backoff::default();
        let mut told_away = false;
        while !batch.is_empty() {
            let answer = self.post(number, &batch).await;
            if self.signals.heed(&answer) {
                if let (Err(error), false) = (&answer, told_away) {
                    told_away = true;
                    (self.notices)(&format!("events are waiting: {}", error.brief()));
                }
                tokio::time::sleep(backoff.next()).await;
                continue;
            }
            match answer {
                Ok(_) => {
                    if told_away {
                        (self.notices)("events are flowing again");
                    }
                    return true;
                }
                Err(_) if self.signals.lost().is_some() => return false,
                // Nothing of the batch was taken, so its number is still free.
                Err(Error::Problem(problem)) => batch = self.without_culprits(batch, &problem),
                Err(error) => {
                    self.signals.lose(error.brief());
                    return false;
                }
            }
        }
        true
    }

    async fn post(&self, number: u64, batch: &[Queued]) -> Result<Done, Error> {
        let events: Vec<&str> = batch.iter().map(|event| &*event.json).collect();
        let body = format!(
            "{{\"lease\":\"{}\",\"batch\":{number},\"events\":[{}]}}",
            self.lease,
            events.join(",")
        );
        self.client.post(&self.path).body(body).json().await
    }

    /// Puts a complaint in the place of each event that the server named, or of all if it named
    /// none; a complaint that is refused as well is dropped with a notice.
    fn without_culprits(&self, batch: Vec<Queued>, problem: &Problem) -> Vec<Queued> {
        let named: Vec<(usize, &str)> = problem
            .errors
            .iter()
            .filter_map(|e| Some((culprit(&e.pointer)?, &*e.message)))
            .filter(|(index, _)| *index < batch.len())
            .collect();
        let judge = |(index, event): (usize, Queued)| {
            let why = match named.iter().find(|(named, _)| *named == index) {
                Some((_, message)) => (*message).to_owned(),
                None if named.is_empty() => problem.brief().to_owned(),
                None => return Some(event),
            };
            if event.complaint {
                (self.notices)(&format!("an event was not taken: {why}"));
                return None;
            }
            let json = lines::complaint(&why, &event.json);
            Some(Queued { json, complaint: true, room: event.room })
        };
        batch.into_iter().enumerate().filter_map(judge).collect()
    }
}

/// The index in `/events/3/data/delta`.
fn culprit(pointer: &str) -> Option<usize> {
    pointer.strip_prefix("/events/")?.split('/').next()?.parse().ok()
}

/// Repeats a call of the lease until it is answered, up to `patience`.
pub(super) async fn call(
    client: &Client,
    path: &str,
    body: &serde_json::Value,
    patience: Duration,
    notices: &Notices,
) -> Result<Done, Error> {
    let body = body.to_string();
    let mut told = false;
    crate::cli::client::persist(
        patience,
        || client.post(path).body(body.clone()).json(),
        |error, _| {
            if !std::mem::replace(&mut told, true) {
                notices(&format!("the result is waiting: {}", error.brief()));
            }
        },
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_buffer_makes_its_writer_wait_until_something_is_acknowledged() {
        let (outbox, mut waiting) = Outbox::new();
        for _ in 0..4 {
            outbox.put("x".repeat(BUFFER_BYTES / 4)).await;
        }
        let mut fifth = Box::pin(outbox.put("x".repeat(10)));
        assert!(futures_util::FutureExt::now_or_never(&mut fifth).is_none());
        drop(waiting.0.recv().await);
        fifth.await;
    }

    #[test]
    fn a_pointer_names_its_event() {
        assert_eq!(culprit("/events/3/data/delta"), Some(3));
        assert_eq!(culprit("/events/12"), Some(12));
        assert_eq!(culprit("/lease"), None);
    }

    #[test]
    fn a_fenced_call_loses_the_lease_for_good() {
        let signals = Signals::new();
        let problem = Problem { status: 409, detail: "superseded".into(), ..Problem::default() };
        assert!(!signals.heed(&Err(Error::Problem(Box::new(problem)))));
        signals.lose("later".into());
        assert_eq!(signals.lost().as_deref(), Some("superseded"));
        assert!(signals.heed(&Err(Error::Unreachable { server: "s".into(), why: "w".into() })));
        signals.heed(&Ok(Done { cancel_requested: true, ..Done::default() }));
        assert!(*signals.cancel.borrow());
    }
}
