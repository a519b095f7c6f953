//! What an operator sets on a queue: whether it is paused, and its limits. Checked here once, where
//! it comes in; who keeps to it is the dispatch.

use serde::{Deserialize, Serialize};

use crate::{content::FieldError, time::Timestamp};

/// The most executions a limit can let be in progress; no limit says more.
pub const MAX_IN_PROGRESS: u32 = 1_000_000;
/// The span of rates, in claims a second: from about one a day to more than a server claims.
pub const PER_SECOND: std::ops::RangeInclusive<f64> = 0.000_01..=100_000.0;
/// The most claims that may come at once after a quiet time.
pub const MAX_BURST: u32 = 100_000;
/// The most bytes of why a queue is paused.
pub const MAX_REASON: usize = 1_024;
/// The most bytes of who paused it.
pub const MAX_BY: usize = 256;

/// Claims at most so fast: a bucket of tokens that holds `burst` and fills with `per_second`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Within [`PER_SECOND`].
    pub per_second: f64,
    /// From 1 to [`MAX_BURST`].
    pub burst: u32,
}

impl Rate {
    /// What comes at once unless said: what a second brings, and one at least.
    pub fn default_burst(per_second: f64) -> u32 {
        // A cast saturates, and the bounds are checked apart.
        (per_second.ceil() as u32).clamp(1, MAX_BURST)
    }

    fn validate(&self, pointer: &str) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut wrong = |field: &str, message: String| {
            errors.push(FieldError { pointer: format!("{pointer}/{field}"), message });
        };
        if !PER_SECOND.contains(&self.per_second) {
            let (low, high) = (PER_SECOND.start(), PER_SECOND.end());
            wrong("per_second", format!("a rate is between {low} and {high} claims a second"));
        }
        if !(1..=MAX_BURST).contains(&self.burst) {
            wrong("burst", format!("a burst is between 1 and {MAX_BURST} claims"));
        }
        errors
    }
}

impl std::fmt::Display for Rate {
    /// `10 a second, at most 20 at once`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} a second, at most {} at once", self.per_second, self.burst)
    }
}

/// Since when a queue gives nothing out, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pause {
    /// When it began.
    pub since: Timestamp,
    /// Who did it, in their own words.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// How much of a queue may be in progress, and how fast it may be claimed. None means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueLimits {
    /// Leased at once, claims under way included; from 1 to [`MAX_IN_PROGRESS`].
    pub max_in_progress: Option<u32>,
    /// Claims of the queue.
    pub rate: Option<Rate>,
    /// As `max_in_progress`, of each concurrency key.
    pub key_max_in_progress: Option<u32>,
    /// As `rate`, of each concurrency key.
    pub key_rate: Option<Rate>,
}

/// All that is set on a queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueSettings {
    /// Whether it gives nothing out.
    pub pause: Option<Pause>,
    /// Its limits.
    pub limits: QueueLimits,
}

impl QueueSettings {
    /// Whether nothing is set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A change: what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueuePatch {
    /// Pause or resume.
    pub paused: Option<bool>,
    /// Who pauses; goes with `paused: true`.
    pub by: Option<String>,
    /// Why; goes with `paused: true`.
    pub reason: Option<String>,
    /// See [`QueueLimits`].
    pub max_in_progress: Option<Option<u32>>,
    /// See [`QueueLimits`].
    pub rate: Option<Option<Rate>>,
    /// See [`QueueLimits`].
    pub key_max_in_progress: Option<Option<u32>>,
    /// See [`QueueLimits`].
    pub key_rate: Option<Option<Rate>>,
}

impl QueuePatch {
    /// Every rule it breaks, each with its JSON pointer.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for (field, limit) in [
            ("max_in_progress", self.max_in_progress),
            ("key_max_in_progress", self.key_max_in_progress),
        ] {
            if limit.flatten().is_some_and(|limit| !(1..=MAX_IN_PROGRESS).contains(&limit)) {
                errors.push(FieldError {
                    pointer: format!("/{field}"),
                    message: format!(
                        "a limit is between 1 and {MAX_IN_PROGRESS}, or null for none; \
                         \"paused\": true lets nothing through"
                    ),
                });
            }
        }
        for (pointer, rate) in [("/rate", self.rate), ("/key_rate", self.key_rate)] {
            errors.extend(rate.flatten().iter().flat_map(|rate| rate.validate(pointer)));
        }
        for (pointer, text, max) in
            [("/by", &self.by, MAX_BY), ("/reason", &self.reason, MAX_REASON)]
        {
            let Some(text) = text else { continue };
            let mut wrong = |message: String| {
                errors.push(FieldError { pointer: pointer.to_owned(), message });
            };
            if self.paused != Some(true) {
                wrong("goes with \"paused\": true only".to_owned());
            } else if text.is_empty() || text.len() > max {
                wrong(format!("has 1 to {max} bytes"));
            } else if text.chars().any(char::is_control) {
                wrong("has no control characters".to_owned());
            }
        }
        errors
    }

    /// The settings after it. Pausing what is paused keeps its beginning.
    pub fn apply(&self, settings: &mut QueueSettings, now: Timestamp) {
        let Self { paused, by, reason, max_in_progress, rate, key_max_in_progress, key_rate } =
            self;
        match paused {
            Some(true) => {
                let fresh = || Pause { since: now, by: None, reason: None };
                let pause = settings.pause.get_or_insert_with(fresh);
                pause.by = by.clone().or(pause.by.take());
                pause.reason = reason.clone().or(pause.reason.take());
            }
            Some(false) => settings.pause = None,
            None => {}
        }
        let limits = &mut settings.limits;
        limits.max_in_progress = max_in_progress.unwrap_or(limits.max_in_progress);
        limits.rate = rate.unwrap_or(limits.rate);
        limits.key_max_in_progress = key_max_in_progress.unwrap_or(limits.key_max_in_progress);
        limits.key_rate = key_rate.unwrap_or(limits.key_rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_changes_what_it_names_and_null_takes_a_limit_away() {
        let mut settings = QueueSettings::default();
        let rate = Rate { per_second: 10.0, burst: 10 };
        let patch = QueuePatch {
            paused: Some(true),
            by: Some("ann".to_owned()),
            max_in_progress: Some(Some(3)),
            rate: Some(Some(rate)),
            ..QueuePatch::default()
        };
        assert_eq!(patch.validate(), []);
        patch.apply(&mut settings, Timestamp(5));
        let again = QueuePatch {
            paused: Some(true),
            reason: Some("deploy".to_owned()),
            rate: Some(None),
            ..QueuePatch::default()
        };
        again.apply(&mut settings, Timestamp(9));
        let pause = settings.pause.clone().unwrap();
        assert_eq!((pause.since, pause.by.as_deref()), (Timestamp(5), Some("ann")));
        assert_eq!(pause.reason.as_deref(), Some("deploy"));
        assert_eq!((settings.limits.max_in_progress, settings.limits.rate), (Some(3), None));
        let end = QueuePatch {
            paused: Some(false),
            max_in_progress: Some(None),
            ..QueuePatch::default()
        };
        end.apply(&mut settings, Timestamp(9));
        assert!(settings.is_default());
    }

    #[test]
    fn bounds_are_named_with_their_place() {
        let rate = |per_second, burst| Some(Some(Rate { per_second, burst }));
        let patch = QueuePatch {
            max_in_progress: Some(Some(0)),
            key_max_in_progress: Some(Some(MAX_IN_PROGRESS + 1)),
            rate: rate(0.0, 0),
            key_rate: rate(f64::NAN, 1),
            reason: Some("x".to_owned()),
            ..QueuePatch::default()
        };
        let pointers: Vec<_> = patch.validate().into_iter().map(|e| e.pointer).collect();
        assert_eq!(
            pointers,
            [
                "/max_in_progress",
                "/key_max_in_progress",
                "/rate/per_second",
                "/rate/burst",
                "/key_rate/per_second",
                "/reason"
            ]
        );
    }

    #[test]
    fn a_burst_is_a_second_s_worth_unless_said() {
        assert_eq!(Rate::default_burst(0.5), 1);
        assert_eq!(Rate::default_burst(10.2), 11);
        assert_eq!(Rate::default_burst(1e12), MAX_BURST);
    }
}
