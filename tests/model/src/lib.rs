//! A model of how vendas commits batches.

mod ending;
mod model;
mod property;
mod records;
mod rules;
mod state;
mod statement;
mod worker;

pub use ending::{Ending, ending};
pub use model::{Action, Connection, World};
pub use property::{DONE, LETTERS, NEVER, PROPERTIES, ROWS, TOLD, TWICE};
pub use records::{Log, ORDERS, Order, Record, Rows, bit, expected, version};
pub use rules::{AfterDoubt, Again, FirstTry, OnDuplicate, OnRejected, Rules, Transaction};
pub use state::{
    Answer, Batch, DEPTH, Database, Faults, InFlight, Kind, Phase, Progress, Remedy, STRAYS, Since,
    Snapshot, State, Statement, Stray, Worker,
};
