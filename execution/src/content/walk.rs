//! Reads JSON values and keeps little of them: a scalar, or only the knowledge that every reader
//! can take the value.

use std::{borrow::Cow, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// How deep a posted value may nest. Parsers give up at 128, and an event is itself served
/// inside other objects.
pub(super) const DEPTH_MAX: usize = 64;

/// What stood where a scalar was expected.
pub(super) enum Seen<'a> {
    Text(Cow<'a, str>),
    /// Beyond 2^53 the nearest double, which is all that the rules look at.
    Number(f64),
    Bool(bool),
    Null,
    Array,
    Object,
}

impl Seen<'_> {
    /// In words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Seen::Text(_) => "a string",
            Seen::Number(_) => "a number",
            Seen::Bool(_) => "a boolean",
            Seen::Null => "null",
            Seen::Array => "an array",
            Seen::Object => "an object",
        }
    }
}

/// Reads anything; keeps scalars, borrowing text where it has no escapes.
pub(super) struct Scalar;

impl<'de> DeserializeSeed<'de> for Scalar {
    type Value = Seen<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seen<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar {
    type Value = Seen<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Seen<'de>, E> {
        Ok(Seen::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Seen<'de>, E> {
        Ok(Seen::Text(text.to_owned().into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Seen<'de>, E> {
        Ok(Seen::Number(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Seen<'de>, E> {
        Ok(Seen::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Seen<'de>, E> {
        Ok(Seen::Number(number))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Seen<'de>, E> {
        Ok(Seen::Bool(flag))
    }

    fn visit_unit<E>(self) -> Result<Seen<'de>, E> {
        Ok(Seen::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Seen<'de>, A::Error> {
        Walk(DEPTH_MAX).visit_seq(seq).map(|()| Seen::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Seen<'de>, A::Error> {
        Walk(DEPTH_MAX).visit_map(map).map(|()| Seen::Object)
    }
}

/// Reads anything and keeps nothing: half surrogate pairs, numbers beyond a double, and nesting
/// beyond its number of levels are errors.
pub(super) struct Walk(pub(super) usize);

impl Walk {
    fn deeper<E: de::Error>(&self) -> Result<Walk, E> {
        match self.0.checked_sub(1) {
            Some(left) => Ok(Walk(left)),
            None => Err(E::custom(format_args!("nests deeper than {DEPTH_MAX} levels"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self.deeper()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(Scalar)?.is_some() {
            map.next_value_seed(self.deeper()?)?;
        }
        Ok(())
    }
}
