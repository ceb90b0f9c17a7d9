//! Integration tests: the built program with a real Apache Kafka and a real PostgreSQL.
//!
//! Some tests compare whole streams row by row: [`stream`] generates records together with their
//! meaning, [`oracle`] computes the expected tables, [`audit`] records every write with triggers, and
//! [`scenario`] sends the stream and checks the result, for [`streams`], [`faults`], [`shutdown`],
//! [`fencing`], [`groups`] and [`pooler`].

mod audit;
mod brake;
mod brokers;
mod cancelled;
mod check;
mod command_line;
mod commits;
mod configuration;
mod dashboard;
mod data_loss;
mod dead_letters;
mod documents;
mod fairness;
mod faults;
mod fencing;
mod grafana;
mod groups;
mod http;
mod init;
mod invalid_records;
mod memory;
mod offsets;
mod oracle;
mod outages;
mod poison;
mod pooler;
mod privileges;
mod purge;
mod quotas;
mod registry;
mod report;
mod roll_up;
mod scenario;
mod schema;
mod security;
mod shapes;
mod shop;
mod shutdown;
mod simulate;
mod stream;
mod streams;
mod sums;
mod terminal;
mod time_limits;
mod topics;
mod totals;
mod two_databases;
mod wait;
