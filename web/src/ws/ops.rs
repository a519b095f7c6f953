//! What a watcher may say, read strictly.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    list::{Filter, ListOf},
    runner::RunnerOp,
};
use crate::{
    error::{Code, Problem},
    json::{self, Object},
    nearest::{did_you_mean, quote},
    view::View,
};

/// The largest seq there can be.
pub(super) const SEQ_MAX: u64 = (1 << 53) - 1;
/// The most bytes of a value that is sent back as it came.
const ECHO_MAX: usize = 130;
/// Every operation.
pub(crate) const OPS: [&str; 4] = ["subscribe", "unsubscribe", "ping", "pong"];

/// Start to watch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Subscribe {
    /// The client's, as JSON. `None` for the one that the URL asks for.
    pub(super) id: Option<String>,
    pub(super) to: Target,
}

/// What is watched.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    Execution(One),
    List(Box<ListOf>),
    /// The path of a resource; not yet known to be one.
    Resource(String),
}

impl Target {
    pub(super) fn is_resource(&self) -> bool {
        matches!(self, Self::Resource(_))
    }
}

/// One execution's log.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct One {
    /// Not yet known to be an id.
    pub(super) execution: String,
    pub(super) after: u64,
    pub(super) view: View,
    pub(super) snapshot: bool,
}

/// What the pulled half of a socket takes up.
#[derive(Debug)]
pub(super) enum Op {
    Subscribe(Subscribe),
    /// By the client's id, as JSON.
    Unsubscribe(String),
    /// On a runner's socket, and nothing else there.
    Runner(RunnerOp),
}

/// A message, read.
#[derive(Debug)]
pub(super) enum Asked {
    Op(Op),
    /// With its `t`, as JSON.
    Ping(Option<String>),
    /// The answer to a ping that a page can see; no answer is needed.
    Pong,
}

/// A message that is not as it should be.
#[derive(Debug)]
pub(super) struct Slip {
    /// The operation's id where it had one, as JSON.
    pub(super) id: Option<String>,
    pub(super) problem: Problem,
    /// There is no talking to this client.
    pub(super) fatal: bool,
}

/// What every message has.
#[derive(Deserialize)]
pub(super) struct Named<'a> {
    #[serde(borrow)]
    pub(super) op: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscribeFrame<'a> {
    #[allow(dead_code, reason = "read before the rest is")]
    op: IgnoredAny,
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    execution: Option<Cow<'a, str>>,
    filter: Option<Object<Filter>>,
    limit: Option<u64>,
    after: Option<u64>,
    #[serde(borrow)]
    view: Option<Cow<'a, str>>,
    snapshot: Option<bool>,
    #[serde(borrow)]
    resource: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnsubscribeFrame<'a> {
    #[allow(dead_code, reason = "read before the rest is")]
    op: IgnoredAny,
    #[serde(borrow)]
    id: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PingFrame<'a> {
    #[allow(dead_code, reason = "read before the rest is")]
    op: IgnoredAny,
    #[serde(borrow)]
    t: Option<&'a RawValue>,
}

/// Reads what every message has.
///
/// # Errors
/// What is wrong with it, with the id where one can be read all the same.
pub(super) fn named(text: &[u8], max_depth: usize) -> Result<Named<'_>, Slip> {
    json::parse(text, max_depth).map_err(|problem| {
        let fatal = problem.code() == Code::MalformedJson;
        let named = serde_json::from_slice::<Object<Named<'_>>>(text).ok().filter(|_| !fatal);
        let id = named.and_then(|Object(named)| scalar("/id", named.id?).ok());
        Slip { id, problem, fatal }
    })
}

/// Reads one message.
///
/// # Errors
/// What is wrong with it, and whether that ends the socket.
pub(super) fn parse(text: &[u8], max_depth: usize) -> Result<Asked, Slip> {
    let named = named(text, max_depth)?;
    let id = named.id.and_then(|id| scalar("/id", id).ok());
    let read = match named.op.as_deref().unwrap_or_default() {
        "" => Err(Problem::at(Code::Invalid, "/op", format!("is required: {}", OPS.join(", ")))),
        "subscribe" => json::parse(text, max_depth).and_then(subscribe),
        "unsubscribe" => json::parse(text, max_depth)
            .and_then(|frame: UnsubscribeFrame<'_>| scalar("/id", frame.id))
            .map(|id| Asked::Op(Op::Unsubscribe(id))),
        "ping" | "pong" => ping(named.op.as_deref().unwrap_or_default(), text, max_depth),
        other => {
            let message =
                format!("\"{}\" is not an operation; {}", quote(other), did_you_mean(other, &OPS));
            Err(Problem::at(Code::Invalid, "/op", message))
        }
    };
    read.map_err(|problem| Slip { id, problem, fatal: false })
}

/// A ping, or the answer to one.
pub(super) fn ping(op: &str, text: &[u8], max_depth: usize) -> Result<Asked, Problem> {
    let frame: PingFrame<'_> = json::parse(text, max_depth)?;
    let t = frame.t.map(|t| scalar("/t", t)).transpose()?;
    Ok(if op == "ping" { Asked::Ping(t) } else { Asked::Pong })
}

fn subscribe(frame: SubscribeFrame<'_>) -> Result<Asked, Problem> {
    let id = Some(scalar("/id", frame.id)?);
    let view = frame.view.map(|view| {
        view.parse::<View>().map_err(|error| {
            Problem::at(Code::Invalid, "/view", format!("\"{}\" {error}", quote(&view)))
        })
    });
    let view = view.transpose()?;
    // What belongs to the other kind of subscription.
    let stray = |stands: bool, pointer: &str, with: &str| match stands {
        true => Err(Problem::at(Code::Invalid, pointer, format!("goes with {with}"))),
        false => Ok(()),
    };
    let to = match (frame.execution, frame.filter, frame.resource) {
        (Some(execution), None, None) => {
            stray(frame.limit.is_some(), "/limit", "filter")?;
            let after = frame.after.unwrap_or(0);
            if after > SEQ_MAX {
                let message = format!("must be a whole number from 0 to {SEQ_MAX}");
                return Err(Problem::at(Code::Invalid, "/after", message));
            }
            Target::Execution(One {
                execution: execution.into_owned(),
                after,
                view: view.unwrap_or_default(),
                snapshot: frame.snapshot.unwrap_or(false),
            })
        }
        (None, Some(Object(filter)), None) => {
            stray(frame.after.is_some(), "/after", "execution")?;
            stray(frame.snapshot.is_some(), "/snapshot", "execution")?;
            Target::List(Box::new(ListOf::new(filter, frame.limit, view)?))
        }
        (None, None, Some(resource)) => {
            stray(frame.limit.is_some(), "/limit", "filter")?;
            stray(frame.after.is_some(), "/after", "execution")?;
            stray(frame.snapshot.is_some(), "/snapshot", "execution")?;
            stray(view.is_some(), "/view", "execution or filter")?;
            Target::Resource(resource.into_owned())
        }
        (None, None, None) => {
            let message = "is required, or filter, or resource";
            return Err(Problem::at(Code::Invalid, "/execution", message));
        }
        (_, _, resource) => {
            let pointer = if resource.is_some() { "/resource" } else { "/filter" };
            let message = "stands beside another; execution, filter and resource: one of them";
            return Err(Problem::at(Code::Invalid, pointer, message));
        }
    };
    Ok(Asked::Op(Op::Subscribe(Subscribe { id, to })))
}

/// A number or a short string, kept as the JSON it came as.
pub(super) fn scalar(pointer: &str, raw: &RawValue) -> Result<String, Problem> {
    let text = raw.get();
    let fits = text.len() <= ECHO_MAX
        && text.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit())
        // What is read as it came may be half a character, which no other reader would take.
        && serde_json::from_str::<serde_json::Value>(text).is_ok();
    if fits {
        return Ok(text.to_owned());
    }
    let message = format!("must be a number, or a string of at most {} bytes", ECHO_MAX - 2);
    Err(Problem::at(Code::Invalid, pointer, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operations_of_the_wire_are_read() {
        let asked = parse(br#"{"op":"subscribe","id":1,"execution":"aex_1","after":7,"view":"status","snapshot":true}"#, 8);
        let to = Target::Execution(One {
            execution: "aex_1".to_owned(),
            after: 7,
            view: View::Status,
            snapshot: true,
        });
        let subscribe = Subscribe { id: Some("1".to_owned()), to };
        assert!(matches!(asked.unwrap(), Asked::Op(Op::Subscribe(read)) if read == subscribe));
        let asked = parse(br#"{"op":"subscribe","id":2,"filter":{"queue":"q","phase":"in_progress","label":"team:x"},"view":"status"}"#, 8);
        let Ok(Asked::Op(Op::Subscribe(Subscribe { to: Target::List(list), .. }))) = asked else {
            panic!("{asked:?}")
        };
        assert!(list.events);
        let asked = parse(br#"{"op":"unsubscribe","id":"a"}"#, 8).unwrap();
        assert!(matches!(asked, Asked::Op(Op::Unsubscribe(id)) if id == "\"a\""));
        let ping = parse(br#"{"op":"ping","t":1}"#, 8).unwrap();
        assert!(matches!(ping, Asked::Ping(Some(t)) if t == "1"));
        assert!(matches!(parse(br#"{"op":"pong"}"#, 8).unwrap(), Asked::Pong));
    }

    #[test]
    fn slips_are_told_with_the_id_and_only_what_is_not_json_is_fatal() {
        for (text, pointer, says, fatal) in [
            ("nonsense", "", "", true),
            ("[]", "", "an array", false),
            (r#"["subscribe",1]"#, "", "an array", false),
            (r#"{"id":1}"#, "/op", "is required", false),
            (r#"{"op":"subscirbe","id":1}"#, "/op", "did you mean \"subscribe\"?", false),
            (r#"{"op":"subscribe","id":1}"#, "/execution", "is required", false),
            (
                r#"{"op":"subscribe","id":1,"execution":"x","vew":"full"}"#,
                "/vew",
                "did you mean \"view\"?",
                false,
            ),
            (
                r#"{"op":"subscribe","id":1,"execution":"x","view":"ful"}"#,
                "/view",
                "did you mean \"full\"?",
                false,
            ),
            (
                r#"{"op":"subscribe","id":1,"filter":{"phse":"failed"}}"#,
                "/filter/phse",
                "did you mean \"phase\"?",
                false,
            ),
            (r#"{"op":"subscribe","id":1,"filter":[]}"#, "/filter", "is an array", false),
            (r#"{"op":"subscribe","id":1,"filter":["failed"]}"#, "/filter", "is an array", false),
            (
                r#"{"op":"subscribe","id":1,"filter":{"label":"x"}}"#,
                "/filter/label",
                "colon",
                false,
            ),
            (r#"{"op":"subscribe","id":1,"filter":{},"view":"full"}"#, "/view", "status", false),
            (r#"{"op":"subscribe","id":1,"filter":{},"after":3}"#, "/after", "execution", false),
            (r#"{"op":"subscribe","id":1,"execution":"x","limit":3}"#, "/limit", "filter", false),
            (
                r#"{"op":"subscribe","id":1,"execution":"x","filter":{}}"#,
                "/filter",
                "one of",
                false,
            ),
            (
                r#"{"op":"subscribe","id":1,"resource":"/v1/queues","after":1}"#,
                "/after",
                "execution",
                false,
            ),
            (
                r#"{"op":"subscribe","id":1,"resource":"/v1/queues","filter":{}}"#,
                "/resource",
                "one of",
                false,
            ),
            (r#"{"op":"subscribe","execution":"x"}"#, "/id", "is required", false),
            (r#"{"op":"subscribe","id":{},"execution":"x"}"#, "/id", "a number", false),
            (
                r#"{"op":"subscribe","id":1,"execution":"x","after":-1}"#,
                "/after",
                "is expected",
                false,
            ),
        ] {
            let slip = parse(text.as_bytes(), 8).unwrap_err();
            let said = slip.problem.to_string();
            assert!(said.contains(pointer) && said.contains(says), "{text}: {said}");
            assert_eq!(slip.fatal, fatal, "{text}");
            assert_eq!(slip.id.is_some(), text.contains("\"id\":1"), "{text}");
        }
    }
}
