//! What users rely on, checked as they would: the built program, a real Apache Kafka, a real
//! PostgreSQL.

mod check;
mod configuration;
mod offsets;
mod outages;
mod poison;
mod shop;
mod topics;
