//! Within a batch, a writer that was refused once is refused to its end.
//!
//! The expected seq alone cannot tell two writers apart: after `N` by one, a stale `N` of another is
//! refused, and its stale `N + 1` would fit again. Both stores ask here.

use heartline_execution::ExecutionId;

use crate::{Append, Refusal};

/// The executions of a batch that something was refused for. Almost always empty.
#[derive(Default)]
pub(crate) struct Fence(Vec<ExecutionId>);

impl Fence {
    /// Why this append must not even be looked at.
    pub(crate) fn refuses(&self, append: &Append) -> Option<Refusal> {
        let expected = append.expected_seq;
        self.0.contains(&append.id).then_some(Refusal::Moved { expected, actual: expected })
    }

    /// Takes note of an answer. What adds nothing to the log leaves its end where it is, so that its
    /// refusal says nothing of what follows.
    pub(crate) fn note(&mut self, append: &Append, outcome: &Result<(), Refusal>) {
        if outcome.is_err() && !append.records.is_empty() {
            self.0.push(append.id);
        }
    }
}
