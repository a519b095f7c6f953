//! `heartline get`: an execution with all it holds.

use serde_json::Value;

use super::{
    Global,
    error::Error,
    exit::Exit,
    ls::tone,
    output::{self, Format, Tone, attempt, away, now, paint},
    sanitise,
    wire::Execution,
};

/// Show an execution with all it holds.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Id, or the beginning of it.
    execution: String,
}

pub(crate) async fn get(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let id = client.resolve(&args.execution).await?;
    let answer = client.get(&format!("/v1/executions/{id}")).send().await?;
    if global.output != Format::Table {
        output::json(global.output, &answer.body)?;
        return Ok(Exit::OK);
    }
    let execution: Execution = answer.parse(&client)?;
    for (label, value) in facts(&execution) {
        let tone = if label == "phase" { tone(&execution) } else { Tone::Plain };
        output::line(&format!("{label:<10} {}", paint(&sanitise::line(&value), tone)))?;
    }
    let whole: Value = answer.parse(&client)?;
    for line in state(whole.get("state")) {
        output::line(&line)?;
    }
    Ok(Exit::OK)
}

fn facts(execution: &Execution) -> Vec<(&'static str, String)> {
    let now = now();
    let mut facts = vec![
        ("id", execution.id.clone()),
        ("kind", execution.kind.clone()),
        ("name", execution.name.clone()),
        ("queue", execution.queue.clone()),
        ("phase", execution.phase.as_str().to_owned()),
        ("attempt", attempt(execution.attempt, execution.max_attempts)),
        ("created", format!("{} ({})", execution.created_at, away(execution.created_at, now))),
    ];
    let mut add = |label, value: Option<String>| facts.extend(value.map(|value| (label, value)));
    add("reason", execution.reason.clone());
    add("started", execution.started_at.map(|at| at.to_string()));
    add("finished", execution.finished_at.map(|at| at.to_string()));
    add("runner", execution.runner.as_ref().map(super::wire::Runner::label));
    if let Some(progress) = &execution.progress {
        let percent = progress.fraction.map(|f| format!("{:.0}% ", f * 100.0)).unwrap_or_default();
        let message = progress.message.as_deref().unwrap_or_default();
        add("progress", Some(format!("{percent}{message}")));
    }
    let deadline = execution.deadline.as_ref();
    add("deadline", deadline.map(|d| format!("{} {}", d.kind, away(d.at, now))));
    if let Some(cancel) = &execution.cancel {
        let reason = cancel.reason.as_deref().unwrap_or("no reason given");
        add("cancel", Some(format!("requested: {reason}")));
    }
    if let Some(waiting) = &execution.waiting {
        add("question", waiting.prompt.clone());
    }
    if let Some(error) = &execution.error {
        add("error", Some(error.message.clone()));
        for detail in error.detail.iter().flat_map(|detail| detail.lines()) {
            add("", Some(detail.to_owned()));
        }
        add("to do", error.hint.clone());
    }
    if !execution.labels.is_empty() {
        let labels = execution.labels.iter().map(|(key, value)| format!("{key}={value}"));
        add("labels", Some(labels.collect::<Vec<_>>().join(" ")));
    }
    let json = |raw: &Option<Box<serde_json::value::RawValue>>| {
        raw.as_ref().map(|raw| raw.get().to_owned()).filter(|raw| raw != "null")
    };
    add("input", json(&execution.input));
    add("output", json(&execution.output));
    add("events", Some(execution.seq.to_string()));
    facts
}

/// What it holds, counted; the whole is in `-o json`.
fn state(state: Option<&Value>) -> Vec<String> {
    let Some(Value::Object(state)) = state else { return Vec::new() };
    let size = |value: &Value| match value {
        Value::Array(items) => items.len(),
        Value::Object(items) => items.len(),
        _ => 0,
    };
    let held: Vec<String> = state
        .iter()
        .filter(|(_, value)| size(value) > 0)
        .map(|(name, value)| format!("{} {}", size(value), sanitise::line(name)))
        .collect();
    if held.is_empty() {
        return Vec::new();
    }
    vec![format!("{:<10} {} (whole: -o json)", "holds", held.join(", "))]
}
