//! The summary row of an execution: its facets, so that lists can be filtered and index rows
//! removed without parsing JSON, and the JSON that a list shows.

use std::collections::BTreeMap;

use heartline_execution::{ExecutionId, Name, State, Timestamp, event::Reason};

use crate::{
    Facets, Query,
    codec::{
        Fields, from_ordered, kind_code, kind_from, ordered, phase_code, phase_from, push_text,
    },
};

const VERSION: u8 = 3;
/// Of each version before this one, from 1: how many texts stand between the labels and the JSON.
/// What they lack is in the JSON.
const TEXTS_BEFORE: [usize; 2] = [0, 2];

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
    // None of them is ever empty.
    push_text(out, facets.reason.map_or("", Reason::as_str));
    for related in [facets.parent, facets.retry_of] {
        push_text(out, &related.map_or_else(String::new, |id| id.to_string()));
    }
    out.extend_from_slice(json);
}

/// The inverse of [`encode`].
pub(crate) fn decode(row: &[u8]) -> Result<(Facets, &[u8]), String> {
    let (&version, rest) = row.split_first().ok_or("the summary row is empty")?;
    let before = TEXTS_BEFORE.get(usize::from(version).wrapping_sub(1));
    if version != VERSION && before.is_none() {
        return Err(format!("summary version {version} is not known"));
    }
    let mut fields = Fields(rest);
    let mut facets = facets(&mut fields).ok_or(MALFORMED)?;
    match before {
        None => {
            facets.reason = optional(fields.text())?;
            facets.parent = optional(fields.text())?;
            facets.retry_of = optional(fields.text())?;
        }
        Some(&texts) => {
            (0..texts).try_for_each(|_| fields.text().map(|_| ()).ok_or(MALFORMED))?;
            let shown: Shown =
                serde_json::from_slice(fields.0).map_err(|error| error.to_string())?;
            facets.reason = shown.reason;
            facets.parent = shown.parent_id;
            facets.retry_of = shown.retry_of;
        }
    }
    Ok((facets, fields.0))
}

/// The facets that a row's JSON has as well.
#[derive(serde::Deserialize)]
struct Shown {
    reason: Option<Reason>,
    parent_id: Option<ExecutionId>,
    retry_of: Option<ExecutionId>,
}

const MALFORMED: &str = "the summary row is malformed";

/// A field in which empty text stands for none.
fn optional<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>, String> {
    match text.ok_or(MALFORMED)? {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| MALFORMED.to_owned()),
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
    let (reason, parent, retry_of) = (None, None, None);
    Some(Facets { kind, phase, name, queue, runner, labels, created_at, reason, parent, retry_of })
}

impl Facets {
    /// What a list finds a state by.
    pub fn of(state: &State) -> Self {
        Self {
            kind: state.id.kind(),
            phase: state.phase,
            name: state.spec.name.clone(),
            queue: state.spec.queue.clone(),
            runner: state.runner.as_ref().map(|runner| runner.id.clone()),
            labels: state.spec.labels.clone(),
            created_at: state.created_at,
            reason: state.reason,
            parent: state.spec.parent_id,
            retry_of: state.spec.retry_of,
        }
    }
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
            reason,
            parent,
            retry_of,
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
            && reason.is_none_or(|reason| Some(reason) == facets.reason)
            && parent.is_none_or(|parent| Some(parent) == facets.parent)
            && retry_of.is_none_or(|first| Some(first) == facets.retry_of)
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
            reason in proptest::option::of(prop::sample::select(Reason::ALL.to_vec())),
            parent in proptest::option::of(any::<u128>()),
            retry_of in proptest::option::of(any::<u128>()),
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
                reason,
                parent: parent.map(|uuid| ExecutionId::new(kind, uuid)),
                retry_of: retry_of.map(|uuid| ExecutionId::new(kind, uuid)),
            };
            let mut row = Vec::new();
            encode(&mut row, &facets, &json);
            prop_assert_eq!(decode(&row), Ok((facets, json.as_slice())));
        }

        #[test]
        fn a_row_of_any_version_before_is_read(
            version in 1..VERSION, failed in any::<bool>(), parent in any::<u128>(),
        ) {
            let parent = Some(ExecutionId::new(Kind::Agent, parent));
            let retry_of = Some(ExecutionId::new(Kind::Agent, 5));
            let reason = failed.then_some(Reason::RunnerLost);
            let json = serde_json::json!({
                "id": "x", "reason": reason, "parent_id": parent, "retry_of": retry_of,
            })
            .to_string();
            let now = Facets {
                kind: Kind::Agent,
                phase: Phase::Pending,
                name: "n".to_owned(),
                queue: Name::default_queue(Kind::Agent),
                runner: None,
                labels: BTreeMap::new(),
                created_at: Timestamp(7),
                reason,
                parent,
                retry_of,
            };
            let mut row = Vec::new();
            let none = Facets { reason: None, parent: None, retry_of: None, ..now.clone() };
            encode(&mut row, &none, b"");
            // As many empty texts as it did not have yet.
            row.truncate(row.len() - (3 - TEXTS_BEFORE[usize::from(version) - 1]) * size_of::<u16>());
            row[0] = version;
            row.extend_from_slice(json.as_bytes());
            prop_assert_eq!(decode(&row), Ok((now, json.as_bytes())));
        }

        #[test]
        fn no_bytes_make_a_summary_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for version in 0..=VERSION + 1 {
                let row = [&[version], bytes.as_slice()].concat();
                let _: Result<_, String> = decode(&row);
            }
        }
    }
}
