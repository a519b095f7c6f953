//! The rules of plain durable streams (the Durable Streams protocol, its sections in brackets):
//! create-or-same, closing, fencing of producers, order of `Stream-Seq`, expiry, forks.
//!
//! A stream is a log like an execution's: [`Note`]s, which are events that only the rules read, and
//! messages, whose bytes are nobody's business here. [`decide`] looks at a [`State`] and a
//! [`Command`] and says which notes stand around which messages; [`State::apply`] folds the notes.
//! Deliberately absent: I/O, clocks, HTTP, and the messages themselves.

mod media;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    id::ExecutionId,
    time::{Span, Timestamp},
};

pub use media::{Media, expiry_of, messages, same_type, ttl_of};

/// The most bytes of a stream's path: it is a key of the lists.
pub const PATH_MAX: usize = 512;
/// The most bytes of a content type, of a producer's id and of a `Stream-Seq`: each is kept in
/// memory as long as its stream.
pub const TEXT_MAX: usize = 256;
/// The largest epoch and seq of a producer: what JavaScript counts exactly (5.2.1).
pub const NUMBER_MAX: u64 = (1 << 53) - 1;
/// The most streams that one reads through: a fork of a fork of a fork. It bounds what a read
/// looks at.
pub const FORK_DEPTH: usize = 64;

/// What a stream was created with; it never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The part of its URL that names it.
    pub path: String,
    /// As the creator wrote it.
    pub content_type: String,
    /// Seconds without a read or a write after which it is over (5.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// The instant at which it is over (5.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Where its beginning is (4.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<Fork>,
}

/// The stream that another one begins with (4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// Its log.
    pub source: ExecutionId,
    /// The place that the creator named.
    pub anchor: u64,
    /// And how far beyond it.
    pub sub: u64,
    /// The place up to which the source is shared; what was cut out of the message behind it is a
    /// message of the fork itself.
    pub place: u64,
}

/// A request's idempotence: who, in which life, for the how manieth time (5.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Producer {
    /// Chosen by the client.
    pub id: String,
    /// Grows with every restart of the producer.
    pub epoch: u64,
    /// Counts the requests of an epoch, from 0.
    pub seq: u64,
}

/// How far a producer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its newest epoch.
    pub epoch: u64,
    /// Its last accepted seq there.
    pub seq: u64,
}

/// An event that only the rules read; readers pass over it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Note {
    /// Always the first.
    Created(Config),
    /// Stands before the messages of an append that has more to it than bytes.
    Appended {
        /// Who made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        producer: Option<Producer>,
        /// Its `Stream-Seq`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stream_seq: Option<String>,
    },
    /// No message comes after it (4.1).
    Closed {
        /// Who closed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        producer: Option<Producer>,
        /// The `Stream-Seq` of that request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stream_seq: Option<String>,
    },
    /// Gone for everybody but its forks (4.2), and its log with them.
    Deleted,
}

/// The fold of a stream's notes, and where its log ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What it was created with.
    pub config: Config,
    /// Seq of the last event, a note or a message.
    pub head: u64,
    /// Closed, by this producer if by any.
    #[serde(default)]
    pub closed: Option<Closing>,
    /// Kept for its forks only.
    #[serde(default)]
    pub deleted: bool,
    /// Everybody who ever produced.
    #[serde(default)]
    pub producers: BTreeMap<String, Mark>,
    /// The last `Stream-Seq`. One for the whole stream: there are no writers' identities.
    #[serde(default)]
    pub stream_seq: Option<String>,
}

/// How a stream was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// A repeat of this request succeeds (5.2.1).
    pub producer: Option<Producer>,
}

/// What somebody wants of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// That it exists, like this (5.1).
    Create {
        /// Like this.
        config: Config,
        /// Whether the place of the fork was named, and must be the same.
        anchored: bool,
        /// Closed from the beginning.
        closed: bool,
        /// How many messages it begins with.
        messages: usize,
    },
    /// More messages, the end of messages, or both (5.2, 5.3).
    Append {
        /// As the request says.
        content_type: Option<String>,
        /// How many; none only to close.
        messages: usize,
        /// No more after these.
        close: bool,
        /// Makes a repeat harmless.
        producer: Option<Producer>,
        /// Must grow.
        stream_seq: Option<String>,
    },
    /// That it is gone (5.4).
    Delete {
        /// Others begin with it.
        forked: bool,
    },
}

/// Why it does not get that. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say what they mean")]
pub enum Rejection {
    #[error("there is no such stream")]
    NotFound,
    #[error("the stream was deleted; only its forks are left")]
    Gone,
    #[error("the stream was deleted, and its path stays taken while it has forks")]
    Taken,
    #[error("the stream exists with another {what}")]
    Differs { what: &'static str },
    #[error("the stream is closed")]
    Closed { tail: u64 },
    #[error("Content-Type is missing; this stream takes {takes}")]
    Untyped { takes: String },
    #[error("this stream takes {takes}")]
    OtherType { takes: String },
    #[error("an append has a body; only Stream-Closed: true may come without")]
    Empty,
    #[error("epoch {current} of this producer has begun")]
    StaleEpoch { current: u64 },
    #[error("a new epoch begins with seq 0")]
    EpochStart,
    #[error("seq {expected} of this producer comes next, not {received}")]
    Gap { expected: u64, received: u64 },
    #[error("Stream-Seq must be greater than \"{last}\", byte by byte")]
    StreamSeq { last: String },
    #[error("the stream has {limit} producers, the most that it may have")]
    TooManyProducers { limit: usize },
}

/// What the answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// In one word.
    pub outcome: Outcome,
    /// How far the producer has come.
    pub mark: Option<Mark>,
}

/// See [`Reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Created,
    /// It was there, like this.
    Exists,
    /// The messages are in it.
    Appended,
    /// They were already.
    Duplicate,
    /// No message, and it is closed.
    Closed,
    /// It is kept for its forks.
    Deleted,
    /// It is gone, and its log is to be removed.
    Purge,
}

/// What to write, all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Stands before the messages.
    pub before: Option<Note>,
    /// Whether the messages are written.
    pub messages: bool,
    /// Stands behind them.
    pub after: Option<Note>,
    /// The answer once that is durable.
    pub reply: Reply,
}

impl Decision {
    fn nothing(outcome: Outcome, mark: Option<Mark>) -> Self {
        Self { before: None, messages: false, after: None, reply: Reply { outcome, mark } }
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.before.is_none() && !self.messages && self.after.is_none()
    }
}

impl State {
    /// A stream that has been created and nothing else.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            head: 1,
            closed: None,
            deleted: false,
            producers: BTreeMap::new(),
            stream_seq: None,
        }
    }

    /// Moves by one note, from nothing by the first; the caller counts the head.
    pub fn apply(state: &mut Option<Self>, note: &Note) {
        match (&mut *state, note) {
            (None, Note::Created(config)) => *state = Some(Self::new(config.clone())),
            (Some(state), note) => state.note(note),
            // A log begins with its creation.
            (None, Note::Appended { .. } | Note::Closed { .. } | Note::Deleted) => {}
        }
    }

    /// Moves by one note; what creates it has done so.
    pub fn note(&mut self, note: &Note) {
        match note {
            Note::Created(_) => {}
            Note::Appended { producer, stream_seq } => {
                self.mark(producer.as_ref(), stream_seq.as_ref());
            }
            Note::Closed { producer, stream_seq } => {
                self.mark(producer.as_ref(), stream_seq.as_ref());
                self.closed = Some(Closing { producer: producer.clone() });
            }
            Note::Deleted => self.deleted = true,
        }
    }

    fn mark(&mut self, producer: Option<&Producer>, stream_seq: Option<&String>) {
        if let Some(Producer { id, epoch, seq }) = producer {
            self.producers.insert(id.clone(), Mark { epoch: *epoch, seq: *seq });
        }
        if let Some(seq) = stream_seq {
            self.stream_seq = Some(seq.clone());
        }
    }

    /// The place behind the creation. A fork counts on from where it left its source (8).
    pub fn base(&self) -> u64 {
        base(&self.config)
    }

    /// The place behind the last message; closing does not move it (5.3).
    pub fn tail(&self) -> u64 {
        self.base() + self.head - 1 - u64::from(self.closed.is_some())
    }

    /// When it is over if nobody reads or writes; `touched` is when somebody last did.
    pub fn expires(&self, touched: Timestamp) -> Option<Timestamp> {
        let idle = self.config.ttl.map(|ttl| touched.plus(Span(ttl.saturating_mul(1_000_000))));
        self.config.expires_at.or(idle)
    }

    /// Whether this request closed it (5.2.1).
    fn was_closed_by(&self, producer: Option<&Producer>) -> bool {
        let closer = self.closed.as_ref().and_then(|closing| closing.producer.as_ref());
        producer.is_some() && producer == closer
    }
}

/// See [`State::base`].
pub fn base(config: &Config) -> u64 {
    config.fork.as_ref().map_or(1, |fork| fork.place)
}

/// What a command does to a stream, if it is there.
///
/// # Errors
/// [`Rejection`] where the rules say no.
pub fn decide(
    state: Option<&State>,
    command: Command,
    producers_max: usize,
) -> Result<Decision, Rejection> {
    match (state, command) {
        (None, Command::Create { config, closed, messages, .. }) => Ok(Decision {
            before: Some(Note::Created(config)),
            messages: messages > 0,
            after: closed.then_some(Note::Closed { producer: None, stream_seq: None }),
            reply: Reply { outcome: Outcome::Created, mark: None },
        }),
        (None, Command::Append { .. } | Command::Delete { .. }) => Err(Rejection::NotFound),
        (Some(state), Command::Create { config, anchored, closed, .. }) => {
            match difference(state, &config, anchored, closed) {
                _ if state.deleted => Err(Rejection::Taken),
                Some(what) => Err(Rejection::Differs { what }),
                None => Ok(Decision::nothing(Outcome::Exists, None)),
            }
        }
        (Some(state), _) if state.deleted => Err(Rejection::Gone),
        (Some(_), Command::Delete { forked }) => {
            let outcome = if forked { Outcome::Deleted } else { Outcome::Purge };
            Ok(Decision { after: Some(Note::Deleted), ..Decision::nothing(outcome, None) })
        }
        (Some(state), Command::Append { content_type, messages, close, producer, stream_seq }) => {
            let kind = content_type.as_deref();
            append(state, kind, messages, close, producer, stream_seq, producers_max)
        }
    }
}

/// Where a stream is not what a creator asks for (5.1, 4.2).
fn difference(
    state: &State,
    wanted: &Config,
    anchored: bool,
    closed: bool,
) -> Option<&'static str> {
    let found = &state.config;
    let same_fork = match (&found.fork, &wanted.fork) {
        (None, None) => true,
        (Some(found), Some(wanted)) => {
            found.source == wanted.source
                && (!anchored || (found.anchor, found.sub) == (wanted.anchor, wanted.sub))
        }
        (Some(_), None) | (None, Some(_)) => false,
    };
    [
        (same_type(&found.content_type, &wanted.content_type), "content type"),
        (found.ttl == wanted.ttl, "Stream-TTL"),
        (found.expires_at == wanted.expires_at, "Stream-Expires-At"),
        (state.closed.is_some() == closed, "Stream-Closed"),
        (same_fork, "fork"),
    ]
    .into_iter()
    .find_map(|(same, what)| (!same).then_some(what))
}

/// In the order of 5.2, "Error Precedence": closed, content type, producer, `Stream-Seq`.
fn append(
    state: &State,
    content_type: Option<&str>,
    messages: usize,
    close: bool,
    producer: Option<Producer>,
    stream_seq: Option<String>,
    producers_max: usize,
) -> Result<Decision, Rejection> {
    let mark_of = |producer: &Producer| state.producers.get(&producer.id).copied();
    if state.closed.is_some() {
        if state.was_closed_by(producer.as_ref()) {
            return Ok(Decision::nothing(Outcome::Duplicate, producer.as_ref().and_then(mark_of)));
        }
        if close && messages == 0 && producer.is_none() {
            return Ok(Decision::nothing(Outcome::Closed, None));
        }
        return Err(Rejection::Closed { tail: state.tail() });
    }
    if messages == 0 && !close {
        return Err(Rejection::Empty);
    }
    if messages > 0 {
        let takes = || state.config.content_type.clone();
        let sent = content_type.ok_or_else(|| Rejection::Untyped { takes: takes() })?;
        if !same_type(sent, &state.config.content_type) {
            return Err(Rejection::OtherType { takes: takes() });
        }
    }
    if let Some(producer) = &producer {
        let known = mark_of(producer);
        if known.is_none() && state.producers.len() >= producers_max {
            return Err(Rejection::TooManyProducers { limit: producers_max });
        }
        if let Some(mark) = check_producer(known, producer)? {
            return Ok(Decision::nothing(Outcome::Duplicate, Some(mark)));
        }
    }
    if let (Some(seq), Some(last)) = (&stream_seq, &state.stream_seq)
        && seq.as_bytes() <= last.as_bytes()
    {
        return Err(Rejection::StreamSeq { last: last.clone() });
    }
    let mark = producer.as_ref().map(|p| Mark { epoch: p.epoch, seq: p.seq });
    let noted = messages > 0 && (producer.is_some() || stream_seq.is_some());
    Ok(Decision {
        before: noted
            .then(|| Note::Appended { producer: producer.clone(), stream_seq: stream_seq.clone() }),
        messages: messages > 0,
        after: close.then_some(Note::Closed { producer, stream_seq }),
        reply: Reply {
            outcome: if messages > 0 { Outcome::Appended } else { Outcome::Closed },
            mark,
        },
    })
}

/// Whether a request is this producer's next; a mark when it was accepted before (5.2.1,
/// "Validation Logic").
fn check_producer(known: Option<Mark>, producer: &Producer) -> Result<Option<Mark>, Rejection> {
    let received = producer.seq;
    let Some(mark) = known else {
        // Whoever is new is at the beginning of an epoch.
        return match received {
            0 => Ok(None),
            _ => Err(Rejection::Gap { expected: 0, received }),
        };
    };
    if producer.epoch < mark.epoch {
        return Err(Rejection::StaleEpoch { current: mark.epoch });
    }
    if producer.epoch > mark.epoch {
        return if received == 0 { Ok(None) } else { Err(Rejection::EpochStart) };
    }
    match received {
        _ if received <= mark.seq => Ok(Some(mark)),
        _ if received == mark.seq + 1 => Ok(None),
        _ => Err(Rejection::Gap { expected: mark.seq + 1, received }),
    }
}
