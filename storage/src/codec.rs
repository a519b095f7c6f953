//! The few binary primitives that keys and rows are made of.
//!
//! Deliberately absent: a general serializer. Each row type spells out its own fields, behind its
//! own version byte, so that an older layout can always be told apart and read.

use heartline_execution::{ExecutionId, Kind, Phase};

/// Bytes of an encoded execution id.
pub(crate) const ID_LEN: usize = 17;

/// Appends an id so that byte order is the order of ids.
pub(crate) fn push_id(out: &mut Vec<u8>, id: ExecutionId) {
    out.extend_from_slice(&id_bytes(id));
}

/// An id so that byte order is the order of ids.
pub(crate) fn id_bytes(id: ExecutionId) -> [u8; ID_LEN] {
    let mut bytes = [0; ID_LEN];
    bytes[..16].copy_from_slice(&id.uuid().to_be_bytes());
    bytes[16] = kind_code(id.kind());
    bytes
}

/// The inverse of [`id_bytes`].
pub(crate) fn id_from(bytes: &[u8]) -> Option<ExecutionId> {
    let (kind, uuid) = bytes.split_last()?;
    let uuid = u128::from_be_bytes(uuid.try_into().ok()?);
    Some(ExecutionId::new(kind_from(*kind)?, uuid))
}

/// In the order of the kinds.
pub(crate) const fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Agent => 1,
        Kind::Workflow => 2,
    }
}

/// The inverse of [`kind_code`].
pub(crate) fn kind_from(code: u8) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind_code(*kind) == code)
}

/// On disk for ever: never renumber.
pub(crate) const fn phase_code(phase: Phase) -> u8 {
    match phase {
        Phase::Pending => 1,
        Phase::InProgress => 2,
        Phase::Waiting => 3,
        Phase::Completed => 4,
        Phase::Failed => 5,
        Phase::Cancelled => 6,
    }
}

/// The inverse of [`phase_code`].
pub(crate) fn phase_from(code: u8) -> Option<Phase> {
    Phase::ALL.into_iter().find(|phase| phase_code(*phase) == code)
}

/// Appends text behind its length. Longer text than 65,535 bytes is cut; nothing that is stored is
/// that long, and what is cut only coarsens an index, whose hits are checked against the row.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&text.as_bytes()[..usize::from(len)]);
}

/// An instant so that byte order is time order, years before 1970 included.
pub(crate) const fn ordered(micros: i64) -> u64 {
    micros.cast_unsigned() ^ (1 << 63)
}

/// The inverse of [`ordered`].
pub(crate) const fn from_ordered(bits: u64) -> i64 {
    (bits ^ (1 << 63)).cast_signed()
}

/// Reads a row from its front; every method is `None` once the row is too short.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next `len` bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next bytes, as many as the type says.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    /// One byte.
    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// Two bytes, big-endian.
    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Eight bytes, big-endian.
    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// What [`push_text`] wrote.
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let len = self.u16()?;
        std::str::from_utf8(self.bytes(usize::from(len))?).ok()
    }

    /// An execution id.
    pub(crate) fn id(&mut self) -> Option<ExecutionId> {
        id_from(self.bytes(ID_LEN)?)
    }
}
