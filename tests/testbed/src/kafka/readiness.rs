//! Whether a listening broker is ready.

use anyhow::{Result, ensure};
use bytes::{Buf, BufMut, BytesMut};
use kafka_protocol::{
    messages::{MetadataRequest, MetadataResponse},
    protocol::{Decodable, Encodable},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const METADATA: i16 = 3;
/// Every release supports it.
const VERSION: i16 = 4;

/// Succeeds if the broker with this id is a member of its cluster, so that topics can be created on
/// it, and leads or follows all partitions that it can. Just after a start it may not be ready.
pub(super) async fn check(address: &str, id: i32) -> Result<()> {
    let metadata = metadata(address).await?;
    ensure!(
        metadata.brokers.iter().any(|broker| broker.node_id.0 == id),
        "broker {id} is unavailable"
    );
    for topic in &metadata.topics {
        for partition in &topic.partitions {
            let has_none = partition.leader_id.0 < 0;
            let could_lead = partition.isr_nodes.iter().any(|node| node.0 == id);
            ensure!(!has_none || !could_lead, "{:?} has no leader", topic.name);
        }
    }
    Ok(())
}

/// Of all topics.
async fn metadata(address: &str) -> Result<MetadataResponse> {
    let mut request = BytesMut::new();
    request.put_i16(METADATA);
    request.put_i16(VERSION);
    // The correlation id, and a client id of null.
    request.put_i32(1);
    request.put_i16(-1);
    MetadataRequest::default().with_topics(None).encode(&mut request, VERSION)?;
    let mut stream = TcpStream::connect(address).await?;
    stream.write_u32(u32::try_from(request.len())?).await?;
    stream.write_all(&request).await?;
    let length = stream.read_u32().await?;
    let mut response = vec![0; usize::try_from(length)?];
    stream.read_exact(&mut response).await?;
    let mut response = bytes::Bytes::from(response);
    ensure!(response.len() > 4 && response.get_i32() == 1, "the answer has another correlation id");
    MetadataResponse::decode(&mut response, VERSION)
}
