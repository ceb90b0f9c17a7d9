//! Assembles a proposal: the settings of the mapping, and the doubts.

use super::{
    choose::Choice,
    circumstances, doubts,
    findings::Findings,
    leftovers,
    lines::{Lines, Pricing},
    scores::Charge,
    study::Study,
};
use crate::init::{
    built_in,
    dictionary::{Name, Word},
    json::Json,
    path::{Path, Step},
    profile::Place,
    proposal::{Proposal, Role, Setting, Value},
};

/// A role, its places, and the number of orders or lines that have it.
struct Found {
    role: &'static str,
    places: Vec<Path>,
    found: usize,
    of: usize,
}

/// Builds the proposal from a study.
pub(super) fn build(study: &Study<'_>) -> Proposal {
    if study.count() == 0 {
        let note = "no record of the sample is JSON that could be an order".to_owned();
        return Proposal { notes: vec![note], ..doubts::without_orders(study) };
    }
    let orders: Vec<Place<'_>> = study.places().into_iter().cloned().collect();
    let items = study.items();
    let mut lines = study.lines(items);
    let mut product = study.product(&lines);
    let mut worth = study.worth(&lines, &orders);
    let is_priced = worth.pricing != Pricing::Unpriced;
    let is_line = match (worth.quantity.is_empty(), product.is_empty()) {
        (false, false) => true,
        (false, true) => is_priced,
        (true, false) => is_priced || !worth.total.is_empty(),
        (true, true) => false,
    };
    if items.is_none() && !is_line {
        lines = Lines { list: None, places: Vec::new(), owners: Vec::new() };
        product = Choice::default();
        worth = study.worth(&lines, &orders);
    }
    let (identity, identified) = {
        let total = worth.total.places.first().map(|place| &place.path);
        study.identity(items.is_none() && is_line, &product, items.map(|list| &list.path).or(total))
    };
    let (sold_at, looks) = study.sold_at();
    let places = study.places();
    let findings = Findings {
        study,
        items,
        lines,
        product,
        worth,
        identity,
        identified,
        sold_at,
        looks,
        status: study.status(),
        kinds: circumstances::event_type(&places, study.count()),
        currency: circumstances::currency(&places),
    };
    findings.proposal()
}

impl Findings<'_, '_> {
    fn proposal(&self) -> Proposal {
        let mut proposal = Proposal::default();
        if !self.study.layout.records.is_empty() {
            let records =
                self.study.layout.records.iter().map(|place| vec![place.clone()]).collect();
            proposal.settings.push(Setting::new("records", Value::Places(records)));
        }
        let found = self.found();
        let misread_fields = self.misread_fields(&found);
        let explicit = !misread_fields.is_empty();
        if explicit {
            let because = format!(
                "with built-in names, {} would be read in the wrong role",
                misread_fields.join(", ")
            );
            proposal.settings.push(Setting::new("built_in", Value::Flag(false)).because(because));
        }
        self.identify(&mut proposal, explicit);
        for role in found {
            self.settle(&mut proposal, role, explicit);
        }
        doubts::add(self, &mut proposal);
        leftovers::add(self, &mut proposal);
        proposal
    }

    /// Adds the identity of orders.
    fn identify(&self, proposal: &mut Proposal, explicit: bool) {
        let mut places = self.identity.places.clone();
        let of = self.study.count();
        let shown =
            places.iter().map(|fields| fields.join(" and ")).collect::<Vec<_>>().join(", else ");
        let single = match places.as_slice() {
            [fields] => match fields.as_slice() {
                [one] => Some(one.clone()),
                _ => None,
            },
            _ => None,
        };
        let is_number = single.as_deref().is_some_and(|name| {
            built_in::names("order_number").contains(&name)
                || self.identified.places.first().is_some_and(|place| is_order_number(place))
        });
        let role = if is_number { "order_number" } else { "order_id" };
        proposal.roles.push(Role { role, place: shown, found: self.identity.owners, of });
        if let Some(envelope) = &self.study.change_event {
            // A deleted row has its key only in the state before the change.
            let after = envelope.then(Step::Name("after".to_owned()));
            let before = envelope.then(Step::Name("before".to_owned()));
            for place in &self.identified.places {
                if let Some(rest) = place.path.0.strip_prefix(after.0.as_slice()) {
                    let mut path = before.clone();
                    path.0.extend(rest.iter().cloned());
                    places.push(vec![path.place()]);
                }
            }
        }
        let is_built_in =
            single.as_deref().is_some_and(|name| built_in::names(role).contains(&name));
        if self.identity.doubt.is_none() && (!is_built_in || explicit || places.len() > 1) {
            proposal.settings.push(Setting::new(role, Value::Places(places)));
        }
        let other = if is_number { "order_id" } else { "order_number" };
        let has_other = self.study.places().iter().any(|place| {
            let name = place.path.bare();
            name.is_some_and(|name| built_in::names(other).contains(&name))
                && !self.identified.has(place)
        });
        if has_other && !explicit {
            proposal.settings.push(Setting::new("identity", Value::Text(role.to_owned())));
        }
    }

    /// Adds the role's place, and a setting unless the built-in names cover it.
    fn settle(&self, proposal: &mut Proposal, role: Found, explicit: bool) {
        let Found { role, places, found, of } = role;
        let names: Vec<String> = places.iter().map(|path| written(role, path)).collect();
        let joint =
            if matches!(role, "shipping" | "tax" | "discount") { " and " } else { ", else " };
        proposal.roles.push(Role { role, place: names.join(joint), found, of });
        let is_built_in =
            |path: &Path| path.bare().is_some_and(|name| built_in::names(role).contains(&name));
        if explicit || !places.iter().all(is_built_in) {
            let places = names.into_iter().map(|name| vec![name]).collect();
            proposal.settings.push(Setting::new(role, Value::Places(places)));
        }
    }

    /// The certain roles, except the identity.
    fn found(&self) -> Vec<Found> {
        let (orders, lines) = (self.study.count(), self.lines.owners.len());
        let mut found = Vec::new();
        if let Some(list) = self.items {
            let mut owners: Vec<usize> = list.lines.iter().map(|(owner, _)| *owner).collect();
            owners.dedup();
            found.push(Found {
                role: "items",
                places: vec![list.path.clone()],
                found: owners.len(),
                of: orders,
            });
        }
        let worth = &self.worth;
        let is_proven = worth.is_proven() || !self.is_price_doubtful();
        let priced = |choice| if is_proven { Some(choice) } else { None };
        for (role, choice) in [
            ("product", Some(&self.product)),
            ("quantity", Some(&worth.quantity)),
            ("unit_price", priced(&worth.unit_price)),
            ("amount", priced(&worth.amount)),
            ("item_discount", Some(&worth.discount)),
        ] {
            found.extend(choice.and_then(|choice| of_choice(role, choice, lines)));
        }
        for charge in [Charge::Shipping, Charge::Tax, Charge::Discount] {
            let places = worth.charges.iter().filter(|place| place.charge == charge);
            let (places, counts): (Vec<_>, Vec<_>) =
                places.map(|place| (place.path.clone(), place.owners)).unzip();
            if let Some(most) = counts.into_iter().max() {
                found.push(Found { role: charge.key(), places, found: most, of: orders });
            }
        }
        if !self.is_total_doubtful() {
            found.extend(of_choice("total", &worth.total, orders));
        }
        found.extend(of_choice("sold_at", &self.sold_at, orders));
        found
    }

    /// Fields that the built-in names would assign to the wrong role.
    fn misread_fields(&self, found: &[Found]) -> Vec<String> {
        let is_used = |path: &Path| {
            self.identified.has_path(path) || found.iter().any(|role| role.places.contains(path))
        };
        let has = |role: &str| found.iter().any(|found| found.role == role);
        let mut misread_fields = Vec::new();
        let mut look = |role: &str, path: &Path, adds_up: bool| {
            let is_named = path.bare().is_some_and(|name| built_in::names(role).contains(&name));
            if is_named && (adds_up || !has(role)) && !is_used(path) {
                misread_fields.extend(path.bare().map(str::to_owned));
            }
        };
        for place in &self.study.profile.places {
            let is_number = place.all(|json| matches!(json, Json::Number(_) | Json::Text(_)));
            for role in ["shipping", "tax", "discount"] {
                if is_number && self.is_a_number(place) {
                    look(role, &place.path, true);
                }
            }
            look("items", &place.path, false);
        }
        for list in &self.study.profile.lists {
            look("items", &list.path, false);
        }
        for place in &self.lines.places {
            for role in ["quantity", "unit_price", "amount", "item_discount", "product"] {
                if self.items.is_some() {
                    look(role, &place.path, false);
                }
            }
        }
        misread_fields.sort();
        misread_fields.dedup();
        misread_fields
    }

    fn is_a_number(&self, place: &Place<'_>) -> bool {
        place.all(|json| crate::init::value::number(json, self.study.reading()).is_some())
    }
}

fn of_choice(role: &'static str, choice: &Choice<'_, '_>, of: usize) -> Option<Found> {
    (!choice.is_empty()).then(|| Found {
        role,
        places: choice.places.iter().map(|place| place.path.clone()).collect(),
        found: choice.owners(of),
        of,
    })
}

/// The place as written in the role's setting.
fn written(role: &str, path: &Path) -> String {
    if role == "items" && path.bare().is_none() {
        return path.then(Step::Each).to_string();
    }
    path.place()
}

/// Whether a place is named as an order number and contains only integers that fit
/// `sales.order_number`.
fn is_order_number(place: &Place<'_>) -> bool {
    let name = Name::of(&place.path);
    let fits = |json: &Json| match json {
        Json::Number(digits) => digits.parse::<i32>().is_ok(),
        _ => false,
    };
    name.has(Word::Order)
        && name.is(Word::Number)
        && name.is_only(&[Word::Order, Word::Number])
        && place.all(fits)
}
