//! What is printed, and what is written into a file.

use super::proposal::{Setting, Table};

/// The settings as TOML: `[mapping]`, or the table of one topic's own.
pub(crate) fn toml(settings: &[Setting], topic: Option<&str>) -> String {
    let mut text = String::new();
    for (table, heading) in [
        (Table::Orders, "[orders]".to_owned()),
        (Table::Mapping, topic.map_or_else(|| "[mapping]".to_owned(), own_table)),
    ] {
        let lines: Vec<&Setting> = settings.iter().filter(|setting| setting.table == table).collect();
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

/// A topic's own mapping; names with dots are quoted.
fn own_table(topic: &str) -> String {
    let plain = topic.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if plain { format!("[topics.{topic}.mapping]") } else { format!("[topics.\"{topic}\".mapping]") }
}
