//! `vendas report` by a kept field.

use serde_json::{Value, json};
use testbed::{Result, ensure};

use super::report;
use crate::shop::{DEADLINE, Shop};

fn order(id: &str, day: &str, store: &Value, freight: &str, price: &str) -> String {
    json!({
        "order_id": id, "sold_at": format!("{day}T10:30:00"), "frete": freight, "store": store,
        "items": [{"product": "arroz", "qty": "1", "unit_price": price}],
    })
    .to_string()
}

/// Orders of stores "norte", 7 and "", of no store, and numbered ones with and without a row in
/// `orders`.
async fn shop() -> Result<Shop> {
    let shop = Shop::open(1).await?;
    let mut without = order("d", "2026-03-01", &json!(null), "0", "3");
    without = without.replace("\"store\":null,", "");
    shop.send(
        0,
        &[
            &order("a", "2026-03-01", &json!("norte"), "5", "10"),
            &order("b", "2026-03-02", &json!("norte"), "0", "0.125"),
            &order("c", "2026-02-27", &json!("norte"), "0", "4"),
            &without,
            &order("e", "2026-03-02", &json!(7), "0", "40"),
            &order("f", "2026-03-01", &json!(""), "0", "2"),
            &order("g", "2026-03-02", &json!("sul"), "0", "100"),
            r#"{"order_number": 1, "total": 20, "sold_at": "2026-03-01T08:00:00"}"#,
            r#"{"order_number": 2, "total": 6.5, "store": "sul", "sold_at": "2026-03-01T08:00:00"}"#,
        ],
    )
    .await?;
    let settings = ["mapping.shipping=frete", "mapping.keep.store=$.store"];
    let run = ["run", "--until-end", "--set", settings[0], "--set", settings[1]];
    shop.vendas(&run).run(DEADLINE).await?.expect_code(0)?;
    // One order is corrected: it was sold elsewhere.
    shop.send(0, &[&order("g", "2026-03-02", &json!("norte"), "0", "1")]).await?;
    shop.vendas(&run).run(DEADLINE).await?.expect_code(0)?;
    ensure!(shop.rows("SELECT count(*) FROM dead_letters").await? == ["0"], "dead letters");
    Ok(shop)
}

async fn lines(shop: &Shop, args: &[&str]) -> Result<Vec<String>> {
    let all = [&["--locale", "plain", "--by", "store"], args].concat();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(report(shop, &all).await?.lines().map(words).collect())
}

#[tokio::test]
async fn the_values_of_a_kept_field_add_up_to_all_sales() -> Result<()> {
    let shop = shop().await?;
    let found = lines(&shop, &[]).await?;
    ensure!(found[0].starts_with("Sales by store, since the beginning ("), "{found:#?}");
    let expected = [
        "store orders total charges average share",
        "7 1 40.00 0.00 40.00 43.7%",
        "(none) 2 23.00 0.00 11.50 25.1%",
        "norte 4 20.13 5.00 5.03 22.0%",
        "sul 1 6.50 0.00 6.50 7.1%",
        "1 2.00 0.00 2.00 2.2%",
        "total (5) 9 91.63 5.00 10.18 100.0%",
    ];
    ensure!(found[1..] == expected, "{found:#?}");

    let top = lines(&shop, &["--top", "2", "--from", "2026-03-01", "--to", "2026-03-01"]).await?;
    let expected = [
        "(none) 2 23.00 0.00 11.50 49.5%",
        "norte 1 15.00 5.00 15.00 32.3%",
        "others (2) 2 8.50 0.00 4.25 18.3%",
        "total (4) 5 46.50 5.00 9.30 100.0%",
    ];
    ensure!(top[2..] == expected, "{top:#?}");

    let period = ["--from", "2026-03-01", "--to", "2026-03-03", "--compare", "--top", "1"];
    let compared = lines(&shop, &[&period[..], &["--format", "json"]].concat()).await?;
    let compared: Value = serde_json::from_str(&compared[0])?;
    ensure!(compared["by"] == "store", "{compared}");
    let values = json!([{
        "value": "7", "orders": 1, "total": "40.00", "charges": "0.00", "average": "40.00",
        "before": {"orders": 0, "total": "0.00", "charges": "0.00", "average": null},
        "change_percent": {"orders": null, "total": null, "charges": null, "average": null},
        "share_percent": "45.6",
    }]);
    ensure!(compared["values"] == values, "{compared:#}");
    ensure!(compared["others"]["values"] == 4, "{compared:#}");
    ensure!(compared["others"]["before"]["total"] == "4.00", "{compared:#}");
    ensure!(compared["total"]["total"] == "87.625", "{compared:#}");
    ensure!(compared["total"]["change_percent"]["total"] == "2090.6", "{compared:#}");

    let csv = report(&shop, &["--by", "keep.store", "--format", "csv"]).await?;
    ensure!(csv.starts_with("\"value\",\"orders\",\"total\""), "{csv}");
    ensure!(csv.contains("\"norte\",4,20.125,5.00,5.03,22.0,\"value\"\n"), "{csv}");
    Ok(())
}

#[tokio::test]
async fn orders_without_rows_belong_to_no_value_and_the_total_stays() -> Result<()> {
    let shop = shop().await?;
    // A numbered order counts by its row in `sales`: after that is deleted, only its charges count.
    shop.database.execute("DELETE FROM sales WHERE order_number = 2").await?;
    shop.database.execute("UPDATE orders SET kept = NULL WHERE order_id = 'e'").await?;
    let found = lines(&shop, &[]).await?;
    let expected = [
        "(none) 3 63.00 0.00 21.00 74.0%",
        "norte 4 20.13 5.00 5.03 23.6%",
        "1 2.00 0.00 2.00 2.3%",
        "sul 0 0.00 0.00 – 0.0%",
        "total (4) 8 85.13 5.00 10.64 100.0%",
    ];
    ensure!(found[2..] == expected, "{found:#?}");
    Ok(())
}

#[tokio::test]
async fn an_unknown_field_is_reported_with_the_existing_ones() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    let by = async |field: &str, more: &[&str]| {
        let args = [&["report", "--by", field], more].concat();
        shop.vendas(&args).run(DEADLINE).await
    };
    let empty = by("store", &[]).await?.expect_code(1)?;
    ensure!(empty.stderr.contains("no order has any; `mapping.keep` sets"), "{}", empty.stderr);
    shop.send(0, &[&order("a", "2026-03-01", &json!("norte"), "0", "1")]).await?;
    let settings = ["mapping.keep.loja=$.store", "mapping.keep.canal=$.order_id"];
    let run = ["run", "--until-end", "--set", settings[0], "--set", settings[1]];
    shop.vendas(&run).run(DEADLINE).await?.expect_code(0)?;
    let wrong = by("week", &[]).await?.expect_code(1)?;
    let expected = "--by week: must be product, day, hour, month, or an existing kept field: \
                    available: canal, loja";
    ensure!(wrong.stderr.contains(expected), "{}", wrong.stderr);
    for (refused, more) in [
        ("totals by kept field do not exist per product", ["--product", "arroz"]),
        ("needs --by hour", ["--last", "24h"]),
    ] {
        let refusal = by("loja", &more).await?.expect_code(2)?;
        ensure!(refusal.stderr.contains(refused), "{}", refusal.stderr);
    }
    by("", &[]).await?.expect_code(2)?;
    Ok(())
}
