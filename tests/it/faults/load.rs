//! Records that are sent at a steady rate, and how long they wait.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use testbed::{Database, Ended, Kafka, Result, Testbed, Vendas, ensure, eventually};
use tokio::{
    time::{MissedTickBehavior, interval},
    try_join,
};

use super::Figures;
use crate::scenario::{DEADLINE, LANES, Scenario, count_lines, terminate};

/// Records per partition in a round, in which the fault occurs once.
pub(super) const SHARE: usize = 40;
/// Each partition gets [`STEP`] records in each interval: 100 a second.
const PACE: Duration = Duration::from_millis(40);
const STEP: usize = 4;

/// A scenario with faults while records are sent.
pub(super) struct Load<'k> {
    pub(super) scenario: Scenario<'k>,
    what: &'static str,
    rounds: Cell<usize>,
    repaired: RefCell<Vec<SystemTime>>,
    longest: Cell<Duration>,
    /// The longest wait after a repair, where it was measured.
    after: Cell<Option<Duration>>,
}

impl Load<'static> {
    /// With a new database of the shared PostgreSQL.
    pub(super) async fn shared(what: &'static str, seed: u64, rounds: usize) -> Result<Self> {
        Self::with(what, Testbed::shared().await?.database().await?, seed, rounds).await
    }

    /// On the shared Kafka, for at most this number of rounds.
    pub(super) async fn with(
        what: &'static str,
        database: Database,
        seed: u64,
        rounds: usize,
    ) -> Result<Self> {
        Ok(Self::of(what, Scenario::with(database, seed, SHARE * rounds).await?))
    }
}

impl<'k> Load<'k> {
    /// On this Kafka, with a producer that retries while it fails, and with a new database of the
    /// shared PostgreSQL.
    pub(super) async fn on(
        what: &'static str,
        kafka: &'k Kafka,
        seed: u64,
        rounds: usize,
    ) -> Result<Self> {
        let database = Testbed::shared().await?.database().await?;
        Ok(Self::of(what, Scenario::on(kafka, database, seed, SHARE * rounds).await?))
    }

    fn of(what: &'static str, scenario: Scenario<'k>) -> Self {
        let (rounds, repaired) = (Cell::default(), RefCell::default());
        let (longest, after) = (Cell::default(), Cell::default());
        Self { scenario, what, rounds, repaired, longest, after }
    }

    /// Starts sending the records of another round.
    pub(super) fn round(&self) {
        self.rounds.set(self.rounds.get() + 1);
    }

    /// Sends another round, and waits until at least `records` of it are accounted for; returns the
    /// number in all.
    pub(super) async fn advance(&self, records: usize, vendas: &Vendas) -> Result<usize> {
        let progress = self.scenario.progress().await?;
        let before = progress.records().await?;
        self.round();
        progress.reach(before + records, vendas).await
    }

    /// The fault is repaired.
    pub(super) fn repaired(&self) {
        self.repaired.borrow_mut().push(SystemTime::now());
    }

    /// The fault is repaired; waits until all records of the rounds so far are accounted for.
    pub(super) async fn repaired_and_caught_up(&self, vendas: &Vendas) -> Result<()> {
        self.repaired();
        self.caught_up(vendas).await
    }

    /// Runs `faults` while records are sent, then sends the remaining records, waits until all are
    /// accounted for, and stops the program.
    pub(super) async fn run_faults(
        &self,
        vendas: Vendas,
        faults: impl AsyncFnOnce(&Vendas) -> Result<()>,
    ) -> Result<Ended> {
        self.while_sending(faults(&vendas)).await?;
        self.caught_up(&vendas).await?;
        terminate(vendas).await
    }

    /// Runs `faults` while records are sent, then sends the remaining records.
    pub(super) async fn while_sending<T>(
        &self,
        actions: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let over = Cell::new(false);
        let sending = async {
            let mut pace = interval(PACE);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !over.get() {
                pace.tick().await;
                if self.scenario.sent_per_partition() < self.rounds.get() * SHARE {
                    self.scenario.send(STEP).await?;
                }
            }
            self.scenario.send_rest().await
        };
        let running = async {
            let result = actions.await;
            over.set(true);
            result
        };
        try_join!(sending, running).map(|((), result)| result)
    }

    /// Waits until all records of the rounds so far are sent and accounted for. The waits are
    /// measured here, since a later crash may undo commits.
    pub(super) async fn caught_up(&self, vendas: &Vendas) -> Result<()> {
        let records = self.rounds.get() * SHARE * LANES;
        self.scenario.progress().await?.reach(records, vendas).await?;
        let last = self.repaired.borrow().last().copied();
        let waits = self.measure().await?;
        let after = last.map(|repaired| after(repaired, &waits));
        self.after.set(self.after.get().max(after));
        Ok(())
    }

    /// Waits until the log contains `text` this many times.
    pub(super) async fn until_logged(
        &self,
        vendas: &Vendas,
        text: &str,
        times: usize,
    ) -> Result<()> {
        eventually(&format!("{text:?}, {times} times"), DEADLINE, async || {
            let said = count_lines(&vendas.stderr()?, text);
            ensure!(said >= times, "{said} times: {}", vendas.state());
            Ok(())
        })
        .await
    }

    /// Checks that nothing was lost or written twice, and prints the figures.
    pub(super) async fn check_and_print(&self) -> Result<()> {
        self.scenario.expect_all().await?;
        self.measure().await?;
        Figures {
            what: self.what,
            times: self.repaired.borrow().len(),
            records: self.scenario.sent(),
            longest: Some(self.longest.get()),
            after: self.after.get(),
        }
        .print();
        Ok(())
    }

    async fn measure(&self) -> Result<Vec<Wait>> {
        let waits = self.waits().await?;
        let longest = waits.iter().map(Wait::lasted).max().unwrap_or_default();
        self.longest.set(self.longest.get().max(longest));
        Ok(waits)
    }

    async fn waits(&self) -> Result<Vec<Wait>> {
        let sql = "SELECT place, from_offset, (extract(epoch FROM at) * 1000000)::BIGINT
                   FROM audit.moves ORDER BY n";
        let mut moved: BTreeMap<String, SystemTime> = BTreeMap::new();
        let mut waits = Vec::new();
        for row in self.scenario.database.query(sql, &[]).await? {
            let (place, from, micros): (String, i64, i64) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let ended = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(micros)?);
            let sent = self.scenario.sent_at(usize::try_from(from)?).unwrap_or(ended);
            let before = moved.insert(place.clone(), ended);
            let began = before.map_or(sent, |before| before.max(sent));
            waits.push(Wait { place, began, ended });
        }
        Ok(waits)
    }
}

/// A time during which a record waited for its partition to progress.
struct Wait {
    place: String,
    began: SystemTime,
    ended: SystemTime,
}

impl Wait {
    fn lasted(&self) -> Duration {
        self.ended.duration_since(self.began).unwrap_or_default()
    }
}

/// The time from `repaired` until the last of the partitions with waiting records progressed.
fn after(repaired: SystemTime, waits: &[Wait]) -> Duration {
    let mut first: BTreeMap<&str, &Wait> = BTreeMap::new();
    for wait in waits.iter().filter(|wait| wait.ended > repaired) {
        first.entry(&wait.place).or_insert(wait);
    }
    let waited = first.into_values().filter(|wait| wait.began < repaired);
    let after = waited.map(|wait| wait.ended.duration_since(repaired).unwrap_or_default());
    after.max().unwrap_or_default()
}
