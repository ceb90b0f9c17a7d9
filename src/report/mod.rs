//! Formats totals, sales and dead letters for users and for other programs.
//!
//! [`table()`] is for users, [`json`] and [`csv()`] are for other programs. [`Screen`] redraws a
//! table on a terminal. Dead letters have the same formats.
//!
//! - **Invariant:** nothing is computed here; all figures are from PostgreSQL. Only tables round
//!   money, to the decimals of its currency.
//! - **Invariant:** no character of a name controls the terminal.

mod dead_letters;
mod machine;
mod number;
mod period;
mod sales;
mod screen;
mod table;
mod text;

pub(crate) use dead_letters::{
    counts_csv, counts_json, counts_table, dead_letters_csv, dead_letters_json, dead_letters_table,
    shown, state,
};
pub use machine::{csv, json};
pub(crate) use machine::{csv_text, terminal_safe};
pub use number::{Locale, Style};
pub use period::{Moment, last, moment, period};
pub use sales::SalesReport;
pub use screen::Screen;
pub(crate) use screen::size;
pub(crate) use table::local;
pub use table::{Room, heading, table};
pub(crate) use text::visible;

use crate::store::{ProductTotal, Totals};

impl Totals {
    /// The first `count` products, and the first of the others, which has the sum of all others.
    fn folded(&self, count: Option<usize>) -> (&[ProductTotal], Option<&ProductTotal>) {
        let count = count.unwrap_or(usize::MAX);
        (self.top.get(..count).unwrap_or(&self.top), self.top.get(count))
    }
}
