//! A topic that contains only invalid records.

use std::collections::BTreeMap;

use testbed::{Context, Record, Result, ensure};

use crate::{
    scenario::field,
    shop::{DEADLINE, Shop},
};

const PARTITIONS: u16 = 4;

#[tokio::test]
async fn invalid_records_are_processed_and_the_log_counts_those_it_does_not_show() -> Result<()> {
    const RECORDS: usize = 20_000;
    let shop = Shop::open(PARTITIONS).await?;
    let kinds = [
        ("not_json", Record::new("rubbish")),
        ("not_an_object", Record::new("[]")),
        ("tombstone", Record::tombstone("k")),
        ("missing_identity", Record::new(r#"{"total": 1}"#)),
        ("not_utf8", Record::new(vec![0xff; 10])),
    ];
    let each = RECORDS / usize::from(PARTITIONS);
    let records: Vec<_> =
        kinds.iter().map(|(_, record)| record.clone()).cycle().take(each).collect();
    for partition in 0..i32::from(PARTITIONS) {
        shop.servers.kafka.produce(&shop.topic, partition, &records).await?;
    }
    let ended = shop.vendas(&["run", "--until-end"]).run(2 * DEADLINE).await?.expect_code(0)?;

    let expected = u64::try_from(RECORDS / kinds.len())?;
    let expected: BTreeMap<_, _> =
        kinds.iter().map(|(reason, _)| ((*reason).to_owned(), expected)).collect();
    let rows = shop.rows("SELECT reason, count(*) FROM dead_letters GROUP BY reason").await?;
    let kept: BTreeMap<_, _> = rows
        .iter()
        .map(|row| {
            let (reason, count) = row.split_once('|').context("no count")?;
            Ok((reason.to_owned(), count.parse()?))
        })
        .collect::<Result<_>>()?;
    ensure!(kept == expected, "{kept:?}");

    let (mut told, mut lines, mut counts) = (BTreeMap::<String, u64>::new(), 0, 0);
    for line in ended.stderr.lines() {
        if line.contains("record became a dead letter") {
            lines += 1;
            let reason = field(line, "reason").context("no reason")?.trim_matches('"');
            *told.entry(reason.to_owned()).or_default() += 1;
        }
        if line.contains("more records became dead letters") {
            counts += 1;
            let mut sum = 0;
            for part in field(line, "reasons").context("no reasons")?.split(',') {
                let (reason, count) = part.split_once(':').context("no count")?;
                let count: u64 = count.parse()?;
                *told.entry(reason.to_owned()).or_default() += count;
                sum += count;
            }
            let records: u64 = field(line, "records").context("no records")?.parse()?;
            ensure!(records == sum, "{line}");
        }
    }
    ensure!(told == expected, "the log reports {told:?}");
    // 20 lines in each interval of 10 seconds, and one with the count of the others.
    let intervals = 1 + 2 * DEADLINE.as_secs() / 10;
    let bounded = (20..=20 * intervals).contains(&lines) && (1..=intervals).contains(&counts);
    ensure!(bounded, "{lines} lines about dead letters, {counts} with counts");
    Ok(())
}
