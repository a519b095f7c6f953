//! Plain durable streams that clients write (5.1 to 5.5), where they are switched on.

use actix_web::{
    HttpRequest, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    web,
};
use bytes::Bytes;
use heartline_actors::streams::{Creation, Forking, Stream, StreamError, Streams, Written};
use heartline_execution::stream::{
    Command, Mark, Media, NUMBER_MAX, Outcome, PATH_MAX, Producer, Rejection, TEXT_MAX, expiry_of,
    messages, ttl_of,
};

use super::{Answer, Shared};
use crate::{
    app::App,
    body,
    durable::{self, CLOSED, Log, NEXT_OFFSET, TRUE, offset, text_of},
    error::{Code, Problem},
};

/// Where streams are; what follows names one.
pub(crate) const ROOT: &str = "/v1/stream/";
/// The first part of paths that the protocol keeps for subscriptions (6), which are not served.
const RESERVED: &str = "__ds";

const PRODUCER_ID: &str = "producer-id";
const PRODUCER_EPOCH: HeaderName = HeaderName::from_static("producer-epoch");
const PRODUCER_SEQ: HeaderName = HeaderName::from_static("producer-seq");

/// Create a stream, or make sure that it is there.
#[utoipa::path(
    put, path = "/v1/stream/{path}", tag = "streams", operation_id = "createStream",
    params(
        ("path" = String, Path, description = "The stream; it may have slashes"),
        ("Content-Type" = Option<String>, Header, description = "What it is of; `application/octet-stream` when absent"),
        ("Stream-TTL" = Option<u64>, Header, description = "Seconds without a read or write after which it is deleted"),
        ("Stream-Expires-At" = Option<String>, Header, description = "The instant at which it is deleted"),
        ("Stream-Closed" = Option<bool>, Header, description = "Closed from the beginning"),
        ("Stream-Forked-From" = Option<String>, Header, description = "The path of a stream that it begins with"),
        ("Stream-Fork-Offset" = Option<String>, Header, description = "Up to where"),
        ("Stream-Fork-Sub-Offset" = Option<u64>, Header, description = "And so many messages or bytes further"),
    ),
    request_body(content = String, content_type = "application/octet-stream", description = "What it begins with"),
    responses(
        (status = 200, description = "It was there, like this"),
        (status = 201, description = "It is there now"),
    ),
)]
pub(crate) async fn create(app: Shared, request: HttpRequest, payload: web::Payload) -> Answer {
    let streams = streams(&app)?;
    let path = path_of(&request)?;
    let ttl = text_of(&request, "stream-ttl", TEXT_MAX)?
        .map(|text| ttl_of(text).ok_or_else(|| wrong("Stream-TTL is a whole number of seconds.")))
        .transpose()?;
    let expires_at = text_of(&request, "stream-expires-at", TEXT_MAX)?
        .map(|text| {
            expiry_of(text).ok_or_else(|| wrong("Stream-Expires-At is an RFC 3339 instant."))
        })
        .transpose()?;
    if ttl.is_some() && expires_at.is_some() {
        return Err(wrong("Stream-TTL and Stream-Expires-At exclude one another."));
    }
    let fork = forking(&request)?;
    let mut content_type = content_type_of(&request)?.map(str::to_owned);
    let bytes = body::collect(app.config.streams.append_bytes, request.headers(), payload).await?;
    if let (None, Some(fork), false) = (&content_type, &fork, bytes.is_empty()) {
        // What the body is made of follows from the source (4.2).
        content_type = Some(streams.look(&fork.path, false).await?.config.content_type.clone());
    }
    let messages = split(&app, content_type.as_deref(), bytes)?;
    let closed = closes(&request);
    let creation =
        Creation { path: path.clone(), content_type, ttl, expires_at, closed, messages, fork };
    let written = streams.create(creation).await?;
    let status = match written.outcome {
        Outcome::Created => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    let mut answer = answer(status, &written);
    answer.insert_header((header::CONTENT_TYPE, written.content_type.clone()));
    // The gate has checked it.
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if let (StatusCode::CREATED, Some(host)) = (status, host) {
        answer.insert_header((header::LOCATION, format!("http://{host}{ROOT}{path}")));
    }
    Ok(answer.finish())
}

/// Append to a stream, close it, or both.
#[utoipa::path(
    post, path = "/v1/stream/{path}", tag = "streams", operation_id = "appendToStream",
    params(
        ("path" = String, Path, description = "The stream"),
        ("Content-Type" = Option<String>, Header, description = "As it was created with; not needed only to close"),
        ("Stream-Closed" = Option<bool>, Header, description = "No more after this"),
        ("Stream-Seq" = Option<String>, Header, description = "Must grow, byte by byte, within the stream"),
        ("Producer-Id" = Option<String>, Header, description = "With epoch and seq: makes a repeat harmless"),
        ("Producer-Epoch" = Option<u64>, Header, description = "Fences off the producer's earlier lives"),
        ("Producer-Seq" = Option<u64>, Header, description = "Counts the requests of an epoch, from 0"),
    ),
    request_body(content = String, content_type = "application/octet-stream", description = "The message; of a JSON stream an array of messages, or one"),
    responses(
        (status = 200, description = "A producer's append is durable"),
        (status = 204, description = "The append is durable, or was already, or the stream is closed"),
    ),
)]
pub(crate) async fn append(app: Shared, request: HttpRequest, payload: web::Payload) -> Answer {
    let streams = streams(&app)?;
    let path = path_of(&request)?;
    let producer = producer_of(&request)?;
    let content_type = content_type_of(&request)?.map(str::to_owned);
    let stream_seq = text_of(&request, "stream-seq", TEXT_MAX)?.map(str::to_owned);
    let close = closes(&request);
    let bytes = body::collect(app.config.streams.append_bytes, request.headers(), payload).await?;
    let empty = bytes.is_empty();
    let messages = split(&app, content_type.as_deref(), bytes)?;
    if messages.is_empty() && !empty {
        let message = "an empty array appends nothing";
        return Err(Problem::at(Code::MalformedRequest, "", message));
    }
    let count = messages.len();
    let command = Command::Append { content_type, messages: count, close, producer, stream_seq };
    let written = streams.write(&path, command, messages).await?;
    let fresh = written.outcome == Outcome::Appended && written.mark.is_some();
    let mut answer = answer(if fresh { StatusCode::OK } else { StatusCode::NO_CONTENT }, &written);
    if let Some(Mark { epoch, seq }) = written.mark {
        answer.insert_header((PRODUCER_EPOCH, epoch)).insert_header((PRODUCER_SEQ, seq));
    }
    Ok(answer.finish())
}

/// Read a stream: a chunk, a long poll, or an event stream.
#[utoipa::path(
    get, path = "/v1/stream/{path}", tag = "streams", operation_id = "readStream",
    params(
        ("path" = String, Path, description = "The stream"),
        ("offset" = Option<String>, Query, description = "Where to begin: `-1`, `now`, or the `Stream-Next-Offset` of an answer"),
        ("live" = Option<String>, Query, description = "`long-poll` or `sse`; needs `offset`"),
        ("cursor" = Option<String>, Query, description = "The `Stream-Cursor` of the last answer"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer"),
    ),
    responses(
        (status = 200, description = "What stands there, in the stream's own type", content(
            (String = "application/octet-stream"), (String = "text/event-stream"))),
        (status = 204, description = "A long poll that nothing came for"),
        (status = 304, description = "Nothing has changed since that answer"),
    ),
)]
pub(crate) async fn read(app: Shared, request: HttpRequest) -> Answer {
    let stream = streams(&app)?.look(&path_of(&request)?, true).await?;
    durable::read(&app, &request, log_of(stream)?).await
}

/// What a stream is, and how far.
#[utoipa::path(
    head, path = "/v1/stream/{path}", tag = "streams", operation_id = "headStream",
    params(("path" = String, Path, description = "The stream")),
    responses((status = 200, description = "Its type, lifetime, `Stream-Next-Offset`, and `Stream-Closed`")),
)]
pub(crate) async fn head(app: Shared, request: HttpRequest) -> Answer {
    let stream = streams(&app)?.look(&path_of(&request)?, false).await?;
    durable::head(&log_of(stream)?)
}

/// Delete a stream.
#[utoipa::path(
    delete, path = "/v1/stream/{path}", tag = "streams", operation_id = "deleteStream",
    params(("path" = String, Path, description = "The stream")),
    responses((status = 204, description = "It is gone; its forks keep what they share with it")),
)]
pub(crate) async fn delete(app: Shared, request: HttpRequest) -> Answer {
    let command = Command::Delete { forked: false };
    let written = streams(&app)?.write(&path_of(&request)?, command, Vec::new()).await?;
    Ok(durable::answer(StatusCode::NO_CONTENT, written.tail).finish())
}

fn streams(app: &App) -> Result<&Streams, Problem> {
    let off = || Problem::new(Code::RouteNotFound, "This server serves no plain streams.");
    app.handle.streams().ok_or_else(off)
}

fn log_of(stream: Stream) -> Result<Log, Problem> {
    let Stream { config, reading } = stream;
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|error| {
            Problem::new(Code::Corrupt, format!("A stream's configuration: {error}."))
        })
    };
    let mut about = Vec::new();
    if let Some(ttl) = config.ttl {
        about.push((HeaderName::from_static("stream-ttl"), HeaderValue::from(ttl)));
    }
    if let Some(at) = config.expires_at {
        about.push((HeaderName::from_static("stream-expires-at"), value(&at.to_string())?));
    }
    let content_type = value(&config.content_type)?;
    Ok(Log { reading, content_type, media: Media::of(&config.content_type), about })
}

fn answer(status: StatusCode, written: &Written) -> HttpResponseBuilder {
    let mut answer = durable::answer(status, written.tail);
    if written.closed {
        answer.insert_header((CLOSED, TRUE));
    }
    answer
}

// ---- what a request says ---------------------------------------------------------------------

fn wrong(detail: &str) -> Problem {
    Problem::new(Code::InvalidHeader, detail)
}

/// The stream that a request is about: its path, byte for byte as it was sent.
fn path_of(request: &HttpRequest) -> Result<String, Problem> {
    let path = request.uri().path();
    named(path).map(str::to_owned)
}

fn named(path: &str) -> Result<&str, Problem> {
    let name = path.strip_prefix(ROOT).unwrap_or_default();
    let what = match name.split('/').next() {
        Some(RESERVED) => "Paths below /v1/stream/__ds are reserved, and nothing is served there.",
        _ if name.is_empty() => "A stream has a path below /v1/stream/.",
        _ if name.len() > PATH_MAX => "A stream's path has at most 512 bytes.",
        _ => return Ok(name),
    };
    Err(Problem::new(Code::StreamNotFound, what))
}

fn content_type_of(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let text = text_of(request, "content-type", TEXT_MAX)?;
    Ok(text.filter(|text| !text.trim().is_empty()))
}

/// Anything but `true` is as if it were absent (4.1).
fn closes(request: &HttpRequest) -> bool {
    let value = request.headers().get(CLOSED);
    value.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// All three headers, or none (5.2.1).
fn producer_of(request: &HttpRequest) -> Result<Option<Producer>, Problem> {
    let id = text_of(request, PRODUCER_ID, TEXT_MAX)?;
    let epoch = text_of(request, PRODUCER_EPOCH.as_str(), TEXT_MAX)?;
    let seq = text_of(request, PRODUCER_SEQ.as_str(), TEXT_MAX)?;
    let (id, epoch, seq) = match (id, epoch, seq) {
        (None, None, None) => return Ok(None),
        (Some(id), Some(epoch), Some(seq)) if !id.is_empty() => (id, epoch, seq),
        _ => {
            return Err(wrong(
                "Producer-Id, Producer-Epoch and Producer-Seq come together, and none is empty.",
            ));
        }
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        number.filter(|number| *number <= NUMBER_MAX).ok_or_else(|| {
            wrong("Producer-Epoch and Producer-Seq are whole numbers up to 2^53 - 1.")
        })
    };
    Ok(Some(Producer { id: id.to_owned(), epoch: number(epoch)?, seq: number(seq)? }))
}

/// Where a stream that is to be created begins (4.2).
fn forking(request: &HttpRequest) -> Result<Option<Forking>, Problem> {
    let from = text_of(request, "stream-forked-from", ROOT.len() + PATH_MAX)?;
    let anchor = text_of(request, "stream-fork-offset", TEXT_MAX)?;
    let sub = text_of(request, "stream-fork-sub-offset", TEXT_MAX)?;
    let Some(from) = from else {
        return match (anchor, sub) {
            (None, None) => Ok(None),
            _ => Err(wrong("Stream-Fork-Offset and -Sub-Offset need Stream-Forked-From.")),
        };
    };
    let path = named(from)?.to_owned();
    let anchor =
        match anchor {
            None => None,
            Some(text) if text == offset::BEGINNING => Some(0),
            Some(text) => Some(offset::parse(text).ok_or_else(|| {
                wrong("Stream-Fork-Offset is a Stream-Next-Offset of the source.")
            })?),
        };
    let sub = match sub {
        None => 0,
        Some(text) => ttl_of(text).ok_or_else(|| {
            wrong("Stream-Fork-Sub-Offset is a whole number of messages or bytes.")
        })?,
    };
    Ok(Some(Forking { path, anchor, sub }))
}

/// The messages of a body: values of JSON, otherwise the bytes as they are (9.1.2).
fn split(app: &App, content_type: Option<&str>, bytes: Bytes) -> Result<Vec<Bytes>, Problem> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    if content_type.map(Media::of) != Some(Media::Json) {
        return Ok(vec![bytes]);
    }
    let malformed = |what: String| Problem::at(Code::MalformedJson, "", what);
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        malformed(format!("the body is not UTF-8 at byte {}", error.valid_up_to()))
    })?;
    let found = messages(text).map_err(|error| malformed(error.to_string()))?;
    let limit = app.config.streams.append_messages;
    if found.len() > limit {
        let what = format!("An append has at most {limit} messages.");
        return Err(Problem::new(Code::BodyTooLarge, what));
    }
    Ok(found.iter().map(|message| bytes.slice_ref(message.get().as_bytes())).collect())
}

// ---- what goes wrong -------------------------------------------------------------------------

impl From<StreamError> for Problem {
    fn from(error: StreamError) -> Self {
        let detail = format!("{error}.");
        match error {
            StreamError::Rejected(rejection) => rejected(rejection, detail),
            StreamError::NoSource => Self::new(Code::StreamNotFound, detail),
            StreamError::SourceGone => Self::new(Code::StreamExists, detail),
            StreamError::BeyondSource => wrong(&detail),
            StreamError::TooDeep => Self::new(Code::StateLimit, detail),
            StreamError::Failed(error) => error.into(),
        }
    }
}

/// The protocol's own statuses and headers (5.1, 5.2, 5.2.1).
fn rejected(rejection: Rejection, detail: String) -> Problem {
    let plain = |code| Problem::new(code, detail.clone());
    match rejection {
        Rejection::NotFound => plain(Code::StreamNotFound),
        Rejection::Gone => plain(Code::StreamGone),
        Rejection::Taken | Rejection::Differs { .. } => plain(Code::StreamExists),
        Rejection::Closed { tail } => {
            plain(Code::StreamClosed).with(CLOSED, TRUE).with(NEXT_OFFSET, offset::show(tail))
        }
        Rejection::Untyped { .. } => plain(Code::InvalidHeader),
        Rejection::OtherType { .. } => plain(Code::StreamTypeMismatch),
        Rejection::Empty => plain(Code::MalformedRequest),
        Rejection::StaleEpoch { current } => {
            plain(Code::ProducerFenced).with(PRODUCER_EPOCH, current)
        }
        Rejection::EpochStart => plain(Code::InvalidHeader),
        Rejection::Gap { expected, received } => plain(Code::ProducerGap)
            .with(HeaderName::from_static("producer-expected-seq"), expected)
            .with(HeaderName::from_static("producer-received-seq"), received),
        Rejection::StreamSeq { .. } => plain(Code::StreamSeqConflict),
        Rejection::TooManyProducers { .. } => plain(Code::StateLimit),
    }
}
