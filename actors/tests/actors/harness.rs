//! Real actors over any store, for tests: how to start them, ask them and wait for them.

use std::{future::Future, sync::Arc, time::Duration};

use heartline_actors::{
    Claim, Create, Error, Granted, Handle, Hooks, Next, Start, Subscription, Transport, start,
};
use heartline_config::Config;
use heartline_execution::{
    Command, Content, ExecutionId, Kind, LeaseId, Name, Namespace, Reply, Span, Spec,
    event::RunnerInfo,
};
use heartline_storage::{ExecutionStore, FaultyStore, MemoryStore};
use serde_json::{Value, value::RawValue};

/// Longer than anything here takes on a busy machine; a test that meets it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.supervision.boot_grace = Duration::from_millis(50);
    config.supervision.restart_backoff = Duration::from_millis(1);
    config.supervision.audit_interval = Duration::from_millis(100);
    config.supervision.progress_interval = Duration::from_millis(200);
    config.execution.idle_timeout = Duration::from_millis(100);
    config.journal.recover_interval = Duration::from_millis(20);
    config
}

/// Runs a test against started actors, inside an actix system.
pub(crate) fn with<F, T>(store: Arc<dyn ExecutionStore>, hooks: Hooks, test: F)
where
    F: FnOnce(Handle) -> T,
    T: Future<Output = ()>,
{
    with_config(config(), store, hooks, test);
}

pub(crate) fn with_config<F, T>(
    config: Config,
    store: Arc<dyn ExecutionStore>,
    hooks: Hooks,
    test: F,
) where
    F: FnOnce(Handle) -> T,
    T: Future<Output = ()>,
{
    actix::System::new().block_on(async move {
        let running = start(config, store, hooks).expect("the actors start");
        test(running.handle.clone()).await;
        running.stop();
    });
}

pub(crate) fn memory() -> Arc<dyn ExecutionStore> {
    Arc::new(MemoryStore::new())
}

/// A disk that fails on command.
pub(crate) fn faulty() -> Arc<FaultyStore<MemoryStore>> {
    Arc::new(FaultyStore::new(MemoryStore::new()))
}

pub(crate) async fn complete(handle: &Handle, id: ExecutionId, lease: LeaseId) {
    let command = Command::Complete { lease, output: None };
    handle.command(&ns(), id, command).await.expect("completed");
}

pub(crate) fn ns() -> Namespace {
    Name::default_namespace()
}

pub(crate) fn spec(queue: &str) -> Spec {
    Spec { queue: Name::new(queue).expect("a name"), ..Spec::new(Kind::Agent, "test") }
}

pub(crate) fn runner(id: &str) -> RunnerInfo {
    RunnerInfo {
        id: Name::new(id).expect("a name"),
        name: None,
        host: None,
        pid: Some(7),
        version: None,
    }
}

pub(crate) async fn create(handle: &Handle, spec: Spec) -> ExecutionId {
    handle.create(Create { spec, idempotency: None }).await.expect("created").id
}

pub(crate) fn claim_of(queue: &str, id: &str) -> Claim<'static> {
    Claim {
        queue: Name::new(queue).expect("a name"),
        runner: runner(id),
        slots: 1,
        wait: Span::secs(20),
        alive: &|| Box::new(|| true),
    }
}

pub(crate) async fn claim(handle: &Handle, queue: &str, id: &str) -> Granted {
    let mut granted = handle.claim(&ns(), claim_of(queue, id)).await.expect("a claim");
    assert_eq!(granted.len(), 1);
    granted.remove(0)
}

pub(crate) fn log(text: &str) -> Content {
    let data = serde_json::json!({"name": "log", "value": {"level": "info", "message": text}});
    let data = RawValue::from_string(data.to_string()).expect("JSON");
    Content::parse("CUSTOM", data).expect("content")
}

pub(crate) async fn post(
    handle: &Handle,
    id: ExecutionId,
    lease: LeaseId,
    batch: u64,
    text: &str,
) -> Result<Reply, Error> {
    let events = vec![log(text)];
    handle.command(&ns(), id, Command::PostEvents { lease, batch: Some(batch), events }).await
}

pub(crate) async fn subscribe(handle: &Handle, id: ExecutionId) -> Subscription {
    handle.subscribe(&ns(), id, Start::After(0), Transport::Sse).await.expect("subscribed")
}

/// Every event from the cursor on until `stop`, checked to be dense.
pub(crate) async fn follow(
    subscription: &mut Subscription,
    stop: impl Fn(&Value) -> bool,
) -> Vec<Value> {
    let mut seen = Vec::new();
    let following = async {
        loop {
            match subscription.cursor.next().await.expect("readable") {
                Next::Events(chunk, new) => {
                    for stored in &chunk.events[new..] {
                        let event: Value =
                            serde_json::from_slice(&stored.record.json).expect("JSON");
                        if let Some(last) = seen.last() {
                            let last: &Value = last;
                            assert_eq!(event["prev"], last["seq"], "no gap, no repeat");
                        }
                        seen.push(event);
                    }
                    if seen.last().is_some_and(&stop) {
                        return;
                    }
                }
                Next::End { .. } => return,
                Next::Lag { .. } | Next::Live { .. } | Next::Reset { .. } => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, following).await.expect("what was waited for came");
    seen
}

pub(crate) async fn to_the_end(subscription: &mut Subscription) -> Vec<Value> {
    follow(subscription, |_| false).await
}

pub(crate) fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|e| e["type"].as_str().expect("a type")).collect()
}

/// Asks again until it is so.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("it came to be so")
}
