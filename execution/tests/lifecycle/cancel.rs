//! How a cancellation ends, and what is kept of what was asked.

use heartline_execution::{Command, DeadlineKind, Phase, Reason, Span, command::Signs};

use super::{
    again::{question, tell, walk},
    model::Step::{Cancel, Claim, Create},
};

#[test]
fn a_more_urgent_cancellation_without_a_reason_keeps_the_one_that_was_given() {
    let mut subject = walk(&[Create, Claim]);
    let cancel = |reason: Option<&str>, secs| Command::RequestCancel {
        reason: reason.map(str::to_owned),
        grace: Some(Span::secs(secs)),
    };
    for (asked, secs, kept) in [
        (None, 90, None),
        (Some("wrong customer"), 60, Some("wrong customer")),
        (None, 10, Some("wrong customer")),
        (Some("now"), 5, Some("now")),
    ] {
        tell(&mut subject, cancel(asked, secs));
        subject.restart();
        let shown = subject.state().and_then(|s| s.cancel.clone()).expect("it was asked for");
        assert_eq!(shown.reason.as_deref(), kept);
        assert_eq!(shown.deadline, subject.now.plus(Span::secs(secs)));
    }
}

#[test]
fn what_was_to_be_cancelled_is_cancelled_whatever_ends_it() {
    let cancel = Cancel { grace: Some(10_000_000_000) };
    for (kind, code) in [
        (DeadlineKind::Waiting, "waiting_timeout"),
        (DeadlineKind::ScheduleToClose, "schedule_to_close_timeout"),
        (DeadlineKind::Heartbeat, "heartbeat_timeout"),
    ] {
        let mut subject = walk(&[Create, Claim, cancel.clone()]);
        let asked = question(&subject, None, "well?");
        tell(&mut subject, asked);
        let deadlines = subject.state().expect("it exists").deadlines(Signs::default());
        let due = deadlines.iter().find(|d| d.kind == kind).expect("it is armed").at;
        subject.now = due;
        let evidence = "the clock".to_owned();
        let over = Command::TimeOut { kind, signs: Signs::default(), evidence };
        assert_eq!(tell(&mut subject, over).0.last(), Some(&"execution.cancelled"), "{kind:?}");
        let state = subject.state().expect("it exists");
        assert_eq!((state.phase, state.reason), (Phase::Cancelled, Some(Reason::CancelRequested)));
        // What ended it is told all the same.
        let error = state.error.as_ref().expect("it did not stop by itself");
        assert_eq!(error.code, code);
    }
}
