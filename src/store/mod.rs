//! Stores orders, dead letters and offsets in PostgreSQL, exactly once.
//!
//! A partition's next offset is stored next to the data and moves by **compare-and-set** in the
//! statement that writes the batch (`sql/commit/commit.sql`): `UPDATE partitions SET next_offset =
//! to WHERE … AND next_offset = from`, and everything else in the statement depends on its one row.
//! If it updates no row, nothing is written ([`StoreError::Fenced`]). Either another instance moved
//! the offset, an earlier batch in flight failed, this instance's commit succeeded but its response
//! was lost, or PostgreSQL recovered from a crash with an older offset. The reaction is the same in
//! all cases: settle the batches in flight, read the offset again, and continue from there.
//!
//! Therefore several batches can be in flight on one connection, an instance that resumes after a
//! long pause does no harm, and `synchronous_commit = off` loses nothing: after a crash of
//! PostgreSQL the offset is as old as the rows, and Kafka still has the later records.
//!
//! ***Invariant:** this module never retries, and no statement relies on session state, except for
//! prepared statements where the settings allow them.

mod columns;
mod commit;
mod database;
mod dead_letters;
mod encryption;
mod error;
mod finding;
mod found;
mod hosts;
mod identifier;
mod ledger;
mod locks;
mod long;
mod notes;
mod numeric;
mod offsets;
mod pool;
mod purge;
mod purgeable;
mod replay;
mod retention;
mod roll_up;
mod rows;
mod sales;
mod schema;
mod server;
mod session;
mod settings;
mod statement;
mod tables;
mod totals;
mod wire;

pub use commit::{Committed, Session};
pub use database::{Greeting, Store};
pub use dead_letters::{
    DeadLetter, DeadLetterBytes, DeadLetterFilter, DeadLetterState, Purgeable, ReasonCount,
};
pub use encryption::Encryption;
pub use error::{Cause, StoreError};
pub use finding::Finding;
pub use hosts::{Host, Target};
pub use offsets::PartitionRow;
pub use purge::{Purge, PurgeGuard, Purged};
pub use purgeable::{PurgeableOrders, ShopDay};
pub use replay::{DeadLetterPosition, Redecoded, ReplayableDeadLetter, Replayed};
pub use roll_up::RollUp;
pub use sales::{Ends, Period, Sales, SalesBy, SalesFigure, SalesLine, SalesQuestion, Unit};
pub use schema::SCHEMA;
pub use settings::Settings;
pub use statement::{CommitStatement, WriteMode};
pub use totals::{Difference, Figures, ProductTotal, Totals, Verification, View};
