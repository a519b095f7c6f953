//! The Rust client with the real server: runners with handlers, and watchers, while the server is
//! killed under them.

mod binary;
#[path = "sdk/server.rs"]
mod server;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, TryStreamExt as _};
use heartline_client::{
    Client, Filter, NewExecution, Phase, Span,
    runner::{Context, Failed, Notice, Question, Runner, Status, Transport},
    types::{Event, Execution},
};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::timeout,
};

use self::server::{BOUND, Server};

/// What a handler does on its own thread must not be waited for on that of the test.
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), heartline_client::Error>>,
}

impl Running {
    fn start(runner: Runner) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(runner.run(async {
            let _told_or_dropped = stopped.await;
        }));
        Self { stop, task }
    }

    async fn drain(self) {
        self.stop.send(()).expect("it runs");
        timeout(BOUND, self.task).await.expect("it drains").unwrap().unwrap();
    }
}

/// The whole log; panics on a gap, as the watch would be an error then.
async fn log(client: &Client, id: &str) -> Vec<Event> {
    let events = client.watch(id).events().try_collect::<Vec<_>>();
    timeout(BOUND, events).await.expect("it ends").unwrap()
}

async fn over(client: &Client, id: &str) -> Execution {
    log(client, id).await;
    client.execution(id).await.unwrap()
}

async fn create(client: &Client, new: NewExecution) -> String {
    client.create(&new).await.unwrap().execution.id
}

/// Seqs are dense, and each event names the one before it.
fn assert_unbroken(events: &[Event]) {
    for (index, event) in events.iter().enumerate() {
        assert_eq!((event.seq, event.prev), (index as u64 + 1, index as u64));
    }
}

fn tokens(events: &[Event]) -> Vec<u64> {
    let texts = events.iter().filter(|event| event.type_name == "TEXT_MESSAGE_CONTENT");
    texts.map(|event| event.text("delta").unwrap().trim().parse().unwrap()).collect()
}

fn count(events: &[Event], type_name: &str) -> usize {
    events.iter().filter(|event| event.type_name == type_name).count()
}

/// How far each execution has got, by what the server has acknowledged.
#[derive(Default)]
struct Ledger {
    acknowledged: Mutex<HashMap<String, u64>>,
    moved: Notify,
    enough: AtomicBool,
}

impl Ledger {
    /// Writes tokens, each a number, until there are enough.
    async fn write(self: Arc<Self>, ctx: Context) -> Result<u64, Failed> {
        let message = ctx.message("assistant").await?;
        let mut written = 0;
        while written < 20 || !self.enough.load(Ordering::Relaxed) {
            for _ in 0..5 {
                written += 1;
                message.write(&format!("{written} ")).await?;
            }
            ctx.flush().await?;
            self.acknowledged.lock().unwrap().insert(ctx.id().to_owned(), written);
            self.moved.notify_one();
        }
        message.end().await?;
        Ok(written)
    }

    /// Waits until `executions` of them have each got further.
    async fn all_move(&self, executions: usize) {
        let before = self.acknowledged.lock().unwrap().clone();
        let moved = || {
            let now = self.acknowledged.lock().unwrap();
            now.iter().filter(|(id, at)| before.get(*id) < Some(at)).count()
        };
        let all = async {
            while moved() < executions {
                self.moved.notified().await;
            }
        };
        timeout(BOUND, all).await.expect("every execution gets further");
    }
}

async fn crashes(transport: Transport, executions: usize, slots: usize, crashes: usize) {
    let mut server = Server::start();
    let client = Client::new(&server.url).unwrap();
    let ledger = Arc::new(Ledger::default());
    let returns = Arc::new(AtomicU64::new(0));
    let running = Running::start(
        Runner::new(client.clone())
            .queues(["one", "other"])
            .slots(slots)
            .transport(transport)
            .notices({
                let returns = Arc::clone(&returns);
                move |notice| {
                    if matches!(notice, Notice::Back) {
                        returns.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
            .handler("tokens", {
                let ledger = Arc::clone(&ledger);
                move |ctx| Arc::clone(&ledger).write(ctx)
            }),
    );
    let mut ids = Vec::new();
    for number in 0..executions {
        let queue = if number % 2 == 0 { "one" } else { "other" };
        let new = NewExecution::agent("tokens").queue(queue).heartbeat(Span::secs(60));
        ids.push(create(&client, new.schedule_to_start(Span::secs(600))).await);
    }
    let watchers: Vec<_> = ids
        .iter()
        .map(|id| {
            let events = client.watch(id).events().try_collect::<Vec<_>>();
            tokio::spawn(timeout(BOUND * 2, events))
        })
        .collect();
    for _ in 0..crashes {
        ledger.all_move(slots).await;
        server.crash_and_restart();
    }
    ledger.all_move(slots).await;
    ledger.enough.store(true, Ordering::Relaxed);
    for (id, watcher) in ids.iter().zip(watchers) {
        let events = watcher.await.unwrap().expect("it ends").unwrap();
        assert_unbroken(&events);
        let written = tokens(&events);
        assert_eq!(written, (1..=written.len() as u64).collect::<Vec<_>>(), "each token once");
        assert_eq!(count(&events, "execution.started"), 1, "no attempt was lost");
        assert_eq!(events.last().unwrap().type_name, "execution.completed");
        let output = client.execution(id).await.unwrap().output.unwrap();
        assert_eq!(output.get(), written.len().to_string());
    }
    running.drain().await;
    // One that polls asks for nothing while its slots are taken, and misses nothing.
    if transport == Transport::Auto {
        assert!(returns.load(Ordering::Relaxed) >= 1, "it noticed that the server was away");
    }
}

#[tokio::test]
async fn five_crashes_of_the_server_cost_a_runner_nothing() {
    crashes(Transport::Auto, 40, 24, 5).await;
}

#[tokio::test]
async fn a_crash_of_the_server_costs_a_polling_runner_nothing() {
    crashes(Transport::Http, 4, 3, 2).await;
}

#[tokio::test]
async fn handlers_end_as_they_say() {
    let server = Server::start();
    let client = Client::new(&server.url).unwrap();
    let running = Running::start(
        Runner::new(client.clone())
            .queues(["q"])
            .slots(4)
            .handler("permanent", |_| async { Err::<(), _>(Failed::permanent("no", "Never.")) })
            .handler("second", |ctx| async move {
                if ctx.attempt() == 1 {
                    return Err(Failed::retryable("busy", "Later.").hint("wait"));
                }
                Ok(json!({"attempt": ctx.attempt()}))
            })
            .handler("panics", |ctx| async move {
                assert!(ctx.attempt() > 100, "too early");
                Ok(())
            })
            .handler("input", |ctx| async move { ctx.input::<u64>().map(|n| n + 1) }),
    );
    let new = |name: &str| {
        NewExecution::agent(name).queue("q").attempts(2).set_within(
            "retry",
            "initial_backoff",
            "10ms",
        )
    };
    let run = async |new: NewExecution| over(&client, &create(&client, new).await).await;

    let permanent = run(new("permanent")).await;
    assert_eq!((permanent.phase, permanent.attempt), (Phase::Failed, 1));
    assert_eq!(permanent.error.unwrap().code, "no");
    let second = run(new("second")).await;
    assert_eq!((second.phase, second.attempt), (Phase::Completed, 2));
    let panics = run(new("panics")).await;
    let error = panics.error.unwrap();
    assert_eq!((panics.phase, panics.attempt, &*error.code), (Phase::Failed, 2, "panic"));
    assert!(error.detail.unwrap().contains("too early"));
    assert_eq!(run(new("input").input(&1)).await.output.unwrap().get(), "2");
    assert_eq!(run(new("input").input(&"x")).await.error.unwrap().code, "invalid_input");
    assert_eq!(run(new("nobody's").attempts(1)).await.error.unwrap().code, "no_handler");
    let listed = client.list(&Filter::default().queue("q").phase(Phase::Failed));
    assert_eq!(listed.count().await, 4);
    running.drain().await;
}

#[tokio::test]
async fn what_is_too_large_is_told_and_costs_nobody_the_connection() {
    let server = Server::start();
    let client = Client::new(&server.url).unwrap();
    let away = Arc::new(AtomicBool::new(false));
    let runner = Runner::new(client.clone()).queues(["q"]).notices({
        let away = Arc::clone(&away);
        move |_| away.store(true, Ordering::Relaxed)
    });
    let running = Running::start(runner.handler("large", |ctx| async move {
        ctx.custom("small", &1).await?;
        ctx.custom("large", &"x".repeat(2 << 20)).await?;
        ctx.custom("larger than an event may be", &"x".repeat(300 << 10)).await?;
        Ok("x".repeat(2 << 20))
    }));
    let id = create(&client, NewExecution::agent("large").queue("q").attempts(2)).await;
    let events = log(&client, &id).await;
    let names: Vec<_> = events.iter().filter_map(Event::custom).map(|(name, _)| name).collect();
    assert_eq!(names, ["small", "log", "log"]);
    let execution = client.execution(&id).await.unwrap();
    assert_eq!((execution.attempt, &*execution.error.unwrap().code), (1, "output_refused"));
    assert!(!away.load(Ordering::Relaxed));
    running.drain().await;
}

#[tokio::test]
async fn a_cancellation_reaches_the_handler_and_is_acknowledged() {
    let server = Server::start();
    let client = Client::new(&server.url).unwrap();
    let up = Arc::new(Notify::new());
    let running = Running::start(Runner::new(client.clone()).queues(["q"]).fallback({
        let up = Arc::clone(&up);
        move |ctx| {
            let up = Arc::clone(&up);
            async move {
                up.notify_one();
                let cancellation = ctx.cancelled().await;
                assert_eq!(cancellation.reason.as_deref(), Some("enough"));
                assert!(cancellation.deadline.is_some());
                ctx.log(heartline_client::runner::Level::Info, "cleaned up").await?;
                Err::<(), _>(Failed::cancelled())
            }
        }
    }));
    let id = create(&client, NewExecution::agent("endless").queue("q")).await;
    up.notified().await;
    client.cancel(&id, Some("enough"), None).await.unwrap();
    let events = log(&client, &id).await;
    assert_eq!(count(&events, "execution.cancel_delivered"), 1);
    assert_eq!(count(&events, "execution.cancel_acknowledged"), 1);
    assert_eq!(events.last().unwrap().type_name, "execution.cancelled");
    running.drain().await;
}

#[tokio::test]
async fn a_handler_that_blocks_its_runtime_keeps_its_lease() {
    let server = Server::start();
    let client = Client::new(&server.url).unwrap();
    let id =
        create(&client, NewExecution::agent("blocks").queue("q").heartbeat(Span::secs(1))).await;
    // The only thread of this runtime.
    let running =
        Running::start(Runner::new(client.clone()).queues(["q"]).handler("blocks", |_| async {
            let (_silent, never) = std::sync::mpsc::sync_channel::<()>(1);
            let waited = never.recv_timeout(Duration::from_secs(4));
            Ok(waited.is_err())
        }));
    let execution = over(&client, &id).await;
    assert_eq!((execution.phase, execution.attempt), (Phase::Completed, 1));
    running.drain().await;
}

#[tokio::test]
async fn what_a_handler_says_is_the_state_that_watchers_see() {
    let server = Server::start();
    let client = Client::new(&server.url).unwrap();
    for (transport, queue) in [(Transport::Auto, "socket"), (Transport::Http, "polls")] {
        let runner = Runner::new(client.clone()).queues([queue]).transport(transport);
        let running = Running::start(runner.handler("talks", talk));
        let id = create(&client, NewExecution::agent("talks").queue(queue)).await;
        let mut watch = client.watch(&id).events();
        while let Some(event) = watch.next().await {
            if event.unwrap().type_name == "execution.waiting" {
                client.resume(&id, &json!({"yes": true})).await.unwrap();
            }
        }
        let shown = client.get(&format!("/v1/executions/{id}"));
        let shown: Value = shown.json().await.unwrap();
        assert_eq!(shown["phase"], "completed", "{shown:#}");
        assert_eq!(shown["output"], json!({"yes": true}));
        assert_eq!(shown["progress"]["message"], "nearly");
        let state = &shown["state"];
        assert!(state.to_string().contains("hello world"), "{state:#}");
        for part in ["tool_calls", "todos", "tasks", "artifacts"] {
            assert_eq!(state[part].as_object().map(|of| of.len()), Some(1), "{part}: {state:#}");
        }
        let refused = log(&client, &id).await;
        let refused = refused.iter().filter_map(Event::custom).filter(|(name, value)| {
            *name == "log" && value["message"].as_str().unwrap().contains("not taken as an event")
        });
        assert_eq!(refused.count(), 1, "what is refused is said in its place");
        running.drain().await;
    }
}

async fn talk(ctx: Context) -> Result<Value, Failed> {
    let step = ctx.step("greet").await?;
    let reasoning = ctx.reasoning().await?;
    reasoning.write("to greet or not").await?;
    reasoning.end().await?;
    let message = ctx.message("assistant").await?;
    message.write("hello ").await?;
    message.write("world").await?;
    message.end().await?;
    let call = ctx.tool_call("weather", &json!({"city": "Bern"})).await?;
    call.result("sunny").await?;
    step.finish().await?;
    ctx.todo("t", "greet", Status::Completed).await?;
    ctx.task("k", "greeting", Status::InProgress, &json!({"type": "http"})).await?;
    ctx.task("k", "greeting", Status::Completed, &json!({"output": 1})).await?;
    ctx.artifact("a", "card.txt", "text/plain", "hello").await?;
    ctx.state(&json!({"greeted": 0})).await?;
    ctx.state_delta(&json!([{"op": "replace", "path": "/greeted", "value": 1}])).await?;
    ctx.emit("TEXT_MESSAGE_CONTENT", &json!({"delta": "no id"})).await?;
    for part in 0..1000 {
        ctx.progress(f64::from(part) / 1000.0, "under way");
    }
    ctx.progress(0.99, "nearly");
    ctx.ask(&Question::new("may I?").timeout(Span::secs(60))).await
}
