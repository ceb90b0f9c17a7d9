//! Totals and dead letters as people and programs read them.
//!
//! [`table()`] is for people, [`json`] and [`csv()`] are for programs, [`Screen`] is the terminal on
//! which a table is drawn again and again. Dead letters are shown in the same forms.
//!
//! - **Invariant:** nothing is added up here; what a line says, PostgreSQL has computed. Only for people
//!   money is rounded, to the decimals of its currency.
//! - **Invariant:** no character of a name acts on a terminal.

mod letters;
mod machine;
mod number;
mod period;
mod sales;
mod screen;
mod table;
mod text;

pub(crate) use letters::{
    counts_csv, counts_json, counts_table, letters_csv, letters_json, letters_table, shown, state,
};
pub use machine::{csv, json};
pub(crate) use machine::{csv_text, tame};
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
    /// The first `count` products, and with the first of those left out what they all come to.
    fn folded(&self, count: Option<usize>) -> (&[ProductTotal], Option<&ProductTotal>) {
        let count = count.unwrap_or(usize::MAX);
        (self.top.get(..count).unwrap_or(&self.top), self.top.get(count))
    }
}
