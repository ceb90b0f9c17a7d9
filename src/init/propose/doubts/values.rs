//! Doubts about the meaning of values: currencies, decimals, cents, times.

use jiff::{Timestamp, tz::TimeZone};

use crate::init::{
    dictionary::{Name, Word},
    profile::Place,
    proposal::{Answer, Doubt, Proposal, Setting, Table, Value},
    propose::{
        circumstances::{self, Format},
        findings::Findings,
        money::{self, Cents},
        scores,
    },
    times::{self, Look},
    value::Decimals,
};

/// One currency or several.
pub(super) fn currency(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let Some(few) = &findings.currency else { return };
    let at = few.place.path.place();
    if few.values.keys().any(|code| crate::order::Currency::of_code(code).is_none()) {
        let currencies = few.values.keys().copied().collect::<Vec<_>>().join(", ");
        proposal.notes.push(format!(
            "{at} ({currencies}) is not an ISO 4217 code in capitals: it cannot be compared with \
             orders.currency, and all amounts count as one currency"
        ));
        return;
    }
    let one = |currency: &str| {
        let currency = Value::Text(currency.to_owned());
        let because = "orders in another currency become dead letters (other_currency)";
        vec![
            Setting::at("currency", at.clone()).because(because),
            Setting {
                table: Table::Orders,
                key: "currency",
                value: currency,
                because: String::new(),
            },
        ]
    };
    let currencies: Vec<&str> = few.values.keys().copied().collect();
    if let [currency] = currencies.as_slice() {
        proposal.settings.extend(one(currency));
        return;
    }
    let keep = Value::Keep(vec![("currency".to_owned(), at.clone())]);
    let mut answers = vec![Answer::new(
        "accept all, and keep the currency with each order for SQL queries",
        vec![Setting::new("keep", keep)],
    )];
    answers.extend(currencies.iter().take(6).map(|currency| {
        Answer::new(format!("accept only {currency}: others become dead letters"), one(currency))
    }));
    let question = format!(
        "{at} has several currencies ({}), and their sum is meaningless: which should be accepted?",
        currencies.join(", ")
    );
    proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
}

/// The places of money with a role.
fn sums<'p, 'j>(findings: &'p Findings<'_, 'j>) -> Vec<&'p Place<'j>> {
    let worth = &findings.worth;
    let choices = [&worth.unit_price, &worth.amount, &worth.discount, &worth.total];
    choices.iter().flat_map(|choice| choice.places.iter().copied()).collect()
}

/// Decimal commas and base64.
pub(super) fn decimals(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let notation = findings.study.decimals;
    let text = |text: &str| Setting::new("decimal", Value::Text(text.to_owned()));
    let (question, settings, other) = match notation.decimals {
        Decimals::Point => return,
        Decimals::Comma => (
            "some numbers have a decimal comma and some a decimal point: which one is correct?",
            vec![text("comma")],
            "the point: the others become dead letters",
        ),
        Decimals::Base64(scale) => (
            "amounts are in base64 (Kafka Connect's Decimal) without a scale: do they have 2 \
             decimals?",
            vec![text("base64"), Setting::new("base64_scale", Value::Number(scale))],
            "that is not known: such orders become dead letters",
        ),
    };
    if !notation.is_doubtful {
        proposal.settings.extend(settings);
        return;
    }
    let first = if notation.decimals == Decimals::Comma { "the comma" } else { "yes, 2" };
    let answers = vec![Answer::new(first, settings), Answer::new(other, Vec::new())];
    proposal.doubts.push(Doubt { question: question.to_owned(), answers, likeliest: 0 });
}

/// Money in cents.
pub(super) fn cents(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let sums = sums(findings);
    let setting = Setting::new("minor_units", Value::Flag(true));
    let names = sums.iter().map(|place| place.path.place()).collect::<Vec<_>>().join(", ");
    match money::cents(&sums) {
        Cents::No => {}
        Cents::Yes => proposal.settings.push(setting),
        Cents::Perhaps => {
            let question = format!("{names}: all values are whole numbers: are they cents?");
            let answers = vec![
                Answer::new("no: whole units of the currency", Vec::new()),
                Answer::new("yes: 1990 is 19.90", vec![setting]),
            ];
            proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
        }
        Cents::Mixed => proposal.notes.push(format!(
            "{names}: one is named as cents, but not all values are whole numbers; minor_units = \
             true reads all amounts as cents"
        )),
    }
}

/// 32-bit floats, and amounts with too many decimals.
pub(super) fn long_numbers(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let (floats, long) = money::long_numbers(&sums(findings));
    if floats > 0 && long == 0 {
        let because = format!("numbers with the digits of a 32-bit float: {floats}");
        proposal.settings.push(Setting::new("float32", Value::Flag(true)).because(because));
    }
    if long > 0 {
        let question =
            format!("{long} amounts have more than 4 decimals: should they be rounded to cents?");
        let round = Setting::new("round", Value::Text("cents".to_owned()));
        let answers = vec![
            Answer::new("yes, half away from zero", vec![round]),
            Answer::new("no: such orders become dead letters (out_of_range)", Vec::new()),
        ];
        proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
    }
}

/// Negative quantities and totals.
pub(super) fn returns(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let worth = &findings.worth;
    let reading = findings.study.reading();
    let negative = [
        (&worth.quantity, findings.lines.owners.len()),
        (&worth.amount, findings.lines.owners.len()),
        (&worth.total, findings.study.count()),
    ]
    .iter()
    .flat_map(|(choice, count)| choice.column(*count, reading))
    .flatten()
    .filter(|number| number.is_sign_negative() && !number.is_zero())
    .count();
    if negative > 0 {
        let question = format!("{negative} quantities or totals are negative: are they returns?");
        let answers = vec![
            Answer::new(
                "yes: they are subtracted from the totals",
                vec![Setting::new("returns", Value::Flag(true))],
            ),
            Answer::new("no: such orders become dead letters", Vec::new()),
        ];
        proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
    }
}

/// Formats and time zones of times.
pub(super) fn times(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let Some(at) = findings.sold_at.places.first().map(|place| place.path.place()) else {
        without_time(findings, proposal);
        return;
    };
    let format = |format: &str| Setting::new("sold_at_format", Value::Text(format.to_owned()));
    match circumstances::format(&findings.looks) {
        Format::Known => {}
        Format::Certain(pattern) => proposal.settings.push(format(pattern)),
        Format::DayOrMonth { timed } => {
            let pattern = if timed { "%m/%d/%Y %H:%M:%S" } else { "%m/%d/%Y" };
            let question = format!(
                "{at}: the dates in the sample do not distinguish days and months: which comes \
                 first?"
            );
            let answers = vec![
                Answer::new("the day", Vec::new()),
                Answer::new("the month", vec![format(pattern)]),
            ];
            proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
        }
        Format::Mixed => proposal.notes.push(format!(
            "{at}: dates have several formats, and no single sold_at_format matches all of them"
        )),
    }
    clock(findings, proposal, &at);
    let hour = findings.study.profile.places.iter().find(|place| {
        let name = Name::of(&place.path);
        name.is(Word::Time) && place.all(|json| json.as_text().is_some_and(is_hour))
    });
    let days = findings
        .looks
        .iter()
        .all(|look| matches!(look, Look::Day | Look::Slashed { timed: false, .. }));
    if let Some(hour) = hour.filter(|_| days) {
        proposal.notes.push(format!(
            "{at} has only a date, and {} only a time of day: they cannot be combined, and the \
             date counts",
            hour.path.place()
        ));
    }
}

/// Such as 10:11 or 10:11:12.
fn is_hour(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    (2..=3).contains(&parts.len())
        && parts
            .iter()
            .all(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether times without an offset are UTC, judging by the records' timestamps.
fn clock(findings: &Findings<'_, '_>, proposal: &mut Proposal, at: &str) {
    let naive: Vec<_> = (0..findings.study.count())
        .filter_map(|order| match times::look(findings.sold_at.of(order)?)? {
            Look::Naive(time) => Some((order, time)),
            _ => None,
        })
        .collect();
    if naive.is_empty() {
        return;
    }
    let near = |zone: &TimeZone| {
        let near = |(order, time): &&(usize, jiff::civil::DateTime)| {
            let record = findings.study.layout.units.get(*order).map(|unit| unit.record);
            let record = record.and_then(|record| findings.study.input.sample.get(record));
            let sent =
                record.and_then(|(_, record)| Timestamp::from_millisecond(record.timestamp?).ok());
            let stated = time.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
            sent.zip(stated)
                .is_some_and(|(sent, stated)| (sent.as_second() - stated.as_second()).abs() <= 900)
        };
        naive.iter().filter(near).count() * 10 >= naive.len() * 9
    };
    let utc = Setting::new("times_without_zone", Value::Text("UTC".to_owned()));
    match (near(&TimeZone::UTC), near(findings.study.input.shop_timezone)) {
        (true, false) => {
            let because = "the times match the records' timestamps in UTC";
            proposal.settings.push(utc.because(because));
        }
        (false, true) => {}
        _ => {
            let question = format!("{at} has times without an offset: in which time zone?");
            let answers = vec![
                Answer::new("the shop's time zone", Vec::new()),
                Answer::new("UTC", vec![utc]),
            ];
            proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
        }
    }
}

/// No field has a time, but the records may have timestamps.
fn without_time(findings: &Findings<'_, '_>, proposal: &mut Proposal) {
    let timed = findings.study.input.sample.iter().any(|(_, record)| record.timestamp.is_some());
    let has_name =
        findings.study.places().iter().any(|place| scores::sold_at(&Name::of(&place.path)) >= 80);
    if has_name {
        proposal.notes.push(
            "a field seems to be the time of sale, but its values have an unknown format: set \
             sold_at_format"
                .to_owned(),
        );
    }
    if timed {
        let question = "no field has the time of sale: use the record's timestamp?".to_owned();
        let answers = vec![
            Answer::new("no: orders have no time", Vec::new()),
            Answer::new(
                "yes: the time of sale is the record's timestamp",
                vec![Setting::at("sold_at", "timestamp")],
            ),
        ];
        proposal.doubts.push(Doubt { question, answers, likeliest: 0 });
    }
}
