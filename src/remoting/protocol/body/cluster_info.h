// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "remoting/protocol/body/route_data.h"

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace rmq {

// Body of GET_BROKER_CLUSTER_INFO. Source: ClusterInfo.
struct ClusterInfo {
    std::map<std::string, BrokerData> broker_addr_table{};              // by broker name
    std::map<std::string, std::set<std::string>> cluster_addr_table{};  // cluster to broker names
};

// Compact JSON, keys in order.
std::string encode(const ClusterInfo& info, IntegerKeys keys);
// Reads both key forms. Errors: kMalformed.
Result<ClusterInfo> decode_cluster_info(std::string_view text);

// Body of GET_BROKER_MEMBER_GROUP. Source: BrokerMemberGroup, GetBrokerMemberGroupResponseBody.
struct BrokerMemberGroup {
    std::string cluster{};
    std::string broker_name{};
    std::map<std::int64_t, std::string> broker_addrs{};
};

std::string encode(const BrokerMemberGroup& group, IntegerKeys keys);
// Errors: kMalformed.
Result<BrokerMemberGroup> decode_broker_member_group(std::string_view text);

}  // namespace rmq
