// SPDX-License-Identifier: Apache-2.0
#include "broker/lite/lite_subscription_registry.h"

#include "broker/broker_config.h"
#include "broker/lite/lite_lifecycle_manager.h"
#include "broker/lite/lite_metadata.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/consumer_order_info_manager.h"
#include "common/light_queue.h"
#include "common/lite_topic.h"
#include "common/log.h"
#include "remoting/protocol/header/lite.h"
#include "remoting/protocol/header_codec.h"

#include <algorithm>
#include <utility>

namespace rmq::broker {

namespace {

constexpr LiteOffsetOption kToStart{LiteOffsetOption::Type::kPolicy, LiteOffsetOption::kPolicyMin};

// Source: mockLmqNameForWildcardGroup.
std::string wildcard_name(const std::string& topic, const std::string& group) {
    return topic + "@" + group;
}

}  // namespace

void LiteSubscriptionRegistry::set_connection(const std::string& client_id,
                                              const std::shared_ptr<Connection>& connection) {
    const std::lock_guard lock(mutex_);
    connections_[client_id] = connection;
}

// A client that is known stays in its first group.
LiteSubscriptionRegistry::Subscription& LiteSubscriptionRegistry::subscription_of(
    const Change& change) {
    auto& subscription =
        clients_.try_emplace(change.client.client_id, Subscription{change.client, {}, 0})
            .first->second;
    subscription.updated_ms = c_.clock.monotonic_ms();
    return subscription;
}

// Source: addPartialSubscription.
Status LiteSubscriptionRegistry::add(const Change& change) {
    if (const std::int64_t max = c_.config.max_lite_subscription_count; size() >= max) {
        return Error{Errc::kResourceExhausted,
                     "lite subscription quota exceeded " + std::to_string(max)};
    }
    const auto& group = change.client.group;
    if (c_.metadata.is_wildcard(group)) {
        return Error{Errc::kUnsupported,
                     "subscribe lite operation is not supported for this group"};
    }
    auto queues = change.queues;
    std::erase_if(queues,
                  [&](const auto& queue) { return !c_.lifecycle.is_active(change.topic, queue); });
    const bool is_exclusive = c_.metadata.is_exclusive(group);
    const bool resets = is_exclusive && c_.metadata.resets_when_stolen(group);
    Effects effects;
    {
        const std::lock_guard lock(mutex_);
        auto& subscription = subscription_of(change);
        const auto client = subscription.client;
        for (const auto& queue : queues) {
            subscription.queues.insert(queue);
            if (is_exclusive) {
                steal({client.client_id, group}, queue, resets, effects);
            }
            if (change.offset_option) {
                effects.resets.push_back({{client.client_id, group}, queue, *change.offset_option});
            }
            add_subscriber(client, queue, effects);
        }
    }
    carry_out(effects);
    return {};
}

// Source: removePartialSubscription.
void LiteSubscriptionRegistry::remove(const Change& change) {
    const bool resets = c_.metadata.resets_when_unsubscribed(change.client.group);
    Effects effects;
    {
        const std::lock_guard lock(mutex_);
        auto& subscription = subscription_of(change);
        for (const auto& queue : change.queues) {
            subscription.queues.erase(queue);
            if (remove_subscriber(subscription.client, queue) && resets) {
                effects.resets.push_back({subscription.client, queue, kToStart});
            }
        }
    }
    carry_out(effects);
}

// Source: addCompleteSubscription.
void LiteSubscriptionRegistry::replace(const Change& change) {
    const bool is_wildcard = c_.metadata.is_wildcard(change.client.group);
    std::set<std::string> wanted;
    if (is_wildcard) {
        wanted.insert(wildcard_name(change.topic, change.client.group));
    } else {
        for (const auto& queue : change.queues) {
            if (c_.lifecycle.is_active(change.topic, queue)) {
                wanted.insert(queue);
            }
        }
    }
    Effects effects;
    {
        const std::lock_guard lock(mutex_);
        if (is_wildcard) {
            wildcard_groups_[change.topic].insert(change.client.group);
        }
        auto& subscription = subscription_of(change);
        for (const auto& queue : subscription.queues) {
            if (!wanted.contains(queue)) {
                remove_subscriber(subscription.client, queue);
            }
        }
        subscription.queues = std::move(wanted);
        for (const auto& queue : subscription.queues) {
            add_subscriber(subscription.client, queue, effects);
        }
    }
    carry_out(effects);
}

void LiteSubscriptionRegistry::remove_client(const std::string& client_id) {
    Effects effects;
    {
        const std::lock_guard lock(mutex_);
        remove_client(client_id, effects);
    }
    carry_out(effects);
}

void LiteSubscriptionRegistry::remove_client(const std::string& client_id, Effects& effects) {
    connections_.erase(client_id);
    const auto found = clients_.find(client_id);
    if (found == clients_.end()) {
        return;
    }
    const auto subscription = std::move(found->second);
    clients_.erase(found);
    for (const auto& queue : subscription.queues) {
        remove_subscriber(subscription.client, queue);
    }
    effects.gone.push_back(subscription.client);
}

// Source: cleanSubscription.
void LiteSubscriptionRegistry::remove_queue(const std::string& queue) {
    const std::lock_guard lock(mutex_);
    const auto found = subscribers_.find(queue);
    if (found == subscribers_.end()) {
        return;
    }
    for (const auto& client : found->second) {
        if (const auto known = clients_.find(client.client_id); known != clients_.end()) {
            known->second.queues.erase(queue);
        }
    }
    size_ -= static_cast<std::int64_t>(found->second.size());
    subscribers_.erase(found);
}

// Source: cleanupExpiredSubscriptions.
void LiteSubscriptionRegistry::run_once() {
    const auto now_ms = c_.clock.monotonic_ms();
    Effects effects;
    {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> silent;
        for (const auto& [client_id, subscription] : clients_) {
            if (now_ms - subscription.updated_ms >
                c_.config.lite_subscription_check_timeout_mills) {
                silent.push_back(client_id);
            }
        }
        for (const auto& client_id : silent) {
            remove_client(client_id, effects);
        }
        std::erase_if(connections_, [&](const auto& entry) {
            return entry.second.expired() && !clients_.contains(entry.first);
        });
    }
    carry_out(effects);
}

void LiteSubscriptionRegistry::add_subscriber(const LiteClient& client, const std::string& queue,
                                              Effects& effects) {
    if (subscribers_[queue].insert(client).second) {
        ++size_;
        effects.registered.emplace_back(client, queue);
    }
}

bool LiteSubscriptionRegistry::remove_subscriber(const LiteClient& client,
                                                 const std::string& queue) {
    const auto found = subscribers_.find(queue);
    if (found == subscribers_.end() || found->second.erase(client) == 0) {
        return false;
    }
    --size_;
    if (found->second.empty()) {
        subscribers_.erase(found);
    }
    return true;
}

// The others of the group lose it. Source: excludeClientByLmqName.
void LiteSubscriptionRegistry::steal(const LiteClient& winner, const std::string& queue,
                                     bool resets, Effects& effects) {
    const auto found = subscribers_.find(queue);
    if (found == subscribers_.end()) {
        return;
    }
    auto losers = found->second;
    std::erase_if(losers, [&](const auto& client) {
        return client.group != winner.group || client.client_id == winner.client_id;
    });
    for (const auto& loser : losers) {
        if (const auto known = clients_.find(loser.client_id); known != clients_.end()) {
            known->second.queues.erase(queue);
            if (known->second.queues.empty()) {
                clients_.erase(known);
            }
        }
        remove_subscriber(loser, queue);
        effects.stolen.emplace_back(loser, queue);
        if (resets) {
            effects.resets.push_back({loser, queue, kToStart});
        }
        log_of("broker").info("lite_subscription_stolen queue={} group={} from={} by={} reset={}",
                              queue, winner.group, loser.client_id, winner.client_id, resets);
    }
}

void LiteSubscriptionRegistry::carry_out(const Effects& effects) {
    for (const auto& [client, queue] : effects.stolen) {
        notify_unsubscribed(client, queue);
    }
    for (const auto& reset : effects.resets) {
        reset_offset(reset);
    }
    for (const auto& [client, queue] : effects.registered) {
        if (listener_.on_registered) {
            listener_.on_registered(client, queue);
        }
    }
    for (const auto& client : effects.gone) {
        log_of("broker").info("lite_client_gone client={} group={}", client.client_id,
                              client.group);
        if (listener_.on_gone) {
            listener_.on_gone(client);
        }
    }
}

// Source: resetOffset.
void LiteSubscriptionRegistry::reset_offset(const Effects::Reset& reset) {
    using Type = LiteOffsetOption::Type;
    const GroupQueue position{reset.client.group, reset.queue, kLightQueueId};
    const auto current = c_.offsets.query(position);
    const auto value = reset.option.value;
    std::optional<std::int64_t> target;
    if (reset.option.type == Type::kPolicy && value == LiteOffsetOption::kPolicyMin) {
        target = 0;
    } else if (reset.option.type == Type::kPolicy && value == LiteOffsetOption::kPolicyMax) {
        target = c_.lifecycle.max_offset(reset.queue);
    } else if (reset.option.type == Type::kOffset) {
        target = value;
    } else if (reset.option.type == Type::kTailN && current >= 0) {
        std::int64_t moved = 0;
        target = __builtin_sub_overflow(current, value, &moved) ? current
                                                                : std::max<std::int64_t>(0, moved);
    }
    if (!target || *target == current) {
        return;
    }
    log_of("broker").info("lite_offset_reset queue={} group={} client={} from={} to={}",
                          reset.queue, reset.client.group, reset.client.client_id, current,
                          *target);
    c_.offsets.assign_reset(position, *target);
    c_.order_infos.clear_block({reset.queue, reset.client.group, kLightQueueId});
}

// Source: notifyUnsubscribeLite.
void LiteSubscriptionRegistry::notify_unsubscribed(const LiteClient& client,
                                                   const std::string& queue) {
    std::shared_ptr<Connection> connection;
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = connections_.find(client.client_id); found != connections_.end()) {
            connection = found->second.lock();
        }
    }
    const auto name = parse_lite_queue(queue);
    if (connection == nullptr || !name) {
        return;
    }
    OutboundCommand command(RequestCode::NOTIFY_UNSUBSCRIBE_LITE);
    encode_header(NotifyUnsubscribeLiteRequestHeader{name->lite, client.group, client.client_id},
                  command.ext);
    connection->send_oneway(command);
}

std::map<std::string, std::vector<LiteClient>> LiteSubscriptionRegistry::subscribers(
    const std::string& queue, std::optional<std::string_view> group) const {
    const auto name = parse_lite_queue(queue);
    const std::string topic(name ? name->parent : std::string_view{});
    std::map<std::string, std::vector<LiteClient>> found;
    const std::lock_guard lock(mutex_);
    const auto add_all = [&](const std::string& key) {
        const auto clients = subscribers_.find(key);
        if (clients == subscribers_.end()) {
            return;
        }
        for (const auto& client : clients->second) {
            if (!group || client.group == *group) {
                found[client.group].push_back(client);
            }
        }
    };
    add_all(queue);
    if (const auto groups = wildcard_groups_.find(topic); groups != wildcard_groups_.end()) {
        for (const auto& each : groups->second) {
            if (!found.contains(each)) {
                add_all(wildcard_name(topic, each));
            }
        }
    }
    return found;
}

std::vector<LiteClient> LiteSubscriptionRegistry::wildcard_clients(const std::string& topic,
                                                                   const std::string& group) const {
    const std::lock_guard lock(mutex_);
    const auto found = subscribers_.find(wildcard_name(topic, group));
    return found == subscribers_.end()
               ? std::vector<LiteClient>()
               : std::vector<LiteClient>(found->second.begin(), found->second.end());
}

std::optional<std::set<std::string>> LiteSubscriptionRegistry::subscriptions(
    const std::string& client_id) const {
    const std::lock_guard lock(mutex_);
    const auto found = clients_.find(client_id);
    return found == clients_.end() ? std::nullopt : std::optional(found->second.queues);
}

std::vector<std::string> LiteSubscriptionRegistry::clients_of(std::string_view group) const {
    std::vector<std::string> ids;
    const std::lock_guard lock(mutex_);
    for (const auto& [client_id, subscription] : clients_) {
        if (subscription.client.group == group) {
            ids.push_back(client_id);
        }
    }
    return ids;
}

std::int64_t LiteSubscriptionRegistry::size() const {
    const std::lock_guard lock(mutex_);
    return size_;
}

}  // namespace rmq::broker
