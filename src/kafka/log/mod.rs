//! The format of Kafka's log: decodes record batches into records, within size limits.
//!
//! `decode` verifies and parses one batch at a time, with `header`, `compression` and `wire`; `record` has
//! the resulting types.

pub(in crate::kafka) mod compression;
pub(in crate::kafka) mod decode;
pub(in crate::kafka) mod header;
pub(in crate::kafka) mod record;
#[cfg(test)]
pub(in crate::kafka) mod samples;
pub(in crate::kafka) mod wire;
