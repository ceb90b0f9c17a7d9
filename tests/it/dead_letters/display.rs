//! Finding and displaying dead letters, on a terminal and off it.

use std::process::Command;

use serde_json::{Value, json};
use testbed::{Record, Result, ensure};

use super::{dead_letters, id, listed, numbered, printed};
use crate::{
    shop::{Shop, VENDAS},
    terminal::Terminal,
};

/// Sequences that act on a terminal: cursor and screen, a title, a hyperlink (OSC 8), a query that
/// is answered, both also as C1; and characters that change the direction of the text next to them.
const HOSTILE: &str = "\u{1b}[2J\u{1b}[31m\u{1b}]0;owned\u{7}\u{1b}]8;;http://evil/\u{1b}\\x\u{9b}6n\
    \u{90}$q\u{9c}\u{202e}redrO\u{202c}\u{2066}\u{2069}\u{200f}\u{61c}\r\u{8}\u{b}\u{7f}\u{85}\
    \u{2028}\u{feff}\nreason      all_is_well\ttab";

/// No control characters except line ends.
fn ensure_no_control_characters(output: &str) -> Result<()> {
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{feff}".contains(c)
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    let found: Vec<_> = output.chars().filter(|c| acts(*c)).collect();
    ensure!(found.is_empty(), "{found:?} in {output:?}");
    Ok(())
}

/// A shop with dead letters of four reasons, all with hostile contents.
async fn with_hostile_dead_letters() -> Result<Shop> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database
        .execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'no: %', NEW.order_id; END $$; \
             CREATE TRIGGER refuse BEFORE INSERT ON orders \
             FOR EACH ROW WHEN (NEW.order_id LIKE '%owned%') EXECUTE FUNCTION refuse()",
        )
        .await?;
    let rejected = json!({"order_id": HOSTILE, "total": 1}).to_string();
    let field = json!({HOSTILE: 1, "order_number": HOSTILE}).to_string();
    shop.servers
        .kafka
        .produce(
            &shop.topic,
            0,
            &[
                Record::new(HOSTILE).with_key(HOSTILE),
                Record::new([b"\xff\xfe", HOSTILE.as_bytes()].concat()).with_key(*b"\x9b6n\x00"),
                Record::new(rejected),
                Record::new(field),
                Record::tombstone("k"),
                Record::new(numbered(1, "qty", 1)),
            ],
        )
        .await?;
    shop.process_backlog().await?;
    Ok(shop)
}

#[tokio::test]
async fn control_characters_of_a_record_do_not_reach_the_terminal() -> Result<()> {
    let shop = with_hostile_dead_letters().await?;
    let hostile_ids = [id(&shop, 0).await?, id(&shop, 1).await?];
    printed(&shop, &["discard", &hostile_ids[0], "--because", HOSTILE]).await?;
    for args in [
        &["list", "--all"][..],
        &["list", "--all", "--format", "json"],
        &["list", "--counts"],
        &["discard", &hostile_ids[0], "--because", "x"],
    ] {
        ensure_no_control_characters(&printed(&shop, args).await?)?;
    }
    for args in [&["replay", "--all"][..], &["replay", &hostile_ids[0]]] {
        let ended = dead_letters(&shop, args).await?.expect_code(1)?;
        ensure_no_control_characters(&ended.stdout)?;
        ensure_no_control_characters(&ended.stderr)?;
        // The database's error message would quote the row.
        let rejected = ended.stdout.lines().find(|line| line.contains("rejected_by_database"));
        ensure!(rejected.is_none_or(|line| !line.contains("owned")), "{rejected:?}");
    }
    for offset in 0..5 {
        let shown = printed(&shop, &["show", &id(&shop, offset).await?]).await?;
        ensure_no_control_characters(&shown)?;
        // A line of the record does not look like a line of the output.
        let reasons = shown.lines().filter(|line| line.starts_with("reason ")).count();
        ensure!(reasons == 1, "{shown}");
    }
    let shown = printed(&shop, &["show", &hostile_ids[0]]).await?;
    ensure!(shown.contains("\n  \\u{1b}[2J\\u{1b}[31m\\u{1b}]0;owned\\u{7}"), "{shown}");
    let shown = printed(&shop, &["show", &hostile_ids[1]]).await?;
    ensure!(
        shown.contains(
            "  00000000  ff fe 1b 5b 32 4a 1b 5b 33 31 6d 1b 5d 30 3b 6f  |...[2J.[31m.]0;o|"
        ),
        "{shown}"
    );
    ensure!(shown.contains("key         4 bytes, not UTF-8\n  00000000  9b 36 6e 00 "), "{shown}");
    let shown = printed(&shop, &["show", &id(&shop, 4).await?]).await?;
    ensure!(shown.ends_with("value       none\n"), "{shown}");

    // With a terminal as standard output.
    for args in
        [&["list", "--all", "--format", "csv"][..], &["list", "--all"], &["show", &hostile_ids[0]]]
    {
        // The terminal changes \n to \r\n.
        ensure_no_control_characters(&on_terminal(&shop, args).await?.replace("\r\n", "\n"))?;
    }
    let refused = on_terminal(&shop, &["show", &hostile_ids[0], "--raw"]).await?;
    ensure!(refused.contains("--raw writes untrusted bytes"), "{refused:?}");
    Ok(())
}

async fn on_terminal(shop: &Shop, args: &[&str]) -> Result<String> {
    let command = pty_process::Command::new(VENDAS)
        .arg("dead-letters")
        .args(args)
        .envs(shop.database.settings())
        .env("NO_COLOR", "1");
    Terminal::start(command, 24, 120)?.wait_output().await
}

#[tokio::test]
async fn raw_writes_the_exact_bytes() -> Result<()> {
    let shop = Shop::open(1).await?;
    let payload: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let records = [Record::new(payload.clone()), Record::tombstone("k")];
    shop.servers.kafka.produce(&shop.topic, 0, &records).await?;
    shop.process_backlog().await?;
    let raw = |id: String| {
        Command::new(VENDAS)
            .args(["dead-letters", "show", &id, "--raw"])
            .envs(shop.database.settings())
            .current_dir(std::env::temp_dir())
            .output()
    };
    let output = raw(id(&shop, 0).await?)?;
    ensure!(output.status.success() && output.stdout == payload, "other bytes");
    let output = raw(id(&shop, 1).await?)?;
    ensure!(output.status.code() == Some(1) && output.stdout.is_empty(), "{output:?}");
    let shown = printed(&shop, &["show", &id(&shop, 0).await?]).await?;
    ensure!(shown.contains("value       100000 bytes, not UTF-8\n  00000000  00 01"), "{shown}");
    ensure!(shown.ends_with("  … only the first 16384 bytes are shown\n"), "{shown}");
    let missing = dead_letters(&shop, &["show", "4711"]).await?.expect_code(1)?;
    ensure!(missing.stderr.contains("there is no dead letter 4711"), "{}", missing.stderr);
    Ok(())
}

#[tokio::test]
async fn dead_letters_are_found_by_topic_reason_and_time_and_counted() -> Result<()> {
    let shop = Shop::open(1).await?;
    let other = shop.servers.topic(1).await?;
    let topics = format!("{},{other}", shop.topic);
    shop.send(0, &["rubbish", &numbered(1, "amount", 5), "=cmd|' /C calc'!A0"]).await?;
    shop.servers
        .kafka
        .produce(&other, 0, &[Record::new("rubbish"), Record::tombstone("k")])
        .await?;
    shop.vendas(&["run", "--until-end", "--topics", &topics])
        .run(crate::shop::DEADLINE)
        .await?
        .expect_code(0)?;
    // From the newest to the oldest, whatever the clock of the machine is.
    let times = [("rubbish", 5), ("amount", 3), ("cmd", 1)].map(|(text, days)| {
        format!(
            "UPDATE dead_letters SET failed_at = '2026-03-10T12:00:00Z'::timestamptz \
             - {days} * INTERVAL '1 day' WHERE topic = '{}' \
             AND convert_from(payload, 'UTF8') LIKE '%{text}%';",
            shop.topic
        )
    });
    shop.database.execute(&times.concat()).await?;
    let offsets = async |args: &[&str]| -> Result<Vec<i64>> {
        let letters = listed(&shop, &[&["--topic", &shop.topic], args].concat()).await?;
        Ok(letters.iter().filter_map(|letter| letter["offset"].as_i64()).collect())
    };
    for (args, expected) in [
        (&[][..], &[2, 1, 0][..]),
        (&["--limit", "2"], &[2, 1]),
        (&["--reason", "not_json"], &[2, 0]),
        (&["--since", "2026-03-07T12:00:00Z"], &[2, 1]),
        (&["--until", "2026-03-07T12:00:00Z"], &[0]),
        (&["--since", "2026-03-06", "--until", "2026-03-08T00:00:00-03:00"], &[1]),
        (&["--since", "1h"], &[]),
    ] {
        let found = offsets(args).await?;
        ensure!(found == expected, "{args:?}: {found:?}");
    }
    let letters = listed(&shop, &["--topic", &shop.topic, "--limit", "1"]).await?;
    let id: i64 = id_of(&letters)?;
    let expected = json!([{
        "id": id, "topic": shop.topic, "partition": 0, "offset": 2,
        "failed_at": "2026-03-09T12:00:00Z", "reason": "not_json",
        "detail": "expected value at line 1 column 1", "replayed_at": null, "order_id": null,
        "numbered": null, "discarded_at": null, "discarded_because": null,
    }]);
    ensure!(json!(letters) == expected, "{letters:#?}");

    let table = printed(&shop, &["list", "--topic", &shop.topic, "--limit", "1"]).await?;
    let header =
        [" id ", " topic ", " partition ", " offset ", " failed at ", " reason ", " detail"];
    let lines: Vec<_> = table.lines().collect();
    ensure!(header.iter().all(|name| lines[0].contains(name)), "{table}");
    ensure!(lines[1].contains(" not_json ") && lines.len() == 3, "{table}");
    ensure!(lines[2].starts_with("there are more"), "{table}");

    printed(&shop, &["discard", &id.to_string(), "--because", "=1+1"]).await?;
    let csv = printed(&shop, &["list", "--all", "--topic", &shop.topic, "--format", "csv"]).await?;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>()?;
    ensure!(rows.len() == 3 && rows[0].get(3) == Some("2"), "{csv}");
    ensure!(rows[0].get(11) == Some("'=1+1") && rows[1].get(11) == Some(""), "{csv}");
    let all = printed(&shop, &["list", "--all", "--topic", &shop.topic]).await?;
    ensure!(all.contains(" discarded at ") && all.contains(" because: =1+1"), "{all}");

    let counts = printed(&shop, &["list", "--counts", "--format", "json"]).await?;
    let counts: Vec<Value> = serde_json::from_str(&counts)?;
    let counts: Vec<_> = counts.iter().map(|count| (&count["reason"], &count["letters"])).collect();
    let expected = json!(["not_json", "missing_quantity", "tombstone"]);
    let reasons: Vec<_> = counts.iter().map(|(reason, _)| *reason).collect();
    ensure!(json!(reasons) == expected && *counts[0].1 == json!(2), "{counts:?}");
    let counts = printed(&shop, &["list", "--counts", "--all", "--format", "csv"]).await?;
    ensure!(counts.contains("\n\"not_json\",3,\"2026-03-05T12:00:00Z\","), "{counts}");
    let unknown = dead_letters(&shop, &["list", "--reason", "not_jsn"]).await?.expect_code(2)?;
    ensure!(unknown.stderr.contains("not_json"), "{}", unknown.stderr);
    Ok(())
}

fn id_of(letters: &[Value]) -> Result<i64> {
    use testbed::Context;
    letters.first().and_then(|letter| letter["id"].as_i64()).context("no id")
}
