//! What a batch adds to the sums. The statement that commits it writes this into the ledgers.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use jiff::civil::{Date, DateTime};
use rust_decimal::Decimal;
use tokio_postgres::types::Type;

use super::{
    numeric::Numeric,
    rows::{Day, WallClock},
    session::Parameter,
};
use crate::order::Order;

/// Sums over the rows that a batch writes. Triggers subtract the rows that it replaces.
#[derive(Debug)]
pub(super) struct Notes<'a> {
    /// Whether all rows are covered. Otherwise nothing is kept here, and the triggers record
    /// everything.
    complete: bool,
    sales: HashMap<DateTime, HourSum, RandomState>,
    orders: HashMap<DateTime, HourSum, RandomState>,
    products: HashMap<(Date, &'a str), ProductSum, RandomState>,
}

#[derive(Debug, Default)]
struct HourSum {
    orders: i64,
    total: Decimal,
    charges: Decimal,
}

#[derive(Debug, Default)]
struct ProductSum {
    orders: i64,
    quantity: Decimal,
    amount: Decimal,
}

impl Default for Notes<'_> {
    fn default() -> Self {
        let (sales, orders, products) = Default::default();
        Self { complete: true, sales, orders, products }
    }
}

impl<'a> Notes<'a> {
    /// Adds an order that is written, once for each of its rows.
    pub(super) fn add(&mut self, order: &'a Order) {
        // Only the database can tell when an order without a known time counts. Sums that overflow
        // Decimal are left to the triggers as well.
        if self.complete && !order.is_cancelled() {
            self.complete = self.add_known(order).is_some();
        }
        if !self.complete {
            *self = Self { complete: false, ..Self::default() };
        }
    }

    fn add_known(&mut self, order: &'a Order) -> Option<()> {
        let at = order.counted_at()?;
        let hour = at.date().at(at.hour(), 0, 0, 0);
        if order.is_in_sales() {
            self.sales.entry(hour).or_default().add(1, order.total(), Decimal::ZERO)?;
        }
        if order.is_in_orders() {
            let sum = self.orders.entry(hour).or_default();
            // An order with a number counts in `sales`.
            match order.number() {
                Some(_) => sum.add(0, Decimal::ZERO, order.charges())?,
                None => sum.add(1, order.total(), order.charges())?,
            }
        }
        for (index, item) in order.items().iter().enumerate() {
            let before = order.items().iter().take(index);
            let again = before.into_iter().any(|before| before.product() == item.product());
            let sum = self.products.entry((at.date(), item.product())).or_default();
            sum.orders += i64::from(!again);
            sum.quantity = sum.quantity.checked_add(item.quantity())?;
            sum.amount = sum.amount.checked_add(item.amount())?;
        }
        Some(())
    }
}

impl HourSum {
    fn add(&mut self, orders: i64, total: Decimal, charges: Decimal) -> Option<()> {
        self.orders += orders;
        self.total = self.total.checked_add(total)?;
        self.charges = self.charges.checked_add(charges)?;
        Some(())
    }
}

/// [`Notes`] in columnar form, for the statements' parameters.
#[derive(Debug, Default)]
pub(super) struct NoteColumns<'a> {
    noted: bool,
    sales: Hours,
    orders: Hours,
    days: Vec<Day>,
    products: Vec<&'a str>,
    product_orders: Vec<i64>,
    quantities: Vec<Numeric>,
    amounts: Vec<Numeric>,
}

#[derive(Debug, Default)]
struct Hours {
    hours: Vec<WallClock>,
    orders: Vec<i64>,
    totals: Vec<Numeric>,
    charges: Vec<Numeric>,
}

impl Hours {
    fn of(sums: &HashMap<DateTime, HourSum, RandomState>) -> Self {
        let mut hours = Self::default();
        for (hour, sum) in sums {
            hours.hours.push(WallClock(*hour));
            hours.orders.push(sum.orders);
            hours.totals.push(Numeric(sum.total));
            hours.charges.push(Numeric(sum.charges));
        }
        hours
    }
}

impl<'a> NoteColumns<'a> {
    pub(super) fn of(notes: &Notes<'a>) -> Self {
        let mut columns = Self {
            noted: notes.complete,
            sales: Hours::of(&notes.sales),
            orders: Hours::of(&notes.orders),
            ..Self::default()
        };
        for ((day, product), sum) in &notes.products {
            columns.days.push(Day(*day));
            columns.products.push(product);
            columns.product_orders.push(sum.orders);
            columns.quantities.push(Numeric(sum.quantity));
            columns.amounts.push(Numeric(sum.amount));
        }
        columns
    }

    /// Whether all rows are covered: the value of `vendas.noted`.
    pub(super) const fn are_complete(&self) -> bool {
        self.noted
    }

    /// The last parameters of [`SALES`](super::statement::SALES): hours, orders, totals.
    pub(super) fn of_sales(&self) -> [Parameter<'_>; 3] {
        [
            (&self.sales.hours, Type::TIMESTAMP_ARRAY),
            (&self.sales.orders, Type::INT8_ARRAY),
            (&self.sales.totals, Type::NUMERIC_ARRAY),
        ]
    }

    /// The last parameters of [`ORDERS`](super::statement::ORDERS): hours, orders, totals, charges;
    /// days, products, orders, quantities, amounts.
    pub(super) fn of_orders(&self) -> [Parameter<'_>; 9] {
        [
            (&self.orders.hours, Type::TIMESTAMP_ARRAY),
            (&self.orders.orders, Type::INT8_ARRAY),
            (&self.orders.totals, Type::NUMERIC_ARRAY),
            (&self.orders.charges, Type::NUMERIC_ARRAY),
            (&self.days, Type::DATE_ARRAY),
            (&self.products, Type::TEXT_ARRAY),
            (&self.product_orders, Type::INT8_ARRAY),
            (&self.quantities, Type::NUMERIC_ARRAY),
            (&self.amounts, Type::NUMERIC_ARRAY),
        ]
    }
}
