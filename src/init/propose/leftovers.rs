//! Fields that no role reads and that may be relevant.

use super::{
    findings::Findings,
    study::{self, Input, Study},
};
use crate::init::{
    dictionary::{Name, Word},
    path::{Path, Step},
    profile::{Place, Profile},
    proposal::{Leftover, Proposal},
    value::{self, Decimals},
};

/// Adds the unmapped fields to the proposal.
pub(super) fn add(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let mut taken: Vec<String> = proposal.roles.iter().map(|role| role.place.clone()).collect();
    let settings =
        proposal.doubts.iter().flat_map(|doubt| &doubt.answers).flat_map(|answer| &answer.settings);
    taken.extend(settings.chain(&proposal.settings).map(|setting| setting.value.toml()));
    taken.extend(proposal.notes.iter().cloned());
    let study = findings.study;
    let items = findings.items.map(|list| &list.path);
    proposal.leftovers =
        leftovers(&study.profile, &taken.join("\n"), items, &|path| study.is_excluded(path));
}

/// The unmapped fields of the records of `input`: their places do not occur in `taken`, the text of
/// a mapping's places.
pub(crate) fn leftovers_of(input: Input<'_>, taken: &str) -> Vec<Leftover> {
    let documents = study::documents(input.sample);
    let study = Study::of(input, &documents);
    let items = study.items().map(|list| &list.path);
    leftovers(&study.profile, taken, items, &|path| study.is_excluded(path))
}

fn leftovers(
    profile: &Profile<'_>,
    taken: &str,
    items: Option<&Path>,
    excluded: &dyn Fn(&Path) -> bool,
) -> Vec<Leftover> {
    let mut leftovers = Vec::new();
    let mut add = |place: &Place<'_>, shown: String, found: usize| {
        let is_taken = is_named(taken, &place.path.place()) || is_named(taken, &shown);
        let may_be = may_be(&Name::of(&place.path), place);
        if let Some(may_be) = may_be.filter(|_| !is_taken && !excluded(&place.path)) {
            leftovers.push(Leftover { place: shown, found, may_be });
        }
    };
    for place in &profile.places {
        add(place, place.path.place(), place.owners());
    }
    for list in profile.lists.iter().filter(|list| items.is_none_or(|items| *items == list.path)) {
        for place in &list.places {
            let mut path = list.path.then(Step::Each);
            path.0.extend(place.path.0.iter().cloned());
            add(place, path.to_string(), place.owners());
        }
    }
    leftovers
}

/// Whether a text contains a place as a whole.
fn is_named(text: &str, place: &str) -> bool {
    text.match_indices(place).any(|(at, _)| {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | '~' | '$');
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + place.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// What a field may be, if it may change an order's value.
fn may_be(name: &Name, place: &Place<'_>) -> Option<&'static str> {
    let others = [
        Word::Id,
        Word::Time,
        Word::Person,
        Word::Address,
        Word::Payment,
        Word::Property,
        Word::Ratio,
    ];
    let own = |word: Word| name.is(word);
    let number = || {
        place.all(|json| {
            let forms = [Decimals::Point, Decimals::Comma];
            forms.iter().any(|form| value::number(json, *form).is_some())
        })
    };
    let reversal = own(Word::Reversal) && !own(Word::Id) && !own(Word::Person);
    if reversal {
        return Some("a cancellation or a return");
    }
    if name.foreign || name.own.iter().any(|own| own.any(&others)) && !own(Word::Status) {
        return None;
    }
    match () {
        () if own(Word::Status) => Some("a status"),
        () if own(Word::Currency) => Some("a currency"),
        () if own(Word::Test) => Some("a flag of test orders"),
        () if own(Word::Cents) => Some("money in cents"),
        () if own(Word::Discount) && number() => Some("a discount"),
        () if own(Word::Tax) && number() => Some("a tax"),
        () if own(Word::Fee) && number() => Some("a charge"),
        () if own(Word::Shipping) && number() => Some("shipping"),
        () if name
            .own
            .iter()
            .any(|own| own.any(&[Word::Total, Word::Sub, Word::Money, Word::Price]))
            && number() =>
        {
            Some("an amount of money")
        }
        () if own(Word::Quantity) && number() => Some("a quantity"),
        () => None,
    }
}
