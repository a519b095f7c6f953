//! How a handler says that it did not succeed.

use super::{lease::Failure, outbox::Over};
use crate::error::Error;

/// Why a handler did not succeed. Every error converts into one that may be retried, so `?` works
/// on whatever a handler calls; for this it is no error itself.
#[derive(Clone, Debug)]
pub struct Failed(pub(super) Why);

#[derive(Clone, Debug)]
pub(super) enum Why {
    Failed(Failure),
    Cancelled,
}

impl Failed {
    /// Another attempt may succeed. `code` is for programs: `rate_limited`.
    pub fn retryable(code: &str, message: impl Into<String>) -> Self {
        Self::new(code, message, true)
    }

    /// No other attempt will succeed: `invalid_input`.
    pub fn permanent(code: &str, message: impl Into<String>) -> Self {
        Self::new(code, message, false)
    }

    /// It has stopped because somebody wanted it to.
    pub fn cancelled() -> Self {
        Self(Why::Cancelled)
    }

    /// Adds the evidence.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        if let Why::Failed(failure) = &mut self.0 {
            failure.detail = Some(detail.into());
        }
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Why::Failed(failure) = &mut self.0 {
            failure.hint = Some(hint.into());
        }
        self
    }

    fn new(code: &str, message: impl Into<String>, retryable: bool) -> Self {
        let (code, message) = (code.to_owned(), message.into());
        Self(Why::Failed(Failure { code, message, detail: None, hint: None, retryable }))
    }
}

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(source) = cause {
            causes.push(source.to_string());
            cause = source.source();
        }
        let failed = Self::retryable("handler_error", error.to_string());
        if causes.is_empty() { failed } else { failed.detail(causes.join("\n")) }
    }
}

/// What a lost lease looks like to a handler; nobody is told of it any more.
pub(super) fn over(over: Over) -> Failed {
    Error::Over(over.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_is_a_failure_that_may_be_retried() {
        fn handler() -> Result<u8, Failed> {
            Ok("x".parse::<u8>()?)
        }
        let Why::Failed(failure) = handler().unwrap_err().0 else { panic!("failed") };
        assert!(failure.retryable);
        assert_eq!((&*failure.code, failure.message.contains("digit")), ("handler_error", true));
    }
}
