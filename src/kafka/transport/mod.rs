//! Connections to brokers.
//!
//! `connection` uses `bridge` to combine two libraries, and sends the requests of `api`; `access` and
//! `sasl` have TLS and authentication.

pub(in crate::kafka) mod access;
pub(in crate::kafka) mod api;
mod bridge;
mod classic;
pub(in crate::kafka) mod connection;
pub(in crate::kafka) mod error;
pub(in crate::kafka) mod oauth;
mod sasl;
pub(in crate::kafka) mod token_endpoint;
