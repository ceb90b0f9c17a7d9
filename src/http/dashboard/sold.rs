//! The sales of a period for the page.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use jiff::{Timestamp, civil::DateTime};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{event::event, window::Window};
use crate::{
    order::Currency,
    report::{self, Locale, SalesReport, Style},
    store::{Sales, SalesBy, SalesQuestion, Store, StoreError, Totals, Unit},
};

/// The number of products shown by name; the others are summed up.
const TOP: u8 = 10;

/// The maximum number of months in a chart by day.
const MONTHS_BY_DAY: usize = 3;

/// The number of versions so far, of all periods.
static VERSIONS: AtomicU64 = AtomicU64::new(0);

/// The result of the queries.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    times: (SalesQuestion, Sales),
    products: Products,
    /// Whether there are any orders at all, which distinguishes an empty period from a new shop.
    begun: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Products {
    /// All sales.
    Totals(Totals),
    Sales(SalesQuestion, Box<Sales>),
}

/// A result prepared for the page.
#[derive(Debug)]
pub(super) struct Sold {
    /// The result without times, to detect changes.
    answer: Answer,
    /// When it was last read, by PostgreSQL's clock.
    pub(super) as_of: Timestamp,
    /// Incremented at each change.
    pub(super) version: u64,
    /// The event `sales`.
    pub(super) event: Bytes,
}

/// The event's data. Its parts are the same as in `vendas report --format json`.
#[derive(Serialize)]
struct Document<'a> {
    period: &'a str,
    currency: &'a str,
    decimals: u32,
    /// The unit of `times`.
    unit: &'a str,
    /// The period and the previous period by the shop's clock, as `2026-11-22T14:00`, with
    /// exclusive ends.
    since: Option<String>,
    until: Option<String>,
    since_before: Option<String>,
    until_before: Option<String>,
    times: Box<RawValue>,
    products: Box<RawValue>,
    begun: bool,
}

/// Queries all figures of a period.
///
/// # Errors
/// As [`Store::totals`].
pub(super) async fn ask(
    store: &Store,
    window: Window,
    currency: Currency,
) -> Result<Answer, StoreError> {
    let question = SalesQuestion {
        by: SalesBy::Time(window.unit()),
        period: window.period(),
        compare: window.is_compared(),
        product: None,
        limit: None,
        decimals: currency.decimals(),
    };
    let mut times = (question.clone(), store.sales(&question).await?);
    if window == Window::All && is_short(&times.1) {
        let question = SalesQuestion { by: SalesBy::Time(Unit::Day), ..question.clone() };
        times = (question.clone(), store.sales(&question).await?);
    }
    let limit = Some(i64::from(TOP) + 1);
    let products = if window == Window::All {
        Products::Totals(store.totals(limit).await?)
    } else {
        let question = SalesQuestion { by: SalesBy::Product, limit, ..question };
        let sales = Box::new(store.sales(&question).await?);
        Products::Sales(question, sales)
    };
    let is_empty = times.1.lines.is_empty();
    let begun = !is_empty || store.has_orders().await?;
    Ok(Answer { times, products, begun })
}

/// Whether there are few enough months for a chart by day.
fn is_short(sales: &Sales) -> bool {
    let month = |name: &str| -> Option<i64> {
        let (year, month) = name.split_once('-')?;
        Some(year.parse::<i64>().ok()? * 12 + month.parse::<i64>().ok()?)
    };
    let months = sales.lines.first().zip(sales.lines.last()).and_then(|(first, last)| {
        Some(month(last.name.as_deref()?)? - month(first.name.as_deref()?)? + 1)
    });
    months.is_none_or(|months| usize::try_from(months).is_ok_and(|count| count <= MONTHS_BY_DAY))
}

impl Answer {
    /// Removes the time of the query, which differs each time.
    fn undated(&mut self) -> Timestamp {
        let products = match &mut self.products {
            Products::Totals(totals) => &mut totals.as_of,
            Products::Sales(_, sales) => &mut sales.as_of,
        };
        *products = Timestamp::UNIX_EPOCH;
        std::mem::replace(&mut self.times.1.as_of, Timestamp::UNIX_EPOCH)
    }

    fn event(&self, window: Window, currency: Currency, time_zone: &str) -> Option<Bytes> {
        let style = Style { locale: Locale::Plain, currency };
        let report = |question, sales, top| {
            let json = SalesReport { question, sales, style, time_zone, top }.json();
            RawValue::from_string(json).ok()
        };
        let top = Some(usize::from(TOP));
        let (question, sales) = &self.times;
        let SalesBy::Time(unit) = question.by else { return None };
        let moment = |time: DateTime| time.strftime("%Y-%m-%dT%H:%M").to_string();
        let document = Document {
            period: window.name(),
            currency: currency.code(),
            decimals: currency.decimals(),
            unit: unit.name(),
            since: sales.since.map(moment),
            until: sales.until.map(moment),
            since_before: sales.since_before.map(moment),
            until_before: sales.until_before.map(moment),
            times: report(question, sales, None)?,
            products: match &self.products {
                Products::Totals(totals) => {
                    report::json(totals, top).and_then(RawValue::from_string).ok()?
                }
                Products::Sales(question, sales) => report(question, sales, top)?,
            },
            begun: self.begun,
        };
        event("sales", &document)
    }
}

impl Sold {
    /// Prepares `answer`, after `before` was shown.
    pub(super) fn new(
        before: Option<Self>,
        mut answer: Answer,
        window: Window,
        currency: Currency,
        time_zone: &str,
    ) -> Self {
        let as_of = answer.undated();
        match before {
            Some(before) if before.answer == answer => Self { as_of, ..before },
            _ => {
                let version = VERSIONS.fetch_add(1, Ordering::Relaxed);
                let event = answer.event(window, currency, time_zone).unwrap_or_default();
                Self { answer, as_of, version, event }
            }
        }
    }
}
