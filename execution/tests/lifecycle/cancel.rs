//! How a cancellation ends, and what is kept of what was asked.

use heartline_execution::{Command, Span};

use super::{
    again::{tell, walk},
    model::Step::{Claim, Create},
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
