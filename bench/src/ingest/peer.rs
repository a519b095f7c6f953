//! The same load on another server that syncs before it acknowledges: the one of the crate
//! `durable-streams`, each log a JSON stream of its own, or Redis, each log a stream.

use std::net::SocketAddr;

use super::{
    load::{self, Finding, Plan},
    log::{Log, NUMBER_KEY},
};
use crate::{
    arguments::{Ingest, Transport, WrittenPeer},
    crowd::resp,
    error::{Error, Result},
    http::{Connections, Head, Host, Parse, Received, number, spread, spread_as},
    lab::{Lab, Reading},
    peers,
    report::{Bounds, Good, Report, figure},
};

/// Connections for making and reading streams.
const CONNECTIONS: usize = 4;

/// Loads the peer and adds the ratio; says how to install it where it is not.
pub(super) fn compare(
    lab: &Lab,
    options: &Ingest,
    plan: &Plan,
    ours: &Finding,
    report: &mut Report,
) -> Result<()> {
    let Some(peer) = options.peer else { return Ok(()) };
    let program = options.peer_bin.as_deref();
    let Some(mut server) = peers::start(lab, peer.into(), program, report)? else { return Ok(()) };
    let address = server.address();
    let mut logs = open_streams(peer, address, options)?;
    let connections = Connections::speaking(parse(peer), address, plan.producers)?;
    let theirs = load::run(connections, &mut logs, plan, || Reading::take(&server))?;
    let missing = missing(peer, address, &logs)?;
    server.kill()?;
    let (mine, other) = (ours.per_second(1), theirs.per_second(1));
    report.row("peer_connections", plan.producers.to_string(), plan.producers);
    report.row("peer_acks_per_s", format!("{} acks/s", figure(other)), other);
    report.latency("peer_ack_latency", theirs.latency.quantiles());
    let (cpu, bench) = theirs.after.since(&theirs.before);
    report.row("peer_cpu", cpu.text(), cpu);
    report.row("peer_bench_cpu", bench.text(), bench);
    report.row("peer_missing", missing.to_string(), missing);
    theirs.report_errors("peer_errors", report);
    let figure = match options.transport {
        Transport::Http => "ingest, acks/s over the peer's",
        Transport::Ws => "ingest over WebSockets, acks/s over the peer's",
    };
    report.target(figure, (mine / other, "×"), Good::AtLeast, Bounds::Aim(1.0));
    Ok(())
}

/// How its replies are found.
fn parse(peer: WrittenPeer) -> Parse {
    match peer {
        WrittenPeer::DurableStreams => Head::parse,
        WrittenPeer::Redis => resp::answer,
    }
}

fn open_streams(peer: WrittenPeer, address: SocketAddr, options: &Ingest) -> Result<Vec<Log>> {
    let (size, batch) = (options.size, options.batch);
    let count = options.executions.unwrap_or(options.producers);
    if peer == WrittenPeer::Redis {
        return (0..count).map(|nth| Log::added(&format!("bench-{nth}"), size, batch)).collect();
    }
    let host = Host::new(address);
    let path = |nth: usize| format!("/bench-{nth}");
    let create = |nth| host.json("PUT", &path(nth), "");
    spread(address, CONNECTIONS, count, create, |_, received: Received<'_>| {
        match received.status {
            200..300 => Ok(()),
            status => Err(Error::refused("PUT of a stream", status, received.body)),
        }
    })?;
    (0..count).map(|nth| Log::streamed(&host, &path(nth), size, batch)).collect()
}

/// How many acknowledged events the streams do not hold, in the order they were sent.
fn missing(peer: WrittenPeer, address: SocketAddr, logs: &[Log]) -> Result<u64> {
    let host = Host::new(address);
    let mut missing = 0;
    let read = |nth: usize| match peer {
        WrittenPeer::DurableStreams => host.get(&logs[nth].name),
        WrittenPeer::Redis => resp::command(&[b"XRANGE", logs[nth].name.as_bytes(), b"-", b"+"]),
    };
    spread_as(
        parse(peer),
        address,
        CONNECTIONS,
        logs.len(),
        read,
        |nth, received: Received<'_>| {
            if received.status != 200 {
                return Err(Error::refused("reading a stream", received.status, received.body));
            }
            missing += logs[nth].acked.count().saturating_sub(in_order(received.body));
            Ok(())
        },
    )?;
    Ok(missing)
}

/// How many events stand in `body` with ascending numbers.
fn in_order(body: &[u8]) -> u64 {
    let mut last = 0;
    let mut count = 0;
    for event in body.split(|&byte| byte == b'}') {
        if let Some(number) = number(event, NUMBER_KEY)
            && number > last
        {
            last = number;
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_in_order_and_once() {
        let body =
            br#"[{"value":{"message":"n=0000000001 "}},{"value":{"message":"n=0000000002 "}},
            {"value":{"message":"n=0000000002 "}},{"value":{"message":"n=0000000003 "}}]"#;
        assert_eq!(in_order(body), 3);
    }
}
