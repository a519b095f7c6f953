//! The table on a screen, and as plain lines.

use heartline_execution::{Phase, Timestamp};
use ratatui::{
    Frame,
    layout::{Constraint, Layout},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Borders, Cell, Paragraph, Row, Table as Grid},
};

use super::table::Table;
use crate::cli::{
    output::{attempt, away, between},
    queues::Queue,
    sanitise,
    wire::Execution,
};

/// Queues shown at most; the busiest first.
const QUEUES: usize = 6;
/// Columns of an execution and of a queue, with their widths.
const HEADER: [(&str, Constraint); 8] = [
    ("PHASE", Constraint::Length(12)),
    ("NAME", Constraint::Fill(2)),
    ("QUEUE", Constraint::Fill(1)),
    ("TRY", Constraint::Length(5)),
    ("AGE", Constraint::Length(9)),
    ("PROGRESS", Constraint::Length(14)),
    ("NEXT", Constraint::Fill(2)),
    ("ID", Constraint::Length(36)),
];
const QUEUE_HEADER: [(&str, Constraint); 5] = [
    ("QUEUE", Constraint::Fill(1)),
    ("WAITING", Constraint::Length(8)),
    ("RUNNING", Constraint::Length(8)),
    ("RUNNERS", Constraint::Length(8)),
    ("", Constraint::Fill(3)),
];

/// Draws all of it.
pub(super) fn screen(frame: &mut Frame<'_>, table: &Table, now: Timestamp) {
    let queues = busiest(table);
    let heights = [
        Constraint::Length(1),
        Constraint::Length(if queues.is_empty() { 0 } else { queues.len() as u16 + 2 }),
        Constraint::Fill(1),
        Constraint::Length(1),
    ];
    let [title, above, middle, below] = Layout::vertical(heights).areas(frame.area());
    frame.render_widget(Paragraph::new(counts(table)), title);
    if !queues.is_empty() {
        let rows = queues.iter().map(|queue| Row::new(queue_cells(queue)));
        let grid = Grid::new(rows, QUEUE_HEADER.map(|(_, width)| width))
            .header(header(QUEUE_HEADER.map(|(name, _)| name)))
            .block(Block::new().borders(Borders::BOTTOM));
        frame.render_widget(grid, above);
    }
    let rows = table.sorted().into_iter().skip(table.offset).map(|execution| {
        let mut cells = cells(execution, now).map(Cell::from);
        cells[0] = std::mem::take(&mut cells[0]).style(phase_style(execution.phase));
        Row::new(cells)
    });
    let grid = Grid::new(rows, HEADER.map(|(_, width)| width))
        .header(header(HEADER.map(|(name, _)| name)));
    frame.render_widget(grid, middle);
    let foot = match &table.lost {
        Some(why) => {
            let text = format!("connection lost, trying again: {}", sanitise::line(why));
            Line::styled(text, Style::new().fg(Color::Black).bg(Color::Yellow))
        }
        None => Line::styled("q ends  ↑↓ scroll", Style::new().add_modifier(Modifier::DIM)),
    };
    frame.render_widget(Paragraph::new(foot), below);
}

fn header<const N: usize>(names: [&'static str; N]) -> Row<'static> {
    Row::new(names).style(Style::new().add_modifier(Modifier::BOLD))
}

fn busiest(table: &Table) -> Vec<&Queue> {
    let mut queues: Vec<&Queue> = table
        .figures
        .queues
        .iter()
        .filter(|q| q.depth + q.in_progress + q.runners_live > 0)
        .collect();
    queues.sort_by_key(|queue| std::cmp::Reverse((queue.depth, queue.in_progress)));
    queues.truncate(QUEUES);
    queues
}

fn counts(table: &Table) -> Line<'static> {
    let mut spans = vec![Span::styled("heartline  ", Style::new().add_modifier(Modifier::BOLD))];
    for (phase, count) in table.counts() {
        spans.push(Span::styled(format!("{count}  "), phase_style(phase)));
    }
    Line::from(spans)
}

/// Colour only adds to the word.
fn phase_style(phase: Phase) -> Style {
    Style::new().fg(match phase {
        Phase::Pending => Color::Reset,
        Phase::InProgress => Color::Cyan,
        Phase::Waiting => Color::Yellow,
        Phase::Completed => Color::Green,
        Phase::Failed => Color::Red,
        Phase::Cancelled => Color::Magenta,
    })
}

fn queue_cells(queue: &Queue) -> [String; 5] {
    let ready = queue.dispatch.verdict == "ready" || queue.depth == 0;
    [
        sanitise::line(&queue.queue).into_owned(),
        queue.depth.to_string(),
        queue.in_progress.to_string(),
        queue.runners_live.to_string(),
        if ready { String::new() } else { sanitise::line(&queue.dispatch.message).into_owned() },
    ]
}

fn cells(execution: &Execution, now: Timestamp) -> [String; 8] {
    let end = execution.finished_at.unwrap_or(now);
    [
        execution.phase.as_str().to_owned(),
        sanitise::line(&execution.name).into_owned(),
        sanitise::line(&execution.queue).into_owned(),
        attempt(execution.attempt, execution.max_attempts),
        between(execution.created_at, end),
        progress(execution),
        next(execution, now),
        execution.id.clone(),
    ]
}

/// A bar of ten, and the share.
fn progress(execution: &Execution) -> String {
    let fraction = execution.progress.as_ref().and_then(|progress| progress.fraction);
    let Some(fraction) = fraction.filter(|f| (0.0..=1.0).contains(f)) else {
        return String::new();
    };
    let full = (fraction * 8.0).round() as usize;
    format!("{}{} {:>3.0}%", "█".repeat(full), "·".repeat(8 - full), fraction * 100.0)
}

/// Why it ended, what it waits for, or what runs out next.
fn next(execution: &Execution, now: Timestamp) -> String {
    if execution.phase.is_terminal() {
        return execution.reason.clone().unwrap_or_default();
    }
    if let Some(prompt) = execution.waiting.as_ref().and_then(|waiting| waiting.prompt.as_deref()) {
        return format!("asks: {}", sanitise::line(prompt));
    }
    execution.deadline.as_ref().map_or(String::new(), |deadline| {
        format!("{} {}", deadline.kind.replace('_', " "), away(deadline.at, now))
    })
}

/// The same as lines, with two blanks between the columns.
pub(super) fn plain(table: &Table, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    let counts: Vec<String> = table.counts().into_iter().map(|(_, count)| count).collect();
    lines.push(counts.join("  "));
    let grid = |header: Vec<String>, rows: Vec<Vec<String>>| {
        let all: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
        let wide =
            |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..all[0].len()).map(wide).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        all.iter().map(line).collect::<Vec<_>>()
    };
    let names =
        |header: &[(&str, Constraint)]| header.iter().map(|(name, _)| (*name).to_owned()).collect();
    let queues = busiest(table);
    if !queues.is_empty() {
        let rows = queues.into_iter().map(|queue| queue_cells(queue).to_vec());
        lines.extend(grid(names(&QUEUE_HEADER), rows.collect()));
    }
    let rows = table.sorted().into_iter().map(|execution| cells(execution, now).to_vec());
    lines.extend(grid(names(&HEADER), rows.collect()));
    lines
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::cli::top::{feed::Told, table::Counted};

    /// As many of that phase, beside those that are shown.
    fn counted(phase: Phase, n: u64, exact: bool) -> Counted {
        Counted { counts: [(phase, n)].into(), exact }
    }

    fn shown(table: &Table) -> String {
        let mut terminal = Terminal::new(TestBackend::new(140, 12)).unwrap();
        let now = Timestamp(1_767_323_045_000_000);
        terminal.draw(|frame| screen(frame, table, now)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_screen_shows_what_is_known_and_that_the_connection_is_lost() {
        let mut table = Table::default();
        let mut execution = crate::cli::example::execution("in_progress", None);
        execution.name = "evil\u{1b}[31m".to_owned();
        execution.progress =
            Some(crate::cli::wire::Progress { fraction: Some(0.5), ..Default::default() });
        table.apply(Told::Row(Box::new(execution)));
        table.figures.counted = counted(Phase::InProgress, 4_000, true);
        let screen = shown(&table);
        assert!(screen.contains("in_progress 4000 ") && screen.contains(" 50%"), "{screen}");
        assert!(!screen.contains('\u{1b}'), "{screen}");
        assert!(screen.contains("q ends"));
        table.apply(Told::Lost("the server stops".to_owned()));
        assert!(shown(&table).contains("connection lost"));
    }

    #[test]
    fn plain_lines_say_the_same() {
        let mut table = Table::default();
        table.apply(Told::Row(Box::new(crate::cli::example::execution(
            "failed",
            Some("heartbeat_timeout"),
        ))));
        table.figures.counted = counted(Phase::Failed, 7, false);
        let lines = plain(&table, Timestamp(1_767_323_045_000_000));
        assert_eq!(lines[0], "failed 7+");
        assert!(lines.iter().any(|line| line.contains("heartbeat_timeout")), "{lines:?}");
    }
}
