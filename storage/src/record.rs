//! How one event lies in the store: a small head, the link of the hash chain, the wire bytes.
//!
//! Version 1:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 1 | flags: lifecycle, has lease, has batch |
//! | 8 | seq of the lifecycle event before it, big-endian |
//! | 16 | lease, if any |
//! | 8 | batch, if any |
//! | 16 | link |
//! | … | the JSON, unchanged |
//!
//! A link is the truncated BLAKE3 of the link before it and of every other byte of its own row; the
//! first follows from namespace and id. So a row proves itself and its whole past, the newest row
//! included, and a row moved from elsewhere is found out. The JSON is never parsed here.

use bytes::Bytes;
use heartline_execution::{ExecutionId, LeaseId, Namespace, event::Private};

use crate::{
    Record, Stored,
    codec::{Fields, id_bytes},
};

const VERSION: u8 = 1;
const LIFECYCLE: u8 = 1;
const LEASE: u8 = 2;
const BATCH: u8 = 4;

/// A place in the hash chain. 128 bits: it must find damage, not withstand a forger with the disk.
pub(crate) type Link = [u8; 16];

fn truncate(hash: blake3::Hash) -> Link {
    let mut link = Link::default();
    link.copy_from_slice(&hash.as_bytes()[..16]);
    link
}

/// The link before the first event.
pub(crate) fn seed(namespace: &Namespace, id: ExecutionId) -> Link {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"heartline log");
    hasher.update(&id_bytes(id));
    hasher.update(namespace.as_str().as_bytes());
    truncate(hasher.finalize())
}

fn chain(before: &Link, head: &[u8], json: &[u8]) -> Link {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    hasher.update(head);
    hasher.update(json);
    truncate(hasher.finalize())
}

/// Appends the row of `record` to `out` and returns its link.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    before: &Link,
    prev_lifecycle: u64,
    record: &Record,
) -> Link {
    let start = out.len();
    let Private { lease, batch } = record.private;
    let flag = |set, flag| if set { flag } else { 0 };
    let flags = flag(record.lifecycle, LIFECYCLE)
        | flag(lease.is_some(), LEASE)
        | flag(batch.is_some(), BATCH);
    out.extend_from_slice(&[VERSION, flags]);
    out.extend_from_slice(&prev_lifecycle.to_be_bytes());
    if let Some(LeaseId(lease)) = lease {
        out.extend_from_slice(&lease.to_be_bytes());
    }
    if let Some(batch) = batch {
        out.extend_from_slice(&batch.to_be_bytes());
    }
    let link = chain(before, &out[start..], &record.json);
    out.extend_from_slice(&link);
    out.extend_from_slice(&record.json);
    link
}

/// A row taken apart, not yet verified.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// Whether the `status` view shows it.
    pub(crate) lifecycle: bool,
    /// The seq of the lifecycle event before it.
    pub(crate) prev_lifecycle: u64,
    /// The log-only facts.
    pub(crate) private: Private,
    /// Its place in the chain.
    pub(crate) link: Link,
    /// The wire bytes.
    pub(crate) json: &'a [u8],
    head: &'a [u8],
}

impl<'a> Row<'a> {
    /// Takes a row apart.
    pub(crate) fn decode(value: &'a [u8]) -> Result<Self, String> {
        match value.first() {
            Some(&VERSION) => {}
            Some(newer) => return Err(format!("record version {newer} is not known")),
            None => return Err("the record is empty".to_owned()),
        }
        Self::fields(value).ok_or_else(|| "the record is too short".to_owned())
    }

    fn fields(value: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(&value[1..]);
        let flags = fields.u8()?;
        let prev_lifecycle = fields.u64()?;
        let lease = if flags & LEASE == 0 {
            None
        } else {
            Some(LeaseId(u128::from_be_bytes(fields.array()?)))
        };
        let batch = if flags & BATCH == 0 { None } else { Some(fields.u64()?) };
        let head = &value[..value.len() - fields.0.len()];
        Some(Self {
            lifecycle: flags & LIFECYCLE != 0,
            prev_lifecycle,
            private: Private { lease, batch },
            link: fields.array()?,
            json: fields.0,
            head,
        })
    }

    /// Whether it is the row that was written after the one with this link.
    pub(crate) fn follows(&self, before: &Link) -> bool {
        chain(before, self.head, self.json) == self.link
    }

    /// The owned form.
    pub(crate) fn stored(&self, seq: u64) -> Stored {
        Stored {
            record: Record {
                seq,
                lifecycle: self.lifecycle,
                private: self.private,
                json: Bytes::copy_from_slice(self.json),
            },
            prev_lifecycle: self.prev_lifecycle,
        }
    }
}

#[cfg(test)]
mod tests {
    use heartline_execution::Kind;
    use proptest::prelude::*;

    use super::*;

    fn records() -> impl Strategy<Value = Record> {
        (
            any::<u64>(),
            any::<bool>(),
            proptest::option::of(any::<u128>().prop_map(LeaseId)),
            proptest::option::of(any::<u64>()),
            proptest::collection::vec(any::<u8>(), 0..300),
        )
            .prop_map(|(seq, lifecycle, lease, batch, json)| Record {
                seq,
                lifecycle,
                private: Private { lease, batch },
                json: json.into(),
            })
    }

    proptest! {
        #[test]
        fn a_record_reads_back_as_it_was(record in records(), prev in any::<u64>(), before in any::<Link>()) {
            let mut value = Vec::new();
            let link = encode(&mut value, &before, prev, &record);
            let row = Row::decode(&value).unwrap();
            prop_assert!(row.follows(&before));
            prop_assert_eq!(row.link, link);
            let stored = row.stored(record.seq);
            prop_assert_eq!(stored.prev_lifecycle, prev);
            prop_assert_eq!(stored.record.private, record.private);
            prop_assert_eq!(stored.record.lifecycle, record.lifecycle);
            prop_assert_eq!(stored.record.json, record.json);
        }

        #[test]
        fn any_flipped_bit_of_a_record_is_found(
            record in records(), before in any::<Link>(), place in any::<prop::sample::Index>(), bit in 0_u8..8,
        ) {
            let mut value = Vec::new();
            encode(&mut value, &before, 7, &record);
            let place = place.index(value.len());
            value[place] ^= 1 << bit;
            let found = Row::decode(&value).map_or(true, |row| !row.follows(&before));
            prop_assert!(found);
        }
    }

    #[test]
    fn the_chain_of_each_execution_starts_elsewhere() {
        let (a, b) = (Namespace::new("a").unwrap(), Namespace::new("b").unwrap());
        let id = ExecutionId::new(Kind::Agent, 1);
        assert_ne!(seed(&a, id), seed(&b, id));
        assert_ne!(seed(&a, id), seed(&a, ExecutionId::new(Kind::Workflow, 1)));
    }
}
