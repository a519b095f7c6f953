//! The `heartline` binary: hands the arguments to a command and ends with its exit code.
//!
//! Deliberately absent: everything else. Commands are in `cli/`, the server's wiring in `lib.rs`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
