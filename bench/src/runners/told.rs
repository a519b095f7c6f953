//! What the server says to a runner, as far as a benchmark reads it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    error::{Error, Result},
    http::number,
    population::Lease,
};

/// One frame.
#[derive(Debug)]
pub(crate) enum Told<'a> {
    /// What was asked for under this id is done; the log ends at `seq`.
    Ack { id: u64, seq: Option<u64> },
    /// What was asked for under this id was not done.
    Refused { id: Option<u64>, problem: &'a str },
    /// The session has begun.
    Registered,
    /// Work.
    Lease(Offered<'a>),
    /// A person wants it to stop.
    Cancel { execution: Cow<'a, str> },
    /// The lease is not its own any more.
    Revoked { execution: Cow<'a, str>, reason: Cow<'a, str> },
}

/// A lease as a frame has it.
#[derive(Debug)]
pub(crate) struct Offered<'a> {
    execution: Cow<'a, str>,
    lease: Cow<'a, str>,
    attempt: u64,
}

/// A lease, and which attempt it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) lease: Lease,
    pub(crate) attempt: u64,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    op: Cow<'a, str>,
    id: Option<u64>,
    seq: Option<u64>,
    #[serde(borrow)]
    execution: Option<&'a RawValue>,
    #[serde(borrow)]
    lease: Option<Cow<'a, str>>,
    attempt: Option<u64>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    problem: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Identified<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl<'a> Told<'a> {
    /// Reads a frame; `None` when it is one that a benchmark has no use for.
    pub(crate) fn parse(text: &'a [u8]) -> Result<Option<Self>> {
        // Most of what is read under load, so without a parser.
        if text.starts_with(b"{\"op\":\"ack\",\"id\":")
            && let Some(id) = number(text, b"\"id\":")
        {
            return Ok(Some(Self::Ack { id, seq: number(text, b"\"seq\":") }));
        }
        let wrong = |error: serde_json::Error| {
            let text = String::from_utf8_lossy(text);
            Error::protocol("a frame for a runner", format!("{error}: {text}"))
        };
        let frame: Frame<'a> = serde_json::from_slice(text).map_err(wrong)?;
        let execution = frame.execution.map_or("null", RawValue::get);
        let named = || serde_json::from_str::<Cow<'a, str>>(execution).map_err(wrong);
        Ok(Some(match &*frame.op {
            "ack" => match frame.id {
                Some(id) => Self::Ack { id, seq: frame.seq },
                None => return Err(Error::protocol("an ack with an id", "one without")),
            },
            "error" => {
                let problem = frame.problem.map_or("", RawValue::get);
                Self::Refused { id: frame.id, problem }
            }
            "registered" => Self::Registered,
            "lease" => {
                let Identified { id } = serde_json::from_str(execution).map_err(wrong)?;
                let (lease, attempt) = (frame.lease.unwrap_or_default(), frame.attempt);
                Self::Lease(Offered { execution: id, lease, attempt: attempt.unwrap_or_default() })
            }
            "cancel" => Self::Cancel { execution: named()? },
            "revoked" => {
                let reason = frame.reason.unwrap_or_default();
                Self::Revoked { execution: named()?, reason }
            }
            // hello, ping, pong, resumed, reconnect and what else may come.
            _ => return Ok(None),
        }))
    }

    /// That it came where it must not.
    pub(crate) fn unexpected(&self) -> Error {
        match self {
            Told::Refused { problem, .. } => Error::protocol("no refusal", *problem),
            Told::Revoked { execution, reason } => {
                Error::protocol(format!("the lease of {execution} kept"), &**reason)
            }
            other => Error::protocol("another frame", format!("{other:?}")),
        }
    }
}

impl Offered<'_> {
    /// Which execution.
    pub(crate) fn execution(&self) -> &str {
        &self.execution
    }

    /// The same, to keep.
    pub(crate) fn into_owned(self) -> Granted {
        let Self { execution, lease, attempt } = self;
        let lease = Lease { execution: execution.into_owned(), token: lease.into_owned() };
        Granted { lease, attempt }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<Told<'_>> {
        Told::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn frames_are_read_as_the_contract_spells_them() {
        let lease = r#"{"op":"lease","execution":{"id":"aex_1","state":{"id":"x"}},"attempt":2,
            "lease":"l","heartbeat":"30s","checkpoint":null}"#;
        let Some(Told::Lease(lease)) = told(lease) else { panic!("{lease}") };
        let granted = lease.into_owned();
        let lease = Lease { execution: "aex_1".to_owned(), token: "l".to_owned() };
        assert_eq!(granted, Granted { lease, attempt: 2 });
        for (ack, expected) in [
            (r#"{"op":"ack","id":7,"seq":12}"#, (7, Some(12))),
            (r#"{"seq":12,"op":"ack","id":7}"#, (7, Some(12))),
            (r#"{"op":"ack","id":7}"#, (7, None)),
        ] {
            let Some(Told::Ack { id, seq }) = told(ack) else { panic!("{ack}") };
            assert_eq!((id, seq), expected);
        }
        let cancel = r#"{"op":"cancel","execution":"aex_1","lease":"l","reason":null}"#;
        assert!(matches!(told(cancel), Some(Told::Cancel { execution }) if execution == "aex_1"));
        let revoked = r#"{"op":"revoked","execution":"aex_1","lease":"l","reason":"why"}"#;
        assert!(matches!(told(revoked), Some(Told::Revoked { reason, .. }) if reason == "why"));
        let refused = r#"{"op":"error","id":7,"problem":{"status":409}}"#;
        assert!(matches!(told(refused), Some(Told::Refused { id: Some(7), .. })));
        assert!(told(r#"{"op":"ping","t":"2026-01-02T03:04:05.000006Z"}"#).is_none());
        assert!(Told::parse(b"nonsense").is_err());
    }
}
