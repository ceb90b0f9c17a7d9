//! Orders in PostgreSQL's binary form: values of the composite types of `schema.sql`.

use std::{borrow::Cow, error::Error, fmt, slice};

use bytes::{BufMut, BytesMut};
use jiff::civil::{Date, DateTime};
use postgres_protocol::types::{ArrayDimension, array_to_sql};
use postgres_types::{Field, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::numeric::Numeric;
use crate::order::{Item, Order, OrderKey};

/// The names of the composite types.
const ORDER_ROW: &str = "order_row";
const ORDER_ITEM: &str = "order_item";

/// The source of the columns of `orders`; a value of the type `order_row`.
#[derive(Debug)]
pub(super) struct OrderRow<'a> {
    pub(super) order_id: Cow<'a, str>,
    pub(super) numbered: bool,
    total: Numeric,
    items: Items<'a>,
    sold_at: Option<WallClock>,
    /// How many dead letters of the batch precede it.
    letters_before: i32,
    charges: Numeric,
    kept: Option<Json<'a>>,
    cancelled: bool,
    counted_at: Option<WallClock>,
}

/// The items of an order; a value of the type `order_item[]`.
#[derive(Debug)]
struct Items<'a>(&'a [Item]);

/// A wall clock time. Jiff's own conversion rejects the last days of the year 9999.
#[derive(Debug)]
pub(super) struct WallClock(pub(super) DateTime);

/// A calendar day in the shop's time zone.
#[derive(Debug)]
pub(super) struct Day(pub(super) Date);

/// JSON as text.
struct Json<'a>(&'a str);

/// Prints its length only.
impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Json").field(&self.0.len()).finish()
    }
}

/// The order's key as in `orders` and `dead_letters`: order_id and numbered.
pub(super) fn key(order: &Order) -> (Cow<'_, str>, bool) {
    match order.key() {
        OrderKey::Number(number) => (Cow::Owned(number.to_string()), true),
        OrderKey::Id(id) => (Cow::Borrowed(id), false),
    }
}

impl<'a> OrderRow<'a> {
    pub(super) fn new(order: &'a Order, letters_before: i32) -> Self {
        let (order_id, numbered) = key(order);
        Self {
            order_id,
            numbered,
            total: Numeric(order.total()),
            items: Items(order.items()),
            sold_at: order.sold_at().map(WallClock),
            letters_before,
            charges: Numeric(order.charges()),
            kept: order.kept().map(Json),
            cancelled: order.is_cancelled(),
            counted_at: order.counted_at().map(WallClock),
        }
    }
}

impl ToSql for OrderRow<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let mut row = Composite::begin(ty, out)?;
        row.put(&self.order_id)?;
        row.put(&self.numbered)?;
        row.put(&self.total)?;
        row.put(&self.items)?;
        row.put(&self.sold_at)?;
        row.put(&self.letters_before)?;
        row.put(&self.charges)?;
        row.put(&self.kept)?;
        row.put(&self.cancelled)?;
        row.put(&self.counted_at)?;
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        ty.name() == ORDER_ROW
    }

    to_sql_checked!();
}

/// Writes a value of a composite type, field by field in the order of [`order_rows`], as
/// `record_recv` in PostgreSQL's rowtypes.c reads it.
struct Composite<'t, 'o> {
    fields: slice::Iter<'t, Field>,
    out: &'o mut BytesMut,
}

impl<'t, 'o> Composite<'t, 'o> {
    /// Writes the number of fields.
    fn begin(ty: &'t Type, out: &'o mut BytesMut) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let Kind::Composite(fields) = ty.kind() else { return Err("not a composite type".into()) };
        out.put_i32(i32::try_from(fields.len())?);
        Ok(Self { fields: fields.iter(), out })
    }

    /// Writes the next field: its type's OID, its length, or -1 for NULL, and its value.
    fn put(&mut self, value: &impl ToSql) -> Result<(), Box<dyn Error + Sync + Send>> {
        let of = self.fields.next().ok_or("more values than fields")?.type_();
        self.out.put_u32(of.oid());
        let start = self.out.len();
        self.out.put_i32(-1);
        if let IsNull::No = value.to_sql(of, self.out)? {
            let length = i32::try_from(self.out.len() - start - size_of::<i32>())?;
            let place = self.out.get_mut(start..).unwrap_or_default().iter_mut();
            place.zip(length.to_be_bytes()).for_each(|(to, byte)| *to = byte);
        }
        Ok(())
    }
}

impl ToSql for Items<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Kind::Array(one) = ty.kind() else { return Err("not an array".into()) };
        let dimension = ArrayDimension { len: i32::try_from(self.0.len())?, lower_bound: 1 };
        array_to_sql(
            Some(dimension),
            one.oid(),
            self.0,
            |item, out| {
                let mut row = Composite::begin(one, out)?;
                row.put(&item.product())?;
                row.put(&Numeric(item.quantity()))?;
                row.put(&Numeric(item.amount()))?;
                Ok(postgres_protocol::IsNull::No)
            },
            out,
        )?;
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(ty.kind(), Kind::Array(one) if one.name() == ORDER_ITEM)
    }

    to_sql_checked!();
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

impl ToSql for Day {
    /// Days since the beginning of 2000.
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let since = self.0.duration_since(Date::constant(2000, 1, 1));
        out.put_i32(i32::try_from(since.as_hours() / 24)?);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::DATE
    }

    to_sql_checked!();
}

impl ToSql for Json<'_> {
    /// The version of the format, 1, and the text.
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_u8(1);
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSONB
    }

    to_sql_checked!();
}

/// The type `order_row[]`. Composite types have no fixed OIDs, and the binary form contains them.
pub(super) fn order_rows(item: Oids, row: Oids) -> Type {
    let field = |name: &str, of| Field::new(name.to_owned(), of);
    let item_fields = vec![
        field("product", Type::TEXT),
        field("quantity", Type::NUMERIC),
        field("amount", Type::NUMERIC),
    ];
    let items = array_of(ORDER_ITEM, item, item_fields);
    let row_fields = vec![
        field("order_id", Type::TEXT),
        field("numbered", Type::BOOL),
        field("total", Type::NUMERIC),
        field("items", items),
        field("sold_at", Type::TIMESTAMP),
        field("letters_before", Type::INT4),
        field("charges", Type::NUMERIC),
        field("kept", Type::JSONB),
        field("cancelled", Type::BOOL),
        field("counted_at", Type::TIMESTAMP),
    ];
    array_of(ORDER_ROW, row, row_fields)
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
