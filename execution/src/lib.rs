//! The pure lifecycle of an execution: commands in, events out, state as the fold of the events.
//!
//! Deliberately absent: I/O, clocks, async, randomness and actix. Time and random numbers are
//! arguments, so that live work, replay and the simulator run the very same code.
//!
//! The shape of a turn: [`decide`] looks at a [`State`] and a [`Command`] and answers with a
//! [`Decision`] or a [`Rejection`]; [`State::apply`] moves the state by one [`Event`]; what the
//! world must do about it is read off the [`Standing`] before and after.

pub mod checkpoint;
pub mod command;
pub mod content;
pub mod deadline;
pub mod decide;
pub mod event;
pub mod id;
pub mod queue;
pub mod retry;
pub mod spec;
pub mod standing;
pub mod state;
pub mod stream;
mod text;
pub mod time;
pub mod transcript;
pub mod view;

pub use checkpoint::Checkpoint;
pub use command::{Command, Rejection, Reply};
pub use content::Content;
pub use deadline::{Deadline, DeadlineKind};
pub use decide::{Decision, decide};
pub use event::{Event, EventBody, Reason};
pub use id::{ExecutionId, Kind, LeaseId, Name, Namespace, SessionId};
pub use queue::{QueueLimits, QueuePatch, QueueSettings, Rate};
pub use spec::Spec;
pub use standing::{Place, Standing};
pub use state::{Phase, State};
pub use time::{Span, Timestamp};
pub use transcript::Transcript;
pub use view::Execution;
