//! The program: turns what a command comes to into an exit code.

// Futures nest deeply, and what is built here is what becomes of all of them.
#![recursion_limit = "256"]

use std::{io::Write, process::ExitCode};

// musl's own allocator has one lock for all threads. Where glibc's is at hand it costs as much here,
// and keeps 20 to 30 MB less.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match vendas::cli::run(std::env::args_os(), std::env::vars_os()) {
        Ok(()) => ExitCode::SUCCESS,
        // `vendas offsets show | head`
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) if error.is_told() => error.exit_code(),
        Err(error) => {
            // Where nobody can be told there is still the exit code.
            let _told = writeln!(std::io::stderr(), "{error}").is_ok();
            error.exit_code()
        }
    }
}
