//! The periods of the dashboard, compared with sums over the orders.

use serde_json::json;
use testbed::{Browser, Result, ensure, eventually};

use super::{Dashboard, lines, shows};
use crate::shop::{DEADLINE, Shop};

/// Orders of more than a year, up to the current hour: two products each, with different amounts;
/// and numbered orders without products.
const YEAR: &str = "
    INSERT INTO orders (order_id, numbered, total, items, sold_at, processed_at)
    SELECT n::text, false, amount + 1.5, ARRAY[
            ROW('Café ' || n % 13, n % 3 + 1, amount)::order_item,
            ROW('Filtro', 1, 1.5)::order_item
        ], hour - n * interval '7 hours', now()
    FROM generate_series(0, 1300) AS n,
        LATERAL (SELECT ((n * 7919) % 100000) / 100.0, date_trunc('hour', now() AT TIME ZONE
            'America/Sao_Paulo')) AS drawn (amount, hour);
    INSERT INTO sales (order_number, total, processed_at, counted_at)
    SELECT n, n % 50 + 0.25, now(), date_trunc('hour', now() AT TIME ZONE 'America/Sao_Paulo')
        - n * interval '5 hours'
    FROM generate_series(1, 500) AS n";

/// The expected figures and their changes at the current time: total, orders, average, and the
/// change of each in percent, empty if there is none.
fn figures(decimals: u32) -> String {
    format!(
        "WITH clock AS (
            SELECT date_trunc('day', now) AS day, date_trunc('hour', now) + interval '1 hour' AS ends
            FROM (SELECT now() AT TIME ZONE 'America/Sao_Paulo') AS clock (now)
        ), sold AS (
            SELECT total, sold_at FROM orders UNION ALL SELECT total, counted_at FROM sales
        ), periods (nth, since, until, span) AS (
            SELECT 1, day, ends, interval '1 day' FROM clock
            UNION ALL SELECT 2, day - interval '1 day', day, interval '1 day' FROM clock
            UNION ALL SELECT 3, day - interval '6 days', ends, interval '7 days' FROM clock
            UNION ALL SELECT 4, day - interval '29 days', ends, interval '30 days' FROM clock
            UNION ALL SELECT 5, '-infinity', 'infinity', NULL FROM clock
        ), sums AS (
            SELECT nth, span,
                ARRAY(SELECT unnest(ARRAY[coalesce(sum(total), 0), count(*), round(avg(total), {decimals})])
                    FROM sold WHERE sold_at >= since AND sold_at < until) AS now,
                ARRAY(SELECT unnest(ARRAY[coalesce(sum(total), 0), count(*), round(avg(total), {decimals})])
                    FROM sold WHERE sold_at >= since - span AND sold_at < until - span) AS before
            FROM periods
        )
        SELECT round(now[1], {decimals}), now[2], now[3],
            round((now[1] - before[1]) * 100 / nullif(before[1], 0), 1),
            round((now[2] - before[2]) * 100 / nullif(before[2], 0), 1),
            round((now[3] - before[3]) * 100 / nullif(before[3], 0), 1)
        FROM sums ORDER BY nth"
    )
}

const PERIODS: [&str; 5] = ["today", "yesterday", "7d", "30d", "all"];

/// A number in PostgreSQL's format, from the page's English format.
fn number(text: &str) -> String {
    let kept = text.replace('\u{2212}', "-");
    kept.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | '-')).collect()
}

async fn shown(browser: &Browser) -> Result<String> {
    let mut all = Vec::new();
    for figure in ["sold", "orders", "average"] {
        all.push(number(&browser.text(&format!("#{figure}")).await?));
    }
    for figure in ["sold", "orders", "average"] {
        let script = format!(
            "const place = document.querySelector('#{figure}-change'); \
             return place.hidden ? '' : place.querySelector('.delta').textContent"
        );
        all.push(number(browser.evaluate(&script).await?.as_str().unwrap_or_default()));
    }
    Ok(all.join("|"))
}

async fn shows_period(shop: &Shop, browser: &Browser, nth: usize, decimals: u32) -> Result<()> {
    eventually(PERIODS[nth], DEADLINE, async || {
        let expected = shop.rows(&figures(decimals)).await?;
        let shown = shown(browser).await?;
        ensure!(shown == expected[nth], "{}: {shown}, not {}", PERIODS[nth], expected[nth]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn each_period_is_exact_and_has_an_address() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database.execute(YEAR).await?;
    let served = Dashboard::start(&shop)?;
    let browser = Browser::start("en-US").await?;
    // The default is today.
    let root = format!("http://127.0.0.1:{}/", served.port);
    eventually("page", DEADLINE, async || browser.open(&root).await).await?;
    shows_period(&shop, &browser, 0, 2).await?;
    browser.evaluate("window.kept = 'kept'").await?;
    for (nth, period) in PERIODS.into_iter().enumerate().rev() {
        browser.click(&format!("[data-period='{period}']")).await?;
        shows_period(&shop, &browser, nth, 2).await?;
        let script = "return [location.search, window.kept, \
            document.querySelector('#periods [aria-current]').dataset.period, \
            document.querySelectorAll('#times tr').length === Number(document.querySelector('#bars').dataset.bars)]";
        let page = browser.evaluate(script).await?;
        ensure!(page == json!([format!("?period={period}"), "kept", period, true]), "{page}");
    }
    let bars =
        async || browser.evaluate("return document.querySelector('#bars').dataset.bars").await;
    ensure!(bars().await? == "24");
    // The browser's back and forward buttons.
    browser.evaluate("history.back()").await?;
    shows_period(&shop, &browser, 1, 2).await?;
    ensure!(browser.text("#compared").await? == "compared with the day before");
    ensure!(bars().await? == "24");
    browser.evaluate("history.back()").await?;
    shows_period(&shop, &browser, 2, 2).await?;
    ensure!(bars().await? == "7");
    browser.evaluate("history.forward()").await?;
    shows_period(&shop, &browser, 1, 2).await?;
    ensure!(browser.evaluate("return window.kept").await? == "kept");
    // Loaded with a period in the address; an unknown one means today.
    served.open(&browser, "30d").await?;
    shows_period(&shop, &browser, 3, 2).await?;
    ensure!(bars().await? == "30");
    served.open(&browser, "tomorrow").await?;
    shows_period(&shop, &browser, 0, 2).await?;
    Ok(())
}

#[tokio::test]
async fn days_and_products_are_exact() -> Result<()> {
    const DAYS: &str = "
        SELECT total, orders
        FROM generate_series(0, 6) AS ago,
            LATERAL (SELECT (now() AT TIME ZONE 'America/Sao_Paulo')::date - (6 - ago)) AS days (day),
            LATERAL (SELECT round(sum(total), 2), count(*) FROM (
                SELECT total, sold_at FROM orders UNION ALL SELECT total, counted_at FROM sales
            ) AS sold WHERE sold_at::date = day) AS sums (total, orders)
        ORDER BY ago";
    const PRODUCTS: &str = "
        WITH listed AS (
            SELECT (item).product, (item).quantity, (item).amount,
                sold_at >= (now() AT TIME ZONE 'America/Sao_Paulo')::date - 6 AS is_now
            FROM (SELECT sold_at, unnest(items) AS item FROM orders) AS each
            WHERE sold_at >= (now() AT TIME ZONE 'America/Sao_Paulo')::date - 13
        ), sums AS (
            SELECT product, sum(quantity) FILTER (WHERE is_now) AS quantity,
                sum(amount) FILTER (WHERE is_now) AS amount,
                sum(amount) FILTER (WHERE NOT is_now) AS before
            FROM listed GROUP BY product
        )
        SELECT product, trim_scale(quantity), round(amount, 2),
            round(amount * 100 / sum(amount) OVER (), 1), round((amount - before) * 100 / before, 1)
        FROM sums ORDER BY amount DESC, product COLLATE \"C\" LIMIT 10";
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database.execute(YEAR).await?;
    let served = Dashboard::start(&shop)?;
    let browser = Browser::start("en-US").await?;
    served.open(&browser, "7d").await?;
    eventually("days and products", DEADLINE, async || {
        let days: Vec<_> = lines(&browser, "#times").await?;
        let days: Vec<_> =
            days.iter().map(|row| format!("{}|{}", number(&row[1]), number(&row[2]))).collect();
        let expected = shop.rows(DAYS).await?;
        ensure!(days == expected, "{days:?}, not {expected:?}");
        let products = lines(&browser, "#products").await?;
        let products: Vec<_> = products
            .iter()
            .map(|row| {
                let figures = row[1..].iter().map(|cell| number(cell)).collect::<Vec<_>>();
                format!("{}|{}", row[0], figures.join("|"))
            })
            .collect();
        let expected = shop.rows(PRODUCTS).await?;
        ensure!(products == expected, "{products:?}, not {expected:?}");
        Ok(())
    })
    .await?;
    shows(&browser, "#sums .others th", "4 others").await?;
    Ok(())
}

#[tokio::test]
async fn amounts_have_the_decimals_of_their_currency() -> Result<()> {
    for (currency, decimals, language, total, axis) in [
        ("BRL", 2, "pt-BR", "R$ 1.234,57", "R$\u{a0}1,5\u{a0}mil"),
        ("JPY", 0, "en-US", "¥1,235", "¥1.5K"),
        ("KWD", 3, "en-US", "KWD 1,234.568", "KWD\u{a0}1.5K"),
    ] {
        let shop = Shop::open(1).await?;
        shop.apply_schema().await?;
        let order = "INSERT INTO orders
            VALUES ('a', false, 1234.5675, '{}', now() AT TIME ZONE 'America/Sao_Paulo', now())";
        shop.database.execute(order).await?;
        let served =
            Dashboard::of(shop.vendas(&["run", "--set", &format!("orders.currency={currency}")]))?;
        let browser = Browser::start(language).await?;
        served.open(&browser, "7d").await?;
        shows(&browser, "#sold", total).await?;
        shows(&browser, "#average", total).await?;
        // In Portuguese a point is not a decimal separator.
        if language != "pt-BR" {
            shows_period(&shop, &browser, 2, decimals).await?;
        }
        let labels = browser
            .evaluate("return Array.from(document.querySelectorAll('#bars text'), (text) => text.textContent)")
            .await?;
        ensure!(labels.as_array().is_some_and(|all| all.contains(&json!(axis))), "{labels}");
    }
    Ok(())
}

#[tokio::test]
async fn a_new_shop_and_its_first_orders_are_displayed() -> Result<()> {
    let shop = Shop::open(1).await?;
    let served = Dashboard::start(&shop)?;
    let browser = Browser::start("en-US").await?;
    served.open(&browser, "7d").await?;
    shows(&browser, "#empty .lead", "No orders yet.").await?;
    shows(&browser, "#sold", "R$0.00").await?;
    shows(&browser, "#average", "–").await?;
    let hint = browser.text("#empty .hint").await?;
    ensure!(hint.contains(&shop.topic), "{hint}");
    shows(&browser, "#no-products", "No products sold in this period.").await?;
    // An old order leaves the period empty, but the shop is not new.
    let order = "INSERT INTO orders VALUES ('a', false, 5, '{}', '2020-02-29', now())";
    shop.database.execute(order).await?;
    shows(&browser, "#empty .lead", "No orders in this period yet.").await?;
    shop.send_numbers(0, [17]).await?;
    shows(&browser, "#sold", "R$17.10").await?;
    shows(&browser, "#sold-change", "no orders in the previous period").await?;
    let page = browser
        .evaluate(
            "return [document.querySelector('#empty').hidden, \
             document.querySelectorAll('#bars rect.now').length]",
        )
        .await?;
    ensure!(page == json!([true, 1]), "{page}");
    browser.click("[data-period=all]").await?;
    shows(&browser, "#sold", "R$22.10").await?;
    // Years with two orders are shown by month.
    shows(&browser, "#sales-title", "Sales by month").await
}
