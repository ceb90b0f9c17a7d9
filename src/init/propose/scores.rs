//! Scores of names for roles: 0 for no match, 100 for an unambiguous name.

use crate::init::dictionary::{Name, Word};

/// Meanings that exclude an amount of money or a quantity.
const NO_SUM: [Word; 9] = [
    Word::Id,
    Word::Ratio,
    Word::Currency,
    Word::Time,
    Word::Property,
    Word::Address,
    Word::Person,
    Word::Status,
    Word::Event,
];

/// The score for an order's id or number.
pub(super) fn identity(name: &Name) -> i32 {
    let others = [Word::Product, Word::Line, Word::Event, Word::Cents, Word::Currency, Word::Stock];
    let is_item = name.is(Word::Item) && !name.is(Word::Line);
    // An order number within a store.
    let of_shop = name.is(Word::Shop) && name.own.iter().any(|own| own.has(Word::Order));
    let is_other = name.all.any(&Word::OTHERS) && !of_shop || name.has(Word::Payment);
    if name.foreign || is_item || name.all.any(&others) || is_other {
        return 0;
    }
    if name.all.any(&[
        Word::Price,
        Word::Total,
        Word::Shipping,
        Word::Tax,
        Word::Discount,
        Word::Title,
    ]) {
        return 0;
    }
    let names_it = name.is(Word::Id) || name.is(Word::Number);
    let base = if name.has(Word::Order) && names_it && !name.is(Word::Kind) {
        100
    } else if name.is_only(&[Word::Order]) && !name.is(Word::Time) && !name.has(Word::Money) {
        80
    } else if name.is(Word::Id) && name.is_only(&[Word::Id, Word::Wrapper]) {
        70
    } else if name.is(Word::Number) && name.is_only(&[Word::Number]) {
        60
    } else if name.is(Word::Id) {
        40
    } else {
        0
    };
    (base - 10 * name.unknown - name.depth).max(0)
}

/// The score for the list of items.
pub(super) fn items(name: &Name) -> i32 {
    let others = [
        Word::Payment,
        Word::Tax,
        Word::Discount,
        Word::Shipping,
        Word::Status,
        Word::Reversal,
        Word::Address,
        Word::Event,
        Word::Fee,
        Word::Property,
    ];
    if name.foreign || name.all.any(&others) {
        return 0;
    }
    if name.is(Word::Item) || name.is(Word::Product) || name.is(Word::Line) { 60 } else { 20 }
}

/// The score for an item's product. `alone`: the item is the order itself.
pub(super) fn product(name: &Name, alone: bool) -> i32 {
    let others = [Word::Quantity, Word::Price, Word::Money, Word::Time, Word::Status, Word::Kind];
    let excluded =
        name.own.iter().any(|own| own.any(&others) && !own.any(&[Word::Title, Word::Product]));
    if name.foreign
        || excluded
        || name.all.any(&[Word::Person, Word::Property, Word::Event, Word::Shop])
    {
        return 0;
    }
    let is_product = name.has(Word::Product);
    let base = match (is_product, name.is(Word::Title)) {
        (true, true) => 100,
        (true, false) if name.is(Word::Id) || name.is(Word::Number) => 75,
        (true, false) if name.is_only(&[Word::Product]) => 95,
        (true, false) => 50,
        (false, true) if name.has(Word::Item) => 92,
        (false, true) if name.own.len() == 1 && alone => 60,
        (false, true) if name.own.len() == 1 => 90,
        (false, false) if name.has(Word::Item) && name.is(Word::Id) => 50,
        (false, false) if name.is_only(&[Word::Item]) => 65,
        (false, false) if name.is_only(&[Word::Id]) && !alone => 45,
        _ => 0,
    };
    let description = i32::from(name.own.len() == 1 && name.is(Word::Title)) * name.depth;
    (base - 10 * name.unknown - 2 * name.depth - description).max(0)
}

/// The score for an item's quantity.
pub(super) fn quantity(name: &Name) -> i32 {
    if !name.is(Word::Quantity) || name.foreign || name.all.any(&NO_SUM) {
        return 0;
    }
    let stock = if name.own.iter().any(|own| own.has(Word::Stock)) { 60 } else { 0 };
    let other = if name.all.any(&[Word::Price, Word::Money, Word::Tax]) { 60 } else { 0 };
    (100 - 15 * name.unknown - 2 * name.depth - stock - other).max(0)
}

/// Whether a name denotes money other than a charge.
fn is_money(name: &Name) -> bool {
    let charges = [Word::Tax, Word::Discount, Word::Shipping, Word::Fee, Word::Stock];
    let sums = [Word::Price, Word::Money, Word::Total, Word::Sub, Word::Cents, Word::Unit];
    name.own.iter().any(|own| own.any(&sums))
        && !name.all.any(&NO_SUM)
        && !name.own.iter().any(|own| own.any(&charges) && !own.has(Word::Money))
        && !name.own.iter().any(|own| own.has(Word::Payment) && !own.has(Word::Money))
        && !name.is(Word::Quantity)
}

/// The score for an item's unit price.
pub(super) fn unit_price(name: &Name) -> i32 {
    if !is_money(name) || name.foreign {
        return 0;
    }
    let former = if name.is(Word::Former) { 40 } else { 0 };
    let base = match () {
        () if name.is(Word::Unit) => 100,
        () if name.all.any(&[Word::Total, Word::Sub, Word::Line]) => 0,
        () if name.has(Word::Price) => 85,
        () if name.is(Word::Sum) => 45,
        () if name.is(Word::Money) || name.is(Word::Cents) => 55,
        () => 0,
    };
    (base - 10 * name.unknown - name.depth - former).max(0)
}

/// The score for a line total.
pub(super) fn amount(name: &Name) -> i32 {
    if !is_money(name) || name.foreign || name.is(Word::Unit) {
        return 0;
    }
    let former = if name.is(Word::Former) && !name.is(Word::Total) { 40 } else { 0 };
    let base = match () {
        () if name.all.any(&[Word::Total, Word::Sub, Word::Line]) => 90,
        () if name.is(Word::Price) => 0,
        () if name.is(Word::Sum) => 60,
        () if name.is(Word::Money) || name.is(Word::Cents) => 50,
        () => 0,
    };
    (base - 10 * name.unknown - name.depth - former).max(0)
}

/// The score for the order's total.
pub(super) fn total(name: &Name) -> i32 {
    if !is_money(name) || name.is(Word::Unit) {
        return 0;
    }
    let former = if name.is(Word::Former) { 20 } else { 0 };
    let payment = if name.is(Word::Payment) { 25 } else { 0 };
    let payment = payment.max(if name.of_payment { 15 } else { 0 });
    let of_goods = name.own.iter().any(|own| own.any(&[Word::Product, Word::Item, Word::Line]));
    let foreign = if name.foreign { 45 } else { 0 };
    let base = match () {
        () if name.is(Word::Sub) || (of_goods && !name.is(Word::Order)) => 35,
        () if name.has(Word::Total) => 100,
        () if name.has(Word::Money) && name.has(Word::Order) => 90,
        () if name.is(Word::Money) || name.is(Word::Cents) => 80,
        () if name.has(Word::Price) => 60,
        () => 0,
    };
    (base - 10 * name.unknown - name.depth - former - payment - foreign).max(0)
}

/// The role of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Charge {
    Shipping,
    Tax,
    Discount,
}

impl Charge {
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Shipping => "shipping",
            Self::Tax => "tax",
            Self::Discount => "discount",
        }
    }
}

/// The charge that a name denotes.
pub(super) fn charge(name: &Name) -> Option<Charge> {
    let others = [Word::Address, Word::Person, Word::Kind, Word::Quantity, Word::Unit, Word::Fee];
    let fee = name.is(Word::Fee) && !name.has(Word::Shipping);
    if name.all.any(&NO_SUM) || fee || name.all.any(&others) && !name.is(Word::Fee) {
        return None;
    }
    if name.unknown > 1 || name.foreign && !name.has(Word::Discount) {
        return None;
    }
    match () {
        () if name.has(Word::Tax) => Some(Charge::Tax),
        () if name.has(Word::Discount) => Some(Charge::Discount),
        () if name.has(Word::Shipping) => Some(Charge::Shipping),
        () => None,
    }
}

/// The score for the time of sale.
pub(super) fn sold_at(name: &Name) -> i32 {
    let is_time = name.is(Word::Time) || name.is(Word::Created) || name.is(Word::Sold);
    let others = [Word::Person, Word::Payment, Word::Product, Word::Stock, Word::Shop];
    let later = name.own.iter().any(|own| own.has(Word::Later) && !own.has(Word::Created));
    if !is_time || later || name.own.iter().any(|own| own.any(&others)) {
        return 0;
    }
    let base = match () {
        () if name.is(Word::Updated) => 25,
        () if name.is(Word::Sold) || name.own.iter().any(|own| own.has(Word::Order)) => 100,
        () if name.is(Word::Created) => 95,
        () if name.own.iter().any(|own| own.has(Word::Event)) => 60,
        () => 80,
    };
    let foreign = if name.foreign || name.of_payment { 50 } else { 0 };
    // The order's own time is preferred to the envelope's.
    (base - 10 * name.unknown + name.depth.min(3) - foreign).max(0)
}

/// The score for the order's status.
pub(super) fn status(name: &Name) -> i32 {
    let others = [Word::Address, Word::Person, Word::Product, Word::Event];
    if name.foreign
        || name.of_payment
        || !name.is(Word::Status)
        || name.own.iter().any(|own| own.any(&others))
    {
        return 0;
    }
    let base = if name.own.len() == 1 || name.is(Word::Order) { 100 } else { 80 };
    (base - 15 * name.unknown - name.depth).max(0)
}

/// The score for the event type.
pub(super) fn event_type(name: &Name) -> i32 {
    let is_event = name.is(Word::Event) || name.is(Word::Kind);
    if name.foreign
        || !is_event
        || name.is(Word::Id)
        || name.is(Word::Time)
        || name.has(Word::Product)
    {
        return 0;
    }
    let base = match () {
        () if name.is(Word::Event) => 100,
        () if name.is(Word::Title) => 0,
        () => 70,
    };
    (base - 15 * name.unknown - 5 * name.depth).max(0)
}
