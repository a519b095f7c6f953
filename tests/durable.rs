//! Durable Streams over the real binary: executions as streams, and plain streams that clients write,
//! through crashes and restarts.
//!
//! What the published suite checks is its business (`tests/conformance/durable`); here is what it
//! cannot know: that executions are read by it, that nothing acknowledged is lost, and our bounds.

mod binary;

mod durable {
    #[path = "../recovery/api.rs"]
    #[allow(dead_code, reason = "the recovery tests use all of it")]
    mod api;
    #[path = "../recovery/server.rs"]
    #[allow(dead_code, reason = "the recovery tests use all of it")]
    mod server;

    mod client;
    mod executions;
    mod restarts;
    mod streams;
}
