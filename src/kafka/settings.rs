//! The settings of the connection to Kafka.

use std::time::Duration;

use super::transport::access::Security;

/// The connection to Kafka, and limits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bootstrap brokers, as `host:port`.
    pub brokers: Vec<String>,
    /// TLS and authentication.
    pub security: Security,
    /// The client id in the brokers' logs and quotas.
    pub client_id: String,
    /// The maximum bytes of a partition per fetch, from 1. Larger record batches are returned in
    /// full.
    pub fetch_max_bytes: i32,
    /// The maximum bytes of prefetched records of all partitions, before decompression. Record
    /// batches larger than half a partition's share are still fetched in full.
    pub buffer_bytes: usize,
    /// The number of prefetched chunks per partition, in addition to the current one, from 1.
    pub read_ahead: usize,
    /// The maximum size of a record batch after decompression.
    pub max_decompressed_bytes: usize,
    /// The timeout of requests, including connecting; for long polls, in addition to their wait.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            brokers: vec!["localhost:9092".to_owned()],
            security: Security::default(),
            client_id: "vendas".to_owned(),
            fetch_max_bytes: 1 << 20,
            buffer_bytes: 128 << 20,
            read_ahead: 2,
            max_decompressed_bytes: 64 << 20,
            timeout: Duration::from_secs(10),
        }
    }
}
