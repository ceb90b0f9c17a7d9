//! The requests of classic consumer groups (JoinGroup to DescribeGroups), with the supported
//! versions.

use std::borrow::Cow;

use kafka_protocol::messages::{
    DescribeGroupsRequest, DescribeGroupsResponse, HeartbeatRequest, HeartbeatResponse,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest,
    SyncGroupResponse,
};
use rskafka::protocol::api_key::ApiKey;

use super::api::Api;

impl Api for JoinGroupRequest {
    type Response = JoinGroupResponse;
    const NAME: &'static str = "JoinGroup";
    const KEY: ApiKey = ApiKey::JoinGroup;
    // From 1 on with a rebalance timeout; Kafka 4.0 supports none below 2.
    const VERSIONS: (i16, i16) = (2, 9);
    const FIRST_FLEXIBLE: i16 = 6;
}

impl Api for SyncGroupRequest {
    type Response = SyncGroupResponse;
    const NAME: &'static str = "SyncGroup";
    const KEY: ApiKey = ApiKey::SyncGroup;
    const VERSIONS: (i16, i16) = (0, 5);
    const FIRST_FLEXIBLE: i16 = 4;
}

impl Api for HeartbeatRequest {
    type Response = HeartbeatResponse;
    const NAME: &'static str = "Heartbeat";
    const KEY: ApiKey = ApiKey::Heartbeat;
    const VERSIONS: (i16, i16) = (0, 4);
    const FIRST_FLEXIBLE: i16 = 4;
}

impl Api for LeaveGroupRequest {
    type Response = LeaveGroupResponse;
    const NAME: &'static str = "LeaveGroup";
    const KEY: ApiKey = ApiKey::LeaveGroup;
    // From 3 on for several members at once.
    const VERSIONS: (i16, i16) = (0, 5);
    const FIRST_FLEXIBLE: i16 = 4;

    fn as_in(&self, version: i16) -> Cow<'_, Self> {
        if version >= 3 {
            return Cow::Borrowed(self);
        }
        let mut request = self.clone();
        // Requests here have only one.
        request.member_id = request.members.pop().unwrap_or_default().member_id;
        Cow::Owned(request)
    }
}

impl Api for DescribeGroupsRequest {
    type Response = DescribeGroupsResponse;
    const NAME: &'static str = "DescribeGroups";
    const KEY: ApiKey = ApiKey::DescribeGroups;
    const VERSIONS: (i16, i16) = (0, 6);
    const FIRST_FLEXIBLE: i16 = 5;
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use kafka_protocol::{
        messages::{
            GroupId, join_group_request::JoinGroupRequestProtocol,
            leave_group_request::MemberIdentity, sync_group_request::SyncGroupRequestAssignment,
        },
        protocol::StrBytes,
    };

    use super::*;

    fn text() -> StrBytes {
        StrBytes::from_static_str("text")
    }

    fn writable<M: Api>(request: &M) {
        for version in M::VERSIONS.0..=M::VERSIONS.1 {
            let written = request.as_in(version).encode(&mut BytesMut::new(), version);
            written.unwrap_or_else(|error| panic!("{} {version}: {error}", M::NAME));
        }
    }

    /// kafka-protocol returns an error for fields that a version does not have.
    #[test]
    fn every_version_can_be_written() {
        let group = GroupId(text());
        let protocol = JoinGroupRequestProtocol::default().with_name(text());
        writable(
            &JoinGroupRequest::default()
                .with_group_id(group.clone())
                .with_member_id(text())
                .with_rebalance_timeout_ms(1)
                .with_protocols(vec![protocol]),
        );
        writable(
            &SyncGroupRequest::default()
                .with_group_id(group.clone())
                .with_protocol_type(Some(text()))
                .with_protocol_name(Some(text()))
                .with_assignments(vec![SyncGroupRequestAssignment::default()]),
        );
        writable(&HeartbeatRequest::default().with_group_id(group.clone()).with_member_id(text()));
        let member = MemberIdentity::default().with_member_id(text());
        writable(
            &LeaveGroupRequest::default().with_group_id(group.clone()).with_members(vec![member]),
        );
        writable(&DescribeGroupsRequest::default().with_groups(vec![group]));
    }
}
