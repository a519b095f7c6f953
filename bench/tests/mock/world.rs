//! What the stand-in knows: executions, their logs, and who waits in which queue.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{SystemTime, UNIX_EPOCH},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Flaw;

/// Everything.
pub(crate) struct World {
    flaw: Flaw,
    executions: BTreeMap<String, Execution>,
    queues: HashMap<String, VecDeque<String>>,
    fired: u64,
    commits: u64,
}

struct Execution {
    events: Vec<Value>,
    /// The next seq; ahead of the log once a batch was lost.
    seq: u64,
    deadline: i64,
    phase: &'static str,
    batches: u64,
    priority: i64,
}

impl World {
    /// Empty.
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { flaw, executions: BTreeMap::new(), queues: HashMap::new(), fired: 0, commits: 0 }
    }

    /// What is wrong with it.
    pub(crate) fn flaw(&self) -> Flaw {
        self.flaw
    }

    pub(crate) fn create(&mut self, body: &Value) -> Value {
        let id = format!("aex_{:032x}", self.executions.len());
        let timeout = body["timeouts"]["schedule_to_start"].as_str().unwrap();
        let timeout: SignedDuration = timeout.parse().unwrap();
        let now = now();
        let mut execution = Execution {
            events: Vec::new(),
            seq: 1,
            deadline: now + i64::try_from(timeout.as_micros()).unwrap(),
            phase: "pending",
            batches: 0,
            priority: body["priority"].as_i64().unwrap_or(0),
        };
        execution.add(&id, "execution.created", now, body);
        self.executions.insert(id.clone(), execution);
        let queue = body["queue"].as_str().unwrap().to_owned();
        self.queues.entry(queue).or_default().push_back(id.clone());
        self.commits += 1;
        json!({"execution": {"id": id, "phase": "pending"}, "dispatch": {"verdict": "ready"}})
    }

    pub(crate) fn claim(&mut self, queue: &str, body: &Value) -> Value {
        let mut leases = Vec::new();
        for _ in 0..body["slots"].as_u64().unwrap() {
            let Some(id) = self.next(queue) else { break };
            let execution = self.executions.get_mut(&id).unwrap();
            execution.phase = "in_progress";
            execution.add(&id, "execution.started", now(), &json!({}));
            leases.push(json!({
                "execution": {"id": id}, "attempt": 1, "lease": format!("lease-{id}"),
                "heartbeat": "30s",
            }));
        }
        self.commits += 1;
        if leases.is_empty() { Value::Null } else { json!({ "leases": leases }) }
    }

    /// What is to be handed out next.
    fn next(&mut self, queue: &str) -> Option<String> {
        let queue = self.queues.get_mut(queue)?;
        let first = |at: &usize| (self.executions[&queue[*at]].priority, std::cmp::Reverse(*at));
        let at = match self.flaw {
            Flaw::IgnoresPriorities => 0,
            _ => (0..queue.len()).max_by_key(first)?,
        };
        queue.remove(at)
    }

    pub(crate) fn post(&mut self, id: &str, body: &Value) -> (u16, Value) {
        let flaw = self.flaw;
        let execution = self.executions.get_mut(id).unwrap();
        assert_eq!(body["lease"], format!("lease-{id}"));
        assert!(body["batch"].as_u64().unwrap() > execution.batches, "batches increase");
        execution.batches = body["batch"].as_u64().unwrap();
        let events = body["events"].as_array().unwrap();
        let hundredth = execution.batches == 100;
        if hundredth && flaw == Flaw::RefusesABatch {
            return (503, json!({"code": "overloaded"}));
        }
        if hundredth && flaw == Flaw::LosesABatch {
            return (200, json!({"seq": execution.seq - 1 + events.len() as u64}));
        }
        for event in events {
            execution.add(id, event["type"].as_str().unwrap(), now(), &event["data"]);
        }
        self.commits += 1;
        (200, json!({"seq": execution.seq - 1, "cancel_requested": false}))
    }

    pub(crate) fn complete(&mut self, id: &str, body: &Value) -> (u16, Value) {
        let forgets = self.flaw == Flaw::ForgetsCompletions;
        let execution = self.executions.get_mut(id).unwrap();
        assert_eq!(body["lease"], format!("lease-{id}"));
        if forgets {
            return (200, json!({"seq": execution.seq}));
        }
        execution.add(id, "execution.completed", now(), &json!({"output": body["output"]}));
        execution.phase = "completed";
        self.commits += 1;
        (200, json!({"seq": execution.seq - 1}))
    }

    /// An event of the server's own.
    pub(crate) fn note(&mut self, id: &str, kind: &str) -> (u16, Value) {
        let execution = self.executions.get_mut(id).unwrap();
        execution.add(id, kind, now(), &json!({}));
        match kind {
            "execution.cancelled" => execution.phase = "cancelled",
            "execution.failed" => execution.phase = "failed",
            _ => {}
        }
        self.commits += 1;
        (200, json!({"seq": execution.seq - 1}))
    }

    pub(crate) fn is_cancelled(&self, id: &str) -> bool {
        let mut events = self.executions[id].events.iter();
        events.any(|event| event["type"] == "execution.cancel_requested")
    }

    /// Its runner is gone; here there is no grace.
    pub(crate) fn disconnected(&mut self, id: &str) {
        for kind in ["runner_disconnected", "attempt_failed", "failed"] {
            self.note(id, &format!("execution.{kind}"));
        }
    }

    pub(crate) fn page(&mut self, id: &str, after: usize, limit: usize) -> (u16, Value) {
        self.fire();
        let execution = &self.executions[id];
        let events: Vec<_> = execution.events.iter().skip(after).take(limit).collect();
        (200, json!({"events": events, "head": execution.seq - 1}))
    }

    /// What a watcher is shown after `seq`, and the phase if that is the end.
    pub(crate) fn shown(&mut self, id: &str, after: u64) -> (Vec<Value>, Option<&'static str>) {
        self.fire();
        let execution = &self.executions[id];
        let hides = self.flaw == Flaw::HidesAnEvent;
        let hidden = |event: &Value| hides && event["type"] == "execution.started";
        let new = |event: &&Value| event["seq"].as_u64().unwrap() > after;
        let events: Vec<_> = execution.events.iter().filter(new).cloned().collect();
        let events = events.into_iter().filter(|event| !hidden(event)).collect();
        let over = matches!(execution.phase, "completed" | "failed");
        (events, over.then_some(execution.phase))
    }

    pub(crate) fn supervisor(&mut self) -> Value {
        self.fire();
        let pending = self.executions.values().filter(|one| one.phase == "pending").count();
        let running = self.executions.values().filter(|one| one.phase == "in_progress").count();
        let events: u64 = self.executions.values().map(|one| one.seq - 1).sum();
        json!({
            "actors": {"executions": 0, "live": pending + running},
            "deadlines": {
                "armed": {"schedule_to_start": pending, "heartbeat": running},
                "fired": {"schedule_to_start": self.fired},
                "lateness_ms": {"p50": 0.1, "p99": 0.2, "max": 0.3, "count": self.fired},
            },
            "limbo": {"violations": []},
            "journal": {
                "batch_p50": 1.0, "batch_max": 1.0, "commits": self.commits, "events": events,
                "sync_ms": {"p50": 0.1, "p99": 0.2, "max": 0.3},
            },
            "boot": {"recovered": 0},
        })
    }

    /// Fails what is overdue.
    fn fire(&mut self) {
        let early = if self.flaw == Flaw::FiresEarly { 50_000 } else { 0 };
        let now = now();
        for (id, execution) in &mut self.executions {
            if execution.phase == "pending" && execution.deadline - early <= now {
                let data = json!({"reason": "schedule_to_start_timeout"});
                execution.phase = "failed";
                execution.add(id, "execution.failed", now, &data);
                self.fired += 1;
            }
        }
    }
}

impl Execution {
    fn add(&mut self, id: &str, kind: &str, at: i64, data: &Value) {
        let time = format!("{:.6}", Timestamp::from_microsecond(at).unwrap());
        self.events.push(json!({
            "seq": self.seq, "prev": self.seq - 1, "execution_id": id, "attempt": 1,
            "time": time, "type": kind, "data": data,
        }));
        self.seq += 1;
    }
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_micros()).unwrap()
}
