//! What users rely on, checked as they would: the built program, a real Apache Kafka, a real
//! PostgreSQL.
//!
//! Whole streams are compared row by row: [`stream`] makes records that know what they mean,
//! [`oracle`] says what they come to, [`witness`] watches every write from within the database, and
//! [`stage`] puts the play on, for [`streams`], [`faults`], [`killed`],
//! [`several`], [`groups`] and [`pooler`].

mod brokers;
mod cancelled;
mod check;
mod commits;
mod configuration;
mod dashboard;
mod data_loss;
mod dead_letters;
mod documents;
mod doors;
mod fairness;
mod faults;
mod grafana;
mod groups;
mod habits;
mod http;
mod init;
mod killed;
mod memory;
mod offsets;
mod oracle;
mod outages;
mod poison;
mod pooler;
mod purge;
mod quotas;
mod registry;
mod report;
mod rights;
mod roll_up;
mod rubbish;
mod schema;
mod several;
mod shapes;
mod shop;
mod simulate;
mod spread;
mod stage;
mod stream;
mod streams;
mod sums;
mod terminal;
mod topics;
mod totals;
mod wait;
mod witness;
