//! The rules of the protocol, each of which can be taken away.

/// What a commit and a worker keep to. [`Rules::batches`] and [`Rules::merged`] are the two protocols; every
/// other value has at least one rule less, or one that is not needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How many records a batch has at most.
    pub batch: u8,
    /// Whether prepared batches that adjoin are committed by one statement.
    pub merge: bool,
    /// Whether only batches that adjoin are committed by one statement.
    pub adjoining: bool,
    /// How a commit is tried first.
    pub first: FirstTry,
    /// When it is tried again, if the first try wrote nothing for the sake of the rows.
    pub again: Again,

    /// Whether a statement moves the offset only from where its span begins.
    pub compare_offset: bool,
    /// Whether a statement also does so that was sent while others were in flight.
    pub compare_offset_behind: bool,
    /// Whether a statement moves the offset only of the topic whose records it has.
    pub compare_topic: bool,
    /// Whether rows and offset are written together.
    pub transaction: Transaction,
    /// Whether the last version of an order in a commit is the one that is written; else the first.
    pub last_version: bool,
    /// Whether a first try writes nothing if a row of `orders` has to go.
    pub look: bool,
    /// Whether an insert fails if a row is there already; else it passes over that row.
    pub unique: bool,
    /// Whether the statements of a connection are executed in the order in which they were sent.
    pub in_order: bool,
    /// Whether a reset of offsets waits for the statements that have begun, and they for it.
    pub reset_waits: bool,

    /// What a worker does after a unique violation.
    pub duplicate: OnDuplicate,
    /// Whether a worker tries in full what a first try did not do for the sake of a row of `orders`.
    pub full_after_not_moved: bool,
    /// What becomes of a commit with a row that the database rejects.
    pub rejected: OnRejected,
    /// What a worker believes after an answer that it did not get, or that it was fenced.
    pub doubt: AfterDoubt,
    /// Whether what is prepared is dropped where it does not begin at the row's offset.
    pub drop_elsewhere: bool,
    /// Whether a worker stops when the row is of another topic.
    pub check_topic: bool,
    /// Whether a synchronous commit precedes what leaves PostgreSQL.
    pub durable_first: bool,
    /// Whether the row that the synchronous commit returns decides what is told; else the worker's memory.
    pub tell_row: bool,
}

/// How a commit is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstTry {
    /// Sales alone by a statement that does nothing if a row of `orders` has to go; all else in full.
    Sales,
    /// By an insert; in full for so many commits after one that was tried again.
    Insert {
        /// How many.
        upserts: u8,
    },
    /// By an insert or in full, as it likes each time: whatever a policy chooses, it cannot be wrong then.
    Either,
}

/// When a commit is tried again that wrote nothing for the sake of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// As soon as its answer is there, behind whatever is in flight.
    AtOnce,
    /// When nothing is in flight any more: the next commits are upserts, however they are cut.
    Settled,
}

/// How rows and offset are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// By one statement.
    Together,
    /// The rows, where the offset is right, and then the offset.
    RowsFirst,
    /// The offset, and then the rows.
    OffsetFirst,
}

/// What a worker does after a unique violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDuplicate {
    /// The same span with the full statement.
    Upsert,
    /// Takes the span for committed.
    TakeForDone,
    /// The full statement with the first record of the span only.
    UpsertOne,
    /// Moves the offset and writes nothing.
    PassOver,
    /// The same insert.
    InsertAgain,
}

/// What becomes of a commit with a row that the database rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRejected {
    /// Halved in one transaction until the row stands alone, which becomes a dead letter.
    Halve,
    /// All of its records become dead letters.
    AllLetters,
    /// The row is left out.
    LeaveOut,
}

/// What a worker believes after a doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterDoubt {
    /// The row.
    Row,
    /// That all it has sent was committed.
    AllDone,
    /// That nothing was committed of which it has no answer.
    NothingDone,
}

impl Rules {
    /// One statement for each batch, which upserts.
    #[must_use]
    pub const fn batches() -> Self {
        Self {
            batch: 2,
            merge: false,
            adjoining: true,
            first: FirstTry::Sales,
            again: Again::AtOnce,
            compare_offset: true,
            compare_offset_behind: true,
            compare_topic: true,
            transaction: Transaction::Together,
            last_version: true,
            look: true,
            unique: true,
            in_order: true,
            reset_waits: true,
            duplicate: OnDuplicate::Upsert,
            full_after_not_moved: true,
            rejected: OnRejected::Halve,
            doubt: AfterDoubt::Row,
            drop_elsewhere: true,
            check_topic: true,
            durable_first: true,
            tell_row: true,
        }
    }

    /// One statement for all batches that are ready, which inserts first.
    #[must_use]
    pub const fn merged() -> Self {
        Self {
            merge: true,
            first: FirstTry::Insert { upserts: 1 },
            again: Again::Settled,
            ..Self::batches()
        }
    }
}
