//! The actor that knows every stream: it asks the rules, hands what they decide to the journal, and
//! removes what is over.
//!
//! As with an execution, the state here runs ahead of the disk, and whoever asks is answered after
//! the commit. After an append that failed a stream's state is read from the log again. A deletion is
//! a note like any other: readers learn of it once it is durable, and the log goes after that.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use actix::{Actor, ActorFutureExt, Arbiter, AsyncContext, Context, Handler, Message, WrapFuture};
use bytes::Bytes;
use heartline_execution::{
    ExecutionId, Phase, Span, Timestamp,
    stream::{Command, Config, Fork, Note, Outcome, Rejection, State, base, decide, same_type},
};
use heartline_storage::{Append, Record};
use tokio::sync::oneshot;

use super::{
    Stream, StreamError, Written,
    log::{Found, ended, load, records, snapshot, summary},
    namespace, new_id,
    reading::{Part, Reading},
    written,
};
use crate::{
    blocking,
    core::Core,
    feed::Feed,
    home::Outcomes,
    journal::{Failure, Permit, Status, Unsettled},
    views::Error,
    writer::answer,
};

/// Asks that may wait; whoever comes then waits to ask. Each is a request that is under way.
const MAILBOX: usize = 1_024;

type Answering<T> = oneshot::Sender<Result<T, StreamError>>;

/// A question about the stream at a path.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Ask {
    pub(crate) path: String,
    pub(crate) wish: Wish,
}

/// What is asked.
pub(crate) enum Wish {
    /// With `kept`, also one that was deleted and is there for its forks.
    Look {
        touch: bool,
        kept: bool,
        answering: Answering<Stream>,
    },
    Write {
        command: Command,
        messages: Vec<Bytes>,
        answering: Answering<Written>,
    },
}

impl Wish {
    fn refuse(self, error: StreamError) {
        match self {
            Self::Look { answering, .. } => answer(answering, Err(error)),
            Self::Write { answering, .. } => answer(answering, Err(error)),
        }
    }
}

/// A stream in memory.
struct Entry {
    id: ExecutionId,
    /// Where it will be once all that was handed over is durable.
    state: State,
    config: Arc<Config>,
    /// What it was forked from, the root first.
    ancestors: Arc<[Part]>,
    status: Arc<Status>,
    /// While somebody reads or writes.
    feed: Option<Arc<Feed>>,
    /// When somebody last did. A restart counts: it is not known who read before.
    touched: Timestamp,
    /// Notes since the last snapshot.
    notes: u64,
}

/// A deletion on its way to the disk.
#[derive(Default)]
struct Leaving {
    /// Its time was over: nobody is shown it any more.
    expired: bool,
    /// What waits to see what is there afterwards. Each is a request that is under way.
    asks: Vec<Ask>,
}

/// See the module.
pub(crate) struct Desk {
    core: Arc<Core>,
    outcomes: Arc<Outcomes>,
    streams: HashMap<String, Entry>,
    /// By path.
    leaving: HashMap<String, Leaving>,
    /// How many streams begin with each.
    forks: HashMap<ExecutionId, usize>,
    /// Logs to be removed, one after the other; what was handed over for them comes first.
    doomed: VecDeque<(ExecutionId, Option<Arc<Status>>)>,
    removing: bool,
}

impl Actor for Desk {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(self.core.config.streams.sweep_interval, Self::sweep);
        self.remove_doomed(ctx);
    }
}

impl Handler<Ask> for Desk {
    type Result = ();

    fn handle(&mut self, ask: Ask, ctx: &mut Self::Context) {
        let Some(ask) = self.after_leaving(ask) else { return };
        match self.streams.get(&ask.path) {
            Some(entry) if entry.status.poisoned.load(Ordering::Acquire) => self.reload(ask, ctx),
            Some(_) | None => self.serve(ask, ctx),
        }
    }
}

impl Desk {
    pub(crate) fn start(
        arbiter: &Arbiter,
        new: impl FnOnce() -> Self + Send + 'static,
    ) -> actix::Addr<Self> {
        Self::start_in_arbiter(&arbiter.handle(), move |_| new())
    }

    pub(crate) fn new(core: Arc<Core>, outcomes: Arc<Outcomes>, found: Found) -> Self {
        let Found { mut streams, left } = found;
        let mut desk = Self {
            core,
            outcomes,
            streams: HashMap::new(),
            leaving: HashMap::new(),
            forks: HashMap::new(),
            doomed: left.into_iter().map(|id| (id, None)).collect(),
            removing: false,
        };
        // Sources first: a round for each generation of forks.
        let mut known = HashSet::new();
        while !streams.is_empty() {
            let source = |state: &State| state.config.fork.as_ref().map(|fork| fork.source);
            let (mut ready, later): (Vec<_>, Vec<_>) = streams
                .into_iter()
                .partition(|(_, state)| source(state).is_none_or(|id| known.contains(&id)));
            streams = later;
            if ready.is_empty() {
                tracing::error!(streams = streams.len(), "the sources of forks are missing");
                ready = std::mem::take(&mut streams);
            }
            known.extend(ready.iter().map(|(id, _)| *id));
            ready.into_iter().for_each(|(id, state)| desk.insert(id, state));
        }
        desk.doom_unforked();
        desk
    }

    /// What was kept for forks that are gone: a crash came between its removal and theirs. The
    /// removal of one may let go of its own source, hence the rounds.
    fn doom_unforked(&mut self) {
        loop {
            let kept = |entry: &Entry| entry.state.deleted && !self.is_source(entry.id);
            let over = self.streams.iter().find(|(_, entry)| kept(entry));
            let Some(path) = over.map(|(path, _)| path.clone()) else { return };
            let entry = self.take(&path);
            self.doomed.extend(entry.map(|entry| (entry.id, None)));
        }
    }

    /// Takes a stream into memory, after what it was forked from.
    fn insert(&mut self, id: ExecutionId, state: State) {
        let mut ancestors = Vec::new();
        if let Some(fork) = &state.config.fork {
            *self.forks.entry(fork.source).or_default() += 1;
            if let Some(source) = self.streams.values().find(|entry| entry.id == fork.source) {
                let shared = source.ancestors.iter();
                ancestors.extend(shared.map(|p| Part { until: p.until.min(fork.place), ..*p }));
                let base = base(&source.config);
                ancestors.push(Part { id: source.id, base, until: fork.place });
            }
        }
        let entry = self.entry(id, state, ancestors.into());
        self.streams.insert(entry.config.path.clone(), entry);
    }

    fn entry(&self, id: ExecutionId, state: State, ancestors: Arc<[Part]>) -> Entry {
        Entry {
            id,
            config: Arc::new(state.config.clone()),
            ancestors,
            state,
            status: Arc::new(Status::new(Arc::clone(&self.outcomes))),
            feed: None,
            touched: self.core.now(),
            notes: 0,
        }
    }

    /// Reads a stream from the log again once all that was handed over is settled, and serves the
    /// others after that: it happens only after the store has failed.
    fn reload(&mut self, ask: Ask, ctx: &mut Context<Self>) {
        let Some(entry) = self.streams.get(&ask.path) else { return };
        let (id, status, store) =
            (entry.id, Arc::clone(&entry.status), Arc::clone(&self.core.store));
        let ancestors = Arc::clone(&entry.ancestors);
        let loaded = async move {
            status.settled().await;
            blocking(move || load(&*store, id)).await
        };
        ctx.wait(loaded.into_actor(self).map(move |loaded, desk, ctx| {
            match loaded.and_then(|loaded| loaded.map_err(Error::from)) {
                Ok(Some(state)) => {
                    let gone = state.deleted && !desk.is_source(id);
                    let entry = desk.entry(id, state, ancestors);
                    desk.streams.insert(ask.path.clone(), entry);
                    if gone {
                        desk.doom(&ask.path, ctx);
                    }
                }
                // Its creation has failed.
                Ok(None) => drop(desk.take(&ask.path)),
                Err(error) => return ask.wish.refuse(error.into()),
            }
            desk.serve(ask, ctx);
        }));
    }

    fn serve(&mut self, ask: Ask, ctx: &mut Context<Self>) {
        self.expire(&ask.path, ctx);
        let Some(Ask { path, wish }) = self.after_leaving(ask) else { return };
        match wish {
            Wish::Look { touch, kept, answering } => {
                answer(answering, self.look(&path, touch, kept));
            }
            Wish::Write { command, messages, answering } => {
                self.write(path, command, messages, answering, ctx);
            }
        }
    }

    // ---- reading -------------------------------------------------------------------------

    fn look(&mut self, path: &str, touch: bool, kept: bool) -> Result<Stream, StreamError> {
        let piece_bytes = self.core.config.streams.read_bytes;
        let forked = self.is_forked(path);
        let core = &self.core;
        let entry = self.streams.get_mut(path).ok_or(Rejection::NotFound)?;
        let feed = entry.feed(core);
        match feed.head() {
            // Its creation is on its way.
            (0, _) => return Err(Rejection::NotFound.into()),
            // Its deletion no more.
            (_, Some(Phase::Cancelled)) if !forked => return Err(Rejection::NotFound.into()),
            (_, Some(Phase::Cancelled)) if !kept => return Err(Rejection::Gone.into()),
            _ if entry.is_over(core.now()) => return Err(Rejection::NotFound.into()),
            _ => {}
        }
        if touch {
            entry.touched = core.now();
        }
        let own = (entry.id, base(&entry.config));
        let feeds = Arc::clone(&core.feeds);
        let ancestors = Arc::clone(&entry.ancestors);
        let reading = Reading::of_stream(feeds, feed, ancestors, own, piece_bytes);
        Ok(Stream { config: Arc::clone(&entry.config), reading })
    }

    // ---- writing -------------------------------------------------------------------------

    fn write(
        &mut self,
        path: String,
        command: Command,
        messages: Vec<Bytes>,
        answering: Answering<Written>,
        ctx: &mut Context<Self>,
    ) {
        let permit = match self.admit(&path, &command) {
            Ok(permit) => permit,
            Err(error) => return answer(answering, Err(error)),
        };
        let command = match command {
            Command::Delete { .. } => Command::Delete { forked: self.is_forked(&path) },
            other => other,
        };
        let entry = self.streams.get(&path);
        let creates = entry.is_none();
        let state = entry.map(|entry| &entry.state);
        let decision = match decide(state, command, self.core.config.streams.max_producers) {
            Ok(decision) => decision,
            Err(rejection) => {
                return self.answer_behind_barrier(&path, permit, answering, Err(rejection.into()));
            }
        };
        if decision.is_empty() {
            let written = entry.map(|entry| written(decision.reply, &entry.state));
            let written = written.ok_or(StreamError::Rejected(Rejection::NotFound));
            return self.answer_behind_barrier(&path, permit, answering, written);
        }
        let answering = match decision.reply.outcome {
            Outcome::Purge | Outcome::Deleted => self.leave(path.clone(), answering, ctx),
            _ => answering,
        };
        let state = self.streams.get(&path).map(|entry| &entry.state);
        let now = self.core.now();
        let head = state.map_or(0, |state| state.head);
        if let (true, Some(Note::Created(config))) = (creates, &decision.before) {
            self.insert(new_id(), State::new(config.clone()));
        }
        let Some(entry) = self.streams.get_mut(&path) else { return };
        // Before the state moves: what the feed is told of is durable.
        let feed = entry.feed_at(&self.core, head);
        let notes = [&decision.before, &decision.after];
        notes.into_iter().flatten().for_each(|note| entry.state.note(note));
        let messages = if decision.messages { messages } else { Vec::new() };
        let records = records(head, decision.before.as_ref(), messages, decision.after.as_ref());
        entry.state.head = head + records.len() as u64;
        entry.notes += records.iter().filter(|record| record.lifecycle).count() as u64;
        let due = entry.notes >= self.core.config.execution.snapshot_every;
        if due {
            entry.notes = 0;
        }
        entry.touched = now;
        let append = Append {
            records,
            summary: creates.then(|| Arc::new(summary(&entry.state, now))),
            snapshot: due.then(|| snapshot(&entry.state)),
            decided_at: now,
            ..Append::barrier(namespace(), entry.id, head)
        };
        let after = AfterCommit {
            feed,
            unsettled: Unsettled::new(&entry.status),
            ended: ended(&entry.state),
            answer: written(decision.reply, &entry.state),
            answering,
        };
        let done = Box::new(move |result| after.run(result));
        self.core.journal.submit(permit, append, Arc::clone(&entry.status), done);
    }

    /// What is refused before the rules are asked.
    fn admit(&self, path: &str, command: &Command) -> Result<Permit, StreamError> {
        self.core.journal.healthy().map_err(Error::StoreUnavailable)?;
        if let Command::Create { config, .. } = command {
            let limit = self.core.config.streams.max_streams;
            if self.streams.len() >= limit && !self.streams.contains_key(path) {
                let what = "streams.max_streams";
                return Err(Error::Overloaded { what, retry_after: 5 }.into());
            }
            if let Some(fork) = config.fork.as_ref().filter(|_| !self.streams.contains_key(path)) {
                self.check_source(fork, &config.content_type)?;
            }
        }
        let full = Error::Overloaded { what: "journal.queue", retry_after: 1 };
        self.core.journal.permit().ok_or(StreamError::Failed(full))
    }

    /// The source may have gone since the creation looked at it (4.2, "Fork creation errors").
    fn check_source(&self, fork: &Fork, content_type: &str) -> Result<(), StreamError> {
        match self.streams.values().find(|entry| entry.id == fork.source) {
            None => Err(StreamError::NoSource),
            Some(source) if source.state.deleted => Err(StreamError::SourceGone),
            Some(source) if !same_type(&source.config.content_type, content_type) => {
                Err(Rejection::OtherType { takes: source.config.content_type.clone() }.into())
            }
            Some(_) => Ok(()),
        }
    }

    /// Even a refusal may rest on what is not durable yet.
    fn answer_behind_barrier(
        &self,
        path: &str,
        permit: Permit,
        answering: Answering<Written>,
        result: Result<Written, StreamError>,
    ) {
        let entry = self.streams.get(path).filter(|entry| !entry.status.is_settled());
        let Some(entry) = entry else { return answer(answering, result) };
        let append = Append::barrier(namespace(), entry.id, entry.state.head);
        let then = move |durable: Result<Vec<Record>, Failure>| {
            let durable = durable.map_err(|failure| StreamError::from(Error::from(failure)));
            answer(answering, durable.and(result));
        };
        self.core.journal.submit(permit, append, Arc::clone(&entry.status), Box::new(then));
    }

    // ---- removing ------------------------------------------------------------------------

    fn is_forked(&self, path: &str) -> bool {
        self.streams.get(path).is_some_and(|entry| self.is_source(entry.id))
    }

    fn is_source(&self, id: ExecutionId) -> bool {
        self.forks.contains_key(&id)
    }

    /// The deletion of a stream is about to be handed over. Whoever asks for its path is served
    /// after it; what has no forks is removed then. Gives who is to be told that it is durable.
    fn leave(
        &mut self,
        path: String,
        answering: Answering<Written>,
        ctx: &mut Context<Self>,
    ) -> Answering<Written> {
        let (told, durable) = oneshot::channel();
        self.leaving.insert(path.clone(), Leaving::default());
        ctx.spawn(durable.into_actor(self).map(move |written, desk, ctx| {
            let written = written.unwrap_or_else(|_| Err(Error::Interrupted.into()));
            let asks = desk.leaving.remove(&path).unwrap_or_default().asks;
            if written.is_ok() && !desk.is_forked(&path) {
                desk.doom(&path, ctx);
            }
            answer(answering, written);
            asks.into_iter().for_each(|ask| ctx.notify(ask));
        }));
        told
    }

    /// Keeps what must wait for a deletion. Until that is durable readers are shown what there is,
    /// unless its time is over.
    fn after_leaving(&mut self, ask: Ask) -> Option<Ask> {
        let Some(leaving) = self.leaving.get_mut(&ask.path) else { return Some(ask) };
        match ask.wish {
            Wish::Look { .. } if !leaving.expired => Some(ask),
            Wish::Look { .. } | Wish::Write { .. } => {
                leaving.asks.push(ask);
                None
            }
        }
    }

    /// Takes a stream out of memory, once the log says that it is gone, or that it never was.
    fn take(&mut self, path: &str) -> Option<Entry> {
        let mut entry = self.streams.remove(path)?;
        entry.feed(&self.core).removed();
        if let Some(fork) = &entry.config.fork
            && let Some(forks) = self.forks.get_mut(&fork.source)
        {
            *forks -= 1;
            if *forks == 0 {
                self.forks.remove(&fork.source);
            }
        }
        Some(entry)
    }

    /// A fork is gone: so is its source, if it was kept for that one only (4.2, "Soft-delete").
    fn release(&mut self, source: Option<ExecutionId>, ctx: &mut Context<Self>) {
        let Some(source) = source.filter(|source| !self.is_source(*source)) else { return };
        let found = self.streams.iter().find(|(_, entry)| entry.id == source);
        // One whose own deletion is on its way is let go after that.
        let gone = found.filter(|(_, entry)| entry.state.deleted);
        if let Some((path, _)) = gone.filter(|(path, _)| !self.leaving.contains_key(*path)) {
            let path = path.clone();
            self.doom(&path, ctx);
        }
    }

    /// Removes a stream that nobody waits for.
    fn doom(&mut self, path: &str, ctx: &mut Context<Self>) {
        let Some(entry) = self.take(path) else { return };
        self.doomed.push_back((entry.id, Some(entry.status)));
        self.remove_doomed(ctx);
        self.release(entry.config.fork.as_ref().map(|fork| fork.source), ctx);
    }

    /// One after the other, so that they take no more of the disk than one client would.
    fn remove_doomed(&mut self, ctx: &mut Context<Self>) {
        if self.removing || self.core.journal.healthy().is_err() {
            return;
        }
        let Some((id, status)) = self.doomed.pop_front() else { return };
        self.removing = true;
        let removal = remove(Arc::clone(&self.core), id, status);
        ctx.spawn(removal.into_actor(self).map(move |removed, desk, ctx| {
            desk.removing = false;
            match removed {
                Ok(()) => desk.remove_doomed(ctx),
                // The next sweep tries again.
                Err(error) => {
                    tracing::warn!(stream = %id, %error, "a stream could not be removed yet");
                    desk.doomed.push_back((id, None));
                    desk.probe_store(id);
                }
            }
        }));
    }

    /// The journal learns that the store is unhealthy, and brings it back.
    fn probe_store(&self, id: ExecutionId) {
        let Some(permit) = self.core.journal.permit() else { return };
        let status = Arc::new(Status::new(Arc::clone(&self.outcomes)));
        let append = Append::barrier(namespace(), id, 0);
        self.core.journal.submit(permit, append, status, Box::new(drop));
    }

    /// Removes a stream whose time is over; what has forks is kept for them.
    fn expire(&mut self, path: &str, ctx: &mut Context<Self>) {
        let now = self.core.now();
        if !self.streams.get(path).is_some_and(|entry| entry.is_over(now)) {
            return;
        }
        let (answering, _nobody_waits) = oneshot::channel();
        // The rules are told whether it has forks.
        let command = Command::Delete { forked: false };
        self.write(path.to_owned(), command, Vec::new(), answering, ctx);
        if let Some(leaving) = self.leaving.get_mut(path) {
            leaving.expired = true;
        }
    }

    /// A deletion whose outcome is unknown may be in the log: whoever asks next would find out.
    fn look_after_lost_deletions(&mut self, ctx: &mut Context<Self>) {
        if self.core.journal.healthy().is_err() {
            return;
        }
        let lost =
            |entry: &Entry| entry.state.deleted && entry.status.poisoned.load(Ordering::Acquire);
        let lost = self.streams.iter().filter(|(_, entry)| lost(entry));
        for path in lost.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            let (answering, _nobody_waits) = oneshot::channel();
            ctx.notify(Ask { path, wish: Wish::Look { touch: false, kept: false, answering } });
        }
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        let now = self.core.now();
        let idle = Span::from_std(self.core.config.execution.idle_timeout);
        let over = self.streams.iter().filter(|(_, entry)| entry.is_over(now));
        let over: Vec<_> = over.map(|(path, _)| path.clone()).collect();
        over.iter().for_each(|path| self.expire(path, ctx));
        self.look_after_lost_deletions(ctx);
        for entry in self.streams.values_mut() {
            let unread = entry.feed.as_ref().is_some_and(|feed| !feed.is_watched());
            if unread && entry.status.is_settled() && now.since(entry.touched) >= idle {
                entry.feed = None;
            }
        }
        self.remove_doomed(ctx);
    }
}

impl Entry {
    /// The feed, told of what is durable.
    fn feed(&mut self, core: &Core) -> Arc<Feed> {
        let head = self.state.head;
        self.feed_at(core, head)
    }

    /// As [`Entry::feed`]; the log ends at `head` if nothing is on its way.
    fn feed_at(&mut self, core: &Core, head: u64) -> Arc<Feed> {
        let ended = ended(&self.state);
        let feed = self.feed.get_or_insert_with(|| core.feeds.of(&namespace(), self.id));
        // It is kept while something is on its way, so that what is known is not guessed anew.
        feed.found(head, ended.filter(|_| head == self.state.head));
        Arc::clone(feed)
    }

    /// Whether its time is over. Who waits for more keeps a stream alive that lives by being used
    /// (5.1); nobody does beyond a fixed end.
    fn is_over(&self, now: Timestamp) -> bool {
        let watched = self.config.expires_at.is_none()
            && self.feed.as_ref().is_some_and(|feed| feed.is_watched());
        !self.state.deleted
            && !watched
            && self.state.expires(self.touched).is_some_and(|end| now >= end)
    }
}

/// Removes a log once all that was handed over is settled.
async fn remove(
    core: Arc<Core>,
    id: ExecutionId,
    status: Option<Arc<Status>>,
) -> Result<(), Error> {
    if let Some(status) = status {
        status.settled().await;
    }
    blocking(move || core.store.purge(&namespace(), id)).await??;
    Ok(())
}

/// Durable, then visible, then told.
struct AfterCommit {
    feed: Arc<Feed>,
    unsettled: Unsettled,
    ended: Option<heartline_execution::Phase>,
    answer: Written,
    answering: Answering<Written>,
}

impl AfterCommit {
    fn run(self, result: Result<Vec<Record>, Failure>) {
        let result = result.map_err(|failure| StreamError::from(Error::from(failure)));
        let result = result.map(|records| {
            self.feed.publish(records, self.ended);
            self.answer
        });
        drop(self.unsettled);
        answer(self.answering, result);
    }
}
