//! The edge: HTTP, SSE and WebSocket.
//!
//! Requests are read strictly into wire types, handed to the actors' [`Handle`](heartline_actors::Handle), and answered;
//! what is served of a log are its stored bytes. Deliberately absent: the rules of the lifecycle,
//! storage, signals, and what serves a dashboard.

mod agui;
mod answer;
mod app;
mod asyncapi;
mod body;
mod connection;
mod cors;
mod dashboard;
mod drain;
mod durable;
mod encode;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod hosts;
mod json;
mod lease;
mod metrics;
mod nearest;
mod openapi;
mod outgoing;
mod query;
mod resource;
mod routes;
mod schema;
mod serve;
mod sse;
mod upgrade;
mod view;
mod watching;
mod wire;
mod ws;

pub use error::{Code, Problem};
pub use serve::{Edge, serve};
