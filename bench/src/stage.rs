//! What a run is played on: one log, its publisher and its watchers, on Heartline or on a peer.

use std::{net::SocketAddr, time::Duration};

use crate::{
    arguments::WatchedPeer,
    bare,
    broadcast::{self, Finding, Plan},
    crowd::{Chain, Crowd, Dialect, resp, websocket},
    error::{Error, Result},
    http::{self, Host, Received, number, spread},
    lab::Reading,
    population::{FAR, Lease, Population},
    publish::{Post, Publisher},
    server::Server,
};

/// The queue that the publisher claims from.
const QUEUE: &str = "bench-watched";
/// The peer's stream.
const STREAM: &str = "/v1/stream/bench";
/// How long all subscriptions may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is published, and for how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) watchers: usize,
    /// Bytes of an event's data.
    pub(crate) size: usize,
    /// Events of each request.
    pub(crate) batch: usize,
}

/// An execution that is leased to this program.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) address: SocketAddr,
    pub(crate) lease: Lease,
}

impl Watched {
    /// Creates and claims one.
    pub(crate) fn new(address: SocketAddr) -> Result<Self> {
        let population = Population::new(address, QUEUE);
        population.create(1, |_| FAR.to_owned())?;
        let lease = population.claim(1)?.pop();
        let lease = lease.ok_or_else(|| Error::protocol("a lease", "none was granted"))?;
        Ok(Self { address, lease })
    }

    /// Seq of its newest event.
    pub(crate) fn head(&self) -> Result<u64> {
        let path = format!("/v1/executions/{}/events?after=0&limit=1", self.lease.execution);
        let (status, body) = http::fetch(self.address, &path)?;
        match number(&body, b"\"head\":") {
            Some(head) if status == 200 => Ok(head),
            _ => Err(Error::refused("GET …/events", status, &body)),
        }
    }

    /// Its publisher.
    pub(crate) fn publisher(&self, shape: &Shape) -> Result<Publisher> {
        let host = Host::new(self.address);
        let post = Post::heartline(&host, &self.lease, shape.size, shape.batch)?;
        Ok(Publisher::new(self.address, post))
    }

    /// Adds `count` watchers that want what comes after seq `after`, event `number` of the
    /// publisher.
    pub(crate) fn watch(
        &self,
        crowd: &mut Crowd,
        count: usize,
        (after, number): (u64, u64),
    ) -> Result<()> {
        let request = websocket(self.address, &self.lease.execution, after);
        crowd.join(self.address, count, &Chain::after(after, number), |_| request.clone())
    }
}

/// One log with its publisher and its watchers.
pub(crate) struct Stage {
    crowd: Crowd,
    /// Absent only while it publishes, or after it failed.
    publisher: Option<Publisher>,
    /// What all runs on it found together.
    finding: Option<Finding>,
}

impl Stage {
    fn new(crowd: Crowd, publisher: Publisher) -> Self {
        Self { crowd, publisher: Some(publisher), finding: None }
    }

    /// Runs `plan` on it, on `server`.
    pub(crate) fn run(&mut self, plan: &Plan, server: &Server) -> Result<()> {
        let publisher = self.publisher.take();
        let publisher = publisher.expect("a publisher that failed has ended the workload");
        let reading = || Reading::take(server);
        let (publisher, found) = broadcast::run(&mut self.crowd, publisher, plan, reading)?;
        self.publisher = Some(publisher);
        match &mut self.finding {
            Some(finding) => finding.extend(found),
            None => self.finding = Some(found),
        }
        Ok(())
    }

    /// What was found; everybody leaves.
    pub(crate) fn close(self) -> Finding {
        self.finding.expect("closed only after a run")
    }
}

/// Publisher and watchers of a fresh execution.
pub(crate) fn heartline(address: SocketAddr, shape: &Shape) -> Result<Stage> {
    let watched = Watched::new(address)?;
    let mut crowd = Crowd::new(Dialect::Heartline, shape.batch as u64)?;
    watched.watch(&mut crowd, shape.watchers, (watched.head()?, 0))?;
    crowd.gather(PATIENCE)?;
    Ok(Stage::new(crowd, watched.publisher(shape)?))
}

/// The same on a peer.
pub(crate) fn peer(peer: WatchedPeer, address: SocketAddr, shape: &Shape) -> Result<Stage> {
    let host = Host::new(address);
    let (dialect, request, post) = match peer {
        WatchedPeer::DurableStreams => {
            let create = |_| host.json("PUT", STREAM, "");
            spread(address, 1, 1, create, |_, received: Received<'_>| match received.status {
                200..300 => Ok(()),
                status => Err(Error::refused("PUT of a stream", status, received.body)),
            })?;
            let follow = host.get(&format!("{STREAM}?offset=-1&live=sse"));
            let post = Post::stream(&host, STREAM, shape.size, shape.batch)?;
            (Dialect::DurableStreams, follow, post)
        }
        WatchedPeer::Redis => {
            (Dialect::Redis, resp::read_after(b"0"), Post::redis(shape.size, shape.batch)?)
        }
        WatchedPeer::Bare => {
            (Dialect::Bare, bare::FOLLOW.to_vec(), Post::lines(shape.size, shape.batch)?)
        }
    };
    let mut crowd = Crowd::new(dialect, shape.batch as u64)?;
    crowd.join(address, shape.watchers, &Chain::default(), |_| request.clone())?;
    crowd.gather(PATIENCE)?;
    Ok(Stage::new(crowd, Publisher::new(address, post)))
}
