//! The place and notation of each role: the configuration's `[mapping]`, validated and compiled.
//!
//! [`Place`] is a place in a record and [`Role`] its meaning. [`Mapping::compile`] builds a
//! [`tree`] of the relevant names, so that a decoder reads a record once and skips the rest.
//! [`suspects`] are names that matter even if no role reads them.

mod check;
mod compile;
mod names;
mod place;
mod role;
pub(super) mod suspects;
mod tree;

use std::fmt;

use jiff::tz::TimeZone;

use crate::format::Format;

pub use place::{Place, Step};
pub use role::Role;

pub(super) use role::Level;
pub(super) use tree::{Handling, Opens, Spot, Taker, Tree};

/// The maximum number of places of a role, without its built-in names.
pub const PLACES_LIMIT: usize = 14;

/// The configured mapping of a topic's records; [`Self::default`] is that without configuration.
///
/// ```
/// use jiff::tz::TimeZone;
/// use vendas::order::{Currency, Mapping, MappingSettings, Place, Role, Rules};
///
/// let settings = MappingSettings {
///     records: vec![Place::parse("$.data.orders[*]")?],
///     places: vec![
///         (Role::OrderId, vec![vec![Place::parse("ref")?]]),
///         (Role::Total, vec![vec![Place::parse("$.amount.cents")?]]),
///     ],
///     minor_units: true,
///     ..MappingSettings::default()
/// };
/// let mapping = Mapping::compile(settings).map_err(|errors| errors[0].to_string())?;
/// let rules = Rules::new(mapping, TimeZone::UTC, Currency::default());
///
/// let record = br#"{"data": {"orders": [
///     {"ref": "a", "amount": {"cents": 1999}},
///     {"ref": "b", "amount": {"cents": 5}}
/// ]}}"#;
/// let meaning = rules.understand_value(Some(record))?;
/// let totals: Vec<_> = meaning.orders().iter().map(|order| order.total().to_string()).collect();
/// assert_eq!(totals, ["19.99", "0.05"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MappingSettings {
    /// The format of the records.
    pub format: Format,
    /// The file with the schema of all records, if any.
    pub schema_file: Option<String>,
    /// The message type in that file.
    pub message: Option<String>,
    /// Whether the built-in names are used.
    pub built_in: bool,
    /// Where a record contains its order or orders.
    pub records: Vec<Place>,
    /// Which records count; others are ignored.
    pub only: Option<Only>,
    /// The effect of a record without a value.
    pub tombstones: Tombstones,
    /// Whether the number or the id counts if an order has both.
    pub identity: Option<Identity>,
    /// The configured places of each role. The first one present counts; charges are added up. A
    /// place of several fields is a key of several fields.
    pub places: Vec<(Role, Vec<Vec<Place>>)>,
    /// Names in addition to the built-in ones.
    pub vocabulary: Vec<(Role, String)>,
    /// The quantity of lines without one, at least 1.
    pub default_quantity: Option<u32>,
    /// The statuses that cancel an order.
    pub cancelled: Vec<String>,
    /// The fields to keep: name and places.
    pub keep: Vec<(String, Vec<Place>)>,
    /// The notation of decimal numbers in texts.
    pub decimal: DecimalForm,
    /// Whether amounts are in the currency's minor unit.
    pub minor_units: bool,
    /// Whether quantities and totals may be negative.
    pub returns: bool,
    /// Whether amounts with any number of decimals are rounded to the currency's decimals.
    pub round: bool,
    /// Whether numbers may have been 32-bit floats.
    pub float32: bool,
    /// The strftime format of times given as text.
    pub sold_at_format: Option<String>,
    /// The time zone of times without an offset; by default the shop's.
    pub times_without_zone: Option<TimeZone>,
}

/// Which records count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Only {
    /// The places of the text, relative to the record; the first one present counts.
    pub at: Vec<Place>,
    /// The accepted texts.
    pub is: Vec<String>,
}

/// The effect of a record without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tombstones {
    /// It becomes a dead letter.
    #[default]
    DeadLetter,
    /// It cancels the order identified by its key.
    Cancel,
    /// It is ignored.
    Ignore,
}

/// Whether the number or the id counts if an order has both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The number.
    OrderNumber,
    /// The id.
    OrderId,
}

/// The notation of decimal numbers in texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecimalForm {
    /// As in JSON: `1234.56`.
    #[default]
    Point,
    /// As in Brazil: `R$ 1.234,56`.
    Comma,
    /// As the base64 of an integer with this scale (Kafka Connect's Decimal).
    Base64(u32),
}

impl Default for MappingSettings {
    fn default() -> Self {
        Self {
            format: Format::Auto,
            schema_file: None,
            message: None,
            built_in: true,
            records: Vec::new(),
            only: None,
            tombstones: Tombstones::DeadLetter,
            identity: None,
            places: Vec::new(),
            vocabulary: Vec::new(),
            default_quantity: None,
            cancelled: Vec::new(),
            keep: Vec::new(),
            decimal: DecimalForm::Point,
            minor_units: false,
            returns: false,
            round: false,
            float32: false,
            sold_at_format: None,
            times_without_zone: None,
        }
    }
}

/// A problem with a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingError {
    /// The setting, such as `mapping.total` or `vocabulary.quantity`.
    pub key: String,
    /// The problem, as the rest of a sentence that starts with the setting.
    pub text: String,
}

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.text)
    }
}

/// A compiled mapping.
#[derive(Clone, Debug)]
pub struct Mapping {
    settings: MappingSettings,
    /// The tree for record values.
    root: Spot,
    /// The tree for record keys, if the mapping reads fields of the key.
    key: Option<Spot>,
    /// The places that takers refer to by their index.
    places: Vec<Shown>,
    /// The places outside the value, in order of rank.
    outside: Vec<OutsidePlace>,
    /// The parts of keys of several fields.
    composites: Vec<Composite>,
}

/// A place as shown in messages.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) text: Box<str>,
    pub(super) role: Option<Role>,
    /// Whether values that are not numbers are ignored, as for built-in names of charges.
    pub(super) lenient: bool,
    /// Whether it may occur several times.
    pub(super) repeats: bool,
    /// Whether it is the record's coordinates, shared by all orders of the record.
    pub(super) coordinates: bool,
}

/// A place outside the value, and its taker.
#[derive(Clone, Debug)]
pub(super) struct OutsidePlace {
    pub(super) place: Place,
    pub(super) taker: Taker,
}

/// A key of several fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Composite {
    pub(super) rank: u8,
    pub(super) parts: u8,
    pub(super) place: u16,
}

impl Mapping {
    /// The settings from which it was compiled.
    #[must_use]
    pub const fn settings(&self) -> &MappingSettings {
        &self.settings
    }

    pub(super) const fn root(&self) -> &Spot {
        &self.root
    }

    pub(super) const fn key(&self) -> Option<&Spot> {
        self.key.as_ref()
    }

    pub(super) fn shown(&self, place: u16) -> Option<&Shown> {
        self.places.get(usize::from(place))
    }

    /// The place as shown in messages.
    pub(super) fn name(&self, place: u16) -> &str {
        self.shown(place).map_or("", |shown| &shown.text)
    }

    pub(super) fn outside(&self) -> &[OutsidePlace] {
        &self.outside
    }

    /// Whether the mapping reads places outside the record's value.
    pub(super) const fn reads_outside_value(&self) -> bool {
        !self.outside.is_empty() || self.key.is_some()
    }

    /// Whether the mapping reads the record's key.
    pub(super) fn reads_key(&self) -> bool {
        let is_key = |outside: &OutsidePlace| matches!(outside.place, Place::Key(_));
        self.key.is_some() || self.outside.iter().any(is_key)
    }

    pub(super) fn composites(&self) -> &[Composite] {
        &self.composites
    }
}

impl Default for Mapping {
    /// The built-in names alone.
    fn default() -> Self {
        Self::compile(MappingSettings::default()).unwrap_or_else(|_| Self {
            // Unreachable: a test compiles it.
            settings: MappingSettings::default(),
            root: Spot::default(),
            key: None,
            places: Vec::new(),
            outside: Vec::new(),
            composites: Vec::new(),
        })
    }
}
