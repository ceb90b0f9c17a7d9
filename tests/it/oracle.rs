//! Computes what the tables must contain after a stream, and compares.
//!
//! The rules are implemented here a second time, in integers, and share no code with the program.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Write as _},
};

use testbed::{Context, Database, Result, bail, ensure};

use crate::stream::{Generated, Key, Meaning, Moment, Stated};

/// All numbers are integers in units of 10^-8: a quantity times a price has no more decimals.
const ONE: i128 = 100_000_000;
/// From the stream's units of 10^-4.
const FROM_STATED: i128 = 10_000;
const HALF_A_CENT: i128 = ONE / 200;
const CENT: i128 = ONE / 100;

/// A decimal, in units of 10^-8.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exact(i128);

impl Debug for Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, units) = (if self.0 < 0 { "-" } else { "" }, self.0.abs());
        write!(f, "{sign}{}.{:08}", units / ONE, units % ONE)
    }
}

/// A row of `orders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderRow {
    pub(crate) total: Exact,
    items: Vec<ItemRow>,
    /// As `YYYY-MM-DDTHH:MM:SS.UUUUUU`.
    sold_at: Option<String>,
}

impl Exact {
    pub(crate) const ZERO: Self = Self(0);
}

impl OrderRow {
    /// Whether it names products.
    pub(crate) const fn has_items(&self) -> bool {
        !self.items.is_empty()
    }
}

/// Product, quantity and amount.
type ItemRow = (String, Exact, Exact);

#[derive(Clone, Debug, PartialEq, Eq)]
struct DeadLetter {
    reason: String,
    key: Option<Bytes>,
    payload: Option<Bytes>,
}

/// Bytes, displayed as shortened hexadecimal.
#[derive(Clone, PartialEq, Eq)]
struct Bytes(Vec<u8>);

impl Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = self.0.get(..60).unwrap_or(&self.0);
        write!(f, "{} bytes b\"{}\"", self.0.len(), start.escape_ascii())
    }
}

/// Topic, partition and offset.
type Coordinates = (String, i32, i64);

/// The contents of the tables.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    sales: BTreeMap<i32, Exact>,
    orders: BTreeMap<(String, bool), OrderRow>,
    dead_letters: BTreeMap<Coordinates, DeadLetter>,
    next_offsets: BTreeMap<(String, i32), i64>,
}

/// The effect of one record.
pub(crate) enum Effect {
    Order { key: Key, row: OrderRow },
    DeadLetter(&'static str),
}

/// The effect of a single record.
pub(crate) fn effect(meaning: &Meaning) -> Effect {
    match meaning {
        Meaning::DeadLetter(reason) => Effect::DeadLetter(reason),
        Meaning::Order(stated) => match worth(stated) {
            Some((total, items)) => Effect::Order {
                key: stated.key.clone(),
                row: OrderRow { total, items, sold_at: stated.sold_at.map(wall_clock) },
            },
            None => Effect::DeadLetter("total_mismatch"),
        },
    }
}

/// Total and items; `None` if the stated total and the prices disagree.
fn worth(order: &Stated) -> Option<(Exact, Vec<ItemRow>)> {
    let stated = order.total.map(|total| total * FROM_STATED);
    let priced = order.items.iter().any(|item| item.unit_price.is_some());
    let amounts: Vec<i128> = if priced {
        order.items.iter().map(|item| item.quantity * item.unit_price.unwrap_or_default()).collect()
    } else {
        let quantities: Vec<_> = order.items.iter().map(|item| item.quantity).collect();
        shares(stated.unwrap_or_default(), &quantities)
    };
    let total = match stated {
        Some(stated) if priced => {
            let computed: i128 = amounts.iter().sum();
            let items = i128::try_from(order.items.len()).unwrap_or_default();
            if (stated - computed).abs() > items * HALF_A_CENT {
                return None;
            }
            computed
        }
        Some(stated) => stated,
        None => amounts.iter().sum(),
    };
    let items = order.items.iter().zip(amounts).filter_map(|(item, amount)| {
        Some((item.product.clone()?, Exact(item.quantity * FROM_STATED), Exact(amount)))
    });
    Some((Exact(total), items.collect()))
}

/// By quantity and largest remainder, in cents, or in the precision of the total if that is finer.
fn shares(total: i128, quantities: &[i128]) -> Vec<i128> {
    let mut unit = CENT;
    while total % unit != 0 {
        unit /= 10;
    }
    let whole: i128 = quantities.iter().sum();
    let units = total / unit;
    let mut shares: Vec<_> = quantities.iter().map(|quantity| units * quantity / whole).collect();
    let mut queue: Vec<_> =
        (0..shares.len()).map(|index| (-(units * quantities[index] % whole), index)).collect();
    queue.sort_unstable();
    let given: i128 = shares.iter().sum();
    for (_, index) in queue.into_iter().take(usize::try_from(units - given).unwrap_or_default()) {
        shares[index] += 1;
    }
    shares.into_iter().map(|share| share * unit).collect()
}

/// Daylight saving time in São Paulo in the years of the stream: the days on which it began and
/// ended. It was two hours behind UTC then, otherwise three.
const SUMMERS: [[(i64, i64, i64); 2]; 5] = [
    [(2014, 10, 19), (2015, 2, 22)],
    [(2015, 10, 18), (2016, 2, 21)],
    [(2016, 10, 16), (2017, 2, 19)],
    [(2017, 10, 15), (2018, 2, 18)],
    [(2018, 11, 4), (2019, 2, 17)],
];

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The wall clock in São Paulo. A time without an offset is local already.
fn wall_clock(moment: Moment) -> String {
    let Moment { year, month, day, second_of_day, microsecond, offset } = moment;
    let stated = days(year, month, day) * DAY + second_of_day;
    let shown = offset.map_or(stated, |minutes| {
        let utc = stated - minutes * 60;
        let summer = SUMMERS.iter().any(|[from, to]| {
            // It began and ended at midnight of the clock until then.
            let from = days(from.0, from.1, from.2) * DAY + 3 * HOUR;
            let to = days(to.0, to.1, to.2) * DAY + 2 * HOUR;
            from <= utc && utc < to
        });
        utc - if summer { 2 * HOUR } else { 3 * HOUR }
    });
    let (day_number, second) = (shown.div_euclid(DAY), shown.rem_euclid(DAY));
    let year = (year - 1..=year + 1).rfind(|year| days(*year, 1, 1) <= day_number).unwrap_or(year);
    let month = (1..=12).rfind(|month| days(year, *month, 1) <= day_number).unwrap_or(1);
    let day = day_number - days(year, month, 1) + 1;
    let (hour, minute, second) = (second / HOUR, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{microsecond:06}")
}

/// Days since the first of March of the year 0, by counting leap days.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // A year that begins in March ends with its leap day.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let before = [0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337];
    let month = usize::try_from(month).unwrap_or_default();
    year * 365 + year / 4 - year / 100 + year / 400 + before[month] + day - 1
}

impl Tables {
    /// The tables after these records, which have the offsets from 0 on in each partition.
    pub(crate) fn after<'a>(
        partitions: impl IntoIterator<Item = (&'a str, i32, &'a [Generated])>,
    ) -> Self {
        let mut tables = Self::default();
        for (topic, partition, records) in partitions {
            let place = |offset| (topic.to_owned(), partition, offset);
            let mut next_offset = 0;
            for generated in records {
                tables.apply(generated, place(next_offset));
                next_offset += 1;
            }
            tables.next_offsets.insert((topic.to_owned(), partition), next_offset);
        }
        tables
    }

    fn apply(&mut self, generated: &Generated, at: Coordinates) {
        match effect(&generated.meaning) {
            Effect::DeadLetter(reason) => {
                let record = &generated.record;
                let letter = DeadLetter {
                    reason: reason.to_owned(),
                    key: record.key.clone().map(Bytes),
                    payload: record.payload.clone().map(Bytes),
                };
                self.dead_letters.insert(at, letter);
            }
            Effect::Order { key: Key::Id(id), row } => {
                self.orders.insert((id, false), row);
            }
            Effect::Order { key: Key::Number(number), row } => {
                self.sales.insert(number, row.total);
                let key = (number.to_string(), true);
                if row.items.is_empty() {
                    self.orders.remove(&key);
                } else {
                    self.orders.insert(key, row);
                }
            }
        }
    }

    /// The row counts of `sales`, `orders` and `dead_letters`.
    pub(crate) fn counts(&self) -> [usize; 3] {
        [self.sales.len(), self.orders.len(), self.dead_letters.len()]
    }

    /// Reads the tables from the database.
    ///
    /// # Errors
    /// If it does not answer, or contains invalid values or duplicate rows.
    pub(crate) async fn read(database: &Database) -> Result<Self> {
        let mut tables = Self::default();
        let rows = Rows::of(database, "SELECT order_number, total FROM sales").await?;
        for mut row in rows.0 {
            let number = row.parsed()?;
            once(tables.sales.insert(number, decimal(&row.text()?)?), &number)?;
        }
        let sql = "SELECT order_id, numbered, total,
                          to_char(sold_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')
                   FROM orders";
        for mut row in Rows::of(database, sql).await?.0 {
            let key = (row.text()?, row.text()? == "t");
            let total = decimal(&row.text()?)?;
            let order = OrderRow { total, items: Vec::new(), sold_at: row.next() };
            once(tables.orders.insert(key.clone(), order), &key)?;
        }
        let sql = "SELECT order_id, numbered, item.product, item.quantity, item.amount
                   FROM orders, UNNEST(items) WITH ORDINALITY
                       AS item (product, quantity, amount, position)
                   ORDER BY order_id, numbered, item.position";
        for mut row in Rows::of(database, sql).await?.0 {
            let key = (row.text()?, row.text()? == "t");
            let item = (row.text()?, decimal(&row.text()?)?, decimal(&row.text()?)?);
            tables.orders.get_mut(&key).context("an item without its order")?.items.push(item);
        }
        let sql = "SELECT topic, partition, record_offset, reason,
                          encode(key, 'hex'), encode(payload, 'hex')
                   FROM dead_letters";
        for mut row in Rows::of(database, sql).await?.0 {
            let place = (row.text()?, row.parsed()?, row.parsed()?);
            let reason = row.text()?;
            let [key, payload] = [row.next(), row.next()].map(|hex| hex.map(|hex| from_hex(&hex)));
            let letter = DeadLetter { reason, key, payload };
            once(tables.dead_letters.insert(place.clone(), letter), &place)?;
        }
        let sql = "SELECT topic, partition, next_offset FROM partitions";
        for mut row in Rows::of(database, sql).await?.0 {
            let key = (row.text()?, row.parsed()?);
            once(tables.next_offsets.insert(key.clone(), row.parsed()?), &key)?;
        }
        Ok(tables)
    }

    /// Checks that the database contains exactly these rows.
    ///
    /// # Errors
    /// If it does not, with the first differences of each table.
    pub(crate) async fn expect(&self, database: &Database) -> Result<()> {
        let actual = Self::read(database).await?;
        let mut report = String::new();
        compare("partitions", &self.next_offsets, &actual.next_offsets, &mut report);
        compare("sales", &self.sales, &actual.sales, &mut report);
        compare("orders", &self.orders, &actual.orders, &mut report);
        compare("dead_letters", &self.dead_letters, &actual.dead_letters, &mut report);
        ensure!(report.is_empty(), "the tables differ from the records:\n{report}");
        expect_the_rest(database).await
    }
}

/// The columns that do not depend on records: times are recent and in UTC, topics are correct.
async fn expect_the_rest(database: &Database) -> Result<()> {
    let recent = "BETWEEN now() - INTERVAL '15 minutes' AND now()";
    for wrong in [
        &format!("sales WHERE (processed_at AT TIME ZONE 'UTC' {recent}) IS NOT TRUE"),
        &format!("orders WHERE (processed_at AT TIME ZONE 'UTC' {recent}) IS NOT TRUE"),
        &format!("dead_letters WHERE (failed_at {recent}) IS NOT TRUE"),
        "dead_letters WHERE detail = '' OR detail LIKE '%666.66%' OR replayed_at IS NOT NULL",
        "dead_letters WHERE (topic, partition, topic_id) NOT IN
            (SELECT topic, partition, topic_id FROM partitions)",
    ] {
        let count = database.count(wrong).await?;
        ensure!(count == 0, "{count} rows of {wrong}");
    }
    Ok(())
}

fn compare<K: Debug + Ord, V: Debug + PartialEq>(
    table: &str,
    expected: &BTreeMap<K, V>,
    actual: &BTreeMap<K, V>,
    report: &mut String,
) {
    const SHOWN: usize = 5;
    let missing: Vec<_> = expected.iter().filter(|(key, _)| !actual.contains_key(key)).collect();
    let extra: Vec<_> = actual.iter().filter(|(key, _)| !expected.contains_key(key)).collect();
    let different: Vec<_> = expected
        .iter()
        .filter_map(|(key, value)| Some((key, value, actual.get(key)?)))
        .filter(|(_, expected, actual)| expected != actual)
        .collect();
    let (expected, actual) = (expected.len(), actual.len());
    if missing.is_empty() && extra.is_empty() && different.is_empty() {
        return;
    }
    // Writing to a string cannot fail.
    let _ = writeln!(
        report,
        "{table}: {expected} rows expected, {actual} found: {} missing, {} too many, {} different",
        missing.len(),
        extra.len(),
        different.len(),
    );
    for (key, value) in missing.into_iter().take(SHOWN) {
        let _ = writeln!(report, "    missing   {key:?}: {}", short(value));
    }
    for (key, value) in extra.into_iter().take(SHOWN) {
        let _ = writeln!(report, "    too many  {key:?}: {}", short(value));
    }
    for (key, expected, actual) in different.into_iter().take(SHOWN) {
        let (expected, actual) = (short(expected), short(actual));
        let _ =
            writeln!(report, "    different {key:?}: expected {expected}\n{:14}found {actual}", "");
    }
}

fn short(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(600) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}

fn once<V>(earlier: Option<V>, key: &impl Debug) -> Result<()> {
    ensure!(earlier.is_none(), "duplicate row {key:?}");
    Ok(())
}

/// A row, read column by column.
struct Row(std::vec::IntoIter<Option<String>>);

struct Rows(Vec<Row>);

impl Rows {
    async fn of(database: &Database, sql: &str) -> Result<Self> {
        let table = database.table(sql).await?;
        Ok(Self(table.rows.into_iter().map(|row| Row(row.into_iter())).collect()))
    }
}

impl Row {
    fn next(&mut self) -> Option<String> {
        self.0.next().flatten()
    }

    fn text(&mut self) -> Result<String> {
        self.next().context("unexpected NULL")
    }

    fn parsed<T: std::str::FromStr>(&mut self) -> Result<T> {
        let text = self.text()?;
        text.parse().ok().with_context(|| format!("{text:?} is not a number of this type"))
    }
}

/// A NUMERIC as PostgreSQL prints it, or an error if it has more than 8 decimals.
pub(crate) fn decimal(text: &str) -> Result<Exact> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (kept, rest) = fraction.split_at(fraction.len().min(8));
    let all = format!("{whole}{kept:0<8}");
    let digits_only = !whole.is_empty() && all.bytes().all(|byte| byte.is_ascii_digit());
    if !digits_only || rest.bytes().any(|byte| byte != b'0') {
        bail!("{text:?} is not a decimal of up to 8 places");
    }
    let units: i128 = all.parse()?;
    Ok(Exact(if negative { -units } else { units }))
}

fn from_hex(hex: &str) -> Bytes {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte - b'a' + 10,
    };
    Bytes(hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_equal_manual_calculations() {
        let cents = |shares: Vec<i128>| shares.into_iter().map(|it| it / CENT).collect::<Vec<_>>();
        assert_eq!(cents(shares(100 * ONE, &[1, 1, 1])), [3_334, 3_333, 3_333]);
        assert_eq!(cents(shares(100 * ONE, &[1, 2])), [3_333, 6_667]);
        assert_eq!(cents(shares(CENT, &[1, 2, 1])), [0, 1, 0]);
        assert_eq!(shares(1_001 * CENT / 10, &[1, 1]), [501 * CENT / 10, 500 * CENT / 10]);
    }

    #[test]
    fn wall_clocks_equal_the_official_times() {
        let at = |year, month, day, hour, offset| {
            let second_of_day = hour * HOUR;
            wall_clock(Moment { year, month, day, second_of_day, microsecond: 5, offset })
        };
        assert_eq!(at(2026, 11, 22, 10, None), "2026-11-22T10:00:00.000005");
        assert_eq!(at(2026, 1, 1, 1, Some(0)), "2025-12-31T22:00:00.000005");
        assert_eq!(at(2024, 3, 1, 1, Some(0)), "2024-02-29T22:00:00.000005");
        assert_eq!(at(2018, 12, 1, 12, Some(0)), "2018-12-01T10:00:00.000005");
        assert_eq!(at(2018, 11, 4, 2, Some(0)), "2018-11-03T23:00:00.000005");
        assert_eq!(at(2018, 11, 4, 3, Some(0)), "2018-11-04T01:00:00.000005");
        assert_eq!(at(2019, 2, 17, 1, Some(0)), "2019-02-16T23:00:00.000005");
        assert_eq!(at(2019, 2, 17, 2, Some(0)), "2019-02-16T23:00:00.000005");
        assert_eq!(at(2026, 11, 22, 23, Some(-600)), "2026-11-23T06:00:00.000005");
    }

    #[test]
    fn decimals_are_read_exactly_or_rejected() {
        assert_eq!(decimal("12.3").ok(), Some(Exact(12 * ONE + 3 * ONE / 10)));
        assert_eq!(decimal("-0.000000010").ok(), Some(Exact(-1)));
        for text in ["NaN", "", "0.000000001", "1e3", "Infinity"] {
            assert!(decimal(text).is_err(), "{text}");
        }
    }
}
