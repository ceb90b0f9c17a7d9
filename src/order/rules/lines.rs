//! The value of an order's lines and of the order.

use rust_decimal::Decimal;

use super::{
    super::{
        Item, Reason, Rejection, Rules,
        decode::{Document, ItemFields, Slot},
        value::decimal,
    },
    charges::Charges,
    stored,
    total::{self, Amount},
};

/// The lines of an order.
pub(super) struct Lines<'d> {
    rules: &'d Rules,
    all: &'d [ItemFields<'d>],
    /// The name of their list; `None` if the only line is the order itself.
    list: Option<&'d str>,
    document: &'d Document<'d>,
}

/// The value of an order.
pub(super) struct Worth {
    pub(super) total: Decimal,
    pub(super) charges: Decimal,
    /// The lines with a product.
    pub(super) items: Vec<Item>,
}

impl<'d> Lines<'d> {
    pub(super) fn of(rules: &'d Rules, document: &'d Document<'d>) -> Self {
        if let Some((_, place)) = document.items.list {
            return Self {
                rules,
                all: &document.items.all,
                list: Some(rules.mapping.name(place)),
                document,
            };
        }
        // If the order has a total and no product, its other item fields are ignored.
        let flat = document.flat.as_deref().filter(|flat| {
            is_stated(&flat.product)
                || (!is_stated(&document.total) && is_stated(&flat.quantity) && is_priced(flat))
        });
        Self { rules, all: flat.map_or(&[], std::slice::from_ref), list: None, document }
    }

    /// Computes the value from lines and charges. `stated` is the stated total, in units of 10^-4.
    ///
    /// # Errors
    /// Lines and total do not determine the value, or do not agree.
    pub(super) fn worth(
        &self,
        stated: Option<i128>,
        charges: &Charges,
    ) -> Result<Worth, Rejection> {
        if let (None, Some(line)) = (self.list, self.all.first()) {
            let duplicate = self.document.flat_duplicates.iter().copied();
            if let Some((role, duplicate)) =
                duplicate.into_iter().find(|it| line.matters_for(it.0, it.1))
            {
                return Err(self.rules.duplicate("the order", role, duplicate));
            }
        }
        let priced = self.all.iter().filter(|line| is_priced(line)).count();
        let (total, items) = match (stated, self.all.len(), priced) {
            (None, 0, _) => {
                let detail = "the order must have items or a total";
                return Err(Rejection::new(Reason::NoItemsNoTotal, detail));
            }
            (Some(stated), 0, _) => {
                self.beyond_charges(stated, charges)?;
                (total::stated(stated), Vec::new())
            }
            (None, _, 0) => {
                let detail = match self.list {
                    Some(list) => format!("{list} must have prices, or the order a total"),
                    None => "the order must have a price or a total".to_owned(),
                };
                return Err(Rejection::new(Reason::MissingTotal, detail));
            }
            (Some(stated), _, 0) => (total::stated(stated), self.share(stated, charges)?),
            (_, count, priced) if priced == count => self.sum(stated, charges)?,
            _ => {
                let list = self.list.unwrap_or("the order's lines");
                let detail = format!("{list} must all have a price, or none of them");
                return Err(Rejection::new(Reason::PartlyPriced, detail));
            }
        };
        let charges = match charges.sum {
            0 => Decimal::ZERO,
            sum => money(total::stated(sum))?,
        };
        Ok(Worth { total: money(total)?, charges, items })
    }

    /// All lines have prices: the total is their sum plus the charges.
    fn sum(
        &self,
        stated: Option<i128>,
        charges: &Charges,
    ) -> Result<(Amount, Vec<Item>), Rejection> {
        let mut kept = Vec::new();
        let mut sum = total::priced(0, 0);
        for (index, line) in self.all.iter().enumerate() {
            let quantity = self.quantity(index, line)?;
            let amount = self.amount(index, line, quantity)?;
            sum.units += amount.units;
            self.keep(&mut kept, index, line, quantity, amount)?;
        }
        sum.units += total::at_product_scale(charges.sum);
        if let Some(stated) = stated
            && !total::agree(stated, sum, self.all.len())
        {
            let lines = match self.list {
                Some(list) => format!("the sum of the amounts of {list}"),
                None => "quantity x unit price".to_owned(),
            };
            let plus = if charges.count > 0 { ", plus the charges" } else { "" };
            let detail = format!("the total must be {lines}{plus}, to within half a cent per line");
            return Err(Rejection::new(Reason::TotalMismatch, detail));
        }
        if sum.units < 0 && !self.returns() {
            let detail = "the items less the discount must be 0 or more";
            return Err(Rejection::new(Reason::NegativeTotal, detail));
        }
        Ok((sum, kept))
    }

    /// No line has a price: the stated total less the charges is split over the lines by quantity.
    fn share(&self, stated: i128, charges: &Charges) -> Result<Vec<Item>, Rejection> {
        let quantities = (self.all.iter().enumerate())
            .map(|(index, line)| self.quantity(index, line))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(index) = self.all.iter().position(|line| is_stated(&line.discount)) {
            let place = self.place(index, None);
            let detail = format!("{place} must have a price if it has a discount");
            return Err(Rejection::new(Reason::PartlyPriced, detail));
        }
        let is_return = quantities.iter().any(|quantity| *quantity < 0);
        if is_return && quantities.iter().any(|quantity| *quantity > 0) {
            let detail = "an order with both sold and returned items must have prices";
            return Err(Rejection::new(Reason::MissingTotal, detail));
        }
        let goods = self.beyond_charges(stated, charges)?;
        let parts = match is_return {
            false => total::split(goods.abs(), &quantities),
            true => {
                let weights: Vec<_> = quantities.iter().map(|quantity| -quantity).collect();
                total::split(goods.abs(), &weights)
            }
        };
        let mut kept = Vec::new();
        for (index, ((line, quantity), part)) in
            self.all.iter().zip(quantities).zip(parts).enumerate()
        {
            let units = if goods < 0 { -part.units } else { part.units };
            self.keep(&mut kept, index, line, quantity, Amount { units, ..part })?;
        }
        Ok(kept)
    }

    /// The stated total less the charges.
    fn beyond_charges(&self, stated: i128, charges: &Charges) -> Result<i128, Rejection> {
        let goods = stated - charges.sum;
        if goods < 0 && !self.returns() {
            let detail = "the total must not be less than the charges that it includes";
            return Err(Rejection::new(Reason::TotalMismatch, detail));
        }
        Ok(goods)
    }

    fn quantity(&self, index: usize, line: &ItemFields<'_>) -> Result<i128, Rejection> {
        let Some((value, place)) = line.quantity.stated() else {
            if let Some(default) = self.rules.mapping.settings().default_quantity {
                return Ok(i128::from(default) * 10_i128.pow(decimal::DECIMALS));
            }
            let detail = format!("{} must have a quantity", self.place(index, None));
            return Err(Rejection::new(Reason::MissingQuantity, detail));
        };
        let place = || self.place(index, Some(place));
        let quantity = self.rules.numbers.quantity(&value, place)?;
        let (is_possible, rule) = match self.returns() {
            true => (quantity != 0, "must not be 0"),
            false => (quantity > 0, "must be above 0"),
        };
        if !is_possible {
            let detail = format!("{} {rule}", place());
            return Err(Rejection::new(Reason::QuantityNotPositive, detail));
        }
        Ok(quantity)
    }

    /// The amount of a priced line: as stated, or else quantity × unit price − discount. If both
    /// are present, they must agree to half a cent.
    fn amount(
        &self,
        index: usize,
        line: &ItemFields<'_>,
        quantity: i128,
    ) -> Result<Amount, Rejection> {
        let price = self.unit_price(index, line)?;
        let stated = self.stated_amount(index, line)?;
        let Some(price) = price else {
            return Ok(Amount::at_product_scale_of(stated.unwrap_or_default()));
        };
        let mut computed = total::priced(quantity, price);
        computed.units -= total::at_product_scale(self.discount(index, line)?);
        let Some(stated) = stated else {
            if computed.units < 0 && !self.returns() {
                let detail = format!("the amount of {} must be 0 or more", self.place(index, None));
                return Err(Rejection::new(Reason::NegativeAmount, detail));
            }
            return Ok(computed);
        };
        if !total::agree(stated, computed, 1) {
            let place = self.place(index, line.amount.place());
            let detail = format!(
                "{place} must be quantity x unit price less the discount, to within half a cent"
            );
            return Err(Rejection::new(Reason::AmountMismatch, detail));
        }
        Ok(Amount::at_product_scale_of(stated))
    }

    fn unit_price(&self, index: usize, line: &ItemFields<'_>) -> Result<Option<i128>, Rejection> {
        let Some((value, place)) = line.unit_price.stated() else { return Ok(None) };
        let place = || self.place(index, Some(place));
        let price = self.rules.numbers.money(&value, decimal::UNIT_PRICE, place)?;
        if price < 0 {
            let detail = format!("{} must be 0 or more", place());
            return Err(Rejection::new(Reason::NegativePrice, detail));
        }
        Ok(Some(price))
    }

    fn stated_amount(
        &self,
        index: usize,
        line: &ItemFields<'_>,
    ) -> Result<Option<i128>, Rejection> {
        let Some((value, place)) = line.amount.stated() else { return Ok(None) };
        let place = || self.place(index, Some(place));
        let amount = self.rules.numbers.money(&value, decimal::TOTAL, place)?;
        if amount < 0 && !self.returns() {
            let detail = format!("{} must be 0 or more", place());
            return Err(Rejection::new(Reason::NegativeAmount, detail));
        }
        Ok(Some(amount))
    }

    fn discount(&self, index: usize, line: &ItemFields<'_>) -> Result<i128, Rejection> {
        let Some((value, place)) = line.discount.stated() else { return Ok(0) };
        let place = || self.place(index, Some(place));
        let discount = self.rules.numbers.money(&value, decimal::TOTAL, place)?;
        if discount < 0 && !self.returns() {
            let detail = format!("{} must be 0 or more", place());
            return Err(Rejection::new(Reason::NegativeCharge, detail));
        }
        Ok(discount)
    }

    /// Adds the line to `kept` if it has a product.
    fn keep(
        &self,
        kept: &mut Vec<Item>,
        index: usize,
        line: &ItemFields<'_>,
        quantity: i128,
        amount: Amount,
    ) -> Result<(), Rejection> {
        let Some((value, place)) = line.product.stated() else { return Ok(()) };
        let product = match stored::plain_integer(&value) {
            Some(digits) if !stored::is_too_long(digits) => digits.into(),
            _ => {
                let place = || self.place(index, Some(place));
                stored::text(value, Reason::InvalidProduct, place)?.into()
            }
        };
        let quantity = decimal::quantity(quantity).ok_or_else(inexact)?;
        kept.push(Item { product, quantity, amount: money(amount)? });
        Ok(())
    }

    const fn returns(&self) -> bool {
        self.rules.mapping.settings().returns
    }

    /// A place such as `order_items[3].qty` (items count from 0); without `place`, the line itself.
    fn place(&self, index: usize, place: Option<u16>) -> String {
        let name = place.map(|place| self.rules.mapping.name(place));
        match (self.list, name) {
            (Some(list), Some(name)) => format!("{list}[{index}].{name}"),
            (Some(list), None) => format!("{list}[{index}]"),
            (None, Some(name)) => name.to_owned(),
            (None, None) => "the order".to_owned(),
        }
    }
}

const fn is_stated(slot: &Slot<'_>) -> bool {
    slot.is_stated()
}

fn is_priced(line: &ItemFields<'_>) -> bool {
    is_stated(&line.unit_price) || is_stated(&line.amount)
}

fn money(amount: Amount) -> Result<Decimal, Rejection> {
    decimal::money(amount.units, amount.scale).ok_or_else(inexact)
}

/// The bounds keep all results within a decimal's 96 bits; this is a safeguard.
fn inexact() -> Rejection {
    Rejection::new(Reason::OutOfRange, "the order's value is too large to be stored exactly")
}
