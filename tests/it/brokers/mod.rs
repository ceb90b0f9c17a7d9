//! The same scenarios on every supported release of Kafka, and with the protocol versions that
//! other services offer.

mod acls;
mod scenarios;

use futures::future::LocalBoxFuture;
use testbed::{KafkaCaps, KafkaOptions, KafkaRelease, Result, Testbed, ensure};

type Scenario = fn(&'static Testbed) -> LocalBoxFuture<'static, Result<()>>;

/// The last one restarts the broker, so its place is at the end.
const SCENARIOS: &[(&str, Scenario)] = &[
    ("codecs", |servers| Box::pin(scenarios::codecs(servers))),
    ("transactions", |servers| Box::pin(scenarios::transactions(servers))),
    ("compaction", |servers| Box::pin(scenarios::compaction(servers))),
    ("retention", |servers| Box::pin(scenarios::retention(servers))),
    ("simulate and verify", |servers| Box::pin(scenarios::simulate(servers))),
    ("produce", |servers| Box::pin(scenarios::produce(servers))),
    ("a recreated topic", |servers| Box::pin(scenarios::recreated(servers))),
    ("topic ids after an upgrade", |servers| Box::pin(scenarios::ids_after_upgrade(servers))),
    ("check", |servers| Box::pin(scenarios::check(servers))),
    ("ACLs", |servers| Box::pin(acls::check_finds_missing_acls(servers))),
    ("a group", |servers| Box::pin(scenarios::group(servers))),
    ("restarts", |servers| Box::pin(scenarios::restarts(servers))),
];

/// Runs all scenarios on one broker in sequence; a failure names all that failed.
async fn run_scenarios(release: KafkaRelease, caps: Option<&'static KafkaCaps>) -> Result<()> {
    let options = acls::with_authorizer(KafkaOptions::default().release(release), release);
    let kafka = caps.into_iter().fold(options, KafkaOptions::capped).start().await?;
    // The scenarios need a `'static` reference; the broker itself ends below, or with this process.
    let servers: &'static Testbed = Box::leak(Box::new(Testbed::with(kafka).await?));
    let mut failures = Vec::new();
    for (name, scenario) in SCENARIOS {
        if let Err(error) = scenario(servers).await {
            failures.push(format!("{name}: {error:#}"));
        }
    }
    failures.extend(servers.kafka.above_caps());
    servers.kafka.kill()?;
    ensure!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n\n"));
    Ok(())
}

#[tokio::test]
async fn kafka_2_8() -> Result<()> {
    run_scenarios(KafkaRelease::V2_8, None).await
}

#[tokio::test]
async fn kafka_3_0() -> Result<()> {
    run_scenarios(KafkaRelease::V3_0, None).await
}

#[tokio::test]
async fn kafka_3_9() -> Result<()> {
    run_scenarios(KafkaRelease::V3_9, None).await
}

#[tokio::test]
async fn kafka_4_3() -> Result<()> {
    run_scenarios(KafkaRelease::V4_3, None).await
}

#[tokio::test]
async fn protocol_versions_of_redpanda() -> Result<()> {
    run_scenarios(KafkaRelease::V3_9, Some(&KafkaCaps::REDPANDA)).await
}

#[tokio::test]
async fn protocol_versions_of_event_hubs() -> Result<()> {
    run_scenarios(KafkaRelease::V3_9, Some(&KafkaCaps::EVENT_HUBS)).await
}
