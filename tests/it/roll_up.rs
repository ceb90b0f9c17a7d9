//! `vendas orders roll-up`: exact sums of products by month instead of by day.

#[cfg(feature = "failpoints")]
use testbed::eventually;
use testbed::{Result, ensure};

use crate::{
    shop::{DEADLINE, Shop},
    totals::expect_equal,
};

/// Orders with ids over two years; the last ones are still in the ledger.
const ORDERS: &str = "
    INSERT INTO orders (order_id, numbered, total, items, sold_at, processed_at, counted_at)
    SELECT n, false, 2 * n, ARRAY[ROW('p' || n % 3, 1, n)::order_item, ROW('p3', n % 4, n)::order_item],
           '2024-01-15'::timestamp + n * interval '11 h', now(),
           '2024-01-15'::timestamp + n * interval '11 h'
    FROM generate_series(1, 1500) AS n;
    SELECT fold_ledgers();
    UPDATE orders SET items = items || ROW('late', 2, 0.50)::order_item WHERE order_id LIKE '%7';";

const MONTHS: &str = "SELECT month, product, orders, trim_scale(quantity), trim_scale(amount) \
                      FROM product_months ORDER BY 1, 2";
const OTHERS: &str = "SELECT 'total', product, NULL, quantity, amount FROM product_totals \
                      UNION ALL SELECT 'hour', hour::text, orders, total, charges FROM order_hours \
                      ORDER BY 1, 2";
const LATER_DAYS: &str = "SELECT day, product, orders, trim_scale(quantity), trim_scale(amount), \
                          rolled_up FROM product_days WHERE day >= '2025-02-01' ORDER BY 1, 2";
const EARLIER_DAYS: &str = "SELECT count(*), count(*) FILTER (WHERE rolled_up), \
                            count(DISTINCT day), max(extract(day FROM day)) \
                            FROM product_days WHERE day < '2025-02-01'";

async fn shop() -> Result<Shop> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database.execute(ORDERS).await?;
    Ok(shop)
}

fn roll_up(shop: &Shop) -> testbed::VendasCommand {
    // Whole months: to the first of February.
    shop.vendas(&["orders", "roll-up", "--before", "2025-02-17", "--because", "a test"])
}

async fn verified(shop: &Shop) -> Result<()> {
    expect_equal(&shop.database).await?;
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

#[tokio::test]
async fn days_are_merged_into_months_and_all_other_sums_stay() -> Result<()> {
    let shop = shop().await?;
    let (months, others) = (shop.rows(MONTHS).await?, shop.rows(OTHERS).await?);
    let later = shop.rows(LATER_DAYS).await?;
    let unchanged = async |after: &str| {
        ensure!(shop.rows(MONTHS).await? == months, "other months after {after}");
        ensure!(shop.rows(OTHERS).await? == others, "other sums after {after}");
        ensure!(shop.rows(LATER_DAYS).await? == later, "other days after {after}");
        verified(&shop).await
    };
    let shown = roll_up(&shop).run(DEADLINE).await?.expect_code(0)?;
    ensure!(shown.stdout.contains("nothing was changed"), "{}", shown.stdout);
    let recent = ["orders", "roll-up", "--older-than", "10d", "--because", "a test", "--yes"];
    let recent = shop.vendas(&recent).run(DEADLINE).await?.expect_code(1)?;
    ensure!(recent.stderr.contains("are kept by day"), "{}", recent.stderr);
    ensure!(shop.database.count("roll_ups").await? == 0, "it was rolled up");
    let ended = roll_up(&shop).args(["--yes"]).run(DEADLINE).await?.expect_code(0)?;
    ensure!(
        ended.stdout.contains("sums by product and day, before 2025-02-01, become "),
        "{}",
        ended.stdout
    );
    ensure!(ended.stdout.contains("rolled up 13 months"), "{}", ended.stdout);
    unchanged("rolling up").await?;
    // Rows that were not folded then are merged into months by now.
    shop.database.execute("SELECT fold_ledgers()").await?;
    unchanged("folding").await?;
    let earlier = shop.rows(EARLIER_DAYS).await?;
    ensure!(earlier == ["65|65|13|1"], "{earlier:?}");
    let noted = shop.rows("SELECT rolled_up_before, because FROM roll_ups").await?;
    ensure!(noted == ["2025-02-01|a test"], "{noted:?}");
    shop.database.execute("SELECT rebuild_sums()").await?;
    unchanged("rebuild_sums").await?;
    ensure!(shop.rows(EARLIER_DAYS).await? == earlier, "{:?}", shop.rows(EARLIER_DAYS).await?);

    // Corrections are merged into months.
    shop.database
        .execute(
            "UPDATE orders SET counted_at = counted_at - interval '40 days' WHERE order_id LIKE '%3'; \
             DELETE FROM orders WHERE order_id LIKE '%5'; SELECT fold_ledgers()",
        )
        .await?;
    verified(&shop).await?;
    let days = "SELECT count(*) FROM product_day_sums \
                WHERE day < '2025-02-01' AND extract(day FROM day) > 1";
    ensure!(shop.rows(days).await? == ["0"], "{:?}", shop.rows(days).await?);
    let months = shop.rows(MONTHS).await?;

    // A purge within a rolled-up month archives by month, and forgets whole months.
    let purge = ["orders", "purge", "--before", "2024-11-12", "--because", "a test", "--yes"];
    shop.vendas(&purge).run(DEADLINE).await?.expect_code(0)?;
    ensure!(shop.rows(MONTHS).await? == months, "other months after a purge");
    verified(&shop).await?;
    shop.vendas(&purge).args(["--forget-sums"]).run(DEADLINE).await?.expect_code(0)?;
    let left = shop.rows(MONTHS).await?;
    let expected: Vec<_> = months.into_iter().filter(|line| &**line >= "2024-11").collect();
    ensure!(left == expected, "{left:?}, not {expected:?}");
    verified(&shop).await
}

#[tokio::test]
async fn a_later_roll_up_includes_purged_sums() -> Result<()> {
    let shop = shop().await?;
    let months = shop.rows(MONTHS).await?;
    let purge = ["orders", "purge", "--before", "2025-01-12", "--because", "a test", "--yes"];
    shop.vendas(&purge).run(DEADLINE).await?.expect_code(0)?;
    for before in ["2024-06-01", "2024-07-01", "2025-02-01"] {
        let roll_up = ["orders", "roll-up", "--before", before, "--because", "a test", "--yes"];
        shop.vendas(&roll_up).run(DEADLINE).await?.expect_code(0)?;
        ensure!(shop.rows(MONTHS).await? == months, "other months");
        verified(&shop).await?;
    }
    let days = "SELECT count(*) FROM archived_product_days WHERE extract(day FROM day) > 1";
    ensure!(shop.rows(days).await? == ["0"], "{:?}", shop.rows(days).await?);
    shop.database.execute("TRUNCATE orders").await?;
    let archived: Vec<_> = shop.rows(MONTHS).await?;
    ensure!(archived.first() == months.first(), "{archived:?}");
    verified(&shop).await
}

#[tokio::test]
async fn a_report_of_products_does_not_split_a_rolled_up_month() -> Result<()> {
    let shop = shop().await?;
    roll_up(&shop).args(["--yes"]).run(DEADLINE).await?.expect_code(0)?;
    for (args, code) in [
        (&["--from", "2024-12-01", "--to", "2025-01-31"][..], 0),
        (&["--from", "2024-12-01", "--to", "2025-02-14"], 0),
        (&["--from", "2024-12-02", "--to", "2025-01-31"], 1),
        (&["--from", "2024-12-01", "--to", "2025-01-30"], 1),
        (&["--from", "2025-02-02", "--to", "2025-02-03"], 0),
        (&["--from", "2025-02-02", "--to", "2025-02-14", "--compare"], 1),
        (&["--by", "month", "--product", "p1"], 0),
        (&["--by", "day", "--product", "p1", "--from", "2025-02-01"], 0),
        (&["--by", "day", "--product", "p1", "--from", "2025-01-01"], 1),
        (&["--by", "day", "--product", "p1"], 1),
        (&["--by", "day", "--from", "2024-12-02", "--to", "2025-01-30"], 0),
        (&[], 0),
    ] {
        let ended = shop.vendas(&["report"]).args(args).run(DEADLINE).await?.expect_code(code)?;
        let told = ended.stderr.contains("product sums before 2025-02-01 are stored by month");
        ensure!(told == (code == 1), "{args:?}: {}", ended.state());
    }
    Ok(())
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn killed_between_two_months_it_continues_when_started_again() -> Result<()> {
    let shop = shop().await?;
    let months = shop.rows(MONTHS).await?;
    let stopping = roll_up(&shop).args(["--yes"]).env("FAILPOINTS", "rolled_up_month=4*off->pause");
    let stopping = stopping.start()?;
    let days = "SELECT count(*) FROM product_day_sums \
                WHERE day < '2024-06-01' AND extract(day FROM day) > 1";
    eventually("five months to be rolled up", DEADLINE, async || {
        ensure!(shop.rows(days).await? == ["0"], "{}", stopping.state());
        Ok(())
    })
    .await?;
    stopping.kill()?;
    ensure!(shop.rows(MONTHS).await? == months, "other months");
    verified(&shop).await?;
    let ended = roll_up(&shop).args(["--yes"]).run(DEADLINE).await?.expect_code(0)?;
    ensure!(ended.stdout.contains("rolled up 8 months"), "{}", ended.stdout);
    ensure!(shop.rows(MONTHS).await? == months, "other months");
    verified(&shop).await
}
