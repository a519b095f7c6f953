//! What runners say, as text.

use crate::population::Lease;

/// The first frame of runner `id`.
pub(crate) fn register(id: &str, queue: &str, slots: usize) -> String {
    let pid = std::process::id();
    format!(
        "{{\"op\":\"register\",\"runner\":{{\"id\":\"{id}\",\"name\":\"{id}\",\
         \"host\":\"localhost\",\"pid\":{pid},\"version\":\"1\"}},\"queues\":[\"{queue}\"],\
         \"slots\":{slots}}}"
    )
}

/// An operation that says nothing but which lease it is about.
pub(crate) fn about(op: &str, id: u64, lease: &Lease) -> String {
    let Lease { execution, token } = lease;
    format!("{{\"op\":\"{op}\",\"id\":{id},\"execution\":\"{execution}\",\"lease\":\"{token}\"}}")
}

/// The work is done.
pub(crate) fn complete(id: u64, lease: &Lease) -> String {
    let Lease { execution, token } = lease;
    format!(
        "{{\"op\":\"complete\",\"id\":{id},\"execution\":\"{execution}\",\"lease\":\"{token}\",\
         \"output\":{{\"ok\":true}}}}"
    )
}

/// A sign of life of all of `leases`, to be acknowledged.
pub(crate) fn heartbeat<'a>(id: u64, leases: impl Iterator<Item = &'a Lease>) -> String {
    let beats: Vec<String> = leases
        .map(|Lease { execution, token }| {
            format!("{{\"execution\":\"{execution}\",\"lease\":\"{token}\"}}")
        })
        .collect();
    format!("{{\"op\":\"heartbeat\",\"id\":{id},\"executions\":[{}]}}", beats.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_json() {
        let lease = Lease { execution: "aex_1".to_owned(), token: "l".to_owned() };
        for text in [
            register("r", "q", 4),
            about("cancelled", 7, &lease),
            complete(8, &lease),
            heartbeat(9, [&lease, &lease].into_iter()),
        ] {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }
}
