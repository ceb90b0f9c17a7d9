//! Scalar values.

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::Offset,
};

use super::{Fault, Input, Schema, Type, TypeId, Unit};

/// A value that is not a record, array or map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Leaf<'p> {
    Null,
    Flag(bool),
    Whole(i64),
    Float(f32),
    Double(f64),
    Text(&'p str),
    /// Bytes without another meaning.
    Bytes(&'p [u8]),
    /// A big-endian two's complement integer × 10^-`scale`.
    Decimal {
        unscaled: &'p [u8],
        scale: i64,
    },
    Moment(Timestamp),
    Clock(DateTime),
    Day(Date),
    Time(Time),
    Uuid([u8; 16]),
    /// Months, days, milliseconds.
    Duration([u32; 3]),
    /// A time outside the supported range, in its schema's unit.
    Beyond(i64),
}

impl<'p> Input<'p> {
    /// Reads a value of a type that is not a union; `None`, without reading, for composite types.
    pub(crate) fn leaf(
        &mut self,
        schema: &'p Schema,
        of: TypeId,
    ) -> Result<Option<Leaf<'p>>, Fault> {
        Ok(Some(match schema.of(of) {
            Type::Text => Leaf::Text(self.text()?),
            Type::Double => Leaf::Double(f64::from_le_bytes(self.array()?)),
            Type::Long => Leaf::Whole(self.long()?),
            Type::Int => Leaf::Whole(i64::from(self.int()?)),
            Type::Null => {
                self.empty()?;
                Leaf::Null
            }
            Type::Boolean => Leaf::Flag(self.boolean()?),
            Type::Float => Leaf::Float(f32::from_le_bytes(self.array()?)),
            Type::Bytes => Leaf::Bytes(self.bytes()?),
            Type::Fixed(_, size) => Leaf::Bytes(self.fixed(*size)?),
            Type::Enum(_, symbols) => Leaf::Text(self.one_of(symbols)?),
            Type::Decimal(decimal) => {
                let unscaled = match &decimal.fixed {
                    Some((_, size)) => self.fixed(*size)?,
                    None => self.bytes()?,
                };
                let scale = i64::try_from(decimal.scale).unwrap_or(i64::MAX);
                Leaf::Decimal { unscaled, scale }
            }
            Type::BigDecimal => {
                let before = *self;
                let mut within = Input::new(self.bytes()?);
                let wrong = |_| before.fault("a big-decimal must contain an integer and its scale");
                let unscaled = within.bytes().map_err(wrong)?;
                let scale = i64::from(within.int().map_err(wrong)?);
                within.end().map_err(wrong)?;
                Leaf::Decimal { unscaled, scale }
            }
            Type::Uuid(_) => Leaf::Uuid(self.array()?),
            Type::Duration(_) => {
                let part = |input: &mut Self| Ok(u32::from_le_bytes(input.array()?));
                Leaf::Duration([part(self)?, part(self)?, part(self)?])
            }
            Type::Date => day(self.int()?),
            Type::Time(unit) => {
                let since = match unit {
                    Unit::Millis => i64::from(self.int()?),
                    Unit::Micros | Unit::Nanos => self.long()?,
                };
                time(since, *unit).map_or(Leaf::Beyond(since), Leaf::Time)
            }
            Type::Timestamp(unit) => {
                let since = self.long()?;
                moment(since, *unit).map_or(Leaf::Beyond(since), Leaf::Moment)
            }
            Type::LocalTimestamp(unit) => {
                let since = self.long()?;
                let clock = |moment| Leaf::Clock(Offset::UTC.to_datetime(moment));
                moment(since, *unit).map_or(Leaf::Beyond(since), clock)
            }
            Type::Array(_) | Type::Map(_) | Type::Union(_) | Type::Record(_) => return Ok(None),
        }))
    }
}

/// The time at this distance from 1 January 1970, UTC.
fn moment(since: i64, unit: Unit) -> Option<Timestamp> {
    match unit {
        Unit::Millis => Timestamp::from_millisecond(since).ok(),
        Unit::Micros => Timestamp::from_microsecond(since).ok(),
        Unit::Nanos => Timestamp::from_nanosecond(i128::from(since)).ok(),
    }
}

fn day(since: i32) -> Leaf<'static> {
    let midnight = Timestamp::from_second(i64::from(since) * 86_400);
    midnight.map_or(Leaf::Beyond(i64::from(since)), |midnight| {
        Leaf::Day(Offset::UTC.to_datetime(midnight).date())
    })
}

/// The time of day at this distance from midnight.
fn time(since: i64, unit: Unit) -> Option<Time> {
    let per_second = unit.per_second();
    let seconds = since.checked_div_euclid(per_second)?;
    let nanosecond =
        since.checked_rem_euclid(per_second)?.checked_mul(1_000_000_000 / per_second)?;
    let small = |part: i64| i8::try_from(part).ok();
    let (hour, minute) = (small(seconds / 3_600)?, small(seconds / 60 % 60)?);
    Time::new(hour, minute, small(seconds % 60)?, i32::try_from(nanosecond).ok()?).ok()
}

impl Unit {
    /// The number of these units in a second.
    pub(super) const fn per_second(self) -> i64 {
        match self {
            Self::Millis => 1_000,
            Self::Micros => 1_000_000,
            Self::Nanos => 1_000_000_000,
        }
    }
}

/// `HH:MM:SS`, with a fraction if there is one.
pub(crate) fn time_of_day(time: Time) -> String {
    time.to_string()
}

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`
pub(crate) fn uuid(bytes: [u8; 16]) -> String {
    uuid::Uuid::from_bytes(bytes).to_string()
}
