//! The row that keeps a state, so that a load replays little.
//!
//! A state can be made again from the log, so damage here costs time, never history.

use heartline_execution::State;

use crate::{codec::Fields, record::Link};

/// A version byte, then JSON: derived data may change shape with any release, and JSON lets a field
/// be added without a new version.
const VERSION: u8 = 1;

/// Why a row cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// A later version wrote it.
    #[error("{0}")]
    Newer(String),
    /// It is not what this version writes.
    #[error("{0}")]
    Malformed(String),
}

/// Encodes a state for [`Append::snapshot`](crate::Append::snapshot), with its version.
pub fn encode_state(state: &State) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2_048);
    bytes.push(VERSION);
    // Serialising to memory fails only for maps whose keys are no strings; a state has none.
    serde_json::to_writer(&mut bytes, state).expect("a state is plain JSON");
    bytes
}

/// The inverse of [`encode_state`].
pub(crate) fn decode_state(bytes: &[u8]) -> Result<State, Unreadable> {
    match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json)
            .map_err(|error| Unreadable::Malformed(format!("the state is malformed: {error}"))),
        Some((newer, _)) => Err(Unreadable::Newer(format!("state version {newer} is not known"))),
        None => Err(Unreadable::Malformed("the state is empty".to_owned())),
    }
}

/// The row that keeps a state: which log position it is the fold of, then the encoded state.
pub(crate) fn encode_row(seq: u64, link: &Link, state: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(24 + state.len());
    row.extend_from_slice(&seq.to_be_bytes());
    row.extend_from_slice(link);
    row.extend_from_slice(state);
    row
}

/// The inverse of [`encode_row`].
pub(crate) fn decode_row(row: &[u8]) -> Result<(u64, Link, &[u8]), String> {
    let mut fields = Fields(row);
    let parts = |fields: &mut Fields<'_>| Some((fields.u64()?, fields.array()?));
    let (seq, link) = parts(&mut fields).ok_or("the snapshot row is too short")?;
    Ok((seq, link, fields.0))
}
