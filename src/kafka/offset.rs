//! Positions in a partition. Only *next* offsets exist, so that no ±1 stands anywhere else.

use std::fmt;

/// The first offset of a partition that is not yet accounted for; 0 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextOffset(i64);

impl NextOffset {
    /// `None` below 0, which Kafka never assigns.
    #[must_use]
    pub const fn new(offset: i64) -> Option<Self> {
        if offset < 0 { None } else { Some(Self(offset)) }
    }

    /// The position behind the record at `offset`.
    ///
    /// `None` where `offset` is negative or has no successor.
    #[must_use]
    pub const fn after(offset: i64) -> Option<Self> {
        match offset.checked_add(1) {
            Some(next) => Self::new(next),
            None => None,
        }
    }

    /// As Kafka and PostgreSQL count it.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// How many offsets lie from here up to `end`; gaps count, and it is 0 at or beyond the end.
    #[must_use]
    pub const fn lag(self, end: Self) -> i64 {
        if end.0 > self.0 { end.0 - self.0 } else { 0 }
    }
}

impl fmt::Display for NextOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a partition is read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first offset to read.
    pub next_offset: NextOffset,
    /// The leader epoch of what lies before it, where that is known: by it a broker finds out that
    /// its log is no longer the one that was read (KIP-320).
    pub leader_epoch: Option<i32>,
}

/// The offsets that a batch accounts for, gaps included: `from <= offset < to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    from: NextOffset,
    to: NextOffset,
}

impl Span {
    /// `None` unless `from < to`: a span that accounts for nothing would be no progress.
    #[must_use]
    pub fn new(from: NextOffset, to: NextOffset) -> Option<Self> {
        (from < to).then_some(Self { from, to })
    }

    /// The first offset accounted for.
    #[must_use]
    pub const fn from(self) -> NextOffset {
        self.from
    }

    /// The first offset no longer accounted for, which is the partition's next one afterwards.
    #[must_use]
    pub const fn to(self) -> NextOffset {
        self.to
    }

    /// Whether the span accounts for `offset`.
    #[must_use]
    pub const fn contains(self, offset: i64) -> bool {
        self.from.0 <= offset && offset < self.to.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.from, self.to)
    }
}
