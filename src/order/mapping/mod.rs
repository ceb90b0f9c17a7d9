//! Where each role is found, and how its values are written: the configuration's `[mapping]`, checked
//! and compiled.
//!
//! [`Place`] is one place of a record and [`Role`] what stands there. [`Mapping::compile`] makes a
//! [`tree`] of the names that matter, so that a decoder walks a record once and passes over the rest;
//! [`suspects`] are the names that matter although no role takes them up.

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
pub(super) use tree::{Opens, Spot, Taker, Tree, Way};

/// How many places a role may have, its built-in names apart.
pub const PLACES_LIMIT: usize = 14;

/// What the configuration says of a topic's records; [`Self::default`] is what holds without any.
#[derive(Clone, Debug, PartialEq)]
pub struct MappingSettings {
    /// What records are written in.
    pub format: Format,
    /// The file that holds the schema of all records, where there is one.
    pub schema_file: Option<String>,
    /// Which message of that file they are.
    pub message: Option<String>,
    /// Whether the built-in names are understood.
    pub built_in: bool,
    /// Where one record holds its order or its orders.
    pub records: Vec<Place>,
    /// Which records count; the others are ignored.
    pub only: Option<Only>,
    /// What a record without a value does.
    pub tombstones: Tombstones,
    /// Which of an order's number and id counts where both stand.
    pub identity: Option<Identity>,
    /// Each role's own places, the first that is there counts (of charges, all are added up). A place
    /// of several is a key of several fields.
    pub places: Vec<(Role, Vec<Vec<Place>>)>,
    /// Names that stand beside the built-in ones.
    pub vocabulary: Vec<(Role, String)>,
    /// The quantity of a line that states none, from 1.
    pub default_quantity: Option<u32>,
    /// The statuses of an order that does not count.
    pub cancelled: Vec<String>,
    /// Fields of the shop's own: under which name, and where.
    pub keep: Vec<(String, Vec<Place>)>,
    /// How decimal numbers are written in texts.
    pub decimal: DecimalForm,
    /// Whether money is stated in the currency's smallest unit.
    pub minor_units: bool,
    /// Whether quantities and totals may be negative.
    pub returns: bool,
    /// Whether money of any number of decimals is rounded to the currency's.
    pub round: bool,
    /// Whether numbers may have been floats of 32 bits.
    pub float32: bool,
    /// The strftime format of times that are text.
    pub sold_at_format: Option<String>,
    /// The zone of times that state no offset; that of the shop without it.
    pub times_without_zone: Option<TimeZone>,
}

/// Which records count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Only {
    /// Where the text stands, from the whole record; the first that is there counts.
    pub at: Vec<Place>,
    /// The texts that count.
    pub is: Vec<String>,
}

/// What a record without a value does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tombstones {
    /// It becomes a dead letter.
    #[default]
    DeadLetter,
    /// It cancels the order that its key names.
    Cancel,
    /// It is ignored.
    Ignore,
}

/// Which of an order's number and id counts where both stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The number.
    OrderNumber,
    /// The id.
    OrderId,
}

/// How decimal numbers are written in texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecimalForm {
    /// As in JSON: `1234.56`.
    #[default]
    Point,
    /// As in Brazil: `R$ 1.234,56`.
    Comma,
    /// As bytes in base64 that hold an integer of this scale (Kafka Connect's Decimal).
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

/// What is wrong with a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingError {
    /// The setting, such as `mapping.total` or `vocabulary.quantity`.
    pub key: String,
    /// What is wrong with it, as the end of a sentence that the setting begins.
    pub text: String,
}

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.text)
    }
}

/// A mapping, compiled.
#[derive(Clone, Debug)]
pub struct Mapping {
    settings: MappingSettings,
    /// What a whole value is.
    root: Spot,
    /// What a key that is JSON is, where the mapping looks into it.
    key: Option<Spot>,
    /// The places that takers refer to by their index.
    places: Vec<Shown>,
    /// What stands beside the value, in the order of the ranks.
    beside: Vec<Beside>,
    /// The parts of keys of several fields.
    composites: Vec<Composite>,
}

/// A place as messages name it.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) text: Box<str>,
    pub(super) role: Option<Role>,
    /// Whether a value that is no number is none of this role's, as with the built-in charges.
    pub(super) lenient: bool,
    /// Whether it may be there several times.
    pub(super) repeats: bool,
    /// Whether it is where the record stands, which several orders of it share.
    pub(super) coordinates: bool,
}

/// A place beside the value, and what takes it.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    pub(super) place: Place,
    pub(super) taker: Taker,
}

/// A key of several fields: each has as many parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Composite {
    pub(super) rank: u8,
    pub(super) parts: u8,
    pub(super) place: u16,
}

impl Mapping {
    /// The settings that it was compiled from.
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

    /// The place as messages name it.
    pub(super) fn name(&self, place: u16) -> &str {
        self.shown(place).map_or("", |shown| &shown.text)
    }

    pub(super) fn beside(&self) -> &[Beside] {
        &self.beside
    }

    /// Whether anything beside a record's value matters.
    pub(super) const fn reads_beside_value(&self) -> bool {
        !self.beside.is_empty() || self.key.is_some()
    }

    /// Whether a record's key matters.
    pub(super) fn reads_key(&self) -> bool {
        let is_key = |beside: &Beside| matches!(beside.place, Place::Key(_));
        self.key.is_some() || self.beside.iter().any(is_key)
    }

    pub(super) fn composites(&self) -> &[Composite] {
        &self.composites
    }
}

impl Default for Mapping {
    /// The built-in names alone.
    fn default() -> Self {
        Self::compile(MappingSettings::default()).unwrap_or_else(|_| Self {
            // Not reached: a test compiles it.
            settings: MappingSettings::default(),
            root: Spot::default(),
            key: None,
            places: Vec::new(),
            beside: Vec::new(),
            composites: Vec::new(),
        })
    }
}
