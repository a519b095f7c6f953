//! Query strings, read strictly: every parameter is known, stands once and fits.

use std::{borrow::Cow, fmt::Display, str::FromStr};

use crate::{
    error::{Code, Problem},
    nearest::{did_you_mean, quote},
};

/// The parameters of one request.
#[derive(Debug)]
pub(crate) struct Params<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Params<'a> {
    /// Reads `text`; `known` are the names this route takes.
    ///
    /// # Errors
    /// 400 that names the parameter.
    pub(crate) fn parse(text: &'a str, known: &[&str]) -> Result<Self, Problem> {
        Self::read(text, known, true)
    }

    /// As [`Params::parse`], for a protocol that others extend: what is not known is passed over.
    ///
    /// # Errors
    /// 400 that names the parameter.
    pub(crate) fn parse_some(text: &'a str, known: &[&str]) -> Result<Self, Problem> {
        Self::read(text, known, false)
    }

    fn read(text: &'a str, known: &[&str], strict: bool) -> Result<Self, Problem> {
        let mut params: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name =
                decode(name).ok_or_else(|| wrong("", "a name is not percent-encoded UTF-8"))?;
            let value =
                decode(value).ok_or_else(|| wrong(&name, "is not percent-encoded UTF-8"))?;
            if !known.contains(&&*name) {
                if !strict {
                    continue;
                }
                return Err(wrong(
                    &name,
                    &format!("is not a parameter here; {}", did_you_mean(&name, known)),
                ));
            }
            if params.iter().any(|(other, _)| *other == name) {
                return Err(wrong(&name, "stands twice"));
            }
            params.push((name, value));
        }
        Ok(Self(params))
    }

    /// The value as it is.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The value as a `T`; `None` when the parameter is absent.
    ///
    /// # Errors
    /// 400 with what the type says is allowed.
    pub(crate) fn get<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.text(name)
            .map(|text| text.parse().map_err(|error: T::Err| wrong(name, &error.to_string())))
            .transpose()
    }

    /// A whole number within bounds.
    ///
    /// # Errors
    /// 400 with the bounds.
    pub(crate) fn number(&self, name: &str, low: u64, high: u64) -> Result<Option<u64>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number =
            digits.then(|| text.parse().ok()).flatten().filter(|n| (low..=high).contains(n));
        number
            .map(Some)
            .ok_or_else(|| wrong(name, &format!("must be a whole number from {low} to {high}")))
    }

    /// `true` or `false`; absent is false.
    ///
    /// # Errors
    /// 400 for any other word.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true" | "") => Ok(true),
            Some(_) => Err(wrong(name, "must be true or false")),
        }
    }
}

/// What is wrong with the parameter `name`.
pub(crate) fn wrong(name: &str, message: &str) -> Problem {
    Problem::at(Code::InvalidQuery, format!("?{}", quote(name)), message)
}

/// A label as lists are filtered by it.
///
/// # Errors
/// What it should be.
pub(crate) fn label_of(text: &str) -> Result<(String, String), &'static str> {
    let pair = text.split_once(':').filter(|(key, _)| !key.is_empty());
    pair.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or("is a key and a value with a colon between them")
}

/// Percent-decoding of one name or value; `+` is a space, as forms send it.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Some(text.into());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_typed() {
        let params =
            Params::parse("after=7&name=a%20b+c&wait=30s", &["after", "name", "wait"]).unwrap();
        assert_eq!(params.number("after", 0, 9).unwrap(), Some(7));
        assert_eq!(params.text("name"), Some("a b c"));
        assert_eq!(
            params.get::<heartline_execution::Span>("wait").unwrap().unwrap().to_string(),
            "30s"
        );
        assert!(!params.flag("snapshot").unwrap());
    }

    #[test]
    fn every_slip_is_named() {
        for (text, says) in [
            ("aftr=1", "did you mean \"after\"?"),
            ("after=1&after=2", "stands twice"),
            ("after=%zz", "percent-encoded"),
            ("after=%ff", "percent-encoded"),
        ] {
            let said = Params::parse(text, &["after"]).unwrap_err().to_string();
            assert!(said.contains(says), "{text}: {said}");
        }
        for value in ["-1", "1.5", "", "99999999999999999999", "x"] {
            let text = format!("after={value}");
            let params = Params::parse(&text, &["after"]).unwrap();
            assert!(params.number("after", 0, 100).is_err(), "{value}");
        }
    }
}
