//! Reading a log as the Durable Streams protocol has it (its sections in brackets): catch-up, long
//! poll, event stream, metadata. The same for executions and for plain streams.
//!
//! Nothing is buffered per reader: an answer is one bounded [`Piece`], or a follower that is pulled.

pub(crate) mod offset;
mod sse;

use std::borrow::Cow;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
};
use bytes::{BufMut as _, Bytes, BytesMut};
use heartline_actors::{
    Transport,
    streams::{Ending, Piece, Reading},
};
use heartline_execution::stream::Media;

use crate::{
    app::App,
    durable::offset::Ticker,
    error::{Code, Problem},
    query::{Params, wrong},
    routes::Answer,
};

pub(crate) const NEXT_OFFSET: HeaderName = HeaderName::from_static("stream-next-offset");
pub(crate) const UP_TO_DATE: HeaderName = HeaderName::from_static("stream-up-to-date");
pub(crate) const CLOSED: HeaderName = HeaderName::from_static("stream-closed");
const CURSOR: HeaderName = HeaderName::from_static("stream-cursor");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
pub(crate) const TRUE: HeaderValue = HeaderValue::from_static("true");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// What ends before the tail never changes; the rest is asked for anew, which an `ETag` makes cheap
/// (10.1). Private, since who may read is decided request by request.
const FULL: HeaderValue =
    HeaderValue::from_static("private, max-age=60, stale-while-revalidate=300");
const PARTIAL: HeaderValue = HeaderValue::from_static("private, no-cache");

/// A log, and how it is shown.
pub(crate) struct Log {
    pub(crate) reading: Reading,
    pub(crate) content_type: HeaderValue,
    pub(crate) media: Media,
    /// More headers of its metadata (5.5).
    pub(crate) about: Vec<(HeaderName, HeaderValue)>,
}

/// How it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    CatchUp,
    LongPoll,
    Sse,
}

/// `HEAD`: what there is, without it (5.5).
///
/// # Errors
/// 404 once it is deleted.
pub(crate) fn head(log: &Log) -> Answer {
    let (tail, ending) = log.reading.tail();
    check(ending)?;
    let mut answer = answer(StatusCode::OK, tail);
    answer.insert_header((header::CONTENT_TYPE, log.content_type.clone()));
    answer.insert_header((header::CACHE_CONTROL, NO_STORE));
    for header in log.about.iter().cloned() {
        answer.insert_header(header);
    }
    if ending == Ending::Closed {
        answer.insert_header((CLOSED, TRUE));
    }
    Ok(answer.finish())
}

/// `GET`, in whatever mode it asks for (5.6, 5.7, 5.8).
///
/// # Errors
/// 400 for a wrong parameter, 404 once it is deleted, 503 at the bound on subscriptions.
pub(crate) async fn read(app: &App, request: &HttpRequest, log: Log) -> Answer {
    // Others may add parameters of their own (11.1).
    let params = Params::parse_some(request.query_string(), &["offset", "live", "cursor"])?;
    let mode = match params.text("live") {
        None => Mode::CatchUp,
        Some("long-poll") => Mode::LongPoll,
        Some("sse") => Mode::Sse,
        Some(_) => return Err(wrong("live", "must be long-poll or sse")),
    };
    let (tail, ending) = log.reading.tail();
    check(ending)?;
    let from = match params.text("offset") {
        None if mode != Mode::CatchUp => {
            return Err(wrong("offset", "is missing; live reads begin at one, such as -1 or now"));
        }
        None | Some(offset::BEGINNING) => 0,
        Some(offset::NOW) => tail,
        Some(text) => offset::parse(text).ok_or_else(|| {
            wrong("offset", "must be -1, now, or a Stream-Next-Offset of this stream")
        })?,
    };
    let from = from.max(log.reading.first());
    if from > tail {
        let message = format!("is beyond the end of this stream, which is {}", offset::show(tail));
        return Err(wrong("offset", &message));
    }
    let ticker = Ticker::new(params.text("cursor"), app.handle.now())
        .ok_or_else(|| wrong("cursor", "must be a Stream-Cursor as it was served"))?;
    let now = params.text("offset") == Some(offset::NOW);
    match mode {
        Mode::CatchUp => catch_up(request, &log, from, now, None).await,
        Mode::LongPoll if from < tail => catch_up(request, &log, from, now, Some(ticker)).await,
        Mode::LongPoll => long_poll(app, log, from, ticker).await,
        Mode::Sse => sse::stream(app, log, from, ticker),
    }
}

/// What stands behind `from`, up to a bound (5.6).
async fn catch_up(
    request: &HttpRequest,
    log: &Log,
    from: u64,
    now: bool,
    ticker: Option<Ticker>,
) -> Answer {
    let piece = log.reading.page(from).await?;
    let (tail, ending) = log.reading.tail();
    check(ending)?;
    let up_to_date = piece.next >= tail;
    let closed = up_to_date && ending == Ending::Closed;
    let tag = {
        let (id, next) = (log.reading.id(), piece.next);
        format!("\"{id}:{from}:{next}{}\"", if closed { ":c" } else { "" })
    };
    let unchanged = !now && matches(request.headers(), &tag);
    let status = if unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut answer = answer(status, piece.next);
    mark(&mut answer, up_to_date, closed, ticker);
    let cache = if up_to_date { PARTIAL } else { FULL };
    answer.insert_header((header::CACHE_CONTROL, if now { NO_STORE } else { cache }));
    if !now {
        answer.insert_header((header::ETAG, tag));
    }
    if unchanged {
        return Ok(answer.finish());
    }
    answer.insert_header((header::CONTENT_TYPE, log.content_type.clone()));
    Ok(answer.body(body(log.media, &piece)))
}

/// Whether the client has it already (10.1): `If-None-Match` is `*`, which is whatever there is, or
/// a list that holds `tag`, be it as a weak one (RFC 9110, 13.1.2). Ours hold no comma.
pub(crate) fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    known
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|value| value == "*" || value.strip_prefix("W/").unwrap_or(value) == tag)
}

/// Waits at the tail until there is more, it is closed, or time is up (5.7).
async fn long_poll(app: &App, log: Log, from: u64, ticker: Ticker) -> Answer {
    let (tail, ending) = log.reading.tail();
    let Log { reading, content_type, media, .. } = log;
    if from >= tail && ending == Ending::Closed {
        return Ok(nothing_new(tail, true, ticker));
    }
    let mut follower = reading.follow(from, Transport::LongPoll)?;
    let next = tokio::select! {
        next = follower.next() => Some(next?),
        () = tokio::time::sleep(app.config.streams.long_poll) => None,
        () = app.draining.begun() => None,
    };
    let (tail, ending) = follower.reading.tail();
    check(ending)?;
    let Some(Some(piece)) = next else {
        return Ok(nothing_new(from, ending == Ending::Closed && from >= tail, ticker));
    };
    let up_to_date = piece.next >= tail;
    let mut answer = answer(StatusCode::OK, piece.next);
    mark(&mut answer, up_to_date, up_to_date && ending == Ending::Closed, Some(ticker));
    answer.insert_header((header::CACHE_CONTROL, NO_STORE));
    answer.insert_header((header::CONTENT_TYPE, content_type));
    Ok(answer.body(body(media, &piece)))
}

fn nothing_new(at: u64, closed: bool, ticker: Ticker) -> HttpResponse {
    let mut answer = answer(StatusCode::NO_CONTENT, at);
    mark(&mut answer, true, closed, Some(ticker));
    answer.insert_header((header::CACHE_CONTROL, NO_STORE));
    answer.finish()
}

/// 404 for what is no more.
fn check(ending: Ending) -> Result<(), Problem> {
    match ending {
        Ending::Open | Ending::Closed => Ok(()),
        Ending::Gone => Err(Problem::new(Code::StreamNotFound, "The stream was deleted.")),
    }
}

/// What every answer has: the place, and what keeps browsers from taking bytes of others for ours
/// (12.7): they sniff nothing, embed nothing elsewhere and run nothing.
pub(crate) fn answer(status: StatusCode, place: u64) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((NEXT_OFFSET, offset::show(place)))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .insert_header((RESOURCE_POLICY, HeaderValue::from_static("same-origin")))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("sandbox; default-src 'none'"),
        ));
    answer
}

/// How far the answer goes; no cursor is needed where nobody comes back.
fn mark(answer: &mut HttpResponseBuilder, up_to_date: bool, closed: bool, ticker: Option<Ticker>) {
    if up_to_date {
        answer.insert_header((UP_TO_DATE, TRUE));
    }
    if closed {
        answer.insert_header((CLOSED, TRUE));
    } else if let Some(ticker) = ticker {
        answer.insert_header((CURSOR, ticker.to_string()));
    }
}

/// The messages as one body: an array of JSON values, or bytes after bytes (9.1.5).
fn body(media: Media, piece: &Piece) -> Bytes {
    if media != Media::Json
        && let [(_, only)] = &piece.messages[..]
    {
        return only.clone();
    }
    let size: usize = piece.messages.iter().map(|(_, message)| message.len() + 1).sum();
    let mut out = BytesMut::with_capacity(size + 2);
    let json = media == Media::Json;
    if json {
        out.put_u8(b'[');
    }
    for (index, (_, message)) in piece.messages.iter().enumerate() {
        if json && index > 0 {
            out.put_u8(b',');
        }
        out.put_slice(message);
    }
    if json {
        out.put_u8(b']');
    }
    out.freeze()
}

/// A header's text; `None` when it is absent.
///
/// # Errors
/// 400 when it stands twice, is not text or is longer than `max`.
pub(crate) fn text_of<'a>(
    request: &'a HttpRequest,
    name: &str,
    max: usize,
) -> Result<Option<&'a str>, Problem> {
    let wrong = |what: Cow<'_, str>| Problem::new(Code::InvalidHeader, format!("{name} {what}."));
    let mut values = request.headers().get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(wrong("stands twice".into()));
    }
    let text = value.to_str().map_err(|_| wrong("is visible ASCII".into()))?;
    if text.len() > max {
        return Err(wrong(format!("has at most {max} bytes").into()));
    }
    Ok(Some(text))
}
