//! Doubts about the identity of orders, and whether they count.

use crate::init::{
    dictionary::{Ending, Name, Word, ending, is_placement},
    json::Json,
    path::{Path, Step},
    profile::Place,
    proposal::{Answer, Doubt, Proposal, Setting, Value},
    propose::{
        circumstances::Few, findings::Findings, identity::Doubtful, lines::Pricing, scores,
        study::Study,
    },
};

/// Doubts about the identity: records that may be lines, a record key of unclear meaning, or an
/// unclear name.
pub(super) fn identity(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let identity = &findings.identity;
    let Some(doubt) = identity.doubt else { return };
    let found = Setting::new("order_id", Value::Places(identity.places.clone()));
    let shown =
        identity.places.iter().map(|fields| fields.join(" and ")).collect::<Vec<_>>().join(", ");
    let (question, other) = match doubt {
        Doubtful::Lines => {
            let first = identity.places.iter().flatten().next().cloned().unwrap_or_default();
            let question = format!(
                "{first} repeats with different products: is each record one line of an order?"
            );
            let replaces = Setting::at("order_id", first);
            let answers = vec![
                Answer::new(format!("yes: {shown} together are the key"), vec![found]),
                Answer::new("no: a later record replaces the earlier one", vec![replaces]),
            ];
            proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
            return;
        }
        Doubtful::Key => (
            "no field identifies an order: does the record's key identify it?".to_owned(),
            "no: each record is a separate order",
        ),
        Doubtful::Name => {
            (format!("does {shown} identify an order?"), "no: each record is a separate order")
        }
    };
    let answers = vec![
        Answer::new(format!("yes: {shown}"), vec![found]),
        Answer::new(other, vec![Setting::at("order_id", "coordinates")]),
    ];
    proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
}

/// Orders that repeat with different contents.
pub(super) fn replaced(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let count = findings.identity.replaced;
    let answers = proposal.doubts.iter().flat_map(|doubt| &doubt.answers);
    let asked = answers.flat_map(|answer| &answer.settings);
    let events = asked.chain(&proposal.settings).any(|setting| setting.key == "only");
    // This is normal for change events and for events of one order.
    if count > 0 && findings.study.change_event.is_none() && !events {
        let places =
            findings.identity.places.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        proposal.notes.push(format!(
            "{places} repeats {count} times with different contents: the later record replaces the \
             earlier one; if each record is one line of an order, use several fields as the key: \
             order_id = [[\"…\", \"…\"]]"
        ));
    }
    if findings.identity.places.iter().flatten().any(|place| place == "coordinates") {
        proposal.notes.push(
            "no field identifies an order: each record counts as a separate order, and a record \
             sent twice counts twice"
                .to_owned(),
        );
    }
}

/// Events of several types that are not all orders.
pub(super) fn kinds(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let Some(kinds) = findings.kinds.as_ref().filter(|_| !findings.study.layout.has_wholes) else {
        return;
    };
    let is_order = |orders: &Vec<usize>| {
        let whole = |order: &&usize| {
            findings.worth.total.of(**order).is_some()
                || findings.lines.list.is_some() && findings.lines.owners.contains(order)
        };
        orders.iter().filter(whole).count() * 2 > orders.len()
    };
    let at = kinds.place.path.to_string();
    let (orders, others): (Vec<_>, Vec<_>) = kinds.values.iter().partition(|(_, of)| is_order(of));
    let mut is: Vec<&str> = orders.iter().map(|(kind, _)| **kind).collect();
    let names_order =
        |of: &Vec<usize>| of.iter().any(|order| findings.identified.of(*order).is_some());
    // A cancellation may contain the complete order.
    let cancels: Vec<&str> = kinds
        .values
        .iter()
        .filter(|(kind, of)| ending(kind) == Some(Ending::Cancelled) && names_order(of))
        .map(|(kind, _)| *kind)
        .collect();
    is.retain(|kind| !cancels.contains(kind));
    if is.is_empty() {
        return;
    }
    // One place may be both the event type and the status; the status has its own question.
    let is_status = |status: &Few<'_, '_>| status.place.path == kinds.place.path;
    if others.is_empty() && findings.status.as_ref().is_some_and(is_status) {
        return;
    }
    if others.is_empty() && cancels.is_empty() {
        proposal.notes.push(format!(
            "{at} has several values ({}), and the records of each are complete orders: all count; \
             to exclude some, set only = {{ at = {at:?}, is = [\"…\"] }}, or status = {at:?} with cancelled = [\"…\"]",
            is.join(", ")
        ));
        return;
    }
    let placed = is.iter().all(|kind| is_placement(kind));
    let ignored: Vec<&str> =
        others.iter().map(|(kind, _)| **kind).filter(|kind| !cancels.contains(kind)).collect();
    is.extend(&cancels);
    let only = Setting::new(
        "only",
        Value::Only { at: at.clone(), is: is.iter().map(|kind| (*kind).to_owned()).collect() },
    )
    .because(format!("records of other types ({}) are ignored", ignored.join(", ")));
    if placed && cancels.is_empty() {
        proposal.settings.push(only);
        return;
    }
    let mut settings = if ignored.is_empty() { Vec::new() } else { vec![only] };
    let mut question =
        format!("{at} has several values: which records contain the current state of an order?");
    if !cancels.is_empty() {
        question = format!(
            "{at} has several values: which are orders, and do these cancel an order: {}?",
            cancels.join(", ")
        );
        settings.push(Setting::at("status", at));
        settings.push(Setting::new("cancelled", Value::texts(&cancels)));
    }
    let (likeliest, all) = if others.is_empty() {
        let orders = is.iter().filter(|kind| !cancels.contains(kind)).copied().collect::<Vec<_>>();
        let text = format!("orders: {}; cancellations: {}", orders.join(", "), cancels.join(", "));
        (text, "all are orders and count")
    } else {
        let text = format!("orders: {}; others are ignored", is.join(", "));
        (text, "all: records that are not valid orders become dead letters")
    };
    let answers = vec![Answer::new(likeliest, settings), Answer::new(all, Vec::new())];
    proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
}

/// Which statuses cancel an order.
pub(super) fn status(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let operation = findings
        .study
        .change_event
        .as_ref()
        .map(|envelope| envelope.then(Step::Name("op".to_owned())).place());
    let is_operation = |path: &Path| operation.as_ref() == Some(&path.place());
    let status = findings.status.as_ref().filter(|status| !is_operation(&status.place.path));
    if let Some(operation) = &operation {
        let because = "a deleted row is an order that does not count";
        proposal.settings.push(Setting::at("status", operation.clone()).because(because));
        proposal.settings.push(Setting::new("cancelled", Value::texts(&["d"])));
    }
    if status.is_none_or(|status| status.endings().is_empty()) {
        flag(findings, proposal);
    }
    let Some(status) = status else { return };
    let at = status.place.path.place();
    let endings = status.endings();
    let values = status.values.keys().copied().collect::<Vec<_>>().join(", ");
    if endings.is_empty() {
        proposal.notes.push(format!(
            "{at} ({values}): none of these values appears to cancel an order; if another one \
             does, set status = {at:?}, cancelled = [\"…\"]"
        ));
        return;
    }
    let places =
        [Some(at.clone()), operation].into_iter().flatten().map(|place| vec![place]).collect();
    let role = Setting::new("status", Value::Places(places));
    let all: Vec<&str> = endings.iter().map(|(value, _)| *value).collect();
    let sure: Vec<&str> = endings
        .iter()
        .filter(|(_, ending)| *ending == Ending::Cancelled)
        .map(|(value, _)| *value)
        .collect();
    let mut answers = Vec::new();
    for values in [&sure, &all] {
        let answer = Answer::new(
            values.join(", "),
            vec![role.clone(), Setting::new("cancelled", Value::texts(values))],
        );
        if !values.is_empty() && !answers.contains(&answer) {
            answers.push(answer);
        }
    }
    answers.push(Answer::new("none of them", Vec::new()));
    let question = format!("{at} ({values}): which values mean that an order does not count?");
    proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
}

/// A flag that excludes an order.
fn flag(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let is_flag = |place: &&&Place<'_>| {
        let name = Name::of(&place.path);
        name.is(Word::Reversal)
            && name.unknown == 0
            && !name.foreign
            && place.all(|json| matches!(json, Json::Bool(_)))
    };
    let places = findings.study.places();
    let Some(at) = places.iter().find(is_flag).map(|place| place.path.place()) else { return };
    let settings =
        vec![Setting::at("status", at.clone()), Setting::new("cancelled", Value::texts(&["true"]))];
    let answers =
        vec![Answer::new("yes", settings), Answer::new("no: it means something else", Vec::new())];
    let question = format!("{at} is true or false: does true mean that an order does not count?");
    proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
}

/// Records without a value.
pub(super) fn tombstones(study: &Study<'_>, proposal: &mut Proposal) {
    let tombstones = &study.documents.tombstones;
    if tombstones.is_empty() {
        return;
    }
    let keyed = tombstones.iter().any(Option::is_some);
    let set = |what: &str| vec![Setting::new("tombstones", Value::Text(what.to_owned()))];
    let question =
        format!("{} records have no value (tombstones): what do they mean?", tombstones.len());
    let answers = vec![
        Answer::new("the order with that key is cancelled", set("cancel")),
        Answer::new("nothing: they are ignored", set("ignore")),
        Answer::new("they are errors: they become dead letters", Vec::new()),
    ];
    // The tombstone of a change event only allows compaction to remove the previous event.
    let likeliest = usize::from(!keyed || study.change_event.is_some());
    proposal.doubts.push(Doubt { question, answers, likeliest });
}

/// Whether money in a line is the unit price or the line total.
pub(super) fn price(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    if !findings.is_price_doubtful() {
        return;
    }
    let Some(path) = findings.worth.unit_price.places.first().map(|place| place.path.place())
    else {
        return;
    };
    let answers = vec![
        Answer::new("the unit price", vec![Setting::at("unit_price", path.clone())]),
        Answer::new("the line total", vec![Setting::at("amount", path.clone())]),
    ];
    let question = format!("is {path} the unit price or the line total?");
    proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
}

/// Lines without a quantity.
pub(super) fn quantity(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    if !findings.worth.lacks_quantity {
        return;
    }
    let setting = Setting::new("default_quantity", Value::Number(1));
    if findings.worth.is_proven() {
        proposal
            .settings
            .push(setting.because("no line has a quantity, and the prices add up to the total"));
        return;
    }
    let answers = vec![
        Answer::new("1", vec![setting]),
        Answer::new("unknown: such orders become dead letters", Vec::new()),
    ];
    let question = "no line has a quantity: how many units is each line?".to_owned();
    proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
}

/// A total that differs from lines plus charges.
pub(super) fn total(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let worth = &findings.worth;
    if worth.total.is_empty() && worth.pricing == Pricing::Unpriced {
        let numbers = "no field contains the order's value: found neither prices nor a total";
        proposal.notes.push(numbers.to_owned());
        let named = findings.study.places().into_iter().find(|place| {
            scores::total(&Name::of(&place.path)) >= 60
                && place.all(|json| json.as_text().is_some())
        });
        if let Some(place) = named {
            proposal.notes.push(format!(
                "{} seems to be the total, but its values are not numbers that vendas can read",
                place.path.place()
            ));
        }
    }
    let Some(total) = worth.total.places.first().map(|place| place.path.place()) else { return };
    if findings.is_total_doubtful() {
        let question = format!(
            "{total} equals lines plus charges in {} of {} orders: is it the total?",
            worth.agreeing, worth.comparable
        );
        let answers = vec![
            Answer::new("no: the total is the sum of lines and charges", Vec::new()),
            Answer::new(
                "yes: orders where it differs become dead letters",
                vec![Setting::at("total", total)],
            ),
        ];
        proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
    } else if worth.agreeing < worth.comparable {
        proposal.notes.push(format!(
            "{total} equals lines plus charges in {} of {} orders; the others become dead letters \
             (total_mismatch) unless a missing charge is mapped",
            worth.agreeing, worth.comparable
        ));
    }
    let is_list_of_names = |json: &Json| matches!(json, Json::List(names) if names.iter().all(|name| name.as_text().is_some()));
    for place in &findings.study.profile.places {
        if findings.items.is_none() && place.all(is_list_of_names) {
            proposal.notes.push(format!(
                "{} is a list of texts without amounts: only the total counts, not the products",
                place.path.place()
            ));
        }
    }
}
