//! The live view: events scroll by above, a status line below has the phase, the clocks and the
//! bar, and text that streams in grows in between.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{clock, describe};
use crate::cli::{
    error::Error,
    output::{Tone, attempt, between, now, paint},
    sanitise,
    wire::{Event, Execution},
};
use heartline_execution::Phase;

/// A screen of a line that streams in is shown while it grows; of a longer one, its end.
const GROWING_MAX: usize = 160;
/// Finer than a tenth of a percent nobody sees.
const BAR_STEPS: u64 = 1_000;

/// The view.
pub(crate) struct Live {
    all: MultiProgress,
    /// Text that has no line break yet.
    growing: ProgressBar,
    /// How far it is, once it says so.
    progress: Option<ProgressBar>,
    bar: ProgressBar,
    status: Option<Execution>,
    /// The line that streams in, and what it is.
    text: String,
    label: &'static str,
}

impl Live {
    pub(crate) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let growing = all.add(ProgressBar::no_length());
        growing.set_style(style("  {msg}"));
        let bar = all.add(ProgressBar::no_length());
        bar.set_style(style("{spinner} {msg}"));
        Self { all, growing, progress: None, bar, status: None, text: String::new(), label: "text" }
    }

    /// Prints a line above the status.
    pub(super) fn line(&self, text: &str) -> Result<(), Error> {
        self.all.println(text).map_err(|e| Error::io("cannot write to the terminal", e))
    }

    /// Shows an event; text streams into lines of its own.
    pub(super) fn event(&mut self, event: &Event) -> Result<(), Error> {
        self.follow(event);
        match &*event.type_name {
            "TEXT_MESSAGE_CONTENT" | "TEXT_MESSAGE_CHUNK" => self.stream("text", event),
            "REASONING_MESSAGE_CONTENT" | "REASONING_MESSAGE_CHUNK" => {
                self.stream("reasoning", event)
            }
            "TEXT_MESSAGE_START"
            | "TEXT_MESSAGE_END"
            | "REASONING_MESSAGE_START"
            | "REASONING_MESSAGE_END"
            | "REASONING_START"
            | "REASONING_END" => self.flush(),
            "execution.progress" => Ok(()),
            _ => {
                self.flush()?;
                let line = describe(event);
                self.print(event, &line.label, &line.text, line.tone)
            }
        }
    }

    fn print(&self, event: &Event, label: &str, text: &str, tone: Tone) -> Result<(), Error> {
        let time = paint(&clock(event.time), Tone::Dim);
        let text = paint(&sanitise::line(text), tone);
        self.line(&format!("{time}  {label:<14} {text}"))
    }

    fn stream(&mut self, label: &'static str, event: &Event) -> Result<(), Error> {
        if self.label != label {
            self.flush()?;
            self.label = label;
        }
        self.text.push_str(event.text("delta").unwrap_or_default());
        while let Some(end) = self.text.find('\n') {
            let rest = self.text.split_off(end + 1);
            let full = std::mem::replace(&mut self.text, rest);
            self.print(event, label, full.trim_end(), Tone::Plain)?;
        }
        let tail = self.text.chars().count().saturating_sub(GROWING_MAX);
        let shown: String = self.text.chars().skip(tail).collect();
        self.growing.set_message(sanitise::line(&shown).into_owned());
        self.growing.tick();
        Ok(())
    }

    /// Prints the line that streams in, complete or not.
    fn flush(&mut self) -> Result<(), Error> {
        let text = std::mem::take(&mut self.text);
        self.growing.set_message("");
        if text.is_empty() {
            return Ok(());
        }
        let label = self.label;
        self.line(&format!("{:13}  {label:<14} {}", "", sanitise::line(&text)))
    }

    /// Moves the status by what the event says, until the server is asked again.
    fn follow(&mut self, event: &Event) {
        let Some(status) = &mut self.status else { return };
        let phase = match &*event.type_name {
            "execution.started" | "execution.resumed" => Phase::InProgress,
            "execution.waiting" => Phase::Waiting,
            "execution.retry_scheduled" => Phase::Pending,
            "execution.progress" => {
                status.progress = serde_json::from_value(event.data.clone()).ok();
                status.phase
            }
            _ => status.phase,
        };
        status.attempt = status.attempt.max(event.attempt);
        if phase != status.phase {
            status.phase = phase;
            status.deadline = None;
        }
        self.tick();
    }

    pub(super) fn status(&mut self, execution: &Execution) {
        self.status = Some(execution.clone());
        self.tick();
    }

    pub(super) fn tick(&mut self) {
        let Some(status) = &self.status else { return };
        if let Some(progress) = &status.progress {
            let bar = self.progress.get_or_insert_with(|| {
                let bar = self.all.insert_before(&self.bar, ProgressBar::new(BAR_STEPS));
                bar.set_style(style("  {bar:24} {percent:>3}% {wide_msg}"));
                bar
            });
            // Within 0 to 1, as the server checks.
            bar.set_position((progress.fraction.unwrap_or_default() * BAR_STEPS as f64) as u64);
            let message = progress.message.as_deref().unwrap_or_default();
            bar.set_message(sanitise::line(message).into_owned());
            bar.tick();
        }
        self.bar.set_message(summary(status));
        self.bar.tick();
    }

    /// Leaves the lines and takes the status away.
    pub(super) fn clear(&mut self) {
        // The view is going away: a line that cannot be drawn any more is not worth an error.
        let _closed = self.flush();
        self.growing.finish_and_clear();
        if let Some(progress) = &self.progress {
            progress.finish_and_clear();
        }
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a literal")
}

/// `in_progress · attempt 2/3 · 12.3s · heartbeat in 24.0s`.
fn summary(execution: &Execution) -> String {
    let now = now();
    let mut parts = vec![
        execution.phase.as_str().to_owned(),
        format!("attempt {}", attempt(execution.attempt, execution.max_attempts)),
        between(execution.created_at, execution.finished_at.unwrap_or(now)),
    ];
    if let Some(deadline) = execution.deadline.as_ref().filter(|_| !execution.phase.is_terminal()) {
        let left = deadline.at.since(now).to_std();
        let left = if left == Duration::ZERO {
            "due".to_owned()
        } else {
            format!("in {}", crate::cli::output::short(left))
        };
        parts.push(format!("{} {left}", deadline.kind));
    }
    parts.join(" · ")
}
