//! Sales in a period, by product, kept field or time, read in one statement.

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
};
use tokio_postgres::{Row, types::Type};

use super::{
    database::Store,
    error::{Cause, StoreError},
    session::Parameter,
};

/// A unit of the shop's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// From minute 0.
    Hour,
    /// From midnight.
    Day,
    /// From the first day.
    Month,
}

impl Unit {
    /// Its name in PostgreSQL (`date_trunc`, PostgreSQL manual, 9.9.2).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// Where a period of the last units ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ends {
    /// With the current, incomplete unit.
    #[default]
    Whole,
    /// With the current hour. The period before ends with the same hour of its last unit.
    Hour,
    /// Before the current unit.
    Before,
}

impl Ends {
    /// Its name in `sql/period.sql`.
    const fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Hour => "hour",
            Self::Before => "before",
        }
    }
}

/// The period of a report, in the shop's time zone. Without bounds it covers all sales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// Where it begins.
    pub since: Option<DateTime>,
    /// Where it ends (exclusive).
    pub until: Option<DateTime>,
    /// The last so many units; excludes `since` and `until`.
    pub last: Option<(i32, Unit)>,
    /// Where `last` ends; ignored if that is `None`.
    pub ends: Ends,
    /// The number of months, if the period consists of whole months. The previous period then has
    /// as many months; otherwise it has as many days and hours.
    pub months: Option<i32>,
}

/// What the lines of the report are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SalesBy {
    /// A product.
    Product,
    /// A value of the kept field of this name.
    Kept(String),
    /// An hour, day or month.
    Time(Unit),
}

impl SalesBy {
    const fn unit(&self) -> Option<&'static str> {
        match self {
            Self::Time(unit) => Some(unit.name()),
            Self::Product | Self::Kept(_) => None,
        }
    }
}

/// A query for sales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SalesQuestion {
    /// What the lines are grouped by.
    pub by: SalesBy,
    /// The period of the report.
    pub period: Period,
    /// Whether each figure is compared with the previous period.
    pub compare: bool,
    /// Only this product. Product sums exist by day only, so this excludes [`Unit::Hour`] and
    /// [`SalesBy::Kept`].
    pub product: Option<String>,
    /// The maximum number of products or values.
    pub limit: Option<i64>,
    /// The number of decimals of averages: that of the currency.
    pub decimals: u32,
}

/// A decimal number without trailing zeros, and its change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SalesFigure {
    /// `None` if undefined, such as the average of no orders.
    pub value: Option<String>,
    /// The figure of the previous period.
    pub before: Option<String>,
    /// The change in percent of the previous figure, with one decimal. `None` if that was 0.
    pub change: Option<String>,
}

/// A line of the report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SalesLine {
    /// The product, the kept value, or the time: `2026-11-22T14:00`, `2026-11-22`, `2026-11`.
    /// `None` for sums, and for sales without a value of the kept field.
    pub name: Option<String>,
    /// The number of products or values summed up in it.
    pub products: i64,
    /// By product or for one product: orders, quantity and amount; otherwise orders, total, charges
    /// and the average order. In sums of several products the orders are `None`.
    pub figures: Vec<SalesFigure>,
    /// The share of the whole in percent, with one decimal: of the amount by product, of the total
    /// by kept value.
    pub share: Option<String>,
}

/// The result of a query for sales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sales {
    /// The database's clock.
    pub as_of: Timestamp,
    /// Where the period begins.
    pub since: Option<DateTime>,
    /// Where it ends (exclusive).
    pub until: Option<DateTime>,
    /// Where the previous period begins.
    pub since_before: Option<DateTime>,
    /// Where the previous period ends: at the start of this one or, with [`Ends::Hour`], at the
    /// corresponding hour.
    pub until_before: Option<DateTime>,
    /// The number of orders left out because their time is unknown.
    pub unknown_orders: i64,
    /// By time, newest last; products by descending amount; kept values by descending total.
    pub lines: Vec<SalesLine>,
    /// By product or kept value: the sum of each line and all lines after it.
    pub rests: Vec<SalesLine>,
    /// The sum of the whole period.
    pub total: SalesLine,
}

impl Store {
    /// Reads sales from the views. Hours, days and months without sales have no line.
    ///
    /// # Errors
    /// As [`Self::totals`]; [`StoreError::Permanent`] also if it requires daily product sums that
    /// are rolled up to months.
    pub async fn sales(&self, question: &SalesQuestion) -> Result<Sales, StoreError> {
        let sql = match &question.by {
            SalesBy::Kept(_) => include_str!("sql/sales_by_kept.sql"),
            SalesBy::Product => include_str!("sql/sales_by_product.sql"),
            SalesBy::Time(_) => include_str!("sql/sales_by_time.sql"),
        };
        let sql = sql
            .replace("{period}", include_str!("sql/period.sql"))
            .replace("{compared}", include_str!("sql/compared.sql"));
        let sql = self.sql(&sql);
        let Period { since, until, last, ends, months } = question.period;
        let ends = last.map_or(Ends::Whole, |_| ends).name();
        let (count, last) = last.unzip();
        let last = last.map(Unit::name);
        let months = months.unwrap_or(0);
        let decimals = question.decimals.to_string();
        let mut parameters: Vec<Parameter<'_>> = vec![
            (&self.shop_timezone, Type::TEXT),
            (&since, Type::TIMESTAMP),
            (&until, Type::TIMESTAMP),
            (&last, Type::TEXT),
            (&count, Type::INT4),
            (&months, Type::INT4),
            (&ends, Type::TEXT),
            (&question.compare, Type::BOOL),
        ];
        let (product, limit): (Parameter<'_>, Parameter<'_>) =
            ((&question.product, Type::TEXT), (&question.limit, Type::INT8));
        let (decimals, unit): (Parameter<'_>, _) = ((&decimals, Type::TEXT), question.by.unit());
        match &question.by {
            SalesBy::Product => parameters.extend([product, limit]),
            SalesBy::Kept(field) => parameters.extend([(field as _, Type::TEXT), limit, decimals]),
            SalesBy::Time(_) => parameters.extend([product, (&unit, Type::TEXT), decimals]),
        }
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let rows = connection.in_time(connection.client().query_typed(&sql, &parameters)).await?;
        let sales = read(&rows, question.compare)?;
        if let Some(row) = rows.first().filter(|_| question.is_of_products()) {
            question.is_answerable(&sales, row.try_get("rolled_up_before")?)?;
        }
        Ok(sales)
    }

    /// Whether any order has the kept field; if none has, the names of all kept fields.
    ///
    /// # Errors
    /// As [`Self::totals`].
    pub async fn has_kept(&self, field: &str) -> Result<Result<(), Vec<String>>, StoreError> {
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let sql = self.sql("SELECT EXISTS (SELECT FROM {schema}.orders WHERE kept ? $1)");
        let client = connection.client();
        let parameters = [(&field as _, Type::TEXT)];
        let found = client.query_typed_one(&sql, &parameters);
        if connection.in_time(found).await?.try_get(0)? {
            return Ok(Ok(()));
        }
        let sql = self.sql(
            "SELECT coalesce(array_agg(DISTINCT field COLLATE \"C\"), '{}') \
             FROM {schema}.orders, jsonb_object_keys(kept) AS field",
        );
        let fields = connection.in_time(client.query_typed_one(&sql, &[])).await?;
        Ok(Err(fields.try_get(0)?))
    }
}

impl SalesQuestion {
    fn is_of_products(&self) -> bool {
        self.product.is_some() || self.by == SalesBy::Product
    }

    /// Fails if it requires a part of a month that is rolled up.
    fn is_answerable(
        &self,
        sales: &Sales,
        rolled_up_before: Option<Date>,
    ) -> Result<(), StoreError> {
        let Some(limit) = rolled_up_before else { return Ok(()) };
        let parts_a_month = |time: &DateTime| {
            time.date() < limit && (time.day() != 1 || time.time() != Time::midnight())
        };
        let first = sales.since_before.or(sales.since);
        let has_days =
            self.by == SalesBy::Time(Unit::Day) && first.is_none_or(|first| first.date() < limit);
        let bounds = [sales.since, sales.until, sales.since_before, sales.until_before];
        if has_days || bounds.iter().flatten().any(parts_a_month) {
            return Err(StoreError::Permanent(Cause::new(format!(
                "product sums before {limit} are stored by month: use whole months, with --from on \
                 the first and --to on the last day of a month, also for the compared period, and \
                 --by month instead of --by day"
            ))));
        }
        Ok(())
    }
}

fn read(rows: &[Row], compare: bool) -> Result<Sales, StoreError> {
    let mut sales = Sales {
        as_of: Timestamp::UNIX_EPOCH,
        since: None,
        until: None,
        since_before: None,
        until_before: None,
        unknown_orders: 0,
        lines: Vec::new(),
        rests: Vec::new(),
        total: SalesLine::default(),
    };
    for row in rows {
        sales.as_of = row.try_get("as_of")?;
        sales.since = row.try_get("since")?;
        sales.until = row.try_get("until")?;
        sales.since_before = row.try_get("since_before")?;
        sales.until_before = row.try_get("until_before")?;
        sales.unknown_orders = row.try_get("unknown_orders")?;
        let line = line(row)?;
        match row.try_get("kind")? {
            "line" => sales.lines.push(line),
            "rest" => sales.rests.push(line),
            _ => sales.total = line,
        }
    }
    if !compare {
        sales.since_before = None;
        sales.until_before = None;
    }
    Ok(sales)
}

fn line(row: &Row) -> Result<SalesLine, StoreError> {
    let texts = |column| -> Result<Vec<Option<String>>, StoreError> { Ok(row.try_get(column)?) };
    let (before, change) = (texts("figures_before")?, texts("change")?);
    let others = before.into_iter().zip(change);
    let figures = texts("figures_now")?.into_iter().zip(others);
    Ok(SalesLine {
        name: row.try_get("name")?,
        products: row.try_get::<_, Option<i64>>("products")?.unwrap_or(1),
        figures: figures
            .map(|(value, (before, change))| SalesFigure { value, before, change })
            .collect(),
        share: row.try_get("share")?,
    })
}
