//! The printed output, and the contents of the written file.

use super::{
    outcome::Outcome,
    proposal::{Doubt, Leftover, Proposal, Setting, Table},
};

/// The settings as TOML: `[mapping]`, or the table of one topic.
pub(crate) fn toml(settings: &[Setting], topic: Option<&str>) -> String {
    let mut text = String::new();
    for (table, heading) in [
        (Table::Orders, "[orders]".to_owned()),
        (Table::Mapping, topic.map_or_else(|| "[mapping]".to_owned(), own_table)),
    ] {
        let lines: Vec<&Setting> =
            settings.iter().filter(|setting| setting.table == table).collect();
        if lines.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{heading}\n"));
        for setting in lines {
            if !setting.because.is_empty() {
                text.push_str(&format!("# {}\n", setting.because));
            }
            text.push_str(&format!("{}\n", setting.line()));
        }
    }
    text
}

/// The table of a topic's mapping; names with dots are quoted.
fn own_table(topic: &str) -> String {
    let plain = topic.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if plain {
        format!("[topics.{topic}.mapping]")
    } else {
        format!("[topics.\"{topic}\".mapping]")
    }
}

/// A count with its noun, in the plural if needed.
pub(crate) fn count(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// The roles and places, the unmapped fields and the notes.
pub(crate) fn proposal(proposal: &Proposal) -> String {
    let mut text = String::new();
    let width =
        proposal.roles.iter().map(|role| role.place.chars().count()).max().unwrap_or_default();
    for role in &proposal.roles {
        let of = if is_of_item(role.role) { "line" } else { "order" };
        text.push_str(&format!(
            "  {:<14}  {:<width$}  in {} of {}\n",
            role.role,
            role.place,
            role.found,
            count(role.of, of)
        ));
    }
    text.push_str(&leftovers(&proposal.leftovers));
    for note in &proposal.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    text
}

fn is_of_item(role: &str) -> bool {
    matches!(role, "product" | "quantity" | "unit_price" | "amount" | "item_discount")
}

/// The fields that no role reads and that may be relevant.
pub(crate) fn leftovers(leftovers: &[Leftover]) -> String {
    /// The maximum number listed; the rest is counted.
    const MOST: usize = 15;
    if leftovers.is_empty() {
        return String::new();
    }
    let mut text = "not mapped, but may be relevant:\n".to_owned();
    for Leftover { place, found, may_be } in leftovers.iter().take(MOST) {
        text.push_str(&format!("  {place}  {found} times  {may_be}?\n"));
    }
    if leftovers.len() > MOST {
        text.push_str(&format!("  and {}\n", count(leftovers.len() - MOST, "other field")));
    }
    text
}

/// A doubt with its answers and their settings, for non-interactive use.
pub(crate) fn doubt(doubt: &Doubt) -> String {
    let mut text = format!("undecided: {}\n", doubt.question);
    for (at, answer) in doubt.answers.iter().enumerate() {
        let likeliest = if at == doubt.likeliest { " (most likely)" } else { "" };
        let lines = answer.settings.iter().map(Setting::line).collect::<Vec<_>>().join("; ");
        let lines = if lines.is_empty() { "no setting".to_owned() } else { lines };
        text.push_str(&format!("  {}{likeliest}: {lines}\n", answer.text));
    }
    text
}

/// The result of processing records.
pub(crate) fn outcome(outcome: &Outcome) -> String {
    let mut text = format!(
        "{}: {}, {} cancelled, {} ignored, {}\n",
        count(outcome.records, "record"),
        count(outcome.orders, "order"),
        outcome.cancelled,
        outcome.ignored,
        count(outcome.rejected(), "dead letter"),
    );
    if outcome.orders > 0 {
        text.push_str(&format!("  sum of totals: {}\n", outcome.sum));
    }
    if let Some((first, last)) = outcome.days {
        let days = if first == last { first.to_string() } else { format!("{first} to {last}") };
        text.push_str(&format!("  sold: {days}\n"));
    }
    for (reason, (count, place)) in &outcome.dead_letters {
        text.push_str(&format!("  {count} x {reason}: {place}\n"));
    }
    for (kind, orders) in &outcome.unmapped {
        let kind = kind.replace('_', " ");
        text.push_str(&format!(
            "  {}: a {kind} that the mapping does not read\n",
            count(*orders, "order")
        ));
    }
    if outcome.replaced > 0 {
        text.push_str(&format!(
            "  {} repeated with different contents: the later record replaced the earlier one; if \
             each record is one line of an order, use several fields as order_id\n",
            count(outcome.replaced, "order")
        ));
    }
    text
}

/// The most frequent reason and its remedy, if more than half of the records are rejected.
pub(crate) fn trouble(outcome: &Outcome) -> Option<String> {
    let (reason, detail) = outcome.commonest()?;
    let share = match outcome.is_rejected() {
        true => "every record of the sample is a dead letter",
        false if outcome.rejected() * 2 > outcome.records => "most records are dead letters",
        false => return None,
    };
    Some(format!("{share}, most often {reason} ({detail}): {}", reason.remedy()))
}

/// A complete vendas.toml: brokers, schema registry, topics and the mapping of each topic.
pub(crate) fn file(
    brokers: &[String],
    registry: &[String],
    mappings: &[(&str, Vec<Setting>)],
) -> String {
    let list = |names: &mut dyn Iterator<Item = &str>| {
        format!("[{}]", names.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "))
    };
    let mut text = "# Written by `vendas init`. docs/mapping.md explains the mapping; `vendas \
                    check --sample 200` shows its\n# result. vendas.example.toml contains all \
                    other settings.\n\n"
        .to_owned();
    text.push_str(&format!(
        "[kafka]\nbrokers = {}\n",
        list(&mut brokers.iter().map(String::as_str))
    ));
    text.push_str(&format!("topics = {}\n", list(&mut mappings.iter().map(|(topic, _)| *topic))));
    if !registry.is_empty() {
        let urls = list(&mut registry.iter().map(String::as_str));
        text.push_str(&format!("\n[registry]\nurl = {urls}\n"));
    }
    let mut orders: Vec<Setting> = Vec::new();
    for setting in mappings.iter().flat_map(|(_, settings)| settings) {
        let known = orders.iter().any(|known| known.key == setting.key);
        if setting.table == Table::Orders && !known {
            orders.push(setting.clone());
        }
    }
    let mut tables = vec![toml(&orders, None)];
    for (topic, settings) in mappings {
        let own: Vec<Setting> =
            settings.iter().filter(|setting| setting.table == Table::Mapping).cloned().collect();
        tables.push(toml(&own, (mappings.len() > 1).then_some(*topic)));
    }
    for table in tables.iter().filter(|table| !table.is_empty()) {
        text.push_str(&format!("\n{table}"));
    }
    text
}
