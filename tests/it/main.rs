//! Runs the built program on a real Kafka and a real PostgreSQL, as a user does, and compares what
//! the tables hold with what an independent oracle says they must.
//!
//! [`stream`] makes records that know what they mean, [`oracle`] says what they come to, [`witness`]
//! watches every write from within the database, and [`stage`] puts the play on.

mod killed;
mod oracle;
mod several;
mod stage;
mod stream;
mod streams;
mod witness;
