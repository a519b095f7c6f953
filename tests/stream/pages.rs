//! Readers over plain HTTP: event streams, and pages that wait.

use std::io;

use serde_json::Value;

use super::{
    http::Http,
    log::Read,
    reader::{Visit, unavailable},
    seen::Seen,
    sse::{Message, Messages},
};

impl Visit {
    /// Reads an event stream.
    pub(crate) async fn stream(&mut self, seen: &mut Seen) -> io::Result<()> {
        let mut http = Http::connect(self).await?;
        let begin = match seen.start {
            Some(start) => format!("after={start}"),
            None => "snapshot=true".to_owned(),
        };
        let view = seen.view.name();
        let path = format!("/v1/executions/{}/events?view={view}&{begin}", seen.execution);
        let mut headers = "Accept: text/event-stream\r\n".to_owned();
        // As a browser has it, which asks for the same URL again: the header wins.
        let last = seen.after().filter(|last| seen.start != Some(*last));
        if let Some(last) = last {
            headers += &format!("Last-Event-ID: {last}\r\n");
        }
        match (http.get(&path, &headers).await?, last) {
            (200, _) => {}
            (204, Some(last)) => {
                seen.see_end(last);
                return Ok(());
            }
            (503, _) => return Err(unavailable()),
            (other, _) => panic!("{path} after {last:?}: {other}"),
        }
        let mut messages = Messages::default();
        while let Some(bytes) = http.chunk().await? {
            for message in messages.add(&bytes) {
                take(seen, &message);
                if self.leaves() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Reads pages, one after the other on one connection.
    pub(crate) async fn pages(&mut self, seen: &mut Seen) -> io::Result<()> {
        let mut http = Http::connect(self).await?;
        while !seen.has_ended() {
            let after = seen.after().expect("pages have no snapshot");
            let limit = *self.chance.pick(&[1, 2, 10, 100, 1000]);
            let wait = self.chance.pick(&["", "&wait=1ms", "&wait=2s", "&wait=2s"]);
            let (execution, view) = (&seen.execution, seen.view.name());
            let query = format!("after={after}&limit={limit}&view={view}{wait}");
            let status =
                http.get(&format!("/v1/executions/{execution}/events?{query}"), "").await?;
            let text = http.text().await?;
            match status {
                200 => {}
                503 => return Err(unavailable()),
                other => panic!("{query}: {other} {text}"),
            }
            let page = Read::parse(&seen.execution, &text);
            assert!(page.events.len() <= limit, "{query}: {text}");
            page.events.iter().for_each(|event| seen.see(&event.json));
            if page.events.is_empty() && page.terminal {
                seen.see_end(page.head);
            }
            if self.leaves() {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn take(seen: &mut Seen, message: &Message) {
    let fields = || -> Value { serde_json::from_str(&message.data).expect("data is JSON") };
    match &*message.name {
        "" => {
            seen.see(&message.data);
            assert_eq!(message.id, seen.after(), "its id is its seq");
        }
        "snapshot" => {
            let state = fields();
            assert_eq!(state["seq"].as_u64(), message.id, "the state is that of its seq: {state}");
            seen.see_snapshot(message.id.expect("a snapshot has a seq"));
        }
        "end" => {
            let end = fields();
            assert_eq!(end["seq"].as_u64(), message.id, "{end}");
            seen.see_end(message.id.expect("an end has a seq"));
        }
        other => panic!("nothing was lost, so what is '{other}' for? {}", message.data),
    }
}
