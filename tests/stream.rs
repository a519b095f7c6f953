//! The read side of the real binary as a property: whatever a reader does and whatever becomes of
//! the server, it sees the log of its view, each event once and in order, from where it began to
//! the end.
//!
//! Deliberately absent: the log itself against what writers were told, which `recovery` audits.

mod binary;

mod stream {
    #[path = "../recovery/api.rs"]
    #[allow(dead_code, reason = "the recovery tests use all of it")]
    mod api;
    #[path = "../simulator/chance.rs"]
    #[allow(dead_code, reason = "the simulator uses all of it")]
    mod chance;
    #[path = "../recovery/clients.rs"]
    #[allow(dead_code, reason = "the recovery tests use all of it")]
    mod clients;
    #[path = "../recovery/keeper.rs"]
    #[allow(dead_code, reason = "the recovery tests use all of it")]
    mod keeper;
    #[path = "../recovery/ledger.rs"]
    #[allow(dead_code, reason = "the recovery tests audit all of it")]
    mod ledger;
    #[path = "../recovery/log.rs"]
    #[allow(dead_code, reason = "the recovery tests use all of it")]
    mod log;
    #[path = "../recovery/runner.rs"]
    mod runner;
    #[path = "../recovery/server.rs"]
    #[allow(dead_code, reason = "the recovery tests use all of it")]
    mod server;
    #[path = "../recovery/sse.rs"]
    mod sse;

    mod checker;
    mod choppy;
    mod half_open;
    mod http;
    mod pages;
    mod property;
    mod reader;
    mod seen;
    mod sockets;
    mod stalled;
    mod torrent;
    mod websocket;
}
