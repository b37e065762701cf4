// SPDX-License-Identifier: Apache-2.0
#include "broker/metrics/consumer_lag.h"

#include "broker/broker_config.h"
#include "broker/client/consumer_manager.h"
#include "broker/filter/tag_filter.h"
#include "broker/offset/consumer_offset_manager.h"
#include "broker/pop/pop_queue.h"
#include "broker/pop/pop_services.h"
#include "broker/subscription/subscription_group_manager.h"
#include "broker/topic/topic_config_manager.h"
#include "broker/topic/topic_validator.h"
#include "remoting/protocol/extra_info.h"
#include "store/message_store.h"

#include <algorithm>

namespace rmq::broker {
namespace {

// Source: MessageStoreConfig.maxConsumeQueueScan, sampleCountThreshold.
constexpr std::int64_t kScanMax = 20'000;
constexpr std::int64_t kMatchesMax = 5'000;

TagFilter filter_of(const SubscriptionData& subscription) {
    // Expressions are not decided by queue entries: everything counts.
    return is_tag_type(subscription.expression_type) && subscription.sub_string != kSubscribeAll
               ? TagFilter(subscription.codes)
               : TagFilter();
}

}  // namespace

struct ConsumerLagCalculator::Subject {
    const std::string& group;
    const std::string& name;  // of the topic, as subscribed to
    std::string topic;        // the one that is read: that, or its retry topic; may be empty
    TagFilter filter{};
    bool is_pop = false;
    bool is_retry = false;
};

std::vector<ConsumerLag> ConsumerLagCalculator::calculate() const {
    std::vector<ConsumerLag> lags;
    const auto groups = c_.groups.table();
    for (const auto& [group, config] : *groups) {
        add_group(group, lags);
    }
    return lags;
}

// Source: ConsumerLagCalculator.processAllGroup.
void ConsumerLagCalculator::add_group(const std::string& group,
                                      std::vector<ConsumerLag>& lags) const {
    const auto view = c_.consumers.group_or_pulls(group);
    if (!view) {
        return;
    }
    const bool is_pop = view->consume_type == ConsumeType::CONSUME_POP;
    for (const auto& [topic, subscription] : view->subscriptions) {
        if (topic.starts_with(topic_name::kRetryPrefix) || !is_accessible(topic)) {
            continue;
        }
        Subject subject{.group = group, .name = topic, .topic = topic};
        subject.is_pop = is_pop;
        if (c_.config.estimate_accumulation) {
            subject.filter = filter_of(subscription);
        }
        add(subject, lags);
        if (is_pop) {
            subject.topic = pop_retry_topic(subject);
            subject.is_retry = true;
            subject.filter = TagFilter();
            add(subject, lags);
        }
    }
}

bool ConsumerLagCalculator::is_accessible(const std::string& topic) const {
    const auto config = c_.topics.select(topic);
    return config != nullptr &&
           (config->perm & c_.config.broker_permission & (perm::kRead | perm::kWrite)) != 0;
}

std::string ConsumerLagCalculator::pop_retry_topic(const Subject& subject) const {
    const auto v1 = pop_retry_topic_v1(subject.name, subject.group);
    if (c_.config.enable_retry_topic_v2) {
        if (auto v2 = pop_retry_topic_v2(subject.name, subject.group); is_accessible(v2)) {
            return v2;
        }
        if (!c_.config.retrieve_message_from_pop_retry_topic_v1) {
            return {};
        }
    }
    return is_accessible(v1) ? v1 : std::string();
}

void ConsumerLagCalculator::add(const Subject& subject, std::vector<ConsumerLag>& lags) const {
    auto& lag = lags.emplace_back();
    lag.group = subject.group;
    lag.topic = subject.name;
    lag.is_retry = subject.is_retry;
    const auto config = subject.topic.empty() ? nullptr : c_.topics.select(subject.topic);
    const auto queues = config == nullptr ? 0 : config->write_queue_nums;
    for (std::int32_t queue_id = 0; queue_id < queues; ++queue_id) {
        add_queue(subject, queue_id, lag);
    }
}

// Source: ConsumerLagCalculator.getConsumerLagStats, getInFlightMsgStats, getAvailableMsgCount.
void ConsumerLagCalculator::add_queue(const Subject& subject, std::int32_t queue_id,
                                      ConsumerLag& lag) const {
    const auto end = std::max<std::int64_t>(0, c_.store.max_offset(subject.topic, queue_id).value);
    const auto or_end = [end](std::int64_t offset) { return offset < 0 ? end : offset; };
    std::int64_t done = 0;   // what lies before is acknowledged or committed
    std::int64_t taken = 0;  // what lies before was delivered
    if (subject.is_pop) {
        const PopQueue queue{subject.topic, subject.group, queue_id};
        const auto inflight = c_.pop.inflight_count(queue);
        taken = or_end(c_.pop.next_offset(queue));
        done = taken - inflight;
        lag.inflight += inflight;
        lag.lag += inflight;
    } else {
        const GroupQueue queue{subject.group, subject.topic, queue_id};
        const auto committed = c_.offsets.query(queue);
        const auto pulled = c_.offsets.query_pull(queue);
        done = or_end(committed);
        taken = or_end(pulled);
        const auto from = committed < 0 ? std::max<std::int64_t>(pulled, 0) : committed;
        lag.inflight += count(subject, queue_id, from, std::max<std::int64_t>(pulled, 0));
    }
    const auto ready = count(subject, queue_id, taken, end);
    lag.ready += ready;
    lag.lag += subject.is_pop ? ready : count(subject, queue_id, done, end);
    lag.lag_ms = std::max(lag.lag_ms, age_at(subject, queue_id, done));
    lag.queueing_ms = std::max(lag.queueing_ms, age_at(subject, queue_id, taken));
}

// Messages of [from, to) that the subscription wants; an estimate when there are many.
std::int64_t ConsumerLagCalculator::count(const Subject& subject, std::int32_t queue_id,
                                          std::int64_t from, std::int64_t to) const {
    const auto all = std::max<std::int64_t>(0, to - from);
    if (subject.filter.matches_all() || all == 0) {
        return all;
    }
    // What expired cannot be wanted any more.
    const auto first = std::max(from, c_.store.min_offset(subject.topic, queue_id).value);
    std::int64_t seen = 0;
    std::int64_t matches = 0;
    for (auto at = first; at < to && seen < kScanMax && matches <= kMatchesMax; ++at, ++seen) {
        const auto entry = c_.store.queue_entry(subject.topic, queue_id, QueueOffset{at});
        if (!entry) {
            break;
        }
        matches += subject.filter.matches(entry->tags_code) ? 1 : 0;
    }
    if (seen == 0 || first + seen >= to) {
        return matches;
    }
    return static_cast<std::int64_t>(static_cast<double>(matches) / static_cast<double>(seen) *
                                     static_cast<double>(to - first));
}

std::int64_t ConsumerLagCalculator::age_at(const Subject& subject, std::int32_t queue_id,
                                           std::int64_t offset) const {
    if (offset < 0) {
        return 0;
    }
    const auto stored_ms =
        c_.store.store_timestamp_at(subject.topic, queue_id, QueueOffset{offset});
    return stored_ms <= 0 ? 0 : std::max<std::int64_t>(0, c_.clock.now_ms() - stored_ms);
}

}  // namespace rmq::broker
