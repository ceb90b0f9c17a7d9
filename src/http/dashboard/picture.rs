//! What the viewers of a period see.

use bytes::Bytes;

/// The events for viewers at one moment.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// The version of the sales; `None` until they are known.
    pub(super) version: Option<u64>,
    /// For viewers with this version: the state of the run.
    pub(super) beat: Bytes,
    /// For all others: also the sales.
    pub(super) whole: Bytes,
}
