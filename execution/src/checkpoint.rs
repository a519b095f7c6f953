//! What an attempt leaves for the next one: how far it came, and the state it shares with watchers.
//!
//! Both are in the state already and outlive the attempt that wrote them; a runner gets them with
//! its lease. Deliberately absent: messages, tool calls and the like, which are in the execution
//! that comes with the lease.

use serde::Serialize;
use serde_json::Value;

use crate::{
    content::{Item, Progress},
    state::State,
};

/// See the file's header.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checkpoint {
    /// The attempt that reported progress or changed the shared state last.
    pub attempt: u32,
    /// The last progress.
    pub progress: Option<Progress>,
    /// AG-UI's shared state: the last `STATE_SNAPSHOT` with the deltas since.
    pub state: Option<Value>,
}

impl State {
    /// What the attempts so far leave for the next one; `None` where they left nothing.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let (progress, state) = (self.progress.clone(), self.transcript.agent_state.clone());
        if progress.is_none() && state.is_none() {
            return None;
        }
        // A snapshot that an older version wrote does not say which.
        let attempt = if self.left_by == 0 { self.attempt } else { self.left_by };
        Some(Checkpoint { attempt, progress, state })
    }
}

/// Whether it changes what the next attempt is given.
pub(crate) fn is_left(item: &Item) -> bool {
    matches!(item, Item::StateSnapshot { .. } | Item::StateDelta { .. })
}
