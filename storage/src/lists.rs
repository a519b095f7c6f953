//! The list indexes: one empty row for each facet value an execution has, newest first.
//!
//! A key is namespace, facet, value, then creation time and id, both inverted, so that walking
//! forwards is walking back in time. Only rows whose value changes are written again.

use std::{fmt, str::FromStr};

use heartline_execution::{ExecutionId, Namespace, Phase, Timestamp};

use crate::{
    Cursor, Facets, Query,
    codec::{
        Fields, ID_LEN, from_ordered, id_bytes, id_from, kind_code, ordered, phase_code, push_id,
        push_text,
    },
    keys,
};

/// On disk for ever: never renumber.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Facet {
    All = 0,
    Phase = 1,
    Kind = 2,
    Queue = 3,
    Name = 4,
    Label = 5,
    Runner = 6,
    Parent = 7,
    RetryOf = 8,
}

/// Bytes of creation time and id at the end of each key.
const PLACE: usize = 8 + ID_LEN;

fn prefix(namespace: &Namespace, facet: Facet) -> Vec<u8> {
    let mut key = Vec::with_capacity(96);
    keys::push_namespace(&mut key, namespace);
    key.push(facet as u8);
    key
}

fn push_place(key: &mut Vec<u8>, created_at: Timestamp, id: [u8; ID_LEN]) {
    key.extend_from_slice(&(!ordered(created_at.0)).to_be_bytes());
    key.extend(id.map(|byte| !byte));
}

/// Every index row of an execution.
pub(crate) fn rows(namespace: &Namespace, id: ExecutionId, facets: &Facets) -> Vec<Vec<u8>> {
    let Facets {
        kind,
        phase,
        name,
        queue,
        runner,
        labels,
        created_at,
        reason: _, // It narrows a phase, which has an index.
        parent,
        retry_of,
    } = facets;
    let mut rows = Vec::with_capacity(6 + labels.len());
    let mut add = |facet, value: &dyn Fn(&mut Vec<u8>)| {
        let mut key = prefix(namespace, facet);
        value(&mut key);
        push_place(&mut key, *created_at, id_bytes(id));
        rows.push(key);
    };
    add(Facet::All, &|_| {});
    add(Facet::Phase, &|key| key.push(phase_code(*phase)));
    add(Facet::Kind, &|key| key.push(kind_code(*kind)));
    add(Facet::Queue, &|key| push_text(key, queue.as_str()));
    add(Facet::Name, &|key| push_text(key, name));
    for (label, value) in labels {
        add(Facet::Label, &|key| {
            push_text(key, label);
            push_text(key, value);
        });
    }
    if let Some(runner) = runner {
        add(Facet::Runner, &|key| push_text(key, runner.as_str()));
    }
    for (facet, related) in [(Facet::Parent, parent), (Facet::RetryOf, retry_of)] {
        if let Some(related) = related {
            add(facet, &|key| push_id(key, *related));
        }
    }
    rows
}

/// What a change of facets does to the index.
pub(crate) struct Change {
    /// Rows to write.
    pub(crate) added: Vec<Vec<u8>>,
    /// Rows to delete.
    pub(crate) removed: Vec<Vec<u8>>,
}

impl Change {
    /// From the facets before, if any, to those of now.
    pub(crate) fn between(
        namespace: &Namespace,
        id: ExecutionId,
        before: Option<&Facets>,
        now: &Facets,
    ) -> Self {
        if before == Some(now) {
            return Self { added: Vec::new(), removed: Vec::new() };
        }
        let mut added = rows(namespace, id, now);
        let mut removed = before.map_or_else(Vec::new, |before| rows(namespace, id, before));
        removed.retain(|row| {
            let same = added.iter().position(|other| other == row);
            if let Some(same) = same {
                added.swap_remove(same);
            }
            same.is_none()
        });
        Self { added, removed }
    }
}

/// A walk along one index that meets every row of a query, among others.
pub(crate) struct Walk {
    /// Where to start.
    pub(crate) from: Vec<u8>,
    /// Where to stop, exclusive.
    pub(crate) to: Vec<u8>,
}

impl Walk {
    /// Along the facet that is likely to have the fewest rows. There are no statistics: a label or
    /// a runner is rarer than a name, a name than a queue, and a phase is rare while it is live.
    pub(crate) fn plan(query: &Query) -> Self {
        let ns = &query.namespace;
        let mut key;
        if let Some(first) = query.retry_of {
            key = prefix(ns, Facet::RetryOf);
            push_id(&mut key, first);
        } else if let Some(parent) = query.parent {
            key = prefix(ns, Facet::Parent);
            push_id(&mut key, parent);
        } else if let Some((label, value)) = &query.label {
            key = prefix(ns, Facet::Label);
            push_text(&mut key, label);
            push_text(&mut key, value);
        } else if let Some(runner) = &query.runner {
            key = prefix(ns, Facet::Runner);
            push_text(&mut key, runner.as_str());
        } else if let Some(phase) = query.phase.filter(|phase| !phase.is_terminal()) {
            key = prefix(ns, Facet::Phase);
            key.push(phase_code(phase));
        } else if let Some(name) = &query.name {
            key = prefix(ns, Facet::Name);
            push_text(&mut key, name);
        } else if let Some(queue) = &query.queue {
            key = prefix(ns, Facet::Queue);
            push_text(&mut key, queue.as_str());
        } else if let Some(phase) = query.phase {
            key = prefix(ns, Facet::Phase);
            key.push(phase_code(phase));
        } else if let Some(kind) = query.kind {
            key = prefix(ns, Facet::Kind);
            key.push(kind_code(kind));
        } else {
            key = prefix(ns, Facet::All);
        }
        Self::bounded(key, query)
    }

    /// Along the rows of one phase.
    pub(crate) fn of_phase(phase: Phase, query: &Query) -> Self {
        let mut key = prefix(&query.namespace, Facet::Phase);
        key.push(phase_code(phase));
        Self::bounded(key, query)
    }

    fn bounded(prefix: Vec<u8>, query: &Query) -> Self {
        let place = |created_at, id| {
            let mut key = prefix.clone();
            push_place(&mut key, created_at, id);
            key
        };
        // The newest possible row comes first; `until` itself is not part of the list, so start
        // right behind the oldest id of that instant, which is the last of its rows.
        let after_until = query.until.map(|until| after(place(until, [0; ID_LEN])));
        let after_cursor = query.cursor.map(|c| after(place(c.created_at, id_bytes(c.id))));
        let from = after_until.into_iter().chain(after_cursor).max();
        let to = match query.since {
            Some(since) => after(place(since, [0; ID_LEN])),
            None => after(place(Timestamp(i64::MIN), [0; ID_LEN])),
        };
        Self { from: from.unwrap_or(prefix), to }
    }
}

/// The first key behind `key`.
fn after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// Creation time and id from the end of an index key.
pub(crate) fn place(key: &[u8]) -> Option<Cursor> {
    let place: &[u8; PLACE] = key.last_chunk()?;
    Cursor::from_bytes(&place.map(|byte| !byte))
}

impl Cursor {
    fn from_bytes(bytes: &[u8; PLACE]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let created_at = Timestamp(from_ordered(fields.u64()?));
        Some(Self { created_at, id: id_from(fields.0)? })
    }
}

/// A text that is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor that a list gave out")]
pub struct NotACursor;

/// The text form's version, so that another order of lists can tell its cursors apart.
const CURSOR_VERSION: &str = "1";

impl fmt::Display for Cursor {
    /// `1` and 50 hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CURSOR_VERSION)?;
        write!(f, "{:016x}", ordered(self.created_at.0))?;
        id_bytes(self.id).iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let digits = text.strip_prefix(CURSOR_VERSION).ok_or(NotACursor)?.as_bytes();
        if digits.len() != 2 * PLACE {
            return Err(NotACursor);
        }
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(NotACursor), // Any other byte, capitals too: one spelling for each cursor.
        };
        let mut bytes = [0; PLACE];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Self::from_bytes(&bytes).ok_or(NotACursor)
    }
}

#[cfg(test)]
mod tests {
    use std::{cmp::Reverse, collections::BTreeMap};

    use heartline_execution::{Kind, Name};
    use proptest::prelude::*;

    use super::*;

    fn facets(name: &str, created_at: i64) -> Facets {
        Facets {
            kind: Kind::Agent,
            phase: Phase::Pending,
            name: name.to_owned(),
            queue: Name::default_queue(Kind::Agent),
            runner: None,
            labels: BTreeMap::new(),
            created_at: Timestamp(created_at),
            reason: None,
            parent: None,
            retry_of: None,
        }
    }

    fn instants() -> impl Strategy<Value = i64> {
        prop_oneof![-2_i64..2, any::<i64>(), Just(i64::MIN), Just(i64::MAX)]
    }

    proptest! {
        #[test]
        fn index_rows_are_ordered_newest_first_then_by_id_downwards(
            a in (instants(), 0_u128..3), b in (instants(), any::<u128>()), name in ".{0,20}",
        ) {
            let ns = Name::default_namespace();
            let id = |uuid| ExecutionId::new(Kind::Agent, uuid);
            let (left, right) = (rows(&ns, id(a.1), &facets(&name, a.0)), rows(&ns, id(b.1), &facets(&name, b.0)));
            for (left, right) in left.iter().zip(&right) {
                prop_assert_eq!(left.cmp(right), Reverse(a).cmp(&Reverse(b)));
            }
            prop_assert_eq!(place(&left[0]), Some(Cursor { created_at: Timestamp(a.0), id: id(a.1) }));
        }

        #[test]
        fn one_name_never_lies_among_the_rows_of_another(
            a in ".{0,6}", b in ".{0,6}", early in instants(), late in instants(), other in instants(),
        ) {
            prop_assume!(a != b);
            let ns = Name::default_namespace();
            let row = |name: &str, at| {
                rows(&ns, ExecutionId::new(Kind::Agent, 1), &facets(name, at)).swap_remove(4)
            };
            let (first, last) = (row(&a, early.max(late)), row(&a, early.min(late)));
            let stranger = row(&b, other);
            prop_assert!(stranger < first || stranger > last);
        }

        #[test]
        fn a_cursor_reads_back_from_its_text(at in any::<i64>(), uuid in any::<u128>(), agent in any::<bool>()) {
            let kind = if agent { Kind::Agent } else { Kind::Workflow };
            let cursor = Cursor { created_at: Timestamp(at), id: ExecutionId::new(kind, uuid) };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn no_text_makes_a_cursor_panic(text in "1?.{0,60}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }

    #[test]
    fn only_rows_whose_value_changed_are_written_again() {
        let (ns, id) = (Name::default_namespace(), ExecutionId::new(Kind::Agent, 1));
        let before = facets("x", 1);
        let mut now = before.clone();
        now.phase = Phase::InProgress;
        now.runner = Some(Name::new("r").unwrap());
        let change = Change::between(&ns, id, Some(&before), &now);
        assert_eq!((change.added.len(), change.removed.len()), (2, 1));
        let change = Change::between(&ns, id, None, &before);
        assert_eq!((change.added.len(), change.removed.len()), (5, 0));
        let change = Change::between(&ns, id, Some(&now), &now);
        assert_eq!((change.added.len(), change.removed.len()), (0, 0));
    }
}
