//! How much there is to check, once the references of a JSON Schema are followed. A short text can
//! refer to its own parts so often, or in a circle, that checking an answer would never end.

use std::collections::HashMap;

use jsonschema::Draft;
use serde_json::{Map, Value};

/// The most values of a schema, each counted as often as it is referred to: what a person is asked
/// has some tens, and compiling this many takes some 30 MB for a moment.
const EXTENT_MAX: u64 = 10_000;
/// The deepest a schema goes, references followed: the validator follows them on its stack.
const DEPTH_MAX: usize = 128;
/// What a regular expression counts for, compiled and tried: some megabytes, if it is made for that.
const PATTERN: u64 = 200;
/// So many bytes of a text count as one value more.
const TEXT: usize = 16;

/// The values of `schema`, each counted as often as it is referred to: checking a value of an answer
/// takes at most so many steps.
///
/// # Errors
/// It has more than [`EXTENT_MAX`], or what cannot be counted; in words that go on after "a schema".
pub(super) fn extent(schema: &Value) -> Result<u64, String> {
    if let Draft::Draft4 | Draft::Unknown = Draft::default().detect(schema) {
        return Err("is of draft 6, 7, 2019-09 or 2020-12, or says nothing of it".to_owned());
    }
    Ok(Walk { root: schema, known: HashMap::new() }.of(schema, 0)?.values)
}

/// The values in an answer; long texts are several.
pub(super) fn values(answer: &Value) -> u64 {
    let of_text = |text: &str| 1 + (text.len() / TEXT) as u64;
    match answer {
        Value::Array(items) => 1 + items.iter().map(values).sum::<u64>(),
        Value::Object(fields) => {
            1 + fields.iter().map(|(name, field)| of_text(name) + values(field)).sum::<u64>()
        }
        Value::String(text) => of_text(text),
        _ => 1,
    }
}

/// Of a part of a schema, references followed.
#[derive(Clone, Copy)]
struct Extent {
    values: u64,
    height: usize,
}

struct Walk<'s> {
    root: &'s Value,
    /// Each object by its place in memory; `None` while it is being counted.
    known: HashMap<*const Map<String, Value>, Option<Extent>>,
}

impl<'s> Walk<'s> {
    fn of(&mut self, value: &'s Value, depth: usize) -> Result<Extent, String> {
        let extent = match value {
            _ if depth > DEPTH_MAX => return Err(too_deep()),
            Value::Object(fields) => self.of_object(fields, depth)?,
            Value::Array(items) => {
                let mut whole = Extent { values: 1, height: 0 };
                for item in items {
                    whole.add(self.of(item, depth + 1)?)?;
                }
                whole
            }
            _ => Extent { values: 1, height: 0 },
        };
        if depth + extent.height > DEPTH_MAX {
            return Err(too_deep());
        }
        Ok(extent)
    }

    fn of_object(
        &mut self,
        fields: &'s Map<String, Value>,
        depth: usize,
    ) -> Result<Extent, String> {
        match self.known.get(&std::ptr::from_ref(fields)) {
            Some(Some(extent)) => return Ok(*extent),
            Some(None) => return Err("must not refer to itself".to_owned()),
            None => {}
        }
        self.known.insert(fields, None);
        let mut extent = Extent { values: 1, height: 0 };
        for (name, value) in fields {
            let part = match (name.as_str(), value) {
                ("$ref", Value::String(to)) => self.target(to)?,
                ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                    return Err(format!("refers by $ref, not by {name}"));
                }
                // Another base, or other rules, for the references below.
                ("$id" | "$schema", Value::String(_)) if depth > 0 => {
                    return Err(format!("has {name} at its root only"));
                }
                _ => value,
            };
            extent.add(self.of(part, depth + 1)?)?;
            let patterns = match (name.as_str(), value) {
                ("pattern", Value::String(_)) => 1,
                ("patternProperties", Value::Object(patterns)) => patterns.len() as u64,
                _ => 0,
            };
            extent.values = bounded(extent.values + patterns * PATTERN)?;
        }
        for keyword in ["unevaluatedItems", "unevaluatedProperties"] {
            if fields.contains_key(keyword) {
                // It looks again, from each level below, at what is further below.
                extent.values = bounded(extent.values * (extent.height as u64 + 1))?;
            }
        }
        self.known.insert(fields, Some(extent));
        Ok(extent)
    }

    fn target(&self, to: &str) -> Result<&'s Value, String> {
        let pointer = to.strip_prefix('#').filter(|pointer| !pointer.contains('%'));
        let found =
            pointer.filter(|pointer| pointer.starts_with('/')).map(|p| self.root.pointer(p));
        match found {
            Some(Some(target)) => Ok(target),
            Some(None) => Err(format!("refers to what it has not: {to:?}")),
            None => Err(format!(
                "refers to a part of itself as in {{\"$ref\": \"#/$defs/choice\"}}, not as in {to:?}"
            )),
        }
    }
}

impl Extent {
    fn add(&mut self, part: Self) -> Result<(), String> {
        self.values = bounded(self.values + part.values)?;
        self.height = self.height.max(part.height + 1);
        Ok(())
    }
}

fn too_deep() -> String {
    format!("goes at most {DEPTH_MAX} levels deep, references followed")
}

fn bounded(extent: u64) -> Result<u64, String> {
    if extent > EXTENT_MAX {
        return Err(format!(
            "has at most {EXTENT_MAX} values, each counted as often as it is referred to"
        ));
    }
    Ok(extent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each of `levels` refers to the next twice.
    fn doubling(levels: usize) -> Value {
        let mut defs = Map::new();
        for level in 0..levels {
            let next = json!({"$ref": format!("#/$defs/{}", level + 1)});
            defs.insert(level.to_string(), json!({"allOf": [next, next]}));
        }
        defs.insert(levels.to_string(), json!({"type": "string"}));
        json!({"$ref": "#/$defs/0", "$defs": defs})
    }

    #[test]
    fn what_is_referred_to_counts_each_time() {
        assert_eq!(extent(&json!(true)), Ok(1));
        assert_eq!(extent(&json!({"type": "object", "required": ["a", "b"]})), Ok(5));
        let once = extent(&doubling(3)).unwrap();
        let twice = extent(&doubling(4)).unwrap();
        assert!(twice > once * 3 / 2, "{once} {twice}");
        let plain = json!({"allOf": [{"type": "string"}]});
        let mut again = plain.clone();
        again["unevaluatedProperties"] = json!(false);
        assert_eq!(
            extent(&again),
            Ok((extent(&plain).unwrap() + 1) * 4),
            "it is three levels high"
        );
        let patterns: Vec<_> = (0..50).map(|n| json!({"pattern": n.to_string()})).collect();
        assert!(extent(&json!({"anyOf": patterns[..40]})).is_ok());
        assert!(extent(&json!({"anyOf": patterns})).is_err());
        assert_eq!(values(&json!({"a": ["x".repeat(160), 1]})), 1 + 1 + 1 + 11 + 1);
    }

    #[test]
    fn a_schema_that_has_no_end_is_refused_and_says_how_one_is_written() {
        let circle =
            json!({"$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"$ref": "#/$defs/a"}}});
        // Counted from its beginning, and from its end, as the order of the names is.
        let chain = |name: fn(usize) -> String| -> Value {
            let links = (0..DEPTH_MAX)
                .map(|at| (name(at), json!({"$ref": format!("#/$defs/{}", name(at + 1))})));
            let defs: Map<_, _> = links.chain([(name(DEPTH_MAX), json!(true))]).collect();
            json!({"$ref": format!("#/$defs/{}", name(0)), "$defs": defs})
        };
        for (schema, told) in [
            (doubling(40), "at most 10000 values"),
            (circle, "must not refer to itself"),
            (json!({"properties": {"child": {"$ref": "#"}}}), "refers to a part of itself"),
            (json!({"$ref": "other.json#/a"}), "refers to a part of itself"),
            (json!({"$ref": "#/$defs/%61"}), "refers to a part of itself"),
            (json!({"$ref": "#/$defs/none"}), "refers to what it has not"),
            (chain(|at| format!("{at:03}")), "at most 128 levels"),
            (chain(|at| format!("{:03}", DEPTH_MAX - at)), "at most 128 levels"),
            (json!({"$dynamicRef": "#a"}), "not by $dynamicRef"),
            (json!({"properties": {"a": {"$id": "a"}}}), "has $id at its root only"),
            (
                json!({"$schema": "http://json-schema.org/draft-04/schema#", "id": "a"}),
                "is of draft 6",
            ),
        ] {
            let said = extent(&schema).unwrap_err();
            assert!(said.contains(told), "{schema}: {said}");
        }
    }
}
