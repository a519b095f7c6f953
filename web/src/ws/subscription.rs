//! The pulled half of a socket: its subscriptions, each a cursor that is asked for more only when
//! the socket takes more.

use std::{
    collections::HashMap,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{
    Stream, StreamExt as _,
    stream::{self, AbortHandle, Abortable, SelectAll},
};
use heartline_actors::{Next, Start, Transport};
use heartline_execution::ExecutionId;

use super::{
    desk::Close,
    frames::{self, About},
    list::Listed,
    ops::{One, Op, Subscribe, Target},
    resource::{self, Watched},
};
use crate::{
    app::{App, execution_id},
    encode::{self, Frames, Framing},
    error::{Code, Problem},
    view::Lens,
    watching::{self, Watch},
};

/// What one subscription brings.
enum Brought {
    Frames(Frames),
    /// The last frames: it ended, or could not begin for this reason.
    Last(Frames, Option<Code>),
}

/// What becomes of the socket.
pub(super) enum Happened {
    Frames(Frames),
    /// Its only subscription is over.
    Over(Close),
}

/// A subscription that is open.
struct Open {
    handle: AbortHandle,
    of_resource: bool,
}

type Opened = Abortable<Pin<Box<dyn Stream<Item = (Rc<str>, Brought)>>>>;

/// All subscriptions of a socket.
pub(super) struct Subscriptions {
    app: Arc<App>,
    /// Stands as `request_id` in problems.
    connection: String,
    open: HashMap<String, Open>,
    all: SelectAll<Opened>,
    /// The socket is for one execution and closes with it.
    only: bool,
    /// How the only one ended.
    over: Option<Close>,
}

impl Subscriptions {
    pub(super) fn new(app: Arc<App>, connection: String) -> Self {
        Self {
            app,
            connection,
            open: HashMap::new(),
            all: SelectAll::new(),
            only: false,
            over: None,
        }
    }

    /// Subscribes to what the URL names; the socket closes when that ends.
    pub(super) fn only(&mut self, subscribe: Subscribe) {
        self.only = true;
        self.start(String::new(), subscribe);
    }

    /// Takes up an operation; bytes where it is answered at once.
    pub(super) fn take(&mut self, op: Op) -> Option<Frames> {
        match op {
            Op::Unsubscribe(id) => {
                // Unknown ids are answered too: the subscription may have ended just now.
                if let Some(open) = self.open.remove(&id) {
                    open.handle.abort();
                }
                Some(frames::unsubscribed(&id))
            }
            // Nothing of a watcher's is read as one.
            Op::Runner(_) => None,
            Op::Subscribe(subscribe) => {
                let id = subscribe.id.clone().unwrap_or_default();
                match self.refusal(&id, &subscribe) {
                    Some(problem) => {
                        Some(frames::error_frame(Some(&id), &problem, &self.connection))
                    }
                    None => {
                        self.start(id, subscribe);
                        None
                    }
                }
            }
        }
    }

    /// Why a subscription cannot be opened beside those that are.
    fn refusal(&self, id: &str, subscribe: &Subscribe) -> Option<Problem> {
        if self.open.contains_key(id) {
            let message = format!("{id} is the id of an open subscription");
            return Some(Problem::at(Code::SubscriptionExists, "/id", message));
        }
        let most = self.app.config.feed.per_connection;
        let of_resources = || self.open.values().filter(|open| open.of_resource).count();
        let detail = if self.open.len() >= most {
            format!(
                "A connection has at most {most} subscriptions; feed.per_connection says so. \
                 Unsubscribe from some, or open another connection."
            )
        } else if subscribe.to.is_resource() && of_resources() >= resource::AT_ONCE {
            format!(
                "A connection watches at most {} resources at once. Unsubscribe from some first.",
                resource::AT_ONCE
            )
        } else {
            return None;
        };
        Some(Problem::new(Code::TooManySubscriptions, detail))
    }

    fn start(&mut self, id: String, subscribe: Subscribe) {
        let of_resource = subscribe.to.is_resource();
        let subscription = Subscription {
            app: Arc::clone(&self.app),
            connection: self.connection.clone(),
            id: subscribe.id,
            at: At::Begin(subscribe.to),
        };
        let of: Rc<str> = id.as_str().into();
        let brought = stream::unfold(Box::new(subscription), move |mut subscription| {
            let of = Rc::clone(&of);
            async move {
                let brought = subscription.next().await?;
                Some(((of, brought), subscription))
            }
        });
        let (handle, registration) = AbortHandle::new_pair();
        self.all.push(Abortable::new(brought.boxed_local(), registration));
        self.open.insert(id, Open { handle, of_resource });
    }

    /// The next bytes of any subscription.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Happened> {
        if let Some(close) = self.over.take() {
            return Poll::Ready(Happened::Over(close));
        }
        match self.all.poll_next_unpin(context) {
            Poll::Ready(Some((_, Brought::Frames(frames)))) => {
                Poll::Ready(Happened::Frames(frames))
            }
            Poll::Ready(Some((id, Brought::Last(frames, failed)))) => {
                self.open.remove(&*id);
                if self.only && id.is_empty() {
                    self.over = Some(closing(failed));
                }
                Poll::Ready(Happened::Frames(frames))
            }
            // None for now; the next operation starts one, and comes with a wake-up of its own.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

/// How a socket for one execution closes: after its end, or because it could not begin.
fn closing(failed: Option<Code>) -> Close {
    match failed {
        None => Close::new(1000, "the execution is over"),
        Some(Code::ExecutionNotFound) => Close::new(4404, "no such execution"),
        Some(Code::ShuttingDown) => Close::new(1001, "the server is stopping"),
        Some(code) if code.status() == 503 || code.status() == 429 => {
            Close::new(1013, code.title())
        }
        Some(code) if code.status() < 500 => Close::new(4400, code.title()),
        Some(code) => Close::new(1011, code.title()),
    }
}

enum At {
    Begin(Target),
    Following(ExecutionId, Box<Watch>),
    Listing(Box<Listed>),
    Watching(Box<Watched>),
    Over,
}

struct Subscription {
    app: Arc<App>,
    connection: String,
    /// The client's, as JSON. `None` for the one that the URL asks for.
    id: Option<String>,
    at: At,
}

impl Subscription {
    async fn next(&mut self) -> Option<Brought> {
        match &mut self.at {
            At::Begin(to) => {
                let to = to.clone();
                // Boxed: what it takes to begin is not kept while the subscription goes on.
                Some(Box::pin(self.begin(to)).await)
            }
            At::Following(execution, watch) => {
                let brought = follow(*execution, watch).await;
                match brought {
                    Ok(Brought::Last(frames, failed)) => {
                        self.at = At::Over;
                        Some(Brought::Last(frames, failed))
                    }
                    Ok(frames) => Some(frames),
                    Err(problem) => Some(self.failed(&problem)),
                }
            }
            At::Listing(list) => loop {
                match Box::pin(list.next()).await {
                    Ok(frames) if frames.bytes.is_empty() => {}
                    Ok(frames) => return Some(Brought::Frames(frames)),
                    Err(problem) => return Some(self.failed(&problem)),
                }
            },
            At::Watching(watched) => match Box::pin(watched.next(&self.app)).await {
                Ok(frames) => Some(Brought::Frames(frames)),
                Err(problem) => Some(self.failed(&problem)),
            },
            At::Over => None,
        }
    }

    async fn begin(&mut self, to: Target) -> Brought {
        let id = self.id.as_deref().unwrap_or("null");
        let one = match to {
            Target::Execution(one) => one,
            Target::List(of) => {
                let opened = Listed::open(&self.app, id, *of);
                return self
                    .began(opened.map(|(list, frames)| (At::Listing(Box::new(list)), frames)));
            }
            Target::Resource(path) => {
                let opened = Watched::open(&self.app, id, &path);
                return self.began(
                    opened.map(|(watched, frames)| (At::Watching(Box::new(watched)), frames)),
                );
            }
        };
        match self.open(&one).await {
            Ok((execution, mut watch)) => {
                let (id, head) = (self.id.as_deref(), watch.head);
                let mut about = About::new(execution).subscribed(id, head, watch.oldest);
                if watch.ahead {
                    about = about.reset("ahead_of_log", watch.oldest);
                }
                if let Some(snapshot) = watch.snapshot.take() {
                    about = about.snapshot(&snapshot);
                }
                self.at = At::Following(execution, Box::new(watch));
                Brought::Frames(about.into_frames())
            }
            Err(problem) => self.failed(&problem),
        }
    }

    fn began(&mut self, opened: Result<(At, Frames), Problem>) -> Brought {
        match opened {
            Ok((at, frames)) => {
                self.at = at;
                Brought::Frames(frames)
            }
            Err(problem) => self.failed(&problem),
        }
    }

    async fn open(&self, one: &One) -> Result<(ExecutionId, Watch), Problem> {
        let execution = execution_id(&one.execution)?;
        let start = if one.snapshot { Start::Snapshot } else { Start::After(one.after) };
        let watch =
            watching::open(&self.app, execution, one.view, start, Transport::WebSocket).await?;
        Ok((execution, watch))
    }

    /// It is over, for this reason.
    fn failed(&mut self, problem: &Problem) -> Brought {
        tracing::debug!(%problem, connection = self.connection, "a subscription failed");
        self.at = At::Over;
        let frame = frames::error_frame(self.id.as_deref(), problem, &self.connection);
        Brought::Last(frame, Some(problem.code()))
    }
}

/// What comes next of an execution.
async fn follow(execution: ExecutionId, watch: &mut Watch) -> Result<Brought, Problem> {
    let about = About::new(execution);
    loop {
        let frames = match watch.cursor.next().await? {
            Next::Events(chunk, from) => {
                let frames = encode::chunk(&mut watch.lens, &chunk, from, Framing::WebSocket);
                if frames.bytes.is_empty() {
                    continue; // The view hides them all.
                }
                return Ok(Brought::Frames(frames));
            }
            Next::Lag { at, head } => about.lag(at, head),
            Next::Live { seq } => about.live(seq),
            Next::Reset { oldest, reason } => {
                watch.lens = Lens::new(watch.lens.view());
                about.reset(reason, oldest)
            }
            Next::End { seq, phase } => {
                return Ok(Brought::Last(about.end(seq, phase).into_frames(), None));
            }
        };
        return Ok(Brought::Frames(frames.into_frames()));
    }
}
