// SPDX-License-Identifier: Apache-2.0
#include "broker/hold/pull_request_hold_table.h"

#include <algorithm>
#include <utility>

namespace rmq::broker {

std::size_t PullRequestHoldTable::Hash::operator()(const QueueView& key) const {
    return std::hash<std::string_view>{}(key.topic) * 31 + static_cast<std::size_t>(key.queue_id);
}

void PullRequestHoldTable::add(HeldPull pull) {
    const auto& header = pull.request.header();
    auto found = queues_.find(QueueView{header.topic, header.queue_id});
    if (found == queues_.end()) {
        found = queues_
                    .try_emplace(QueueKey{std::string(header.topic), header.queue_id},
                                 std::vector<HeldPull>{})
                    .first;
    }
    next_deadline_ms_ = std::min(next_deadline_ms_, pull.deadline_ms);
    ++by_connection_[pull.responder.connection().id()];
    ++size_;
    found->second.push_back(std::move(pull));
}

template <class Wakes>
void PullRequestHoldTable::take_if(std::vector<HeldPull>& pulls, Wakes wakes, Woken& woken) {
    auto kept = pulls.begin();
    for (auto& pull : pulls) {
        if (wakes(std::as_const(pull))) {
            const auto connection = by_connection_.find(pull.responder.connection().id());
            if (--connection->second == 0) {
                by_connection_.erase(connection);
            }
            --size_;
            woken.push_back(std::move(pull));
        } else {
            if (&*kept != &pull) {
                *kept = std::move(pull);
            }
            ++kept;
        }
    }
    pulls.erase(kept, pulls.end());
}

template <class Wakes>
void PullRequestHoldTable::take_everywhere(Wakes wakes, Woken& woken) {
    for (auto it = queues_.begin(); it != queues_.end();) {
        take_if(it->second, wakes, woken);
        it = it->second.empty() ? queues_.erase(it) : std::next(it);
    }
}

void PullRequestHoldTable::take_arrived(const Arrival& arrival, Woken& woken) {
    const auto found = queues_.find(QueueView{arrival.topic, arrival.queue_id});
    if (found == queues_.end()) {
        return;
    }
    take_if(
        found->second,
        [&](const HeldPull& pull) {
            return pull.request.header().queue_offset <= arrival.queue_offset &&
                   pull.filter.matches_tags_code(arrival.tags_code) &&
                   (!arrival.properties || pull.filter.matches_properties(*arrival.properties));
        },
        woken);
    if (found->second.empty()) {
        queues_.erase(found);
    }
}

void PullRequestHoldTable::take_readable(std::string_view topic, std::int32_t queue_id,
                                         std::int64_t max_offset, Woken& woken) {
    const auto found = queues_.find(QueueView{topic, queue_id});
    if (found == queues_.end()) {
        return;
    }
    take_if(
        found->second,
        [&](const HeldPull& pull) { return pull.request.header().queue_offset < max_offset; },
        woken);
    if (found->second.empty()) {
        queues_.erase(found);
    }
}

void PullRequestHoldTable::take_all_readable(const MaxOffset& max_offset, Woken& woken) {
    for (auto it = queues_.begin(); it != queues_.end();) {
        const auto end = max_offset(it->first.topic, it->first.queue_id);
        take_if(
            it->second,
            [&](const HeldPull& pull) { return pull.request.header().queue_offset < end; }, woken);
        it = it->second.empty() ? queues_.erase(it) : std::next(it);
    }
}

void PullRequestHoldTable::take_expired(std::int64_t now_ms, Woken& woken) {
    if (now_ms < next_deadline_ms_) {
        return;
    }
    auto next_deadline_ms = INT64_MAX;
    take_everywhere(
        [&](const HeldPull& pull) {
            if (pull.deadline_ms <= now_ms) {
                return true;
            }
            next_deadline_ms = std::min(next_deadline_ms, pull.deadline_ms);
            return false;
        },
        woken);
    next_deadline_ms_ = next_deadline_ms;
}

void PullRequestHoldTable::take_connection(std::uint64_t connection_id, Woken& woken) {
    if (by_connection_.find(connection_id) == by_connection_.end()) {
        return;
    }
    take_everywhere(
        [&](const HeldPull& pull) { return pull.responder.connection().id() == connection_id; },
        woken);
}

void PullRequestHoldTable::take_all(Woken& woken) {
    take_everywhere([](const HeldPull&) { return true; }, woken);
}

}  // namespace rmq::broker
