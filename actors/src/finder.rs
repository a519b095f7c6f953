//! What a session has to find out before it can tell its runner: the words that belong to a loss, a
//! cancellation, an answer. They stand in the log, and are asked for only where they are to be told.

use std::{borrow::Cow, sync::Arc};

use heartline_execution::{Command, ExecutionId, LeaseId, Namespace, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{core::Core, directory::Directory, session::Told, writer::Wants};

/// Lifecycle events that are searched for an answer; a question asked longer ago was asked of an
/// attempt that is over.
const ANSWER_PAGE: usize = 512;

/// See the module. Each question takes one.
pub(crate) struct Finder {
    pub(crate) core: Arc<Core>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) namespace: Namespace,
}

impl Finder {
    /// Why a lease is not the session's any more.
    pub(crate) async fn reason(self, id: ExecutionId, lease: LeaseId) -> Option<Told> {
        let Self { core: _, directory, namespace } = self;
        let beat = Command::Heartbeat { lease };
        let reason = match directory.execute(&namespace, id, beat, Wants::Nothing).await {
            Ok(_) => "the lease is not held by this session".to_owned(),
            Err(error) => error.to_string(),
        };
        Some(Told::Revoked { id, lease, reason })
    }

    /// With whose words a runner is to stop.
    pub(crate) async fn cancel(
        self,
        id: ExecutionId,
        lease: LeaseId,
        deadline: Timestamp,
    ) -> Option<Told> {
        #[derive(Deserialize)]
        struct Seen {
            cancel: Option<Cancel>,
        }
        #[derive(Deserialize)]
        struct Cancel {
            reason: Option<String>,
        }
        let Self { core: _, directory, namespace } = self;
        // Its words are for people: the cancellation is told without them rather than not.
        let seen = directory.show(&namespace, id).await.ok();
        let seen = seen.and_then(|view| serde_json::from_slice::<Seen>(&view.execution).ok());
        let reason = seen.and_then(|seen| seen.cancel).and_then(|cancel| cancel.reason);
        Some(Told::Cancel { id, lease, reason, deadline })
    }

    /// The answer to the question that was asked at `after`, or, when that is not known, the last.
    pub(crate) async fn answer(self, id: ExecutionId, lease: LeaseId, after: u64) -> Option<Told> {
        #[derive(Deserialize)]
        struct Seen<'a> {
            #[serde(rename = "type", borrow)]
            type_name: Cow<'a, str>,
            #[serde(borrow)]
            data: &'a RawValue,
        }
        #[derive(Deserialize)]
        struct Answer {
            input: Option<Box<RawValue>>,
        }
        let Self { core, directory: _, namespace } = self;
        let (head, _) = core.feeds.of(&namespace, id).head();
        let (mut from, mut last) = (after, None);
        loop {
            let range = (from, head);
            let page = core.feeds.page(&namespace, id, range, true, ANSWER_PAGE).await;
            let (chunk, more) = page.ok()?;
            for record in chunk.events.iter().map(|stored| &stored.record) {
                from = record.seq;
                let seen: Seen<'_> = serde_json::from_slice(&record.json).ok()?;
                if seen.type_name == "execution.resumed" {
                    let answer: Answer = serde_json::from_str(seen.data.get()).ok()?;
                    last = Some(Told::Resumed { id, lease, seq: from, input: answer.input });
                    if after > 0 {
                        return last;
                    }
                }
            }
            if !more {
                return last;
            }
        }
    }
}
