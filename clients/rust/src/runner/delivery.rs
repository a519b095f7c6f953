//! Empties the buffer of one lease, in order.
//!
//! One call of a lease is under way at a time, while the next batch gathers: a batch that the
//! server could not take for the moment must not be overtaken by the next one, or its repeat would
//! look like something that was taken already. The leases of a runner do not wait for each other.
//! A batch is repeated under its number until it is acknowledged, across restarts of the server.

use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Notice,
    desk::Desk,
    held::Held,
    lease::Failure,
    line::Line,
    outbox::{Item, Ordered, Queued},
};
use crate::{backoff::Backoff, error::Error, problem::Problem};

/// Events of one call; the server takes 1,000.
const BATCH_EVENTS: usize = 500;
/// Bytes of one call; the server takes 1 MiB.
const BATCH_BYTES: usize = 512 << 10;
/// Between two calls that failed for the moment: soon enough for the grace of a restarted server.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Progress is told at most this often.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// How much of a refused event its complaint quotes.
const QUOTE_MAX: usize = 200;

pub(super) struct Delivery {
    desk: Arc<Desk>,
    line: Line,
    held: Arc<Held>,
    waiting: mpsc::Receiver<Item>,
    /// A call that waits for the events before it.
    next: Option<Ordered>,
    /// The last batch number.
    number: u64,
    progressed_at: Option<Instant>,
}

impl Delivery {
    pub(super) fn new(
        desk: &Arc<Desk>,
        line: Line,
        held: &Arc<Held>,
        waiting: mpsc::Receiver<Item>,
    ) -> Self {
        let (desk, held) = (Arc::clone(desk), Arc::clone(held));
        Self { desk, line, held, waiting, next: None, number: 0, progressed_at: None }
    }

    /// Until the lease has ended or is lost.
    pub(super) async fn run(mut self) {
        let lost = self.held.lost.clone();
        {
            let mut work = pin!(self.work());
            tokio::select! {
                () = &mut work => {}
                () = lost.cancelled() => {}
            }
        }
        self.desk.let_go(&self.held);
    }

    async fn work(&mut self) {
        loop {
            if let Some(ordered) = self.next.take() {
                if self.order(ordered).await {
                    return;
                }
                continue;
            }
            let held = Arc::clone(&self.held);
            let due = self.progressed_at;
            let first = tokio::select! {
                biased;
                item = self.waiting.recv() => item,
                () = progress_due(&held, due) => {
                    let batch = self.progress().into_iter().collect();
                    self.deliver(batch).await;
                    continue;
                }
            };
            match first {
                Some(Item::Call(ordered)) => self.next = Some(ordered),
                Some(Item::Event(event)) => {
                    let batch = self.gather(event);
                    self.deliver(batch).await;
                }
                // Whoever had it has let go of it without a word.
                None => return self.abandon().await,
            }
        }
    }

    fn gather(&mut self, first: Queued) -> Vec<Queued> {
        let mut bytes = first.json.len();
        let mut batch = vec![first];
        while batch.len() < BATCH_EVENTS && bytes < BATCH_BYTES && self.next.is_none() {
            match self.waiting.try_recv() {
                Ok(Item::Event(event)) => {
                    bytes += event.json.len();
                    batch.push(event);
                }
                Ok(Item::Call(ordered)) => self.next = Some(ordered),
                Err(_) => break,
            }
        }
        batch
    }

    fn progress(&mut self) -> Option<Queued> {
        let json = self.held.progress.lock().expect("no holder panics").take()?;
        self.progressed_at = Some(Instant::now());
        Some(Queued { json, complaint: false, room: None })
    }

    /// Sends a batch until it is acknowledged; what was refused, as a complaint in its place.
    async fn deliver(&mut self, mut batch: Vec<Queued>) {
        self.number += 1;
        while !batch.is_empty() {
            let events: Vec<&str> = batch.iter().map(|event| &*event.json).collect();
            let members = format!(",\"batch\":{},\"events\":[{}]", self.number, events.join(","));
            match self.persist("events", &members).await {
                Ok(()) => return,
                Err(_) if self.held.lost.is_cancelled() => return,
                // Nothing of the batch was taken, so its number is still free.
                Err(Error::Problem(problem)) => batch = self.without_culprits(batch, &problem),
                Err(error) => return self.held.lose(&error.brief()),
            }
        }
    }

    /// Makes a call; whether that was the end.
    async fn order(&mut self, ordered: Ordered) -> bool {
        let Ordered { op, mut members, numbered, ends, answer } = ordered;
        if let Some(progress) = self.progress() {
            self.deliver(vec![progress]).await;
        }
        if numbered {
            self.number += 1;
            members.push_str(&format!(",\"batch\":{}", self.number));
        }
        self.held.set_ending(ends);
        let told = if op.is_empty() { Ok(()) } else { self.persist(op, &members).await };
        // What the server does not want to read ends nothing: something else may be said instead.
        let refused =
            matches!(&told, Err(error) if matches!(error.status(), Some(400 | 413 | 422)));
        if refused {
            self.held.set_ending(false);
        } else if let (Err(error), true) = (&told, ends) {
            self.held.lose_anyway(&error.brief());
        }
        // Who does not wait for the answer does not need it.
        let _unheard = answer.send(told);
        ends && !refused
    }

    async fn abandon(&mut self) {
        let failure = Failure {
            code: "abandoned".to_owned(),
            message: "The runner let go of the execution without saying how it ended.".to_owned(),
            detail: None,
            hint: None,
            retryable: true,
        };
        let failure = serde_json::to_string(&failure).expect("text and flags are plain JSON");
        if let Some(progress) = self.progress() {
            self.deliver(vec![progress]).await;
        }
        self.held.set_ending(true);
        // Refused, it is not ours any more.
        let _lost = self.persist("fail", &format!(",\"error\":{failure}")).await;
    }

    /// Repeats a call until it is answered.
    async fn persist(&self, op: &'static str, members: &str) -> Result<(), Error> {
        let mut backoff = Backoff::up_to(LONGEST_WAIT);
        loop {
            let error = match self.line.call(&self.held, op, members).await {
                Ok(seq) => {
                    self.held.acked.fetch_max(seq, Ordering::Relaxed);
                    return Ok(());
                }
                Err(error) => error,
            };
            if !error.is_transient() {
                // 409: fenced. 404: the server has no such execution any more. 401 and 403: it does
                // not let us write. 500: its log is damaged. In none of these may the work go on.
                if matches!(error.status(), Some(401 | 403 | 404 | 409 | 500..)) {
                    self.held.lose(&error.brief());
                }
                return Err(error);
            }
            sleep(error.retry_after().unwrap_or_default().max(backoff.next())).await;
        }
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
                let execution = self.held.execution.clone();
                self.desk.notice(&Notice::Refused { execution, why });
                return None;
            }
            let json = complaint(&why, &event.json);
            Some(Queued { json, complaint: true, room: event.room })
        };
        batch.into_iter().enumerate().filter_map(judge).collect()
    }
}

/// Until there is progress to tell, and the last was told long enough ago.
async fn progress_due(held: &Held, last: Option<Instant>) {
    loop {
        let changed = held.progressed.notified();
        if held.progress.lock().expect("no holder panics").is_some() {
            break;
        }
        changed.await;
    }
    if let Some(last) = last {
        sleep_until(last + PROGRESS_EVERY).await;
    }
}

/// The index in `/events/3/data/delta`.
fn culprit(pointer: &str) -> Option<usize> {
    pointer.strip_prefix("/events/")?.split('/').next()?.parse().ok()
}

/// A warning in place of what was not accepted: whoever wrote it must learn of it.
pub fn complaint(why: &str, what: &str) -> String {
    let what = match what.char_indices().nth(QUOTE_MAX) {
        Some((end, _)) => format!("{}…", &what[..end]),
        None => what.to_owned(),
    };
    let message = format!("not taken as an event: {why}; it was: {what}");
    let value = json!({"level": "warn", "message": message});
    json!({"type": "CUSTOM", "data": {"name": "log", "value": value}}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_names_its_event() {
        assert_eq!(culprit("/events/3/data/delta"), Some(3));
        assert_eq!(culprit("/events/12"), Some(12));
        assert_eq!(culprit("/lease"), None);
    }

    #[test]
    fn a_complaint_quotes_what_it_is_about() {
        let told: serde_json::Value =
            serde_json::from_str(&complaint("no", &"x".repeat(1000))).unwrap();
        let message = told["data"]["value"]["message"].as_str().unwrap();
        assert!(message.contains("xxx") && message.len() < 300, "{message}");
    }
}
