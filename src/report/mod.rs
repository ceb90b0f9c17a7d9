//! The totals as people and programs read them.
//!
//! [`table()`] is for people, [`json`] and [`csv()`] are for programs, [`Screen`] is the terminal on
//! which a table is drawn again and again.
//!
//! - **Invariant:** nothing is computed here; what a line says, PostgreSQL has added up.
//! - **Invariant:** no character of a name acts on a terminal.

mod machine;
mod number;
mod screen;
mod table;
mod text;

pub(crate) use machine::tame;
pub use machine::{csv, json};
pub use number::Locale;
pub use screen::Screen;
pub(crate) use screen::size;
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
