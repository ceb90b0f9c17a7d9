use serde_json::Value;
use testbed::{Context, Result, Signal, ensure, eventually};
use unicode_width::UnicodeWidthStr;

use crate::shop::{DEADLINE, Shop};

mod kept;
mod periods;
mod terminal;
mod watch;

/// Product names that are hard to format.
fn names() -> Vec<String> {
    let names = [
        "Açaí com granola",
        "TV 55\" \"4K\"",
        "parafuso, porca; arruela",
        "{chaves} [colchetes] (parênteses)",
        "C:\\temp\\nova \\\" \\u0041",
        "duas\nlinhas\r\ne um\ttab",
        "日本語のお茶",
        "café 👨‍👩‍👧 🇧🇷 ☕️",
        "=1+1",
        "+55 11",
        "-7",
        "@SUM(A1)",
        "'citado'",
        "''=1",
        "\t=1",
        "＝1",
        "\u{1b}[2J\u{1b}]0;title\u{7}vermelho\u{9b}31m",
        "\u{202e}odartsinmi\u{202c}",
        " espaços ",
        "total",
        "others",
        "NULL",
        "17",
    ];
    names.iter().map(|&name| name.to_owned()).chain(["é".repeat(200)]).collect()
}

/// A shop with sales of each of these products, some repeated. PostgreSQL computes the expected
/// answers.
async fn shop() -> Result<Shop> {
    let shop = Shop::open(1).await?;
    let orders: Vec<String> = (1..)
        .zip(names())
        .map(|(number, name)| {
            serde_json::json!({"id_ordem": format!("order {number}"), "produtos_comprados": [
                {"nome_produto": name, "quantidade": "1.5", "preco_unitario": format!("{number}.13")},
                {"nome_produto": "arroz", "quantidade": 3, "preco_unitario": "1234567890.99"},
            ]})
            .to_string()
        })
        .collect();
    shop.send(0, &orders.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    shop.process_backlog().await?;
    Ok(shop)
}

/// Product, quantity and amount, as `orders` has them.
async fn sold(shop: &Shop) -> Result<Vec<[String; 3]>> {
    let sql = "SELECT product, trim_scale(sum(quantity)), trim_scale(sum(amount)) \
               FROM order_items GROUP BY product ORDER BY sum(amount) DESC, product COLLATE \"C\"";
    let rows = shop.database.table(sql).await?.rows.into_iter();
    rows.map(|row| {
        let row: Option<Vec<String>> = row.into_iter().collect();
        row.and_then(|row| row.try_into().ok()).context("a NULL")
    })
    .collect()
}

async fn report(shop: &Shop, args: &[&str]) -> Result<String> {
    Ok(shop.vendas(&["report"]).args(args).run(DEADLINE).await?.expect_code(0)?.stdout)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// An amount in its shortest form, with at least two decimals.
fn trimmed(amount: &str) -> &str {
    amount.trim_end_matches('0').trim_end_matches('.')
}

/// The result of parsing the output with Python, by the given source text.
fn python(source: &str, input: &str) -> Result<Option<Value>> {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };
    let child = Command::new("python3")
        .args(["-c", source])
        .env("PYTHONUTF8", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    // Without Python, the Rust parsers suffice.
    let Ok(mut child) = child else { return Ok(None) };
    child.stdin.take().context("no stdin")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{source} failed");
    Ok(Some(serde_json::from_slice(&output.stdout)?))
}

#[tokio::test]
async fn json_contains_the_exact_totals_for_any_product_name() -> Result<()> {
    let shop = shop().await?;
    let sold = sold(&shop).await?;
    let printed = report(&shop, &["--format", "json", "--locale", "pt-BR"]).await?;
    ensure!(!printed.trim_end().chars().any(char::is_control), "{printed:?}");
    let json: Value = serde_json::from_str(&printed)?;
    let read = |json: &Value| -> Vec<[String; 3]> {
        let line = |line: &Value| {
            let amount = text(&line["amount"]);
            [text(&line["product"]), text(&line["quantity"]), trimmed(&amount).to_owned()]
        };
        json["products"].as_array().into_iter().flatten().map(line).collect()
    };
    ensure!(read(&json) == sold, "{json:#}\n{sold:#?}");
    let total = "SELECT count(DISTINCT product), trim_scale(sum(amount)) FROM order_items";
    let total = shop.rows(total).await?;
    let printed_total = format!("{}|{}", json["total"]["products"], text(&json["total"]["amount"]));
    ensure!(total == [trimmed(&printed_total)], "{total:?} {printed_total}");
    let copy = python("import json, sys; print(json.dumps(json.load(sys.stdin)))", &printed)?;
    ensure!(copy.is_none_or(|copy| copy == json), "Python reads it differently");
    Ok(())
}

#[tokio::test]
async fn csv_is_exact_and_no_cell_is_a_formula() -> Result<()> {
    let shop = shop().await?;
    let sold = sold(&shop).await?;
    let printed = report(&shop, &["--format", "csv"]).await?;
    let mut reader = csv::Reader::from_reader(printed.as_bytes());
    let header: Vec<_> = reader.headers()?.iter().map(str::to_owned).collect();
    ensure!(header == ["product", "quantity", "amount", "share_percent", "line"], "{header:?}");
    let records: Vec<Vec<String>> = reader.deserialize().collect::<std::result::Result<_, _>>()?;
    let mut read = Vec::new();
    for record in &records[..records.len() - 1] {
        ensure!(!record[0].starts_with(['=', '+', '-', '@', '\t', '\r', '＝']), "{record:?}");
        ensure!(record[4] == "product", "{record:?}");
        let name = record[0].strip_prefix('\'').unwrap_or(&record[0]);
        read.push([name.to_owned(), record[1].clone(), trimmed(&record[2]).to_owned()]);
    }
    ensure!(read == sold, "{read:#?}\n{sold:#?}");
    ensure!(records.last().is_some_and(|last| last[4] == "total"), "{records:?}");
    let source = "import csv, io, json, sys; \
                  text = io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8', newline=''); \
                  print(json.dumps(list(csv.reader(text, strict=True))[1:]))";
    let copy = python(source, &printed)?;
    ensure!(copy.is_none_or(|copy| copy == serde_json::json!(records)), "Python differs");
    Ok(())
}

#[tokio::test]
async fn a_table_stays_aligned_and_contains_no_control_characters() -> Result<()> {
    let shop = shop().await?;
    let table = report(&shop, &["--locale", "pt-BR"]).await?;
    ensure!(!table.chars().any(|found| found.is_control() && found != '\n'), "{table:?}");
    ensure!(!table.contains('\u{202e}'), "{table:?}");
    ensure!(table.contains(r" \u{1b}[2J\u{1b}]0;title\u{7}vermelho\u{9b}31m "), "{table}");
    ensure!(table.contains(r" duas\nlinhas\r\ne um\ttab "), "{table}");
    // Lines end with the last column, and amounts end where "amount" does.
    let lines: Vec<&str> = table.lines().collect();
    let amount_ends = lines[0].find("amount").context("no header")? + "amount".len();
    for line in &lines {
        ensure!(line.width() == lines[0].width(), "{line:?} is not as wide as {}", line.width());
        let share = line.rsplit(' ').next().context("no share")?;
        let before = line.strip_suffix(share).context("no amount")?.trim_end();
        ensure!(before.width() == amount_ends, "{line:?}:\n{table}");
    }
    ensure!(lines.len() == names().len() + 3, "{table}");
    ensure!(lines[1].contains(" R$ 88.888.888.151,28 "), "{table}");
    let plain = report(&shop, &["--locale", "plain", "--top", "1"]).await?;
    ensure!(plain.contains(" 88888888151.28 "), "{plain}");
    Ok(())
}

#[tokio::test]
async fn top_sums_up_the_other_products_and_shares_refer_to_all_sales() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    let none = report(&shop, &["--locale", "plain"]).await?;
    ensure!(none.contains(" total (0) ") && none.contains(" 0.00 "), "{none}");
    let items =
        [("b", "1", "25.05"), ("a", "2", "25.05"), ("c", "1.5", "33.3"), ("d", "4", "16.6")];
    let order = |(number, (product, quantity, amount)): (usize, &(&str, &str, &str))| {
        format!(
            "('{number}', false, {amount}, ARRAY[('{product}', {quantity}, {amount})]::order_item[], now())"
        )
    };
    let rows: Vec<_> = items.iter().enumerate().map(order).collect();
    let insert = "INSERT INTO orders (order_id, numbered, total, items, processed_at) VALUES ";
    shop.database.execute(&format!("{insert}{}", rows.join(", "))).await?;

    let table = report(&shop, &["--locale", "plain", "--top", "2"]).await?;
    let cells: Vec<String> =
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "product quantity amount share",
        "c 1.5 33.30 33.3%",
        "a 2 25.05 25.1%",
        "others (2) 5 41.65 41.7%",
        "total (4) 8.5 100.00 100.0%",
    ];
    ensure!(cells == expected, "{table}");
    let brazilian = shop.vendas(&["report"]).env("LC_ALL", "pt_BR.UTF-8").run(DEADLINE).await?;
    ensure!(brazilian.stdout.contains(" R$ 33,30   33,3%"), "{}", brazilian.stdout);
    let json = report(&shop, &["--format", "json", "--top", "3"]).await?;
    let json: Value = serde_json::from_str(&json)?;
    let others = serde_json::json!(
        {"products": 1, "quantity": "4", "amount": "16.60", "share_percent": "16.6"}
    );
    ensure!(json["others"] == others, "{json:#}");
    let json = report(&shop, &["--format", "json", "--top", "4"]).await?;
    ensure!(!json.contains("others"), "{json}");
    Ok(())
}

#[tokio::test]
async fn watch_in_a_pipe_prints_a_block_per_interval_with_current_totals() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    let args = ["--format", "json", "--watch", "--interval", "100ms"];
    let watch = shop.vendas(&["report"]).args(args).start()?;
    let last = async |wanted: &str| {
        eventually("the total of the last line", DEADLINE, async || {
            let printed = watch.stdout()?;
            let line = printed.lines().last().context("nothing")?;
            let json: Value = serde_json::from_str(line)?;
            ensure!(json["total"]["amount"] == wanted, "{json:#} {}", watch.state());
            Ok(printed.lines().count())
        })
        .await
    };
    let order = r#"{"id_ordem": "A", "valor_total": 2.5, "produtos_comprados": [{"nome_produto": "chá", "quantidade": 1}]}"#;
    let first = last("0.00").await?;
    shop.send(0, &[order]).await?;
    shop.process_backlog().await?;
    let second = last("2.50").await?;
    ensure!(second > first, "{second} blocks");
    shop.send(0, &[&order.replace('A', "B")]).await?;
    shop.process_backlog().await?;
    last("5.00").await?;
    watch.signal(Signal::INT)?;
    watch.wait_exit(DEADLINE).await?.expect_code(0)?;

    let tables = shop.vendas(&["report", "--watch", "--interval", "100ms"]).start()?;
    eventually("three tables", DEADLINE, async || {
        let printed = tables.stdout()?;
        let blocks = printed.matches("\n\nproduct totals as of ").count();
        ensure!(blocks >= 2 && !printed.contains('\u{1b}'), "{printed}");
        Ok(())
    })
    .await?;
    tables.signal(Signal::TERM)?;
    tables.wait_exit(DEADLINE).await?.expect_code(0).map(drop)
}

#[tokio::test]
async fn verify_counts_what_it_compared_and_finds_every_difference() -> Result<()> {
    let shop = shop().await?;
    let verify = async |args: &[&str], code| {
        shop.vendas(&["verify"]).args(args).run(DEADLINE).await?.expect_code(code)
    };
    let products = names().len() + 1;
    let orders = names().len();
    let right = verify(&[], 0).await?.stdout;
    let expected = format!("{products} sums by product, ");
    ensure!(right.starts_with(&expected), "{right}");
    ensure!(right.ends_with(&format!(" match the {orders} orders\n")), "{right}");

    // Sums that triggers maintain cannot be wrong; in this table no trigger maintains them.
    shop.database
        .execute(
            "CREATE TABLE kept AS SELECT * FROM product_totals; DROP VIEW product_totals; \
             ALTER TABLE kept RENAME TO product_totals; \
             UPDATE product_totals SET amount = amount + 0.01 WHERE product = 'arroz'; \
             DELETE FROM product_totals WHERE product LIKE '%vermelho%'; \
             INSERT INTO product_totals VALUES ('never sold', 1, 2), ('nothing left', 0, 0), ('17', 0, 0)",
        )
        .await?;
    let wrong = verify(&[], 1).await?;
    ensure!(wrong.stderr.contains("several sums are wrong"), "{}", wrong.stderr);
    ensure!(wrong.stdout.contains("88888888151.29"), "{}", wrong.stdout);
    ensure!(
        wrong.stdout.contains("\\u{1b}[2J") && !wrong.stdout.contains('\u{1b}'),
        "{}",
        wrong.stdout
    );
    let json: Value = serde_json::from_str(&verify(&["--format", "json"], 1).await?.stdout)?;
    let differing: Vec<_> = json["differences"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|line| text(&line["product"]))
        .collect();
    ensure!(differing.len() == 3 && differing[1..] == ["arroz", "never sold"], "{json:#}");
    let figures =
        |quantity: &str, amount: &str| serde_json::json!({"quantity": quantity, "amount": amount});
    ensure!(json["differences"][2]["kept"] == figures("1", "2"), "{json:#}");
    ensure!(json["differences"][2]["recomputed"] == figures("0", "0"), "{json:#}");
    Ok(())
}

#[tokio::test]
async fn without_tables_report_and_verify_name_the_command_that_creates_them() -> Result<()> {
    let shop = Shop::open(1).await?;
    for args in [&["report"][..], &["verify"], &["report", "--watch"]] {
        let ended = shop.vendas(args).run(DEADLINE).await?.expect_code(1)?;
        ensure!(ended.stderr.contains("run `vendas schema --apply`"), "{}", ended.stderr);
        ensure!(ended.stdout.is_empty(), "{}", ended.stdout);
    }
    Ok(())
}
