//! What a session has to find out before it can tell its runner: the words that belong to a loss, a
//! cancellation, an answer. They stand in the log, and are asked for only where they are to be told.

use std::{sync::Arc, time::Duration};

use heartline_execution::{Command, ExecutionId, LeaseId, Namespace, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    core::Core,
    directory::Directory,
    session::Told,
    views::{Error, Resumed},
    writer::Wants,
};

/// Between two tries to read an answer.
const PAUSE: Duration = Duration::from_secs(1);

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

    /// The answer that stands at `seq`. A read that fails is tried again for as long as the lease
    /// has that answer: its runner waits for it.
    pub(crate) async fn answer(self, id: ExecutionId, lease: LeaseId, seq: u64) -> Option<Told> {
        let Self { core, directory: _, namespace } = self;
        loop {
            match resumed(&core, &namespace, id, seq).await {
                Ok(resumed) => return resumed.map(|resumed| Told::Resumed { id, lease, resumed }),
                // It never can be: the runner shall not wait for it.
                Err(Error::Corrupt(reason)) => return Some(Told::Revoked { id, lease, reason }),
                Err(error) => tracing::warn!(execution = %id, %error, "an answer cannot be read"),
            }
            tokio::time::sleep(PAUSE).await;
            let standing = core.board().standing(id);
            let held = standing.as_ref().and_then(|standing| standing.held());
            if held.is_none_or(|held| (held.lease, held.answered) != (lease, Some(seq))) {
                return None;
            }
        }
    }
}

/// The answer in the `execution.resumed` at `seq`; `None` where its log is gone meanwhile.
pub(crate) async fn resumed(
    core: &Core,
    namespace: &Namespace,
    id: ExecutionId,
    seq: u64,
) -> Result<Option<Resumed>, Error> {
    #[derive(Deserialize)]
    struct Seen {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        input: Option<Box<RawValue>>,
    }
    let (chunk, _) = core.feeds.page(namespace, id, (seq - 1, seq), true, 1).await?;
    let Some(stored) = chunk.events.first() else { return Ok(None) };
    let seen: Seen = serde_json::from_slice(&stored.record.json)
        .map_err(|error| Error::Corrupt(format!("event {seq} of {id}: {error}")))?;
    Ok(Some(Resumed { seq, input: seen.data.input }))
}
