// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "remoting/request_registry.h"

namespace rmq::namesrv {

struct NamesrvConfig;
class KvConfigManager;
class RouteInfoManager;

// What brokers ask of a NameServer: REGISTER_BROKER (103), UNREGISTER_BROKER (104),
// QUERY_DATA_VERSION (322), BROKER_HEARTBEAT (904), GET_BROKER_MEMBER_GROUP (901) and
// REGISTER_TOPIC_IN_NAMESRV (217).
// Thread safety: all handlers from any io thread; nothing blocks.
// Source: DefaultRequestProcessor (namesrv).
class BrokerProcessor {
public:
    // All outlive the processor.
    BrokerProcessor(const NamesrvConfig& config, RouteInfoManager& routes,
                    const KvConfigManager& kv_configs)
        : config_(config), routes_(routes), kv_configs_(kv_configs) {}

    void add_to(RequestRegistry& registry);

private:
    Response register_broker(const Request& request);
    Response unregister_broker(const Request& request);
    Response query_data_version(const Request& request);
    Response broker_heartbeat(const Request& request);
    Response broker_member_group(const Request& request);
    Response register_topic(const Request& request);

    const NamesrvConfig& config_;
    RouteInfoManager& routes_;
    const KvConfigManager& kv_configs_;
};

}  // namespace rmq::namesrv
