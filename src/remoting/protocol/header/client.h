// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace rmq {

// UNREGISTER_CLIENT (35). Source: UnregisterClientRequestHeader.
struct UnregisterClientRequestHeader {
    std::string_view client_id;
    std::optional<std::string_view> producer_group;
    std::optional<std::string_view> consumer_group;

    template <class Visitor>
    void visit(Visitor& v) {
        v("clientID", client_id);
        v("producerGroup", producer_group);
        v("consumerGroup", consumer_group);
    }
};

// GET_CONSUMER_LIST_BY_GROUP (38) and NOTIFY_CONSUMER_IDS_CHANGED (40).
// Source: GetConsumerListByGroupRequestHeader, NotifyConsumerIdsChangedRequestHeader.
struct ConsumerGroupRequestHeader {
    std::string_view consumer_group;

    template <class Visitor>
    void visit(Visitor& v) {
        v("consumerGroup", consumer_group);
    }
};

// Answer of HEART_BEAT (34). Source: ClientManageProcessor.heartBeat.
struct HeartbeatResponseHeader {
    bool is_support_heart_beat_v2 = true;
    bool is_sub_change = true;

    template <class Visitor>
    void visit(Visitor& v) {
        v("IS_SUPPORT_HEART_BEAT_V2", is_support_heart_beat_v2);
        v("IS_SUB_CHANGE", is_sub_change);
    }
};

}  // namespace rmq
