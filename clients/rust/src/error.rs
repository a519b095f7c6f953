//! Why a call has no result.

use std::time::Duration;

use crate::problem::Problem;

/// Why a call has no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The server's address, a token, or an argument is not what it has to be. Nothing was sent.
    #[error("{0}")]
    Address(String),
    /// No execution, or more than one, is what the argument names.
    #[error("{0}")]
    Lookup(String),
    /// Nobody answered. Whether the call had an effect is unknown.
    #[error("no Heartline server answers at {server}: {why}")]
    Unreachable {
        /// Which.
        server: String,
        /// What the system said.
        why: String,
    },
    /// The server said no.
    #[error(transparent)]
    Problem(Box<Problem>),
    /// Something else answered.
    #[error("{server} answered {what}: is it a Heartline server?")]
    Foreign {
        /// Who.
        server: String,
        /// What.
        what: String,
    },
    /// The lease that the call was made under has ended, or is somebody else's.
    #[error("the lease is over: {0}")]
    Over(String),
    /// The log does not go on after what was seen, but anew with `oldest`.
    #[error("the log goes on with event {oldest} ({reason})")]
    Gone {
        /// The first that is left.
        oldest: u64,
        /// Why, as the server names it: `ahead_of_log` or `purged`.
        reason: String,
    },
}

impl Error {
    /// Whether the same call may well work a little later. What is damaged in the store is not put
    /// right by asking again.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Unreachable { .. } => true,
            Error::Problem(problem) => {
                problem.code != "corrupt" && (problem.status == 429 || problem.status >= 500)
            }
            Error::Address(_)
            | Error::Lookup(_)
            | Error::Foreign { .. }
            | Error::Over(_)
            | Error::Gone { .. } => false,
        }
    }

    /// What the server said, if it said no.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Error::Problem(problem) => Some(problem),
            Error::Address(_)
            | Error::Lookup(_)
            | Error::Unreachable { .. }
            | Error::Foreign { .. }
            | Error::Over(_)
            | Error::Gone { .. } => None,
        }
    }

    /// The status, if the server gave one.
    pub fn status(&self) -> Option<u16> {
        self.problem().map(|problem| problem.status)
    }

    /// One line of it, for a notice.
    pub fn brief(&self) -> String {
        match self {
            Error::Unreachable { why, .. } => why.clone(),
            Error::Problem(problem) => problem.brief().to_owned(),
            Error::Over(why) => why.clone(),
            Error::Address(_) | Error::Lookup(_) | Error::Foreign { .. } | Error::Gone { .. } => {
                self.to_string()
            }
        }
    }

    /// After how long to try again, if the server said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.problem()?.retry_after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_damaged_is_not_worth_another_try() {
        let problem = |status, code: &str| {
            let code = code.to_owned();
            Error::Problem(Box::new(Problem { status, code, ..Problem::default() }))
        };
        assert!(problem(500, "internal").is_transient());
        assert!(problem(429, "too_many_subscriptions").is_transient());
        assert!(!problem(500, "corrupt").is_transient());
        assert!(!problem(404, "execution_not_found").is_transient());
    }
}
