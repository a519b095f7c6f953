//! How an execution ended, told so that its reader knows what to do next.

use crate::cli::{
    exit::Exit,
    output::{Tone, between, now, paint},
    sanitise,
    wire::{Execution, Failure},
};
use heartline_execution::Phase;

/// The lines, safe to print.
pub(super) fn lines(execution: &Execution) -> Vec<String> {
    let mut lines = vec![headline(execution)];
    if let Some(error) = &execution.error {
        lines.extend(failure(error));
    }
    match execution.phase {
        Phase::Waiting => lines.extend(question(execution)),
        Phase::Completed => {
            if let Some(output) = execution.output.as_ref().filter(|o| o.get() != "null") {
                lines.push(format!("  output:   {}", sanitise::line(output.get())));
            }
        }
        // The queue of a `heartline run` has gone with it: nobody would take the retry.
        Phase::Failed if execution.runner.as_ref().is_none_or(|r| r.id != execution.queue) => {
            lines.push(format!("  again:    heartline retry {}", execution.id));
        }
        Phase::Failed | Phase::Pending | Phase::InProgress | Phase::Cancelled => {}
    }
    lines
}

fn headline(execution: &Execution) -> String {
    let end = execution.finished_at.unwrap_or_else(now);
    let took = between(execution.created_at, end);
    let attempts = match execution.attempt {
        0 => "no attempt".to_owned(),
        1 => "1 attempt".to_owned(),
        n => format!("{n} attempts"),
    };
    let reason = execution.reason.as_deref().map(|reason| match &execution.error {
        Some(error) if error.code != reason => {
            format!(" ({reason}: {})", sanitise::line(&error.code))
        }
        Some(_) | None => format!(" ({reason})"),
    });
    let reason = reason.unwrap_or_default();
    let tone = match Exit::of(execution) {
        Exit::OK => Tone::Good,
        Exit::FAILED | Exit::TIMED_OUT => Tone::Bad,
        _ => Tone::Warn,
    };
    let phase = paint(&format!("{}{reason}", execution.phase.as_str()), tone);
    format!("{phase}  {}  after {took}, {attempts}", execution.id)
}

fn failure(error: &Failure) -> Vec<String> {
    let mut lines = vec![format!("  what:     {}", sanitise::line(&error.message))];
    for (index, detail) in error.detail.iter().flat_map(|d| d.lines()).enumerate() {
        let head = if index == 0 { "evidence:" } else { "" };
        lines.push(format!("  {head:<9} {}", sanitise::line(detail)));
    }
    lines.extend(error.hint.iter().map(|hint| format!("  to do:    {}", sanitise::line(hint))));
    lines
}

fn question(execution: &Execution) -> Vec<String> {
    let Some(waiting) = &execution.waiting else { return Vec::new() };
    let prompt = waiting.prompt.as_deref().unwrap_or("(no question was given)");
    let mut lines = vec![format!("  question: {}", sanitise::line(prompt))];
    if let Some(schema) = &waiting.schema {
        lines.push(format!("  schema:   {}", sanitise::line(&schema.to_string())));
    }
    lines.push(format!("  until:    {}", waiting.until));
    lines.push(format!("  answer:   heartline resume {} --input JSON --watch", execution.id));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_as_message_evidence_and_what_to_do() {
        let mut execution = crate::cli::example::execution("failed", Some("runner_error"));
        execution.error = Some(Failure {
            code: "signal".into(),
            message: "Killed by SIGKILL.".into(),
            detail: Some("host h, pid 3\nlast words:\x1b[0m".into()),
            hint: Some("See dmesg.".into()),
        });
        let lines = lines(&execution);
        assert!(lines[0].starts_with("failed (runner_error: signal)  aex_"), "{lines:?}");
        assert_eq!(
            lines[1..5],
            [
                "  what:     Killed by SIGKILL.",
                "  evidence: host h, pid 3",
                "            last words:\\u{1b}[0m",
                "  to do:    See dmesg.",
            ]
        );
    }
}
