//! Options of the workloads that time what runners on sockets see.

use std::net::SocketAddr;

use clap::Args;

use super::{All, address, count, seconds};

/// Options of `dispatch`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Dispatch {
    /// Executions created a second
    #[arg(long, default_value_t = 100, value_parser = count)]
    pub(crate) rate: usize,
    /// Runners, each with a WebSocket of its own
    #[arg(long, default_value_t = 10, value_parser = count)]
    pub(crate) runners: usize,
    /// Slots of each
    #[arg(long, default_value_t = 4, value_parser = count)]
    pub(crate) slots: usize,
    /// Seconds measured
    #[arg(long, default_value_t = 10, value_parser = seconds)]
    pub(crate) seconds: u64,
    /// Seconds of load before
    #[arg(long, default_value_t = 2)]
    pub(crate) warmup: u64,
}

impl Dispatch {
    /// What the figures are judged by.
    pub(crate) fn judged(all: &All) -> Self {
        Self { rate: 100, runners: 10, slots: 4, seconds: all.seconds, warmup: 1 }
    }
}

/// Options of `cancel`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Cancel {
    /// Cancellations asked for a second
    #[arg(long, default_value_t = 100, value_parser = count)]
    pub(crate) rate: usize,
    /// Runners, each with a WebSocket of its own
    #[arg(long, default_value_t = 10, value_parser = count)]
    pub(crate) runners: usize,
    /// Seconds measured
    #[arg(long, default_value_t = 10, value_parser = seconds)]
    pub(crate) seconds: u64,
    /// Seconds of load before
    #[arg(long, default_value_t = 2)]
    pub(crate) warmup: u64,
}

impl Cancel {
    /// What the figures are judged by.
    pub(crate) fn judged(all: &All) -> Self {
        Self { rate: 100, runners: 10, seconds: all.seconds, warmup: 1 }
    }
}

/// Options of `disconnect`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Disconnect {
    /// Runners killed, one after the other
    #[arg(long, default_value_t = 100, value_parser = count)]
    pub(crate) rounds: usize,
}

/// Options of `heartbeats`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Heartbeats {
    /// Leases
    #[arg(long, default_value_t = 10_000, value_parser = count)]
    pub(crate) leases: usize,
    /// Runners that hold them, each with a WebSocket of its own
    #[arg(long, default_value_t = 100, value_parser = count)]
    pub(crate) runners: usize,
    /// How long a lease lives without a sign of life
    #[arg(long, value_name = "SPAN", default_value = "5s")]
    pub(crate) timeout: String,
    /// Seconds measured
    #[arg(long, default_value_t = 20, value_parser = seconds)]
    pub(crate) seconds: u64,
    /// Seconds of load before
    #[arg(long, default_value_t = 2)]
    pub(crate) warmup: u64,
}

impl Heartbeats {
    /// What the figures are judged by.
    pub(crate) fn judged(all: &All) -> Self {
        let (leases, runners) = (10_000, 100);
        Self { leases, runners, timeout: "5s".to_owned(), seconds: all.seconds, warmup: 2 }
    }
}

/// Options of `claims`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Claims {
    /// Executions queued
    #[arg(long, default_value_t = 100_000, value_parser = count)]
    pub(crate) queued: usize,
    /// Runners, each with a WebSocket of its own and one slot
    #[arg(long, default_value_t = 1_000, value_parser = count)]
    pub(crate) runners: usize,
    /// Concurrency keys; of each, one execution is under way at a time
    #[arg(long, default_value_t = 20_000, value_parser = count)]
    pub(crate) keys: usize,
    /// Executions completed a second
    #[arg(long, default_value_t = 1_000, value_parser = count)]
    pub(crate) rate: usize,
    /// Seconds measured
    #[arg(long, default_value_t = 10, value_parser = seconds)]
    pub(crate) seconds: u64,
    /// Seconds of load before
    #[arg(long, default_value_t = 2)]
    pub(crate) warmup: u64,
}

impl Claims {
    /// What the figures are judged by.
    pub(crate) fn judged(all: &All) -> Self {
        let (runners, keys, rate) = (1_000, 20_000, 1_000);
        Self { queued: all.live, runners, keys, rate, seconds: all.seconds, warmup: 2 }
    }
}

/// Options of `hold`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Hold {
    /// The server
    #[arg(value_parser = address)]
    pub(crate) address: SocketAddr,
    /// The runner's id
    #[arg(long)]
    pub(crate) runner: String,
    /// The queue it serves
    #[arg(long)]
    pub(crate) queue: String,
    /// Its slots
    #[arg(long, default_value_t = 1, value_parser = count)]
    pub(crate) slots: usize,
}
