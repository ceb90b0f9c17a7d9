//! What a world consists of in one moment.

use arrayvec::ArrayVec;

use crate::records::Rows;

/// Statements in flight on one connection, at most.
pub const DEPTH: usize = 3;

/// Connections, at most, that were given up with statements on their way.
pub const STRAYS: usize = 4;

/// What PostgreSQL holds.
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
    /// Which records were accounted for. Nothing in PostgreSQL: it is there to be checked.
    pub accounted: u16,
    /// Whether a record was accounted for a second time. Also there to be checked.
    pub twice: bool,
}

/// Where the history that counts begins: at the first record, or where somebody last set the offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Since {
    /// The offset that was set.
    pub offset: u8,
    /// The tables then.
    pub rows: Rows,
    /// The dead letters then.
    pub letters: u16,
}

/// A span, and which of its offsets' records it really has: all, unless a rule was taken away.
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

    /// Whether it has the records of all its offsets.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.covers == Self::whole(self.from, self.to).covers
    }

    /// Both as one, whatever lies between.
    #[must_use]
    pub const fn and(self, next: Self) -> Self {
        Self { from: self.from, to: next.to, covers: self.covers | next.covers }
    }
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Upserts sales; nothing if a row of `orders` has to go.
    Sales,
    /// Inserts everything; nothing if a row of `orders` has to go.
    Insert,
    /// Upserts everything.
    Full,
    /// The transaction that halves until what is rejected stands alone.
    Halves,
}

impl Kind {
    /// Whether the same span may succeed in full where this one wrote nothing.
    #[must_use]
    pub const fn is_first_try(self) -> bool {
        matches!(self, Self::Sales | Self::Insert)
    }
}

/// What a statement saw when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Snapshot {
    /// Whether the row of `partitions` was as it has to be.
    pub matched: bool,
    /// Which orders had a row in `orders`: a bit for each.
    pub listed: u8,
}

/// What a statement came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// Everything is written.
    Moved,
    /// Nothing is, since the offset is elsewhere; or, if only sales were tried, a row of `orders` has to go.
    NotMoved,
    /// Nothing is, since a row of `orders` has to go.
    Listed,
    /// Nothing is: a unique violation.
    Duplicate,
    /// Nothing is: a row was rejected.
    Rejected,
}

/// How far a statement has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Progress {
    /// On its way.
    Sent,
    /// Has taken its snapshot.
    Begun(Snapshot),
    /// The first of two transactions is committed.
    Half,
    /// Was executed; its answer is on its way.
    Done(Answer),
}

/// A statement in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Statement {
    /// What it commits.
    pub batch: Batch,
    /// How.
    pub kind: Kind,
    /// How many were sent before it, of those in flight on its connection.
    pub place: u8,
    /// Whether others were in flight when it was sent; only noted where that makes a difference.
    pub behind: bool,
    /// How far it has come.
    pub progress: Progress,
}

/// Statements in flight, in the order of their spans.
pub type InFlight = ArrayVec<Statement, DEPTH>;

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Not running.
    Down,
    /// Has to find out where the partition stands.
    InDoubt,
    /// Commits.
    Working,
    /// Waits until nothing is in flight any more, and then does this.
    Settling(Remedy),
    /// Has said that everything is done.
    Exited,
    /// Has stopped, since the topic is another one.
    Halted,
}

/// What helps a span that was not committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Remedy {
    /// To find out where the partition stands.
    Row,
    /// Upserts, from there on.
    Upserts,
    /// The full statement for these of its offsets, where a rule was taken away.
    Full(u8),
    /// The same insert, where a rule was taken away.
    Insert,
    /// To halve it.
    Halves,
}

/// An instance's worker of the one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Worker {
    /// What it is at.
    pub phase: Phase,
    /// The topic whose records it reads.
    pub topic: u8,
    /// Where it reads on.
    pub read: u8,
    /// Batches that were not committed, in order, and wait to be sent again. Those that adjoin each other and
    /// [`Self::read`] are forgotten: cutting the same offsets again comes to the same.
    pub pending: ArrayVec<Batch, 6>,
    /// How many commits more are tried in full at once.
    pub upserts: u8,
    /// What is in flight on its connection.
    pub sent: InFlight,
}

impl Worker {
    pub(crate) fn new(phase: Phase, topic: u8, read: u8) -> Self {
        let (pending, sent) = (ArrayVec::new(), ArrayVec::new());
        Self { phase, topic, read, pending, upserts: 0, sent }
    }
}

/// A connection that was given up, with statements that may still be executed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stray {
    /// The topic whose records they have.
    pub topic: u8,
    /// What is on its way.
    pub sent: InFlight,
}

/// What may still go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Faults {
    /// Of any kind.
    pub all: u8,
    /// Connections that break with answers unread.
    pub lost: u8,
    /// Instances that are killed.
    pub killed: u8,
    /// Crashes of PostgreSQL.
    pub crashes: u8,
    /// Offsets set by an operator.
    pub resets: u8,
    /// Topics deleted and created again under the same name.
    pub renewed: u8,
}

/// A world in one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// What PostgreSQL answers from.
    pub now: Database,
    /// What it has after a crash.
    pub durable: Database,
    /// Where the history that counts begins.
    pub since: Since,
    /// The next offset that was told outside PostgreSQL: by the exit of `--until-end`, to Kafka's group.
    pub told: u8,
    /// Sorted, since it makes no difference which is which.
    pub workers: ArrayVec<Worker, 2>,
    /// Sorted.
    pub strays: ArrayVec<Stray, STRAYS>,
    /// What may still go wrong.
    pub left: Faults,
}
