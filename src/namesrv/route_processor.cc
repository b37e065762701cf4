// SPDX-License-Identifier: Apache-2.0
#include "namesrv/route_processor.h"

#include "namesrv/kv_config_manager.h"
#include "namesrv/namesrv_config.h"
#include "namesrv/route_info_manager.h"
#include "remoting/protocol/header/namesrv.h"
#include "remoting/protocol/header_codec.h"

#include <algorithm>
#include <utility>

namespace rmq::namesrv {

namespace {

// Source: ClientRequestProcessor, FAQUrl.APPLY_TOPIC_URL.
constexpr const char* kNoRoute = "No topic route info in name server for the topic: ";
constexpr const char* kFaq =
    "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

// The zone that the request wants to stay in; empty when it does not care.
std::string_view wanted_zone(const ExtFields& ext) {
    if (!equal_ignoring_case(ext.find(kZoneModeKey).value_or(""), "true")) {
        return {};
    }
    const auto zone = ext.find(kZoneNameKey).value_or("");
    return zone.find_first_not_of(" \t\r\n") == std::string_view::npos ? std::string_view() : zone;
}

// Keeps brokers of the zone and those without a master, whose slaves everybody may read.
void keep_zone(TopicRouteData& route, std::string_view zone) {
    std::vector<BrokerData> gone;
    std::erase_if(route.broker_datas, [&](const BrokerData& broker) {
        if (!broker.broker_addrs.contains(kMasterId) ||
            equal_ignoring_case(broker.zone_name.value_or(""), zone)) {
            return false;
        }
        gone.push_back(broker);
        return true;
    });
    for (const auto& broker : gone) {
        std::erase_if(route.queue_datas, [&](const QueueData& queue) {
            return queue.broker_name == broker.broker_name;
        });
        for (const auto& [id, address] : broker.broker_addrs) {
            route.filter_server_table.erase(address);
        }
    }
}

}  // namespace

RouteProcessor::RouteProcessor(const NamesrvConfig& config, const RouteInfoManager& routes,
                               const KvConfigManager& kv_configs, const Clock& clock)
    : config_(config),
      routes_(routes),
      kv_configs_(kv_configs),
      clock_(clock),
      started_ms_(clock.monotonic_ms()) {}

void RouteProcessor::add_to(RequestRegistry& registry) {
    registry.add(RequestCode::GET_ROUTEINFO_BY_TOPIC,
                 [this](const Request& request, Responder responder) {
                     process(request, std::move(responder));
                 });
}

bool RouteProcessor::is_warming_up() const {
    return config_.need_wait_for_service &&
           clock_.monotonic_ms() - started_ms_ < config_.wait_seconds_for_service * 1000LL;
}

void RouteProcessor::process(const Request& request, Responder responder) const {
    const auto header = decode_header<GetRouteInfoRequestHeader>(request.ext());
    if (!header) {
        responder.send(ResponseCode::SYSTEM_ERROR, header.error().remark);
        return;
    }
    if (is_warming_up()) {
        responder.send(ResponseCode::SYSTEM_ERROR, "name server not ready");
        return;
    }
    const std::string_view topic = header->topic.value_or("null");
    // Clients from 4.9.4 on read JSON; older ones are given what they always were.
    const bool wants_json = request.command.version >= mq_version::kV4_9_4 ||
                            header->accept_standard_json_only.value_or(false);
    const auto keys = wants_json ? IntegerKeys::kQuoted : IntegerKeys::kBare;
    const std::string_view zone = wanted_zone(request.ext());
    const auto order = config_.order_message_enable
                           ? kv_configs_.get(kOrderTopicConfigNamespace, topic)
                           : std::nullopt;
    Response response;
    if (zone.empty() && !order) {
        if (auto body = routes_.route_body(topic, keys)) {
            response.slices.push_back({body, *body});
            responder.send(std::move(response));
            return;
        }
    } else if (auto route = routes_.pickup_topic_route_data(topic)) {
        route->order_topic_conf = order;
        if (!zone.empty()) {
            keep_zone(*route, zone);
        }
        // The original encodes a filtered route once more, without asking for JSON.
        response.body = encode(*route, zone.empty() ? keys : IntegerKeys::kBare);
        responder.send(std::move(response));
        return;
    }
    responder.send(ResponseCode::TOPIC_NOT_EXIST, kNoRoute + std::string(topic) + kFaq);
}

}  // namespace rmq::namesrv
