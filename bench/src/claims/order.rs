//! Whether priorities were kept: nothing was leased while something of a higher priority could have
//! been, by the times in the logs.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;

use crate::report::{Report, figure};

/// Times in logs are those of decisions that several runners cause at once, so that what happens
/// this close together may be seen in either order, or further apart where claims took longer.
const SLACK: Duration = Duration::from_millis(50);
/// Of something that never happened.
const NEVER: i64 = i64::MAX;

/// What an execution asks of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) priority: usize,
    pub(super) key: usize,
}

impl Asked {
    /// Of the nth execution: scattered, and always the same.
    pub(super) fn nth(nth: usize, priorities: usize, keys: usize) -> Self {
        let scattered = |salt: u64| {
            let mut value = (nth as u64 ^ salt).wrapping_add(0x9e37_79b9_7f4a_7c15);
            value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((value ^ (value >> 31)) >> 32).unwrap_or_default()
        };
        Self { priority: scattered(0) % priorities, key: scattered(1 << 40) % keys }
    }
}

/// Who ran when.
#[derive(Debug)]
pub(super) struct Order {
    /// One execution of a key at a time.
    limited: bool,
    /// Microseconds.
    slack: i64,
    ran: Vec<Ran>,
}

#[derive(Clone, Copy, Debug)]
struct Ran {
    asked: Asked,
    started: i64,
    ended: i64,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    leases: usize,
    /// Leases of less than the highest priority there was: those that say something.
    told: usize,
    /// Leases while something of a higher priority could have been had.
    overtaken: usize,
    /// Executions of a key that ran beside another one of it.
    beside: usize,
    /// How long something must have been there to be had, before and after; microseconds.
    slack: i64,
}

impl Order {
    /// `never` are those that were not leased. What has been chosen may be on its way for as long
    /// as the longest claim took, and others start meanwhile.
    pub(super) fn new(
        never: impl Iterator<Item = Asked>,
        limited: bool,
        longest: Duration,
    ) -> Self {
        let slack = i64::try_from(SLACK.max(longest).as_micros()).unwrap_or(i64::MAX / 2);
        let ran = never.map(|asked| Ran { asked, started: NEVER, ended: NEVER }).collect();
        Self { limited, slack, ran }
    }

    /// One that was leased, and when; without an end it is at work still.
    pub(super) fn ran(
        &mut self,
        asked: Asked,
        started: &str,
        ended: Option<&str>,
    ) -> Result<(), String> {
        let micros = |text: &str| {
            let time: Timestamp = text.parse().map_err(|error| format!("{text}: {error}"))?;
            Ok::<i64, String>(time.as_microsecond())
        };
        let ended = ended.map_or(Ok(NEVER), micros)?;
        self.ran.push(Ran { asked, started: micros(started)?, ended });
        Ok(())
    }

    /// Looks at every lease.
    pub(super) fn check(mut self) -> Found {
        self.ran.sort_by_key(|ran| (ran.asked.priority, ran.started));
        let top = self.ran.last().map_or(0, |ran| ran.asked.priority);
        let mut of_key: HashMap<usize, Vec<(i64, i64)>> = HashMap::new();
        for ran in self.ran.iter().filter(|ran| self.limited && ran.started != NEVER) {
            of_key.entry(ran.asked.key).or_default().push((ran.started, ran.ended));
        }
        let mut found = Found { leases: 0, told: 0, overtaken: 0, beside: 0, slack: self.slack };
        for times in of_key.values_mut() {
            times.sort_unstable();
            found.beside += times.windows(2).filter(|pair| pair[1].0 < pair[0].1).count();
        }
        for ran in self.ran.iter().filter(|ran| ran.started != NEVER) {
            found.leases += 1;
            found.told += usize::from(ran.asked.priority < top);
            let (from, to) = (ran.started - self.slack, ran.started + self.slack);
            let free = |key| {
                let times = of_key.get(&key);
                times.is_none_or(|times| times.iter().all(|&(at, end)| end < from || at > to))
            };
            // From the highest down, in each those that started last first.
            let mut higher = (self.ran.iter().rev())
                .take_while(|other| other.asked.priority > ran.asked.priority);
            let could = higher.any(|other| other.started > to && free(other.asked.key));
            found.overtaken += usize::from(could);
        }
        found
    }
}

impl Found {
    /// Adds it; anything that was overtaken makes the run worthless.
    pub(super) fn report(&self, report: &mut Report) {
        let Self { leases, told, overtaken, beside, slack } = *self;
        report.row(
            "priorities",
            format!(
                "{} leases, {} of them below the highest priority; {overtaken} while something \
                 higher could be had for {} ms before and after; {beside} beside another of its key",
                figure(leases as f64),
                figure(told as f64),
                slack / 1_000
            ),
            serde_json::json!({
                "leases": leases, "below_highest": told, "overtaken": overtaken, "beside": beside,
                "slack_us": slack,
            }),
        );
        if overtaken > 0 {
            report.fail(format!("{overtaken} leases overtook something of a higher priority"));
        }
        if beside > 0 {
            report.fail(format!("{beside} executions ran beside another one of their key"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> String {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap().to_string()
    }

    /// (priority, key, started, ended), and those that were never leased.
    fn found(ran: &[(usize, usize, i64, i64)], never: &[(usize, usize)], limited: bool) -> Found {
        let never = never.iter().map(|&(priority, key)| Asked { priority, key });
        let mut order = Order::new(never, limited, Duration::ZERO);
        for &(priority, key, started, ended) in ran {
            order.ran(Asked { priority, key }, &at(started), Some(&at(ended))).unwrap();
        }
        order.check()
    }

    #[test]
    fn the_highest_first_is_in_order() {
        let ran = [(3, 1, 1, 2), (3, 2, 2, 3), (2, 3, 3, 4), (1, 4, 4, 5)];
        let found = found(&ran, &[(0, 9), (1, 8)], true);
        let slack = 50_000;
        assert_eq!(found, Found { leases: 4, told: 2, overtaken: 0, beside: 0, slack });
    }

    #[test]
    fn a_lower_one_before_a_higher_one_is_noticed() {
        assert_eq!(found(&[(1, 1, 1, 2), (3, 2, 2, 3)], &[], true).overtaken, 1);
        assert_eq!(found(&[(1, 1, 1, 2)], &[(3, 2)], false).overtaken, 1);
    }

    #[test]
    fn one_whose_key_was_taken_could_not_be_had() {
        let ran = [(3, 7, 1, 5), (1, 1, 3, 4), (3, 7, 6, 7)];
        assert_eq!(found(&ran, &[], true).overtaken, 0);
        assert_eq!(found(&ran, &[], false).overtaken, 1, "without a limit it could");
    }

    #[test]
    fn two_of_a_key_at_once_are_noticed() {
        let ran = [(3, 7, 1, 5), (3, 7, 4, 6)];
        assert_eq!((found(&ran, &[], true).beside, found(&ran, &[], false).beside), (1, 0));
    }

    #[test]
    fn what_is_asked_is_scattered_over_all() {
        let mut priorities = [0; 20];
        for nth in 0..20_000 {
            priorities[Asked::nth(nth, 20, 500).priority] += 1;
            assert!(Asked::nth(nth, 20, 500).key < 500);
        }
        assert!(priorities.iter().all(|count| (800..1_200).contains(count)), "{priorities:?}");
    }
}
