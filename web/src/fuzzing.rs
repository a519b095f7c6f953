//! What the bytes of strangers reach first, as functions of those bytes: for the fuzzers in
//! `fuzz/` and, as properties, for this crate's own tests. Each panics where a promise is broken.
//!
//! Compiled for these two only.

use std::sync::LazyLock;

use heartline_actors::Query;
use heartline_config::Config;
use heartline_execution::{Namespace, Span};
use serde_json::Value;

use crate::{error::Problem, query::Params, view::View, ws};

const SEQ_MAX: u64 = (1 << 53) - 1;
const LIMIT_MAX: u64 = 1000;

/// A message of a watcher or of a runner: it is understood, or told what is wrong with it.
pub fn message(bytes: &[u8]) {
    static CONFIG: LazyLock<Config> = LazyLock::new(Config::default);
    answered(ws::answer_at_once(bytes, &CONFIG, false));
    answered(ws::answer_at_once(bytes, &CONFIG, true));
}

fn answered(answer: Option<String>) {
    let Some(answer) = answer else { return };
    let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
    match answer["op"].as_str() {
        Some("pong") => {}
        Some("error") => assert_told(&answer["problem"]),
        _ => panic!("no answer: {answer}"),
    }
}

/// A query string, of lists and of events: as above, and the parameter is named.
pub fn query(bytes: &[u8]) {
    // A URL is text before anybody looks at its query.
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(problem) = read(text) {
        let problem = serde_json::from_slice(&problem.json("r")).expect("a problem is JSON");
        assert_told(&problem);
        let pointer = problem["errors"][0]["pointer"].as_str();
        assert!(pointer.is_some_and(|pointer| pointer.starts_with('?')), "{text:?}: {problem}");
    }
}

fn read(text: &str) -> Result<(), Problem> {
    let known = [
        "after", "limit", "view", "wait", "snapshot", "phase", "reason", "name", "queue", "runner",
        "since", "until", "cursor",
    ];
    let params = Params::parse(text, &known)?;
    params.number("after", 0, SEQ_MAX)?;
    params.get::<View>("view")?;
    params.get::<Span>("wait")?;
    params.flag("snapshot")?;
    let query = Query {
        phase: params.get("phase")?,
        reason: params.get("reason")?,
        name: params.text("name").map(str::to_owned),
        queue: params.get("queue")?,
        runner: params.get("runner")?,
        since: params.get("since")?,
        until: params.get("until")?,
        cursor: params.get("cursor")?,
        ..Query::all(
            Namespace::default_namespace(),
            params.number("limit", 1, LIMIT_MAX)?.unwrap_or(1) as usize,
        )
    };
    let spelt = query.cursor.map(|cursor| cursor.to_string());
    assert_eq!(spelt.as_deref(), params.text("cursor"), "a cursor has one spelling");
    Ok(())
}

/// Whoever is told this knows what is wrong.
fn assert_told(problem: &Value) {
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    assert!(text(&problem["code"]) && text(&problem["detail"]), "{problem}");
    assert!(matches!(problem["status"].as_u64(), Some(400..=499)), "{problem}");
    for error in problem["errors"].as_array().into_iter().flatten() {
        assert!(error["pointer"].is_string() && text(&error["message"]), "{problem}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    const MESSAGES: [&str; 6] = [
        r#"{"op":"subscribe","id":1,"execution":"aex_0123456789abcdef0123456789abcdef","after":7,"view":"agui","snapshot":true}"#,
        r#"{"op":"subscribe","id":"a","filter":{"queue":"agents","phase":"in_progress"},"view":"status"}"#,
        r#"{"op":"unsubscribe","id":1}"#,
        r#"{"op":"ping","t":"\u00e4"}"#,
        r#"{"op":"pong"}"#,
        r#"[[[[{"op":[{}]}]]]]"#,
    ];
    const QUERIES: [&str; 5] = [
        "after=7&limit=10&view=agui&wait=30s&snapshot=true",
        "phase=failed&queue=agents&runner=r-1&name=a%20b+c",
        "since=2026-01-02T03:04:05.000006Z&until=2026-01-02T03:04:05%2B01:00",
        "cursor=180000000000000000000000000000000000000000000000001",
        "view=full&view=full",
    ];

    /// Good input with some bytes of it replaced by others.
    fn spoiled(good: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
        let bytes = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..4),
            select(&[
                r#"""#,
                "{",
                "]",
                "\\u",
                "\\ud800",
                "%",
                "&",
                "=",
                "-1",
                "1e999",
                "null",
                "9999999999999999999"
            ])
            .prop_map(|text| text.as_bytes().to_vec()),
        ];
        let change = (any::<prop::sample::Index>(), 0..4_usize, bytes);
        (select(good), proptest::collection::vec(change, 0..4)).prop_map(|(text, changes)| {
            let mut bytes = text.as_bytes().to_vec();
            for (at, count, other) in changes {
                let at = at.index(bytes.len() + 1);
                let end = (at + count).min(bytes.len());
                bytes.splice(at..end, other);
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

        #[test]
        fn any_bytes_are_a_message_or_told_why_not(bytes: Vec<u8>) {
            message(&bytes);
        }

        #[test]
        fn a_message_with_a_slip_is_understood_or_told(bytes in spoiled(&MESSAGES)) {
            message(&bytes);
        }

        #[test]
        fn any_text_is_a_query_or_told_why_not(text: String) {
            query(text.as_bytes());
        }

        #[test]
        fn a_query_with_a_slip_is_understood_or_told(bytes in spoiled(&QUERIES)) {
            query(&bytes);
        }
    }

    #[test]
    fn good_input_is_good() {
        for text in QUERIES.into_iter().filter(|text| !text.contains("view=full")) {
            assert_eq!(read(text).map_err(|problem| problem.to_string()), Ok(()), "{text}");
        }
        assert!(ws::answer_at_once(MESSAGES[0].as_bytes(), &Config::default(), false).is_none());
    }

    #[test]
    fn half_a_character_is_not_sent_back() {
        for text in [r#"{"op":"ping","t":"\ud800"}"#, r#"{"op":"pnig","id":"\ud800"}"#] {
            let answer =
                ws::answer_at_once(text.as_bytes(), &Config::default(), false).expect("it is told");
            assert!(answer.contains("error") && !answer.contains("ud800"), "{answer}");
            message(text.as_bytes());
        }
    }

    #[test]
    fn nesting_without_an_end_is_told() {
        for text in ["[".repeat(1 << 20), r#"{"op":"ping","t":"#.repeat(1 << 16)] {
            message(text.as_bytes());
        }
    }
}
