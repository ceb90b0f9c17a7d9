//! The same on every release of Kafka, and behind what other services offer of its protocol.

mod rights;
mod scenarios;

use futures::future::LocalBoxFuture;
use testbed::{KafkaCaps, KafkaOptions, KafkaRelease, Result, Testbed, ensure};

type Scenario = fn(&'static Testbed) -> LocalBoxFuture<'static, Result<()>>;

/// The last one restarts the broker, and so comes last.
const SCENARIOS: &[(&str, Scenario)] = &[
    ("codecs", |bed| Box::pin(scenarios::codecs(bed))),
    ("transactions", |bed| Box::pin(scenarios::transactions(bed))),
    ("compaction", |bed| Box::pin(scenarios::compaction(bed))),
    ("retention", |bed| Box::pin(scenarios::retention(bed))),
    ("simulate and verify", |bed| Box::pin(scenarios::simulate(bed))),
    ("produce", |bed| Box::pin(scenarios::produce(bed))),
    ("a topic created anew", |bed| Box::pin(scenarios::created_anew(bed))),
    ("ids that come later", |bed| Box::pin(scenarios::ids_later(bed))),
    ("check", |bed| Box::pin(scenarios::check(bed))),
    ("rights", |bed| Box::pin(rights::found_by_check(bed))),
    ("a group", |bed| Box::pin(scenarios::group(bed))),
    ("restarts", |bed| Box::pin(scenarios::restarts(bed))),
];

/// All scenarios on one broker, one after the other; a failure names each that failed.
async fn works(release: KafkaRelease, caps: Option<&'static KafkaCaps>) -> Result<()> {
    let options = rights::authorizing(KafkaOptions::default().release(release), release);
    let kafka = caps.into_iter().fold(options, KafkaOptions::capped).start().await?;
    // What the scenarios make is `'static`; the broker itself ends below, or with this process.
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
    works(KafkaRelease::V2_8, None).await
}

#[tokio::test]
async fn kafka_3_0() -> Result<()> {
    works(KafkaRelease::V3_0, None).await
}

#[tokio::test]
async fn kafka_3_9() -> Result<()> {
    works(KafkaRelease::V3_9, None).await
}

#[tokio::test]
async fn kafka_4_3() -> Result<()> {
    works(KafkaRelease::V4_3, None).await
}

#[tokio::test]
async fn what_redpanda_offers() -> Result<()> {
    works(KafkaRelease::V3_9, Some(&KafkaCaps::REDPANDA)).await
}

#[tokio::test]
async fn what_event_hubs_offers() -> Result<()> {
    works(KafkaRelease::V3_9, Some(&KafkaCaps::EVENT_HUBS)).await
}
