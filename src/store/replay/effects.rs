//! What a replay writes: rows of orders and marks of dead letters.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{Redecoded, Replayed};
use crate::{
    order::Meaning,
    store::rows::{OrderRow, key},
};

/// The orders of the dead letters, one row each, sorted by key as in batches.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub(super) letters: Vec<i64>,
    pub(super) failed_at: Vec<Timestamp>,
    pub(super) numbers: Vec<Option<i64>>,
    /// Whether the order has a row in `orders`.
    pub(super) listed: Vec<bool>,
    pub(super) orders: Vec<OrderRow<'a>>,
}

impl<'a> Rows<'a> {
    pub(super) fn of(letters: &'a [Redecoded]) -> Self {
        let mut readable: Vec<_> = letters
            .iter()
            .filter_map(|(letter, result)| Some((letter, result.as_ref().ok()?)))
            .flat_map(|(letter, meaning)| meaning.orders().iter().map(move |order| (letter, order)))
            .collect();
        // A stable sort: if a record contains an order twice, its last version counts.
        readable.sort_by_key(|(_, order)| order.key());
        let mut rows = Self::default();
        let versions = readable.chunk_by(|(_, one), (_, next)| one.key() == next.key());
        for &(letter, order) in versions.filter_map(<[_]>::last) {
            rows.letters.push(letter.id);
            rows.failed_at.push(letter.failed_at);
            rows.numbers.push(order.number());
            rows.listed.push(order.is_in_orders());
            rows.orders.push(OrderRow::new(order, 0));
        }
        rows
    }
}

/// The outcomes of the dead letters, and how each is marked.
#[derive(Default)]
pub(super) struct Marks<'a> {
    pub(super) outcomes: Vec<Replayed>,
    pub(super) replayed: Vec<i64>,
    /// The order of each replayed dead letter; `None` for several orders.
    pub(super) order_ids: Vec<Option<Cow<'a, str>>>,
    pub(super) numbered: Vec<Option<bool>>,
    pub(super) still_dead: Vec<i64>,
    pub(super) reasons: Vec<&'static str>,
    pub(super) details: Vec<&'a str>,
    pub(super) ignored: Vec<i64>,
}

impl<'a> Marks<'a> {
    /// `written` contains the dead letters of which an order was written.
    pub(super) fn of(letters: &'a [Redecoded], written: &[i64]) -> Self {
        let mut marks = Self::default();
        for (letter, result) in letters {
            let outcome = match result.as_ref().map(Meaning::orders) {
                Ok([]) => {
                    marks.ignored.push(letter.id);
                    Replayed::Ignored
                }
                Ok(orders) if written.contains(&letter.id) => {
                    let (order_id, numbered) = match orders {
                        [order] => Some(key(order)).unzip(),
                        _ => (None, None),
                    };
                    marks.replayed.push(letter.id);
                    marks.order_ids.push(order_id);
                    marks.numbered.push(numbered);
                    Replayed::Order
                }
                Ok(_) => Replayed::Superseded,
                Err(rejection) => {
                    marks.still_dead.push(letter.id);
                    marks.reasons.push(rejection.reason().code());
                    marks.details.push(rejection.detail());
                    Replayed::StillDead
                }
            };
            marks.outcomes.push(outcome);
        }
        marks
    }
}
