// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/result.h"
#include "remoting/io_pool.h"
#include "remoting/protocol/body/route_data.h"
#include "remoting/remoting_client.h"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace rmq::admin {

// What administration commands ask a cluster: routes from its NameServers, anything of its brokers.
// Works against the original's servers too, except for requests that only RaptorMQ serves.
// Thread safety: one thread.
class AdminClient {
public:
    // `namesrv_addr` is "host:port;host:port": the first that answers is used.
    explicit AdminClient(const std::string& namesrv_addr);
    ~AdminClient();
    AdminClient(const AdminClient&) = delete;
    AdminClient& operator=(const AdminClient&) = delete;

    // Errors: kNotFound when no broker has the topic, else as call().
    Result<TopicRouteData> route(std::string_view topic);
    // Addresses of the masters, of one cluster or of all when `cluster` is empty.
    Result<std::vector<std::string>> masters(const std::string& cluster);
    // Waits for the answer. An answer other than SUCCESS is kUnavailable with the server's words.
    Result<InboundResponse> call(const std::string& address, OutboundCommand command);
    // The same without looking at the code of the answer.
    Result<InboundResponse> ask(const std::string& address, OutboundCommand command);

private:
    Result<InboundResponse> ask_namesrv(RequestCode code, std::string_view topic);

    std::vector<std::string> namesrvs_;
    IoPool pool_;
    RemotingClient client_;
};

// One queue of a topic on the master that serves it.
struct QueueOnBroker {
    std::string broker_name;
    std::string address;
    std::int32_t queue_id = 0;
};
// The queues that can be read, in the order of the route.
std::vector<QueueOnBroker> readable_queues(const TopicRouteData& route);

}  // namespace rmq::admin
