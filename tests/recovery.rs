//! The real binary under load, killed, started again and audited: what was acknowledged is there,
//! once, where it was said to be, and nothing is left in limbo.
//!
//! The disk fails and becomes full under it, too. Deliberately absent: damage to files on disk, which
//! the storage crate's own tests inflict, and the lifecycle of a server that nobody kills.

mod binary;

mod recovery {
    #[path = "../simulator/chance.rs"]
    #[allow(dead_code, reason = "the simulator uses all of it")]
    mod chance;

    mod api;
    mod audit;
    mod clients;
    mod disk;
    mod exact;
    mod folder;
    mod keeper;
    mod ledger;
    mod load;
    mod log;
    mod queues;
    mod restart;
    mod runner;
    mod server;
    mod sse;
    mod stop;
    mod watcher;
}
