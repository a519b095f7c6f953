//! The live lists behind the table: it subscribes to one for each phase, so that however many are
//! newer, those that need somebody are shown, and subscribes again when the connection breaks or the
//! server restarts. A list is a state, so taking it up again is reading it anew.

use std::{borrow::Cow, collections::BTreeSet, time::Duration};

use heartline_execution::Phase;
use serde::Deserialize;
use serde_json::json;
use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, sleep},
};

use super::{Filter, rows};
use crate::cli::{
    client::{
        Client, Error, Problem,
        backoff::Backoff,
        socket::{Break, Socket, WATCH},
    },
    wire::Execution,
};

/// What is handed over and not yet read.
const HANDED_OVER: usize = 256;

/// What the lists say.
#[derive(Debug)]
pub(super) enum Told {
    /// The list of a phase begins; what was known of it may be old.
    Begins(Phase),
    /// A row as it stands.
    Row(Box<Execution>),
    /// In the list of that phase no more.
    Gone(Phase, String),
    /// All rows that stood at the beginning of that list were told.
    Complete(Phase),
    /// So were those of every list.
    Whole,
    /// The connection broke; it is being taken up again.
    Lost(String),
}

/// Running lists; dropping it ends their task.
pub(super) struct Feed {
    told: mpsc::Receiver<Result<Told, Error>>,
    task: AbortHandle,
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    op: Cow<'a, str>,
    /// Each subscription is named after its phase.
    #[serde(default)]
    id: Option<Phase>,
    #[serde(borrow, default)]
    execution: Option<Cow<'a, str>>,
    #[serde(default)]
    state: Option<Box<Execution>>,
    #[serde(default)]
    problem: Option<Problem>,
}

impl Feed {
    /// Follows the lists of `filter`; a server that is away is waited for as long as `patience`.
    pub(super) fn start(client: &Client, filter: Filter, patience: Duration) -> Self {
        let (tell, told) = mpsc::channel(HANDED_OVER);
        let lists = Lists {
            client: client.clone(),
            filter,
            patience,
            tell,
            backoff: Backoff::default(),
            lost_since: None,
            unlisted: BTreeSet::new(),
        };
        Self { told, task: tokio::spawn(lists.run()).abort_handle() }
    }

    /// The next thing; cancel-safe. `None` after an error.
    pub(super) async fn next(&mut self) -> Option<Result<Told, Error>> {
        self.told.recv().await
    }
}

struct Lists {
    client: Client,
    filter: Filter,
    patience: Duration,
    tell: mpsc::Sender<Result<Told, Error>>,
    backoff: Backoff,
    lost_since: Option<Instant>,
    /// Those of which not all rows of the beginning were told.
    unlisted: BTreeSet<Phase>,
}

impl Lists {
    async fn run(mut self) {
        loop {
            let ended = match Socket::connect(&self.client, WATCH).await {
                Ok(socket) => self.subscriptions(socket).await,
                Err(ended) => ended,
            };
            let (why, said) = match ended {
                Break::Done | Break::Unheard => return,
                Break::Refused(error) => return self.last(error).await,
                Break::Later(error) => (error.brief(), Some(error)),
                Break::Lost(why) => (why, None),
            };
            let at_least = said.as_ref().and_then(Error::retry_after).unwrap_or_default();
            let wait = at_least.max(self.backoff.next());
            let since = *self.lost_since.get_or_insert_with(Instant::now);
            if since.elapsed() + wait > self.patience {
                let server = self.client.server().to_owned();
                return self.last(said.unwrap_or(Error::Unreachable { server, why })).await;
            }
            if self.say(Told::Lost(why)).await.is_err() {
                return;
            }
            sleep(wait).await;
        }
    }

    async fn say(&self, told: Told) -> Result<(), Break> {
        self.tell.send(Ok(told)).await.map_err(|_| Break::Unheard)
    }

    async fn last(&self, error: Error) {
        // Nobody left to hear it is no loss.
        let _unheard = self.tell.send(Err(error)).await;
    }

    async fn subscriptions(&mut self, mut socket: Socket) -> Break {
        self.unlisted = Phase::ALL.into_iter().collect();
        for phase in Phase::ALL {
            let mut filter = self.filter.clone();
            filter.insert("phase", phase.as_str().to_owned());
            let subscribe =
                json!({"op": "subscribe", "id": phase, "filter": filter, "limit": rows(phase)});
            if let Err(ended) = socket.say(&subscribe).await {
                return ended;
            }
        }
        loop {
            let heard = match socket.next().await {
                Ok(text) => self.frame(&text).await,
                Err(ended) => return ended,
            };
            if let Err(ended) = heard {
                socket.close().await;
                return ended;
            }
        }
    }

    async fn frame(&mut self, text: &str) -> Result<(), Break> {
        let frame: Frame<'_> = serde_json::from_str(text).map_err(|error| {
            let server = self.client.server().to_owned();
            let what = format!("a frame that cannot be read ({error})");
            Break::Refused(Error::Foreign { server, what })
        })?;
        match (&*frame.op, frame.id, frame.execution, frame.state, frame.problem) {
            ("subscribed" | "reset", Some(phase), ..) => {
                self.unlisted.insert(phase);
                self.say(Told::Begins(phase)).await
            }
            ("enter" | "change", _, _, Some(execution), _) => self.say(Told::Row(execution)).await,
            ("leave", Some(phase), Some(execution), ..) => {
                self.say(Told::Gone(phase, execution.into_owned())).await
            }
            ("listed", Some(phase), ..) => self.listed(phase).await,
            ("error", .., Some(problem)) => Err(Break::of(problem)),
            _ => Ok(()),
        }
    }

    async fn listed(&mut self, phase: Phase) -> Result<(), Break> {
        self.say(Told::Complete(phase)).await?;
        self.unlisted.remove(&phase);
        if !self.unlisted.is_empty() {
            return Ok(());
        }
        // Not before: a server may take the connection and still refuse one of the lists.
        self.backoff.reset();
        self.lost_since = None;
        self.say(Told::Whole).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use serde_json::Value;
    use tokio::time::timeout;

    use super::*;
    use crate::cli::fake;

    const BOUND: Duration = Duration::from_secs(30);

    async fn server(answer: fn(&Value) -> Vec<Value>) -> (Client, Arc<AtomicU32>) {
        let (address, connections) = fake::server(WATCH.1, answer).await;
        (Client::new(&address).unwrap(), connections)
    }

    /// What is told up to the first that `last` says yes to, or to the end.
    async fn told(feed: &mut Feed, last: fn(&Told) -> bool) -> Vec<Result<Told, Error>> {
        let mut all = Vec::new();
        while let Some(told) = timeout(BOUND, feed.next()).await.expect("it goes on") {
            let over = told.as_ref().is_ok_and(last);
            all.push(told);
            if over {
                break;
            }
        }
        all
    }

    #[tokio::test]
    async fn each_phase_is_a_list_of_its_own() {
        let (client, _) = server(|asked| {
            assert_eq!(
                (&asked["filter"]["phase"], &asked["filter"]["queue"]),
                (&asked["id"], &json!("q"))
            );
            let id = &asked["id"];
            vec![
                json!({"op": "subscribed", "id": id, "limit": 1}),
                json!({"op": "listed", "id": id}),
            ]
        })
        .await;
        let filter = Filter::from([("queue", "q".to_owned())]);
        let mut feed = Feed::start(&client, filter, BOUND);
        let all = told(&mut feed, |told| matches!(told, Told::Whole)).await;
        for phase in Phase::ALL {
            let is =
                |told: &Result<Told, Error>| matches!(told, Ok(Told::Complete(p)) if *p == phase);
            assert_eq!(all.iter().filter(|told| is(told)).count(), 1, "{phase:?} in {all:?}");
        }
    }

    fn refused_waiting(asked: &Value, retry_after: Option<u64>) -> Vec<Value> {
        let id = &asked["id"];
        let begins = json!({"op": "subscribed", "id": id, "limit": 1});
        if id != "waiting" {
            return vec![begins, json!({"op": "listed", "id": id})];
        }
        let problem = json!({"status": 429, "code": "too_many_subscriptions", "detail": "full",
            "retry_after": retry_after});
        vec![begins, json!({"op": "error", "id": id, "problem": problem})]
    }

    #[tokio::test]
    async fn a_server_that_refuses_a_list_is_asked_ever_more_seldom_and_not_for_ever() {
        let (client, connections) = server(|asked| refused_waiting(asked, None)).await;
        let mut feed = Feed::start(&client, Filter::new(), Duration::from_secs(2));
        let all = told(&mut feed, |_| false).await;
        assert!(matches!(all.last(), Some(Err(Error::Problem(_)))), "{all:?}");
        assert!(connections.load(Ordering::Relaxed) < 10, "{connections:?}");
    }

    #[tokio::test]
    async fn the_server_says_when_to_come_back() {
        let (client, connections) = server(|asked| refused_waiting(asked, Some(60))).await;
        let mut feed = Feed::start(&client, Filter::new(), Duration::from_secs(5));
        let all = told(&mut feed, |_| false).await;
        assert!(matches!(all.last(), Some(Err(Error::Problem(_)))), "{all:?}");
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }
}
