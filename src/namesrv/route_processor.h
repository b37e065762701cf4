// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/clock.h"
#include "remoting/request_registry.h"

namespace rmq::namesrv {

struct NamesrvConfig;
class KvConfigManager;
class RouteInfoManager;

// Route queries of clients: GET_ROUTEINFO_BY_TOPIC (105), with order configuration, zones and the
// refusal during warm-up.
// Thread safety: process() from any io thread; nothing blocks.
// Source: ClientRequestProcessor, ZoneRouteRPCHook.
class RouteProcessor {
public:
    // All outlive the processor. The warm-up begins now.
    RouteProcessor(const NamesrvConfig& config, const RouteInfoManager& routes,
                   const KvConfigManager& kv_configs, const Clock& clock);

    void add_to(RequestRegistry& registry);
    void process(const Request& request, Responder responder) const;

private:
    bool is_warming_up() const;

    const NamesrvConfig& config_;
    const RouteInfoManager& routes_;
    const KvConfigManager& kv_configs_;
    const Clock& clock_;
    const std::int64_t started_ms_;
};

}  // namespace rmq::namesrv
