//! The roles found in a sample, and which of them are doubtful.

use rust_decimal::Decimal;

use super::{
    choose::Choice,
    circumstances::Few,
    identity::Identity,
    lines::Lines,
    study::Study,
    worth::{self, Worth},
};
use crate::init::{built_in, profile::List, times::Look};

/// The roles found in an order.
pub(super) struct Findings<'p, 'j> {
    pub(super) study: &'p Study<'j>,
    pub(super) items: Option<&'p List<'j>>,
    pub(super) lines: Lines<'p, 'j>,
    pub(super) product: Choice<'p, 'j>,
    pub(super) worth: Worth<'p, 'j>,
    pub(super) identity: Identity,
    pub(super) identified: Choice<'p, 'j>,
    pub(super) sold_at: Choice<'p, 'j>,
    pub(super) looks: Vec<Look>,
    pub(super) status: Option<Few<'p, 'j>>,
    pub(super) kinds: Option<Few<'p, 'j>>,
    pub(super) currency: Option<Few<'p, 'j>>,
}

impl Findings<'_, '_> {
    /// Whether it is unclear if the money of a line is a unit price or a line total.
    pub(super) fn is_price_doubtful(&self) -> bool {
        let worth = &self.worth;
        let several = worth
            .quantity
            .column(self.lines.owners.len(), self.study.reading())
            .into_iter()
            .flatten()
            .any(|quantity| quantity != Decimal::ONE);
        let is_built_in = worth.unit_price.places.iter().chain(&worth.amount.places).any(|place| {
            place.path.bare().is_some_and(|name| {
                ["unit_price", "amount"].iter().any(|role| built_in::names(role).contains(&name))
            })
        });
        !worth.is_proven() && several && !is_built_in && worth::is_doubtful_price(&worth.unit_price)
    }

    /// Whether the total differs from the sum of lines and charges, and may be another sum.
    pub(super) fn is_total_doubtful(&self) -> bool {
        let worth = &self.worth;
        let is_built_in = worth.total.places.iter().any(|place| {
            place.path.bare().is_some_and(|name| built_in::names("total").contains(&name))
        });
        worth.comparable > 0 && !worth.is_proven() && !is_built_in
    }
}
