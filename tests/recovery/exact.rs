//! Kills at exact points of a commit: before it, after it, and after its acknowledgement. Each
//! point is tried on each step of a short life, which then goes on to its end.

use serde_json::json;

use super::{
    api::{Answer, Api, Lease, Lost, Request},
    log,
    server::Site,
};

const QUEUE: &str = "exact";
/// Two events.
const BATCH: &str = r#"[{"type":"CUSTOM","data":{"name":"proof","value":1}},
                        {"type":"CUSTOM","data":{"name":"proof","value":2}}]"#;

/// One commit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Create,
    Claim,
    FirstBatch,
    SecondBatch,
    Complete,
}

impl Step {
    const ALL: [Self; 5] =
        [Self::Create, Self::Claim, Self::FirstBatch, Self::SecondBatch, Self::Complete];

    /// What it adds to the log.
    fn adds(self) -> &'static [&'static str] {
        match self {
            Self::Create => &["execution.created"],
            Self::Claim => &["execution.started"],
            Self::FirstBatch | Self::SecondBatch => &["CUSTOM", "CUSTOM"],
            Self::Complete => &["execution.completed"],
        }
    }
}

/// A life with one creator and one runner, who know what they were told and no more.
struct Story {
    api: Api,
    heartbeat: &'static str,
    id: Option<String>,
    lease: Option<Lease>,
    /// The log as it should be.
    log: Vec<&'static str>,
}

impl Story {
    fn request(&self, step: Step) -> Request {
        let lease = || self.lease.as_ref().expect("the claim was answered");
        match step {
            Step::Create => {
                let body = json!({
                    "kind": "agent", "name": "exact", "queue": QUEUE,
                    "timeouts": {"heartbeat": self.heartbeat},
                    "retry": {"max_attempts": 2, "initial_backoff": "10ms"},
                });
                Request::create(&body, "once")
            }
            Step::Claim => Request::claim(QUEUE, "runner", "20s"),
            Step::FirstBatch => Request::events(lease(), 1, BATCH),
            Step::SecondBatch => Request::events(lease(), 2, BATCH),
            Step::Complete => Request::under(lease(), "complete", json!({"output": {"n": 1}})),
        }
    }

    /// A step that is answered: takes note of what it is told, and that it is right.
    fn told(&mut self, step: Step, answer: &Answer) {
        match step {
            Step::Create => {
                let body = answer.ok();
                let id = body["execution"]["id"].as_str().expect("an id").to_owned();
                assert!(self.id.as_ref().is_none_or(|known| *known == id), "two of one key");
                self.id = Some(id);
            }
            Step::Claim => self.lease = Some(answer.lease().expect("it waits in the queue")),
            Step::FirstBatch | Step::SecondBatch | Step::Complete => {
                assert_eq!(answer.seq(), self.log.len() as u64, "{step:?}: {answer:?}");
            }
        }
    }

    async fn take(&mut self, step: Step) {
        let answer = self.api.ask(&self.request(step)).await;
        self.log.extend(step.adds());
        self.told(step, &answer);
    }

    /// The types in the log; none when there is no execution.
    async fn stored(&mut self) -> Vec<String> {
        let listed = self.api.list(None).await;
        assert!(listed.len() <= 1, "one key, two executions: {listed:?}");
        let Some(execution) = listed.first() else { return Vec::new() };
        let id = execution["id"].as_str().expect("an id").to_owned();
        assert!(self.id.as_ref().is_none_or(|known| *known == id), "{id} is not what was created");
        let log = log::read(&self.api, &id).await;
        self.id = Some(id);
        log::types(&log).into_iter().map(str::to_owned).collect()
    }
}

/// Lives up to `fatal`, at which the server kills itself; gives what came of that.
async fn killed_at(site: &Site, point: &str, fatal: Step) -> (Story, Result<Answer, Lost>) {
    // The lease that nobody learns of has to run out; no other may.
    let heartbeat = if fatal == Step::Claim { "1s" } else { "60s" };
    let mut story = Story { api: site.api(), heartbeat, id: None, lease: None, log: Vec::new() };
    let mut server = site.start_doomed(&format!("{point}:{}", fatal as usize + 1)).await;
    for step in Step::ALL.into_iter().take_while(|step| *step < fatal) {
        story.take(step).await;
    }
    let outcome = story.api.send(&story.request(fatal)).await;
    server.killed().await;
    (story, outcome)
}

/// The rest of the life, and its whole log.
async fn goes_on(mut story: Story, after: Step) {
    for step in Step::ALL.into_iter().filter(|step| *step > after) {
        story.take(step).await;
    }
    assert_eq!(story.stored().await, story.log, "after a kill at {after:?}");
}

/// A claim that is durable and that its runner was not told of: the lease runs out and the next
/// attempt goes on.
async fn claims_anew(story: &mut Story) {
    story.log.extend(["execution.attempt_failed", "execution.retry_scheduled"]);
    story.take(Step::Claim).await;
    assert_eq!(story.lease.as_ref().map(|lease| lease.attempt), Some(2));
    let id = story.id.clone().expect("it was found");
    let failed = log::wait_for_type(&story.api, &id, "execution.attempt_failed").await.data();
    assert_eq!(failed["reason"], "heartbeat_timeout", "{failed}");
    let detail = failed["error"]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("restarted"), "it does not tell of the restart: {failed}");
}

fn site() -> Site {
    Site::new().with("HEARTLINE_SUPERVISION_BOOT_GRACE", "100ms")
}

#[tokio::test]
async fn killed_before_a_commit_nothing_is_there_and_the_same_request_again_does_it_once() {
    for fatal in Step::ALL {
        let site = site();
        let (mut story, outcome) = killed_at(&site, "before_commit", fatal).await;
        assert!(outcome.is_err(), "{fatal:?} was acknowledged before it was durable: {outcome:?}");
        let _server = site.start().await;
        assert_eq!(story.stored().await, story.log, "{fatal:?}");
        story.take(fatal).await;
        goes_on(story, fatal).await;
        site.assert_no_errors_logged();
    }
}

#[tokio::test]
async fn killed_after_a_commit_it_is_there_and_the_same_request_again_is_told_so() {
    for fatal in Step::ALL {
        let site = site();
        let (mut story, outcome) = killed_at(&site, "after_commit", fatal).await;
        assert!(outcome.is_err(), "{fatal:?} was acknowledged by a server that had died");
        story.log.extend(fatal.adds());
        let _server = site.start().await;
        if fatal == Step::Claim {
            claims_anew(&mut story).await;
        } else {
            assert_eq!(story.stored().await, story.log, "{fatal:?}");
            let again = story.api.ask(&story.request(fatal)).await;
            story.told(fatal, &again);
            assert_eq!(story.stored().await, story.log, "{fatal:?} appended something again");
        }
        goes_on(story, fatal).await;
        site.assert_no_errors_logged();
    }
}

#[tokio::test]
async fn killed_after_an_acknowledgement_what_was_acknowledged_is_there() {
    for fatal in Step::ALL {
        let site = site();
        let (mut story, outcome) = killed_at(&site, "after_ack", fatal).await;
        story.log.extend(fatal.adds());
        let _server = site.start().await;
        // The kernel may have sent the answer or not: the server was gone as soon as it was told.
        match outcome {
            Ok(answer) => story.told(fatal, &answer),
            Err(_) if fatal == Step::Claim => claims_anew(&mut story).await,
            Err(_) => {}
        }
        assert_eq!(story.stored().await, story.log, "{fatal:?}");
        if fatal != Step::Claim {
            let again = story.api.ask(&story.request(fatal)).await;
            story.told(fatal, &again);
        }
        goes_on(story, fatal).await;
        site.assert_no_errors_logged();
    }
}
