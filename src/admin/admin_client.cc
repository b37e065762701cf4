// SPDX-License-Identifier: Apache-2.0
#include "admin/admin_client.h"

#include "remoting/protocol/body/cluster_info.h"

namespace rmq::admin {

namespace {

constexpr std::chrono::milliseconds kTimeout{5000};  // Source: MQAdminStartup, SubCommand

std::vector<std::string> split_addresses(const std::string& list) {
    std::vector<std::string> addresses;
    for (std::size_t at = 0; at <= list.size();) {
        const auto end = std::min(list.find(';', at), list.size());
        if (end > at) {
            addresses.push_back(list.substr(at, end - at));
        }
        at = end + 1;
    }
    return addresses;
}

}  // namespace

AdminClient::AdminClient(const std::string& namesrv_addr)
    : namesrvs_(split_addresses(namesrv_addr)), pool_(1, "admin"), client_(pool_) {
    pool_.start();
}

AdminClient::~AdminClient() {
    client_.stop();
    pool_.stop();
}

Result<InboundResponse> AdminClient::ask(const std::string& address, OutboundCommand command) {
    return client_.invoke_sync(address, std::move(command), kTimeout);
}

Result<InboundResponse> AdminClient::call(const std::string& address, OutboundCommand command) {
    RMQ_TRY(auto answer, ask(address, std::move(command)));
    if (answer.code != static_cast<std::int32_t>(ResponseCode::SUCCESS)) {
        return Error{Errc::kUnavailable,
                     address + " answered " + std::to_string(answer.code) + ": " + answer.remark};
    }
    return answer;
}

Result<InboundResponse> AdminClient::ask_namesrv(RequestCode code, std::string_view topic) {
    Error last{Errc::kInvalidArgument, "no NameServer given; use -n host:port or NAMESRV_ADDR"};
    for (const std::string& address : namesrvs_) {
        OutboundCommand command(code);
        if (!topic.empty()) {
            command.ext.add("topic", topic);
            // Asked for with the standard JSON of newer clients. Source: GetRouteInfoRequestHeader.
            command.ext.add("acceptStandardJsonOnly", "true");
        }
        auto answer = ask(address, std::move(command));
        if (answer) {
            return answer;
        }
        last = answer.error();
    }
    return last;
}

Result<TopicRouteData> AdminClient::route(std::string_view topic) {
    RMQ_TRY(const auto answer, ask_namesrv(RequestCode::GET_ROUTEINFO_BY_TOPIC, topic));
    if (answer.code == static_cast<std::int32_t>(ResponseCode::TOPIC_NOT_EXIST)) {
        return Error{Errc::kNotFound, "no broker has the topic " + std::string(topic)};
    }
    if (answer.code != static_cast<std::int32_t>(ResponseCode::SUCCESS)) {
        return Error{Errc::kUnavailable, "the NameServer answered " + std::to_string(answer.code) +
                                             ": " + answer.remark};
    }
    return decode_topic_route_data(answer.body);
}

Result<std::vector<std::string>> AdminClient::masters(const std::string& cluster) {
    RMQ_TRY(const auto answer, ask_namesrv(RequestCode::GET_BROKER_CLUSTER_INFO, {}));
    RMQ_TRY(const auto info, decode_cluster_info(answer.body));
    std::vector<std::string> addresses;
    for (const auto& [name, broker] : info.broker_addr_table) {
        const auto master = broker.broker_addrs.find(kMasterId);
        if (master != broker.broker_addrs.end() && (cluster.empty() || broker.cluster == cluster)) {
            addresses.push_back(master->second);
        }
    }
    if (addresses.empty()) {
        return Error{Errc::kNotFound, cluster.empty() ? "no master broker is registered"
                                                      : "no master broker in cluster " + cluster};
    }
    return addresses;
}

std::vector<QueueOnBroker> readable_queues(const TopicRouteData& route) {
    std::vector<QueueOnBroker> queues;
    for (const QueueData& data : route.queue_datas) {
        for (const BrokerData& broker : route.broker_datas) {
            const auto master = broker.broker_addrs.find(kMasterId);
            if (broker.broker_name != data.broker_name || master == broker.broker_addrs.end()) {
                continue;
            }
            for (std::int32_t queue = 0; queue < data.read_queue_nums; ++queue) {
                queues.push_back({broker.broker_name, master->second, queue});
            }
        }
    }
    return queues;
}

}  // namespace rmq::admin
