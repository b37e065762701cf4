// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/filter/message_filter.h"
#include "broker/hold/pull_request.h"
#include "remoting/responder.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace rmq::broker {

// A pull waiting for a message.
struct HeldPull {
    PullRequest request;
    Responder responder;
    MessageFilter filter;
    std::int64_t deadline_ms = 0;  // Clock::monotonic_ms
};

// The pulls that wait on one io thread, by topic and queue. What may go on is taken out and given
// to the caller, who executes it again from the start.
// Thread safety: none, belongs to one io thread. Source: PullRequestHoldService, ManyPullRequest.
class PullRequestHoldTable {
public:
    using Woken = std::vector<HeldPull>;
    using MaxOffset = std::function<std::int64_t(std::string_view topic, std::int32_t queue_id)>;

    void add(HeldPull pull);

    // A message that became readable.
    struct Arrival {
        std::string_view topic;
        std::int32_t queue_id = 0;
        std::int64_t queue_offset = 0;
        std::int64_t tags_code = 0;
        std::optional<std::string_view> properties;  // encoded; nothing when not known
    };
    // Takes the pulls of the message's queue that start at or before it and want it. Expressions
    // want what they cannot judge.
    void take_arrived(const Arrival& arrival, Woken& woken);
    // Takes the pulls of one queue that start before `max_offset`, whatever their tags.
    void take_readable(std::string_view topic, std::int32_t queue_id, std::int64_t max_offset,
                       Woken& woken);
    // The same for all queues.
    void take_all_readable(const MaxOffset& max_offset, Woken& woken);
    // Takes the pulls whose time is up. Costs one comparison while none is due.
    void take_expired(std::int64_t now_ms, Woken& woken);
    // Takes the pulls of a connection that closed.
    void take_connection(std::uint64_t connection_id, Woken& woken);
    void take_all(Woken& woken);

    std::size_t size() const { return size_; }

private:
    struct QueueKey {
        std::string topic;
        std::int32_t queue_id = 0;
    };
    struct QueueView {
        std::string_view topic;
        std::int32_t queue_id = 0;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(const QueueView& key) const;
        std::size_t operator()(const QueueKey& key) const {
            return (*this)(QueueView{key.topic, key.queue_id});
        }
    };
    struct Equal {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            return a.queue_id == b.queue_id && a.topic == b.topic;
        }
    };
    using Queues = std::unordered_map<QueueKey, std::vector<HeldPull>, Hash, Equal>;

    template <class Wakes>
    void take_if(std::vector<HeldPull>& pulls, Wakes wakes, Woken& woken);
    template <class Wakes>
    void take_everywhere(Wakes wakes, Woken& woken);

    Queues queues_;                                                 // Invariant: no empty vectors
    std::unordered_map<std::uint64_t, std::size_t> by_connection_;  // how many each holds
    std::size_t size_ = 0;
    std::int64_t next_deadline_ms_ = INT64_MAX;  // no pull is due before
};

}  // namespace rmq::broker
