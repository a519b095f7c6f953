//! What `/metrics` tells: the supervisor's figures as they stand, and counts and latencies of
//! HTTP that are kept here.

use std::{fmt::Write as _, sync::atomic::AtomicU64, time::Duration};

use heartline_actors::{Latency, QueueView, SupervisorView};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet, text::encode},
    metrics::{MetricType, counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

macro_rules! routes {
    ($($variant:ident = $label:literal,)*) => {
        /// A route as the metrics name it; every resource carries its own as app data.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Route {
            $($variant,)*
        }

        const LABELS: &[&str] = &[$($label),*];
    };
}

routes! {
    Events = "/v1/executions/{id}/events",
    Heartbeat = "/v1/executions/{id}/heartbeat",
    Complete = "/v1/executions/{id}/complete",
    Fail = "/v1/executions/{id}/fail",
    Wait = "/v1/executions/{id}/wait",
    CancelAcknowledged = "/v1/executions/{id}/cancel_acknowledged",
    Cancelled = "/v1/executions/{id}/cancelled",
    Claim = "/v1/queues/{queue}/claim",
    Executions = "/v1/executions",
    Counts = "/v1/executions/counts",
    Execution = "/v1/executions/{id}",
    Explain = "/v1/executions/{id}/explain",
    Cancel = "/v1/executions/{id}/cancel",
    Resume = "/v1/executions/{id}/resume",
    Retry = "/v1/executions/{id}/retry",
    Queues = "/v1/queues",
    Queue = "/v1/queues/{queue}",
    Runners = "/v1/runners",
    Runner = "/v1/runners/{id}",
    RunnerSocket = "/v1/runner",
    Supervisor = "/v1/supervisor",
    WebSocket = "/v1/ws",
    ExecutionStream = "/v1/executions/{id}/stream",
    Streams = "/v1/stream/{path}",
    Operations = "operations",
    Page = "/",
    Other = "other",
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// Seconds: from a loopback round trip to a long poll.
const LATENCIES: [f64; 12] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 10.0, 60.0];

struct OfRoute {
    answered: [Counter<u64, AtomicU64>; CLASSES.len()],
    latency: Histogram,
}

type Requests = Family<Answered, Counter<u64, AtomicU64>>;
type Latencies = Family<Of, Histogram, fn() -> Histogram>;

/// Counts of HTTP, one fixed place per route so that counting takes no look-up.
pub(crate) struct Metrics {
    of_routes: Vec<OfRoute>,
    requests: Requests,
    latencies: Latencies,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    route: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Named {
    name: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let requests = Requests::default();
        let latencies = Latencies::new_with_constructor(|| Histogram::new(LATENCIES));
        let of_route = |route: &&'static str| OfRoute {
            answered: CLASSES
                .map(|status| requests.get_or_create_owned(&Answered { route, status })),
            latency: latencies.get_or_create_owned(&Of { route }),
        };
        Self { of_routes: LABELS.iter().map(of_route).collect(), requests, latencies }
    }

    /// Counts an answer; a stream counts when its head is sent.
    pub(crate) fn answered(&self, route: Route, status: u16, took: Duration) {
        let of_route = &self.of_routes[route as usize];
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        of_route.answered[class].inc();
        of_route.latency.observe(took.as_secs_f64());
    }

    /// The OpenMetrics text.
    pub(crate) fn encode(
        &self,
        view: &SupervisorView,
        queues: &[QueueView],
        ready: bool,
    ) -> String {
        let mut registry = Registry::with_prefix("heartline");
        registry.register("http_requests", "Requests answered", self.requests.clone());
        let help = "From the request's head to the answer's";
        registry.register_with_unit(
            "http_request_duration",
            help,
            Unit::Seconds,
            self.latencies.clone(),
        );
        register_figures(&mut registry, view, ready);
        register_queues(&mut registry, queues);
        let mut text = String::new();
        if encode(&mut text, &registry).is_err() {
            // Writing to a string does not fail; if a value cannot be written, say so in the text.
            let _infallible = writeln!(text, "# incomplete\n# EOF");
        }
        text
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: f64) {
    let gauge = Gauge::<f64, AtomicU64>::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter = Counter::<u64, AtomicU64>::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

fn gauges(
    registry: &mut Registry,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (&'static str, usize)>,
) {
    let family = Family::<Named, Gauge<f64, AtomicU64>>::default();
    for (name, value) in values {
        family.get_or_create(&Named { name }).set(value as f64);
    }
    registry.register(name, help, family);
}

/// The most queues that metrics tell of, each with a line for every figure; those with most waiting.
const QUEUES_SHOWN: usize = 500;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfQueue {
    queue: String,
}

fn register_queues(registry: &mut Registry, queues: &[QueueView]) {
    let mut queues: Vec<&QueueView> = queues.iter().collect();
    queues.sort_by_key(|queue| std::cmp::Reverse(queue.depth + queue.in_progress));
    queues.truncate(QUEUES_SHOWN);
    let mut gauges = |name: &str, help: &str, value: fn(&QueueView) -> f64| {
        let family = Family::<OfQueue, Gauge<f64, AtomicU64>>::default();
        for queue in &queues {
            let of = OfQueue { queue: queue.queue.to_string() };
            family.get_or_create(&of).set(value(queue));
        }
        registry.register(name, help, family);
    };
    gauges("queue_depth", "Claimable, were it not for limits", |q| q.depth as f64);
    gauges("queue_scheduled", "Delayed or backing off", |q| q.scheduled as f64);
    gauges("queue_in_progress", "Leased", |q| q.in_progress as f64);
    gauges("queue_held", "Claimable but for a pause or a limit", |q| q.held as f64);
    gauges("queue_paused", "Whether it is paused", |q| f64::from(u8::from(q.paused)));
    gauges("queue_claims_waiting", "Claims waiting for work", |q| q.claims_waiting as f64);
    gauges("queue_oldest_age_seconds", "Age of the oldest claimable", |q| {
        q.oldest_age.map_or(0.0, |age| age.0 as f64 / 1e6)
    });
    gauges("queue_claim_latency_p50_milliseconds", "From due to claimed, median", |q| {
        q.claim_latency_ms.p50
    });
    gauges("queue_claim_latency_p99_milliseconds", "From due to claimed", |q| {
        q.claim_latency_ms.p99
    });
    gauges("queue_max_in_progress", "Limit; infinite without one", |q| {
        q.limits.max_in_progress.map_or(f64::INFINITY, f64::from)
    });
    let mut counters = |name: &str, help: &str, value: fn(&QueueView) -> u64| {
        let family = Family::<OfQueue, Counter<u64, AtomicU64>>::default();
        for queue in &queues {
            family.get_or_create(&OfQueue { queue: queue.queue.to_string() }).inc_by(value(queue));
        }
        registry.register(name, help, family);
    };
    counters("queue_entered", "Came to wait in it", |q| q.total.entered);
    counters("queue_claimed", "Were claimed", |q| q.total.claimed);
    counters("queue_ended", "Came to an end", |q| q.total.ended);
}

fn register_figures(registry: &mut Registry, view: &SupervisorView, ready: bool) {
    let r = registry;
    gauge(r, "ready", "Whether writes are accepted", f64::from(u8::from(ready)));
    gauge(
        r,
        "store_healthy",
        "Whether the store takes writes",
        f64::from(u8::from(view.store.healthy)),
    );
    gauge(r, "store_epoch", "Starts of this store", view.store.epoch as f64);
    gauges(
        r,
        "executions_live",
        "Live executions by phase",
        view.executions.iter().map(|(k, v)| (*k, *v)),
    );
    gauge(r, "actors_executions", "Execution actors in memory", view.actors.executions as f64);
    gauge(r, "actors_queues", "Queues known", view.actors.queues as f64);
    gauge(r, "actors_runners", "Runners known", view.actors.runners as f64);
    gauge(r, "actors_sessions", "Runners connected by a socket", view.actors.sessions as f64);
    counter(r, "actor_restarts", "Restarts of execution actors", view.restarts);
    gauges(
        r,
        "deadlines_armed",
        "Armed deadlines by kind",
        view.deadlines.armed.iter().map(|(k, v)| (*k, *v)),
    );
    let fired = Family::<Named, Counter<u64, AtomicU64>>::default();
    for (name, value) in &view.deadlines.fired {
        fired.get_or_create(&Named { name }).inc_by(*value);
    }
    r.register("deadlines_fired", "Deadlines that were decided, by kind", fired);
    for (name, value) in [
        ("p50", view.deadlines.lateness_ms.p50),
        ("p99", view.deadlines.lateness_ms.p99),
        ("max", view.deadlines.lateness_ms.max),
    ] {
        gauge(r, &format!("deadline_lateness_{name}_milliseconds"), "From due to decided", value);
    }
    gauge(
        r,
        "limbo_violations",
        "Live executions with neither deadline nor lease",
        view.limbo.violations.len() as f64,
    );
    counter(r, "journal_commits", "Batches committed", view.journal.commits);
    counter(r, "journal_events", "Events committed", view.journal.events);
    gauge(r, "journal_queued", "Appends waiting to be written", view.journal.queued as f64);
    gauge(r, "journal_batch_p50", "Appends of a batch, median", view.journal.batch_p50);
    for (name, value) in [("p50", view.journal.sync_ms.p50), ("p99", view.journal.sync_ms.p99)] {
        gauge(r, &format!("journal_sync_{name}_milliseconds"), "Time of a synced write", value);
    }
    gauges(
        r,
        "feed_subscribers",
        "Subscriptions by transport",
        view.feed.subscribers.iter().map(|(k, v)| (*k, *v)),
    );
    gauges(
        r,
        "feed_paces",
        "Subscriptions by how far they are behind",
        [
            ("live", view.feed.live),
            ("catching_up", view.feed.catching_up),
            ("lagging", view.feed.lagging),
        ],
    );
    counter(r, "feed_cut", "Connections ended because they did not read", view.feed.cut);
    counter(r, "feed_frames_out", "Frames and messages written to watchers", view.feed.frames_out);
    counter(r, "feed_bytes_out", "Bytes written to watchers", view.feed.bytes_out);
    r.register_with_unit(
        "feed_publish_to_write",
        "From durable to taken by a watcher's connection",
        Unit::Seconds,
        Counted(view.feed.publish_to_write.clone()),
    );
    gauge(r, "feeds", "Executions written or watched", view.feed.feeds as f64);
}

/// A histogram that is counted elsewhere.
#[derive(Debug)]
struct Counted(Latency);

impl EncodeMetric for Counted {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Latency { count, sum_seconds, buckets, .. } = &self.0;
        encoder.encode_histogram::<NoLabelSet>(*sum_seconds, *count, buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counted_elsewhere_ends_with_infinity() {
        let mut registry = Registry::default();
        let buckets = vec![(0.001, 2), (f64::INFINITY, 1)];
        let latency = Latency { count: 3, sum_seconds: 1.5, buckets, ..Latency::default() };
        registry.register("h", "help", Counted(latency));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in
            ["h_bucket{le=\"0.001\"} 2", "h_bucket{le=\"+Inf\"} 3", "h_count 3", "h_sum 1.5"]
        {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn every_route_has_a_label() {
        assert_eq!(LABELS.len(), Route::Other as usize + 1);
        assert_eq!(LABELS[Route::Claim as usize], "/v1/queues/{queue}/claim");
    }
}
