//! Readers over WebSockets: one execution by URL, or many by operation, some of them given up and
//! begun again on the way.

use std::io;

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    reader::{Visit, one_more},
    seen::Seen,
    websocket::{Came, Socket},
};

#[derive(Debug, Deserialize)]
struct Frame<'a> {
    op: &'a str,
    id: Option<usize>,
    execution: Option<&'a str>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    seq: Option<u64>,
    at: Option<u64>,
    head: Option<u64>,
    oldest: Option<u64>,
}

#[derive(Deserialize)]
struct Named<'a> {
    execution_id: &'a str,
}

/// Where one subscription of a socket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// Asked for, not answered.
    Asked,
    Open,
    /// Given up, not answered; frames may still come.
    Leaving,
    Over,
}

/// The subscriptions of one socket, each with its place in what was seen as its id.
struct Socketful<'a> {
    follows: &'a mut [Seen],
    stands: Vec<Stands>,
    only: bool,
}

impl Visit {
    /// Follows executions over one socket; `only` one of them by its URL.
    pub(crate) async fn socket(&mut self, follows: &mut [Seen], only: bool) -> io::Result<()> {
        let query = if only { format!("?{}", by_url(&follows[0])) } else { String::new() };
        let mut socket = Socket::open(self, &query).await?;
        let first = if only { Stands::Asked } else { Stands::Over };
        let stands = vec![first; follows.len()];
        let mut all = Socketful { follows, stands, only };
        let Came::Text(hello) = socket.next().await? else { panic!("closed before its hello") };
        assert!(hello.starts_with(r#"{"op":"hello","#), "{hello}");
        if !only {
            for id in 0..all.follows.len() {
                all.subscribe(id, &mut socket, self).await?;
            }
        }
        while all.stands.iter().any(|stands| *stands != Stands::Over) {
            match socket.next().await? {
                Came::Text(text) => all.take(&text, &mut socket, self).await?,
                Came::Closed(code) => panic!("closed with {code} before the end"),
            }
            if self.leaves() {
                socket.leave().await;
                return Ok(());
            }
        }
        if only {
            return match socket.next().await? {
                Came::Closed(1000) => Ok(()),
                Came::Closed(other) => panic!("closed with {other} after the end"),
                Came::Text(text) => panic!("after the end: {text}"),
            };
        }
        socket.leave().await;
        Ok(())
    }
}

impl Socketful<'_> {
    async fn subscribe(&mut self, id: usize, socket: &mut Socket, visit: &Visit) -> io::Result<()> {
        let seen = &self.follows[id];
        if seen.has_ended() {
            return Ok(());
        }
        let mut frame = json!({"op": "subscribe", "id": id, "execution": seen.execution});
        frame["view"] = json!(seen.view.name());
        match seen.after() {
            Some(after) => frame["after"] = json!(after),
            None => frame["snapshot"] = json!(true),
        }
        self.stands[id] = Stands::Asked;
        socket.say(visit, &frame.to_string()).await
    }

    async fn take(&mut self, text: &str, socket: &mut Socket, visit: &mut Visit) -> io::Result<()> {
        let frame: Frame<'_> = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        match frame.op {
            "event" => {
                let event = frame.event.expect("an event").get();
                let named: Named<'_> = serde_json::from_str(event).expect("an event has its names");
                let id = self.of(named.execution_id, &[Stands::Open, Stands::Leaving]);
                self.follows[id].see(event);
                if !self.only && self.stands[id] == Stands::Open && visit.chance.one_in(500) {
                    self.stands[id] = Stands::Leaving;
                    let frame = json!({"op": "unsubscribe", "id": id});
                    socket.say(visit, &frame.to_string()).await?;
                }
            }
            "subscribed" => {
                let id = self.of(frame.execution.expect("an execution"), &[Stands::Asked]);
                assert_eq!(frame.id, (!self.only).then_some(id), "{text}");
                let after = self.follows[id].after().unwrap_or(0);
                assert!(frame.head >= Some(after) && frame.oldest == Some(1), "{text}");
                self.stands[id] = Stands::Open;
            }
            "snapshot" => {
                let id = self.of(frame.execution.expect("an execution"), &[Stands::Open]);
                let seq = frame.seq.expect("a snapshot has a seq");
                let state: Value =
                    serde_json::from_str(frame.state.expect("a state").get()).expect("JSON");
                assert_eq!(state["seq"], seq, "the state is that of its seq: {state}");
                self.follows[id].see_snapshot(seq);
            }
            "end" => {
                let execution = frame.execution.expect("an execution");
                let id = self.of(execution, &[Stands::Open, Stands::Leaving]);
                self.follows[id].see_end(frame.seq.expect("an end has a seq"));
                // What was given up is answered all the same.
                if self.stands[id] == Stands::Open {
                    self.stands[id] = Stands::Over;
                }
            }
            "unsubscribed" => {
                let id = frame.id.expect("the id of what was given up");
                assert_eq!(self.stands[id], Stands::Leaving, "{text}");
                one_more(&visit.counts.unsubscribed);
                self.stands[id] = Stands::Over;
                self.subscribe(id, socket, visit).await?;
            }
            "lag" => {
                assert!(frame.at <= frame.head, "{text}");
                one_more(&visit.counts.lagged);
            }
            "live" | "reconnect" => {}
            "ping" => socket.say(visit, r#"{"op":"pong"}"#).await?,
            _ => panic!("nothing was lost or wrong, so what is this for? {text}"),
        }
        Ok(())
    }

    /// The subscription to this execution, which stands in one of these ways.
    fn of(&self, execution: &str, ways: &[Stands]) -> usize {
        let id = self.follows.iter().position(|seen| seen.execution == execution);
        let id = id.unwrap_or_else(|| panic!("nobody asked for {execution}"));
        assert!(ways.contains(&self.stands[id]), "{execution} stands at {:?}", self.stands[id]);
        id
    }
}

fn by_url(seen: &Seen) -> String {
    let begin = match seen.after() {
        Some(after) => format!("after={after}"),
        None => "snapshot=true".to_owned(),
    };
    format!("execution={}&view={}&{begin}", seen.execution, seen.view.name())
}
