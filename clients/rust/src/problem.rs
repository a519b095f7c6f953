//! What the server says when it says no: RFC 9457.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer};

/// A refusal (RFC 9457), as the server speaks it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// The HTTP status; also over a WebSocket.
    pub status: u16,
    /// Stable, for programs: `lease_superseded`, `not_found`, `invalid`.
    pub code: String,
    /// What kind of problem it is, in a few words.
    pub title: String,
    /// What is wrong here, in a sentence.
    pub detail: String,
    /// Names the request in the server's log.
    pub request_id: String,
    /// Each broken rule, where the request was bad input.
    pub errors: Vec<Broken>,
    /// After how long to try again, if the server said so.
    #[serde(deserialize_with = "seconds")]
    pub retry_after: Option<Duration>,
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::<u64>::deserialize(from)?.map(Duration::from_secs))
}

/// One broken rule of the request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Broken {
    /// RFC 6901, from the root of the body: `/timeouts/heartbeat`.
    pub pointer: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl Problem {
    /// What the server said, in one line.
    pub fn brief(&self) -> &str {
        if self.detail.is_empty() { &self.title } else { &self.detail }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.brief())?;
        for Broken { pointer, message } in &self.errors {
            write!(f, "; {}: {message}", if pointer.is_empty() { "/" } else { pointer })?;
        }
        write!(f, " ({} {})", self.status, self.code)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_each_broken_rule() {
        let problem: Problem = serde_json::from_str(
            r#"{"type":"t","status":422,"code":"invalid","title":"Invalid","detail":"a rule is broken",
                "request_id":"r1","errors":[{"pointer":"/name","message":"is empty"}]}"#,
        )
        .unwrap();
        assert_eq!(problem.to_string(), "a rule is broken; /name: is empty (422 invalid)");
        assert_eq!(problem.retry_after, None);
        let later: Problem = serde_json::from_str(r#"{"retry_after":5}"#).unwrap();
        assert_eq!(later.retry_after, Some(Duration::from_secs(5)));
    }
}
