// SPDX-License-Identifier: Apache-2.0
#include "broker/pop/queue_allocation.h"

#include "broker/topic/topic_validator.h"

#include <algorithm>
#include <cstddef>

namespace rmq::broker {

namespace {

using Queues = std::vector<MessageQueue>;

// Neighbouring queues, the first members one more when it does not come out even.
Queues averagely(const Queues& queues, std::size_t index, std::size_t members) {
    const auto left_over = queues.size() % members;
    const bool takes_more = left_over > 0 && index < left_over;
    const auto size = queues.size() <= members ? 1 : queues.size() / members + (takes_more ? 1 : 0);
    const auto begin =
        std::min(takes_more ? index * size : index * size + left_over, queues.size());
    const auto end = std::min(begin + size, queues.size());
    return {queues.begin() + static_cast<std::ptrdiff_t>(begin),
            queues.begin() + static_cast<std::ptrdiff_t>(end)};
}

Queues by_circle(const Queues& queues, std::size_t index, std::size_t members) {
    Queues own;
    for (auto i = index; i < queues.size(); i += members) {
        own.push_back(queues[i]);
    }
    return own;
}

}  // namespace

std::optional<Queues> allocate_queues(const AllocationRequest& request) {
    const bool is_circle = request.strategy == "AVG_BY_CIRCLE";
    if ((!is_circle && request.strategy != "AVG") || is_blank(request.client_id) ||
        request.queues.empty() || request.client_ids.empty()) {
        return std::nullopt;
    }
    const auto& ids = request.client_ids;
    const auto found = std::find(ids.begin(), ids.end(), request.client_id);
    if (found == ids.end()) {
        return Queues{};
    }
    const auto index = static_cast<std::size_t>(found - ids.begin());
    return is_circle ? by_circle(request.queues, index, ids.size())
                     : averagely(request.queues, index, ids.size());
}

std::optional<Queues> allocate_queues_for_pop(const AllocationRequest& request,
                                              std::int32_t share_queue_num) {
    const auto& ids = request.client_ids;
    const auto members = static_cast<std::int64_t>(ids.size());
    if (share_queue_num <= 0 || share_queue_num >= members - 1) {
        Queues whole = request.queues;
        for (auto& queue : whole) {
            queue.queue_id = -1;
        }
        return whole;
    }
    auto own = allocate_queues(request);
    const auto found = std::find(ids.begin(), ids.end(), request.client_id);
    if (!own || found == ids.end()) {
        return own;
    }
    const auto index = static_cast<std::size_t>(found - ids.begin());
    if (ids.size() > request.queues.size()) {
        return Queues{request.queues[index % request.queues.size()]};
    }
    for (std::int32_t i = 1; i <= share_queue_num; ++i) {
        auto of_neighbour = request;
        of_neighbour.client_id = ids[(index + static_cast<std::size_t>(i)) % ids.size()];
        const auto shared = allocate_queues(of_neighbour).value_or(Queues{});
        own->insert(own->end(), shared.begin(), shared.end());
    }
    return own;
}

}  // namespace rmq::broker
