//! Reading a log over HTTP: a page, a long poll, or server-sent events.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
};
use bytes::{BufMut as _, BytesMut};
use heartline_actors::{Next, Start, Transport};
use heartline_execution::{ExecutionId, Span};

use super::{Answer, Shared, json_bytes};
use crate::{
    app::{App, execution_of},
    error::{Code, Problem},
    outgoing::Outgoing,
    query::{Params, wrong},
    schema,
    sse::Stream,
    view::{Entry, Lens, View},
    watching,
};

/// Events of a page when the request does not say.
const LIMIT_DEFAULT: u64 = 100;
/// The largest seq there can be.
const SEQ_MAX: u64 = (1 << 53) - 1;

/// What a request asks for.
struct Wanted {
    id: ExecutionId,
    view: View,
    after: u64,
    limit: usize,
    wait: Option<Duration>,
    snapshot: bool,
}

/// Read the log: a page; with `wait`, a long poll; with `Accept: text/event-stream`, a stream.
#[utoipa::path(
    get, path = "/v1/executions/{id}/events", tag = "events", operation_id = "readEvents",
    params(
        ("id" = schema::ExecutionId, Path, description = "The execution"),
        ("after" = Option<u64>, Query, description = "Events after this seq"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "Most events of a page"),
        ("view" = Option<schema::ViewName>, Query, description = "Which events, in which words"),
        ("wait" = Option<schema::Duration>, Query, description = "How long a page may wait for its first event, such as `30s`. A `head` before `after` says that the reader knows another log than this one"),
        ("snapshot" = Option<bool>, Query, description = "Streams only: begin with the state instead of `after`"),
        ("Last-Event-ID" = Option<u64>, Header, description = "Streams only: as `after`, and wins over it"),
    ),
    responses(
        (status = 200, description = "A page, or the stream", content(
            (schema::EventPage = "application/json"), (String = "text/event-stream"))),
        (status = 204, description = "A stream that reconnects after its end"),
    ),
)]
pub(crate) async fn read(app: Shared, request: HttpRequest) -> Answer {
    let id = execution_of(&request)?;
    let params =
        Params::parse(request.query_string(), &["after", "limit", "view", "wait", "snapshot"])?;
    let stream = wants_stream(request.headers())?;
    let limit_max = app.config.http.list_limit as u64;
    let longest = app.config.http.long_poll_max;
    let mut wanted = Wanted {
        id,
        view: params.get("view")?.unwrap_or_default(),
        after: params.number("after", 0, SEQ_MAX)?.unwrap_or(0),
        limit: params.number("limit", 1, limit_max)?.unwrap_or(LIMIT_DEFAULT.min(limit_max))
            as usize,
        wait: params.get::<Span>("wait")?.map(|wait| wait.to_std().min(longest)),
        snapshot: params.flag("snapshot")?,
    };
    let head = request.method() == Method::HEAD;
    if stream {
        return streamed(app, request.headers(), wanted, head).await;
    }
    if wanted.snapshot {
        return Err(wrong("snapshot", "is for streams: ask with Accept: text/event-stream"));
    }
    if head {
        // What could be waited for would not be sent.
        wanted.wait = None;
    }
    page(&app, wanted).await
}

/// Whether it accepts an event stream and does not prefer JSON.
fn wants_stream(headers: &HeaderMap) -> Result<bool, Problem> {
    let Some(accept) = headers.get(header::ACCEPT) else { return Ok(false) };
    let accept = accept.to_str().unwrap_or_default().to_ascii_lowercase();
    let mut any = accept.trim().is_empty();
    for part in accept.split(',') {
        match part.split(';').next().unwrap_or_default().trim() {
            "text/event-stream" => return Ok(true),
            "application/json" => return Ok(false),
            "*/*" | "application/*" => any = true,
            _ => {}
        }
    }
    if any {
        return Ok(false);
    }
    Err(Problem::new(
        Code::NotAcceptable,
        "Events are served as application/json or text/event-stream.",
    ))
}

/// An event stream; of `head` only how it begins, since what has no end is never sent in full.
async fn streamed(app: Shared, headers: &HeaderMap, wanted: Wanted, head: bool) -> Answer {
    let last = last_event_id(headers)?;
    let Wanted { id, view, .. } = wanted;
    if last.is_some() || head {
        // A browser reconnects after every close; this is how it is told that there is no more.
        let after = last.unwrap_or(SEQ_MAX);
        let page = app.handle.events(&app.namespace, id, after, 1, true).await?;
        if page.terminal.is_some() && last.is_some_and(|last| last >= page.head) {
            return Ok(HttpResponse::NoContent().finish());
        }
    }
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")))
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header(("x-accel-buffering", HeaderValue::from_static("no")));
    if head {
        return Ok(answer.finish());
    }
    let start = match last {
        None if wanted.snapshot => Start::Snapshot,
        None => Start::After(wanted.after),
        Some(last) => Start::After(last),
    };
    let watch = watching::open(&app, id, view, start, Transport::Sse).await?;
    let outgoing = Outgoing::new(app.handle.outbound(), app.config.websocket.user_timeout);
    let stream =
        Stream::new(id, watch, app.draining.clone(), app.config.http.sse_keep_alive, outgoing);
    Ok(answer.streaming(stream.into_bytes()))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let seq = digits.then(|| text.parse().ok()).flatten().filter(|seq| *seq <= SEQ_MAX);
    seq.map(Some)
        .ok_or_else(|| Problem::new(Code::InvalidHeader, "Last-Event-ID is the seq of an event."))
}

async fn page(app: &App, wanted: Wanted) -> Answer {
    let Wanted { id, view, after, limit, .. } = wanted;
    let mut lens = watching::lens_at(app, id, view, after).await?;
    let lifecycle_only = view.lifecycle_only();
    let mut page = app.handle.events(&app.namespace, id, after, limit, lifecycle_only).await?;
    let mut json = Page::default();
    json.add(&mut lens, page.chunk.events.iter().map(Entry::from));
    // What the view hides does not count: an empty page says that there is no more.
    while json.count == 0 && page.more {
        let after = page.chunk.last();
        page = app.handle.events(&app.namespace, id, after, limit, lifecycle_only).await?;
        json.add(&mut lens, page.chunk.events.iter().map(Entry::from));
    }
    if let Some(wait) = wanted.wait
        && json.count == 0
        && !page.more
        && page.terminal.is_none()
    {
        poll(app, &wanted, page.head.max(after), lens, wait, &mut json).await?;
        // Where the log ends now; its events are not needed again.
        page = app.handle.events(&app.namespace, id, SEQ_MAX, 1, true).await?;
    }
    Ok(json_bytes(json.finish(page.head, page.terminal.is_some())))
}

/// Waits for events that the view shows, until they come, the log ends or time is up. A log that is
/// not as long as `after` has its events up to there passed by: they were not asked for.
async fn poll(
    app: &App,
    wanted: &Wanted,
    after: u64,
    mut lens: Lens,
    wait: Duration,
    json: &mut Page,
) -> Result<(), Problem> {
    let start = Start::After(after);
    let mut cursor =
        app.handle.subscribe(&app.namespace, wanted.id, start, Transport::LongPoll).await?.cursor;
    let deadline = tokio::time::sleep(wait);
    tokio::pin!(deadline);
    while json.count == 0 {
        let next = tokio::select! {
            next = cursor.next() => next?,
            () = &mut deadline => return Ok(()),
            () = app.draining.begun() => return Ok(()),
        };
        match next {
            Next::Events(chunk, from) => {
                let events = &chunk.events[from..];
                let known = events.partition_point(|event| event.record.seq <= after);
                lens.pass_all(events[..known].iter().map(Entry::from));
                json.add_some(&mut lens, events[known..].iter().map(Entry::from), wanted.limit);
            }
            Next::Lag { .. } | Next::Live { .. } => {}
            Next::Reset { .. } | Next::End { .. } => return Ok(()),
        }
    }
    Ok(())
}

/// `{"events":[…],"head":…,"terminal":…}` in the making.
#[derive(Default)]
struct Page {
    json: BytesMut,
    count: usize,
}

impl Page {
    /// Until there are `limit` that the view shows.
    fn add_some<'a>(
        &mut self,
        lens: &mut Lens,
        mut events: impl Iterator<Item = Entry<'a>>,
        limit: usize,
    ) {
        while self.count < limit
            && let Some(event) = events.next()
        {
            self.add(lens, std::iter::once(event));
        }
    }

    fn add<'a>(&mut self, lens: &mut Lens, events: impl Iterator<Item = Entry<'a>>) {
        for event in events {
            lens.show(event, &mut |_, parts| {
                self.json.put_slice(if self.count == 0 { b"{\"events\":[" } else { b"," });
                parts.iter().for_each(|part| self.json.put_slice(part));
                self.count += 1;
            });
        }
    }

    fn finish(mut self, head: u64, terminal: bool) -> BytesMut {
        if self.count == 0 {
            self.json.put_slice(b"{\"events\":[");
        }
        self.json.put_slice(format!("],\"head\":{head},\"terminal\":{terminal}}}").as_bytes());
        self.json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_header_chooses_between_a_page_and_a_stream() {
        let mut headers = HeaderMap::new();
        assert!(!wants_stream(&headers).unwrap());
        for (text, stream) in [
            ("text/event-stream", true),
            ("*/*", false),
            ("text/event-stream, */*", true),
            ("application/json", false),
        ] {
            headers.insert(header::ACCEPT, HeaderValue::from_static(text));
            assert_eq!(wants_stream(&headers).unwrap(), stream, "{text}");
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/html"));
        assert_eq!(wants_stream(&headers).unwrap_err().code(), Code::NotAcceptable);
    }

    #[test]
    fn a_page_is_json_with_and_without_events() {
        assert_eq!(
            &Page::default().finish(7, true)[..],
            b"{\"events\":[],\"head\":7,\"terminal\":true}"
        );
        let log = crate::view::tests::Log::new(&[("execution.created", "{}"), ("CUSTOM", "{}")]);
        let mut page = Page::default();
        page.add(&mut Lens::new(View::Full), log.entries().into_iter());
        let json: serde_json::Value = serde_json::from_slice(&page.finish(2, false)).unwrap();
        assert_eq!(json["events"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn what_the_view_hides_does_not_count() {
        let log = crate::view::tests::Log::new(&[
            ("execution.created", "{}"),
            ("execution.started", "{}"),
            ("CUSTOM", "{}"),
        ]);
        let mut page = Page::default();
        page.add_some(&mut Lens::new(View::AgUi), log.entries().into_iter(), 1);
        let json: serde_json::Value = serde_json::from_slice(&page.finish(3, false)).unwrap();
        let events = json["events"].as_array().unwrap();
        assert_eq!((events.len(), &events[0]["type"]), (1, &"RUN_STARTED".into()));
    }
}
