//! Orders as PostgreSQL takes them: values of the composite types of `schema.sql`, in binary form.

use std::{borrow::Cow, error::Error};

use bytes::{BufMut, BytesMut};
use jiff::civil::DateTime;
use postgres_types::{Field, IsNull, Kind, ToSql, Type, to_sql_checked};
use rust_decimal::Decimal;

use crate::order::{Item, Order};

/// What the columns of `orders` are made from.
#[derive(Debug, ToSql)]
#[postgres(name = "order_row")]
pub(super) struct OrderRow<'a> {
    pub(super) order_id: Cow<'a, str>,
    pub(super) numbered: bool,
    total: Decimal,
    items: Vec<ItemRow<'a>>,
    sold_at: Option<WallClock>,
    /// How many dead letters of the batch stand before it.
    letters_before: i32,
}

#[derive(Debug, ToSql)]
#[postgres(name = "order_item")]
struct ItemRow<'a> {
    product: &'a str,
    quantity: Decimal,
    amount: Decimal,
}

/// Jiff's own way to PostgreSQL refuses the last days of year 9999.
#[derive(Debug)]
struct WallClock(DateTime);

impl<'a> OrderRow<'a> {
    pub(super) fn new(order: &'a Order, letters_before: i32) -> Self {
        let (order_id, numbered) = match (order.number(), order.id()) {
            (Some(number), _) => (Cow::Owned(number.to_string()), true),
            (None, id) => (Cow::Borrowed(id.unwrap_or_default()), false),
        };
        Self {
            order_id,
            numbered,
            total: order.total(),
            items: order.items().iter().map(ItemRow::of).collect(),
            sold_at: order.sold_at().map(WallClock),
            letters_before,
        }
    }
}

impl<'a> ItemRow<'a> {
    fn of(item: &'a Item) -> Self {
        Self { product: item.product(), quantity: item.quantity(), amount: item.amount() }
    }
}

impl ToSql for WallClock {
    /// Microseconds since the beginning of 2000.
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let since = self.0.duration_since(DateTime::constant(2000, 1, 1, 0, 0, 0, 0));
        out.put_i64(i64::try_from(since.as_micros())?);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMP
    }

    to_sql_checked!();
}

/// The type `order_row[]`. Composite types have no fixed OIDs, and the binary form names them.
pub(super) fn order_rows(item: Oids, row: Oids) -> Type {
    let field = |name: &str, of| Field::new(name.to_owned(), of);
    let item_fields = vec![
        field("product", Type::TEXT),
        field("quantity", Type::NUMERIC),
        field("amount", Type::NUMERIC),
    ];
    let items = array_of("order_item", item, item_fields);
    let row_fields = vec![
        field("order_id", Type::TEXT),
        field("numbered", Type::BOOL),
        field("total", Type::NUMERIC),
        field("items", items),
        field("sold_at", Type::TIMESTAMP),
        field("letters_before", Type::INT4),
    ];
    array_of("order_row", row, row_fields)
}

/// The OIDs of a composite type and of its array.
pub(super) struct Oids {
    pub(super) of_one: u32,
    pub(super) of_array: u32,
}

fn array_of(name: &str, oids: Oids, fields: Vec<Field>) -> Type {
    let schema = String::new();
    let one = Type::new(name.to_owned(), oids.of_one, Kind::Composite(fields), schema.clone());
    Type::new(format!("_{name}"), oids.of_array, Kind::Array(one), schema)
}
