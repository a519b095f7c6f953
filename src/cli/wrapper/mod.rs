//! A command under supervision: what `run` and `runner` do with a lease.
//!
//! The command runs in a process group of its own with piped standard streams. What it writes
//! becomes events ([`lines`]), which wait in the lease's bounded outbox until the server has
//! acknowledged them; [`lease`] ties its life to that of the lease, and [`group`] sees to it that
//! nothing of it is left behind, whatever happens to this process.

mod group;
pub(crate) mod guard;
mod lease;
mod lines;
mod post_mortem;
mod pump;

use std::{ffi::OsString, path::Path, sync::Arc};

use tokio::sync::watch;

pub(crate) use self::{
    group::{Group, this_program},
    lease::{Ended, Job, Order, Outcome},
};

/// What to run.
#[derive(Debug)]
pub(crate) struct Program {
    /// Program and arguments; at least the program.
    words: Vec<OsString>,
    /// Whether the input goes to standard input where there is none: as `null`.
    always_input: bool,
}

impl Program {
    /// A command that is given its input on standard input, `null` included.
    pub(crate) fn with_input(words: Vec<OsString>) -> Self {
        Self { words, always_input: true }
    }

    /// A command that has no input.
    pub(crate) fn without_input(words: Vec<OsString>) -> Self {
        Self { words, always_input: false }
    }

    /// Its name without the folders, for people: one line of bounded length.
    pub(crate) fn name(&self) -> String {
        const NAME_MAX: usize = 60;
        let program = Path::new(&self.words[0]);
        let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
        let plain: String = name.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
        if plain.is_empty() { "command".to_owned() } else { plain }
    }
}

/// Where the wrapper says what no event says, such as that the server is away.
pub(crate) type Notices = Arc<dyn Fn(&str) + Send + Sync>;

/// Waits until the value is so; false if it never can be. Holds no lock afterwards.
async fn until<T>(value: &mut watch::Receiver<T>, so: impl FnMut(&T) -> bool) -> bool {
    value.wait_for(so).await.is_ok()
}
