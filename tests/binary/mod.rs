//! The binary under test.

use std::process::Command;

/// The binary, without what is set where the tests run: that must not decide how they go.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heartline"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HEARTLINE_") {
            command.env_remove(name);
        }
    }
    command
}
