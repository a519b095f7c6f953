//! What a runner said last, for the post-mortem of its attempt.

use std::{borrow::Cow, sync::Arc};

use heartline_execution::{ExecutionId, Namespace, Timestamp};
use heartline_storage::PageLimits;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{blocking, core::Core};

/// Events at the end of the log that are looked at.
const EVENTS: u64 = 16;
/// Bytes of them; more is not read for a few lines.
const BYTES: usize = 1 << 20;
/// Lines that are told.
const LINES: usize = 5;
/// Characters of a line that are told.
const LINE_MAX: usize = 200;

#[derive(Deserialize)]
struct Seen<'a> {
    time: Timestamp,
    #[serde(rename = "type", borrow)]
    type_name: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Custom<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// The last event that its runner posted and the last lines among the events before it, in whole
/// sentences; `None` where there are none, or they cannot be read now.
pub(crate) async fn of(core: &Core, namespace: &Namespace, id: ExecutionId) -> Option<String> {
    let (store, of) = (Arc::clone(&core.store), namespace.clone());
    let page = blocking(move || {
        let head = store.head(&of, id)?.unwrap_or_default();
        let limits = PageLimits { events: EVENTS as usize, bytes: BYTES };
        store.events(&of, id, head.saturating_sub(EVENTS), head, false, limits)
    });
    // A post-mortem with a few facts less is better than none.
    let page = page.await.ok()?.ok()?;
    told(page.events.iter().map(|stored| &stored.record.json[..]))
}

fn told<'a>(events: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let seen: Vec<Seen<'_>> = events.filter_map(|json| serde_json::from_slice(json).ok()).collect();
    let posted = |seen: &&Seen<'_>| !seen.type_name.starts_with("execution.");
    let last = seen.iter().rev().find(posted)?;
    let mut told = format!("Its last event was {} at {}.", last.type_name, last.time);
    let lines: Vec<String> = seen.iter().filter_map(line).collect();
    if !lines.is_empty() {
        told += " Its last lines: ";
        told += &lines[lines.len().saturating_sub(LINES)..].join(", ");
        told.push('.');
    }
    Some(told)
}

/// What a log event says, quoted.
fn line(seen: &Seen<'_>) -> Option<String> {
    if seen.type_name != "CUSTOM" {
        return None;
    }
    let custom: Custom<'_> = serde_json::from_str(seen.data.get()).ok()?;
    if custom.name != "log" {
        return None;
    }
    let line: Line<'_> = serde_json::from_str(custom.value.get()).ok()?;
    let cut: String = line.message.chars().take(LINE_MAX).collect();
    serde_json::to_string(&cut).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_told_and_no_more_than_they_may_be() {
        let event = |type_name: &str, data: &str| {
            format!(
                r#"{{"seq":1,"time":"1970-01-01T00:00:07.000000Z","type":"{type_name}","data":{data}}}"#
            )
        };
        let log = |text: &str| {
            event("CUSTOM", &format!(r#"{{"name":"log","value":{{"message":"{text}"}}}}"#))
        };
        let long = "x".repeat(LINE_MAX + 1);
        let mut events = vec![event("execution.started", "{}")];
        events.extend((0..LINES + 1).map(|n| log(&format!("line {n}"))));
        events.push(log(&long));
        events.push(event("STEP_STARTED", "{}"));
        events.push(event("execution.runner_disconnected", "{}"));
        let said = told(events.iter().map(String::as_bytes)).unwrap();
        let lines: Vec<_> = (2..=LINES).map(|n| format!("\"line {n}\"")).collect();
        let expected = format!(
            "Its last event was STEP_STARTED at 1970-01-01T00:00:07.000000Z. Its last lines: {}, \"{}\".",
            lines.join(", "),
            &long[..LINE_MAX]
        );
        assert_eq!(said, expected);
        assert_eq!(told([events[0].as_bytes()].into_iter()), None);
    }
}
