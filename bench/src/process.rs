//! What a process costs: processor time and memory, from `/proc`.

use std::{
    fs,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

use crate::error::{Doing, Error, Result};

/// A reading of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    at: Instant,
    user: Duration,
    system: Duration,
    /// Resident memory in bytes, files mapped included.
    pub(crate) rss: u64,
    /// The part of it that is the process's own.
    pub(crate) rss_anon: u64,
}

/// Processor time between two readings.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Usage {
    /// In user mode, seconds.
    pub(crate) user_s: f64,
    /// In the kernel on its behalf, seconds.
    pub(crate) system_s: f64,
    /// Both, in percent of one core.
    pub(crate) percent_of_a_core: f64,
}

impl Sample {
    /// Reads process `pid` now.
    pub(crate) fn take(pid: u32) -> Result<Self> {
        let read = |name: &str| {
            let path = format!("/proc/{pid}/{name}");
            fs::read_to_string(&path).doing(format!("reading {path}"))
        };
        let (user, system) = times(&read("stat")?)
            .ok_or_else(|| Error::protocol("/proc/PID/stat", "fields 14 and 15 are not there"))?;
        let status = read("status")?;
        let bytes = |key: &str| kibibytes(&status, key).map(|kib| kib * 1024);
        let rss = bytes("VmRSS:")
            .ok_or_else(|| Error::protocol("/proc/PID/status", "VmRSS is not there"))?;
        let rss_anon = bytes("RssAnon:").unwrap_or(rss);
        Ok(Self { at: Instant::now(), user, system, rss, rss_anon })
    }

    /// What was used since `earlier`.
    pub(crate) fn since(&self, earlier: &Sample) -> Usage {
        let wall = self.at.duration_since(earlier.at).as_secs_f64();
        let user_s = (self.user.saturating_sub(earlier.user)).as_secs_f64();
        let system_s = (self.system.saturating_sub(earlier.system)).as_secs_f64();
        let percent = if wall > 0.0 { (user_s + system_s) / wall * 100.0 } else { 0.0 };
        Usage { user_s, system_s, percent_of_a_core: percent }
    }
}

impl Usage {
    /// Both together, over `seconds` in all.
    pub(crate) fn and(&self, other: &Usage, seconds: f64) -> Usage {
        let (user_s, system_s) = (self.user_s + other.user_s, self.system_s + other.system_s);
        Usage { user_s, system_s, percent_of_a_core: (user_s + system_s) / seconds * 100.0 }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        format!(
            "{:.2} s user + {:.2} s system = {:.1} % of a core",
            self.user_s, self.system_s, self.percent_of_a_core
        )
    }
}

/// Lets this process, and the servers it starts, open as many files as the machine allows: a
/// watcher is one on each side.
pub(crate) fn raise_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).doing("raising the limit of open files")
}

/// `bytes` in mebibytes, for people.
#[allow(clippy::cast_precision_loss)] // Memory sizes are far below 2^53.
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// utime and stime. The second field is a name in parentheses that may hold spaces.
fn times(stat: &str) -> Option<(Duration, Duration)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || -> Option<Duration> {
        let ticks: u64 = fields.next()?.parse().ok()?;
        Some(Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second()))
    };
    Some((next()?, next()?))
}

fn kibibytes(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_read() {
        let sample = Sample::take(std::process::id()).unwrap();
        assert!(sample.rss > 0 && sample.rss_anon <= sample.rss);
    }

    #[test]
    fn usage_of_two_runs_is_measured_by_the_time_of_both() {
        let one = Usage { user_s: 1.0, system_s: 0.5, percent_of_a_core: 75.0 };
        let both = one.and(&Usage { user_s: 0.5, system_s: 0.0, percent_of_a_core: 25.0 }, 4.0);
        assert_eq!((both.user_s, both.system_s, both.percent_of_a_core), (1.5, 0.5, 50.0));
    }

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_fields() {
        let stat = "7 (a (b) c) S 1 1 1 0 -1 0 0 0 0 0 150 50 0 0 20 0";
        let ticks = rustix::param::clock_ticks_per_second();
        let expected = |count: u64| Duration::from_millis(count * 1_000 / ticks);
        assert_eq!(times(stat), Some((expected(150), expected(50))));
    }
}
