//! When a run ends.

/// When a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When it is told to stop.
    Stopped,
    /// When all records that were in the topics at the start are committed.
    End,
}
