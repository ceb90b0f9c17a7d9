//! Log lines go to standard error; standard output has only the command's result.

use std::{io, panic};

use anstream::{AutoStream, ColorChoice};
use tracing::error;
use tracing_subscriber::EnvFilter;

use super::progress::Stderr;
use crate::config::{Log, LogFormat};

/// The target of the error of a failed command, which is logged whatever `log.level` is.
pub(super) const COMMAND_FAILED: &str = "vendas::command_failed";

/// Starts logging. Panics are logged with their place only: their message can contain data of a
/// record.
pub(super) fn start(log: &Log) {
    let mut filter = EnvFilter::new(&log.level);
    if let Ok(always) = format!("{COMMAND_FAILED}=error").parse() {
        filter = filter.add_directive(always);
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Stderr);
    // As for --help: on a terminal that supports colours, unless NO_COLOR is set, or with
    // CLICOLOR_FORCE.
    let colours = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(colours).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_target(false).try_init(),
    };
    // A logger is already set, as in a test that runs the command line twice.
    if started.is_err() {
        return;
    }
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(place, "internal error: the program panicked here, report it as a bug");
    }));
}
