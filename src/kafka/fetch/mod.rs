//! Reads partitions ahead: fetched from their leaders, bounded in memory, and found again when a
//! leader is lost.
//!
//! `fetcher` polls, one task a broker for the `subscription`s of all the partitions it leads, with
//! one `request` for those that have room;
//! `reader` gets chunks from there and has them decoded; `search` finds the way back when a leader is
//! lost, and `memory` knows who may fetch more.

pub(in crate::kafka) mod fetcher;
pub(in crate::kafka) mod memory;
pub(in crate::kafka) mod reader;
mod request;
mod search;
mod subscription;
