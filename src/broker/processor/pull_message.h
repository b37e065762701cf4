// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/hold/pull_request.h"
#include "common/clock.h"
#include "common/unique_function.h"
#include "remoting/request_registry.h"
#include "store/get_message.h"

#include <functional>
#include <memory>
#include <optional>

namespace rmq {
struct SubscriptionGroupConfig;
struct TopicConfig;
}  // namespace rmq

namespace rmq::store {
class MessageStore;
struct MessageStoreConfig;
}  // namespace rmq::store

namespace rmq::broker {

struct BrokerConfig;
class Admission;
class BrokerStatsManager;
class ColdDataControl;
class ColdPullHold;
class ConsumerFilterManager;
class ConsumerManager;
class ConsumerOffsetManager;
class PullRequestHoldService;
class SlowConsumers;
class SubscriptionGroupManager;
class TopicConfigManager;

// PULL_MESSAGE (11) and LITE_PULL_MESSAGE (361): checks, reads, commits the offset that came along,
// and answers, holds the request until something arrives, or takes it to a blocking thread when its
// messages are not in memory.
// Thread safety: process() and execute_woken() on the connection's io thread.
// Source: PullMessageProcessor, DefaultPullMessageResultHandler.
class PullMessageProcessor {
public:
    // Everything outlives the processor.
    struct Collaborators {
        const BrokerConfig& config;
        const store::MessageStoreConfig& store_config;
        store::MessageStore& store;
        TopicConfigManager& topics;
        SubscriptionGroupManager& groups;
        ConsumerManager& consumers;
        ConsumerFilterManager& filters;
        ConsumerOffsetManager& offsets;
        PullRequestHoldService& holds;
        Admission& admission;
        SlowConsumers& slow_consumers;
        ColdDataControl& cold_data;
        ColdPullHold& cold_holds;
        BrokerStatsManager& stats;
        const Clock& clock;
        // Runs a task on io thread k, later.
        std::function<void(unsigned k, UniqueFunction<void()> task)> post;
    };

    explicit PullMessageProcessor(Collaborators collaborators) : c_(std::move(collaborators)) {}
    PullMessageProcessor(const PullMessageProcessor&) = delete;
    PullMessageProcessor& operator=(const PullMessageProcessor&) = delete;

    void process(const Request& request, Responder responder);
    // A pull that was held: from the start again, this time without holding.
    void execute_woken(PullRequest request, Responder responder);
    // A pull that waited because its group read too much cold data: now for one message.
    void execute_slowed(PullRequest request, Responder responder);

private:
    struct Pull;  // one pass of one request, on the stack

    void execute(Pull& pull, Responder responder);
    // Fills the pull's topic, group and filter, or gives the refusal.
    std::optional<Response> check(Pull& pull, const Connection& connection) const;
    std::optional<Response> check_subscription(Pull& pull) const;
    std::optional<Response> check_registered(Pull& pull) const;
    std::optional<Response> check_filter(Pull& pull, std::string_view expression_type) const;
    enum class ColdVerdict { kFree, kRefuse, kHold };
    ColdVerdict judge_cold(const Pull& pull) const;
    void hold_cold(const Pull& pull, Responder responder);
    void use_retry_filter(Pull& pull) const;
    bool is_rejected_pull_consumer(const Pull& pull, const Connection& connection) const;
    store::GetMessageResult read(const Pull& pull,
                                 store::GetMessageRequest::ColdReads cold_reads) const;
    void read_cold(Pull& pull, Responder responder);
    void commit(const Pull& pull, const store::GetMessageResult& result);
    void record_fall_behind(const Pull& pull, const store::GetMessageResult& result) const;
    void hold(Pull& pull, Responder responder);
    Response make_response(const Pull& pull, store::GetMessageResult result) const;
    void count(const Pull& pull, const store::GetMessageResult& result) const;

    const Collaborators c_;
};

}  // namespace rmq::broker
