//! The servers that a run uses.

use crate::{kafka::Kafka, registry::Registry, store::Store};

/// The servers that a run uses. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Servers {
    /// The source of the records.
    pub kafka: Kafka,
    /// The destination of the orders.
    pub store: Store,
    /// The schema registry, if configured.
    pub registry: Option<Registry>,
}
