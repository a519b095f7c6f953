//! What leaves the server for watchers, in figures: who watches and how far behind, how much went
//! out, and how long an event took from being durable to being written.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::views::{FeedView, Latency};

/// How a subscription leaves the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Transport {
    WebSocket,
    Sse,
    LongPoll,
}

impl Transport {
    const ALL: [(Transport, &'static str); 3] = [
        (Transport::WebSocket, "websocket"),
        (Transport::Sse, "sse"),
        (Transport::LongPoll, "long_poll"),
    ];
}

/// How far a reader is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It reads what was there when it came.
    CatchingUp,
    /// It has all there is, or reads from memory.
    Live,
    /// It was live, and reads from disk.
    Lagging,
}

/// Upper bounds of the latency histogram in microseconds; one more bucket is above them all. From
/// less than a loopback round trip to longer than any healthy reader takes.
const BOUNDS: [u64; 18] = [
    50, 100, 150, 250, 400, 650, 1_000, 1_600, 2_500, 4_000, 6_500, 10_000, 25_000, 50_000,
    100_000, 250_000, 1_000_000, 5_000_000,
];

/// Counts of deliveries; any thread adds to them.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    subscribers: [AtomicUsize; Transport::ALL.len()],
    paces: [AtomicUsize; 3],
    cut: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    latency: [AtomicU64; BOUNDS.len() + 1],
    latency_sum: AtomicU64,
}

impl Deliveries {
    /// How many watch now.
    pub(crate) fn readers(&self) -> usize {
        self.subscribers.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// From durable to taken by a reader's transport.
    pub(crate) fn took(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        self.latency[bucket].fetch_add(1, Ordering::Relaxed);
        self.latency_sum.fetch_add(micros, Ordering::Relaxed);
    }

    /// All of it, as it stands; `feeds` are the executions written or watched.
    pub(crate) fn view(&self, feeds: usize) -> FeedView {
        let pace = |pace: Pace| self.paces[pace as usize].load(Ordering::Relaxed);
        let by_transport = Transport::ALL
            .map(|(t, name)| (name, self.subscribers[t as usize].load(Ordering::Relaxed)));
        FeedView {
            subscribers: BTreeMap::from(by_transport),
            live: pace(Pace::Live),
            catching_up: pace(Pace::CatchingUp),
            lagging: pace(Pace::Lagging),
            cut: self.cut.load(Ordering::Relaxed),
            frames_out: self.frames.load(Ordering::Relaxed),
            bytes_out: self.bytes.load(Ordering::Relaxed),
            publish_to_write: self.latency(),
            feeds,
        }
    }

    fn latency(&self) -> Latency {
        let counts: Vec<u64> =
            self.latency.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let seconds = |micros: u64| micros as f64 / 1e6;
        let bounds = BOUNDS.into_iter().map(seconds).chain([f64::INFINITY]);
        // The bound of the bucket in which the quantile falls: never less than the true value.
        let quantile = |share: f64| {
            let rank = (total as f64 * share).ceil().max(1.0) as u64;
            let mut below = 0;
            let bucket = counts.iter().position(|count| {
                below += count;
                below >= rank
            });
            let bound = bucket.map_or(0, |bucket| BOUNDS[bucket.min(BOUNDS.len() - 1)]);
            bound as f64 / 1e3
        };
        Latency {
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            count: total,
            sum_seconds: seconds(self.latency_sum.load(Ordering::Relaxed)),
            buckets: bounds.zip(counts).collect(),
        }
    }
}

/// A reader while it watches; counted until it is dropped.
#[derive(Debug)]
pub struct Watching {
    deliveries: Arc<Deliveries>,
    transport: Transport,
    pace: Pace,
}

impl Watching {
    pub(crate) fn new(deliveries: &Arc<Deliveries>, transport: Transport) -> Self {
        let pace = Pace::CatchingUp;
        deliveries.subscribers[transport as usize].fetch_add(1, Ordering::Relaxed);
        deliveries.paces[pace as usize].fetch_add(1, Ordering::Relaxed);
        Self { deliveries: Arc::clone(deliveries), transport, pace }
    }

    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    pub(crate) fn set_pace(&mut self, pace: Pace) {
        if pace != self.pace {
            self.deliveries.paces[self.pace as usize].fetch_sub(1, Ordering::Relaxed);
            self.deliveries.paces[pace as usize].fetch_add(1, Ordering::Relaxed);
            self.pace = pace;
        }
    }

    pub(crate) fn took(&self, duration: Duration) {
        self.deliveries.took(duration);
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.deliveries.paces[self.pace as usize].fetch_sub(1, Ordering::Relaxed);
        self.deliveries.subscribers[self.transport as usize].fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where the edge reports what it wrote.
#[derive(Clone, Debug)]
pub struct Outbound(pub(crate) Arc<Deliveries>);

impl Outbound {
    /// Bytes handed to a connection, and the frames or messages they hold.
    pub fn wrote(&self, frames: usize, bytes: usize) {
        self.0.frames.fetch_add(frames as u64, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A connection ended because its reader did not take what was sent within its limit.
    pub fn cut(&self) {
        self.0.cut.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_counted_at_its_pace_until_it_goes() {
        let deliveries = Arc::default();
        let mut first = Watching::new(&deliveries, Transport::WebSocket);
        let second = Watching::new(&deliveries, Transport::Sse);
        first.set_pace(Pace::Live);
        first.set_pace(Pace::Lagging);
        let view = deliveries.view(1);
        assert_eq!((view.live, view.catching_up, view.lagging), (0, 1, 1));
        assert_eq!(view.subscribers["sse"], 1);
        drop((first, second));
        let view = deliveries.view(0);
        assert_eq!((view.live, view.catching_up, view.lagging), (0, 0, 0));
        assert_eq!(deliveries.readers(), 0);
    }

    #[test]
    fn quantiles_are_the_bounds_of_their_buckets() {
        let deliveries = Deliveries::default();
        assert_eq!(deliveries.latency().p99_ms, 0.0);
        for micros in [60; 98] {
            deliveries.took(Duration::from_micros(micros));
        }
        deliveries.took(Duration::from_millis(3));
        deliveries.took(Duration::from_secs(60));
        let latency = deliveries.latency();
        assert_eq!((latency.p50_ms, latency.p99_ms, latency.count), (0.1, 4.0, 100));
        assert_eq!(latency.buckets.last().map(|(_, count)| *count), Some(1));
    }
}
