//! Sales for other programs: JSON and CSV with exact numbers, independent of locale.

use std::io;

use csv::{QuoteStyle, WriterBuilder};
use serde_json::{Value, json};

use super::{
    super::{
        machine::{terminal_safe, without_formula},
        number::{rounded, with_cents},
    },
    Column, SalesReport,
};
use crate::store::{SalesBy, SalesFigure, SalesLine};

impl SalesReport<'_> {
    /// One JSON object on one line, without a newline. Amounts and quantities are strings; only the
    /// average is rounded.
    #[must_use]
    pub fn json(&self) -> String {
        let (lines, others) = self.shown(self.top);
        let mut document = json!({
            "as_of": self.sales.as_of.to_string(),
            "by": self.by(),
            "currency": self.style.currency.code(),
            "time_zone": self.time_zone,
            "from": self.sales.since.map(|time| self.moment(time)),
            "to": self.last_moment(self.sales.until),
            "total": self.sum(&self.sales.total),
            "unknown_time_orders": self.sales.unknown_orders,
        });
        document[format!("{}s", self.by())] = lines.iter().map(|line| self.line(line)).collect();
        if let Some(others) = others {
            document["others"] = self.sum(others);
        }
        if let Some(product) = &self.question.product {
            document["product"] = json!(product);
        }
        if let SalesBy::Kept(field) = &self.question.by {
            document["by"] = json!(field);
        }
        if self.sales.since_before.is_some() {
            document["before"] = json!({
                "from": self.sales.since_before.map(|time| self.moment(time)),
                "to": self.last_moment(self.sales.until_before),
            });
        }
        terminal_safe(&document.to_string())
    }

    fn line(&self, line: &SalesLine) -> Value {
        let mut object = self.figures(line);
        object[self.by()] = json!(line.name);
        object
    }

    fn sum(&self, line: &SalesLine) -> Value {
        let mut object = self.figures(line);
        if self.has_shares() {
            object[format!("{}s", self.by())] = json!(line.products);
        }
        object
    }

    fn figures(&self, line: &SalesLine) -> Value {
        let mut object = json!({});
        for (column, SalesFigure { value, before, change }) in
            self.columns().iter().zip(&line.figures)
        {
            object[column.name()] = self.json_of(*column, value.as_deref());
            if self.question.compare {
                object["before"][column.name()] = self.json_of(*column, before.as_deref());
                object["change_percent"][column.name()] = json!(change);
            }
        }
        if self.has_shares() {
            object["share_percent"] = json!(line.share);
        }
        object
    }

    fn json_of(&self, column: Column, value: Option<&str>) -> Value {
        let orders = value.filter(|_| column == Column::Orders);
        match orders.and_then(|orders| orders.parse::<i64>().ok()) {
            Some(orders) => orders.into(),
            None => json!(value.map(|value| self.exact(column, value))),
        }
    }

    fn exact(&self, column: Column, value: &str) -> String {
        match column {
            Column::Orders | Column::Quantity => value.to_owned(),
            Column::Average => {
                let decimals = usize::try_from(self.style.currency.decimals()).unwrap_or(0);
                rounded(value, decimals)
            }
            Column::Amount | Column::Total | Column::Charges => with_cents(value),
        }
    }

    /// A header, a line for each product or time, then `others` and `total`, as named in the column
    /// `line`. `unknown_time` is the number of orders that are not included. Names are escaped for
    /// spreadsheets as in [`csv()`](super::super::csv()).
    ///
    /// # Errors
    /// None are known.
    pub fn csv(&self) -> io::Result<Vec<u8>> {
        let (lines, others) = self.shown(self.top);
        let mut writer =
            WriterBuilder::new().quote_style(QuoteStyle::NonNumeric).from_writer(vec![]);
        let mut header = vec![self.by().to_owned()];
        for column in self.columns() {
            header.push(column.name().to_owned());
            if self.question.compare {
                header.push(format!("{}_before", column.name()));
                header.push(format!("{}_change_percent", column.name()));
            }
        }
        header.extend(self.has_shares().then(|| "share_percent".to_owned()));
        header.push("line".to_owned());
        writer.write_record(&header)?;
        for line in lines {
            writer.write_record(self.cells(
                without_formula(line.name.as_deref().unwrap_or_default()),
                line,
                self.by(),
            ))?;
        }
        if let Some(others) = others {
            writer.write_record(self.cells(String::new(), others, "others"))?;
        }
        writer.write_record(self.cells(String::new(), &self.sales.total, "total"))?;
        if self.sales.unknown_orders > 0 {
            let orders = self.sales.unknown_orders.to_string();
            let mut cells = vec![String::new(), orders];
            cells.resize(header.len() - 1, String::new());
            cells.push("unknown_time".to_owned());
            writer.write_record(&cells)?;
        }
        writer.into_inner().map_err(csv::IntoInnerError::into_error)
    }

    fn cells(&self, name: String, line: &SalesLine, kind: &str) -> Vec<String> {
        let mut cells = vec![name];
        for (column, SalesFigure { value, before, change }) in
            self.columns().iter().zip(&line.figures)
        {
            let exact = |value: &Option<String>| {
                value.as_ref().map(|value| self.exact(*column, value)).unwrap_or_default()
            };
            cells.push(exact(value));
            if self.question.compare {
                cells.push(exact(before));
                cells.push(change.clone().unwrap_or_default());
            }
        }
        cells.extend(self.has_shares().then(|| line.share.clone().unwrap_or_default()));
        cells.push(kind.to_owned());
        cells
    }
}
