//! The edge over real sockets: every route, every kind of bad input, event streams, WebSockets.
//!
//! Each test has its own server on a port of its own, with the real store in a folder of its own.
//! Nothing sleeps: tests wait for answers and frames, with a bound that only a defect meets.

#[path = "http/attempts.rs"]
mod attempts;
#[path = "http/bad_input.rs"]
mod bad_input;
#[path = "http/described.rs"]
mod described;
#[path = "http/lists.rs"]
mod lists;
#[path = "http/pages.rs"]
mod pages;
#[path = "http/polls.rs"]
mod polls;
#[path = "http/queues.rs"]
mod queues;
#[path = "http/raw.rs"]
mod raw;
#[path = "http/routes.rs"]
mod routes;
#[path = "http/runners.rs"]
mod runners;
#[path = "http/server.rs"]
mod server;
#[path = "http/sockets.rs"]
mod sockets;
#[path = "http/streams.rs"]
mod streams;
