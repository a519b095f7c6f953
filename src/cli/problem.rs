//! What the server says when it says no, for a person: what, where, and what to do about it.

use std::{fmt, time::Duration};

use serde::Deserialize;

/// RFC 9457, as the server speaks it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    #[serde(skip)]
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) title: String,
    pub(crate) detail: String,
    pub(crate) request_id: String,
    pub(crate) errors: Vec<Broken>,
    #[serde(skip)]
    pub(crate) retry_after: Option<Duration>,
}

/// One broken rule of the request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Broken {
    pub(crate) pointer: String,
    pub(crate) message: String,
}

impl Problem {
    /// What the server said, in one line.
    pub(crate) fn brief(&self) -> String {
        if self.detail.is_empty() { self.title.clone() } else { self.detail.clone() }
    }

    /// What to do about it.
    fn advice(&self) -> Option<String> {
        Some(match self.status {
            401 => "give a token: --token, or HEARTLINE_TOKEN in the environment".to_owned(),
            403 => "this token may not do that; use one with the scope it needs".to_owned(),
            404 => "heartline ls shows what there is".to_owned(),
            429 | 503 => match self.retry_after {
                Some(after) => format!("try again in {} s", after.as_secs()),
                None => "try again in a moment".to_owned(),
            },
            500.. => "heartline doctor checks the server; its log has the request id".to_owned(),
            _ => return None,
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.brief())?;
        for broken in &self.errors {
            let pointer = if broken.pointer.is_empty() { "/" } else { &broken.pointer };
            write!(f, "\n  {pointer}: {}", broken.message)?;
        }
        if let Some(advice) = self.advice() {
            write!(f, "\n  {advice}")?;
        }
        write!(f, "\n  ({} {}", self.status, self.code)?;
        if !self.request_id.is_empty() {
            write!(f, ", request {}", self.request_id)?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_each_broken_rule_and_what_to_do() {
        let problem: Problem = serde_json::from_str(
            r#"{"type":"t","code":"invalid","title":"Invalid","detail":"two rules are broken",
                "request_id":"r1","errors":[{"pointer":"/name","message":"is empty"}]}"#,
        )
        .unwrap();
        let told = Problem { status: 422, ..problem }.to_string();
        assert_eq!(told, "two rules are broken\n  /name: is empty\n  (422 invalid, request r1)");
    }
}
