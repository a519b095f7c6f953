//! Logs as they are served: read whole, checked for what every log promises, waited on.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio::time::timeout;

use super::{
    api::{Api, Request},
    server::PATIENCE,
};

/// One event: its fields and the bytes it was served as.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) seq: u64,
    pub(crate) prev: u64,
    pub(crate) attempt: u64,
    pub(crate) time: jiff::Timestamp,
    pub(crate) kind: String,
    /// The bytes of `data`.
    pub(crate) data: String,
    /// All of its bytes.
    pub(crate) json: String,
}

#[derive(Deserialize)]
struct Wire {
    seq: u64,
    prev: u64,
    execution_id: String,
    attempt: u64,
    time: String,
    #[serde(rename = "type")]
    kind: String,
    data: Box<RawValue>,
}

#[derive(Deserialize)]
struct Page {
    events: Vec<Box<RawValue>>,
    head: u64,
    terminal: bool,
}

impl Event {
    /// An event of `execution`.
    pub(crate) fn read(execution: &str, json: &str) -> Self {
        let wire: Wire = serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {json}"));
        assert_eq!(wire.execution_id, execution, "an event of another execution: {json}");
        let Wire { seq, prev, attempt, time, kind, data, .. } = wire;
        let time = time.parse().unwrap_or_else(|e| panic!("{e}: {json}"));
        Self { seq, prev, attempt, time, kind, data: data.get().to_owned(), json: json.to_owned() }
    }

    pub(crate) fn data(&self) -> Value {
        serde_json::from_str(&self.data).expect("it was read before")
    }

    pub(crate) fn is_terminal(&self) -> bool {
        matches!(&*self.kind, "execution.completed" | "execution.failed" | "execution.cancelled")
    }

    pub(crate) fn is_lifecycle(&self) -> bool {
        self.kind.starts_with("execution.")
    }
}

/// A page as it was served.
pub(crate) struct Read {
    pub(crate) events: Vec<Event>,
    pub(crate) head: u64,
    pub(crate) terminal: bool,
}

impl Read {
    pub(crate) fn parse(execution: &str, text: &str) -> Self {
        let page: Page = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let events = page.events.iter().map(|raw| Event::read(execution, raw.get())).collect();
        Self { events, head: page.head, terminal: page.terminal }
    }
}

/// The request for what follows `after`.
pub(crate) fn page(execution: &str, after: u64, query: &str) -> Request {
    Request::get(format!("/v1/executions/{execution}/events?after={after}&limit=1000{query}"))
}

/// A whole log, checked.
pub(crate) async fn read(api: &Api, execution: &str) -> Vec<Event> {
    let mut log: Vec<Event> = Vec::new();
    loop {
        let after = log.last().map_or(0, |event| event.seq);
        let answer = api.ask(&page(execution, after, "")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = Read::parse(execution, &answer.text);
        assert!(
            !page.events.is_empty() || after == page.head,
            "{execution}: an end before its head"
        );
        log.extend(page.events);
        if log.last().is_none_or(|last| last.seq >= page.head) {
            check(execution, &log);
            let over = log.last().is_some_and(Event::is_terminal);
            assert_eq!(
                page.terminal, over,
                "{execution}: the page and the log disagree about its end"
            );
            return log;
        }
    }
}

/// Seqs are dense from 1, each event names the one before it, time does not go back, and at most
/// one terminal event is there, and last (invariant B).
fn check(execution: &str, log: &[Event]) {
    assert!(!log.is_empty(), "{execution} has no log");
    for (index, event) in log.iter().enumerate() {
        let expected = index as u64 + 1;
        assert_eq!(
            (event.seq, event.prev),
            (expected, expected - 1),
            "{execution}: {}",
            event.json
        );
        let last = index + 1 == log.len();
        assert!(last || !event.is_terminal(), "{execution} goes on after its end: {}", event.json);
        assert!(index == 0 || log[index - 1].time <= event.time, "{execution}: {}", event.json);
    }
    assert_eq!(log[0].kind, "execution.created", "{execution}");
}

/// Waits for the first event that `wanted` is true of.
pub(crate) async fn wait_for(api: &Api, execution: &str, wanted: impl Fn(&Event) -> bool) -> Event {
    let searching = async {
        let mut after = 0;
        loop {
            let answer = api.ask(&page(execution, after, "&wait=20s")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let page = Read::parse(execution, &answer.text);
            after = page.events.last().map_or(after, |event| event.seq);
            if let Some(found) = page.events.into_iter().find(|event| wanted(event)) {
                return found;
            }
            assert!(!page.terminal, "{execution} ended without it");
        }
    };
    timeout(PATIENCE, searching).await.unwrap_or_else(|_| panic!("{execution} never came to it"))
}

/// Waits for an event of this type.
pub(crate) async fn wait_for_type(api: &Api, execution: &str, kind: &str) -> Event {
    wait_for(api, execution, |event| event.kind == kind).await
}

/// The types of a log, in order.
pub(crate) fn types(log: &[Event]) -> Vec<&str> {
    log.iter().map(|event| &*event.kind).collect()
}
