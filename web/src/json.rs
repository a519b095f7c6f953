//! JSON from outside: checked for size of nesting, read into a type, and where it does not fit,
//! told what is wrong and where.
//!
//! The first reading is the plain one; only a body that fails is read again to find the place.
//! 400 is for what is not JSON, 422 for JSON that is not what the route takes.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use heartline_execution::content::FieldError;
use serde::{Deserialize, Deserializer, de};
use serde_json::error::Category;

use crate::{
    error::{Code, Problem},
    nearest::{did_you_mean, quote},
};

/// Reads `bytes`, nested at most `max_depth` deep, as `T`.
///
/// # Errors
/// 400 for what is not JSON in UTF-8; 422 with a pointer for what is not a `T`.
pub(crate) fn parse<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    max_depth: usize,
) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Problem::at(Code::MalformedJson, "", format!("the body is not UTF-8 at byte {at}"))
    })?;
    if nests_deeper(bytes, max_depth) {
        let message = format!("nests deeper than {max_depth} levels");
        return Err(Problem::at(Code::Invalid, deep_pointer(text, max_depth), message));
    }
    serde_json::from_str(text)
        .map(|Object(value)| value)
        .map_err(|error| explain::<T>(text, &error))
}

/// A `T` that stands as a JSON object: serde's own structs also read an array, field by field.
#[derive(Debug, Default)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnlyMap<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for OnlyMap<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(OnlyMap(PhantomData))
    }
}

/// Whether brackets outside strings nest deeper than `max`.
fn nests_deeper(bytes: &[u8], max: usize) -> bool {
    let mut depth = 0_usize;
    let mut rest = bytes;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => rest = behind_string(rest),
            _ => {}
        }
    }
    false
}

/// What comes after the string that `inside` is in, which is most of what is sent.
fn behind_string(inside: &[u8]) -> &[u8] {
    let mut rest = inside;
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let escape = usize::from(rest[at] == b'\\');
        rest = rest.get(at + 1 + escape..).unwrap_or_default();
        if escape == 0 {
            return rest;
        }
    }
    &[]
}

/// The pointer to the value that is one level too deep, as far as the text is JSON up to there.
fn deep_pointer(text: &str, max: usize) -> String {
    let mut track = serde_path_to_error::Track::new();
    let mut json = serde_json::Deserializer::from_str(text);
    let seed = DepthLimited(max);
    match de::DeserializeSeed::deserialize(
        seed,
        serde_path_to_error::Deserializer::new(&mut json, &mut track),
    ) {
        Ok(()) => String::new(),
        Err(_) => shorten(pointer(&track.path())),
    }
}

/// A pointer as deep as the limit is long; its head says where to look.
fn shorten(pointer: String) -> String {
    const MOST: usize = 256;
    match pointer.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &pointer[..end]),
        None => pointer,
    }
}

struct DepthLimited(usize);

impl<'de> de::DeserializeSeed<'de> for DepthLimited {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl DepthLimited {
    fn deeper<E: de::Error>(&self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("too deep"))
    }
}

impl<'de> de::Visitor<'de> for DepthLimited {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while seq.next_element_seed(DepthLimited(inner.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while map.next_key::<String>()?.is_some() {
            map.next_value_seed(DepthLimited(inner.0))?;
        }
        Ok(())
    }
}

/// Why `text` is not a `T`, and where.
fn explain<'a, T: Deserialize<'a>>(text: &'a str, error: &serde_json::Error) -> Problem {
    if let Err(malformed) = serde_json::from_str::<de::IgnoredAny>(text) {
        let (line, column) = (malformed.line(), malformed.column());
        let what = match malformed.classify() {
            Category::Eof if text.trim_ascii().is_empty() => {
                "the body is empty; JSON is expected".to_owned()
            }
            _ => format!(
                "{} at line {line} column {column}",
                without_position(&malformed.to_string())
            ),
        };
        return Problem::at(Code::MalformedJson, "", what);
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let (mut at, message) = match serde_path_to_error::deserialize::<_, Object<T>>(&mut json) {
        Err(error) => {
            (pointer(error.path()), without_position(&error.inner().to_string()).to_owned())
        }
        // The second reading passes tracks through values that the first read whole.
        Ok(_) => (String::new(), without_position(&error.to_string()).to_owned()),
    };
    if let Some(field) = missing_field(&message).or_else(|| duplicate_field(&message)) {
        at = format!("{at}/{}", escape(field));
    }
    Problem::fields(
        Code::Invalid,
        vec![FieldError { pointer: shorten(at), message: reword(&message) }],
    )
}

fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(head, _)| head)
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut out = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => out.push_str(&format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                out.push('/');
                out.push_str(&escape(&quote(key)));
            }
            Segment::Unknown => {}
        }
    }
    out
}

/// A name as a reference token of RFC 6901.
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

fn duplicate_field(message: &str) -> Option<&str> {
    message.strip_prefix("duplicate field `")?.strip_suffix('`')
}

/// Serde's words, in ours.
fn reword(message: &str) -> String {
    if missing_field(message).is_some() {
        return "is required".to_owned();
    }
    if let Some(field) = duplicate_field(message) {
        return format!("\"{field}\" appears twice");
    }
    for (start, what) in
        [("unknown field `", "is not a known field"), ("unknown variant `", "is not a known value")]
    {
        if let Some((name, expected)) =
            message.strip_prefix(start).and_then(|rest| rest.split_once("`, "))
        {
            let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
            return format!("\"{}\" {what}; {}", quote(name), did_you_mean(name, &known));
        }
    }
    for start in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((found, expected)) =
            message.strip_prefix(start).and_then(|rest| rest.rsplit_once(", expected "))
        {
            return format!("is {}; {} is expected", quote(&found_words(found)), words(expected));
        }
    }
    message.to_owned()
}

/// What serde calls what it found, as JSON calls it.
fn found_words(found: &str) -> String {
    match found {
        "sequence" => "an array".to_owned(),
        "map" => "an object".to_owned(),
        "unit value" => "null".to_owned(),
        other => ["integer", "floating point", "boolean", "string"]
            .iter()
            .find_map(|kind| other.strip_prefix(kind))
            .map_or(other, str::trim_start)
            .replace('`', ""),
    }
}

/// What Rust calls a type, as JSON calls it.
fn words(expected: &str) -> String {
    let word = match expected {
        "a map" => "an object",
        "a sequence" => "an array",
        "a boolean" => "true or false",
        "a borrowed string" | "a string" => "a string",
        "i32" => "an integer of 32 bits",
        "u32" => "an integer from 0 to 4294967295",
        "u64" => "an integer from 0 to 9007199254740991",
        "f64" => "a number",
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    word.to_owned()
}

/// An object of strings whose keys are all different.
#[derive(Debug, Default)]
pub(crate) struct Strings(pub(crate) BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;

        impl<'de> de::Visitor<'de> for Unique {
            type Value = Strings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Strings, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((key, value)) = access.next_entry::<String, String>()? {
                    if map.contains_key(&key) {
                        let shown = quote(&key);
                        return Err(de::Error::custom(format_args!("\"{shown}\" appears twice")));
                    }
                    map.insert(key, value);
                }
                Ok(Strings(map))
            }
        }

        deserializer.deserialize_map(Unique)
    }
}

/// The same bytes for every spelling of the same JSON value: keys sorted, no white space.
pub(crate) fn canonical(bytes: &[u8]) -> Vec<u8> {
    fn write(value: &serde_json::Value, out: &mut Vec<u8>) {
        match value {
            serde_json::Value::Object(map) => {
                out.push(b'{');
                let sorted: BTreeMap<_, _> = map.iter().collect();
                for (index, (key, value)) in sorted.into_iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write(&serde_json::Value::String(key.clone()), out);
                    out.push(b':');
                    write(value, out);
                }
                out.push(b'}');
            }
            serde_json::Value::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write(item, out);
                }
                out.push(b']');
            }
            scalar => out.extend_from_slice(scalar.to_string().as_bytes()),
        }
    }
    let mut out = Vec::with_capacity(bytes.len());
    match serde_json::from_slice(bytes) {
        Ok(value) => write(&value, &mut out),
        // Numbers beyond a double pass as raw JSON and do not fit a tree: the bytes stand.
        Err(_) => out.extend_from_slice(bytes),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only the reading of it matters")]
    struct Sample {
        name: String,
        #[serde(default)]
        priority: i32,
        #[serde(default)]
        inner: Vec<Object<Inner>>,
        labels: Option<Strings>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only the reading of it matters")]
    struct Inner {
        heartbeat: heartline_execution::Span,
    }

    fn told(text: &str) -> (u16, String, String) {
        let problem = parse::<Sample>(text.as_bytes(), 8).unwrap_err();
        let json: serde_json::Value = serde_json::from_slice(&problem.json("r")).unwrap();
        let first = |key: &str| json["errors"][0][key].as_str().unwrap_or("none").to_owned();
        (problem.code().status(), first("pointer"), first("message"))
    }

    #[test]
    fn what_is_not_json_is_400_and_says_where() {
        for text in ["", "{", "{\"name\":\"x\"} x", "{\"name\":01}", "nul", "{\"name\":\"x\",}"] {
            assert_eq!(told(text).0, 400, "{text}");
        }
        assert_eq!(
            parse::<Sample>(b"{\"name\":\"\xff\"}", 8).unwrap_err().code(),
            Code::MalformedJson
        );
    }

    #[test]
    fn what_does_not_fit_is_422_with_a_pointer_and_the_nearest_name() {
        let cases = [
            ("{}", "/name", "is required"),
            ("{\"name\":5}", "/name", "is 5; a string is expected"),
            ("{\"name\":\"x\",\"priorty\":1}", "/priorty", "did you mean \"priority\"?"),
            (
                "{\"name\":\"x\",\"inner\":[{\"heartbeat\":\"soon\"}]}",
                "/inner/0/heartbeat",
                "a duration is a string",
            ),
            ("{\"name\":\"x\",\"inner\":[{}]}", "/inner/0/heartbeat", "is required"),
            ("{\"name\":\"x\",\"name\":\"y\"}", "/name", "appears twice"),
            ("{\"name\":\"x\",\"labels\":{\"a\":\"1\",\"a\":\"2\"}}", "/labels", "appears twice"),
            ("[]", "", "is an array; an object is expected"),
            (
                "{\"name\":\"x\",\"inner\":[[\"1s\"]]}",
                "/inner/0",
                "is an array; an object is expected",
            ),
        ];
        for (text, pointer, message) in cases {
            let (status, at, said) = told(text);
            assert_eq!((status, &*at), (422, pointer), "{text}: {said}");
            assert!(said.contains(message), "{text}: {said}");
        }
    }

    #[test]
    fn depth_is_refused_with_the_place_and_brackets_in_strings_do_not_count() {
        let deep = format!("{{\"name\":\"x\",\"inner\":{}{}}}", "[".repeat(9), "]".repeat(9));
        let (status, pointer, message) = told(&deep);
        assert_eq!((status, &*pointer), (422, "/inner/0/0/0/0/0/0/0"));
        assert!(message.contains("8 levels"));
        let flat = format!("{{\"name\":\"{}\\\"[[\"}}", "[".repeat(99));
        assert!(parse::<Sample>(flat.as_bytes(), 2).is_ok());
        let behind = |inside: &str| behind_string(inside.as_bytes()).len();
        assert_eq!(
            [r#"a"b"#, r#"a\"b"cd"#, r#"\\"abc"#, r"a\", "a", ""].map(behind),
            [1, 2, 3, 0, 0, 0]
        );
    }

    #[test]
    fn the_canonical_form_ignores_order_and_white_space() {
        let one = canonical(b"{\"b\": [1, 2], \"a\":\"x\"}");
        assert_eq!(one, canonical(b"{\"a\":\"\\u0078\",\"b\":[1,2]}"));
        assert_ne!(one, canonical(b"{\"a\":\"x\",\"b\":[2,1]}"));
    }
}
