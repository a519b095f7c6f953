//! The reserved names of `CUSTOM` and the rules of their `value`. These objects are Heartline's
//! own, so a field they do not have is refused.

use serde_json::value::RawValue;

use super::{
    Artifact, ArtifactBody, Item, Level, Log, Progress, Status, Stream, Task, Todo,
    fields::{Field, Problems, Rule, Shape, may, need, read, tree},
};

const fn closed(groups: &'static [&'static [Field]]) -> Shape {
    Shape { groups, open: false }
}

/// What `CUSTOM` `name` with `value` is.
pub(super) fn item(name: Box<str>, value: &RawValue, problems: &mut Problems) -> Option<Item> {
    const BASE: &str = "/data/value";
    match &*name {
        "log" => log(value, BASE, problems).map(Item::Log),
        "artifact" => artifact(value, BASE, problems).map(Item::Artifact),
        "todo" => todo(value, BASE, problems).map(Item::Todo),
        "task" => task(value, BASE, problems).map(|task| Item::Task(Box::new(task))),
        "progress" => progress(value, BASE, problems).map(Item::Progress),
        "output" => Some(Item::Output),
        _ => Some(Item::Custom { name, value: tree(value) }),
    }
}

fn log(value: &RawValue, base: &str, problems: &mut Problems) -> Option<Log> {
    const LOG: Shape = closed(&[&[
        need("level", Rule::OneOf(Level::NAMES)),
        need("message", Rule::Text),
        may("stream", Rule::OneOf(Stream::NAMES)),
    ]]);
    let mut found = read(value, base, &LOG, problems)?;
    Some(Log {
        level: Level::named(&found.text("level"))?,
        message: found.text("message"),
        stream: found.maybe_text("stream").and_then(|name| Stream::named(&name)),
    })
}

fn artifact(value: &RawValue, base: &str, problems: &mut Problems) -> Option<Artifact> {
    const ARTIFACT: Shape = closed(&[&[
        need("id", Rule::Key),
        need("name", Rule::Text),
        need("mime_type", Rule::Text),
        may("url", Rule::Text),
        may("text", Rule::Text),
    ]]);
    let mut found = read(value, base, &ARTIFACT, problems)?;
    let body = match (found.maybe_text("url"), found.maybe_text("text")) {
        (Some(url), None) => ArtifactBody::Url(url),
        (None, Some(text)) => ArtifactBody::Text(text),
        (Some(_), Some(_)) | (None, None) => {
            problems.push(base.to_owned(), "an artifact has either \"url\" or \"text\"");
            return None;
        }
    };
    Some(Artifact {
        id: found.text("id"),
        name: found.text("name"),
        mime_type: found.text("mime_type"),
        body,
    })
}

fn todo(value: &RawValue, base: &str, problems: &mut Problems) -> Option<Todo> {
    const TODO: Shape = closed(&[&[
        need("id", Rule::Key),
        need("content", Rule::Text),
        need("status", Rule::OneOf(Status::TODO_NAMES)),
    ]]);
    let mut found = read(value, base, &TODO, problems)?;
    Some(Todo {
        id: found.text("id"),
        content: found.text("content"),
        status: Status::named(&found.text("status"))?,
    })
}

fn task(value: &RawValue, base: &str, problems: &mut Problems) -> Option<Task> {
    const TASK: Shape = closed(&[&[
        need("id", Rule::Key),
        need("name", Rule::Text),
        may("type", Rule::Text),
        may("status", Rule::OneOf(Status::NAMES)),
        may("input", Rule::Json),
        may("output", Rule::Json),
        may("error", Rule::Json),
    ]]);
    let mut found = read(value, base, &TASK, problems)?;
    Some(Task {
        id: found.text("id"),
        name: found.text("name"),
        task_type: found.maybe_text("type"),
        status: found.maybe_text("status").and_then(|name| Status::named(&name)),
        input: found.maybe_json("input").map(tree),
        output: found.maybe_json("output").map(tree),
        error: found.maybe_json("error").map(tree),
    })
}

fn progress(value: &RawValue, base: &str, problems: &mut Problems) -> Option<Progress> {
    const PROGRESS: Shape = closed(&[&[
        may("fraction", Rule::Number),
        may("message", Rule::Text),
        may("details", Rule::Json),
    ]]);
    let mut found = read(value, base, &PROGRESS, problems)?;
    let progress = Progress {
        fraction: found.number("fraction"),
        message: found.maybe_text("message").map(String::from),
        details: found
            .maybe_json("details")
            .filter(|raw| raw.get() != "null")
            .map(ToOwned::to_owned),
    };
    match progress.validate(base) {
        Ok(()) => Some(progress),
        Err(error) => {
            problems.add(error);
            None
        }
    }
}
