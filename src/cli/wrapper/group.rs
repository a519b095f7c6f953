//! A process group with a guard at its head.

use std::{io, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, ChildStdin, Command},
};

use super::guard::READY;

/// A guard that takes longer has failed to start.
const START: Duration = Duration::from_secs(10);

/// The group; dropping it kills whatever is left in it.
#[derive(Debug)]
pub(crate) struct Group {
    id: Pid,
    /// Reaped by the runtime after the drop.
    guard: Child,
    /// Closes with this process, which is what the guard waits for.
    _alive: ChildStdin,
}

impl Group {
    /// Starts the guard and waits until it stands.
    pub(crate) async fn form() -> io::Result<Self> {
        let mut guard = this_program()
            .arg("guard")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let failed = || io::Error::other("the guard of the process group did not start");
        let id =
            guard.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).ok_or_else(failed)?;
        let alive = guard.stdin.take().ok_or_else(failed)?;
        let mut says = guard.stdout.take().ok_or_else(failed)?;
        let mut byte = [0; 1];
        match tokio::time::timeout(START, says.read_exact(&mut byte)).await {
            Ok(Ok(_)) if byte[0] == READY => Ok(Self { id, guard, _alive: alive }),
            Ok(Ok(_)) | Err(_) => Err(failed()),
            Ok(Err(error)) => Err(error),
        }
    }

    /// Makes `command` start in this group, with piped streams.
    pub(crate) fn take_in<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .process_group(self.id.as_raw_nonzero().get())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
    }

    /// Sends a signal to everything in the group. SIGKILL takes the guard as well.
    pub(crate) fn signal(&self, signal: Signal) {
        // ESRCH: nothing is left, which is what a signal to end is for. EPERM: what is left runs
        // as somebody else, and no signal of ours reaches it.
        let _nobody_left = kill_process_group(self.id, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // While the guard is not reaped, its id is not reused, so this hits nobody else.
        if self.guard.id().is_some() {
            self.signal(Signal::KILL);
        }
    }
}

/// This very program, even if the file has been replaced or removed meanwhile.
pub(crate) fn this_program() -> Command {
    let path = if cfg!(target_os = "linux") {
        Ok("/proc/self/exe".into())
    } else {
        std::env::current_exe()
    };
    let mut command = Command::new(path.unwrap_or_else(|_| "heartline".into()));
    command.arg0("heartline");
    command
}
