//! The row of the live index: a standing, compactly, because a start reads every one of them.
//!
//! Namespace and id are in the key. All numbers are big-endian; an option is a byte, 0 or 1, and
//! then its value.

use heartline_execution::{
    Deadline, DeadlineKind, LeaseId, Name, Namespace, Place, Reason, Span, Standing, Timestamp,
    content::Progress, event::RunnerInfo, standing::Held,
};

use crate::{
    codec::{Fields, id_from, phase_code, phase_from, push_text},
    keys,
};

const VERSION: u8 = 4;
/// Rows that know of no report; still read.
const WITHOUT_REPORTS: u8 = 3;
/// Rows that know of no answer either; still read.
const WITHOUT_ANSWERS: u8 = 2;

const QUEUED: u8 = 1;
const LEASED: u8 = 2;
const PARKED: u8 = 3;
const OVER: u8 = 4;

/// Appends the row of a standing.
pub(crate) fn encode(out: &mut Vec<u8>, standing: &Standing) {
    let Standing {
        id: _,
        namespace: _,
        queue,
        priority,
        concurrency_key,
        phase,
        reason,
        attempt,
        created_at,
        place,
        deadlines,
    } = standing;
    out.extend_from_slice(&[VERSION, phase_code(*phase), reason.map_or(0, reason_code)]);
    out.extend_from_slice(&attempt.to_be_bytes());
    out.extend_from_slice(&priority.to_be_bytes());
    out.extend_from_slice(&created_at.0.to_be_bytes());
    push_text(out, queue.as_str());
    push_option(out, concurrency_key.as_ref(), |out, key| push_text(out, key.as_str()));
    match place {
        Place::Queued { due, backing_off } => {
            out.extend_from_slice(&[QUEUED, u8::from(*backing_off)]);
            out.extend_from_slice(&due.0.to_be_bytes());
        }
        Place::Leased(held) => {
            out.push(LEASED);
            push_held(out, held);
        }
        Place::Parked => out.push(PARKED),
        Place::Over => out.push(OVER),
    }
    for Deadline { kind, at } in deadlines {
        out.push(deadline_code(*kind));
        out.extend_from_slice(&at.0.to_be_bytes());
    }
}

fn push_held(out: &mut Vec<u8>, held: &Held) {
    let Held {
        lease,
        runner,
        since,
        alive_at,
        progressed_at,
        heartbeat,
        progress,
        cancel_undelivered,
        cancel_requested,
        answered,
        report,
    } = held;
    let RunnerInfo { id, name, host, pid, version } = runner;
    out.extend_from_slice(&lease.0.to_be_bytes());
    for instant in [since, alive_at, progressed_at] {
        out.extend_from_slice(&instant.0.to_be_bytes());
    }
    out.extend_from_slice(&heartbeat.0.to_be_bytes());
    push_option(out, progress.as_ref(), |out, span| out.extend_from_slice(&span.0.to_be_bytes()));
    out.extend_from_slice(&[u8::from(*cancel_undelivered), u8::from(*cancel_requested)]);
    push_text(out, id.as_str());
    for text in [name, host, version] {
        push_option(out, text.as_ref(), |out, text| push_text(out, text));
    }
    push_option(out, pid.as_ref(), |out, pid| out.extend_from_slice(&pid.to_be_bytes()));
    push_option(out, answered.as_ref(), |out, seq| out.extend_from_slice(&seq.to_be_bytes()));
    push_option(out, report.as_deref(), push_progress);
}

/// JSON behind its length; details may have more bytes than a text of a row.
fn push_progress(out: &mut Vec<u8>, progress: &Progress) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    serde_json::to_writer(&mut *out, progress).expect("progress is plain JSON");
    let len = u32::try_from(out.len() - start - 4).expect("details are bounded");
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

fn push_option<T>(out: &mut Vec<u8>, value: Option<&T>, push: impl FnOnce(&mut Vec<u8>, &T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        push(out, value);
    }
}

/// The inverse of [`encode`], with the key it lies under.
pub(crate) fn decode(key: &[u8], row: &[u8]) -> Result<Standing, String> {
    match row.split_first() {
        Some((&version @ WITHOUT_ANSWERS..=VERSION, fields)) => {
            standing(key, version, fields).ok_or_else(|| "the standing is malformed".to_owned())
        }
        Some((other, _)) => Err(format!("standing version {other} is not known")),
        None => Err("the standing is empty".to_owned()),
    }
}

fn standing(key: &[u8], version: u8, row: &[u8]) -> Option<Standing> {
    let (namespace, id): (Namespace, _) = keys::split_namespace(key)?;
    let mut fields = Fields(row);
    let phase = phase_from(fields.u8()?)?;
    let reason = match fields.u8()? {
        0 => None,
        code => Some(reason_from(code)?),
    };
    Some(Standing {
        id: id_from(id)?,
        namespace,
        phase,
        reason,
        attempt: fields.array().map(u32::from_be_bytes)?,
        priority: fields.array().map(i32::from_be_bytes)?,
        created_at: instant(&mut fields)?,
        queue: name(&mut fields)?,
        concurrency_key: option(&mut fields, name)?,
        place: match fields.u8()? {
            QUEUED => {
                let backing_off = flag(&mut fields)?;
                Place::Queued { due: instant(&mut fields)?, backing_off }
            }
            LEASED => Place::Leased(Box::new(held(&mut fields, version)?)),
            PARKED => Place::Parked,
            OVER => Place::Over,
            _ => return None, // A code that no version wrote.
        },
        deadlines: {
            let mut deadlines = Vec::with_capacity(fields.0.len() / 9);
            while !fields.0.is_empty() {
                let kind = deadline_from(fields.u8()?)?;
                deadlines.push(Deadline { kind, at: instant(&mut fields)? });
            }
            deadlines
        },
    })
}

fn held(fields: &mut Fields<'_>, row_version: u8) -> Option<Held> {
    let lease = LeaseId(u128::from_be_bytes(fields.array()?));
    let since = instant(fields)?;
    let alive_at = instant(fields)?;
    let progressed_at = instant(fields)?;
    let heartbeat = Span(fields.u64()?);
    let progress = option(fields, |fields| fields.u64().map(Span))?;
    let cancel_undelivered = flag(fields)?;
    let cancel_requested = flag(fields)?;
    let id = name(fields)?;
    let text = |fields: &mut Fields<'_>| fields.text().map(str::to_owned);
    let (name, host, version) =
        (option(fields, text)?, option(fields, text)?, option(fields, text)?);
    let pid = option(fields, |fields| fields.array().map(u32::from_be_bytes))?;
    let answered = match row_version {
        WITHOUT_ANSWERS => None,
        _ => option(fields, Fields::u64)?,
    };
    let report = match row_version {
        WITHOUT_ANSWERS | WITHOUT_REPORTS => None,
        _ => option(fields, self::progress)?.map(Box::new),
    };
    let runner = RunnerInfo { id, name, host, pid, version };
    Some(Held {
        lease,
        runner,
        since,
        alive_at,
        progressed_at,
        heartbeat,
        progress,
        cancel_undelivered,
        cancel_requested,
        answered,
        report,
    })
}

fn progress(fields: &mut Fields<'_>) -> Option<Progress> {
    let len = fields.array().map(u32::from_be_bytes)?;
    serde_json::from_slice(fields.bytes(usize::try_from(len).ok()?)?).ok()
}

fn instant(fields: &mut Fields<'_>) -> Option<Timestamp> {
    fields.array().map(i64::from_be_bytes).map(Timestamp)
}

fn name(fields: &mut Fields<'_>) -> Option<Name> {
    Name::new(fields.text()?).ok()
}

fn flag(fields: &mut Fields<'_>) -> Option<bool> {
    match fields.u8()? {
        0 => Some(false),
        1 => Some(true),
        _ => None, // Not a flag.
    }
}

fn option<'a, T>(
    fields: &mut Fields<'a>,
    value: impl FnOnce(&mut Fields<'a>) -> Option<T>,
) -> Option<Option<T>> {
    if flag(fields)? { value(fields).map(Some) } else { Some(None) }
}

const REASONS: [Reason; 12] = [
    Reason::RunnerError,
    Reason::DefinitionInvalid,
    Reason::ScheduleToStartTimeout,
    Reason::StartToCloseTimeout,
    Reason::ScheduleToCloseTimeout,
    Reason::HeartbeatTimeout,
    Reason::ProgressTimeout,
    Reason::WaitingTimeout,
    Reason::RunnerLost,
    Reason::CancelRequested,
    Reason::CancelTimeout,
    Reason::SupervisorGaveUp,
];

/// On disk for ever: never renumber. 0 means none.
const fn reason_code(reason: Reason) -> u8 {
    match reason {
        Reason::RunnerError => 1,
        Reason::DefinitionInvalid => 2,
        Reason::ScheduleToStartTimeout => 3,
        Reason::StartToCloseTimeout => 4,
        Reason::ScheduleToCloseTimeout => 5,
        Reason::HeartbeatTimeout => 6,
        Reason::ProgressTimeout => 7,
        Reason::WaitingTimeout => 8,
        Reason::RunnerLost => 9,
        Reason::CancelRequested => 10,
        Reason::CancelTimeout => 11,
        Reason::SupervisorGaveUp => 12,
    }
}

fn reason_from(code: u8) -> Option<Reason> {
    REASONS.into_iter().find(|reason| reason_code(*reason) == code)
}

/// On disk for ever: never renumber.
const fn deadline_code(kind: DeadlineKind) -> u8 {
    match kind {
        DeadlineKind::ScheduleToStart => 1,
        DeadlineKind::Heartbeat => 2,
        DeadlineKind::Progress => 3,
        DeadlineKind::StartToClose => 4,
        DeadlineKind::ScheduleToClose => 5,
        DeadlineKind::Waiting => 6,
        DeadlineKind::Cancel => 7,
        DeadlineKind::Grace => 8,
    }
}

fn deadline_from(code: u8) -> Option<DeadlineKind> {
    DeadlineKind::ALL.into_iter().find(|kind| deadline_code(*kind) == code)
}

#[cfg(test)]
mod tests {
    use heartline_execution::{ExecutionId, Kind, Phase};
    use proptest::prelude::*;

    use super::*;

    fn names() -> impl Strategy<Value = Name> {
        "[A-Za-z0-9_.:-]{1,128}".prop_map(|text| Name::new(&text).unwrap())
    }

    fn instants() -> impl Strategy<Value = Timestamp> {
        any::<i64>().prop_map(Timestamp)
    }

    fn reports() -> impl Strategy<Value = Option<Box<Progress>>> {
        let fractions = proptest::option::of(0.0..=1.0);
        let progress = (fractions, proptest::option::of(".{0,40}"), any::<Option<u16>>());
        let progress = progress.prop_map(|(fraction, message, length)| {
            let details = length.map(|n| serde_json::value::to_raw_value(&"x".repeat(n.into())));
            Box::new(Progress { fraction, message, details: details.map(Result::unwrap) })
        });
        proptest::option::of(progress)
    }

    fn places() -> impl Strategy<Value = Place> {
        let texts = || proptest::option::of(".{0,40}");
        let runners = (names(), texts(), texts(), proptest::option::of(any::<u32>()), texts())
            .prop_map(|(id, name, host, pid, version)| RunnerInfo { id, name, host, pid, version });
        let spans = proptest::option::of(any::<u64>().prop_map(Span));
        let moments = [instants(), instants(), instants()];
        let held = (any::<u128>(), runners, moments, any::<u64>(), spans, any::<[bool; 2]>());
        let answers = proptest::option::of(any::<u64>());
        prop_oneof![
            (instants(), any::<bool>())
                .prop_map(|(due, backing_off)| Place::Queued { due, backing_off }),
            (held, answers, reports()).prop_map(
                |((lease, runner, moments, heartbeat, progress, cancel), answered, report)| {
                    let [since, alive_at, progressed_at] = moments;
                    Place::Leased(Box::new(Held {
                        lease: LeaseId(lease),
                        runner,
                        since,
                        alive_at,
                        progressed_at,
                        heartbeat: Span(heartbeat),
                        progress,
                        cancel_undelivered: cancel[0],
                        cancel_requested: cancel[1],
                        answered,
                        report,
                    }))
                }
            ),
            Just(Place::Parked),
            Just(Place::Over),
        ]
    }

    proptest! {
        #[test]
        fn a_standing_reads_back_as_it_was(
            (namespace, queue, concurrency_key) in (names(), names(), proptest::option::of(names())),
            (uuid, priority, attempt) in (any::<u128>(), any::<i32>(), any::<u32>()),
            phase in prop::sample::select(Phase::ALL.to_vec()),
            reason in proptest::option::of(prop::sample::select(REASONS.to_vec())),
            created_at in instants(),
            place in places(),
            deadlines in proptest::collection::vec(
                (prop::sample::select(DeadlineKind::ALL.to_vec()), instants())
                    .prop_map(|(kind, at)| Deadline { kind, at }),
                0..6,
            ),
        ) {
            let id = ExecutionId::new(Kind::Workflow, uuid);
            let standing = Standing {
                id, namespace, queue, priority, concurrency_key, phase, reason, attempt, created_at,
                place, deadlines,
            };
            let key = keys::execution(&standing.namespace, id);
            let mut row = Vec::new();
            encode(&mut row, &standing);
            prop_assert_eq!(decode(&key, &row), Ok(standing));
        }

        #[test]
        fn a_row_of_an_older_version_is_read(
            place in places(),
            attempt in any::<u32>(),
            version in WITHOUT_ANSWERS..VERSION,
        ) {
            let place = match place {
                Place::Leased(held) => {
                    let answered = held.answered.filter(|_| version > WITHOUT_ANSWERS);
                    Place::Leased(Box::new(Held { answered, report: None, ..*held }))
                }
                other => other,
            };
            let id = ExecutionId::new(Kind::Agent, 1);
            let namespace = Name::default_namespace();
            let key = keys::execution(&namespace, id);
            let standing = Standing {
                id, namespace, queue: Name::default_queue(Kind::Agent), priority: 0,
                concurrency_key: None, phase: Phase::InProgress, reason: None, attempt,
                created_at: Timestamp(0), place, deadlines: Vec::new(),
            };
            let mut row = Vec::new();
            encode(&mut row, &standing);
            row[0] = version;
            if standing.held().is_some() {
                // That there is none, of what the version does not know.
                row.truncate(row.len() - usize::from(VERSION - version));
            }
            prop_assert_eq!(decode(&key, &row), Ok(standing));
        }

        #[test]
        fn no_bytes_make_a_standing_panic(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
            let key = keys::execution(&Name::default_namespace(), ExecutionId::new(Kind::Agent, 1));
            let mut row = vec![VERSION];
            row.extend_from_slice(&bytes);
            let _: Result<_, String> = decode(&key, &row);
        }
    }
}
