//! Accessibility of the dashboard: keyboard, screen readers, few colours, fast display.

use std::{path::Path, time::Duration};

use serde_json::json;
use testbed::{Browser, Result, ensure, eventually};

use super::{Dashboard, PICTURES, shows, sold};
use crate::shop::{DEADLINE, Shop};

/// The fastest of several loads, since the machine may be busy.
const FIRST_PAINT: Duration = Duration::from_millis(500);
const SIZE: u64 = 150_000;

async fn ensure_accessible(browser: &Browser, state: &str) -> Result<()> {
    for theme in ["light", "dark"] {
        browser.prefer(&[("prefers-color-scheme", theme)]).await?;
        let violations = browser.violations().await?;
        ensure!(violations.is_empty(), "{state}, {theme}: {violations:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn axe_finds_no_violation_in_any_state() -> Result<()> {
    let shop = Shop::open(1).await?;
    let served = Dashboard::start(&shop)?;
    let browser = Browser::start("en-US").await?;
    served.open(&browser, "7d").await?;
    shows(&browser, "#empty .lead", "No orders yet.").await?;
    ensure_accessible(&browser, "empty").await?;
    let orders: Vec<_> =
        (1..15).map(|n| sold(&format!("o{n}"), &format!("Produto {n}"), "1", "9.99")).collect();
    shop.send(0, &orders.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    shop.send(0, &["no order", r#"{"order_number": 1}"#]).await?;
    shows(&browser, "#letters", "2").await?;
    shows(&browser, "#orders", "14").await?;
    browser.click("summary").await?;
    ensure_accessible(&browser, "full").await?;
    browser.click("[data-language=pt-BR]").await?;
    browser.click("[data-period=today]").await?;
    shows(&browser, "#state", "Funcionando").await?;
    shows(&browser, "#orders", "14").await?;
    ensure_accessible(&browser, "full, in Portuguese").await?;
    browser.resize(390, 844).await?;
    ensure_accessible(&browser, "on a telephone").await?;
    served.vendas.kill()?;
    shows(&browser, "#state", "Reconectando").await?;
    ensure_accessible(&browser, "gone").await?;
    // Kafka is unavailable for this run.
    let paused = Dashboard::of(shop.vendas(&["run"]).env("VENDAS_KAFKA__BROKERS", "127.0.0.1:1"))?;
    paused.open(&browser, "7d").await?;
    shows(&browser, "#orders", "14").await?;
    eventually("pause", DEADLINE, async || {
        let notices = browser.text("#notices").await?;
        ensure!(notices.contains("Kafka"), "{notices}");
        Ok(())
    })
    .await?;
    ensure_accessible(&browser, "paused").await?;
    // PostgreSQL is unavailable for this run from the beginning.
    let unread = Dashboard::of(shop.vendas(&["run"]).env("VENDAS_DATABASE__PORT", "1"))?;
    unread.open(&browser, "7d").await?;
    eventually("notice", DEADLINE, async || {
        let notices = browser.text("#notices").await?;
        ensure!(
            notices.contains("cannot be read") || notices.contains("não é possível"),
            "{notices}"
        );
        Ok(())
    })
    .await?;
    ensure_accessible(&browser, "nothing read").await
}

#[tokio::test]
async fn all_controls_are_reachable_by_keyboard() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 1..9).await?;
    let served = Dashboard::start(&shop)?;
    let browser = Browser::start("en-US").await?;
    served.open(&browser, "7d").await?;
    shows(&browser, "#orders", "8").await?;
    let mut reached = Vec::new();
    for _ in 0..11 {
        browser.press("Tab").await?;
        let focus = browser
            .evaluate(
                "const focus = document.activeElement; return [focus.dataset.period ?? \
                 focus.dataset.language ?? (focus.id || focus.localName), \
                 parseFloat(getComputedStyle(focus).outlineWidth) >= 2]",
            )
            .await?;
        ensure!(focus[1] == true, "no outline around {focus}");
        reached.push(focus[0].as_str().unwrap_or_default().to_owned());
    }
    let expected = ["today", "yesterday", "7d", "30d", "all", "pt-BR", "en", "bars", "summary"];
    ensure!(reached[..9] == expected, "{reached:?}");
    // The keyboard reads the chart's figures one by one.
    browser.evaluate("document.querySelector('#bars').focus()").await?;
    let told = async || {
        browser
            .evaluate(
                "const bars = document.querySelector('#bars'); return [bars.ariaValueNow, \
                 bars.ariaValueText, bars.querySelector('.tip').textContent, \
                 bars.querySelector('.tip').hidden]",
            )
            .await
    };
    browser.press("End").await?;
    let last = told().await?;
    ensure!(last[0] == "6" && last[1] == last[2] && last[3] == false, "{last}");
    let text = last[1].as_str().unwrap_or_default();
    ensure!(text.contains("R$36.80 · 8 orders · 7 days before R$0.00"), "{text}");
    browser.press("ArrowLeft").await?;
    let before = told().await?;
    ensure!(before[0] == "5" && before[1] != last[1], "{before}");
    browser.press("Home").await?;
    ensure!(told().await?[0] == "0");
    browser.press("Escape").await?;
    ensure!(told().await?[3] == true);
    // Enter chooses a period.
    browser.evaluate("document.querySelector('[data-period=all]').focus()").await?;
    browser.press("Enter").await?;
    shows(&browser, "#period-title", "Since the beginning").await?;
    let page =
        browser.evaluate("return [location.search, document.activeElement.dataset.period]").await?;
    ensure!(page == json!(["?period=all", "all"]), "{page}");
    Ok(())
}

#[tokio::test]
async fn print_shows_the_figures_and_no_controls() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 1..9).await?;
    let served = Dashboard::start(&shop)?;
    let browser = Browser::start("en-US").await?;
    browser.prefer(&[("prefers-color-scheme", "dark")]).await?;
    served.open(&browser, "7d").await?;
    shows(&browser, "#orders", "8").await?;
    browser.as_printed().await?;
    // The chart's table is printed even if it is closed on the screen.
    let page = browser
        .evaluate(
            "const seen = (part) => document.querySelector(part).checkVisibility(); \
             return [seen('#periods'), seen('.languages'), seen('summary'), seen('#sold'), \
             seen('#bars'), document.querySelector('#times tr').getBoundingClientRect().height > 5, \
             getComputedStyle(document.body).color]",
        )
        .await?;
    ensure!(page == json!([false, false, false, true, true, true, "rgb(26, 31, 54)"]), "{page}");
    if let Some(folder) = std::env::var_os(PICTURES) {
        browser.screenshot(&Path::new(&folder).join("print.png")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_page_is_small_and_displayed_at_once() -> Result<()> {
    let shop = Shop::open(1).await?;
    let served = Dashboard::start(&shop)?;
    let browser = Browser::start("pt-BR").await?;
    eventually("first paint", DEADLINE, async || {
        served.open(&browser, "today").await?;
        let page = browser
            .evaluate(
                "const loaded = performance.getEntriesByType('resource'); \
                 const page = performance.getEntriesByType('navigation')[0]; \
                 const paint = performance.getEntriesByName('first-contentful-paint')[0]; \
                 return { \
                   paint: paint ? Math.ceil(paint.startTime) : null, \
                   size: loaded.reduce((sum, {decodedBodySize}) => sum + decodedBodySize, page.decodedBodySize), \
                   strangers: loaded.map(({name}) => name).filter((name) => new URL(name).origin !== origin), \
                 }",
            )
            .await?;
        ensure!(page["strangers"] == json!([]), "{page}");
        let size = page["size"].as_u64().unwrap_or(u64::MAX);
        ensure!((20_000..SIZE).contains(&size), "{page}");
        let paint = page["paint"].as_u64().map(Duration::from_millis);
        ensure!(paint.is_some_and(|time| time < FIRST_PAINT), "{page}");
        println!("{page}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_page_computes_with_exact_decimals() -> Result<()> {
    let shop = Shop::open(1).await?;
    let served = Dashboard::start(&shop)?;
    let browser = Browser::start("en-US").await?;
    served.open(&browser, "7d").await?;
    let computed = browser
        .evaluate(
            "return import('/assets/decimals.js').then(({units, decimal, ratio, step}) => [ \
             String(units('12345678901234567890.123', 2)), String(units('-1.5', 3)), \
             String(units('NaN', 2)), String(units(null, 2)), decimal(-5n, 2), decimal(1200n, 0), \
             ratio(1n, 3n), ratio(10n ** 40n, 2n * 10n ** 40n), \
             [1n, 5n, 6n, 11n, 26n, 10n ** 30n].map((top) => String(step(top)))])",
        )
        .await?;
    let expected = json!([
        "1234567890123456789012",
        "-1500",
        "0",
        "0",
        "-0.05",
        "1200",
        0.333333,
        0.5,
        ["1", "1", "2", "5", "10", "200000000000000000000000000000"],
    ]);
    ensure!(computed == expected, "{computed}");
    Ok(())
}
