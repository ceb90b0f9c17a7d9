//! Waits for the schemas of a batch.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio_util::sync::CancellationToken;

use super::retry::{Passing, Pauses};
use crate::{
    format::Schemas,
    kafka::Record,
    order::Rules,
    outage::Outage,
    registry::{Registry, RegistryError},
};

/// The source of schemas, and the number of batches that wait for it.
#[derive(Debug)]
pub(super) struct SchemaSource {
    registry: Option<Registry>,
    outage: Arc<Outage>,
    waiting: AtomicUsize,
}

impl SchemaSource {
    pub(super) const fn new(registry: Option<Registry>, outage: Arc<Outage>) -> Self {
        Self { registry, outage, waiting: AtomicUsize::new(0) }
    }

    /// The schemas of these records. Waits while the registry is unreachable, and reports that.
    pub(super) async fn of(&self, records: &[Record], rules: &Rules) -> Schemas {
        let Some(registry) = self.registry.as_ref().filter(|_| rules.format().is_by_id()) else {
            return Schemas::default();
        };
        let ids: BTreeSet<_> = records.iter().flat_map(|record| rules.schema_ids(record)).collect();
        if let Some(schemas) = registry.cached(&ids) {
            return schemas;
        }
        let _waiting = Waiting::new(self);
        let mut pauses = Pauses::new();
        // The caller stops waiting by dropping the future.
        let never = CancellationToken::new();
        loop {
            let asked = Instant::now();
            match registry.schemas(&ids).await {
                Ok(schemas) => {
                    self.outage.recovered(asked);
                    return schemas;
                }
                Err(error) => self.outage.failed(error.severity(), &error),
            }
            // Never told to stop.
            let _ = pauses.pause_during(&self.outage, &never).await;
        }
    }
}

/// Counts a waiter. After the last one is gone, nothing would detect the end of an outage.
struct Waiting<'a>(&'a SchemaSource);

impl<'a> Waiting<'a> {
    fn new(source: &'a SchemaSource) -> Self {
        source.waiting.fetch_add(1, Ordering::Relaxed);
        Self(source)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.0.waiting.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.outage.forget();
        }
    }
}

impl Passing for RegistryError {
    fn passes(&self) -> bool {
        matches!(self, Self::Transient(_))
    }
}
