//! Totals as a table.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets::NOTHING};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    number::Style,
    text::{cut, visible, width},
};
use crate::store::{Figures, Totals};

/// The minimum width of a truncated name, in cells.
const NARROWEST_NAME: usize = 8;

/// The header and the total.
const HEADER_AND_TOTAL: usize = 2;

/// The space for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Unlimited.
    Enough,
    /// This many columns and any number of lines: long names are wrapped.
    Columns(u16),
    /// This many columns and lines: names are truncated, and further products are summed up as
    /// others.
    Window {
        /// The width in cells.
        columns: usize,
        /// The number of lines.
        lines: usize,
    },
}

/// The heading, with the time in the local time zone.
#[must_use]
pub fn heading(totals: &Totals) -> String {
    format!("product totals as of {}", local(totals.as_of))
}

/// A time in the local time zone.
pub(crate) fn local(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// Header, products, the others if there are more than `top` or than there is space for, total.
#[must_use]
pub fn table(totals: &Totals, top: Option<usize>, style: Style, room: Room) -> Vec<String> {
    let products = usize::try_from(totals.products).unwrap_or(usize::MAX);
    fitted(|shown| rows(totals, shown, style), products, top, room)
}

/// A table that fits into `room`: `rows` returns the header, so many lines, one for the others if
/// these are not all of `lines`, and the total.
pub(super) fn fitted(
    rows: impl Fn(Option<usize>) -> Vec<Vec<String>>,
    lines: usize,
    top: Option<usize>,
    room: Room,
) -> Vec<String> {
    match room {
        Room::Enough => draw(&rows(top), None),
        Room::Columns(columns) => draw(&rows(top), Some(columns)),
        Room::Window { columns, lines: height } => {
            let free = height.saturating_sub(HEADER_AND_TOTAL);
            let top = top.unwrap_or(usize::MAX);
            let shown = if lines <= top.min(free) {
                lines
            } else {
                // One line is for the others.
                top.min(free.saturating_sub(1))
            };
            let mut rows = rows(Some(shown));
            if rows.len() > height {
                // There is no line for the others: show only the total.
                let total = rows.pop();
                rows.truncate(height.saturating_sub(1));
                rows.extend(total);
            }
            let drawn = draw(&rows, None);
            let drawn = match excess(&drawn, columns) {
                0 => drawn,
                excess => {
                    let names = rows.iter_mut().filter_map(|row| row.first_mut());
                    let names: Vec<_> = names.collect();
                    let widest = names.iter().map(|name| width(name)).max().unwrap_or(0);
                    let cells = widest.saturating_sub(excess).max(NARROWEST_NAME);
                    for name in names {
                        *name = cut(name, cells);
                    }
                    draw(&rows, None)
                }
            };
            drawn.iter().take(height).map(|line| cut(line, columns)).collect()
        }
    }
}

fn excess(drawn: &[String], columns: usize) -> usize {
    drawn.iter().map(|line| width(line)).max().unwrap_or(0).saturating_sub(columns)
}

fn rows(totals: &Totals, top: Option<usize>, style: Style) -> Vec<Vec<String>> {
    let row = |name: String, figures: &Figures| {
        vec![
            name,
            style.locale.quantity(&figures.quantity),
            style.money(&figures.amount),
            style.locale.share(figures.share.as_deref()),
        ]
    };
    let (products, others) = totals.folded(top);
    let mut rows = vec![["product", "quantity", "amount", "share"].map(str::to_owned).to_vec()];
    for total in products {
        rows.push(row(visible(&total.product), &total.figures));
    }
    if let Some(first) = others {
        rows.push(row(format!("others ({})", first.rest_products), &first.rest));
    }
    rows.push(row(format!("total ({})", totals.products), &totals.whole));
    rows
}

fn draw(rows: &[Vec<String>], columns: Option<u16>) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(NOTHING).add_rows(rows);
    if let Some(columns) = columns {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}
