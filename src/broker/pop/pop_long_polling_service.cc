// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/pop_long_polling_service.h"

#include "broker/broker_config.h"
#include "broker/topic/topic_validator.h"
#include "common/message/message_properties.h"
#include "remoting/protocol/extra_info.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace rmq::broker {

namespace {

// Answers leave this long before the client's time is up. Source: PopRequest.isTimeout.
constexpr std::int64_t kEarlyMs = 50;
// A bound, so that the end of a client's wild number does not overflow.
constexpr std::int64_t kPollMaxMs = 24 * 3'600'000LL;

std::int64_t end_of(const PopPoll& poll) {
    const auto born_ms = std::clamp(poll.born_ms, INT64_MIN / 2, INT64_MAX / 2);
    return born_ms + std::min(poll.poll_ms, kPollMaxMs) - kEarlyMs;
}

}  // namespace

std::atomic<std::uint64_t>& PopLongPollingService::slot(std::string_view topic) {
    return slots_[Hash{}(topic) % kSlots];
}

PopLongPollingService::Ticket PopLongPollingService::ticket(std::string_view topic) const {
    return slots_[Hash{}(topic) % kSlots].load();
}

PopLongPollingService::Result PopLongPollingService::poll(PopPoll& poll, Ticket ticket) {
    if (poll.poll_ms <= 0) {
        return Result::kNotPolling;
    }
    const auto end_ms = end_of(poll);
    if (size_.load() >= c_.config.max_pop_polling_size) {
        return Result::kFull;
    }
    if (c_.clock.now_ms() > end_ms) {
        return Result::kTimeout;
    }
    std::vector<PopPoll> woken;
    {
        const std::lock_guard lock(mutex_);
        auto& keys = topics_[poll.topic];
        auto& queue = keys[Key{poll.group, poll.queue_id, poll.kind}];
        if (queue.size() > static_cast<std::size_t>(c_.config.pop_polling_size.get())) {
            return Result::kFull;
        }
        size_.fetch_add(1);
        ++by_connection_[poll.responder.connection().id()];
        next_end_ms_ = std::min(next_end_ms_, end_ms);
        const auto topic = poll.topic;
        const Key key{poll.group, poll.queue_id, poll.kind};
        poll.responder.mark_suspended();
        const auto one = queue.emplace(end_ms, std::move(poll));
        // Behind size_: an arrival either sees that somebody waits, or is seen here.
        if (this->ticket(topic) != ticket) {
            take(keys, keys.find(key), one, woken);
        }
    }
    wake(std::move(woken));
    return Result::kPolling;
}

void PopLongPollingService::notify(std::string_view topic, std::string_view group,
                                   std::int32_t queue_id) {
    if (size_.load() == 0) {
        return;
    }
    std::vector<PopPoll> woken;
    {
        const std::lock_guard lock(mutex_);
        const auto keys = topics_.find(topic);
        if (keys == topics_.end()) {
            return;
        }
        const auto key = keys->second.find(Key{std::string(group), queue_id, PopPoll::Kind::kPop});
        if (key != keys->second.end()) {
            take(keys->second, key, key->second.begin(), woken);
        }
    }
    wake(std::move(woken));
}

void PopLongPollingService::notify_queue(std::string_view topic, std::string_view group,
                                         std::int32_t queue_id) {
    slot(topic).fetch_add(1);
    wake_queue(topic, group, queue_id);
}

void PopLongPollingService::wake_queue(std::string_view topic, std::string_view group,
                                       std::int32_t queue_id) {
    if (size_.load() == 0) {
        return;
    }
    std::vector<PopPoll> woken;
    {
        const std::lock_guard lock(mutex_);
        take_arrived({topic, group, queue_id, 0, {}, true}, woken);
    }
    wake(std::move(woken));
}

bool PopLongPollingService::notify_arriving(std::span<const store::MessageArrival> arrivals) {
    std::vector<PopPoll> woken;
    for (const auto& each : arrivals) {
        const auto arrival = arrival_of(each);
        if (arrival.topic.empty()) {
            continue;
        }
        slot(arrival.topic).fetch_add(1);
        if (size_.load() != 0) {
            const std::lock_guard lock(mutex_);
            take_arrived(arrival, woken);
        }
    }
    const bool is_awaited = !woken.empty();
    wake(std::move(woken));
    return is_awaited;
}

// A message put back for a group is one of its normal topic. Those of pull mode have no topic in
// the name. Source: notifyMessageArrivingFromRetry.
PopLongPollingService::Arrival PopLongPollingService::arrival_of(
    const store::MessageArrival& arrival) const {
    if (!arrival.topic.starts_with(topic_name::kRetryPrefix)) {
        const std::int64_t interval = c_.config.pop_long_polling_force_notify_interval;
        const bool is_forced = interval > 0 && arrival.queue_offset.value % interval == 0;
        return {arrival.topic,      {},       arrival.queue_id, arrival.tags_code,
                arrival.properties, is_forced};
    }
    const auto group = find_property(arrival.properties, property::kOriginGroup);
    if (!group || is_blank(*group)) {
        return {};
    }
    return {pop_normal_topic(arrival.topic, *group), *group, arrival.queue_id, 0, {}, true};
}

bool PopLongPollingService::matches(const PopPoll& poll, const Arrival& arrival) {
    return arrival.ignores_filter || (poll.filter.matches_tags_code(arrival.tags_code) &&
                                      (!poll.filter.needs_properties() ||
                                       poll.filter.matches_properties(arrival.properties)));
}

void PopLongPollingService::take_arrived(const Arrival& arrival, std::vector<PopPoll>& woken) {
    const auto found = topics_.find(arrival.topic);
    if (found == topics_.end()) {
        return;
    }
    auto& keys = found->second;
    auto key = arrival.group.empty()
                   ? keys.begin()
                   : keys.lower_bound(Key{std::string(arrival.group), INT32_MIN, {}});
    while (key != keys.end() && (arrival.group.empty() || key->first.group == arrival.group)) {
        auto& queue = key->second;
        // Notifications are answered from the latest, which has the most time left to pop.
        const auto one =
            key->first.kind == PopPoll::Kind::kPop ? queue.begin() : std::prev(queue.end());
        const bool is_of_queue = key->first.queue_id < 0 || key->first.queue_id == arrival.queue_id;
        if (is_of_queue && matches(one->second, arrival)) {
            key = take(keys, key, one, woken);
        } else {
            ++key;
        }
    }
}

// Returns the next key. Empty topics stay until run_once() looks at all.
PopLongPollingService::Keys::iterator PopLongPollingService::take(Keys& keys, Keys::iterator key,
                                                                  Queue::iterator one,
                                                                  std::vector<PopPoll>& woken) {
    const auto connection = by_connection_.find(one->second.responder.connection().id());
    if (--connection->second == 0) {
        by_connection_.erase(connection);
    }
    woken.push_back(std::move(one->second));
    key->second.erase(one);
    size_.fetch_sub(1);
    return key->second.empty() ? keys.erase(key) : std::next(key);
}

template <class Wanted>
void PopLongPollingService::take_if(Wanted wanted, std::vector<PopPoll>& woken) {
    for (auto topic = topics_.begin(); topic != topics_.end();) {
        auto& keys = topic->second;
        for (auto key = keys.begin(); key != keys.end();) {
            auto next = std::next(key);
            for (auto one = key->second.begin(); one != key->second.end();) {
                const auto candidate = one++;
                if (wanted(*candidate)) {
                    const bool is_last = key->second.size() == 1;
                    next = take(keys, key, candidate, woken);
                    if (is_last) {
                        break;
                    }
                }
            }
            key = next;
        }
        topic = keys.empty() ? topics_.erase(topic) : std::next(topic);
    }
}

void PopLongPollingService::run_once() {
    const auto now_ms = c_.clock.now_ms();
    std::vector<PopPoll> woken;
    {
        const std::lock_guard lock(mutex_);
        if (now_ms <= next_end_ms_) {
            return;
        }
        auto next_end_ms = INT64_MAX;
        take_if(
            [&](const Queue::value_type& entry) {
                if (now_ms > entry.first) {
                    return true;
                }
                next_end_ms = std::min(next_end_ms, entry.first);
                return false;
            },
            woken);
        next_end_ms_ = next_end_ms;
    }
    wake(std::move(woken));
}

void PopLongPollingService::on_connection_closed(const Connection& connection) {
    std::vector<PopPoll> dropped;
    {
        const std::lock_guard lock(mutex_);
        if (!by_connection_.contains(connection.id())) {
            return;
        }
        take_if(
            [&](const Queue::value_type& entry) {
                return entry.second.responder.connection().id() == connection.id();
            },
            dropped);
    }
    for (auto& poll : dropped) {
        poll.responder.leave_unanswered();
    }
}

void PopLongPollingService::drop_all() {
    std::vector<PopPoll> dropped;
    {
        const std::lock_guard lock(mutex_);
        take_if([](const Queue::value_type&) { return true; }, dropped);
    }
    for (auto& poll : dropped) {
        poll.responder.leave_unanswered();
    }
}

void PopLongPollingService::wake(std::vector<PopPoll> woken) {
    for (auto& poll : woken) {
        const auto k = poll.responder.connection().io_thread();
        c_.post(k, [this, poll = std::move(poll)]() mutable { c_.execute(std::move(poll)); });
    }
}

std::int32_t PopLongPollingService::polling_count(std::string_view topic, std::string_view group,
                                                  std::int32_t queue_id) const {
    const std::lock_guard lock(mutex_);
    const auto keys = topics_.find(topic);
    if (keys == topics_.end()) {
        return 0;
    }
    const auto key = keys->second.find(Key{std::string(group), queue_id, PopPoll::Kind::kPop});
    return key == keys->second.end() ? 0 : static_cast<std::int32_t>(key->second.size());
}

}  // namespace rmq::broker
