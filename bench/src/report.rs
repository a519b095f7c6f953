//! What a run found: one row per figure, for people line by line and for programs as one object.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::latency::Quantiles;

/// The findings of one workload.
#[derive(Debug)]
pub(crate) struct Report {
    title: String,
    rows: Vec<Row>,
    targets: Vec<Target>,
    failures: Vec<String>,
}

#[derive(Debug)]
struct Row {
    key: &'static str,
    text: String,
    value: Value,
}

/// Which side of a bound is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Good {
    /// More is better.
    AtLeast,
    /// Less is better.
    AtMost,
}

/// What a figure is measured by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bounds {
    /// What it must reach and what it should.
    Both { must: f64, aim: f64 },
    /// What it must reach.
    Must(f64),
    /// What it should reach.
    Aim(f64),
}

/// A figure to reach.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Target {
    figure: String,
    measured: f64,
    unit: &'static str,
    at_least: bool,
    must: Option<Bound>,
    aim: Option<Bound>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Bound {
    bound: f64,
    reached: bool,
}

impl Report {
    /// An empty report of `workload`.
    pub(crate) fn new(workload: &'static str, what: &str) -> Self {
        let mut report = Self {
            title: format!("{workload}: {what}"),
            rows: Vec::new(),
            targets: Vec::new(),
            failures: Vec::new(),
        };
        report.rows.push(Row { key: "workload", text: String::new(), value: json!(workload) });
        report
    }

    /// Adds a figure: `text` for people, `value` for programs.
    pub(crate) fn row(
        &mut self,
        key: &'static str,
        text: impl Into<String>,
        value: impl Serialize,
    ) {
        let value = serde_json::to_value(value).expect("figures are plain JSON");
        self.rows.push(Row { key, text: text.into(), value });
    }

    /// Adds a distribution.
    pub(crate) fn latency(&mut self, key: &'static str, quantiles: Quantiles) {
        self.row(key, quantiles.text(), quantiles);
    }

    /// Adds a figure to reach and whether it was.
    pub(crate) fn target(
        &mut self,
        figure: &str,
        (measured, unit): (f64, &'static str),
        good: Good,
        bounds: Bounds,
    ) {
        let judged = |bound: Option<f64>| {
            let reached = |bound| match good {
                Good::AtLeast => measured >= bound,
                Good::AtMost => measured <= bound,
            };
            bound.map(|bound| Bound { bound, reached: reached(bound) })
        };
        let (must, aim) = match bounds {
            Bounds::Both { must, aim } => (Some(must), Some(aim)),
            Bounds::Must(must) => (Some(must), None),
            Bounds::Aim(aim) => (None, Some(aim)),
        };
        self.targets.push(Target {
            figure: figure.to_owned(),
            measured,
            unit,
            at_least: good == Good::AtLeast,
            must: judged(must),
            aim: judged(aim),
        });
    }

    /// Adds something that makes the run worthless: an error, an event missing.
    pub(crate) fn fail(&mut self, why: impl Into<String>) {
        self.failures.push(why.into());
    }

    /// Whether the run counts.
    pub(crate) fn sound(&self) -> bool {
        self.failures.is_empty()
    }

    /// The lines for people.
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![String::new(), self.title.clone()];
        let rows = self.rows.iter().filter(|row| !row.text.is_empty());
        let width = rows.clone().map(|row| row.key.len()).max().unwrap_or(0);
        lines.extend(rows.map(|row| {
            let indent = format!("\n{:1$}", "", width + 4);
            format!("  {:width$}  {}", row.key.replace('_', " "), row.text.replace('\n', &indent))
        }));
        lines.extend(self.targets.iter().map(|target| format!("  {}", target.text())));
        lines.extend(self.failures.iter().map(|why| format!("  FAILED: {why}")));
        lines.join("\n")
    }

    /// The lines that say which figures were reached, for a summary of several runs.
    pub(crate) fn summary(&self) -> Vec<String> {
        let failed = self.failures.iter().map(|why| format!("{}: FAILED: {why}", self.title));
        self.targets.iter().map(Target::text).chain(failed).collect()
    }

    /// The object for programs.
    pub(crate) fn json(&self) -> Value {
        let mut object: Map<String, Value> =
            self.rows.iter().map(|row| (row.key.to_owned(), row.value.clone())).collect();
        object.insert("targets".to_owned(), json!(self.targets));
        object.insert("failures".to_owned(), json!(self.failures));
        Value::Object(object)
    }
}

impl Target {
    fn text(&self) -> String {
        let mut text = format!("{}: {} {}", self.figure, figure(self.measured), self.unit);
        for (name, bound) in [("must", self.must), ("aim", self.aim)] {
            if let Some(Bound { bound, reached }) = bound {
                let sign = if self.at_least { '≥' } else { '≤' };
                let word = if reached { "reached" } else { "MISSED" };
                text += &format!("; {name} {sign} {}: {word}", figure(bound));
            }
        }
        text
    }
}

/// A number with thousands separated, and decimals only where they matter.
pub(crate) fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        for (value, text) in [
            (0.0, "0"),
            (1.536, "1.54"),
            (40.0, "40"),
            (999.6, "1,000"),
            (1_234_567.0, "1,234,567"),
            (-1234.0, "-1,234"),
        ] {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn a_target_knows_its_good_side() {
        let mut report = Report::new("ingest", "a test");
        let both = |must, aim| Bounds::Both { must, aim };
        report.target("a", (50_000.0, "acks/s"), Good::AtLeast, both(40_000.0, 60_000.0));
        report.target("b", (2.5, "×"), Good::AtMost, both(3.0, 2.0));
        for target in &report.targets {
            let reached = |bound: Option<Bound>| bound.unwrap().reached;
            assert!(reached(target.must) && !reached(target.aim), "{target:?}");
        }
        let text = report.targets[1].text();
        assert_eq!(text, "b: 2.5 ×; must ≤ 3: reached; aim ≤ 2: MISSED");
    }

    #[test]
    fn a_failure_makes_the_run_worthless() {
        let mut report = Report::new("ingest", "a test");
        assert!(report.sound());
        report.fail("an event is missing");
        assert!(!report.sound());
        assert!(report.text().contains("FAILED: an event is missing"));
        assert_eq!(report.json()["failures"][0], "an event is missing");
    }
}
