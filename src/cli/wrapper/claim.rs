//! Asking a queue for work.

use std::time::Duration;

use serde_json::json;

use super::Identity;
use crate::cli::{
    client::{Client, Error},
    wire::{Granted, Leases},
};

/// How long a claim waits for work before it is asked anew: well below the time after which
/// servers and middle boxes cut an idle connection.
const WAIT: Duration = Duration::from_secs(30);

/// Waits for work; empty when there was none in time.
///
/// Dropping it takes the claim back: the server asks whether the claimant is still connected just
/// before it grants. What it granted in that very moment ends by its heartbeat deadline.
pub(crate) async fn claim(
    client: &Client,
    queue: &str,
    identity: &Identity,
    slots: usize,
) -> Result<Vec<Granted>, Error> {
    let body = json!({"runner": identity, "slots": slots, "wait": format!("{}s", WAIT.as_secs())});
    let path = format!("/v1/queues/{queue}/claim");
    let answer = client.post(&path).body(body.to_string()).wait(WAIT).send().await?;
    if answer.body.trim().is_empty() {
        return Ok(Vec::new());
    }
    Ok(answer.parse::<Leases>(client)?.leases)
}
