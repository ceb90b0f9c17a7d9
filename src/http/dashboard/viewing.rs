//! Who looks at which period, and what keeps that up to date.
//!
//! **Invariant:** however many look, PostgreSQL is asked by one reader for each period that somebody
//! looks at, and by one reader at a time.
//!
//! **Invariant:** what all viewers of a period see is written once, and they share these bytes.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::future::join_all;
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::debug;

use super::{
    event::event,
    fresh::Fresh,
    pace::Pace,
    snapshot::{Seen, snapshot},
    sold::{self, Sold},
    viewer::Viewer,
    window::Window,
};
use crate::{
    http::State,
    store::{DeadLetterFilter, ReasonCount},
};

/// The most that look at once; who comes later is asked to come again. Fewer than the server has
/// connections, so that metrics and health are answered also then.
const PLACES: usize = 220;

/// How often the picture changes.
const BEAT: Duration = Duration::from_secs(1);

/// What all viewers share. Cheap to clone.
#[derive(Clone)]
pub(in crate::http) struct Dashboard(Arc<Shared>);

struct Shared {
    state: State,
    pace: Mutex<Pace>,
    letters: Fresh<Vec<ReasonCount>>,
    views: [View; Window::ALL.len()],
    /// Somebody has begun to look.
    looked: Notify,
    /// Readings under way at once.
    turns: Semaphore,
    places: Arc<Semaphore>,
}

/// A period, and who looks at it.
struct View {
    window: Window,
    sold: Fresh<Sold>,
    /// The newest; `None` while nobody looks.
    pictures: watch::Sender<Option<Picture>>,
    looked: Notify,
}

/// What a viewer is shown at one moment.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// Changes with what was sold; `None` until that is known.
    pub(super) version: Option<u64>,
    /// For those who have seen this version: how the run fares.
    pub(super) beat: Bytes,
    /// For all others: what was sold, too.
    pub(super) whole: Bytes,
}

impl View {
    fn new(window: Window) -> Self {
        Self {
            window,
            sold: Fresh::new(),
            pictures: watch::Sender::new(None),
            looked: Notify::new(),
        }
    }

    fn is_looked_at(&self) -> bool {
        self.pictures.receiver_count() > 0
    }
}

impl Dashboard {
    pub(in crate::http) fn new(state: State) -> Self {
        Self(Arc::new(Shared {
            state,
            pace: Mutex::default(),
            letters: Fresh::new(),
            views: Window::ALL.map(View::new),
            looked: Notify::new(),
            turns: Semaphore::new(1),
            places: Arc::new(Semaphore::new(PLACES)),
        }))
    }

    /// Keeps the pictures up to date until it is told to stop.
    pub(in crate::http) async fn keep_up(&self) {
        let readers = self.0.views.iter().map(|view| self.read_sales(view));
        tokio::select! {
            () = self.0.state.stopping().cancelled() => {}
            () = self.take_pictures() => {}
            () = self.read_letters() => {}
            _ = join_all(readers) => {}
        }
    }

    /// One more viewer of a period, if there is a place.
    pub(super) fn viewer(&self, window: Window) -> Option<Viewer> {
        let place = Arc::clone(&self.0.places).try_acquire_owned().ok()?;
        let view = self.view(window)?;
        let is_first = !view.is_looked_at();
        let mut pictures = view.pictures.subscribe();
        if is_first {
            self.0.letters.expect();
            view.sold.expect();
            // Soon there is more to be seen, but the page need not wait for it.
            self.show(view);
        }
        // Where others look already there is one to begin with.
        pictures.mark_changed();
        view.looked.notify_one();
        self.0.looked.notify_one();
        let history = event("history", &self.pace().history()).unwrap_or_default();
        Some(Viewer::new(pictures, self.0.state.stopping().clone(), history, place))
    }

    fn view(&self, window: Window) -> Option<&View> {
        self.0.views.iter().find(|view| view.window == window)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.0.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take_pictures(&self) {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            self.pace().note(Instant::now(), self.0.state.telemetry().orders.get());
            for view in &self.0.views {
                if view.is_looked_at() {
                    self.show(view);
                } else {
                    // Who comes next is not to be shown what was true long ago.
                    view.pictures.send_replace(None);
                }
            }
        }
    }

    /// Shows a period's viewers how things stand.
    fn show(&self, view: &View) {
        view.pictures.send_replace(self.picture(view));
    }

    fn picture(&self, view: &View) -> Option<Picture> {
        let (rate, peak) = {
            let pace = self.pace();
            (pace.now().to_string(), pace.peak().to_string())
        };
        let (sold, letters) = (view.sold.lock(), self.0.letters.lock());
        let current = sold.is_current() && letters.is_current();
        let letters = letters.value.as_deref();
        let sold = sold.value.as_ref();
        let as_of = sold.map(|sold| sold.as_of);
        let beat = snapshot(&self.0.state, Seen { rate, peak, letters, as_of, current })?;
        let whole = match sold {
            Some(sold) => [&sold.event[..], &beat].concat().into(),
            None => beat.clone(),
        };
        Some(Picture { version: sold.map(|sold| sold.version), beat, whole })
    }

    async fn read_sales(&self, view: &View) {
        let state = &self.0.state;
        let (store, currency) = (state.store(), state.currency());
        loop {
            while !view.is_looked_at() {
                view.looked.notified().await;
            }
            while view.is_looked_at() {
                let ask = sold::ask(store, view.window, currency);
                let keep = |before, answer| {
                    Sold::new(before, answer, view.window, currency, store.shop_timezone())
                };
                let tell = |error: Option<&_>| {
                    if let Some(error) = error {
                        // The work tells of an outage; this is for whoever looks for the cause.
                        debug!(error = %error, "the dashboard cannot read the sales");
                    }
                    self.show(view);
                };
                view.sold.read(&self.0.turns, ask, keep, tell).await;
            }
            view.sold.forget();
        }
    }

    async fn read_letters(&self) {
        let store = self.0.state.store();
        let is_looked_at = || self.0.views.iter().any(View::is_looked_at);
        loop {
            while !is_looked_at() {
                self.0.looked.notified().await;
            }
            while is_looked_at() {
                let filter = DeadLetterFilter::default();
                let ask = store.dead_letter_counts(&filter, false);
                let tell = |error: Option<&_>| {
                    if let Some(error) = error {
                        debug!(error = %error, "the dashboard cannot count the dead letters");
                    }
                };
                self.0.letters.read(&self.0.turns, ask, |_, counts| counts, tell).await;
            }
            self.0.letters.forget();
        }
    }
}
