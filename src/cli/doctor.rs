//! `heartline doctor`: is everything as it should be, and if not, what to do.

use std::{io, path::Path, time::Duration};

use heartline_execution::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    Global,
    client::{Client, Error as ClientError},
    error::Error,
    exit::Exit,
    output::{self, Format, Tone, now, paint, short},
    queues::Queues,
    sanitise,
    serve::Settings,
};

/// Clocks of machines that are kept in time differ by less.
const SKEW_MAX: Duration = Duration::from_secs(2);
/// Below this a person should look.
const SPACE_LOW: u64 = 2 << 30;
/// Below this the store may fail at any moment.
const SPACE_OUT: u64 = 256 << 20;

/// Check the server, the store and this machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Settings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One check and what came of it.
#[derive(Clone, Debug, Serialize)]
struct Check {
    check: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_do: Option<String>,
}

fn ok(check: &'static str, found: impl Into<String>) -> Check {
    Check { check, verdict: Verdict::Ok, found: found.into(), to_do: None }
}

fn warn(check: &'static str, found: impl Into<String>, to_do: impl Into<String>) -> Check {
    Check { check, verdict: Verdict::Warn, found: found.into(), to_do: Some(to_do.into()) }
}

fn fail(check: &'static str, found: impl Into<String>, to_do: impl Into<String>) -> Check {
    Check { verdict: Verdict::Fail, ..warn(check, found, to_do) }
}

pub(crate) async fn doctor(global: &Global, args: &Args) -> Result<Exit, Error> {
    let client = global.client()?;
    let mut checks = Vec::new();
    let reachable = server(&client, &mut checks).await;
    if is_local(client.server()) {
        checks.extend(folder(&args.settings.load()?.config.server.data));
    }
    if global.output == Format::Table {
        checks.iter().try_for_each(tell)?;
    } else {
        let body = serde_json::json!({ "checks": checks }).to_string();
        output::json_list(global.output, &body, "checks")?;
    }
    let failed = checks.iter().any(|check| check.verdict == Verdict::Fail);
    Ok(match (reachable, failed) {
        (false, _) => Exit::UNREACHABLE,
        (true, true) => Exit::ERROR,
        (true, false) => Exit::OK,
    })
}

fn tell(check: &Check) -> Result<(), Error> {
    let (word, tone) = match check.verdict {
        Verdict::Ok => ("ok  ", Tone::Good),
        Verdict::Warn => ("warn", Tone::Warn),
        Verdict::Fail => ("fail", Tone::Bad),
    };
    let word = paint(word, tone);
    output::line(&format!("{word}  {:<10} {}", check.check, sanitise::line(&check.found)))?;
    match &check.to_do {
        Some(to_do) => output::line(&format!("{:16} to do: {}", "", sanitise::line(to_do))),
        None => Ok(()),
    }
}

/// Everything that the server can be asked. Whether it answered at all.
async fn server(client: &Client, checks: &mut Vec<Check>) -> bool {
    let address = client.server();
    let asked = now();
    match client.get("/livez").send().await {
        Ok(_) => checks.push(ok("server", format!("{address} answers"))),
        Err(error) => {
            let to_do = "start it with heartline serve, or name another with --server";
            checks.push(fail("server", format!("{address}: {}", error.brief()), to_do));
            return !matches!(error, ClientError::Unreachable { .. });
        }
    }
    let took = now().since(asked).to_std();
    checks.push(match client.get("/readyz").send().await {
        Ok(_) => {
            ok("ready", format!("takes work; a request takes {:.1} ms", took.as_secs_f64() * 1e3))
        }
        Err(error) => fail(
            "ready",
            error.brief(),
            "see its log; it takes work again by itself once the cause is gone",
        ),
    });
    let asked = now();
    match client.get("/v1/supervisor").json::<Value>().await {
        Ok(view) => checks.extend(supervisor(&view, asked, now())),
        Err(error) => {
            checks.push(fail("supervisor", error.brief(), "give a token with the scope operate"))
        }
    }
    match client.get("/v1/queues").json::<Queues>().await {
        Ok(queues) => checks.push(stuck(&queues)),
        Err(error) => {
            checks.push(fail("queues", error.brief(), "give a token with the scope operate"))
        }
    }
    true
}

/// What follows from the supervisor's view, asked for at one instant and answered at another.
fn supervisor(view: &Value, asked: Timestamp, answered: Timestamp) -> Vec<Check> {
    let at = |pointer: &str| view.pointer(pointer).unwrap_or(&Value::Null);
    let version = at("/version").as_str().unwrap_or("unknown");
    let mine = env!("CARGO_PKG_VERSION");
    let mut checks = vec![if version == mine {
        ok("version", format!("{version}, like this client"))
    } else {
        let found = format!("the server is {version}, this client {mine}");
        warn("version", found, "use the same version for both")
    }];
    checks.push(if at("/store/healthy").as_bool() == Some(true) {
        ok(
            "store",
            format!("healthy, format {}, start {}", at("/store/format"), at("/store/epoch")),
        )
    } else {
        let error = at("/store/error").as_str().unwrap_or("no reason given");
        fail(
            "store",
            format!("refuses writes: {error}"),
            "check the disk of the data folder; it recovers by itself",
        )
    });
    checks.extend(skew(at("/now").as_str().and_then(|now| now.parse().ok()), asked, answered));
    let violations = at("/limbo/violations").as_array().map_or(0, Vec::len);
    checks.push(if violations == 0 {
        ok("limbo", format!("none; {} live executions", at("/limbo/live")))
    } else {
        let found = format!("{violations} executions have neither a deadline nor a lease");
        fail(
            "limbo",
            found,
            "this is a defect in Heartline: report it with heartline supervisor -o json",
        )
    });
    let restarts = at("/restarts").as_u64().unwrap_or_default();
    checks.push(if restarts == 0 {
        ok("actors", "none was restarted")
    } else {
        warn(
            "actors",
            format!("{restarts} were restarted since the start"),
            "see the server's log for panics",
        )
    });
    checks
}

fn skew(theirs: Option<Timestamp>, asked: Timestamp, answered: Timestamp) -> Option<Check> {
    let theirs = theirs?;
    // Somewhere between asking and answering, it read its clock.
    let (ahead, behind) = (theirs.since(answered).to_std(), asked.since(theirs).to_std());
    let off = ahead.max(behind);
    let word = if ahead > behind { "ahead of" } else { "behind" };
    Some(if off <= SKEW_MAX {
        ok("clock", format!("the server's clock is within {} of ours", short(SKEW_MAX)))
    } else {
        let found = format!("the server's clock is {} {word} ours", short(off));
        warn(
            "clock",
            found,
            "keep both machines in time (NTP); countdowns shown here are off by that",
        )
    })
}

fn stuck(queues: &Queues) -> Check {
    let stuck: Vec<_> =
        queues.queues.iter().filter(|queue| queue.depth > 0 && queue.runners_live == 0).collect();
    match &stuck[..] {
        [] => ok("queues", format!("{}; none has work without a runner", queues.queues.len())),
        [first, ..] => {
            let found = stuck
                .iter()
                .map(|queue| format!("{} ({} waiting)", queue.queue, queue.depth))
                .collect::<Vec<_>>()
                .join(", ");
            let to_do = format!("heartline runner --queue {} -- CMD", first.queue);
            warn("queues", format!("work but no runner: {found}"), to_do)
        }
    }
}

/// Whether that server is on this machine, as far as its address tells.
fn is_local(server: &str) -> bool {
    ["http://127.", "http://localhost", "http://[::1]"]
        .iter()
        .any(|local| server.starts_with(local))
}

/// The data folder that a server started here would use.
fn folder(data: &Path) -> Vec<Check> {
    let shown = std::path::absolute(data).unwrap_or_else(|_| data.to_owned()).display().to_string();
    if !data.exists() {
        return vec![ok(
            "data",
            format!("{shown} is not there; a server started here would make it"),
        )];
    }
    let mut checks = vec![match tempfile_in(data) {
        Ok(()) => ok("data", format!("{shown} can be written")),
        Err(error) => fail(
            "data",
            format!("{shown}: {error}"),
            "give the server's user the right to write there",
        ),
    }];
    if let Ok(disk) = rustix::fs::statvfs(data) {
        checks.push(space(disk.f_bavail.saturating_mul(disk.f_frsize)));
    }
    checks
}

/// Writes a file and takes it away again.
fn tempfile_in(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".heartline-doctor-{}", std::process::id()));
    std::fs::write(&probe, b"probe")?;
    std::fs::remove_file(&probe)
}

fn space(free: u64) -> Check {
    let found = format!("{:.1} GiB free", free as f64 / f64::from(1 << 30));
    let to_do = "free space on that disk; a full one stops all writes";
    match free {
        0..SPACE_OUT => fail("space", found, to_do),
        SPACE_OUT..SPACE_LOW => warn("space", found, to_do),
        _ => ok("space", found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heartline_execution::Span;

    #[test]
    fn a_sick_server_is_told_check_by_check() {
        let view = serde_json::json!({
            "version": "9.9.9", "now": "2026-01-02T03:04:05Z", "restarts": 2,
            "store": {"healthy": false, "error": "disk full"},
            "limbo": {"live": 3, "violations": ["aex_1"]},
        });
        let now: Timestamp = "2026-01-02T03:05:05Z".parse().unwrap();
        let checks = supervisor(&view, now, now.plus(Span::millis(3)));
        let told: Vec<_> = checks.iter().map(|c| (c.check, c.verdict)).collect();
        assert_eq!(
            told,
            [
                ("version", Verdict::Warn),
                ("store", Verdict::Fail),
                ("clock", Verdict::Warn),
                ("limbo", Verdict::Fail),
                ("actors", Verdict::Warn),
            ]
        );
        assert!(checks.iter().all(|c| c.to_do.is_some()));
    }

    #[test]
    fn a_folder_that_can_be_written_is_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(super::folder(folder.path())[0].verdict, Verdict::Ok);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(space(1 << 20).verdict, Verdict::Fail);
        assert_eq!(space(1 << 30).verdict, Verdict::Warn);
    }
}
