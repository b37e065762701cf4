// SPDX-License-Identifier: Apache-2.0
#include "broker/lite/lite_event_dispatcher.h"

#include "broker/broker_config.h"
#include "broker/lite/lite_lifecycle_manager.h"
#include "broker/lite/lite_metadata.h"
#include "broker/message_copy.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/pop_long_polling_service.h"
#include "common/light_queue.h"
#include "common/lite_topic.h"
#include "common/log.h"

#include <algorithm>
#include <utility>

namespace rmq::broker {

namespace {

// Source: LiteEventDispatcher.CLIENT_INACTIVE_INTERVAL and those behind it.
constexpr std::int64_t kInactiveMs = 10'000;     // with events that nobody takes
constexpr std::int64_t kLongPollingMs = 35'000;  // without: a wait of 30 s and some
constexpr std::int64_t kActiveMs = 5'000;
constexpr std::size_t kLowWaterDivisor = 5;  // 20 %
constexpr std::int64_t kBlacklistMs = 10'000;
constexpr std::int32_t kSpreadMs = 15'000;
constexpr std::int64_t kDelayMinMs = 50;
// A wildcard group that somebody joined is looked at after this.
constexpr std::int64_t kJoinDelayMs = 5'000;
constexpr int kWakeEvery = 10;

// In place of a client id. Source: scheduleFullDispatchForWildcardGroup.
std::string wildcard_name(const std::string& group) {
    return "$" + group + "$";
}

}  // namespace

// False only when it is full.
bool LiteEventDispatcher::Events::offer(const std::string& queue) {
    if (queues.size() >= max) {
        return false;
    }
    if (known.insert(queue).second) {
        queues.push_back(queue);
    }
    return true;
}

bool LiteEventDispatcher::Events::may_block(std::int64_t now_ms) const {
    const auto silent_ms = now_ms - access_ms;
    return silent_ms > kLongPollingMs || (!queues.empty() && silent_ms > kInactiveMs);
}

LiteEventDispatcher::Events& LiteEventDispatcher::events_of(const LiteClient& client,
                                                            std::size_t max) {
    const auto [entry, is_new] = clients_.try_emplace(client.client_id);
    if (is_new) {
        entry->second.group = client.group;
        entry->second.max = max;
        entry->second.access_ms = c_.clock.monotonic_ms();
        entry->second.access_wall_ms = c_.clock.now_ms();
    }
    return entry->second;
}

void LiteEventDispatcher::dispatch(const std::string& queue,
                                   std::optional<std::string_view> group) {
    dispatch_without(queue, group, {});
}

void LiteEventDispatcher::dispatch_without(const std::string& queue,
                                           std::optional<std::string_view> group,
                                           std::string_view excluded) {
    if (!c_.config.enable_lite_event_mode || !is_lite_queue(queue)) {
        return;
    }
    for (const auto& [name, clients] : c_.registry.subscribers(queue, group)) {
        select_and_offer(queue, clients, excluded);
    }
}

// To one client of a group, from a random one on: not `excluded`, and not one that was just found
// silent, unless there is no other. False when all are full.
bool LiteEventDispatcher::select_and_offer(const std::string& queue,
                                           const std::vector<LiteClient>& clients,
                                           std::string_view excluded) {
    if (clients.empty()) {
        return true;
    }
    const auto& group = clients.front().group;
    const bool is_wildcard = c_.metadata.is_wildcard(group);
    const auto first =
        static_cast<std::size_t>(random_queue(static_cast<std::int32_t>(clients.size())));
    std::vector<const LiteClient*> others;
    for (std::size_t i = 0; i < clients.size(); ++i) {
        const auto& client = clients[(first + i) % clients.size()];
        if (client.client_id == excluded) {
            others.push_back(&client);
        } else if (is_blacklisted(client.client_id)) {
            if (!is_wildcard) {
                others.push_back(&client);
            }
        } else if (offer(client, queue, !is_wildcard)) {
            wake(client.client_id);
            return true;
        }
    }
    for (const auto* client : others) {
        if (offer(*client, queue, !is_wildcard)) {
            wake(client->client_id);
            return true;
        }
    }
    if (is_wildcard) {
        schedule(wildcard_name(group), group,
                 c_.config.lite_event_full_dispatch_delay_time_for_wildcard_group);
    }
    return false;
}

bool LiteEventDispatcher::offer(const LiteClient& client, const std::string& queue,
                                bool schedules_when_full) {
    const auto max = c_.metadata.client_event_max(client.group);
    {
        const std::lock_guard lock(mutex_);
        if (events_of(client, max).offer(queue)) {
            return true;
        }
    }
    if (schedules_when_full) {
        const auto spread = is_blacklisted(client.client_id) ? random_queue(kSpreadMs) : 0;
        schedule(client.client_id, client.group,
                 c_.config.lite_event_full_dispatch_delay_time + spread);
    }
    return false;
}

void LiteEventDispatcher::wake(const std::string& client_id) {
    c_.polling.notify_queue(client_id, {}, -1);
}

bool LiteEventDispatcher::is_blacklisted(const std::string& client_id) const {
    const auto now_ms = c_.clock.monotonic_ms();
    const std::lock_guard lock(mutex_);
    const auto found = blacklist_.find(client_id);
    return found != blacklist_.end() && found->second > now_ms;
}

void LiteEventDispatcher::schedule(const std::string& name, const std::string& group,
                                   std::int64_t delay_ms) {
    const auto due_ms = c_.clock.monotonic_ms() + std::max(delay_ms, kDelayMinMs);
    const std::lock_guard lock(mutex_);
    full_dispatches_.try_emplace(name, FullDispatch{group, due_ms});
}

void LiteEventDispatcher::on_registered(const LiteClient& client, const std::string& queue) {
    if (c_.metadata.is_wildcard(client.group)) {
        schedule(wildcard_name(client.group), client.group, kJoinDelayMs);
    } else if (c_.lifecycle.exists(queue)) {
        dispatch(queue, client.group);
    }
}

void LiteEventDispatcher::on_gone(const LiteClient& client) {
    Events events;
    {
        const std::lock_guard lock(mutex_);
        const auto found = clients_.find(client.client_id);
        if (found == clients_.end()) {
            return;
        }
        events = std::move(found->second);
        clients_.erase(found);
    }
    redistribute(client.client_id, std::move(events));
}

void LiteEventDispatcher::redistribute(const std::string& client_id, Events events) {
    for (const auto& queue : events.queues) {
        dispatch_without(queue, events.group, client_id);
    }
}

std::optional<std::string> LiteEventDispatcher::take(const std::string& client_id) {
    const std::lock_guard lock(mutex_);
    const auto found = clients_.find(client_id);
    if (found == clients_.end()) {
        return std::nullopt;
    }
    auto& events = found->second;
    events.access_ms = c_.clock.monotonic_ms();
    events.access_wall_ms = c_.clock.now_ms();
    if (events.queues.empty()) {
        return std::nullopt;
    }
    auto queue = std::move(events.queues.front());
    events.queues.pop_front();
    events.known.erase(queue);
    return queue;
}

void LiteEventDispatcher::put_back(const LiteClient& client, const std::string& queue) {
    static_cast<void>(offer(client, queue, true));
}

bool LiteEventDispatcher::has_messages(const std::string& group, const std::string& queue) const {
    const auto end = c_.lifecycle.max_offset(queue);
    return end > 0 && c_.offsets.query({group, queue, kLightQueueId}) < end;
}

// Source: doFullDispatchForClient.
void LiteEventDispatcher::full_dispatch(const LiteClient& client) {
    if (!c_.config.enable_lite_event_mode) {
        return;
    }
    const auto queues = c_.registry.subscriptions(client.client_id);
    if (!queues || queues->empty()) {
        return;
    }
    const auto max = c_.metadata.client_event_max(client.group);
    const auto now_ms = c_.clock.monotonic_ms();
    bool is_blocked = false;
    bool is_active = false;
    bool is_low = false;
    {
        const std::lock_guard lock(mutex_);
        const auto& events = events_of(client, max);
        is_blocked = events.may_block(now_ms);
        is_active = now_ms - events.access_ms < kActiveMs;
        is_low = events.queues.size() * kLowWaterDivisor < events.max;
    }
    const std::int64_t delay_ms = c_.config.lite_event_full_dispatch_delay_time;
    if (is_blocked || !is_low) {
        schedule(client.client_id, client.group,
                 delay_ms + (is_blocked || !is_active ? random_queue(kSpreadMs) : 0));
        return;
    }
    int count = 0;
    for (const auto& queue : *queues) {
        if (!has_messages(client.group, queue)) {
            continue;
        }
        bool is_taken = false;
        {
            const std::lock_guard lock(mutex_);
            is_taken = events_of(client, max).offer(queue);
        }
        if (!is_taken) {
            schedule(client.client_id, client.group,
                     delay_ms + (is_active ? 0 : random_queue(kSpreadMs)));
            break;
        }
        if (count++ % kWakeEvery == 0) {
            wake(client.client_id);
        }
    }
    wake(client.client_id);
}

// Source: doFullDispatchForWildcardGroup.
void LiteEventDispatcher::full_dispatch_wildcard(const std::string& group) {
    const auto topic = c_.metadata.bind_topic(group);
    if (!c_.config.enable_lite_event_mode || !topic || !c_.metadata.is_wildcard(group)) {
        return;
    }
    const auto clients = c_.registry.wildcard_clients(*topic, group);
    if (clients.empty()) {
        return;
    }
    for (const auto& queue : c_.lifecycle.queues_of(*topic)) {
        if (has_messages(group, queue) && !select_and_offer(queue, clients, {})) {
            return;  // select_and_offer() has scheduled the next
        }
    }
}

void LiteEventDispatcher::full_dispatch_group(const std::string& group) {
    if (c_.metadata.is_wildcard(group)) {
        full_dispatch_wildcard(group);
        return;
    }
    for (const auto& client_id : c_.registry.clients_of(group)) {
        full_dispatch({client_id, group});
    }
}

// Source: scan.
void LiteEventDispatcher::run_once() {
    const auto now_ms = c_.clock.monotonic_ms();
    std::map<std::string, Events> silent;
    std::map<std::string, FullDispatch> due;
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(blacklist_, [&](const auto& entry) { return entry.second <= now_ms; });
        for (auto it = clients_.begin(); it != clients_.end();) {
            if (it->second.may_block(now_ms)) {
                blacklist_[it->first] = now_ms + kBlacklistMs;
                silent.insert(clients_.extract(it++));
            } else {
                ++it;
            }
        }
    }
    for (auto& [client_id, events] : silent) {
        log_of("broker").info("lite_client_silent client={} group={} events={}", client_id,
                              events.group, events.queues.size());
        redistribute(client_id, std::move(events));
    }
    {
        const std::lock_guard lock(mutex_);
        for (auto it = full_dispatches_.begin(); it != full_dispatches_.end();) {
            if (it->second.due_ms <= now_ms) {
                due.insert(full_dispatches_.extract(it++));
            } else {
                ++it;
            }
        }
    }
    for (const auto& [name, dispatch] : due) {
        if (c_.metadata.is_wildcard(dispatch.group)) {
            full_dispatch_wildcard(dispatch.group);
        } else {
            full_dispatch({name, dispatch.group});
        }
    }
}

std::int64_t LiteEventDispatcher::last_access_ms(const std::string& client_id) const {
    const std::lock_guard lock(mutex_);
    const auto found = clients_.find(client_id);
    return found == clients_.end() ? -1 : found->second.access_wall_ms;
}

std::size_t LiteEventDispatcher::size() const {
    const std::lock_guard lock(mutex_);
    return clients_.size();
}

}  // namespace rmq::broker
