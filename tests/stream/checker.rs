//! What readers saw against the log of their view, as pages have it once everything is over.

use std::collections::HashMap;

use super::{
    api::Api,
    log::{Event, Read, page},
    seen::{Seen, View},
};

/// The logs of executions that are over, in each view that was asked for.
pub(crate) struct Checker {
    api: Api,
    logs: HashMap<(String, View), Log>,
}

/// A log in one view.
struct Log {
    events: Vec<Event>,
    head: u64,
}

impl Log {
    async fn read(api: &Api, execution: &str, view: View) -> Self {
        let mut log = Self { events: Vec::new(), head: 0 };
        let query = format!("&view={}", view.name());
        loop {
            let after = log.events.last().map_or(0, |event| event.seq);
            let answer = api.ask(&page(execution, after, &query)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let page = Read::parse(execution, &answer.text);
            assert!(page.terminal, "{execution} is not over");
            if page.events.is_empty() {
                log.head = page.head;
                return log;
            }
            log.events.extend(page.events);
        }
    }
}

impl Checker {
    pub(crate) fn new(api: Api) -> Self {
        Self { api, logs: HashMap::new() }
    }

    /// Whether a reader saw exactly the log from where it began.
    pub(crate) async fn check(&mut self, seen: &Seen) -> Result<(), String> {
        let key = (seen.execution.clone(), seen.view);
        if !self.logs.contains_key(&key) {
            let log = Log::read(&self.api, &seen.execution, seen.view).await;
            self.logs.insert(key.clone(), log);
        }
        seen.check_chain()?;
        compare(seen, &self.logs[&key])
    }
}

/// Byte by byte.
fn compare(seen: &Seen, log: &Log) -> Result<(), String> {
    if seen.end != Some(log.head) {
        return Err(format!("the end is {}, and it was told {:?}", log.head, seen.end));
    }
    let start = seen.start.ok_or("it never began")?;
    let mut is = log.events.iter().filter(|event| event.seq > start);
    for saw in &seen.events {
        match is.next() {
            Some(event) if event.json == saw.json => {}
            other => {
                let other = other.map(|event| &event.json);
                return Err(format!("it saw {} where the log has {other:?}", saw.json));
            }
        }
    }
    is.next().map_or(Ok(()), |missed| Err(format!("it missed {}", missed.json)))
}

/// Ways to spoil what was seen, each at a place; none where there is nothing to spoil.
pub(crate) fn spoiled(seen: &Seen, at: usize) -> Vec<(&'static str, Seen)> {
    let mut all = Vec::new();
    let mut spoil = |how, change: &dyn Fn(&mut Vec<Event>)| {
        let mut other = seen.clone();
        change(&mut other.events);
        all.push((how, other));
    };
    if at < seen.events.len() {
        spoil("dropped", &|events| drop(events.remove(at)));
        spoil("repeated", &|events| events.insert(at, events[at].clone()));
        spoil("altered", &|events| events[at].json.push(' '));
    }
    if at + 1 < seen.events.len() {
        spoil("swapped", &|events| events.swap(at, at + 1));
    }
    all
}

mod finds {
    use super::*;

    const ID: &str = "aex_1";

    fn event(seq: u64, prev: u64) -> Event {
        let time = r#""time":"2026-01-02T03:04:05.000006Z""#;
        let head = format!(r#""seq":{seq},"prev":{prev},"execution_id":"{ID}","attempt":1,{time}"#);
        Event::read(ID, &format!(r#"{{{head},"type":"CUSTOM","data":{{"n":{seq}}}}}"#))
    }

    /// A log whose view shows these seqs, and what a reader saw of it that began after `start`.
    fn case(view: View, seqs: &[u64], start: u64) -> (Seen, Log) {
        let prevs = std::iter::once(&0).chain(seqs);
        let events: Vec<_> = seqs.iter().zip(prevs).map(|(s, prev)| event(*s, *prev)).collect();
        let mut seen = Seen::new(ID.to_owned(), view, Some(start));
        seen.events.extend(events.iter().filter(|event| event.seq > start).cloned());
        seen.end = Some(10);
        (seen, Log { events, head: 10 })
    }

    fn cases() -> Vec<(Seen, Log)> {
        let all: Vec<u64> = (1..=10).collect();
        vec![
            case(View::Full, &all, 0),
            case(View::Full, &all, 4),
            case(View::Status, &[1, 2, 5, 6, 10], 0),
            case(View::Status, &[1, 2, 5, 6, 10], 4),
            case(View::AgUi, &[2, 3, 4, 7, 8, 9], 0),
        ]
    }

    #[test]
    fn what_is_right_passes() {
        for (seen, log) in cases() {
            assert_eq!(seen.check_chain().and_then(|()| compare(&seen, &log)), Ok(()), "{seen:?}");
        }
    }

    #[test]
    fn what_is_dropped_repeated_altered_or_swapped() {
        for (seen, log) in cases() {
            for at in 0..seen.events.len() {
                for (how, spoiled) in spoiled(&seen, at) {
                    assert!(compare(&spoiled, &log).is_err(), "{how} at {at} passed: {seen:?}");
                    // A reader by itself cannot know what comes last, nor that a byte is wrong,
                    // nor, in a view, what comes first.
                    let is_last = at + 1 == seen.events.len();
                    let is_first = at == 0 && seen.view != View::Full;
                    let hidden = how == "altered" || (how == "dropped" && (is_last || is_first));
                    if !hidden {
                        let wrong = spoiled.check_chain();
                        assert!(wrong.is_err(), "{how} at {at} is a chain: {seen:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_wrong_end_or_none_and_a_start_that_never_was() {
        for (seen, log) in cases() {
            for end in [None, Some(9), Some(11)] {
                assert!(compare(&Seen { end, ..seen.clone() }, &log).is_err(), "{end:?} passed");
            }
            let never = Seen { start: None, ..seen };
            assert!(never.check_chain().and_then(|()| compare(&never, &log)).is_err());
        }
    }

    #[test]
    #[should_panic(expected = "does not follow")]
    fn a_reader_stops_at_the_first_gap() {
        let (mut seen, log) = case(View::Full, &[1, 2, 3], 3);
        seen.end = None;
        seen.start = Some(0);
        seen.see(&log.events[0].json);
        seen.see(&log.events[2].json);
    }
}
