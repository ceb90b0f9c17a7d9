//! Requests: their keys, their versions, and conversions for older versions.
//!
//! The minimum versions are as low as possible without different logic: Apache Kafka 2.1 supports
//! all of them, and so do compatible services that lag behind. Callers use the latest form of
//! requests and responses; the hooks of [`Api`] convert older versions.

use std::{borrow::Cow, mem};

use kafka_protocol::{
    messages::{
        ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
        ConsumerGroupHeartbeatResponse, CreateTopicsRequest, CreateTopicsResponse, FetchRequest,
        FetchResponse, FindCoordinatorRequest, FindCoordinatorResponse, InitProducerIdRequest,
        InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest,
        MetadataResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
        OffsetFetchResponse, ProduceRequest, ProduceResponse, SaslAuthenticateRequest,
        SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
        find_coordinator_response::Coordinator,
        offset_fetch_request::OffsetFetchRequestTopic,
        offset_fetch_response::{
            OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
        },
    },
    protocol::{Decodable, Encodable},
};
use rskafka::protocol::{api_key::ApiKey, primitives::Int16};

/// A request: its key, its versions and its response.
pub(in crate::kafka) trait Api: Clone + Encodable + Send {
    /// The response.
    type Response: Decodable;
    /// The name in messages.
    const NAME: &'static str;
    /// The key in rskafka; `ApiKey::Unknown(Int16(…))` if rskafka does not have it.
    const KEY: ApiKey;
    /// The supported versions, both inclusive; the highest that the broker supports too is used.
    const VERSIONS: (i16, i16);
    /// The first version with tagged fields (KIP-482).
    const FIRST_FLEXIBLE: i16;

    /// Converts the request to `version`: removes or converts newer fields.
    fn as_in(&self, version: i16) -> Cow<'_, Self> {
        let _ = version;
        Cow::Borrowed(self)
    }

    /// Converts a response of `version` to the latest form.
    fn lift(response: Self::Response, version: i16) -> Self::Response {
        let _ = version;
        response
    }
}

impl Api for MetadataRequest {
    type Response = MetadataResponse;
    const NAME: &'static str = "Metadata";
    const KEY: ApiKey = ApiKey::Metadata;
    // From 4 on without creating what is asked for, from 7 on with leader epochs, from 10 on with
    // topic ids (KIP-516, Kafka 2.8).
    const VERSIONS: (i16, i16) = (4, 13);
    const FIRST_FLEXIBLE: i16 = 9;
}

impl Api for ListOffsetsRequest {
    type Response = ListOffsetsResponse;
    const NAME: &'static str = "ListOffsets";
    const KEY: ApiKey = ApiKey::ListOffsets;
    // From 2 on for readers of committed records only, from 4 on with leader epochs.
    const VERSIONS: (i16, i16) = (2, 9);
    const FIRST_FLEXIBLE: i16 = 6;
}

impl Api for FetchRequest {
    type Response = FetchResponse;
    const NAME: &'static str = "Fetch";
    const KEY: ApiKey = ApiKey::Fetch;
    // From 4 on for readers of committed records only, from 9 on with the leader's epoch (KIP-320),
    // from 10 on with zstd (KIP-110), from 12 on with the epoch of what was read last (KIP-595), from
    // 13 on by topic id (KIP-516, Kafka 3.1), so that a recreated topic can't pass for its namesake.
    const VERSIONS: (i16, i16) = (4, 17);
    const FIRST_FLEXIBLE: i16 = 12;

    fn as_in(&self, version: i16) -> Cow<'_, Self> {
        if version >= 12 {
            return Cow::Borrowed(self);
        }
        let mut request = self.clone();
        for partition in request.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.last_fetched_epoch = -1;
        }
        Cow::Owned(request)
    }
}

impl Api for CreateTopicsRequest {
    type Response = CreateTopicsResponse;
    const NAME: &'static str = "CreateTopics";
    const KEY: ApiKey = ApiKey::CreateTopics;
    // From 4 on with the broker's default replication factor (KIP-464).
    const VERSIONS: (i16, i16) = (4, 7);
    const FIRST_FLEXIBLE: i16 = 5;
}

impl Api for InitProducerIdRequest {
    type Response = InitProducerIdResponse;
    const NAME: &'static str = "InitProducerId";
    const KEY: ApiKey = ApiKey::InitProducerId;
    const VERSIONS: (i16, i16) = (0, 5);
    const FIRST_FLEXIBLE: i16 = 2;
}

impl Api for ProduceRequest {
    type Response = ProduceResponse;
    const NAME: &'static str = "Produce";
    const KEY: ApiKey = ApiKey::Produce;
    // From 3 on with message format 2; from 13 on with topic ids, which brokers before 4.0 do not
    // support.
    const VERSIONS: (i16, i16) = (3, 12);
    const FIRST_FLEXIBLE: i16 = 9;
}

impl Api for SaslHandshakeRequest {
    type Response = SaslHandshakeResponse;
    const NAME: &'static str = "SaslHandshake";
    const KEY: ApiKey = ApiKey::SaslHandshake;
    // After version 0, the following messages would not be requests.
    const VERSIONS: (i16, i16) = (1, 1);
    // No version is flexible.
    const FIRST_FLEXIBLE: i16 = i16::MAX;
}

impl Api for SaslAuthenticateRequest {
    type Response = SaslAuthenticateResponse;
    const NAME: &'static str = "SaslAuthenticate";
    const KEY: ApiKey = ApiKey::SaslAuthenticate;
    const VERSIONS: (i16, i16) = (0, 2);
    const FIRST_FLEXIBLE: i16 = 2;
}

impl Api for FindCoordinatorRequest {
    type Response = FindCoordinatorResponse;
    const NAME: &'static str = "FindCoordinator";
    const KEY: ApiKey = ApiKey::FindCoordinator;
    // From 4 on for several groups at once.
    const VERSIONS: (i16, i16) = (1, 6);
    const FIRST_FLEXIBLE: i16 = 3;

    fn as_in(&self, version: i16) -> Cow<'_, Self> {
        if version >= 4 {
            return Cow::Borrowed(self);
        }
        let mut request = self.clone();
        // Requests here have only one.
        request.key = request.coordinator_keys.pop().unwrap_or_default();
        Cow::Owned(request)
    }

    fn lift(mut response: Self::Response, version: i16) -> Self::Response {
        if version < 4 {
            let found = Coordinator::default()
                .with_node_id(response.node_id)
                .with_host(mem::take(&mut response.host))
                .with_port(response.port)
                .with_error_code(response.error_code)
                .with_error_message(response.error_message.take());
            response.coordinators = vec![found];
        }
        response
    }
}

impl Api for ConsumerGroupHeartbeatRequest {
    type Response = ConsumerGroupHeartbeatResponse;
    const NAME: &'static str = "ConsumerGroupHeartbeat";
    const KEY: ApiKey = ApiKey::Unknown(Int16(68));
    const VERSIONS: (i16, i16) = (0, 1);
    const FIRST_FLEXIBLE: i16 = 0;
}

impl Api for ConsumerGroupDescribeRequest {
    type Response = ConsumerGroupDescribeResponse;
    const NAME: &'static str = "ConsumerGroupDescribe";
    const KEY: ApiKey = ApiKey::Unknown(Int16(69));
    const VERSIONS: (i16, i16) = (0, 1);
    const FIRST_FLEXIBLE: i16 = 0;
}

impl Api for OffsetCommitRequest {
    type Response = OffsetCommitResponse;
    const NAME: &'static str = "OffsetCommit";
    const KEY: ApiKey = ApiKey::OffsetCommit;
    // From 9 on with a member epoch (KIP-848) as generation; with topic names.
    const VERSIONS: (i16, i16) = (2, 9);
    const FIRST_FLEXIBLE: i16 = 8;
}

impl Api for OffsetFetchRequest {
    type Response = OffsetFetchResponse;
    const NAME: &'static str = "OffsetFetch";
    const KEY: ApiKey = ApiKey::OffsetFetch;
    // From 7 on with stable offsets only (KIP-447), from 8 on for several groups at once.
    const VERSIONS: (i16, i16) = (1, 9);
    const FIRST_FLEXIBLE: i16 = 6;

    fn as_in(&self, version: i16) -> Cow<'_, Self> {
        if version >= 8 {
            return Cow::Borrowed(self);
        }
        let mut request = self.clone();
        request.require_stable &= version >= 7;
        // Requests here have only one.
        let group = request.groups.pop().unwrap_or_default();
        let topics = group.topics.unwrap_or_default().into_iter().map(|topic| {
            OffsetFetchRequestTopic::default()
                .with_name(topic.name)
                .with_partition_indexes(topic.partition_indexes)
        });
        request.topics = Some(topics.collect());
        request.group_id = group.group_id;
        Cow::Owned(request)
    }

    fn lift(mut response: Self::Response, version: i16) -> Self::Response {
        if version < 8 {
            let topics = mem::take(&mut response.topics).into_iter().map(|topic| {
                let partitions = topic.partitions.into_iter().map(|partition| {
                    OffsetFetchResponsePartitions::default()
                        .with_partition_index(partition.partition_index)
                        .with_committed_offset(partition.committed_offset)
                        .with_error_code(partition.error_code)
                });
                OffsetFetchResponseTopics::default()
                    .with_name(topic.name)
                    .with_partitions(partitions.collect())
            });
            let group = OffsetFetchResponseGroup::default()
                .with_error_code(response.error_code)
                .with_topics(topics.collect());
            response.groups = vec![group];
        }
        response
    }
}
