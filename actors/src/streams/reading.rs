//! Reading a log by places, as Durable Streams count them: an execution's events, or the messages
//! of a stream and of those it was forked from.
//!
//! A place stands behind an event: place 0 is the beginning. What is read is a [`Piece`], bounded
//! like every page; what is followed is a [`Cursor`] of the feed, and nothing is kept per reader.

use std::sync::Arc;

use bytes::Bytes;
use heartline_execution::{ExecutionId, Namespace, Phase};
use heartline_storage::Stored;

use crate::{
    delivery::Transport,
    feed::{Chunk, Cursor, Feed, Feeds, Next},
    views::Error,
};

/// The most messages of one piece, however small they are: each costs some hundred bytes beside
/// its own while it is on its way.
const PIECE_MESSAGES: usize = 10_000;

/// Whether more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Yes.
    Open,
    /// No: whoever is at the tail has read it all.
    Closed,
    /// No: it was deleted.
    Gone,
}

/// Consecutive messages.
#[derive(Debug)]
pub struct Piece {
    /// Each with the place behind it.
    pub messages: Vec<(u64, Bytes)>,
    /// Where the next piece begins.
    pub next: u64,
}

impl Piece {
    /// The place behind the first `count` messages, if there are as many.
    pub fn place_after(&self, count: usize) -> Option<u64> {
        self.messages.get(count.checked_sub(1)?).map(|(place, _)| *place)
    }
}

/// A log that others begin with: its places up to `until`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) id: ExecutionId,
    /// The place behind its first event.
    pub(crate) base: u64,
    pub(crate) until: u64,
}

impl Part {
    /// The seq of the event before `place`, of those that are its own.
    fn seq(&self, place: u64) -> u64 {
        (place + 1).saturating_sub(self.base)
    }

    fn place(&self, seq: u64) -> u64 {
        self.base + seq - 1
    }
}

/// See the module.
pub struct Reading {
    feeds: Arc<Feeds>,
    feed: Arc<Feed>,
    namespace: Namespace,
    /// What it was forked from, the root first.
    ancestors: Arc<[Part]>,
    /// Its own log, without end.
    own: Part,
    /// Whether notes stand in it, which readers pass over.
    noted: bool,
    /// Bytes at which a piece is full.
    piece_bytes: usize,
}

impl Reading {
    /// An execution: every event is a message, and every seq a place.
    pub(crate) fn of_execution(
        feeds: Arc<Feeds>,
        feed: Arc<Feed>,
        namespace: Namespace,
        id: ExecutionId,
        piece_bytes: usize,
    ) -> Self {
        let own = Part { id, base: 1, until: u64::MAX };
        let ancestors = Arc::default();
        Self { feeds, feed, namespace, ancestors, own, noted: false, piece_bytes }
    }

    /// A stream.
    pub(crate) fn of_stream(
        feeds: Arc<Feeds>,
        feed: Arc<Feed>,
        ancestors: Arc<[Part]>,
        (id, base): (ExecutionId, u64),
        piece_bytes: usize,
    ) -> Self {
        let own = Part { id, base, until: u64::MAX };
        let namespace = super::namespace();
        Self { feeds, feed, namespace, ancestors, own, noted: true, piece_bytes }
    }

    /// Whose log it is.
    pub fn id(&self) -> ExecutionId {
        self.own.id
    }

    /// How many other streams it reads through.
    pub(crate) fn depth(&self) -> usize {
        self.ancestors.len()
    }

    /// The place behind the last message that is durable, and whether more may come.
    pub fn tail(&self) -> (u64, Ending) {
        let (head, ended) = self.feed.head();
        let ending = match ended {
            None => Ending::Open,
            Some(Phase::Cancelled) if self.noted => Ending::Gone,
            Some(_) => Ending::Closed,
        };
        // The note that closes a stream is not one of its messages.
        let notes = u64::from(self.noted && ending == Ending::Closed);
        (self.own.place(head.max(1)).saturating_sub(notes), ending)
    }

    /// The place before the first message there can be: behind the creation of a stream.
    pub fn first(&self) -> u64 {
        let root = self.ancestors.first().unwrap_or(&self.own);
        if self.noted { root.base.min(self.own.base) } else { 0 }
    }

    /// What stands behind `place`, up to a bound; empty at the tail.
    ///
    /// # Errors
    /// [`Error::NotFound`] once it is deleted.
    pub async fn page(&self, place: u64) -> Result<Piece, Error> {
        let (tail, _) = self.tail();
        let mut piece = Piece { messages: Vec::new(), next: place };
        let mut bytes = 0;
        while piece.next < tail && bytes < self.piece_bytes && piece.messages.len() < PIECE_MESSAGES
        {
            let ancestor = self.ancestors.iter().find(|part| piece.next < part.until);
            let part = ancestor.copied().unwrap_or(Part { until: tail, ..self.own });
            let range = (part.seq(piece.next), part.seq(part.until));
            let left = PIECE_MESSAGES - piece.messages.len();
            let (chunk, more) =
                self.feeds.page(&self.namespace, part.id, range, false, left).await?;
            if chunk.events.is_empty() {
                return Err(Error::NotFound);
            }
            bytes += self.add(&mut piece, part, &chunk.events);
            piece.next = if more { part.place(chunk.last()) } else { part.until };
        }
        Ok(piece)
    }

    /// Adds what readers see of `events`; the bytes of it.
    fn add(&self, piece: &mut Piece, part: Part, events: &[Stored]) -> usize {
        let shown = events.iter().map(|event| &event.record);
        let shown = shown.filter(|record| !(self.noted && record.lifecycle));
        let before = piece.messages.len();
        piece.messages.extend(shown.map(|r| (part.place(r.seq), r.json.clone())));
        piece.messages[before..].iter().map(|(_, message)| message.len()).sum()
    }

    /// Follows it from `place` on.
    ///
    /// # Errors
    /// [`Error::Overloaded`] at the bound on subscriptions.
    pub fn follow(self, place: u64, transport: Transport) -> Result<Follower, Error> {
        // What it was forked from comes first, and then its own.
        let begin = if self.ancestors.is_empty() { 0 } else { self.own.base };
        let position = self.own.seq(place.max(begin));
        let cursor = self.feeds.cursor(
            Arc::clone(&self.feed),
            self.namespace.clone(),
            self.own.id,
            position,
            transport,
        )?;
        Ok(Follower { reading: self, cursor, place })
    }
}

/// A reader that goes on as the log does.
pub struct Follower {
    /// What it follows.
    pub reading: Reading,
    cursor: Cursor,
    place: u64,
}

impl Follower {
    /// Where it is.
    pub fn place(&self) -> u64 {
        self.place
    }

    /// The next messages; pends while there are none. Empty when there are none up to the tail after
    /// all; `None` at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the store cannot be read; asking again tries again.
    pub async fn next(&mut self) -> Result<Option<Piece>, Error> {
        loop {
            if self.place < self.reading.own.base && !self.reading.ancestors.is_empty() {
                let piece = self.reading.page(self.place).await?;
                // The cursor has its own messages.
                let piece = up_to(piece, self.reading.own.base);
                self.place = piece.next;
                if !piece.messages.is_empty() || self.place >= self.reading.tail().0 {
                    return Ok(Some(piece));
                }
                continue;
            }
            match self.cursor.next().await? {
                Next::Events(chunk, from) => {
                    let piece = self.piece(&chunk, from);
                    self.place = piece.next;
                    if !piece.messages.is_empty() {
                        return Ok(Some(piece));
                    }
                }
                Next::Lag { .. } | Next::Live { .. } => {}
                Next::Reset { .. } | Next::End { .. } => return Ok(None),
            }
        }
    }

    fn piece(&self, chunk: &Chunk, from: usize) -> Piece {
        let mut piece = Piece { messages: Vec::new(), next: self.place };
        self.reading.add(&mut piece, self.reading.own, &chunk.events[from..]);
        let (tail, _) = self.reading.tail();
        piece.next = self.reading.own.place(chunk.last()).clamp(self.place, tail.max(self.place));
        piece
    }
}

/// The part of a piece that ends at `place`.
fn up_to(mut piece: Piece, place: u64) -> Piece {
    piece.messages.retain(|(at, _)| *at <= place);
    piece.next = piece.next.min(place);
    piece
}
