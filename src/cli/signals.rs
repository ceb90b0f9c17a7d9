//! SIGTERM and SIGINT: the first starts a graceful shutdown, the second exits immediately.

use std::process;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::CliError;

/// Cancels `stop` at the first signal.
pub(super) fn cancel_on_signal(stop: &CancellationToken) -> Result<(), CliError> {
    let listen = |kind| {
        signal(kind).map_err(|error| CliError::Failed(format!("cannot handle signals: {error}")))
    };
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        let signal = either(&mut terminate, &mut interrupt).await;
        info!(signal, "stopping: waiting for the batches in flight");
        stop.cancel();
        let signal = either(&mut terminate, &mut interrupt).await;
        warn!(signal, "stopping immediately");
        process::exit(1);
    });
    Ok(())
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
