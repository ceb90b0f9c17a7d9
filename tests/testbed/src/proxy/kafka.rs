//! The part of Kafka's protocol that is needed to offer lower versions than a broker.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{ApiKey, ApiVersionsResponse, api_versions_response::ApiVersion},
    protocol::Decodable,
};

const API_VERSIONS: i16 = 18;
/// Kafka's error of this name.
const UNSUPPORTED_VERSION: i16 = 35;

/// The highest version of each request that a service offers. Requests that are not listed are not
/// offered.
#[derive(Debug)]
pub struct KafkaCaps {
    /// The name of the service.
    pub name: &'static str,
    /// The requests' API keys and highest versions.
    pub highest: &'static [(i16, i16)],
}

impl KafkaCaps {
    /// Redpanda before it supported topic ids (platformatic/kafka#51, and its handlers' versions).
    pub const REDPANDA: Self = Self {
        name: "Redpanda",
        highest: &[
            (0, 7),  // Produce
            (1, 11), // Fetch
            (2, 4),  // ListOffsets
            (3, 7),  // Metadata
            (8, 7),  // OffsetCommit
            (9, 7),  // OffsetFetch
            (10, 3), // FindCoordinator
            (11, 6), // JoinGroup
            (12, 4), // Heartbeat
            (13, 4), // LeaveGroup
            (14, 4), // SyncGroup
            (15, 5), // DescribeGroups
            (16, 4), // ListGroups
            (17, 1), // SaslHandshake
            (18, 3), // ApiVersions
            (19, 6), // CreateTopics
            (20, 4), // DeleteTopics
            (21, 2), // DeleteRecords
            (22, 1), // InitProducerId
            (23, 3), // OffsetForLeaderEpoch
            (24, 1), // AddPartitionsToTxn
            (25, 1), // AddOffsetsToTxn
            (26, 1), // EndTxn
            (28, 3), // TxnOffsetCommit
            (32, 4), // DescribeConfigs
            (36, 2), // SaslAuthenticate
            (37, 3), // CreatePartitions
            (42, 2), // DeleteGroups
            (44, 1), // IncrementalAlterConfigs
        ],
    };

    /// Azure Event Hubs (IBM/sarama#2470, oliveigah/klife#13, azure-event-hubs-for-kafka#209), the
    /// lower version if these differ.
    pub const EVENT_HUBS: Self = Self {
        name: "Event Hubs",
        highest: &[
            (0, 7),  // Produce
            (1, 6),  // Fetch
            (2, 7),  // ListOffsets
            (3, 5),  // Metadata
            (8, 8),  // OffsetCommit
            (9, 8),  // OffsetFetch
            (10, 1), // FindCoordinator
            (11, 7), // JoinGroup
            (12, 4), // Heartbeat
            (13, 4), // LeaveGroup
            (14, 5), // SyncGroup
            (15, 5), // DescribeGroups
            (16, 4), // ListGroups
            (17, 1), // SaslHandshake
            (18, 3), // ApiVersions
            (19, 4), // CreateTopics
            (20, 3), // DeleteTopics
            (22, 1), // InitProducerId
            (32, 2), // DescribeConfigs
            (36, 1), // SaslAuthenticate
            (37, 1), // CreatePartitions
            (42, 0), // DeleteGroups
        ],
    };

    fn of(&self, key: i16) -> Option<i16> {
        self.highest.iter().find(|(other, _)| *other == key).map(|(_, highest)| *highest)
    }
}

/// The next complete message of a stream, after its length.
pub(super) fn next_frame(stream: &mut BytesMut) -> Option<Bytes> {
    let length = stream.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))?;
    let end = usize::try_from(length).ok()?.checked_add(4)?;
    (stream.len() >= end).then(|| stream.split_to(end).freeze())
}

/// Requests for API versions without an answer yet: their correlation ids, and the version of the
/// answer. `None` if the requested version is not offered.
#[derive(Debug, Default)]
pub(super) struct Asked(HashMap<i32, Option<i16>>);

impl Asked {
    /// The message for the broker, from a client's message.
    ///
    /// # Errors
    /// If the service would not support the request.
    pub(super) fn client(&mut self, frame: Bytes, caps: &KafkaCaps) -> Result<Bytes> {
        let mut header = frame.slice(4..);
        if header.len() < 8 {
            bail!("a request of {} bytes", header.len());
        }
        let (key, version, number) = (header.get_i16(), header.get_i16(), header.get_i32());
        let name =
            || ApiKey::try_from(key).map_or_else(|()| key.to_string(), |it| format!("{it:?}"));
        let highest = caps.of(key).with_context(|| format!("{} has no {}", caps.name, name()))?;
        if key == API_VERSIONS {
            let offered = version <= highest;
            self.0.insert(number, offered.then_some(version));
            if !offered {
                return Ok(oldest_question(number));
            }
        } else if version > highest {
            bail!("{} has {} up to version {highest}, not {version}", caps.name, name());
        }
        Ok(frame)
    }

    /// The message for the client, from a broker's message.
    ///
    /// # Errors
    /// If the broker's answer cannot be parsed.
    pub(super) fn server(&mut self, frame: Bytes, caps: &KafkaCaps) -> Result<Bytes> {
        let mut body = frame.slice(4..);
        if body.len() < 4 {
            return Ok(frame);
        }
        let number = body.get_i32();
        let Some(asked) = self.0.remove(&number) else { return Ok(frame) };
        let version = asked.unwrap_or_default();
        let mut answer = ApiVersionsResponse::decode(&mut body, version)?;
        answer.api_keys.retain_mut(|it| {
            let highest = caps.of(it.api_key).map(|highest| highest.min(it.max_version));
            it.max_version = highest.unwrap_or(-1);
            it.min_version <= it.max_version
        });
        if asked.is_none() {
            answer.error_code = UNSUPPORTED_VERSION;
        }
        Ok(write(number, version, &answer))
    }
}

/// A request for API versions in version 0.
fn oldest_question(number: i32) -> Bytes {
    let mut request = BytesMut::new();
    request.put_i16(API_VERSIONS);
    request.put_i16(0);
    request.put_i32(number);
    // A client id of null.
    request.put_i16(-1);
    framed(&request)
}

/// Without the broker's features, which do not apply to the service.
fn write(number: i32, version: i16, answer: &ApiVersionsResponse) -> Bytes {
    let is_flexible = version >= 3;
    let mut out = BytesMut::new();
    out.put_i32(number);
    out.put_i16(answer.error_code);
    let length = answer.api_keys.len();
    if is_flexible {
        put_varint(&mut out, length + 1);
    } else {
        out.put_i32(i32::try_from(length).unwrap_or_default());
    }
    for ApiVersion { api_key, min_version, max_version, .. } in &answer.api_keys {
        out.put_i16(*api_key);
        out.put_i16(*min_version);
        out.put_i16(*max_version);
        if is_flexible {
            out.put_u8(0);
        }
    }
    if version >= 1 {
        out.put_i32(answer.throttle_time_ms);
    }
    if is_flexible {
        out.put_u8(0);
    }
    framed(&out)
}

fn put_varint(out: &mut BytesMut, mut value: usize) {
    while value > 0x7f {
        out.put_u8(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    out.put_u8(u8::try_from(value).unwrap_or_default());
}

fn framed(message: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_u32(u32::try_from(message.len()).unwrap_or_default());
    out.put_slice(message);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(key: i16, version: i16) -> Bytes {
        let mut request = BytesMut::new();
        request.put_i16(key);
        request.put_i16(version);
        request.put_i32(7);
        request.put_slice(b"and more");
        framed(&request)
    }

    /// A broker's answer, in this version.
    fn answer(version: i16) -> Bytes {
        let of = |key, highest| {
            ApiVersion::default().with_api_key(key).with_min_version(3).with_max_version(highest)
        };
        // Produce, Fetch, ConsumerGroupHeartbeat.
        let keys = vec![of(0, 12), of(1, 5), of(68, 4)];
        write(7, version, &ApiVersionsResponse::default().with_api_keys(keys))
    }

    /// Its error code, and each request's API key with its lowest and highest version.
    type Offered = (i16, Vec<(i16, i16, i16)>);

    fn offered(answer: &Bytes, version: i16) -> Result<Offered> {
        let mut body = answer.slice(8..);
        let answer = ApiVersionsResponse::decode(&mut body, version)?;
        assert!(body.is_empty());
        let keys = answer.api_keys.iter().map(|it| (it.api_key, it.min_version, it.max_version));
        Ok((answer.error_code, keys.collect()))
    }

    #[test]
    fn at_most_the_versions_of_caps_and_broker_are_offered() -> Result<()> {
        for version in 0..=3 {
            let mut asked = Asked::default();
            let question = request(API_VERSIONS, version);
            assert_eq!(asked.client(question.clone(), &KafkaCaps::REDPANDA)?, question);
            let answered = asked.server(answer(version), &KafkaCaps::REDPANDA)?;
            assert_eq!(offered(&answered, version)?, (0, vec![(0, 3, 7), (1, 3, 5)]));
            // A later message with the same correlation id is another one.
            assert_eq!(asked.server(answer(3), &KafkaCaps::REDPANDA)?, answer(3));
        }
        Ok(())
    }

    #[test]
    fn an_unsupported_version_of_the_request_is_answered_in_the_oldest_one() -> Result<()> {
        let mut asked = Asked::default();
        let sent = asked.client(request(API_VERSIONS, 4), &KafkaCaps::EVENT_HUBS)?;
        assert_eq!(sent[4..8], [0, 18, 0, 0]);
        let answered = asked.server(answer(0), &KafkaCaps::EVENT_HUBS)?;
        assert_eq!(offered(&answered, 0)?, (UNSUPPORTED_VERSION, vec![(0, 3, 7), (1, 3, 5)]));
        Ok(())
    }

    #[test]
    fn requests_above_the_caps_are_refused() -> Result<()> {
        let mut asked = Asked::default();
        let mut refusal = |key, version| {
            let passed = asked.client(request(key, version), &KafkaCaps::EVENT_HUBS);
            passed.err().map(|error| format!("{error:#}"))
        };
        assert_eq!(refusal(1, 6), None);
        assert_eq!(refusal(1, 7).as_deref(), Some("Event Hubs has Fetch up to version 6, not 7"));
        assert_eq!(refusal(68, 0).as_deref(), Some("Event Hubs has no ConsumerGroupHeartbeat"));
        Ok(())
    }

    #[test]
    fn messages_are_split_from_a_stream() {
        let mut stream = BytesMut::new();
        for byte in [request(1, 4), request(3, 5)].concat() {
            assert!(next_frame(&mut stream).is_none());
            stream.put_u8(byte);
            if stream.len() == request(1, 4).len() {
                assert!(next_frame(&mut stream).is_some());
            }
        }
        assert!(stream.is_empty());
    }
}
