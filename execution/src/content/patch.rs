//! JSON Patch (RFC 6902) within bounds.
//!
//! `json_patch` does each operation; around it, limits: `copy` doubles a document in thirty bytes,
//! so forty operations would fill any memory. `json_patch::patch` itself is never used: it undoes
//! a failed patch, and cannot undo a move onto an ancestor.

use json_patch::{
    AddOperation, CopyOperation, MoveOperation, PatchErrorKind, PatchOperation, RemoveOperation,
    ReplaceOperation, TestOperation, jsonptr::PointerBuf,
};
use serde_json::{Value, value::RawValue};

use super::{
    fields::{Field, Found, Problems, Rule, Shape, elements, need, pointer, read, tree},
    walk::DEPTH_MAX,
};

/// The most a patched document may weigh (see [`weight`]), unless it weighed more already. A
/// snapshot of the largest allowed event stays below it but for degenerate ones.
pub const DOCUMENT_MAX: usize = 2 << 20;
/// The most operations of one patch: each may move a whole array.
const OPERATIONS_MAX: usize = 1_000;

/// A parsed patch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch(Vec<PatchOperation>);

/// Why a patch does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchError {
    /// Index of the operation.
    pub operation: usize,
    /// One sentence.
    pub message: String,
}

impl Patch {
    pub(super) fn parse(raw: &RawValue, base: &str, problems: &mut Problems) -> Self {
        let operations = elements(raw);
        if operations.len() > OPERATIONS_MAX {
            let message = format!(
                "has {} operations; at most {OPERATIONS_MAX} are allowed, or send a snapshot",
                operations.len()
            );
            problems.push(base.to_owned(), message);
            return Self::default();
        }
        let mut patch = Vec::with_capacity(operations.len());
        for (index, raw) in operations.into_iter().enumerate() {
            patch.extend(operation(raw, &format!("{base}/{index}"), problems));
            if problems.is_full() {
                break;
            }
        }
        Self(patch)
    }

    /// Applies the operations in order to `document`, which weighs `before`, and answers with its
    /// weight afterwards. After an error `document` is what the earlier operations made of it.
    pub fn apply(&self, document: &mut Value, before: usize) -> Result<usize, PatchError> {
        let mut copied = 0;
        for (index, operation) in self.0.iter().enumerate() {
            let fail = |message: String| PatchError { operation: index, message };
            let placed = match operation {
                PatchOperation::Add(AddOperation { path, value })
                | PatchOperation::Replace(ReplaceOperation { path, value }) => Some((path, value)),
                PatchOperation::Move(MoveOperation { from, path }) => {
                    document.pointer(from.as_str()).map(|value| (path, value))
                }
                PatchOperation::Copy(CopyOperation { from, path }) => {
                    let value = document.pointer(from.as_str());
                    copied += value.map_or(0, weight);
                    value.map(|value| (path, value))
                }
                PatchOperation::Remove(_) | PatchOperation::Test(_) => None,
            };
            if copied > DOCUMENT_MAX {
                return Err(fail(too_large()));
            }
            if placed.is_some_and(|(path, value)| path.tokens().count() + depth(value) > DEPTH_MAX)
            {
                return Err(fail(format!("would nest deeper than {DEPTH_MAX} levels")));
            }
            json_patch::patch_unsafe(document, std::slice::from_ref(operation))
                .map_err(|error| fail(explain(&error.kind, operation)))?;
        }
        let after = weight(document);
        if after > DOCUMENT_MAX.max(before) {
            let operation = self.0.len().saturating_sub(1);
            return Err(PatchError { operation, message: too_large() });
        }
        Ok(after)
    }
}

fn too_large() -> String {
    format!("would grow the document beyond {DOCUMENT_MAX} bytes; send a smaller snapshot")
}

fn explain(kind: &PatchErrorKind, operation: &PatchOperation) -> String {
    let path = super::fields::quote(operation.path().as_str());
    match kind {
        PatchErrorKind::TestFailed => format!("the value at \"{path}\" is another one"),
        PatchErrorKind::InvalidFromPointer => "nothing is at \"from\"".to_owned(),
        PatchErrorKind::InvalidPointer => format!("\"{path}\" is not a place in the document"),
        PatchErrorKind::CannotMoveInsideItself => "a value cannot move into itself".to_owned(),
        // The crate's enum may grow.
        other => other.to_string(),
    }
}

const OPS: &[&str] = &["add", "remove", "replace", "move", "copy", "test"];
const OP: &[Field] = &[need("op", Rule::OneOf(OPS))];
const PATH: &[Field] = &[need("path", Rule::Text)];
const FROM: &[Field] = &[need("from", Rule::Text)];
const VALUE: &[Field] = &[need("value", Rule::Json)];

fn operation(raw: &RawValue, base: &str, problems: &mut Problems) -> Option<PatchOperation> {
    const ANY: Shape = Shape { groups: &[OP], open: true };
    const BARE: Shape = Shape { groups: &[OP, PATH], open: true };
    const WITH_FROM: Shape = Shape { groups: &[OP, PATH, FROM], open: true };
    const WITH_VALUE: Shape = Shape { groups: &[OP, PATH, VALUE], open: true };
    let op = read(raw, base, &ANY, problems)?.text("op");
    let shape = match &*op {
        "remove" => BARE,
        "move" | "copy" => WITH_FROM,
        _ => WITH_VALUE,
    };
    let mut found = read(raw, base, &shape, problems)?;
    let path = place(&mut found, "path", base, problems)?;
    Some(match &*op {
        "remove" => PatchOperation::Remove(RemoveOperation { path }),
        "move" => {
            let from = place(&mut found, "from", base, problems)?;
            PatchOperation::Move(MoveOperation { from, path })
        }
        "copy" => {
            let from = place(&mut found, "from", base, problems)?;
            PatchOperation::Copy(CopyOperation { from, path })
        }
        "add" => PatchOperation::Add(AddOperation { path, value: tree(found.json("value")) }),
        "replace" => {
            PatchOperation::Replace(ReplaceOperation { path, value: tree(found.json("value")) })
        }
        _ => PatchOperation::Test(TestOperation { path, value: tree(found.json("value")) }),
    })
}

fn place(
    found: &mut Found<'_>,
    name: &str,
    base: &str,
    problems: &mut Problems,
) -> Option<PointerBuf> {
    PointerBuf::parse(String::from(found.text(name)))
        .map_err(|_| {
            let message = "must be a JSON Pointer (RFC 6901): empty, or starting with /";
            problems.push(pointer(base, name), message);
        })
        .ok()
}

/// About what one JSON value costs in memory beyond its text.
const NODE: usize = 32;

/// About the bytes `value` takes in memory.
pub fn weight(value: &Value) -> usize {
    NODE + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| NODE + key.len() + weight(value)).sum()
        }
    }
}

/// Levels of `value`: 0 for a scalar.
fn depth(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patch(operations: &Value) -> Patch {
        let raw = serde_json::value::to_raw_value(operations).unwrap();
        let mut problems = Problems::default();
        let patch = Patch::parse(&raw, "/data/delta", &mut problems);
        assert_eq!(problems.len(), 0);
        patch
    }

    #[test]
    fn every_operation_does_what_rfc_6902_says() {
        let mut document = json!({"a": {"b": [1, 2]}});
        patch(&json!([
            {"op": "test", "path": "/a/b/0", "value": 1},
            {"op": "add", "path": "/a/b/-", "value": 3},
            {"op": "copy", "from": "/a/b", "path": "/c"},
            {"op": "move", "from": "/a/b/0", "path": "/d~1e"},
            {"op": "replace", "path": "/c", "value": null},
            {"op": "remove", "path": "/a/b/0"},
        ]))
        .apply(&mut document, 0)
        .unwrap();
        assert_eq!(document, json!({"a": {"b": [3]}, "c": null, "d/e": 1}));
    }

    #[test]
    fn a_failure_names_its_operation() {
        let error = patch(&json!([
            {"op": "add", "path": "/a", "value": 1},
            {"op": "remove", "path": "/b/c"},
        ]))
        .apply(&mut json!({}), 0);
        let message = "\"/b/c\" is not a place in the document".to_owned();
        assert_eq!(error, Err(PatchError { operation: 1, message }));
    }

    #[test]
    fn a_move_onto_an_ancestor_and_then_a_failure_is_an_error_and_not_a_panic() {
        let error = patch(&json!([
            {"op": "move", "from": "/a/b", "path": "/a"},
            {"op": "test", "path": "", "value": 0},
        ]))
        .apply(&mut json!({"a": {"b": 1}}), 0);
        assert_eq!(error.unwrap_err().operation, 1);
    }

    #[test]
    fn copies_can_neither_fill_the_memory_nor_dig_without_end() {
        let doubling: Vec<Value> = (0..60)
            .map(|n| json!({"op": "copy", "from": "/a", "path": format!("/a/{n}")}))
            .collect();
        let error = patch(&json!(doubling)).apply(&mut json!({"a": {"x": "y".repeat(100)}}), 0);
        assert!(error.unwrap_err().message.contains("beyond"));

        let same = json!({"op": "copy", "from": "/big", "path": "/other"});
        let error =
            patch(&json!(vec![same; 900])).apply(&mut json!({"big": "y".repeat(100_000)}), 0);
        assert!(error.unwrap_err().message.contains("beyond"));

        let digging = json!({"op": "copy", "from": "", "path": "/a"});
        let error = patch(&json!(vec![digging; 100])).apply(&mut json!({}), 0);
        assert!(error.unwrap_err().message.contains("deeper"));
    }
}
