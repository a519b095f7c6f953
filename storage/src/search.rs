//! Answering a list query from the indexes.

use crate::{
    Counts, Cursor, Error, Facets, Listing, Query, Row,
    codec::{Fields, id_bytes},
    facets,
    keys::{self, About},
    lists::{self, Walk},
    reads::{Reader, failed},
};
use bytes::Bytes;
use heartline_execution::{ExecutionId, Phase};

/// The most rows one call looks at, so that a filter that matches little cannot hold a thread; the
/// caller goes on from [`Listing::next`].
pub const MAX_EXAMINED: usize = 10_000;

/// The most index rows of one phase that are counted: nothing but their keys is read.
pub(crate) const MAX_COUNTED: usize = 100_000;

/// From this many digits on, an id prefix is worth a walk over ids: of a UUIDv7 they cover about
/// four hours.
const SELECTIVE_DIGITS: usize = 6;

struct Found {
    id: ExecutionId,
    facets: Facets,
    json: Bytes,
}

impl Found {
    fn place(&self) -> Cursor {
        Cursor { created_at: self.facets.created_at, id: self.id }
    }
}

impl Reader<'_> {
    /// A page of a list.
    pub(crate) fn list(&self, query: &Query) -> Result<Listing, Error> {
        match self.by_id_prefix(query)? {
            Some(listing) => Ok(listing),
            None => self.by_facet(query),
        }
    }

    fn by_facet(&self, query: &Query) -> Result<Listing, Error> {
        let limit = query.limit.max(1);
        let Walk { from, to } = Walk::plan(query);
        let mut listing = Listing::default();
        if from >= to {
            return Ok(listing);
        }
        let mut last_row = None;
        let mut last_examined = None;
        let mut examined = 0;
        let mut index = self.iterate(self.families.lists, from, to);
        index.seek_to_first();
        while let Some(key) = index.key() {
            if examined == MAX_EXAMINED {
                listing.next = if listing.rows.len() == limit { last_row } else { last_examined };
                return Ok(listing);
            }
            examined += 1;
            let place = lists::place(key).ok_or_else(|| Error::Corrupt {
                place: "the list indexes".to_owned(),
                what: "a key is malformed".to_owned(),
            })?;
            last_examined = Some(place);
            if let Some(found) = self.summary(query, place.id)?
                && query.matches(place.id, &found.facets)
            {
                if listing.rows.len() == limit {
                    listing.next = last_row;
                    return Ok(listing);
                }
                last_row = Some(place);
                listing.rows.push(self.row(query, found)?);
            }
            index.next();
        }
        index.status().map_err(failed)?;
        Ok(listing)
    }

    /// How many there are of a list's.
    pub(crate) fn count(&self, query: &Query) -> Result<Counts, Error> {
        let query = &Query { cursor: None, limit: 1, ..query.clone() };
        if *query == Query::within(query) { self.count_keys(query) } else { self.count_rows(query) }
    }

    /// Where nothing but the time of creation is asked for the index says all.
    fn count_keys(&self, query: &Query) -> Result<Counts, Error> {
        let mut counts = Counts::default();
        for (phase, count) in Phase::ALL.into_iter().zip(&mut counts.by_phase) {
            let Walk { from, to } = Walk::of_phase(phase, query);
            if query.phase.is_some_and(|wanted| wanted != phase) || from >= to {
                continue;
            }
            let mut index = self.iterate(self.families.lists, from, to);
            index.seek_to_first();
            while index.valid() && *count < MAX_COUNTED as u64 {
                *count += 1;
                index.next();
            }
            counts.cut |= index.valid();
            index.status().map_err(failed)?;
        }
        Ok(counts)
    }

    fn count_rows(&self, query: &Query) -> Result<Counts, Error> {
        let mut counts = Counts::default();
        let Walk { from, to } = Walk::plan(query);
        if from >= to {
            return Ok(counts);
        }
        let mut index = self.iterate(self.families.lists, from, to);
        index.seek_to_first();
        for _ in 0..MAX_EXAMINED {
            let Some(place) = index.key().and_then(lists::place) else {
                index.status().map_err(failed)?;
                return Ok(counts);
            };
            let key = keys::about(&query.namespace, About::Summary, place.id);
            if let Some(row) = self.get(self.families.executions, &key)? {
                let (facets, _) = facets::decode(&row).map_err(|what| corrupt(place.id, what))?;
                if query.matches(place.id, &facets) {
                    counts.add(facets.phase);
                }
            }
            index.next();
        }
        counts.cut = index.valid();
        Ok(counts)
    }

    /// Walks over the ids themselves where few have the prefix; `None` where it does not pay.
    fn by_id_prefix(&self, query: &Query) -> Result<Option<Listing>, Error> {
        let Some((from, to)) = query.id_prefix.as_deref().and_then(ids_with_prefix) else {
            return Ok(None);
        };
        let bound = |id| {
            let mut key = keys::about(&query.namespace, About::Summary, id);
            key.push(0);
            key
        };
        // Behind the id just before the first one: the first one's own key without the zero byte.
        let mut first = bound(from);
        first.pop();
        let mut rows = self.iterate(self.families.executions, first, bound(to));
        rows.seek_to_first();
        let mut matching = Vec::new();
        for _ in 0..MAX_EXAMINED {
            let Some((key, value)) = rows.item() else {
                rows.status().map_err(failed)?;
                return self.sorted(query, matching).map(Some);
            };
            let id = Fields(&key[key.len().saturating_sub(crate::codec::ID_LEN)..]).id();
            let id = id.ok_or_else(|| corrupt(from, "a key is malformed".to_owned()))?;
            let (facets, json) = facets::decode(value).map_err(|what| corrupt(id, what))?;
            if query.matches(id, &facets) {
                matching.push(Found { id, facets, json: Bytes::copy_from_slice(json) });
            }
            rows.next();
        }
        Ok(None)
    }

    fn sorted(&self, query: &Query, mut matching: Vec<Found>) -> Result<Listing, Error> {
        let newest_first = |found: &Found| std::cmp::Reverse(order(&found.place()));
        matching.sort_unstable_by_key(newest_first);
        if let Some(cursor) = &query.cursor {
            matching.retain(|found| order(&found.place()) < order(cursor));
        }
        let limit = query.limit.max(1);
        let more = matching.len() > limit;
        matching.truncate(limit);
        let next = matching.last().filter(|_| more).map(Found::place);
        let rows = matching.into_iter().map(|f| self.row(query, f)).collect::<Result<_, _>>()?;
        Ok(Listing { rows, next })
    }

    fn summary(&self, query: &Query, id: ExecutionId) -> Result<Option<Found>, Error> {
        if query.kind.is_some_and(|kind| kind != id.kind()) {
            return Ok(None);
        }
        let key = keys::about(&query.namespace, About::Summary, id);
        let Some(row) = self.get(self.families.executions, &key)? else {
            return Err(corrupt(id, "a list names it, but it is missing".to_owned()));
        };
        let (facets, json) = facets::decode(&row).map_err(|what| corrupt(id, what))?;
        Ok(Some(Found { id, facets, json: Bytes::copy_from_slice(json) }))
    }

    fn row(&self, query: &Query, found: Found) -> Result<Row, Error> {
        let head = self.last_seq(&query.namespace, found.id)?.unwrap_or(0);
        Ok(Row { id: found.id, json: found.json, head })
    }
}

impl Query {
    /// The part of it that index rows of phases can answer.
    fn within(query: &Self) -> Self {
        let Self { namespace, phase, since, until, limit, .. } = query.clone();
        Self { phase, since, until, ..Self::all(namespace, limit) }
    }
}

/// Later in this order is earlier in a list.
pub(crate) fn order(cursor: &Cursor) -> impl Ord + use<> {
    (cursor.created_at, id_bytes(cursor.id))
}

fn corrupt(id: ExecutionId, what: String) -> Error {
    Error::Corrupt { place: format!("{id} summary"), what }
}

/// The first and the last id that could have this text prefix, if it is long enough to pay.
fn ids_with_prefix(prefix: &str) -> Option<(ExecutionId, ExecutionId)> {
    let digits = prefix.len().checked_sub(ExecutionId::TEXT_LEN - 32)?;
    if !(SELECTIVE_DIGITS..=32).contains(&digits) {
        return None;
    }
    let padded = |fill: &str| {
        let rest = fill.repeat(ExecutionId::TEXT_LEN - prefix.len());
        format!("{prefix}{rest}").parse().ok()
    };
    Some((padded("0")?, padded("f")?))
}

#[cfg(test)]
mod tests {
    use heartline_execution::Kind;

    use super::*;

    #[test]
    fn a_long_id_prefix_spans_exactly_its_ids() {
        let (first, last) = ids_with_prefix("wex_0198ab").unwrap();
        assert_eq!(first.to_string(), format!("wex_0198ab{}", "0".repeat(26)));
        assert_eq!(last.to_string(), format!("wex_0198ab{}", "f".repeat(26)));
        let whole = ExecutionId::new(Kind::Agent, u128::MAX);
        assert_eq!(ids_with_prefix(&whole.to_string()), Some((whole, whole)));
        for short in ["", "a", "aex_", "aex_0198a", "xex_0198ab", "aex_0198AB", "é_0198ab00"] {
            assert_eq!(ids_with_prefix(short), None, "{short}");
        }
    }
}
