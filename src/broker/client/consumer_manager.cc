// SPDX-License-Identifier: Apache-2.0
#include "broker/client/consumer_manager.h"

#include "common/log.h"

#include <algorithm>

namespace rmq::broker {

ConsumerManager::ConsumerManager(Options options, const Clock& clock)
    : options_(options), clock_(clock) {}

bool ConsumerManager::register_consumer(const ConsumerData& data, const ClientChannelInfo& channel,
                                        bool notify_members) {
    const bool changed = update(data, channel, notify_members, true);
    look_for_conflict(data, channel);
    return changed;
}

// The original says nothing: the newest heartbeat's subscription counts for the whole group.
void ConsumerManager::look_for_conflict(const ConsumerData& data,
                                        const ClientChannelInfo& channel) {
    const auto conflict =
        conflicts_.declare(data.group_name,
                           {channel.connection->id(),
                            channel.client_id + "@" + channel.connection->peer().to_string()},
                           data.subscriptions);
    if (!conflict) {
        return;
    }
    static LogLimiter limiter(1000);
    if (const auto admission = limiter.admit(clock_.monotonic_ms()); admission.admitted) {
        log_of("broker").warn(
            "subscription_conflict group={} topic={} client={} wants=\"{}\" other_client={} "
            "other_wants=\"{}\" suppressed={}",
            conflict->group, conflict->topic, conflict->client, conflict->wish,
            conflict->other_client, conflict->other_wish, admission.suppressed);
    }
}

bool ConsumerManager::register_consumer_without_sub(const ConsumerData& data,
                                                    const ClientChannelInfo& channel,
                                                    bool notify_members) {
    return update(data, channel, notify_members, false);
}

bool ConsumerManager::update(const ConsumerData& data, const ClientChannelInfo& channel,
                             bool notify_members, bool with_subscriptions) {
    bool changed = false;
    Members members;
    {
        const std::lock_guard lock(mutex_);
        auto& group = groups_[data.group_name];
        changed = update_channel(group, data, channel);
        if (with_subscriptions && update_subscriptions(group, data)) {
            changed = true;
        }
        if (changed && notify_members && group.message_model != MessageModel::BROADCASTING) {
            members = members_of(group);
        }
    }
    if (changed) {
        log_of("broker").info("consumer_group_changed group={} client={} peer={}", data.group_name,
                              channel.client_id, channel.connection->peer().to_string());
    }
    notify(data.group_name, members);
    return changed;
}

// Source: ConsumerGroupInfo.updateChannel. Another client id on a known connection is taken over
// without counting as a change.
bool ConsumerManager::update_channel(Group& group, const ConsumerData& data,
                                     const ClientChannelInfo& channel) {
    group.consume_type = data.consume_type;
    group.message_model = data.message_model;
    group.consume_from_where = data.consume_from_where;
    const auto [position, is_new] =
        group.channels.insert_or_assign(channel.connection->id(), channel);
    position->second.last_update_ms = clock_.now_ms();
    return is_new;
}

// Source: ConsumerGroupInfo.updateSubscription. Only additions and removals count as a change.
bool ConsumerManager::update_subscriptions(Group& group, const ConsumerData& data) {
    bool changed = false;
    for (const auto& subscription : data.subscriptions) {
        const auto known = group.subscriptions.find(subscription.topic);
        if (known == group.subscriptions.end()) {
            group.subscriptions.emplace(subscription.topic, subscription);
            changed = true;
        } else if (subscription.sub_version > known->second.sub_version) {
            known->second = subscription;
        }
    }
    const auto removed = std::erase_if(group.subscriptions, [&](const auto& entry) {
        return std::none_of(data.subscriptions.begin(), data.subscriptions.end(),
                            [&](const auto& sub) { return sub.topic == entry.first; });
    });
    return changed || removed > 0;
}

void ConsumerManager::compensate_subscription(std::string_view group, std::string_view topic,
                                              std::string_view sub_string,
                                              std::string_view expression_type) {
    const std::lock_guard lock(mutex_);
    auto of_group = compensated_.find(group);
    if (of_group == compensated_.end()) {
        of_group = compensated_.emplace(group, ByName<Compensated>{}).first;
    }
    auto of_topic = of_group->second.find(topic);
    if (of_topic == of_group->second.end()) {
        of_topic = of_group->second.emplace(topic, Compensated{}).first;
    }
    auto& known = of_topic->second;
    known.last_update_ms = clock_.now_ms();
    known.data.sub_version = known.last_update_ms;
    if (known.data.topic.empty() || known.data.sub_string != sub_string ||
        known.data.expression_type != expression_type) {
        if (auto built = build_subscription_data(topic, sub_string); built) {
            known.data = std::move(*built);
        }
        known.data.topic = topic;
        known.data.sub_string = sub_string;
        known.data.expression_type = expression_type;
        known.data.sub_version = known.last_update_ms;
    }
}

void ConsumerManager::unregister_consumer(std::string_view group, const Connection& connection,
                                          bool notify_members) {
    conflicts_.leave(group, connection.id());
    Members members;
    std::vector<std::string> gone;
    {
        const std::lock_guard lock(mutex_);
        const auto found = groups_.find(group);
        if (found == groups_.end()) {
            return;
        }
        found->second.channels.erase(connection.id());
        if (notify_members && found->second.message_model != MessageModel::BROADCASTING) {
            members = members_of(found->second);
        }
        if (found->second.channels.empty()) {
            gone.emplace_back(group);
            groups_.erase(found);
        }
    }
    notify_gone(gone);
    notify(group, members);
}

void ConsumerManager::on_connection_closed(const Connection& connection) {
    conflicts_.on_connection_closed(connection.id());
    std::vector<std::pair<std::string, Members>> changed;
    std::vector<std::string> gone;
    {
        const std::lock_guard lock(mutex_);
        for (auto it = groups_.begin(); it != groups_.end();) {
            auto& group = it->second;
            if (group.channels.erase(connection.id()) == 0) {
                ++it;
                continue;
            }
            if (group.message_model != MessageModel::BROADCASTING) {
                changed.emplace_back(it->first, members_of(group));
            }
            if (group.channels.empty()) {
                gone.push_back(it->first);
                it = groups_.erase(it);
            } else {
                ++it;
            }
        }
    }
    notify_gone(gone);
    for (const auto& [group, members] : changed) {
        notify(group, members);
    }
}

void ConsumerManager::scan_not_active_channels() {
    const auto now = clock_.now_ms();
    std::vector<std::shared_ptr<Connection>> expired;
    std::vector<std::string> gone;
    {
        const std::lock_guard lock(mutex_);
        for (auto it = groups_.begin(); it != groups_.end();) {
            std::erase_if(it->second.channels, [&](const auto& entry) {
                const bool is_old =
                    now - entry.second.last_update_ms > options_.channel_expired_ms.get();
                if (is_old) {
                    expired.push_back(entry.second.connection);
                }
                return is_old;
            });
            if (it->second.channels.empty()) {
                gone.push_back(it->first);
                it = groups_.erase(it);
            } else {
                ++it;
            }
        }
        for (auto it = compensated_.begin(); it != compensated_.end();) {
            std::erase_if(it->second, [&](const auto& entry) {
                return now - entry.second.last_update_ms > options_.subscription_expired_ms.get();
            });
            it = it->second.empty() ? compensated_.erase(it) : std::next(it);
        }
    }
    notify_gone(gone);
    for (const auto& connection : expired) {
        log_of("broker").warn("consumer_expired peer={}", connection->peer().to_string());
        connection->close("no consumer heartbeat");
    }
}

RegisteredSubscription ConsumerManager::find_subscription(std::string_view group,
                                                          std::string_view topic) const {
    RegisteredSubscription answer;
    const std::lock_guard lock(mutex_);
    const auto found = groups_.find(group);
    if (found == groups_.end()) {
        return answer;
    }
    answer.group_known = true;
    answer.message_model = found->second.message_model;
    const auto subscription = found->second.subscriptions.find(topic);
    if (subscription == found->second.subscriptions.end()) {
        return answer;
    }
    const auto& data = subscription->second;
    answer.topic_known = true;
    answer.sub_version = data.sub_version;
    answer.is_tag_type = is_tag_type(data.expression_type);
    if (!answer.is_tag_type) {
        answer.expression_type = data.expression_type;
    }
    if (!data.class_filter_mode && data.sub_string != kSubscribeAll) {
        answer.filter = TagFilter(data.codes);
    }
    return answer;
}

bool ConsumerManager::is_online(std::string_view group) const {
    const std::lock_guard lock(mutex_);
    return groups_.find(group) != groups_.end();
}

std::optional<ConsumerGroupView> ConsumerManager::group(std::string_view group) const {
    const std::lock_guard lock(mutex_);
    const auto found = groups_.find(group);
    if (found == groups_.end()) {
        return std::nullopt;
    }
    ConsumerGroupView view;
    for (const auto& [id, channel] : found->second.channels) {
        view.channels.push_back(channel);
    }
    view.subscriptions.insert(found->second.subscriptions.begin(),
                              found->second.subscriptions.end());
    view.consume_type = found->second.consume_type;
    view.message_model = found->second.message_model;
    view.consume_from_where = found->second.consume_from_where;
    return view;
}

std::optional<ConsumerGroupView> ConsumerManager::group_or_pulls(std::string_view name) const {
    if (auto registered = group(name)) {
        return registered;
    }
    const std::lock_guard lock(mutex_);
    const auto found = compensated_.find(name);
    if (found == compensated_.end()) {
        return std::nullopt;
    }
    ConsumerGroupView view;
    for (const auto& [topic, compensated] : found->second) {
        view.subscriptions.emplace(topic, compensated.data);
    }
    return view;
}

std::optional<SubscriptionData> ConsumerManager::subscription(std::string_view group,
                                                              std::string_view topic) const {
    const std::lock_guard lock(mutex_);
    if (const auto found = groups_.find(group); found != groups_.end()) {
        const auto subscription = found->second.subscriptions.find(topic);
        if (subscription != found->second.subscriptions.end()) {
            return subscription->second;
        }
    }
    if (const auto found = compensated_.find(group); found != compensated_.end()) {
        const auto subscription = found->second.find(topic);
        if (subscription != found->second.end()) {
            return subscription->second.data;
        }
    }
    return std::nullopt;
}

std::vector<std::string> ConsumerManager::client_ids(std::string_view group) const {
    std::vector<std::string> ids;
    const std::lock_guard lock(mutex_);
    if (const auto found = groups_.find(group); found != groups_.end()) {
        for (const auto& [id, channel] : found->second.channels) {
            ids.push_back(channel.client_id);
        }
    }
    return ids;
}

std::vector<ClientChannelInfo> ConsumerManager::channels(std::string_view group) const {
    std::vector<ClientChannelInfo> channels;
    const std::lock_guard lock(mutex_);
    if (const auto found = groups_.find(group); found != groups_.end()) {
        for (const auto& [id, channel] : found->second.channels) {
            channels.push_back(channel);
        }
    }
    return channels;
}

std::optional<ClientChannelInfo> ConsumerManager::find_channel(std::string_view group,
                                                               std::string_view client_id) const {
    const std::lock_guard lock(mutex_);
    if (const auto found = groups_.find(group); found != groups_.end()) {
        for (const auto& [id, channel] : found->second.channels) {
            if (channel.client_id == client_id) {
                return channel;
            }
        }
    }
    return std::nullopt;
}

std::set<std::string> ConsumerManager::groups_consuming(std::string_view topic) const {
    std::set<std::string> names;
    const std::lock_guard lock(mutex_);
    for (const auto& [name, group] : groups_) {
        if (group.subscriptions.find(topic) != group.subscriptions.end()) {
            names.insert(name);
        }
    }
    return names;
}

std::vector<std::string> ConsumerManager::groups() const {
    std::vector<std::string> names;
    const std::lock_guard lock(mutex_);
    for (const auto& [name, group] : groups_) {
        names.push_back(name);
    }
    return names;
}

std::optional<std::int32_t> ConsumerManager::exchange_fingerprint(const std::string& group,
                                                                  std::int32_t fingerprint) {
    const std::lock_guard lock(mutex_);
    const auto [position, is_new] = fingerprints_.try_emplace(group, fingerprint);
    if (is_new) {
        return std::nullopt;
    }
    return std::exchange(position->second, fingerprint);
}

ConsumerManager::Members ConsumerManager::members_of(const Group& group) {
    Members members;
    members.reserve(group.channels.size());
    for (const auto& [id, channel] : group.channels) {
        members.push_back(channel.connection);
    }
    return members;
}

void ConsumerManager::notify_gone(const std::vector<std::string>& groups) const {
    for (const auto& group : groups) {
        if (gone_listener_) {
            gone_listener_(group);
        }
    }
}

void ConsumerManager::notify(std::string_view group, const Members& members) const {
    if (listener_ && !members.empty()) {
        listener_(group, members);
    }
}

}  // namespace rmq::broker
