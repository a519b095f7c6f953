//! What the server knows about why nothing moves: runners of a queue, leases, last signs of life.
//!
//! Reads the board and the runners; decides nothing.

use std::sync::atomic::Ordering;

use heartline_execution::{DeadlineKind, Name, Namespace, Place, Span, Timestamp, queue::Pause};

use crate::{
    board::{Due, QueueKey},
    core::Core,
    lineup::Hold,
    runners::{Freshness, Runner, Way},
    views::{Dispatch, RunnerStatus, Verdict},
};

/// The most runners an evidence names one by one.
const NAMED: usize = 5;

/// A runner of a queue, as it is now.
pub(crate) struct Seen {
    pub(crate) runner: Runner,
    pub(crate) status: RunnerStatus,
    /// Last poll, frame or sign of life of a lease.
    pub(crate) last_seen: Timestamp,
    /// What it holds.
    pub(crate) holds: usize,
    /// What it would take at once of the queue that was asked about, or of any.
    pub(crate) free: usize,
}

impl Seen {
    /// Whether it will ask again, as far as anybody knows: it is at work, or says that it is there.
    fn is_there(&self) -> bool {
        let gone = matches!(self.runner.way, Way::Gone(_)) && self.holds == 0;
        !gone && self.status != RunnerStatus::Lost
    }
}

/// The thresholds in the settings.
pub(crate) fn freshness(core: &Core) -> Freshness {
    let supervision = &core.config.supervision;
    Freshness {
        late_after: Span::from_std(supervision.runner_late_after),
        lost_after: Span::from_std(supervision.runner_lost_after),
    }
}

pub(crate) fn retention(core: &Core) -> Span {
    Span::from_std(core.config.supervision.runner_retention)
}

/// Forgets the runners that hold nothing and have not polled for `supervision.runner_retention`.
/// Costs next to nothing when called more often than it is worth.
pub(crate) fn forget_idle(core: &Core) {
    let (retention, now) = (retention(core), core.now());
    let idle = core.runners().idle(retention, now);
    if idle.is_empty() {
        return;
    }
    // Never both locks at once.
    let idle: Vec<_> = {
        let board = core.board();
        let with_holds = |key| {
            let holds = board.held_by(&key).len() > 0;
            (key, holds)
        };
        idle.into_iter().map(with_holds).collect()
    };
    core.runners().forget_idle(&idle, retention, now);
}

/// Every runner of a tenant, or of one queue, freshest first.
pub(crate) fn runners(core: &Core, namespace: &Namespace, queue: Option<&Name>) -> Vec<Seen> {
    forget_idle(core);
    let now = core.now();
    let freshness = freshness(core);
    let grace = Span::from_std(core.config.supervision.runner_grace);
    let known: Vec<Runner> = match queue {
        None => core.runners().of(namespace).cloned().collect(),
        Some(queue) => {
            core.runners().of_queue(&(namespace.clone(), queue.clone())).cloned().collect()
        }
    };
    let board = core.board();
    let mut seen: Vec<Seen> = known
        .into_iter()
        .map(|runner| {
            let key = (namespace.clone(), runner.info.id.clone());
            let holds = board.held_by(&key).len();
            let polling = runner.way == Way::Polls && runner.offering > 0;
            // A poll that waits is a connection that is open now; and only a runner that has not
            // been heard for long is looked for in its leases, which may be many.
            let silent = freshness.status(runner.last_seen, now) != RunnerStatus::Live;
            let last_seen = if polling {
                now
            } else if silent || matches!(runner.way, Way::Gone(_)) {
                runner.last_seen.max(board.last_beat(&key).unwrap_or_default())
            } else {
                runner.last_seen
            };
            let by_silence = freshness.status(last_seen, now);
            let status = match runner.way {
                // Its leases may be kept alive over HTTP meanwhile.
                Way::Gone(at) if last_seen <= at && now.since(at) >= grace => RunnerStatus::Lost,
                Way::Gone(at) if last_seen <= at => by_silence.max(RunnerStatus::Late),
                Way::Gone(_) | Way::Polls | Way::Connected => by_silence,
            };
            let free = match (runner.way, queue) {
                (Way::Gone(_), _) => 0,
                (Way::Connected, _) | (Way::Polls, None) => runner.offering as usize,
                (Way::Polls, Some(queue)) => {
                    // Between two polls it is about to ask again; one that polls several queues in
                    // turn does so somewhat later.
                    let soon = if polling { freshness.lost_after } else { freshness.late_after };
                    let asked = runner.queues.get(queue).is_some_and(|at| now.since(*at) <= soon);
                    if asked { (runner.slots as usize).saturating_sub(holds) } else { 0 }
                }
            };
            Seen { status, runner, last_seen, holds, free }
        })
        .collect();
    drop(board);
    seen.sort_unstable_by_key(|s| std::cmp::Reverse(s.last_seen));
    seen
}

/// How many runners of a queue are alive. Looks at all of them.
pub(crate) fn live(core: &Core, (namespace, queue): &QueueKey) -> usize {
    runners(core, namespace, Some(queue)).iter().filter(|seen| seen.is_there()).count()
}

/// Who could take something from a queue now, and if nobody, why. On the path of every creation:
/// names are only looked up when nobody can.
pub(crate) fn dispatch(core: &Core, key: &QueueKey, of: Option<&Name>) -> Dispatch {
    let (mut dispatch, advice) = look(core, key, of);
    if let Some(advice) = advice {
        dispatch.message.push(' ');
        dispatch.message.push_str(&advice);
    }
    dispatch
}

/// The same of what waits in a queue, of which so many are held back by their keys' limits.
pub(crate) fn of_queue(core: &Core, key: &QueueKey, (depth, held): (usize, usize)) -> Dispatch {
    let dispatch = dispatch(core, key, None);
    if depth == 0 || held < depth || dispatch.verdict != Verdict::Ready {
        return dispatch;
    }
    let (told, queue) = (counted(depth, "execution"), &key.1);
    let message = format!(
        "What waits in queue '{queue}', {told}, is of concurrency keys at their limits. Wait until \
         one of theirs ends, or raise the limit with \"heartline queues limit {queue} \
         --key-max-in-progress N\"."
    );
    Dispatch { verdict: Verdict::LimitHeld, message, ..dispatch }
}

/// The facts in whole sentences, and apart from them what to do where somebody should. A pause or a
/// limit comes before the runners, but for a rate: it lets the next through by itself.
fn look(core: &Core, key: &QueueKey, of: Option<&Name>) -> (Dispatch, Option<String>) {
    let now = core.now();
    let hold = core.board().hold(key, of, now);
    let (mut dispatch, advice) = look_for_runners(core, key);
    let ready = dispatch.verdict == Verdict::Ready;
    let Some(hold) = hold.filter(|hold| ready || !is_rate(hold)) else { return (dispatch, advice) };
    let (verdict, told, mut what_to_do) = describe_hold(&hold, &key.1, now);
    dispatch.message = match ready {
        true => told,
        false => format!("{told} {}", dispatch.message),
    };
    dispatch.verdict = verdict;
    if let Some(advice) = advice {
        what_to_do = format!("{what_to_do} {advice}");
    }
    (dispatch, Some(what_to_do))
}

fn is_rate(hold: &Hold) -> bool {
    matches!(hold, Hold::Rate { .. } | Hold::KeyRate { .. })
}

/// The verdict, the fact, and what to do.
fn describe_hold(hold: &Hold, queue: &Name, now: Timestamp) -> (Verdict, String, String) {
    let raise = |option: &str| {
        format!(
            "Wait until one of them ends, or raise the limit with \"heartline queues limit {queue} \
             --{option} N\"."
        )
    };
    let soon = |next: Timestamp, option: &str| {
        format!(
            "Wait {}, or raise the limit with \"heartline queues limit {queue} --{option} N/s\".",
            rounded(next.since(now))
        )
    };
    match hold {
        Hold::Paused(pause) => (
            Verdict::Paused,
            format!("Queue '{queue}' is paused since {}.", describe_pause(pause)),
            format!("Resume it with \"heartline queues resume {queue}\"."),
        ),
        Hold::Full { limit } => (
            Verdict::LimitHeld,
            format!("Queue '{queue}' has {limit} of {limit} in progress (max_in_progress)."),
            raise("max-in-progress"),
        ),
        Hold::KeyFull { key, limit } => (
            Verdict::LimitHeld,
            format!(
                "Key '{key}' has {limit} of {limit} in progress in queue '{queue}' \
                 (key_max_in_progress)."
            ),
            raise("key-max-in-progress"),
        ),
        Hold::Rate { next, rate } => (
            Verdict::LimitHeld,
            format!("Queue '{queue}' is claimed at its rate of {rate}; the next may go at {next}."),
            soon(*next, "rate"),
        ),
        Hold::KeyRate { key, next, rate } => (
            Verdict::LimitHeld,
            format!(
                "Key '{key}' of queue '{queue}' is claimed at its rate of {rate} (key_rate); the \
                 next may go at {next}."
            ),
            soon(*next, "key-rate"),
        ),
    }
}

fn describe_pause(pause: &Pause) -> String {
    let by = pause.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let reason = pause.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{}{by}{reason}", pause.since)
}

/// More about what holds an execution back, or did since it was due: who has the slots, and until
/// when the queue was paused. Looks at all that is in progress, so not for the path of creations.
pub(crate) fn of_hold(
    core: &Core,
    key: &QueueKey,
    of: Option<&Name>,
    due: Timestamp,
) -> Vec<String> {
    let now = core.now();
    let mut board = core.board();
    let mut facts = Vec::new();
    let whose = match board.hold(key, of, now) {
        Some(Hold::Full { .. }) => Some(None),
        Some(Hold::KeyFull { key, .. }) => Some(Some(key)),
        Some(Hold::Paused(_) | Hold::Rate { .. } | Hold::KeyRate { .. }) | None => None,
    };
    if let Some(whose) = whose {
        let holders = board.out(key, whose.as_ref(), NAMED).into_iter().filter_map(|standing| {
            let held = standing.held()?;
            let since = rounded(now.since(held.since));
            Some(format!("{} with runner {} for {since}", standing.id, held.runner.id))
        });
        let holders: Vec<_> = holders.collect();
        if !holders.is_empty() {
            facts.push(format!("In progress longest: {}.", holders.join("; ")));
        }
    }
    if let Some((pause, until)) = board.last_pause(key).filter(|(_, until)| *until > due) {
        facts
            .push(format!("The queue was paused until {until}, since {}.", describe_pause(&pause)));
    }
    facts
}

fn look_for_runners(core: &Core, key: &QueueKey) -> (Dispatch, Option<String>) {
    let (namespace, queue) = key;
    let (offering, slots) = core.runners().offers(key);
    if slots > 0 {
        return (ready(queue, offering, slots), None);
    }
    let now = core.now();
    let seen = runners(core, namespace, Some(queue));
    let there: Vec<&Seen> = seen.iter().filter(|s| s.is_there()).collect();
    let runners_live = there.len();
    let slots_free: usize = there.iter().map(|s| s.free).sum();
    if slots_free > 0 {
        return (ready(queue, runners_live, slots_free), None);
    }
    let at_work: Vec<&Seen> =
        there.into_iter().filter(|s| s.holds > 0 || s.runner.draining).collect();
    let start = format!("Start one with \"heartline runner --queue {queue} -- CMD\".");
    let (verdict, message, advice) = if !at_work.is_empty() {
        let draining = at_work.iter().all(|s| s.runner.draining);
        let how = if draining { "draining" } else { "full" };
        let told = subject(at_work.len(), "live ", queue, how);
        let advice = "Wait, or start more runners.".to_owned();
        (Verdict::AllFull, format!("{told}: {}.", describe(at_work, now)), advice)
    } else if !seen.is_empty() {
        let all_lost = seen.iter().all(|s| s.status == RunnerStatus::Lost);
        let how = if all_lost { "lost" } else { "away" };
        let told = subject(seen.len(), "", queue, how);
        (Verdict::AllLost, format!("{told}: {}.", describe(&seen, now)), start)
    } else if let Some(left) = core.runners().last_left(key) {
        let ago = rounded(now.since(left));
        let told = format!("No runner asks queue '{queue}' for work: the last one left {ago} ago.");
        (Verdict::AllLost, told, start)
    } else {
        let since = since_when(core, now);
        let told = format!("No runner has asked queue '{queue}' for work {since}.");
        (Verdict::NoRunnerEver, told, start)
    };
    (Dispatch { verdict, runners_live, slots_free, message }, Some(advice))
}

/// How far back runners are known.
fn since_when(core: &Core, now: Timestamp) -> String {
    let retention = retention(core);
    if now.since(Timestamp(core.started.load(Ordering::Relaxed))) > retention {
        return format!("in the last {retention}");
    }
    "since the server started".to_owned()
}

/// "All 3 runners of queue 'q' are lost", and the same of one.
fn subject(count: usize, kind: &str, queue: &Name, how: &str) -> String {
    match count {
        1 => format!("The only {kind}runner of queue '{queue}' is {how}"),
        _ => format!("All {count} {kind}runners of queue '{queue}' are {how}"),
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn ready(queue: &Name, runners_live: usize, slots_free: usize) -> Dispatch {
    let (runners, slots) = (counted(runners_live, "live runner"), counted(slots_free, "free slot"));
    let have = if runners_live == 1 { "has" } else { "have" };
    let message = format!("{runners} of queue '{queue}' {have} {slots}.");
    Dispatch { verdict: Verdict::Ready, runners_live, slots_free, message }
}

fn describe<'a>(seen: impl IntoIterator<Item = &'a Seen>, now: Timestamp) -> String {
    let mut seen = seen.into_iter();
    let mut parts: Vec<String> = seen
        .by_ref()
        .take(NAMED)
        .map(|s| format!("{} was {}", place(s), how_it_is(s, now)))
        .collect();
    let more = seen.count();
    if more > 0 {
        parts.push(format!("and {more} more"));
    }
    parts.join("; ")
}

/// One runner in a sentence without its full stop.
pub(crate) fn describe_one(seen: &Seen, now: Timestamp) -> String {
    let status = match seen.status {
        RunnerStatus::Live => "live",
        RunnerStatus::Late => "late",
        RunnerStatus::Lost => "lost",
    };
    format!("{} is {status}: it was {}", place(seen), how_it_is(seen, now))
}

fn place(seen: &Seen) -> String {
    let id = &seen.runner.info.id;
    seen.runner
        .info
        .host
        .as_deref()
        .map_or_else(|| id.to_string(), |host| format!("{id} on {host}"))
}

fn how_it_is(seen: &Seen, now: Timestamp) -> String {
    let age = rounded(now.since(seen.last_seen));
    let slots = (seen.runner.slots as usize).max(seen.holds);
    let more = match seen.runner.way {
        Way::Gone(_) => ", and its connection is closed",
        Way::Connected if seen.runner.draining => ", and is draining",
        Way::Connected | Way::Polls => "",
    };
    format!("last seen {age} ago, holds {} of {}{more}", seen.holds, counted(slots, "slot"))
}

/// For reading: whole seconds from ten seconds on, tenths below.
pub(crate) fn rounded(span: Span) -> String {
    let tenths = span.0 / 100_000;
    match (tenths / 10, tenths % 10) {
        (seconds @ 10.., _) => Span::secs(seconds).to_string(),
        (seconds, 0) => format!("{seconds}s"),
        (seconds, tenths) => format!("{seconds}.{tenths}s"),
    }
}

/// The facts for a timeout's error.
pub(crate) fn of_timeout(core: &Core, due: &Due) -> String {
    let standing = &due.standing;
    let now = core.now();
    let restarted = Timestamp(core.started.load(Ordering::Relaxed));
    let mut facts = match due.deadline.kind {
        DeadlineKind::ScheduleToStart => {
            // What to do is the error's hint to say.
            let key = (standing.namespace.clone(), standing.queue.clone());
            let of = standing.concurrency_key.as_ref();
            let (dispatch, _advice) = look(core, &key, of);
            let (waiting, leased) = core.board().standing_in(&key);
            let mut facts = vec![
                dispatch.message,
                format!("The queue holds {waiting} waiting and {leased} in progress."),
            ];
            let due_since = match standing.place {
                Place::Queued { due, .. } => due,
                Place::Leased(_) | Place::Parked | Place::Over => now,
            };
            facts.extend(of_hold(core, &key, of, due_since));
            facts
        }
        DeadlineKind::Heartbeat
        | DeadlineKind::Progress
        | DeadlineKind::StartToClose
        | DeadlineKind::ScheduleToClose
        | DeadlineKind::Waiting
        | DeadlineKind::Cancel
        | DeadlineKind::Grace => lease_facts(due, now, restarted),
    };
    if standing.created_at < restarted {
        facts.push(format!("The server restarted at {restarted}, while the execution was live."));
    }
    facts.join(" ")
}

/// What is known of a lease. Up to the restart its signs of life are not known: they are not
/// logged, and the board counts from there.
fn lease_facts(due: &Due, now: Timestamp, restarted: Timestamp) -> Vec<String> {
    let Some(held) = due.standing.held() else { return Vec::new() };
    let mut facts =
        vec![format!("Runner {} has held the execution since {}.", held.runner.id, held.since)];
    if due.signs.alive.is_some_and(|alive| alive <= restarted) {
        facts.push("It has not been heard from since the server restarted.".to_owned());
    } else if let Some(alive) = due.signs.alive {
        facts.push(format!(
            "Its last sign of life was at {alive}, {} ago.",
            rounded(now.since(alive))
        ));
    }
    if let Some(progressed) = due.signs.progressed.filter(|progressed| *progressed > restarted) {
        facts.push(format!("Its last event or progress was at {progressed}."));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_no_more_digits_than_anybody_reads() {
        for (micros, text) in [
            (0, "0s"),
            (99_999, "0s"),
            (400_000, "0.4s"),
            (7_999_999, "7.9s"),
            (9_000_000, "9s"),
            (59_900_000, "59s"),
            (3_725_500_000, "1h2m5s"),
        ] {
            assert_eq!(rounded(Span(micros)), text);
        }
    }
}
