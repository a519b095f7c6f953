//! Identifiers: executions, leases, and the names people choose.
//!
//! Ids are values, never generated here: the shell supplies the UUIDv7 (time-ordered) bits.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::text::{Text, text_serde};

/// What an execution runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One run of an agent; ids start with `aex_`.
    Agent,
    /// One run of a workflow; ids start with `wex_`.
    Workflow,
}

impl Kind {
    /// Every kind, in the order of their wire names.
    pub const ALL: [Kind; 2] = [Kind::Agent, Kind::Workflow];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Agent => "agent",
            Kind::Workflow => "workflow",
        }
    }

    /// The queue an execution of this kind waits in when its creator names none.
    pub const fn default_queue(self) -> &'static str {
        match self {
            Kind::Agent => "agents",
            Kind::Workflow => "workflows",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Kind::Agent => "aex_",
            Kind::Workflow => "wex_",
        }
    }
}

/// Why a string is not an id or a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not `aex_` or `wex_` and 32 lower-case hex digits.
    #[error("an execution id is 'aex_' or 'wex_' followed by 32 lower-case hex digits")]
    ExecutionId,
    /// Not 32 lower-case hex digits.
    #[error("a lease is 32 lower-case hex digits, as handed out by claim")]
    Lease,
    /// Not 16 lower-case hex digits.
    #[error("a session is 16 lower-case hex digits, as given when the runner registered")]
    Session,
    /// Outside `[A-Za-z0-9_.:-]{1,128}`.
    #[error("a name is 1 to {max} characters of A-Z a-z 0-9 _ . : -", max = Name::MAX)]
    Name,
}

/// `aex_…` or `wex_…`: the kind and a UUIDv7, so ids sort by creation time. 17 bytes, `Copy`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExecutionId {
    uuid: u128,
    kind: Kind,
}

impl ExecutionId {
    /// Length of the text form in bytes.
    pub const TEXT_LEN: usize = 36;

    /// An id from its parts; `uuid` should be a UUIDv7.
    pub const fn new(kind: Kind, uuid: u128) -> Self {
        Self { uuid, kind }
    }

    /// The kind, readable from the id alone.
    pub const fn kind(self) -> Kind {
        self.kind
    }

    /// The UUID bits.
    pub const fn uuid(self) -> u128 {
        self.uuid
    }

    pub(crate) fn text(&self) -> Text<{ Self::TEXT_LEN }> {
        let mut text = Text::new();
        text.put(0, self.kind.prefix());
        text.put_hex(self.kind.prefix().len(), self.uuid);
        text
    }
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl fmt::Debug for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ExecutionId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (kind, hex) = Kind::ALL
            .into_iter()
            .find_map(|kind| text.strip_prefix(kind.prefix()).map(|hex| (kind, hex)))
            .ok_or(Error::ExecutionId)?;
        Ok(Self::new(kind, parse_hex(hex).ok_or(Error::ExecutionId)?))
    }
}

/// A runner's stay with the server: outlives its sockets, and so the server's restarts. A secret
/// between the two, as leases are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SessionId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let id = u64::from_str_radix(text, 16).map(Self).map_err(|_| Error::Session)?;
        // Exactly one spelling per value.
        (id.to_string() == text).then_some(id).ok_or(Error::Session)
    }
}

/// The token that lets exactly one runner write for an attempt (fencing). Opaque to clients.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseId(pub u128);

impl LeaseId {
    /// A lease granted to a session, told from its others by `own`. It names its session itself, so
    /// that a runner that returns gets its leases back with nothing else being remembered of it.
    pub const fn of(session: SessionId, own: u64) -> Self {
        Self((session.0 as u128) << 64 | own as u128)
    }

    /// The session it was granted to; of a lease that was granted to none, one that nobody has.
    pub const fn session(self) -> SessionId {
        SessionId((self.0 >> 64) as u64)
    }

    fn text(&self) -> Text<32> {
        let mut text = Text::new();
        text.put_hex(0, self.0);
        text
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for LeaseId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_hex(text).map(Self).ok_or(Error::Lease)
    }
}

/// Exactly one spelling per value: 32 lower-case digits.
fn parse_hex(text: &str) -> Option<u128> {
    let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

/// A name that people or runners choose: queues, runner ids, namespaces, idempotency keys.
/// `[A-Za-z0-9_.:-]{1,128}`; cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// The tenant an execution belongs to.
pub type Namespace = Name;

impl Name {
    /// The most characters a name may have, so that index keys stay small.
    pub const MAX: usize = 128;

    /// Checks the rule above.
    pub fn new(text: &str) -> Result<Self, Error> {
        let ok = !text.is_empty()
            && text.len() <= Self::MAX
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-'));
        ok.then(|| Self(text.into())).ok_or(Error::Name)
    }

    /// The namespace used where none is given.
    pub fn default_namespace() -> Namespace {
        Self("default".into())
    }

    /// The namespace of plain durable streams. No name of a user's can be it: it has a slash.
    pub fn streams_namespace() -> Namespace {
        Self("/streams".into())
    }

    /// The queue used for `kind` where none is given.
    pub fn default_queue(kind: Kind) -> Self {
        Self(kind.default_queue().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

text_serde!(
    ExecutionId as text.as_str,
    LeaseId as text.as_str,
    SessionId as to_string.as_str,
    Name as as_str
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_id_has_exactly_one_spelling() {
        let id = ExecutionId::new(Kind::Workflow, 0x0198_1f00_0000_7000_8000_0000_0000_00ab);
        assert_eq!(id.to_string(), "wex_01981f000000700080000000000000ab");
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in [
            "",
            "wex_",
            "xex_01981f000000700080000000000000ab",
            "wex_01981F000000700080000000000000AB",
            "wex_01981f000000700080000000000000a",
            "wex_+1981f000000700080000000000000ab",
            "wex_01981f000000700080000000000000ab\0",
        ] {
            assert_eq!(wrong.parse::<ExecutionId>(), Err(Error::ExecutionId), "{wrong:?}");
        }
    }

    #[test]
    fn a_lease_names_its_session() {
        let session = SessionId(0x00ab_0000_0000_0001);
        let lease = LeaseId::of(session, 7);
        assert_eq!(lease.to_string(), "00ab0000000000010000000000000007");
        assert_eq!((lease.session(), session.to_string().parse()), (session, Ok(session)));
        for wrong in ["", "ab", "00AB000000000001", "+0ab000000000001", "00ab0000000000010"] {
            assert_eq!(wrong.parse::<SessionId>(), Err(Error::Session), "{wrong:?}");
        }
    }

    #[test]
    fn a_name_refuses_path_tricks_and_other_characters() {
        assert!(Name::new("gpu.large:eu-1_x").is_ok());
        for wrong in ["", "a/b", "a b", "%2e", "é", "a\0", &"x".repeat(129)] {
            assert_eq!(Name::new(wrong), Err(Error::Name), "{wrong:?}");
        }
    }
}
