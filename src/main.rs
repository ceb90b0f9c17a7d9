//! The program: runs a command and exits with its exit code.

// Futures nest deeply, and this crate builds the outermost one.
#![recursion_limit = "256"]

use std::{io::Write, process::ExitCode};

// Orders are allocated by one thread and freed by another, and tokio's tasks are aligned to 128 bytes.
// musl's allocator has one lock for all threads; glibc's takes a tenth more CPU time for all of
// vendas if orders have products.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match vendas::cli::run(std::env::args_os(), std::env::vars_os()) {
        Ok(()) => ExitCode::SUCCESS,
        // `vendas offsets show | head`
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) if error.is_logged() => error.exit_code(),
        Err(error) => {
            // If standard error is closed, the exit code still reports the failure.
            let _written = writeln!(std::io::stderr(), "{error}").is_ok();
            error.exit_code()
        }
    }
}
