//! Serves HTTP connections, with limits on their number and idle time.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// The maximum number of connections. Many machines limit a program to 1,024 open files, including
/// its connections to Kafka and PostgreSQL.
const CONNECTIONS: usize = 256;

/// How long a client may take to send a request, after connecting and after each response.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);

/// How long responses in progress may take after the server is stopped.
const FINISH_WITHIN: Duration = Duration::from_secs(1);

/// The pause after accepting a connection failed, for example because too many files are open.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves `router` until `stop` is cancelled, then waits up to a second for responses in progress.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REQUEST_WITHIN);
    let service = TowerToHyperService::new(router);
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let open = GracefulShutdown::new();
    while let Some((stream, client, permit)) =
        stop.run_until_cancelled(accept(&listener, &permits)).await.flatten()
    {
        let service = service.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(client));
            service.call(request)
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let connection = open.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "an HTTP connection failed");
            }
            drop(permit);
        });
    }
    // Remaining connections are closed when the program ends.
    timeout(FINISH_WITHIN, open.shutdown()).await.ok();
}

/// The next connection and its client, when there is a permit; never `None`, since the semaphore is
/// not closed.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, client)) => return Some((stream, client, permit)),
            Err(error) => {
                warn!(%error, "cannot accept HTTP connections");
                sleep(PAUSE).await;
            }
        }
    }
}
