//! `heartline completion`: a completion script for a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{error::Error, exit::Exit};

/// Print a completion script for a shell.
///
/// For bash: source <(heartline completion bash)
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which shell.
    shell: Shell,
}

pub(crate) fn completion(args: &Args) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Args::command(), "heartline", &mut script);
    super::output::line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::OK)
}
