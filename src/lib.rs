//! vendas takes sales orders from Apache Kafka, works out what each is worth, and keeps the result
//! in PostgreSQL **exactly once**.
//!
//! [`kafka`] reads, [`mod@format`] knows the formats of records and [`registry`] fetches their schemas,
//! [`order`] understands a record, [`process`] a batch of them in parallel, [`store`] commits it, and
//! [`pipeline`] carries it from one to the other; [`replay`] does so with the dead letters among them,
//! once more; [`purge`] deletes old orders; [`report`] shows what came of it. [`simulate`] makes orders where there is no shop to send
//! them; `init` proposes a mapping for records. [`config`] says with which settings, [`tls`] makes
//! connections that nobody else can read, [`secret`] reads passwords, [`http_client`] asks HTTP servers, and [`cli`] is how a person starts it all. A run notes in
//! [`telemetry`] and [`outage`] how it fares, and [`http`] tells: metrics, health, dashboard.
//!
//! The guarantee rests on one idea: a partition's next offset lives beside the data, and a batch is
//! committed by *compare-and-set* on it, in one statement (see [`store`]).
//!
//! - **Invariant:** [`order`] does no I/O.
//! - **Invariant:** [`store`] never retries, the worker in [`pipeline`] does, and [`purge`].
//! - **Invariant:** no variable holds a last offset; only next offsets exist ([`kafka::NextOffset`]).
//! - **Invariant:** whoever works knows nothing of [`http`], which only reads.
//! - **Invariant:** no payload and no secret reaches a log line or a message.

pub mod cli;
pub mod config;
pub mod format;
pub mod http;
pub mod http_client;
mod init;
pub mod kafka;
pub mod order;
pub mod outage;
pub mod pipeline;
pub mod process;
pub mod purge;
pub mod registry;
pub mod replay;
pub mod report;
pub mod secret;
pub mod simulate;
pub mod store;
pub mod telemetry;
pub mod tls;
