//! A server of one's own, and what every test does with it.

use std::{
    net::{SocketAddr, TcpListener},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use heartline_actors::Hooks;
use heartline_config::Config;
use heartline_storage::ExecutionStore;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tracing_subscriber::{Layer, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::raw;

/// No step takes nearly as long, even on a machine that does much else.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// Events at error level, by any server of this process.
static ERRORS: AtomicUsize = AtomicUsize::new(0);

struct CountErrors;

impl<S: tracing::Subscriber> Layer<S> for CountErrors {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::ERROR {
            eprintln!("logged at error level: {event:?}");
            ERRORS.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// How many events at error level there were.
pub(crate) fn errors_logged() -> usize {
    ERRORS.load(Ordering::SeqCst)
}

/// Done once a server is to stop.
type Stopped = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Server {
    /// With the default settings.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// With other settings.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::running(change, |config, listener, stopped| {
            actix_web::rt::System::new()
                .block_on(heartline::run(config, listener, stopped))
                .expect("the server runs and stops");
        })
    }

    /// Over a store of the test's, put together as `heartline::run` does.
    pub(crate) fn over(store: Arc<dyn ExecutionStore>) -> Self {
        Self::running(
            |_| {},
            |config, listener, stopped| {
                actix_web::rt::System::new().block_on(async move {
                    let actors = heartline_actors::start(config.clone(), store, Hooks::default());
                    let actors = actors.expect("the actors start");
                    let edge = heartline_web::serve(listener, actors.handle.clone(), config.into());
                    edge.expect("the edge starts").run(stopped).await.expect("it runs and stops");
                    actors.stop();
                });
            },
        )
    }

    fn running(
        change: impl FnOnce(&mut Config),
        run: impl FnOnce(Config, TcpListener, Stopped) + Send + 'static,
    ) -> Self {
        // Fails for all but the first server of the process, and one is enough.
        let _installed = tracing_subscriber::registry().with(CountErrors).try_init();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut config = Config::default();
        config.server.data = folder.path().join("data");
        config.server.workers = 2;
        config.server.shutdown_timeout = Duration::from_secs(2);
        change(&mut config);
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let stopped = async move {
                // Dropping the server stops it too.
                let _stop_or_drop = stopped.await;
            };
            run(config, listener, Box::pin(stopped));
        });
        Self { address, stop: Some(stop), thread: Some(thread), _folder: folder }
    }

    /// Begins to stop it.
    pub(crate) fn begin_to_stop(&mut self) {
        drop(self.stop.take());
    }

    /// `GET`, expecting 200.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = raw::get(self.address, path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// Waits until what `GET` says is as it is `wanted`.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let now = self.get(path).await;
            if wanted(&now) {
                return now;
            }
            assert!(began.elapsed() < BOUND, "{path} never came to it: {now}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// `POST`, expecting `status`.
    pub(crate) async fn post(&self, path: &str, body: &Value, status: u16) -> Value {
        let answer = raw::post(self.address, path, body).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// Creates an execution of `body` on top of kind and name; its id.
    pub(crate) async fn create(&self, body: Value) -> String {
        let mut whole = json!({"kind": "agent", "name": "sample"});
        for (field, value) in body.as_object().expect("an object") {
            whole[field] = value.clone();
        }
        let created = self.post("/v1/executions", &whole, 201).await;
        created["execution"]["id"].as_str().expect("an id").to_owned()
    }

    /// Claims from `queue`: the execution's id and the lease.
    pub(crate) async fn claim(&self, queue: &str) -> (String, String) {
        let body = json!({"runner": {"id": "runner-1", "host": "h", "pid": 7}, "wait": "30s"});
        let claimed = self.post(&format!("/v1/queues/{queue}/claim"), &body, 200).await;
        let lease = &claimed["leases"][0];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (text(&lease["execution"]["id"]), text(&lease["lease"]))
    }

    /// An execution that a runner holds.
    pub(crate) async fn started(&self) -> (String, String) {
        let id = self.create(json!({})).await;
        let (claimed, lease) = self.claim("agents").await;
        assert_eq!(claimed, id);
        (id, lease)
    }

    /// An execution that is completed, with one message in its log.
    pub(crate) async fn completed(&self) -> (String, String) {
        let (id, lease) = self.started().await;
        self.say(&id, &lease, "hello").await;
        let path = format!("/v1/executions/{id}/complete");
        self.post(&path, &json!({"lease": lease, "output": {"n": 1}}), 200).await;
        (id, lease)
    }

    /// Posts one piece of text.
    pub(crate) async fn say(&self, id: &str, lease: &str, delta: &str) -> u64 {
        let data = json!({"messageId": "m1", "delta": delta});
        let events = json!([{"type": "TEXT_MESSAGE_CONTENT", "data": data}]);
        let path = format!("/v1/executions/{id}/events");
        let done = self.post(&path, &json!({"lease": lease, "events": events}), 200).await;
        done["seq"].as_u64().expect("a seq")
    }

    /// Where the log of an execution ends.
    pub(crate) async fn seq(&self, id: &str) -> u64 {
        self.get(&format!("/v1/executions/{id}")).await["seq"].as_u64().expect("a seq")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.begin_to_stop();
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(panic)) = ended
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}
