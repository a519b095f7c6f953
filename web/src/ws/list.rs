//! Subscriptions by filter: a live list, from its first rows to whatever changes in it.

use std::fmt::Write as _;

use bytes::BytesMut;
use heartline_actors::{Change, ListNext, ListedRow, LiveList, Query, Transport, Turn};
use heartline_execution::{ExecutionId, Kind, Name, Phase, Timestamp, event::Reason};
use serde::Deserialize;

use crate::{
    app::App,
    encode::{self, Frames, text_frame},
    error::{Code, Problem},
    query::label_of,
    view::View,
};

/// Which executions, in the words of `GET /v1/executions`. All that are named must match.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Filter {
    phase: Option<Phase>,
    kind: Option<Kind>,
    name: Option<String>,
    queue: Option<Name>,
    runner: Option<Name>,
    /// `key:value`.
    label: Option<String>,
    reason: Option<Reason>,
    parent: Option<ExecutionId>,
    retry_of: Option<ExecutionId>,
    id_prefix: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// What a subscription by filter asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ListOf {
    pub(super) filter: Filter,
    /// Rows at its beginning.
    pub(super) limit: Option<u64>,
    /// Whether the lifecycle events are shown beside the rows.
    pub(super) events: bool,
}

impl ListOf {
    /// Of the parts of a `subscribe` frame.
    ///
    /// # Errors
    /// Rows are about the lifecycle, so that is the one view there is.
    pub(super) fn new(
        filter: Filter,
        limit: Option<u64>,
        view: Option<View>,
    ) -> Result<Self, Problem> {
        if let Some(label) = &filter.label {
            label_of(label)
                .map_err(|message| Problem::at(Code::Invalid, "/filter/label", message))?;
        }
        let events = match view {
            None => false,
            Some(View::Status) => true,
            Some(View::Full | View::AgUi) => {
                let message = "a list shows the view status, or rows alone where none is asked \
                               for; subscribe to an execution to see its content";
                return Err(Problem::at(Code::Invalid, "/view", message));
            }
        };
        Ok(Self { filter, limit, events })
    }

    fn query(self, app: &App) -> Result<Query, Problem> {
        let http = &app.config.http;
        let most = http.list_limit as u64;
        let limit = self.limit.unwrap_or(http.list_default as u64);
        if !(1..=most).contains(&limit) {
            let message = format!("must be a whole number from 1 to {most}");
            return Err(Problem::at(Code::Invalid, "/limit", message));
        }
        let Filter {
            phase,
            kind,
            name,
            queue,
            runner,
            label,
            reason,
            parent,
            retry_of,
            id_prefix,
            since,
            until,
        } = self.filter;
        Ok(Query {
            namespace: app.namespace.clone(),
            phase,
            kind,
            name,
            queue,
            runner,
            label: label.as_deref().and_then(|label| label_of(label).ok()),
            reason,
            parent,
            retry_of,
            id_prefix,
            since,
            until,
            limit: limit as usize,
            cursor: None,
        })
    }
}

/// A live list as one subscription shows it.
pub(super) struct Listed {
    /// The client's, as JSON.
    id: String,
    list: LiveList,
    events: bool,
}

impl Listed {
    /// Opens it; the bytes are the first to be sent.
    pub(super) fn open(app: &App, id: &str, of: ListOf) -> Result<(Self, Frames), Problem> {
        let events = of.events;
        let query = of.query(app)?;
        let limit = query.limit;
        let list = app.handle.follow_list(query, Transport::WebSocket)?;
        let mut out = Out::default();
        out.frame(&format!("{{\"op\":\"subscribed\",\"id\":{id},\"limit\":{limit}}}"));
        Ok((Self { id: id.to_owned(), list, events }, out.frames()))
    }

    /// What comes next; empty where it is nothing to show.
    pub(super) async fn next(&mut self) -> Result<Frames, Problem> {
        let mut out = Out::default();
        let id = &self.id;
        match self.list.next().await? {
            ListNext::Rows(rows) => {
                for ListedRow { id: execution, seq, json } in rows {
                    out.row("enter", id, execution, seq, &json);
                }
            }
            ListNext::Listed { next } => {
                let next = next.map_or("null".to_owned(), |cursor| format!("\"{cursor}\""));
                out.frame(&format!("{{\"op\":\"listed\",\"id\":{id},\"next_cursor\":{next}}}"));
            }
            ListNext::Changed(changes) => {
                for (turn, change) in &changes {
                    if self.events {
                        out.count += encode::events(&mut out.bytes, &change.events);
                    }
                    out.change(id, *turn, change);
                }
            }
            ListNext::Reset => {
                out.frame(&format!("{{\"op\":\"reset\",\"id\":{id},\"reason\":\"behind\"}}"));
            }
        }
        Ok(out.frames())
    }
}

#[derive(Default)]
struct Out {
    bytes: BytesMut,
    count: usize,
}

impl Out {
    fn frame(&mut self, text: &str) {
        text_frame(&mut self.bytes, text.as_bytes());
        self.count += 1;
    }

    fn change(&mut self, id: &str, turn: Turn, change: &Change) {
        let (execution, seq) = (change.id, change.seq);
        match (turn, change.row()) {
            (Turn::Enter, Some(row)) => self.row("enter", id, execution, seq, row),
            (Turn::Change, Some(row)) => self.row("change", id, execution, seq, row),
            (Turn::Leave, _) | (_, None) => {
                let mut text = format!(
                    "{{\"op\":\"leave\",\"id\":{id},\"execution\":\"{execution}\",\"seq\":{seq},\"phase\":"
                );
                match change.phase() {
                    Some(phase) => write!(text, "\"{}\"}}", phase.as_str()),
                    None => text.write_str("null}"),
                }
                .expect("a string takes any text");
                self.frame(&text);
            }
        }
    }

    fn row(&mut self, op: &str, id: &str, execution: ExecutionId, seq: u64, row: &[u8]) {
        let head = format!(
            "{{\"op\":\"{op}\",\"id\":{id},\"execution\":\"{execution}\",\"seq\":{seq},\"state\":"
        );
        text_frame(&mut self.bytes, &[head.as_bytes(), row, b"}"].concat());
        self.count += 1;
    }

    fn frames(self) -> Frames {
        Frames { bytes: self.bytes.freeze(), count: self.count }
    }
}
