// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

// Headers of the requests that a NameServer serves, and of its notice to brokers.
namespace rmq {

// Free extFields of registrations and route queries. Source: MixAll.
inline constexpr std::string_view kZoneNameKey = "__ZONE_NAME";
inline constexpr std::string_view kZoneModeKey = "__ZONE_MODE";

// PUT_KV_CONFIG (100). Source: PutKVConfigRequestHeader. All three are optional here because the
// original answers a missing one itself.
struct PutKVConfigRequestHeader {
    std::optional<std::string_view> config_namespace;
    std::optional<std::string_view> key;
    std::optional<std::string_view> value;

    template <class Visitor>
    void visit(Visitor& v) {
        v("namespace", config_namespace);
        v("key", key);
        v("value", value);
    }
};

// GET_KV_CONFIG (101) and DELETE_KV_CONFIG (102).
// Source: GetKVConfigRequestHeader, DeleteKVConfigRequestHeader.
struct KVConfigKeyRequestHeader {
    std::string_view config_namespace;
    std::string_view key;

    template <class Visitor>
    void visit(Visitor& v) {
        v("namespace", config_namespace);
        v("key", key);
    }
};

// Source: GetKVConfigResponseHeader.
struct GetKVConfigResponseHeader {
    std::optional<std::string_view> value;

    template <class Visitor>
    void visit(Visitor& v) {
        v("value", value);
    }
};

// GET_KVLIST_BY_NAMESPACE (219). Source: GetKVListByNamespaceRequestHeader.
struct GetKVListByNamespaceRequestHeader {
    std::string_view config_namespace;

    template <class Visitor>
    void visit(Visitor& v) {
        v("namespace", config_namespace);
    }
};

// REGISTER_BROKER (103). Source: RegisterBrokerRequestHeader.
struct RegisterBrokerRequestHeader {
    std::string_view broker_name;
    std::string_view broker_addr;
    std::string_view cluster_name;
    std::string_view ha_server_addr;
    std::int64_t broker_id = 0;
    std::optional<std::int64_t> heartbeat_timeout_millis;
    std::optional<bool> enable_acting_master;  // absent: a broker before 5.0
    std::optional<bool> compressed;
    std::optional<std::int32_t> body_crc32;  // 0 or absent: not checked

    template <class Visitor>
    void visit(Visitor& v) {
        v("brokerName", broker_name);
        v("brokerAddr", broker_addr);
        v("clusterName", cluster_name);
        v("haServerAddr", ha_server_addr);
        v("brokerId", broker_id);
        v("heartbeatTimeoutMillis", heartbeat_timeout_millis);
        v("enableActingMaster", enable_acting_master);
        v("compressed", compressed);
        v("bodyCrc32", body_crc32);
    }
};

// Both only for a slave whose master lives. Source: RegisterBrokerResponseHeader.
struct RegisterBrokerResponseHeader {
    std::optional<std::string_view> ha_server_addr;
    std::optional<std::string_view> master_addr;

    template <class Visitor>
    void visit(Visitor& v) {
        v("haServerAddr", ha_server_addr);
        v("masterAddr", master_addr);
    }
};

// UNREGISTER_BROKER (104) and QUERY_DATA_VERSION (322).
// Source: UnRegisterBrokerRequestHeader, QueryDataVersionRequestHeader.
struct BrokerIdentityRequestHeader {
    std::string_view broker_name;
    std::string_view broker_addr;
    std::string_view cluster_name;
    std::int64_t broker_id = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("brokerName", broker_name);
        v("brokerAddr", broker_addr);
        v("clusterName", cluster_name);
        v("brokerId", broker_id);
    }
};

// Source: QueryDataVersionResponseHeader.
struct QueryDataVersionResponseHeader {
    bool changed = false;

    template <class Visitor>
    void visit(Visitor& v) {
        v("changed", changed);
    }
};

// GET_ROUTEINFO_BY_TOPIC (105). Source: GetRouteInfoRequestHeader. Without a topic the original
// finds no route for "null".
struct GetRouteInfoRequestHeader {
    std::optional<std::string_view> topic;
    std::optional<bool> accept_standard_json_only;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("acceptStandardJsonOnly", accept_standard_json_only);
    }
};

// WIPE_WRITE_PERM_OF_BROKER (205) and ADD_WRITE_PERM_OF_BROKER (327).
// Source: WipeWritePermOfBrokerRequestHeader, AddWritePermOfBrokerRequestHeader.
struct BrokerNameRequestHeader {
    std::string_view broker_name;

    template <class Visitor>
    void visit(Visitor& v) {
        v("brokerName", broker_name);
    }
};

// Source: WipeWritePermOfBrokerResponseHeader.
struct WipeWritePermOfBrokerResponseHeader {
    std::int32_t wipe_topic_count = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("wipeTopicCount", wipe_topic_count);
    }
};

// Source: AddWritePermOfBrokerResponseHeader.
struct AddWritePermOfBrokerResponseHeader {
    std::int32_t add_topic_count = 0;

    template <class Visitor>
    void visit(Visitor& v) {
        v("addTopicCount", add_topic_count);
    }
};

// DELETE_TOPIC_IN_NAMESRV (216) and, without the cluster, REGISTER_TOPIC_IN_NAMESRV (217).
// Source: DeleteTopicFromNamesrvRequestHeader, RegisterTopicRequestHeader.
struct NamesrvTopicRequestHeader {
    std::string_view topic;
    std::optional<std::string_view> cluster_name;

    template <class Visitor>
    void visit(Visitor& v) {
        v("topic", topic);
        v("clusterName", cluster_name);
    }
};

// GET_TOPICS_BY_CLUSTER (224). Source: GetTopicsByClusterRequestHeader.
struct GetTopicsByClusterRequestHeader {
    std::string_view cluster;

    template <class Visitor>
    void visit(Visitor& v) {
        v("cluster", cluster);
    }
};

// GET_BROKER_MEMBER_GROUP (901). Source: GetBrokerMemberGroupRequestHeader.
struct GetBrokerMemberGroupRequestHeader {
    std::string_view cluster_name;
    std::string_view broker_name;

    template <class Visitor>
    void visit(Visitor& v) {
        v("clusterName", cluster_name);
        v("brokerName", broker_name);
    }
};

// BROKER_HEARTBEAT (904). Source: BrokerHeartbeatRequestHeader, the members a NameServer reads or
// a broker sends to it.
struct BrokerHeartbeatRequestHeader {
    std::string_view cluster_name;
    std::string_view broker_addr;
    std::string_view broker_name;
    std::optional<std::int64_t> broker_id;

    template <class Visitor>
    void visit(Visitor& v) {
        v("clusterName", cluster_name);
        v("brokerAddr", broker_addr);
        v("brokerName", broker_name);
        v("brokerId", broker_id);
    }
};

// NOTIFY_MIN_BROKER_ID_CHANGE (905). Source: NotifyMinBrokerIdChangeRequestHeader.
struct NotifyMinBrokerIdChangeRequestHeader {
    std::optional<std::int64_t> min_broker_id;
    std::optional<std::string_view> broker_name;
    std::optional<std::string_view> min_broker_addr;
    std::optional<std::string_view> offline_broker_addr;
    std::optional<std::string_view> ha_broker_addr;

    template <class Visitor>
    void visit(Visitor& v) {
        v("minBrokerId", min_broker_id);
        v("brokerName", broker_name);
        v("minBrokerAddr", min_broker_addr);
        v("offlineBrokerAddr", offline_broker_addr);
        v("haBrokerAddr", ha_broker_addr);
    }
};

}  // namespace rmq
