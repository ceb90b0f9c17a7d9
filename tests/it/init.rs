//! `vendas init` and `vendas check --sample`: what is proposed for real records, asked, and written.

use std::{fs, sync::Arc, sync::Mutex, sync::PoisonError};

use pty_process::{Command, OwnedWritePty, Size};
use testbed::{Result, ensure, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Child,
};

use crate::shop::{DEADLINE, Shop, VENDAS};

/// Orders of a shop, with what nobody but the shop may read.
const ORDERS: [&str; 3] = [
    r#"{"pedidoId": "p-1", "cliente": {"nome": "Maria Segredo", "cpf": "123.456.789-09", "email": "maria@segredo.example"}, "enderecoEntrega": {"rua": "Rua Secreta", "numero": "77-Fundos"}, "criadoEm": "2026-11-22T10:11:12-03:00", "linhas": [{"descricao": "Mesa", "qtde": 2, "precoUnitario": 100.5}], "valorFrete": 9.9, "valorTotal": 210.9, "situacao": "PAGO"}"#,
    r#"{"pedidoId": "p-2", "cliente": {"nome": "Maria Segredo", "cpf": "123.456.789-09", "email": "maria@segredo.example"}, "enderecoEntrega": {"rua": "Rua Secreta", "numero": "77-Fundos"}, "criadoEm": "2026-11-23T10:11:12-03:00", "linhas": [{"descricao": "Cadeira", "qtde": 1, "precoUnitario": 50}], "valorFrete": 0, "valorTotal": 50, "situacao": "CANCELADO"}"#,
    r#"{"pedidoId": "p-3", "cliente": {"nome": "Maria Segredo", "cpf": "123.456.789-09", "email": "maria@segredo.example"}, "enderecoEntrega": {"rua": "Rua Secreta", "numero": "77-Fundos"}, "criadoEm": "2026-11-24T10:11:12-03:00", "linhas": [{"descricao": "Mesa", "qtde": 1, "precoUnitario": 100.5}], "valorFrete": 9.9, "valorTotal": 110.4, "situacao": "PAGO"}"#,
];

/// Values of those orders that are nobody's business.
const SECRETS: [&str; 8] =
    ["Segredo", "123.456", "maria@", "Secreta", "77-Fundos", "p-1", "Cadeira", "100.5"];

/// Lines of the mapping that is proposed.
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
async fn without_a_terminal_it_takes_what_is_certain_says_what_is_not_and_writes_when_told()
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
        &["exists: --write OTHER writes another file, --force overwrites it"],
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
    ensure_lines(&empty.stderr, &["there are no records to learn from"])?;
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
async fn a_sample_of_dead_letters_alone_fails_with_the_commonest_reason() -> Result<()> {
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
    // One order is enough.
    shop.send_numbers(0, 1..=1).await?;
    let checked = shop.vendas(&check).run(DEADLINE).await?.expect_code(0)?;
    ensure!(!checked.stdout.contains("FAIL"), "{}", checked.stdout);
    Ok(())
}

#[tokio::test]
async fn the_sample_says_what_no_role_takes_up_and_which_records_replace_each_other() -> Result<()>
{
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

struct Terminal {
    keyboard: OwnedWritePty,
    seen: Arc<Mutex<String>>,
    child: Child,
}

impl Terminal {
    fn start(args: &[&str]) -> Result<Self> {
        let (pty, pts) = pty_process::open()?;
        pty.resize(Size::new(50, 200))?;
        let child = Command::new(VENDAS)
            .args(args)
            .current_dir(std::env::temp_dir())
            .kill_on_drop(true)
            .spawn(pts)?;
        let (mut output, keyboard) = pty.into_split();
        let seen = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&seen);
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            // An error is what the end of all writers looks like.
            while let Ok(count @ 1..) = output.read(&mut buffer).await {
                let text = String::from_utf8_lossy(&buffer[..count]);
                heard.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        Ok(Self { keyboard, seen, child })
    }

    async fn shows(&self, what: &str) -> Result<()> {
        eventually(what, DEADLINE, async || {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
            ensure!(seen.contains(what), "{seen}");
            Ok(())
        })
        .await
    }
}

#[tokio::test]
async fn on_a_terminal_it_asks() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (orders, written) = (folder.path().join("orders.json"), folder.path().join("new.toml"));
    fs::write(&orders, ORDERS.join("\n"))?;
    let args = ["init", "--file", &orders.to_string_lossy(), "--write", &written.to_string_lossy()];
    let mut terminal = Terminal::start(&args)?;
    terminal.shows("which values mean that an order does not count?").await?;
    terminal.shows("[1-2, Enter: 1] ").await?;
    // What is no answer is asked again.
    terminal.keyboard.write_all(b"9\n").await?;
    eventually("the question again", DEADLINE, async || {
        let seen = terminal.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ensure!(seen.matches("Enter: 1] ").count() == 2, "{seen}");
        Ok(())
    })
    .await?;
    terminal.keyboard.write_all(b"1\n").await?;
    terminal.shows("3 records: 2 orders, 1 cancelled, 0 ignored, 0 dead letters").await?;
    terminal.shows("written to ").await?;
    let code = tokio::time::timeout(DEADLINE, terminal.child.wait()).await??;
    ensure!(code.success(), "{code}");
    let text = fs::read_to_string(&written)?;
    ensure_lines(&text, &CERTAIN)?;
    ensure_lines(&text, &["status = \"situacao\"", "cancelled = [\"CANCELADO\"]"])?;
    ensure_no_secrets(&text)?;
    let seen = terminal.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ensure_no_secrets(&seen)
}
