//! What requests say: wire types, apart from the domain's. Each reads strictly (no unknown
//! fields) and turns into a domain value; each is also its own entry in `/openapi.json`.

mod operator;
mod person;
mod runner;

use heartline_execution::content::FieldError;
use serde_json::value::RawValue;

use crate::error::{Code, Problem};

pub(crate) use operator::QueueUpdate;
pub(crate) use person::{Cancel, Create, Resume, Retried, Update, traceparent};
pub(crate) use runner::{
    Cancelled, Claim, Complete, Fail, Heartbeat, PostEvents, PostedEvent, Runner, RunnerError,
    Wait, batch_number, check_progress,
};

/// The most characters of a line a person or a runner writes about something.
const LINE_MAX: usize = 1_024;
/// The most characters of a longer text: evidence, a question.
const TEXT_MAX: usize = 64 * 1_024;

fn invalid(pointer: &str, message: &str) -> Problem {
    let error = FieldError { pointer: pointer.to_owned(), message: message.to_owned() };
    Problem::fields(Code::Invalid, vec![error])
}

fn bounded(pointer: &str, text: Option<&str>, most: usize) -> Result<(), Problem> {
    // As JSON Schema counts them, and as the document says.
    match text.map_or(0, |text| text.chars().count()) {
        length if length > most => {
            Err(invalid(pointer, &format!("has {length} characters; at most {most} are allowed")))
        }
        _ => Ok(()),
    }
}

/// An event is one line wherever it goes, and so is every value in it. Inside a JSON string a
/// line break is escaped, so each bare one is between tokens.
pub(crate) fn one_line(raw: Box<RawValue>) -> Box<RawValue> {
    if !raw.get().contains(['\n', '\r']) {
        return raw;
    }
    RawValue::from_string(raw.get().replace(['\n', '\r'], " "))
        .expect("white space for white space keeps JSON well-formed")
}
