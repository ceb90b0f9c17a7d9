//! `vendas report --by … --watch` with a pipe as standard output.

use serde_json::Value;
use testbed::{Context, Result, Signal, VendasCommand, ensure, eventually};

use crate::shop::{DEADLINE, Shop, VENDAS};

/// An order of a number of reais, sold on a day of November 2026.
fn order(id: u32, day: u32, reais: u32) -> String {
    format!(
        r#"{{"id_ordem": "{id}", "data_hora_venda": "{day:02}/11/2026 10:00:00", "produtos_comprados":
            [{{"nome_produto": "chá", "quantidade": 1, "preco_unitario": {reais}}}]}}"#
    )
}

async fn sell(shop: &Shop, order: &str) -> Result<()> {
    shop.send(0, &[order]).await?;
    shop.process_backlog().await.map(drop)
}

const NOVEMBER: [&str; 4] = ["--from", "2026-11-01", "--to", "2026-11-30"];

#[tokio::test]
async fn each_report_by_time_is_written_again_as_orders_arrive() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    let mut watches = Vec::new();
    for (by, lines) in
        [("day", "days"), ("hour", "hours"), ("month", "months"), ("product", "products")]
    {
        let args = ["report", "--by", by, "--format", "json", "--watch", "--interval", "100ms"];
        watches.push((lines, shop.vendas(&args).args(NOVEMBER).start()?));
    }
    let mut blocks = 0;
    for (orders, counts) in [(0, [0; 4]), (1, [1; 4]), (2, [2, 2, 1, 1])] {
        if orders > 0 {
            sell(&shop, &order(orders, 20 + orders, 3)).await?;
        }
        for ((lines, watch), count) in watches.iter().zip(counts) {
            blocks += eventually("report with all orders", DEADLINE, async || {
                let printed = watch.stdout()?;
                let line = printed.lines().last().context("nothing")?;
                let report: Value = serde_json::from_str(line)?;
                let sum = if *lines == "products" { "amount" } else { "total" };
                let found = report[*lines].as_array().context("no lines")?.len();
                ensure!(found == count, "{report:#} {}", watch.state());
                ensure!(report["total"][sum] == format!("{}.00", orders * 3), "{report:#}");
                // Each line is a whole report.
                ensure!(printed.lines().all(|line| line.ends_with('}')), "{printed}");
                Ok(printed.lines().count())
            })
            .await?;
        }
    }
    ensure!(blocks > 12, "{blocks} reports");
    for (_, watch) in watches {
        watch.signal(Signal::TERM)?;
        let ended = watch.wait_exit(DEADLINE).await?.expect_code(0)?;
        ensure!(ended.stdout.ends_with("}\n") && ended.stderr.is_empty(), "{}", ended.state());
    }
    Ok(())
}

#[tokio::test]
async fn tables_by_time_are_separated_by_their_heading() -> Result<()> {
    let shop = Shop::open(1).await?;
    sell(&shop, &order(1, 21, 3)).await?;
    let args = ["report", "--by", "day", "--compare", "--locale", "plain", "--watch"];
    let watch = shop.vendas(&args).args(["--interval", "100ms"]).args(NOVEMBER).start()?;
    let blocks = async |wanted: &str| {
        eventually("three tables", DEADLINE, async || {
            let printed = watch.stdout()?;
            let blocks: Vec<_> = printed.split("\n\n").collect();
            let whole = blocks.get(..blocks.len() - 1).unwrap_or_default();
            ensure!(whole.len() > 2 && !printed.contains('\u{1b}'), "{printed}");
            for block in whole {
                ensure!(block.starts_with("Sales by day, 2026-11-01 to 2026-11-30 "), "{printed}");
                ensure!(
                    block.contains("\ncompared with ") && block.contains("\n total "),
                    "{printed}"
                );
            }
            let last = whole.last().context("no table")?;
            ensure!(last.contains(wanted), "{last}");
            Ok(())
        })
        .await
    };
    blocks(" 3.00 ").await?;
    sell(&shop, &order(2, 21, 4)).await?;
    blocks(" 7.00 ").await?;
    watch.signal(Signal::TERM)?;
    watch.wait_exit(DEADLINE).await?.expect_code(0).map(drop)
}

#[tokio::test]
async fn it_exits_when_the_reader_closes_the_pipe() -> Result<()> {
    let shop = Shop::open(1).await?;
    sell(&shop, &order(1, 21, 3)).await?;
    for format in ["table", "json", "csv"] {
        // The shell writes to standard error, since its standard output is the pipe.
        let script = r#"{ "$0" report --by day --watch --interval 100ms --format "$1"; echo "code $?" >&2; } | head -n 3"#;
        let shell = VendasCommand::new("/bin/sh").args(["-c", script, VENDAS, format]);
        let ended = shell.database(&shop.database).run(DEADLINE).await?.expect_code(0)?;
        ensure!(ended.stdout.lines().count() == 3, "{}", ended.state());
        ensure!(ended.stderr == "code 0\n", "{format}: {}", ended.stderr);
    }
    Ok(())
}
