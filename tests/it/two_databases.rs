//! The partitions of a topic are distributed over two PostgreSQL servers, with one view of both.

use std::fs;

use testbed::{Context, Postgres, Result, Testbed, ensure};

use crate::shop::{DEADLINE, Shop};

/// An e-commerce order of one product, with a total of 2 × 10.
fn order(id: i32) -> String {
    format!(
        r#"{{"order_id": "order {id}", "items": [{{"product": "P{}", "qty": 2, "unit_price": 10}}]}}"#,
        id % 3
    )
}

/// The statements of docs/scaling.md, for this server.
fn statements(second: &testbed::Database) -> Result<String> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scaling.md"))?;
    let block = text.split("```plpgsql\n").nth(1).and_then(|rest| rest.split("```").next());
    let mut block = block.context("docs/scaling.md has no statements")?.to_owned();
    for (example, own) in [
        ("host 'pg2'", format!("host '{}'", second.host())),
        ("port '5432'", format!("port '{}'", second.port())),
        ("dbname 'shop'", format!("dbname '{}'", second.name())),
        ("user 'reports'", format!("user '{}'", second.user())),
        ("password '…'", format!("password '{}'", second.password())),
    ] {
        ensure!(block.contains(example), "no {example} in {block}");
        block = block.replace(example, &own);
    }
    Ok(block)
}

#[tokio::test]
async fn two_databases_share_a_topic_and_one_view_includes_both() -> Result<()> {
    let servers = Testbed::shared().await?;
    let (first, second) = tokio::try_join!(Postgres::start(), Postgres::start())?;
    let shop = Shop { servers, topic: servers.topic(2).await?, database: first.database().await? };
    let other = second.database().await?;
    let share = |database, partition: &str| {
        servers
            .vendas(crate::shop::VENDAS, &[&shop.topic], database)
            .env("VENDAS_KAFKA__PARTITIONS", format!("{}:{partition}", shop.topic))
            .args(["run", "--until-end"])
    };
    for round in 0..2 {
        for partition in 0..2 {
            let from = round * 100 + partition * 1000;
            shop.send_numbers(partition, from..from + 40).await?;
            let orders: Vec<_> = (from..from + 30).map(order).collect();
            let mut payloads: Vec<_> = orders.iter().map(String::as_str).collect();
            payloads.push("{}");
            shop.send(partition, &payloads).await?;
        }
        for (database, partition) in [(&shop.database, "0"), (&other, "1")] {
            share(database, partition).run(DEADLINE).await?.expect_code(0)?;
        }
    }
    shop.database.execute(&statements(&other)?).await?;
    for (sql, expected) in [
        ("SELECT count(*) FROM everywhere.sales", "160"),
        ("SELECT sum(total - order_number) FROM everywhere.sales", "16.00"),
        ("SELECT count(DISTINCT order_id) FROM everywhere.order_items", "120"),
        ("SELECT sum(quantity), sum(amount) FROM everywhere.product_totals", "240|2400"),
        ("SELECT count(*) FROM everywhere.product_totals", "3"),
        ("SELECT count(*) FROM everywhere.dead_letters", "4"),
        ("SELECT sum(next_offset), count(*) FROM everywhere.partitions", "284|2"),
        ("SELECT count(*) FROM second.partitions WHERE next_offset = 0", "1"),
        ("SELECT count(*) FROM second.sales", "80"),
    ] {
        let found = shop.rows(sql).await?;
        let number = |text: &str| -> Vec<String> {
            let trimmed = |it: &str| match it.contains('.') {
                true => it.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => it.to_owned(),
            };
            text.split('|').map(trimmed).collect()
        };
        ensure!(number(&found.concat()) == number(expected), "{sql}: {found:?}, not {expected}");
    }
    for database in [&shop.database, &other] {
        let verify = servers.vendas(crate::shop::VENDAS, &[&shop.topic], database).args(["verify"]);
        verify.run(DEADLINE).await?.expect_code(0)?;
    }
    Ok(())
}
