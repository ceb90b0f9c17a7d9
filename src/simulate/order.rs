//! A sale, and the three shapes in which it is written.

use bytes::Bytes;
use jiff::civil::DateTime;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::customer::Customer;

/// The shape of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// With an id, and a price for each product.
    Ecommerce,
    /// With an id, products without prices, and the order's total.
    EcommerceStatedTotal,
    /// With a number, and quantities and prices without product names.
    Numbered,
}

/// A sale: items, customer and time.
#[derive(Clone, Debug)]
pub(super) struct Sale {
    pub(super) identity: Identity,
    pub(super) customer: Customer,
    pub(super) lines: Vec<Line>,
    pub(super) sold_at: DateTime,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Identity {
    Number(i32),
    Id(Uuid),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) product: &'static str,
    pub(super) quantity: Decimal,
    pub(super) unit_price: Decimal,
}

/// A number as written: serde_json's own numbers would pass through a float.
pub(super) type Literal = Box<RawValue>;

/// The JSON of an order, which faults can modify.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Written {
    Numbered(Numbered),
    Ecommerce(Ecommerce),
}

#[derive(Serialize)]
pub(super) struct Numbered {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order_number: Option<i32>,
    pub(super) order_items: Vec<NumberedItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<Literal>,
}

#[derive(Serialize)]
pub(super) struct NumberedItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) qty: Option<Literal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value_unit: Option<Literal>,
}

#[derive(Serialize)]
pub(super) struct Ecommerce {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id_ordem: Option<Uuid>,
    #[serde(flatten)]
    pub(super) customer: Customer,
    pub(super) produtos_comprados: Vec<EcommerceItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) valor_total: Option<Literal>,
    pub(super) data_hora_venda: String,
}

#[derive(Serialize)]
pub(super) struct EcommerceItem {
    pub(super) nome_produto: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quantidade: Option<Literal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) preco_unitario: Option<Literal>,
}

pub(super) fn literal(number: Decimal) -> Result<Literal, serde_json::Error> {
    RawValue::from_string(number.to_string())
}

impl Identity {
    pub(super) fn key(self) -> Bytes {
        match self {
            Self::Number(number) => number.to_string().into(),
            Self::Id(id) => id.to_string().into(),
        }
    }
}

impl Sale {
    pub(super) fn write(&self, shape: Shape) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&self.written(shape)?)
    }

    /// The total, rounded half up to cents.
    pub(super) fn total(&self) -> Decimal {
        let sum: Decimal = self.lines.iter().map(|line| line.quantity * line.unit_price).sum();
        let mut cents = sum.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        cents.rescale(2);
        cents
    }

    pub(super) fn written(&self, shape: Shape) -> Result<Written, serde_json::Error> {
        let priced = shape != Shape::EcommerceStatedTotal;
        let price = |line: &Line| priced.then(|| literal(line.unit_price)).transpose();
        let lines = self.lines.iter();
        Ok(match self.identity {
            Identity::Number(number) => {
                let items = lines.map(|line| {
                    Ok(NumberedItem {
                        qty: Some(literal(line.quantity)?),
                        value_unit: price(line)?,
                    })
                });
                let order_items = items.collect::<Result<_, serde_json::Error>>()?;
                Written::Numbered(Numbered { order_number: Some(number), order_items, total: None })
            }
            Identity::Id(id) => {
                let items = lines.map(|line| {
                    Ok(EcommerceItem {
                        nome_produto: line.product,
                        quantidade: Some(literal(line.quantity)?),
                        preco_unitario: price(line)?,
                    })
                });
                Written::Ecommerce(Ecommerce {
                    id_ordem: Some(id),
                    customer: self.customer.clone(),
                    produtos_comprados: items.collect::<Result<_, serde_json::Error>>()?,
                    valor_total: (!priced).then(|| literal(self.total())).transpose()?,
                    data_hora_venda: date(self.sold_at),
                })
            }
        })
    }
}

/// `DD/MM/YYYY HH:MM:SS`
fn date(at: DateTime) -> String {
    let (day, month, year) = (at.day(), at.month(), at.year());
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    format!("{day:02}/{month:02}/{year:04} {hour:02}:{minute:02}:{second:02}")
}
