//! Totals for other programs: JSON and CSV with exact numbers, independent of locale.

use std::io;

use csv::{QuoteStyle, WriterBuilder};
use serde::Serialize;

use super::{number::with_cents, text};
use crate::store::{Figures, Totals};

/// Amounts are strings, since most programs read JSON numbers as binary floats.
#[derive(Serialize)]
struct Document<'a> {
    as_of: String,
    products: Vec<Product<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<Sum<'a>>,
    total: Sum<'a>,
}

#[derive(Serialize)]
struct Product<'a> {
    product: &'a str,
    #[serde(flatten)]
    figures: Line<'a>,
}

#[derive(Serialize)]
struct Sum<'a> {
    products: i64,
    #[serde(flatten)]
    figures: Line<'a>,
}

#[derive(Serialize)]
struct Line<'a> {
    quantity: &'a str,
    amount: String,
    share_percent: Option<&'a str>,
}

impl<'a> From<&'a Figures> for Line<'a> {
    fn from(figures: &'a Figures) -> Self {
        Self {
            quantity: &figures.quantity,
            amount: with_cents(&figures.amount),
            share_percent: figures.share.as_deref(),
        }
    }
}

/// One JSON object on one line, without a newline.
///
/// # Errors
/// None that are known of.
pub fn json(totals: &Totals, top: Option<usize>) -> serde_json::Result<String> {
    let (products, others) = totals.folded(top);
    let document = Document {
        as_of: totals.as_of.to_string(),
        products: products
            .iter()
            .map(|total| Product { product: &total.product, figures: (&total.figures).into() })
            .collect(),
        others: others
            .map(|first| Sum { products: first.rest_products, figures: (&first.rest).into() }),
        total: Sum { products: totals.products, figures: (&totals.whole).into() },
    };
    Ok(terminal_safe(&serde_json::to_string(&document)?))
}

/// The same JSON, safe for a terminal: all control characters are escaped. JSON requires this only
/// below U+0020.
pub(crate) fn terminal_safe(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        // Such a character can only be in a string, and all are in the Basic Multilingual Plane.
        if text::controls_terminal(character) && character != '\n' {
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Lines of `product`, then `others` and `total` as the column `line` says, with a header.
///
/// Spreadsheets interpret a cell as a formula if it begins with `=`, `+`, `-`, `@`, a tab or a
/// newline, and a formula in a product's name can be an attack. Such a name is prefixed with `'`,
/// and so is a name that begins with `'`: to get the exact name, remove one `'`, or use JSON. All
/// names are quoted, so that a spreadsheet with semicolons as separators does not split a name.
///
/// # Errors
/// None that are known of.
pub fn csv(totals: &Totals, top: Option<usize>) -> io::Result<Vec<u8>> {
    let (products, others) = totals.folded(top);
    let mut writer = WriterBuilder::new().quote_style(QuoteStyle::NonNumeric).from_writer(vec![]);
    writer.write_record(["product", "quantity", "amount", "share_percent", "line"])?;
    let mut line = |kind: &str, product: &str, figures: &Figures| {
        let share = figures.share.as_deref().unwrap_or_default();
        let amount = with_cents(&figures.amount);
        writer.write_record([product, &figures.quantity, &amount, share, kind])
    };
    for total in products {
        line("product", &without_formula(&total.product), &total.figures)?;
    }
    if let Some(first) = others {
        line("others", "", &first.rest)?;
    }
    line("total", "", &totals.whole)?;
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// The output of [`csv()`] or similar as text; on a terminal, with control characters escaped.
pub(crate) fn csv_text(csv: &[u8], on_terminal: bool) -> String {
    let csv = String::from_utf8_lossy(csv);
    let shown = |line| text::visible(line) + "\n";
    if on_terminal { csv.lines().map(shown).collect() } else { csv.into_owned() }
}

/// An untrusted text as a cell that spreadsheets do not interpret as a formula (see [`csv()`]).
pub(super) fn without_formula(name: &str) -> String {
    // The last four are the full-width forms of the first four, which some spreadsheets treat as
    // equal.
    const BEGINNINGS: [char; 12] =
        ['=', '+', '-', '@', '\t', '\r', '\n', '\'', '＝', '＋', '－', '＠'];
    if name.starts_with(BEGINNINGS) { format!("'{name}") } else { name.to_owned() }
}
