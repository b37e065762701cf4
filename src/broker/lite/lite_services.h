// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "broker/pop/pop_services.h"
#include "remoting/protocol/body/message_queue.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rmq {
struct AckMessageRequestHeader;
struct ChangeInvisibleTimeRequestHeader;
class Connection;
struct Response;
}  // namespace rmq

namespace rmq::broker {

struct AdminQueue;
class LiteReceiptProcessor;
class PopQueueLocks;
class TopicRouteInfoManager;

// Consumption of lite topics, put together: subscriptions, events, life times and processors
// (200070, 200071, 200074-200079). What groups have in hand of a lite topic is kept in memory only,
// as in the original: after a restart it is handed out again, in order.
// Lifecycle: construct, register_in(), then tick() and run_once() from the broker's threads.
class LiteServices {
public:
    struct Parts;

    // Everything outlives it.
    LiteServices(const PopCollaborators& collaborators, PopStore& store, PopQueueLocks& locks,
                 TopicRouteInfoManager& routes);
    ~LiteServices();
    LiteServices(const LiteServices&) = delete;
    LiteServices& operator=(const LiteServices&) = delete;

    // Receipts come as ACK_MESSAGE and CHANGE_MESSAGE_INVISIBLETIME.
    LiteReceiptProcessor& receipts();
    // Without POP_LITE_MESSAGE on the second listener. This object and what `queue` refers to
    // outlive the registry.
    void register_in(RequestRegistry& registry, const AdminQueue& queue, bool is_fast_listener);

    // From the dispatch thread.
    void notify_arriving(std::span<const store::MessageArrival> arrivals);
    // One turn of an io thread's timer: ends waits, and tells of lite topics that are free again.
    void tick();
    // One turn of the maintenance thread: what is due of life times, silent clients and events.
    void run_once();
    void on_connection_closed(const Connection& connection);
    void drop_all();
    // Before the topic goes.
    void on_topic_deleting(std::string_view topic);

private:
    std::unique_ptr<Parts> parts_;
};

}  // namespace rmq::broker
