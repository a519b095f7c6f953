//! Running executions: a runner with handlers by name, and below it leases one by one.
//!
//! ```no_run
//! use heartline_client::{Client, runner::{Failed, Runner}};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! Runner::new(Client::from_env()?)
//!     .queues(["agents"])
//!     .slots(4)
//!     .handler("summarise", |ctx| async move {
//!         let text: String = ctx.input()?;
//!         let message = ctx.message("assistant").await?;
//!         for word in text.split_whitespace() {
//!             message.write(word).await?;
//!         }
//!         message.end().await?;
//!         Ok(serde_json::json!({"words": text.split_whitespace().count()}))
//!     })
//!     .run(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
//!     .await?;
//! # Ok(()) }
//! ```
//!
//! # What keeps a lease alive
//!
//! The network side has an OS thread of its own, with connections, timers and buffers of its own.
//! It beats for every lease at a third of the lease's heartbeat, whatever handlers do: one that
//! blocks, computes for minutes, or blocks every thread of the program's runtime does not stop it.
//! What does stop it: the process ending or being stopped (SIGSTOP, a debugger, a suspended
//! machine), no processor time at all for as long as a heartbeat, a network that is away for longer
//! than the server's grace, and dropping what [`Runner::start`] gave.
//!
//! So a heartbeat says that the process is there, not that a handler gets on. The execution's
//! `progress` timeout is for that: only events and progress reset it.
//!
//! # What happens when the server is away
//!
//! Handlers go on. Events wait in a buffer of at most 4 MiB for each lease; when it is full,
//! [`Context::emit`] waits. The runner comes back by itself, with the same leases, and whatever was
//! not acknowledged is sent again under its number, so that nothing is lost and nothing is there
//! twice. A lease that the server has given up meanwhile is lost: its handler is dropped.

mod context;
mod delivery;
mod desk;
mod failed;
mod frames;
mod held;
mod identity;
mod lease;
mod line;
mod link;
mod outbox;
mod poll;
mod say;
mod serve;

use std::{collections::HashMap, sync::Arc};

use tokio::sync::{mpsc, oneshot, watch};

pub use self::{
    context::Context,
    delivery::complaint,
    failed::Failed,
    held::Cancellation,
    identity::{Identity, host},
    lease::{Failure, Lease, Question},
    outbox::{Outbox, Over},
    say::{Level, Message, Reasoning, Status, Step, ToolCall},
};
use self::{
    desk::{Desk, Order},
    link::Link,
    serve::Handler,
};
use crate::{client::Client, error::Error};

/// Leases that were lost before anybody took them, beside those of the slots.
const SPARE: usize = 64;

/// How a runner talks to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// A WebSocket; long polls where the server has none.
    #[default]
    Auto,
    /// Long polls.
    Http,
}

/// What a runner has to say that is about no execution's log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// The server does not answer; it is tried again and again.
    Away {
        /// Why.
        why: String,
    },
    /// The server is back.
    Back,
    /// An event was refused, and so was the complaint about it.
    Refused {
        /// Of which execution.
        execution: String,
        /// Why.
        why: String,
    },
}

type Notices = Arc<dyn Fn(&Notice) + Send + Sync>;

/// A runner that is being put together; see the module.
#[must_use = "it does nothing before `run` or `start`"]
pub struct Runner {
    client: Client,
    identity: Identity,
    queues: Vec<String>,
    slots: usize,
    transport: Transport,
    notices: Notices,
    handlers: HashMap<String, Handler>,
    fallback: Option<Handler>,
}

impl Runner {
    /// One with one slot and no queue yet, named after this machine.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            identity: Identity::new(&host()),
            queues: Vec::new(),
            slots: 1,
            transport: Transport::default(),
            notices: Arc::new(log),
            handlers: HashMap::new(),
            fallback: None,
        }
    }

    /// The queues it serves, 1 to 64.
    pub fn queues<Q: Into<String>>(self, queues: impl IntoIterator<Item = Q>) -> Self {
        Self { queues: queues.into_iter().map(Into::into).collect(), ..self }
    }

    /// How many executions it runs at once over all queues, 1 to 1,000.
    pub fn slots(self, slots: usize) -> Self {
        Self { slots, ..self }
    }

    /// Who it is, as watchers see it.
    pub fn identity(self, identity: Identity) -> Self {
        Self { identity, ..self }
    }

    /// How it talks to the server.
    pub fn transport(self, transport: Transport) -> Self {
        Self { transport, ..self }
    }

    /// Where notices go, instead of to `tracing`. Called on the network side's thread: it must not
    /// block.
    pub fn notices(self, notices: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        Self { notices: Arc::new(notices), ..self }
    }

    /// Connects and serves with the handlers until `shutdown` is done; then takes nothing more, and
    /// ends once all handlers have. Whoever does not want to wait for them drops this future: the
    /// server then learns that the runner is gone, and gives its executions to others.
    ///
    /// # Errors
    /// [`Error::Address`] when it has no queue or no slot, and when the server does not want it, by
    /// its token for example. That a server is away is no error.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let handlers = std::mem::take(&mut self.handlers);
        let fallback = self.fallback.take();
        serve::run(self.start()?, handlers, fallback, shutdown).await
    }

    /// Starts the network side alone, for a program that does without handlers.
    ///
    /// # Errors
    /// [`Error::Address`] when it has no queue or no slot, or the system has no thread.
    pub fn start(self) -> Result<Leases, Error> {
        if self.queues.is_empty() || self.slots == 0 {
            return Err(Error::Address("a runner has a queue and a slot at least".to_owned()));
        }
        let failed = |what: std::io::Error| Error::Address(format!("no network side: {what}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed)?;
        let (order, orders) = watch::channel(Order::Serve);
        let (leases, granted) = mpsc::channel(self.slots + SPARE);
        let (tell, over) = oneshot::channel();
        let identity = self.identity.clone();
        let desk = Desk::new(
            (self.client, self.identity),
            (self.queues, self.slots),
            self.notices,
            orders,
            leases,
        );
        let transport = self.transport;
        let network = move || {
            let ended = runtime.block_on(network(Arc::new(desk), transport));
            // Calls under way end with the runtime.
            runtime.shutdown_background();
            let _nobody_asks = tell.send(ended);
        };
        std::thread::Builder::new()
            .name("heartline-runner".to_owned())
            .spawn(network)
            .map_err(failed)?;
        Ok(Leases { identity, order, granted, over: Some(over) })
    }
}

/// The network side, to its end.
async fn network(desk: Arc<Desk>, transport: Transport) -> Result<(), Error> {
    tokio::select! {
        biased;
        () = desk.stopping() => Ok(()),
        ended = serve_server(&desk, transport) => ended,
    }
}

async fn serve_server(desk: &Arc<Desk>, transport: Transport) -> Result<(), Error> {
    if transport == Transport::Auto {
        let mut link = Link::new(desk);
        match link.run().await {
            link::Over::Done => return Ok(()),
            link::Over::Refused(error) => return Err(error),
            link::Over::NoSocket => {}
        }
    }
    poll::run(desk).await
}

/// Where notices go when nobody wants them.
fn log(notice: &Notice) {
    match notice {
        Notice::Away { why } => tracing::warn!(why, "the server is away; trying again"),
        Notice::Back => tracing::info!("the server is back"),
        Notice::Refused { execution, why } => {
            tracing::warn!(execution, why, "an event was not taken");
        }
    }
}

/// The leases of a running runner, one by one. Dropping it ends the network side at once, and with
/// it every lease; [`Leases::drain`] is the polite way.
#[derive(Debug)]
pub struct Leases {
    identity: Identity,
    order: watch::Sender<Order>,
    granted: mpsc::Receiver<Lease>,
    over: Option<oneshot::Receiver<Result<(), Error>>>,
}

impl Leases {
    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The next lease; cancel-safe. `None` once it was drained and all leases have ended.
    ///
    /// # Errors
    /// When the server does not want this runner; then nothing follows.
    pub async fn next(&mut self) -> Result<Option<Lease>, Error> {
        if let Some(lease) = self.granted.recv().await {
            return Ok(Some(lease));
        }
        match &mut self.over {
            Some(over) => {
                let ended = over.await.unwrap_or(Ok(()));
                self.over = None;
                ended.map(|()| None)
            }
            None => Ok(None),
        }
    }

    /// Takes nothing more; what is held goes on. Says goodbye to the server once nothing is held.
    pub fn drain(&self) {
        self.order.send_if_modified(|order| {
            let news = *order < Order::Drain;
            *order = (*order).max(Order::Drain);
            news
        });
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        self.order.send_replace(Order::Stop);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        time::timeout,
    };

    use super::*;

    #[tokio::test]
    async fn a_server_without_a_socket_is_polled() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(&listener.local_addr().unwrap().to_string()).unwrap();
        let leases = Runner::new(client).queues(["q"]).start().unwrap();
        let claimed = async {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let length = socket.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..length]);
                if request.starts_with("POST /v1/queues/q/claim ") {
                    return;
                }
                assert!(request.starts_with("GET /v1/runner "), "{request}");
                let nothing = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
                socket.write_all(nothing.as_bytes()).await.unwrap();
            }
        };
        timeout(Duration::from_secs(60), claimed).await.expect("it asks for work");
        drop(leases);
    }

    #[test]
    fn a_runner_has_a_queue_and_a_slot() {
        let runner = || Runner::new(Client::new("localhost").unwrap());
        assert!(matches!(runner().start(), Err(Error::Address(_))));
        assert!(matches!(runner().queues(["q"]).slots(0).start(), Err(Error::Address(_))));
    }
}
