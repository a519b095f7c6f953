//! The producers under load: each creates executions, claims what there is, writes to it, and ends
//! it in one of the ways there are. What it was told goes into the ledger; what it was not told it
//! asks again.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc;

use super::{
    api::{Lease, Request},
    chance::Chance,
    clients::{Shared, Told},
    ledger::{Batch, Post, Step},
};

pub(crate) const QUEUE: &str = "load";
/// Short enough that what a kill has orphaned comes back before the test ends.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// How a runner leaves an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Complete,
    /// It will not be retried.
    Fail,
    /// It will be.
    FailAttempt,
    /// Asks a person, waits for the answer, and completes.
    Ask,
    /// Asks a person and gives the lease back.
    Park,
    /// A person asked it to stop.
    Cancel,
    /// Without a word, as a runner that died.
    Abandon,
}

const ENDINGS: [Ending; 12] = [
    Ending::Complete,
    Ending::Complete,
    Ending::Complete,
    Ending::Complete,
    Ending::Complete,
    Ending::Complete,
    Ending::Fail,
    Ending::FailAttempt,
    Ending::Ask,
    Ending::Park,
    Ending::Cancel,
    Ending::Abandon,
];

/// The lease was lost.
struct Superseded;

/// One producer.
pub(crate) struct Runner {
    world: Shared,
    name: String,
    chance: Chance,
    created: usize,
    /// Executions for watchers to follow.
    to_watch: mpsc::Sender<String>,
}

/// One lease in hand.
struct Turn {
    lease: Lease,
    /// Before the last call that the server accepted was sent for the first time.
    heard: Instant,
    /// The start of the server under which the lease was granted.
    generation: usize,
    has_survived: bool,
    batch: u64,
}

impl Runner {
    pub(crate) fn new(
        world: Shared,
        name: String,
        chance: Chance,
        to_watch: mpsc::Sender<String>,
    ) -> Self {
        Self { world, name, chance, created: 0, to_watch }
    }

    /// Makes work and does work until it is told to close, then does what is left.
    pub(crate) async fn run(mut self) {
        while !self.world.is_closing() {
            self.create().await;
            self.claim("1s").await;
            if self.chance.one_in(20) {
                let view = self.world.tell(&Request::get("/v1/supervisor")).await.answer.ok();
                assert_eq!(view["limbo"]["violations"], json!([]), "{view}");
            }
        }
        while self.is_anything_left().await {
            self.claim("250ms").await;
        }
    }

    async fn is_anything_left(&self) -> bool {
        for phase in ["pending", "in_progress"] {
            let path = format!("/v1/executions?queue={QUEUE}&phase={phase}&limit=1");
            let listed = self.world.tell(&Request::get(path)).await.answer.ok();
            if listed["executions"].as_array().is_some_and(|some| !some.is_empty()) {
                return true;
            }
        }
        false
    }

    async fn create(&mut self) {
        self.created += 1;
        let key = format!("{}-{}", self.name, self.created);
        let body = json!({
            "kind": *self.chance.pick(&["agent", "workflow"]),
            "name": key,
            "queue": QUEUE,
            "input": {"n": self.created},
            "labels": {"by": self.name},
            "timeouts": {"schedule_to_start": "5m", "heartbeat": format!("{HEARTBEAT:?}")},
            "retry": {"max_attempts": 1000, "initial_backoff": "10ms", "factor": 1},
        });
        let request = Request::create(&body, &key);
        let id = id_of(&self.world.tell(&request).await);
        if self.chance.one_in(4) {
            assert_eq!(id_of(&self.world.tell(&request).await), id, "one key, two executions");
        }
        self.world.ledger.open().created.insert(key, id.clone());
        // The watchers have enough to do when it is full.
        drop(self.to_watch.try_send(id));
    }

    async fn claim(&mut self, wait: &str) {
        let asked = Instant::now();
        let generation = self.world.generation();
        let told = self.world.tell(&Request::claim(QUEUE, &self.name, wait)).await;
        let Some(lease) = told.answer.lease() else { return };
        self.note("execution.started", &lease, None);
        let mut turn = Turn { lease, heard: asked, generation, has_survived: false, batch: 0 };
        self.speak_as_the_one_before(&turn).await;
        // Losing the lease ends the work on it; whether that was right is checked where it shows.
        if let Err(Superseded) = self.work(&mut turn).await {
            self.world.ledger.open().counts.superseded += 1;
        }
    }

    async fn work(&mut self, turn: &mut Turn) -> Result<(), Superseded> {
        for _ in 0..self.chance.within(1, 8) {
            self.post(turn).await?;
            if self.chance.one_in(3) {
                self.beat(turn).await?;
            }
        }
        let ending = match self.world.is_closing() {
            true => Ending::Complete,
            false => *self.chance.pick(&ENDINGS),
        };
        self.end(turn, ending).await
    }

    async fn end(&mut self, turn: &mut Turn, ending: Ending) -> Result<(), Superseded> {
        let id = turn.lease.execution.clone();
        let error = |retryable: bool| {
            let error = json!({"code": "tired", "message": "I am tired.", "retryable": retryable});
            json!({ "error": error })
        };
        let output = json!({"output": {"by": self.name}});
        match ending {
            Ending::Complete => self.step(turn, "complete", output, "execution.completed").await,
            Ending::Fail => self.step(turn, "fail", error(false), "execution.failed").await,
            Ending::FailAttempt => {
                self.step(turn, "fail", error(true), "execution.retry_scheduled").await
            }
            Ending::Ask => {
                // A repeat of this call is refused: it waits already.
                let ask = Request::under(&turn.lease, "wait", json!({"prompt": "May I?"}));
                let told = self.heard(turn, &ask).await?;
                assert!(told.answer.status == 200 || told.sent > 1, "{:?}", told.answer);
                self.answer(&id).await;
                self.post(turn).await?;
                self.step(turn, "complete", output, "execution.completed").await
            }
            Ending::Park => {
                let question = json!({"prompt": "Go on?", "hold": false});
                self.step(turn, "wait", question, "execution.waiting").await?;
                self.answer(&id).await;
                Ok(())
            }
            Ending::Cancel => {
                let cancel = Request::by_person(&id, "cancel", json!({"reason": "enough"}));
                self.world.tell(&cancel).await.answer.ok();
                let beat = Request::under(&turn.lease, "heartbeat", json!({}));
                let told = self.heard(turn, &beat).await?.answer.ok();
                assert_eq!(told["cancel_requested"], true, "{told}");
                self.step(turn, "cancelled", json!({}), "execution.cancelled").await
            }
            Ending::Abandon => {
                self.world.ledger.open().abandoned.insert(id, turn.lease.clone());
                Ok(())
            }
        }
    }

    /// Answers as the person who was asked. When no answer came to that, it may have been heard.
    async fn answer(&self, execution: &str) {
        let resume = Request::by_person(execution, "resume", json!({"input": {"yes": true}}));
        let told = self.world.tell(&resume).await;
        assert!(told.answer.status == 200 || told.sent > 1, "{:?}", told.answer);
    }

    /// Writes a batch and sends it until it is acknowledged.
    async fn post(&mut self, turn: &mut Turn) -> Result<(), Superseded> {
        turn.batch += self.chance.within(1, 3);
        let posts = self.posts(&turn.lease, turn.batch);
        let request = Request::events(&turn.lease, turn.batch, &array(&posts));
        let place = self.begin(&turn.lease, posts);
        let generation = self.world.generation();
        let told = self.heard(turn, &request).await?;
        let seq = told.answer.seq();
        {
            let mut book = self.world.ledger.open();
            book.batches[place].acknowledged = Some(seq);
            book.counts.retried += usize::from(told.sent > 1);
            if generation > turn.generation && !turn.has_survived {
                turn.has_survived = true;
                book.counts.leases_survived += 1;
            }
        }
        if self.chance.one_in(5) {
            let again = self.heard(turn, &request).await?;
            assert_eq!(again.answer.seq(), seq, "a repeated batch is answered as before");
            self.world.ledger.open().counts.repeated += 1;
        }
        Ok(())
    }

    async fn beat(&mut self, turn: &mut Turn) -> Result<(), Superseded> {
        let progress = json!({"progress": {"fraction": self.chance.unit()}});
        let beat = Request::under(&turn.lease, "heartbeat", progress);
        self.heard(turn, &beat).await?.answer.ok();
        Ok(())
    }

    /// A call that ends the turn, and the event it is acknowledged with.
    async fn step(
        &self,
        turn: &mut Turn,
        call: &str,
        body: serde_json::Value,
        kind: &'static str,
    ) -> Result<(), Superseded> {
        let told = self.heard(turn, &Request::under(&turn.lease, call, body)).await?;
        self.note(kind, &turn.lease, Some(told.answer.seq()));
        Ok(())
    }

    /// Sends a call under a lease until it is answered. A lease is lost only by silence.
    async fn heard(&self, turn: &mut Turn, request: &Request) -> Result<Told, Superseded> {
        let sent = Instant::now();
        let told = self.world.tell(request).await;
        if told.answer.status == 409 && told.answer.code() == "lease_superseded" {
            let silent = turn.heard.elapsed();
            assert!(
                silent >= HEARTBEAT,
                "lost {:?} after {silent:?}: {:?}",
                turn.lease,
                told.answer
            );
            return Err(Superseded);
        }
        turn.heard = sent;
        Ok(told)
    }

    /// Whoever left this execution without a word speaks up: it must not be heard (invariant E).
    async fn speak_as_the_one_before(&mut self, turn: &Turn) {
        let before = self.world.ledger.open().abandoned.remove(&turn.lease.execution);
        let Some(lease) = before else { return };
        let posts = self.posts(&lease, u64::MAX >> 12);
        let request = Request::events(&lease, u64::MAX >> 12, &array(&posts));
        let place = self.begin(&lease, posts);
        let answer = self.world.tell(&request).await.answer;
        assert_eq!((answer.status, &*answer.code()), (409, "lease_superseded"), "{answer:?}");
        let mut book = self.world.ledger.open();
        book.batches[place].fenced = true;
        book.counts.fenced += 1;
    }

    /// Up to five events that no other batch has.
    fn posts(&mut self, lease: &Lease, batch: u64) -> Vec<Post> {
        let count = self.chance.within(1, 5);
        let post = |index| {
            let mark = format!("{}/{}/{batch}/{index}", lease.execution, lease.attempt);
            let pad = "x".repeat(self.chance.below(300));
            // The odd spelling of values and spaces has to come back as it is.
            let (kind, data) = match self.chance.below(3) {
                0 => ("CUSTOM", proof(&mark, &pad)),
                1 => ("CUSTOM", said(&mark, &pad)),
                _ => ("TEXT_MESSAGE_CHUNK", written(batch, &mark, &pad)),
            };
            Post { kind, data }
        };
        (0..count).map(post).collect()
    }

    fn begin(&self, lease: &Lease, posts: Vec<Post>) -> usize {
        let mut book = self.world.ledger.open();
        let batch = Batch { lease: lease.clone(), posts, acknowledged: None, fenced: false };
        book.batches.push(batch);
        book.batches.len() - 1
    }

    fn note(&self, kind: &'static str, lease: &Lease, seq: Option<u64>) {
        let (execution, attempt) = (lease.execution.clone(), lease.attempt);
        self.world.ledger.open().steps.push(Step { execution, kind, attempt, seq });
    }
}

fn proof(mark: &str, pad: &str) -> String {
    format!(r#"{{"name":"proof","value":{{"mark":"{mark}", "n" : 1.0,"pad":"{pad}"}}}}"#)
}

fn said(mark: &str, pad: &str) -> String {
    format!(r#"{{"name":"log","value":{{"level":"info","message":"{mark} {pad}"}}}}"#)
}

fn written(message: u64, mark: &str, pad: &str) -> String {
    format!(r#"{{"messageId":"m{message}","delta":"{mark} \u00e9{pad}"}}"#)
}

fn array(posts: &[Post]) -> String {
    format!("[{}]", posts.iter().map(Post::json).collect::<Vec<_>>().join(","))
}

fn id_of(told: &Told) -> String {
    assert_eq!(told.answer.status, 201, "{:?}", told.answer);
    let body = told.answer.ok();
    body["execution"]["id"].as_str().expect("an id").to_owned()
}
