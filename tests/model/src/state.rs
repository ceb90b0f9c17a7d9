//! The state of a world.

use arrayvec::ArrayVec;

use crate::records::Rows;

/// The maximum number of statements in flight on a connection.
pub const DEPTH: usize = 3;

/// The maximum number of abandoned connections with statements in flight.
pub const STRAYS: usize = 4;

/// The contents of PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Database {
    /// The topic's id, in the row of `partitions`.
    pub topic: u8,
    /// The next offset, in the same row.
    pub next: u8,
    /// The tables `sales` and `orders`.
    pub rows: Rows,
    /// Which records are in `dead_letters`.
    pub letters: u16,
    /// The records that were accounted for. Not in PostgreSQL: only for the properties.
    pub accounted: u16,
    /// Whether a record was accounted for a second time. Only for the properties.
    pub twice: bool,
}

/// Where the relevant history begins: at the first record, or where an operator last set the
/// offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Since {
    /// The offset that was set.
    pub offset: u8,
    /// The tables at that time.
    pub rows: Rows,
    /// The dead letters at that time.
    pub letters: u16,
}

/// A span, and the offsets whose records it contains: all, unless a rule was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Batch {
    /// The first offset.
    pub from: u8,
    /// The offset after the last.
    pub to: u8,
    /// A bit for each offset.
    pub covers: u8,
}

impl Batch {
    /// The whole of a span.
    #[must_use]
    pub const fn whole(from: u8, to: u8) -> Self {
        Self { from, to, covers: (1 << to) - (1 << from) }
    }

    /// Whether it contains the records of all its offsets.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.covers == Self::whole(self.from, self.to).covers
    }

    /// Both as one, with everything in between.
    #[must_use]
    pub const fn and(self, next: Self) -> Self {
        Self { from: self.from, to: next.to, covers: self.covers | next.covers }
    }
}

/// The effect of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Upserts sales; nothing if a row of `orders` must be deleted.
    Sales,
    /// Inserts everything; nothing if a row of `orders` must be deleted.
    Insert,
    /// Upserts everything.
    Full,
    /// The transaction that halves the batch until the rejected row is isolated.
    Halves,
}

impl Kind {
    /// Whether the full statement may succeed for the same span if this one wrote nothing.
    #[must_use]
    pub const fn is_first_try(self) -> bool {
        matches!(self, Self::Sales | Self::Insert)
    }
}

/// The snapshot of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Snapshot {
    /// Whether the row of `partitions` matched.
    pub matched: bool,
    /// The orders with a row in `orders`: a bit for each.
    pub listed: u8,
}

/// The result of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// Everything is written.
    Moved,
    /// Nothing, since the offset differs; or, if only sales were tried, since a row of `orders`
    /// must be deleted.
    NotMoved,
    /// Nothing, since a row of `orders` must be deleted.
    Listed,
    /// Nothing: a unique violation.
    Duplicate,
    /// Nothing: a row was rejected.
    Rejected,
}

/// The progress of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Progress {
    /// Sent.
    Sent,
    /// Has taken its snapshot.
    Begun(Snapshot),
    /// The first of two transactions is committed.
    Half,
    /// Was executed; its answer is in flight.
    Done(Answer),
}

/// A statement in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Statement {
    /// The batch.
    pub batch: Batch,
    /// The kind of statement.
    pub kind: Kind,
    /// The number of statements in flight on its connection that were sent before it.
    pub place: u8,
    /// Whether others were in flight when it was sent; recorded only if that makes a difference.
    pub behind: bool,
    /// The progress.
    pub progress: Progress,
}

/// Statements in flight, in the order of their spans.
pub type InFlight = ArrayVec<Statement, DEPTH>;

/// The phase of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Not running.
    Down,
    /// Must read the row.
    InDoubt,
    /// Commits.
    Working,
    /// Waits until nothing is in flight any more, and then does this.
    Settling(Remedy),
    /// Has reported that everything is committed.
    Exited,
    /// Has stopped, since the topic is another one.
    Halted,
}

/// The reaction to a span that was not committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Remedy {
    /// Read the row.
    Row,
    /// Upserts, from there on.
    Upserts,
    /// The full statement for these of its offsets, if a rule was removed.
    Full(u8),
    /// The same insert, if a rule was removed.
    Insert,
    /// Halve it.
    Halves,
}

/// The worker of an instance for the one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Worker {
    /// The phase.
    pub phase: Phase,
    /// The topic whose records it reads.
    pub topic: u8,
    /// The next offset to read.
    pub read: u8,
    /// Batches that were not committed, in order, to be sent again. Adjacent ones up to
    /// [`Self::read`] are not stored: cutting the same offsets again has the same result.
    pub pending: ArrayVec<Batch, 6>,
    /// The number of further commits that are sent in full at once.
    pub upserts: u8,
    /// The statements in flight on its connection.
    pub sent: InFlight,
}

impl Worker {
    pub(crate) fn new(phase: Phase, topic: u8, read: u8) -> Self {
        let (pending, sent) = (ArrayVec::new(), ArrayVec::new());
        Self { phase, topic, read, pending, upserts: 0, sent }
    }
}

/// An abandoned connection, with statements that may still be executed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stray {
    /// The topic of their records.
    pub topic: u8,
    /// The statements in flight.
    pub sent: InFlight,
}

/// The remaining faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Faults {
    /// Of any kind.
    pub all: u8,
    /// Connections that break with unread answers.
    pub lost: u8,
    /// Instances that are killed.
    pub killed: u8,
    /// Crashes of PostgreSQL.
    pub crashes: u8,
    /// Offsets set by an operator.
    pub resets: u8,
    /// Topics deleted and recreated with the same name.
    pub renewed: u8,
}

/// The state of a world.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The current contents of PostgreSQL.
    pub now: Database,
    /// Its contents after a crash.
    pub durable: Database,
    /// Where the relevant history begins.
    pub since: Since,
    /// The next offset that was reported outside PostgreSQL: by the exit of `--until-end`, or to
    /// Kafka's group.
    pub told: u8,
    /// Sorted, since instances are interchangeable.
    pub workers: ArrayVec<Worker, 2>,
    /// Sorted.
    pub strays: ArrayVec<Stray, STRAYS>,
    /// The remaining faults.
    pub left: Faults,
}
