//! Random versions of orders, valid and as dead letters: after any sequence of replays, the newest
//! version is stored. The test contains a model that identifies versions by their offsets.

use std::collections::BTreeMap;

use testbed::{Context, Record, Result, ensure, eventually};

use super::{CANCELLED, CANCELLED_LATE, CORRECTED, dead_letters, verify};
use crate::{
    brake::Brake,
    shop::{DEADLINE, Shop},
    stream::Dice,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Good,
    /// Cancels the order.
    Gone,
    /// Valid after the mapping is corrected.
    Amount,
    /// Cancels the order after the mapping is corrected.
    GoneLate,
    Rubbish,
}

impl Kind {
    const fn cancels(self) -> bool {
        matches!(self, Self::Gone | Self::GoneLate)
    }
}

/// A version of an order; the version at offset `n` has the total `n + 1`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    order: usize,
    kind: Kind,
    listed: bool,
}

/// One in three; such an order always has a row in `orders`.
const fn has_id(order: usize) -> bool {
    order.is_multiple_of(3)
}

impl Version {
    pub(super) fn draw(dice: &mut Dice, orders: usize) -> Self {
        let order = dice.below(orders);
        let kind = match dice.below(10) {
            0..3 => Kind::Good,
            3 => Kind::Gone,
            4..7 => Kind::Amount,
            7 => Kind::GoneLate,
            _ => Kind::Rubbish,
        };
        Self { order, kind, listed: has_id(order) || dice.one_in(2) }
    }

    pub(super) fn record(self, offset: usize) -> Record {
        let name = if has_id(self.order) { "order_id" } else { "order_number" };
        let product = if self.listed { r#", "product": "p""# } else { "" };
        let quantity = match self.kind {
            Kind::Good | Kind::Gone => r#""qty": 1"#,
            Kind::Amount | Kind::GoneLate => r#""amount": 1"#,
            Kind::Rubbish => r#""x": 1"#,
        };
        let state = match self.kind {
            Kind::Gone => r#""state": "gone", "#,
            Kind::GoneLate => r#""late_state": "gone", "#,
            _ => "",
        };
        Record::new(format!(
            r#"{{"{name}": "{}", {state}"items": [{{{quantity}, "value_unit": {}{product}}}]}}"#,
            self.order,
            offset + 1
        ))
    }
}

/// The stored version of each order, by its offset; and the state of the dead letters.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) versions: Vec<Version>,
    pub(super) stored: BTreeMap<usize, usize>,
    /// Whether each was replayed.
    pub(super) letters: BTreeMap<usize, bool>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) replayed: u64,
    superseded: u64,
    still_dead: u64,
}

impl Model {
    pub(super) fn run(&mut self, versions: Vec<Version>) {
        for version in versions {
            let offset = self.versions.len();
            self.versions.push(version);
            if matches!(version.kind, Kind::Good | Kind::Gone) {
                self.stored.insert(version.order, offset);
            } else {
                self.letters.insert(offset, false);
            }
        }
    }

    fn replay(&mut self, offsets: &[usize], force: bool) -> Tally {
        let mut tally = Tally::default();
        for offset in offsets {
            let Version { order, kind, .. } = self.versions[*offset];
            let newer = self.stored.get(&order).is_some_and(|stored| stored > offset);
            match (self.letters[offset], kind) {
                (true, _) => {}
                (false, Kind::Rubbish) => tally.still_dead += 1,
                (false, _) if newer && !force => tally.superseded += 1,
                (false, _) => {
                    tally.replayed += 1;
                    self.stored.insert(order, *offset);
                    self.letters.insert(*offset, true);
                }
            }
        }
        tally
    }

    /// After replaying everything in any order: the newest valid version is stored, and a dead
    /// letter is only open if it is never valid or older.
    pub(super) fn settle(&mut self) -> Result<()> {
        for (offset, version) in self.versions.iter().enumerate() {
            if version.kind != Kind::Rubbish {
                self.stored.insert(version.order, offset);
            }
        }
        for (offset, replayed) in &self.letters {
            let Version { order, kind, .. } = self.versions[*offset];
            let newest = self.stored.get(&order) == Some(offset);
            ensure!(*replayed || !newest, "the dead letter at {offset} was left out");
            ensure!(
                !*replayed || kind != Kind::Rubbish,
                "the invalid record at {offset} is an order"
            );
        }
        Ok(())
    }

    /// Every row of the order tables, and the mark of every dead letter.
    pub(super) async fn expect(&self, shop: &Shop) -> Result<()> {
        let (mut sales, mut orders, mut cancelled) = (Vec::new(), Vec::new(), Vec::new());
        for (order, offset) in &self.stored {
            if self.versions[*offset].kind.cancels() {
                let numbered = if has_id(*order) { "f" } else { "t" };
                cancelled.push(format!("{order}|{numbered}|0|0|{{}}"));
                continue;
            }
            let total = offset + 1;
            if !has_id(*order) {
                sales.push(format!("{order}|{total}.00"));
            }
            if self.versions[*offset].listed {
                let numbered = if has_id(*order) { "f" } else { "t" };
                orders.push(format!("{order}|{numbered}|{total}.00|p|1|{total}.00"));
            }
        }
        let found = shop.rows("SELECT order_number, total FROM sales ORDER BY 1").await?;
        ensure!(found == sales, "sales {found:?}, not {sales:?}: {self:?}");
        let sql = "SELECT order_id, numbered, total, product, quantity, amount \
                   FROM orders JOIN order_items USING (order_id, numbered) ORDER BY order_id::int";
        let found = shop.rows(sql).await?;
        ensure!(found == orders, "orders {found:?}, not {orders:?}: {self:?}");
        let sql = "SELECT order_id, numbered, total, charges, items::text FROM orders \
                   WHERE cancelled ORDER BY order_id::int";
        let found = shop.rows(sql).await?;
        ensure!(found == cancelled, "cancelled {found:?}, not {cancelled:?}: {self:?}");
        let letters: Vec<_> = self
            .letters
            .iter()
            .map(|(offset, replayed)| {
                let order = self.versions[*offset].order;
                match (replayed, has_id(order)) {
                    (true, true) => format!("{offset}|t|{order}|f"),
                    (true, false) => format!("{offset}|t|{order}|t"),
                    (false, _) => format!("{offset}|f||"),
                }
            })
            .collect();
        let sql = "SELECT record_offset, replayed_at IS NOT NULL, order_id, numbered \
                   FROM dead_letters ORDER BY 1";
        let found = shop.rows(sql).await?;
        ensure!(found == letters, "letters {found:?}, not {letters:?}: {self:?}");
        verify(shop).await
    }
}

#[tokio::test]
async fn after_any_sequence_of_replays_the_newest_version_is_stored() -> Result<()> {
    const ROUNDS: usize = 3;
    const RECORDS: usize = 160;
    const REPLAYS: usize = 8;
    let shop = Shop::open(1).await?;
    let mut dice = Dice::new(41);
    let mut model = Model::default();
    let (mut superseded, mut forced) = (0, 0);
    for round in 0..ROUNDS {
        let versions: Vec<_> = (0..RECORDS).map(|_| Version::draw(&mut dice, 36)).collect();
        let first = model.versions.len();
        let records: Vec<_> =
            (first..).zip(&versions).map(|(offset, version)| version.record(offset)).collect();
        shop.servers.kafka.produce(&shop.topic, 0, &records).await?;
        model.run(versions);
        let batch_size = format!("pipeline.batch_size={}", [1000, 7, 1][round]);
        let run = ["run", "--until-end", "--set", &batch_size];
        shop.vendas(&run).args(CANCELLED).run(DEADLINE).await?.expect_code(0)?;
        model.expect(&shop).await?;

        let sql = "SELECT record_offset, id FROM dead_letters";
        let ids: BTreeMap<usize, String> = shop
            .rows(sql)
            .await?
            .iter()
            .filter_map(|row| row.split_once('|'))
            .map(|(offset, id)| Ok((offset.parse()?, id.to_owned())))
            .collect::<Result<_>>()?;
        let offsets: Vec<usize> = ids.keys().copied().collect();
        for replay in 0..=REPLAYS {
            let mut chosen: Vec<usize> = if replay == REPLAYS {
                offsets.iter().copied().filter(|offset| !model.letters[offset]).collect()
            } else {
                (0..=dice.below(8)).map(|_| offsets[dice.below(offsets.len())]).collect()
            };
            chosen.sort_unstable();
            chosen.dedup();
            let force = replay % 3 == 1;
            let mut args = vec!["replay", "--set", CORRECTED];
            args.extend(CANCELLED_LATE);
            args.extend(force.then_some("--force"));
            if replay == REPLAYS {
                args.push("--all");
            } else {
                // In any order of ids.
                args.extend(chosen.iter().rev().map(|offset| ids[offset].as_str()));
            }
            let expected = model.replay(&chosen, force);
            let ended = dead_letters(&shop, &args).await?;
            let code = i32::from(expected.superseded + expected.still_dead > 0);
            let ended = ended.expect_code(code)?;
            let told = tally_of(&ended.stdout)?;
            ensure!(told == expected, "{told:?}, not {expected:?}: {args:?} {}", ended.stdout);
            superseded += told.superseded;
            forced += if force { told.replayed } else { 0 };
            model.expect(&shop).await?;
        }
    }
    ensure!(superseded > 20 && forced > 10, "only {superseded} superseded and {forced} forced");
    Ok(())
}

#[tokio::test]
async fn killed_repeatedly_each_order_has_its_last_version() -> Result<()> {
    const KILLS: usize = 4;
    const RECORDS: usize = 400;
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    let (mut dice, mut model) = (Dice::new(47), Model::default());
    let run = || {
        shop.vendas(&[
            "run",
            "--set",
            "pipeline.batch_size=5",
            "--set",
            "pipeline.commit_records=5",
        ])
        .args(CANCELLED)
    };
    for _ in 0..KILLS {
        let versions: Vec<_> = (0..RECORDS).map(|_| Version::draw(&mut dice, 50)).collect();
        let first = model.versions.len();
        let records: Vec<_> =
            (first..).zip(&versions).map(|(offset, version)| version.record(offset)).collect();
        shop.servers.kafka.produce(&shop.topic, 0, &records).await?;
        model.run(versions);
        let brake = Brake::at(&shop.database, first + RECORDS / 2).await?;
        let running = run().start()?;
        eventually("some of the records", DEADLINE, async || {
            let next = format!("partitions WHERE next_offset > {}", first + RECORDS / 4);
            ensure!(shop.database.count(&next).await? == 1, "{}", running.state());
            Ok(())
        })
        .await?;
        running.kill()?;
        running.wait_exit(DEADLINE).await?;
        drop(brake);
    }
    shop.vendas(&["run", "--until-end"]).args(CANCELLED).run(DEADLINE).await?.expect_code(0)?;
    model.expect(&shop).await
}

/// The numbers in the last line.
pub(super) fn tally_of(stdout: &str) -> Result<Tally> {
    let line = stdout.lines().last().context("the output is empty")?;
    let number = |what: &str| {
        let part = line.split(", ").find(|part| part.contains(what));
        part.and_then(|part| part.split(' ').next()?.parse().ok()).unwrap_or(0)
    };
    Ok(Tally {
        replayed: number("replayed"),
        superseded: number("superseded"),
        still_dead: number("still rejected"),
    })
}
