//! Carries kafka-protocol's messages over rskafka's connection.
//!
//! rskafka's own client fails on transaction markers, delivers aborted records and gives no next
//! offset; its connection (framing, pipelining, negotiated versions) is sound. rskafka makes that
//! connection public under the feature `unstable-fuzzing` only, hence the exact pin in Cargo.toml.
//! Nothing outside this file and `connection` knows of rskafka, so that both can be replaced.

use std::io::{Cursor, Write};

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
        ConsumerGroupHeartbeatResponse, CreateTopicsRequest, CreateTopicsResponse, FetchRequest,
        FetchResponse, FindCoordinatorRequest, FindCoordinatorResponse, InitProducerIdRequest,
        InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest,
        MetadataResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
        OffsetFetchResponse, ProduceRequest, ProduceResponse, SaslAuthenticateRequest,
        SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
    },
    protocol::{Decodable, Encodable},
};
use rskafka::protocol::{
    api_key::ApiKey,
    api_version::{ApiVersion, ApiVersionRange},
    messages::{
        ReadVersionedError, ReadVersionedType, RequestBody, WriteVersionedError, WriteVersionedType,
    },
    primitives::Int16,
    traits::{ReadError, WriteError},
};

/// A request: its number, its versions and what answers it.
pub(in crate::kafka) trait Api: Encodable + Send {
    /// What a broker answers.
    type Response: Decodable;
    /// As messages to people call it.
    const NAME: &'static str;
    /// As rskafka knows it; `ApiKey::Unknown(Int16(…))` where it doesn't.
    const KEY: ApiKey;
    /// The versions that we speak, both inclusive; the highest that the broker knows too is used.
    const VERSIONS: (i16, i16);
    /// The first version with tagged fields (KIP-482).
    const FIRST_FLEXIBLE: i16;
}

impl Api for MetadataRequest {
    type Response = MetadataResponse;
    const NAME: &'static str = "Metadata";
    const KEY: ApiKey = ApiKey::Metadata;
    // From 10 on with topic ids.
    const VERSIONS: (i16, i16) = (10, 13);
    const FIRST_FLEXIBLE: i16 = 9;
}

impl Api for ListOffsetsRequest {
    type Response = ListOffsetsResponse;
    const NAME: &'static str = "ListOffsets";
    const KEY: ApiKey = ApiKey::ListOffsets;
    const VERSIONS: (i16, i16) = (6, 9);
    const FIRST_FLEXIBLE: i16 = 6;
}

impl Api for FetchRequest {
    type Response = FetchResponse;
    const NAME: &'static str = "Fetch";
    const KEY: ApiKey = ApiKey::Fetch;
    // From 13 on by topic id (KIP-516, Kafka 3.1), so that a recreated topic can't pass for its
    // namesake.
    const VERSIONS: (i16, i16) = (13, 17);
    const FIRST_FLEXIBLE: i16 = 12;
}

impl Api for CreateTopicsRequest {
    type Response = CreateTopicsResponse;
    const NAME: &'static str = "CreateTopics";
    const KEY: ApiKey = ApiKey::CreateTopics;
    const VERSIONS: (i16, i16) = (5, 7);
    const FIRST_FLEXIBLE: i16 = 5;
}

impl Api for InitProducerIdRequest {
    type Response = InitProducerIdResponse;
    const NAME: &'static str = "InitProducerId";
    const KEY: ApiKey = ApiKey::InitProducerId;
    const VERSIONS: (i16, i16) = (2, 5);
    const FIRST_FLEXIBLE: i16 = 2;
}

impl Api for ProduceRequest {
    type Response = ProduceResponse;
    const NAME: &'static str = "Produce";
    const KEY: ApiKey = ApiKey::Produce;
    // By the topic's name; from 13 on it would be by its id, which brokers before 4.0 don't know.
    const VERSIONS: (i16, i16) = (9, 12);
    const FIRST_FLEXIBLE: i16 = 9;
}

impl Api for SaslHandshakeRequest {
    type Response = SaslHandshakeResponse;
    const NAME: &'static str = "SaslHandshake";
    const KEY: ApiKey = ApiKey::SaslHandshake;
    // Behind version 0 what follows would be no requests.
    const VERSIONS: (i16, i16) = (1, 1);
    // It has none.
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
    const VERSIONS: (i16, i16) = (4, 6);
    const FIRST_FLEXIBLE: i16 = 3;
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
    // From 9 on with the member's epoch (KIP-848); by the topic's name.
    const VERSIONS: (i16, i16) = (9, 9);
    const FIRST_FLEXIBLE: i16 = 8;
}

impl Api for OffsetFetchRequest {
    type Response = OffsetFetchResponse;
    const NAME: &'static str = "OffsetFetch";
    const KEY: ApiKey = ApiKey::OffsetFetch;
    const VERSIONS: (i16, i16) = (8, 9);
    const FIRST_FLEXIBLE: i16 = 6;
}

/// A request on its way out.
pub(in crate::kafka) struct Outgoing<M>(pub(in crate::kafka) M);

/// A response on its way in.
pub(in crate::kafka) struct Incoming<M>(pub(in crate::kafka) M);

impl<M: Api> RequestBody for Outgoing<M> {
    type ResponseBody = Incoming<M::Response>;
    const API_KEY: ApiKey = M::KEY;
    const API_VERSION_RANGE: ApiVersionRange =
        ApiVersionRange::new(ApiVersion(Int16(M::VERSIONS.0)), ApiVersion(Int16(M::VERSIONS.1)));
    const FIRST_TAGGED_FIELD_IN_REQUEST_VERSION: ApiVersion = ApiVersion(Int16(M::FIRST_FLEXIBLE));
}

impl<W: Write, M: Api> WriteVersionedType<W> for Outgoing<M> {
    fn write_versioned(
        &self,
        writer: &mut W,
        version: ApiVersion,
    ) -> Result<(), WriteVersionedError> {
        let mut body = BytesMut::new();
        self.0
            .encode(&mut body, version.0.0)
            .map_err(|error| WriteError::Malformed(error.into_boxed_dyn_error()))?;
        writer.write_all(&body).map_err(WriteError::IO)?;
        Ok(())
    }
}

impl<M: Decodable> ReadVersionedType<Cursor<Vec<u8>>> for Incoming<M> {
    fn read_versioned(
        reader: &mut Cursor<Vec<u8>>,
        version: ApiVersion,
    ) -> Result<Self, ReadVersionedError> {
        // The whole response is taken over, so that records are slices of it and no copies. An
        // empty cursor at 0 stays behind, which the messenger takes for one read to its end.
        let read = usize::try_from(reader.position()).map_err(ReadError::Overflow)?;
        let mut body = Bytes::from(std::mem::take(reader.get_mut()));
        reader.set_position(0);
        let mut body = body.split_off(read.min(body.len()));
        let message = M::decode(&mut body, version.0.0)
            .map_err(|error| ReadError::Malformed(error.into_boxed_dyn_error()))?;
        if !body.is_empty() {
            let left = format!("{} bytes left behind the message", body.len());
            return Err(ReadError::Malformed(left.into()).into());
        }
        Ok(Self(message))
    }
}
