//! The same shape on Redis, which syncs every commit: one stream is the queue, read by one group,
//! and another one the log. A lifecycle is `XADD` to the queue, `XREADGROUP`, and a transaction of
//! `XADD` to the log for each event and for the end, with `XACK`. Nobody watches, there are no
//! leases and no deadlines: Redis is given less to do.

use std::time::Instant;

use super::{STALL, TICK};
use crate::{
    arguments::{Lifecycle, WatchedPeer},
    crowd::resp::{self, command},
    error::{Error, Result},
    http::{Connections, Received, spread_as},
    lab::{Lab, Reading},
    latency::Latency,
    peers,
    population::{FAR, create_body},
    report::{Bounds, Good, Report, figure},
    server::Server,
    window::{Measured, Window},
};

/// What one in flight waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Adding,
    Reading,
    Ending,
}

/// Loads it and adds the ratio; says how to install it where it is not.
pub(super) fn compare(
    lab: &Lab,
    options: &Lifecycle,
    ours: f64,
    report: &mut Report,
) -> Result<()> {
    let program = options.peer_bin.as_deref();
    let Some(mut server) = peers::start(lab, WatchedPeer::Redis, program, report)? else {
        return Ok(());
    };
    let address = server.address();
    let ask = |words: &[&[u8]]| -> Result<Vec<u8>> {
        let mut answer = Vec::new();
        spread_as(
            resp::single,
            address,
            1,
            1,
            |_| command(words),
            |_, received| {
                answer = received.body.to_vec();
                ok(&received)
            },
        )?;
        Ok(answer)
    };
    ask(&[b"XGROUP", b"CREATE", b"queue", b"runners", b"0", b"MKSTREAM"])?;
    let (whole, ended, measured) = load(&server, options)?;
    let logged = ask(&[b"XLEN", b"log"])?;
    let pending = ask(&[b"XPENDING", b"queue", b"runners"])?;
    server.kill()?;
    if logged != format!(":{}\r\n", ended * (options.events as u64 + 1)).as_bytes()
        || !pending.starts_with(b"*4\r\n:0\r\n")
    {
        report.fail("the peer's log or queue is not what was acknowledged");
    }
    let theirs = whole.count() as f64 / measured.seconds;
    report.row("peer_connections", options.in_flight.to_string(), options.in_flight);
    report.row("peer_lifecycles_per_s", format!("{} lifecycles/s", figure(theirs)), theirs);
    report.latency("peer_whole", whole.quantiles());
    let (cpu, bench) = measured.after.since(&measured.before);
    report.row("peer_cpu", cpu.text(), cpu);
    report.row("peer_bench_cpu", bench.text(), bench);
    let over = (ours / theirs, "×");
    report.target("lifecycles/s over the peer's", over, Good::AtLeast, Bounds::Aim(1.0));
    Ok(())
}

/// Runs the load: how long each took, how many ended, and the measured time.
fn load(server: &Server, options: &Lifecycle) -> Result<(Latency, u64, Measured)> {
    let address = server.address();
    let mut window = Window::open(options.warmup, options.seconds);
    let mut connections = Connections::speaking(resp::answer, address, options.in_flight)?;
    let add = command(&[b"XADD", b"queue", b"*", b"d", create_body("queue", FAR).as_bytes()]);
    let mut slots = vec![(Stage::Adding, Instant::now()); options.in_flight];
    for index in 0..slots.len() {
        connections.send(index, &add)?;
    }
    let (mut whole, mut ended, mut ready) = (Latency::new(), 0u64, Vec::new());
    let mut last_sign = Instant::now();
    while connections.in_flight() > 0 {
        connections.wait(TICK, &mut ready)?;
        window.look(|| Reading::take(server))?;
        if !ready.is_empty() {
            last_sign = Instant::now();
        } else if last_sign.elapsed() > STALL {
            return Err(Error::TimedOut { what: "Redis".to_owned(), seconds: STALL.as_secs() });
        }
        for &index in &ready {
            let Some(received) = connections.receive(index)? else { continue };
            ok(&received)?;
            let (stage, begun) = slots[index];
            let (next, request) = match stage {
                Stage::Adding => (Stage::Reading, read(index)),
                Stage::Reading => (Stage::Ending, end(received.body, options.events)?),
                Stage::Ending => {
                    ended += 1;
                    if window.measures() {
                        whole.record(begun.elapsed());
                    }
                    if window.is_over() {
                        continue;
                    }
                    (Stage::Adding, add.clone())
                }
            };
            let begun = if next == Stage::Adding { Instant::now() } else { begun };
            slots[index] = (next, begun);
            connections.send(index, &request)?;
        }
    }
    Ok((whole, ended, window.measured()))
}

fn read(index: usize) -> Vec<u8> {
    let consumer = format!("bench-{index}");
    let group: [&[u8]; 4] = [b"XREADGROUP", b"GROUP", b"runners", consumer.as_bytes()];
    command(&[&group[..], &[b"COUNT", b"1", b"STREAMS", b"queue", b">"]].concat())
}

/// Ends the entry that was read.
fn end(body: &[u8], events: usize) -> Result<Vec<u8>> {
    let entry = resp::reply(body)?.ok_or_else(|| Error::protocol("an entry", "a part of one"))?;
    let id = entry.last_id;
    let add = |data: &[u8]| command(&[b"XADD", b"log", b"*", b"e", id, b"d", data]);
    let mut request = command(&[b"MULTI"]);
    for _ in 0..events {
        request.extend(add(super::sockets::EVENT.as_bytes()));
    }
    request.extend(add(b"{\"type\":\"execution.completed\",\"data\":{\"output\":{\"ok\":true}}}"));
    request.extend(command(&[b"XACK", b"queue", b"runners", id]));
    request.extend(command(&[b"EXEC"]));
    Ok(request)
}

fn ok(received: &Received<'_>) -> Result<()> {
    match received.status {
        200 => Ok(()),
        status => Err(Error::refused("Redis", status, received.body)),
    }
}
