//! AG-UI's chunked form: which item a chunk without an id belongs to, and when it is complete.
//!
//! One item may be open per agent: the parent, and each subagent.

use serde::{Deserialize, Serialize};

use super::{At, Id, Map, MessageStatus, Refusal, Transcript};
use crate::content::Item;

/// What an agent's chunks are writing: a continuation names neither the id nor the item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenChunk {
    pub(super) kind: Streamed,
    pub(super) id: Id,
}

/// What a chunk is a piece of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Streamed {
    Text,
    Reasoning,
    ToolCall,
}

impl Transcript {
    /// An event that is not a continuation ends what its agent's chunks were writing. Heartline's
    /// own `CUSTOM` events do not: a log line may fall between any two chunks.
    pub(super) fn close_chunks(&mut self, item: &Item, at: At<'_>) {
        if self.open_chunks.is_empty() {
            return;
        }
        match item {
            Item::TextMessageChunk { .. }
            | Item::ReasoningMessageChunk { .. }
            | Item::ToolCallChunk { .. }
            | Item::ActivitySnapshot { .. }
            | Item::ActivityDelta { .. }
            | Item::ReasoningEncryptedValue
            | Item::SubagentStarted(_)
            | Item::Raw
            | Item::Log(_)
            | Item::Artifact(_)
            | Item::Todo(_)
            | Item::Task(_)
            | Item::Progress(_)
            | Item::Output => {}
            Item::MessagesSnapshot { .. } => {
                while let Some((owner, _)) = self.open_chunks.last() {
                    let owner = owner.clone();
                    self.close_chunk(&owner);
                }
            }
            Item::TextMessageStart { .. }
            | Item::TextMessageContent { .. }
            | Item::TextMessageEnd { .. }
            | Item::ToolCallStart { .. }
            | Item::ToolCallArgs { .. }
            | Item::ToolCallEnd { .. }
            | Item::ToolCallResult { .. }
            | Item::ReasoningStart
            | Item::ReasoningMessageStart { .. }
            | Item::ReasoningMessageContent { .. }
            | Item::ReasoningMessageEnd { .. }
            | Item::ReasoningEnd
            | Item::StepStarted { .. }
            | Item::StepFinished { .. }
            | Item::SubagentFinished { .. }
            | Item::SubagentError { .. }
            | Item::StateSnapshot { .. }
            | Item::StateDelta { .. }
            | Item::Custom { .. } => self.close_chunk(at.owner.unwrap_or("")),
        }
    }

    fn close_chunk(&mut self, owner: &str) {
        let Some(chunk) = self.open_chunks.shift_remove(owner) else {
            return;
        };
        self.bytes -= owner.len() + chunk.id.len();
        match chunk.kind {
            Streamed::Text | Streamed::Reasoning => {
                if let Some(message) = self.messages.get_mut(&chunk.id) {
                    message.status = MessageStatus::Done;
                }
            }
            Streamed::ToolCall => {
                if let Some(call) = self.tool_calls.get_mut(&chunk.id) {
                    call.arguments_complete();
                }
            }
        }
    }

    /// Which item a chunk belongs to, and whether it opens it. AG-UI 1.0, streaming messages: an
    /// id continues wherever it is open; without one, the chunk continues what its subagent has
    /// open; without either, the parent agent's, or else the only one open of that kind.
    pub(super) fn chunk(
        &mut self,
        kind: Streamed,
        id: Option<&str>,
        at: At<'_>,
    ) -> Result<(Id, bool), Refusal> {
        let own = at.owner.unwrap_or("");
        let owner: Id = match id {
            Some(id) => self
                .open_chunks
                .iter()
                .find(|(_, open)| open.kind == kind && &*open.id == id)
                .map_or_else(|| own.into(), |(owner, _)| owner.clone()),
            None => self.continued_owner(kind, at.owner)?,
        };
        let open = self.open_chunks.get(&owner).filter(|open| open.kind == kind);
        match (id, open) {
            (None, Some(open)) => Ok((open.id.clone(), false)),
            (Some(id), Some(open)) if &*open.id == id => Ok((id.into(), false)),
            (Some(id), _) => {
                self.close_chunk(&owner);
                self.bytes += owner.len() + id.len();
                self.open_chunks.insert(owner, OpenChunk { kind, id: id.into() });
                Ok((id.into(), true))
            }
            (None, None) => Err(kind.refuse("is required: no chunk before this one is open")),
        }
    }

    fn continued_owner(&self, kind: Streamed, owner: Option<&str>) -> Result<Id, Refusal> {
        if let Some(owner) = owner {
            return Ok(owner.into());
        }
        if self.open_chunks.get("").is_some_and(|open| open.kind == kind) {
            return Ok("".into());
        }
        let mut candidates = self.open_chunks.iter().filter(|(_, open)| open.kind == kind);
        match (candidates.next(), candidates.next()) {
            (Some((owner, _)), None) => Ok(owner.clone()),
            (None, _) => Ok("".into()),
            (Some(_), Some(_)) => {
                Err(kind.refuse("is required here: several subagents have chunks open"))
            }
        }
    }
}

impl Streamed {
    fn refuse(self, message: &str) -> Refusal {
        let field = match self {
            Streamed::Text | Streamed::Reasoning => "/messageId",
            Streamed::ToolCall => "/toolCallId",
        };
        Refusal { pointer: field.to_owned(), message: message.to_owned() }
    }
}

pub(super) fn weigh_chunks(chunks: &Map<OpenChunk>) -> usize {
    chunks.iter().map(|(owner, chunk)| owner.len() + chunk.id.len()).sum()
}
