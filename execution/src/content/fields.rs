//! Reads a JSON object field by field against a table of rules, in one pass.
//!
//! The tables are the rules: what they say is what is refused, and every broken rule is reported
//! with its pointer, not only the first. Values nobody folds are walked (depth, numbers, text)
//! and not kept, so that whatever is accepted can be read by every client.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    FieldError,
    walk::{DEPTH_MAX, Scalar, Seen, Walk},
};

/// The most bytes of a string that becomes a key of the state. AG-UI sets no bound; some
/// providers pack signatures into their ids, so this is generous.
const KEY_MAX: usize = 1_024;
/// The most problems told at once; the rest would be more of the same.
const PROBLEMS_MAX: usize = 16;
/// The most characters of someone else's text quoted in a message.
const QUOTE_MAX: usize = 64;
/// The largest integer that every JSON reader keeps exactly.
const INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

/// What a field may hold.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    Text,
    /// A string that becomes a key of the state.
    Key,
    OneOf(&'static [&'static str]),
    /// Within ±(2^53 - 1).
    Integer,
    Number,
    Bool,
    Object,
    Array,
    TextOrArray,
    /// Any JSON value.
    Json,
    /// Any JSON value but null.
    NotNull,
    /// A string counts; anything else is someone's extension and passes unread.
    TextIfText,
    /// Never; the reason is said.
    Refused(&'static str),
}

impl Rule {
    fn expects(self) -> Cow<'static, str> {
        match self {
            Rule::Text | Rule::TextIfText => "a string".into(),
            Rule::Key => format!("a string of at most {KEY_MAX} bytes").into(),
            Rule::OneOf([only]) => format!("\"{only}\"").into(),
            Rule::OneOf(names) => format!("one of {}", names.join(", ")).into(),
            Rule::Integer => "an integer within ±9007199254740991".into(),
            Rule::Number => "a number".into(),
            Rule::Bool => "true or false".into(),
            Rule::Object => "an object".into(),
            Rule::Array => "an array".into(),
            Rule::TextOrArray => "a string or an array of content parts".into(),
            Rule::Json => "any JSON value".into(),
            Rule::NotNull => "any JSON value but null".into(),
            Rule::Refused(why) => why.into(),
        }
    }
}

/// One row of a table.
pub(super) struct Field {
    name: &'static str,
    rule: Rule,
    required: bool,
}

/// A field that must be there.
pub(super) const fn need(name: &'static str, rule: Rule) -> Field {
    Field { name, rule, required: true }
}

/// A field that may be left out (which is not the same as null).
pub(super) const fn may(name: &'static str, rule: Rule) -> Field {
    Field { name, rule, required: false }
}

/// The rules of one object.
pub(super) struct Shape {
    /// At most 32 fields in all.
    pub(super) groups: &'static [&'static [Field]],
    /// Whether fields that are not in the table pass through.
    pub(super) open: bool,
}

impl Shape {
    fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.groups.iter().copied().flatten()
    }
}

/// Broken rules, gathered.
#[derive(Default)]
pub(super) struct Problems(Vec<FieldError>);

impl Problems {
    pub(super) fn push(&mut self, pointer: String, message: impl Into<String>) {
        if self.0.len() < PROBLEMS_MAX {
            self.0.push(FieldError { pointer, message: message.into() });
        }
    }

    pub(super) fn add(&mut self, error: FieldError) {
        self.push(error.pointer, error.message);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= PROBLEMS_MAX
    }

    pub(super) fn into_result<T>(self, value: Option<T>) -> Result<T, Vec<FieldError>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            Some(_) | None => Err(self.0),
        }
    }
}

/// A kept value.
enum Kept<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Bool(bool),
    Json(&'a RawValue),
}

/// The fields that were there, by name. Filled only by a table without complaint, so a required
/// field is always found.
pub(super) struct Found<'a>(Vec<(&'static str, Kept<'a>)>);

impl<'a> Found<'a> {
    fn take(&mut self, name: &str) -> Option<Kept<'a>> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.swap_remove(at).1)
    }

    pub(super) fn maybe_text(&mut self, name: &str) -> Option<Box<str>> {
        match self.take(name)? {
            Kept::Text(text) => Some(text.into()),
            Kept::Number(_) | Kept::Bool(_) | Kept::Json(_) => None,
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Box<str> {
        self.maybe_text(name).expect("the table requires this text")
    }

    pub(super) fn maybe_json(&mut self, name: &str) -> Option<&'a RawValue> {
        match self.take(name)? {
            Kept::Json(raw) => Some(raw),
            Kept::Text(_) | Kept::Number(_) | Kept::Bool(_) => None,
        }
    }

    pub(super) fn json(&mut self, name: &str) -> &'a RawValue {
        self.maybe_json(name).expect("the table requires this value")
    }

    pub(super) fn number(&mut self, name: &str) -> Option<f64> {
        match self.take(name)? {
            Kept::Number(number) => Some(number),
            Kept::Text(_) | Kept::Bool(_) | Kept::Json(_) => None,
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Kept::Bool(flag) => Some(flag),
            Kept::Text(_) | Kept::Number(_) | Kept::Json(_) => None,
        }
    }
}

/// Reads `raw`, which stands at `base`, by the rules of `shape`. `None` after any complaint.
pub(super) fn read<'a>(
    raw: &'a RawValue,
    base: &str,
    shape: &Shape,
    problems: &mut Problems,
) -> Option<Found<'a>> {
    let before = problems.len();
    if !raw.get().starts_with('{') {
        problems.push(base.to_owned(), format!("must be an object, not {}", kind(raw)));
        return None;
    }
    let mut at = Cow::Borrowed("");
    let reader = Reader { shape, base, at: &mut at, problems };
    match serde_json::Deserializer::from_str(raw.get()).deserialize_map(reader) {
        Ok(found) if problems.len() == before => Some(found),
        Ok(_) => None,
        Err(error) => {
            problems.push(pointer(base, &at), plain(&error));
            None
        }
    }
}

/// The elements of the array `raw`.
pub(super) fn elements(raw: &RawValue) -> Vec<&RawValue> {
    // The table has checked that it is an array, and raw JSON is well-formed.
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// `raw` as a tree. The reader has walked it, so it is within what a tree can hold.
pub(super) fn tree(raw: &RawValue) -> serde_json::Value {
    serde_json::from_str(raw.get()).expect("a value that was walked parses")
}

/// RFC 6901: `name` below `base`.
pub(super) fn pointer(base: &str, name: &str) -> String {
    if name.is_empty() {
        return base.to_owned();
    }
    format!("{base}/{}", quote(name).replace('~', "~0").replace('/', "~1"))
}

/// At most [`QUOTE_MAX`] characters of `text`, so that an answer is never as long as the attack.
pub(super) fn quote(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(QUOTE_MAX) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}

/// The nearest of `known`, if it is near at all.
pub(super) fn nearest<'k>(text: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let text = quote(text);
    known
        .map(|name| (strsim::damerau_levenshtein(&text, name), name))
        .min()
        .filter(|(distance, name)| *distance * 2 <= name.chars().count())
        .map(|(_, name)| name)
}

/// What `raw` is, in words.
fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(_) | None => "a number",
    }
}

/// serde_json's message without its line and column, which point into a part of the request.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split_once(" at line ").map_or(text.as_str(), |(head, _)| head);
    quote(text).into_owned()
}

struct Reader<'s, 'p> {
    shape: &'s Shape,
    base: &'s str,
    /// The field being read, for errors that end the reading.
    at: &'p mut Cow<'static, str>,
    problems: &'p mut Problems,
}

impl<'de> Visitor<'de> for Reader<'_, '_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Found<'de>, A::Error> {
        let mut found = Found(Vec::with_capacity(4));
        let mut seen = 0_u32;
        while let Some(key) = map.next_key_seed(Scalar)? {
            let Seen::Text(key) = key else { unreachable!("JSON keys are strings") };
            let known = self.shape.fields().enumerate().find(|(_, field)| field.name == key);
            let Some((index, field)) = known else {
                *self.at = Cow::Owned(key.into_owned());
                if !self.shape.open {
                    self.unknown(&self.at.clone());
                }
                map.next_value_seed(Walk(DEPTH_MAX))?;
                continue;
            };
            *self.at = Cow::Borrowed(field.name);
            if seen & (1 << index) != 0 {
                self.problems.push(pointer(self.base, field.name), "appears twice");
            }
            seen |= 1 << index;
            match value(field.rule, &mut map)? {
                Ok(Some(kept)) => found.0.push((field.name, kept)),
                Ok(None) => {}
                Err(message) => self.problems.push(pointer(self.base, field.name), message),
            }
        }
        *self.at = Cow::Borrowed("");
        for (index, field) in self.shape.fields().enumerate() {
            if field.required && seen & (1 << index) == 0 {
                let message = format!("is required: {}", field.rule.expects());
                self.problems.push(pointer(self.base, field.name), message);
            }
        }
        Ok(found)
    }
}

impl Reader<'_, '_> {
    fn unknown(&mut self, key: &str) {
        let names = || self.shape.fields().map(|field| field.name);
        let message = match nearest(key, names()) {
            Some(near) => format!("is not a known field; did you mean \"{near}\"?"),
            None => format!(
                "is not a known field; known are {}",
                names().collect::<Vec<_>>().join(", ")
            ),
        };
        self.problems.push(pointer(self.base, key), message);
    }
}

/// Reads one value by its rule. The outer error ends the reading; the inner one is a complaint.
#[allow(clippy::type_complexity)] // Said in one place, above.
fn value<'de, A: MapAccess<'de>>(
    rule: Rule,
    map: &mut A,
) -> Result<Result<Option<Kept<'de>>, String>, A::Error> {
    let complain = |what: &str| {
        let hint = if what == "null" { "; leave the field out instead" } else { "" };
        Ok(Err(format!("must be {}, not {what}{hint}", rule.expects())))
    };
    match rule {
        Rule::Object | Rule::Array | Rule::TextOrArray | Rule::Json | Rule::NotNull => {
            let raw: &'de RawValue = map.next_value()?;
            let what = kind(raw);
            let fits = match rule {
                Rule::Object => what == "an object",
                Rule::Array => what == "an array",
                Rule::TextOrArray => matches!(what, "a string" | "an array"),
                Rule::NotNull => what != "null",
                _ => true,
            };
            if !fits {
                return complain(what);
            }
            let mut walker = serde_json::Deserializer::from_str(raw.get());
            match Walk(DEPTH_MAX).deserialize(&mut walker) {
                Ok(()) => Ok(Ok(Some(Kept::Json(raw)))),
                Err(error) => Ok(Err(plain(&error))),
            }
        }
        Rule::Refused(why) => {
            map.next_value_seed(Walk(DEPTH_MAX))?;
            Ok(Err(why.to_owned()))
        }
        Rule::Text
        | Rule::Key
        | Rule::OneOf(_)
        | Rule::Integer
        | Rule::Number
        | Rule::Bool
        | Rule::TextIfText => {
            let seen = map.next_value_seed(Scalar)?;
            let what = seen.kind();
            match (rule, seen) {
                (Rule::Key, Seen::Text(text)) if text.len() > KEY_MAX => {
                    Ok(Err(format!("is {} bytes long; at most {KEY_MAX} are allowed", text.len())))
                }
                (Rule::OneOf(names), Seen::Text(text)) if !names.contains(&&*text) => {
                    Ok(Err(format!("\"{}\" is not {}", quote(&text), rule.expects())))
                }
                (Rule::Text | Rule::Key | Rule::OneOf(_) | Rule::TextIfText, Seen::Text(text)) => {
                    Ok(Ok(Some(Kept::Text(text))))
                }
                (Rule::TextIfText, _) => Ok(Ok(None)),
                (Rule::Integer, Seen::Number(n)) if n.fract() == 0.0 && n.abs() <= INTEGER_MAX => {
                    Ok(Ok(None))
                }
                (Rule::Integer, Seen::Number(_)) => complain("another number"),
                (Rule::Number, Seen::Number(n)) => Ok(Ok(Some(Kept::Number(n)))),
                (Rule::Bool, Seen::Bool(flag)) => Ok(Ok(Some(Kept::Bool(flag)))),
                (_, _) => complain(what),
            }
        }
    }
}
