//! Selects the branch of a union for a value.

use super::{Encoder, Json, Misfit};
use crate::format::avro::{Type, TypeId, Unit};

impl Encoder<'_> {
    /// Encodes a value with the first branch that it fits. `value` is the parsed `json`.
    pub(super) fn union(
        &mut self,
        branches: &[TypeId],
        json: &str,
        value: &Json<'_>,
        depth: usize,
    ) -> Result<(), Misfit> {
        let schema = self.schema;
        let all = || (0..).zip(branches.iter().copied());
        // Avro's JSON encoding names the branch.
        if let Json::Object(entries) = value
            && let [(name, inner)] = entries.as_slice()
            && let Some(named) = all().find(|(_, of)| schema.of(*of).name() == name)
            && self.branch(named, inner.get(), depth).is_ok()
        {
            return Ok(());
        }
        let mut fitting: Vec<_> =
            all().filter_map(|branch| Some((schema.of(branch.1).rank(value)?, branch))).collect();
        fitting.sort_by_key(|(rank, _)| *rank);
        let mut misfit = None;
        for (_, branch) in &fitting {
            match self.branch(*branch, json, depth) {
                Ok(()) => return Ok(()),
                Err(why) => misfit = Some(why),
            }
        }
        // If only one branch is possible, its misfit is the most specific.
        match misfit {
            Some(misfit) if fitting.len() == 1 => Err(misfit),
            _ => {
                let names: Vec<_> = branches.iter().map(|of| schema.of(*of).name()).collect();
                Err(Misfit::new(format!("must be of one of the types {}", names.join(", "))))
            }
        }
    }

    /// Encodes a value with this branch, or nothing on failure.
    fn branch(
        &mut self,
        (index, of): (i64, TypeId),
        json: &str,
        depth: usize,
    ) -> Result<(), Misfit> {
        let before = self.bytes.len();
        self.long(index);
        self.value(of, json, depth).inspect_err(|_| self.bytes.truncate(before))
    }
}

impl Type {
    /// The name of a union's branch in Avro's JSON encoding.
    fn name(&self) -> &str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int | Self::Date | Self::Time(Unit::Millis) => "int",
            Self::Long | Self::Time(_) | Self::Timestamp(_) | Self::LocalTimestamp(_) => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes | Self::BigDecimal => "bytes",
            Self::Text => "string",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            // No union is a branch of another.
            Self::Union(_) => "union",
            Self::Fixed(name, _)
            | Self::Enum(name, _)
            | Self::Uuid(name)
            | Self::Duration(name) => name,
            Self::Record(record) => &record.name,
            Self::Decimal(decimal) => match &decimal.fixed {
                Some((name, _)) => name,
                None => "bytes",
            },
        }
    }

    /// Whether a value may be of this type, and its rank; lower ranks are tried first. Floats hold
    /// fewer digits than other numbers, and a text is less likely to be bytes.
    const fn rank(&self, value: &Json<'_>) -> Option<u8> {
        let number = match self {
            Self::Int
            | Self::Long
            | Self::Double
            | Self::Decimal(_)
            | Self::BigDecimal
            | Self::Date
            | Self::Time(_)
            | Self::Timestamp(_)
            | Self::LocalTimestamp(_) => Some(0),
            Self::Float => Some(1),
            _ => None,
        };
        match (value, self) {
            (Json::Null, Self::Null)
            | (Json::Flag(_), Self::Boolean)
            | (Json::List(_), Self::Array(_))
            | (Json::Object(_), Self::Record(_) | Self::Map(_) | Self::Duration(_)) => Some(0),
            (Json::Number(_), _) => number,
            (
                Json::Text(_),
                Self::Text
                | Self::Enum(..)
                | Self::Decimal(_)
                | Self::BigDecimal
                | Self::Uuid(_)
                | Self::Date
                | Self::Time(_)
                | Self::Timestamp(_)
                | Self::LocalTimestamp(_),
            ) => Some(0),
            (Json::Text(_), Self::Bytes | Self::Fixed(..)) => Some(1),
            _ => None,
        }
    }
}
