//! The periods that the page offers.

use serde::Deserialize;

use crate::store::{Ends, Period, Unit};

/// A period by the shop's clock, named as in the page's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Window {
    /// From midnight to the end of the current hour.
    #[default]
    #[serde(rename = "today")]
    Today,
    /// The day before.
    #[serde(rename = "yesterday")]
    Yesterday,
    /// Today and the six days before, to the end of the current hour.
    #[serde(rename = "7d")]
    Week,
    /// Today and the 29 days before, to the end of the current hour.
    #[serde(rename = "30d")]
    Month,
    /// All sales.
    #[serde(rename = "all")]
    All,
}

impl Window {
    pub(super) const ALL: [Self; 5] =
        [Self::Today, Self::Yesterday, Self::Week, Self::Month, Self::All];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Today => "today",
            Self::Yesterday => "yesterday",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::All => "all",
        }
    }

    /// The period of the query. Sums are stored by hour, so a period that includes the current hour
    /// is compared with the previous period until the end of the same hour.
    pub(super) fn period(self) -> Period {
        let (days, ends) = match self {
            Self::Today => (1, Ends::Hour),
            Self::Yesterday => (1, Ends::Before),
            Self::Week => (7, Ends::Hour),
            Self::Month => (30, Ends::Hour),
            Self::All => return Period::default(),
        };
        Period { last: Some((days, Unit::Day)), ends, ..Period::default() }
    }

    /// Whether it is compared with a previous period.
    pub(super) const fn is_compared(self) -> bool {
        !matches!(self, Self::All)
    }

    /// The unit of a bar in the chart.
    pub(super) const fn unit(self) -> Unit {
        match self {
            Self::Today | Self::Yesterday => Unit::Hour,
            Self::Week | Self::Month => Unit::Day,
            Self::All => Unit::Month,
        }
    }
}
