//! The dashboard, in a browser and over HTTP.

use std::path::Path;

use serde_json::json;
use testbed::{Browser, Postgres, Result, Testbed, Vendas, VendasCommand, ensure, eventually};

use crate::shop::{DEADLINE, Shop, numbered};

mod accessible;
mod answers;
mod cost;
mod outages;
mod periods;

/// A run that serves the dashboard.
struct Dashboard {
    command: VendasCommand,
    vendas: Vendas,
    port: u16,
}

impl Dashboard {
    fn start(shop: &Shop) -> Result<Self> {
        Self::of(shop.vendas(&["run"]))
    }

    fn of(command: VendasCommand) -> Result<Self> {
        let port = testbed::free_port()?;
        let command = command.env("VENDAS_HTTP__LISTEN", format!("127.0.0.1:{port}"));
        let vendas = command.start()?;
        Ok(Self { command, vendas, port })
    }

    /// Opens a period. The default, the last days, gives the same figures when a test runs at
    /// midnight.
    async fn open(&self, browser: &Browser, period: &str) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/?period={period}", self.port);
        eventually("page", DEADLINE, async || browser.open(&url).await).await
    }
}

/// An order of one item.
fn sold(id: &str, product: &str, quantity: &str, price: &str) -> String {
    json!({"id_ordem": id, "produtos_comprados": [
        {"nome_produto": product, "quantidade": quantity, "preco_unitario": price},
    ]})
    .to_string()
}

/// The texts of the cells of a table section, one string per row.
async fn lines(browser: &Browser, part: &str) -> Result<Vec<Vec<String>>> {
    let script = format!(
        "return Array.from(document.querySelectorAll('{part} tr'), \
         row => Array.from(row.cells, cell => cell.textContent))"
    );
    Ok(serde_json::from_value(browser.evaluate(&script).await?)?)
}

async fn shows(browser: &Browser, selector: &str, expected: &str) -> Result<()> {
    eventually(expected, DEADLINE, async || {
        let text = browser.text(selector).await?;
        ensure!(text == expected, "{text:?} as {selector}");
        Ok(())
    })
    .await
}

/// Errors in the browser's console, except for unavailable servers.
async fn console_errors(browser: &Browser) -> Result<Vec<String>> {
    let mut lines = browser.console().await?;
    lines.retain(|line| !line.contains("net::ERR_"));
    Ok(lines)
}

#[tokio::test]
async fn totals_update_without_a_reload_are_exact_and_names_are_not_interpreted_as_html()
-> Result<()> {
    const SCRIPT: &str = "<script>window.harmed = 1</script>";
    const IMAGE: &str = "\"><img src=x onerror=\"window.harmed = 2\">";
    let shop = Shop::open(1).await?;
    let orders = [
        sold("a", SCRIPT, "999999", "9999999999.99"),
        sold("b", IMAGE, "1.5", "2000.01"),
        sold("c", "\u{202e}odartsinim", "1", "0.0001"),
        "no order".to_owned(),
        r#"{"order_number": 1}"#.to_owned(),
        r#"{"order_number": 2}"#.to_owned(),
    ];
    shop.send(0, &orders.each_ref().map(String::as_str)).await?;
    let served = Dashboard::start(&shop)?;
    let browser = Browser::start("en-US").await?;
    served.open(&browser, "7d").await?;
    shows(&browser, "#state", "Running").await?;
    shows(&browser, "#letters", "3").await?;
    let expected = [
        [SCRIPT, "999,999", "R$9,999,989,999,990,000.01", "100.0%", "–"],
        [IMAGE, "1.5", "R$3,000.02", "0.0%", "–"],
        ["\u{202e}odartsinim", "1", "R$0.00", "0.0%", "–"],
    ];
    eventually("the products", DEADLINE, async || {
        let products = lines(&browser, "#products").await?;
        ensure!(products == expected, "{products:#?}");
        Ok(())
    })
    .await?;
    let total = lines(&browser, "#sums").await?;
    ensure!(
        total == [["All 3 products", "1,000,001.5", "R$9,999,989,999,993,000.03", "100.0%", "–"]],
        "{total:?}"
    );
    let reasons = browser.text("#reasons").await?;
    for told in [
        "2 Orders without a price or quantity no_items_no_total",
        "vendas dead-letters replay --reason no_items_no_total",
        "1 Records that are not orders in JSON not_json",
        "vendas dead-letters list --reason not_json",
    ] {
        ensure!(reasons.contains(told), "no {told:?} in {reasons}");
    }

    // A variable of the page survives only if the page is not reloaded.
    browser.evaluate("window.kept = 'kept'").await?;
    shop.send(0, &[&sold("d", IMAGE, "0.5", "2000.00"), &sold("a", "novo", "1", "1.00")]).await?;
    eventually("new totals", DEADLINE, async || {
        let lines = lines(&browser, "#products").await?;
        let expected = [
            [IMAGE, "2", "R$4,000.02", "100.0%", "–"],
            ["novo", "1", "R$1.00", "0.0%", "–"],
            ["\u{202e}odartsinim", "1", "R$0.00", "0.0%", "–"],
        ];
        ensure!(lines == expected, "{lines:#?}");
        Ok(())
    })
    .await?;
    shows(&browser, "#lag", "0").await?;
    let page = browser
        .evaluate(
            "return [window.kept, window.harmed, \
             document.querySelectorAll('main script, main img, header script').length, \
             document.querySelector('#history polyline') !== null]",
        )
        .await?;
    ensure!(page == json!(["kept", null, 0, true]), "{page}");
    let console_errors = console_errors(&browser).await?;
    ensure!(console_errors.is_empty(), "{console_errors:#?}");
    Ok(())
}

#[tokio::test]
async fn a_page_survives_restarts_of_vendas_and_postgresql() -> Result<()> {
    let servers = Testbed::shared().await?;
    let postgres = Postgres::start().await?;
    let shop =
        Shop { servers, topic: servers.topic(1).await?, database: postgres.database().await? };
    shop.send(0, &[&sold("a", "café", "1", "1.00")]).await?;
    let served = Dashboard::start(&shop)?;
    let browser = Browser::start("en-US").await?;
    served.open(&browser, "7d").await?;
    shop.send_numbers(0, [17]).await?;
    shows(&browser, "#sold", "R$18.10").await?;
    browser.evaluate("window.kept = 'kept'").await?;

    served.vendas.kill()?;
    shows(&browser, "#state", "Reconnecting").await?;
    shows(&browser, "#sold", "R$18.10").await?;
    shop.send(0, &[&sold("b", "café", "1", "2.00")]).await?;
    let again = served.command.start()?;
    shows(&browser, "#sold", "R$20.10").await?;
    shows(&browser, "#state", "Running").await?;

    postgres.kill()?;
    shows(&browser, "#state", "Paused").await?;
    eventually("PostgreSQL's outage", DEADLINE, async || {
        let notices = browser.text("#notices").await?;
        ensure!(notices.contains("PostgreSQL has been unavailable since "), "{notices}");
        ensure!(notices.contains("The sales and dead letters shown are those of "), "{notices}");
        Ok(())
    })
    .await?;
    shows(&browser, "#sold", "R$20.10").await?;
    shop.send(0, &[&sold("c", "café", "1", "4.00")]).await?;
    postgres.restart().await?;
    shows(&browser, "#sold", "R$24.10").await?;
    shows(&browser, "#state", "Running").await?;
    eventually("no notices", DEADLINE, async || {
        let hidden = browser.evaluate("return document.querySelector('#notices').hidden").await?;
        ensure!(hidden == json!(true), "{}", browser.text("#notices").await?);
        Ok(())
    })
    .await?;
    ensure!(
        browser.evaluate("return window.kept").await? == json!("kept"),
        "the page was reloaded"
    );
    let console_errors = console_errors(&browser).await?;
    ensure!(console_errors.is_empty(), "{console_errors:#?}");
    drop(again);
    Ok(())
}

/// The folder for screenshots, if set: for visual inspection.
const PICTURES: &str = "VENDAS_TEST_PICTURES";

#[tokio::test]
async fn the_layout_fits_small_and_large_screens_in_both_languages_and_themes() -> Result<()> {
    let shop = Shop::open(2).await?;
    let long = "Cadeira de escritório ergonômica com apoio de cabeça ".repeat(3);
    let names = [
        "Notebook",
        "Smartphone",
        "Geladeira",
        long.as_str(),
        "A".repeat(150).as_str(),
        "日本語のお茶",
    ]
    .map(str::to_owned);
    let names = names.into_iter().chain((7..20).map(|number| format!("Produto {number}")));
    let orders: Vec<_> = (1..)
        .zip(names)
        .map(|(number, name)| {
            sold(&format!("o{number}"), &name, &(4000 / number).to_string(), "2345.67")
        })
        .chain((1..300).map(numbered))
        .chain(["no order".to_owned(), r#"{"order_number": 1}"#.to_owned()])
        .collect();
    let send = async |partition| {
        shop.send(partition, &orders.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let served = Dashboard::start(&shop)?;
    let browser = Browser::start("pt-BR").await?;
    served.open(&browser, "7d").await?;
    shows(&browser, "#state", "Funcionando").await?;
    send(0).await?;
    shows(&browser, "#letters", "2").await?;
    send(1).await?;
    shows(&browser, "#letters", "4").await?;
    shows(&browser, "#sums .others th", "9 outros").await?;

    let pictures = std::env::var_os(PICTURES);
    for (language, state, amount) in
        [("pt-BR", "Funcionando", "R$\u{a0}9.382.680,00"), ("en", "Running", "R$9,382,680.00")]
    {
        browser.click(&format!("[data-language={language}]")).await?;
        shows(&browser, "#state", state).await?;
        let first = lines(&browser, "#products").await?;
        ensure!(first[0][2] == amount, "{first:?}");
        let page =
            browser.evaluate("return [document.documentElement.lang, document.title]").await?;
        ensure!(page == json!([language, format!("{state} – vendas")]), "{page}");
        for (width, height) in [(390, 844), (820, 1180), (1366, 768), (1920, 1080), (3840, 2160)] {
            for theme in ["light", "dark"] {
                browser.prefer(&[("prefers-color-scheme", theme)]).await?;
                browser.resize(width, height).await?;
                eventually("chart of that width", DEADLINE, async || {
                    let script = "const page = document.documentElement; \
                        const chart = document.querySelector('#bars'); \
                        return [innerWidth, page.scrollWidth - page.clientWidth, \
                            chart.clientWidth - chart.firstChild.getBoundingClientRect().width]";
                    let seen = browser.evaluate(script).await?;
                    ensure!(seen == json!([width, 0, 0]), "{seen}");
                    Ok(())
                })
                .await?;
                if let Some(folder) = &pictures {
                    let file = format!("{language}-{width}-{theme}.png");
                    browser.screenshot(&Path::new(folder).join(file)).await?;
                }
            }
        }
    }
    // The choice is remembered.
    served.open(&browser, "7d").await?;
    shows(&browser, "#state", "Running").await?;
    shows(&browser, "#sums .others th", "9 others").await?;
    ensure_accessible_structure(&browser).await?;
    let console_errors = console_errors(&browser).await?;
    ensure!(console_errors.is_empty(), "{console_errors:#?}");
    Ok(())
}

/// Names for all regions and tables and one live region, as screen readers and keyboards need them.
async fn ensure_accessible_structure(browser: &Browser) -> Result<()> {
    let page = browser
        .evaluate(
            "const named = (element) => { \
               const by = element.getAttribute('aria-labelledby'); \
               return by ? document.getElementById(by).textContent : element.getAttribute('aria-label'); }; \
             const all = (selector) => Array.from(document.querySelectorAll(selector)); \
             return { \
               main: all('main').length, \
               unnamed: all('section, nav, [role=group]').filter((region) => !named(region)).length, \
               captions: all('table').map((table) => table.caption.textContent !== ''), \
               unscoped: all('th').filter((head) => !head.scope).length, \
               live: all('[role=status], [aria-live]').map((live) => live.id), \
               focusable: all('button, [tabindex], a, summary').length, \
             }",
        )
        .await?;
    let expected = json!({
        "main": 1, "unnamed": 0, "captions": [true, true], "unscoped": 0, "live": ["state"],
        "focusable": 11,
    });
    ensure!(page == expected, "{page:#}");
    for (motion, duration) in [("no-preference", "0.4s"), ("reduce", "0s")] {
        browser.prefer(&[("prefers-reduced-motion", motion)]).await?;
        let bar = "return getComputedStyle(document.querySelector('.bar .now')).transitionDuration";
        let seen = browser.evaluate(bar).await?;
        ensure!(seen == duration, "{seen} with {motion}");
    }
    Ok(())
}
