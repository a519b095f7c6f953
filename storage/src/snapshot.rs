//! The versioned encodings of derived rows: states and standings.
//!
//! Both can be made again from the log, so damage here costs time, never history.

use heartline_execution::{Standing, State};

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
    encode(state, 2048)
}

/// The inverse of [`encode_state`].
pub(crate) fn decode_state(bytes: &[u8]) -> Result<State, Unreadable> {
    decode(bytes, "state")
}

/// Encodes a row of the live index.
pub(crate) fn encode_standing(standing: &Standing) -> Vec<u8> {
    encode(standing, 640)
}

/// The inverse of [`encode_standing`].
pub(crate) fn decode_standing(bytes: &[u8]) -> Result<Standing, Unreadable> {
    decode(bytes, "standing")
}

fn encode(value: &impl serde::Serialize, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size);
    bytes.push(VERSION);
    // Serialising to memory fails only for maps whose keys are no strings; none has any.
    serde_json::to_writer(&mut bytes, value).expect("states and standings are plain JSON");
    bytes
}

fn decode<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8], what: &str) -> Result<T, Unreadable> {
    match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json)
            .map_err(|error| Unreadable::Malformed(format!("the {what} is malformed: {error}"))),
        Some((newer, _)) => Err(Unreadable::Newer(format!("{what} version {newer} is not known"))),
        None => Err(Unreadable::Malformed(format!("the {what} is empty"))),
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
