//! A Brazilian shop that sells, corrects and errs: orders as JSON text, for demos and tests.
//!
//! [`Shop`] draws them: products from the [`catalogue`], customers from [`customer`], put into one
//! of three [`Shape`]s by [`order`], some of them spoilt by [`fault`]. [`pace`] says when the next
//! ones are due. Pure but for the time of day where that is asked for.
//!
//! - **Invariant:** the same seed gives the same records, byte for byte, whatever the pace.
//! - **Invariant:** prices and totals are exact decimals, from the draw to the text.
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the map leads readers of the code through all of its files"
)]

mod catalogue;
mod customer;
mod fault;
mod order;
mod pace;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::Bytes;
use fake::rand::{Rng, RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use jiff::{Timestamp, ToSpan, civil::DateTime, tz::TimeZone};
use rust_decimal::Decimal;
use uuid::Builder;

use customer::Customer;
use fault::Fault;
use order::{Identity, Line, Sale};

pub use order::Shape;
pub use pace::{Rate, Share};

/// What all random draws come from. Its numbers are the same on every machine and in every version.
type Random = Xoshiro256PlusPlus;

/// Customers of one shop; some buy often.
const CUSTOMERS: usize = 2_000;

/// So many of the last orders can still be corrected.
const CORRECTABLE: usize = 1_000;

/// What a shop is like.
#[derive(Clone, Debug)]
pub struct Habits {
    /// How its orders look.
    pub shape: Shape,
    /// Where its draws begin.
    pub seed: u64,
    /// What clock hangs there.
    pub clock: Clock,
    /// The first number, where orders are numbered.
    pub first_number: i32,
    /// How many of its records make no order.
    pub invalid: Share,
    /// How many of its records are orders sent again, changed.
    pub corrections: Share,
}

/// When orders are sold.
#[derive(Clone, Debug)]
pub enum Clock {
    /// Now, by the wall clock of this zone.
    Now(TimeZone),
    /// From 01/01/2026 08:00:00 on, each some seconds (0 to 19) after the one before, by the seed.
    Drawn,
}

/// What kind of record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A new order.
    Order,
    /// An order sent again, changed.
    Correction,
    /// No order: a dead letter.
    Invalid,
}

/// A record to be sent.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// What kind it is.
    pub kind: Kind,
    /// The order's number or id.
    pub key: Bytes,
    /// The order as JSON; `None` is a tombstone.
    pub payload: Option<Bytes>,
}

/// Draws one record after the other, without end.
#[derive(Debug)]
pub struct Shop {
    habits: Habits,
    random: Random,
    customers: Vec<Customer>,
    sent: VecDeque<Sale>,
    next_number: i32,
    sold_at: DateTime,
}

impl Shop {
    /// Opens it: its customers are drawn.
    #[must_use]
    pub fn open(habits: Habits) -> Self {
        let mut random = Random::seed_from_u64(habits.seed);
        let customers = (0..CUSTOMERS).map(|_| Customer::draw(&mut random)).collect();
        Self {
            random,
            customers,
            sent: VecDeque::with_capacity(CORRECTABLE),
            next_number: habits.first_number,
            sold_at: DateTime::constant(2026, 1, 1, 8, 0, 0, 0),
            habits,
        }
    }

    /// The next record.
    ///
    /// # Errors
    /// Where an order can't be written as JSON, which would be a defect.
    pub fn next_record(&mut self) -> Result<Simulated, serde_json::Error> {
        let draw = self.random.random_range(0..Share::WHOLE);
        let Habits { invalid, corrections, .. } = self.habits;
        if draw < invalid.parts() {
            let sale = self.sell();
            let key = sale.identity.key();
            let payload = Fault::draw(self.habits.shape, &mut self.random)
                .spoil(sale, self.habits.shape)?
                .map(Bytes::from);
            return Ok(Simulated { kind: Kind::Invalid, key, payload });
        }
        let correct = draw < invalid.parts().saturating_add(corrections.parts());
        // The first order of all can't be a correction.
        let (kind, sale) = match self.sent.len() {
            known @ 1.. if correct => (Kind::Correction, self.correct(known)),
            _ => (Kind::Order, self.sell()),
        };
        let payload = sale.write(self.habits.shape)?;
        let key = sale.identity.key();
        if self.sent.len() == CORRECTABLE {
            self.sent.pop_front();
        }
        self.sent.push_back(sale);
        Ok(Simulated { kind, key, payload: Some(payload.into()) })
    }

    fn sell(&mut self) -> Sale {
        let lines = match self.random.random_range(0..100) {
            0..35 => 1,
            35..65 => 2,
            65..85 => 3,
            85..95 => 4,
            _ => self.random.random_range(5..=8),
        };
        let lines = (0..lines).map(|_| self.line()).collect();
        // Those at the front buy more often.
        let customer = skewed(CUSTOMERS, &mut self.random);
        Sale {
            identity: self.identity(),
            customer: self.customers.get(customer).cloned().unwrap_or_default(),
            lines,
            sold_at: self.sold_at(),
        }
    }

    fn identity(&mut self) -> Identity {
        if self.habits.shape == Shape::Numbered {
            let number = self.next_number;
            self.next_number = number.checked_add(1).unwrap_or(1);
            return Identity::Number(number);
        }
        let mut bytes = [0; 16];
        self.random.fill_bytes(&mut bytes);
        Identity::Id(Builder::from_random_bytes(bytes).into_uuid())
    }

    fn line(&mut self) -> Line {
        let all = catalogue::PRODUCTS;
        let (name, cents, by_weight) =
            all.get(skewed(all.len(), &mut self.random)).copied().unwrap_or(("Café", 2_490, false));
        // Up to 20 % off.
        let off = match self.random.random_range(0..4) {
            0 => self.random.random_range(1..=20),
            _ => 0,
        };
        let quantity = match self.random.random_range(0..10) {
            // 50 g at a time, up to 3 kg.
            _ if by_weight => Decimal::new(self.random.random_range(2..=60) * 50, 3).normalize(),
            0..6 => Decimal::ONE,
            6..9 => Decimal::from(self.random.random_range(2..=4)),
            _ => Decimal::from(self.random.random_range(5..=24)),
        };
        Line { product: name, quantity, unit_price: Decimal::new(cents - cents * off / 100, 2) }
    }

    fn sold_at(&mut self) -> DateTime {
        match &self.habits.clock {
            Clock::Now(zone) => Timestamp::now().to_zoned(zone.clone()).datetime(),
            Clock::Drawn => {
                let later = self.random.random_range(0..20_i64).seconds();
                // In the year 9999 it stands still.
                self.sold_at = self.sold_at.checked_add(later).unwrap_or(self.sold_at);
                self.sold_at
            }
        }
    }

    /// One of the last `known` orders, with other items, quantities or prices; taken out of them.
    fn correct(&mut self, known: usize) -> Sale {
        let which = self.random.random_range(0..known);
        let Some(mut sale) = self.sent.remove(which) else { return self.sell() };
        let at = self.random.random_range(0..sale.lines.len().max(1));
        match self.random.random_range(0..4) {
            0 if sale.lines.len() > 1 => drop(sale.lines.remove(at)),
            1 => sale.lines.push(self.line()),
            2 if self.habits.shape != Shape::EcommerceStatedTotal => {
                if let Some(line) = sale.lines.get_mut(at) {
                    line.unit_price += Decimal::new(self.random.random_range(1..=500), 2);
                }
            }
            _ => {
                if let Some(line) = sale.lines.get_mut(at) {
                    line.quantity += Decimal::ONE;
                }
            }
        }
        sale
    }
}

/// From 0 to `end`, which isn't included, small ones much more often.
fn skewed(end: usize, random: &mut Random) -> usize {
    let end = end.max(1);
    let below = random.random_range(0..end);
    random.random_range(0..=below)
}
