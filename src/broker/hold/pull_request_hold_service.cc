// SPDX-License-Identifier: Apache-2.0
#include "broker/hold/pull_request_hold_service.h"

#include "common/limits.h"

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <utility>

namespace rmq::broker {
namespace {

// Arrivals for one io thread, with all texts in one block that keeps its capacity.
struct ArrivalBatch {
    struct Item {
        std::size_t topic_at = 0;
        std::size_t topic_length = 0;
        std::int32_t queue_id = 0;
        std::int64_t queue_offset = 0;
        std::int64_t tags_code = 0;
        std::size_t properties_at = 0;
        std::size_t properties_length = 0;
        bool has_properties = false;
    };
    std::string names;  // and properties
    std::vector<Item> items;

    std::string_view topic_of(const Item& item) const {
        return std::string_view(names).substr(item.topic_at, item.topic_length);
    }
    PullRequestHoldTable::Arrival arrival(const Item& item) const {
        PullRequestHoldTable::Arrival arrival{topic_of(item), item.queue_id, item.queue_offset,
                                              item.tags_code, std::nullopt};
        if (item.has_properties) {
            arrival.properties =
                std::string_view(names).substr(item.properties_at, item.properties_length);
        }
        return arrival;
    }
    void add(const store::MessageArrival& arrival, bool with_properties) {
        Item item;
        // Runs of one topic share its name.
        if (!items.empty() && topic_of(items.back()) == arrival.topic) {
            item.topic_at = items.back().topic_at;
        } else {
            item.topic_at = names.size();
            names += arrival.topic;
        }
        item.topic_length = arrival.topic.size();
        item.queue_id = arrival.queue_id;
        item.queue_offset = arrival.queue_offset.value;
        item.tags_code = arrival.tags_code;
        if (with_properties) {
            item.has_properties = true;
            item.properties_at = names.size();
            item.properties_length = arrival.properties.size();
            names += arrival.properties;
        }
        items.push_back(item);
    }
    void clear() {
        names.clear();
        items.clear();
    }
};

constexpr std::size_t kInterestSlots = 4096;

std::size_t interest_slot(std::string_view topic, std::int32_t queue_id) {
    return (std::hash<std::string_view>{}(topic) + static_cast<std::size_t>(queue_id)) %
           kInterestSlots;
}

}  // namespace

struct PullRequestHoldService::Thread {
    // Of the io thread.
    PullRequestHoldTable table;
    ArrivalBatch running;
    std::int64_t next_check_ms = 0;

    // Shared with the dispatch thread. A slot counts the held pulls whose queue hashes to it; zero
    // means that arrivals there concern nobody on this thread.
    std::array<std::atomic<std::uint32_t>, kInterestSlots> interest{};
    std::atomic<std::size_t> size{0};
    std::atomic<std::size_t> expressions{0};  // held pulls that look at properties
    std::mutex mutex;
    ArrivalBatch pending;    // guarded by mutex
    bool is_posted = false;  // guarded by mutex
};

PullRequestHoldService::PullRequestHoldService(unsigned io_threads, Collaborators collaborators)
    : c_(std::move(collaborators)) {
    for (unsigned k = 0; k < io_threads; ++k) {
        threads_.push_back(std::make_unique<Thread>());
    }
}

PullRequestHoldService::~PullRequestHoldService() {
    // What is still held has no connection to answer on any more.
    for (unsigned k = 0; k < threads_.size(); ++k) {
        drop_all(k);
    }
}

bool PullRequestHoldService::hold(unsigned k, HeldPull& pull) {
    if (size() >= limits::kHeldPullsMax) {
        return false;
    }
    auto& thread = *threads_[k];
    const auto topic = std::string(pull.request.header().topic);
    const auto queue_id = pull.request.header().queue_id;
    thread.interest[interest_slot(topic, queue_id)].fetch_add(1, std::memory_order_relaxed);
    thread.size.fetch_add(1, std::memory_order_relaxed);
    if (pull.filter.needs_properties()) {
        thread.expressions.fetch_add(1, std::memory_order_relaxed);
    }
    thread.table.add(std::move(pull));
    meeting_point_.fetch_add(1, std::memory_order_acq_rel);
    PullRequestHoldTable::Woken woken;
    thread.table.take_readable(topic, queue_id, c_.max_offset(topic, queue_id), woken);
    execute(thread, woken);
    return true;
}

void PullRequestHoldService::on_connection_closed(const Connection& connection) {
    auto& thread = *threads_[connection.io_thread()];
    PullRequestHoldTable::Woken dropped;
    thread.table.take_connection(connection.id(), dropped);
    for (auto& pull : dropped) {
        pull.responder.leave_unanswered();
    }
    execute(thread, dropped);
}

void PullRequestHoldService::run_once(unsigned k, std::int64_t check_period_ms) {
    auto& thread = *threads_[k];
    if (thread.table.size() == 0) {
        return;
    }
    const auto now_ms = c_.clock.monotonic_ms();
    PullRequestHoldTable::Woken woken;
    if (now_ms >= thread.next_check_ms) {
        thread.next_check_ms = now_ms + check_period_ms;
        thread.table.take_all_readable(c_.max_offset, woken);
    }
    thread.table.take_expired(now_ms, woken);
    execute(thread, woken);
}

bool PullRequestHoldService::notify_arriving(std::span<const store::MessageArrival> arrivals) {
    meeting_point_.fetch_add(1, std::memory_order_acq_rel);
    bool is_awaited = false;
    for (unsigned k = 0; k < threads_.size(); ++k) {
        auto& thread = *threads_[k];
        bool must_post = false;
        for (const auto& arrival : arrivals) {
            const auto slot = interest_slot(arrival.topic, arrival.queue_id);
            if (thread.interest[slot].load(std::memory_order_relaxed) == 0) {
                continue;
            }
            const std::lock_guard lock(thread.mutex);
            thread.pending.add(arrival, thread.expressions.load(std::memory_order_relaxed) > 0);
            is_awaited = true;
            must_post = !std::exchange(thread.is_posted, true) || must_post;
        }
        if (must_post) {
            c_.post(k, [this, k] { run_arrivals(k); });
        }
    }
    return is_awaited;
}

void PullRequestHoldService::run_arrivals(unsigned k) {
    auto& thread = *threads_[k];
    {
        const std::lock_guard lock(thread.mutex);
        std::swap(thread.pending, thread.running);
        thread.is_posted = false;
    }
    PullRequestHoldTable::Woken woken;
    for (const auto& item : thread.running.items) {
        thread.table.take_arrived(thread.running.arrival(item), woken);
    }
    thread.running.clear();
    execute(thread, woken);
}

void PullRequestHoldService::drop_all(unsigned k) {
    auto& thread = *threads_[k];
    PullRequestHoldTable::Woken dropped;
    thread.table.take_all(dropped);
    for (auto& pull : dropped) {
        pull.responder.leave_unanswered();
    }
    execute(thread, dropped);
}

// Pulls without a duty left are only counted out.
void PullRequestHoldService::execute(Thread& thread, PullRequestHoldTable::Woken& woken) {
    for (auto& pull : woken) {
        const auto& header = pull.request.header();
        thread.interest[interest_slot(header.topic, header.queue_id)].fetch_sub(
            1, std::memory_order_relaxed);
        thread.size.fetch_sub(1, std::memory_order_relaxed);
        if (pull.filter.needs_properties()) {
            thread.expressions.fetch_sub(1, std::memory_order_relaxed);
        }
        if (pull.responder.is_pending()) {
            c_.execute_woken(std::move(pull.request), std::move(pull.responder));
        }
    }
}

std::size_t PullRequestHoldService::size() const {
    std::size_t sum = 0;
    for (const auto& thread : threads_) {
        sum += thread->size.load(std::memory_order_relaxed);
    }
    return sum;
}

}  // namespace rmq::broker
