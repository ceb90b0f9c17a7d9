//! vendas reads sales orders from Apache Kafka, computes what each is worth, and stores the result
//! in PostgreSQL **exactly once**.
//!
//! The path of a record: [`kafka`] reads it, [`mod@format`] decodes its format with a schema from
//! [`registry`], [`order`] interprets it, [`process`] does so for a batch in parallel, and [`store`]
//! commits the batch. [`pipeline`] connects these steps.
//!
//! Other operations: [`replay`] processes dead letters again, [`purge`] deletes old orders,
//! [`report`] shows totals, [`simulate`] generates orders, and `init` proposes a mapping for records.
//!
//! Shared parts: [`cli`] has the commands, [`config`] the settings, [`tls`] the encryption of
//! connections, [`secret`] passwords and their files, and [`http_client`] requests to HTTP servers. A
//! run uses [`servers`], counts records in a [`tally`], and records its state in [`telemetry`] and
//! [`outage`]; [`http`] serves it as metrics, health and dashboard.
//!
//! The settings determine what a record means. Money is decimal, so that no amount is approximate:
//!
//! ```
//! use vendas::config::{self, Sources};
//!
//! let settings = r#"
//!     [topics.pedidos.mapping]
//!     order_id = "$.pedido.codigo"
//!     total = "$.pedido.valor"
//!     decimal = "comma"
//! "#;
//! let config = config::load(&Sources { text: Some(settings.to_owned()), ..Sources::default() })?;
//!
//! let record = br#"{"pedido": {"codigo": "A-17", "valor": "R$ 1.234,56"}}"#;
//! let meaning = config.rules.of("pedidos").understand_value(Some(record))?;
//! let [order] = meaning.orders() else { panic!("one order") };
//! assert_eq!(order.id(), Some("A-17"));
//! assert_eq!(order.total().to_string(), "1234.56");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The guarantee rests on one idea: a partition's next offset is stored with the data, and a batch is
//! committed by *compare-and-set* on it, in one statement (see [`store`]).
//!
//! - **Invariant:** [`order`] does no I/O.
//! - **Invariant:** [`store`] never retries. The worker in [`pipeline`] and [`purge`] do.
//! - **Invariant:** no variable holds a last offset; only next offsets exist ([`kafka::NextOffset`]).
//! - **Invariant:** no module depends on [`http`], except [`cli`]; [`config`] reads its
//!   [settings](http::settings). [`http`] only reads.
//! - **Invariant:** no payload and no secret appears in a log line or a message.

pub mod cli;
pub mod config;
pub mod format;
pub mod http;
pub mod http_client;
mod init;
pub mod kafka;
mod last_words;
pub mod order;
pub mod outage;
pub mod pipeline;
pub mod process;
pub mod purge;
pub mod registry;
pub mod replay;
pub mod report;
pub mod secret;
pub mod servers;
pub mod simulate;
pub mod store;
pub mod tally;
pub mod telemetry;
pub mod tls;
