//! `/asyncapi.json`: what goes over the WebSockets of watchers and of runners, as AsyncAPI 3.0. The frames are
//! described by types; tests read what the server really writes back by them.

#![allow(dead_code, reason = "the types are descriptions")]

use std::collections::BTreeMap;

use bytes::Bytes;
use heartline_config::Config;
use heartline_execution::Span;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};

use crate::schema::{
    Checkpoint, Event, Execution, ExecutionWithState, Problem, Progress, RunnerInfo, ViewName,
    described,
};

described! {
    /// What the server lets a connection do.
    Limits {
        /// Bytes of one message, all its fragments together.
        message_bytes: u64,
        /// Open at once.
        subscriptions: u64,
    }

    /// Which executions a list is of: all that is named must match, as in `GET /v1/executions`.
    Filter {
        phase: Option<String>,
        kind: Option<String>,
        name: Option<String>,
        queue: Option<String>,
        runner: Option<String>,
        /// `key:value`.
        label: Option<String>,
        reason: Option<String>,
        /// An execution's id: its children.
        parent: Option<String>,
        /// An execution's id: those that try it again.
        retry_of: Option<String>,
        id_prefix: Option<String>,
        since: Option<String>,
        until: Option<String>,
    }

    /// Watch one execution: its events after `after`, or its state and then what follows.
    Subscribe {
        id: Value,
        execution: String,
        after: Option<u64>,
        view: Option<ViewName>,
        snapshot: Option<bool>,
    }

    /// Watch a list: its rows, and then what enters, changes and leaves.
    SubscribeList {
        id: Value,
        filter: Filter,
        /// Rows at its beginning, newest first.
        limit: Option<u64>,
        /// `status` shows the lifecycle events beside the rows.
        view: Option<ViewName>,
    }

    /// Watch a resource: the body that `GET` gives, now and whenever it has changed. At most 16 at
    /// once on a connection.
    SubscribeResource {
        id: Value,
        /// `/v1/queues`, `/v1/queues/NAME`, `/v1/runners`, `/v1/runners/ID`, `/v1/supervisor`,
        /// `/v1/executions/ID/explain`, or `/v1/executions/counts` with the filter of a list as its
        /// query.
        resource: String,
    }

    /// End a subscription.
    Unsubscribe {
        id: Value,
    }

    /// A ping that scripts can see, either way; `t` comes back.
    Ping {
        t: Option<Value>,
    }

    /// The answer to a ping.
    Pong {
        t: Option<Value>,
    }

    /// The first frame.
    Hello {
        connection: String,
        /// Between two pings of the server.
        heartbeat: String,
        limits: Limits,
    }

    /// A subscription to an execution has begun.
    Subscribed {
        /// Absent for the one that the URL asks for.
        id: Option<Value>,
        execution: String,
        /// Where the log ends now.
        head: u64,
        /// The first event there is.
        oldest: u64,
    }

    /// A subscription to a list has begun.
    SubscribedList {
        id: Value,
        limit: u64,
    }

    /// A subscription to a resource has begun.
    SubscribedResource {
        id: Value,
        resource: String,
    }

    /// The body of a resource as it is now; at most one a second.
    ResourceFrame {
        id: Value,
        body: Value,
    }

    /// A subscription was ended by the client.
    Unsubscribed {
        id: Value,
    }

    /// The state at `seq`; the event after it comes next.
    Snapshot {
        execution: String,
        seq: u64,
        state: ExecutionWithState,
    }

    /// One event.
    EventFrame {
        event: Event,
    }

    /// The reader fell behind what memory keeps; what follows is read from disk.
    Lag {
        execution: String,
        at: u64,
        head: u64,
    }

    /// The reader has all there is again.
    Live {
        execution: String,
        seq: u64,
    }

    /// What the reader wants is not there: it begins anew at `oldest`.
    Reset {
        execution: String,
        /// `ahead_of_log` or `purged`.
        reason: String,
        oldest: u64,
    }

    /// The terminal event was shown; the subscription is over.
    End {
        execution: String,
        seq: u64,
        phase: String,
    }

    /// An execution that is in the list now, as it stands. `seq` never goes back.
    Enter {
        id: Value,
        execution: String,
        seq: u64,
        state: Execution,
    }

    /// An execution of the list has changed.
    Change {
        id: Value,
        execution: String,
        seq: u64,
        state: Execution,
    }

    /// An execution is not in the list any more.
    Leave {
        id: Value,
        execution: String,
        seq: u64,
        /// Where it is now; null when it was purged.
        phase: Option<String>,
    }

    /// The rows that stood at the beginning have been shown.
    Listed {
        id: Value,
        /// Where `GET /v1/executions` goes on with older ones.
        next_cursor: Option<String>,
    }

    /// The list fell behind and is sent anew: what was shown of it counts no more.
    ResetList {
        id: Value,
        reason: String,
    }

    /// An operation was wrong, or a subscription could not go on.
    Error {
        id: Option<Value>,
        problem: Problem,
    }

    /// The server stops; a close with 1001 follows.
    Reconnect {
        /// When to come back.
        after: String,
    }

    /// An execution and the lease under which it is held.
    Held {
        execution: String,
        lease: String,
    }

    /// The first of a runner: who it is, what it serves, how much it takes at once.
    Register {
        id: Option<Value>,
        runner: RunnerInfo,
        /// 1 to 64, each once; they share the slots.
        queues: Vec<String>,
        slots: u64,
        /// Of its last `registered`, when it returns.
        session: Option<String>,
        /// What it is still at work on, when it returns. What else its session held goes back to its
        /// queue; left out, it keeps all of that.
        leases: Option<Vec<Held>>,
    }

    /// Append what the runner produced.
    Events {
        id: Value,
        execution: String,
        lease: String,
        /// Increases within a lease, gaps allowed; one at or below the last is a repeat.
        batch: Option<u64>,
        events: Vec<PostedEvent>,
    }

    /// An event as posted.
    PostedEvent {
        /// An AG-UI 1.0 event type.
        r#type: String,
        data: Value,
    }

    /// Signs of life of many leases, and of the runner: at least every `heartbeat` of `registered`.
    Heartbeat {
        /// Answered at once: signs of life are not written down.
        id: Option<Value>,
        executions: Vec<Beat>,
    }

    /// One of them.
    Beat {
        execution: String,
        lease: String,
        progress: Option<Progress>,
    }

    /// The runner finished.
    Complete {
        id: Value,
        execution: String,
        lease: String,
        output: Option<Value>,
    }

    /// The runner failed.
    Fail {
        id: Value,
        execution: String,
        lease: String,
        error: RunnerFailure,
    }

    /// What went wrong.
    RunnerFailure {
        code: Option<String>,
        message: String,
        detail: Option<String>,
        hint: Option<String>,
        retryable: Option<bool>,
    }

    /// The runner asks a person.
    Wait {
        id: Value,
        execution: String,
        lease: String,
        batch: Option<u64>,
        prompt: Option<String>,
        schema: Option<Value>,
        timeout: Option<String>,
        /// Whether the lease is kept meanwhile. Default true.
        hold: Option<bool>,
    }

    /// The runner has stopped on request.
    Cancelled {
        id: Value,
        execution: String,
        lease: String,
    }

    /// The runner knows that it is to stop, and is stopping.
    CancelAcknowledged {
        id: Option<Value>,
        execution: String,
        lease: String,
    }

    /// Take nothing more; the socket closes with 1000 when nothing is held.
    Drain {
        id: Option<Value>,
    }

    /// The runner is connected.
    Registered {
        /// A secret, for its return.
        session: String,
        /// How often it gives a sign of life.
        heartbeat: String,
        /// What it keeps. What else it is at work on is lost.
        leases: Vec<Held>,
    }

    /// Work.
    Lease {
        execution: ExecutionWithState,
        attempt: u64,
        lease: String,
        /// How often a sign of life of this lease must come.
        heartbeat: String,
        /// What the attempts before left; null when they left nothing.
        checkpoint: Option<Checkpoint>,
        /// W3C trace context that came with the creation, to go on with; null when none did.
        traceparent: Option<String>,
    }

    /// The operation of this id is done; where it wrote, its end is durable at `seq`.
    Ack {
        id: Value,
        seq: Option<u64>,
    }

    /// A person wants it to stop.
    CancelFrame {
        execution: String,
        lease: String,
        reason: Option<String>,
        /// When it is forced.
        deadline: String,
    }

    /// Stop: the lease is not the runner's any more.
    Revoked {
        execution: String,
        lease: String,
        reason: String,
    }

    /// The question was answered. May come twice, with the same `seq`, when the runner was away.
    Resumed {
        execution: String,
        lease: String,
        seq: u64,
        input: Value,
    }
}

/// Who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Client,
    Server,
}

/// Sender, `op`, and the type that describes the rest.
type Message = (From, &'static str, &'static str);

macro_rules! messages {
    ($(#[doc = $doc:literal] $channel:ident $described:ident { $($from:ident $op:literal $name:ident,)* })*) => {$(
        #[doc = $doc]
        const $channel: &[Message] = &[$((From::$from, $op, stringify!($name))),*];

        #[derive(OpenApi)]
        #[openapi(components(schemas($($name),*)))]
        struct $described;
    )*};
}

messages! {
    /// Of watchers.
    WATCH Watching {
        Client "subscribe" Subscribe,
        Client "subscribe" SubscribeList,
        Client "subscribe" SubscribeResource,
        Client "unsubscribe" Unsubscribe,
        Client "ping" Ping,
        Client "pong" Pong,
        Server "hello" Hello,
        Server "subscribed" Subscribed,
        Server "subscribed" SubscribedList,
        Server "subscribed" SubscribedResource,
        Server "resource" ResourceFrame,
        Server "unsubscribed" Unsubscribed,
        Server "snapshot" Snapshot,
        Server "event" EventFrame,
        Server "lag" Lag,
        Server "live" Live,
        Server "reset" Reset,
        Server "end" End,
        Server "enter" Enter,
        Server "change" Change,
        Server "leave" Leave,
        Server "listed" Listed,
        Server "reset" ResetList,
        Server "error" Error,
        Server "ping" Ping,
        Server "pong" Pong,
        Server "reconnect" Reconnect,
    }

    /// Of runners.
    RUN Running {
        Client "register" Register,
        Client "events" Events,
        Client "heartbeat" Heartbeat,
        Client "complete" Complete,
        Client "fail" Fail,
        Client "wait" Wait,
        Client "cancelled" Cancelled,
        Client "cancel_acknowledged" CancelAcknowledged,
        Client "drain" Drain,
        Client "ping" Ping,
        Client "pong" Pong,
        Server "hello" Hello,
        Server "registered" Registered,
        Server "lease" Lease,
        Server "ack" Ack,
        Server "error" Error,
        Server "cancel" CancelFrame,
        Server "revoked" Revoked,
        Server "resumed" Resumed,
        Server "ping" Ping,
        Server "pong" Pong,
        Server "reconnect" Reconnect,
    }
}

/// What each close code means.
const CLOSES: &[(u16, &str)] = &[
    (1000, "the only subscription has ended"),
    (1001, "the server stops: come back when `reconnect` says"),
    (1002, "the client broke the protocol"),
    (1003, "messages are text"),
    (1007, "a text was not UTF-8"),
    (1009, "a message was too large"),
    (1011, "the server failed"),
    (1013, "the server has as much to do as it takes: come back later"),
    (4400, "the query, or a message, was wrong; an `error` frame says how"),
    (4404, "there is no such execution"),
    (4408, "a runner did not register in time, or was not heard for too long"),
    (4409, "the runner is connected by another socket"),
    (4429, "too many operations at once"),
];

/// The document as it is served.
pub(crate) fn document(config: &Config) -> Bytes {
    let schemas_of = |openapi: utoipa::openapi::OpenApi| {
        let openapi = serde_json::to_value(openapi).expect("a description is plain JSON");
        openapi["components"]["schemas"].as_object().cloned().unwrap_or_default()
    };
    let mut schemas = schemas_of(Watching::openapi());
    schemas.extend(schemas_of(Running::openapi()));
    let mut messages = BTreeMap::new();
    for (_, op, name) in WATCH.iter().chain(RUN) {
        if messages.contains_key(name) {
            continue; // Sent either way, or in both channels.
        }
        let schema = &mut schemas[*name];
        let about = schema["description"].clone();
        if !schema["properties"].is_object() {
            schema["properties"] = json!({});
        }
        schema["properties"]["op"] = json!({"const": op});
        match schema["required"].as_array_mut() {
            Some(required) => required.insert(0, json!("op")),
            None => schema["required"] = json!(["op"]),
        }
        let message = json!({
            "name": op, "summary": about, "contentType": "application/json",
            "payload": {"$ref": format!("#/components/schemas/{name}")}
        });
        messages.insert(*name, message);
    }
    let of = |channel: &str, all: &[Message], from: From| -> Vec<Value> {
        let names = all.iter().filter(|(sender, ..)| *sender == from);
        names
            .map(|(.., name)| json!({"$ref": format!("#/channels/{channel}/messages/{name}")}))
            .collect()
    };
    let in_channel = |all: &[Message]| -> serde_json::Map<String, Value> {
        let reference = |name: &str| json!({"$ref": format!("#/components/messages/{name}")});
        all.iter().map(|(.., name)| ((*name).to_owned(), reference(name))).collect()
    };
    let closes: Vec<String> = CLOSES.iter().map(|(code, why)| format!("{code}: {why}.")).collect();
    let (websocket, feed) = (&config.websocket, &config.feed);
    let document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Heartline, live",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0"},
            "description": "Live updates for watchers. Every frame is one JSON object with an `op`. \
                A subscription shows its events without gap, repeat or disorder: each event's `prev` \
                is the `seq` of the one before it in that view. A client resumes by `after`, never by \
                close code. The HTTP half is at /openapi.json.",
        },
        "servers": {"this": {
            "host": config.server.listen.to_string(), "protocol": "ws",
            "description": "The address it is configured for.",
        }},
        "channels": {"watch": {
            "address": "/v1/ws",
            "title": "Watchers",
            "description": format!(
                "Messages of at most {} bytes; {} subscriptions at once; nothing is sent beyond what \
                 the client reads. Close codes: {}",
                websocket.message_bytes, feed.per_connection, closes.join(" ")
            ),
            "messages": in_channel(WATCH),
            "bindings": {"ws": {
                "method": "GET",
                "headers": {"type": "object", "properties": {
                    "Sec-WebSocket-Protocol": {"const": "heartline.v1.json"}
                }},
                "query": {
                    "type": "object",
                    "description": "Subscribes at once; the socket closes with 1000 after its end.",
                    "properties": {
                        "execution": {"type": "string"},
                        "after": {"type": "integer", "minimum": 0},
                        "view": {"enum": crate::view::View::NAMES},
                        "snapshot": {"type": "boolean"},
                    },
                },
            }},
        }, "run": {
            "address": "/v1/runner",
            "title": "Runners",
            "description": format!(
                "Messages of at most {} bytes. Operations may be sent without waiting; those of one \
                 execution are taken in order, and each id is answered once, after the commit. Where a \
                 batch is refused for the moment (503), whatever was sent after it under its lease is \
                 refused with `out_of_order`: send all of it again, in order. A \
                 socket that closes without having drained starts a grace of {}, in which the runner \
                 may return with its session and keep its leases. Close codes as for watchers.",
                websocket.message_bytes,
                Span::from_std(config.supervision.runner_grace),
            ),
            "messages": in_channel(RUN),
            "bindings": {"ws": {
                "method": "GET",
                "headers": {"type": "object", "properties": {
                    "Sec-WebSocket-Protocol": {"const": "heartline.runner.v1.json"}
                }},
            }},
        }},
        "operations": {
            "ask": {
                "action": "receive", "channel": {"$ref": "#/channels/watch"},
                "summary": "What a client may send.", "messages": of("watch", WATCH, From::Client),
            },
            "show": {
                "action": "send", "channel": {"$ref": "#/channels/watch"},
                "summary": "What the server sends.", "messages": of("watch", WATCH, From::Server),
            },
            "work": {
                "action": "receive", "channel": {"$ref": "#/channels/run"},
                "summary": "What a runner may send.", "messages": of("run", RUN, From::Client),
            },
            "dispatch": {
                "action": "send", "channel": {"$ref": "#/channels/run"},
                "summary": "What a runner is told.", "messages": of("run", RUN, From::Server),
            },
        },
        "components": {"messages": messages, "schemas": schemas},
    });
    Bytes::from(serde_json::to_vec(&document).expect("a description is plain JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed() -> Value {
        serde_json::from_slice(&document(&Config::default())).unwrap()
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = parsed();
        let mut references = Vec::new();
        crate::openapi::tests::collect(&document, &mut references);
        assert!(references.len() > WATCH.len() + RUN.len());
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn the_client_may_say_what_is_read_and_nothing_else() {
        let said = |all: &[Message]| -> std::collections::BTreeSet<_> {
            all.iter().filter(|(from, ..)| *from == From::Client).map(|(_, op, _)| *op).collect()
        };
        assert_eq!(said(WATCH), crate::ws::OPS.into_iter().collect());
        assert_eq!(said(RUN), crate::ws::RUNNER_OPS.into_iter().collect());
    }

    #[test]
    fn a_message_is_known_by_its_op() {
        let document = parsed();
        for (_, op, name) in WATCH.iter().chain(RUN) {
            let schema = &document["components"]["schemas"][name];
            assert_eq!(schema["properties"]["op"]["const"], *op, "{name}");
            let required = schema["required"].as_array().unwrap();
            assert_eq!(required.iter().filter(|field| *field == "op").count(), 1, "{name}");
            assert!(schema["description"].is_string(), "{name}");
        }
    }
}
