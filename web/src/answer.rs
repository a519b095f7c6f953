//! A person's answer against the question's JSON Schema. Nothing is ever fetched: a reference
//! that leaves the schema makes it invalid.

mod extent;

use heartline_execution::content::FieldError;
use jsonschema::{PatternOptions, Validator};
use serde_json::{Value, value::RawValue};

use self::extent::{extent, values};
use crate::{
    error::{Code, Problem},
    nearest::quote,
};

/// The most broken rules told at once; the rest would be more of the same.
const ERRORS_MAX: usize = 16;
/// Bounds what a hostile pattern may cost to compile, in bytes.
const PATTERN_SIZE: usize = 1 << 19;
/// The most steps of checking an answer, a fraction of a second: values of the schema times values of
/// the answer.
const STEPS_MAX: u64 = 10_000_000;
/// Beyond so many steps it is not told which rules are broken: each may take some kilobytes to tell.
const TOLD_STEPS: u64 = 50_000;

/// Checks that `schema` is a JSON Schema that stands on its own, and that an answer can be checked
/// against it in bounded time and memory.
///
/// # Errors
/// 422 at `/schema`.
pub(crate) fn check_schema(schema: &RawValue) -> Result<(), Problem> {
    compile(schema).map(drop).map_err(|message| Problem::at(Code::Invalid, "/schema", message))
}

/// Checks `input`, null when there is none, against `schema`.
///
/// # Errors
/// 422 with a pointer under `/input` for each broken rule.
pub(crate) fn check_answer(schema: &RawValue, input: Option<&RawValue>) -> Result<(), Problem> {
    // The schema was checked when the question was asked; a later, stricter build may differ.
    let (validator, extent) = match compile(schema) {
        Ok(compiled) => compiled,
        Err(error) => {
            tracing::warn!(error, "an answer is taken unchecked: its question's schema is no more");
            return Ok(());
        }
    };
    let input: Value = match input.map(|raw| serde_json::from_str(raw.get())).transpose() {
        Ok(input) => input.unwrap_or_default(),
        Err(error) => return Err(Problem::at(Code::Invalid, "/input", error.to_string())),
    };
    let steps = extent.saturating_mul(values(&input));
    if steps > STEPS_MAX {
        let most = STEPS_MAX / extent;
        let message = format!("has {} values; this question takes {most}", values(&input));
        return Err(Problem::at(Code::Invalid, "/input", message));
    }
    if validator.is_valid(&input) {
        return Ok(());
    }
    if steps > TOLD_STEPS {
        let message = "is not what the question's schema asks for, and too large to say where";
        return Err(Problem::at(Code::Invalid, "/input", message));
    }
    let errors: Vec<FieldError> = validator
        .iter_errors(&input)
        .take(ERRORS_MAX)
        .map(|error| FieldError {
            pointer: format!("/input{}", error.instance_path().as_str()),
            message: quote_long(&error.masked_with("the value").to_string()),
        })
        .collect();
    Err(Problem::fields(Code::Invalid, errors))
}

/// The validator, and the most steps that a value of an answer takes.
fn compile(schema: &RawValue) -> Result<(Validator, u64), String> {
    let schema: Value = serde_json::from_str(schema.get()).map_err(|error| error.to_string())?;
    if !matches!(schema, Value::Object(_) | Value::Bool(_)) {
        return Err("a JSON Schema is an object, or true or false".to_owned());
    }
    let extent = extent(&schema).map_err(|rule| format!("a question's schema {rule}"))?;
    let validator = jsonschema::options()
        .with_pattern_options(
            PatternOptions::regex().size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE),
        )
        .build(&schema)
        .map_err(|error| {
            format!("is not a usable JSON Schema: {}", quote_long(&error.to_string()))
        })?;
    Ok((validator, extent))
}

fn quote_long(text: &str) -> String {
    text.split_whitespace().map(quote).collect::<Vec<_>>().join(" ").chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn an_answer_is_held_against_its_schema() {
        let schema = raw(
            r#"{"type":"object","required":["approved"],"properties":{"approved":{"type":"boolean"}}}"#,
        );
        assert!(check_schema(&schema).is_ok());
        assert!(check_answer(&schema, Some(&raw(r#"{"approved":true}"#))).is_ok());
        let wrong = check_answer(&schema, Some(&raw(r#"{"approved":"yes"}"#))).unwrap_err();
        assert!(wrong.to_string().contains("/input/approved"), "{wrong}");
        assert!(check_answer(&schema, None).unwrap_err().to_string().contains("/input"));
    }

    #[test]
    fn an_answer_that_is_too_much_to_check_is_refused_and_a_large_one_is_not() {
        let schema = raw(r#"{"items":{"type":"string"}}"#);
        let of = |text: &str, count: usize| raw(&format!("[{}]", vec![text; count].join(",")));
        assert!(check_answer(&schema, Some(&of("\"x\"", 1_000_000))).is_ok());
        for (answer, told) in [
            (of("1", 20), "the value is not of type"),
            (of("1", 1_000_000), "too large to say where"),
            (of("\"x\"", 4_000_000), "has 4000001 values; this question takes 3333333"),
        ] {
            let said = check_answer(&schema, Some(&answer)).unwrap_err().to_string();
            assert!(said.contains("/input") && said.contains(told), "{said}");
        }
    }

    #[test]
    fn a_schema_that_is_none_or_reaches_outside_is_refused() {
        for wrong in [
            r#"{"type":"nonsense"}"#,
            r#"{"type":5}"#,
            "\"string\"",
            r#"{"$ref":"https://example.org/schema.json"}"#,
            r#"{"$ref":"file:///etc/passwd"}"#,
            r#"{"pattern":"(a{1000}){1000}"}"#,
        ] {
            let said = check_schema(&raw(wrong)).expect_err(wrong);
            assert!(said.to_string().contains("/schema"), "{said}");
        }
    }
}
