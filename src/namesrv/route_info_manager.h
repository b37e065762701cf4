// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "remoting/connection.h"
#include "remoting/protocol/body/cluster_info.h"
#include "remoting/protocol/body/register_broker.h"
#include "remoting/protocol/body/route_data.h"
#include "remoting/protocol/body/topic_list.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace rmq::namesrv {

struct NamesrvConfig;

// What identifies a broker process. Source: BrokerAddrInfo plus its name and id.
struct BrokerIdentity {
    std::string cluster_name;
    std::string broker_addr;
    std::string broker_name;
    std::int64_t broker_id = kMasterId;
};

// One REGISTER_BROKER, decoded.
struct BrokerRegistration {
    BrokerIdentity broker;
    std::string ha_server_addr;
    std::optional<std::string> zone_name;
    std::optional<std::int64_t> heartbeat_timeout_millis;  // default 120 000
    std::optional<bool> enable_acting_master;              // absent: a broker before 5.0
    RegisterBrokerBody body;
    bool has_filter_server_list = true;  // false in the form before 3.0.11
    std::weak_ptr<Connection> connection;
};

enum class RegisterOutcome {
    kRegistered,
    kIgnored,  // a live broker of this id has a newer stateVersion; answered as a success
    kRefused,  // one topic from a broker id that never registered: an increment came first
};

struct RegisterBrokerResult {
    RegisterOutcome outcome = RegisterOutcome::kRegistered;
    std::string ha_server_addr{};  // both of the live master, for a slave; else empty
    std::string master_addr{};
};

// The lowest id of a broker name changed: whom to tell what. Source: NotifyMinBrokerIdChange.
struct MinBrokerIdNotice {
    std::vector<std::string> notify_addrs{};
    std::int64_t min_broker_id = 0;
    std::string min_broker_addr{};
    std::optional<std::string> offline_broker_addr{};
    std::optional<std::string> ha_broker_addr{};
};

// The routing tables of a NameServer, in memory only: brokers rebuild them by registering.
// Thread safety: every member from any thread; one mutex, never held over a call outside.
// Cost: a route query is one hash look-up and, until something about the topic's brokers changes,
// returns text encoded before. Registration and unregistration are linear in the topics named.
// Source: RouteInfoManager (5.5.0).
class RouteInfoManager {
public:
    using MinBrokerIdListener = std::function<void(const MinBrokerIdNotice&)>;

    // `config` and `clock` outlive the manager.
    RouteInfoManager(const NamesrvConfig& config, const Clock& clock);
    // Called without the mutex, on the thread that caused the change, when
    // notifyMinBrokerIdChanged is on. Set before use.
    void set_min_broker_id_listener(MinBrokerIdListener listener) { notify_ = std::move(listener); }

    // --- brokers --------------------------------------------------------------------------------
    RegisterBrokerResult register_broker(const BrokerRegistration& registration);
    void unregister_broker(const BrokerIdentity& broker);
    // The connections of brokers: those registered over it are gone.
    void on_connection_closed(const Connection& connection);
    // Unregisters brokers that were silent for longer than they promised and closes their
    // connections. Returns how many.
    int scan_not_active_broker(std::int64_t now_ms);
    // A sign of life; unknown brokers are ignored.
    void update_broker_timestamp(const BrokerIdentity& broker);
    // Nothing for an unknown broker.
    std::optional<DataVersion> broker_data_version(const BrokerIdentity& broker) const;

    // --- topics ---------------------------------------------------------------------------------
    // Queues of one topic; stops at the first broker name that is unknown.
    void register_topic(std::string_view topic, const std::vector<QueueData>& queues);
    void delete_topic(std::string_view topic);
    // Only the queues on brokers of this cluster.
    void delete_topic(std::string_view topic, std::string_view cluster_name);
    // Both return the number of topics on that broker.
    std::int32_t wipe_write_perm_of_broker(std::string_view broker_name);
    std::int32_t add_write_perm_of_broker(std::string_view broker_name);

    // --- answers --------------------------------------------------------------------------------
    // The encoded TopicRouteData without order configuration; null when there is no route.
    std::shared_ptr<const std::string> route_body(std::string_view topic, IntegerKeys keys) const;
    std::optional<TopicRouteData> pickup_topic_route_data(std::string_view topic) const;
    ClusterInfo cluster_info() const;
    BrokerMemberGroup broker_member_group(std::string_view cluster_name,
                                          std::string_view broker_name) const;
    TopicList all_topics() const;
    TopicList system_topics() const;
    TopicList topics_by_cluster(std::string_view cluster_name) const;
    // Topics whose topicSysFlag, masked, has exactly this value.
    TopicList topics_by_sys_flag(std::int32_t mask, std::int32_t value) const;

private:
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };
    struct BrokerLiveInfo {
        std::int64_t last_update_ms = 0;
        std::int64_t heartbeat_timeout_ms = 0;
        DataVersion data_version;
        std::weak_ptr<Connection> connection;
        std::string ha_server_addr;
    };
    struct TopicQueues {
        std::map<std::string, QueueData, std::less<>> by_broker;
        // Encoded answers, valid while encoded_at equals brokers_generation_.
        mutable std::uint64_t encoded_at = 0;
        mutable std::shared_ptr<const std::string> encoded[2];  // by IntegerKeys

        void changed() { encoded_at = 0; }
    };
    using BrokerAddr = std::pair<std::string, std::string>;  // cluster, address
    using Notices = std::vector<MinBrokerIdNotice>;

    // All private members: mutex_ held.
    RegisterBrokerResult register_locked(const BrokerRegistration& registration, Notices& notices);
    void record_liveness(const BrokerRegistration& registration);
    RegisterBrokerResult master_of(const BrokerIdentity& broker, const BrokerData& data) const;
    bool conflicts(const BrokerRegistration& registration, const BrokerData& data) const;
    void take_topics(const BrokerRegistration& registration, const BrokerData& data, bool first);
    void delete_vanished_topics(const std::string& broker_name, const TopicConfigTable& topics);
    void put_queue_data(const std::string& broker_name, const TopicConfig& config,
                        std::int32_t perm);
    void put_mappings(const BrokerRegistration& registration);
    void unregister_locked(const BrokerIdentity& broker, Notices& notices);
    void forget_broker_name(const BrokerIdentity& broker);
    void clean_topics_of(const std::string& broker_name, bool removed);
    std::optional<BrokerIdentity> identity_of(const BrokerAddr& address) const;
    std::int32_t change_perm(std::string_view broker_name, std::int32_t keep, std::int32_t set);
    std::optional<TopicRouteData> pickup_locked(std::string_view topic,
                                                const TopicQueues& queues) const;
    static void show_acting_master(TopicRouteData& route);
    void brokers_changed() { ++brokers_generation_; }

    void notify(const Notices& notices) const;

    const NamesrvConfig& config_;
    const Clock& clock_;
    MinBrokerIdListener notify_;

    mutable std::mutex mutex_;  // guards everything below
    std::unordered_map<std::string, TopicQueues, TextHash, std::equal_to<>> topic_queue_table_;
    std::map<std::string, BrokerData, std::less<>> broker_addr_table_;
    std::map<std::string, std::set<std::string>, std::less<>> cluster_addr_table_;
    std::map<BrokerAddr, BrokerLiveInfo> broker_live_table_;
    std::map<BrokerAddr, std::vector<std::string>> filter_server_table_;
    std::map<std::string, std::map<std::string, TopicQueueMappingInfo>, std::less<>>
        topic_queue_mapping_info_table_;
    std::uint64_t brokers_generation_ = 1;  // steps with every change that concerns all topics
};

}  // namespace rmq::namesrv
