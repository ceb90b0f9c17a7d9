//! A model of how vendas commits batches, for [stateright](https://www.stateright.rs) to explore.
//!
//! The argument for exactly once in docs/architecture.md ("The guarantee") is about what may happen in any
//! order. Here a small world is explored in *every* order: one partition with two to five records, some of
//! which are versions of the same order, one or two instances, and a bounded number of faults. Nothing of
//! vendas runs; the model repeats its rules ([`Rules`]) in a few hundred lines, so that each can be taken
//! away to see what is found then. A rule without which nothing is found would be no rule.
//!
//! # The world
//! * **PostgreSQL** ([`Database`]): the row of `partitions`, the tables `sales`, `orders` and `dead_letters`,
//!   and for the checks the set of records accounted for. Statements of different connections interleave;
//!   each is atomic. With `synchronous_commit = off` a crash takes back the last commits, rows and offset
//!   together: at any moment what is there may become durable, and a crash returns to what was durable last.
//! * **Workers** ([`Worker`]): batches of any length, several statements in flight, answers that arrive
//!   later. A worker that is not scheduled for a while is a frozen one, so that no fault is needed for that.
//!   Both instances may process the same partition all the time: Kafka's group is not what makes them right.
//! * **Faults** ([`Faults`]): a connection breaks with answers unread, and its statements may still be
//!   executed at any later time, or never ([`Stray`]); an instance is killed; PostgreSQL crashes; an operator
//!   sets the offset anywhere; the topic is deleted and created again under its name. Statements that were
//!   not executed when PostgreSQL crashed may be executed afterwards, as by a pooler.
//! * **Time within a statement** ([`World::snapshots`]): PostgreSQL reads a statement's other tables as of
//!   its beginning, but the row that it updates as of the moment in which it gets the lock (READ COMMITTED).
//!
//! # What is checked
//! In every state: no offset is accounted for twice ([`TWICE`]) or left out ([`NEVER`]), relative to where an
//! operator last set it; the rows are those of each order's last version before the next offset ([`ROWS`]),
//! and so the dead letters ([`LETTERS`]); what was told outside PostgreSQL, by the exit of `--until-end` or
//! to Kafka's group, is never taken back ([`TOLD`]); where nothing can happen any more, everything is done
//! ([`DONE`]). And of all runs: each comes to an end, in whatever order things happen ([`ending`]). Other
//! properties make sure that what matters does occur: lost commits, unique violations, rejected rows.
//!
//! # What makes it small
//! * Workers and abandoned connections are sorted, since it makes no difference which is which.
//! * Prepared batches that adjoin are forgotten when a commit fails: the same offsets may be cut in any way.
//! * Abandoned statements are dropped once their offset has passed and nothing can set it back.
//!
//! # What is not in it
//! The boundary of purges and the replay of dead letters (both exclude commits by a table lock), the sums,
//! more than one partition, loss of records in Kafka, and a partition's first row. A record that the database
//! rejects is the last version of its order here: if a later one is in the same commit, the rejected row is
//! never sent, so that it depends on where batches are cut whether it becomes a dead letter.

mod actions;
mod ending;
mod model;
mod property;
mod records;
mod rules;
mod state;
mod statement;
mod worker;

pub use actions::{Action, Connection};
pub use ending::{Ending, ending};
pub use model::World;
pub use property::{DONE, LETTERS, NEVER, PROPERTIES, ROWS, TOLD, TWICE};
pub use records::{Log, ORDERS, Order, Record, Rows, bit, expected, version};
pub use rules::{AfterDoubt, Again, FirstTry, OnDuplicate, OnRejected, Rules, Transaction};
pub use state::{
    Answer, Batch, DEPTH, Database, Faults, InFlight, Kind, Phase, Progress, Remedy, STRAYS, Since,
    Snapshot, State, Statement, Stray, Worker,
};
