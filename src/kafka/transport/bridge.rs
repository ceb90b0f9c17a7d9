//! Sends kafka-protocol's messages over rskafka's connection.
//!
//! rskafka's client fails on transaction markers, delivers aborted records and returns no next
//! offset; its connection (framing, pipelining, version negotiation) is sound. rskafka makes the
//! connection public only under the feature `unstable-fuzzing`, hence the exact version in
//! Cargo.toml. Only this file, `api` and `connection` use rskafka, so it can be replaced.

use std::io::{Cursor, Write};

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::Decodable;
use rskafka::protocol::{
    api_key::ApiKey,
    api_version::{ApiVersion, ApiVersionRange},
    messages::{
        ReadVersionedError, ReadVersionedType, RequestBody, WriteVersionedError, WriteVersionedType,
    },
    primitives::Int16,
    traits::{ReadError, WriteError},
};

use crate::kafka::transport::api::Api;

/// An outgoing request.
pub(in crate::kafka) struct Outgoing<M>(pub(in crate::kafka) M);

/// An incoming response.
pub(in crate::kafka) struct Incoming<M: Api>(pub(in crate::kafka) M::Response);

impl<M: Api> RequestBody for Outgoing<M> {
    type ResponseBody = Incoming<M>;
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
            .as_in(version.0.0)
            .encode(&mut body, version.0.0)
            .map_err(|error| WriteError::Malformed(error.into_boxed_dyn_error()))?;
        writer.write_all(&body).map_err(WriteError::IO)?;
        Ok(())
    }
}

impl<M: Api> ReadVersionedType<Cursor<Vec<u8>>> for Incoming<M> {
    fn read_versioned(
        reader: &mut Cursor<Vec<u8>>,
        version: ApiVersion,
    ) -> Result<Self, ReadVersionedError> {
        // Takes the whole response, so that records are slices of it instead of copies. An empty
        // cursor at 0 remains, which the messenger treats as fully read.
        let read = usize::try_from(reader.position()).map_err(ReadError::Overflow)?;
        let mut body = Bytes::from(std::mem::take(reader.get_mut()));
        reader.set_position(0);
        let mut body = body.split_off(read.min(body.len()));
        let response = M::Response::decode(&mut body, version.0.0)
            .map_err(|error| ReadError::Malformed(error.into_boxed_dyn_error()))?;
        if !body.is_empty() {
            let left = format!("{} trailing bytes after the message", body.len());
            return Err(ReadError::Malformed(left.into()).into());
        }
        Ok(Self(M::lift(response, version.0.0)))
    }
}
