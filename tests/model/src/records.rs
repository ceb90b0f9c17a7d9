//! The records of the topic, and the rows of each.

/// The number of different orders in a world.
pub const ORDERS: usize = 2;

/// The index of an order in the tables, less than [`ORDERS`].
pub type Order = u8;

/// The record at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A numbered order without products: a row of `sales`, and none of `orders`.
    Sale(Order),
    /// A numbered order with products: a row of both.
    Listed(Order),
    /// A cancelled order: a row of `orders`, and none of `sales`.
    Cancelled(Order),
    /// Not a valid order: a dead letter.
    Invalid,
    /// A valid order that the database rejects: a dead letter, and the order is unchanged.
    Rejected(Order),
}

impl Record {
    /// The order of which it is a version.
    #[must_use]
    pub const fn order(self) -> Option<Order> {
        match self {
            Self::Sale(order)
            | Self::Listed(order)
            | Self::Cancelled(order)
            | Self::Rejected(order) => Some(order),
            Self::Invalid => None,
        }
    }
}

/// The records of one topic, by offset.
pub type Log = &'static [Record];

/// A unique number of a record: from 1 on, in the order of topics and offsets; 0 means none.
#[must_use]
pub const fn version(topic: u8, offset: u8) -> u8 {
    topic * 8 + offset + 1
}

/// The bit of a record in the sets of [`Database`](crate::Database).
#[must_use]
pub const fn bit(topic: u8, offset: u8) -> u16 {
    1 << (version(topic, offset) - 1)
}

/// The tables `sales` and `orders`: the [`version`] of each order's row; 0 for no row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rows {
    /// The rows of `sales`.
    pub sales: [u8; ORDERS],
    /// The rows of `orders`.
    pub orders: [u8; ORDERS],
}

impl Rows {
    /// Applies one record to the tables.
    pub fn put(&mut self, record: Record, version: u8) {
        let (sale, listed) = match record {
            Record::Sale(_) => (version, 0),
            Record::Listed(_) => (version, version),
            Record::Cancelled(_) => (0, version),
            Record::Invalid | Record::Rejected(_) => return,
        };
        if let Some(order) = record.order().map(usize::from) {
            self.sales[order] = sale;
            self.orders[order] = listed;
        }
    }
}

/// The expected tables: the initial ones, with each record since then applied in order.
#[must_use]
pub fn expected(
    topic: u8,
    log: Log,
    offsets: core::ops::Range<u8>,
    from: (Rows, u16),
) -> (Rows, u16) {
    let (mut rows, mut letters) = from;
    for offset in offsets {
        match log.get(usize::from(offset)) {
            Some(Record::Invalid | Record::Rejected(_)) => letters |= bit(topic, offset),
            Some(record) => rows.put(*record, version(topic, offset)),
            None => {}
        }
    }
    (rows, letters)
}
