//! `vendas report` by time and for a period.

use serde_json::{Value, json};
use testbed::{Result, ensure};

use super::report;
use crate::shop::{DEADLINE, Shop};

const MARCH: [&str; 4] = ["--from", "2026-03-01", "--to", "2026-03-03"];

fn order(id: &str, sold_at: &str, freight: &str, items: &[(&str, &str, &str)]) -> String {
    let items: Vec<_> = items
        .iter()
        .map(|(product, quantity, price)| {
            json!({"product": product, "qty": quantity, "unit_price": price})
        })
        .collect();
    json!({"order_id": id, "sold_at": sold_at, "frete": freight, "items": items}).to_string()
}

/// On February 28 one order, on March 1 two, on March 2 two (one has a number and no products, one
/// was moved there by a correction), and on March 3 none.
async fn shop() -> Result<Shop> {
    let shop = Shop::open(1).await?;
    let moved =
        |hour| order("moved", &format!("2026-03-{hour}:00:00"), "0", &[("arroz", "1", "8.125")]);
    shop.send(
        0,
        &[
            &order("a", "2026-03-01T10:30:00", "5", &[("arroz", "2", "10")]),
            &order("b", "2026-03-01T10:45:00", "0", &[("arroz", "1", "10"), ("chá", "3", "1.5")]),
            &order("c", "2026-02-28T09:00:00", "0", &[("arroz", "1", "10")]),
            r#"{"order_number": 1, "total": 7.25, "sold_at": "2026-03-02T23:15:00"}"#,
            &moved("01T12"),
        ],
    )
    .await?;
    let run = ["run", "--until-end", "--set", "mapping.shipping=frete"];
    shop.vendas(&run).run(DEADLINE).await?.expect_code(0)?;
    shop.send(0, &[&moved("02T12")]).await?;
    shop.vendas(&run).run(DEADLINE).await?.expect_code(0)?;
    ensure!(shop.rows("SELECT count(*) FROM dead_letters").await? == ["0"], "dead letters");
    Ok(shop)
}

/// The lines of a table after its heading, with one blank between cells.
fn cells(table: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    table.lines().map(words).collect()
}

async fn table(shop: &Shop, args: &[&str]) -> Result<Vec<String>> {
    let mut all = vec!["--locale", "plain"];
    all.extend(args);
    Ok(cells(&report(shop, &all).await?))
}

async fn parsed(shop: &Shop, args: &[&str]) -> Result<Value> {
    let mut all = vec!["--format", "json"];
    all.extend(args);
    Ok(serde_json::from_str(&report(shop, &all).await?)?)
}

fn ensure_lines(found: &[String], expected: &[&str]) -> Result<()> {
    ensure!(found == expected, "found {found:#?}\nexpected {expected:#?}");
    Ok(())
}

#[tokio::test]
async fn hours_days_and_months_have_orders_charges_and_average() -> Result<()> {
    let shop = shop().await?;
    let days = table(&shop, &["--by", "day"]).await?;
    let heading = "Sales by day, since the beginning (America/Sao_Paulo), amounts in BRL, as of ";
    ensure!(days[0].starts_with(heading), "{days:#?}");
    // A correction has moved its order completely.
    let expected = [
        "day orders total charges average",
        "2026-02-28 1 10.00 0.00 10.00",
        "2026-03-01 2 39.50 5.00 19.75",
        "2026-03-02 2 15.38 0.00 7.69",
        "total 5 64.88 5.00 12.98",
    ];
    ensure_lines(&days[1..], &expected)?;
    let hours = table(&shop, &["--by", "hour", "--from", "2026-03-01T10:00"]).await?;
    let expected = [
        "hour orders total charges average",
        "2026-03-01 10:00 2 39.50 5.00 19.75",
        "2026-03-02 12:00 1 8.13 0.00 8.13",
        "2026-03-02 23:00 1 7.25 0.00 7.25",
        "total 4 54.88 5.00 13.72",
    ];
    ensure_lines(&hours[1..], &expected)?;
    // The last hour belongs to the period, and the next one does not.
    let to = ["--by", "hour", "--from", "2026-03-02T12:00", "--to", "2026-03-02T22:00"];
    let hours = table(&shop, &to).await?;
    ensure!(hours.len() == 4 && hours[2] == "2026-03-02 12:00 1 8.13 0.00 8.13", "{hours:#?}");
    let months = table(&shop, &["--by", "month", "--to", "2026-03-01"]).await?;
    let expected = ["2026-02 1 10.00 0.00 10.00", "2026-03 2 39.50 5.00 19.75"];
    ensure_lines(&months[2..4], &expected)
}

#[tokio::test]
async fn each_figure_is_compared_with_the_period_before() -> Result<()> {
    let shop = shop().await?;
    let compare = |by: &'static str| [&["--compare", "--by", by][..], &MARCH].concat();
    let days = table(&shop, &compare("day")).await?;
    ensure!(days[0].contains(", 2026-03-01 to 2026-03-03 ("), "{days:#?}");
    let expected = [
        "compared with 2026-02-26 to 2026-02-28",
        "day orders before change total before change charges before change average before change",
        "2026-03-01 2 0 – 39.50 0.00 – 5.00 0.00 – 19.75 – –",
        "2026-03-02 2 0 – 15.38 0.00 – 0.00 0.00 – 7.69 – –",
        "2026-03-03 0 1 -100.0% 0.00 10.00 -100.0% 0.00 0.00 – – 10.00 –",
        "total 4 1 +300.0% 54.88 10.00 +448.8% 5.00 0.00 – 13.72 10.00 +37.2%",
    ];
    ensure_lines(&days[1..], &expected)?;
    let products = table(&shop, &compare("product")).await?;
    let expected = [
        "product orders before change quantity before change amount before change share",
        "arroz 3 1 +200.0% 4 1 +300.0% 38.13 10.00 +281.3% 89.4%",
        "chá 1 0 – 3 0 – 4.50 0.00 – 10.6%",
        "total (2) 7 1 +600.0% 42.63 10.00 +326.3% 100.0%",
    ];
    ensure_lines(&products[2..], &expected)?;
    // A whole month is compared with a whole month of fewer days.
    let month = ["--by", "month", "--compare", "--from", "2026-03-01", "--to", "2026-03-31"];
    let json = parsed(&shop, &month).await?;
    ensure!(json["before"] == json!({"from": "2026-02-01", "to": "2026-02-28"}), "{json:#}");
    let expected = json!([{
        "month": "2026-03", "orders": 4, "total": "54.875", "charges": "5.00", "average": "13.72",
        "before": {"orders": 1, "total": "10.00", "charges": "0.00", "average": "10.00"},
        "change_percent":
            {"orders": "300.0", "total": "448.8", "charges": null, "average": "37.2"},
    }]);
    ensure!(json["months"] == expected, "{json:#}");
    Ok(())
}

#[tokio::test]
async fn products_of_a_period_and_a_single_product_are_exact_in_json_and_csv() -> Result<()> {
    let shop = shop().await?;
    let top = [&["--top", "1"][..], &MARCH].concat();
    let json = parsed(&shop, &top).await?;
    let expected = json!([{
        "product": "arroz", "orders": 3, "quantity": "4", "amount": "38.125", "share_percent": "89.4",
    }]);
    ensure!(json["products"] == expected, "{json:#}");
    let sum = |products: u8, quantity: &str, amount: &str, share: &str| {
        json!({
            "products": products, "orders": null, "quantity": quantity, "amount": amount,
            "share_percent": share,
        })
    };
    ensure!(json["others"] == sum(1, "3", "4.50", "10.6"), "{json:#}");
    ensure!(json["total"] == sum(2, "7", "42.625", "100.0"), "{json:#}");
    ensure!(json["from"] == "2026-03-01" && json["to"] == "2026-03-03", "{json:#}");

    let args = [&["--format", "csv", "--product", "arroz"][..], &MARCH].concat();
    let csv = report(&shop, &args).await?;
    let expected = [
        r#""product","orders","quantity","amount","share_percent","line""#,
        r#""arroz",3,4,38.125,89.4,"product""#,
        r#""","",7,42.625,100.0,"total""#,
    ];
    ensure_lines(&csv.lines().map(str::to_owned).collect::<Vec<_>>(), &expected)?;
    let days = ["--format", "csv", "--product", "arroz", "--by", "day"];
    let expected = [
        r#""day","orders","quantity","amount","line""#,
        r#""2026-02-28",1,1,10.00,"day""#,
        r#""2026-03-01",2,3,30.00,"day""#,
        r#""2026-03-02",1,1,8.125,"day""#,
        r#""",4,5,48.125,"total""#,
    ];
    let csv = report(&shop, &days).await?;
    ensure_lines(&csv.lines().map(str::to_owned).collect::<Vec<_>>(), &expected)?;
    let all = parsed(&shop, &["--product", "arroz"]).await?;
    ensure!(all["products"][0]["amount"] == "48.125" && all["from"].is_null(), "{all:#}");
    Ok(())
}

#[tokio::test]
async fn tables_have_the_decimals_of_the_currency_and_json_has_all_decimals() -> Result<()> {
    let shop = shop().await?;
    for (currency, plain, brazilian, average) in [
        ("BRL", "2026-03-02 2 15.38 0.00 7.69", "R$ 15,38", "7.69"),
        ("JPY", "2026-03-02 2 15 0 8", "JPY 15", "8"),
        ("KWD", "2026-03-02 2 15.375 0.000 7.688", "KWD 15,375", "7.688"),
    ] {
        let set = format!("orders.currency={currency}");
        let args = ["--set", &set, "--by", "day", "--from", "2026-03-02", "--to", "2026-03-02"];
        let lines = table(&shop, &args).await?;
        ensure!(lines[0].contains(&format!("amounts in {currency}")), "{lines:#?}");
        ensure!(lines[2] == plain, "{lines:#?}");
        let written = report(&shop, &[&args[..], &["--locale", "pt-BR"]].concat()).await?;
        ensure!(written.contains(brazilian), "{written}");
        let json = parsed(&shop, &args).await?;
        ensure!(json["days"][0]["total"] == "15.375", "{json:#}");
        ensure!(json["days"][0]["average"] == average, "{json:#}");
    }
    // The totals since the beginning have them too.
    let lines = table(&shop, &["--set", "orders.currency=JPY"]).await?;
    ensure!(lines[1] == "arroz 5 48 91.4%", "{lines:#?}");
    Ok(())
}

#[tokio::test]
async fn no_sales_are_reported_in_a_sentence_and_unknown_times_in_a_note() -> Result<()> {
    let shop = shop().await?;
    shop.database
        .execute("INSERT INTO sales (order_number, total, processed_at) VALUES (9, 3, NULL)")
        .await?;
    let empty = ["--from", "2020-01-01", "--to", "2020-01-02"];
    for by in ["product", "day", "hour", "month"] {
        let args = [&["--by", by][..], &empty].concat();
        let lines = table(&shop, &args).await?;
        let note = "1 order is not included, as the time of the sale is unknown.";
        ensure_lines(&lines[1..], &["No sales in this period.", note])?;
        let json = parsed(&shop, &args).await?;
        ensure!(json[format!("{by}s")] == json!([]), "{json:#}");
        ensure!(json["unknown_time_orders"] == 1, "{json:#}");
        let csv = report(&shop, &[&args[..], &["--format", "csv"]].concat()).await?;
        ensure!(csv.lines().count() == 3 && csv.ends_with(",\"unknown_time\"\n"), "{csv}");
    }
    let days = parsed(&shop, &["--by", "day"]).await?;
    ensure!(days["total"]["orders"] == 5 && days["total"]["total"] == "64.875", "{days:#}");
    Ok(())
}

#[tokio::test]
async fn the_last_days_and_hours_end_now_in_the_time_zone_of_the_shop() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    // A time zone in which it is about noon, so that the test does not run across midnight. The
    // names have POSIX signs: Etc/GMT+5 is five hours behind UTC.
    let hour = shop.rows("SELECT extract(hour FROM now() AT TIME ZONE 'UTC')::int - 12").await?;
    let zone = format!("Etc/GMT{:+}", hour[0].parse::<i32>()?);
    let insert = format!(
        "INSERT INTO sales (order_number, total, counted_at) \
         SELECT hours, hours, now() AT TIME ZONE '{zone}' - make_interval(hours => hours) \
         FROM UNNEST(ARRAY[1, 25, 49, 73]) AS hours"
    );
    shop.database.execute(&insert).await?;
    let set = format!("orders.shop_timezone={zone}");
    for (by, last, now, before) in [
        ("day", "2d", "26.00", "122.00"),
        ("hour", "2d", "26.00", "122.00"),
        ("hour", "24h", "1.00", "25.00"),
    ] {
        let args = ["--set", &set, "--by", by, "--last", last, "--compare"];
        let json = parsed(&shop, &args).await?;
        ensure!(json["total"]["total"] == now, "{by} {last}: {json:#}");
        ensure!(json["total"]["before"]["total"] == before, "{by} {last}: {json:#}");
        ensure!(json["time_zone"] == zone.as_str(), "{json:#}");
    }
    let today = format!("SELECT (now() AT TIME ZONE '{zone}')::date");
    let json = parsed(&shop, &["--set", &set, "--by", "month", "--last", "1m"]).await?;
    let first = format!("{}-01", &shop.rows(&today).await?[0][..7]);
    ensure!(json["from"] == first.as_str(), "{json:#}");
    Ok(())
}

#[tokio::test]
async fn invalid_combinations_are_reported_before_anything_is_read() -> Result<()> {
    let shop = Shop::open(1).await?;
    for (args, expected) in [
        (&["--compare"][..], "--compare needs a period"),
        (&["--compare", "--from", "2026-03-01"], "--compare needs a period"),
        (&["--product", "chá", "--by", "hour"], "totals per product do not exist by hour"),
        (&["--last", "24h"], "--last in hours needs --by hour"),
        (&["--from", "2026-03-01T10:00"], "--from with a time of day needs --by hour"),
        (&["--from", "2026-03-02", "--to", "2026-03-01"], "--from must not be after --to"),
        (&["--last", "7d", "--to", "2026-03-01"], "cannot be used with"),
        (&["--by", "day", "--top", "3"], "--top needs --by product"),
        (&["--from", "yesterday"], "must be a day such as"),
    ] {
        let ended = shop.vendas(&["report"]).args(args).run(DEADLINE).await?.expect_code(2)?;
        ensure!(ended.stderr.contains(expected), "{args:?}: {}", ended.stderr);
    }
    Ok(())
}
