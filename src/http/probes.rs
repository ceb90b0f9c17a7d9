//! The results of probing the servers.

use std::{
    fmt::Display,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use crate::outage::Ongoing;

/// The last results of the probes.
#[derive(Debug, Default)]
pub(super) struct Probes {
    pub(super) kafka: Probe,
    pub(super) postgres: Probe,
}

/// The failure of a server's last probe, and since when they fail; `None` if it succeeded.
#[derive(Debug, Default)]
pub(super) struct Probe(Mutex<Option<Ongoing>>);

impl Probe {
    pub(super) fn note(&self, failure: Option<&dyn Display>) {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *failing = failure.map(|error| Ongoing {
            since: failing.take().map_or_else(Timestamp::now, |before| before.since),
            error: error.to_string(),
        });
    }

    pub(super) fn failing(&self) -> Option<Ongoing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
