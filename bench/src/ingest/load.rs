//! The load itself: one thread, one epoll, one request in flight per producer.

use std::time::{Duration, Instant};

use super::{
    line::{Answer, Line},
    log::Log,
};
use crate::{
    error::{Error, Result},
    lab::Reading,
    latency::Latency,
    report::Report,
};

/// How long no producer may get an answer before the run is given up.
const STALL: Duration = Duration::from_secs(30);
/// The clock is looked at at least this often.
const TICK: Duration = Duration::from_millis(50);
/// Refusals told in full, and refusals after which a run makes no sense.
const ERRORS_SHOWN: usize = 5;
const ERRORS_BORNE: usize = 1_000;

/// How much load, for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) producers: usize,
    pub(super) warmup: u64,
    pub(super) seconds: u64,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Finding {
    /// From sending a request to having read its acknowledgement.
    pub(super) latency: Latency,
    /// Length of the measured time.
    pub(super) seconds: f64,
    /// At its beginning.
    pub(super) before: Reading,
    /// At its end.
    pub(super) after: Reading,
    errors: Vec<String>,
    errors_in_all: usize,
}

/// Where a run stands.
enum Stage {
    WarmingUp,
    Measuring(Instant, Reading),
    Draining,
}

impl Finding {
    /// Per second of the measured time, `each` for one acknowledgement.
    #[allow(clippy::cast_precision_loss)] // Counts of a short run.
    pub(super) fn per_second(&self, each: usize) -> f64 {
        (self.latency.count() * each as u64) as f64 / self.seconds
    }

    /// Requests that were refused make a run worthless.
    pub(super) fn report_errors(&self, key: &'static str, report: &mut Report) {
        report.row(key, self.errors_in_all.to_string(), self.errors_in_all);
        for error in &self.errors {
            report.fail(error);
        }
    }
}

/// Loads the server that `line` leads to: producer n writes logs n, n + producers, … in turn.
pub(super) fn run(
    mut line: impl Line,
    logs: &mut [Log],
    plan: &Plan,
    reading: impl Fn() -> Result<Reading>,
) -> Result<Finding> {
    let mut current: Vec<usize> = (0..plan.producers).collect();
    for (producer, &log) in current.iter().enumerate() {
        line.send(producer, logs[log].next_request())?;
    }
    line.flush()?;
    let warm = Instant::now() + Duration::from_secs(plan.warmup);
    let measured = Duration::from_secs(plan.seconds);
    let mut stage = Stage::WarmingUp;
    let mut finding = None;
    let mut latency = Latency::new();
    let mut errors = Errors::default();
    let mut last_answer = Instant::now();
    let (mut ready, mut answers) = (Vec::new(), Vec::new());
    while line.in_flight() > 0 {
        line.wait(TICK, &mut ready)?;
        let now = Instant::now();
        match stage {
            Stage::WarmingUp if now >= warm => stage = Stage::Measuring(now, reading()?),
            Stage::Measuring(from, before) if now >= from + measured => {
                finding = Some((now.duration_since(from), before, reading()?));
                stage = Stage::Draining;
            }
            Stage::WarmingUp | Stage::Measuring(..) | Stage::Draining => {}
        }
        if !ready.is_empty() {
            last_answer = now;
        } else if now.duration_since(last_answer) > STALL {
            return Err(Error::TimedOut { what: "acks".to_owned(), seconds: STALL.as_secs() });
        }
        for &ready in &ready {
            line.receive(ready, &mut answers)?;
            for Answer { producer, took, outcome } in answers.drain(..) {
                let log = &mut logs[current[producer]];
                match outcome {
                    Ok(seq) => {
                        if matches!(stage, Stage::Measuring(..)) {
                            latency.record(took);
                        }
                        log.acknowledge(seq);
                    }
                    Err(error) => {
                        log.give_up();
                        errors.add(error)?;
                    }
                }
                if !matches!(stage, Stage::Draining) {
                    let next = current[producer] + plan.producers;
                    current[producer] = if next < logs.len() { next } else { producer };
                    line.send(producer, logs[current[producer]].next_request())?;
                }
            }
            line.flush()?;
        }
    }
    let (length, before, after) = finding.expect("draining begins only after measuring");
    let seconds = length.as_secs_f64();
    let Errors { shown: errors, in_all: errors_in_all } = errors;
    Ok(Finding { latency, seconds, before, after, errors, errors_in_all })
}

#[derive(Default)]
struct Errors {
    shown: Vec<String>,
    in_all: usize,
}

impl Errors {
    /// An error itself when there are too many.
    fn add(&mut self, error: Error) -> Result<()> {
        self.in_all += 1;
        if self.in_all > ERRORS_BORNE {
            return Err(error);
        }
        if self.shown.len() < ERRORS_SHOWN {
            self.shown.push(error.to_string());
        }
        Ok(())
    }
}
