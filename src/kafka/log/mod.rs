//! The format of Kafka's log: record batches taken apart into records, within bounds.
//!
//! `decode` checks and takes apart one batch at a time, with `header`, `compression` and `wire` below
//! it; `record` is what comes of it.

pub(in crate::kafka) mod compression;
pub(in crate::kafka) mod decode;
pub(in crate::kafka) mod header;
pub(in crate::kafka) mod record;
#[cfg(test)]
pub(in crate::kafka) mod samples;
pub(in crate::kafka) mod wire;
