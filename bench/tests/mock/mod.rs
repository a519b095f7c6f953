//! A stand-in for the server: the routes a benchmark uses, over real sockets, all in memory.
//!
//! Deliberately absent: durability, rules and speed. It shows that the load generator speaks the
//! contract and notices what is wrong, not how fast anything is.

mod runners;
mod watchers;
mod world;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use serde_json::{Value, json};

use world::World;

/// What the stand-in does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Nothing.
    #[default]
    None,
    /// Acknowledges the hundredth batch of each log and does not keep it.
    LosesABatch,
    /// Refuses the hundredth batch of each log.
    RefusesABatch,
    /// Shows watchers every event but the claim.
    HidesAnEvent,
    /// Drops, repeats or swaps a frame on sockets that watch one execution.
    DropsAFrame,
    RepeatsAFrame,
    SwapsFrames,
    /// Fails executions before their deadline.
    FiresEarly,
    /// Acknowledges completions and does not keep them.
    ForgetsCompletions,
    /// Says every answer to a runner twice.
    AnswersTwice,
    /// Hands out what has waited longest, whatever its priority.
    IgnoresPriorities,
}

/// Starts a stand-in; it ends with the process.
pub(crate) fn start(flaw: Flaw) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let world = Shared(Arc::new(Mutex::new(World::new(flaw))));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let world = world.clone();
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || serve(stream, &world));
        }
    });
    address
}

/// The world, shared by all connections.
#[derive(Clone)]
struct Shared(Arc<Mutex<World>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers requests until the connection closes or becomes a WebSocket.
fn serve(stream: TcpStream, world: &Shared) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        // A WebSocket handshake is left in the socket for the codec.
        let mut peeked = [0; 10];
        if writer.peek(&mut peeked).unwrap_or(0) == 0 {
            return;
        }
        if peeked.starts_with(b"GET /v1/ws") {
            return watchers::serve(writer, world);
        }
        if peeked.starts_with(b"GET /v1/ru") {
            return runners::serve(writer, world);
        }
        let Some((line, body)) = request(&mut reader) else { return };
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let (status, reply) = answer(method, target, &body, world);
        let text = if reply.is_null() { String::new() } else { reply.to_string() };
        let reply = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        if writer.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

/// The request line and the body.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut first = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if first.is_empty() {
            line.clone_into(&mut first);
        } else if line.is_empty() {
            break;
        } else if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, body))
}

fn answer(method: &str, target: &str, body: &[u8], world: &Shared) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let mut world = world.lock();
    match (method, parts.as_slice()) {
        ("GET", ["readyz"]) => (200, json!({})),
        ("GET", ["v1", "supervisor"]) => (200, world.supervisor()),
        ("POST", ["v1", "executions"]) => (201, world.create(&body)),
        ("POST", ["v1", "queues", queue, "claim"]) => match world.claim(queue, &body) {
            Value::Null => (204, Value::Null),
            leases => (200, leases),
        },
        ("POST", ["v1", "executions", id, "events"]) => world.post(id, &body),
        ("POST", ["v1", "executions", id, "complete"]) => world.complete(id, &body),
        ("POST", ["v1", "executions", id, "cancel"]) => {
            world.note(id, "execution.cancel_requested")
        }
        ("PATCH", ["v1", "queues", _]) => (405, json!({"code": "method_not_allowed"})),
        ("GET", ["v1", "executions", id, "events"]) => {
            let number = |key: &str| {
                let value = query.split('&').find_map(|pair| pair.strip_prefix(key));
                value.and_then(|value| value.parse().ok())
            };
            let after = number("after=").unwrap_or(0);
            world.page(id, after, number("limit=").unwrap_or(100))
        }
        _ => (404, json!({"code": "not_found"})),
    }
}
