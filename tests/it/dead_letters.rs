//! Inspecting, replaying, discarding and purging dead letters.

mod concurrent;
mod display;
mod halt;
mod replay;
mod several_orders;
mod versions;

use serde_json::Value;
use testbed::{Context, Ended, Result, ensure};

use crate::shop::{DEADLINE, Shop};

/// Makes records valid that call a quantity `amount`.
const CORRECTED: &str = "mapping.quantity=amount";

/// Which orders are cancelled, for a run and for a replay: the latter also recognizes records that
/// call their status `late_state`.
const CANCELLED: [&str; 4] = ["--set", "mapping.status=state", "--set", "mapping.cancelled=gone"];
const CANCELLED_LATE: [&str; 4] =
    ["--set", "mapping.status=state,late_state", "--set", "mapping.cancelled=gone"];

/// An order of one item whose quantity field has this name.
fn numbered(number: i32, quantity: &str, price: usize) -> String {
    format!(
        r#"{{"order_number": {number}, "order_items": [{{"{quantity}": 1, "value_unit": {price}}}]}}"#
    )
}

async fn dead_letters(shop: &Shop, args: &[&str]) -> Result<Ended> {
    shop.vendas(&["dead-letters"]).args(args.iter().copied()).run(DEADLINE).await
}

/// The command's output; it must succeed.
async fn printed(shop: &Shop, args: &[&str]) -> Result<String> {
    Ok(dead_letters(shop, args).await?.expect_code(0)?.stdout)
}

async fn listed(shop: &Shop, args: &[&str]) -> Result<Vec<Value>> {
    let json = printed(shop, &[&["list", "--format", "json"], args].concat()).await?;
    Ok(serde_json::from_str(&json)?)
}

/// Replays with the corrected mapping.
async fn replay(shop: &Shop, args: &[&str]) -> Result<Ended> {
    let replay = ["replay", "--set", CORRECTED];
    dead_letters(shop, &[&replay, &CANCELLED_LATE[..], args].concat()).await
}

/// The totals must be correct after every replay.
async fn verify(shop: &Shop) -> Result<()> {
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

/// The id of the dead letter of the record at this offset.
async fn id(shop: &Shop, offset: i64) -> Result<String> {
    let sql = format!("SELECT id FROM dead_letters WHERE record_offset = {offset}");
    shop.rows(&sql).await?.pop().with_context(|| format!("no dead letter at {offset}"))
}

#[tokio::test]
async fn a_discarded_dead_letter_is_kept_with_its_reason_and_not_replayed() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send(0, &[&numbered(1, "amount", 5), "rubbish", "more", &numbered(2, "amount", 6)])
        .await?;
    shop.process_backlog().await?;
    let refused = dead_letters(&shop, &["discard", "--all"]).await?.expect_code(2)?;
    ensure!(refused.stderr.contains("--because"), "{}", refused.stderr);
    dead_letters(&shop, &["discard", "--because", "x"]).await?.expect_code(2)?;
    let printed_first =
        printed(&shop, &["discard", "--reason", "not_json", "--because", "a test of ours"]).await?;
    ensure!(printed_first == "2 dead letters discarded\n", "{printed_first}");
    let first = id(&shop, 0).await?;
    let one = printed(&shop, &["discard", &first, "--because", "sold elsewhere"]).await?;
    ensure!(one == "1 dead letter discarded\n", "{one}");
    let again = printed(&shop, &["discard", &first, "--because", "twice"]).await?;
    let already = format!("dead letter {first}: already discarded at ");
    ensure!(
        again.starts_with(&already) && again.ends_with("0 dead letters discarded\n"),
        "{again}"
    );

    let kept = "SELECT record_offset, discarded_because, length(payload) > 0, \
                discarded_at BETWEEN failed_at AND now() \
                FROM dead_letters WHERE discarded_at IS NOT NULL ORDER BY 1";
    let kept = shop.rows(kept).await?;
    ensure!(
        kept == ["0|sold elsewhere|t|t", "1|a test of ours|t|t", "2|a test of ours|t|t"],
        "{kept:?}"
    );
    let all = replay(&shop, &["--all", "--force"]).await?.expect_code(0)?;
    ensure!(all.stdout == "1 dead letter replayed\n", "{}", all.stdout);
    let named = replay(&shop, &[&first]).await?.expect_code(1)?;
    ensure!(named.stdout.contains("sold elsewhere: --force replays it"), "{}", named.stdout);
    ensure!(
        shop.rows("SELECT order_number FROM sales").await? == ["2"],
        "a discarded dead letter was replayed"
    );
    replay(&shop, &[&first, "--force"]).await?.expect_code(0)?;
    let sold = shop.rows("SELECT order_number, total FROM sales ORDER BY 1").await?;
    ensure!(sold == ["1|5.00", "2|6.00"], "{sold:?}");
    let marks = "SELECT discarded_at, discarded_because, replayed_at IS NULL FROM dead_letters \
                 WHERE record_offset = 0";
    ensure!(shop.rows(marks).await? == ["||f"], "{:?}", shop.rows(marks).await?);
    Ok(())
}

#[tokio::test]
async fn after_a_reset_dead_letters_reopen_unless_they_were_discarded_for_the_same_reason()
-> Result<()> {
    let shop = Shop::open(1).await?;
    // Two that a replay turns into orders, two that stay invalid, and one that then becomes invalid
    // for another reason.
    let none = r#"{"order_number": 7, "order_items": [{"amount": 0, "value_unit": 1}]}"#;
    let records = [
        &numbered(1, "amount", 5),
        &numbered(1, "qty", 4),
        "rubbish",
        "more rubbish",
        none,
        &numbered(2, "amount", 6),
    ];
    shop.send(0, &records).await?;
    shop.process_backlog().await?;
    replay(&shop, &["--all"]).await?.expect_code(1)?;
    for offset in [2, 4] {
        printed(&shop, &["discard", &id(&shop, offset).await?, "--because", "no"]).await?;
    }
    let states = "SELECT record_offset, reason, discarded_because, replayed_at IS NOT NULL, \
                  order_id, numbered FROM dead_letters ORDER BY record_offset";
    let before = shop.rows(states).await?;
    let expected = [
        "0|missing_quantity||f||",
        "2|not_json|no|f||",
        "3|not_json||f||",
        "4|quantity_not_positive|no|f||",
        "5|missing_quantity||t|2|t",
    ];
    ensure!(before == expected, "{before:?}");

    shop.vendas(&["offsets", "reset", "--to", "earliest", "--because", "to see it again", "--yes"])
        .run(DEADLINE)
        .await?
        .expect_code(0)?;
    shop.process_backlog().await?;
    let after = shop.rows(states).await?;
    let expected = [
        "0|missing_quantity||f||",
        "2|not_json|no|f||",
        "3|not_json||f||",
        "4|missing_quantity||f||",
        "5|missing_quantity||f||",
    ];
    ensure!(after == expected, "{after:?}");
    // The order of the first is older than the records that were read again after it, and the last
    // is not.
    let ended = replay(&shop, &["--reason", "missing_quantity"]).await?.expect_code(1)?;
    ensure!(
        ended.stdout.ends_with(
            "1 dead letter replayed, 1 superseded (use --force to replay them), 1 still rejected\n"
        ),
        "{}",
        ended.stdout
    );
    verify(&shop).await
}

#[tokio::test]
async fn purge_deletes_old_dead_letters_and_reports_how_many_are_open() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send(0, &["a", "b", "c", &numbered(1, "amount", 5)]).await?;
    shop.process_backlog().await?;
    replay(&shop, &["--reason", "missing_quantity"]).await?.expect_code(0)?;
    printed(&shop, &["discard", &id(&shop, 0).await?, "--because", "no"]).await?;
    let age = "UPDATE dead_letters SET failed_at = now() - INTERVAL '90 days 1 minute' \
               WHERE record_offset <> 2; \
               UPDATE dead_letters SET failed_at = now() - INTERVAL '89 days 23 hours' \
               WHERE record_offset = 2";
    shop.database.execute(age).await?;
    let purge = ["purge", "--older-than", "90d"];
    let shown = printed(&shop, &purge).await?;
    ensure!(shown.starts_with("3 dead letters of records rejected before "), "{shown}");
    ensure!(shown.contains(", 1 of them open\n") && shown.contains("use --yes"), "{shown}");
    ensure!(shop.database.count("dead_letters").await? == 4, "a dry run deletes");

    // The role of `run` has all privileges but this one.
    let app = format!("keeper of {}", shop.database.name());
    shop.database.execute(&format!("CREATE ROLE \"{app}\" LOGIN PASSWORD 'p'")).await?;
    let packaged = include_str!("../../packaging/grants.sql");
    let grants: Vec<_> = packaged.lines().filter(|line| line.starts_with("GRANT ")).collect();
    let grants = grants.join(" ").replace(" app;", &format!(" \"{app}\";"));
    // The tables of this shop are in `public`.
    let grants = grants.replace("SCHEMA shop", "SCHEMA public").replace("shop.", "");
    shop.database.execute(&grants).await?;
    let database = shop.database.as_user(&app, "p");
    let as_app = async |args: &[&str], code| {
        let command = shop.vendas(&["dead-letters"]).args(args.iter().copied());
        command.database(&database).run(DEADLINE).await?.expect_code(code)
    };
    as_app(&["list", "--all"], 0).await?;
    as_app(&["show", &id(&shop, 2).await?], 0).await?;
    as_app(&["replay", "--all"], 1).await?;
    as_app(&["discard", &id(&shop, 1).await?, "--because", "no"], 0).await?;
    let refused = as_app(&["purge", "--older-than", "90d", "--yes"], 1).await?;
    ensure!(
        refused.stderr.contains("permission denied for table dead_letters"),
        "{}",
        refused.stderr
    );
    shop.database.execute(&format!("GRANT DELETE ON dead_letters TO \"{app}\"")).await?;
    let purged = as_app(&["purge", "--older-than", "90d", "--yes"], 0).await?;
    ensure!(purged.stdout.ends_with("3 dead letters deleted\n"), "{}", purged.stdout);
    let left = shop.rows("SELECT record_offset FROM dead_letters").await?;
    ensure!(left == ["2"], "{left:?}");
    // The order of a replayed dead letter is not deleted.
    ensure!(shop.rows("SELECT total FROM sales").await? == ["5.00"], "the order was deleted too");
    Ok(())
}
