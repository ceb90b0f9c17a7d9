//! Connections to brokers: made, let in, and spoken over.
//!
//! `connection` is made by `bridge` out of two libraries, and carries the requests of `api`; `access`
//! and `sasl` get it past the brokers' doors.

pub(in crate::kafka) mod access;
pub(in crate::kafka) mod api;
mod bridge;
mod classic;
pub(in crate::kafka) mod connection;
pub(in crate::kafka) mod oauth;
mod sasl;
pub(in crate::kafka) mod token_endpoint;
