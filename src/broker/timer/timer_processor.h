// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/processor/admin/admin_handler.h"
#include "broker/timer/recall_handle.h"
#include "broker/timer/timer_message_store.h"
#include "common/clock.h"
#include "common/socket_address.h"
#include "remoting/request_registry.h"
#include "store/put_message.h"

#include <functional>
#include <string>
#include <string_view>

namespace rmq::store {
class MessageStore;
struct MessageStoreConfig;
}  // namespace rmq::store

namespace rmq::broker {

struct BrokerConfig;
class BrokerStatsManager;
class ScheduleRewrite;
class TopicConfigManager;

// What clients and administrators ask of the timer: RECALL_MESSAGE (370), GET_TIMER_CHECK_POINT
// (60), GET_TIMER_METRICS (61), and RaptorMQ's own LIST_TIMER_MESSAGES and CANCEL_TIMER_MESSAGE.
// Thread safety: any thread. Source: RecallMessageProcessor, AdminBrokerProcessor.
class TimerProcessor {
public:
    // Everything outlives the processor.
    struct Collaborators {
        const BrokerConfig& config;
        const store::MessageStoreConfig& store_config;
        const Clock& clock;
        store::MessageStore& store;
        TopicConfigManager& topics;
        BrokerStatsManager& stats;
        const ScheduleRewrite& schedule;
        TimerMessageStore& timers;
        SocketAddress store_host;  // brokerIP1:listenPort
    };
    explicit TimerProcessor(Collaborators collaborators) : c_(std::move(collaborators)) {}
    TimerProcessor(const TimerProcessor&) = delete;
    TimerProcessor& operator=(const TimerProcessor&) = delete;

    // This object and what `queue` refers to outlive the registry.
    void register_in(RequestRegistry& registry, const AdminQueue& queue);

private:
    struct Marker;
    struct Candidates;

    void recall_message(const Request& request, Responder responder);
    // Nothing when the request may go on, else why not.
    std::optional<Response> refuse_recall(std::string_view topic) const;
    Result<Response> list_timer_messages(const Request& request);
    Result<Response> cancel_timer_message(const Request& request);
    Candidates find_candidates(std::string_view topic, std::string_view key) const;
    bool is_cancelled(std::string_view topic, std::string_view unique_key) const;
    // Stores the marker. kTooLate: the slot has begun.
    enum class Put { kStored, kTooLate, kFailed };
    Put put_marker(const Marker& marker, store::PutMessageResult& result);

    const Collaborators c_;
};

}  // namespace rmq::broker
