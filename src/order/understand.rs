//! From a payload to an order: the rules, in the order in which they are applied.

use bytes::Bytes;
use jiff::civil::DateTime;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{
    Item, Meaning, Order, OrderKey, Reason, Rejection, Rules, Unmapped,
    decimal::{self, Bound, Trouble},
    document::{self, Document, Field, ItemFields},
    literal, sold_at, text,
    total::{self, Amount},
};
use crate::kafka::{Record, TopicPartition};

impl Rules {
    /// What a value says by itself: [`Self::understand`] of a record that has nothing else.
    ///
    /// # Errors
    /// As [`Self::understand`].
    pub fn understand_value(&self, payload: Option<&[u8]>) -> Result<Meaning, Rejection> {
        let partition = TopicPartition { topic: "".into(), partition: 0, topic_id: Uuid::nil() };
        let payload = payload.map(Bytes::copy_from_slice);
        self.understand(&partition, &Record { payload, ..Record::default() })
    }

    /// What a record says. A record without a value is a tombstone. The record is judged whole, and by its own fields
    /// alone; unknown fields are passed over.
    ///
    /// # Errors
    /// A [`Rejection`] with the first rule that the record breaks. It never quotes the payload.
    pub fn understand(
        &self,
        _partition: &TopicPartition,
        record: &Record,
    ) -> Result<Meaning, Rejection> {
        let document = document::read(text::of(record.payload.as_deref())?, &self.vocabulary)?;
        let key = key(&document)?;
        let sold_at = document.sold_at.stated().map(|field| self.sold_at(field)).transpose()?;
        let stated_total = document.total.stated().map(stated_total).transpose()?;
        let items = Items { name: document.items_name.unwrap_or_default(), all: &document.items };
        let (total, items) = items.worth(stated_total)?;
        Ok(Meaning::Order(Order {
            key,
            cancelled: false,
            total: money(total)?,
            charges: Decimal::ZERO,
            items,
            sold_at,
            kept: None,
            unmapped: Unmapped::default(),
        }))
    }

    fn sold_at(&self, field: Field<'_, '_>) -> Result<DateTime, Rejection> {
        let text = literal::text(field.json).ok().flatten();
        sold_at::parse(text.as_deref().unwrap_or_default(), &self.shop_timezone)
            .map_err(|rule| Rejection::new(Reason::InvalidDate, format!("{} {rule}", field.name)))
    }
}

fn key(document: &Document<'_, '_>) -> Result<OrderKey, Rejection> {
    match (document.number.stated(), document.id.stated()) {
        (Some(number), None) => literal::order_number(number).map(OrderKey::Number),
        (None, Some(id)) => literal::order_id(id).map(OrderKey::Id),
        (None, None) => {
            let detail = "the order must have a number or an id";
            Err(Rejection::new(Reason::MissingIdentity, detail))
        }
        (Some(number), Some(id)) => {
            let detail = format!("{} and {} must not both stand", number.name, id.name);
            Err(Rejection::new(Reason::TwoIdentities, detail))
        }
    }
}

fn stated_total(field: Field<'_, '_>) -> Result<i128, Rejection> {
    let total = number(field, decimal::TOTAL, || field.name.to_owned())?;
    if total < 0 {
        let detail = format!("{} must be 0 or more", field.name);
        return Err(Rejection::new(Reason::NegativeTotal, detail));
    }
    Ok(total)
}

/// The order's items, and the name under which they stand.
#[derive(Clone, Copy)]
struct Items<'d> {
    name: &'d str,
    all: &'d [ItemFields<'d, 'd>],
}

impl Items<'_> {
    /// What they come to, and those that name a product.
    fn worth(self, stated_total: Option<i128>) -> Result<(Amount, Vec<Item>), Rejection> {
        let Self { name, all } = self;
        let priced = all.iter().filter(|item| item.unit_price.stated().is_some()).count();
        match (stated_total, all.len(), priced) {
            (None, 0, _) => {
                let detail = "the order must have items or a total";
                Err(Rejection::new(Reason::NoItemsNoTotal, detail))
            }
            (Some(total), 0, _) => Ok((total::stated(total), Vec::new())),
            (None, _, 0) => {
                let detail = format!("{name} must have prices, or the order a total");
                Err(Rejection::new(Reason::MissingTotal, detail))
            }
            (Some(total), _, 0) => self.split(total),
            (_, count, priced) if priced == count => self.sum(stated_total),
            _ => {
                let detail = format!("{name} must all have a price, or none of them");
                Err(Rejection::new(Reason::PartlyPriced, detail))
            }
        }
    }

    /// Every item is priced: the total is the sum of quantity × unit price.
    fn sum(self, stated_total: Option<i128>) -> Result<(Amount, Vec<Item>), Rejection> {
        let mut kept = Vec::new();
        let mut sum = total::priced(0, 0);
        for (index, item) in self.all.iter().enumerate() {
            let quantity = self.quantity(index, item)?;
            let amount = total::priced(quantity, self.unit_price(index, item)?);
            sum.units += amount.units;
            self.keep(&mut kept, index, item, quantity, amount)?;
        }
        if stated_total.is_some_and(|stated| !total::agree(stated, sum, self.all.len())) {
            let detail = format!(
                "the total must be the sum of quantity x unit price over {}, to within half a cent an item",
                self.name
            );
            return Err(Rejection::new(Reason::TotalMismatch, detail));
        }
        Ok((sum, kept))
    }

    /// No item is priced: the total is as stated, and split over all items by quantity.
    fn split(self, total: i128) -> Result<(Amount, Vec<Item>), Rejection> {
        let quantities = (self.all.iter().enumerate())
            .map(|(index, item)| self.quantity(index, item))
            .collect::<Result<Vec<_>, _>>()?;
        let mut kept = Vec::new();
        let parts = total::split(total, &quantities);
        for (index, ((item, quantity), part)) in
            self.all.iter().zip(quantities).zip(parts).enumerate()
        {
            self.keep(&mut kept, index, item, quantity, part)?;
        }
        Ok((total::stated(total), kept))
    }

    fn quantity(self, index: usize, item: &ItemFields<'_, '_>) -> Result<i128, Rejection> {
        let Some(field) = item.quantity.stated() else {
            let detail = format!("{}[{index}] must have a quantity", self.name);
            return Err(Rejection::new(Reason::MissingQuantity, detail));
        };
        let place = || self.place(index, field);
        let quantity = number(field, decimal::QUANTITY, place)?;
        if quantity <= 0 {
            let detail = format!("{} must be above 0", place());
            return Err(Rejection::new(Reason::QuantityNotPositive, detail));
        }
        Ok(quantity)
    }

    /// As `sum` is for items that all have one, the absence of a price is no case here.
    fn unit_price(self, index: usize, item: &ItemFields<'_, '_>) -> Result<i128, Rejection> {
        let Some(field) = item.unit_price.stated() else {
            return Ok(0);
        };
        let place = || self.place(index, field);
        let price = number(field, decimal::UNIT_PRICE, place)?;
        if price < 0 {
            let detail = format!("{} must be 0 or more", place());
            return Err(Rejection::new(Reason::NegativePrice, detail));
        }
        Ok(price)
    }

    /// Adds the item to those that name a product, if it does.
    fn keep(
        self,
        kept: &mut Vec<Item>,
        index: usize,
        item: &ItemFields<'_, '_>,
        quantity: i128,
        amount: Amount,
    ) -> Result<(), Rejection> {
        if let Some(field) = item.product.stated() {
            let place = || self.place(index, field);
            let product = literal::stored_text(field.json, Reason::InvalidProduct, place)?;
            let quantity = decimal::quantity(quantity).ok_or_else(inexact)?;
            kept.push(Item { product: product.into_owned(), quantity, amount: money(amount)? });
        }
        Ok(())
    }

    /// Such as `order_items[3].qty`; items count from 0.
    fn place(self, index: usize, field: Field<'_, '_>) -> String {
        format!("{}[{index}].{}", self.name, field.name)
    }
}

/// A decimal within its bound, in units of 10^-4.
fn number(
    field: Field<'_, '_>,
    bound: Bound,
    place: impl Fn() -> String,
) -> Result<i128, Rejection> {
    decimal::parse(field.json, bound).map_err(|trouble| {
        let place = place();
        match trouble {
            Trouble::NotANumber => {
                let detail = format!("{place} must be a decimal number");
                Rejection::new(Reason::InvalidNumber, detail)
            }
            Trouble::TooLarge => {
                let detail = format!("{place} {}", bound.rule);
                Rejection::new(Reason::OutOfRange, detail)
            }
            Trouble::TooFine => {
                let detail = format!("{place} must have at most {} decimals", decimal::DECIMALS);
                Rejection::new(Reason::OutOfRange, detail)
            }
        }
    })
}

fn money(amount: Amount) -> Result<Decimal, Rejection> {
    decimal::money(amount.units, amount.scale).ok_or_else(inexact)
}

/// The bounds keep every result within a decimal's 96 bits; should one ever not be, it is no order.
fn inexact() -> Rejection {
    Rejection::new(Reason::OutOfRange, "the order comes to more than can be kept exactly")
}
