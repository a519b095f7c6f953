//! A watcher whose packets reach nobody any more, as when a cable is pulled: nothing says that it is
//! gone. The kernel gives its connection up, and nobody else notices.
//!
//! This takes a network of one's own, in which what comes from one address is thrown away: a second
//! process of this test, for which root and `ip` are needed.

mod network;

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{net::TcpSocket, time::timeout};

use self::network::ip;
use super::{
    api::{Api, Lease, Request},
    server::{PATIENCE, Site},
    stalled::{Socket, listen, text},
};

/// Where the watcher is that goes away. All of 127.0.0.0/8 is here.
const FAR: &str = "127.0.0.2:0";
const NAME: &str = "a_watcher_whose_packets_are_lost_is_given_up_and_delays_nobody";
/// The settings of the server.
const PING: Duration = Duration::from_secs(1);
const USER_TIMEOUT: Duration = Duration::from_secs(2);
/// The kernel looks at its timeout when it sends again, which it does ever more seldom.
const SLACK: Duration = Duration::from_secs(4);
/// Events measured before the watcher is lost, and while it is.
const EVENTS: u64 = 100;

async fn open(site: &Site, execution: &str, from: &str) -> Socket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(from.parse().expect("an address")).expect("it is on this machine");
    listen(site, execution, socket).await
}

/// The longest from the answer to an event until it is read.
async fn longest(
    api: &Api,
    lease: &Lease,
    batches: std::ops::Range<u64>,
    near: &mut Socket,
) -> Duration {
    let mut longest = Duration::ZERO;
    for batch in batches {
        let event = json!([{"type": "CUSTOM", "data": {"name": "n", "value": batch}}]).to_string();
        let seq = api.ask(&Request::events(lease, batch, &event)).await.seq();
        let written = Instant::now();
        while text(near).await.expect("no close")["event"]["seq"] != seq {}
        longest = longest.max(written.elapsed());
    }
    longest
}

async fn feed(api: &Api, figure: &str) -> u64 {
    let feed = &api.supervisor().await["feed"];
    let subscribers = &feed["subscribers"];
    let found = if figure == "cut" { &feed["cut"] } else { &subscribers[figure] };
    found.as_u64().unwrap_or_else(|| panic!("no number: {feed}"))
}

async fn inside() {
    let site = Site::new()
        .with("HEARTLINE_WEBSOCKET_USER_TIMEOUT", format!("{}s", USER_TIMEOUT.as_secs()))
        .with("HEARTLINE_WEBSOCKET_PING_INTERVAL", format!("{}s", PING.as_secs()));
    let _server = site.start().await;
    let api = site.api();
    let body = json!({"kind": "agent", "name": "lost"});
    let id = api.ask(&Request::create(&body, "lost")).await.ok()["execution"]["id"].clone();
    let id = id.as_str().expect("an id");
    let lease = api.ask(&Request::claim("agents", "runner", "5s")).await.lease().expect("a lease");
    let mut near = open(&site, id, "127.0.0.1:0").await;
    let far = open(&site, id, FAR).await;
    let before = longest(&api, &lease, 1..EVENTS, &mut near).await;
    assert_eq!((feed(&api, "websocket").await, feed(&api, "cut").await), (2, 0));

    // Whatever comes from there is thrown away, before the table of local addresses is asked.
    ip("rule add pref 100 lookup local").expect("a rule");
    ip("rule del pref 0").expect("the other one is there");
    ip("rule add pref 10 from 127.0.0.2 blackhole").expect("a rule");
    let lost = Instant::now();
    let after = longest(&api, &lease, EVENTS..2 * EVENTS, &mut near).await;
    let given_up = async { while feed(&api, "websocket").await > 1 {} };
    timeout(PATIENCE, given_up).await.expect("it is given up");
    let took = lost.elapsed();
    println!("the longest event took {before:?}, then {after:?}; given up after {took:?}");
    assert!(took <= USER_TIMEOUT + PING + SLACK, "it was given up after {took:?}");
    assert_eq!(feed(&api, "cut").await, 1);
    // Whoever waited for it would have waited as long as the kernel did.
    assert!(after < USER_TIMEOUT / 2, "an event took {after:?}, {before:?} before");
    let still = longest(&api, &lease, 2 * EVENTS..2 * EVENTS + 10, &mut near).await;
    assert!(still < USER_TIMEOUT / 2, "{still:?}");
    drop(far);
    site.assert_no_errors_logged();
}

#[tokio::test]
async fn a_watcher_whose_packets_are_lost_is_given_up_and_delays_nobody() {
    network::with_its_own(module_path!(), NAME, inside()).await;
}
