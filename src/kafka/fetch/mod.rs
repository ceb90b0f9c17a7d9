//! Prefetches partitions from their leaders, within a memory limit, and follows leader changes.
//!
//! `fetcher` polls with one task per broker and one `request` for all `subscription`s with room.
//! `reader` receives and decodes the chunks. `search` finds the leader again after it is lost, and
//! `memory` limits how much is fetched.

pub(in crate::kafka) mod fetcher;
pub(in crate::kafka) mod memory;
pub(in crate::kafka) mod reader;
mod request;
mod search;
mod subscription;
