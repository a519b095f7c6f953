//! What a runner may say, read strictly. Each operation is turned into what the rules take at
//! once, so that what waits to be taken up is known to be well-formed.

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{Arc, atomic::AtomicBool},
};

use heartline_actors::{Receipt, Registration};
use heartline_config::Config;
use heartline_execution::{Command, ExecutionId, LeaseId, Name, SessionId, content::Progress};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::super::ops::{Asked, Op, Slip, named, ping, scalar};
use crate::{
    error::{Code, Problem},
    json::{self, Object},
    nearest::{did_you_mean, quote},
    routes::runner::contents,
    wire,
};

/// Every operation.
pub(crate) const OPS: [&str; 11] = [
    "register",
    "events",
    "heartbeat",
    "complete",
    "fail",
    "wait",
    "cancelled",
    "cancel_acknowledged",
    "drain",
    "ping",
    "pong",
];
/// How a frame with events begins when nobody has reordered its members.
const EVENTS: &[u8] = br#"{"op":"events""#;
/// Queues that one runner serves: each is asked, and shown with it.
const QUEUES_MAX: usize = 64;

/// What the session takes up.
#[derive(Debug)]
pub(in crate::ws) enum RunnerOp {
    Register(Option<String>, Box<Registration>),
    /// About one execution, under a lease.
    Command(Box<Ordered>),
    Heartbeat {
        id: Option<String>,
        beats: Vec<(ExecutionId, LeaseId, Option<Progress>)>,
    },
    Drain {
        id: Option<String>,
    },
}

/// A command, with what it takes to answer it.
#[derive(Debug)]
pub(in crate::ws) struct Ordered {
    /// Without one it is not answered when it succeeds.
    pub(in crate::ws) receipt: Option<Arc<Receipt>>,
    pub(in crate::ws) execution: ExecutionId,
    pub(in crate::ws) lease: LeaseId,
    pub(in crate::ws) command: Command,
    /// Bytes of its frame.
    pub(in crate::ws) bytes: usize,
}

macro_rules! frames {
    ($($name:ident $(<$life:lifetime>)? { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name $(<$life>)? {
            #[allow(dead_code, reason = "read before the rest is")]
            op: IgnoredAny,
            #[allow(dead_code, reason = "read before the rest is")]
            id: Option<IgnoredAny>,
            $($(#[$attribute])* $field: $type,)*
        }
    )*};
}

frames! {
    RegisterFrame {
        runner: Object<wire::Runner>,
        queues: Vec<Name>,
        slots: u32,
        session: Option<SessionId>,
        leases: Option<Vec<Object<Held>>>,
    }

    HeartbeatFrame {
        executions: Vec<Object<Beat>>,
    }

    CompleteFrame {
        execution: ExecutionId,
        lease: LeaseId,
        output: Option<Box<RawValue>>,
    }

    FailFrame {
        execution: ExecutionId,
        lease: LeaseId,
        error: Object<wire::RunnerError>,
    }

    WaitFrame {
        execution: ExecutionId,
        lease: LeaseId,
        batch: Option<u64>,
        prompt: Option<String>,
        schema: Option<Box<RawValue>>,
        timeout: Option<heartline_execution::Span>,
        #[serde(default = "yes")] hold: bool,
    }

    LeaseFrame {
        execution: ExecutionId,
        lease: LeaseId,
    }

    BareFrame {}
}

/// Read at once, op, id and all: most of what a busy runner sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsFrame<'a> {
    #[serde(borrow)]
    op: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    execution: ExecutionId,
    lease: LeaseId,
    batch: Option<u64>,
    #[serde(borrow)]
    events: Vec<Object<wire::PostedEvent<'a>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    execution: ExecutionId,
    lease: LeaseId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Beat {
    execution: ExecutionId,
    lease: LeaseId,
    progress: Option<Object<Progress>>,
}

const fn yes() -> bool {
    true
}

/// Reads a message.
///
/// # Errors
/// What is wrong with it, and whether that ends the socket.
pub(in crate::ws) fn parse(text: &[u8], config: &Config) -> Result<Asked, Slip> {
    let depth = config.http.max_depth;
    if text.starts_with(EVENTS)
        && let Ok(frame) = json::parse::<EventsFrame<'_>>(text, depth)
        && frame.op == "events"
        && let Some(id) = frame.id.and_then(|id| scalar("/id", id).ok())
    {
        let asked = events(Some(id.clone()), frame, text.len(), config);
        return asked.map_err(|problem| Slip { id: Some(id), problem, fatal: false });
    }
    let named = named(text, depth)?;
    let id = named.id.map(|id| scalar("/id", id)).transpose();
    let id = id.map_err(|problem| Slip { id: None, problem, fatal: false })?;
    let op = named.op.as_deref().unwrap_or_default();
    read(op, id.clone(), text, config).map_err(|problem| Slip { id, problem, fatal: false })
}

fn read(op: &str, id: Option<String>, text: &[u8], config: &Config) -> Result<Asked, Problem> {
    let depth = config.http.max_depth;
    let ordered = |id: Option<String>, execution, lease, command| {
        let receipt = id.map(|id| receipt(id, false));
        let ordered = Ordered { receipt, execution, lease, command, bytes: text.len() };
        Asked::Op(Op::Runner(RunnerOp::Command(Box::new(ordered))))
    };
    let asked = match op {
        "events" => events(id, json::parse(text, depth)?, text.len(), config)?,
        "heartbeat" => {
            let HeartbeatFrame { executions, .. } = json::parse(text, depth)?;
            let largest = config.http.event_bytes;
            let beats = executions.into_iter().enumerate().map(|one| beat(one, largest));
            let beats = beats.collect::<Result<_, _>>()?;
            Asked::Op(Op::Runner(RunnerOp::Heartbeat { id, beats }))
        }
        "complete" => {
            let CompleteFrame { execution, lease, output, .. } = json::parse(text, depth)?;
            let command = Command::Complete { lease, output: output.map(wire::one_line) };
            ordered(Some(required(id)?), execution, lease, command)
        }
        "fail" => {
            let FailFrame { execution, lease, error, .. } = json::parse(text, depth)?;
            let command = Command::Fail { lease, error: error.0.into_failure()? };
            ordered(Some(required(id)?), execution, lease, command)
        }
        "wait" => {
            let WaitFrame { execution, lease, batch, prompt, schema, timeout, hold, .. } =
                json::parse(text, depth)?;
            let wait = wire::Wait { lease, batch, prompt, schema, timeout, hold };
            wait.check()?;
            ordered(Some(required(id)?), execution, lease, wait.into_command())
        }
        "cancelled" => {
            let LeaseFrame { execution, lease, .. } = json::parse(text, depth)?;
            let command = Command::ConfirmCancelled { lease };
            ordered(Some(required(id)?), execution, lease, command)
        }
        "cancel_acknowledged" => {
            let LeaseFrame { execution, lease, .. } = json::parse(text, depth)?;
            ordered(id, execution, lease, Command::AcknowledgeCancel { lease })
        }
        "register" => Asked::Op(Op::Runner(RunnerOp::Register(id, register(text, config)?))),
        "drain" => {
            let BareFrame { .. } = json::parse(text, depth)?;
            Asked::Op(Op::Runner(RunnerOp::Drain { id }))
        }
        "ping" | "pong" => ping(op, text, depth)?,
        "" => {
            return Err(Problem::at(
                Code::Invalid,
                "/op",
                format!("is required: {}", OPS.join(", ")),
            ));
        }
        other => {
            let message =
                format!("\"{}\" is not an operation; {}", quote(other), did_you_mean(other, &OPS));
            return Err(Problem::at(Code::Invalid, "/op", message));
        }
    };
    Ok(asked)
}

fn events(
    id: Option<String>,
    frame: EventsFrame<'_>,
    bytes: usize,
    config: &Config,
) -> Result<Asked, Problem> {
    let EventsFrame { execution, lease, batch, events, .. } = frame;
    wire::batch_number(batch)?;
    let events = contents(&config.http, events)?;
    let receipt = Some(receipt(required(id)?, false));
    let command = Command::PostEvents { lease, batch, events };
    let ordered = Ordered { receipt, execution, lease, command, bytes };
    Ok(Asked::Op(Op::Runner(RunnerOp::Command(Box::new(ordered)))))
}

/// For a frame with this id.
pub(super) fn receipt(id: String, several: bool) -> Arc<Receipt> {
    Arc::new(Receipt { id, several, refused: AtomicBool::new(false) })
}

fn required(id: Option<String>) -> Result<String, Problem> {
    id.ok_or_else(|| Problem::at(Code::Invalid, "/id", "is required: the answer names it"))
}

fn register(text: &[u8], config: &Config) -> Result<Box<Registration>, Problem> {
    let RegisterFrame { runner, queues, slots, session, leases, .. } =
        json::parse(text, config.http.max_depth)?;
    let invalid = |pointer: &str, message: String| Problem::at(Code::Invalid, pointer, message);
    let most = config.http.claim_slots_max;
    if slots == 0 || slots as usize > most {
        return Err(invalid("/slots", format!("must be from 1 to {most}")));
    }
    if queues.is_empty() || queues.len() > QUEUES_MAX {
        let message = format!("has {} queues; from 1 to {QUEUES_MAX} are allowed", queues.len());
        return Err(invalid("/queues", message));
    }
    let mut seen = HashSet::new();
    if let Some(at) = queues.iter().position(|queue| !seen.insert(queue)) {
        return Err(invalid(&format!("/queues/{at}"), "is named twice".to_owned()));
    }
    let held = leases.as_ref().map_or(0, Vec::len);
    if held > slots as usize {
        return Err(invalid("/leases", format!("has {held} leases, for {slots} slots")));
    }
    let leases = leases.map(|leases| {
        leases.into_iter().map(|Object(held)| (held.execution, held.lease)).collect()
    });
    let runner = runner.0.into_info()?;
    Ok(Box::new(Registration { runner, queues, slots, session, leases }))
}

fn beat(
    (index, Object(beat)): (usize, Object<Beat>),
    largest: usize,
) -> Result<(ExecutionId, LeaseId, Option<Progress>), Problem> {
    let Beat { execution, lease, progress } = beat;
    let progress = progress.map(|Object(progress)| progress);
    if let Some(progress) = &progress {
        wire::check_progress(&format!("/executions/{index}/progress"), progress, largest)?;
    }
    Ok((execution, lease, progress))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: &str = r#""execution":"aex_01981f000000700080000000000000ab","lease":"0198f1d2c3b4a5968778695a4b3c2d1e""#;

    fn said(text: &str) -> Result<Asked, Slip> {
        parse(text.replace("IDS", IDS).as_bytes(), &Config::default())
    }

    #[test]
    fn the_operations_of_the_wire_are_read() {
        for text in [
            r#"{"op":"register","runner":{"id":"r","pid":7},"queues":["agents"],"slots":8}"#,
            r#"{"op":"register","runner":{"id":"r"},"queues":["a","b"],"slots":8,"session":"00ab000000000001","leases":[{IDS}]}"#,
            r#"{"op":"events","id":7,IDS,"batch":3,"events":[{"type":"TEXT_MESSAGE_CONTENT","data":{"messageId":"m","delta":"x"}}]}"#,
            r#"{"op":"heartbeat","executions":[{IDS,"progress":{"fraction":0.5}}]}"#,
            r#"{"op":"heartbeat","executions":[]}"#,
            r#"{"op":"complete","id":"8",IDS,"output":{"a":1}}"#,
            r#"{"op":"fail","id":8,IDS,"error":{"message":"m"}}"#,
            r#"{"op":"wait","id":8,IDS,"prompt":"?","schema":{"type":"string"},"timeout":"1m"}"#,
            r#"{"op":"cancelled","id":8,IDS}"#,
            r#"{"op":"cancel_acknowledged",IDS}"#,
            r#"{"op":"drain"}"#,
            r#"{"op":"ping","t":1}"#,
        ] {
            said(text).unwrap_or_else(|slip| panic!("{text}: {}", slip.problem));
        }
    }

    #[test]
    fn slips_are_told_with_the_id_and_the_place() {
        for (text, says) in [
            (r#"{"op":"registre","id":1}"#, "did you mean \"register\"?"),
            (
                r#"{"op":"register","id":1,"runner":{"id":"r"},"queues":["agents*"],"slots":1}"#,
                "/queues/0",
            ),
            (
                r#"{"op":"register","id":1,"runner":{"id":"r"},"queues":["a","a"],"slots":1}"#,
                "named twice",
            ),
            (r#"{"op":"register","id":1,"runner":{"id":"r"},"queues":[],"slots":1}"#, "/queues"),
            (
                r#"{"op":"register","id":1,"runner":{"id":"r"},"queues":["a"],"slots":0}"#,
                "/slots: must be from 1 to 1000",
            ),
            (
                r#"{"op":"register","id":1,"runner":{"id":"r"},"queues":["a"],"slots":1000000}"#,
                "/slots: must be from 1 to 1000",
            ),
            (
                r#"{"op":"register","id":1,"runner":{"id":"r"},"queues":["a"],"slots":1,"session":"x"}"#,
                "/session",
            ),
            (r#"{"op":"events","id":1,IDS,"batch":1,"events":[]}"#, "/events"),
            (
                r#"{"op":"events","id":1,IDS,"events":[{"type":"RUN_STARTED","data":{}}]}"#,
                "/events/0/type",
            ),
            (r#"{"op":"complete","id":1,"execution":"x","lease":"y"}"#, "/execution"),
            (
                r#"{"op":"heartbeat","id":1,"executions":[{IDS,"progress":{"fraction":7}}]}"#,
                "/executions/0/progress/fraction",
            ),
            (r#"{"op":"drain","id":1,"now":true}"#, "/now"),
        ] {
            let slip = said(text).map(drop).unwrap_err();
            let problem = slip.problem.to_string();
            assert!(problem.contains(says), "{text}: {problem}");
            assert_eq!((slip.id.as_deref(), slip.fatal), (Some("1"), false), "{text}");
        }
        let deep = format!(
            r#"{{"op":"complete","id":1,IDS,"output":{}1{}}}"#,
            "[".repeat(70),
            "]".repeat(70)
        );
        let slip = said(&deep).map(drop).unwrap_err();
        assert_eq!((slip.id.as_deref(), slip.fatal), (Some("1"), false), "{}", slip.problem);
        let slip = said(r#"{"op":"complete",IDS}"#).map(drop).unwrap_err();
        assert!(slip.problem.to_string().contains("/id: is required"));
        assert!(said("nonsense").map(drop).unwrap_err().fatal);
    }
}
