//! Faults of real programs in orders.

use fake::rand::RngExt;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::{
    order::{Literal, Sale, Shape, Written, literal},
    random::Random,
};

/// A fault in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Truncated: the producer died, or its buffer was too short.
    Truncated,
    /// A log line in the topic.
    LogLine,
    /// A tombstone in a topic without deletions.
    Tombstone,
    NoIdentity,
    /// A return booked as a sale.
    NegativeQuantity,
    NoQuantity,
    /// `"12,30"`: formatted for people.
    DecimalComma,
    /// Some items have a price and some do not.
    PartlyPriced,
    /// The total is not the sum of the items.
    WrongTotal,
    /// The 31st of February.
    ImpossibleDate,
    TwoDigitYear,
    /// 24:00:00
    Midnight24,
    NoProductName,
    /// `é` as one byte.
    Latin1,
}

/// Faults that an order of any shape can have; frequent ones are repeated.
const ANY: [Fault; 10] = [
    Fault::Truncated,
    Fault::Truncated,
    Fault::LogLine,
    Fault::Tombstone,
    Fault::NoIdentity,
    Fault::NegativeQuantity,
    Fault::NegativeQuantity,
    Fault::NoQuantity,
    Fault::DecimalComma,
    Fault::PartlyPriced,
];

/// Further faults of orders with products and dates.
const ECOMMERCE: [Fault; 5] = [
    Fault::ImpossibleDate,
    Fault::TwoDigitYear,
    Fault::Midnight24,
    Fault::NoProductName,
    Fault::Latin1,
];

/// Stands in for `é` until the text is bytes.
const LATIN1_PRODUCT: &str = "Caf? torrado";

impl Fault {
    /// All faults that an order of this shape can have.
    pub(super) fn of(shape: Shape) -> impl Iterator<Item = Self> {
        let further = if shape == Shape::Numbered { &[][..] } else { &ECOMMERCE };
        let priced = shape != Shape::EcommerceStatedTotal;
        let total = if priced { &[Self::WrongTotal][..] } else { &[] };
        ANY.iter().chain(further).chain(total).copied()
    }

    pub(super) fn draw(shape: Shape, random: &mut Random) -> Self {
        let which = random.random_range(0..Self::of(shape).count());
        Self::of(shape).nth(which).unwrap_or(Self::Tombstone)
    }

    /// The record's payload.
    pub(super) fn corrupt(
        self,
        mut sale: Sale,
        shape: Shape,
    ) -> Result<Option<Vec<u8>>, serde_json::Error> {
        match (self, sale.lines.first()) {
            (Self::Tombstone, _) => return Ok(None),
            (Self::LogLine, _) => {
                let text = "ERROR gateway timeout (504) while sending the order, retrying";
                return Ok(Some(text.into()));
            }
            // Needs at least two items.
            (Self::PartlyPriced, Some(first)) => sale.lines.push(*first),
            _ => {}
        }
        let mut written = sale.written(shape)?;
        self.change(&mut written, &sale)?;
        let mut text = serde_json::to_vec(&written)?;
        match self {
            Self::Truncated => text.truncate(text.len() / 2),
            Self::Latin1 => {
                let at = LATIN1_PRODUCT.find('?').unwrap_or(0);
                let product = LATIN1_PRODUCT.as_bytes();
                let place = text.windows(product.len()).position(|window| window == product);
                if let Some(byte) = place.and_then(|place| text.get_mut(place + at)) {
                    *byte = 0xe9;
                }
            }
            _ => {}
        }
        Ok(Some(text))
    }

    fn change(self, written: &mut Written, sale: &Sale) -> Result<(), serde_json::Error> {
        if self == Self::NoIdentity {
            match written {
                Written::Numbered(order) => order.order_number = None,
                Written::Ecommerce(order) => order.id_ordem = None,
            }
        }
        let wrong_total = || literal(sale.total() + Decimal::ONE_HUNDRED).map(Some);
        match written {
            Written::Numbered(order) => {
                if self == Self::WrongTotal {
                    order.total = wrong_total()?;
                }
                if let Some(item) = order.order_items.first_mut() {
                    self.change_item(&mut item.qty, &mut item.value_unit, sale)?;
                }
            }
            Written::Ecommerce(order) => {
                let date = &mut order.data_hora_venda;
                match self {
                    Self::WrongTotal => order.valor_total = wrong_total()?,
                    Self::DecimalComma if order.valor_total.is_some() => {
                        order.valor_total = Some(with_comma(sale.total())?);
                    }
                    Self::ImpossibleDate => date.replace_range(..5, "31/02"),
                    Self::TwoDigitYear => date.replace_range(6..8, ""),
                    Self::Midnight24 => date.replace_range(11.., "24:00:00"),
                    _ => {}
                }
                if let Some(item) = order.produtos_comprados.first_mut() {
                    match self {
                        Self::NoProductName => item.nome_produto = "",
                        Self::Latin1 => item.nome_produto = LATIN1_PRODUCT,
                        _ => {}
                    }
                    self.change_item(&mut item.quantidade, &mut item.preco_unitario, sale)?;
                }
            }
        }
        Ok(())
    }

    fn change_item(
        self,
        quantity: &mut Option<Literal>,
        price: &mut Option<Literal>,
        sale: &Sale,
    ) -> Result<(), serde_json::Error> {
        let Some(line) = sale.lines.first() else { return Ok(()) };
        match self {
            Self::NegativeQuantity => *quantity = Some(literal(-line.quantity)?),
            Self::NoQuantity => *quantity = None,
            Self::DecimalComma if price.is_some() => *price = Some(with_comma(line.unit_price)?),
            // The other items have a price if and only if this one has.
            Self::PartlyPriced => {
                let stated = price.is_none().then(|| literal(line.unit_price)).transpose()?;
                *price = stated;
            }
            _ => {}
        }
        Ok(())
    }
}

fn with_comma(number: Decimal) -> Result<Literal, serde_json::Error> {
    RawValue::from_string(format!("\"{}\"", number.to_string().replace('.', ",")))
}
