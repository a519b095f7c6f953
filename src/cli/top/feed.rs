//! The live list behind the table: it subscribes, and subscribes again when the connection breaks
//! or the server restarts. A list is a state, so taking it up again is reading it anew.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, sleep},
};

use crate::cli::{
    client::{
        Client, Error, Problem,
        backoff::Backoff,
        socket::{Break, Socket, WATCH},
    },
    follow::PATIENCE,
    wire::Execution,
};

/// What is handed over and not yet read.
const HANDED_OVER: usize = 256;

/// What the list says.
#[derive(Debug)]
pub(super) enum Told {
    /// It begins; what was known may be old.
    Begins,
    /// A row as it stands.
    Row(Box<Execution>),
    /// In the list no more.
    Gone(String),
    /// All rows of the beginning were told.
    Complete,
    /// The connection broke; it is being taken up again.
    Lost(String),
}

/// A running list; dropping it ends its task.
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
    #[serde(borrow, default)]
    execution: Option<Cow<'a, str>>,
    #[serde(default)]
    state: Option<Box<Execution>>,
    #[serde(default)]
    problem: Option<Problem>,
}

impl Feed {
    /// Follows the list of `filter`, beginning with at most `rows` rows.
    pub(super) fn start(client: &Client, filter: Value, rows: u32) -> Self {
        let (tell, told) = mpsc::channel(HANDED_OVER);
        let list = List { client: client.clone(), filter, rows, tell };
        Self { told, task: tokio::spawn(list.run()).abort_handle() }
    }

    /// The next thing; cancel-safe. `None` after an error.
    pub(super) async fn next(&mut self) -> Option<Result<Told, Error>> {
        self.told.recv().await
    }
}

struct List {
    client: Client,
    filter: Value,
    rows: u32,
    tell: mpsc::Sender<Result<Told, Error>>,
}

impl List {
    async fn run(self) {
        let mut backoff = Backoff::default();
        let mut lost_since = None;
        loop {
            let ended = match Socket::connect(&self.client, WATCH).await {
                Ok(socket) => {
                    backoff.reset();
                    lost_since = None;
                    self.subscription(socket).await
                }
                Err(ended) => ended,
            };
            let why = match ended {
                Break::Done | Break::Unheard => return,
                Break::Refused(error) => return self.last(error).await,
                Break::Later(error) => error.brief(),
                Break::Lost(why) => why,
            };
            let since = *lost_since.get_or_insert_with(Instant::now);
            if since.elapsed() > PATIENCE {
                let server = self.client.server().to_owned();
                return self.last(Error::Unreachable { server, why }).await;
            }
            if self.say(Told::Lost(why)).await.is_err() {
                return;
            }
            sleep(backoff.next()).await;
        }
    }

    async fn say(&self, told: Told) -> Result<(), Break> {
        self.tell.send(Ok(told)).await.map_err(|_| Break::Unheard)
    }

    async fn last(&self, error: Error) {
        // Nobody left to hear it is no loss.
        let _unheard = self.tell.send(Err(error)).await;
    }

    async fn subscription(&self, mut socket: Socket) -> Break {
        let subscribe =
            json!({"op": "subscribe", "id": 1, "filter": self.filter, "limit": self.rows});
        if let Err(ended) = socket.say(&subscribe).await {
            return ended;
        }
        loop {
            let heard = match socket.next().await {
                Ok(text) => self.frame(&text).await,
                Err(ended) => return ended,
            };
            if let Err(ended) = heard {
                return ended;
            }
        }
    }

    async fn frame(&self, text: &str) -> Result<(), Break> {
        let frame: Frame<'_> = serde_json::from_str(text).map_err(|error| {
            let server = self.client.server().to_owned();
            let what = format!("a frame that cannot be read ({error})");
            Break::Refused(Error::Foreign { server, what })
        })?;
        let told = match (&*frame.op, frame.execution, frame.state, frame.problem) {
            ("subscribed" | "reset", ..) => Told::Begins,
            ("enter" | "change", _, Some(execution), _) => Told::Row(execution),
            ("leave", Some(execution), ..) => Told::Gone(execution.into_owned()),
            ("listed", ..) => Told::Complete,
            ("error", .., Some(problem)) => {
                let error = Error::Problem(Box::new(problem));
                let again = error.is_transient();
                return Err(if again { Break::Lost(error.brief()) } else { Break::Refused(error) });
            }
            _ => return Ok(()),
        };
        self.say(told).await
    }
}
