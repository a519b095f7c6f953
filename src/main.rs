//! The `heartline` binary: hands the arguments to a command and ends with its exit code.
//!
//! Deliberately absent: everything else. Commands are in `cli/`, the server's wiring in `lib.rs`.

mod cli;

use std::process::ExitCode;

/// Many small allocations on several threads are the server's diet; this allocator is made for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
