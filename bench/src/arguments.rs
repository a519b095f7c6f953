//! The command line.

mod runners;

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use runners::{Cancel, Claims, Disconnect, Dispatch, Heartbeats, Hold};

/// Loads a Heartline server over its real sockets and prints what it did, what it cost and what
/// the machine itself allows. Ends with an error when any event is missing.
#[derive(Debug, Parser)]
#[command(name = "heartline-bench", version)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) workload: Workload,
}

/// What every workload takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// The server to start; the `heartline` beside this program unless named
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) server_bin: Option<PathBuf>,
    /// Use a server that runs already, on this machine
    #[arg(long, global = true, value_name = "URL", value_parser = address, requires = "server_pid")]
    pub(crate) server: Option<SocketAddr>,
    /// Its process id, for processor time and memory
    #[arg(long, global = true, value_name = "PID")]
    pub(crate) server_pid: Option<u32>,
    /// Where to make the temporary data folder; must not be tmpfs
    #[arg(long, global = true, value_name = "DIR", default_value = ".")]
    pub(crate) data_dir: PathBuf,
    /// Print one JSON object per workload as well
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to measure.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Workload {
    /// Producers post events, one request in flight each
    Ingest(Ingest),
    /// Create, claim, complete, and the creator's watcher is told
    Lifecycle(Lifecycle),
    /// Deadlines that come due among many that do not
    Timers(Timers),
    /// A crash with many live executions
    Restart(Restart),
    /// Memory of executions nobody watches
    Idle(Idle),
    /// One execution, many watchers: from publishing an event to having received it
    Deliver(Deliver),
    /// One execution, many watchers: as many events as they can be given
    Fanout(Fanout),
    /// Memory of watchers that have nothing to read
    Watchers(Watchers),
    /// Watchers that all come back at once, each behind
    Stampede(Stampede),
    /// Watchers that stop reading, and others beside them
    Stalled(Stalled),
    /// From creating an execution to its lease at an idle runner
    Dispatch(Dispatch),
    /// From asking to cancel to the frame at the runner
    Cancel(Cancel),
    /// From a runner's death to its watcher being told
    Disconnect(Disconnect),
    /// What signs of life of many leases cost
    Heartbeats(Heartbeats),
    /// A deep queue: from a slot becoming free to the next lease
    Claims(Claims),
    /// A runner that other workloads start and kill
    #[command(hide = true)]
    Hold(Hold),
    /// A server that does no more than it must, which other workloads start and kill
    #[command(hide = true)]
    Bare(Bare),
    /// Every workload with the figures it is judged by, each on a fresh server
    All(All),
}

/// How events travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    /// Requests on keep-alive connections
    Http,
    /// Frames on runner sockets, `/v1/runner`
    Ws,
}

/// Options of `ingest`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Ingest {
    /// How events travel
    #[arg(long, value_enum, default_value = "http")]
    pub(crate) transport: Transport,
    /// Producers, each with a connection of its own
    #[arg(long, default_value_t = 128, value_parser = count)]
    pub(crate) producers: usize,
    /// Runner sockets that they share; one each unless given
    #[arg(long, value_parser = count)]
    pub(crate) sockets: Option<usize>,
    /// Executions they write to, at least one each; as many as producers unless given
    #[arg(long, value_parser = count)]
    pub(crate) executions: Option<usize>,
    /// Bytes of an event's data
    #[arg(long, default_value_t = 256)]
    pub(crate) size: usize,
    /// Events per request
    #[arg(long, default_value_t = 1, value_parser = count)]
    pub(crate) batch: usize,
    /// Seconds measured
    #[arg(long, default_value_t = 10, value_parser = seconds)]
    pub(crate) seconds: u64,
    /// Seconds of load before
    #[arg(long, default_value_t = 2)]
    pub(crate) warmup: u64,
    /// Give another server the same load afterwards
    #[arg(long, value_enum)]
    pub(crate) peer: Option<WrittenPeer>,
    /// The other server; looked for in PATH unless named
    #[arg(long, value_name = "PATH")]
    pub(crate) peer_bin: Option<PathBuf>,
}

impl Ingest {
    /// What the figures are judged by.
    pub(crate) fn judged(transport: Transport, producers: usize, batch: usize, all: &All) -> Self {
        Self {
            transport,
            producers,
            sockets: None,
            executions: None,
            size: 256,
            batch,
            seconds: all.seconds,
            warmup: 2,
            peer: all.peer.filter(|peer| producers == 128 && peer.usual() == transport),
            peer_bin: all.peer_bin.clone(),
        }
    }
}

/// Options of `lifecycle`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Lifecycle {
    /// How runners take and end executions
    #[arg(long, value_enum, default_value = "http")]
    pub(crate) transport: Transport,
    /// Executions under way at once
    #[arg(long, default_value_t = 64, value_parser = count)]
    pub(crate) in_flight: usize,
    /// Seconds measured
    #[arg(long, default_value_t = 10, value_parser = seconds)]
    pub(crate) seconds: u64,
    /// Seconds of load before
    #[arg(long, default_value_t = 2)]
    pub(crate) warmup: u64,
    /// WebSockets that the watchers share; over runner sockets 0 means that nobody watches
    #[arg(long, default_value_t = 4)]
    pub(crate) sockets: usize,
    /// Runner sockets that share the slots, one slot for each in flight
    #[arg(long, default_value_t = 4, value_parser = count)]
    pub(crate) runners: usize,
    /// Events posted to each execution over runner sockets, each a frame and a commit of its own
    #[arg(long, default_value_t = 1)]
    pub(crate) events: usize,
    /// Give Redis the same load afterwards
    #[arg(long, value_enum)]
    pub(crate) peer: Option<QueuePeer>,
    /// The other server; looked for in PATH unless named
    #[arg(long, value_name = "PATH")]
    pub(crate) peer_bin: Option<PathBuf>,
}

/// What to compare queues with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueuePeer {
    /// Redis Streams and a consumer group, with `--appendfsync always`
    Redis,
}

impl Lifecycle {
    /// What the figures are judged by.
    pub(crate) fn judged(transport: Transport, all: &All) -> Self {
        let redis = transport == Transport::Ws && all.peer == Some(WrittenPeer::Redis);
        Self {
            transport,
            in_flight: 64,
            seconds: all.seconds,
            warmup: 2,
            sockets: 4,
            runners: 4,
            events: 1,
            peer: redis.then_some(QueuePeer::Redis),
            peer_bin: all.peer_bin.clone().filter(|_| redis),
        }
    }
}

/// Options of `timers`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Timers {
    /// Deadlines armed that do not come due
    #[arg(long, default_value_t = 100_000, value_parser = count)]
    pub(crate) armed: usize,
    /// Deadlines that do, each second
    #[arg(long, default_value_t = 1_000, value_parser = count)]
    pub(crate) due_per_second: usize,
    /// Seconds measured
    #[arg(long, default_value_t = 10, value_parser = seconds)]
    pub(crate) seconds: u64,
    /// Of those due, how many are watched to see when their watchers are told
    #[arg(long, default_value_t = 200)]
    pub(crate) watched: usize,
}

/// Options of `restart`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Restart {
    /// Live executions at the crash
    #[arg(long, default_value_t = 100_000, value_parser = count)]
    pub(crate) live: usize,
    /// Of those, how many a runner holds; a tenth unless given
    #[arg(long)]
    pub(crate) leased: Option<usize>,
}

/// Options of `idle`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Idle {
    /// Live executions that nobody watches
    #[arg(long, default_value_t = 100_000, value_parser = count)]
    pub(crate) live: usize,
    /// Terminal executions of each round
    #[arg(long, default_value_t = 100_000, value_parser = count)]
    pub(crate) terminal: usize,
    /// Rounds of terminal executions after the first, which warms up; memory is read after each
    #[arg(long, default_value_t = 4, value_parser = count)]
    pub(crate) rounds: usize,
}

/// What to compare writing with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WrittenPeer {
    /// The server of the crate `durable-streams`, with `--durability wal`
    DurableStreams,
    /// Redis Streams, with `--appendfsync always`
    Redis,
}

/// What to compare watching with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WatchedPeer {
    /// The server of the crate `durable-streams`, with `--durability wal`
    DurableStreams,
    /// Redis Streams, with `--appendfsync always`
    Redis,
    /// One thread of this program that syncs a line and sends it on, and does nothing else
    Bare,
}

impl From<WrittenPeer> for WatchedPeer {
    fn from(peer: WrittenPeer) -> Self {
        match peer {
            WrittenPeer::DurableStreams => WatchedPeer::DurableStreams,
            WrittenPeer::Redis => WatchedPeer::Redis,
        }
    }
}

/// Options of `bare`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Bare {
    /// Where to listen, on loopback
    #[arg(long)]
    pub(crate) port: u16,
    /// Where to keep what is written
    #[arg(long)]
    pub(crate) folder: PathBuf,
}

impl WrittenPeer {
    /// What it is compared with where nobody says: one request after the other over HTTP, or
    /// sockets that stay open.
    const fn usual(self) -> Transport {
        match self {
            WrittenPeer::DurableStreams => Transport::Http,
            WrittenPeer::Redis => Transport::Ws,
        }
    }
}

/// Options of workloads that compare watching.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ComparedWith {
    /// Give another server the same load, in turns
    #[arg(long, value_enum)]
    pub(crate) peer: Option<WatchedPeer>,
    /// The other server; looked for in PATH unless named
    #[arg(long, value_name = "PATH")]
    pub(crate) peer_bin: Option<PathBuf>,
}

/// Options of `deliver`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Deliver {
    /// Watchers, each with a WebSocket of its own
    #[arg(long, default_value_t = 100, value_parser = count)]
    pub(crate) watchers: usize,
    /// Events a second, one for each request
    #[arg(long, default_value_t = 100, value_parser = count)]
    pub(crate) rate: usize,
    /// Seconds measured
    #[arg(long, default_value_t = 10, value_parser = seconds)]
    pub(crate) seconds: u64,
    /// Seconds of load before
    #[arg(long, default_value_t = 2)]
    pub(crate) warmup: u64,
    /// Bytes of an event's data
    #[arg(long, default_value_t = 256)]
    pub(crate) size: usize,
    #[command(flatten)]
    pub(crate) compared: ComparedWith,
}

impl Deliver {
    /// What the figures are judged by.
    pub(crate) fn judged(watchers: usize, rate: usize, all: &All) -> Self {
        let compared = ComparedWith::default();
        Self { watchers, rate, seconds: all.seconds, warmup: 2, size: 256, compared }
    }
}

/// Options of `fanout`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Fanout {
    /// Watchers, each with a WebSocket of its own
    #[arg(long, default_value_t = 1_000, value_parser = count)]
    pub(crate) watchers: usize,
    /// Events per request
    #[arg(long, default_value_t = 100, value_parser = count)]
    pub(crate) batch: usize,
    /// Requests that may be ahead of the slowest watcher
    #[arg(long, default_value_t = 4, value_parser = seconds)]
    pub(crate) ahead: u64,
    /// Seconds measured
    #[arg(long, default_value_t = 10, value_parser = seconds)]
    pub(crate) seconds: u64,
    /// Seconds of load before
    #[arg(long, default_value_t = 2)]
    pub(crate) warmup: u64,
    /// Bytes of an event's data
    #[arg(long, default_value_t = 256)]
    pub(crate) size: usize,
    #[command(flatten)]
    pub(crate) compared: ComparedWith,
}

impl Fanout {
    /// What the figures are judged by.
    pub(crate) fn judged(all: &All) -> Self {
        Self {
            watchers: 1_000,
            batch: 100,
            ahead: 4,
            seconds: all.seconds,
            warmup: 2,
            size: 256,
            compared: ComparedWith::default(),
        }
    }
}

/// Options of `watchers`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Watchers {
    /// Watchers of one execution, and as many again of an execution each
    #[arg(long, default_value_t = 4_000, value_parser = count)]
    pub(crate) watchers: usize,
}

/// Options of `stampede`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Stampede {
    /// Watchers that connect at once
    #[arg(long, default_value_t = 5_000, value_parser = count)]
    pub(crate) watchers: usize,
    /// Events that each is behind
    #[arg(long, default_value_t = 1_000, value_parser = seconds)]
    pub(crate) behind: u64,
    /// Bytes of an event's data
    #[arg(long, default_value_t = 256)]
    pub(crate) size: usize,
}

/// Options of `stalled`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Stalled {
    /// Watchers that stop reading
    #[arg(long, default_value_t = 200, value_parser = count)]
    pub(crate) stalled: usize,
    /// Watchers that read
    #[arg(long, default_value_t = 10, value_parser = count)]
    pub(crate) watchers: usize,
    /// Event data written with and without the stalled ones, MiB each
    #[arg(long, default_value_t = 40, value_parser = count)]
    pub(crate) mebibytes: usize,
    /// Seconds in which it is written
    #[arg(long, default_value_t = 10, value_parser = seconds)]
    pub(crate) seconds: u64,
    /// Events per request
    #[arg(long, default_value_t = 100, value_parser = count)]
    pub(crate) batch: usize,
    /// Bytes of an event's data
    #[arg(long, default_value_t = 256)]
    pub(crate) size: usize,
}

/// Options of `all`.
#[derive(Clone, Debug, Args)]
pub(crate) struct All {
    /// Seconds measured of each
    #[arg(long, default_value_t = 10, value_parser = seconds)]
    pub(crate) seconds: u64,
    /// Live executions of `timers`, `restart` and `idle`
    #[arg(long, default_value_t = 100_000, value_parser = count)]
    pub(crate) live: usize,
    /// Give another server the load of `ingest` with 128 producers, and of `lifecycle`, afterwards:
    /// Redis that over sockets, `durable-streams` that of `ingest` over HTTP
    #[arg(long, value_enum)]
    pub(crate) peer: Option<WrittenPeer>,
    /// The other server; looked for in PATH unless named
    #[arg(long, value_name = "PATH")]
    pub(crate) peer_bin: Option<PathBuf>,
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a whole number from 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

fn seconds(text: &str) -> Result<u64, String> {
    count(text).map(|seconds| seconds as u64)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let bare = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    let resolved = bare.to_socket_addrs().map_err(|error| error.to_string())?;
    let mut resolved = resolved.filter(|address| address.ip().is_loopback());
    resolved.next().ok_or_else(|| "a loopback address and port".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_documented_commands_are_understood() {
        for line in [
            "ingest --transport http --producers 128 --executions 128 --size 256 --batch 1",
            "ingest --transport ws --producers 128 --sockets 8 --peer redis",
            "ingest --producers 16 --batch 100 --peer durable-streams --json",
            "lifecycle --in-flight 64 --seconds 10",
            "lifecycle --transport ws --runners 4 --events 1 --sockets 0 --peer redis",
            "timers --armed 100000 --due-per-second 1000 --seconds 10",
            "--data-dir /var/tmp restart --live 100000",
            "idle --live 100000 --terminal 100000",
            "deliver --watchers 1000 --rate 20 --peer redis",
            "fanout --watchers 1000 --batch 100 --peer durable-streams",
            "deliver --watchers 100 --rate 100 --peer bare",
            "watchers --watchers 4000",
            "stampede --watchers 5000 --behind 1000",
            "stalled --stalled 200 --mebibytes 40",
            "dispatch --rate 100 --runners 10 --slots 4",
            "cancel --rate 100 --runners 10",
            "disconnect --rounds 100",
            "claims --queued 100000 --runners 1000 --keys 20000 --rate 1000",
            "heartbeats --leases 10000 --runners 100 --timeout 5s",
            "all --server 127.0.0.1:7400 --server-pid 1",
        ] {
            let words = ["heartline-bench"].into_iter().chain(line.split(' '));
            Arguments::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn a_server_is_a_loopback_address() {
        assert!(address("http://127.0.0.1:7400/").is_ok());
        assert!(address("http://192.0.2.1:7400").is_err());
        assert!(address("7400").is_err());
    }
}
