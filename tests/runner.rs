//! The runner's side: one suite over both transports, and what only a socket can do.
//!
//! Each test has its own server. Nothing sleeps: tests wait for answers and frames, with a bound
//! that only a defect meets.

mod binary;
#[path = "http/described.rs"]
mod described;
#[path = "http/raw.rs"]
#[allow(dead_code, reason = "the tests of HTTP use all of it")]
mod raw;
#[path = "http/server.rs"]
#[allow(dead_code, reason = "the tests of HTTP use all of it")]
mod server;

#[path = "runner/both.rs"]
mod both;
#[path = "runner/processes.rs"]
mod processes;
#[path = "runner/returns.rs"]
mod returns;
#[path = "runner/slips.rs"]
mod slips;
#[path = "runner/socket.rs"]
mod socket;
#[path = "runner/verdicts.rs"]
mod verdicts;
#[path = "runner/worker.rs"]
mod worker;

/// On the server as a process of its own, whose network and clock are changed under it.
mod runner {
    #[path = "../recovery/api.rs"]
    #[allow(dead_code, reason = "the recovery tests use all of it")]
    mod api;
    #[path = "../recovery/log.rs"]
    #[allow(dead_code, reason = "the recovery tests use all of it")]
    mod log;
    #[path = "../stream/half_open/network.rs"]
    mod network;
    #[path = "../recovery/server.rs"]
    #[allow(dead_code, reason = "the recovery tests use all of it")]
    mod server;

    mod clock;
    mod cut;
    mod wire;
}
