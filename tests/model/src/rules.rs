//! The rules of the protocol, each of which can be removed.

/// The rules of commits and workers. [`Rules::batches`] and [`Rules::merged`] are the two
/// protocols; every other value lacks at least one rule, or has one that is not needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The maximum number of records in a batch.
    pub batch: u8,
    /// Whether adjacent pending batches are committed by one statement.
    pub merge: bool,
    /// Whether only adjacent batches are committed by one statement.
    pub adjoining: bool,
    /// The first statement for a commit.
    pub first: FirstTry,
    /// When a commit is repeated whose first statement wrote nothing because of existing rows.
    pub again: Again,

    /// Whether a statement moves the offset only from the beginning of its span.
    pub compare_offset: bool,
    /// Whether this also applies to statements that were sent while others were in flight.
    pub compare_offset_behind: bool,
    /// Whether a statement moves the offset only of the topic of its records.
    pub compare_topic: bool,
    /// Whether rows and offset are written together.
    pub transaction: Transaction,
    /// Whether the last version of an order in a commit is written; otherwise the first.
    pub last_version: bool,
    /// Whether a first statement writes nothing if a row of `orders` must be deleted.
    pub look: bool,
    /// Whether an insert fails if a row exists; otherwise it skips that row.
    pub unique: bool,
    /// Whether the statements of a connection are executed in the order in which they were sent.
    pub in_order: bool,
    /// Whether a reset of offsets waits for statements in progress, and they for it.
    pub reset_waits: bool,

    /// The reaction of a worker to a unique violation.
    pub duplicate: OnDuplicate,
    /// Whether a worker repeats in full a first statement that wrote nothing because of a row of
    /// `orders`.
    pub full_after_not_moved: bool,
    /// The result of a commit with a row that the database rejects.
    pub rejected: OnRejected,
    /// The assumption of a worker after a missing answer, or after it was fenced.
    pub doubt: AfterDoubt,
    /// Whether pending batches are dropped if they do not begin at the row's offset.
    pub drop_elsewhere: bool,
    /// Whether a worker stops if the row is of another topic.
    pub check_topic: bool,
    /// Whether a synchronous commit precedes every report outside PostgreSQL.
    pub durable_first: bool,
    /// Whether the row returned by the synchronous commit is reported; otherwise the worker's own
    /// offset.
    pub tell_row: bool,
}

/// The first statement for a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstTry {
    /// Only sales, by a statement that does nothing if a row of `orders` must be deleted; all other
    /// commits in full.
    Sales,
    /// An insert; but full statements for this number of commits after one that was repeated.
    Insert {
        /// The number of commits.
        upserts: u8,
    },
    /// An insert or a full statement, chosen freely each time: every policy is included.
    Either,
}

/// When a commit is repeated that wrote nothing because of existing rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// As soon as its answer is there, after all statements in flight.
    AtOnce,
    /// When nothing is in flight any more: the next commits are upserts, with any boundaries.
    Settled,
}

/// How rows and offset are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// By one statement.
    Together,
    /// The rows, if the offset matches, and then the offset.
    RowsFirst,
    /// The offset, and then the rows.
    OffsetFirst,
}

/// The reaction of a worker to a unique violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDuplicate {
    /// Repeats the same span with the full statement.
    Upsert,
    /// Assumes that the span was committed.
    TakeForDone,
    /// Sends the full statement for the first record of the span only.
    UpsertOne,
    /// Moves the offset and writes nothing.
    PassOver,
    /// Repeats the insert.
    InsertAgain,
}

/// The result of a commit with a row that the database rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRejected {
    /// Halved in one transaction until the row is isolated, which becomes a dead letter.
    Halve,
    /// All of its records become dead letters.
    AllLetters,
    /// The row is left out.
    LeaveOut,
}

/// The assumption of a worker without a known offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterDoubt {
    /// The row's offset.
    Row,
    /// All sent statements were committed.
    AllDone,
    /// No statement was committed whose answer is missing.
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
