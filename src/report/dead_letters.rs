//! Dead letters as tables, JSON and CSV, and the bytes of a record as text or in hexadecimal.

use std::{fmt::Write as _, io};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets::NOTHING};
use csv::{QuoteStyle, WriterBuilder};
use serde::Serialize;

use super::{
    machine::{terminal_safe, without_formula},
    table::local,
    text::visible,
};
use crate::store::{DeadLetter, DeadLetterState, ReasonCount};

/// The maximum number of bytes of a record that are shown.
const MOST_BYTES: usize = 16 * 1024;

const BYTES_IN_A_LINE: usize = 16;

#[derive(Serialize)]
struct Line<'a> {
    id: i64,
    topic: &'a str,
    partition: i32,
    offset: i64,
    failed_at: String,
    reason: &'a str,
    detail: &'a str,
    replayed_at: Option<String>,
    order_id: Option<&'a str>,
    numbered: Option<bool>,
    discarded_at: Option<String>,
    discarded_because: Option<&'a str>,
}

impl<'a> From<&'a DeadLetter> for Line<'a> {
    fn from(letter: &'a DeadLetter) -> Self {
        let mut line = Self {
            id: letter.id,
            topic: &letter.topic,
            partition: letter.partition,
            offset: letter.offset,
            failed_at: letter.failed_at.to_string(),
            reason: &letter.reason,
            detail: &letter.detail,
            replayed_at: None,
            order_id: None,
            numbered: None,
            discarded_at: None,
            discarded_because: None,
        };
        match &letter.state {
            DeadLetterState::Open => {}
            DeadLetterState::Replayed { at, order_id, numbered } => {
                line.replayed_at = Some(at.to_string());
                line.order_id = order_id.as_deref();
                line.numbered = order_id.as_ref().map(|_| *numbered);
            }
            DeadLetterState::Discarded { at, because } => {
                line.discarded_at = Some(at.to_string());
                line.discarded_because = Some(because);
            }
        }
        line
    }
}

#[derive(Serialize)]
struct Count<'a> {
    reason: &'a str,
    letters: i64,
    first_failed_at: String,
    last_failed_at: String,
}

impl<'a> From<&'a ReasonCount> for Count<'a> {
    fn from(count: &'a ReasonCount) -> Self {
        Self {
            reason: &count.reason,
            letters: count.letters,
            first_failed_at: count.first_failed_at.to_string(),
            last_failed_at: count.last_failed_at.to_string(),
        }
    }
}

/// A line for each dead letter, with its status if `settled_too`, fitted into `columns` if there is a
/// limit.
pub(crate) fn dead_letters_table(
    letters: &[DeadLetter],
    settled_too: bool,
    columns: Option<u16>,
) -> String {
    let mut table = Table::new();
    let mut header = vec!["id", "topic", "partition", "offset", "failed at", "reason", "detail"];
    header.extend(settled_too.then_some("status"));
    table.load_style(NOTHING).set_header(header);
    for letter in letters {
        let mut row = vec![
            letter.id.to_string(),
            visible(&letter.topic),
            letter.partition.to_string(),
            letter.offset.to_string(),
            local(letter.failed_at),
            visible(&letter.reason),
            visible(&letter.detail),
        ];
        row.extend(settled_too.then(|| state(&letter.state)));
        table.add_row(row);
    }
    for index in [0, 2, 3] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    drawn(table, columns)
}

/// A line for each reason.
pub(crate) fn counts_table(counts: &[ReasonCount], columns: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "reason",
        "dead letters",
        "first failed at",
        "last failed at",
    ]);
    for count in counts {
        table.add_row([
            visible(&count.reason),
            count.letters.to_string(),
            local(count.first_failed_at),
            local(count.last_failed_at),
        ]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    drawn(table, columns)
}

fn drawn(mut table: Table, columns: Option<u16>) -> String {
    if let Some(columns) = columns {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The status of a dead letter, in words.
pub(crate) fn state(state: &DeadLetterState) -> String {
    match state {
        DeadLetterState::Open => "open".to_owned(),
        DeadLetterState::Replayed { at, order_id: Some(order_id), numbered } => {
            let what = if *numbered { "order number" } else { "order id" };
            format!("replayed at {} as {what} {}", local(*at), visible(order_id))
        }
        DeadLetterState::Replayed { at, order_id: None, .. } => {
            format!("replayed at {} as several orders", local(*at))
        }
        DeadLetterState::Discarded { at, because } => {
            format!("discarded at {} because: {}", local(*at), visible(because))
        }
    }
}

/// A JSON array of objects.
///
/// # Errors
/// None are known.
pub(crate) fn dead_letters_json(letters: &[DeadLetter]) -> serde_json::Result<String> {
    let letters: Vec<_> = letters.iter().map(Line::from).collect();
    Ok(terminal_safe(&serde_json::to_string_pretty(&letters)?) + "\n")
}

/// A JSON array of objects.
///
/// # Errors
/// None are known.
pub(crate) fn counts_json(counts: &[ReasonCount]) -> serde_json::Result<String> {
    let counts: Vec<_> = counts.iter().map(Count::from).collect();
    Ok(terminal_safe(&serde_json::to_string_pretty(&counts)?) + "\n")
}

/// A line for each dead letter, with a header. Untrusted texts are escaped for spreadsheets, as
/// names of products are.
///
/// # Errors
/// None are known.
pub(crate) fn dead_letters_csv(letters: &[DeadLetter]) -> io::Result<Vec<u8>> {
    let mut writer = WriterBuilder::new().quote_style(QuoteStyle::NonNumeric).from_writer(vec![]);
    writer.write_record([
        "id",
        "topic",
        "partition",
        "offset",
        "failed_at",
        "reason",
        "detail",
        "replayed_at",
        "order_id",
        "numbered",
        "discarded_at",
        "discarded_because",
    ])?;
    for letter in letters {
        let line = Line::from(letter);
        writer.write_record([
            line.id.to_string(),
            line.topic.to_owned(),
            line.partition.to_string(),
            line.offset.to_string(),
            line.failed_at,
            line.reason.to_owned(),
            without_formula(line.detail),
            line.replayed_at.unwrap_or_default(),
            line.order_id.map(without_formula).unwrap_or_default(),
            line.numbered.map(|numbered| numbered.to_string()).unwrap_or_default(),
            line.discarded_at.unwrap_or_default(),
            line.discarded_because.map(without_formula).unwrap_or_default(),
        ])?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// A line for each reason, with a header.
///
/// # Errors
/// None are known.
pub(crate) fn counts_csv(counts: &[ReasonCount]) -> io::Result<Vec<u8>> {
    let mut writer = WriterBuilder::new().quote_style(QuoteStyle::NonNumeric).from_writer(vec![]);
    writer.write_record(["reason", "letters", "first_failed_at", "last_failed_at"])?;
    for count in counts {
        let line = Count::from(count);
        let letters = line.letters.to_string();
        writer.write_record([
            line.reason,
            &letters,
            &line.first_failed_at,
            &line.last_failed_at,
        ])?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// The beginning of these bytes, escaped for the terminal and indented, so that their lines cannot be
/// mistaken for output of vendas: as text if they are UTF-8, else in hexadecimal. The first line has
/// their number and form.
pub(crate) fn shown(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "none\n".to_owned() };
    let (form, lines) = match std::str::from_utf8(bytes) {
        Ok(text) => ("text", text_lines(text)),
        Err(_) => ("not UTF-8", hex_lines(bytes)),
    };
    let mut shown = format!("{} bytes, {form}\n{lines}", bytes.len());
    if bytes.len() > MOST_BYTES {
        // Writing to a String cannot fail.
        let _written = writeln!(shown, "  … only the first {MOST_BYTES} bytes are shown").is_ok();
    }
    shown
}

fn text_lines(text: &str) -> String {
    let mut end = text.len().min(MOST_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or_default();
    text.split_terminator('\n').map(|line| format!("  {}\n", visible(line))).collect()
}

fn hex_lines(bytes: &[u8]) -> String {
    let mut lines = String::new();
    let bytes = bytes.get(..MOST_BYTES).unwrap_or(bytes);
    for (index, line) in bytes.chunks(BYTES_IN_A_LINE).enumerate() {
        let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let readable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        let ascii: String =
            line.iter().map(|byte| if readable(byte) { char::from(*byte) } else { '.' }).collect();
        let width = BYTES_IN_A_LINE * 3;
        let start = index * BYTES_IN_A_LINE;
        // Writing to a String cannot fail.
        let _written = writeln!(lines, "  {start:08x}  {:width$} |{ascii}|", hex.join(" ")).is_ok();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{MOST_BYTES, shown};

    #[test]
    fn bytes_are_shown_as_text_or_in_hexadecimal_and_only_the_beginning() {
        assert_eq!(shown(None), "none\n");
        assert_eq!(shown(Some(b"")), "0 bytes, text\n");
        assert_eq!(shown(Some(b"a\n\x1b[0m\n")), "7 bytes, text\n  a\n  \\u{1b}[0m\n");
        let hex = shown(Some(b"a\xff 0123456789abcdef"));
        let expected = "19 bytes, not UTF-8\n  \
            00000000  61 ff 20 30 31 32 33 34 35 36 37 38 39 61 62 63  |a. 0123456789abc|\n  \
            00000010  64 65 66                                         |def|\n";
        assert_eq!(hex, expected);
        let long = "é".repeat(MOST_BYTES);
        assert_eq!(
            shown(Some(long.as_bytes())).chars().filter(|c| *c == 'é').count(),
            MOST_BYTES / 2
        );
        let long = vec![0xff; MOST_BYTES + 1];
        assert_eq!(shown(Some(&long)).lines().count(), 1 + MOST_BYTES / 16 + 1);
    }
}
