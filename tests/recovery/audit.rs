//! The audit: every log against everything that was promised about it.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{
    api::Api,
    ledger::{Batch, Book, Watched},
    log::{self, Event},
};

/// Every execution there is, with its log.
pub(crate) struct Audit {
    executions: HashMap<String, Value>,
    logs: HashMap<String, Vec<Event>>,
}

impl Audit {
    /// Reads everything; each log is checked in itself.
    pub(crate) async fn read(api: &Api) -> Self {
        let (mut executions, mut logs) = (HashMap::new(), HashMap::new());
        for listed in api.list(None).await {
            let id = listed["id"].as_str().expect("an id").to_owned();
            let execution = api.execution(&id).await;
            let log = log::read(api, &id).await;
            assert_agree(&listed, &execution, &log);
            logs.insert(id.clone(), log);
            assert!(executions.insert(id, execution).is_none(), "listed twice: {listed}");
        }
        Self { executions, logs }
    }

    fn log(&self, execution: &str) -> &[Event] {
        self.logs.get(execution).unwrap_or_else(|| panic!("{execution} is gone"))
    }

    pub(crate) fn events(&self) -> usize {
        self.logs.values().map(Vec::len).sum()
    }

    /// The server's promises to `book`'s clients.
    pub(crate) fn check(&self, book: &Book) {
        self.check_creations(book);
        self.check_batches(book);
        book.watched.iter().for_each(|watched| self.check_watched(watched));
        for step in &book.steps {
            let fits = |event: &&Event| event.kind == step.kind && event.attempt == step.attempt;
            let found: Vec<_> = self.log(&step.execution).iter().filter(fits).collect();
            assert_eq!(found.len(), 1, "not there once: {step:?}");
            assert!(step.seq.is_none_or(|seq| seq == found[0].seq), "{step:?}: {}", found[0].json);
        }
    }

    /// One key, one execution; and no execution that nobody asked for.
    fn check_creations(&self, book: &Book) {
        let mut names = BTreeSet::new();
        for (id, execution) in &self.executions {
            let name = execution["name"].as_str().expect("a name");
            assert!(names.insert(name), "{name} was created twice");
            assert_eq!(book.created.get(name), Some(id), "{name} is not what was acknowledged");
        }
        assert_eq!(names.len(), book.created.len(), "what was created is there");
    }

    /// Each acknowledged batch is there once, at its seq, with its bytes (invariant A); one that
    /// was not acknowledged is there whole or not at all; one of a superseded lease is not
    /// (invariant E); and there is nothing else.
    fn check_batches(&self, book: &Book) {
        let mut places: HashMap<(&str, &str), &Event> = HashMap::new();
        for (id, log) in &self.logs {
            for event in log.iter().filter(|event| !event.is_lifecycle()) {
                let twice = places.insert((id, &event.data), event);
                assert!(twice.is_none(), "{id} has it twice: {}", event.json);
            }
        }
        for batch in &book.batches {
            let found: Vec<_> = batch
                .posts
                .iter()
                .filter_map(|post| {
                    let event = places.remove(&(&*batch.lease.execution, &*post.data))?;
                    assert_eq!((&*event.kind, event.attempt), (post.kind, batch.lease.attempt));
                    Some(event.seq)
                })
                .collect();
            check_batch(batch, &found);
        }
        assert!(places.is_empty(), "nobody wrote these: {places:?}");
    }

    /// What a watcher saw is the log, byte by byte.
    fn check_watched(&self, watched: &Watched) {
        let log = self.log(&watched.execution);
        assert!(watched.ended, "{} was not followed to its end", watched.execution);
        if !watched.status_only {
            let (seen, is): (Vec<_>, Vec<_>) = (jsons(&watched.events), jsons(log));
            assert_eq!(seen, is, "what a watcher saw of {}", watched.execution);
            return;
        }
        // In a view, `prev` names the event shown before; all else is the same.
        let facts = |event: &Event| (event.seq, event.kind.clone(), event.time, event.data.clone());
        let seen: Vec<_> = watched.events.iter().map(facts).collect();
        let is: Vec<_> = log.iter().filter(|event| event.is_lifecycle()).map(facts).collect();
        assert_eq!(seen, is, "what a watcher of the status saw of {}", watched.execution);
    }

    /// The executions that are live, in order: none is in limbo (invariant J).
    pub(crate) fn live(&self) -> Vec<&str> {
        let is_over = |id: &String| self.log(id).last().is_some_and(Event::is_terminal);
        let mut live = Vec::new();
        for (id, execution) in self.executions.iter().filter(|(id, _)| !is_over(id)) {
            assert!(execution["deadline"]["at"].is_string(), "in limbo: {execution}");
            live.push(&**id);
        }
        live.sort_unstable();
        live
    }
}

fn jsons(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| &*event.json).collect()
}

fn check_batch(batch: &Batch, found: &[u64]) {
    let dense = found.windows(2).all(|two| two[1] == two[0] + 1);
    assert!(dense, "torn apart, at {found:?}: {batch:?}");
    if let Some(seq) = batch.acknowledged {
        assert_eq!(found.len(), batch.posts.len(), "acknowledged and not there: {batch:?}");
        assert_eq!(found.last(), Some(&seq), "acknowledged at another seq: {batch:?}");
    } else {
        let whole = found.is_empty() || found.len() == batch.posts.len();
        assert!(whole, "a part of it is there, at {found:?}: {batch:?}");
        assert!(found.is_empty() || !batch.fenced, "written under a superseded lease: {batch:?}");
    }
}

/// The list, the execution and the log say the same (invariant D).
fn assert_agree(listed: &Value, execution: &Value, log: &[Event]) {
    let last = log.last().expect("it is not empty");
    assert_eq!(listed["seq"], last.seq, "{listed}");
    assert_eq!(execution["seq"], last.seq, "{execution}");
    assert_eq!(listed["phase"], execution["phase"], "{listed}");
    let ended = match &*last.kind {
        "execution.completed" => Some("completed"),
        "execution.failed" => Some("failed"),
        "execution.cancelled" => Some("cancelled"),
        _ => None,
    };
    match ended {
        Some(phase) => assert_eq!(execution["phase"], phase, "{execution}"),
        None => assert!(execution["finished_at"].is_null(), "{execution}"),
    }
}

/// The audit itself: what it is for, it finds.
mod finds {
    use std::panic::catch_unwind;

    use super::*;
    use crate::recovery::{api::Lease, ledger::Post};

    const ID: &str = "aex_1";
    const TIME: &str = r#""time":"2026-01-02T03:04:05.000006Z""#;

    fn event(seq: u64, data: &str) -> Event {
        let (kind, prev) = (if seq == 1 { "execution.created" } else { "CUSTOM" }, seq - 1);
        let head = format!(r#""seq":{seq},"prev":{prev},"execution_id":"{ID}","attempt":1,{TIME}"#);
        let json = format!(r#"{{{head},"type":"{kind}","data":{data}}}"#);
        Event::read(ID, &json)
    }

    fn post(data: &str) -> Post {
        Post { kind: "CUSTOM", data: data.to_owned() }
    }

    /// Two batches, of two events and of one, acknowledged at 3 and at 4.
    fn book() -> Book {
        let lease = Lease { execution: ID.to_owned(), attempt: 1, token: String::new() };
        let batch = |posts: &[&str], seq| Batch {
            lease: lease.clone(),
            posts: posts.iter().map(|data| post(data)).collect(),
            acknowledged: Some(seq),
            fenced: false,
        };
        let batches = vec![batch(&["1", "2"], 3), batch(&["3"], 4)];
        let created = [("n".to_owned(), ID.to_owned())].into();
        Book { created, batches, ..Book::default() }
    }

    /// Whether an audit of these data at seqs 2, 3, … finds nothing wrong.
    fn passes(log: &[&str], book: &Book) -> bool {
        let events = (2..).zip(log).map(|(seq, data)| event(seq, data));
        let log = std::iter::once(event(1, "{}")).chain(events).collect();
        let execution = serde_json::json!({"id": ID, "name": "n"});
        let audit = Audit {
            executions: [(ID.to_owned(), execution)].into(),
            logs: [(ID.to_owned(), log)].into(),
        };
        catch_unwind(std::panic::AssertUnwindSafe(|| audit.check(book))).is_ok()
    }

    #[test]
    fn what_is_dropped_repeated_swapped_altered_or_added() {
        let book = book();
        assert!(passes(&["1", "2", "3"], &book));
        for wrong in [
            &["1", "2"][..],
            &["1", "3"],
            &["1", "2", "2", "3"],
            &["1", "2", "3", "3"],
            &["2", "1", "3"],
            &["3", "1", "2"],
            &["1", "3", "2"],
            &["1", "2", "4"],
            &["1", "2", "3.0"],
            &["1", "2", "3", "4"],
            &[],
        ] {
            assert!(!passes(wrong, &book), "{wrong:?} passed");
        }
    }

    #[test]
    fn what_is_torn_apart_or_fenced_off() {
        let mut unacknowledged = book();
        unacknowledged.batches[0].acknowledged = None;
        unacknowledged.batches[1].acknowledged = None;
        for right in [&["1", "2", "3"][..], &["3"], &["1", "2"], &[]] {
            assert!(passes(right, &unacknowledged), "{right:?} did not pass");
        }
        assert!(!passes(&["1"], &unacknowledged));
        assert!(!passes(&["1", "3", "2"], &unacknowledged));
        unacknowledged.batches[1].fenced = true;
        assert!(passes(&["1", "2"], &unacknowledged));
        assert!(!passes(&["1", "2", "3"], &unacknowledged));
    }

    #[test]
    fn what_a_watcher_missed_or_saw_otherwise() {
        for (seen, right) in [
            (&["1", "2", "3"][..], true),
            (&["1", "2"], false),
            (&["1", "2", "3", "4"], false),
            (&["1", "2", "3.0"], false),
        ] {
            let events = (2..).zip(seen).map(|(seq, data)| event(seq, data));
            let events = std::iter::once(event(1, "{}")).chain(events).collect();
            let execution = ID.to_owned();
            let watched = Watched { execution, status_only: false, events, ended: true };
            let book = Book { watched: vec![watched], ..book() };
            assert_eq!(passes(&["1", "2", "3"], &book), right, "{seen:?}");
        }
    }
}
