//! The Grafana dashboard of sales, on the orders of a real run, with the role from packaging.

use std::collections::BTreeMap;

use serde_json::Value;
use testbed::{Context, Database, Record, Result, Table, ensure};

use super::{SALES, list, queries, text};
use crate::shop::{DEADLINE, Shop, numbered};

const READER: &str = include_str!("../../../packaging/grafana/reader.sql");

/// Replaces Grafana's macros for the time range (its manual, PostgreSQL query editor, macros) by
/// RFC 3339 timestamps in UTC, after the variables were replaced.
fn replace_macros(sql: &str, timezone: &str, from: &str, to: &str) -> Result<String> {
    let mut sql = sql.replace("${timezone:sqlstring}", &format!("'{timezone}'"));
    let (from, to) = (format!("'{from}'"), format!("'{to}'"));
    while let Some((before, rest)) = sql.split_once("$__timeFilter(") {
        // Up to the first parenthesis, as Grafana does.
        let (column, after) = rest.split_once(')').context("a macro without an end")?;
        sql = format!("{before}{column} BETWEEN {from} AND {to}{after}");
    }
    let sql = sql.replace("$__timeFrom()", &from).replace("$__timeTo()", &to);
    ensure!(!sql.contains('$'), "{sql}");
    Ok(sql)
}

/// A shop in whose time zone it is about noon, so that the test does not run across midnight.
struct ShopAtNoon {
    shop: Shop,
    /// The time to which all others are relative, as a timestamp of PostgreSQL: a new hour may
    /// begin during the test.
    now: String,
    timezone: String,
    reader: Database,
}

impl ShopAtNoon {
    async fn open() -> Result<Self> {
        let shop = Shop::open(1).await?;
        let now = shop.rows("SELECT now()::text").await?.remove(0);
        let hour =
            format!("SELECT extract(hour FROM '{now}'::timestamptz AT TIME ZONE 'UTC')::int - 12");
        let hour = shop.rows(&hour).await?;
        // The names have POSIX signs: Etc/GMT+5 is five hours behind UTC.
        let timezone = format!("Etc/GMT{:+}", hour[0].parse::<i32>()?);
        // Roles belong to the server.
        let role = format!("shop_reader_of_{}", shop.database.name());
        let reader = shop.database.as_user(&role, "r3ader");
        Ok(Self { shop, now, timezone, reader })
    }

    async fn run(&self, args: &[&str]) -> Result<()> {
        let settings = format!("orders.shop_timezone={}", self.timezone);
        let run = self.shop.vendas(args).args(["--set", &settings]);
        run.env("VENDAS_DATABASE__SCHEMA", "shop").run(DEADLINE).await?.expect_code(0).map(drop)
    }

    /// An order that was sold this number of hours ago.
    async fn order(
        &self,
        id: &str,
        hours: u32,
        product: &str,
        line: (&str, &str),
    ) -> Result<String> {
        let sql = format!(
            "SELECT to_char('{}'::timestamptz AT TIME ZONE '{}' - interval '{hours} hours', \
             'DD/MM/YYYY HH24:MI:SS')",
            self.now, self.timezone
        );
        let sold_at = self.shop.rows(&sql).await?.remove(0);
        let (quantity, price) = line;
        Ok(format!(
            r#"{{"id_ordem": "{id}", "data_hora_venda": "{sold_at}", "produtos_comprados": [
                {{"nome_produto": "{product}", "quantidade": {quantity}, "preco_unitario": {price}}}]}}"#
        ))
    }

    async fn sell(&self) -> Result<()> {
        let mut records = vec![Record::new("rubbish"), Record::new("more rubbish")];
        for (id, hours, product, line) in [
            ("a", 1, "arroz", ("2", "10.00")),
            ("b", 2, "feijão", ("1", "5.50")),
            ("c", 26, "arroz", ("1", "12.75")),
            ("d", 14, "feijão", ("1", "7.25")),
            ("e", 72, "café", ("1", "100.00")),
            ("f", 240, "café", ("1", "40.00")),
        ] {
            records.push(Record::new(self.order(id, hours, product, line).await?));
        }
        // One order without products, and with only the time of its record.
        let milliseconds = format!(
            "SELECT (extract(epoch FROM '{}'::timestamptz) * 1000)::bigint - 3 * 3600000",
            self.now
        );
        let then = self.shop.rows(&milliseconds).await?[0].parse()?;
        records.push(Record::new(numbered(3)).with_timestamp(then));
        self.shop.servers.kafka.produce(&self.shop.topic, 0, &records).await?;
        self.run(&["run", "--until-end"]).await
    }

    async fn create_reader(&self) -> Result<()> {
        let sql: String = READER.lines().filter(|line| !line.starts_with("--")).collect();
        let sql = sql.replace("shop_reader", self.reader.user());
        self.shop.database.execute(&sql.replace(":'reader_password'", "'r3ader'")).await
    }

    /// This number of hours ago, in Grafana's format.
    async fn ago(&self, hours: &str) -> Result<String> {
        let sql = format!(
            "SELECT to_char(date_trunc('hour', '{}'::timestamptz) AT TIME ZONE 'UTC' \
             - interval '{hours} hours', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
            self.now
        );
        Ok(self.shop.rows(&sql).await?.remove(0))
    }
}

/// The rows as text, numbers without trailing zeros.
fn rows(table: &Table) -> Vec<String> {
    let cell = |cell: &Option<String>| match cell.as_deref() {
        Some(text) if text.contains('.') && text.parse::<f64>().is_ok() => {
            text.trim_end_matches('0').trim_end_matches('.').chars().take(7).collect()
        }
        Some(text) => text.to_owned(),
        None => "NULL".to_owned(),
    };
    table.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join("|")).collect()
}

#[tokio::test]
async fn each_panel_of_sales_shows_the_sales_in_the_time_zone_of_the_shop() -> Result<()> {
    let noon = ShopAtNoon::open().await?;
    let dashboard: Value = serde_json::from_str(SALES)?;
    noon.shop.database.execute("CREATE SCHEMA shop").await?;
    noon.sell().await?;
    noon.create_reader().await?;
    let variable = &list(&dashboard["templating"], "list")?[1];
    ensure!(variable["name"] == "timezone", "{variable}");
    let timezone = rows(&noon.reader.table(text(variable, "query")?).await?).remove(0);
    ensure!(timezone == noon.timezone, "{timezone}");

    let panels: BTreeMap<_, _> = queries(&dashboard, "rawSql")?.into_iter().collect();
    let ask = async |title: &str, from: &str, to: &str| -> Result<Vec<String>> {
        let sql = panels.get(title).with_context(|| format!("there is no panel {title}"))?;
        let sql = replace_macros(sql, &timezone, from, to)?;
        Ok(rows(&noon.reader.table(&sql).await.with_context(|| title.to_owned())?))
    };
    let (week, now) = (noon.ago("168").await?, noon.ago("-1").await?);
    let day = async |ago: u32| -> Result<String> {
        let sql = format!("SELECT (now() AT TIME ZONE '{timezone}')::date - {ago}");
        Ok(noon.shop.rows(&sql).await?.remove(0))
    };
    let (today, yesterday, before) = (day(0).await?, day(1).await?, day(3).await?);

    let one = |text: &str| vec![text.to_owned()];
    let by_product =
        ["café|1|1|100|68.7285", "arroz|2|3|32.75|22.5085", "feijão|2|2|12.75|8.76288"];
    let all = ["café|2|140", "arroz|3|32.75", "feijão|2|12.75"];
    let mut asked = 0;
    for (title, expected) in [
        ("Sales today", one("28.6")),
        ("Sales yesterday", one("20")),
        // 28.60 in the hours of today, of which yesterday had 12.75.
        ("Change over yesterday", one("124.313")),
        ("Orders today", one("3")),
        ("Average order today", one("9.53333")),
        ("Open dead letters", one("2")),
        ("Sales", one("148.6")),
        ("Orders", one("6")),
        ("Average order", one("24.7666")),
        ("Charges", one("0")),
        (
            "Sales by day",
            vec![format!("{before}|100"), format!("{yesterday}|20"), format!("{today}|28.6")],
        ),
        (
            "Average order by day",
            vec![format!("{before}|100"), format!("{yesterday}|10"), format!("{today}|9.53333")],
        ),
        ("Sales by product", by_product.map(str::to_owned).to_vec()),
        ("Products", all.map(str::to_owned).to_vec()),
    ] {
        let found = ask(title, &week, &now).await?;
        ensure!(found == expected, "{title}: {found:?}");
        asked += 1;
    }

    let hours = ask("Today and yesterday by hour", &week, &now).await?;
    let sold: Vec<_> = hours.iter().filter(|row| !row.ends_with("|0|0")).collect();
    ensure!(hours.len() == 24 && hours[0].starts_with("00|") && sold.len() == 4, "{hours:?}");
    let found = ask("Sales by hour", &week, &now).await?;
    let mut expected = Vec::new();
    for (ago, total) in
        [("72", "100"), ("26", "12.75"), ("14", "7.25"), ("3", "3.1"), ("2", "5.5"), ("1", "20")]
    {
        let time = format!("SELECT timestamptz '{}'", noon.ago(ago).await?);
        let time = noon.reader.table(&time).await?;
        expected.push(format!("{}|{total}", rows(&time)[0]));
    }
    ensure!(found == expected, "{found:?} {expected:?}");
    let found = ask("Five best-selling products by day", &week, &now).await?;
    let names: Vec<_> = found.iter().filter_map(|row| row.split('|').nth(1)).collect();
    ensure!(names == ["café", "arroz", "feijão", "arroz", "feijão"], "{found:?}");
    let found = ask("Open dead letters by reason", &week, &now).await?;
    ensure!(found.len() == 1 && found[0].starts_with("not_json|2|"), "{found:?}");
    asked += 4;
    ensure!(asked == panels.len(), "{asked} of {} panels", panels.len());

    // The bounds are instants, the hours are in the time zone of the shop.
    let (from, to) = (noon.ago("2").await?, noon.ago("1").await?);
    ensure!(ask("Sales", &from, &to).await? == ["25.5"], "{:?}", ask("Sales", &from, &to).await?);
    let days = ask("Sales by day", &from, &to).await?;
    ensure!(days == [format!("{today}|28.6")], "{days:?}");
    Ok(())
}

#[tokio::test]
async fn the_reader_role_reads_no_orders_and_no_records_and_writes_nothing() -> Result<()> {
    let noon = ShopAtNoon::open().await?;
    noon.shop.database.execute("CREATE SCHEMA shop").await?;
    noon.run(&["schema", "--apply"]).await?;
    noon.create_reader().await?;
    for refused in [
        "SELECT * FROM orders",
        "SELECT * FROM order_items",
        "SELECT * FROM sales",
        "SELECT payload FROM dead_letters",
        "SELECT key FROM dead_letters",
        "SELECT detail FROM dead_letters",
        "UPDATE dead_letters SET reason = ''",
        "SELECT fold_ledgers()",
        "CREATE TABLE shop.mine ()",
        "CREATE TEMPORARY TABLE mine ()",
    ] {
        let answer = noon.reader.table(refused).await;
        let text = answer.err().map(|error| format!("{error:?}")).unwrap_or_default();
        let is_refused =
            text.contains("permission denied") || text.contains("in a read-only transaction");
        ensure!(is_refused, "{refused}: {text}");
    }
    Ok(())
}
