//! `heartline guard`: the leader of a wrapped command's process group, which outlives the wrapper
//! by just long enough to end the group.
//!
//! The wrapper holds the other end of its standard input. When that closes, the wrapper is gone,
//! by whatever cause (SIGKILL and a crash included), and the guard ends everything in its group:
//! SIGTERM, then SIGKILL.
//!
//! Covered: the command and all it started, in whatever depth, as long as it stays in the group;
//! the wrapper dying between any two steps, because the command joins the group before it is
//! executed and the group's id cannot be reused while its leader lives.
//! Not covered: processes that leave the group (`setsid`, daemons), a machine on which guard and
//! wrapper are killed together, and a guard that was stopped. `PR_SET_PDEATHSIG` would cover less
//! (the command itself, not its children), and setting it needs unsafe code.

use std::{
    io::{Read as _, Write as _},
    time::Duration,
};

use rustix::process::{Signal, kill_current_process_group};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{error::Error, exit::Exit};

/// What the guard writes once it can be relied upon.
pub(super) const READY: u8 = b'\n';

/// Between SIGTERM and SIGKILL. Nobody waits for the command's last words any more.
const GRACE: Duration = Duration::from_secs(3);

/// Runs as the guard. Ends with its group.
#[expect(
    clippy::disallowed_methods,
    reason = "the grace is the only thing left to wait for: the group's end cannot be waited on"
)]
pub(crate) fn guard() -> Result<Exit, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::io("cannot start the runtime", source))?;
    // A handler that nobody asks is how to ignore a signal without unsafe code: what is sent to
    // the group is meant for the command.
    let _handlers = runtime.block_on(async {
        [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup(), SignalKind::quit()]
            .into_iter()
            .map(signal)
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(|source| Error::io("cannot ignore signals", source))
    })?;
    let told = std::io::stdout().write_all(&[READY]).and_then(|()| std::io::stdout().flush());
    told.map_err(|source| Error::io("cannot report to the wrapper", source))?;

    let mut nothing = [0; 1];
    loop {
        match std::io::stdin().read(&mut nothing) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let ended = |source: rustix::io::Errno| Error::io("cannot end the group", source.into());
    kill_current_process_group(Signal::TERM).map_err(ended)?;
    std::thread::sleep(GRACE);
    // This includes the guard itself.
    kill_current_process_group(Signal::KILL).map_err(ended)?;
    Ok(Exit::OK)
}
