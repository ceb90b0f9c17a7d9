//! Serves connections: so many at once, and none that says nothing.

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

/// Connections open at once. Many machines let a program open 1,024 files, and its connections to
/// Kafka and PostgreSQL have to be among them.
const CONNECTIONS: usize = 256;

/// How long a client may take to ask, after connecting and after each answer.
const ASK_WITHIN: Duration = Duration::from_secs(30);

/// How long answers under way may take once the server is told to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(1);

/// How long nobody is taken in after that has failed, as it does where no file can be opened.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers as `router` says until `stop` is cancelled, and lets answers under way finish for a second.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(ASK_WITHIN);
    let service = TowerToHyperService::new(router);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let open = GracefulShutdown::new();
    while let Some((stream, client, place)) =
        stop.run_until_cancelled(accept(&listener, &places)).await.flatten()
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
                debug!(%error, "a connection over HTTP");
            }
            drop(place);
        });
    }
    // Whoever is still being answered then is cut off: the program ends.
    timeout(FINISH_WITHIN, open.shutdown()).await.ok();
}

/// The next connection and its client, when there is a place for it; `None` never, since `places` is not closed.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, client)) => return Some((stream, client, place)),
            Err(error) => {
                warn!(%error, "nobody can be taken in over HTTP just now");
                sleep(PAUSE).await;
            }
        }
    }
}
