//! The same scenarios on every supported release of Kafka, and with the protocol versions that
//! other services offer.

mod rights;
mod scenarios;

use futures::future::LocalBoxFuture;
use testbed::{KafkaCaps, KafkaOptions, KafkaRelease, Result, Testbed, ensure};

type Scenario = fn(&'static Testbed) -> LocalBoxFuture<'static, Result<()>>;

/// The last one restarts the broker, so its place is at the end.
const SCENARIOS: &[(&str, Scenario)] = &[
    ("codecs", |bed| Box::pin(scenarios::codecs(bed))),
    ("transactions", |bed| Box::pin(scenarios::transactions(bed))),
    ("compaction", |bed| Box::pin(scenarios::compaction(bed))),
    ("retention", |bed| Box::pin(scenarios::retention(bed))),
    ("simulate and verify", |bed| Box::pin(scenarios::simulate(bed))),
    ("produce", |bed| Box::pin(scenarios::produce(bed))),
    ("a recreated topic", |bed| Box::pin(scenarios::recreated(bed))),
    ("topic ids after an upgrade", |bed| Box::pin(scenarios::ids_after_upgrade(bed))),
    ("check", |bed| Box::pin(scenarios::check(bed))),
    ("rights", |bed| Box::pin(rights::check_finds_missing_acls(bed))),
    ("a group", |bed| Box::pin(scenarios::group(bed))),
    ("restarts", |bed| Box::pin(scenarios::restarts(bed))),
];

/// Runs all scenarios on one broker in sequence; a failure names all that failed.
async fn run_scenarios(release: KafkaRelease, caps: Option<&'static KafkaCaps>) -> Result<()> {
    let options = rights::authorizing(KafkaOptions::default().release(release), release);
    let kafka = caps.into_iter().fold(options, KafkaOptions::capped).start().await?;
    // The scenarios need a `'static` reference; the broker itself ends below, or with this process.
    let bed: &'static Testbed = Box::leak(Box::new(Testbed::with(kafka).await?));
    let mut failures = Vec::new();
    for (name, scenario) in SCENARIOS {
        if let Err(error) = scenario(bed).await {
            failures.push(format!("{name}: {error:#}"));
        }
    }
    failures.extend(bed.kafka.above_caps());
    bed.kafka.kill()?;
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
