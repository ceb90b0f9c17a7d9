//! `vendas init` and `vendas check --sample`: the mapping that they propose for real records, the
//! questions, and the file.

use std::fs;

use testbed::{Result, ensure, eventually};

use crate::{
    shop::{DEADLINE, Shop, VENDAS},
    terminal::Terminal,
};

/// Orders of a shop with confidential fields.
const ORDERS: [&str; 3] = [
    r#"{"pedidoId": "p-1", "cliente": {"nome": "Maria Segredo", "cpf": "123.456.789-09", "email": "maria@segredo.example"}, "enderecoEntrega": {"rua": "Rua Secreta", "numero": "77-Fundos"}, "criadoEm": "2026-11-22T10:11:12-03:00", "linhas": [{"descricao": "Mesa", "qtde": 2, "precoUnitario": 100.5}], "valorFrete": 9.9, "valorTotal": 210.9, "situacao": "PAGO"}"#,
    r#"{"pedidoId": "p-2", "cliente": {"nome": "Maria Segredo", "cpf": "123.456.789-09", "email": "maria@segredo.example"}, "enderecoEntrega": {"rua": "Rua Secreta", "numero": "77-Fundos"}, "criadoEm": "2026-11-23T10:11:12-03:00", "linhas": [{"descricao": "Cadeira", "qtde": 1, "precoUnitario": 50}], "valorFrete": 0, "valorTotal": 50, "situacao": "CANCELADO"}"#,
    r#"{"pedidoId": "p-3", "cliente": {"nome": "Maria Segredo", "cpf": "123.456.789-09", "email": "maria@segredo.example"}, "enderecoEntrega": {"rua": "Rua Secreta", "numero": "77-Fundos"}, "criadoEm": "2026-11-24T10:11:12-03:00", "linhas": [{"descricao": "Mesa", "qtde": 1, "precoUnitario": 100.5}], "valorFrete": 9.9, "valorTotal": 110.4, "situacao": "PAGO"}"#,
];

/// Confidential values of those orders.
const SECRETS: [&str; 8] =
    ["Segredo", "123.456", "maria@", "Secreta", "77-Fundos", "p-1", "Cadeira", "100.5"];

/// Lines of the proposed mapping.
const CERTAIN: [&str; 8] = [
    "order_id = \"pedidoId\"",
    "items = \"linhas\"",
    "product = \"descricao\"",
    "quantity = \"qtde\"",
    "unit_price = \"precoUnitario\"",
    "shipping = \"valorFrete\"",
    "total = \"valorTotal\"",
    "sold_at = \"criadoEm\"",
];

fn ensure_lines(text: &str, lines: &[&str]) -> Result<()> {
    for line in lines {
        ensure!(text.contains(line), "no {line:?} in {text}");
    }
    Ok(())
}

fn ensure_no_secrets(text: &str) -> Result<()> {
    for secret in SECRETS {
        ensure!(!text.contains(secret), "{secret:?} in {text}");
    }
    Ok(())
}

#[tokio::test]
async fn without_a_terminal_it_reports_certain_and_doubtful_fields_and_writes_only_on_request()
-> Result<()> {
    let shop = Shop::open(2).await?;
    shop.send(0, &ORDERS[..2]).await?;
    shop.send(1, &ORDERS[2..]).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("vendas.toml");
    let path = file.to_string_lossy().into_owned();

    let ended = shop.vendas(&["init"]).run(DEADLINE).await?.expect_code(0)?;
    ensure_lines(&ended.stdout, &CERTAIN)?;
    ensure_lines(
        &ended.stdout,
        &[
            "3 records, the newest of 2 partitions",
            "undecided: situacao (CANCELADO, PAGO): which values mean that an order does not \
             count?",
            "status = \"situacao\"; cancelled = [\"CANCELADO\"]",
            "3 records: 3 orders, 0 cancelled, 0 ignored, 0 dead letters",
            "sold: 2026-11-22 to 2026-11-24",
            "nothing was written",
        ],
    )?;
    ensure_no_secrets(&ended.stdout)?;
    ensure!(ended.stderr.is_empty(), "{}", ended.stderr);

    let write = ["init", "--write", &path];
    shop.vendas(&write).run(DEADLINE).await?.expect_code(0)?;
    let written = fs::read_to_string(&file)?;
    ensure_lines(&written, &CERTAIN)?;
    ensure_no_secrets(&written)?;
    fs::write(&file, format!("{written}status = \"situacao\"\ncancelled = [\"CANCELADO\"]\n"))?;

    let refused = shop.vendas(&write).run(DEADLINE).await?.expect_code(1)?;
    ensure_lines(
        &refused.stderr,
        &["already exists: use --write OTHER to write another file, or --force to overwrite it"],
    )?;
    ensure!(fs::read_to_string(&file)?.contains("CANCELADO"), "it was overwritten");

    shop.apply_schema().await?;
    let check = ["check", "--sample", "10", "--config", &path];
    let checked = shop.vendas(&check).run(DEADLINE).await?.expect_code(0)?;
    ensure_lines(
        &checked.stdout,
        &["3 records: 2 orders, 1 cancelled, 0 ignored, 0 dead letters", "sum of totals: 321.30"],
    )?;
    ensure_no_secrets(&checked.stdout)?;

    shop.vendas(&write).args(["--force"]).run(DEADLINE).await?.expect_code(0)?;
    ensure!(!fs::read_to_string(&file)?.contains("CANCELADO"), "it was not overwritten");
    Ok(())
}

#[tokio::test]
async fn built_in_names_need_no_mapping_and_the_newest_records_are_read() -> Result<()> {
    let shop = Shop::open(1).await?;
    let empty = shop.vendas(&["init"]).run(DEADLINE).await?.expect_code(1)?;
    ensure_lines(&empty.stderr, &["the topics contain no records"])?;
    shop.send(0, &["no JSON"; 300]).await?;
    shop.send_numbers(0, 1..=250).await?;
    let ended = shop.vendas(&["init"]).run(DEADLINE).await?.expect_code(0)?;
    ensure_lines(
        &ended.stdout,
        &[
            "no mapping is needed",
            "200 records: 200 orders, 0 cancelled, 0 ignored, 0 dead letters",
        ],
    )?;
    shop.apply_schema().await?;
    let checked = shop.vendas(&["check", "--sample", "251"]).run(DEADLINE).await?.expect_code(0)?;
    ensure_lines(
        &checked.stdout,
        &["251 records: 250 orders, 0 cancelled, 0 ignored, 1 dead letter", "1 x not_json: "],
    )
}

#[tokio::test]
async fn a_sample_of_dead_letters_only_fails_with_the_most_frequent_reason() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.send(0, &["no JSON", "none"]).await?;
    let trouble = "every record of the sample is a dead letter, most often not_json (";
    let remedy = "): records must be JSON objects;";
    let ended = shop.vendas(&["init"]).run(DEADLINE).await?.expect_code(0)?;
    ensure_lines(&ended.stdout, &["no mapping was found for these records", trouble, remedy])?;
    ensure!(!ended.stdout.contains("no mapping is needed"), "{}", ended.stdout);
    shop.send(0, &[r#"{"weather": "rain"}"#]).await?;
    let check = ["check", "--sample", "10"];
    let checked = shop.vendas(&check).run(DEADLINE).await?.expect_code(1)?;
    let line = format!("FAIL  topic {}: {trouble}", shop.topic);
    ensure_lines(&checked.stdout, &[&line, remedy])?;
    // One valid order is enough.
    shop.send_numbers(0, 1..=1).await?;
    let checked = shop.vendas(&check).run(DEADLINE).await?.expect_code(0)?;
    ensure!(!checked.stdout.contains("FAIL"), "{}", checked.stdout);
    Ok(())
}

#[tokio::test]
async fn the_sample_report_lists_unused_fields_and_orders_that_replace_each_other() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    let line = |product: &str| {
        format!(
            r#"{{"order_id": "a", "product": "{product}", "quantity": 1, "total": 5, "refund_total": 1}}"#
        )
    };
    shop.send(0, &[&line("x"), &line("y")]).await?;
    let checked = shop.vendas(&["check", "--sample", "10"]).run(DEADLINE).await?.expect_code(0)?;
    ensure_lines(
        &checked.stdout,
        &[
            "2 records: 1 order, ",
            "1 order repeated with different contents",
            "refund_total  2 times  a cancellation or a return?",
        ],
    )
}

#[tokio::test]
async fn on_a_terminal_it_asks_questions() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (orders, written) = (folder.path().join("orders.json"), folder.path().join("new.toml"));
    fs::write(&orders, ORDERS.join("\n"))?;
    let args = ["init", "--file", &orders.to_string_lossy(), "--write", &written.to_string_lossy()];
    let command = pty_process::Command::new(VENDAS).args(args);
    let mut terminal = Terminal::start(command, 50, 200)?;
    terminal.shows_text("which values mean that an order does not count?").await?;
    terminal.shows_text("[1-2, Enter: 1] ").await?;
    // An invalid answer is asked for again.
    terminal.type_text("9\n").await?;
    eventually("the question again", DEADLINE, async || {
        let shown = terminal.text();
        ensure!(shown.matches("Enter: 1] ").count() == 2, "{shown}");
        Ok(())
    })
    .await?;
    terminal.type_text("1\n").await?;
    terminal.shows_text("3 records: 2 orders, 1 cancelled, 0 ignored, 0 dead letters").await?;
    terminal.shows_text("written to ").await?;
    let status = terminal.wait_exit().await?;
    ensure!(status.success(), "{status}");
    let text = fs::read_to_string(&written)?;
    ensure_lines(&text, &CERTAIN)?;
    ensure_lines(&text, &["status = \"situacao\"", "cancelled = [\"CANCELADO\"]"])?;
    ensure_no_secrets(&text)?;
    ensure_no_secrets(&terminal.text())
}
