//! Sums by product, day and hour equal those computed from `sales` and `orders` after any change of
//! these.

use testbed::{Record, Result, Vendas, ensure, eventually, samples::Random};

use crate::{
    scenario::terminate,
    shop::{DEADLINE, Shop},
    totals::expect_equal,
};

const STEPS: usize = 60;
/// Few enough that most orders are corrected or cancelled later.
const KEYS: usize = 60;

/// Manual changes of the tables.
const MANUAL_CHANGES: &[&str] = &[
    "DELETE FROM orders WHERE ascii(right(order_id, 1)) % 5 = 0",
    "DELETE FROM sales WHERE order_number % 7 = 3",
    "DELETE FROM sales WHERE order_number < 20; DELETE FROM orders WHERE length(order_id) = 1",
    "UPDATE orders SET total = total + 0.01, charges = charges - 1 WHERE NOT numbered",
    "UPDATE orders SET items = items || ROW('by hand', 1.5, NULL)::order_item WHERE order_id < '3'",
    "UPDATE orders SET counted_at = counted_at + interval '1 day' WHERE order_id > '4'",
    "UPDATE orders SET counted_at = NULL, sold_at = NULL WHERE order_id LIKE '%2'",
    "UPDATE orders SET cancelled = true, total = 0, items = '{}' WHERE order_id LIKE '%1'",
    "UPDATE sales SET total = total * 2, counted_at = NULL WHERE order_number % 5 = 1",
    "UPDATE sales SET total = NULL WHERE order_number = 9",
    "INSERT INTO sales (order_number, total, processed_at) VALUES (5, 1.5, now()) \
     ON CONFLICT (order_number) DO UPDATE SET total = 7, processed_at = NULL, counted_at = NULL",
    "INSERT INTO orders VALUES ('7', false, 1, ARRAY[ROW('a', 1, -7)]::order_item[], NULL, now()) \
     ON CONFLICT (order_id, numbered) DO UPDATE SET total = excluded.total",
    "BEGIN; DELETE FROM orders; DELETE FROM sales; ROLLBACK",
    "TRUNCATE orders",
    "TRUNCATE sales",
    "SELECT fold_ledgers()",
    "SELECT rebuild_sums()",
];

/// The contents of the views by time.
const VIEWS: &str = "
    SELECT day::text, 'product', product, orders, trim_scale(quantity), trim_scale(amount)
    FROM product_days
    UNION ALL
    SELECT hour::text, 'hour', NULL, orders, trim_scale(total), trim_scale(charges) FROM order_hours
    ORDER BY 1, 2, 3";

/// The number of rows that count before a day.
const OLD_ROWS: &str = "
    SELECT count(*) FROM (
        SELECT coalesce(counted_at, processed_at AT TIME ZONE 'UTC' AT TIME ZONE 'America/Sao_Paulo')
        FROM sales
        UNION ALL
        SELECT coalesce(counted_at, sold_at,
                        processed_at AT TIME ZONE 'UTC' AT TIME ZONE 'America/Sao_Paulo')
        FROM orders
    ) AS rows (at) WHERE at < '{day}'";

/// Whether a line of [`VIEWS`] is of a day before `day`. Lines without a known day are not.
fn is_before(line: &str, day: &str) -> bool {
    !line.starts_with('-') && line < day
}

/// An order, a cancellation, or an invalid record.
fn record(random: &mut Random) -> Record {
    let key = random.below(KEYS);
    let mut order = serde_json::json!({});
    match random.below(2) {
        0 => order["order_number"] = key.into(),
        _ => order["order_id"] = key.to_string().into(),
    }
    let items: Vec<_> = (0..random.below(4))
        .map(|_| {
            let product = ["a", "b", "c", "é"][random.below(4)];
            let price = format!("{}.{:02}", random.below(90), random.below(100));
            serde_json::json!({"product": product, "qty": 1 + random.below(3), "unit_price": price})
        })
        .collect();
    match items.is_empty() {
        true => order["total"] = random.below(1_000).into(),
        false => order["items"] = items.into(),
    }
    order["frete"] = random.below(20).into();
    match random.below(20) {
        0 | 1 => order["state"] = "gone".into(),
        2 => order["frete"] = "much".into(),
        _ => {}
    }
    // The days around the turn of a year.
    let (day, hour) = ([30, 31, 1, 2][random.below(4)], random.below(24));
    let (year, month) = if day > 2 { (2025, 12) } else { (2026, 1) };
    if random.below(3) > 0 {
        order["sold_at"] = format!("{year}-{month:02}-{day:02}T{hour:02}:30:00").into();
    }
    let record = Record::new(order.to_string());
    match random.below(3) {
        0 => record,
        _ => record.with_timestamp(
            1_767_225_600_000 + 1_800_000 * i64::try_from(hour).unwrap_or_default(),
        ),
    }
}

struct Session {
    shop: Shop,
    random: Random,
    vendas: Vendas,
    sent: usize,
    rolled_up: bool,
}

impl Session {
    fn start(shop: &Shop, random: &mut Random) -> Result<Vendas> {
        let size = format!("pipeline.batch_size={}", [1, 3, 100][random.below(3)]);
        let cancelled = r#"mapping.cancelled=["gone"]"#;
        let shipping = "mapping.shipping=frete";
        let args = ["--set", &size, "--set", "mapping.status=state", "--set", cancelled];
        shop.vendas(&["run"]).args(args).args(["--set", shipping]).start()
    }

    async fn step(&mut self) -> Result<()> {
        match self.random.below(8) {
            0..3 => {
                let count = 1 + self.random.below(60);
                let records: Vec<_> = (0..count).map(|_| record(&mut self.random)).collect();
                let partition = i32::try_from(self.random.below(2))?;
                self.shop.servers.kafka.produce(&self.shop.topic, partition, &records).await?;
                self.sent += count;
                if self.random.below(2) == 0 {
                    self.catch_up().await?;
                }
            }
            3 | 4 => {
                let statement = MANUAL_CHANGES[self.random.below(MANUAL_CHANGES.len())];
                if let Err(error) = self.shop.database.execute(statement).await {
                    // The operator retries.
                    ensure!(format!("{error:#}").contains("deadlock"), "{statement}: {error:#}");
                }
            }
            5 => self.purge().await?,
            6 => self.roll_up().await?,
            _ => {
                let next = Self::start(&self.shop, &mut self.random)?;
                std::mem::replace(&mut self.vendas, next).kill()?;
            }
        }
        expect_equal(&self.shop.database).await
    }

    /// A purge changes the views only by deleting older rows; no old row remains.
    async fn purge(&mut self) -> Result<()> {
        self.catch_up().await?;
        // So that several days remain.
        let (day, forget) = [("2025-12-31", true), ("2025-12-31", false), ("2026-01-01", false)]
            [self.random.below(3)];
        let before = self.shop.rows(VIEWS).await?;
        let purge = ["orders", "purge", "--before", day, "--because", "a test", "--yes"];
        let purge = self.shop.vendas(&purge).args(forget.then_some("--forget-sums"));
        purge.run(DEADLINE).await?.expect_code(0)?;
        let after = self.shop.rows(VIEWS).await?;
        // Only by hours if products are kept by month.
        let kept = |line: &String| !self.rolled_up || line.contains("|hour|");
        let (before, after) = (
            before.into_iter().filter(kept).collect::<Vec<_>>(),
            after.into_iter().filter(kept).collect::<Vec<_>>(),
        );
        let expected: Vec<_> = match forget {
            false => before,
            true => before.into_iter().filter(|line| !is_before(line, day)).collect(),
        };
        let gone: Vec<_> = expected.iter().filter(|line| !after.contains(line)).collect();
        let new: Vec<_> = after.iter().filter(|line| !expected.contains(line)).collect();
        ensure!(gone.is_empty() && new.is_empty(), "before {day}: {new:?}, not {gone:?}");
        let left = OLD_ROWS.replace("{day}", day);
        let left = self.shop.rows(&left).await?;
        ensure!(left == ["0"], "{left:?} rows are left of the days before {day}");
        Ok(())
    }

    async fn roll_up(&mut self) -> Result<()> {
        // Rarely, since sums by month show less.
        if self.random.below(4) > 0 {
            return Ok(());
        }
        let months = "SELECT month, product, orders, trim_scale(quantity), trim_scale(amount) \
                      FROM product_months ORDER BY 1, 2";
        self.catch_up().await?;
        let before = self.shop.rows(months).await?;
        let roll_up =
            ["orders", "roll-up", "--before", "2026-01-02", "--because", "a test", "--yes"];
        self.shop.vendas(&roll_up).run(DEADLINE).await?.expect_code(0)?;
        self.rolled_up = true;
        let after = self.shop.rows(months).await?;
        ensure!(before == after, "{after:?}, not {before:?}");
        Ok(())
    }

    async fn catch_up(&self) -> Result<()> {
        eventually("all records", DEADLINE, async || {
            let done = "SELECT coalesce(sum(next_offset), 0) FROM partitions";
            let done = self.shop.rows(done).await?;
            ensure!(done == [self.sent.to_string()], "{done:?} {}", self.vendas.state());
            Ok(())
        })
        .await
    }
}

async fn follow(seed: u64) -> Result<()> {
    let shop = Shop::open(2).await?;
    shop.apply_schema().await?;
    let mut random = Random(seed);
    let vendas = Session::start(&shop, &mut random)?;
    let mut session = Session { shop, random, vendas, sent: 0, rolled_up: false };
    for step in 0..STEPS {
        session
            .step()
            .await
            .map_err(|error| error.context(format!("step {step} of seed {seed}")))?;
    }
    session.catch_up().await?;
    terminate(session.vendas).await?;
    let shop = session.shop;
    // The mapping is corrected now, and an order may be older than the stored version.
    let replay = ["dead-letters", "replay", "--all", "--set", "mapping.shipping=shipping"];
    let replayed = shop.vendas(&replay).run(DEADLINE).await?;
    ensure!(replayed.stdout.contains("replayed"), "{}", replayed.state());
    expect_equal(&shop.database).await?;
    let counted = "SELECT count(DISTINCT hour::date) > 3 AND sum(orders) > 20 FROM order_hours";
    ensure!(shop.rows(counted).await? == ["t"], "too few rows are left");
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

#[tokio::test]
async fn sums_are_correct_after_any_change_of_the_tables() -> Result<()> {
    for seed in 0..2 {
        follow(seed).await?;
    }
    Ok(())
}
