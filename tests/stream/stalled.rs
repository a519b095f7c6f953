//! A reader that stands still: the kernel cuts it off, and nobody else waits for it, not even the
//! server's own end.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};

use super::{
    api::{Api, Lease, Request},
    server::{PATIENCE, Site},
};

/// As much as no two kernels' buffers take for one connection.
const FLOOD: usize = 12 << 20;
const EVENT: usize = 200_000;

pub(crate) type Socket = WebSocketStream<TcpStream>;

async fn open(site: &Site, execution: &str, buffer: Option<u32>) -> Socket {
    let socket = TcpSocket::new_v4().expect("a socket");
    if let Some(bytes) = buffer {
        socket.set_recv_buffer_size(bytes).expect("it is not connected yet");
    }
    listen(site, execution, socket).await
}

/// Follows an execution over a socket that is not connected yet.
pub(crate) async fn listen(site: &Site, execution: &str, socket: TcpSocket) -> Socket {
    let address = site.address();
    let socket = socket.connect(address.parse().expect("an address")).await.expect("connected");
    let url = format!("ws://{address}/v1/ws?execution={execution}");
    let (mut socket, _) = client_async(url, socket).await.expect("upgraded");
    let hello = text(&mut socket).await.expect("a hello");
    assert_eq!(hello["op"], "hello");
    socket
}

/// The next text, or the close.
pub(crate) async fn text(socket: &mut Socket) -> Result<Value, CloseCode> {
    loop {
        let message = timeout(PATIENCE, socket.next()).await.expect("a message in time");
        match message.expect("a message").expect("a good one") {
            Message::Text(text) => return Ok(serde_json::from_str(&text).expect("JSON")),
            Message::Close(frame) => return Err(frame.expect("a code").code),
            _ => {}
        }
    }
}

/// An execution that somebody holds, a reader that has stood still from its first frame on, and
/// one that reads.
async fn scene(site: &Site) -> (Api, Lease, Socket, Socket) {
    let api = site.api();
    let body = json!({"kind": "agent", "name": "flood"});
    let id = api.ask(&Request::create(&body, "flood")).await.ok()["execution"]["id"].clone();
    let id = id.as_str().expect("an id");
    let lease = api.ask(&Request::claim("agents", "runner", "5s")).await.lease().expect("a lease");
    let stuck = open(site, id, Some(4096)).await;
    let reading = open(site, id, None).await;
    (api, lease, stuck, reading)
}

/// Writes more than the stuck reader's buffers hold; each event must reach the other at once.
/// Gives the longest that took.
async fn flood(api: &Api, lease: &Lease, reading: &mut Socket) -> Duration {
    let event = json!({"type": "CUSTOM", "data": {"name": "n", "value": "x".repeat(EVENT)}});
    let events = json!([event]).to_string();
    let mut longest = Duration::ZERO;
    for batch in 1..=(FLOOD / EVENT) as u64 {
        let seq = api.ask(&Request::events(lease, batch, &events)).await.seq();
        let written = Instant::now();
        while text(reading).await.expect("no close")["event"]["seq"] != seq {}
        longest = longest.max(written.elapsed());
    }
    longest
}

async fn watchers(api: &Api) -> u64 {
    let subscribers = &api.supervisor().await["feed"]["subscribers"];
    subscribers["websocket"].as_u64().unwrap_or_else(|| panic!("no number: {subscribers}"))
}

/// Bytes that the kernel keeps of what the server wrote to this reader: Linux's `tx_queue`.
fn kept(reader: &Socket) -> u64 {
    let reader = reader.get_ref();
    let port = |address: std::io::Result<std::net::SocketAddr>| address.expect("connected").port();
    let (server, own) = (port(reader.peer_addr()), port(reader.local_addr()));
    let ends = format!("0100007F:{server:04X} 0100007F:{own:04X} ");
    let table = std::fs::read_to_string("/proc/net/tcp").expect("this is Linux");
    let row = table.lines().find_map(|row| row.split_once(&ends));
    let (_, fields) = row.unwrap_or_else(|| panic!("no connection {ends} in {table}"));
    let queue = fields.split([' ', ':']).nth(1).expect("a state and two queues");
    u64::from_str_radix(queue, 16).expect("hexadecimal")
}

#[tokio::test]
async fn the_kernel_keeps_little_for_a_reader_that_stands_still() {
    let site = Site::new().with("HEARTLINE_WEBSOCKET_UNSENT_BYTES", "64KiB");
    let _server = site.start().await;
    let (api, lease, stuck, mut reading) = scene(&site).await;
    flood(&api, &lease, &mut reading).await;
    // What is not sent, the segment that went beyond it, and what the reader's own buffer took and
    // was not acknowledged. Left alone, the kernel keeps megabytes.
    let kept = kept(&stuck);
    assert!((1..=256 << 10).contains(&kept), "{kept} bytes");
}

#[tokio::test]
async fn a_reader_that_stands_still_is_cut_off_and_delays_nobody() {
    let site = Site::new().with("HEARTLINE_WEBSOCKET_USER_TIMEOUT", "3s");
    let _server = site.start().await;
    let (api, lease, mut stuck, mut reading) = scene(&site).await;
    assert_eq!(watchers(&api).await, 2);
    let began = Instant::now();
    let longest = flood(&api, &lease, &mut reading).await;
    let flooded = began.elapsed();
    let cut = async { while watchers(&api).await > 1 {} };
    timeout(PATIENCE, cut).await.expect("it is cut off");
    println!(
        "flooded in {flooded:?}, the slowest event took {longest:?}, cut after {:?}",
        began.elapsed()
    );
    // Whoever waited for the stuck reader would have waited until it was cut off.
    assert!(longest < Duration::from_secs(2), "an event took {longest:?}");
    // What had been sent is there; then the connection is gone, without a goodbye.
    let rest = async {
        while let Some(Ok(message)) = stuck.next().await {
            assert!(!message.is_close(), "it was cut off, not closed: {message}");
        }
    };
    timeout(PATIENCE, rest).await.expect("it ends");
    let complete = Request::under(&lease, "complete", json!({}));
    let seq = api.ask(&complete).await.seq();
    while text(&mut reading).await.expect("no close")["seq"] != seq {}
    assert_eq!(text(&mut reading).await, Err(CloseCode::Normal));
    site.assert_no_errors_logged();
}

#[tokio::test]
async fn a_reader_that_slept_is_told_that_it_lags_and_catches_up_from_disk() {
    let site = Site::new();
    let _server = site.start().await;
    let (api, lease, mut slept, mut reading) = scene(&site).await;
    flood(&api, &lease, &mut reading).await;
    let head = api.ask(&Request::under(&lease, "complete", json!({}))).await.seq();
    let (mut seq, mut ops) = (0, Vec::new());
    loop {
        match text(&mut slept).await {
            Ok(frame) if frame["op"] == "event" => {
                assert_eq!(frame["event"]["prev"], seq, "a gap");
                seq += 1;
                assert_eq!(frame["event"]["seq"], seq);
            }
            Ok(frame) => ops.push(frame["op"].as_str().unwrap_or_default().to_owned()),
            Err(code) => break assert_eq!(code, CloseCode::Normal),
        }
    }
    assert_eq!(seq, head);
    assert!(ops.contains(&"lag".to_owned()) && ops.ends_with(&["end".to_owned()]), "{ops:?}");
    site.assert_no_errors_logged();
}

#[tokio::test]
async fn a_server_that_stops_tells_its_readers_and_does_not_wait_for_one_that_stands_still() {
    let site = Site::new().with("HEARTLINE_SERVER_SHUTDOWN_TIMEOUT", "1s");
    let mut server = site.start().await;
    let (api, lease, stuck, mut reading) = scene(&site).await;
    flood(&api, &lease, &mut reading).await;
    let asked = Instant::now();
    server.terminate();
    let goodbye = loop {
        if let Err(code) = text(&mut reading).await {
            break code;
        }
    };
    assert_eq!(goodbye, CloseCode::Away);
    drop(reading);
    let status = server.ended().await;
    println!("{status} after {:?}", asked.elapsed());
    assert!(status.success(), "{status}:\n{}", server.tail());
    assert!(asked.elapsed() < Duration::from_secs(10), "it waited for {:?}", asked.elapsed());
    drop(stuck);
    site.assert_no_errors_logged();
}
