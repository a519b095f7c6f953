//! Printing: formats, colour, tables and spans of time.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::OnceLock,
    time::Duration,
};

use heartline_execution::{Span, Timestamp};
use serde_json::value::RawValue;

use super::{error::Error, sanitise};

/// `-o`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document; where there is no end, the same as jsonl.
    Json,
    /// One JSON object a line.
    Jsonl,
}

/// Prints a line on standard output.
///
/// # Errors
/// [`Error::OutputClosed`] once nobody reads it any more.
pub(crate) fn line(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n"));
    written.and_then(|()| out.flush()).map_err(|source| match source.kind() {
        io::ErrorKind::BrokenPipe => Error::OutputClosed,
        _ => Error::io("cannot write to standard output", source),
    })
}

/// Prints JSON that the server sent: pretty for `json`, as it came for `jsonl`.
pub(crate) fn json(format: Format, body: &str) -> Result<(), Error> {
    if format == Format::Json
        && let Ok(value) = serde_json::from_str::<serde_json::Value>(body)
    {
        let pretty = serde_json::to_string_pretty(&value).expect("a value is plain JSON");
        return line(&sanitise::json(&pretty));
    }
    line(&sanitise::json(body))
}

/// Prints a reply that is a list under `key`: all of it, or an item a line.
pub(crate) fn json_list(format: Format, body: &str, key: &str) -> Result<(), Error> {
    if format == Format::Jsonl
        && let Ok(mut object) =
            serde_json::from_str::<std::collections::HashMap<String, Box<RawValue>>>(body)
        && let Some(list) = object.remove(key)
        && let Ok(items) = serde_json::from_str::<Vec<Box<RawValue>>>(list.get())
    {
        return items.iter().try_for_each(|item| json(format, item.get()));
    }
    json(format, body)
}

/// How a piece of text is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Ordinary.
    #[default]
    Plain,
    /// Less important than the rest.
    Dim,
    /// A heading or a name.
    Strong,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Wrong.
    Bad,
    /// Set apart from ordinary text.
    Accent,
}

impl Tone {
    const fn code(self) -> Option<&'static str> {
        match self {
            Tone::Plain => None,
            Tone::Dim => Some("2"),
            Tone::Strong => Some("1"),
            Tone::Good => Some("32"),
            Tone::Warn => Some("33"),
            Tone::Bad => Some("31"),
            Tone::Accent => Some("36"),
        }
    }
}

/// Whether standard output is a person's screen.
pub(crate) fn is_terminal() -> bool {
    static TERMINAL: OnceLock<bool> = OnceLock::new();
    *TERMINAL.get_or_init(|| io::stdout().is_terminal())
}

fn colour() -> bool {
    static COLOUR: OnceLock<bool> = OnceLock::new();
    *COLOUR.get_or_init(|| {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        is_terminal() && !set("NO_COLOR") && !dumb
    })
}

/// `text` in the colour of its tone, where colours are wanted.
pub(crate) fn paint(text: &str, tone: Tone) -> String {
    match tone.code() {
        Some(code) if colour() && !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
        Some(_) | None => text.to_owned(),
    }
}

/// Left-aligned columns. Cells are made safe to print.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<(String, Tone)>>,
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        let header = header.iter().map(|name| ((*name).to_owned(), Tone::Strong)).collect();
        Self { rows: vec![header] }
    }

    /// Adds a row of as many cells as the header has.
    pub(crate) fn row<const N: usize>(&mut self, cells: [(String, Tone); N]) {
        self.rows.push(
            cells
                .into_iter()
                .map(|(text, tone)| (sanitise::line(&text).into_owned(), tone))
                .collect(),
        );
    }

    /// Whether it has no row but the header.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// The lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let columns = self.rows[0].len();
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().map(|row| width(&row[column].0)).max().unwrap_or(0))
            .collect();
        let cell = |(index, (text, tone)): (usize, &(String, Tone))| {
            let padding = if index + 1 == columns { 0 } else { widths[index] - width(text) };
            format!("{}{}", paint(text, *tone), " ".repeat(padding))
        };
        self.rows
            .iter()
            .map(|row| row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  "))
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    /// Prints it.
    pub(crate) fn print(&self) -> Result<(), Error> {
        self.lines().iter().try_for_each(|row| line(row))
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A cell of ordinary text.
pub(crate) fn cell(text: impl Into<String>) -> (String, Tone) {
    (text.into(), Tone::Plain)
}

/// The instant, by this machine's clock.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = since.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
    Timestamp(micros)
}

/// As precise as a person needs it: `0.4s`, `12.3s`, `4m10s`, `3h20m`, `5d4h`.
pub(crate) fn short(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", span.as_secs_f64()),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d{}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// Time from one instant to another.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> String {
    short(to.since(from).to_std())
}

/// How far away an instant is: `in 12.3s` or `0.4s ago`.
pub(crate) fn away(at: Timestamp, now: Timestamp) -> String {
    if at >= now { format!("in {}", between(now, at)) } else { format!("{} ago", between(at, now)) }
}

/// Which attempt it is, and of how many: `2/3`. An attempt that parked or came back unused was none
/// that failed, so there may be more of them than may fail; then the number alone.
pub(crate) fn attempt(number: u32, most: u32) -> String {
    if number > most { number.to_string() } else { format!("{number}/{most}") }
}

/// Reads a duration of the command line.
pub(crate) fn span(text: &str) -> Result<Span, String> {
    text.parse::<Span>().map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_cells_are_safe() {
        let mut table = Table::new(&["ID", "NAME"]);
        assert!(table.is_empty());
        table.row([cell("aex_1"), cell("a\x1b[31mb")]);
        table.row([cell("w"), cell("é")]);
        assert_eq!(table.lines(), ["ID     NAME", "aex_1  a\\u{1b}[31mb", "w      é"]);
    }

    #[test]
    fn an_attempt_is_never_one_of_fewer() {
        assert_eq!([attempt(0, 1), attempt(2, 2), attempt(3, 2)], ["0/1", "2/2", "3"]);
    }

    #[test]
    fn spans_are_as_precise_as_a_person_needs() {
        for (millis, text) in [
            (400, "0.4s"),
            (12_340, "12.3s"),
            (250_000, "4m10s"),
            (12_000_000, "3h20m"),
            (446_400_000, "5d4h"),
        ] {
            assert_eq!(short(Duration::from_millis(millis)), text);
        }
        let now = Timestamp(10_000_000);
        assert_eq!(away(Timestamp(12_000_000), now), "in 2.0s");
        assert_eq!(away(Timestamp(9_600_000), now), "0.4s ago");
    }
}
