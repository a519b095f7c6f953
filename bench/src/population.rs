//! Executions made in numbers: created, claimed and completed as fast as the server takes them.

use std::{
    borrow::Cow,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::{
    error::{Error, Result},
    http::{Host, Received, spread},
    report::Report,
};

/// Connections that populations are made over: enough for full batches in the journal.
const CONNECTIONS: usize = 64;

/// Leases asked for at once.
const SLOTS: usize = 16;

/// A timeout that no run lives to see.
pub(crate) const FAR: &str = "24h";

/// The beginning of a reply to create: only the id is read.
#[derive(Debug, Deserialize)]
struct CreateReply<'a> {
    #[serde(borrow)]
    execution: Identified<'a>,
}

#[derive(Debug, Deserialize)]
struct Identified<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
struct ClaimReply<'a> {
    #[serde(borrow)]
    leases: Vec<LeaseReply<'a>>,
}

#[derive(Debug, Deserialize)]
struct LeaseReply<'a> {
    #[serde(borrow)]
    execution: Identified<'a>,
    #[serde(borrow)]
    lease: Cow<'a, str>,
}

/// The right to write for an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) execution: String,
    pub(crate) token: String,
}

/// The body of a create.
pub(crate) fn create_body(queue: &str, schedule_to_start: &str) -> String {
    create_body_with(queue, &timeouts(schedule_to_start, FAR))
}

/// The same with other `members`.
fn create_body_with(queue: &str, members: &str) -> String {
    format!("{{\"kind\":\"agent\",\"name\":\"bench\",\"queue\":\"{queue}\",{members}}}")
}

/// The member of a create that says when an execution is late.
pub(crate) fn timeouts(schedule_to_start: &str, heartbeat: &str) -> String {
    format!(
        "\"timeouts\":{{\"schedule_to_start\":\"{schedule_to_start}\",\
         \"heartbeat\":\"{heartbeat}\"}}"
    )
}

/// The body of a claim by runner number `runner`.
pub(crate) fn claim_body(runner: usize, slots: usize) -> String {
    let pid = std::process::id();
    format!(
        "{{\"runner\":{{\"id\":\"bench-{runner}\",\"name\":\"bench-{runner}\",\"host\":\"localhost\",\
         \"pid\":{pid},\"version\":\"1\"}},\"slots\":{slots},\"wait\":\"30s\"}}"
    )
}

/// The id in a reply to create.
pub(crate) fn created_id(status: u16, body: &[u8]) -> Result<String> {
    if status != 201 {
        return Err(Error::refused("POST /v1/executions", status, body));
    }
    let reply: CreateReply<'_> = serde_json::from_slice(body)
        .map_err(|error| Error::protocol("POST /v1/executions", error.to_string()))?;
    Ok(reply.execution.id.into_owned())
}

/// The leases in a reply to claim; none after a wait in vain.
pub(crate) fn claimed(status: u16, body: &[u8]) -> Result<Vec<Lease>> {
    match status {
        204 => Ok(Vec::new()),
        200 => {
            let reply: ClaimReply<'_> = serde_json::from_slice(body).map_err(|error| {
                Error::protocol("POST /v1/queues/{queue}/claim", error.to_string())
            })?;
            let lease = |lease: LeaseReply<'_>| Lease {
                execution: lease.execution.id.into_owned(),
                token: lease.lease.into_owned(),
            };
            Ok(reply.leases.into_iter().map(lease).collect())
        }
        status => Err(Error::refused("POST /v1/queues/{queue}/claim", status, body)),
    }
}

/// Makes executions at one server.
#[derive(Clone, Debug)]
pub(crate) struct Population<'a> {
    address: SocketAddr,
    host: Host,
    queue: &'a str,
}

impl<'a> Population<'a> {
    /// In `queue` at `address`.
    pub(crate) fn new(address: SocketAddr, queue: &'a str) -> Self {
        Self { address, host: Host::new(address), queue }
    }

    /// Adds how populations are made to a report.
    pub(crate) fn describe(report: &mut Report) {
        let text = format!("{CONNECTIONS}, one request in flight each, to create executions");
        report.row("connections", text, CONNECTIONS);
    }

    /// Creates `count`, the nth with the schedule-to-start timeout that `timeout` says at the
    /// moment of asking. Ids in that order, and how long it took.
    pub(crate) fn create(
        &self,
        count: usize,
        mut timeout: impl FnMut(usize) -> String,
    ) -> Result<(Vec<String>, Duration)> {
        self.create_with(count, |nth| timeouts(&timeout(nth), FAR))
    }

    /// The same, the nth with the members that `members` gives it.
    pub(crate) fn create_with(
        &self,
        count: usize,
        mut members: impl FnMut(usize) -> String,
    ) -> Result<(Vec<String>, Duration)> {
        let begun = Instant::now();
        let mut ids = vec![String::new(); count];
        let request =
            |nth| self.host.post("/v1/executions", &create_body_with(self.queue, &members(nth)));
        spread(self.address, CONNECTIONS, count, request, |nth, received: Received<'_>| {
            ids[nth] = created_id(received.status, received.body)?;
            Ok(())
        })?;
        Ok((ids, begun.elapsed()))
    }

    /// Claims `count` that are waiting already.
    pub(crate) fn claim(&self, count: usize) -> Result<Vec<Lease>> {
        let mut leases = Vec::with_capacity(count);
        let path = format!("/v1/queues/{}/claim", self.queue);
        while leases.len() < count {
            let missing = count - leases.len();
            let calls = missing.div_ceil(SLOTS);
            let slots = |nth: usize| SLOTS.min(missing - nth * SLOTS);
            let request = |nth| self.host.post(&path, &claim_body(nth % CONNECTIONS, slots(nth)));
            let before = leases.len();
            spread(self.address, CONNECTIONS, calls, request, |_, received: Received<'_>| {
                leases.extend(claimed(received.status, received.body)?);
                Ok(())
            })?;
            if leases.len() == before {
                return Err(Error::protocol("leases", "claims came back empty"));
            }
        }
        Ok(leases)
    }

    /// Completes all of `leases`.
    pub(crate) fn complete(&self, leases: &[Lease]) -> Result<()> {
        let request = |nth: usize| complete_request(&self.host, &leases[nth]);
        spread(self.address, CONNECTIONS, leases.len(), request, |_, received: Received<'_>| {
            match received.status {
                200..300 => Ok(()),
                status => Err(Error::refused("POST …/complete", status, received.body)),
            }
        })
    }

    /// Reads the first page of each log and hands it on.
    pub(crate) fn logs(
        &self,
        ids: &[String],
        mut page: impl FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let request =
            |nth: usize| self.host.get(&format!("/v1/executions/{}/events?after=0", ids[nth]));
        spread(self.address, CONNECTIONS, ids.len(), request, |nth, received: Received<'_>| {
            match received.status {
                200 => page(nth, received.body),
                status => Err(Error::refused("GET …/events", status, received.body)),
            }
        })
    }
}

/// The request that completes `lease`.
pub(crate) fn complete_request(host: &Host, lease: &Lease) -> Vec<u8> {
    let path = format!("/v1/executions/{}/complete", lease.execution);
    host.post(&path, &format!("{{\"lease\":\"{}\",\"output\":{{\"ok\":true}}}}", lease.token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_as_the_contract_spells_them() {
        let created = br#"{"execution":{"id":"aex_1","kind":"agent"},"dispatch":{}}"#;
        assert_eq!(created_id(201, created).unwrap(), "aex_1");
        assert!(created_id(503, b"{}").is_err());
        let granted = br#"{"leases":[{"execution":{"id":"aex_1"},"attempt":1,"lease":"l"}]}"#;
        let lease = Lease { execution: "aex_1".to_owned(), token: "l".to_owned() };
        assert_eq!(claimed(200, granted).unwrap(), [lease]);
        assert!(claimed(204, b"").unwrap().is_empty());
    }

    #[test]
    fn bodies_are_json() {
        for body in [create_body("q", FAR), claim_body(3, 1)] {
            serde_json::from_str::<serde_json::Value>(&body).unwrap();
        }
    }
}
