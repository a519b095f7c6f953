//! The list indexes: one empty row for each facet value an execution has, newest first.
//!
//! A key is namespace, facet, value, then creation time and id, both inverted, so that walking
//! forwards is walking back in time. Only rows whose value changes are written again.

use std::{fmt, str::FromStr};

use heartline_execution::{ExecutionId, Kind, Name, Namespace, Phase, Timestamp};

use crate::{
    Cursor, Facets, Query,
    codec::{
        Fields, ID_LEN, from_ordered, id_bytes, id_from, kind_code, ordered, phase_code, push_id,
        push_text,
    },
    keys,
};

/// Something an execution is listed under: a facet and its value there.
#[derive(Clone, Copy, PartialEq)]
enum Value<'a> {
    All,
    Phase(Phase),
    Kind(Kind),
    Queue(&'a Name),
    Name(&'a str),
    Label(&'a str, &'a str),
    Runner(&'a Name),
    Parent(ExecutionId),
    RetryOf(ExecutionId),
}

/// Bytes of creation time and id at the end of each key.
const PLACE: usize = 8 + ID_LEN;

impl Value<'_> {
    /// On disk for ever: never renumber.
    const fn facet(self) -> u8 {
        match self {
            Self::All => 0,
            Self::Phase(_) => 1,
            Self::Kind(_) => 2,
            Self::Queue(_) => 3,
            Self::Name(_) => 4,
            Self::Label(..) => 5,
            Self::Runner(_) => 6,
            Self::Parent(_) => 7,
            Self::RetryOf(_) => 8,
        }
    }

    /// The beginning of the keys of all executions that are listed under it.
    fn prefix(self, namespace: &Namespace) -> Vec<u8> {
        let mut key = Vec::with_capacity(96);
        keys::push_namespace(&mut key, namespace);
        key.push(self.facet());
        match self {
            Self::All => {}
            Self::Phase(phase) => key.push(phase_code(phase)),
            Self::Kind(kind) => key.push(kind_code(kind)),
            Self::Queue(name) | Self::Runner(name) => push_text(&mut key, name.as_str()),
            Self::Name(name) => push_text(&mut key, name),
            Self::Label(label, value) => {
                push_text(&mut key, label);
                push_text(&mut key, value);
            }
            Self::Parent(id) | Self::RetryOf(id) => push_id(&mut key, id),
        }
        key
    }

    fn row(self, namespace: &Namespace, id: ExecutionId, created_at: Timestamp) -> Vec<u8> {
        let mut key = self.prefix(namespace);
        push_place(&mut key, created_at, id_bytes(id));
        key
    }
}

fn push_place(key: &mut Vec<u8>, created_at: Timestamp, id: [u8; ID_LEN]) {
    key.extend_from_slice(&(!ordered(created_at.0)).to_be_bytes());
    key.extend(id.map(|byte| !byte));
}

/// All that an execution is listed under.
fn values(facets: &Facets) -> impl Iterator<Item = Value<'_>> {
    let Facets {
        kind,
        phase,
        name,
        queue,
        runner,
        labels,
        created_at: _, // Part of the place in each list.
        reason: _,     // It narrows a phase, which has an index.
        parent,
        retry_of,
    } = facets;
    let always = [
        Value::All,
        Value::Phase(*phase),
        Value::Kind(*kind),
        Value::Queue(queue),
        Value::Name(name),
    ];
    let related = [parent.map(Value::Parent), retry_of.map(Value::RetryOf)];
    always
        .into_iter()
        .chain(labels.iter().map(|(label, value)| Value::Label(label, value)))
        .chain(runner.as_ref().map(Value::Runner))
        .chain(related.into_iter().flatten())
}

/// Every index row of an execution.
pub(crate) fn rows(namespace: &Namespace, id: ExecutionId, facets: &Facets) -> Vec<Vec<u8>> {
    values(facets).map(|value| value.row(namespace, id, facets.created_at)).collect()
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
        let Some(before) = before else {
            return Self { added: rows(namespace, id, now), removed: Vec::new() };
        };
        // The rows of `these` that `those` have not; the place in each list never changes.
        let beyond = |these: &Facets, those: &Facets| {
            let new = values(these).filter(|value| values(those).all(|other| other != *value));
            new.map(|value| value.row(namespace, id, these.created_at)).collect()
        };
        Self { added: beyond(now, before), removed: beyond(before, now) }
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
        let value = if let Some(first) = query.retry_of {
            Value::RetryOf(first)
        } else if let Some(parent) = query.parent {
            Value::Parent(parent)
        } else if let Some((label, value)) = &query.label {
            Value::Label(label, value)
        } else if let Some(runner) = &query.runner {
            Value::Runner(runner)
        } else if let Some(phase) = query.phase.filter(|phase| !phase.is_terminal()) {
            Value::Phase(phase)
        } else if let Some(name) = &query.name {
            Value::Name(name)
        } else if let Some(queue) = &query.queue {
            Value::Queue(queue)
        } else if let Some(phase) = query.phase {
            Value::Phase(phase)
        } else if let Some(kind) = query.kind {
            Value::Kind(kind)
        } else {
            Value::All
        };
        Self::bounded(value, query)
    }

    /// Along the rows of one phase.
    pub(crate) fn of_phase(phase: Phase, query: &Query) -> Self {
        Self::bounded(Value::Phase(phase), query)
    }

    fn bounded(value: Value<'_>, query: &Query) -> Self {
        let prefix = value.prefix(&query.namespace);
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
