//! Without a socket: long polls for work, a heart and an ear for each lease.

use std::{sync::Arc, time::Duration};

use heartline_execution::Span;
use serde_json::{Value, json, value::RawValue};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{
    Notice,
    desk::Desk,
    held::Held,
    line::{Line, cancel_requested},
};
use crate::{
    backoff::Backoff,
    client::Client,
    error::Error,
    types::{Answered, Done, Event, Granted, Leases},
    watch::{Options, Seen, View, Watch},
};

/// How long a claim waits for work before it is asked anew: well below the time after which
/// servers and middle boxes cut an idle connection.
const WAIT: Duration = Duration::from_secs(30);
/// The same where several queues take turns.
const TURN: Duration = Duration::from_secs(1);
/// A lease is heard of at least this often, so that a cancellation never waits longer for it.
const SLOWEST_BEAT: Duration = Duration::from_secs(10);
/// After a beat that failed: soon enough for the grace that a restarted server gives.
const MISSED_BEAT: Duration = Duration::from_millis(500);

/// Takes work until the runner is to end, and holds nothing.
pub(super) async fn run(desk: &Arc<Desk>) -> Result<(), Error> {
    // Connections of its own: those of the user's runtime stand still when that does.
    let client = desk.client.apart()?;
    let mut backoff = Backoff::default();
    let mut away = false;
    let mut turn = 0;
    while !desk.is_draining() {
        let changed = desk.changed.notified();
        let free = desk.slots.saturating_sub(desk.holds());
        if free == 0 {
            tokio::select! {
                () = changed => {}
                () = desk.draining() => {}
            }
            continue;
        }
        let queue = &desk.queues[turn % desk.queues.len()];
        turn += 1;
        // Dropping it takes the claim back: the server asks whether the claimant is still connected
        // just before it grants.
        let claimed = tokio::select! {
            claimed = claim(&client, desk, queue, free) => claimed,
            () = desk.draining() => break,
        };
        match claimed {
            Ok(leases) => {
                backoff.reset();
                if std::mem::take(&mut away) {
                    desk.notice(&Notice::Back);
                }
                for granted in leases {
                    take(&client, desk, granted);
                }
            }
            // One that is damaged in the store is no reason to leave the others of the queue alone.
            Err(error) if error.is_transient() || error.status() == Some(500) => {
                if !std::mem::replace(&mut away, true) {
                    desk.notice(&Notice::Away { why: error.brief() });
                }
                sleep(error.retry_after().unwrap_or_default().max(backoff.next())).await;
            }
            Err(error) => return Err(error),
        }
    }
    desk.empty().await;
    Ok(())
}

async fn claim(
    client: &Client,
    desk: &Desk,
    queue: &str,
    slots: usize,
) -> Result<Vec<Granted>, Error> {
    let wait = if desk.queues.len() == 1 { WAIT } else { TURN };
    let body = json!({
        "runner": desk.identity, "slots": slots, "wait": Span::from_std(wait).to_string(),
    });
    let path = format!("/v1/queues/{queue}/claim");
    let answer = client.post(&path).body(body.to_string()).wait(wait).send().await?;
    if answer.body.trim().is_empty() {
        return Ok(Vec::new());
    }
    Ok(answer.parse::<Leases>(client)?.leases)
}

fn take(client: &Client, desk: &Arc<Desk>, granted: Granted) {
    let after = granted.execution.seq;
    let held = desk.grant(granted, Line::Http(client.clone()));
    let beat_now = Arc::new(Notify::new());
    let options = Options { after, view: View::Status, ..Options::default() };
    let watch = Watch::start(client, &held.execution, options);
    let ear = listen(watch, client.clone(), Arc::clone(&held), Arc::clone(&beat_now));
    tokio::spawn(beside(Arc::clone(&held), ear));
    tokio::spawn(beside(Arc::clone(&held), beat(client.clone(), held, beat_now)));
}

/// Goes on for as long as the lease.
async fn beside(held: Arc<Held>, side: impl Future<Output = ()>) {
    tokio::select! {
        () = side => {}
        () = held.over.cancelled() => {}
    }
}

async fn beat(client: Client, held: Arc<Held>, beat_now: Arc<Notify>) {
    let path = format!("/v1/executions/{}/heartbeat", held.execution);
    let every = (held.heartbeat / 3).clamp(Duration::from_millis(50), SLOWEST_BEAT);
    let mut wait = every;
    loop {
        // The reply to a beat is also what delivers a cancellation, on the record.
        let _due = timeout(wait, beat_now.notified()).await;
        let patience = every.max(MISSED_BEAT);
        let knows = held.resumed.borrow().seq;
        let body = json!({"lease": held.lease, "knows": knows}).to_string();
        let call = client.post(&path).within(patience).body(body);
        wait = every;
        match call.json::<Done>().await {
            Ok(done) => {
                if let Some(Answered { seq, input }) = done.resumed {
                    held.answer(seq, input);
                }
                if done.cancel_requested {
                    cancel_requested(&client, &held);
                }
            }
            Err(error) if error.is_transient() => wait = every.min(MISSED_BEAT),
            Err(error) => held.lose(&error.brief()),
        }
    }
}

/// Hears at once what a heartbeat would only learn later.
async fn listen(mut watch: Watch, client: Client, held: Arc<Held>, beat_now: Arc<Notify>) {
    while let Some(Ok(seen)) = watch.next().await {
        match seen {
            Seen::Event(event) if event.type_name == "execution.cancel_requested" => {
                cancel_requested(&client, &held);
                beat_now.notify_one();
            }
            Seen::Event(event) => heard(&event, &held),
            // After a restart the server gives leases a grace: it must hear from us soon.
            Seen::Back => beat_now.notify_one(),
            Seen::Lost { .. } | Seen::Reset { .. } | Seen::End => {}
        }
    }
}

fn heard(event: &Event, held: &Held) {
    let ended = match event.type_name.strip_prefix("execution.") {
        Some("resumed") => {
            let input = event.data.get("input").filter(|input| !input.is_null());
            let input = input.and_then(|input| RawValue::from_string(input.to_string()).ok());
            return held.answer(event.seq, input);
        }
        Some("attempt_failed") => event.attempt == held.attempt,
        Some("started") => event.attempt > held.attempt,
        Some("failed" | "cancelled" | "completed") => true,
        Some(_) | None => false,
    };
    if ended {
        let message = event.data.pointer("/error/message").and_then(Value::as_str);
        held.lose(message.unwrap_or(&event.type_name));
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
        let held = Held::new("aex_1", "l", 2, Duration::from_secs(30));
        heard(&event("execution.attempt_failed", 1), &held);
        assert_eq!(held.why_lost(), None);
        heard(&event("execution.resumed", 2), &held);
        assert_eq!(held.resumed.borrow().seq, 3);
        heard(&event("execution.attempt_failed", 2), &held);
        assert!(held.why_lost().is_some());
    }
}
