//! Triggers that record every write. The tables alone cannot show whether an effect was written
//! twice, since an upsert replaces a row with the same contents.

use std::collections::BTreeMap;

use testbed::{Context, Database, Result, ensure};

use crate::{
    oracle::{self, Effect, Exact},
    stream::{Generated, Key},
};

const TRIGGERS: &str = "
    CREATE SCHEMA audit;
    CREATE TABLE audit.moves (
        n BIGSERIAL PRIMARY KEY, place TEXT, from_offset BIGINT, to_offset BIGINT,
        at TIMESTAMPTZ DEFAULT clock_timestamp()
    );
    CREATE TABLE audit.writes (n BIGSERIAL PRIMARY KEY, what TEXT, total NUMERIC);

    CREATE FUNCTION audit.note_move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO audit.moves (place, from_offset, to_offset)
        VALUES (NEW.topic || '-' || NEW.partition, OLD.next_offset, NEW.next_offset);
        RETURN NULL;
    END $$;
    CREATE TRIGGER write_audit AFTER UPDATE ON partitions FOR EACH ROW
        WHEN (OLD.next_offset <> NEW.next_offset) EXECUTE FUNCTION audit.note_move();

    CREATE FUNCTION audit.note_sale() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO audit.writes (what, total)
        VALUES ('number ' || NEW.order_number, NEW.total);
        RETURN NULL;
    END $$;
    CREATE TRIGGER write_audit AFTER INSERT OR UPDATE ON sales FOR EACH ROW
        EXECUTE FUNCTION audit.note_sale();

    CREATE FUNCTION audit.note_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO audit.writes (what, total) VALUES ('id ' || NEW.order_id, NEW.total);
        RETURN NULL;
    END $$;
    CREATE TRIGGER write_audit AFTER INSERT OR UPDATE ON orders FOR EACH ROW
        WHEN (NOT NEW.numbered) EXECUTE FUNCTION audit.note_order();

    CREATE FUNCTION audit.note_dead_letter() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO audit.writes (what)
        VALUES ('dead letter ' || NEW.topic || '-' || NEW.partition || '@' || NEW.record_offset);
        RETURN NULL;
    END $$;
    CREATE TRIGGER write_audit AFTER INSERT OR UPDATE ON dead_letters FOR EACH ROW
        EXECUTE FUNCTION audit.note_dead_letter();
";

/// Installs the triggers in a database that has its tables and no rows yet.
///
/// # Errors
/// If the database refuses.
pub(crate) async fn install(database: &Database) -> Result<()> {
    database.execute(TRIGGERS).await
}

/// Checks that the offset of every partition moved forward from 0 without a gap or a step back, and
/// that every effect was written at most once and in the order of the records.
///
/// # Errors
/// If an effect was written twice, too early or too late.
pub(crate) async fn expect<'a>(
    database: &Database,
    partitions: impl IntoIterator<Item = (&'a str, i32, &'a [Generated])>,
) -> Result<()> {
    let moves = database
        .query("SELECT place, from_offset, to_offset FROM audit.moves ORDER BY n", &[])
        .await?;
    let mut stands: BTreeMap<String, i64> = BTreeMap::new();
    for row in moves {
        let (place, from, to): (String, i64, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let stood = stands.insert(place.clone(), to).unwrap_or(0);
        ensure!(stood == from && from < to, "{place} was at {stood} and moved from {from} to {to}");
    }

    // The values that may be written for each order and dead letter, in this order.
    let mut versions: BTreeMap<String, Vec<Exact>> = BTreeMap::new();
    for (topic, partition, records) in partitions {
        for (offset, generated) in records.iter().enumerate() {
            let (what, total) = match oracle::effect(&generated.meaning) {
                Effect::Order { key: Key::Number(number), row } => {
                    (format!("number {number}"), row.total)
                }
                Effect::Order { key: Key::Id(id), row } => (format!("id {id}"), row.total),
                Effect::DeadLetter(_) => {
                    (format!("dead letter {topic}-{partition}@{offset}"), Exact::ZERO)
                }
            };
            versions.entry(what).or_default().push(total);
        }
    }
    let writes =
        database.table("SELECT what, coalesce(total, 0) FROM audit.writes ORDER BY n").await?;
    // The values that are not yet written, and the last written one.
    let mut state: BTreeMap<_, _> =
        versions.iter().map(|(what, totals)| (what.as_str(), (totals.iter(), None))).collect();
    for row in &writes.rows {
        let [Some(what), Some(total)] = row.as_slice() else { continue };
        let (ahead, last) =
            state.get_mut(what.as_str()).with_context(|| format!("{what} was written"))?;
        let written = oracle::decimal(total)?;
        *last = Some(written);
        ensure!(
            ahead.any(|total| *total == written),
            "{what} was written with the total {total}, which no unwritten record has: \
             an effect was written twice or late"
        );
    }
    for (what, (_, last)) in state {
        // A batch may contain several versions of an order, of which it writes the last.
        let newest = versions.get(what).and_then(|totals| totals.last().copied());
        ensure!(last == newest, "{what}: {last:?} was written last, and the newest is {newest:?}");
    }
    Ok(())
}
