// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/client/client_channel_info.h"
#include "broker/client/subscription_conflicts.h"
#include "broker/filter/tag_filter.h"
#include "common/clock.h"
#include "common/config_value.h"
#include "remoting/protocol/body/heartbeat_data.h"

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
#include <vector>

namespace rmq::broker {

// A copy of what one consumer group looks like at one moment, for administration.
struct ConsumerGroupView {
    std::vector<ClientChannelInfo> channels;
    std::map<std::string, SubscriptionData> subscriptions;  // by topic
    ConsumeType consume_type = ConsumeType::CONSUME_ACTIVELY;
    MessageModel message_model = MessageModel::CLUSTERING;
    ConsumeFromWhere consume_from_where = ConsumeFromWhere::CONSUME_FROM_LAST_OFFSET;
};

// What a pull needs of a registered subscription, copied without allocating for up to 8 tags.
struct RegisteredSubscription {
    bool group_known = false;
    bool topic_known = false;
    MessageModel message_model = MessageModel::CLUSTERING;
    std::int64_t sub_version = 0;
    bool is_tag_type = true;
    std::string expression_type;  // when it is not TAG
    TagFilter filter;
};

// Who consumes what: the members of every consumer group and the group's subscriptions, as
// heartbeats declare them and closed connections or silence take them away.
// Thread safety: any thread; one mutex, nothing is called out to while it is held.
// Source: ConsumerManager, ConsumerGroupInfo.
class ConsumerManager {
public:
    struct Options {
        const Live<std::int64_t>& channel_expired_ms;       // channelExpiredTimeout
        const Live<std::int64_t>& subscription_expired_ms;  // subscriptionExpiredTimeout
    };
    // A member came or went, or a topic was added or removed. `members` are the group's live
    // connections. Called without the lock, on the thread that made the change.
    using ChangeListener = std::function<void(
        std::string_view group, const std::vector<std::shared_ptr<Connection>>& members)>;

    // A group's last member left. Called as ChangeListener.
    using GoneListener = std::function<void(std::string_view group)>;

    // What `options` refers to and `clock` outlive the manager.
    ConsumerManager(Options options, const Clock& clock);
    ConsumerManager(const ConsumerManager&) = delete;
    ConsumerManager& operator=(const ConsumerManager&) = delete;

    // Before any request is served.
    void set_change_listener(ChangeListener listener) { listener_ = std::move(listener); }
    void set_gone_listener(GoneListener listener) { gone_listener_ = std::move(listener); }

    // Takes over one group of a heartbeat. False notifications keep members from being told.
    // Returns whether the group changed.
    bool register_consumer(const ConsumerData& data, const ClientChannelInfo& channel,
                           bool notify_members);
    // A heartbeat V2 without subscriptions: refreshes the member only.
    bool register_consumer_without_sub(const ConsumerData& data, const ClientChannelInfo& channel,
                                       bool notify_members);
    // A pull that brought its own subscription: remembered apart for subscription_expired_ms, so
    // that the lag of consumers without heartbeat subscriptions can be told.
    // Source: compensateSubscribeData.
    void compensate_subscription(std::string_view group, std::string_view topic,
                                 std::string_view sub_string, std::string_view expression_type);
    void unregister_consumer(std::string_view group, const Connection& connection,
                             bool notify_members);
    void on_connection_closed(const Connection& connection);
    // Drops and closes members silent for channel_expired_ms, and pulls' own subscriptions not
    // renewed for subscription_expired_ms.
    void scan_not_active_channels();

    RegisteredSubscription find_subscription(std::string_view group, std::string_view topic) const;
    // Whether the group has at least one member now.
    bool is_online(std::string_view group) const;
    std::optional<ConsumerGroupView> group(std::string_view group) const;
    // The group, or while it has no member, what its pulls brought of subscriptions.
    // Source: getConsumerGroupInfo with fromCompensatedSubscription.
    std::optional<ConsumerGroupView> group_or_pulls(std::string_view group) const;
    // The registered subscription, or the one that the last pull brought.
    std::optional<SubscriptionData> subscription(std::string_view group,
                                                 std::string_view topic) const;
    std::vector<std::string> client_ids(std::string_view group) const;
    std::vector<ClientChannelInfo> channels(std::string_view group) const;
    std::optional<ClientChannelInfo> find_channel(std::string_view group,
                                                  std::string_view client_id) const;
    // Groups with a subscription to this topic. Source: queryTopicConsumeByWho.
    std::set<std::string> groups_consuming(std::string_view topic) const;
    std::vector<std::string> groups() const;

    // Members of one group that want different things.
    const SubscriptionConflicts& conflicts() const { return conflicts_; }

    // Stores the fingerprint of a heartbeat (0: V1) and returns that of the group's last one,
    // nothing for the first. Source: ClientManageProcessor.consumerGroupHeartbeatTable.
    std::optional<std::int32_t> exchange_fingerprint(const std::string& group,
                                                     std::int32_t fingerprint);

private:
    struct Compensated {
        SubscriptionData data;
        std::int64_t last_update_ms = 0;
    };
    struct Group {
        std::unordered_map<std::uint64_t, ClientChannelInfo> channels;  // by connection id
        std::map<std::string, SubscriptionData, std::less<>> subscriptions;
        ConsumeType consume_type = ConsumeType::CONSUME_ACTIVELY;
        MessageModel message_model = MessageModel::CLUSTERING;
        ConsumeFromWhere consume_from_where = ConsumeFromWhere::CONSUME_FROM_LAST_OFFSET;
    };
    template <class Value>
    using ByName = std::map<std::string, Value, std::less<>>;
    using Members = std::vector<std::shared_ptr<Connection>>;

    bool update(const ConsumerData& data, const ClientChannelInfo& channel, bool notify_members,
                bool with_subscriptions);
    bool update_channel(Group& group, const ConsumerData& data, const ClientChannelInfo& channel);
    static bool update_subscriptions(Group& group, const ConsumerData& data);
    void look_for_conflict(const ConsumerData& data, const ClientChannelInfo& channel);
    static Members members_of(const Group& group);
    void notify(std::string_view group, const Members& members) const;
    void notify_gone(const std::vector<std::string>& groups) const;

    const Options options_;
    const Clock& clock_;
    ChangeListener listener_;
    GoneListener gone_listener_;
    mutable std::mutex mutex_;
    ByName<Group> groups_;                     // guarded by mutex_
    ByName<ByName<Compensated>> compensated_;  // group, topic; guarded by mutex_
    ByName<std::int32_t> fingerprints_;        // by group; guarded by mutex_
    SubscriptionConflicts conflicts_;
};

}  // namespace rmq::broker
