//! What goes on beside the command: signs of life, and an ear for what the server wants.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinSet, time::sleep};

use super::outbox::Signals;
use crate::cli::{
    client::{
        Client,
        watch::{Options, Seen, View, Watch},
    },
    wire::{Done, Event, Granted},
};

/// A wrapper beats at least this often, so that a cancellation never waits longer for it.
const SLOWEST_BEAT: Duration = Duration::from_secs(10);
/// And at most this often.
const FASTEST_BEAT: Duration = Duration::from_millis(50);
/// After a beat that failed: soon enough for the grace that a restarted server gives.
const MISSED_BEAT: Duration = Duration::from_millis(500);

/// Starts both in `side`.
pub(super) fn start(client: &Client, granted: &Granted, signals: &Signals, side: &mut JoinSet<()>) {
    let execution = &granted.execution;
    let beat_now = Arc::new(Notify::new());
    let heart = Heart {
        client: client.clone(),
        path: format!("/v1/executions/{}/heartbeat", execution.id),
        body: json!({"lease": granted.lease}).to_string(),
        every: (granted.heartbeat.to_std() / 3).clamp(FASTEST_BEAT, SLOWEST_BEAT),
        signals: signals.clone(),
        beat_now: Arc::clone(&beat_now),
    };
    side.spawn(heart.beat());
    let options = Options { after: execution.seq, view: View::Status, ..Options::default() };
    let follow = Watch::start(client, &execution.id, options);
    side.spawn(listen(follow, granted.attempt, signals.clone(), beat_now));
}

/// Beats on a clock of its own, whatever the command does.
struct Heart {
    client: Client,
    path: String,
    body: String,
    every: Duration,
    signals: Signals,
    beat_now: Arc<Notify>,
}

impl Heart {
    async fn beat(self) {
        let mut cancel = self.signals.cancel.subscribe();
        let mut wait = self.every;
        while self.signals.lost().is_none() {
            tokio::select! {
                () = sleep(wait) => {}
                () = self.beat_now.notified() => {}
                // The reply to this beat is what delivers the cancellation, on the record.
                Ok(()) = cancel.changed() => {}
            }
            let patience = self.every.max(MISSED_BEAT);
            let call = self.client.post(&self.path).within(patience).body(self.body.clone());
            let missed = self.signals.heed(&call.json::<Done>().await);
            wait = if missed { self.every.min(MISSED_BEAT) } else { self.every };
        }
    }
}

/// Hears at once what a heartbeat would only learn later.
async fn listen(mut follow: Watch, attempt: u32, signals: Signals, beat_now: Arc<Notify>) {
    while let Some(Ok(seen)) = follow.next().await {
        match seen {
            Seen::Event(event) => heard(&event, attempt, &signals),
            // After a restart the server gives leases a grace: it must hear from us soon.
            Seen::Back => beat_now.notify_one(),
            Seen::Lost { .. } | Seen::Reset { .. } | Seen::End => {}
        }
    }
}

fn heard(event: &Event, attempt: u32, signals: &Signals) {
    let ended = match event.type_name.strip_prefix("execution.") {
        Some("cancel_requested") => {
            signals.cancel.send_replace(true);
            return;
        }
        Some("attempt_failed") => event.attempt == attempt,
        Some("started") => event.attempt > attempt,
        Some("failed" | "cancelled" | "completed") => true,
        Some(_) | None => false,
    };
    if ended {
        let message = event.data.pointer("/error/message").and_then(Value::as_str);
        signals.lose(message.unwrap_or(&event.type_name).to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_this_attempt_is_heard_and_that_of_an_older_one_is_not() {
        let event = |name: &str, attempt: u32| {
            let raw = json!({"seq": 3, "prev": 2, "attempt": attempt, "type": name, "data": {},
                "time": "2026-01-02T03:04:05.000000Z"});
            Event::parse(&raw.to_string()).unwrap()
        };
        let signals = Signals::new();
        heard(&event("execution.attempt_failed", 1), 2, &signals);
        assert_eq!(signals.lost(), None);
        heard(&event("execution.cancel_requested", 2), 2, &signals);
        assert!(*signals.cancel.borrow());
        heard(&event("execution.attempt_failed", 2), 2, &signals);
        assert!(signals.lost().is_some());
    }
}
