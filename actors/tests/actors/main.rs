//! The actors over a store in memory, as their callers see them. One binary, so that it links once.

mod feed;
mod harness;
mod lineup;
mod lists;
mod outcomes;
mod session;
mod streams;
mod supervision;
