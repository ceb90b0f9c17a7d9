//! A model of how vendas commits batches, explored by [stateright](https://www.stateright.rs).
//!
//! The argument for exactly once in docs/architecture.md ("The guarantee") must hold for any order of
//! events. This crate explores a small world in *every* order: one partition with two to five records, some
//! of them versions of the same order, one or two instances, and a bounded number of faults. No code of
//! vendas runs; the model repeats its rules ([`Rules`]) in a few hundred lines. Each rule can be removed, and
//! a test demonstrates the failure without it.
//!
//! # The world
//! * **PostgreSQL** ([`Database`]): the row of `partitions`, the tables `sales`, `orders` and `dead_letters`,
//!   and for the properties the set of records accounted for. Statements of different connections
//!   interleave; each is atomic. With `synchronous_commit = off` a crash loses the last commits, rows and
//!   offset together: the current state may become durable at any time, and a crash restores the last durable
//!   state.
//! * **Workers** ([`Worker`]): batches of any length, several statements in flight, answers that arrive
//!   later. A worker that is not scheduled for a while is frozen, so that this needs no fault. Both instances
//!   may process the same partition at any time: correctness does not depend on Kafka's group.
//! * **Faults** ([`Faults`]): a connection breaks with unread answers, and its statements may still be
//!   executed at any later time, or never ([`Stray`]); an instance is killed; PostgreSQL crashes; an operator
//!   sets the offset to any value; the topic is deleted and recreated with the same name. Statements that
//!   were not executed when PostgreSQL crashed may be executed afterwards, as by a pooler.
//! * **Time within a statement** ([`World::snapshots`]): PostgreSQL reads a statement's other tables as of
//!   its start, but the row that it updates as of the time when it gets the lock (READ COMMITTED).
//!
//! # Properties
//! In every state: no offset is accounted for twice ([`TWICE`]) or left out ([`NEVER`]), relative to the last
//! offset that an operator set; the rows are those of each order's last version before the next offset
//! ([`ROWS`]), and the dead letters are those of the records before it ([`DEAD_LETTERS`]); an offset that was
//! reported outside PostgreSQL, by the exit of `--until-end` or to Kafka's group, is never lost
//! ([`REPORTED`]); if no action is possible any more, everything is committed ([`DONE`]). In addition, every
//! run terminates, in any order of actions ([`ending`]). Other properties ensure that the relevant events
//! occur: lost commits, unique violations, rejected rows.
//!
//! # Reductions of the state space
//! * Workers and abandoned connections are sorted, since they are interchangeable.
//! * Adjacent pending batches are dropped when a commit fails: the same offsets may be cut in any way.
//! * Abandoned statements are dropped when their offset has passed and no fault can set it back.
//!
//! # Outside the model
//! The boundary of purges and the replay of dead letters (both exclude commits by a table lock), the sums,
//! more than one partition, loss of records in Kafka, and a partition's first row. A record that the database
//! rejects is the last version of its order here: if a later one is in the same commit, the rejected row is
//! never sent, so that the boundaries of batches determine whether it becomes a dead letter.

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
pub use property::{DEAD_LETTERS, DONE, NEVER, PROPERTIES, REPORTED, ROWS, TWICE};
pub use records::{Log, ORDERS, Order, Record, Rows, bit, expected, version};
pub use rules::{AfterDoubt, Again, FirstTry, OnDuplicate, OnRejected, Rules, Transaction};
pub use state::{
    Answer, Batch, DEPTH, Database, Faults, InFlight, Kind, Phase, Progress, Remedy, STRAYS, Since,
    Snapshot, State, Statement, Stray, Worker,
};
