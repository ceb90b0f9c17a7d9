//! Sales of a period, by product or by time.

mod machine;

use jiff::{Span, civil::DateTime};

use super::{
    number::Style,
    table::{Room, fitted, local},
    text::visible,
};
use crate::store::{Sales, SalesBy, SalesFigure, SalesLine, SalesQuestion, Unit};

/// Shown if there is no figure, such as an average of no orders or a change from 0.
const NONE: &str = "–";

/// Sales, with the settings of their format.
#[derive(Clone, Copy, Debug)]
pub struct SalesReport<'a> {
    /// The query.
    pub question: &'a SalesQuestion,
    /// The result.
    pub sales: &'a Sales,
    /// The number format of tables, with the currency of all amounts.
    pub style: Style,
    /// The time zone of the shop's clock.
    pub time_zone: &'a str,
    /// The maximum number of products; the others are summed up in one line.
    pub top: Option<usize>,
}

/// A column of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Orders,
    Quantity,
    Amount,
    Total,
    Charges,
    Average,
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Quantity => "quantity",
            Self::Amount => "amount",
            Self::Total => "total",
            Self::Charges => "charges",
            Self::Average => "average",
        }
    }
}

impl SalesReport<'_> {
    /// The query, the period and the time of the report, and the period that it is compared with.
    #[must_use]
    pub fn heading(&self) -> Vec<String> {
        let Sales { since, until, since_before, until_before, as_of, .. } = *self.sales;
        let product = self.question.product.as_deref();
        let mut heading = vec![format!(
            "Sales {}by {}, {} ({}), amounts in {}, as of {}",
            product.map(|product| format!("of {} ", visible(product))).unwrap_or_default(),
            self.subject(),
            self.period(since, until),
            self.time_zone,
            self.style.currency.code(),
            local(as_of),
        )];
        if since_before.is_some() {
            heading.push(format!("compared with {}", self.period(since_before, until_before)));
        }
        heading
    }

    /// Header, a line for each product or time, and the total; or a sentence if there are no sales.
    #[must_use]
    pub fn table(&self, room: Room) -> Vec<String> {
        if self.sales.lines.is_empty() {
            return vec!["No sales in this period.".to_owned()];
        }
        let lines = match (&self.question.by, &self.question.product) {
            (SalesBy::Product | SalesBy::Kept(_), None) => {
                usize::try_from(self.sales.total.products).unwrap_or(usize::MAX)
            }
            _ => self.sales.lines.len(),
        };
        fitted(|shown| self.rows(shown), lines, self.top, room)
    }

    /// The number of orders that are not included.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let (count, orders) = match self.sales.unknown_orders {
            0 => return None,
            1 => (1, "order is"),
            count => (count, "orders are"),
        };
        Some(format!("{count} {orders} not included, as the time of the sale is unknown."))
    }

    /// The subject of a line, for programs.
    const fn by(&self) -> &'static str {
        match self.question.by {
            SalesBy::Product => "product",
            SalesBy::Kept(_) => "value",
            SalesBy::Time(unit) => unit.name(),
        }
    }

    /// The subject of a line, in words.
    fn subject(&self) -> String {
        match &self.question.by {
            SalesBy::Kept(field) => visible(field),
            _ => self.by().to_owned(),
        }
    }

    /// The figures of a line, in the order of [`SalesLine::figures`].
    const fn columns(&self) -> &'static [Column] {
        use Column::{Amount, Average, Charges, Orders, Quantity, Total};
        match (&self.question.by, &self.question.product) {
            (SalesBy::Product, _) | (_, Some(_)) => &[Orders, Quantity, Amount],
            _ => &[Orders, Total, Charges, Average],
        }
    }

    const fn has_shares(&self) -> bool {
        matches!(self.question.by, SalesBy::Product | SalesBy::Kept(_))
    }

    /// The name of a line in a table.
    fn name(&self, line: &SalesLine) -> String {
        match (&line.name, &self.question.by) {
            (None, _) => "(none)".to_owned(),
            (Some(time), SalesBy::Time(_)) => time.replace('T', " "),
            (Some(name), _) => visible(name),
        }
    }

    /// The first `shown` products and the sum of the others, or the latest `shown` times.
    fn shown(&self, shown: Option<usize>) -> (&[SalesLine], Option<&SalesLine>) {
        let Sales { lines, rests, .. } = self.sales;
        let count = shown.unwrap_or(usize::MAX);
        match (&self.question.by, &self.question.product) {
            (SalesBy::Product | SalesBy::Kept(_), None) => {
                (lines.get(..count).unwrap_or(lines), rests.get(count))
            }
            (SalesBy::Product, Some(_)) => (lines, None),
            _ => (lines.get(lines.len().saturating_sub(count)..).unwrap_or(lines), None),
        }
    }

    fn rows(&self, shown: Option<usize>) -> Vec<Vec<String>> {
        let (lines, others) = self.shown(shown);
        let mut rows = vec![self.header()];
        let earlier = self.sales.lines.len() - lines.len();
        if earlier > 0 && !self.has_shares() {
            rows.push(vec![format!("earlier ({earlier})")]);
        }
        for line in lines {
            rows.push(self.row(self.name(line), line));
        }
        if let Some(others) = others {
            rows.push(self.row(format!("others ({})", others.products), others));
        }
        let total = &self.sales.total;
        let products = if self.has_shares() { total.products } else { 0 };
        let name = if products > 0 { format!("total ({products})") } else { "total".to_owned() };
        rows.push(self.row(name, total));
        rows
    }

    fn header(&self) -> Vec<String> {
        let mut header = vec![self.subject()];
        for column in self.columns() {
            header.push(column.name().to_owned());
            if self.question.compare {
                header.extend(["before", "change"].map(str::to_owned));
            }
        }
        header.extend(self.has_shares().then(|| "share".to_owned()));
        header
    }

    fn row(&self, name: String, line: &SalesLine) -> Vec<String> {
        let mut row = vec![name];
        for (column, figure) in self.columns().iter().zip(&line.figures) {
            let SalesFigure { value, before, change } = figure;
            if *column == Column::Orders && value.is_none() {
                // Sums by product have no such figure.
                row.extend(vec![String::new(); if self.question.compare { 3 } else { 1 }]);
                continue;
            }
            row.push(self.written(*column, value.as_deref()));
            if self.question.compare {
                row.push(self.written(*column, before.as_deref()));
                row.push(self.change(change.as_deref()));
            }
        }
        row.extend(self.has_shares().then(|| self.style.locale.share(line.share.as_deref())));
        row
    }

    fn written(&self, column: Column, value: Option<&str>) -> String {
        let Some(value) = value else { return NONE.to_owned() };
        match column {
            Column::Orders | Column::Quantity => self.style.locale.quantity(value),
            _ => self.style.money(value),
        }
    }

    fn change(&self, percent: Option<&str>) -> String {
        let Some(percent) = percent else { return NONE.to_owned() };
        let is_more =
            percent.contains(|digit| ('1'..='9').contains(&digit)) && !percent.starts_with('-');
        let sign = if is_more { "+" } else { "" };
        format!("{sign}{}", self.style.locale.share(Some(percent)))
    }

    /// From the first to the last day, or hour, in words.
    fn period(&self, since: Option<DateTime>, until: Option<DateTime>) -> String {
        match (since.map(|time| self.moment(time)), self.last_moment(until)) {
            (None, None) => "since the beginning".to_owned(),
            (Some(first), None) => format!("since {first}"),
            (None, Some(last)) => format!("up to {last}"),
            (Some(first), Some(last)) if first == last => first,
            (Some(first), Some(last)) => format!("{first} to {last}"),
        }
    }

    /// The day, or the hour, in which `until` is reached.
    fn last_moment(&self, until: Option<DateTime>) -> Option<String> {
        // All bounds are whole hours.
        until?.checked_sub(Span::new().hours(1)).ok().map(|last| self.moment(last))
    }

    fn moment(&self, time: DateTime) -> String {
        match self.question.by {
            SalesBy::Time(Unit::Hour) => time.strftime("%Y-%m-%dT%H:%M").to_string(),
            _ => time.date().to_string(),
        }
    }
}
