//! A viewer of the dashboard.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use super::picture::Picture;

/// How soon a browser reconnects.
const RECONNECT_AFTER: Duration = Duration::from_secs(2);

/// A stream of pictures. It is dropped when the browser disconnects, which frees the place.
pub(super) struct Viewer {
    pictures: watch::Receiver<Option<Picture>>,
    stop: CancellationToken,
    /// The first events.
    greeting: Option<Bytes>,
    /// The version of the sales that this viewer has.
    seen: Option<u64>,
    _place: OwnedSemaphorePermit,
}

impl Viewer {
    pub(super) fn new(
        pictures: watch::Receiver<Option<Picture>>,
        stop: CancellationToken,
        history: Bytes,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let retry = format!("retry: {}\n\n", RECONNECT_AFTER.as_millis());
        let greeting = Some([retry.as_bytes(), &history].concat().into());
        Self { pictures, stop, greeting, seen: None, _place: place }
    }

    /// The next events; if the viewer is too slow, pictures are skipped.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if let Some(greeting) = self.greeting.take() {
            return Some((Ok(greeting), self));
        }
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return None,
                changed = self.pictures.changed() => changed.ok()?,
            }
            let picture = self.pictures.borrow_and_update().clone();
            let Some(Picture { version, beat, whole }) = picture else { continue };
            let news = if version == self.seen { beat } else { whole };
            self.seen = version;
            return Some((Ok(news), self));
        }
    }
}

impl IntoResponse for Viewer {
    fn into_response(self) -> Response {
        let body = Body::from_stream(stream::unfold(self, Self::next));
        ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
    }
}
