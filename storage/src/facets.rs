//! The summary row of an execution: its facets, so that lists can be filtered and index rows
//! removed without parsing JSON, and the JSON that a list shows.

use std::collections::BTreeMap;

use heartline_execution::{ExecutionId, Name, Timestamp};

use crate::{
    Facets, Query,
    codec::{
        Fields, from_ordered, kind_code, kind_from, ordered, phase_code, phase_from, push_text,
    },
};

const VERSION: u8 = 1;

/// Appends the summary row.
pub(crate) fn encode(out: &mut Vec<u8>, facets: &Facets, json: &[u8]) {
    out.extend_from_slice(&[VERSION, phase_code(facets.phase), kind_code(facets.kind)]);
    out.extend_from_slice(&ordered(facets.created_at.0).to_be_bytes());
    push_text(out, &facets.name);
    push_text(out, facets.queue.as_str());
    // A runner's name is never empty, so empty means none.
    push_text(out, facets.runner.as_ref().map_or("", Name::as_str));
    let labels = u16::try_from(facets.labels.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&labels.to_be_bytes());
    for (key, value) in facets.labels.iter().take(usize::from(labels)) {
        push_text(out, key);
        push_text(out, value);
    }
    out.extend_from_slice(json);
}

/// The inverse of [`encode`].
pub(crate) fn decode(row: &[u8]) -> Result<(Facets, &[u8]), String> {
    match row.first() {
        Some(&VERSION) => {
            let mut fields = Fields(&row[1..]);
            let facets = facets(&mut fields).ok_or("the summary row is malformed")?;
            Ok((facets, fields.0))
        }
        Some(newer) => Err(format!("summary version {newer} is not known")),
        None => Err("the summary row is empty".to_owned()),
    }
}

fn facets(fields: &mut Fields<'_>) -> Option<Facets> {
    let phase = phase_from(fields.u8()?)?;
    let kind = kind_from(fields.u8()?)?;
    let created_at = Timestamp(from_ordered(fields.u64()?));
    let name = fields.text()?.to_owned();
    let queue = Name::new(fields.text()?).ok()?;
    let runner = match fields.text()? {
        "" => None,
        runner => Some(Name::new(runner).ok()?),
    };
    let mut labels = BTreeMap::new();
    for _ in 0..fields.u16()? {
        labels.insert(fields.text()?.to_owned(), fields.text()?.to_owned());
    }
    Some(Facets { kind, phase, name, queue, runner, labels, created_at })
}

impl Query {
    /// Whether an execution belongs in this list; the cursor and the limit are not looked at.
    pub fn matches(&self, id: ExecutionId, facets: &Facets) -> bool {
        let Self {
            namespace: _,
            phase,
            kind,
            name,
            queue,
            runner,
            label,
            id_prefix,
            since,
            until,
            limit: _,
            cursor: _,
        } = self;
        phase.is_none_or(|phase| phase == facets.phase)
            && kind.is_none_or(|kind| kind == facets.kind)
            && name.as_ref().is_none_or(|name| *name == facets.name)
            && queue.as_ref().is_none_or(|queue| *queue == facets.queue)
            && runner.as_ref().is_none_or(|runner| Some(runner) == facets.runner.as_ref())
            && label.as_ref().is_none_or(|(key, value)| facets.labels.get(key) == Some(value))
            && id_prefix.as_ref().is_none_or(|prefix| id.to_string().starts_with(prefix.as_str()))
            && since.is_none_or(|since| facets.created_at >= since)
            && until.is_none_or(|until| facets.created_at < until)
    }
}

#[cfg(test)]
mod tests {
    use heartline_execution::{Kind, Phase};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_summary_reads_back_as_it_was(
            phase in prop::sample::select(Phase::ALL.to_vec()),
            kind in prop::sample::select(Kind::ALL.to_vec()),
            name in ".{0,256}",
            runner in proptest::option::of("[a-z]{1,128}"),
            labels in proptest::collection::btree_map("[a-z]{1,9}", ".{0,128}", 0..9),
            created_at in any::<i64>(),
            json in proptest::collection::vec(any::<u8>(), 0..99),
        ) {
            let facets = Facets {
                kind,
                phase,
                name,
                queue: Name::default_queue(kind),
                runner: runner.map(|r| Name::new(&r).unwrap()),
                labels,
                created_at: Timestamp(created_at),
            };
            let mut row = Vec::new();
            encode(&mut row, &facets, &json);
            prop_assert_eq!(decode(&row), Ok((facets, json.as_slice())));
        }

        #[test]
        fn no_bytes_make_a_summary_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut row = vec![VERSION];
            row.extend_from_slice(&bytes);
            let _: Result<_, String> = decode(&row);
        }
    }
}
