//! An execution on a screen: live where a person looks at it, plain lines where a program or a
//! file takes them, JSON where that was asked for.

mod describe;
mod live;
mod verdict;

pub(crate) use self::describe::{Line, describe};
use self::live::Live;
use super::{
    error::Error,
    output::{self, Format, Tone, paint},
    sanitise,
    wire::{Event, Execution},
};
use heartline_execution::Timestamp;

/// Where an execution is shown.
pub(crate) enum Screen {
    /// A line for each event.
    Plain,
    /// A line for each event that is worth one, and a status line that moves.
    Live(Box<Live>),
    /// Each event as it came.
    Json,
    /// Nowhere: nobody reads the output any more.
    Silent,
}

impl Screen {
    /// For the format asked for and the output there is.
    pub(crate) fn new(format: Format) -> Self {
        match format {
            Format::Json | Format::Jsonl => Screen::Json,
            Format::Table if output::is_terminal() => Screen::Live(Box::new(Live::new())),
            Format::Table => Screen::Plain,
        }
    }

    /// Shows where the execution is.
    pub(crate) fn opening(&mut self, execution: &Execution) -> Result<(), Error> {
        match self {
            Screen::Plain => output::line(&title(execution)),
            Screen::Live(live) => {
                live.line(&paint(&title(execution), Tone::Strong))?;
                live.status(execution);
                Ok(())
            }
            Screen::Json | Screen::Silent => Ok(()),
        }
    }

    /// Shows an event.
    pub(crate) fn event(&mut self, event: &Event) -> Result<(), Error> {
        match self {
            Screen::Plain => output::line(&plain(event)),
            Screen::Live(live) => live.event(event),
            Screen::Json => output::line(&sanitise::json(&event.raw)),
            Screen::Silent => Ok(()),
        }
    }

    /// Says something about the showing itself; never on standard output where that is data.
    pub(crate) fn notice(&mut self, text: &str) -> Result<(), Error> {
        let text = format!("-- {}", sanitise::line(text));
        match self {
            Screen::Plain => output::line(&text),
            Screen::Live(live) => live.line(&paint(&text, Tone::Warn)),
            Screen::Json => {
                eprintln!("{text}");
                Ok(())
            }
            Screen::Silent => Ok(()),
        }
    }

    /// Takes up what only the execution knows, such as its next deadline.
    pub(crate) fn status(&mut self, execution: &Execution) {
        if let Screen::Live(live) = self {
            live.status(execution);
        }
    }

    /// Moves the clocks; to be called several times a second.
    pub(crate) fn tick(&mut self) {
        if let Screen::Live(live) = self {
            live.tick();
        }
    }

    /// Whether anything moves between two events.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self, Screen::Live(_))
    }

    /// Shows how it ended, or what it waits for: message, evidence, what to do.
    pub(crate) fn closing(&mut self, execution: &Execution) -> Result<(), Error> {
        if let Screen::Live(live) = self {
            live.clear();
        }
        match self {
            Screen::Json | Screen::Silent => Ok(()),
            Screen::Plain | Screen::Live(_) => {
                verdict::lines(execution).iter().try_for_each(|text| output::line(text))
            }
        }
    }
}

/// What is followed, in one line.
fn title(execution: &Execution) -> String {
    let Execution { id, kind, name, queue, .. } = execution;
    format!("{kind} {id} '{}' on queue {queue}", sanitise::line(name))
}

/// `21:43:01.123Z    17  log            message`: one line, always in this shape.
fn plain(event: &Event) -> String {
    let Line { label, text, tone } = describe(event);
    let time = clock(event.time);
    let line = format!("{time} {:>5}  {label:<14} {}", event.seq, sanitise::line(&text));
    paint(line.trim_end(), tone)
}

/// The time of day, UTC, to the millisecond.
fn clock(time: Timestamp) -> String {
    let full = time.to_string();
    // `2026-01-02T03:04:05.000006Z`, always.
    full.get(11..23).map_or(full.clone(), |time| format!("{time}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_is_one_line_in_one_shape() {
        let raw = r#"{"seq":7,"prev":6,"execution_id":"aex_1","attempt":1,
            "time":"2026-01-02T03:04:05.678906Z","type":"CUSTOM",
            "data":{"name":"log","value":{"level":"error","message":"a\nb\u001b[2J","stream":"stderr"}}}"#;
        let event = Event::parse(raw).unwrap();
        assert_eq!(plain(&event), "03:04:05.678Z     7  log            error: a\\nb\\u{1b}[2J");
    }
}
