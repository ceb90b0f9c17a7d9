//! Private Kafka and PostgreSQL servers for the tests, the demo and the benchmarks.
//!
//! [`Testbed`] contains both. They are real servers, installed by Maven when they are first needed;
//! they listen at free ports of the loopback address, keep their data in a temporary folder, and
//! can be stopped, killed, frozen and restarted at the same address with the same data.
//! [`VendasCommand`] runs the built program against them, and [`eventually`] waits for its results.
//! [`Proxy`] injects network faults between the two. [`Librdkafka`] writes and reads topics with
//! the most common client library. [`Registry`] is a schema registry, [`FaultyRegistry`] one that
//! fails on demand, and [`Serializers`] are Confluent's. [`Prometheus`] scrapes metrics.
//!
//! **Invariant:** no process outlives the process that started it, even if that is killed: a guard
//! process ensures it.
//!
//! **Invariant:** nothing waits for a fixed time; everything waits for a condition, with a
//! deadline.

mod browser;
mod certificates;
mod database;
mod disk;
mod eventually;
pub mod fuzz;
mod guard;
mod install;
mod kafka;
mod librdkafka;
mod pgbouncer;
mod picture;
mod port;
mod postgres;
mod process;
mod prometheus;
mod proxy;
mod python;
mod registry;
pub mod samples;
mod servers;
mod token_issuer;
mod vendas;

pub use anyhow::{Context, Error, Result, bail, ensure};
pub use browser::Browser;
pub use certificates::{Authority, Certificate};
pub use database::{Database, Table};
pub use disk::SmallDisk;
pub use eventually::eventually;
pub use guard::{Folder, end_everything};
pub use kafka::{JavaConsumer, Kafka, KafkaCluster, KafkaOptions, KafkaRelease, Record};
pub use librdkafka::{GroupMember, Header, Librdkafka, Log, RecordBatch, Step};
pub use pgbouncer::Pgbouncer;
pub use port::free as free_port;
pub use postgres::{Postgres, PostgresOptions, Replicas};
pub use prometheus::{Prometheus, promtool};
pub use proxy::{After, Cut, Direction, KafkaCaps, Proxy};
pub use python::Python;
pub use registry::{Fault, FaultyRegistry, Registry, SchemaKind, Serializers};
pub use servers::Testbed;
pub use token_issuer::{TokenFault, TokenIssuer, unsigned_token};
pub use vendas::{Ended, Signal, Vendas, VendasCommand};
