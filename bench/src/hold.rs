//! `hold`: a process that is a runner and nothing else, started by other workloads to be killed.
//! It says on its standard output what it was leased, and ends by itself when its input does.

use std::{io::Write as _, time::Duration};

use crate::{
    arguments::Hold,
    error::{Doing, Result},
    poller::{Interest, Poller},
    runners::{Runners, Told, register},
};

/// The clock is looked at at least this often.
const TICK: Duration = Duration::from_secs(1);

/// Runs until it is killed.
pub(crate) fn run(options: &Hold) -> Result<()> {
    let mut runners = Runners::connect(options.address, 1)?;
    runners.say(0, register(&options.runner, &options.queue, options.slots).as_bytes());
    runners.flush()?;
    let mut poller = Poller::new()?;
    let (stdin, mut stdout) = (std::io::stdin(), std::io::stdout());
    poller.add(&runners, 0, Interest::Read)?;
    poller.add(&stdin, 1, Interest::Read)?;
    let mut ready = Vec::new();
    loop {
        poller.wait(TICK, &mut ready)?;
        if ready.contains(&1) {
            return Ok(());
        }
        if !ready.is_empty() {
            runners.read(0, |told| match told {
                Told::Lease(lease) => {
                    writeln!(stdout, "leased {}", lease.execution()).doing("telling of a lease")?;
                    stdout.flush().doing("telling of a lease")
                }
                Told::Registered => Ok(()),
                other => Err(other.unexpected()),
            })?;
        }
        runners.beat()?;
        runners.flush()?;
    }
}
