//! How a call of a lease reaches the server: over the runner's socket, or as a request of its own.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::held::{Cancellation, Held};
use crate::{
    client::Client,
    error::Error,
    problem::Problem,
    types::{Done, Execution},
};

/// Bytes of a frame: the server takes messages of 1 MiB, and closes the socket over a larger one.
const FRAME_MAX: usize = (1 << 20) - 1_024;

/// A frame to be sent, and where its answer goes.
#[derive(Debug)]
pub(super) struct Ask {
    /// The members after `id`.
    pub(super) members: String,
    pub(super) answer: oneshot::Sender<Result<u64, Error>>,
}

/// See the module.
#[derive(Clone)]
pub(super) enum Line {
    Socket { asks: mpsc::Sender<Ask>, server: Arc<str> },
    Http(Client),
}

impl Line {
    /// Makes a call once; `members` are those after `lease`, each with a comma before it. The seq
    /// that its execution's log has now.
    pub(super) async fn call(
        &self,
        held: &Arc<Held>,
        op: &'static str,
        members: &str,
    ) -> Result<u64, Error> {
        match self {
            Line::Socket { .. } if members.len() > FRAME_MAX => Err(too_large(members.len())),
            Line::Socket { asks, server } => {
                let Held { execution, lease, .. } = &**held;
                let members = format!(
                    "\"op\":\"{op}\",\"execution\":\"{execution}\",\"lease\":\"{lease}\"{members}"
                );
                let (answer, answered) = oneshot::channel();
                let lost = || Error::Unreachable {
                    server: server.to_string(),
                    why: "the connection is gone".to_owned(),
                };
                asks.send(Ask { members, answer }).await.map_err(|_| lost())?;
                answered.await.unwrap_or_else(|_| Err(lost()))
            }
            Line::Http(client) => {
                let path = format!("/v1/executions/{}/{op}", held.execution);
                let body = format!("{{\"lease\":\"{}\"{members}}}", held.lease);
                let done: Done = client.post(&path).body(body).json().await?;
                if done.cancel_requested {
                    cancel_requested(client, held);
                }
                Ok(done.seq)
            }
        }
    }
}

/// As the server says it over HTTP.
fn too_large(bytes: usize) -> Error {
    Error::Problem(Box::new(Problem {
        status: 413,
        code: "body_too_large".to_owned(),
        title: "Too large".to_owned(),
        detail: format!("It has {bytes} bytes; at most {FRAME_MAX} are sent."),
        ..Problem::default()
    }))
}

/// Learns by when it is to stop, and passes that on.
pub(super) fn cancel_requested(client: &Client, held: &Arc<Held>) {
    if held.cancelled.is_cancelled() {
        return;
    }
    let (client, held) = (client.clone(), Arc::clone(held));
    tokio::spawn(async move {
        let path = format!("/v1/executions/{}", held.execution);
        let asked = client.get(&path).within(std::time::Duration::from_secs(2));
        let cancel = asked.json::<Execution>().await.ok().and_then(|e| e.cancel);
        held.cancel(match cancel {
            Some(cancel) => Cancellation { reason: cancel.reason, deadline: Some(cancel.deadline) },
            None => Cancellation::default(),
        });
    });
}
