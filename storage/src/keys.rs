//! The keys of every column family but the lists, whose keys are in `lists`.
//!
//! Each key starts with its namespace behind a length byte, so that no namespace's rows can run
//! into another's, and byte order is the logical order of what follows: execution, then seq.

use heartline_execution::{ExecutionId, Name, Namespace};

use crate::codec::{Fields, ID_LEN, push_id};

/// What a row of the `executions` family is about; groups rows of one sort within a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum About {
    /// The facets and the list JSON.
    Summary = 1,
    /// The state at a seq.
    Snapshot = 2,
    /// One row for each lifecycle event, keyed by its seq; empty.
    Lifecycle = 3,
    /// The idempotency key it was created with, for purging it.
    Idempotency = 4,
}

/// Appends the namespace prefix. A name has at most 128 bytes, so its length fits a byte.
pub(crate) fn push_namespace(out: &mut Vec<u8>, namespace: &Namespace) {
    let text = namespace.as_str().as_bytes();
    out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(text);
}

/// Splits a namespace prefix off a key.
pub(crate) fn split_namespace(key: &[u8]) -> Option<(Namespace, &[u8])> {
    let mut fields = Fields(key);
    let len = fields.u8()?;
    let text = std::str::from_utf8(fields.bytes(usize::from(len))?).ok()?;
    Some((Namespace::new(text).ok()?, fields.0))
}

/// `live`: one row for each live execution.
pub(crate) fn execution(namespace: &Namespace, id: ExecutionId) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + namespace.as_str().len() + ID_LEN + 8);
    push_namespace(&mut key, namespace);
    push_id(&mut key, id);
    key
}

/// `events`: one row for each event.
pub(crate) fn event(namespace: &Namespace, id: ExecutionId, seq: u64) -> Vec<u8> {
    let mut key = execution(namespace, id);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// Replaces the seq at the end of a key made by [`event`] or [`lifecycle`].
pub(crate) fn set_seq(key: &mut [u8], seq: u64) {
    let at = key.len() - 8;
    key[at..].copy_from_slice(&seq.to_be_bytes());
}

/// The seq at the end of a key made by [`event`] or [`lifecycle`].
pub(crate) fn seq(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// `executions`: a row of the sort `about`.
pub(crate) fn about(namespace: &Namespace, about: About, id: ExecutionId) -> Vec<u8> {
    let mut key = Vec::with_capacity(2 + namespace.as_str().len() + ID_LEN + 8);
    push_namespace(&mut key, namespace);
    key.push(about as u8);
    push_id(&mut key, id);
    key
}

/// `executions`: a lifecycle event.
pub(crate) fn lifecycle(namespace: &Namespace, id: ExecutionId, seq: u64) -> Vec<u8> {
    let mut key = about(namespace, About::Lifecycle, id);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// `queues`: what is set on one.
pub(crate) fn queue(namespace: &Namespace, queue: &Name) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + namespace.as_str().len() + queue.as_str().len());
    push_namespace(&mut key, namespace);
    key.extend_from_slice(queue.as_str().as_bytes());
    key
}

/// The inverse of [`queue`].
pub(crate) fn split_queue(key: &[u8]) -> Option<(Namespace, Name)> {
    let (namespace, rest) = split_namespace(key)?;
    Some((namespace, Name::new(std::str::from_utf8(rest).ok()?).ok()?))
}

/// `idempotency`: a client's key.
pub(crate) fn idempotency(namespace: &Namespace, client_key: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + namespace.as_str().len() + client_key.len());
    push_namespace(&mut key, namespace);
    key.extend_from_slice(client_key.as_bytes());
    key
}

#[cfg(test)]
mod tests {
    use heartline_execution::Kind;
    use proptest::prelude::*;

    use super::*;

    fn namespaces() -> impl Strategy<Value = Namespace> {
        "[A-Za-z0-9_.:-]{1,128}".prop_map(|text| Namespace::new(&text).unwrap())
    }

    fn ids() -> impl Strategy<Value = ExecutionId> {
        // Few values in each byte, so that neighbours are common.
        (any::<bool>(), prop_oneof![0_u128..4, any::<u128>(), Just(u128::MAX)]).prop_map(
            |(agent, uuid)| {
                ExecutionId::new(if agent { Kind::Agent } else { Kind::Workflow }, uuid)
            },
        )
    }

    fn seqs() -> impl Strategy<Value = u64> {
        prop_oneof![0_u64..4, 250_u64..260, any::<u64>()]
    }

    proptest! {
        #[test]
        fn event_keys_are_ordered_by_namespace_then_execution_then_seq(
            a in (namespaces(), ids(), seqs()),
            b in (namespaces(), ids(), seqs()),
        ) {
            let logical = |(ns, id, seq): &(Namespace, ExecutionId, u64)| {
                (ns.as_str().len(), ns.clone(), *id, *seq)
            };
            prop_assert_eq!(
                event(&a.0, a.1, a.2).cmp(&event(&b.0, b.1, b.2)),
                logical(&a).cmp(&logical(&b))
            );
            prop_assert_eq!(
                lifecycle(&a.0, a.1, a.2).cmp(&lifecycle(&b.0, b.1, b.2)),
                logical(&a).cmp(&logical(&b))
            );
        }

        #[test]
        fn no_key_of_one_namespace_lies_between_those_of_another(
            a in namespaces(), b in namespaces(), id in ids(), low in seqs(), high in seqs(),
        ) {
            prop_assume!(a != b);
            let (first, last) = (event(&a, id, low.min(high)), event(&a, id, low.max(high)));
            let other = event(&b, id, low);
            prop_assert!(other < first || other > last);
        }

        #[test]
        fn a_key_gives_back_its_parts(ns in namespaces(), id in ids(), seq in seqs()) {
            let mut key = event(&ns, id, 0);
            set_seq(&mut key, seq);
            prop_assert_eq!(&key, &event(&ns, id, seq));
            prop_assert_eq!(super::seq(&key), Some(seq));
            let (found, rest) = split_namespace(&key).unwrap();
            prop_assert_eq!(&found, &ns);
            prop_assert_eq!(Fields(rest).id(), Some(id));
            let of_queue = queue(&ns, &found);
            prop_assert_eq!(split_queue(&of_queue), Some((ns.clone(), ns)));
        }
    }
}
