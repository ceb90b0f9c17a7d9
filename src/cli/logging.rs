//! Log lines go to standard error; standard output belongs to what was asked for.

use std::{io, panic};

use anstream::{AutoStream, ColorChoice};
use tracing::error;
use tracing_subscriber::EnvFilter;

use super::progress::Stderr;
use crate::config::{Log, LogFormat};

/// Starts logging, and lets a panic say where it happened: its message can hold what it choked on.
pub(super) fn start(log: &Log) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&log.level))
        .with_writer(|| Stderr);
    // As for --help: on a terminal that can, unless NO_COLOR is set, or with CLICOLOR_FORCE.
    let colours = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(colours).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_target(false).try_init(),
    };
    // Somebody else logs already, as in a test that calls the command line twice.
    if started.is_err() {
        return;
    }
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(place, "a defect: the program failed here");
    }));
}
