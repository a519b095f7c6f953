//! Real executions to fill a store with: events that decode, fold and stand where they should.
#![allow(dead_code, unreachable_pub)] // Each test binary uses its part.

use std::collections::BTreeMap;

use bytes::Bytes;
use heartline_execution::{
    Content, Event, EventBody, ExecutionId, Kind, LeaseId, Name, Namespace, Phase, Reason, Spec,
    State, Timestamp,
    event::{AttemptFailed, Completed, Failure, Private, RetryScheduled, RunnerInfo, Started},
    state::apply,
};
use heartline_storage::{
    Append, ExecutionStore, Facets, Idempotency, Page, PageLimits, Query, Record, Summary,
    encode_state,
};

/// More than any test writes.
pub const ALL: PageLimits = PageLimits { events: usize::MAX, bytes: usize::MAX };

/// One execution as its actor would keep it.
pub struct Story {
    pub namespace: Namespace,
    pub id: ExecutionId,
    pub spec: Spec,
    pub state: Option<State>,
    pub records: Vec<Record>,
    facets: Option<Facets>,
    clock: i64,
}

impl Story {
    /// The `n`-th execution of a namespace: an agent if `n` is even; created at second `n`.
    pub fn new(namespace: &str, n: u32) -> Self {
        let kind = if n.is_multiple_of(2) { Kind::Agent } else { Kind::Workflow };
        let mut spec = Spec::new(kind, format!("name {}", n % 5));
        spec.namespace = Name::new(namespace).unwrap();
        Self {
            namespace: spec.namespace.clone(),
            id: ExecutionId::new(kind, 0x0198_1f00_0000_7000_8000_0000_0000_0000 + u128::from(n)),
            spec,
            state: None,
            records: Vec::new(),
            facets: None,
            clock: 1_800_000_000_000_000 + i64::from(n) * 1_000_000,
        }
    }

    pub fn head(&self) -> u64 {
        self.records.len() as u64
    }

    /// An append of these events, with everything derived from them.
    pub fn append(&mut self, bodies: Vec<EventBody>) -> Append {
        let expected_seq = self.head();
        for body in bodies {
            self.clock += 1;
            let lifecycle = body.is_lifecycle();
            let private = match &body {
                EventBody::Started(started) => Private {
                    lease: Some(LeaseId(u128::from(started.attempt) << 64 | self.id.uuid())),
                    batch: None,
                },
                EventBody::Content(_) => Private { lease: None, batch: Some(self.head()) },
                _ => Private::default(),
            };
            let event = Event {
                seq: self.head() + 1,
                execution_id: self.id,
                attempt: self.state.as_ref().map_or(0, |state| state.attempt),
                time: Timestamp(self.clock),
                body,
                private,
            };
            let mut json = Vec::new();
            event.encode(&mut json);
            apply(&mut self.state, &event).unwrap();
            self.records.push(Record { seq: event.seq, lifecycle, private, json: json.into() });
        }
        let state = self.state.as_ref().unwrap();
        let facets = Facets::of(state);
        let json = format!("{{\"id\":\"{}\",\"phase\":\"{}\"}}", self.id, state.phase.as_str());
        Append {
            namespace: self.namespace.clone(),
            id: self.id,
            expected_seq,
            records: self.records[usize::try_from(expected_seq).unwrap()..].to_vec(),
            standing: Some(state.standing()),
            summary: Some(std::sync::Arc::new(Summary {
                json: Bytes::from(json),
                before: self.facets.replace(facets.clone()),
                facets,
            })),
            snapshot: None,
            idempotency: None,
            decided_at: Timestamp(self.clock),
        }
    }

    pub fn create(&mut self) -> Append {
        let spec = Box::new(self.spec.clone());
        self.append(vec![EventBody::Created(spec)])
    }

    pub fn start(&mut self, runner: &str) -> Append {
        let started = started(self.state.as_ref().unwrap().attempt + 1, runner);
        self.append(vec![started])
    }

    /// `count` events of a runner, without anything derived, as posting them is.
    pub fn post(&mut self, count: usize) -> Append {
        let append = self.append((0..count).map(|n| log_line(&format!("line {n}"))).collect());
        Append { standing: None, summary: None, ..append }
    }

    pub fn complete(&mut self) -> Append {
        self.append(vec![EventBody::Completed(Completed::default())])
    }

    /// A failed attempt and the plan for another.
    pub fn fail_and_retry(&mut self) -> Append {
        let attempt = self.state.as_ref().unwrap().attempt + 1;
        let failed = EventBody::AttemptFailed(AttemptFailed {
            reason: Reason::RunnerError,
            error: Failure {
                code: "boom".to_owned(),
                message: "it broke".to_owned(),
                detail: None,
                hint: None,
                retryable: true,
            },
        });
        let retry = EventBody::RetryScheduled(RetryScheduled {
            attempt,
            at: Timestamp(self.clock + 9),
            backoff: heartline_execution::Span(9),
        });
        self.append(vec![failed, retry])
    }

    pub fn with_snapshot(&self, mut append: Append) -> Append {
        append.snapshot = self.state.as_ref().map(encode_state);
        append
    }

    /// What a view of this log must show.
    pub fn expect_page(&self, page: &Page, after: u64, until: u64, lifecycle_only: bool) {
        let mut prev_lifecycle = 0;
        let mut expected = Vec::new();
        for record in &self.records {
            let shown =
                (record.lifecycle || !lifecycle_only) && record.seq > after && record.seq <= until;
            if shown {
                expected.push((record, prev_lifecycle));
            }
            if record.lifecycle {
                prev_lifecycle = record.seq;
            }
        }
        assert!(page.events.len() <= expected.len());
        assert_eq!(page.more, page.events.len() < expected.len());
        for (stored, (record, prev)) in page.events.iter().zip(expected) {
            assert_eq!(stored.record.seq, record.seq);
            assert_eq!(stored.record.json, record.json);
            assert_eq!(stored.record.lifecycle, record.lifecycle);
            assert_eq!(stored.record.private, record.private);
            assert_eq!(stored.prev_lifecycle, prev);
        }
    }

    /// The store has exactly this log.
    pub fn expect_in(&self, store: &dyn ExecutionStore) {
        let page = store.events(&self.namespace, self.id, 0, u64::MAX, false, ALL).unwrap();
        self.expect_page(&page, 0, u64::MAX, false);
        assert_eq!(page.events.len(), self.records.len());
        let page = store.events(&self.namespace, self.id, 0, u64::MAX, true, ALL).unwrap();
        self.expect_page(&page, 0, u64::MAX, true);
        let head = Some(self.head()).filter(|head| *head > 0);
        assert_eq!(store.head(&self.namespace, self.id).unwrap(), head);
        let state = store.load(&self.namespace, self.id).unwrap();
        assert_eq!(state.as_ref().map(encode_state), self.state.as_ref().map(encode_state));
    }
}

pub fn started(attempt: u32, runner: &str) -> EventBody {
    EventBody::Started(Started {
        attempt,
        runner: RunnerInfo {
            id: Name::new(runner).unwrap(),
            name: None,
            host: None,
            pid: None,
            version: None,
        },
    })
}

pub fn log_line(message: &str) -> EventBody {
    let data =
        format!("{{\"name\":\"log\",\"value\":{{\"level\":\"info\",\"message\":\"{message}\"}}}}");
    let data = serde_json::value::RawValue::from_string(data).unwrap();
    EventBody::Content(Content::parse("CUSTOM", data).unwrap())
}

/// Commits one append that must be taken.
pub fn commit(store: &dyn ExecutionStore, append: Append) {
    assert_eq!(store.commit(&[append]).unwrap(), [Ok(())]);
}

pub fn keyed(mut append: Append, key: &str) -> Append {
    append.idempotency = Some(Idempotency { key: key.to_owned(), fingerprint: [7; 32] });
    append
}

/// A list of everything in a namespace.
pub fn everything(namespace: &Namespace) -> Query {
    Query::all(namespace.clone(), 1_000)
}

/// Labels from pairs.
pub fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The standings of all live executions, by id.
pub fn live(store: &dyn ExecutionStore) -> BTreeMap<ExecutionId, Phase> {
    let mut live = BTreeMap::new();
    store
        .live(&mut |standing| {
            assert_eq!(live.insert(standing.id, standing.phase), None);
        })
        .unwrap();
    live
}
