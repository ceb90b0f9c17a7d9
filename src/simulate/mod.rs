//! Simulates a Brazilian shop with sales, corrections and faulty records, as JSON orders for demos
//! and tests.
//!
//! [`Shop`] generates them: products from the [`catalogue`] and customers from [`customer`],
//! written in one of three [`Shape`]s by [`order`], some of them corrupted by [`fault`]. [`past`]
//! distributes past sales over time, [`pace`] the next ones. Pure except for the current time, if
//! requested.
//!
//! - ***Invariant:** the same seed gives the same records, byte for byte, regardless of the pace.
//! - **Invariant:** prices and totals are exact decimals, from the draw to the text.
#![allow(rustdoc::private_intra_doc_links, reason = "the overview links to private modules")]

mod catalogue;
mod customer;
mod fault;
mod order;
mod pace;
mod past;
mod random;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::Bytes;
use fake::rand::{Rng, RngExt, SeedableRng};
use jiff::{Timestamp, ToSpan, civil::DateTime, tz::TimeZone};
use rust_decimal::Decimal;
use uuid::Builder;

use catalogue::skewed;
use customer::Customer;
use fault::Fault;
use order::{Identity, Sale};
use past::Past;
use random::Random;

pub use order::Shape;
pub use pace::{Days, Rate, Share};
pub use past::Before;

/// The number of customers of a shop; some buy often.
const CUSTOMERS: usize = 2_000;

/// The number of recent orders that can be corrected.
const CORRECTABLE: usize = 1_000;

/// The parameters of a shop.
#[derive(Clone, Debug)]
pub struct ShopSettings {
    /// The shape of its orders.
    pub shape: Shape,
    /// The seed of the random numbers.
    pub seed: u64,
    /// Its clock.
    pub clock: Clock,
    /// Its past sales.
    pub before: Option<Before>,
    /// The first order number, if orders are numbered.
    pub first_number: i32,
    /// The share of invalid records.
    pub invalid: Share,
    /// The share of corrections: orders sent again with changes.
    pub corrections: Share,
    /// Whether it also sells products that are hard to process exactly: by weight, with many
    /// decimals, for tiny and huge amounts, with quotes, braces and emoji in names.
    pub hard: bool,
}

/// When orders are sold.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The current time in this time zone.
    Now(TimeZone),
    /// From 01/01/2026 08:00:00, each 0 to 19 seconds after the previous one, drawn from the seed.
    Drawn,
}

impl Clock {
    /// The start of the clock of [`Drawn`](Self::Drawn).
    pub const BEGINNING: DateTime = DateTime::constant(2026, 1, 1, 8, 0, 0, 0);
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A new order.
    Order,
    /// A correction: an order sent again with changes.
    Correction,
    /// An invalid record: a dead letter.
    Invalid,
}

/// A record to be sent.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// Its kind.
    pub kind: Kind,
    /// The order's number or id.
    pub key: Bytes,
    /// The order as JSON; `None` is a tombstone.
    pub payload: Option<Bytes>,
}

/// Generates an endless sequence of records.
///
/// ```
/// use jiff::tz::TimeZone;
/// use vendas::{
///     order::Rules,
///     simulate::{Clock, Kind, Shape, Shop, ShopSettings},
/// };
///
/// let settings = ShopSettings {
///     shape: Shape::Ecommerce,
///     seed: 7,
///     clock: Clock::Drawn,
///     before: None,
///     first_number: 1,
///     invalid: "10%".parse()?,
///     corrections: "5%".parse()?,
///     hard: false,
/// };
/// let (mut shop, mut same) = (Shop::open(settings.clone()), Shop::open(settings));
/// let rules = Rules::built_in(TimeZone::UTC);
/// for _ in 0..100 {
///     let record = shop.next_record()?;
///     assert_eq!(record.payload, same.next_record()?.payload);
///     let meaning = rules.understand_value(record.payload.as_deref());
///     assert_eq!(meaning.is_err(), record.kind == Kind::Invalid);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Shop {
    settings: ShopSettings,
    random: Random,
    customers: Vec<Customer>,
    sent: VecDeque<Sale>,
    next_number: i32,
    sold_at: DateTime,
    past: Option<Past>,
    drawn: u64,
}

impl Shop {
    /// Creates a shop and draws its customers.
    #[must_use]
    pub fn open(settings: ShopSettings) -> Self {
        let mut random = Random::seed_from_u64(settings.seed);
        let customers = (0..CUSTOMERS).map(|_| Customer::draw(&mut random)).collect();
        let past = settings.before.map(|before| Past::draw(before, &mut random));
        Self {
            random,
            customers,
            past,
            drawn: 0,
            sent: VecDeque::with_capacity(CORRECTABLE),
            next_number: settings.first_number,
            sold_at: Clock::BEGINNING,
            settings,
        }
    }

    /// The next record.
    ///
    /// # Errors
    /// If an order cannot be written as JSON, which would be a defect.
    pub fn next_record(&mut self) -> Result<Simulated, serde_json::Error> {
        self.drawn += 1;
        let draw = self.random.random_range(0..Share::WHOLE);
        let ShopSettings { invalid, corrections, .. } = self.settings;
        if draw < invalid.parts() {
            let sale = self.sell();
            let key = sale.identity.key();
            let payload = Fault::draw(self.settings.shape, &mut self.random)
                .corrupt(sale, self.settings.shape)?
                .map(Bytes::from);
            return Ok(Simulated { kind: Kind::Invalid, key, payload });
        }
        let correct = draw < invalid.parts().saturating_add(corrections.parts());
        // The first order cannot be a correction.
        let (kind, sale) = match self.sent.len() {
            known @ 1.. if correct => (Kind::Correction, self.correct(known)),
            _ => (Kind::Order, self.sell()),
        };
        let payload = sale.write(self.settings.shape)?;
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
        let lines =
            (0..lines).map(|_| catalogue::line(&mut self.random, self.settings.hard)).collect();
        // Customers at the front buy more often.
        let customer = skewed(CUSTOMERS, &mut self.random);
        Sale {
            identity: self.identity(),
            customer: self.customers.get(customer).cloned().unwrap_or_default(),
            lines,
            sold_at: self.sold_at(),
        }
    }

    fn identity(&mut self) -> Identity {
        if self.settings.shape == Shape::Numbered {
            let number = self.next_number;
            self.next_number = number.checked_add(1).unwrap_or(1);
            return Identity::Number(number);
        }
        let mut bytes = [0; 16];
        self.random.fill_bytes(&mut bytes);
        Identity::Id(Builder::from_random_bytes(bytes).into_uuid())
    }

    fn sold_at(&mut self) -> DateTime {
        if let Some(past) = &self.past
            && let Some(sold_at) = past.sold_at(self.drawn - 1, &mut self.random)
        {
            return sold_at;
        }
        match &self.settings.clock {
            Clock::Now(zone) => Timestamp::now().to_zoned(zone.clone()).datetime(),
            Clock::Drawn => {
                let later = self.random.random_range(0..20_i64).seconds();
                // It stops in the year 9999.
                self.sold_at = self.sold_at.checked_add(later).unwrap_or(self.sold_at);
                self.sold_at
            }
        }
    }

    /// Removes one of the last `known` orders and returns it with other items, quantities or
    /// prices.
    fn correct(&mut self, known: usize) -> Sale {
        let which = self.random.random_range(0..known);
        let Some(mut sale) = self.sent.remove(which) else { return self.sell() };
        let at = self.random.random_range(0..sale.lines.len().max(1));
        match self.random.random_range(0..4) {
            0 if sale.lines.len() > 1 => drop(sale.lines.remove(at)),
            1 => sale.lines.push(catalogue::line(&mut self.random, self.settings.hard)),
            2 if self.settings.shape != Shape::EcommerceStatedTotal => {
                if let Some(line) = sale.lines.get_mut(at) {
                    line.unit_price += Decimal::from(self.random.random_range(1..=5));
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
