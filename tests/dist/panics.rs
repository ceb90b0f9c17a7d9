//! A panic caused by a record.

use testbed::{Result, Testbed, ensure};

use crate::root_folder::{DEADLINE, RootFolder, at, failpoints};

#[tokio::test]
#[ignore = "checks what `./dev dist` built"]
async fn a_panic_makes_its_record_a_dead_letter() -> Result<()> {
    let servers = Testbed::shared().await?;
    let (topic, database) = (servers.topic(1).await?, servers.database().await?);
    let root = RootFolder::with(failpoints()?)?;
    let run = async |args: &[&str], input: String| {
        at(root.vendas(args), servers.kafka.address(), &topic, &database, database.host())
            .env("FAILPOINTS", "understand=150*off->1*panic->off")
            .input(input)
            .run(DEADLINE)
            .await?
            .expect_code(0)
    };
    let order = |number: i32| format!("{{\"order_number\": {number}, \"total\": 1.10}}\n");
    run(&["produce", "-"], (0..300).map(order).collect()).await?;
    let ended = run(&["run", "--until-end"], String::new()).await?;
    let counts = "SELECT (SELECT count(*) FROM sales), (SELECT count(*) FROM dead_letters), \
                  (SELECT min(reason) FROM dead_letters)";
    let counts = database.rows(counts).await?;
    ensure!(counts == ["299|1|panicked"], "{counts:?} {}", ended.state());
    Ok(())
}
